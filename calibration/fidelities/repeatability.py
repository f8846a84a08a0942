"""What repeats and fits on few samples say of fidelity: Spearman and Brown, residuals in and out of the sample."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.validation import check_count


def fidelity_from_repeats(repeatability: ArrayLike) -> NDArray[np.float64]:
    """Return the correlation with the truth that two repeats imply by their correlation with each other.

    .. math:: \\rho = \\sqrt{\\rho_{12}}, \\qquad \\rho_{12} = \\frac{1}{1 + s}

    Parameters
    ----------
    repeatability : array_like
        Correlation rho_12 of two repeats, 0 to 1.

    Returns
    -------
    ndarray of float64
        Correlation of one repeat with the truth.

    Raises
    ------
    ValueError
        If a correlation lies outside 0 to 1.

    Notes
    -----
    For independent noise of equal variance in both (law L70). An error that both repeats share is not seen.
    """
    return np.sqrt(_share("repeatability", repeatability))


def averaged_correlation(correlation: ArrayLike, *, repeats: int) -> NDArray[np.float64]:
    """Return the correlation with the truth of an average over repeats.

    .. math:: \\rho_k = \\frac{1}{\\sqrt{1 + s / k}}, \\qquad s = \\rho^{-2} - 1

    Parameters
    ----------
    correlation : array_like
        Correlation rho of one repeat with the truth, 0 to 1.
    repeats : int
        Repeats k that are averaged.

    Returns
    -------
    ndarray of float64
        Correlation of the average (Spearman and Brown; law L70).

    Raises
    ------
    ValueError
        If a correlation lies outside 0 to 1, or there is no repeat.
    """
    check_count("repeats", repeats)
    squared = _share("correlation", correlation) ** 2
    return np.asarray(np.sqrt(repeats * squared / (1 + (repeats - 1) * squared)))


def in_sample_error(unknowns: int, samples: int) -> float:
    """Return the residual of a least-squares row on the samples that fitted it, over the noise.

    .. math:: \\frac{\\langle |r|^2 \\rangle}{\\sigma^2} = 1 - \\frac{N}{n}

    Parameters
    ----------
    unknowns : int
        Entries N of the row.
    samples : int
        Samples n that fitted it, at least N.

    Returns
    -------
    float
        Mean squared residual over the variance of the noise: less than one, because the fit followed the noise.

    Raises
    ------
    ValueError
        If there are fewer samples than unknowns.
    """
    _check_fit(unknowns, samples, spare=0)
    return 1 - unknowns / samples


def prediction_error(unknowns: int, samples: int, *, real: bool = False) -> float:
    """Return the error of a least-squares row on inputs that it never saw, over the noise of one sample.

    .. math:: \\frac{\\langle |(\\hat t - t) x|^2 \\rangle}{\\sigma^2} = \\frac{N}{n - N} \\; \\text{(complex)}, \\qquad
              \\frac{N}{n - N - 1} \\; \\text{(real)}

    Parameters
    ----------
    unknowns : int
        Entries N of the row.
    samples : int
        Samples n that fitted it.
    real : bool, optional
        Whether inputs are real Gaussian and not complex Gaussian.

    Returns
    -------
    float
        Mean squared error of the predicted signal over the variance of the noise (law L70).

    Raises
    ------
    ValueError
        If there are too few samples: the mean error is infinite then.

    Notes
    -----
    For Gaussian inputs, of which the law of the inverse covariance is known (inverse Wishart).
    """
    _check_fit(unknowns, samples, spare=2 if real else 1)
    return unknowns / (samples - unknowns - real)


def _check_fit(unknowns: int, samples: int, *, spare: int) -> None:
    """Refuse fewer samples than the fit needs."""
    check_count("unknowns", unknowns)
    check_count("samples", samples)
    if samples < unknowns + spare:
        raise ValueError(
            f"samples = {samples} are too few for {unknowns} unknowns: take at least {unknowns + spare}, "
            "better twice as many"
        )


def _share(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return numbers between zero and one, or say that one is not."""
    numbers = np.asarray(value, np.float64)
    if not np.all((numbers >= 0) & (numbers <= 1)):
        raise ValueError(f"{name} holds {numbers[~((numbers >= 0) & (numbers <= 1))].flat[0]:g}: it must be 0 to 1")
    return numbers
