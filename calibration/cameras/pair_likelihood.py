"""Likelihood of one exposure level: pairs of counts of the same pixel, through the exact converter.

Parameters are a vector: black level (DN), log read noise (log DN), log gain (log DN/e), dark rate (DN/s), log
DSNU (log DN), log PRNU, and then the mean count (DN) of each bright level that is fitted exactly.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.frame_pairs import Counts
from calibration.cameras.quantiser import charge_probability, count_probability

BLACK, NOISE, GAIN, RATE, DSNU, PRNU = range(6)
SHARED = 6
"""Parameters that all levels share; the means follow."""

STRAY = 1e-6
"""Share of pixels that may show any pair of counts (cosmic rays): one such pixel must not decide a fit."""

STEP = 1e-4
"""Step of numerical derivatives: in DN, or relative where logarithms are fitted."""

Vector = NDArray[np.float64]
Terms = tuple[float, Vector, NDArray[np.float64], NDArray[np.intp]]
"""Log-likelihood, gradient, information, and the parameters that the two belong to."""


@dataclass(frozen=True, eq=False)
class PairHistogram:
    """A level whose rounding shows: how often each pair of counts was seen.

    Parameters
    ----------
    counts : ndarray of int, shape (count,)
        Consecutive counts, in DN.
    table : ndarray, shape (count, count)
        Pixels that showed the first count in one frame and the second in the other.
    top : int
        Largest count of the converter.
    time : float
        Exposure time of a dark level, in seconds.
    mean_index : int
        Index of the mean of a bright level among the parameters; -1 for a dark level.
    electrons : bool
        Whether single electrons matter, so that the Poisson law is used in place of its normal limit.
    grid : ndarray, shape (node,)
        Nodes over the spread of the pixels' means, in standard deviations.
    """

    counts: NDArray[np.integer]
    table: NDArray[np.float64]
    top: int
    time: float
    mean_index: int
    electrons: bool
    grid: NDArray[np.float64]

    @property
    def dark(self) -> bool:
        """Return whether this is a dark level."""
        return self.mean_index < 0

    def probability(self, parameters: Vector) -> NDArray[np.float64]:
        """Return the probability of each pair.

        .. math:: P(c_1, c_2) = \\int P(c_1 | m) P(c_2 | m) \\, N(m; \\mu, t^2) \\, dm

        Parameters
        ----------
        parameters : ndarray
            As the module says.

        Returns
        -------
        ndarray, shape (count, count)
            Probabilities; the fixed pattern of variance t^2 = d^2 + p^2 (mu - b)^2 is integrated over.
        """
        mean, signal, variance = _moments(self, parameters)
        spread = np.hypot(np.exp(parameters[DSNU]), np.exp(parameters[PRNU]) * signal)
        nodes = mean + spread * self.grid
        weights = np.exp(-(self.grid**2) / 2)
        weights /= weights.sum()
        if self.electrons:
            gain, noise = float(np.exp(parameters[GAIN])), float(np.exp(parameters[NOISE]))
            single = charge_probability(
                self.counts, charge=signal / gain, offset=nodes - signal, gain=gain, deviation=noise, top=self.top
            )
        else:
            # Pixels that respond more have more shot noise: their part in the spread of the means is that of PRNU.
            response = (np.exp(parameters[PRNU]) * signal / spread) ** 2
            light = np.maximum(signal + response * (nodes - mean), 0)
            gain = np.exp(parameters[GAIN])
            deviation = np.sqrt(np.maximum(variance + gain * (light - signal), 1e-12))
            skewness = gain**2 * light / deviation**3
            single = count_probability(self.counts, mean=nodes, deviation=deviation, top=self.top, skewness=skewness)
        joint = (single * weights) @ single.T
        return np.asarray((1 - STRAY) * joint + STRAY / joint.size)

    def terms(self, parameters: Vector) -> Terms:
        """Return log-likelihood, gradient and expected information of this level.

        Parameters
        ----------
        parameters : ndarray
            As the module says.

        Returns
        -------
        tuple
            Value, gradient, information, and the indices of the parameters.
        """
        index = _concerned(self.mean_index)
        here = self.probability(parameters)
        slopes = np.stack([_slope(self.probability, parameters, int(number)) for number in index])
        weighted = slopes / here
        gradient = np.tensordot(weighted, self.table, axes=([1, 2], [0, 1]))
        flat, scaled = slopes.reshape(len(index), -1), weighted.reshape(len(index), -1)
        value = float(np.sum(self.table * np.log(here)))
        return value, gradient, self.table.sum() * flat @ scaled.T, index


@dataclass(frozen=True, eq=False)
class PairMoments:
    """A level whose noise dithers the rounding: its mean and variance say everything.

    Parameters
    ----------
    mean, variance : float
        Mean count (DN) and temporal variance (DN^2) of the pairs.
    pixels : int
        Number of pixels.
    time : float
        Exposure time of a dark level, in seconds.
    dark : bool
        Whether the mean is that of the dark signal; the mean of a bright level is taken as it is.
    mean_index : int, optional
        Index of the mean among the parameters: -1, it is not one of them.
    """

    mean: float
    variance: float
    pixels: int
    time: float
    dark: bool
    mean_index: int = -1

    def terms(self, parameters: Vector) -> Terms:
        """Return log-likelihood, gradient and expected information of this level.

        Parameters
        ----------
        parameters : ndarray
            As the module says.

        Returns
        -------
        tuple
            Value, gradient, information, and the indices of the parameters.
        """
        index = np.arange(RATE + 1)

        def law(at: Vector) -> Vector:
            mean, _, variance = _moments(self, at)
            return np.array([mean, variance + 1 / 12])

        mean, variance = law(parameters)
        slopes = np.stack([_slope(law, parameters, int(number)) for number in index])
        half = self.pixels / 2
        miss = self.mean - mean if self.dark else 0.0
        value = -half * (np.log(variance) + self.variance / variance) - self.pixels * miss**2 / variance
        steepness = np.array([
            2 * self.pixels * miss / variance,
            half * (self.variance - variance) / variance**2 + self.pixels * miss**2 / variance**2,
        ])  # fmt: skip
        weights = np.array([2 * self.pixels / variance if self.dark else 0.0, half / variance**2])
        return float(value), slopes @ steepness, (slopes * weights) @ slopes.T, index

    def deviation(self, parameters: Vector) -> float:
        """Return how far the variance lies from the law, in its standard errors.

        Parameters
        ----------
        parameters : ndarray
            As the module says.

        Returns
        -------
        float
            Deviation.
        """
        expected = _moments(self, parameters)[2] + 1 / 12
        return (self.variance / expected - 1) / math.sqrt(2 / self.pixels)


Level = PairHistogram | PairMoments


def pair_histogram(
    first: Counts, second: Counts, *, top: int, time: float, mean_index: int, electrons: bool, narrowest: float
) -> PairHistogram:
    """Return the histogram of pairs of counts.

    Parameters
    ----------
    first, second : ndarray of unsigned int
        Counts of the same pixels in two frames.
    top : int
        Largest count of the converter.
    time : float
        Exposure time of a dark level, in seconds.
    mean_index : int
        Index of the mean of a bright level among the parameters; -1 for a dark level.
    electrons : bool
        Whether the Poisson law is used in place of its normal limit.
    narrowest : float
        Smallest temporal noise that is to be resolved, in DN.

    Returns
    -------
    PairHistogram
        Without the outermost pixels, more than 3 DN beyond 99.9 % of all (hot and dead ones).
    """
    low, high = np.percentile(first, [0.05, 99.95])
    start, stop = max(0, int(low) - 3), min(top, int(high) + 3)
    counts = np.arange(start, stop + 1)
    a, b = first.ravel().astype(np.int64) - start, second.ravel().astype(np.int64) - start
    inside = (a >= 0) & (b >= 0) & (a < len(counts)) & (b < len(counts))
    table = np.bincount(a[inside] * len(counts) + b[inside], minlength=len(counts) ** 2)
    # Nodes closer than the noise make the sum exact; the spread is at most that of the counts.
    nodes = int(min(10 * float(np.std(first)) / narrowest, 400) / 2) * 2 + 41
    return PairHistogram(
        counts, table.reshape(len(counts), len(counts)).astype(np.float64), top, time, mean_index, electrons,
        np.linspace(-5, 5, nodes),
    )  # fmt: skip


def _moments(level: Level, parameters: Vector) -> tuple[float, float, float]:
    """Return mean, signal and temporal variance without rounding, in DN and DN^2."""
    if level.mean_index >= 0:
        mean = float(parameters[level.mean_index])
    elif isinstance(level, PairMoments) and not level.dark:
        mean = level.mean
    else:
        mean = float(parameters[BLACK] + parameters[RATE] * level.time)
    signal = max(mean - float(parameters[BLACK]), 0.0)
    return mean, signal, float(np.exp(2 * parameters[NOISE]) + np.exp(parameters[GAIN]) * signal)


def _concerned(mean_index: int) -> NDArray[np.intp]:
    """Return the indices of the parameters that move a level."""
    shared = list(range(SHARED))
    return np.array(shared if mean_index < 0 else [*shared, mean_index], np.intp)


def _slope(function: Callable[[Vector], NDArray[np.float64]], parameters: Vector, index: int) -> NDArray[np.float64]:
    """Return the derivative of a function with respect to one parameter."""
    ahead, behind = parameters.copy(), parameters.copy()
    ahead[index] += STEP
    behind[index] -= STEP
    return np.asarray((function(ahead) - function(behind)) / (2 * STEP))
