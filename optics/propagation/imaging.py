"""The 4f system: two lenses and a pupil in the focal plane that they share, with its adjoint."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.propagation.fourier_optics import focal_spacing, lens_transform, lens_transform_adjoint
from optics.propagation.grid import Field, Pair, as_field, grid_of


def four_f(
    field: ArrayLike,
    *,
    spacing: Pair,
    wavelength: float,
    focal_lengths: Pair,
    pupil: NDArray[np.inexact],
    workers: int | None = None,
) -> Field:
    """Return the image that two lenses give, with a pupil in the focal plane between them.

    .. math:: u'(r) = L_{f_2} \\, P \\, L_{f_1} u, \\qquad
        u'(r) = -\\frac{f_1}{f_2} \\, u\\left(-\\frac{f_1}{f_2} r\\right) \\text{ for } P = 1

    Parameters
    ----------
    field : array_like, shape (..., y, x)
        Field in the front focal plane of the first lens; the precision is kept.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    focal_lengths : tuple of float
        (f_1, f_2), in metres; the spacing of the image is f_2 / f_1 times that of the field.
    pupil : ndarray, shape (y, x)
        Factor P on the grid of `focal_spacing`, axis at [n_y // 2, n_x // 2].
    workers : int or None, optional
        Threads of the transforms.

    Returns
    -------
    ndarray of complex64 or complex128, shape (..., y, x)
        The image, upside down.

    Raises
    ------
    ValueError
        If the pupil is not on the grid, or the grid holds angles whose sine is above 1/2.

    Notes
    -----
    The window is periodic: what a pupil blurs over one edge comes back at the other; pad the field where it matters.

    References
    ----------
    .. [1] J. W. Goodman, Introduction to Fourier Optics, 3rd ed. 2005, sec. 8.1.
    """
    array = as_field(field, spacing=spacing)
    stop = _checked_pupil(pupil, field=array)
    first, second = focal_lengths
    middle = focal_spacing(grid_of(array), spacing=spacing, wavelength=wavelength, focal_length=first)
    focal = lens_transform(array, spacing=spacing, wavelength=wavelength, focal_length=first, workers=workers)
    focal *= stop
    # The first lens has answered for the angles; those behind the second follow from them by Abbe's sine condition.
    return lens_transform(
        focal, spacing=middle, wavelength=wavelength, focal_length=second, workers=workers,
        highest_frequency=1 / (2 * wavelength),
    )  # fmt: skip


def four_f_adjoint(
    field: ArrayLike,
    *,
    spacing: Pair,
    wavelength: float,
    focal_lengths: Pair,
    pupil: NDArray[np.inexact],
    workers: int | None = None,
) -> Field:
    """Return the adjoint of `four_f`: from the image to the object.

    .. math:: A^H = L_{f_1}^H \\, \\bar P \\, L_{f_2}^H

    Parameters
    ----------
    field : array_like, shape (..., y, x)
        Field in the image plane.
    spacing : tuple of float
        Distance (dy, dx) between samples of the object, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    focal_lengths : tuple of float
        (f_1, f_2) of the forward map, in metres.
    pupil : ndarray, shape (y, x)
        Factor P of the forward map.
    workers : int or None, optional
        Threads of the transforms.

    Returns
    -------
    ndarray of complex64 or complex128, shape (..., y, x)
        Field in the object plane.
    """
    array = as_field(field, spacing=spacing)
    stop = _checked_pupil(pupil, field=array)
    first, second = focal_lengths
    middle = focal_spacing(grid_of(array), spacing=spacing, wavelength=wavelength, focal_length=first)
    focal = lens_transform_adjoint(array, spacing=middle, wavelength=wavelength, focal_length=second, workers=workers)
    focal *= stop.conj()
    return lens_transform_adjoint(focal, spacing=spacing, wavelength=wavelength, focal_length=first, workers=workers)


def _checked_pupil(pupil: NDArray[np.inexact], *, field: Field) -> Field:
    """Return a pupil in the precision of the field, or say why it does not fit."""
    stop = np.asarray(pupil)
    if stop.shape != grid_of(field):
        raise ValueError(f"pupil has shape {stop.shape}: it must be that of the focal plane, {grid_of(field)}")
    return stop.astype(field.dtype)
