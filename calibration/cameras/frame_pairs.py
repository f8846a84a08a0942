"""Mean and temporal variance of pairs of frames, the raw material of every photon-transfer figure."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.uncertainty import SIGNIFICANT

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
    light_change, light_change_uncertainty : ndarray or None, shape (level,)
        Light of the first frame less that of the second, over their mean, and its uncertainty; None where it was
        not separated.
    """

    mean: NDArray[np.float64]
    mean_uncertainty: NDArray[np.float64]
    variance: NDArray[np.float64]
    variance_uncertainty: NDArray[np.float64]
    light_change: NDArray[np.float64] | None = None
    light_change_uncertainty: NDArray[np.float64] | None = None


def pair_statistics(pairs: Counts, *, uneven_light: bool = False) -> PairStatistics:
    """Return mean and temporal variance of pairs of frames.

    .. math:: \\mu_y = \\tfrac12 \\langle y_1 + y_2 \\rangle, \\qquad
              \\sigma_y^2 = \\tfrac12 \\langle (y_1 - y_2)^2 \\rangle - \\tfrac12 (\\mu_1 - \\mu_2)^2

    Parameters
    ----------
    pairs : ndarray of unsigned int, shape (level, 2, y, x)
        Two frames of the same light at each level, in DN.
    uneven_light : bool, optional
        Whether the light differs from pixel to pixel, as in speckle. Then a source that is brighter in one frame
        than in the other leaves its pattern in their difference: it is fitted and taken out.

    Returns
    -------
    PairStatistics
        One entry a level.

    Notes
    -----
    The fixed pattern cancels in the difference. Under uneven light of pattern m, a relative change delta of the
    source between the frames adds delta^2 var(m) / 2 to the variance. The regression of the difference on the mean
    of the two frames tells delta (an offset of the mean does not matter), and the variance is then that of its
    residuals: one more parameter. The uncertainty of the variance is measured, from the spread of
    the squared differences over pixels; where whole rows or columns fluctuate together, from theirs as well.

    References
    ----------
    .. [1] EMVA Standard 1288, Release 4.0 Linear, sec. 6.3: mean and variance of the gray values.
    """
    rows, changes = [], []
    for first, second in pairs:
        difference, mean = first.astype(np.float64) - second, (first.astype(np.float64) + second) / 2
        difference -= difference.mean()
        taken = 0.0
        if uneven_light:
            change, error, taken = _take_out(difference, pattern=mean - mean.mean())
            changes.append((change, error))
        rows.append(_statistics(difference, float(mean.mean()), taken=taken, uneven=uneven_light))
    means, variance, mean_uncertainty, variance_uncertainty = np.array(rows).T
    if not uneven_light:
        return PairStatistics(means, mean_uncertainty, variance, variance_uncertainty)
    light_change, change_uncertainty = np.array(changes).T
    return PairStatistics(means, mean_uncertainty, variance, variance_uncertainty, light_change, change_uncertainty)


def _take_out(difference: NDArray[np.float64], *, pattern: NDArray[np.float64]) -> tuple[float, float, float]:
    """Take the multiple of a pattern out of a difference, in place.

    Return the factor, its uncertainty from the residuals, and the sum of squares that noise alone loses by it:
    bright pixels are noisier and weigh more, so that this is more than one pixel's share.
    """
    power = float(np.sum(pattern**2))
    if not power:
        return 0.0, math.inf, 0.0
    factor = float(np.sum(pattern * difference)) / power
    difference -= factor * pattern
    lost = float(np.sum((pattern * difference) ** 2)) / power
    return factor, math.sqrt(lost / power), lost


def _statistics(
    difference: NDArray[np.float64], mean: float, *, taken: float, uneven: bool
) -> tuple[float, float, float, float]:
    """Return mean, variance and their uncertainties for one pair, given back the squares that a fit has taken."""
    halves = difference**2 / 2
    pixels = halves.size
    variance = (float(halves.sum()) + taken / 2) / (pixels - 1)
    mean_error, error = _mean_variance(difference / 2), _mean_variance(halves)
    if uneven:  # pixels differ in their variance, which is no uncertainty: of a normal law 2/3 of the squares are
        error -= max(float(halves.var(ddof=1)) - float(np.mean(halves**2)) * 2 / 3, 0.0) / pixels
    return (
        mean,
        variance,
        max(float(np.sqrt(mean_error)), 0.5 / pixels),
        max(float(np.sqrt(error)), 0.5 / pixels),
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
