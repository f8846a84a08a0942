"""Smooth phase over the frame: the plane that a carrier leaves, and low-order aberrations."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from optics.validation import check_count

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.float64]

HUBER = 1.345
"""Residual, in standard deviations, beyond which a pixel weighs less: 95 % efficient for normal errors."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Aberration:
    """Smooth phase over the frame, in Legendre polynomials of the coordinates from -1 to 1.

    Parameters
    ----------
    degree : int
        Largest total degree: 0 a constant, 1 a plane, 2 with defocus and astigmatism.
    coefficients : ndarray, shape (term,)
        Coefficients in radians, in the order of `terms`.
    residual : float
        Robust standard deviation of the phase about the fit, in radians (1.4826 times the median modulus).
    """

    degree: int
    coefficients: Real
    residual: float

    def phase(self, shape: tuple[int, int]) -> Real:
        """Return the phase on a grid over the frame.

        Parameters
        ----------
        shape : tuple of int
            Samples over the frame along (y, x); resampled fields have fewer.

        Returns
        -------
        ndarray, shape (y, x)
            Phase, in radians.
        """
        return np.asarray((polynomials(shape, degree=self.degree) @ self.coefficients).reshape(shape))

    def remove(self, fields: Complex) -> Complex:
        """Return fields without the aberration.

        Parameters
        ----------
        fields : ndarray of complex, shape (..., y, x)
            Fields over the whole frame.

        Returns
        -------
        ndarray of complex, shape (..., y, x)
            The fields times exp(-i phase).
        """
        return np.asarray(fields * np.exp(-1j * self.phase((fields.shape[-2], fields.shape[-1]))))


def fit_aberration(field: Complex, *, degree: int = 1, valid: NDArray[np.bool_] | None = None) -> Aberration:
    """Fit the smooth phase of a field, robust against what is not smooth.

    .. math:: \\min_c \\sum_r |E(r)| \\, \\rho\\left(\\arg\\left[E(r) e^{-i (P c)(r)}\\right]\\right)

    Parameters
    ----------
    field : ndarray of complex, shape (y, x)
        A field that is smooth but for noise and small objects, such as that of a hologram without an object.
    degree : int, optional
        Largest total degree of the polynomials, up to 6.
    valid : ndarray of bool or None, optional
        Samples to use, shape (y, x).

    Returns
    -------
    Aberration
        The fit.

    Raises
    ------
    ValueError
        If the field is not of shape (y, x), has a number that is not finite, no light, or too few valid samples.

    Notes
    -----
    No phase is unwrapped. Slopes come from products of neighbours, arg sum E(r + 1) E*(r), curvatures from the slopes
    of these products; what is left is below a turn and is solved by reweighted least squares on the wrapped residual
    (Huber's rho), a few times over. Terms beyond the second degree must be below about pi.
    """
    check_count("degree", degree, at_least=0, at_most=6)
    field, good = _checked(field, valid, terms=len(terms(degree)))
    shape = (field.shape[0], field.shape[1])
    basis = polynomials(shape, degree=degree)[good.ravel()]
    used, coefficients = field[good], _start(np.where(good, field, 0), degree=degree)
    weight = np.abs(used) / np.abs(used).max()
    for _ in range(30):
        turned = used * np.exp(-1j * (basis @ coefficients))
        rest = np.angle(turned)
        spread = max(1.4826 * float(np.median(np.abs(rest))), 1e-12)
        root = np.sqrt(weight / np.maximum(np.abs(rest) / (HUBER * spread), 1))
        step = np.linalg.lstsq(basis * root[:, np.newaxis], rest * root, rcond=None)[0]
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-9:
            break
    rest = np.angle(used * np.exp(-1j * (basis @ coefficients)))
    return Aberration(
        degree=degree, coefficients=coefficients, residual=1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    )


def terms(degree: int) -> list[tuple[int, int]]:
    """Return the powers along (y, x) of the polynomials up to a total degree.

    Parameters
    ----------
    degree : int
        Largest total degree.

    Returns
    -------
    list of tuple of int
        Powers: (0, 0), (1, 0), (0, 1), (2, 0), ...
    """
    return [(total - across, across) for total in range(degree + 1) for across in range(total + 1)]


def polynomials(shape: tuple[int, int], *, degree: int) -> Real:
    """Return products of Legendre polynomials over a frame.

    Parameters
    ----------
    shape : tuple of int
        Samples along (y, x); the first is at -1, the period of the samples is 2.
    degree : int
        Largest total degree.

    Returns
    -------
    ndarray, shape (y * x, term)
        The polynomials in the order of `terms`.
    """
    first, second = (legendre.legvander(2 * np.arange(size) / size - 1, degree) for size in shape)
    return np.stack([np.outer(first[:, up], second[:, across]).ravel() for up, across in terms(degree)], axis=1)


def _checked(field: Complex, valid: NDArray[np.bool_] | None, *, terms: int) -> tuple[Complex, NDArray[np.bool_]]:
    """Return the field and the samples to use, or say what is wrong."""
    field = np.asarray(field, np.complex128)
    if field.ndim != 2 or min(field.shape) < 8:
        raise ValueError(f"field must have shape (y, x) with at least 8 x 8 samples, got {field.shape}")
    good = np.ones(field.shape, np.bool_) if valid is None else np.asarray(valid, np.bool_)
    if good.shape != field.shape:
        raise ValueError(f"valid must have the shape of the field, {field.shape}, got {good.shape}")
    if not np.isfinite(field[good]).all():
        raise ValueError(f"field has {int((~np.isfinite(field[good])).sum())} valid samples that are not finite")
    good = good & (np.abs(np.where(good, field, 0)) > 0)
    if good.sum() < 4 * terms:
        raise ValueError(
            f"field has light on {int(good.sum())} valid samples, and {terms} terms need at least {4 * terms}: take a "
            "lower degree or more of the field"
        )
    return field, good


def _start(field: Complex, *, degree: int) -> Real:
    """Return coefficients up to the second degree, without unwrapping."""
    shape = (field.shape[0], field.shape[1])
    found = np.zeros(len(terms(degree)))
    if degree >= 2:
        curvatures = _curvatures(field)
        found[3:6] = (curvatures / [3, 1, 3]) * [shape[0] ** 2 / 4, shape[0] * shape[1] / 4, shape[1] ** 2 / 4]
        field = field * np.exp(-1j * (polynomials(shape, degree=degree) @ found).reshape(shape))
    if degree >= 1:
        slopes = np.array([_slope(field, axis=axis) for axis in (0, 1)])
        found[1:3] = slopes * np.array(shape) / 2
        field = field * np.exp(-1j * (polynomials(shape, degree=1) @ np.r_[0, found[1:3]]).reshape(shape))
    found[0] = np.angle(field.sum())
    return found


def _slope(field: Complex, *, axis: int) -> float:
    """Return the mean slope of the phase along an axis, in radians per sample."""
    return float(np.angle(np.sum(_product(field, axis=axis))))


def _product(field: Complex, *, axis: int) -> Complex:
    """Return the products of each sample's neighbour with its conjugate."""
    lines = np.moveaxis(field, axis, 0)
    return np.asarray(np.moveaxis(lines[1:] * lines[:-1].conj(), 0, axis))


def _curvatures(field: Complex) -> Real:
    """Return the second derivatives yy, yx, xx of the phase, in radians per squared sample."""
    down, across = _product(field, axis=0), _product(field, axis=1)
    cross = (_slope(down, axis=1) + _slope(across, axis=0)) / 2
    return np.array([_slope(down, axis=0), cross, _slope(across, axis=1)])
