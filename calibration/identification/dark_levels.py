"""Mean dark counts of the pixels, also where rounding or clipping at zero hides them, and the noise that they share."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaincinv, ndtr, ndtri

from calibration.cameras.uncertainty import Measured
from calibration.identification.observations import Frames

CLIPPED_SHARE = 1e-3
"""Part of counts at zero from which on a mean is not taken for that of the signal."""

RARE = 1e-3
"""Part of the counts below which a value of a count tells nothing of how they scatter."""

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
    temporal : float
        Variance of a dark pixel from frame to frame as rounded, in DN^2.
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
    temporal: float
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
    scatter = float(np.median([unrounded_scatter(one.counts[:, good]) for one in dark]))
    slope, slope_doubt = _dark_slope(dark, camera, good=good, scatter=scatter)
    levels = [one.mean[good].mean() - slope * one.exposure_time for one in dark]
    own = float(np.average(levels, weights=[len(one.counts) for one in dark]))
    clipping = spread if np.mean(counts == 0) > CLIPPED_SHARE else 0.0
    wander = float(np.std(levels, ddof=1)) / math.sqrt(len(levels)) if len(levels) > 1 else 0.0
    doubt = math.hypot(rounding_shift(scatter), spread / math.sqrt(counts.size), clipping, wander)
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
        offset=offset, start=taken, slope=slope, slope_uncertainty=slope_doubt, temporal=temporal_variance(dark, good),
        uncertainty=doubt if taken == own else stated, spread=spread, good=good,
        row_covariance=rows, column_covariance=columns, exposure_times=tuple(one.exposure_time for one in sure),
        means=tuple(float(one.mean[good].mean()) for one in sure),
        mean_uncertainties=tuple(
            math.hypot(rounding_shift(scatter), own_noise / math.sqrt(len(one.counts))) for one in sure
        ),
    )  # fmt: skip


def _dark_slope(
    dark: tuple[Frames, ...], camera: CameraKnowledge, *, good: NDArray[np.bool_], scatter: float
) -> tuple[float, float]:
    """Return the rise of the dark level and its standard uncertainty, in DN per second.

    Where the camera's figure is a bound, the rise is anywhere below it, or that of the frames if they tell more.
    """
    figure, gain = camera.dark_current, camera.gain.value
    if not figure.bound:
        return gain * max(figure.value, 0.0), gain * figure.uncertainty
    half, doubt = gain * figure.value / 2, gain * figure.value / math.sqrt(12)
    times = np.array([one.exposure_time for one in dark])
    if np.ptp(times) == 0:
        return half, doubt
    means = np.array([one.mean[good].mean() for one in dark])
    own = max(float(np.polyfit(times, means, 1)[0]), 0.0)
    doubts = math.hypot(rounding_shift(scatter), float(np.std(means)))
    own_doubt = math.sqrt(2) * doubts / float(np.ptp(times))
    return (half, doubt) if doubt < own_doubt else (own, own_doubt)


def temporal_variance(dark: tuple[Frames, ...], good: NDArray[np.bool_]) -> float:
    """Return the variance of dark counts from frame to frame.

    Parameters
    ----------
    dark : tuple of Frames
        Dark frames.
    good : ndarray of bool, shape (y, x)
        Pixels that count.

    Returns
    -------
    float
        Variance of rounded counts, in DN^2.
    """
    total = sum(float(one.counts[:, good].var(axis=0).sum()) * len(one.counts) for one in dark)
    freedom = sum(max(len(one.counts) - 1, 0) for one in dark) * int(good.sum())
    return total / max(freedom, 1)


def noise_below(bound: float, *, temporal: float) -> Measured:
    """Return the variance of a noise of which only an upper bound is known, and the scatter of its rounded counts.

    .. math:: \\sigma^2 \\le \\min\\big(b^2, (s + \\tfrac12)^2\\big)

    Parameters
    ----------
    bound : float
        Upper bound b, in DN.
    temporal : float
        Variance s^2 of rounded counts, in DN^2: rounding hides at most half a DN of it.

    Returns
    -------
    Measured
        The middle of what is allowed for the variance, with the deviation of an even distribution, in DN^2.
    """
    largest = min(bound, math.sqrt(temporal) + 0.5) ** 2
    return Measured(value=largest / 2, uncertainty=largest / math.sqrt(12))


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


def unrounded_scatter(counts: NDArray[np.number]) -> float:
    """Return the standard deviation that normal signals had before they were rounded.

    .. math:: s = \\frac{k_2 - k_1}{\\Phi^{-1}(P_{k \\le k_2}) - \\Phi^{-1}(P_{k \\le k_1})}

    Parameters
    ----------
    counts : ndarray
        Counts, in DN.

    Returns
    -------
    float
        Standard deviation s, in DN, from the first to the last value between two counts beyond which a thousandth or
        more of the counts lie; zero where there is one such place or none: then s may be anything that is small.
    """
    values, numbers = np.unique(counts, return_counts=True)
    below = np.cumsum(numbers)[:-1] / counts.size
    told = np.flatnonzero((below > RARE) & (below < 1 - RARE))
    if len(told) < 2:
        return 0.0
    first, last = told[0], told[-1]
    return float((values[last] - values[first]) / (ndtri(below[last]) - ndtri(below[first])))


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
    part = gammaincinv(shape, QUANTILES)
    signal = level + light * part / part.mean()  # the quantiles miss half a percent of the mean, in the last of them
    density = np.exp(-((signal / spread) ** 2) / 2) / math.sqrt(2 * math.pi)
    return float(np.mean(signal * ndtr(signal / spread) + spread * density))
