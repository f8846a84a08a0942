"""Grey vectors by on-time within one exposure, and what intensities then add up to.

While the camera integrates, the device shows sub-frames b_k for shares w_k of the exposure. Their *intensities* add:

    I = sum_k w_k |T b_k|^2 = |T x|^2 + sum_k w_k |T (b_k - x)|^2,    x = sum_k w_k b_k.

The last term is a bias. Averaged over media with independent columns (or over dithers that switch components
independently) it is sum_n |t_n|^2 x_n (1 - x_n), law L36. So a plain exposure is *not* |T x|^2, and no factor mends it.

What is linear in b stays linear in x: the cross term with a constant field r (an anchor that stays on, a reference
arm), 2 Re(conj(r) T b_k), adds up to 2 Re(conj(r) T x). The four-frame anchor sum is therefore exact as long as the
frame with and the frame without the anchor run the same sub-frames: their biases cancel.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.encodings.bit_planes import BitPlanes
from optics.encodings.encoding import Frames, Output, check_vectors, weighted_sum


@dataclass(frozen=True, kw_only=True)
class DutyCycle:
    """Bit planes shown for on-times in the ratio of their weights, within one exposure for each sign.

    .. math:: \\tau_k = \\frac{2^k}{2^n - 1}, \\qquad y = z_+ - z_-, \\quad z = \\sum_k \\tau_k T b_k

    Parameters
    ----------
    bits : int
        Bits n of the modulus, 1 to 16.
    signed : bool
        Whether components range from -1 to 1; it takes a second exposure.

    Raises
    ------
    ValueError
        If the bits are out of range.

    Notes
    -----
    The shortest sub-frame lasts 1 / (2^n - 1) of the exposure: the device must be able to hold it.

    References
    ----------
    .. [1] Law L36 of the project's physics notes.
    """

    bits: int
    signed: bool

    def __post_init__(self) -> None:
        BitPlanes(bits=self.bits, signed=self.signed)

    @property
    def planes(self) -> BitPlanes:
        """Return the bit planes that are shown."""
        return BitPlanes(bits=self.bits, signed=self.signed)

    @property
    def durations(self) -> NDArray[np.float64]:
        """Return the share of an exposure that each of its sub-frames is on; they sum to 1."""
        return np.abs(self.planes.weights[: self.bits])

    @property
    def frames_per_vector(self) -> int:
        """Return the number of sub-frames of a vector."""
        return self.planes.frames_per_vector

    @property
    def exposures_per_vector(self) -> int:
        """Return the number of exposures of a vector: one for each sign."""
        return 2 if self.signed else 1

    @property
    def noise_gain(self) -> float:
        """Return the variance of a decoded value over that of the linear output of one exposure."""
        return float(self.exposures_per_vector)

    def quantise(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the nearest vectors that the on-times can show.

        Parameters
        ----------
        x : array_like, shape (vector, component)
            Vectors.

        Returns
        -------
        ndarray, shape (vector, component)
            Multiples of 1 / (2^n - 1).
        """
        return self.planes.quantise(x)

    def frames(self, x: ArrayLike) -> Frames:
        """Return the sub-frames of vectors.

        Parameters
        ----------
        x : array_like, shape (vector, component)
            Vectors whose components are multiples of 1 / (2^n - 1).

        Returns
        -------
        ndarray of bool, shape (vector * frames_per_vector, component)
            Sub-frames; those of one exposure follow each other and last `durations`.
        """
        return self.planes.frames(x)

    def integrate(self, outputs: Output) -> Output:
        """Return what exposures collect of a quantity that the sub-frames give: cross terms or intensities.

        .. math:: z = \\sum_k \\tau_k z_k

        Parameters
        ----------
        outputs : ndarray, shape (vector * frames_per_vector, output)
            The quantity during each sub-frame.

        Returns
        -------
        ndarray, shape (vector * exposures_per_vector, output)
            Means over the exposures.
        """
        return weighted_sum(outputs, self.durations)

    def decode(self, projections: Output) -> Output:
        """Return the projections of the vectors, exact for outputs that are linear in the states.

        Parameters
        ----------
        projections : ndarray, shape (vector * exposures_per_vector, output)
            Linear outputs of the exposures: anchored, not intensities.

        Returns
        -------
        ndarray, shape (vector, output)
            y = T x.
        """
        return weighted_sum(projections, np.array([1.0, -1.0]) if self.signed else np.array([1.0]))

    def intensity_bias(self, x: ArrayLike, *, column_power: ArrayLike) -> NDArray[np.float64]:
        """Return by how much intensities exceed |T x|^2 on average over media with independent columns.

        .. math:: \\langle I \\rangle - |T x|^2 = \\sum_n \\langle |t_n|^2 \\rangle \\, |x_n| (1 - |x_n|)

        Parameters
        ----------
        x : array_like, shape (vector, component)
            Vectors; of signed ones the biases of both exposures together.
        column_power : array_like, shape (component,) or ()
            Mean intensity that a component gives alone when it is on.

        Returns
        -------
        ndarray, shape (vector,)
            Bias, in the unit of ``column_power``.
        """
        size = np.abs(check_vectors(x, signed=self.signed))
        return np.asarray(np.sum(np.asarray(column_power, np.float64) * size * (1 - size), axis=1))

    def photon_efficiency(self, x: ArrayLike) -> NDArray[np.float64]:
        """Return the share of photons in the coherent part |T x|^2 of the exposures.

        .. math:: \\eta = \\langle x^2 \\rangle / h

        with h the number of exposures. The mirrors send the share <|x|> / h on; <|x| (1 - |x|)> / h of it is
        the bias.

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
        return np.asarray(squares.mean(axis=1) / self.exposures_per_vector)
