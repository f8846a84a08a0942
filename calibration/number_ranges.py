"""Arrays of numbers that must lie in a range."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray


def numbers_within(
    name: str, value: ArrayLike, *, at_least: float = -math.inf, above: float = -math.inf, below: float = math.inf
) -> NDArray[np.float64]:
    """Return numbers in double precision, or say which of them is none or lies outside its range.

    Parameters
    ----------
    name : str
        Name of the quantity, as the user wrote it.
    value : array_like
        The numbers.
    at_least : float, optional
        Inclusive lower limit.
    above : float, optional
        Exclusive lower limit.
    below : float, optional
        Exclusive upper limit.

    Returns
    -------
    ndarray of float64
        The numbers.

    Raises
    ------
    ValueError
        If a number is not finite or lies outside its range; the first such one is named.
    """
    numbers = np.asarray(value, np.float64)
    good = np.isfinite(numbers) & (numbers >= at_least) & (numbers > above) & (numbers < below)
    if not good.all():
        lower = f"at least {at_least:g}" if above == -math.inf else f"above {above:g}"
        upper = f" and below {below:g}" if below < math.inf else ""
        raise ValueError(f"{name} holds {numbers[~good].flat[0]:g}: it must be finite, {lower}{upper}")
    return numbers
