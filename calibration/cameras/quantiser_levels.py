"""Exposure levels as the likelihood wants them: histograms of pairs where rounding shows, moments where it does not."""

import math

import numpy as np

from calibration.cameras.frame_pairs import Counts, PairStatistics
from calibration.cameras.light_series import LightSeries
from calibration.cameras.pair_likelihood import (
    BLACK,
    DSNU,
    GAIN,
    NOISE,
    PRNU,
    RATE,
    SHARED,
    Level,
    PairHistogram,
    PairMoments,
    Vector,
    pair_histogram,
)
from calibration.cameras.photon_transfer import QUANTISATION, PhotonTransfer
from calibration.cameras.uncertainty import SIGNIFICANT

DITHERED = 0.8
"""Noise in DN from which on rounding adds 1/12 DN^2 to better than 1e-5 DN^2 (law L46)."""

SKEWED = 0.05
"""Skewness of the charge from which on the Poisson law is used in place of its normal limit."""

POOLED = 0.1
"""Growth of the dark signal, in DN, over which dark frames are pooled into one level."""

LARGEST_POOLS = 12
"""Pools of dark frames that are fitted: where the dark signal grows much, every so many of them are taken."""


def make_levels(
    series: LightSeries, *, start: PhotonTransfer, bright: PairStatistics, dark: PairStatistics
) -> tuple[list[Level], Vector]:
    """Return the levels of a series and a first guess of all parameters.

    Parameters
    ----------
    series : LightSeries
        The frames.
    start : PhotonTransfer
        Their figures by the standard.
    bright, dark : PairStatistics
        Their means and variances.

    Returns
    -------
    levels : list of PairHistogram or PairMoments
        Dark levels, then bright levels up to 70 % of saturation.
    guess : ndarray, shape (parameter,)
        The shared parameters as the standard gives them, then the mean of each level that is fitted exactly.
    """
    guess = _first_guess(series, start, dark)
    levels = _dark_levels(series, start, dark, guess)
    means: list[float] = []
    for index in np.flatnonzero(start.curve.used):
        if bright.variance[index] >= DITHERED**2 + QUANTISATION:
            levels.append(
                PairMoments(
                    mean=float(bright.mean[index]), variance=float(bright.variance[index]),
                    pixels=series.bright_frames[0, 0].size, time=0.0, dark=False,
                )
            )  # fmt: skip
        else:
            levels.append(_bright_histogram(series, int(index), float(bright.mean[index]), guess, SHARED + len(means)))
            means.append(float(bright.mean[index]))
    return levels, np.concatenate([guess, means])


def _first_guess(series: LightSeries, start: PhotonTransfer, dark: PairStatistics) -> Vector:
    """Return the shared parameters as the standard's estimators give them."""
    noise = math.sqrt(max(start.dark.variance.value - QUANTISATION, 0.03))
    last = int(np.flatnonzero(start.curve.used)[-1])
    frames = series.dark_frames[0]
    dsnu = max(_shared_deviation(frames[0], frames[1]), 0.03)
    pair = series.bright_frames[last]
    response = math.sqrt(max(_shared_deviation(pair[0], pair[1]) ** 2 - dsnu**2, 0.0))
    prnu = max(response / max(float(start.curve.signal[last]), 1e-3), 1e-4)
    guess = np.zeros(SHARED)
    guess[[BLACK, NOISE, GAIN, DSNU, PRNU]] = (
        start.dark.black_level.value, math.log(noise), math.log(max(start.gain.value, 1e-6)), math.log(dsnu),
        math.log(prnu),
    )  # fmt: skip
    if _grows(start) and start.dark.mean_slope:
        guess[RATE] = start.dark.mean_slope.value
    return guess


def _shared_deviation(first: Counts, second: Counts) -> float:
    """Return the deviation from pixel to pixel that two frames share, in DN."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    return math.sqrt(max(float(np.mean((a - a.mean()) * (b - b.mean()))), 0.0))


def _grows(start: PhotonTransfer) -> bool:
    """Return whether the dark signal grows significantly with the exposure time."""
    slope = start.dark.mean_slope
    return slope is not None and slope.value > SIGNIFICANT * slope.uncertainty


def _dark_levels(series: LightSeries, start: PhotonTransfer, dark: PairStatistics, guess: Vector) -> list[Level]:
    """Return the dark frames, pooled by exposure time where that matters."""
    levels = len(dark.mean)
    times = np.zeros(levels)
    if _grows(start) and series.exposure_times is not None and levels > 1:
        times = np.asarray(series.exposure_times)
    # Two at least where the signal grows: rounding bends means, so that their slope has to be fitted with it.
    pools = min(levels, 1 + bool(np.ptp(times)) + int(guess[RATE] * np.ptp(times) / POOLED))
    groups = np.array_split(np.argsort(times, kind="stable"), pools)[:: -(-pools // LARGEST_POOLS)]
    found: list[Level] = []
    for group in groups:
        time, frames = float(times[group].mean()), series.dark_frames[group]
        if dark.variance[group].mean() >= DITHERED**2 + QUANTISATION:
            found.append(
                PairMoments(
                    mean=float(dark.mean[group].mean()), variance=float(dark.variance[group].mean()),
                    pixels=frames[:, 0].size, time=time, dark=True,
                )
            )  # fmt: skip
        else:
            charge = guess[RATE] * time / np.exp(guess[GAIN])
            found.append(
                pair_histogram(
                    frames[:, 0], frames[:, 1], top=series.largest_count, time=time, mean_index=-1,
                    electrons=_skewed(charge, guess), narrowest=float(np.exp(guess[NOISE])) / 3,
                )
            )  # fmt: skip
    return found


def _bright_histogram(series: LightSeries, level: int, mean: float, guess: Vector, index: int) -> PairHistogram:
    """Return a bright level whose rounding shows."""
    first, second = series.bright_frames[level]
    signal = max(mean - guess[BLACK], 0.0)
    noise = math.sqrt(np.exp(2 * guess[NOISE]) / 9 + np.exp(guess[GAIN]) * signal)
    electrons = _skewed(signal / np.exp(guess[GAIN]), guess)
    return pair_histogram(
        first, second, top=series.largest_count, time=0.0, mean_index=index, electrons=electrons, narrowest=noise
    )


def _skewed(charge: float, guess: Vector) -> bool:
    """Return whether single electrons matter at a mean charge."""
    noise = np.exp(guess[NOISE] - guess[GAIN])
    return bool(charge > 0 and charge / (noise**2 + charge) ** 1.5 > SKEWED)
