"""Arrays that are drawn, checked before matplotlib meets them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def picture(name: str, values: ArrayLike) -> NDArray[np.generic]:
    """Return an array of numbers with two axes.

    Parameters
    ----------
    name : str
        Name of the array, as the user wrote it.
    values : array_like, shape (y, x)
        Numbers, real, complex or boolean.

    Returns
    -------
    ndarray, shape (y, x)
        The array.

    Raises
    ------
    TypeError
        If these are not numbers.
    ValueError
        If there are not two axes, or one is empty.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{name} holds {array.dtype}: give numbers")
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} has shape {array.shape}: give a picture of shape (y, x), for instance {name}[0]")
    return array


def real_picture(name: str, values: ArrayLike) -> NDArray[np.generic]:
    """Return an array of real numbers with two axes.

    Parameters
    ----------
    name : str
        Name of the array, as the user wrote it.
    values : array_like, shape (y, x)
        Real numbers.

    Returns
    -------
    ndarray, shape (y, x)
        The array.

    Raises
    ------
    TypeError
        If the numbers are complex.
    ValueError
        If there are not two axes, or one is empty.
    """
    array = picture(name, values)
    if array.dtype.kind == "c":
        raise TypeError(f"{name} is complex: draw it with draw_field or draw_phase, or give abs({name})")
    return array


def series(name: str, values: ArrayLike, *, length: int | None = None) -> NDArray[np.float64]:
    """Return a row of real numbers.

    Parameters
    ----------
    name : str
        Name of the row, as the user wrote it.
    values : array_like, shape (n,)
        Real numbers, perhaps none; NaN is left out of a drawing.
    length : int or None, optional
        How many there have to be.

    Returns
    -------
    ndarray of float64, shape (n,)
        The row.

    Raises
    ------
    TypeError
        If the numbers are complex.
    ValueError
        If there is not one axis, or it has another length.
    """
    array = np.asarray(values)
    if array.dtype.kind == "c":
        raise TypeError(f"{name} is complex: give its real part, modulus or phase")
    if array.ndim != 1:
        raise ValueError(f"{name} has shape {array.shape}: give a row of numbers")
    if length is not None and array.size != length:
        raise ValueError(f"{name} has {array.size} numbers: give {length}, one for each point")
    return array.astype(np.float64)
