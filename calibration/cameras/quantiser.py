"""The exact converter: the probability of each count, rounding and clipping included."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import poisson


def count_probability(
    counts: NDArray[np.integer],
    *,
    mean: NDArray[np.float64],
    deviation: NDArray[np.float64],
    top: int,
    skewness: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return the probability of each count of a normal signal, or of one that is slightly skewed.

    .. math:: P(c) = F\\left(\\frac{c + \\frac12 - m}{\\sigma}\\right)
                   - F\\left(\\frac{c - \\frac12 - m}{\\sigma}\\right), \\qquad
              F(z) = \\Phi(z) - \\frac{\\gamma}{6} (z^2 - 1) \\varphi(z)

    Parameters
    ----------
    counts : ndarray of int, shape (count,)
        Consecutive counts, in DN.
    mean, deviation : ndarray, shape (node,)
        Mean and standard deviation before rounding, in DN.
    top : int
        Largest count of the converter; it collects all that lies above, and zero all that lies below.
    skewness : ndarray or None, optional, shape (node,)
        Skewness gamma of the signal; the first term of Edgeworth's series, good to gamma^2 / 10 for small ones.

    Returns
    -------
    ndarray, shape (count, node)
        Probabilities.
    """
    cut = (_edges(counts, top)[:, None] - mean) / deviation
    # Differences of the nearer tail keep their digits far from the mean.
    upper, lower = cut[1:], cut[:-1]
    normal = np.where(lower > 0, ndtr(-lower) - ndtr(-upper), ndtr(upper) - ndtr(lower))
    if skewness is None:
        return np.asarray(normal)
    bounded = np.clip(cut, -40, 40)
    bend = skewness / 6 * (bounded**2 - 1) * np.exp(-(bounded**2) / 2) / math.sqrt(2 * math.pi)
    return np.asarray(np.maximum(normal - np.diff(bend, axis=0), 0))


def charge_probability(
    counts: NDArray[np.integer],
    *,
    charge: float,
    offset: NDArray[np.float64],
    gain: float,
    deviation: float,
    top: int,
) -> NDArray[np.float64]:
    """Return the probability of each count where single electrons matter.

    .. math:: P(c) = \\sum_n \\mathrm{Poisson}(n; \\lambda) P(c \\mid m = b + K n, \\sigma)

    Parameters
    ----------
    counts : ndarray of int, shape (count,)
        Consecutive counts, in DN.
    charge : float
        Mean electrons.
    offset : ndarray, shape (node,)
        Count of a pixel without charge, before rounding, in DN.
    gain : float
        System gain K, in DN per electron.
    deviation : float
        Read noise, in DN rms.
    top : int
        Largest count of the converter.

    Returns
    -------
    ndarray, shape (count, node)
        Probabilities.
    """
    reach = 8 * np.sqrt(charge) + 12
    electrons = np.arange(max(0, int(charge - reach)), int(charge + reach) + 1)
    weights = poisson.pmf(electrons, charge)
    mean = (offset[:, None] + gain * electrons).ravel()
    table = count_probability(counts, mean=mean, deviation=np.full(mean.shape, deviation), top=top)
    return np.asarray(table.reshape(len(counts), len(offset), len(electrons)) @ weights)


def _edges(counts: NDArray[np.integer], top: int) -> NDArray[np.float64]:
    """Return the signals between which the counts lie; the first and the last count of a converter have no end."""
    edges = np.append(counts - 0.5, counts[-1] + 0.5)
    if counts[0] == 0:
        edges[0] = -np.inf
    if counts[-1] == top:
        edges[-1] = np.inf
    return edges
