"""Grey vectors as random binary frames whose linear outputs are averaged."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.encodings.encoding import Frames, Output, check_vectors, split_signs, weighted_sum
from optics.validation import check_count


@dataclass(frozen=True, kw_only=True)
class Dithering:
    """K random frames for each sign; a component is on with probability \\|x\\|, independently in each frame.

    .. math:: y = \\frac{1}{K} \\sum_k (z_{+k} - z_{-k}), \\qquad
              \\mathrm{var}(y - T x) = \\frac{1}{K} \\sum_n |t_n|^2 |x_n| (1 - |x_n|)

    Any value can be shown; the decode is exact on average.

    Parameters
    ----------
    repeats : int
        Frames K for each sign.
    signed : bool
        Whether components range from -1 to 1; it takes twice the frames.

    Raises
    ------
    ValueError
        If the number of frames is out of range.

    References
    ----------
    .. [1] Law L36 of the project's physics notes.
    """

    repeats: int
    signed: bool

    def __post_init__(self) -> None:
        check_count("repeats", self.repeats, at_most=65_536)

    @property
    def weights(self) -> NDArray[np.float64]:
        """Return the weight of each frame of a vector."""
        half = np.full(self.repeats, 1 / self.repeats)
        return np.concatenate([half, -half]) if self.signed else half

    @property
    def frames_per_vector(self) -> int:
        """Return the number of binary frames of a vector."""
        return len(self.weights)

    @property
    def exposures_per_vector(self) -> int:
        """Return the number of exposures of a vector: one for each frame."""
        return self.frames_per_vector

    @property
    def noise_gain(self) -> float:
        """Return the variance of a decoded value over that of one frame, dither apart."""
        return (2 if self.signed else 1) / self.repeats

    def frames(self, x: ArrayLike, *, rng: np.random.Generator) -> Frames:
        """Return random frames of vectors.

        Parameters
        ----------
        x : array_like, shape (vector, component)
            Vectors.
        rng : numpy.random.Generator
            Source of the dither.

        Returns
        -------
        ndarray of bool, shape (vector * frames_per_vector, component)
            Frames.
        """
        values = check_vectors(x, signed=self.signed)
        halves = np.repeat(split_signs(values, signed=self.signed), self.repeats, axis=1)
        return np.asarray(rng.random(halves.shape) < halves).reshape(-1, values.shape[1])

    def decode(self, projections: Output) -> Output:
        """Return the projections of the vectors, with the dither's noise.

        Parameters
        ----------
        projections : ndarray, shape (vector * frames_per_vector, output)
            Linear outputs of the frames, real or complex.

        Returns
        -------
        ndarray, shape (vector, output)
            y = T x on average.
        """
        return weighted_sum(projections, self.weights)

    def dither_variance(self, x: ArrayLike, *, column_power: ArrayLike) -> NDArray[np.float64]:
        """Return the mean square error that dithering leaves.

        .. math:: \\frac{1}{K} \\sum_n \\langle |t_n|^2 \\rangle |x_n| (1 - |x_n|)

        Parameters
        ----------
        x : array_like, shape (vector, component)
            Vectors.
        column_power : array_like, shape (component,) or ()
            Mean square output that a component gives alone when it is on.

        Returns
        -------
        ndarray, shape (vector,)
            Variance, in the unit of ``column_power``.
        """
        size = np.abs(check_vectors(x, signed=self.signed))
        return np.asarray(np.sum(np.asarray(column_power, np.float64) * size * (1 - size), axis=1) / self.repeats)

    def photon_efficiency(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the expected share of components that are on, averaged over the frames.

        Parameters
        ----------
        x : array_like, shape (vector, component)
            Vectors.

        Returns
        -------
        ndarray, shape (vector,)
            Photons that go on to the medium over photons on the components.
        """
        halves = split_signs(check_vectors(x, signed=self.signed), signed=self.signed)
        return np.asarray(halves.mean(axis=(1, 2)))
