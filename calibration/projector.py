"""A bench and a retrieval together: a device that multiplies vectors by a fixed random matrix."""

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.anchors import decode, plan
from calibration.auto_exposure import ExposureChoice, auto_exposure
from calibration.cameras.uncertainty import SIGNIFICANT
from calibration.exposure import best_full_scale, choose_outputs, exposure_levels
from calibration.projector_state import calibration_arrays, calibration_from_arrays
from calibration.records import Calibration, Estimate, StoredFrames
from calibration.scheme import AnchorScheme, anchor_size
from optics.bench import Bench, Exposure
from optics.stateful import State, Stateful, count_of, nested, number_of, part_of
from optics.validation import check_count, check_number

WEAKEST_ANCHOR = 50.0
"""Saturation over the anchor's mean signal above which a bench is refused: its light drowns in the noise."""

MOST_SATURATED = 0.01
"""Part of the outputs that may saturate while all components are off."""

LARGEST_OVERLAP_LEAK = 1e-3
"""Off-state light over anchor light above which an overlapping anchor is refused: it turns rows by 2 e / |Ar|."""


class _MeanFrame(NamedTuple):
    """The mean of some exposures of one pattern, in DN, how many were received, and when the first began."""

    mean: NDArray[np.float32]
    exposures: int
    timestamp: float


class AnchorProjector:
    """Linear projections y = Bx of ternary vectors by a bench, with error bars.

    Parameters
    ----------
    bench : Bench
        A simulated or a real bench.
    components : int
        Length of the vectors; they lie on the first macropixels of the layout.
    outputs : int
        Number of outputs; the camera region must have at least 1.25 times as many pixels.
    anchor : int or None, optional
        Number of anchor macropixels; None takes `anchor_size`.
    overlapping : bool, optional
        Whether the anchor is made of the components themselves instead of macropixels of its own. The
        entries of B then have a mean, see the notes.
    frames : {"four", "two"}, optional
        Four frames a signed vector, or the biased shortcut of two.
    stored_exposures : int, optional
        Exposures over which each stored frame is averaged.
    refresh_interval : int, optional
        Frames after which the stored frames are taken anew.
    full_scale : float or None, optional
        Saturation over the mean of the brightest frame that exposure times aim at; None takes the best
        (`calibration.exposure.best_full_scale`).
    refresh_time : float, optional
        Age of the stored frames, in seconds of bench time, after which they are taken anew; infinite by default.

    Attributes
    ----------
    began, elapsed : float
        Bench time of the first frame of the last call of `project`, a refresh before it left out, and of the last
        frame of all, in seconds.
    frames_exposed : int
        Camera frames so far, calibration included.
    vectors_lost : int
        Vectors so far of which a frame was lost; their standard errors are infinite.

    Raises
    ------
    ValueError
        If the bench has too few macropixels or pixels, its light does not suit its camera, or all exposures of a
        stored frame were lost.

    Notes
    -----
    An anchor on macropixels of its own gives B rows of independent real Gaussian entries (law L56); all rows have
    the same variance where off mirrors send no light, else each has a gain of its own (see `calibration.anchors`).
    An overlapping anchor of n macropixels gives them a mean of sqrt(pi / 2 n) times their rms, the projection
    onto the all-ones vector has a mean of sqrt(pi n / 2) times it: negligible for hundreds of components,
    a large common part for ten.

    Every vector that is projected between two refreshes shares the errors of the stored frames, wherever one
    of its halves is empty; ``stored_exposures`` says how small they are. They are taken anew between calls of
    `project`, never within one. Time is read from the timestamps of the frames: the age of the oldest stored
    frames when the last frame before the call began. A refresh itself takes two times ``stored_exposures`` frames an
    exposure time; a shorter ``refresh_time`` refreshes before every call.
    """

    def __init__(
        self,
        bench: Bench,
        *,
        components: int,
        outputs: int,
        anchor: int | None = None,
        overlapping: bool = False,
        frames: str = "four",
        stored_exposures: int = 128,
        refresh_interval: int = 20_000,
        full_scale: float | None = None,
        refresh_time: float = math.inf,
    ) -> None:
        check_count("components", components, at_most=bench.layout.inputs)
        check_count("outputs", outputs)
        check_count("stored_exposures", stored_exposures)
        check_count("refresh_interval", refresh_interval)
        check_number("refresh_time", refresh_time, unit="s", above=0, infinite=True)
        if full_scale is not None:
            check_number("full_scale", full_scale, above=0)
        first = np.arange(components)
        if overlapping and anchor is not None:
            raise ValueError(
                f"anchor = {anchor} has no meaning for an overlapping anchor: it is made of the components"
            )
        size = anchor_size(components) if anchor is None else anchor
        check_count("anchor", size)
        own = components + np.arange(size)
        scheme = AnchorScheme(
            inputs=bench.layout.inputs, components=first, anchor=first if overlapping else own, frames=frames
        )
        self.bench = bench
        self.stored_exposures, self.refresh_interval = stored_exposures, refresh_interval
        self.refresh_time = refresh_time
        self.frames_exposed, self.vectors_lost = 0, 0
        self.began, self.elapsed = 0.0, 0.0
        self._since_refresh = 0
        self.calibration = self._calibrate(scheme, outputs, full_scale)

    def project(self, x: ArrayLike) -> Estimate:
        """Return the projections of ternary vectors.

        Parameters
        ----------
        x : array_like, shape (vector, component)
            Vectors of -1, 0 and 1.

        Returns
        -------
        Estimate
            Values, standard errors and flags.

        Raises
        ------
        ValueError
            If the vectors are not ternary or of the wrong length.
        """
        planned = plan(x, self.calibration)
        if self._is_stale(planned.frames):
            self.refresh()
            planned = plan(x, self.calibration)
        exposures = [self._expose(series.patterns, series.exposure_time) for series in planned.series]
        self._since_refresh += planned.frames
        if exposures:
            self.began = float(exposures[0].timestamps[0])
        estimate = decode(planned, exposures, self.calibration)
        if not all(exposure.valid.all() for exposure in exposures):
            self.vectors_lost += int(np.isinf(estimate.standard_error).any(axis=1).sum())
        return estimate

    def refresh(self) -> None:
        """Take the anchor and off-state frames anew; outputs, exposure times and dark frames stay."""
        old = self.calibration
        levels = tuple(self._store(old.scheme, level.exposure_time, old.outputs, level.dark) for level in old.levels)
        self.calibration = replace(old, levels=levels)
        self._since_refresh = 0

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the calibration with its stored frames, the counters, and where the bench stands if it can tell.

        Returns
        -------
        dict of str to ndarray
            Arrays by name; stored frames in DN, times in seconds.
        """
        counts = {"frames": self.frames_exposed, "lost": self.vectors_lost, "since_refresh": self._since_refresh}
        times = {"began": self.began, "elapsed": self.elapsed}
        bench = nested("bench", self.bench.state()) if isinstance(self.bench, Stateful) else {}
        own = {name: np.array(value) for name, value in {**counts, **times}.items()}
        return own | nested("calibration", calibration_arrays(self.calibration)) | bench

    def restore(self, state: State) -> None:
        """Stand where a projector of the same settings stood; a simulated bench goes on to the same bits.

        Parameters
        ----------
        state : mapping of str to ndarray
            What `state` returned then.

        Raises
        ------
        ValueError
            If it is the state of a projector of other settings, or of another bench.

        Notes
        -----
        A real bench cannot go back: the outputs and exposure times are those of the state, so that B stays the same
        matrix as long as nothing has moved, and the stored frames are taken anew.
        """
        calibration = calibration_from_arrays(part_of(state, "calibration"), like=self.calibration)
        if not isinstance(self.bench, Stateful):
            self.calibration = calibration
            self.refresh()
            return
        self.bench.restore(part_of(state, "bench"))
        self.calibration = calibration
        self.frames_exposed, self.vectors_lost = count_of(state, "frames"), count_of(state, "lost")
        self.began, self.elapsed = number_of(state, "began"), number_of(state, "elapsed")
        self._since_refresh = count_of(state, "since_refresh")

    def truth(self, *, time: float = 0.0) -> NDArray[np.float64]:
        """Return the matrix that a simulated bench should realise, shape (output, component).

        Parameters
        ----------
        time : float, optional
            Bench time, in seconds; it matters where the medium moves. ``elapsed`` is now.

        Returns
        -------
        ndarray of float64
            B, in square roots of photons per pixel per second.

        Raises
        ------
        TypeError
            If the bench is a real one.
        """
        known = getattr(self.bench, "truth", None)
        if known is None:
            raise TypeError("only a simulated bench knows the truth")
        scheme = self.calibration.scheme
        matrix = known.linear_map(scheme.anchor_states, time=time)
        return np.asarray(matrix[np.ix_(self.calibration.outputs, scheme.components)])

    def _is_stale(self, frames: int) -> bool:
        """Return whether the stored frames must be taken anew before so many more frames."""
        if not self._since_refresh:
            return False
        oldest = min(level.timestamp for level in self.calibration.levels)
        full = self._since_refresh + frames > self.refresh_interval
        return full or self.elapsed - oldest > self.refresh_time

    def _calibrate(self, scheme: AnchorScheme, outputs: int, wanted: float | None) -> Calibration:
        """Return the first calibration: light level, exposure times, outputs, stored frames."""
        camera = self.bench.camera
        choice = self._find_exposure(scheme)
        full_scale = wanted
        if full_scale is None:
            full_scale = best_full_scale(camera, degrees_of_freedom=choice.degrees_of_freedom)
        every = np.arange(camera.pixels)
        off = self._mean(np.zeros(scheme.inputs, np.bool_), choice.exposure_time, every).mean
        anchor, light_noise = self._steadiness(scheme, choice.exposure_time, off)
        rate = float(np.mean(anchor - off)) / (choice.exposure_time * len(scheme.anchor))
        off_rate = max(float(np.mean(off)) - camera.black_level, 0.0) / choice.exposure_time
        self._check_off_state(scheme, share=off_rate / (rate * len(scheme.anchor)))
        times = exposure_levels(scheme, input_rate=rate, camera=camera, full_scale=full_scale, static_rate=off_rate)
        dark = [self._mean(np.zeros(scheme.inputs, np.bool_), time, every, light=False).mean for time in times]
        longest = (anchor - dark[0]) * (times[0] / choice.exposure_time)  # as it will be at the longest exposure
        chosen = choose_outputs(longest, np.zeros_like(longest), camera=camera, outputs=outputs)
        levels = tuple(
            self._store(scheme, time, chosen, frame[chosen]) for time, frame in zip(times, dark, strict=True)
        )
        self._check_room(levels)
        return Calibration(
            scheme=scheme,
            camera=camera,
            outputs=chosen,
            levels=levels,
            input_rate=rate,
            off_rate=off_rate,
            full_scale=full_scale,
            light_noise=light_noise,
        )

    def _steadiness(
        self, scheme: AnchorScheme, time: float, off: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float]:
        """Return the mean frame of the anchor, in DN, and the relative rms of the light from frame to frame."""
        camera = self.bench.camera
        exposure = self._expose(np.tile(scheme.anchor_states, (self.stored_exposures, 1)), time)
        frames = camera.digital_numbers(exposure.counts).reshape(self.stored_exposures, -1)[exposure.valid]
        mean = frames.mean(axis=0, dtype=np.float64)
        scatter = float(np.var(frames.mean(axis=1, dtype=np.float64), ddof=1)) if len(frames) > 1 else 0.0
        expected = float(np.mean(camera.temporal_variance(mean))) / mean.size
        lines = (camera.gain**2) * (camera.row_noise**2 / camera.rows + camera.column_noise**2 / camera.columns)
        expected += lines
        signal = float(np.mean(mean - off))
        visible = scatter > expected * (1 + SIGNIFICANT * math.sqrt(2 / max(len(frames) - 1, 1)))
        noise = math.sqrt(scatter - expected) / signal if visible and signal > 0 else 0.0
        return mean.astype(np.float32), noise

    def _find_exposure(self, scheme: AnchorScheme) -> ExposureChoice:
        """Return the exposure that suits the anchor alone, or say that none does."""
        try:
            choice = auto_exposure(self.bench, scheme.anchor_states)
        except ValueError as error:
            raise ValueError(f"no exposure time suits the anchor's light: {error}, or the anchor's size") from error
        self.frames_exposed += choice.light_frames + choice.dark_frames
        if choice.full_scale > WEAKEST_ANCHOR:
            raise ValueError(
                f"no exposure time suits the light: at {choice.exposure_time:g} s, the camera's longest exposure, the "
                f"anchor's mean signal is {100 / choice.full_scale:.2g} % of the range; change the laser's power or "
                "the anchor's size"
            )
        return choice

    @staticmethod
    def _check_off_state(scheme: AnchorScheme, *, share: float) -> None:
        """Refuse an overlapping anchor where off-state light would turn its rows."""
        if scheme.overlapping and share > LARGEST_OVERLAP_LEAK:
            raise ValueError(
                f"off-state light is {100 * share:.2g} % of the anchor's, an overlapping anchor bears "
                f"{100 * LARGEST_OVERLAP_LEAK:g} %: take an anchor of its own (overlapping=False) or a DMD of higher "
                "contrast"
            )

    def _check_room(self, levels: tuple[StoredFrames, ...]) -> None:
        """Refuse light that is there all the time and fills the camera."""
        top = self.bench.camera.saturation
        full = max(float(np.mean(level.off >= top)) for level in levels)
        if full > MOST_SATURATED:
            raise ValueError(
                f"{100 * full:.2g} % of the outputs saturate with every component off: light of mirrors that carry "
                "none, or that are off, fills the camera; hold the padding off, or take a DMD of higher contrast"
            )

    def _store(
        self, scheme: AnchorScheme, time: float, outputs: NDArray[np.int64], dark: NDArray[np.float32]
    ) -> StoredFrames:
        """Return the stored frames of one exposure time."""
        off = self._mean(np.zeros(scheme.inputs, np.bool_), time, outputs)
        anchor = self._mean(scheme.anchor_states, time, outputs)
        check_number("timestamp", anchor.timestamp)
        return StoredFrames(
            exposure_time=self.bench.exposure_time,
            anchor=anchor.mean,
            off=off.mean,
            dark=dark,
            exposures=min(off.exposures, anchor.exposures),
            timestamp=anchor.timestamp,
        )

    def _mean(
        self, states: NDArray[np.bool_], time: float, outputs: NDArray[np.int64], *, light: bool = True
    ) -> _MeanFrame:
        """Return the mean counts of a batch of exposures of one pattern, without those that were lost."""
        exposure = self._expose(np.tile(states, (self.stored_exposures, 1)), time, light=light)
        received = int(np.count_nonzero(exposure.valid))
        if not received:
            raise ValueError(
                f"all {self.stored_exposures} exposures of a stored frame were lost: raise stored_exposures, or mend "
                "what drops the bench's frames"
            )
        frames = self.bench.camera.digital_numbers(exposure.counts).reshape(self.stored_exposures, -1)
        mean = frames[exposure.valid][:, outputs].mean(axis=0)
        return _MeanFrame(mean.astype(np.float32), received, float(exposure.timestamps[0]))

    def _expose(self, patterns: NDArray[np.bool_], time: float, *, light: bool = True) -> Exposure:
        """Expose patterns at an exposure time and count the frames."""
        if self.bench.exposure_time != time:
            self.bench.exposure_time = time
        self.frames_exposed += len(patterns)
        exposure = self.bench.expose(patterns, light=light)
        if len(patterns):
            self.elapsed = float(exposure.timestamps[-1])
        return exposure
