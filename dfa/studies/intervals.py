"""Confidence intervals of means over a few seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
"""Probability of the bands."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean over seeds and its confidence interval.

    Parameters
    ----------
    mean : float
        The mean; NaN without any value.
    half_width : float
        Half the interval; NaN where there are fewer than two values.
    """

    mean: float
    half_width: float


def confidence_interval(values: Sequence[float], *, confidence: float = CONFIDENCE) -> Interval:
    r"""Return the mean of a few values and Student's interval around it.

    .. math:: \bar x \pm t_{n-1,\,(1+p)/2}\; s / \sqrt{n}

    Parameters
    ----------
    values : sequence of float
        One value a seed; NaN is left out.
    confidence : float, optional
        Probability p that the interval holds the true mean.

    Returns
    -------
    Interval
        Mean and half width.

    Notes
    -----
    It assumes that the values of the seeds are normal and independent.
    """
    known = np.array([value for value in values if np.isfinite(value)], np.float64)
    if len(known) < 2:
        return Interval(mean=float(known[0]) if len(known) else float("nan"), half_width=float("nan"))
    quantile = float(stats.t.ppf((1 + confidence) / 2, len(known) - 1))
    error = float(known.std(ddof=1)) / len(known) ** 0.5
    return Interval(mean=float(known.mean()), half_width=quantile * error)
