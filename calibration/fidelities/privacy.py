"""What the noise of a projection hides: differential privacy of the Gaussian mechanism (law L65).

A projection whose outputs carry normal noise of standard deviation sigma is a Gaussian mechanism of mu = Delta / sigma,
with Delta the largest distance that one changed input can move the projection. Shot noise depends on the signal: bound
sigma by its smallest value.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr

from optics.validation import check_number


def renyi_divergence(order: float, *, sensitivity: float, noise: float) -> float:
    """Return the Renyi divergence that a changed input can cause.

    .. math:: \\epsilon(\\alpha) = \\frac{\\alpha \\Delta^2}{2 \\sigma^2}

    Parameters
    ----------
    order : float
        Order alpha, above 1.
    sensitivity : float
        Largest change Delta of the projection, as a norm over its outputs.
    noise : float
        Standard deviation sigma of the noise of an output, in the same unit.

    Returns
    -------
    float
        Divergence, in nats.

    Raises
    ------
    ValueError
        If a number is out of its range.

    References
    ----------
    .. [1] I. Mironov, Renyi differential privacy, CSF 2017, prop. 7. doi:10.1109/CSF.2017.11
    """
    check_number("order", order, above=1)
    check_number("sensitivity", sensitivity, at_least=0)
    check_number("noise", noise, above=0)
    return order * (sensitivity / noise) ** 2 / 2


def privacy_delta(epsilon: ArrayLike, *, sensitivity: float, noise: float) -> NDArray[np.float64]:
    """Return the chance beyond which a privacy loss stays below epsilon: the exact curve.

    .. math:: \\delta(\\epsilon) = \\Phi\\left(\\frac{\\mu}{2} - \\frac{\\epsilon}{\\mu}\\right)
              - e^\\epsilon \\Phi\\left(-\\frac{\\mu}{2} - \\frac{\\epsilon}{\\mu}\\right), \\qquad
              \\mu = \\frac{\\Delta}{\\sigma}

    Parameters
    ----------
    epsilon : array_like
        Privacy loss, at least 0, in nats.
    sensitivity : float
        Largest change Delta of the projection, above 0.
    noise : float
        Standard deviation sigma of the noise of an output, in the same unit.

    Returns
    -------
    ndarray of float64
        The smallest delta for which the projection is (epsilon, delta) private.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    The textbook rule sigma = Delta sqrt(2 ln(1.25 / delta)) / epsilon promises too little below epsilon = 1 and too
    much above 8.4, for delta = 1e-5.

    References
    ----------
    .. [1] B. Balle and Y.-X. Wang, ICML 2018, theorem 8. arXiv:1805.06530
    .. [2] R. Ohana et al., Photonic differential privacy with direct feedback alignment, NeurIPS 2021. arXiv:2106.03645
    """
    check_number("sensitivity", sensitivity, above=0)
    check_number("noise", noise, above=0)
    loss = np.asarray(epsilon, np.float64)
    if not np.all(loss >= 0):
        raise ValueError(f"epsilon holds {loss.min():g}: a privacy loss is at least 0")
    mu = sensitivity / noise
    first = log_ndtr(mu / 2 - loss / mu)
    # The difference of two numbers that may both be tiny, by their logarithms.
    return np.asarray(-np.exp(first) * np.expm1(loss + log_ndtr(-mu / 2 - loss / mu) - first))


def projected_sensitivity(change: float, *, outputs: int, entry_rms: float) -> float:
    """Return how far a changed input moves a random projection, in the mean square.

    .. math:: \\Delta = \\sqrt{m} \\, \\sigma_B \\, \\|e - e'\\|

    Parameters
    ----------
    change : float
        Norm of the change of the input.
    outputs : int
        Outputs m.
    entry_rms : float
        Rms sigma_B of an entry of the matrix.

    Returns
    -------
    float
        Distance; single matrices differ from it by a relative 1 / sqrt(2 m).

    Raises
    ------
    ValueError
        If a number is negative.
    """
    check_number("change", change, at_least=0)
    check_number("entry_rms", entry_rms, at_least=0)
    check_number("outputs", outputs, at_least=1)
    return math.sqrt(outputs) * entry_rms * change
