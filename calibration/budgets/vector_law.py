"""How many components of a random ternary vector are positive, how many negative."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from optics.validation import check_count, check_number

Values = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class VectorLaw:
    """The law of ternary vectors: a number of non-zeros, or the probability of one; signs are even chances.

    Parameters
    ----------
    components : int
        Length of the vectors.
    non_zeros : int or None
        Number of non-zeros; None where ``density`` is given.
    density : float or None, optional
        Probability that a component is not zero; vectors of zeros alone are left out.

    Raises
    ------
    ValueError
        If both are given or none, or one is out of its range.
    """

    components: int
    non_zeros: int | None = None
    density: float | None = None

    def __post_init__(self) -> None:
        check_count("components", self.components)
        if (self.non_zeros is None) == (self.density is None):
            raise ValueError(
                f"state non_zeros or density, one of them: got non_zeros = {self.non_zeros}, density = {self.density}"
            )
        if self.non_zeros is not None:
            check_count("non_zeros", self.non_zeros, at_most=self.components)
        if self.density is not None:
            check_number("density", self.density, above=0, at_most=1)

    @property
    def mean_non_zeros(self) -> float:
        """Return the mean number of non-zeros, vectors of zeros alone left out of the count."""
        if self.density is None:
            return float(self.non_zeros or 0)
        return self.components * self.density

    def halves(self, first: Values, second: Values) -> tuple[Numbers, Numbers]:
        """Return the numbers of positive and of negative components at uniform numbers.

        Parameters
        ----------
        first, second : ndarray, shape (point,)
            Uniform numbers.

        Returns
        -------
        positive, negative : ndarray of int, shape (point,)
            Never both zero.
        """
        if self.density is None:
            total = np.full(first.shape, self.non_zeros, np.int64)
        else:
            none = binom.pmf(0, self.components, self.density)
            total = _inverse(none + (1 - none) * first, self.components, self.density)
            total = np.maximum(total, 1)
        positive = np.empty_like(total)
        for one in np.unique(total):
            chosen = total == one
            positive[chosen] = _inverse(second[chosen], int(one), 0.5)
        return positive, total - positive


def _inverse(uniform: Values, trials: int, probability: float) -> Numbers:
    """Return the quantiles of a binomial law."""
    steps = binom.cdf(np.arange(trials), trials, probability)
    return np.searchsorted(steps, uniform).astype(np.int64)
