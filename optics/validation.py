"""Checks of described quantities: each failure names the thing, the value, what is allowed and the way out."""

import difflib
import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def check_number(
    name: str,
    value: float,
    *,
    unit: str = "",
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    infinite: bool = False,
) -> None:
    """Refuse a number that is not finite or lies outside its range.

    Parameters
    ----------
    name : str
        Name of the quantity, as the user wrote it.
    value : float
        The number to check.
    unit : str, optional
        Unit printed behind the value and the limits.
    above : float or None, optional
        Exclusive lower limit.
    at_least : float or None, optional
        Inclusive lower limit.
    at_most : float or None, optional
        Inclusive upper limit.
    infinite : bool, optional
        Whether positive infinity is allowed.

    Raises
    ------
    TypeError
        If the value is not a real number.
    ValueError
        If the value is not finite or out of range.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a number, got {value!r} of type {type(value).__name__}")
    suffix = f" {unit}" if unit else ""
    limits = [
        f"above {above:g}{suffix}" if above is not None else "",
        f"at least {at_least:g}{suffix}" if at_least is not None else "",
        f"at most {at_most:g}{suffix}" if at_most is not None else "",
    ]
    allowed = " and ".join(limit for limit in limits if limit) or "any finite number"
    finite = math.isfinite(value) or (infinite and value == math.inf)
    inside = (
        (above is None or value > above)
        and (at_least is None or value >= at_least)
        and (at_most is None or value <= at_most)
    )
    if not (finite and inside):
        raise ValueError(f"{name} = {value:g}{suffix} is not allowed: it must be {allowed}")


def check_count(name: str, value: int, *, at_least: int = 1, at_most: int | None = None) -> None:
    """Refuse what is not a whole number in its range.

    Parameters
    ----------
    name : str
        Name of the quantity, as the user wrote it.
    value : int
        The number to check.
    at_least : int, optional
        Smallest value allowed.
    at_most : int or None, optional
        Largest value allowed.

    Raises
    ------
    TypeError
        If the value is not an integer.
    ValueError
        If the value is out of range.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be a whole number, got {value!r} of type {type(value).__name__}")
    check_number(name, int(value), at_least=at_least, at_most=at_most)


def check_numbers(
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


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Refuse a word that is not among the choices, and name the nearest one.

    Parameters
    ----------
    name : str
        Name of the quantity, as the user wrote it.
    value : str
        The word to check.
    choices : sequence of str
        Words that are allowed.

    Raises
    ------
    TypeError
        If the value is no word.
    ValueError
        If the word is not among the choices.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} = {value!r} must be one of the words {list(choices)}")
    if value not in choices:
        raise ValueError(f"{name} = {value!r} is not known{nearest(value, choices)}; it must be one of {list(choices)}")


def check_states(states: ArrayLike, *, inputs: int, name: str = "patterns") -> NDArray[np.bool_]:
    """Return macropixel states as a boolean array, or say why they are none.

    Parameters
    ----------
    states : array_like, shape (frame, input)
        States of the macropixels, boolean.
    inputs : int
        Number of macropixels of the layout.
    name : str, optional
        Name used in the message.

    Returns
    -------
    ndarray of bool, shape (frame, input)
        The states.

    Raises
    ------
    TypeError
        If the states are not boolean (0/255 against 0/1 is the classic confusion).
    ValueError
        If the shape is not (frame, ``inputs``).
    """
    array = np.asarray(states)
    if array.dtype != np.bool_:
        raise TypeError(
            f"{name} must be boolean, got {array.dtype}: a mirror is on or off; "
            "compare with a threshold first, for instance patterns > 0"
        )
    if array.ndim != 2 or array.shape[1] != inputs:
        raise ValueError(f"{name} must have shape (frame, {inputs}), one state a macropixel, got {array.shape}")
    return array


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return a phrase that suggests the nearest of the choices, empty where none is near.

    Parameters
    ----------
    word : str
        The unknown word.
    choices : iterable of str
        The known words.

    Returns
    -------
    str
        ``"; did you mean 'x'?"`` or an empty string.
    """
    match = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return f"; did you mean {match[0]!r}?" if match else ""
