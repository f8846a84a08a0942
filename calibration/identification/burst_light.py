"""The light of repeated frames: patterns without their power, powers, and what the camera adds to either."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.uncertainty import Measured
from calibration.identification.dark_levels import noise_below, temporal_variance
from calibration.identification.observations import Frames, Observations

MOST_CLIPPED = 0.02
"""Part of the counts at the top from which on their statistics are no longer those of the light."""

LEAST_PIXELS = 64
"""Pixels from which on statistics are worth while."""

LEAST_FOLLOWING = 0.05
"""Least part of the dark counts that is taken to follow a common change where the others are clipped at zero."""

HARMONICS = 4
"""Terms of the series of the rounding error; the fifth is exp(-98) of it at half a DN of noise."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BurstLight:
    """Frames of some parts of the macropixels in bursts, as relative light.

    Parameters
    ----------
    patterns : ndarray, shape (part, frame, pixel)
        Light of the pixels that count over the mean of the frame, less one.
    power : ndarray, shape (part, frame)
        Mean light of each frame over that of all frames of its part.
    noise : ndarray, shape (part, frame)
        Variance that the camera adds to ``patterns``, mean over pixels.
    noise_share : ndarray, shape (part, pixel)
        Variance that the camera adds in each pixel, over its mean.
    noise_uncertainty : float
        Standard uncertainty of ``noise``, common to all frames, from that of the camera's figures.
    power_noise : ndarray, shape (part,)
        Variance that the camera adds to ``power``.
    times : ndarray, shape (frame,)
        Start of each exposure, in seconds, mean over the parts.
    bursts : ndarray of int, shape (frame,)
        Burst of each frame.
    counted : ndarray of bool, shape (y, x)
        Pixels that count.
    """

    patterns: NDArray[np.float64]
    power: NDArray[np.float64]
    noise: NDArray[np.float64]
    noise_share: NDArray[np.float64]
    noise_uncertainty: float
    power_noise: NDArray[np.float64]
    times: NDArray[np.float64]
    bursts: NDArray[np.int64]
    counted: NDArray[np.bool_]

    @property
    def gram(self) -> NDArray[np.float64]:
        """Return the covariance of the patterns over pixels, the camera's noise in its diagonal, by part.

        Returns
        -------
        ndarray, shape (part, frame, frame)
            Covariances.
        """
        return np.asarray(self.patterns @ self.patterns.transpose(0, 2, 1) / self.patterns.shape[2])

    @property
    def pixels(self) -> int:
        """Return the number of pixels that count, of all parts together."""
        return int(self.patterns.shape[0] * self.patterns.shape[2])

    def images(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values of the pixels that count as images, zero elsewhere.

        Parameters
        ----------
        values : ndarray, shape (..., pixel)
            Values.

        Returns
        -------
        ndarray, shape (..., y, x)
            Images.
        """
        images = np.zeros((*values.shape[:-1], *self.counted.shape))
        images[..., self.counted] = values
        return images


def burst_light(
    observations: Observations, *, gain: Measured, dark_noise: Measured, excluded: NDArray[np.bool_]
) -> BurstLight:
    """Return the relative light of the repeated frames, part by part, the dark level of each pixel taken off.

    Parameters
    ----------
    observations : Observations
        The frames; those that are repeated, and the dark ones.
    gain : Measured
        System gain K, in DN per electron.
    dark_noise : Measured
        Temporal dark noise of a pixel without dark current, rows and columns included, before rounding, in DN; an upper
        bound counts as uniform below it, in the square.
    excluded : ndarray of bool, shape (y, x)
        Pixels that do not count: dead and hot ones.

    Returns
    -------
    BurstLight
        The light.

    Raises
    ------
    ValueError
        If there are fewer than two bursts or four frames in one, patterns change within a burst, parts have unlike
        bursts, too few pixels count, too many counts are clipped, or there is no light.
    """
    _check(observations, excluded)
    parts, counted = observations.parts, ~excluded
    level, current = dark_level(observations.dark, exposure_time=parts[0][0].exposure_time)
    light = np.stack([np.concatenate([burst.counts[:, counted] for burst in part]) for part in parts]) - level[counted]
    means = light.mean(axis=2)
    if means.min() <= 0:
        raise ValueError(
            f"the mean light of a frame is {means.min():.3g} DN, it must be positive: are the frames of repeats lit?"
        )
    mean = means.mean(axis=1)
    charge = np.maximum(light.mean(axis=1) + current[counted], 0)
    dark, dark_uncertainty = _dark_variance(dark_noise, observations.dark, counted)
    analogue = gain.value * charge + dark
    variances = analogue + rounding_variance(analogue)
    variance = variances.mean(axis=1)
    uncertainty = np.hypot(gain.uncertainty * charge.mean(axis=1), dark_uncertainty)
    pixels = light.shape[2]
    shot = gain.value * charge.mean(axis=1) / pixels
    floor = (dark + 1 / 12) / pixels
    return BurstLight(
        patterns=light / means[..., np.newaxis] - 1, power=means / mean[:, np.newaxis],
        noise=variance[:, np.newaxis] / means**2, noise_share=variances / variance[:, np.newaxis],
        noise_uncertainty=float(np.mean(uncertainty / mean**2)),
        power_noise=(shot + max(floor, _dark_mean_variance(observations.dark, counted))) / mean**2,
        times=np.mean([np.concatenate([burst.timestamps for burst in part]) for part in parts], axis=0),
        bursts=np.repeat(np.arange(len(parts[0])), [len(burst.counts) for burst in parts[0]]), counted=counted,
    )  # fmt: skip


def dark_level(dark: tuple[Frames, ...], *, exposure_time: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the dark level of each pixel at an exposure time, and what of it is dark current.

    .. math:: d(t) = d_0 + \\dot d \\, t

    Parameters
    ----------
    dark : tuple of Frames
        Dark frames, a set for each exposure time.
    exposure_time : float
        Exposure time t, in seconds.

    Returns
    -------
    level, current : ndarray, shape (y, x)
        Level d(t) and its part that grows with time, in DN: the weighted line through the means of the sets.
    """
    times = np.array([one.exposure_time for one in dark])
    weights = np.array([float(len(one.counts)) for one in dark])
    means = np.stack([one.mean for one in dark])
    centre = float(weights @ times / weights.sum())
    middle = np.tensordot(weights, means, axes=1) / weights.sum()
    spread = float(weights @ (times - centre) ** 2)
    if spread == 0:
        return middle, np.zeros_like(middle)
    slope = np.tensordot(weights * (times - centre), means - middle, axes=1) / spread
    return middle + slope * (exposure_time - centre), np.asarray(slope * exposure_time)


def rounding_variance(variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what rounding adds to the temporal variance of counts whose mean lies anywhere between two counts.

    .. math:: \\frac{1}{12} - \\sum_k \\frac{e^{-4 \\pi^2 k^2 \\sigma^2}}{2 \\pi^2 k^2}

    Parameters
    ----------
    variance : ndarray
        Variance sigma^2 before rounding, in DN^2.

    Returns
    -------
    ndarray
        DN^2, averaged over the place of the mean between two counts.

    Notes
    -----
    The sum is the part of the rounding error that stays from frame to frame: all of it where there is no noise, none
    of it from half a DN on. A pixel's own value depends on the place of its mean; over pixels of unlike light it
    averages.
    """
    orders = np.arange(1, HARMONICS + 1).reshape(-1, *[1] * np.ndim(variance))
    stays = np.exp(-4 * (math.pi * orders) ** 2 * variance) / (2 * (math.pi * orders) ** 2)
    return np.asarray(np.maximum(1 / 12 - stays.sum(axis=0), 0))


def _dark_variance(noise: Measured, dark: tuple[Frames, ...], counted: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the dark variance and its standard uncertainty, in DN^2."""
    if not noise.bound:
        return noise.value**2, 2 * noise.value * noise.uncertainty
    below = noise_below(noise.value, temporal=temporal_variance(dark, counted))
    return below.value, below.uncertainty


def _dark_mean_variance(dark: tuple[Frames, ...], counted: NDArray[np.bool_]) -> float:
    """Return the variance of the mean of a dark frame from one to the next, in DN^2.

    Where dark counts are clipped at zero, only those that are not follow what a row or a frame has in common.
    """
    squares, freedom = 0.0, 0
    for one in dark:
        counts = one.counts[:, counted]
        means = counts.mean(axis=1)
        follows = 1 - float(np.mean(counts == 0)) + float(np.mean(counts == 1)) / 2 if (counts == 0).any() else 1.0
        squares += float(np.sum((means - means.mean()) ** 2)) / max(min(follows, 1.0), LEAST_FOLLOWING) ** 2
        freedom += len(means) - 1
    return squares / freedom if freedom else 0.0


def _check(observations: Observations, excluded: NDArray[np.bool_]) -> None:
    """Refuse frames from which nothing can be told."""
    repeats, parts = observations.repeats, observations.parts
    shortest = min((len(burst.counts) for burst in repeats), default=0)
    fewest = min((len(part) for part in parts), default=0)
    if fewest < 2 or shortest < 4:
        raise ValueError(
            f"repeats has {fewest} bursts, the shortest of {shortest} frames: two bursts of four are the least"
        )
    if any((burst.states != burst.states[0]).any() for burst in repeats):
        raise ValueError("the frames of a burst of repeats show different patterns: repeat one part, then the next")
    lengths = {tuple(len(burst.counts) for burst in part) for part in parts}
    if len(lengths) > 1:
        raise ValueError(
            f"the parts of repeats have bursts of unlike lengths {sorted(lengths)}: repeat all parts alike"
        )
    if excluded.shape != repeats[0].counts.shape[1:]:
        raise ValueError(f"excluded has shape {excluded.shape}, frames have {repeats[0].counts.shape[1:]}")
    left = int(np.count_nonzero(~excluded))
    if left < LEAST_PIXELS:
        raise ValueError(f"{left} pixels are left, {LEAST_PIXELS} are the least: exclude fewer")
    clipped = float(np.mean([np.mean(burst.counts[:, ~excluded] >= observations.largest_count) for burst in repeats]))
    if clipped > MOST_CLIPPED:
        raise ValueError(
            f"{clipped:.1%} of the counts of repeats are clipped, {MOST_CLIPPED:.0%} are allowed: expose for less time"
        )
