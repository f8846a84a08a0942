"""The camera of a bench, characterised by the bench's own light: speckle, or light that is declared even.

Speckle serves as well as even light for the gain. Whatever the distribution of the light over the pixels, the mean
over pixels of the temporal variance lies on the line of the camera at the mean over pixels of the signal, as long as
no pixel saturates. So frames of their own say how bright each pixel is, the bright ones are left out, and one light
serves all levels while the exposure time grows. What speckle cannot tell is PRNU.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammainccinv

from calibration.auto_exposure import ExposureChoice, auto_exposure
from calibration.bench_frames import take_frames
from calibration.cameras.frame_pairs import Counts
from calibration.cameras.light_series import FEWEST_LEVELS, FEWEST_PIXELS, FrameStacks, LightSeries
from calibration.cameras.nonuniformity import check_even
from calibration.cameras.report import CameraReport, characterise_camera
from calibration.cameras.saturated_pixels import saturated_signal
from calibration.cameras.uncertainty import Measured
from optics.bench import Bench
from optics.validation import check_count, check_number, check_states

REFERENCE_FRAMES = 16
"""Bright, and dark, frames that tell how bright each pixel is."""

SETTLING_FRAMES = 1
"""Frames that are dropped after the light or the exposure time has changed: a camera may show the last one's rest."""

BRIGHTEST = 0.007
"""Fraction of the pixels that would saturate at the longest exposure; they, and some more, are left out."""

HEADROOM = 0.9
"""Part of the range, five deviations of shot noise taken off, that a chosen pixel fills at the longest exposure."""

PILED_UP = 1.5
"""Signal at saturation over the mean in the frames that show the pile-up: of speckle a seventh is beyond 1.3 times."""

SATURATED_FRAMES = 4
"""Bright, and dark, frames that show the pile-up."""

MISSTATED = 0.1
"""Relative difference between the saturation found and the one stated that is worth a flag."""

Progress = Callable[[list[float]], Iterable[float]]
Select = Callable[[Counts], Counts]


def characterise_bench_camera(
    bench: Bench,
    *,
    flat_field: bool = False,
    levels: int = 50,
    stack: int = 50,
    pattern: ArrayLike | None = None,
    photon_rate: float | None = None,
    likelihood: bool = True,
    progress: Progress = iter,
) -> CameraReport:
    """Characterise the camera of a bench from frames of the bench alone.

    Parameters
    ----------
    bench : Bench
        A simulated or a real bench, at any exposure time; it is left at another one.
    flat_field : bool, optional
        Declares that the light on the camera is even. Then the whole procedure of the standard is done, PRNU
        included. Otherwise the light is taken for speckle, and PRNU is declined.
    levels : int, optional
        Exposure times, at even steps.
    stack : int, optional
        Frames of a stack: a dark one for DSNU, and under even light a bright one for PRNU.
    pattern : array_like of bool or None, optional, shape (input,)
        Macropixel states that are shown throughout; None takes every other macropixel, or fewer where the camera
        cannot expose that short.
    photon_rate : float or None, optional
        Photons per pixel per second of ``pattern``, the mean over all pixels, for instance from a power meter. Without
        it there is no quantum efficiency.
    likelihood : bool, optional
        Whether to fit the exact converter too; it takes even light.
    progress : callable, optional
        Wraps the list of exposure times that is worked through, for instance ``tqdm.tqdm``.

    Returns
    -------
    CameraReport
        The figures; flags say what was declined, and why.

    Raises
    ------
    ValueError
        If no exposure time suits the light, it is declared even and is not, its rate is given without its pattern,
        too few pixels stay below saturation, or frames are lost.

    Notes
    -----
    What is held in memory: two bright and two dark frames a level, of the pixels that are used, as words of 8 or
    16 bits, and the stacks. For 50 levels and stacks of 50 frames that is 250 frames (300 under even light), and
    the pairs once more while they are put together.

    Pixels are chosen by frames that serve nothing else, so that the choice does not bias the variance. Of each row
    the same number is taken, so that noise of whole rows is seen as such; columns are shifted by some pixels, and
    noise of whole columns is not fully in the uncertainties.
    """
    check_count("levels", levels, at_least=FEWEST_LEVELS)
    check_count("stack", stack, at_least=2)
    if photon_rate is not None:
        check_number("photon_rate", photon_rate, unit="photons/s", above=0)
        if pattern is None:
            raise ValueError("photon_rate is that of a pattern: give the pattern that it was measured with")
    if pattern is None:
        shown, choice = _fitting_pattern(bench, levels)
    else:
        shown = check_states(np.asarray(pattern)[np.newaxis], inputs=bench.layout.inputs, name="pattern")[0]
        choice = auto_exposure(bench, shown)
    campaign = _Campaign(bench, shown, choice, levels, stack, photon_rate, progress)
    return campaign.on_even_light(likelihood=likelihood) if flat_field else campaign.on_speckle()


def _fitting_pattern(bench: Bench, levels: int) -> tuple[NDArray[np.bool_], ExposureChoice]:
    """Return every other macropixel, or as many fewer as make the shortest exposure long enough, and what suits it."""
    numbers, camera = np.arange(bench.layout.inputs), bench.camera
    every = 2
    try:
        choice = auto_exposure(bench, numbers % every == 0)
    except ValueError:  # too strong, perhaps: a sixteenth of the macropixels says so
        every = max(2, min(16, bench.layout.inputs))
        choice = auto_exposure(bench, numbers % every == 0)
    needed = levels * max(camera.shutter.exposure_minimum, camera.shutter.exposure_step)
    fewer = math.ceil(every * needed / (2 * choice.exposure_time))
    if every < fewer:
        every = min(fewer, bench.layout.inputs)
        choice = auto_exposure(bench, numbers % every == 0)
    return numbers % every == 0, choice


@dataclass(frozen=True)
class _Campaign:
    """One characterisation: the bench, what it shows, and the exposure that suits it."""

    bench: Bench
    shown: NDArray[np.bool_]
    choice: ExposureChoice
    levels: int
    stack: int
    photon_rate: float | None
    progress: Progress

    def on_even_light(self, *, likelihood: bool) -> CameraReport:
        """Return the report by the procedure of the standard."""
        check_even(1 / math.sqrt(self.choice.degrees_of_freedom))
        full = self.choice.exposure_time * self.choice.full_scale
        series = self._sweep(1.1 * full, select=lambda frames: frames, photon_rate=self.photon_rate, even=True)
        stacks = self._stacks(full / 2, bright=True)
        return characterise_camera(series, stacks=stacks, likelihood=likelihood, flags=self.choice.flags)

    def on_speckle(self) -> CameraReport:
        """Return the report from pixels that do not saturate."""
        camera, freedom = self.bench.camera, self.choice.degrees_of_freedom
        longest = self._time_at(float(gammainccinv(freedom, BRIGHTEST)) / freedom)
        signal = self._reference()
        saturation, flags = self._saturation(signal)
        signal *= longest / self.choice.exposure_time
        stated = camera.saturation - camera.black_level
        span = stated if saturation.bound else min(saturation.value, stated)
        limit = HEADROOM * (span - 5 * math.sqrt(camera.gain * span + (camera.gain * camera.dark_noise) ** 2))
        columns = _dimmest(signal, limit)
        rate = self.photon_rate
        if rate is not None:
            rate *= float(np.take_along_axis(signal, columns, axis=1).mean() / signal[np.isfinite(signal)].mean())

        def select(frames: Counts) -> Counts:
            return np.take_along_axis(frames, columns[np.newaxis], axis=2)

        series = self._sweep(longest, select=select, photon_rate=rate, even=False)
        report = characterise_camera(
            series, stacks=self._stacks(self.choice.exposure_time, bright=False), saturation=saturation
        )
        notes = self._notes(series, report)
        return replace(report, shape=camera.shape, flags=notes + flags + self.choice.flags + report.flags)

    def _notes(self, series: LightSeries, report: CameraReport) -> tuple[str, ...]:
        """Return what was declined, and why."""
        contrast = 1 / math.sqrt(self.choice.degrees_of_freedom)
        notes = [
            f"PRNU declined: the light is speckle (contrast {contrast:.2f}), which no frame tells from an uneven "
            "response; it takes even light that is declared so (flat_field)",
            f"gain, noise and laser are those of {series.bright_frames[0, 0].size} pixels of "
            f"{self.bench.camera.pixels}, which do not saturate at any level",
        ]
        clipped = float(np.mean(series.bright_frames >= self.bench.camera.saturation))
        if clipped > 1e-4:
            notes.append(
                f"{clipped:.2g} of their counts saturate all the same, which biases the gain: the light varies"
            )
        return tuple(notes)

    def _time_at(self, full_scale: float) -> float:
        """Return the exposure time at which the signal at saturation is so many times the mean, if there is one."""
        wanted = self.choice.exposure_time * self.choice.full_scale / full_scale
        return min(wanted, self.bench.camera.shutter.exposure_maximum)

    def _take(self, count: int, *, light: bool) -> Counts:
        """Return frames of the pattern, in DN."""
        frames = take_frames(self.bench, np.tile(self.shown, (count + SETTLING_FRAMES, 1)), light=light)
        return frames[SETTLING_FRAMES:]

    def _reference(self) -> NDArray[np.float64]:
        """Return the signal of each pixel at the exposure that suits the light, in DN; hot pixels get infinity."""
        self.bench.exposure_time = self.choice.exposure_time
        dark = self._take(REFERENCE_FRAMES, light=False).mean(axis=0)
        signal = self._take(REFERENCE_FRAMES, light=True).mean(axis=0) - dark
        return np.asarray(np.where(dark < self.bench.camera.saturation / 2, signal, np.inf))

    def _sweep(self, longest: float, *, select: Select, photon_rate: float | None, even: bool) -> LightSeries:
        """Return pairs of bright and dark frames from next to no exposure to the longest one."""
        bench, camera = self.bench, self.bench.camera
        longest = min(longest, camera.shutter.exposure_maximum)
        steps = np.linspace(max(longest / self.levels, camera.shutter.exposure_minimum), longest, self.levels)
        times = sorted({camera.shutter.granted_exposure(float(step)) for step in steps})
        if len(times) < FEWEST_LEVELS:
            raise ValueError(
                f"the camera grants {len(times)} exposure times up to {longest:g} s, in steps of "
                f"{camera.shutter.exposure_step:g} s; {FEWEST_LEVELS} are needed: attenuate the laser"
            )
        bright, dark, granted = [], [], []
        for time in self.progress(times):
            bench.exposure_time = time
            granted.append(bench.exposure_time)
            bright.append(select(self._take(2, light=True)))
            dark.append(select(self._take(2, light=False)))
        photons = None if photon_rate is None else photon_rate * np.array(granted)
        return LightSeries(
            bright=np.stack(bright), dark=np.stack(dark), bits=camera.bits, photons=photons, exposure_times=granted,
            even_light=even,
        )  # fmt: skip

    def _stacks(self, time: float, *, bright: bool) -> FrameStacks:
        """Return a dark stack, and a bright one where the light is even."""
        self.bench.exposure_time = min(time, self.bench.camera.shutter.exposure_maximum)
        frames = self._take(self.stack, light=True) if bright else None
        return FrameStacks(bright=frames, dark=self._take(self.stack, light=False), bits=self.bench.camera.bits)

    def _saturation(self, signal: NDArray[np.float64]) -> tuple[Measured, tuple[str, ...]]:
        """Return the signal at saturation from frames that are far too bright, and what is odd about it."""
        camera = self.bench.camera
        self.bench.exposure_time = self._time_at(PILED_UP)
        expected = signal * (self.bench.exposure_time / self.choice.exposure_time)
        bright = self._take(SATURATED_FRAMES, light=True)
        self.bench.exposure_time = (
            camera.shutter.exposure_minimum
        )  # a well that is full holds the dark current's charge too
        dark = self._take(SATURATED_FRAMES, light=False)
        stated = camera.saturation - camera.black_level
        found = saturated_signal(bright, dark, expected=expected, span=stated)
        if found.bound:
            return found, ("too few pixels saturate at the longest exposure: saturation is a bound",)
        if abs(found.value / stated - 1) > MISSTATED:
            return found, (
                f"pixels saturate {found.value:.4g} DN above dark, and the camera is said to do so at {stated:.4g} DN",
            )
        return found, ()


def _dimmest(signal: NDArray[np.float64], limit: float) -> NDArray[np.intp]:
    """Return the columns of the dimmest pixels of each row, as many in each, all of them below a limit."""
    count = int(np.sum(signal <= limit, axis=1).min())
    if count < FEWEST_PIXELS:
        raise ValueError(
            f"a row of the camera has {count} pixels that stay below saturation, {FEWEST_PIXELS} are needed: read out "
            "a wider region, or make the grains of the speckle smaller"
        )
    return np.sort(np.argsort(signal, axis=1, kind="stable")[:, :count], axis=1)
