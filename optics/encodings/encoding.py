"""What every encoding of vectors offers, and the weighted sums of frames that all of them decode by.

An encoding turns vectors into binary frames. What a bench returns for a frame b and can be decoded is its *linear*
output z = T b: a field, or the real projection that an anchor gives. Intensities |T b|^2 are not linear, see
`optics.encodings.duty_cycle` for what they add up to.

A signed x is shown as two halves, x = x_+ - x_- with both at least 0. Frames of one vector follow each other, those
of its positive half first.
"""

from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Frames = NDArray[np.bool_]
Vectors = NDArray[np.float64]
Output = TypeVar("Output", NDArray[np.floating[Any]], NDArray[np.complexfloating[Any, Any]])


class Encoding(Protocol):
    """Vectors to binary frames, and linear outputs of exposures back to projections."""

    @property
    def frames_per_vector(self) -> int:
        """Return the number of binary frames that the device shows for a vector."""

    @property
    def exposures_per_vector(self) -> int:
        """Return the number of exposures, rows that `decode` takes, of a vector."""

    @property
    def noise_gain(self) -> float:
        """Return the variance of a decoded value over that of the linear output of one exposure."""

    def frames(self, x: ArrayLike) -> Frames:
        """Return the frames that show vectors.

        Parameters
        ----------
        x : array_like, shape (vector, component)
            Vectors.

        Returns
        -------
        ndarray of bool, shape (vector * frames_per_vector, input)
            Frames.
        """

    def decode(self, projections: Output) -> Output:
        """Return the projections of the vectors.

        Parameters
        ----------
        projections : ndarray, shape (vector * exposures_per_vector, output)
            Linear outputs of the exposures.

        Returns
        -------
        ndarray, shape (vector, output)
            y = T x.
        """

    def photon_efficiency(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the photons in the fields that `decode` uses over those that fall on the components meanwhile.

        Parameters
        ----------
        x : array_like, shape (vector, component)
            Vectors.

        Returns
        -------
        ndarray, shape (vector,)
            Efficiency, 0 to 1, before losses of the device.
        """


def check_vectors(x: ArrayLike, *, signed: bool) -> Vectors:
    """Return vectors as float64, or say why they cannot be shown.

    Parameters
    ----------
    x : array_like, shape (vector, component)
        Vectors.
    signed : bool
        Whether components range from -1 to 1 and not from 0 to 1.

    Returns
    -------
    ndarray, shape (vector, component)
        The vectors.

    Raises
    ------
    TypeError
        If they are not real numbers.
    ValueError
        If the shape is wrong, or a component is NaN or out of range.
    """
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"x must be real numbers, got {array.dtype}: complex fields take a hologram")
    if array.ndim != 2 or not array.size:
        raise ValueError(f"x must have shape (vector, component), got {array.shape}")
    values = array.astype(np.float64)
    lowest = -1 if signed else 0
    wrong = ~((values >= lowest) & (values <= 1))  # NaN is in no range
    if wrong.any():
        vector, component = np.argwhere(wrong)[0]
        raise ValueError(
            f"x[{vector}, {component}] = {values[vector, component]:g} is out of range: components must lie from "
            f"{lowest} to 1; divide by the largest" + ("" if signed else " or take signed=True for negative ones")
        )
    return values


def split_signs(values: Vectors, *, signed: bool) -> Vectors:
    """Return the positive and, of signed vectors, the negative half.

    Parameters
    ----------
    values : ndarray, shape (vector, component)
        Vectors.
    signed : bool
        Whether there is a negative half.

    Returns
    -------
    ndarray, shape (vector, half, component)
        Halves, none negative.
    """
    return np.maximum(np.stack([values, -values], axis=1) if signed else values[:, np.newaxis], 0)


def check_levels(values: Vectors, *, steps: int) -> NDArray[np.int64]:
    """Return the whole numbers of steps that values are, or say which one lies between.

    Parameters
    ----------
    values : ndarray, shape (vector, component)
        Values.
    steps : int
        Number of steps from 0 to 1.

    Returns
    -------
    ndarray of int, shape (vector, component)
        Values times ``steps``.

    Raises
    ------
    ValueError
        If a value is none of the levels to within float32's rounding: nothing is rounded in silence.
    """
    levels = np.rint(values * steps)
    wrong = np.abs(values * steps - levels) > steps * 2.0**-23
    if wrong.any():
        vector, component = np.argwhere(wrong)[0]
        raise ValueError(
            f"x[{vector}, {component}] = {values[vector, component]:g} is no multiple of 1/{steps}: "
            "round on purpose with the encoding's quantise(x)"
        )
    return levels.astype(np.int64)


def weighted_sum(projections: Output, weights: NDArray[np.float64]) -> Output:
    """Return the weighted sum of the outputs of each vector's exposures.

    .. math:: y_v = \\sum_e w_e z_{v e}

    Parameters
    ----------
    projections : ndarray, shape (vector * exposure, output)
        Linear outputs, real or complex.
    weights : ndarray, shape (exposure,)
        Weight of each exposure of a vector.

    Returns
    -------
    ndarray, shape (vector, output)
        Sums.

    Raises
    ------
    ValueError
        If the rows are no whole number of vectors.
    """
    array = np.asarray(projections)
    if array.ndim != 2 or len(array) % len(weights):
        raise ValueError(
            f"projections must have shape (vector * {len(weights)}, output), got {array.shape}: "
            f"one row for each of the {len(weights)} exposures of a vector"
        )
    grouped = array.reshape(-1, len(weights), array.shape[1])
    return np.asarray(np.einsum("e,veo->vo", weights.astype(array.real.dtype), grouped))
