"""Where the orders of an off-axis hologram stay apart.

Frequencies are in cycles per pixel along (y, x). A field whose spectrum fills a disc of radius B about zero, with the
reference at the carrier f_c, makes three orders: the zero order within 2B of zero, and one sideband within B of +f_c
and of -f_c.
"""

import math
from dataclasses import dataclass

import numpy as np

from optics.validation import check_number

Pair = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Separation:
    """How far the orders of a hologram are apart.

    Parameters
    ----------
    carrier : tuple of float
        Carrier along (y, x), in cycles per pixel.
    radii : tuple of float
        Half axes of the band along (y, x), in cycles per pixel.
    edge : float
        Width of the window's fall over the radius.
    zero_order_gap : float
        Distance from the window to the zero order over the radius of the band; negative where they overlap.
    nyquist_gap : float
        Distance from the window to the nearer edge of the sampled band, in cycles per pixel; negative beyond it.
    largest_factor : float
        Factor on the radii at which both gaps would be zero.
    """

    carrier: Pair
    radii: Pair
    edge: float
    zero_order_gap: float
    nyquist_gap: float
    largest_factor: float

    @property
    def exact(self) -> bool:
        """Return whether the window holds one sideband and nothing else."""
        return min(self.zero_order_gap, self.nyquist_gap) >= -1e-12  # rounding of a carrier at the limit


def separation(carrier: Pair, *, radius: float | Pair, edge: float = 0.0) -> Separation:
    """Return how far the orders are apart.

    .. math:: |f_c| \\ge (3 + e) B, \\qquad |f_{c,y}|, |f_{c,x}| \\le \\tfrac12 - (1 + e) B

    Parameters
    ----------
    carrier : tuple of float
        Carrier f_c along (y, x), in cycles per pixel.
    radius : float or tuple of float
        Radius B of the band of the field, or its half axes along (y, x), in cycles per pixel.
    edge : float, optional
        Width e of the fall of the window beyond the radius, over the radius.

    Returns
    -------
    Separation
        The gaps; an ellipse is measured in units of its half axes.

    Raises
    ------
    ValueError
        If a radius is not between 0 and 1/2, the carrier is zero, or the edge is negative.

    Notes
    -----
    Law L51. The window reaches (1 + e) B from the carrier, the zero order 2 B from zero.

    References
    ----------
    .. [1] J. W. Goodman, Introduction to Fourier Optics, sec. 9.4: minimum reference angle.
    """
    radii = band_radii(radius)
    check_number("edge", edge, at_least=0, at_most=2)
    for name, part in zip(("carrier along y", "carrier along x"), carrier, strict=True):
        check_number(name, part, unit="cycles/pixel", at_least=-0.5, at_most=0.5)
    reach = math.hypot(carrier[0] / radii[0], carrier[1] / radii[1])
    if reach == 0:
        raise ValueError("carrier = (0, 0) has no sideband of its own: tilt the reference beam")
    rooms = [0.5 - abs(part) for part in carrier]
    outer = [(1 + edge) * part for part in radii]
    return Separation(
        carrier=carrier, radii=radii, edge=edge, zero_order_gap=reach - 3 - edge,
        nyquist_gap=min(room - part for room, part in zip(rooms, outer, strict=True)),
        largest_factor=min(reach / (3 + edge), *(room / part for room, part in zip(rooms, outer, strict=True))),
    )  # fmt: skip


def check_separation(carrier: Pair, *, radius: float | Pair, edge: float = 0.0) -> Separation:
    """Refuse a carrier and a band whose orders overlap.

    Parameters
    ----------
    carrier : tuple of float
        Carrier along (y, x), in cycles per pixel.
    radius : float or tuple of float
        Radius of the band of the field, or its half axes along (y, x), in cycles per pixel.
    edge : float, optional
        Width of the fall of the window beyond the radius, over the radius.

    Returns
    -------
    Separation
        The gaps, none negative.

    Raises
    ------
    ValueError
        If the window meets the zero order or leaves the sampled band; the message has the largest radius that fits.
    """
    found = separation(carrier, radius=radius, edge=edge)
    if found.exact:
        return found
    faults = []
    if found.zero_order_gap < -1e-12:
        faults.append(
            f"the carrier is {found.zero_order_gap + 3 + edge:.3f} radii from zero, where {3 + edge:g} keep the window "
            "off the zero order"
        )
    if found.nyquist_gap < -1e-12:
        faults.append(f"the window passes half a cycle per pixel by {-found.nyquist_gap:.4f}")
    angle = math.degrees(math.atan2(carrier[0], carrier[1]))
    largest = tuple(round(found.largest_factor * part, 4) for part in found.radii)
    raise ValueError(
        f"the orders overlap for carrier = ({carrier[0]:.4f}, {carrier[1]:.4f}) and radius = ({found.radii[0]:.4f}, "
        f"{found.radii[1]:.4f}) cycles/pixel: {' and '.join(faults)}. Take a radius of at most {largest}, or a carrier "
        f"nearer {best_carrier(angle)[0]} (a disc of up to {largest_radius(angle):.4f} fits there), or, where the "
        "reference is much stronger than the signal, allow_overlap=True (see overlap_error)"
    )


def band_radii(radius: float | Pair) -> Pair:
    """Return the half axes of a band along (y, x).

    Parameters
    ----------
    radius : float or tuple of float
        Radius, or half axes along (y, x), in cycles per pixel.

    Returns
    -------
    tuple of float
        Half axes along (y, x).

    Raises
    ------
    ValueError
        If one is not above 0 and at most 1/2.
    """
    radii = (radius, radius) if isinstance(radius, (int, float)) else (radius[0], radius[1])
    for part in radii:
        check_number("radius", part, unit="cycles/pixel", above=0, at_most=0.5)
    return radii


def largest_radius(direction: float) -> float:
    """Return the radius of the largest disc that a carrier in a direction separates exactly.

    .. math:: B = \\frac{1}{2 (1 + 3 \\max(|\\cos\\theta|, |\\sin\\theta|))}

    Parameters
    ----------
    direction : float
        Angle theta of the carrier from the x axis towards y, in degrees.

    Returns
    -------
    float
        Radius, in cycles per pixel: 1/8 on an axis, half of 1/(1 + 3/sqrt(2)) on the diagonal.

    Raises
    ------
    ValueError
        If the angle is not finite.
    """
    check_number("direction", direction, unit="degrees")
    angle = math.radians(direction)
    return 1 / (2 * (1 + 3 * max(abs(math.cos(angle)), abs(math.sin(angle)))))


def best_carrier(direction: float) -> tuple[Pair, float]:
    """Return the carrier in a direction that leaves room for the largest disc, and the radius of that disc.

    Parameters
    ----------
    direction : float
        Angle of the carrier from the x axis towards y, in degrees.

    Returns
    -------
    carrier : tuple of float
        Carrier along (y, x), in cycles per pixel, rounded to four digits.
    radius : float
        Radius of the disc, in cycles per pixel.

    Raises
    ------
    ValueError
        If the angle is not finite.
    """
    radius = largest_radius(direction)
    angle = math.radians(direction)
    return (round(3 * radius * math.sin(angle), 4), round(3 * radius * math.cos(angle), 4)), radius


def overlap_error(carrier: Pair, *, radius: float) -> float:
    """Return the error that the zero order leaves in the window, for a speckle field and a reference of equal power.

    .. math:: \\frac{\\langle|\\delta S|^2\\rangle}{\\langle|S|^2\\rangle} = \\frac{\\langle|S|^2\\rangle}{|R|^2}
              \\, \\epsilon, \\qquad
              \\epsilon = \\int_{|f - f_c| \\le B} \\frac{2}{\\pi^2 B^2}
              \\left(\\arccos u - u \\sqrt{1 - u^2}\\right) d^2 f, \\quad u = \\frac{|f|}{2 B}

    Parameters
    ----------
    carrier : tuple of float
        Carrier f_c along (y, x), in cycles per pixel.
    radius : float
        Radius B of the disc that the spectrum of the field fills evenly, in cycles per pixel.

    Returns
    -------
    float
        epsilon: the relative squared error where the reference is as strong as the signal; it falls as 1/|R|^2.

    Raises
    ------
    ValueError
        If the radius is out of range.

    Notes
    -----
    Holds for a fully developed speckle field S, whose intensity has the autocorrelation of the disc as its spectrum,
    and a window inside the sampled band; the other sideband, which a carrier nearer than B would bring in, is left
    out.
    """
    check_number("radius", radius, unit="cycles/pixel", above=0, at_most=0.5)
    # Midpoints of rings of equal area and of angles: the integrand is continuous.
    steps = (np.arange(600) + 0.5) / 600
    ring, angle = np.sqrt(steps)[:, np.newaxis], math.pi * steps
    u = np.hypot(math.hypot(*carrier) / radius + ring * np.cos(angle), ring * np.sin(angle)) / 2
    u = np.minimum(u, 1)
    return float(2 / math.pi * np.mean(np.arccos(u) - u * np.sqrt(1 - u * u)))
