"""Light in electrons from the frames of an identification: dark level taken off, clipped pixels filled, noise known."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaincinv, ndtr

from calibration.cameras.uncertainty import Measured
from calibration.identification.observations import Frames

CLIPPED_SHARE = 1e-3
"""Part of counts at zero from which on a mean is not taken for that of the signal."""

CLIPPED_DOUBT = 0.05
"""Doubt of a mean that clipping at zero shifts, in standard deviations of the dark signal."""

TAIL = 0.75
"""Part of the saturation from which on pixels tell how the light of clipped ones falls off."""

QUANTILES = (np.arange(64) + 0.5) / 64


class CameraKnowledge(Protocol):
    """What the figures of light ask of a camera; hot and dead pixels are left out of everything."""

    @property
    def gain(self) -> Measured:
        """Return the system gain K, in DN per electron."""

    @property
    def black_level(self) -> Measured:
        """Return the mean count of a dark pixel in a short exposure, in DN."""

    @property
    def dark_noise(self) -> Measured:
        """Return the temporal dark noise of a pixel without that of rounding, in electrons."""

    @property
    def dark_current(self) -> Measured:
        """Return the dark current, in electrons per pixel per second."""

    @property
    def saturation(self) -> Measured:
        """Return the count at which pixels saturate, by the well or by the converter, in DN."""

    @property
    def hot_map(self) -> NDArray[np.bool_]:
        """Return which pixels are hot, shape (y, x)."""

    @property
    def dead_map(self) -> NDArray[np.bool_]:
        """Return which pixels are dead, shape (y, x)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DarkLevel:
    """Mean dark counts of the pixels, and the noise that they share.

    Parameters
    ----------
    offset : ndarray, shape (y, x)
        Deviation of each pixel from the mean of the good ones, in DN.
    start, slope : float
        Mean level at no exposure in DN, and its rise in DN per second.
    slope_uncertainty : float
        Standard uncertainty of the rise, in DN per second.
    uncertainty : float
        Standard uncertainty of the level at no exposure, in DN.
    exposure_times, means, mean_uncertainties : tuple of float
        Exposure times of the dark sets in seconds, mean counts and their uncertainties in DN; empty where counts are
        clipped at zero.
    spread : float
        Standard deviation of dark signals over good pixels and frames, in DN.
    row_covariance, column_covariance : float
        Covariance of the temporal noise of two pixels in a row, in a column, in DN^2.
    good : ndarray of bool, shape (y, x)
        Pixels that are neither hot nor dead.
    """

    offset: NDArray[np.float64]
    start: float
    slope: float
    slope_uncertainty: float
    uncertainty: float
    exposure_times: tuple[float, ...]
    means: tuple[float, ...]
    mean_uncertainties: tuple[float, ...]
    spread: float
    row_covariance: float
    column_covariance: float
    good: NDArray[np.bool_]

    def level(self, exposure_time: float) -> Measured:
        """Return the mean dark count of an exposure time: that of dark frames of the same time where there are some.

        Parameters
        ----------
        exposure_time : float
            Exposure time, in seconds.

        Returns
        -------
        Measured
            Level in DN.
        """
        doubt = math.hypot(self.uncertainty, self.slope_uncertainty * exposure_time)
        for time, mean, own in zip(self.exposure_times, self.means, self.mean_uncertainties, strict=True):
            if math.isclose(time, exposure_time, rel_tol=1e-3) and own < doubt:
                return Measured(value=mean, uncertainty=own)
        return Measured(value=self.start + self.slope * exposure_time, uncertainty=doubt)


@dataclass(frozen=True, kw_only=True, eq=False)
class FilledLight:
    """Frames in electrons, the clipped pixels filled with what is expected of them.

    Parameters
    ----------
    electrons : ndarray, shape (frame, y, x)
        Electrons that light made in the exposure; zero in pixels that are not good.
    clipped : ndarray of bool, shape (frame, y, x)
        Good pixels that saturated.
    filled_variance : ndarray, shape (frame,)
        Variance that a clipped pixel has about its filling, in electrons squared.
    mean : ndarray, shape (frame,)
        Mean over the good pixels, in electrons.
    good : ndarray of bool, shape (y, x)
        Good pixels.
    noise_variance, noise_doubt : float
        Variance of a pixel's noise without light and its standard uncertainty, in electrons squared.
    row_covariance, column_covariance : float
        Covariance of the noise of two pixels in a row, in a column, in electrons squared.
    rounding : float
        Rms by which rounding, and clipping at zero, may shift a mean, in electrons.
    exposure_time : float
        Exposure time, in seconds.
    """

    electrons: NDArray[np.float64]
    clipped: NDArray[np.bool_]
    filled_variance: NDArray[np.float64]
    mean: NDArray[np.float64]
    good: NDArray[np.bool_]
    noise_variance: float
    noise_doubt: float
    row_covariance: float
    column_covariance: float
    rounding: float
    exposure_time: float

    @property
    def pixels(self) -> int:
        """Return the number of good pixels."""
        return int(self.good.sum())

    @property
    def mean_variance(self) -> NDArray[np.float64]:
        """Return the variance of each frame's mean that shot noise and the camera make, shape (frame,)."""
        rows, columns = self.good.shape
        lines = self.row_covariance / rows + self.column_covariance / columns
        return np.asarray((np.maximum(self.mean, 0) + self.noise_variance) / self.pixels + lines)


def dark_level(dark: tuple[Frames, ...], camera: CameraKnowledge) -> DarkLevel:
    """Return the dark counts of each pixel and the noise that rows and columns share.

    .. math:: b(t) = b_0 + K i_d t

    Parameters
    ----------
    dark : tuple of Frames
        Frames without light, at one exposure time or more.
    camera : CameraKnowledge
        Black level and dark current; hot and dead pixels.

    Returns
    -------
    DarkLevel
        The level from the frames, or from the camera's figures where those are surer.

    Raises
    ------
    ValueError
        If no good pixel is left, or the maps do not fit the frames.

    Notes
    -----
    The mean of rounded counts is off by up to exp(-2 pi^2 s^2) / pi DN where all dark counts scatter by s DN only (law
    L46), and too large where counts are clipped at zero: both count in the uncertainty of the frames' own level, and
    the camera's black level is taken where it is surer.
    """
    good = ~(np.asarray(camera.hot_map, bool) | np.asarray(camera.dead_map, bool))
    if good.shape != dark[0].counts.shape[1:] or not good.any():
        raise ValueError(
            f"hot and dead pixels leave {int(good.sum())} good ones in maps of shape {good.shape}, frames have shape "
            f"{dark[0].counts.shape[1:]}: give the maps of these frames, with good pixels in them"
        )
    frames = sum(len(one.counts) for one in dark)
    offset = sum(
        (len(one.counts) / frames * (one.mean - one.mean[good].mean()) for one in dark), np.zeros(good.shape)
    )  # fmt: skip
    counts = np.concatenate([one.counts[:, good] for one in dark]).astype(np.float64)
    spread = float(np.sqrt(np.mean(counts.var(axis=0)) + offset[good].var()))
    slope = camera.gain.value * max(camera.dark_current.value, 0.0)
    levels = [one.mean[good].mean() - slope * one.exposure_time for one in dark]
    own = float(np.average(levels, weights=[len(one.counts) for one in dark]))
    clipping = spread if np.mean(counts == 0) > CLIPPED_SHARE else 0.0
    wander = float(np.std(levels, ddof=1)) / math.sqrt(len(levels)) if len(levels) > 1 else 0.0
    doubt = math.hypot(rounding_shift(spread), spread / math.sqrt(counts.size), clipping, wander)
    # The camera's figure is for all sensors: the offsets of these pixels have a mean of their own.
    figure = camera.black_level
    sample = [offset[good].std() / math.sqrt(good.sum())]
    sample += [(offset * good).mean(axis=axis).std() / math.sqrt(good.shape[1 - axis]) for axis in (0, 1)]
    stated = math.hypot(figure.uncertainty, *sample)
    taken = own if doubt <= stated or figure.bound else figure.value
    rows, columns = _line_covariances(dark, good)
    if clipping and taken > 0:
        seen = float(np.mean(counts)) - slope * float(np.mean([one.exposure_time for one in dark]))
        spread = _unclipped_spread(seen, level=taken)
    lines = math.sqrt(rows / good.shape[0] + columns / good.shape[1])
    own_noise = math.hypot(lines, math.sqrt(float(np.mean(counts.var(axis=0))) / good.sum()))
    sure = () if clipping else dark
    return DarkLevel(
        offset=offset, start=taken, slope=slope, slope_uncertainty=camera.gain.value * camera.dark_current.uncertainty,
        uncertainty=doubt if taken == own else stated, spread=spread, good=good,
        row_covariance=rows, column_covariance=columns, exposure_times=tuple(one.exposure_time for one in sure),
        means=tuple(float(one.mean[good].mean()) for one in sure),
        mean_uncertainties=tuple(
            math.hypot(rounding_shift(spread), own_noise / math.sqrt(len(one.counts))) for one in sure
        ),
    )  # fmt: skip


def rounding_shift(scatter: float) -> float:
    """Return the rms by which the mean of rounded counts may be off.

    .. math:: \\frac{e^{-2 \\pi^2 s^2}}{\\sqrt 2 \\, \\pi}

    Parameters
    ----------
    scatter : float
        Standard deviation s of what is rounded, in DN.

    Returns
    -------
    float
        Shift in DN, over all places of the mean between two counts (law L46).
    """
    return math.exp(-2 * (math.pi * scatter) ** 2) / (math.pi * math.sqrt(2))


def _line_covariances(dark: tuple[Frames, ...], good: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the covariance of the temporal noise of neighbours in a row and in a column, in DN^2."""
    sums = np.zeros(3)
    for one in dark:
        if len(one.counts) > 1:
            noise = np.diff(one.counts.astype(np.float64), axis=0) / math.sqrt(2) * good
            noise -= good * (noise.sum(axis=(1, 2)) / good.sum())[:, np.newaxis, np.newaxis]
            sums += (np.sum(noise[:, :, 1:] * noise[:, :, :-1]), np.sum(noise[:, 1:] * noise[:, :-1]), len(noise))
    pairs = np.sum(good[:, 1:] & good[:, :-1]), np.sum(good[1:] & good[:-1])
    count = max(sums[2], 1.0)
    return max(float(sums[0] / (count * pairs[0])), 0.0), max(float(sums[1] / (count * pairs[1])), 0.0)


def _unclipped_spread(seen: float, *, level: float) -> float:
    """Return the spread of a normal signal about a level whose mean is ``seen`` after clipping at zero."""
    ends = 1e-3 * level, 100 * (seen + level)
    if seen <= clipped_mean(level, spread=ends[0], light=0.0, contrast=1.0):
        return ends[0]
    return float(brentq(lambda spread: clipped_mean(level, spread=spread, light=0.0, contrast=1.0) - seen, *ends))


def clipped_mean(level: float, *, spread: float, light: float, contrast: float) -> float:
    """Return the mean of counts that are clipped at zero.

    .. math:: \\langle \\max(0, b + I + s n) \\rangle =
              \\left\\langle (b + I)\\, \\Phi\\!\\left(\\tfrac{b + I}{s}\\right)
              + s\\, \\varphi\\!\\left(\\tfrac{b + I}{s}\\right) \\right\\rangle_I

    Parameters
    ----------
    level : float
        Black level b, in DN.
    spread : float
        Standard deviation s of dark signals, in DN.
    light : float
        Mean of the light I, in DN; negative values lower the level.
    contrast : float
        Squared contrast of the light, gamma distributed.

    Returns
    -------
    float
        Mean in DN.
    """
    shape = 1 / contrast
    signal = level + light * gammaincinv(shape, QUANTILES) / shape
    density = np.exp(-((signal / spread) ** 2) / 2) / math.sqrt(2 * math.pi)
    return float(np.mean(signal * ndtr(signal / spread) + spread * density))


def filled_light(frames: Frames, camera: CameraKnowledge, *, dark: DarkLevel, contrast: float = 1.0) -> FilledLight:
    """Return frames in electrons, clipped pixels filled by how speckle falls off.

    .. math:: \\langle I | I > s \\rangle = s + \\theta \\bar I, \\qquad
              \\theta = \\frac{\\sum_{I > q} (\\min(I, s) - q) / \\bar I}{\\#(q < I < s)}

    Parameters
    ----------
    frames : Frames
        Frames with light.
    camera : CameraKnowledge
        Gain, noise, saturation.
    dark : DarkLevel
        Dark counts.
    contrast : float, optional
        Squared contrast of the speckle that a pixel sees; it matters where dark counts are clipped at zero.

    Returns
    -------
    FilledLight
        Light in electrons for the exposure.

    Notes
    -----
    Bright speckle falls off exponentially, by its strongest mode: theta is the likeliest slope of pixels beyond q,
    three quarters of the saturation s, those beyond s censored. Where dark counts are clipped at zero, the mean is
    that whose clipped counts have the mean that is seen (`clipped_mean`).
    """
    gain, read = camera.gain.value, camera.dark_noise
    level = dark.level(frames.exposure_time).value
    noise = max(read.value, 0.0) ** 2 + max(camera.dark_current.value, 0.0) * frames.exposure_time
    doubt = math.hypot(2 * read.value * read.uncertainty, camera.dark_current.uncertainty * frames.exposure_time)
    shift = rounding_shift(float(frames.counts[:, dark.good].std(axis=1).min()))
    if np.mean(frames.counts[:, dark.good] == 0) > CLIPPED_SHARE:
        shift = math.hypot(shift, CLIPPED_DOUBT * dark.spread)
    margin = 4 * math.hypot(gain * math.sqrt(noise), 0.5)
    top = camera.saturation.value - (margin if camera.saturation.value - margin > level else 0.0)
    clipped = (frames.counts >= top) & dark.good
    electrons = (frames.counts - (level + dark.offset)) / gain * dark.good
    electrons[clipped] = 0
    mean, tail = _fill(electrons, clipped, level=(top - level) / gain, pixels=int(dark.good.sum()))
    electrons += clipped * ((top - level) / gain + tail)[:, np.newaxis, np.newaxis]
    return FilledLight(
        electrons=electrons, clipped=clipped, filled_variance=tail**2, good=dark.good,
        mean=mean + _lost_at_zero(frames, dark, level=level, contrast=contrast) / gain,
        noise_variance=noise + 1 / (12 * gain**2), noise_doubt=doubt + 2 * shift / gain**2,
        row_covariance=dark.row_covariance / gain**2, column_covariance=dark.column_covariance / gain**2,
        rounding=shift / gain, exposure_time=frames.exposure_time,
    )  # fmt: skip


def _fill(
    electrons: NDArray[np.float64], clipped: NDArray[np.bool_], *, level: float, pixels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each frame, and by how much its clipped pixels exceed the level on average, by fixed point."""
    share, below = clipped.sum(axis=(1, 2)) / pixels, electrons.sum(axis=(1, 2)) / pixels
    bright = (electrons > TAIL * level).sum(axis=(1, 2))
    excess = np.sum(np.maximum(electrons - TAIL * level, 0), axis=(1, 2)) + share * pixels * (1 - TAIL) * level
    lit, mean, tail = share > 0, below + share * level, np.zeros_like(below)
    for _ in range(20 if lit.any() else 0):
        slope = float(np.sum(excess[lit] / mean[lit]) / max(np.sum(bright[lit]), 1))
        tail = slope * mean
        mean = below + share * (level + tail)
    return mean, tail


def _lost_at_zero(frames: Frames, dark: DarkLevel, *, level: float, contrast: float) -> float:
    """Return by how much clipping at zero changed the mean light of the frames, in DN."""
    counts = frames.counts[:, dark.good]
    if np.mean(counts == 0) <= CLIPPED_SHARE or level <= 0:
        return 0.0
    seen = float(counts.mean())

    def misfit(light: float) -> float:
        return clipped_mean(level, spread=dark.spread, light=light, contrast=contrast) - seen

    largest = seen + level
    if misfit(-level) * misfit(largest) > 0:
        return 0.0
    return float(brentq(misfit, -level, largest)) - (seen - level)
