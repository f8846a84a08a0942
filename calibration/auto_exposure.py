"""The exposure that suits the light on the camera, found from a few frames of any bench.

Every frame tells something: where all pixels saturate the light is at least n times too strong for n pixels of an
exponential law; where part of them does, the saturated fraction p gives S = -ln p; where none does, the mean gives S
and the contrast the intensity law; where the light is lost in the noise, the noise bounds it.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincc

from calibration.bench_frames import take_frames
from calibration.cameras.frame_pairs import Counts
from calibration.cameras.uncertainty import SIGNIFICANT
from calibration.exposure import best_full_scale, clipped_fraction, intensity_error
from optics.bench import Bench
from optics.camera import Camera
from optics.validation import check_states

UNCLIP_ROUNDS = 20
"""Rounds in which what clipping hides of the moments is found; each brings them several times closer."""

MOST_ROUNDS = 10
"""Rounds of light frames after which the search ends."""

NEAR = 0.05
"""Relative distance from the best exposure that is left alone: it costs about 1 % of the error."""

FAR = 0.1
"""Relative distance from the best exposure from which on it is flagged."""

DIM = 100.0
"""Saturation over signal from which on a dark frame of the same exposure time is needed."""

CLIPPED = 0.05
"""Saturated fraction from which on it, and not mean and contrast, tells how bright the light is."""

HIDING = 0.5
"""Variance of the noise over the squared signal from which on the contrast of the light is not read off a frame."""

MANY = 0.1
"""Saturated fraction from which on hot pixels are not what saturates, so that no dark frame is needed."""

FREEDOM = (0.25, 100.0)
"""Degrees of freedom that are told apart; light of less contrast than a tenth counts as even."""

BEARABLE = 2.0
"""Error over the smallest possible, up to which light that is too strong is flagged and not refused."""


@dataclass(frozen=True, kw_only=True)
class ExposureChoice:
    """An exposure time and what the frames there look like.

    Parameters
    ----------
    exposure_time : float
        Exposure time that the camera granted, in seconds; the bench is left at it.
    full_scale : float
        S, the signal at saturation over the mean signal, what clipping hides of it included.
    clipped_fraction : float
        Fraction of the pixels that saturate in the last frames; those that do so in the dark are left out.
    predicted_clipped_fraction : float
        The same by the intensity law, exp(-S) for fully developed speckle.
    mean_signal : float
        Mean count above dark, in DN, as it is in the frames.
    degrees_of_freedom : float
        One over the squared contrast of the light, camera noise taken off; between 0.25 and 100.
    light_frames, dark_frames : int
        Frames that the search took.
    flags : tuple of str
        What keeps the exposure from the optimum; empty where all is well.
    """

    exposure_time: float
    full_scale: float
    clipped_fraction: float
    predicted_clipped_fraction: float
    mean_signal: float
    degrees_of_freedom: float
    light_frames: int
    dark_frames: int
    flags: tuple[str, ...]


def auto_exposure(bench: Bench, patterns: ArrayLike) -> ExposureChoice:
    """Find the exposure time at which intensities have the smallest mean square error.

    Parameters
    ----------
    bench : Bench
        A simulated or a real bench, at any exposure time. It is left at the one that was found.
    patterns : array_like of bool, shape (frame, input) or (input,)
        Macropixel states that are shown in every round; one will do where the camera has some hundred pixels.

    Returns
    -------
    ExposureChoice
        The exposure time and the light there.

    Raises
    ------
    ValueError
        If there is no light, or it is too strong at the shortest exposure, or it does not hold still.

    Notes
    -----
    From a start within reach it takes two rounds of light frames and one dark frame, from anywhere at most six:
    the law of the light makes one frame tell about six decades. Gain, noise, saturation and range of exposures of the
    camera are taken as stated. The optimum is that of `best_full_scale`, for the contrast that is measured.
    """
    states = np.atleast_2d(np.asarray(patterns))
    search = _Search(bench, check_states(states, inputs=bench.layout.inputs))
    frame = search.look()
    while not search.done(frame) and search.rounds < MOST_ROUNDS:
        frame = search.look()
    if bench.exposure_time != frame.time:
        bench.exposure_time = frame.time
    return search.choice(frame)


@dataclass(frozen=True)
class _Look:
    """What a round of frames tells: ``full_scale`` is S, a bound on it where the frames are all ``dark``."""

    time: float
    full_scale: float
    clipped: float
    signal: float
    freedom: float | None
    dark: bool


class _Search:
    """Exposure times that were tried; ``too_short`` and ``too_long`` are those at which nothing could be measured."""

    def __init__(self, bench: Bench, states: NDArray[np.bool_]) -> None:
        self.bench, self.states = bench, states
        self.rounds = self.measured = self.dark_frames = 0
        self.too_short, self.too_long = 0.0, math.inf
        self._dark: tuple[float, Counts] | None = None

    def look(self) -> _Look:
        """Take light frames, and a dark frame where the last one is of quite another exposure time."""
        frames = take_frames(self.bench, self.states)
        self.rounds += 1
        time, top = self.bench.exposure_time, self.bench.camera.saturation
        clipped = float(np.mean(frames >= top))
        if clipped > MANY:
            return _Look(time, _scale_of(clipped, frames.size), clipped, math.nan, None, dark=False)
        then, dark = self._dark or self._take_dark()
        if not 0.25 <= time / then <= 4:
            then, dark = self._take_dark()
        frame = _measure(frames, dark, time=time, camera=self.bench.camera)
        if frame.full_scale > DIM and then != time:
            frame = _measure(frames, self._take_dark()[1], time=time, camera=self.bench.camera)
        return frame

    def _take_dark(self) -> tuple[float, Counts]:
        """Take a dark frame; return the exposure time and the frame."""
        self._dark = self.bench.exposure_time, take_frames(self.bench, self.states[:1], light=False)[0]
        self.dark_frames += 1
        return self._dark

    def done(self, frame: _Look) -> bool:
        """Set the exposure time that the frames ask for; return whether it is the one they were taken at."""
        if frame.dark:
            self.too_short = max(self.too_short, frame.time)
        elif frame.clipped == 1:
            self.too_long = min(self.too_long, frame.time)
        wanted = frame.time * frame.full_scale / self._best(frame)
        self.measured += frame.freedom is not None
        tolerance = NEAR * 2.0 ** max(0, self.measured - 2)  # light that fluctuates is not chased
        near = not frame.dark and frame.clipped <= CLIPPED and abs(math.log(wanted / frame.time)) < tolerance
        if near:
            return True
        if frame.dark or frame.clipped == 1:  # a bound on the light, not its measure
            longer = max(4 * frame.time, frame.time + self.bench.camera.shutter.exposure_step)
            wanted = max(wanted, longer) if frame.dark else min(wanted, frame.time / 4)
            if not self.too_short < wanted < self.too_long:
                wanted = math.sqrt(self.too_short * self.too_long)
        camera = self.bench.camera
        self.bench.exposure_time = min(max(wanted, camera.shutter.exposure_minimum), camera.shutter.exposure_maximum)
        return self.bench.exposure_time == frame.time

    def choice(self, frame: _Look) -> ExposureChoice:
        """Return what the last frames say, or why no exposure time suits."""
        camera, best = self.bench.camera, self._best(frame)
        if frame.dark:
            longest = (
                ", the camera's longest exposure," if frame.time >= camera.shutter.exposure_maximum * (1 - 1e-9) else ""
            )
            raise ValueError(
                f"no light was found: at {frame.time:g} s{longest} the mean signal is below "
                f"{_range(camera) / frame.full_scale:.2g} DN; check the laser, its shutter and the pattern, or "
                "change the laser's power"
            )
        self._check_strength(frame, best)
        return ExposureChoice(
            exposure_time=frame.time,
            full_scale=frame.full_scale,
            clipped_fraction=frame.clipped,
            predicted_clipped_fraction=clipped_fraction(frame.full_scale, degrees_of_freedom=frame.freedom or 1.0),
            mean_signal=frame.signal,
            degrees_of_freedom=frame.freedom or 1.0,
            light_frames=self.rounds * len(self.states),
            dark_frames=self.dark_frames,
            flags=self._flags(frame, best),
        )

    def _best(self, frame: _Look) -> float:
        """Return the S to aim at."""
        return best_full_scale(self.bench.camera, frame.freedom or 1.0)

    def _check_strength(self, frame: _Look, best: float) -> None:
        """Refuse light that saturates too many pixels."""
        camera, law = self.bench.camera, frame.freedom or 1.0
        error = intensity_error(camera, frame.full_scale, degrees_of_freedom=law)
        bearable = BEARABLE * intensity_error(camera, best, degrees_of_freedom=law)
        if frame.clipped <= CLIPPED and (error <= bearable or frame.full_scale >= best):
            return
        if frame.time > camera.shutter.exposure_minimum + camera.shutter.exposure_step:
            raise ValueError(
                f"the light does not hold still: after {self.rounds} rounds {100 * frame.clipped:.3g} % of the pixels "
                f"saturate at {frame.time:g} s; check the laser and hot pixels"
            )
        factor, least = best / frame.full_scale, "at least " if frame.clipped == 1 else ""
        raise ValueError(
            f"the light is too strong: at {frame.time:g} s, the camera's shortest exposure, {100 * frame.clipped:.3g} "
            f"% of the pixels saturate; attenuate the laser {least}{factor:.3g} times"
        )

    def _flags(self, frame: _Look, best: float) -> tuple[str, ...]:
        """Return what keeps the exposure from the optimum."""
        camera, flags, ratio = self.bench.camera, [], frame.full_scale / best
        if frame.freedom is None:
            flags.append("noise hides the contrast of the light: fully developed speckle is assumed")
        if abs(math.log(ratio)) >= FAR:
            if frame.time >= camera.shutter.exposure_maximum - camera.shutter.exposure_step:
                limit = f"at the camera's longest exposure the light is {ratio:.3g} times too weak"
            elif frame.time <= camera.shutter.exposure_minimum + camera.shutter.exposure_step:
                limit = f"at the camera's shortest exposure the light is {1 / ratio:.3g} times too strong"
            elif camera.shutter.exposure_step > FAR * frame.time:
                step = camera.shutter.exposure_step
                limit = f"steps of {step:g} s are coarse: the light is {1 / ratio:.3g} times too strong"
            else:
                limit = f"the light fluctuates: that of the last frames is {1 / ratio:.3g} times too strong"
            flags.append(f"{limit} for the smallest error")
        return tuple(flags)


def _range(camera: Camera) -> float:
    """Return the signal at saturation, in DN."""
    return camera.saturation - camera.black_level


def _scale_of(clipped: float, pixels: int) -> float:
    """Return S for the saturated fraction of an exponential law; where all saturate, the largest S that may be."""
    return -math.log(min(clipped, 1 - 1 / pixels))


def _measure(frames: Counts, dark: Counts, *, time: float, camera: Camera) -> _Look:
    """Return what frames tell of which few pixels saturate."""
    usable = dark < camera.saturation
    counts, black = frames[:, usable].astype(np.float64), dark[usable].astype(np.float64)
    if not black.size:
        raise ValueError(f"all pixels saturate in the dark at {time:g} s: lower the black level or close the shutter")
    clipped = float(np.mean(counts >= camera.saturation))
    signal = float(counts.mean() - black.mean())
    speckle = float(counts.var() - black.var()) - camera.gain * max(signal, 0.0)
    hidden = max(1 / 12, float(black.var()))
    limit = SIGNIFICANT * math.sqrt((counts.var() / len(counts) + hidden) / black.size)
    if clipped > CLIPPED:
        return _Look(time, _scale_of(clipped, counts.size), clipped, signal, None, dark=False)
    if signal < limit:  # hidden in the noise: this much light there may be
        return _Look(time, _range(camera) / (max(signal, 0.0) + limit), clipped, signal, None, dark=True)
    noise = hidden + camera.gain * signal
    if noise > HIDING * signal**2:
        return _Look(time, _range(camera) / signal, clipped, signal, None, dark=False)
    scale, freedom = _unclipped(signal, speckle, span=_range(camera))
    return _Look(time, scale, clipped, signal, freedom, dark=False)


def _unclipped(signal: float, variance: float, *, span: float) -> tuple[float, float]:
    """Return S and the degrees of freedom of the light whose clipped signal has a given mean and variance.

    What clipping takes from the two moments, (I - S)_+ and (I^2 - S^2)_+ on average, is added until nothing changes.
    """
    mean, square = signal, variance + signal**2
    for _ in range(UNCLIP_ROUNDS):
        M = min(max(mean**2 / max(square - mean**2, 1e-9), FREEDOM[0]), FREEDOM[1])
        S = span / mean
        beyond, first, second = (float(gammaincc(M + power, M * S)) for power in range(3))
        mean, square = (
            signal + mean * (first - S * beyond),
            variance + signal**2 + mean**2 * ((1 + 1 / M) * second - S**2 * beyond),
        )
    return span / mean, M
