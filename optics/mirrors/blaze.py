"""The blaze of a mirror array: which order, wavelength and angle of incidence belong together.

Light stays in the plane that holds the normal of the chip and the direction of the tilt. The angle of incidence is
measured from the normal of the chip to where the light *comes from*, positive on the side to which the mirrors that are
on lean: at twice the tilt they send it along the normal. Order k of that plane is (k, k) with corner tilt and (0, k)
with edge tilt.

References
----------
.. [1] Law L32 of the project's physics notes.
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.dmd import CORNER_TILT, Dmd
from optics.mirrors.orders import diffraction_orders, order_efficiency
from optics.mirrors.reflection import envelope_centre
from optics.validation import check_count, check_number


def in_plane_incidence(dmd: Dmd, *, incidence_angle: float) -> NDArray[np.float64]:
    """Return the direction cosines of light in the plane of the tilt.

    .. math:: i = -\\sin(\\alpha) \\, t

    Parameters
    ----------
    dmd : Dmd
        The mirror array; t is its tilt direction.
    incidence_angle : float
        Angle from the normal of the chip to where the light comes from, in radians.

    Returns
    -------
    ndarray, shape (2,)
        Direction cosines (y, x) in which the light travels, as `optics.mirrors.reflection` takes them.

    Raises
    ------
    ValueError
        If the angle is beyond grazing.
    """
    _check_angle("incidence_angle", incidence_angle)
    return np.asarray(-math.sin(incidence_angle) * dmd.tilt_direction)


def in_plane_order(dmd: Dmd, *, order: int) -> tuple[int, int]:
    """Return the indices (m, n) of an order in the plane of the tilt.

    Parameters
    ----------
    dmd : Dmd
        The mirror array.
    order : int
        Order k in that plane.

    Returns
    -------
    tuple of two int
        (k, k) with corner tilt, (0, k) with edge tilt.
    """
    return (order, order) if dmd.tilt_axis == CORNER_TILT else (0, order)


def blaze_number(dmd: Dmd, *, incidence_angle: float, wavelength: float) -> float:
    """Return the order, whole or not, that the mirrors that are on are blazed for.

    .. math:: \\mu = \\frac{p [\\sin \\alpha + \\sin(2 \\theta - \\alpha)]}{s \\lambda}
                   = \\frac{2 p \\sin\\theta \\cos(\\alpha - \\theta)}{s \\lambda}

    with s = sqrt(2) for corner tilt and 1 for edge tilt.

    Parameters
    ----------
    dmd : Dmd
        The mirror array.
    incidence_angle : float
        Angle from the normal of the chip to where the light comes from, in radians.
    wavelength : float
        Wavelength of the light, in metres.

    Returns
    -------
    float
        Whole where all light goes into one order; halfway between, four orders (two with edge tilt) share most.

    Raises
    ------
    ValueError
        If light comes from, or goes to, beyond grazing.
    """
    check_number("wavelength", wavelength, unit="m", above=0, at_most=dmd.pitch)
    return _path(dmd, incidence_angle) / wavelength


def blaze_wavelength(dmd: Dmd, *, incidence_angle: float, order: int) -> float:
    """Return the wavelength that an order is blazed for.

    .. math:: \\lambda = \\frac{p [\\sin \\alpha + \\sin(2 \\theta - \\alpha)]}{s m}

    with s = sqrt(2) for corner tilt and 1 for edge tilt.

    Parameters
    ----------
    dmd : Dmd
        The mirror array.
    incidence_angle : float
        Angle from the normal of the chip to where the light comes from, in radians.
    order : int
        Order m in the plane of the tilt, from 1.

    Returns
    -------
    float
        Wavelength, in metres.

    Raises
    ------
    ValueError
        If light comes from, or goes to, beyond grazing, or the order is not at least 1.
    """
    check_count("order", order, at_most=100_000)
    return _path(dmd, incidence_angle) / order


def blaze_incidence(dmd: Dmd, *, wavelength: float, order: int) -> NDArray[np.float64]:
    """Return the two angles of incidence at which an order is blazed.

    .. math:: \\alpha = \\theta \\pm \\arccos \\frac{s m \\lambda}{2 p \\sin \\theta}

    with s = sqrt(2) for corner tilt and 1 for edge tilt. The order leaves at the other angle, on the same scale:
    the two solutions are one path of light, taken in either direction.

    Parameters
    ----------
    dmd : Dmd
        The mirror array.
    wavelength : float
        Wavelength of the light, in metres.
    order : int
        Order m in the plane of the tilt, from 1.

    Returns
    -------
    ndarray, shape (2,)
        Angles from the normal of the chip to where the light comes from, in radians, ascending.

    Raises
    ------
    ValueError
        If no angle blazes the order, or it would be beyond grazing.

    Notes
    -----
    Within 1e-9 rad of the exact condition unless the angles are within 3e-7 rad of the tilt (Littrow), where the
    condition itself turns flat. The half-angle form of the arc cosine keeps it so.
    """
    check_number("wavelength", wavelength, unit="m", above=0, at_most=dmd.pitch)
    check_count("order", order, at_most=100_000)
    longest = 2 * dmd.pitch * math.sin(dmd.tilt_angle) / _spacing_ratio(dmd)
    defect = (longest - order * wavelength) / longest  # 1 - cos of the angle off Littrow
    if defect < 0:
        raise ValueError(
            f"no angle blazes order {order} at {wavelength:g} m: order x wavelength = {order * wavelength:g} m exceeds "
            f"{longest:g} m, the longest path; the highest order is {math.floor(longest / wavelength)}"
        )
    half = 2 * math.asin(math.sqrt(defect / 2))
    angles = np.array([dmd.tilt_angle - half, dmd.tilt_angle + half])
    for angle in angles:
        _check_angle(f"the angle of incidence that blazes order {order} at {wavelength:g} m", float(angle))
    return angles


def diffraction_contrast(dmd: Dmd, *, order: tuple[int, int], incidence: ArrayLike, wavelength: float) -> float:
    """Return the least contrast that diffraction leaves: on mirrors over off mirrors in the same order.

    .. math:: C = \\frac{\\eta_{mn}(+\\theta)}{\\hat\\eta_{mn}(-\\theta)}, \\qquad
              \\hat\\eta_{mn} = R \\frac{w^4}{p^4} \\prod_j \\min\\left(1, \\frac{p^2}{\\pi^2 w^2 x_j^2}\\right)

    with x_j the distance of the order from the centre of the envelope of the off mirrors, in orders.

    Parameters
    ----------
    dmd : Dmd
        The mirror array.
    order : tuple of two int
        Indices (m, n) of the collected order.
    incidence : array_like, shape (2,) or (3,)
        Direction in which the light travels, as `optics.mirrors.reflection` takes it.
    wavelength : float
        Wavelength of the light, in metres.

    Returns
    -------
    float
        Contrast.

    Raises
    ------
    ValueError
        If the order does not leave the chip, or the light does not reach the mirrors.

    Notes
    -----
    The order sits some ten side lobes away from the light of the off mirrors, where a tenth of a degree of tilt moves
    it from a zero to a lobe: the crests of the lobes are taken. `order_efficiency` tells where on a lobe
    it would sit if the tilt were exact. For an aperture that is small against the distance between orders. Light that
    edges, hinges and vias scatter is known to no envelope, and makes measured contrasts lower; the outline of the
    tilted mirror, which the envelope leaves out, makes them higher by up to a third (tested at 12 and
    17 degrees). With corner tilt the lobes of two axes multiply to some hundred thousands; with edge tilt one axis
    alone parts the order from the light of the off mirrors, and some hundreds are left.
    """
    on = order_efficiency(dmd, order=order, incidence=incidence, wavelength=wavelength)
    centre = envelope_centre(dmd, incidence=incidence, wavelength=wavelength, state="off")
    side = dmd.mirror_side / dmd.pitch
    lobes = 1 / np.maximum(1, np.pi * side * np.abs(np.asarray(order) - centre)) ** 2
    return on / (dmd.reflectivity * dmd.fill_factor**2 * float(np.prod(lobes)))


def collect_order(dmd: Dmd, *, incidence: ArrayLike, wavelength: float, order: tuple[int, int] | None = None) -> Dmd:
    """Return the array as a bench sees it that collects one order: with that order's efficiency and contrast.

    .. math:: \\eta = T_w^2 \\, \\eta_{mn}, \\qquad
              \\frac{1}{C} = \\frac{1}{C_0} + \\frac{1}{C_d}

    with T_w the transmission of the window, C_0 the contrast ratio that ``dmd`` states, for all but diffraction, and
    C_d that of `diffraction_contrast`.

    Parameters
    ----------
    dmd : Dmd
        The mirror array.
    incidence : array_like, shape (2,) or (3,)
        Direction in which the light travels, as `optics.mirrors.reflection` takes it.
    wavelength : float
        Wavelength of the light, in metres.
    order : tuple of two int or None, optional
        Indices (m, n) of the order; None takes the strongest.

    Returns
    -------
    Dmd
        The same array with ``efficiency`` and ``contrast_ratio`` replaced.

    Raises
    ------
    ValueError
        If the order does not leave the chip, or carries no more light of on than of off mirrors.
    """
    if order is None:
        order = diffraction_orders(dmd, incidence=incidence, wavelength=wavelength).strongest
    collected = order_efficiency(dmd, order=order, incidence=incidence, wavelength=wavelength)
    contrast = diffraction_contrast(dmd, order=order, incidence=incidence, wavelength=wavelength)
    if contrast <= 1:
        raise ValueError(f"order {tuple(order)} collects the off mirrors: its contrast is {contrast:g}, take another")
    return replace(
        dmd,
        efficiency=dmd.window_transmission**2 * collected,
        contrast_ratio=1 / (1 / dmd.contrast_ratio + 1 / contrast),
    )


def _spacing_ratio(dmd: Dmd) -> float:
    """Return the pitch over the distance between the lines of mirrors across the tilt."""
    return math.sqrt(2) if dmd.tilt_axis == CORNER_TILT else 1.0


def _path(dmd: Dmd, incidence_angle: float) -> float:
    """Return the difference of path between neighbouring lines of mirrors, by way of the specular direction."""
    _check_angle("incidence_angle", incidence_angle)
    exit_angle = 2 * dmd.tilt_angle - incidence_angle
    _check_angle("the specular angle 2 tilt_angle - incidence_angle", exit_angle)
    return dmd.pitch / _spacing_ratio(dmd) * (math.sin(incidence_angle) + math.sin(exit_angle))


def _check_angle(name: str, angle: float) -> None:
    """Refuse an angle from the normal of the chip that is grazing or beyond."""
    check_number(name, angle, unit="rad", at_least=-math.pi, at_most=math.pi)
    if abs(angle) >= math.pi / 2:
        raise ValueError(f"{name} = {angle:g} rad ({math.degrees(angle):.2f} degrees) is beyond grazing")
