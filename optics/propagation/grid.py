"""The grid that a field is sampled on: its positions, its frequencies, its margin of zeros, its precision.

Conventions of the whole package: time factor exp(-i omega t), so a wave that goes forward is exp(+i k z) with
k = 2 pi / wavelength and the wavelength that of the medium; fields are arrays (..., y, x) with spacing (dy, dx) in
metres, sample j of n along an axis at (j - n // 2) times the spacing; the Fourier kernel is exp(-2 pi i f . r), with
f in cycles per metre. Light at frequency f travels at the angle whose sine is wavelength times f. The intensity
|u|^2 times dy dx is power. An adjoint is that of plain arrays: sum conj(v) A(u) = sum conj(A^H(v)) u.

Kernels and phases are computed in double precision and rounded once to that of the field: float32 and complex64 give
complex64, which costs a few roundings of 6e-8 a transform (a test bounds it); float64 and complex128 give complex128.
"""

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, DTypeLike, NDArray

from optics.validation import check_count, check_number

Field = NDArray[np.complexfloating[Any, Any]]
Pair = tuple[float, float]
Shape = tuple[int, int]


def positions(count: int, *, spacing: float) -> NDArray[np.float64]:
    """Return where the samples of one axis lie.

    .. math:: x_j = (j - \\lfloor n / 2 \\rfloor) \\, \\Delta

    Parameters
    ----------
    count : int
        Number of samples n.
    spacing : float
        Distance between neighbours, in metres.

    Returns
    -------
    ndarray, shape (count,)
        Positions, in metres.
    """
    return np.asarray((np.arange(count) - count // 2) * spacing)


def frequencies(shape: Shape, *, spacing: Pair) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the frequencies of a grid in the order of the discrete Fourier transform.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.

    Returns
    -------
    f_y : ndarray, shape (y, 1)
        Frequencies along y, in cycles per metre.
    f_x : ndarray, shape (1, x)
        Frequencies along x, in cycles per metre.
    """
    f_y, f_x = (np.asarray(scipy.fft.fftfreq(n, d), np.float64) for n, d in zip(shape, spacing, strict=True))
    return f_y[:, np.newaxis], f_x[np.newaxis]


def highest_frequencies(shape: Shape, *, spacing: Pair) -> Pair:
    """Return the highest frequency that a grid holds along each axis.

    .. math:: F = \\lfloor n / 2 \\rfloor / (n \\Delta)

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.

    Returns
    -------
    tuple of float
        (F_y, F_x), in cycles per metre; zero along an axis of one sample.
    """
    y, x = ((n // 2) / (n * d) for n, d in zip(shape, spacing, strict=True))
    return y, x


def check_grid(shape: Shape, *, spacing: Pair) -> None:
    """Refuse a grid that is none.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.

    Raises
    ------
    ValueError
        If shape or spacing is no pair of positive numbers.
    """
    if len(shape) != 2:
        raise ValueError(f"shape = {shape!r} must be a pair (rows, columns)")
    if len(spacing) != 2:
        raise ValueError(f"spacing = {spacing!r} must be a pair (dy, dx), in metres")
    for axis, count, step in zip("yx", shape, spacing, strict=True):
        check_count(f"samples along {axis}", count)
        check_number(f"spacing d{axis}", step, unit="m", above=0)


def as_field(field: ArrayLike, *, spacing: Pair) -> Field:
    """Return a field as a complex array of its own precision.

    Parameters
    ----------
    field : array_like, shape (..., y, x)
        Field, in single or double precision, real or complex.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.

    Returns
    -------
    ndarray of complex64 or complex128, shape (..., y, x)
        The field; not copied where it is complex.

    Raises
    ------
    TypeError
        If the field is neither in single nor in double precision.
    ValueError
        If it has fewer than two axes, or the spacing is no pair of positive numbers.
    """
    array = np.asarray(field)
    if array.dtype not in (np.float32, np.float64, np.complex64, np.complex128):
        raise TypeError(
            f"field has dtype {array.dtype}: it must be float32, float64, complex64 or complex128; "
            "cast it with astype, which decides the precision of what follows"
        )
    if array.ndim < 2:
        raise ValueError(f"field has shape {array.shape}: it must be (..., y, x); a line is one row, field[np.newaxis]")
    check_grid(grid_of(array), spacing=spacing)
    return array.astype(np.result_type(array.dtype, np.complex64), copy=False)


def grid_of(field: NDArray[Any]) -> Shape:
    """Return the shape of the grid under a batch of fields.

    Parameters
    ----------
    field : ndarray, shape (..., y, x)
        Fields.

    Returns
    -------
    tuple of int
        Rows and columns.
    """
    return int(field.shape[-2]), int(field.shape[-1])


def complex_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return the precision that a kernel is asked for.

    Parameters
    ----------
    dtype : dtype_like
        complex64 or complex128.

    Returns
    -------
    numpy.dtype
        The same.

    Raises
    ------
    TypeError
        If it is anything else.
    """
    wanted = np.dtype(dtype)
    if wanted not in (np.complex64, np.complex128):
        raise TypeError(f"dtype = {wanted} must be complex64 or complex128")
    return wanted


def padded_shape(shape: Shape, *, pad: int) -> Shape:
    """Return the shape of a grid with its margin.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    pad : int
        How many times wider the padded window is; 1 is no margin. An axis of one sample, along which nothing varies,
        has none.

    Returns
    -------
    tuple of int
        Rows and columns.

    Raises
    ------
    ValueError
        If ``pad`` is below 1.
    """
    check_count("pad", pad)
    y, x = (pad * n if n > 1 else 1 for n in shape)
    return y, x


def pad_field(field: Field, *, pad: int) -> Field:
    """Return a field in the middle of a window of zeros; the adjoint of `crop_field`.

    Parameters
    ----------
    field : ndarray, shape (..., y, x)
        Field.
    pad : int
        How many times wider the window becomes.

    Returns
    -------
    ndarray, shape (..., pad y, pad x)
        Field whose sample at the origin is still at the origin.
    """
    shape = grid_of(field)
    window = padded_shape(shape, pad=pad)
    wide = np.zeros((*field.shape[:-2], *window), field.dtype)
    rows, columns = (slice(m // 2 - n // 2, m // 2 - n // 2 + n) for m, n in zip(window, shape, strict=True))
    wide[..., rows, columns] = field
    return wide


def crop_field(field: Field, *, pad: int) -> Field:
    """Return the middle of a padded field; the adjoint of `pad_field`.

    Parameters
    ----------
    field : ndarray, shape (..., pad y, pad x)
        Field with its margin.
    pad : int
        How many times wider than what is kept the window is.

    Returns
    -------
    ndarray, shape (..., y, x)
        A view of the middle.

    Raises
    ------
    ValueError
        If the window is no multiple of ``pad``.
    """
    check_count("pad", pad)
    wide = grid_of(field)
    shape = [m if m == 1 else m // pad for m in wide]
    if padded_shape((shape[0], shape[1]), pad=pad) != wide:
        raise ValueError(f"a field of {wide[0]} x {wide[1]} samples was not padded by {pad}: both must be multiples")
    rows, columns = (slice(m // 2 - n // 2, m // 2 - n // 2 + n) for m, n in zip(wide, shape, strict=True))
    return field[..., rows, columns]


def convolve(field: Field, kernel: Field, *, pad: int, workers: int | None) -> Field:
    """Return a field whose padded spectrum was multiplied by a kernel.

    .. math:: C \\, F^{-1} \\, H \\, F \\, P u

    Parameters
    ----------
    field : ndarray, shape (..., y, x)
        Field.
    kernel : ndarray, shape (pad y, pad x)
        Transfer function H in the order of the discrete Fourier transform, in the field's precision.
    pad : int
        Width of the window over that of the field; P pads and C crops. The adjoint has the conjugate kernel.
    workers : int or None
        Threads of the transforms.

    Returns
    -------
    ndarray, shape (..., y, x)
        Field.
    """
    spectrum = scipy.fft.fft2(pad_field(field, pad=pad) if pad > 1 else field, workers=workers, overwrite_x=pad > 1)
    spectrum *= kernel
    return crop_field(np.asarray(scipy.fft.ifft2(spectrum, workers=workers, overwrite_x=True)), pad=pad)
