"""Holograms as arrays: the checks that every method makes of them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Real = NDArray[np.float64]


def check_holograms(frames: ArrayLike, *, shape: tuple[int, int] | None = None, name: str = "frames") -> Real:
    """Return frames as float64, or say why they are none.

    Parameters
    ----------
    frames : array_like, shape (frame, y, x)
        Frames, real.
    shape : tuple of int or None, optional
        Pixels along (y, x) that they must have; None takes any from 8 x 8 on.
    name : str, optional
        Name used in the message.

    Returns
    -------
    ndarray, shape (frame, y, x)
        The frames.

    Raises
    ------
    TypeError
        If the numbers are complex.
    ValueError
        If the shape differs or a number is not finite.
    """
    array = np.asarray(frames)
    if np.iscomplexobj(array):
        raise TypeError(f"{name} must be real, got {array.dtype}: counts or light, not fields")
    wanted = f"(frame, {shape[0]}, {shape[1]})" if shape else "(frame, y, x) with at least 8 x 8 pixels"
    if array.ndim != 3 or (array.shape[1:] != shape if shape else min(array.shape[1:]) < 8) or not len(array):
        raise ValueError(f"{name} must have shape {wanted}, got {array.shape}: add a first axis to a single frame")
    array = array.astype(np.float64, copy=False)
    finite = np.isfinite(array)
    if not finite.all():
        where = tuple(int(part) for part in np.argwhere(~finite)[0])
        raise ValueError(
            f"{name} has {array.size - int(finite.sum())} numbers that are not finite, the first at (frame, y, x) = "
            f"{where}: one of them would spoil its whole frame; replace it and mark it in valid"
        )
    return array
