"""Measured quantities with their standard uncertainty, and how uncertainty spreads through a formula."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIGNIFICANT = 4.0
"""Standard deviations from which on scatter beyond the known noise is believed, not taken for chance."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A figure with its standard uncertainty.

    Parameters
    ----------
    value : float
        The figure.
    uncertainty : float
        Standard uncertainty (one standard deviation), in the unit of the figure.
    bound : {"", "upper", "lower"}, optional
        "upper" where the truth is only known not to exceed the value, "lower" where it is not to fall below it.
    """

    value: float
    uncertainty: float
    bound: str = ""


@dataclass(frozen=True, eq=False)
class Line:
    """A line that was fitted to points.

    Parameters
    ----------
    intercept, slope : Measured
        The line; the uncertainties carry the scatter of the points where it exceeds the one announced.
    residuals : ndarray, shape (point,)
        Points less line.
    """

    intercept: Measured
    slope: Measured
    residuals: NDArray[np.float64]


def exact(value: float) -> Measured:
    """Return a figure that carries no uncertainty.

    Parameters
    ----------
    value : float
        The figure.

    Returns
    -------
    Measured
        The same, with zero uncertainty.
    """
    return Measured(value=float(value), uncertainty=0.0)


def propagate(function: Callable[..., float], *inputs: Measured) -> Measured:
    """Return a function of independent measured quantities.

    .. math:: u^2 = \\sum_i \\left( \\frac{f(x_i + u_i) - f(x_i - u_i)}{2} \\right)^2

    Parameters
    ----------
    function : callable
        Takes the values in the order of the inputs.
    *inputs : Measured
        The quantities, independent of each other.

    Returns
    -------
    Measured
        Value and standard uncertainty; no bound is carried over.
    """
    values = [quantity.value for quantity in inputs]
    total = 0.0
    for index, quantity in enumerate(inputs):
        ends = []
        for sign in (1, -1):
            moved = list(values)
            moved[index] += sign * quantity.uncertainty
            ends.append(function(*moved))
        total += ((ends[0] - ends[1]) / 2) ** 2
    return Measured(value=float(function(*values)), uncertainty=math.sqrt(total))


def root(variance: Measured) -> Measured:
    """Return the square root of a variance that was measured as a difference and may be lost in its uncertainty.

    Parameters
    ----------
    variance : Measured
        The variance; chance can make it negative.

    Returns
    -------
    Measured
        The root; an upper bound, of two standard deviations, where the variance is not twice its uncertainty.
    """
    if variance.value <= 2 * variance.uncertainty:
        largest = math.sqrt(max(variance.value, 0.0) + 2 * variance.uncertainty)
        return Measured(value=largest, uncertainty=0.0, bound="upper")
    return propagate(math.sqrt, variance)


def fit_line(
    positions: NDArray[np.float64], values: NDArray[np.float64], *, uncertainties: NDArray[np.float64]
) -> Line:
    """Return the weighted least-squares line through points.

    Parameters
    ----------
    positions, values : ndarray, shape (point,)
        The points, at least two different positions.
    uncertainties : ndarray, shape (point,)
        Standard uncertainties of the values.

    Returns
    -------
    Line
        Intercept, slope, residuals.
    """
    weights = 1 / uncertainties**2
    design = np.stack([np.ones_like(positions), positions])
    covariance = np.linalg.inv((design * weights) @ design.T)
    intercept, slope = covariance @ (design * weights) @ values
    residuals = values - intercept - slope * positions
    scale = excess_scatter(residuals / uncertainties, parameters=2)
    errors = scale * np.sqrt(np.diag(covariance))
    return Line(
        Measured(value=float(intercept), uncertainty=float(errors[0])),
        Measured(value=float(slope), uncertainty=float(errors[1])),
        residuals,
    )


def excess_scatter(deviations: NDArray[np.float64], *, parameters: int) -> float:
    """Return by how much points scatter beyond their announced uncertainties (Birge's ratio).

    .. math:: \\sqrt{\\chi^2 / \\nu}

    Parameters
    ----------
    deviations : ndarray, shape (point,)
        Residuals of a fit over the uncertainties of its points.
    parameters : int
        Number of parameters that the fit adjusted.

    Returns
    -------
    float
        The ratio where it is significant, otherwise 1: chance alone must not inflate an uncertainty.
    """
    freedom = deviations.size - parameters
    if freedom < 1:
        return 1.0
    ratio = float(np.sum(deviations**2)) / freedom
    return math.sqrt(ratio) if ratio > 1 + SIGNIFICANT * math.sqrt(2 / freedom) else 1.0
