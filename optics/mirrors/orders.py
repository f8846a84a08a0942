"""Diffraction orders of a mirror array: where they go and what power each carries.

Directions are those of `optics.mirrors.reflection`: pairs (y, x) of direction cosines, and ``incidence`` is where the
light travels to. A light wave has the phase exp(+i k . r).

References
----------
.. [1] M. Born, E. Wolf, Principles of Optics, 7th edition, sec. 8.6.1: gratings, and the envelope of one groove.
.. [2] Law L32 of the project's physics notes.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.dmd import Dmd
from optics.mirrors.reflection import envelope_centre, travel_direction
from optics.validation import check_count, check_number


@dataclass(frozen=True, kw_only=True, eq=False)
class Orders:
    """Orders of a uniform mirror array, those that propagate and those that do not.

    Parameters
    ----------
    m, n : ndarray of int, shape (order,)
        Indices along the first and the second of `Dmd.lattice_vectors`.
    directions : ndarray, shape (order, 2)
        Direction cosines (y, x); the sum of their squares exceeds one where the order is evanescent.
    efficiency : ndarray, shape (order,)
        Power over the power that falls on the array, behind reflection off the mirrors but without the window.
    propagating : ndarray of bool, shape (order,)
        Whether the order leaves the chip.
    total : float
        Efficiency summed over all orders without end: fill factor times reflectivity.
    tail_bound : float
        Upper bound on the efficiency of all orders that are not listed.
    """

    m: NDArray[np.int64]
    n: NDArray[np.int64]
    directions: NDArray[np.float64]
    efficiency: NDArray[np.float64]
    propagating: NDArray[np.bool_]
    total: float
    tail_bound: float

    def __post_init__(self) -> None:
        for name in ("m", "n", "directions", "efficiency", "propagating"):
            getattr(self, name).setflags(write=False)

    @property
    def propagating_power(self) -> float:
        """Return the efficiency of all orders that leave the chip."""
        return float(self.efficiency[self.propagating].sum())

    @property
    def remainder(self) -> float:
        """Return the efficiency that the envelope assigns to evanescent orders: the error of a scalar model."""
        return self.total - self.propagating_power

    @property
    def strongest(self) -> tuple[int, int]:
        """Return the indices (m, n) of the propagating order that carries most."""
        best = int(np.argmax(np.where(self.propagating, self.efficiency, -1)))
        return int(self.m[best]), int(self.n[best])


def diffraction_orders(
    dmd: Dmd, *, incidence: ArrayLike, wavelength: float, state: str = "on", reach: int | None = None
) -> Orders:
    """Return the orders of an array whose mirrors are all in one state.

    .. math:: a_1 \\cdot (o - i) = m \\lambda, \\qquad a_2 \\cdot (o - i) = n \\lambda

    .. math:: \\eta_{mn} = R \\left(\\frac{w}{p}\\right)^4 \\mathrm{sinc}^2 \\frac{w (m - \\mu_1)}{p}
              \\mathrm{sinc}^2 \\frac{w (n - \\mu_2)}{p}, \\qquad \\sum_{mn} \\eta_{mn} = R \\frac{w^2}{p^2}

    with sinc x = sin(pi x) / (pi x).

    Parameters
    ----------
    dmd : Dmd
        The mirror array.
    incidence : array_like, shape (2,) or (3,)
        Direction cosines (y, x), or the unit vector (y, x, z), in which the light travels.
    wavelength : float
        Wavelength of the light, in metres.
    state : {"on", "off", "flat"}, optional
        State of the mirrors.
    reach : int or None, optional
        Orders to list on either side of the centre of the envelope; None lists all that propagate, in the square of
        indices that holds them.

    Returns
    -------
    Orders
        Sorted by m, then n.

    Raises
    ------
    ValueError
        If the light does not reach the face of the mirror, or is reflected into the chip.

    Notes
    -----
    Scalar, one plane wave, infinite array. The directions are exact. The envelope is that of the mirror's outline in
    the plane of the chip. The outline of the tilted mirror, seen from the order, is narrower: off the blaze an order
    then differs by up to about 0.84 [1 - cos(tilt) + sin(tilt) tan(exit angle)] of the fill factor squared, 0.02 for
    12 degrees and exit along the normal (tested against a rigid tilted mirror integrated in three dimensions), and the
    sum is no longer exact. Shadows of neighbours and light between the mirrors are left out. What the sum assigns to
    evanescent orders is reported by `Orders.remainder`.
    """
    centre = envelope_centre(dmd, incidence=incidence, wavelength=wavelength, state=state)
    start = travel_direction(incidence)[:2]
    low, high = _index_range(dmd, start=start, wavelength=wavelength, centre=centre, reach=reach)
    m, n = (np.arange(low[axis], high[axis] + 1) for axis in (0, 1))
    profile = np.multiply.outer(_envelope(dmd, m - centre[0]), _envelope(dmd, n - centre[1]))
    indices = np.stack(np.meshgrid(m, n, indexing="ij"), axis=-1).reshape(-1, 2)
    directions = start + indices @ dmd.lattice_vectors * (wavelength / dmd.pitch**2)
    return Orders(
        m=indices[:, 0],
        n=indices[:, 1],
        directions=directions,
        efficiency=dmd.reflectivity * profile.ravel(),
        propagating=np.sum(directions**2, axis=1) < 1,
        total=dmd.fill_factor * dmd.reflectivity,
        tail_bound=_tail_bound(dmd, centre - low, high - centre),
    )


def order_direction(
    dmd: Dmd, *, order: tuple[int, int], incidence: ArrayLike, wavelength: float
) -> NDArray[np.float64]:
    """Return where an order goes, by the grating equation of `diffraction_orders`.

    Parameters
    ----------
    dmd : Dmd
        The mirror array.
    order : tuple of two int
        Indices (m, n).
    incidence : array_like, shape (2,) or (3,)
        Direction cosines (y, x), or the unit vector (y, x, z), in which the light travels.
    wavelength : float
        Wavelength of the light, in metres.

    Returns
    -------
    ndarray, shape (2,)
        Direction cosines (y, x).

    Raises
    ------
    ValueError
        If the order does not leave the chip.
    """
    for name, index in zip("mn", order, strict=True):
        check_count(f"order {name}", index, at_least=-100_000, at_most=100_000)
    check_number("wavelength", wavelength, unit="m", above=0, at_most=dmd.pitch)
    # The lattice is square, so its reciprocal vectors are its own over pitch^2.
    step = np.asarray(order) @ dmd.lattice_vectors * (wavelength / dmd.pitch**2)
    direction = travel_direction(incidence)[:2] + step
    length = float(np.linalg.norm(direction))
    if length >= 1:
        raise ValueError(
            f"order {tuple(order)} at {wavelength:g} m is evanescent: its direction cosines "
            f"({direction[0]:.4f}, {direction[1]:.4f}) have length {length:.4f}, it must be below 1"
        )
    return np.asarray(direction)


def order_efficiency(
    dmd: Dmd, *, order: tuple[int, int], incidence: ArrayLike, wavelength: float, state: str = "on"
) -> float:
    """Return the efficiency of one order, by the formula of `diffraction_orders`.

    Parameters
    ----------
    dmd : Dmd
        The mirror array.
    order : tuple of two int
        Indices (m, n).
    incidence : array_like, shape (2,) or (3,)
        Direction cosines (y, x), or the unit vector (y, x, z), in which the light travels.
    wavelength : float
        Wavelength of the light, in metres.
    state : {"on", "off", "flat"}, optional
        State of the mirrors.

    Returns
    -------
    float
        Power over the power that falls on the array, without the window.

    Raises
    ------
    ValueError
        If the order does not leave the chip, or the light does not reach the mirrors.
    """
    order_direction(dmd, order=order, incidence=incidence, wavelength=wavelength)
    centre = envelope_centre(dmd, incidence=incidence, wavelength=wavelength, state=state)
    return dmd.reflectivity * float(np.prod(_envelope(dmd, np.asarray(order) - centre)))


def _envelope(dmd: Dmd, distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the efficiency along one axis at distances from the centre of the envelope, in orders."""
    ratio = dmd.mirror_side / dmd.pitch
    return np.asarray((ratio * np.sinc(ratio * distance)) ** 2)


def _index_range(
    dmd: Dmd, *, start: NDArray[np.float64], wavelength: float, centre: NDArray[np.float64], reach: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the lowest and highest indices to list along both lattice vectors."""
    if reach is not None:
        check_count("reach", reach, at_most=2000)
        nearest = np.rint(centre).astype(np.int64)
        return nearest - reach, nearest + reach
    offset, radius = dmd.lattice_vectors @ start / wavelength, dmd.pitch / wavelength
    return np.ceil(-radius - offset).astype(np.int64), np.floor(radius - offset).astype(np.int64)


def _tail_bound(dmd: Dmd, below: NDArray[np.float64], above: NDArray[np.float64]) -> float:
    """Return a bound on the efficiency beyond the listed orders, by sin^2 <= 1 and an integral over 1 / m^2.

    An axis sums to the ratio w/p; what lies beyond d orders on one side of the centre is below 1 / (pi^2 d).
    """
    ratio = dmd.mirror_side / dmd.pitch
    if np.any(below <= 0) or np.any(above <= 0):
        return dmd.reflectivity * dmd.fill_factor
    tails = (1 / below + 1 / above) / math.pi**2
    return dmd.reflectivity * min(ratio * float(tails.sum()), dmd.fill_factor)
