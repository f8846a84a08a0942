"""The digital micromirror device: where its mirrors are and what light they pass on."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.validation import check_choice, check_count, check_number

CORNER_TILT, EDGE_TILT = "corner", "edge"
MOST_ZERNIKE_TERMS = 231
"""Noll's terms up to radial order 20: what a mirror array of any size resolves."""


@dataclass(frozen=True, kw_only=True)
class Dmd:
    """A rectangular array of two-state mirrors.

    A mirror that is off still sends the amplitude ``off_amplitude`` = 1 / sqrt(contrast_ratio) times that of
    a mirror that is on, so that the field behind states b is affine in b (law L34):

    .. math:: E(b) = \\epsilon \\sum_n t_n + (1 - \\epsilon) \\sum_n b_n t_n

    Positions and directions in the plane of the chip are (y, x): along the columns and along the rows of the array. The
    third direction, z, is the normal of the chip towards the light.

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
    tilt_angle : float, optional
        Angle between the normal of a landed mirror and that of the chip, in radians: + when on, - when off.
    tilt_axis : {"corner", "edge"}, optional
        What the mirrors that are on lean to: a corner (hinge along the other diagonal), or, in tilt-and-roll mirrors,
        an edge. `tilt_direction` says where that is.
    fill_factor : float, optional
        Mirror area over lattice cell, (w / pitch)^2 for square mirrors of side w.
    reflectivity : float, optional
        Power that the metal of a mirror reflects.
    window_transmission : float, optional
        Power that the window transmits in one pass; light passes it twice.
    reset_time : float, optional
        Time from the reset until the mirrors have landed and stand still, in seconds.
    flatness : tuple of float, optional
        Rms height of each Zernike term of the chip's surface, in metres, towards the light; Noll's terms from j = 1
        (piston, tilt along x, tilt along y, defocus, ...) over the circle around the array.
    stuck_on, stuck_off, dead : float, optional
        Fraction of the mirrors that stay on, that stay off, and that send no light at all.

    Raises
    ------
    TypeError
        If a value is of another type.
    ValueError
        If a number is out of its range.

    Notes
    -----
    A bench takes ``efficiency`` and ``contrast_ratio`` as they are. `optics.collect_order` finds them from
    tilt, fill factor, reflectivity and window for an order, a wavelength and a direction of the light.

    References
    ----------
    .. [1] Law L34 of the project's physics notes: off-state light of a DMD is an affine map of its states.
    .. [2] R. J. Noll, Zernike polynomials and atmospheric turbulence, J. Opt. Soc. Am. 66, 207 (1976).
       doi:10.1364/JOSA.66.000207
    """

    rows: int
    columns: int
    pitch: float
    staggered: bool = False
    efficiency: float = 1.0
    contrast_ratio: float = math.inf
    frame_rate: float = 1e4
    tilt_angle: float = math.radians(12)
    tilt_axis: str = CORNER_TILT
    fill_factor: float = 1.0
    reflectivity: float = 1.0
    window_transmission: float = 1.0
    reset_time: float = 0.0
    flatness: tuple[float, ...] = ()
    stuck_on: float = 0.0
    stuck_off: float = 0.0
    dead: float = 0.0

    def __post_init__(self) -> None:
        check_count("rows", self.rows, at_most=10_000)
        check_count("columns", self.columns, at_most=10_000)
        check_number("pitch", self.pitch, unit="m", at_least=1e-6, at_most=1e-4)
        check_number("efficiency", self.efficiency, above=0, at_most=1)
        check_number("contrast_ratio", self.contrast_ratio, above=1, infinite=True)
        check_number("frame_rate", self.frame_rate, unit="Hz", above=0, at_most=1e6)
        check_number("tilt_angle", self.tilt_angle, unit="rad", above=0, at_most=math.radians(30))
        check_choice("tilt_axis", self.tilt_axis, (CORNER_TILT, EDGE_TILT))
        for name in ("fill_factor", "reflectivity", "window_transmission"):
            check_number(name, getattr(self, name), above=0, at_most=1)
        check_number("reset_time", self.reset_time, unit="s", at_least=0, at_most=1e-3)
        self._check_flatness()
        self._check_faults()

    def _check_flatness(self) -> None:
        """Refuse what is no tuple of heights, and heights that no chip has."""
        if not isinstance(self.flatness, tuple):
            raise TypeError(f"flatness must be a tuple of heights in metres, got {type(self.flatness).__name__}")
        if len(self.flatness) > MOST_ZERNIKE_TERMS:
            raise ValueError(f"flatness has {len(self.flatness)} terms, at most {MOST_ZERNIKE_TERMS} are allowed")
        for term, height in enumerate(self.flatness, start=1):
            check_number(f"flatness of Zernike term {term}", height, unit="m", at_least=-1e-3, at_most=1e-3)

    def _check_faults(self) -> None:
        """Refuse fractions of faulty mirrors beyond all mirrors."""
        for name in ("stuck_on", "stuck_off", "dead"):
            check_number(name, getattr(self, name), at_least=0, at_most=1)
        check_number("stuck_on + stuck_off + dead", self.stuck_on + self.stuck_off + self.dead, at_most=1)

    @property
    def mirrors(self) -> int:
        """Return the number of mirrors."""
        return self.rows * self.columns

    @property
    def off_amplitude(self) -> float:
        """Return the amplitude of a mirror that is off over that of one that is on."""
        return 1 / math.sqrt(self.contrast_ratio)

    @property
    def mirror_side(self) -> float:
        """Return the side of a square mirror, in metres."""
        return self.pitch * math.sqrt(self.fill_factor)

    @property
    def lattice_vectors(self) -> NDArray[np.float64]:
        """Return the two primitive vectors of the mirror lattice.

        Returns
        -------
        ndarray, shape (2, 2)
            One vector a row, each (y, x) in metres, of length ``pitch``, along the edges of the mirrors: from a mirror
            to the next row and to the next column, or, in a diamond array, to its neighbours down right and up right.
        """
        if self.staggered:
            return np.array([[1.0, 1.0], [-1.0, 1.0]]) * (self.pitch / math.sqrt(2))
        return np.array([[1.0, 0.0], [0.0, 1.0]]) * self.pitch

    @property
    def tilt_direction(self) -> NDArray[np.float64]:
        """Return where the mirrors that are on lean to, in the plane of the chip.

        Returns
        -------
        ndarray, shape (2,)
            Unit vector (y, x): the sum of the two lattice vectors for ``tilt_axis = "corner"``, the second of them for
            ``"edge"``. In a diamond array with corner tilt that is along x.
        """
        first, second = self.lattice_vectors
        direction = second if self.tilt_axis == EDGE_TILT else first + second
        return np.asarray(direction / np.linalg.norm(direction))

    def settled_time(self, period: float) -> float:
        """Return how long the mirrors stand still when frames follow each other after a period.

        .. math:: t = T - t_\\mathrm{reset}

        Parameters
        ----------
        period : float
            Time from one frame to the next, in seconds.

        Returns
        -------
        float
            The longest exposure that sees no moving mirror, in seconds.

        Raises
        ------
        ValueError
            If the period is shorter than the array allows, or leaves no time beside the reset.
        """
        check_number("period", period, unit="s", at_least=1 / self.frame_rate)
        if period <= self.reset_time:
            raise ValueError(
                f"period = {period:g} s leaves no time beside reset_time = {self.reset_time:g} s: take a longer one"
            )
        return period - self.reset_time

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
