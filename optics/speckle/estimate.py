"""A measured figure and its standard uncertainty; the jackknife over blocks that gives both."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A measured figure with its standard uncertainty.

    Parameters
    ----------
    value : float
        The figure.
    uncertainty : float
        Its standard uncertainty, in the same unit.
    """

    value: float
    uncertainty: float

    def __str__(self) -> str:
        """Return the figure with two digits of its uncertainty."""
        if self.uncertainty == 0:
            return f"{self.value:g} exactly"
        digits = 0
        if 0 < self.uncertainty < math.inf:
            digits = max(1 - math.floor(math.log10(self.uncertainty)), 0)
        return f"{self.value:.{digits}f} ± {self.uncertainty:.{digits}f}"


def jackknife(sums: NDArray[np.float64], statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Estimate:
    """Return a function of sums over all blocks, with the bias and the scatter that leaving out one block shows.

    .. math:: \\hat\\theta = B\\theta - (B - 1)\\overline{\\theta_{-b}}, \\qquad
        u^2 = \\frac{B - 1}{B} \\sum_b (\\theta_{-b} - \\overline{\\theta_{-b}})^2

    Parameters
    ----------
    sums : ndarray, shape (block, quantity)
        Sums of each block; blocks are taken to be independent.
    statistic : callable
        What turns sums of shape (..., quantity) into figures of shape (...).

    Returns
    -------
    Estimate
        The figure without its bias of first order, and its standard uncertainty.

    References
    ----------
    .. [1] B. Efron, The Jackknife, the Bootstrap and Other Resampling Plans, SIAM 1982, ch. 2 and 3.
    """
    count = len(sums)
    total = sums.sum(axis=0)
    without = statistic(total - sums)
    middle = float(without.mean())
    value = count * float(statistic(total)) - (count - 1) * middle
    return Estimate(value=value, uncertainty=math.sqrt((count - 1) / count * float(np.sum((without - middle) ** 2))))
