"""Grey vectors by on-count: k of the n mirrors of a macropixel are on."""

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

GOLDEN = (5**0.5 - 1) / 2  # multiples of it modulo 1 spread any number of points evenly over a macropixel


@dataclass(frozen=True, kw_only=True)
class AreaModulation:
    """Mirrors of each macropixel on in proportion to the component, in one frame for each sign.

    With n mirrors, k = \\|x\\| n of them are on:

    .. math:: z = \\sum_c t_c \\frac{k_c}{n}, \\qquad y = z_+ - z_-

    Parameters
    ----------
    mirrors : int
        Mirrors n of a macropixel.
    signed : bool
        Whether components range from -1 to 1; it takes a second frame.

    Raises
    ------
    ValueError
        If the number of mirrors is out of range.

    Notes
    -----
    Exact where the bench does not resolve a macropixel: the pupil, and the memory effect of the medium, pass its
    mirrors with one amplitude t_c / n. Where mirrors have columns of their own, states are still linear in the
    mirrors but not in k.
    """

    mirrors: int
    signed: bool

    def __post_init__(self) -> None:
        check_count("mirrors", self.mirrors, at_most=65_536)

    @property
    def frames_per_vector(self) -> int:
        """Return the number of binary frames of a vector."""
        return 2 if self.signed else 1

    @property
    def exposures_per_vector(self) -> int:
        """Return the number of exposures of a vector: one for each frame."""
        return self.frames_per_vector

    @property
    def noise_gain(self) -> float:
        """Return the variance of a decoded value over that of one frame."""
        return float(self.frames_per_vector)

    @property
    def switching_order(self) -> NDArray[np.int64]:
        """Return when each mirror of a macropixel, in raster order, goes on: it is on where this is below k."""
        return np.argsort(np.argsort(np.arange(self.mirrors) * GOLDEN % 1))

    def quantise(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the nearest vectors that the mirrors can show.

        Parameters
        ----------
        x : array_like, shape (vector, component)
            Vectors.

        Returns
        -------
        ndarray, shape (vector, component)
            Multiples of 1 / n.
        """
        return np.rint(check_vectors(x, signed=self.signed) * self.mirrors) / self.mirrors

    def frames(self, x: ArrayLike) -> Frames:
        """Return the mirror states of vectors.

        Parameters
        ----------
        x : array_like, shape (vector, component)
            Vectors whose components are multiples of 1 / n.

        Returns
        -------
        ndarray of bool, shape (vector * frames_per_vector, component * mirrors)
            States, mirrors of one macropixel side by side in its raster order.

        Raises
        ------
        ValueError
            If a component is NaN, out of range or between two levels.
        """
        levels = check_levels(check_vectors(x, signed=self.signed), steps=self.mirrors)
        counts = split_signs(levels.astype(np.float64), signed=self.signed)
        states = self.switching_order < counts[..., np.newaxis]
        return np.asarray(states.reshape(len(levels) * self.frames_per_vector, -1))

    def decode(self, projections: Output) -> Output:
        """Return the projections of the vectors, exact for linear outputs of unresolved macropixels.

        Parameters
        ----------
        projections : ndarray, shape (vector * frames_per_vector, output)
            Linear outputs of the frames; a macropixel that is wholly on gives its column t_c.

        Returns
        -------
        ndarray, shape (vector, output)
            y = T x.
        """
        return weighted_sum(projections, np.array([1.0, -1.0]) if self.signed else np.array([1.0]))

    def photon_efficiency(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the share of photons that leave in the macropixels' own order.

        .. math:: \\eta = \\langle (k / n)^2 \\rangle / h

        with h the number of frames. Of the share k / n that the mirrors send on, (k / n)(1 - k / n) goes into the
        halo of the pattern inside the macropixel (law L33), which the pupil stops.

        Parameters
        ----------
        x : array_like, shape (vector, component)
            Vectors.

        Returns
        -------
        ndarray, shape (vector,)
            Efficiency.
        """
        squares = check_vectors(x, signed=self.signed) ** 2
        return np.asarray(squares.mean(axis=1) / self.frames_per_vector)
