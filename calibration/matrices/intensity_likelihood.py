"""Rows of a matrix that explain intensities best under their noise, and the errors that the noise leaves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from calibration.matrices.magnitude_projections import coordinates, fields_from

Coordinates = NDArray[np.complex128]
Reals = NDArray[np.float64]

STEPS = 12
"""Most Gauss-Newton steps of a fit; three to five are usual near the truth."""

SOLVER_ROUNDS = 25
"""Most rounds of conjugate gradients in a step."""

SOLVED = 1e-4
"""Part of the squared gradient at which a step is solved well enough: the next step takes the rest."""

SETTLED = 1e-3
"""Drop of chi squared below which a row has settled: a thousandth of what one unknown adds to it."""


@dataclass(frozen=True, eq=False)
class NoisyLight:
    """Intensities and what is known of their noise, as a function of the true intensity.

    .. math:: \\mathrm{var}(I) = \\max(v_0 + g I, f)

    Parameters
    ----------
    value : ndarray of float64, shape (frame, output)
        Intensities.
    dark_variance : ndarray of float64, shape (frame, output)
        Variance v_0 without light; infinite where a frame says nothing.
    slope : ndarray of float64, shape (output,)
        Growth g of the variance with the light: the light that one electron stands for, 0 where noise is constant.
    floor : ndarray of float64, shape (output,)
        Least variance f, above 0.
    """

    value: Reals
    dark_variance: Reals
    slope: Reals
    floor: Reals

    def weights(self, light: Reals) -> Reals:
        """Return one over the variance at an intensity.

        Parameters
        ----------
        light : ndarray of float64, shape (frame, output)
            Intensities that a row predicts.

        Returns
        -------
        ndarray of float64, shape (frame, output)
            Weights; 0 where a frame says nothing.
        """
        return np.asarray(1 / np.maximum(self.dark_variance + self.slope * light, self.floor))

    def rows(self, which: NDArray[Any] | slice) -> "NoisyLight":
        """Return some of the rows.

        Parameters
        ----------
        which : ndarray of bool or int, or slice
            Rows to keep.

        Returns
        -------
        NoisyLight
            The same light on fewer outputs.
        """
        return NoisyLight(
            self.value[:, which], self.dark_variance[:, which], self.slope[which], self.floor[which]
        )  # fmt: skip


def fit_rows(start: Coordinates, light: NoisyLight, *, basis: Reals, steps: int = STEPS) -> tuple[Coordinates, Reals]:
    """Return the coordinates that explain intensities best, and the chi squared that is left.

    .. math:: \\chi^2 = \\sum_k \\frac{(I_k - |q_k c|^2)^2}{\\mathrm{var}(|q_k c|^2)}

    Parameters
    ----------
    start : ndarray of complex128, shape (input, output)
        Coordinates to start from.
    light : NoisyLight
        Intensities and their noise.
    basis : ndarray of float64, shape (frame, input)
        Orthonormal basis; its rows are q_k.
    steps : int, optional
        Most Gauss-Newton steps.

    Returns
    -------
    tuple of ndarray of complex128, shape (input, output), and ndarray of float64, shape (output,)
        Coordinates and chi squared.

    Notes
    -----
    Gauss-Newton steps, damped where one does not help, each solved by conjugate gradients for all rows at once. The
    variance is taken at the fitted intensity and held during a step: at the measured one, pixels that noise
    made dark would count too much. All is done in products of real matrices: frames x inputs x outputs operations a
    product, two in a round.
    """
    best = np.array(start)
    damping = np.full(best.shape[1], 1e-4)
    left = _chi_squared(best, light, basis)
    active = np.ones(best.shape[1], np.bool_)
    for _ in range(steps):
        part = light.rows(active)
        step, gain = _step(best[:, active], part, basis, damping[active])
        better = gain > 0
        rows = np.flatnonzero(active)
        best[:, rows[better]] += step[:, better]
        damping[rows] = np.where(better, damping[rows] / 10, damping[rows] * 30)
        # A step that did not help is tried shorter, until damping says that none will.
        active[rows] = np.where(better, gain > SETTLED, damping[rows] < 1e4)
        left[rows] = _chi_squared(best[:, rows], part, basis)
        if not active.any():
            break
    return best, left


def entry_variance(rows: Coordinates, light: NoisyLight, *, inputs: Reals) -> Reals:
    """Return the variance of each entry, from the pseudo-inverse of Fisher's information.

    .. math:: F = J^T W J, \\quad J = 2 (\\mathrm{Re}(\\bar z_k) x_k, \\; \\mathrm{Im}(z_k) x_k), \\qquad
              \\langle |\\delta t_n|^2 \\rangle = F^+_{n,n} + F^+_{N+n,N+n}

    Parameters
    ----------
    rows : ndarray of complex128, shape (input, output)
        Rows of the matrix, as columns.
    light : NoisyLight
        Intensities and their noise.
    inputs : ndarray of float64, shape (frame, input)
        Inputs x_k.

    Returns
    -------
    ndarray of float64, shape (input, output)
        Mean squared modulus of the error that is left when the phase of the row is turned best; infinite where the
        frames do not determine the row.

    Notes
    -----
    The row's phase is the one direction without information; it is given some, F is inverted, and it is taken out
    again, which is the pseudo-inverse. Three products of frames x inputs^2 and one inverse of twice the inputs for
    each row (law L55).
    """
    found = np.empty(rows.shape)
    fields = inputs @ rows.real + 1j * (inputs @ rows.imag)
    weights = 4 * light.weights(np.abs(fields) ** 2)
    for row in range(rows.shape[1]):
        found[:, row] = _row_variance(rows[:, row], fields[:, row], weights[:, row], inputs)
    return found


def _row_variance(row: Coordinates, fields: Coordinates, weights: Reals, inputs: Reals) -> Reals:
    """Return the variances of the entries of one row."""
    count = len(row)
    real, imaginary = fields.real[:, np.newaxis] * inputs, fields.imag[:, np.newaxis] * inputs
    root = np.sqrt(weights)[:, np.newaxis]
    jacobian = np.concatenate([real * root, imaginary * root], axis=1)
    information = jacobian.T @ jacobian
    scale = np.trace(information) / (2 * count)
    length = np.linalg.norm(row)
    if not scale > 0 or not length > 0:
        return np.full(count, np.inf)
    turn = np.concatenate([-row.imag, row.real]) / length
    factor, failed = lapack.dpotrf(information / scale + np.outer(turn, turn), lower=1)
    if failed:
        return np.full(count, np.inf)
    half = lapack.dtrtri(factor, lower=1)[0]
    inverse = np.einsum("ij,ij->j", half, half)
    variance = (inverse - turn**2) / scale
    return np.asarray(np.maximum(variance[:count] + variance[count:], 0))


def _chi_squared(rows: Coordinates, light: NoisyLight, basis: Reals) -> Reals:
    """Return chi squared of each row, with the variance at the fitted light."""
    fitted = np.abs(fields_from(rows, basis=basis)) ** 2
    return np.asarray(np.sum(light.weights(fitted) * (light.value - fitted) ** 2, axis=0))


def _step(rows: Coordinates, light: NoisyLight, basis: Reals, damping: Reals) -> tuple[Coordinates, Reals]:
    """Return a damped Gauss-Newton step and how much it lowers chi squared at held variances."""
    fields = fields_from(rows, basis=basis)
    fitted = np.abs(fields) ** 2
    weights = light.weights(fitted)
    residual = light.value - fitted
    gradient = coordinates(2 * weights * residual * fields, basis=basis).astype(np.complex128, copy=False)
    shift = damping * np.mean(4 * weights * fitted, axis=0)

    def curvature(direction: Coordinates) -> Coordinates:
        slope = 2 * np.real(fields.conj() * fields_from(direction, basis=basis))
        return np.asarray(coordinates(2 * weights * slope * fields, basis=basis) + shift * direction)

    step = _conjugate_gradients(curvature, gradient)
    after = light.value - np.abs(fields + fields_from(step, basis=basis)) ** 2
    gain = np.sum(weights * (residual**2 - after**2), axis=0)
    return step, gain


def _conjugate_gradients(curvature: Callable[[Coordinates], Coordinates], wanted: Coordinates) -> Coordinates:
    """Solve a positive system for all columns at once."""
    solution = np.zeros_like(wanted)
    residual, direction = wanted, wanted
    size = _squares(residual)
    enough = SOLVED * size
    for _ in range(SOLVER_ROUNDS):
        image = curvature(direction)
        length = _ratio(size, np.sum(np.real(direction.conj() * image), axis=0))
        solution = solution + length * direction
        residual = residual - length * image
        later = _squares(residual)
        direction = residual + _ratio(later, size) * direction
        size = later
        if (size <= enough).all():
            break
    return solution


def _squares(columns: Coordinates) -> Reals:
    """Return the squared norms of columns."""
    return np.asarray(np.sum(columns.real**2 + columns.imag**2, axis=0))


def _ratio(first: Reals, second: Reals) -> Reals:
    """Return quotients, zero where nothing is left to divide."""
    return np.divide(first, second, out=np.zeros_like(first), where=second > 1e-300)
