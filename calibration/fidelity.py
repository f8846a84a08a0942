"""How faithful a projection is: correlations and what follows from them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, poch

from optics.validation import check_count


def cosine(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Return the cosine between vectors, blind to a gain of either.

    .. math:: \\rho = \\frac{|\\langle a, b \\rangle|}{\\|a\\| \\|b\\|}

    Parameters
    ----------
    first, second : array_like, shape (..., output)
        Real vectors, or complex fields.

    Returns
    -------
    ndarray of float64, shape (...)
        For real vectors the cosine with its sign; for complex ones the modulus, which is blind to a common
        phase as well. NaN where a vector is zero.

    Notes
    -----
    Unrelated vectors of m real outputs give 0 with a standard deviation of 1 / sqrt(m) (law L61).
    """
    a, b = np.asarray(first), np.asarray(second)
    # Sums of float32 products are taken in double precision: a cosine near one needs the digits.
    wide = np.result_type(a, b, np.float64)
    product = np.einsum("...i,...i->...", a.conj(), b, dtype=wide)
    norms = np.sqrt(_energy(a) * _energy(b))
    projection = np.abs(product) if np.iscomplexobj(product) else product
    nothing = np.full(np.shape(projection), np.nan)
    return np.asarray(np.divide(projection, norms, out=nothing, where=norms > 0), np.float64)


def intensity_correlation(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Return Pearson's correlation of intensities, blind to gain and offset.

    Parameters
    ----------
    first, second : array_like, shape (..., pixel)
        Intensities.

    Returns
    -------
    ndarray of float64, shape (...)
        For two speckles whose fields correlate with rho it is rho^2 (law L66).
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    return cosine(a - a.mean(axis=-1, keepdims=True), b - b.mean(axis=-1, keepdims=True))


def noise_to_signal(correlation: ArrayLike) -> NDArray[np.float64]:
    """Return the relative variance of the additive noise that lowers a correlation from one.

    .. math:: s = \\rho^{-2} - 1

    Parameters
    ----------
    correlation : array_like
        Cosine of the noisy with the true vector.

    Returns
    -------
    ndarray of float64
        Noise variance over signal variance.

    Notes
    -----
    For noise independent of the signal (laws L62, L66).
    """
    return np.asarray(correlation, np.float64) ** -2 - 1


def expected_correlation(noise_to_signal: ArrayLike) -> NDArray[np.float64]:
    """Return the correlation that additive noise leaves: the inverse of `noise_to_signal`.

    .. math:: \\rho = \\frac{1}{\\sqrt{1 + s}}

    Parameters
    ----------
    noise_to_signal : array_like
        Noise variance over signal variance, s.

    Returns
    -------
    ndarray of float64
        Cosine of the noisy with the true vector (laws L62, L66).

    Raises
    ------
    ValueError
        If a ratio is negative.
    """
    s = np.asarray(noise_to_signal, np.float64)
    if np.any(s < 0):
        raise ValueError(f"noise_to_signal holds {s.min():g}: a ratio of variances is at least 0")
    return np.asarray(1 / np.sqrt(1 + s))


def null_correlation(outputs: int, *, real: bool = False) -> float:
    """Return the mean correlation of unrelated vectors, as moduli.

    .. math:: \\langle \\rho \\rangle = \\frac{\\Gamma(3/2) \\Gamma(n)}{\\Gamma(n + 1/2)} \\approx
              \\sqrt{\\frac{\\pi}{4 n}}, \\qquad
              \\langle |\\rho| \\rangle = \\frac{\\Gamma(n/2)}{\\sqrt{\\pi} \\Gamma((n + 1)/2)}

    Parameters
    ----------
    outputs : int
        Entries n of a vector.
    real : bool, optional
        Whether the vectors are real (second form) and not complex (first form).

    Returns
    -------
    float
        Mean modulus of the cosine. The mean of its square is 1 / n in either case (law L67).

    Raises
    ------
    ValueError
        If there is no entry.
    """
    check_count("outputs", outputs)
    return float(1 / (np.sqrt(np.pi) * poch(outputs / 2, 0.5)) if real else np.sqrt(np.pi) / 2 / poch(outputs, 0.5))


def chance_of_correlation(correlation: ArrayLike, *, outputs: int, real: bool = False) -> NDArray[np.float64]:
    """Return the chance that unrelated vectors correlate as well as that.

    .. math:: \\rho^2 \\sim \\mathrm{Beta}(1, n - 1) \\; \\text{(complex)}, \\qquad
              \\rho^2 \\sim \\mathrm{Beta}(\\tfrac12, \\tfrac{n - 1}{2}) \\; \\text{(real)}

    Parameters
    ----------
    correlation : array_like
        Cosine that was seen; of real vectors its modulus counts.
    outputs : int
        Entries n of a vector, at least 2.
    real : bool, optional
        Whether the vectors are real and not complex.

    Returns
    -------
    ndarray of float64
        Probability of a correlation at least as large (law L67).

    Raises
    ------
    ValueError
        If there are fewer than two entries, or a correlation lies outside -1 to 1.
    """
    check_count("outputs", outputs, at_least=2)
    squared = np.asarray(correlation, np.float64) ** 2
    if np.any(squared > 1):
        raise ValueError(f"correlation reaches {np.sqrt(squared.max()):g}: a cosine lies between -1 and 1")
    first, second = (0.5, (outputs - 1) / 2) if real else (1.0, outputs - 1.0)
    return np.asarray(betainc(second, first, 1 - squared), np.float64)


def signal_to_noise_db(correlation: ArrayLike) -> NDArray[np.float64]:
    """Return the signal-to-noise ratio that a correlation stands for.

    .. math:: \\mathrm{SNR} = 10 \\log_{10} \\frac{\\rho^2}{1 - \\rho^2}

    Parameters
    ----------
    correlation : array_like
        Cosine of the noisy with the true vector.

    Returns
    -------
    ndarray of float64
        Decibels (law L66).
    """
    return -10 * np.log10(noise_to_signal(correlation))


def normalised_error(estimate: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """Return the relative squared error that the best gain leaves.

    .. math:: \\min_g \\frac{\\|g b - a\\|^2}{\\|a\\|^2} = 1 - \\rho^2

    Parameters
    ----------
    estimate : array_like, shape (..., output)
        Vectors b.
    truth : array_like, shape (..., output)
        Vectors a.

    Returns
    -------
    ndarray of float64, shape (...)
        Error between 0 and 1 (law L66).
    """
    return 1 - cosine(estimate, truth) ** 2


def _energy(vectors: NDArray[np.inexact]) -> NDArray[np.float64]:
    """Return the squared norms, in double precision."""
    parts = vectors.view(vectors.real.dtype) if np.iscomplexobj(vectors) else vectors
    return np.asarray(np.einsum("...i,...i->...", parts, parts, dtype=np.float64))
