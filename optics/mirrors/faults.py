"""Mirrors that do not obey: stuck on, stuck off, or dead."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.dmd import Dmd
from optics.streams import NoiseSource, source_generator


@dataclass(frozen=True, kw_only=True, eq=False)
class MirrorFaults:
    """Which mirrors of an array are faulty; a mirror has one fault at most.

    Parameters
    ----------
    stuck_on, stuck_off : array_like of bool, shape (row, column)
        Mirrors that stay on, that stay off.
    dead : array_like of bool, shape (row, column)
        Mirrors that send no light, neither that of the on nor that of the off state.

    Raises
    ------
    TypeError
        If a map is not boolean.
    ValueError
        If the maps differ in shape or mark the same mirror twice.
    """

    stuck_on: NDArray[np.bool_]
    stuck_off: NDArray[np.bool_]
    dead: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for name in ("stuck_on", "stuck_off", "dead"):
            given = np.array(getattr(self, name))
            if given.dtype != np.bool_:
                raise TypeError(f"{name} must be a map of booleans, got {given.dtype}")
            if given.ndim != 2 or given.shape != np.shape(self.stuck_on):
                raise ValueError(f"{name} must have the shape (row, column) of stuck_on, got {given.shape}")
            given.setflags(write=False)
            object.__setattr__(self, name, given)
        twice = np.sum([self.stuck_on, self.stuck_off, self.dead], axis=0) > 1
        if twice.any():
            raise ValueError(f"{twice.sum()} mirrors are marked with more than one fault")

    @property
    def any(self) -> bool:
        """Return whether there is a faulty mirror."""
        return bool(self.stuck_on.any() or self.stuck_off.any() or self.dead.any())

    def apply(self, frames: ArrayLike) -> NDArray[np.bool_]:
        """Return the states in which the mirrors really stand.

        .. math:: b' = (b \\lor \\mathrm{on}) \\land \\neg (\\mathrm{off} \\lor \\mathrm{dead})

        Parameters
        ----------
        frames : array_like of bool, shape (..., row, column)
            States that the mirrors are told to take.

        Returns
        -------
        ndarray of bool, shape (..., row, column)
            Their states; a dead mirror counts as off.

        Raises
        ------
        TypeError
            If the frames are not boolean.
        ValueError
            If they are not frames of these mirrors.
        """
        given = np.asarray(frames)
        if given.dtype != np.bool_:
            raise TypeError(
                f"frames must be boolean, got {given.dtype}: a mirror is on or off; "
                "compare with a threshold first, for instance frames > 0"
            )
        if given.shape[-2:] != self.stuck_on.shape:
            raise ValueError(f"frames must have shape (..., row, column) {self.stuck_on.shape}, got {given.shape}")
        return np.asarray((given | self.stuck_on) & ~(self.stuck_off | self.dead))

    def amplitude(self) -> NDArray[np.float64]:
        """Return the amplitude of each mirror, whatever its state.

        Returns
        -------
        ndarray, shape (row, column)
            0 where the mirror is dead, otherwise 1; it multiplies the light of the on and of the off state.
        """
        return np.where(self.dead, 0.0, 1.0)


def draw_faults(dmd: Dmd, *, seed: int) -> MirrorFaults:
    """Return the faulty mirrors of one copy of a device.

    Parameters
    ----------
    dmd : Dmd
        The mirror array, with the fractions of faulty mirrors.
    seed : int
        Seed of the bench, not negative; the same seed gives the same mirrors.

    Returns
    -------
    MirrorFaults
        Each mirror is faulty independently of the others, with the probabilities that ``dmd`` states.

    Notes
    -----
    One uniform number a mirror decides, so that a larger fraction keeps the mirrors that a smaller one marked as stuck
    on, and adds to them.
    """
    shape = (dmd.rows, dmd.columns)
    if dmd.stuck_on + dmd.stuck_off + dmd.dead == 0:
        return MirrorFaults(stuck_on=np.zeros(shape, bool), stuck_off=np.zeros(shape, bool), dead=np.zeros(shape, bool))
    lot = source_generator(seed, NoiseSource.MIRROR_FAULTS).random(shape)
    limits = np.cumsum([0.0, dmd.stuck_on, dmd.stuck_off, dmd.dead])
    stuck_on, stuck_off, dead = ((lot >= low) & (lot < high) for low, high in itertools.pairwise(limits))
    return MirrorFaults(stuck_on=stuck_on, stuck_off=stuck_off, dead=dead)
