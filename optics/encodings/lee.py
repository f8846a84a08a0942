"""Lee holograms: fringes whose place is the phase and whose size is the modulus.

A fringe pattern of duty q along the carrier nu, shifted by the phase phi of the target, has the Fourier series

    b(r) = sum_m c_m exp(i m (2 pi nu . r + phi)),    c_m = sin(pi m q) / (pi m),

and the order m = 1 passes the pinhole: E = sin(pi q) / pi exp(i phi).

The modulus A of the target is written in one of two directions (the names are those of Gutierrez-Cuevas and
Popoff). *Parallel*: fringes are narrowed along the carrier, q = arcsin(A) / pi. *Orthogonal*: the fringes keep their
half period and are chopped along the direction that is orthogonal to the carrier, at the same frequency: the share A
of their length stays. Either may have a carrier along an axis (plain) or a tilted one. On mirrors, a plain carrier of n
mirrors a period has n + 1 widths only, and its orders 1 +- n, 1 +- 2 n ... alias onto order 1. A tilted one such as
(1/8, 1/4) puts more phases side by side and its first aliases are orders -7 and 9: far better.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.encodings.encoding import Frames
from optics.encodings.targets import check_binary, check_target
from optics.order_filter import Carrier, OrderFilter, carrier_cycles, check_carrier, check_separated
from optics.validation import check_choice


@dataclass(frozen=True, kw_only=True)
class LeeHologram:
    """Binary fringes whose first order is the target.

    .. math:: b(r) = \\left[ \\nu r + \\frac{\\phi + \\pi q}{2 \\pi} \\bmod 1 < q \\right], \\qquad
              E = \\frac{A}{\\pi} e^{i \\phi}

    with q = arcsin(A) / pi where the modulus is parallel. Where it is orthogonal, q = 1/2 and a mirror is on only if
    also nu' r mod 1 < A, nu' = (-f_x, f_y).

    Parameters
    ----------
    carrier : tuple of float
        Frequency (f_y, f_x) of the fringes, in cycles per lattice step (see `optics.order_filter`): per mirror on
        a square array.
    modulus : {"parallel", "orthogonal"}, optional
        Along which direction the modulus is written.
    diamond : bool, optional
        Whether the array is a diamond: fringes are straight in space, hence sheared in indices.

    Raises
    ------
    ValueError
        If the array cannot carry the frequency, or cannot tell it from 0 or from its own opposite.

    Notes
    -----
    Targets of complex64 are worked on in float32, in half the time: a mirror whose phase is at the edge of a fringe
    to within rounding may then be in another state, about one in a million.

    References
    ----------
    .. [1] W.-H. Lee, Binary computer-generated holograms, Appl. Opt. 18, 3661 (1979). doi:10.1364/AO.18.003661
    .. [2] R. Gutierrez-Cuevas, S. M. Popoff, Binary holograms for shaping light with digital micromirror devices
       (2023); their code, github.com/rodguti90/pyDMDholo, defines parallel and orthogonal.
    """

    carrier: Carrier
    modulus: str = "parallel"
    diamond: bool = False

    def __post_init__(self) -> None:
        check_choice("modulus", self.modulus, ("parallel", "orthogonal"))
        check_carrier(self.carrier, diamond=self.diamond)
        check_separated(OrderFilter(carrier=self.carrier, radius=1e-9, diamond=self.diamond))

    def order_filter(self, radius: float) -> OrderFilter:
        """Return the pinhole that selects the hologram's first order.

        Parameters
        ----------
        radius : float
            Radius of the pinhole, in cycles per lattice step.

        Returns
        -------
        OrderFilter
            The filter.

        Raises
        ------
        ValueError
            If such a pinhole passes the zero order or the twin image.
        """
        order = OrderFilter(carrier=self.carrier, radius=radius, diamond=self.diamond)
        check_separated(order)
        return order

    def frames(self, target: ArrayLike) -> Frames:
        """Return the frames that show target fields.

        Parameters
        ----------
        target : array_like, shape (..., y, x)
            Field at each mirror, of modulus up to 1.

        Returns
        -------
        ndarray of bool, shape (..., y, x)
            Frames, one for each field.

        Raises
        ------
        ValueError
            If the target is not finite or exceeds 1.
        """
        field = check_target(target)
        modulus = np.minimum(np.abs(field), 1)  # rounding may exceed 1
        shape = (field.shape[-2], field.shape[-1])
        cycles = (carrier_cycles(self.carrier, shape=shape, diamond=self.diamond) % 1).astype(modulus.dtype)
        turns = cycles + np.angle(field) / (2 * np.pi)
        if self.modulus == "orthogonal":
            across = (-self.carrier[1], self.carrier[0])
            kept = carrier_cycles(across, shape=shape, diamond=self.diamond) % 1 < modulus
            return np.asarray(_fringes(turns, 0.5) & kept)
        return _fringes(turns, np.arcsin(modulus) / np.pi)

    def decode(self, frames: ArrayLike, *, radius: float) -> NDArray[np.complexfloating]:
        """Return the target that frames show through a pinhole.

        .. math:: \\hat t = \\pi E

        Parameters
        ----------
        frames : array_like of bool, shape (..., y, x)
            Frames.
        radius : float
            Radius of the pinhole, in cycles per lattice step.

        Returns
        -------
        ndarray, shape (..., y, x)
            Target as shown, with the hologram's errors.

        Raises
        ------
        TypeError
            If the frames are not boolean.
        """
        return np.asarray(np.pi * self.order_filter(radius).field(check_binary(frames)))


def _fringes(turns: NDArray[np.floating], duty: NDArray[np.floating] | float) -> Frames:
    """Return where the phase, in turns, lies within half the duty of a whole turn.

    Half-open, so that a share k / n of n equally spaced phases is k of them.
    """
    shifted = turns + np.asarray(duty, turns.dtype) / 2
    return np.asarray(shifted - np.floor(shifted) < duty)
