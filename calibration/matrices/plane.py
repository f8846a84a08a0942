"""Planes of camera pixels: what was read of squared distances, and the points that they are distances of."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.matrices.noise_law import NoiseLaw

Real = NDArray[np.float64]
Field = NDArray[np.complex128]


@dataclass(frozen=True, kw_only=True, eq=False)
class Readings:
    """Light of the frames of one half, pixel by pixel, and how noisy it is.

    Parameters
    ----------
    signals : ndarray, shape (output, signal, anchor)
        Light of each signal's difference to each anchor; the first anchor is no pattern at all.
    pairs : ndarray, shape (output, pair)
        Light of the differences of the anchors, in the order of `numpy.triu_indices`.
    off : ndarray, shape (output,)
        Light with everything off.
    signal_weights, pair_weights, off_weight : ndarray, same shapes
        Number of exposures behind each reading, 0 where it saturated.
    noise : NoiseLaw
        Variance of the light of one exposure.
    """

    signals: Real
    pairs: Real
    off: Real
    signal_weights: Real
    pair_weights: Real
    off_weight: Real
    noise: NoiseLaw

    def part(self, signals: slice) -> "Readings":
        """Return the readings of some signals, and of what all share.

        Parameters
        ----------
        signals : slice
            Which signals.

        Returns
        -------
        Readings
            With all frames that show no signal.
        """
        return replace(self, signals=self.signals[:, signals], signal_weights=self.signal_weights[:, signals])


@dataclass(frozen=True, kw_only=True, eq=False)
class Positions:
    """Where everything is in the plane of each pixel, up to a rigid motion.

    Parameters
    ----------
    anchors : ndarray of complex, shape (output, anchor)
        Anchors; the first is minus the static field.
    static : ndarray of complex, shape (output,)
        The static field, as a difference.
    signals : ndarray of complex, shape (output, signal)
        Signals.
    """

    anchors: Field
    static: Field
    signals: Field

    def part(self, signals: slice) -> "Positions":
        """Return the positions of some signals, and of what all share.

        Parameters
        ----------
        signals : slice
            Which signals.

        Returns
        -------
        Positions
            The same anchors and static field.
        """
        return replace(self, signals=self.signals[:, signals])

    @property
    def origin(self) -> Field:
        """Return where no light at all is, shape (output,)."""
        return np.asarray(self.anchors[:, 0] + self.static)
