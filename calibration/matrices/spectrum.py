"""Singular values of a measured matrix beside the law of random matrices."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.integrate
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from calibration.matrices.focusing import relative_error
from optics.validation import check_number

Spectrum = NDArray[np.float64]


def marchenko_pastur_edges(aspect_ratio: float) -> tuple[float, float]:
    """Return the edges of the law of Marchenko and Pastur.

    .. math:: \\lambda_\\pm = (1 \\pm \\sqrt\\gamma)^2

    Parameters
    ----------
    aspect_ratio : float
        Inputs over outputs, gamma.

    Returns
    -------
    tuple of float
        Lower and upper edge of the squared singular values, in units of their mean.
    """
    check_number("aspect_ratio", aspect_ratio, above=0)
    root = math.sqrt(aspect_ratio)
    return (1 - root) ** 2, (1 + root) ** 2


def marchenko_pastur_density(squares: ArrayLike, *, aspect_ratio: float) -> Spectrum:
    """Return the density of squared singular values of a large matrix of independent entries.

    .. math:: \\rho(\\lambda) = \\frac{\\sqrt{(\\lambda_+ - \\lambda)(\\lambda - \\lambda_-)}}
                                       {2 \\pi \\gamma \\lambda}

    Parameters
    ----------
    squares : array_like
        Squared singular values lambda, in units of their mean.
    aspect_ratio : float
        Inputs over outputs, gamma.

    Returns
    -------
    ndarray of float64
        Density over the N inputs; zero outside the edges. Where gamma > 1, N - M of the N values are zero, and the
        density integrates to 1/gamma.

    References
    ----------
    .. [1] V. A. Marchenko and L. A. Pastur, Math. USSR Sb. 1, 457 (1967). doi:10.1070/SM1967v001n04ABEH001994
    """
    low, high = marchenko_pastur_edges(aspect_ratio)
    values = np.asarray(squares, np.float64)
    inside = (values > low) & (values < high) & (values > 0)
    held = np.where(inside, values, (low + high) / 2)
    density = np.sqrt((high - held) * (held - low)) / (2 * math.pi * aspect_ratio * held)
    return np.asarray(np.where(inside, density, 0.0))


def marchenko_pastur_share(squares: ArrayLike, *, aspect_ratio: float) -> Spectrum:
    """Return the share of the squared singular values that lie below a value.

    Parameters
    ----------
    squares : array_like
        Squared singular values, in units of their mean.
    aspect_ratio : float
        Inputs over outputs, gamma.

    Returns
    -------
    ndarray of float64
        Share of the N values, from 0 to 1; those that are zero where gamma > 1 are counted.

    Notes
    -----
    By quadrature over an angle theta with lambda = 1 + gamma - 2 sqrt(gamma) cos(theta), in which the density is
    smooth at both edges.
    """
    low, high = marchenko_pastur_edges(aspect_ratio)
    angles = np.linspace(0, math.pi, 4001)
    middle, half = (low + high) / 2, (high - low) / 2
    nodes = middle - half * np.cos(angles)
    # sqrt((high - l)(l - low)) dl = half^2 sin^2 d(theta); at gamma = 1 the ratio sin^2 / l is 2 / half at zero.
    ratio = np.divide(np.sin(angles) ** 2, nodes, out=np.full_like(nodes, 2 / half), where=nodes > 1e-12)
    density = half**2 * ratio / (2 * math.pi * aspect_ratio)
    share = scipy.integrate.cumulative_simpson(density, x=angles, initial=0)
    position = np.arccos(np.clip((middle - np.asarray(squares, np.float64)) / half, -1, 1))
    zeros = max(0.0, 1 - 1 / aspect_ratio)
    return np.asarray(zeros + np.interp(position, angles, share))


@dataclass(frozen=True, kw_only=True, eq=False)
class MatrixSpectrum:
    """Singular values of a matrix, and what they say.

    Parameters
    ----------
    singular_values : ndarray of float64, shape (min(output, input),)
        From the largest to the least, over sqrt(M <|t|^2>) of the measured entries.
    shape : tuple of int
        Outputs M and inputs N.
    relative_error : float
        Variance s of the errors over the mean square of the true entries.
    second_moment : float
        Mean of the fourth powers of the true singular values over the squared mean of their squares: what errors add
        is taken off.
    distance : float
        Largest distance between the distribution of the squared singular values and the law of Marchenko and Pastur.
    """

    singular_values: Spectrum
    shape: tuple[int, int]
    relative_error: float
    second_moment: float
    distance: float

    @property
    def aspect_ratio(self) -> float:
        """Return inputs over outputs, gamma."""
        return self.shape[1] / self.shape[0]

    @property
    def expected_second_moment(self) -> float:
        """Return the second moment of independent entries, 1 + gamma."""
        return 1 + self.aspect_ratio

    @property
    def standard_error(self) -> float:
        """Return the scatter of the second moment over matrices of independent entries, sqrt(2) (1 + s)^2 / M."""
        return math.sqrt(2) * (1 + self.relative_error) ** 2 / self.shape[0]

    @property
    def deviation(self) -> float:
        """Return how many standard errors the second moment lies above that of independent entries."""
        return (self.second_moment - self.expected_second_moment) / self.standard_error

    @property
    def effective_outputs(self) -> float:
        """Return the number of independent outputs that the second moment stands for, N / (second moment - 1)."""
        return self.shape[1] / (self.second_moment - 1)


def matrix_spectrum(matrix: NDArray[Any], *, standard_error: ArrayLike = 0.0) -> MatrixSpectrum:
    """Return the singular values of a matrix beside the law of independent entries.

    .. math:: \\lambda = s^2 / (M \\langle |t|^2 \\rangle), \\qquad
              \\mu_2 = (1 + s)^2 \\langle \\lambda^2 \\rangle - (2 s + s^2)(1 + \\gamma)

    Parameters
    ----------
    matrix : ndarray of complex, shape (output, input)
        Measured matrix.
    standard_error : array_like, optional
        Standard errors of its entries, of a shape that broadcasts.

    Returns
    -------
    MatrixSpectrum
        Singular values and moments.

    Raises
    ------
    ValueError
        If the matrix is not two-dimensional with finite entries, or no larger than its errors.

    Notes
    -----
    Independent errors of relative variance s leave the spectrum of independent entries as it is, once normalised;
    they hide what departs from it, and the formula for mu_2 (law L27, for any true matrix) takes that off. The second
    moment of independent entries scatters by sqrt(2) / M over matrices, and is 1 + N / M_eff where outputs are
    correlated (law L24). Normalise the rows first where each has its own modulus (law L52).

    References
    ----------
    .. [1] F. Benaych-Georges and R. R. Nadakuditi, J. Multivariate Anal. 111, 120 (2012).
           doi:10.1016/j.jmva.2012.04.019
    """
    entries = np.asarray(matrix)
    if entries.ndim != 2 or not np.isfinite(entries).all():
        raise ValueError(f"matrix must be finite and of shape (output, input), got {entries.dtype} of {entries.shape}")
    outputs, inputs = entries.shape
    error = relative_error(entries, standard_error=standard_error)
    ratio = inputs / outputs
    singular = scipy.linalg.svdvals(entries) / math.sqrt(outputs * float(np.mean(np.abs(entries) ** 2)))
    measured = float((singular**4).sum() / inputs)
    true = (1 + error) ** 2 * measured - (2 * error + error**2) * (1 + ratio)
    return MatrixSpectrum(
        singular_values=np.asarray(singular, np.float64), shape=(outputs, inputs), relative_error=error,
        second_moment=true, distance=_distance(singular**2, ratio),
    )  # fmt: skip


def _distance(squares: Spectrum, ratio: float) -> float:
    """Return the largest distance between the distribution of squares and the law, zero values left out."""
    zeros = max(0.0, 1 - 1 / ratio)
    share = (marchenko_pastur_share(np.sort(squares), aspect_ratio=ratio) - zeros) / (1 - zeros)
    steps = np.arange(len(squares) + 1) / len(squares)
    return float(max(np.abs(share - steps[1:]).max(), np.abs(share - steps[:-1]).max()))
