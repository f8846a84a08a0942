"""Images through a scattering medium: an object from the field behind it, and an image on the camera from mirrors."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from calibration.matrices.focusing import relative_error
from optics.validation import check_number

Matrix = NDArray[np.complexfloating[Any, Any]]


@dataclass(frozen=True, eq=False)
class RecoveredObject:
    """Objects recovered from the fields that they made.

    Parameters
    ----------
    value : ndarray of float64, shape (frame, input)
        Estimated states; a binary object is where they exceed 1/2.
    standard_error : ndarray of float64, shape (input,)
        Standard error of each state.
    """

    value: NDArray[np.float64]
    standard_error: NDArray[np.float64]

    @property
    def states(self) -> NDArray[np.bool_]:
        """Return the nearest binary states."""
        return self.value > 0.5


def recover_object(
    fields: Matrix,
    matrix: Matrix,
    *,
    field_variance: float,
    matrix_variance: float = 0.0,
    mean: float = 0.5,
    variance: float = 0.25,
) -> RecoveredObject:
    """Return real objects from the fields behind the medium, by the regularised inverse.

    .. math:: \\hat x = \\mu + C \\, \\mathrm{Re}\\, T^\\dagger (y - T \\mu) \\, \\frac{2}{\\sigma^2}, \\qquad
              C = \\Big( \\frac{2}{\\sigma^2} \\mathrm{Re}\\, T^\\dagger T + \\frac{1}{v} \\Big)^{-1}

    Parameters
    ----------
    fields : ndarray of complex, shape (frame, output)
        Fields y behind the medium, static field taken off.
    matrix : ndarray of complex, shape (output, input)
        Matrix T.
    field_variance : float
        Variance of the fields' complex errors.
    matrix_variance : float, optional
        Variance of the complex errors of the entries of T, which counts as noise of the fields, N <x^2> times it.
    mean, variance : float, optional
        Mean mu and variance v of the states before anything is measured: 1/2 and 1/4 for mirrors half of which are on.

    Returns
    -------
    RecoveredObject
        Estimates, and standard errors sqrt(diag C).

    Raises
    ------
    ValueError
        If the shapes do not fit, a variance is out of range, or the matrix is no larger than its errors.

    Notes
    -----
    Tikhonov's inverse with the parameter that gives the least mean square error (Wiener's). An object is real: both
    quadratures of each output count, and M = N/2 outputs are enough. Behind a Gaussian matrix whose 2 M quadratures
    are well more than N, the error is about sigma / sqrt((2 M - N - 1) <|t|^2>). Given measured entries with
    errors of relative variance s, the likely ones are smaller, T / (1 + s), and differ from these by the variance
    ``matrix_variance`` / (1 + s): exact for Gaussian entries and errors. That difference spoils all frames alike.

    References
    ----------
    .. [1] S. Popoff et al., Nat. Commun. 1, 81 (2010). doi:10.1038/ncomms1078
    """
    _check_shapes(fields, matrix)
    check_number("field_variance", field_variance, at_least=0)
    check_number("matrix_variance", matrix_variance, at_least=0)
    check_number("variance", variance, above=0)
    check_number("mean", mean)
    true_share = 1 / (1 + relative_error(matrix, standard_error=math.sqrt(matrix_variance)))
    noise = field_variance + true_share * matrix_variance * matrix.shape[1] * (variance + mean**2)
    check_number("noise of fields and matrix together", noise, above=0)
    likely = matrix * matrix.dtype.type(true_share)
    precision = 2 / noise * (likely.conj().T @ likely).real.astype(np.float64)
    precision[np.diag_indices_from(precision)] += 1 / variance
    inverse = scipy.linalg.inv(precision, overwrite_a=True)
    rest = fields - mean * likely.sum(axis=1)
    value = mean + 2 / noise * (rest @ likely.conj()).real @ inverse
    return RecoveredObject(np.asarray(value, np.float64), np.sqrt(np.diag(inverse)))


def conjugated_object(
    fields: Matrix, matrix: Matrix, *, field_variance: float, mean_square: float = 0.5
) -> RecoveredObject:
    """Return real objects from the fields behind the medium, by phase conjugation.

    .. math:: \\hat x_n = \\frac{\\mathrm{Re} \\sum_m \\overline{t_{mn}} y_m}{\\sum_m |t_{mn}|^2}, \\qquad
              \\mathrm{var}(\\hat x_n) = \\sum_{k \\ne n} \\frac{(\\mathrm{Re}\\, t_n^\\dagger t_k)^2}{|t_n|^4}
              \\langle x^2 \\rangle + \\frac{\\sigma^2}{2 |t_n|^2}

    Parameters
    ----------
    fields : ndarray of complex, shape (frame, output)
        Fields y behind the medium, static field taken off.
    matrix : ndarray of complex, shape (output, input)
        Matrix T.
    field_variance : float
        Variance sigma^2 of the fields' complex errors.
    mean_square : float, optional
        Mean square of the states, 1/2 for mirrors half of which are on.

    Returns
    -------
    RecoveredObject
        Estimates and standard errors.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Stable whatever the noise, but each macropixel shines into all others: behind a Gaussian matrix the variance is
    (N - 1) <x^2> / (2 M), without any noise. The standard error takes the crosstalk of different macropixels as
    independent, which holds for objects without a mean over rows that are independent.
    """
    _check_shapes(fields, matrix)
    check_number("field_variance", field_variance, at_least=0)
    gram = (matrix.conj().T @ matrix).real.astype(np.float64)
    power = np.diag(gram)
    value = (fields @ matrix.conj()).real / power
    crosstalk = ((gram**2).sum(axis=1) - power**2) / power**2
    error = np.sqrt(mean_square * crosstalk + field_variance / (2 * power))
    return RecoveredObject(np.asarray(value, np.float64), error)


def projection_pattern(rows: Matrix, amplitudes: ArrayLike, *, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which macropixels to switch on so that an image appears on camera pixels.

    .. math:: b_n = \\Big[ \\mathrm{Re} \\sum_k \\frac{a_k e^{i \\psi_k}}{|t_k|} \\overline{t_{kn}} > 0 \\Big]

    Parameters
    ----------
    rows : ndarray of complex, shape (target, input)
        Rows of the matrix, one a pixel of the image.
    amplitudes : array_like, shape (target,)
        Wanted amplitudes a of the field, square roots of the image up to a factor.
    rng : numpy.random.Generator
        Source of the phases psi, which are free.

    Returns
    -------
    ndarray of bool, shape (input,)
        Pattern.

    Raises
    ------
    ValueError
        If there is not one amplitude a row, or one is negative, or all are zero.

    Notes
    -----
    With one target this is `binary_focus`. Unknown phases of rows do no harm, since the phases of the image are free,
    nor do unknown conjugations: of each row's term only the real part counts, and conjugation turns psi into -psi.
    """
    wanted = _check_amplitudes(amplitudes, targets=len(rows))
    norms = np.sqrt((np.abs(rows) ** 2).sum(axis=1))
    weights = wanted * np.exp(2j * math.pi * rng.random(len(rows))) / norms
    return np.asarray((weights @ rows.conj()).real > 0)


def expected_projection(amplitudes: ArrayLike, *, inputs: int, relative_error: float = 0.0) -> NDArray[np.float64]:
    """Return the mean enhancement of each pixel of a projected image over a random half of the macropixels.

    .. math:: \\eta_k = 1 + \\frac{N - 1}{2 \\pi (1 + s)} \\frac{a_k^2}{\\sum a^2}

    Parameters
    ----------
    amplitudes : array_like, shape (target,)
        Wanted amplitudes of the field.
    inputs : int
        Number of macropixels N.
    relative_error : float, optional
        Variance s of the error of the matrix over the mean square of its true entries.

    Returns
    -------
    ndarray of float64, shape (target,)
        Light over that of the background.

    Raises
    ------
    ValueError
        If an amplitude is negative, or all are zero.

    Notes
    -----
    Derived as law L30 for one target: the sum that is compared with zero is a circular Gaussian number whose
    correlation with t_k is a_k / sqrt(sum a^2), for Gaussian matrices with many fewer targets than inputs. The
    enhancements above 1 add up to that of a single focus: light is shared, not gained.
    """
    wanted = _check_amplitudes(amplitudes, targets=np.size(amplitudes))
    check_number("relative_error", relative_error, at_least=0)
    return np.asarray(1 + (inputs - 1) / (2 * math.pi * (1 + relative_error)) * wanted**2 / (wanted**2).sum())


def _check_amplitudes(amplitudes: ArrayLike, *, targets: int) -> NDArray[np.float64]:
    """Return wanted amplitudes as numbers, or say what is wrong with them."""
    wanted = np.asarray(amplitudes, np.float64)
    if wanted.shape != (targets,) or not (wanted >= 0).all() or not wanted.any():
        raise ValueError(
            f"amplitudes must be {targets} numbers that are not negative, one a row, not all zero, got {amplitudes!r}"
        )
    return wanted


def _check_shapes(fields: Matrix, matrix: Matrix) -> None:
    """Refuse fields that do not fit the outputs of a matrix."""
    if matrix.ndim != 2 or fields.ndim != 2 or fields.shape[1] != matrix.shape[0]:
        raise ValueError(
            f"fields must have shape (frame, output) and the matrix (output, input) with the same outputs, got "
            f"{fields.shape} and {matrix.shape}"
        )
