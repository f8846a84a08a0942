"""Reflection off a mirror that is tilted on its chip: the geometry under every diffraction order.

Directions are pairs (y, x) of direction cosines in the plane of the chip, on the same axes as
`Dmd.mirror_positions`; z points from the chip towards the light. ``incidence`` is the direction in which the light
*travels* when it falls on the chip, so light that comes from the side to which the mirrors lean has a negative
component along `Dmd.tilt_direction`.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.dmd import Dmd
from optics.validation import check_choice, check_number

TILT_SIGNS = {"on": 1, "off": -1, "flat": 0}
"""States of a mirror and the sign of its tilt; flat is a chip without power."""


def travel_direction(incidence: ArrayLike) -> NDArray[np.float64]:
    """Return the direction in which light travels to the chip as a unit vector.

    Parameters
    ----------
    incidence : array_like, shape (2,) or (3,)
        Direction cosines (y, x), or the unit vector (y, x, z).

    Returns
    -------
    ndarray, shape (3,)
        Unit vector (y, x, z), z negative.

    Raises
    ------
    ValueError
        If the direction is no direction, is grazing, or leads away from the chip.
    """
    given = np.asarray(incidence, dtype=np.float64)
    if given.shape not in {(2,), (3,)} or not np.all(np.isfinite(given)):
        raise ValueError(f"incidence must be two direction cosines (y, x) or a unit vector (y, x, z), got {given}")
    length = float(np.linalg.norm(given))
    if given.shape == (2,):
        if length >= 1:
            raise ValueError(f"incidence has direction cosines of length {length:g}: it must be below 1 (grazing)")
        return np.append(given, -math.sqrt(1 - length**2))
    if abs(length - 1) > 1e-9 or given[2] >= 0:
        raise ValueError(
            f"incidence = {given} must be a unit vector with z < 0, towards the chip; its length is {length:g}"
        )
    return given


def specular_direction(dmd: Dmd, *, incidence: ArrayLike, state: str = "on") -> NDArray[np.float64]:
    """Return where a mirror reflects to, which is the centre of the envelope of the orders.

    .. math:: r = i - 2 (i \\cdot N) N, \\qquad N = (\\sin(s \\theta) \\, t, \\cos \\theta)

    with t the direction of the tilt and s = 1, -1, 0 for mirrors that are on, off and flat.

    Parameters
    ----------
    dmd : Dmd
        The mirror array.
    incidence : array_like, shape (2,) or (3,)
        Direction cosines (y, x), or the unit vector (y, x, z), in which the light travels.
    state : {"on", "off", "flat"}, optional
        State of the mirrors.

    Returns
    -------
    ndarray, shape (2,)
        Direction cosines (y, x).

    Raises
    ------
    ValueError
        If the light does not reach the face of the mirror, or is reflected into the chip.
    """
    check_choice("state", state, tuple(TILT_SIGNS))
    travel = travel_direction(incidence)
    tilt = TILT_SIGNS[state] * dmd.tilt_angle
    normal = np.append(math.sin(tilt) * dmd.tilt_direction, math.cos(tilt))
    facing = float(travel @ normal)
    if facing >= 0:
        raise ValueError(
            f"the light comes {_degrees(-facing)} from the normal of the {state} mirrors, beyond grazing: "
            "take a smaller angle of incidence"
        )
    reflected = travel - 2 * facing * normal
    if reflected[2] <= 0:
        raise ValueError(
            f"{state} mirrors reflect to {_degrees(reflected[2])} from the normal of the chip, into the chip: "
            "take another direction of incidence"
        )
    return np.asarray(reflected[:2])


def envelope_centre(dmd: Dmd, *, incidence: ArrayLike, wavelength: float, state: str = "on") -> NDArray[np.float64]:
    """Return the centre of the envelope in units of orders; an order is blazed where both are its indices.

    .. math:: \\mu_j = \\frac{a_j \\cdot (r - i)}{\\lambda}

    Parameters
    ----------
    dmd : Dmd
        The mirror array; its lattice vectors are a_1 and a_2.
    incidence : array_like, shape (2,) or (3,)
        Direction cosines (y, x), or the unit vector (y, x, z), in which the light travels.
    wavelength : float
        Wavelength of the light, in metres.
    state : {"on", "off", "flat"}, optional
        State of the mirrors.

    Returns
    -------
    ndarray, shape (2,)
        The two blaze numbers, along the first and the second lattice vector.

    Raises
    ------
    ValueError
        If the light does not reach the face of the mirror, or is reflected into the chip.
    """
    check_number("wavelength", wavelength, unit="m", above=0, at_most=dmd.pitch)
    step = specular_direction(dmd, incidence=incidence, state=state) - travel_direction(incidence)[:2]
    return np.asarray(dmd.lattice_vectors @ step / wavelength)


def _degrees(cosine: float) -> str:
    """Return the angle of a cosine in degrees, for messages."""
    return f"{math.degrees(math.acos(max(-1.0, min(1.0, cosine)))):.2f} degrees"
