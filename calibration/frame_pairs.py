"""Mean and temporal variance of pairs of frames, the raw material of every photon-transfer figure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.uncertainty import SIGNIFICANT

Counts = NDArray[np.unsignedinteger]


@dataclass(frozen=True, eq=False)
class PairStatistics:
    """Mean and temporal variance at each exposure level.

    Parameters
    ----------
    mean, mean_uncertainty : ndarray, shape (level,)
        Mean count of the two frames and its temporal uncertainty, in DN.
    variance, variance_uncertainty : ndarray, shape (level,)
        Temporal variance and its uncertainty, in DN^2.
    """

    mean: NDArray[np.float64]
    mean_uncertainty: NDArray[np.float64]
    variance: NDArray[np.float64]
    variance_uncertainty: NDArray[np.float64]


def pair_statistics(pairs: Counts) -> PairStatistics:
    """Return mean and temporal variance of pairs of frames.

    .. math:: \\mu_y = \\tfrac12 \\langle y_1 + y_2 \\rangle, \\qquad
              \\sigma_y^2 = \\tfrac12 \\langle (y_1 - y_2)^2 \\rangle - \\tfrac12 (\\mu_1 - \\mu_2)^2

    Parameters
    ----------
    pairs : ndarray of unsigned int, shape (level, 2, y, x)
        Two frames of the same light at each level, in DN.

    Returns
    -------
    PairStatistics
        One entry a level.

    Notes
    -----
    The fixed pattern cancels in the difference. The uncertainty of the variance is measured, from the spread of
    the squared differences over pixels; where whole rows or columns fluctuate together, from theirs as well.

    References
    ----------
    .. [1] EMVA Standard 1288, Release 4.0 Linear, sec. 6.3: mean and variance of the gray values.
    """
    rows = [_statistics(first.astype(np.float64), second.astype(np.float64)) for first, second in pairs]
    mean, variance, mean_uncertainty, variance_uncertainty = np.array(rows).T
    return PairStatistics(mean, mean_uncertainty, variance, variance_uncertainty)


def _statistics(first: NDArray[np.float64], second: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return mean, variance and their uncertainties for one pair."""
    difference = first - second
    difference -= difference.mean()
    halves = difference**2 / 2
    pixels = halves.size
    variance = float(halves.sum()) / (pixels - 1)
    mean_error = _mean_variance(difference / 2)
    return (
        float(first.mean() + second.mean()) / 2,
        variance,
        max(float(np.sqrt(mean_error)), 0.5 / pixels),
        max(float(np.sqrt(_mean_variance(halves))), 0.5 / pixels),
    )


def _mean_variance(image: NDArray[np.float64]) -> float:
    """Return the variance of an image's mean; rows or columns that move together count as one draw each."""
    independent = float(image.var(ddof=1)) / image.size
    total = independent
    for axis in (0, 1):
        lines = image.mean(axis=axis)
        grouped = float(lines.var(ddof=1)) / lines.size
        if grouped > independent * (1 + SIGNIFICANT * np.sqrt(2 / lines.size)):
            total += grouped - independent
    return total
