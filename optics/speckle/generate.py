"""Fully developed speckle with a given grain: one mode, several correlated modes, polarisations, cascades."""

import math

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, DTypeLike, NDArray

from optics.speckle.pupil import Pupil, check_grain, pupil_weights
from optics.validation import check_count, check_number


def check_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a stack of grids, or say why it is none.

    Parameters
    ----------
    shape : tuple of int
        (..., y, x).

    Returns
    -------
    tuple of int
        The same, as plain integers.

    Raises
    ------
    ValueError
        If there are fewer than two axes.
    """
    if len(shape) < 2:
        raise ValueError(f"shape must be (..., y, x), got {tuple(shape)}")
    for axis, count in enumerate(shape):
        check_count(f"shape[{axis}]", count)
    return tuple(int(count) for count in shape)


def check_precision(dtype: DTypeLike) -> np.dtype[np.complex64] | np.dtype[np.complex128]:
    """Return a complex type that fields may have.

    Parameters
    ----------
    dtype : dtype_like
        complex64 or complex128.

    Returns
    -------
    dtype
        The same as a dtype.

    Raises
    ------
    TypeError
        If it is another type.
    """
    kind = np.dtype(dtype)
    if kind == np.dtype(np.complex64):
        return np.dtype(np.complex64)
    if kind == np.dtype(np.complex128):
        return np.dtype(np.complex128)
    raise TypeError(f"dtype must be complex64 or complex128, got {kind}: speckle fields are complex")


def speckle_field(
    shape: tuple[int, ...],
    *,
    grain: float | tuple[float, float],
    pupil: Pupil = "disc",
    grey_rim: bool = True,
    rng: np.random.Generator,
    dtype: DTypeLike = np.complex64,
) -> NDArray[np.complexfloating]:
    """Return fully developed, band-limited speckle of unit mean intensity.

    .. math:: E(r) = \\frac{1}{\\sqrt{\\sum_k w_k}} \\sum_k \\sqrt{w_k}\\, z_k\\, e^{2 \\pi i f_k \\cdot r}

    Parameters
    ----------
    shape : tuple of int
        (..., y, x); each leading index is an independent pattern.
    grain : float or tuple of float
        lambda z / D in samples, one number or (y, x); at least 1, and 2 where intensities must not alias.
    pupil : {"disc", "square"}, optional
        Shape of the pupil.
    grey_rim : bool, optional
        Whether frequency bins on the rim of the pupil count by the part that it covers, which keeps its area and its
        correlation to second order; else nothing lies beyond the rim.
    rng : numpy.random.Generator
        Source of the circular Gaussian amplitudes z_k.
    dtype : dtype_like, optional
        complex64, which costs 1e-6 of the modulus, or complex128; both take the same numbers from ``rng``.

    Returns
    -------
    ndarray, shape (..., y, x)
        Field whose *ensemble* mean intensity is 1 at each point. Periodic: opposite edges are neighbours.

    Raises
    ------
    ValueError
        If the grain is finer than the sampling, or the grid holds fewer than four grains along an axis.

    Notes
    -----
    Weights w_k are the parts of frequency bins that the pupil covers. Only these are drawn.
    """
    sizes = check_shape(shape)
    kind = check_precision(dtype)
    pair = check_grain(grain, pupil=pupil)
    weights, places = pupil_weights((sizes[-2], sizes[-1]), grain=pair, pupil=pupil, grey_rim=grey_rim)
    amplitude = np.sqrt(weights / (2 * weights.sum()))
    drawn = rng.standard_normal((*sizes[:-2], *weights.shape, 2)) * amplitude[..., np.newaxis]
    spectrum = np.zeros(sizes, kind)
    spectrum[..., places[0][:, np.newaxis], places[1]] = drawn.view(np.complex128)[..., 0]
    return np.asarray(scipy.fft.ifft2(spectrum, norm="forward", overwrite_x=True))


def speckle_modes(
    shape: tuple[int, ...],
    *,
    coherency: ArrayLike,
    grain: float | tuple[float, float],
    pupil: Pupil = "disc",
    rng: np.random.Generator,
    dtype: DTypeLike = np.complex64,
) -> NDArray[np.complexfloating]:
    """Return several modes of speckle with given mean intensities and correlations.

    .. math:: \\langle E_k E_l^* \\rangle = J_{kl}

    Parameters
    ----------
    shape : tuple of int
        (..., y, x).
    coherency : array_like, shape (mode, mode)
        Hermitian, positive matrix J: mean intensities on its diagonal. Two polarisations, lines of a laser
        (J_kl = sqrt(p_k p_l) gamma_kl) or instants within an exposure.
    grain : float or tuple of float
        lambda z / D in samples, one number or (y, x).
    pupil : {"disc", "square"}, optional
        Shape of the pupil.
    rng : numpy.random.Generator
        Source of the speckle.
    dtype : dtype_like, optional
        complex64 or complex128.

    Returns
    -------
    ndarray, shape (..., mode, y, x)
        Fields of the modes, whose intensities add.
    """
    matrix = check_coherency(coherency)
    sizes = check_shape(shape)
    values, vectors = np.linalg.eigh(matrix)
    mixing = vectors * np.sqrt(np.maximum(values, 0))
    stack = (*sizes[:-2], len(matrix), *sizes[-2:])
    independent = speckle_field(stack, grain=grain, pupil=pupil, rng=rng, dtype=dtype)
    return np.asarray(np.einsum("kl,...lyx->...kyx", mixing.astype(independent.dtype), independent, optimize=True))


def check_coherency(coherency: ArrayLike) -> NDArray[np.complex128]:
    """Return a coherency matrix, or say why it is none.

    Parameters
    ----------
    coherency : array_like, shape (mode, mode)
        Matrix of <E_k E_l*>.

    Returns
    -------
    ndarray, shape (mode, mode)
        The matrix in double precision.

    Raises
    ------
    ValueError
        If it is not square, finite, Hermitian and positive.
    """
    matrix = np.asarray(coherency, np.complex128)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size or not np.isfinite(matrix).all():
        raise ValueError(f"coherency must be a finite square matrix (mode, mode), got shape {matrix.shape}")
    trace = float(np.trace(matrix).real)
    gap = float(np.abs(matrix - matrix.conj().T).max())
    lowest = float(np.linalg.eigvalsh(matrix)[0])
    if trace <= 0 or gap > 1e-9 * trace or lowest < -1e-9 * trace:
        raise ValueError(
            f"coherency must be Hermitian and positive: it differs from its adjoint by {gap:g}, its lowest "
            f"eigenvalue is {lowest:g} and its trace {trace:g}; no light has such correlations"
        )
    return matrix


def polarised_speckle(
    shape: tuple[int, ...],
    *,
    degree: float,
    grain: float | tuple[float, float],
    pupil: Pupil = "disc",
    rng: np.random.Generator,
    dtype: DTypeLike = np.complex64,
) -> NDArray[np.complexfloating]:
    """Return the two polarisations of partially polarised speckle of unit mean intensity.

    .. math:: \\langle I_{1, 2} \\rangle = (1 \\pm P) / 2

    Parameters
    ----------
    shape : tuple of int
        (..., y, x).
    degree : float
        Degree of polarisation P, 0 to 1.
    grain : float or tuple of float
        lambda z / D in samples, one number or (y, x).
    pupil : {"disc", "square"}, optional
        Shape of the pupil.
    rng : numpy.random.Generator
        Source of the speckle.
    dtype : dtype_like, optional
        complex64 or complex128.

    Returns
    -------
    ndarray, shape (..., 2, y, x)
        Independent fields along the axes that make the coherency matrix diagonal. An analyser is one of them.
    """
    check_number("degree", degree, at_least=0, at_most=1)
    coherency = np.diag([(1 + degree) / 2, (1 - degree) / 2])
    return speckle_modes(shape, coherency=coherency, grain=grain, pupil=pupil, rng=rng, dtype=dtype)


def cascaded_speckle(
    shape: tuple[int, ...],
    *,
    modes: int,
    grain: float | tuple[float, float],
    pupil: Pupil = "disc",
    rng: np.random.Generator,
    dtype: DTypeLike = np.complex64,
) -> NDArray[np.complexfloating]:
    """Return speckle behind a scatterer that is lit by a few modes of another one.

    .. math:: E = \\frac{1}{\\sqrt{k}} \\sum_{j=1}^{k} a_j E_j(r)

    Parameters
    ----------
    shape : tuple of int
        (..., y, x); each leading index has its own amplitudes a_j, so the law holds over patterns, not within one.
    modes : int
        Modes k between the scatterers.
    grain : float or tuple of float
        lambda z / D in samples, one number or (y, x).
    pupil : {"disc", "square"}, optional
        Shape of the pupil.
    rng : numpy.random.Generator
        Source of the speckle and of the circular Gaussian amplitudes.
    dtype : dtype_like, optional
        complex64 or complex128.

    Returns
    -------
    ndarray, shape (..., y, x)
        Field of unit mean intensity; C^2 = 1 + 2/k over patterns (law L31).
    """
    check_count("modes", modes)
    field = speckle_field(shape, grain=grain, pupil=pupil, rng=rng, dtype=dtype)
    # The sum of k independent Gaussian fields with given a_j is one Gaussian field of intensity sum |a_j|^2 / k.
    light = rng.standard_gamma(modes, size=field.shape[:-2]) / modes
    return np.asarray(field * np.sqrt(light)[..., np.newaxis, np.newaxis].astype(field.real.dtype))


def mode_contrast(coherency: ArrayLike) -> float:
    """Return the contrast of a sum of speckle patterns.

    .. math:: C = \\sqrt{\\mathrm{tr} J^2} / \\mathrm{tr} J

    Parameters
    ----------
    coherency : array_like, shape (mode, mode)
        Matrix J of <E_k E_l*>.

    Returns
    -------
    float
        Contrast: laws L11 and L20, for independent and correlated modes alike.

    References
    ----------
    .. [1] J. W. Goodman, Speckle Phenomena in Optics, Roberts 2007, sec. 3.3.
    """
    matrix = check_coherency(coherency)
    return math.sqrt(float(np.sum(np.abs(matrix) ** 2))) / float(np.trace(matrix).real)
