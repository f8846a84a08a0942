"""Complex fields to be shown: checks, test fields, and clipping on purpose."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.speckle.generate import speckle_field
from optics.validation import check_count, check_number


def check_target(target: ArrayLike, *, limit: float | None = 1.0) -> NDArray[np.complexfloating]:
    """Return a target field as complex numbers, or say why it cannot be shown.

    Parameters
    ----------
    target : array_like, shape (..., y, x)
        Field at each mirror.
    limit : float or None, optional
        Largest modulus allowed; None for any.

    Returns
    -------
    ndarray, shape (..., y, x)
        The field, complex64 if it was, complex128 if not.

    Raises
    ------
    ValueError
        If it has fewer than two axes, is not finite or exceeds the limit.
    """
    array = np.asarray(target)
    if array.ndim < 2 or not array.size:
        raise ValueError(f"target must have shape (..., y, x), one value a mirror, got {array.shape}")
    field = array if array.dtype == np.complex64 else array.astype(np.complex128)
    if not np.isfinite(field).all():
        raise ValueError(f"target has {np.sum(~np.isfinite(field))} values that are not finite")
    largest = float(np.abs(field).max())
    if limit is not None and largest > limit * (1 + 1e-6):
        raise ValueError(
            f"target has a modulus of {largest:g}, at most {limit:g} can be shown: scale it down, or cut its bright "
            "parts on purpose with clip_modulus"
        )
    return field


def check_binary(frames: ArrayLike) -> NDArray[np.bool_]:
    """Return frames as booleans, or say why mirrors cannot show them.

    Parameters
    ----------
    frames : array_like of bool, shape (..., y, x)
        States of mirrors.

    Returns
    -------
    ndarray of bool, shape (..., y, x)
        The states.

    Raises
    ------
    TypeError
        If they are not boolean: 0/255 against 0/1 is the classic confusion.
    ValueError
        If there are fewer than two axes.
    """
    array = np.asarray(frames)
    if array.dtype != np.bool_:
        raise TypeError(
            f"frames must be boolean, got {array.dtype}: a mirror is on or off, it has no grey levels; "
            "compare with a threshold first, for instance frames > 127"
        )
    if array.ndim < 2:
        raise ValueError(f"frames must have shape (..., y, x), got {array.shape}")
    return array


def clip_modulus(target: ArrayLike, *, limit: float = 1.0) -> NDArray[np.complexfloating]:
    """Return a field whose modulus is cut at a limit, its phase kept.

    .. math:: t \\min(1, l / |t|)

    Parameters
    ----------
    target : array_like, shape (..., y, x)
        Field.
    limit : float, optional
        Largest modulus l that stays.

    Returns
    -------
    ndarray, shape (..., y, x)
        The clipped field.

    Notes
    -----
    Bright parts of speckle are rare. Scaling a target up and clipping it sends more light and costs fidelity:
    the scale is the knob of every trade-off curve in ``benchmarks/encodings.py``.
    """
    field = check_target(target, limit=None)
    modulus = np.abs(field)
    return np.asarray(field * (limit / np.maximum(modulus, limit)))


def random_speckle(shape: tuple[int, int], *, radius: float, rng: np.random.Generator) -> NDArray[np.complex128]:
    """Return fully developed speckle of unit mean intensity behind a circular pupil.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    radius : float
        Radius of the pupil, in cycles per mirror; a grain is about 1 / (2 radius) mirrors wide.
    rng : numpy.random.Generator
        Source of the speckle.

    Returns
    -------
    ndarray, shape (y, x)
        Field: independent circular Gaussian amplitudes at every frequency within the pupil, scaled to a mean
        intensity of exactly 1. Periodic.
    """
    for name, count in zip(("rows", "columns"), shape, strict=True):
        check_count(name, count)
    check_number("radius", radius, unit="cycles per mirror", above=0, at_most=0.5)
    field = speckle_field(shape, grain=1 / (2 * radius), grey_rim=False, rng=rng, dtype=np.complex128)
    return np.asarray(field / np.sqrt(np.mean(np.abs(field) ** 2)))
