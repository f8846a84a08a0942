"""The error of projections by anchors, by quadrature over the joint law of fields, pixels and vectors."""

import math

import numpy as np
from numpy.typing import NDArray

from calibration.budgets.counting import CountLaw
from calibration.budgets.draws import STORED_TIMES, Draws
from calibration.budgets.input_moments import triangular
from calibration.budgets.scene import Scene, frame_times, level_of
from calibration.budgets.tails import widen
from calibration.records import Calibration

Values = NDArray[np.float64]
Fields = NDArray[np.complex128]

SIGNS = (1, -1, -1, 1)
"""Signs of the frames p + r, p, q + r and q in the signed sum."""

CHOICE, REFERENCE, FIRST = 0, STORED_TIMES + 1, STORED_TIMES + 2
"""Times: when outputs are chosen, that of the ideal projection, of the first of four frames."""

STORED = range(CHOICE + 1, REFERENCE)
"""Times of the stored frames: their exposures last a while."""

KEPT = ("stored_anchor", "stored_off", "stored_dark")
"""Numbers that are the noise of stored frames."""


def projection_errors(scene: Scene, draws: Draws) -> tuple[Values, Values]:
    """Return errors 1 - cos^2 of the projections of a scene, one for each block of points, and their weights.

    .. math:: 1 - \\cos^2 = \\frac{\\langle (m - k y)^2 + v \\rangle}{\\langle m^2 + v \\rangle}, \\qquad
              k = \\frac{\\langle m y \\rangle}{\\langle y^2 \\rangle}

    Parameters
    ----------
    scene : Scene
        Bench, task, and what is left out.
    draws : Draws
        Points of the quadrature.

    Returns
    -------
    errors, weights : ndarray, shape (block,)
        Errors over vectors and as many delivered outputs as there are, and what each counts.

    Notes
    -----
    Where the anchor's light has changed since the outputs were chosen, a few of them are so dark that the mean over all
    points has no end: what counts is the cosine over the outputs that there are. A grain wider than a pixel makes them
    fewer.

    m and v are mean and variance of the retrieved projection given the fields, the response and the offset of a pixel,
    its stored frames and the laser's power in each frame; y is the ideal projection. Vectors count alike, whatever
    their number of non-zeros.
    """
    positive, negative = scene.task.vectors.halves(draws.extras["positive"], draws.extras["negative"])
    anchor, component = (part[0, 0].real for part in (scene.moments.anchor, scene.moments.component))
    draws = widen(
        draws, anchor=anchor, positive=component * positive, negative=component * negative,
        modes=len(scene.light.weights),
    )  # fmt: skip
    calibration, kept = _calibrated(scene, draws)
    level = level_of(np.maximum(positive, negative), calibration)
    errors: list[float] = []
    shares: list[float] = []
    before = 0.0
    for index in np.unique(level):
        time = calibration.levels[index].exposure_time
        period = scene.description.period(time)
        here = level == index
        filled = [scene.task.batch * float(np.mean(here & (half > 0))) for half in (positive, negative)]
        chosen_age, stored_age = (age + before for age in scene.ages(calibration, int(index)))
        for shown in ((True, True), (True, False), (False, True)):
            chosen = np.flatnonzero(kept & here & ((positive > 0) == shown[0]) & ((negative > 0) == shown[1]))
            if not len(chosen):
                continue
            pixels = _Pixels(scene, draws, chosen, positive=positive[chosen], negative=negative[chosen])
            times = frame_times(
                filled, shown, period=period, ages=(chosen_age, stored_age), stored=scene.task.stored_exposures
            )
            later = (np.arange(len(times)) >= REFERENCE).astype(np.float64)
            spread: Values = period * filled[0 if shown[0] else 1] * later
            root = None
            if scene.light.drift is not None:
                root = scene.light.time_root(scene.search_duration + times, spread=spread)
            projections = pixels.projections(time, root)
            weight = draws.weights[chosen]
            blocks = max(round(len(chosen) / (scene.task.outputs * scene.light.independent_share)), 1)
            for block in np.array_split(np.arange(len(chosen)), blocks):
                errors.append(_error(weight[block], *(one[..., block] for one in projections)))
                shares.append(float(weight[block].sum()))
        before += 2 * period * sum(filled)
    return np.array(errors), np.array(shares)


def _error(weight: Values, ideal: Values, mean: Values, variance: Values, swings: Values) -> float:
    """Return 1 - cos^2 of retrieved projections of known mean and variance with the ideal ones.

    The laser moves all pixels of a frame together: what of its swing is along the ideal projections is a gain.
    """
    for swing in swings:
        along = float(np.sum(weight * ideal * swing) / np.sum(weight * ideal**2))
        variance = variance + (swing - along * ideal) ** 2
    gain = float(np.sum(weight * ideal * mean) / np.sum(weight * ideal**2))
    return float(np.sum(weight * ((mean - gain * ideal) ** 2 + variance)) / np.sum(weight * (mean**2 + variance)))


def _calibrated(scene: Scene, draws: Draws) -> tuple[Calibration, NDArray[np.bool_]]:
    """Return exposure levels as a projector finds them, and which points are delivered outputs."""
    camera, time, weights = scene.camera, scene.search_time, draws.weights
    nobody = np.zeros(draws.points, np.int64)
    pixels = _Pixels(scene, draws, np.arange(draws.points), positive=nobody, negative=nobody)
    fields = pixels.fields(CHOICE, None)
    anchor, off = (
        pixels.count(light, time)[0]
        for light in (pixels.lit(fields["anchor"] + fields["static"]), pixels.lit(fields["static"]))
    )
    rate = float(np.mean(weights * (anchor - off))) / (time * len(scene.scheme.anchor))
    off_rate = max(float(np.mean(weights * off)) - camera.black_level, 0.0) / time
    calibration = scene.calibration(input_rate=rate, off_rate=off_rate)
    longest = calibration.levels[0].exposure_time
    dark, _ = pixels.count(np.zeros(draws.points), longest)
    signal = (anchor - dark) * (longest / time)
    crowded = signal > 0.5 * (camera.saturation - camera.black_level)
    order = np.lexsort((-signal, crowded))
    kept = np.zeros(draws.points, np.bool_)
    share = np.cumsum(weights[order]) / np.sum(weights)
    kept[order[share <= scene.task.outputs / camera.pixels]] = True
    return calibration, kept


class _Pixels:
    """Points that are pixels with their vectors."""

    def __init__(
        self,
        scene: Scene,
        draws: Draws,
        chosen: NDArray[np.int64],
        *,
        positive: NDArray[np.int64],
        negative: NDArray[np.int64],
    ) -> None:
        self.scene, self.chosen = scene, chosen
        self.extras = {name: numbers[chosen] for name, numbers in draws.extras.items()}
        modes = len(scene.light.weights)
        self.normal = draws.fields[:, :modes, chosen]
        self.later = draws.later[:, :, :modes, chosen] if scene.light.drift is not None else draws.later[:0]
        self.positive, self.negative = positive, negative
        self.weights = scene.photons * scene.light.weights[:, np.newaxis]
        without = scene.without
        self.law = CountLaw(
            camera=scene.camera, shot_noise="shot" not in without, rounding="quantisation" not in without,
            clipping="saturation" not in without,
        )  # fmt: skip
        camera = scene.camera
        spread = math.sqrt(camera.dsnu**2 + camera.row_offset**2 + camera.column_offset**2)
        self.offset = spread * np.rint(self.extras["offset"] * 5) / 5  # few values: the law of counts sums over each
        lot = self.extras["defect"]
        dead = lot < camera.dead_pixels
        hot = lot > 1 - camera.hot_pixels
        self.response = np.where(dead, 0.0, np.maximum(1 + camera.prnu * self.extras["response"], 0.0))
        current = np.where(hot, camera.hot_pixel_current, camera.dark_current)
        self.dark_rate = current * camera.thermal_factor
        self.unsteady = scene.description.laser.intensity_noise
        self._still: dict[str, Fields] | None = None

    def count(self, light: Values, time: float) -> tuple[Values, Values]:
        """Return mean and variance of the counts of light in photons per pixel per second."""
        camera = self.scene.camera
        charge = camera.quantum_efficiency * time * self.response * light + self.dark_rate * time
        return self.law.moments(charge, self.offset)

    def fields(self, time: int, root: Values | None) -> dict[str, Fields]:
        """Return the fields of anchor, halves and static light at one of the times, shape (mode, point)."""
        if root is not None:
            new = np.tensordot(root[time, 1 : time + 1].astype(np.float32), self.later[:time], 1)
            return self._found(root[time, 0] * self.normal + new)
        if self._still is None:
            self._still = self._found(self.normal)
        return self._still

    def _found(self, normal: Fields) -> dict[str, Fields]:
        """Return the fields that independent speckles, shape (field, mode, point), make up."""
        moments = self.scene.moments
        anchor, component = triangular(moments.anchor), triangular(moments.component)
        found: dict[str, Fields] = {}
        static = np.zeros(normal.shape[1:], np.complex128)
        own = np.zeros(normal.shape[1:])
        for place, (name, matrix, number) in enumerate(
            (
                ("anchor", anchor, np.ones_like(self.positive)),
                ("positive", component, self.positive),
                ("negative", component, self.negative),
            )
        ):
            size = np.sqrt(number)
            slots = normal[[place, 3 + place, 6 + place]]
            rows = [size * sum(matrix[row, c] * slots[c] for c in range(3) if matrix[row, c]) for row in range(3)]
            found[name], found[f"ideal_{name}"] = rows[0], rows[2]
            static = static + rows[1]
            own = own + number * float(np.sum(np.abs(matrix[1]) ** 2))
        found["static"] = static + np.sqrt(np.maximum(moments.static - own, 0.0)) * normal[9]
        return found

    def power(self, field: Fields) -> Values:
        """Return the light of a field, in photons per pixel per second."""
        return np.asarray(np.sum(self.weights * np.abs(field) ** 2, axis=0))

    def lit(self, field: Fields) -> Values:
        """Return the light of a frame, stray light included, at the laser's mean power."""
        return np.asarray(self.power(field) + self.scene.camera.background)

    def projections(self, time: float, root: Values | None) -> tuple[Values, Values, Values, Values]:
        """Return ideal projections, mean, variance and swings of the retrieved ones, over the root of non-zeros."""
        scene = self.scene
        signal, variance, reference, swings = self._frames(time, root)
        photon = scene.camera.gain * scene.camera.quantum_efficiency * time
        unit = 1 / (2 * np.sqrt(photon * reference))
        still = self.fields(REFERENCE, root)
        anchor = still["ideal_anchor"]
        product = anchor.conj() * (still["ideal_positive"] - still["ideal_negative"])
        field = np.sqrt(self.power(anchor))
        ideal = np.sum(self.weights * product.real, axis=0) / field
        size = np.sqrt(self.positive + self.negative)
        if "dark_anchor" in scene.without:
            size = size / field  # each row counts as the anchor's field there, which undoes the division by it
        unit = unit / size
        return ideal / size, signal * unit, variance * unit**2, swings * unit

    def _frames(self, time: float, root: Values | None) -> tuple[Values, Values, Values, Values]:
        """Return the mean signed sum of frames, its variance, the stored anchor signal, and swings with the laser."""
        count = self.scene.task.stored_exposures
        anchor, off, dark = self._stored(time, root)
        signal, total = np.zeros(len(self.chosen)), np.zeros(len(self.chosen))
        swings = []
        for frame, sign in enumerate(SIGNS):
            half, number = ("positive", self.positive) if frame < 2 else ("negative", self.negative)
            light = self._frame_light(frame, half, root)
            mean, variance = self.count(light, time)
            empty = number == 0
            signal += sign * np.where(empty, anchor if frame % 2 == 0 else off, mean)
            total += np.where(empty, 0.0, variance)
            if self.unsteady:
                swings.append(self._swing(light, time) * np.where(empty, 1 / math.sqrt(count), 1.0))
        return signal, total, np.maximum(anchor - dark, self.scene.camera.gain), np.reshape(swings, (-1, len(signal)))

    def _stored(self, time: float, root: Values | None) -> Values:
        """Return the stored frames of anchor, off-state light and dark, each the mean of exposures one by one."""
        moments = [self.fields(moment, root) for moment in (STORED if root is not None else STORED[:1])]
        lights = np.array([(self.lit(one["anchor"] + one["static"]), self.lit(one["static"])) for one in moments])
        held = []
        for light, draw in zip((*lights.swapaxes(0, 1), np.zeros_like(lights[:1, 0])), KEPT, strict=True):
            mean, variance = (one.mean(axis=0) for one in self.count(light, time))
            held.append(mean + np.sqrt(variance / self.scene.task.stored_exposures) * self.extras[draw])
        return np.array(held)

    def _frame_light(self, frame: int, half: str, root: Values | None) -> Values:
        """Return the light of one of the four frames."""
        fields = self.fields(FIRST + frame, root)
        shown = fields[half] + fields["static"]
        return self.lit(shown + fields["anchor"] if frame % 2 == 0 else shown)

    def _swing(self, light: Values, time: float) -> Values:
        """Return how far a frame moves where the laser's power moves by its rms."""
        moved = self.unsteady * (light - self.scene.camera.background)
        up, down = (self.count(np.maximum(one, 0.0), time)[0] for one in (light + moved, light - moved))
        return np.asarray((up - down) / 2)
