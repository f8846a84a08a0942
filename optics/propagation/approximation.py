"""Where paraxial and far-field approximations are refused: each error gives the numbers and the way out."""

import math

from optics.propagation.grid import Pair, Shape
from optics.propagation.sampling import (
    LARGEST_SINE,
    PARAXIAL_PHASE_ERROR,
    fraunhofer_distance,
    highest_used,
    paraxial_frequency,
    paraxial_phase_error,
)
from optics.propagation.validity import ROUNDING
from optics.validation import check_number


def check_paraxial(
    shape: Shape, *, spacing: Pair, wavelength: float, distance: float, highest_frequency: float | None
) -> None:
    """Refuse angles at which the Fresnel approximation misses the phase.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    distance : float
        Distance, in metres.
    highest_frequency : float or None
        Highest frequency that the field holds, in cycles per metre; None stands for what the grid holds.

    Raises
    ------
    ValueError
        If the error of phase at the highest frequency is above 0.1 rad.
    """
    _, radial = highest_used(shape, spacing=spacing, highest_frequency=highest_frequency)
    error = paraxial_phase_error(frequency=radial, wavelength=wavelength, distance=distance)
    if error > PARAXIAL_PHASE_ERROR * ROUNDING:
        most = paraxial_frequency(wavelength=wavelength, distance=distance)
        raise ValueError(
            f"the Fresnel approximation misses {error:.3g} rad at {radial:g} cycles/m over {distance:g} m, at most "
            f"{PARAXIAL_PHASE_ERROR:g} rad is allowed; take angular_spectrum, or state the highest_frequency of the "
            f"field if it is at most {most:.4g} cycles/m"
        )


def check_fraunhofer(
    shape: Shape, *, spacing: Pair, wavelength: float, distance: float, aperture: float | None
) -> None:
    """Refuse a distance at which the pattern is not yet the Fourier transform of the aperture.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    distance : float
        Distance, in metres.
    aperture : float or None
        Full width of what is lit, in metres; None stands for the diagonal of the window.

    Raises
    ------
    ValueError
        If the distance is below 2 D^2 / wavelength.
    """
    width = math.hypot(*(n * d for n, d in zip(shape, spacing, strict=True))) if aperture is None else aperture
    check_number("aperture", width, unit="m", above=0)
    needed = fraunhofer_distance(aperture=width, wavelength=wavelength)
    if abs(distance) * ROUNDING < needed:
        raise ValueError(
            f"distance = {distance:g} m is nearer than the Fraunhofer distance {needed:g} m of an aperture of "
            f"{width:g} m; take fresnel_by_impulse_response, or state the aperture that is lit if it is at most "
            f"{math.sqrt(abs(distance) * wavelength / 2):.4g} m wide"
        )


def check_angles(shape: Shape, *, spacing: Pair, wavelength: float, highest_frequency: float | None) -> None:
    """Refuse a grid so fine that it holds angles beyond scalar theory.

    .. math:: \\lambda F \\le 1/2

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    highest_frequency : float or None
        Highest frequency F that the field holds, in cycles per metre; None stands for what the grid holds.

    Raises
    ------
    ValueError
        If the sine of the largest angle along an axis is above 1/2.
    """
    along, _ = highest_used(shape, spacing=spacing, highest_frequency=highest_frequency)
    sine = wavelength * max(along)
    if sine > LARGEST_SINE * ROUNDING:
        raise ValueError(
            f"light at {max(along):g} cycles/m leaves at a sine of {sine:.3g}, scalar theory of a lens holds up to "
            f"{LARGEST_SINE:g}; take a spacing of at least {wavelength / (2 * LARGEST_SINE):g} m, or state the "
            f"highest_frequency of the field if it is at most {LARGEST_SINE / wavelength:.4g} cycles/m"
        )
