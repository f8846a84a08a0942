"""Everything of a bench that the law of its projections depends on, in the numbers of a quadrature."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from calibration.anchors import plan
from calibration.budgets.draws import STORED_TIMES
from calibration.budgets.input_moments import InputMoments, input_moments
from calibration.budgets.modes import PixelLight, photons_per_pixel, pixel_light
from calibration.budgets.vector_law import VectorLaw
from calibration.exposure import best_full_scale, exposure_levels
from calibration.records import Calibration, StoredFrames
from calibration.scheme import AnchorScheme
from optics.bench import BenchDescription
from optics.camera import Camera
from optics.sensing.binning import delivered_camera

SEARCH_FRAMES = 4
"""Frames that the search for an exposure time takes, about."""

NOTHING = np.empty(0, np.float32)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is asked of a bench: how many projections of which vectors, and how they are taken.

    Parameters
    ----------
    vectors : VectorLaw
        The law of the vectors.
    outputs : int
        Number of pixels that are delivered.
    anchor : int
        Number of anchor macropixels.
    full_scale : float or None
        Largest saturation over the mean of the brightest frame; None takes the best for the camera.
    stored_exposures : int
        Exposures that each stored frame is the mean of.
    batch : int
        Vectors that are projected in one call.
    age : float
        Time from the end of the calibration to the call, in seconds.
    """

    vectors: VectorLaw
    outputs: int
    anchor: int
    full_scale: float | None
    stored_exposures: int
    batch: int
    age: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """A bench and a task, with what is taken away from them.

    Parameters
    ----------
    description : BenchDescription
        The bench.
    task : Task
        What is asked of it.
    without : frozenset of str
        Causes that no description can take away and that are left out: ``shot``, ``quantisation``, ``saturation``,
        ``dark_anchor``.
    """

    description: BenchDescription
    task: Task
    without: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        components = self.task.vectors.components
        inputs = self.description.layout.inputs
        scheme = AnchorScheme(
            inputs=inputs, components=np.arange(components), anchor=components + np.arange(self.task.anchor)
        )
        set_(self, "scheme", scheme)
        set_(self, "camera", delivered_camera(self.description.camera))
        set_(self, "light", pixel_light(self.description))
        moments = input_moments(
            self.description, components=scheme.components, anchor=scheme.anchor,
            non_zeros=self.task.vectors.mean_non_zeros,
        )  # fmt: skip
        set_(self, "moments", moments)
        set_(self, "photons", photons_per_pixel(self.description, self.light))

    scheme: AnchorScheme = field(init=False)
    camera: Camera = field(init=False)
    light: PixelLight = field(init=False)
    moments: InputMoments = field(init=False)
    photons: float = field(init=False)

    @property
    def anchor_light(self) -> float:
        """Return the mean light of the anchor with the static light, in photons per pixel per second."""
        added = self.moments.anchor[0, 0].real + 2 * self.moments.anchor[1, 0].real
        return float(self.photons * self.light.weights.sum() * (added + self.moments.static))

    @property
    def static_light(self) -> float:
        """Return the mean light with everything off, in photons per pixel per second."""
        return float(self.photons * self.light.weights.sum() * self.moments.static)

    @property
    def dark_rate(self) -> float:
        """Return the mean dark current, hot pixels included, in electrons per pixel per second."""
        camera = self.camera
        hot = camera.hot_pixels * (camera.hot_pixel_current - camera.dark_current) if camera.hot_pixels else 0.0
        return float((camera.dark_current + hot) * camera.thermal_factor)

    @property
    def degrees_of_freedom(self) -> float:
        """Return one over the squared contrast of the anchor's frame, background included."""
        rise = 1 + self.camera.background / self.anchor_light
        return self.light.degrees_of_freedom * rise**2

    @property
    def search_time(self) -> float:
        """Return the exposure time that suits the anchor alone, as the search finds it."""
        camera = self.camera
        best = best_full_scale(camera, degrees_of_freedom=self.degrees_of_freedom)
        rate = camera.quantum_efficiency * (self.anchor_light + camera.background)
        wanted = (camera.saturation - camera.black_level) / (camera.gain * rate * best)
        shutter = camera.shutter
        return shutter.granted_exposure(min(max(wanted, shutter.exposure_minimum), shutter.exposure_maximum))

    def calibration(self, *, input_rate: float, off_rate: float) -> Calibration:
        """Return what planning needs to know: exposure times and rates, no frames.

        Parameters
        ----------
        input_rate, off_rate : float
            Mean signal of a macropixel, and with everything off, in DN per second.

        Returns
        -------
        Calibration
            With the exposure levels that a projector takes.
        """
        camera, scheme, scale = self.camera, self.scheme, self.task.full_scale
        if scale is None:
            scale = best_full_scale(camera, degrees_of_freedom=self.degrees_of_freedom)
        times = exposure_levels(scheme, input_rate=input_rate, camera=camera, full_scale=scale, static_rate=off_rate)
        stored = tuple(
            StoredFrames(
                exposure_time=time, anchor=NOTHING, off=NOTHING, dark=NOTHING,
                exposures=self.task.stored_exposures, timestamp=0.0,
            )
            for time in times
        )  # fmt: skip
        return Calibration(
            scheme=scheme, camera=camera, outputs=np.arange(0), levels=stored, input_rate=input_rate,
            off_rate=off_rate, full_scale=scale,
        )  # fmt: skip

    def ages(self, calibration: Calibration, level: int) -> tuple[float, float]:
        """Return how long before the first frame of a call outputs were chosen and a level's frames were stored.

        Parameters
        ----------
        calibration : Calibration
            Exposure levels.
        level : int
            Exposure level.

        Returns
        -------
        chosen, stored : float
            Ages of the middle of the anchor's frames, in seconds: after the choice come dark frames of all levels, then
            off-state and anchor frames of one level after the other.
        """
        periods = [self.description.period(one.exposure_time) for one in calibration.levels]
        count = self.task.stored_exposures
        stored = count / 2 * periods[level] + 2 * count * sum(periods[level + 1 :]) + self.task.age
        search = count / 2 * self.description.period(self.search_time)
        return search + 3 * count * sum(periods) + self.task.age, stored

    @property
    def search_duration(self) -> float:
        """Return the time from the start of the bench to the middle of the choice of outputs, in seconds."""
        frames = self.task.stored_exposures / 2 * self.description.period(self.search_time)
        return SEARCH_FRAMES * self.description.frame_period + frames


def frame_times(
    filled: list[float], shown: tuple[bool, bool], *, period: float, ages: tuple[float, float], stored: int
) -> NDArray[np.float64]:
    """Return when the fields of a vector's frames are wanted.

    Parameters
    ----------
    filled : list of float
        Vectors of a series whose positive, and whose negative, half is not empty.
    shown : tuple of bool
        Which halves of the vector are not empty.
    period : float
        Time from frame to frame, in seconds.
    ages : tuple of float
        Ages of the choice of outputs and of the middle of the stored frames when the series begins, in seconds.
    stored : int
        Exposures that a stored frame is the mean of.

    Returns
    -------
    ndarray, shape (STORED_TIMES + 6,)
        Times from the choice of outputs on: itself, moments of the stored frames, the middle of the vector's frames,
        its frames.
    """
    first, second = (max(number, 1.0) for number in filled)
    frames = period * np.array([0.0, first, 2 * first, 2 * first + second])
    used = frames[np.repeat(shown, 2)]
    places: NDArray[np.float64] = (np.arange(STORED_TIMES) + 0.5) / STORED_TIMES - 0.5
    held = stored * period * places - ages[1]
    return ages[0] + np.array([-ages[0], *held, used.mean(), *frames])


def level_of(brightest: NDArray[np.int64], calibration: Calibration) -> NDArray[np.int64]:
    """Return the exposure level of vectors by the number of components in their fuller half.

    Parameters
    ----------
    brightest : ndarray of int
        Components that are on in the fuller half, at least 1.
    calibration : Calibration
        Exposure levels and rates.

    Returns
    -------
    ndarray of int, same shape
        Index into the levels, as planning chooses it.
    """
    numbers, inverse = np.unique(brightest, return_inverse=True)
    vectors = (np.arange(len(calibration.scheme.components)) < numbers[:, np.newaxis]).astype(np.int8)
    level = np.zeros(len(numbers), np.int64)
    for series in plan(vectors, calibration).series:
        level[series.vectors] = series.level
    return level[inverse].reshape(np.shape(brightest))


def enough_points(scene: Scene, *, kept: int) -> int:
    """Return the binary logarithm of a number of points of which enough are delivered outputs.

    Parameters
    ----------
    scene : Scene
        The scene.
    kept : int
        Binary logarithm of the points that should be delivered.

    Returns
    -------
    int
        Exponent, at most three above ``kept``.
    """
    spare = scene.camera.pixels / scene.task.outputs
    return kept + min(max(math.ceil(math.log2(spare) - 1e-9), 0), 3)
