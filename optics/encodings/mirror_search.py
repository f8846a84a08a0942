"""Frames found by flipping mirrors until the light behind the pinhole is the target.

A pinhole passes pi rho^2 complex numbers a mirror, 0.012 at a radius of 1/16 cycle: far fewer than there are bits.
Holograms that look at one mirror or one block at a time leave their errors where they fall; here every flip is judged
by what it does behind the pinhole, so the errors of the bits end up outside of it.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from optics.encodings.encoding import Frames
from optics.encodings.lee import LeeHologram
from optics.encodings.targets import check_binary, check_target, clip_modulus
from optics.order_filter import OrderFilter, check_separated
from optics.validation import check_count

SMALLEST_STEP = 1e-3  # below it hardly a mirror flips any more


@dataclass(frozen=True, kw_only=True)
class MirrorSearch:
    """Batched direct binary search that starts from a Lee hologram.

    .. math:: \\min_{b \\in \\{0, 1\\}^N} \\; \\sum_r |e(r)|^2, \\qquad
              e = P\\left\\{ b \\, e^{-2 \\pi i \\nu r} - t / \\pi \\right\\}

    with P the pinhole. Flipping mirror n by d_n = 1 - 2 b_n changes the sum by 2 d_n g_n + K, where
    g = Re(e exp(2 pi i nu r)) and K is the share of frequencies that the pinhole passes. In each round a random part
    of the mirrors that lower the sum flips, with a probability in proportion to \\|g_n\\|: a randomised Newton step. It
    is kept if the sum falls, and the next one is larger; otherwise undone, and the next one is half as large.

    Parameters
    ----------
    order : OrderFilter
        Carrier and pinhole. The frames are made for this pinhole: a wider one passes the errors pushed out of it.
    rounds : int, optional
        Largest number of rounds; each takes two real Fourier transforms of a frame.

    Raises
    ------
    ValueError
        If the pinhole passes the zero order or the twin image.

    Notes
    -----
    Targets may exceed a modulus of 1: the search then finds the frame that comes nearest, which is how the last
    light is gained. With targets far above 1 it tends to one mirror on wherever Re(t exp(2 pi i nu r)) > 0, the
    frame of largest efficiency. Works in float32: the fidelity lost to it is far below that lost to the bits.

    References
    ----------
    .. [1] M. A. Seldowitz, J. P. Allebach, D. W. Sweeney, Synthesis of digital holograms by direct binary search,
       Appl. Opt. 26, 2788 (1987). doi:10.1364/AO.26.002788
    """

    order: OrderFilter
    rounds: int = 100

    def __post_init__(self) -> None:
        check_count("rounds", self.rounds, at_most=100_000)
        check_separated(self.order)

    @property
    def start(self) -> LeeHologram:
        """Return the hologram that the search starts from."""
        return LeeHologram(carrier=self.order.carrier, diamond=self.order.diamond)

    def frames(self, target: ArrayLike, *, rng: np.random.Generator) -> Frames:
        """Return the frames that show target fields.

        Parameters
        ----------
        target : array_like, shape (..., y, x)
            Field at each mirror; a modulus of 1 is the largest that a Lee hologram shows, an amplitude of 1 / pi.
        rng : numpy.random.Generator
            Picks the mirrors of each round.

        Returns
        -------
        ndarray of bool, shape (..., y, x)
            Frames, one for each field.

        Raises
        ------
        ValueError
            If the target is not finite.
        """
        fields = check_target(target, limit=None)
        first = self.start.frames(clip_modulus(fields))
        flat = zip(fields.reshape(-1, *fields.shape[-2:]), first.reshape(-1, *fields.shape[-2:]), strict=True)
        return np.stack([self._search(field, states, rng) for field, states in flat]).reshape(first.shape)

    def decode(self, frames: ArrayLike) -> NDArray[np.complexfloating]:
        """Return the target that frames show through the pinhole.

        .. math:: \\hat t = \\pi E

        Parameters
        ----------
        frames : array_like of bool, shape (..., y, x)
            Frames.

        Returns
        -------
        ndarray, shape (..., y, x)
            Target as shown, with the errors that are left.

        Raises
        ------
        TypeError
            If the frames are not boolean.
        """
        return np.asarray(np.pi * self.order.field(check_binary(frames)))

    def _search(self, target: NDArray[np.complexfloating], states: Frames, rng: np.random.Generator) -> Frames:
        """Return the frame for one field."""
        shape = (states.shape[0], states.shape[1])
        wanted = np.asarray((2 / np.pi) * (target * self.order.modulation(shape)).real, np.float32)
        band = self._band(shape)
        passed = np.float32(self.order.pinhole(shape).mean())
        slope, error = self._slope(states, wanted, band)
        step = 0.5
        for _ in range(self.rounds):
            helpful = np.where(states, slope, -slope) > passed
            flips = helpful & (rng.random(shape, dtype=np.float32) < np.float32(2 * step) * np.abs(slope))
            trial = states ^ flips
            trial_slope, trial_error = self._slope(trial, wanted, band)
            if trial_error < error:
                states, slope, error = trial, trial_slope, trial_error
                step = min(1.2 * step, 4.0)
            else:
                step /= 2
            if step < SMALLEST_STEP:
                break
        return states

    def _band(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return the pinhole and its mirror image at -nu, on the half plane of a real transform."""
        pinhole = self.order.pinhole(shape)
        twin = np.roll(pinhole[::-1, ::-1], (1, 1), axis=(0, 1))  # frequency -f sits at index -k
        return np.asarray(pinhole | twin)[:, : pinhole.shape[1] // 2 + 1]

    def _slope(
        self, states: Frames, wanted: NDArray[np.float32], band: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], float]:
        """Return 2 g at each mirror and the sum of \\|e\\|^2, by real transforms: 2 g is real and passes +-nu."""
        lattice = self.order.on_lattice(states - wanted)
        slope = scipy.fft.irfft2(scipy.fft.rfft2(lattice) * band, s=lattice.shape)
        return self.order.at_mirrors(slope), float(np.vdot(slope, slope)) / 2
