"""What may pass for frames of intensities or counts."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def check_intensity(frames: ArrayLike, *, name: str = "frames") -> NDArray[np.float64]:
    """Return intensities or counts in double precision, or say why they are none.

    Parameters
    ----------
    frames : array_like, shape (..., y, x)
        Intensities or counts.
    name : str, optional
        Name used in the message.

    Returns
    -------
    ndarray, shape (..., y, x)
        The frames as float64.

    Raises
    ------
    TypeError
        If they are complex, boolean or no numbers.
    ValueError
        If they have fewer than two axes, are empty, not finite, negative or constant.
    """
    array = np.asarray(frames)
    if np.iscomplexobj(array):
        raise TypeError(f"{name} must be intensities, got complex fields: take np.abs(field) ** 2 first")
    if array.dtype == np.bool_ or not np.issubdtype(array.dtype, np.number):
        raise TypeError(f"{name} must be numbers, got {array.dtype}")
    if array.ndim < 2 or not array.size:
        raise ValueError(f"{name} must have shape (..., y, x), got {array.shape}")
    values = array.astype(np.float64)
    bad = int(np.sum(~np.isfinite(values)))
    if bad:
        raise ValueError(f"{name} hold {bad} values that are not finite of {values.size}: mend or crop these pixels")
    if values.min() < 0:
        raise ValueError(
            f"{name} hold {int(np.sum(values < 0))} negative values, the lowest {values.min():g}: intensities are not "
            "negative; give raw counts, and the black level by its own argument"
        )
    if values.min() == values.max():
        raise ValueError(f"{name} are constant, {values.flat[0]:g} everywhere: there is no speckle in them")
    return values
