"""Projections that phase retrieval alternates between: fields of known magnitude, and fields that inputs can give.

Fields have the shape (frame, output): each column is what one row of a matrix gave in all frames. A basis is an
orthonormal basis of the inputs' span, shape (frame, input), real where the inputs are; then one product of real
matrices serves all rows at once.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Fields = NDArray[np.complexfloating[Any, Any]]
Magnitudes = NDArray[np.floating[Any]]
Basis = NDArray[np.inexact[Any]]

RELAXATION = 0.97
"""Below 1 the iteration settles where noise leaves no common point; near 1 it leaves false ones behind best."""

RELAXATIONS = (0.9, 0.97, 0.8)
"""Relaxations of attempts in turn where frames abound: which leads out of a false minimum differs from row to row."""


def coordinates(fields: Fields, *, basis: Basis) -> Fields:
    """Return the coordinates of fields in a basis.

    .. math:: c = Q^\\dagger z

    Parameters
    ----------
    fields : ndarray of complex, shape (frame, output)
        Fields z.
    basis : ndarray, shape (frame, input)
        Orthonormal basis Q, real or complex, of the precision of the fields.

    Returns
    -------
    ndarray of complex, shape (input, output)
        Coordinates.
    """
    if np.iscomplexobj(basis):
        return np.asarray(basis.conj().T @ fields)
    return np.asarray((basis.T @ _real_view(fields)).view(fields.dtype))


def fields_from(coordinates: Fields, *, basis: Basis) -> Fields:
    """Return the fields that coordinates stand for: the adjoint of `coordinates`.

    .. math:: z = Q c

    Parameters
    ----------
    coordinates : ndarray of complex, shape (input, output)
        Coordinates c.
    basis : ndarray, shape (frame, input)
        Orthonormal basis Q, real or complex.

    Returns
    -------
    ndarray of complex, shape (frame, output)
        Fields.
    """
    if np.iscomplexobj(basis):
        return np.asarray(basis @ coordinates)
    return np.asarray((basis @ _real_view(coordinates)).view(coordinates.dtype))


def impose_magnitudes(fields: Fields, magnitudes: Magnitudes) -> Fields:
    """Return the nearest fields that have the measured magnitudes.

    .. math:: P_M z = a \\frac{z}{|z|}

    Parameters
    ----------
    fields : ndarray of complex, shape (frame, output)
        Fields z.
    magnitudes : ndarray of float, shape (frame, output)
        Magnitudes a; NaN where a frame says nothing, there the field stays.

    Returns
    -------
    ndarray of complex, shape (frame, output)
        Fields of the same phases.
    """
    moduli = np.abs(fields)
    ratio = magnitudes / np.maximum(moduli, np.finfo(moduli.dtype).tiny)
    return np.asarray(fields * np.where(np.isnan(ratio), moduli.dtype.type(1), ratio))


def alternating_projections(fields: Fields, magnitudes: Magnitudes, *, basis: Basis, iterations: int) -> Fields:
    """Impose magnitudes and inputs in turn, after Gerchberg and Saxton.

    .. math:: z \\to P_Q P_M z

    Parameters
    ----------
    fields : ndarray of complex, shape (frame, output)
        Start.
    magnitudes : ndarray of float, shape (frame, output)
        Measured magnitudes; NaN where a frame says nothing.
    basis : ndarray, shape (frame, input)
        Orthonormal basis of what inputs can give.
    iterations : int
        Number of rounds.

    Returns
    -------
    ndarray of complex, shape (frame, output)
        Fields that inputs can give.

    Notes
    -----
    The distance to the magnitudes never grows, so it stops at the first point where no step helps, a true one or not.

    References
    ----------
    .. [1] R. W. Gerchberg and W. O. Saxton, Optik 35, 237 (1972).
    """
    for _ in range(iterations):
        fields = _project(impose_magnitudes(fields, magnitudes), basis)
    return fields


def relaxed_reflections(
    fields: Fields, magnitudes: Magnitudes, *, basis: Basis, iterations: int, relaxation: float = RELAXATION
) -> Fields:
    """Look for fields that have the magnitudes and that inputs can give, by relaxed averaged alternating reflections.

    .. math:: z \\to \\frac{\\beta}{2} (R_Q R_M + 1) z + (1 - \\beta) P_M z, \\qquad R = 2 P - 1

    Parameters
    ----------
    fields : ndarray of complex, shape (frame, output)
        Start.
    magnitudes : ndarray of float, shape (frame, output)
        Measured magnitudes; NaN where a frame says nothing.
    basis : ndarray, shape (frame, input)
        Orthonormal basis of what inputs can give.
    iterations : int
        Number of rounds, each of two products with the basis.
    relaxation : float, optional
        Relaxation beta.

    Returns
    -------
    ndarray of complex, shape (frame, output)
        Fields; `alternating_projections` takes them to the nearest point that inputs can give.

    References
    ----------
    .. [1] D. R. Luke, Inverse Problems 21, 37 (2005). doi:10.1088/0266-5611/21/1/004
    """
    beta = fields.real.dtype.type(relaxation)
    for _ in range(iterations):
        measured = impose_magnitudes(fields, magnitudes)
        given = _project(2 * measured - fields, basis)
        # (R_Q R_M + 1) / 2 = P_Q R_M - P_M + 1
        fields = beta * (given + fields) + (1 - 2 * beta) * measured
    return fields


def _project(fields: Fields, basis: Basis) -> Fields:
    """Return the nearest fields that inputs can give."""
    return fields_from(coordinates(fields, basis=basis), basis=basis)


def _real_view(fields: Fields) -> NDArray[np.floating[Any]]:
    """Return complex columns as pairs of real ones."""
    return np.ascontiguousarray(fields).view(fields.real.dtype)
