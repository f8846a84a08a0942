"""The digital micromirror device: where its mirrors are and what light they pass on."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.validation import check_count, check_number


@dataclass(frozen=True, kw_only=True)
class Dmd:
    """A rectangular array of two-state mirrors.

    A mirror that is off still sends the amplitude ``off_amplitude`` = 1 / sqrt(contrast_ratio) times that of
    a mirror that is on, so that the field behind states b is affine in b (law L34):

    .. math:: E(b) = \\epsilon \\sum_n t_n + (1 - \\epsilon) \\sum_n b_n t_n

    Parameters
    ----------
    rows, columns : int
        Number of mirrors along y and x, as the electronics address them.
    pitch : float
        Distance between the centres of neighbouring mirrors, in metres.
    staggered : bool, optional
        Whether the array is a diamond: mirrors turned by 45 degrees, every second row shifted by half a
        column, columns sqrt(2) pitch apart and rows pitch / sqrt(2) apart.
    efficiency : float, optional
        Power in the diffraction order that the bench collects over power on the mirrors that are on: window,
        mirror reflectivity, fill factor and blaze together.
    contrast_ratio : float, optional
        Power collected from a mirror that is on over the power from one that is off; infinity for none.
    frame_rate : float, optional
        Largest rate of binary frames, in hertz.

    Raises
    ------
    ValueError
        If a number is out of its range.

    References
    ----------
    .. [1] Law L34 of the project's physics notes: off-state light of a DMD is an affine map of its states.
    """

    rows: int
    columns: int
    pitch: float
    staggered: bool = False
    efficiency: float = 1.0
    contrast_ratio: float = math.inf
    frame_rate: float = 1e4

    def __post_init__(self) -> None:
        check_count("rows", self.rows, at_most=10_000)
        check_count("columns", self.columns, at_most=10_000)
        check_number("pitch", self.pitch, unit="m", at_least=1e-6, at_most=1e-4)
        check_number("efficiency", self.efficiency, above=0, at_most=1)
        check_number("contrast_ratio", self.contrast_ratio, above=1, infinite=True)
        check_number("frame_rate", self.frame_rate, unit="Hz", above=0, at_most=1e6)

    @property
    def mirrors(self) -> int:
        """Return the number of mirrors."""
        return self.rows * self.columns

    @property
    def off_amplitude(self) -> float:
        """Return the amplitude of a mirror that is off over that of one that is on."""
        return 1 / math.sqrt(self.contrast_ratio)

    def mirror_positions(self) -> NDArray[np.float64]:
        """Return where the centres of the mirrors are.

        Returns
        -------
        ndarray, shape (rows, columns, 2)
            Positions (y, x) from the centre of the array, in metres.
        """
        row, column = np.meshgrid(np.arange(self.rows), np.arange(self.columns), indexing="ij")
        y, x = row * self.pitch, column * self.pitch
        if self.staggered:
            y = row * self.pitch / math.sqrt(2)
            x = (column + 0.5 * (row % 2)) * self.pitch * math.sqrt(2)
        positions = np.stack([y, x], axis=-1)
        return np.asarray(positions - positions.mean(axis=(0, 1)))
