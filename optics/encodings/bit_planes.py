"""Binary, ternary and grey vectors as bit planes that are weighted after the exposure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.encodings.encoding import (
    Frames,
    Output,
    check_levels,
    check_vectors,
    split_signs,
    weighted_sum,
)
from optics.validation import check_count


@dataclass(frozen=True, kw_only=True)
class BitPlanes:
    """One frame for each bit and sign, each exposed for the same time, weighted when decoded.

    .. math:: x = \\pm \\sum_k w_k b_k, \\quad w_k = \\frac{2^k}{2^n - 1}, \\qquad y = \\pm \\sum_k w_k z_k

    Full scale is 1. Frames run from the lowest to the highest bit, the positive half before the negative one.
    With one bit it is the plain binary encoding, and the ternary one where ``signed``.

    Parameters
    ----------
    bits : int
        Bits n of the modulus, 1 to 16.
    signed : bool
        Whether components range from -1 to 1; it takes twice the frames.

    Raises
    ------
    ValueError
        If the bits are out of range.

    References
    ----------
    .. [1] Law L36 of the project's physics notes.
    """

    bits: int
    signed: bool

    def __post_init__(self) -> None:
        check_count("bits", self.bits, at_most=16)

    @property
    def steps(self) -> int:
        """Return the number of steps from 0 to 1."""
        return int(2**self.bits) - 1

    @property
    def weights(self) -> NDArray[np.float64]:
        """Return the weight of each frame of a vector."""
        planes = 2.0 ** np.arange(self.bits) / self.steps
        return np.concatenate([planes, -planes]) if self.signed else planes

    @property
    def frames_per_vector(self) -> int:
        """Return the number of binary frames of a vector."""
        return self.bits * (2 if self.signed else 1)

    @property
    def exposures_per_vector(self) -> int:
        """Return the number of exposures of a vector: one for each frame."""
        return self.frames_per_vector

    @property
    def noise_gain(self) -> float:
        """Return the variance of a decoded value over that of one frame: h (2^n + 1) / (3 (2^n - 1)), h halves."""
        return (2 if self.signed else 1) * (self.steps + 2) / (3 * self.steps)

    def quantise(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the nearest vectors that the bits can show.

        Parameters
        ----------
        x : array_like, shape (vector, component)
            Vectors.

        Returns
        -------
        ndarray, shape (vector, component)
            Multiples of 1 / (2^n - 1).
        """
        return np.rint(check_vectors(x, signed=self.signed) * self.steps) / self.steps

    def frames(self, x: ArrayLike) -> Frames:
        """Return the bit planes of vectors.

        Parameters
        ----------
        x : array_like, shape (vector, component)
            Vectors whose components are multiples of 1 / (2^n - 1).

        Returns
        -------
        ndarray of bool, shape (vector * frames_per_vector, component)
            Frames.

        Raises
        ------
        ValueError
            If a component is NaN, out of range or between two levels.
        """
        levels = check_levels(check_vectors(x, signed=self.signed), steps=self.steps)
        halves = split_signs(levels.astype(np.float64), signed=self.signed).astype(np.int64)
        planes = (halves[:, :, np.newaxis] >> np.arange(self.bits)[:, np.newaxis]) & 1
        return planes.astype(np.bool_).reshape(-1, levels.shape[1])

    def decode(self, projections: Output) -> Output:
        """Return the projections of the vectors, exact for linear outputs.

        Parameters
        ----------
        projections : ndarray, shape (vector * frames_per_vector, output)
            Linear outputs of the frames, real or complex.

        Returns
        -------
        ndarray, shape (vector, output)
            y = T x.
        """
        return weighted_sum(projections, self.weights)

    def photon_efficiency(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the share of components that are on, averaged over the frames.

        Parameters
        ----------
        x : array_like, shape (vector, component)
            Vectors.

        Returns
        -------
        ndarray, shape (vector,)
            Photons that go on to the medium over photons on the components.
        """
        frames = self.frames(x).reshape(len(np.asarray(x)), -1)
        return np.asarray(frames.mean(axis=1))


def binary() -> BitPlanes:
    """Return the encoding of binary vectors: one frame, the vector itself.

    Returns
    -------
    BitPlanes
        One bit, no sign; noise gain 1.
    """
    return BitPlanes(bits=1, signed=False)


def ternary() -> BitPlanes:
    """Return the encoding of ternary vectors by two frames, those of 1 and those of -1.

    .. math:: y = T x_+ - T x_-, \\qquad \\mathrm{var}(y) = 2 \\sigma^2

    Returns
    -------
    BitPlanes
        One bit and a sign; noise gain 2.
    """
    return BitPlanes(bits=1, signed=True)
