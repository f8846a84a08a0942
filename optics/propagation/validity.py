"""Where sampling is refused: each error gives the numbers and the way out."""

import math

from optics.propagation.grid import Pair, Shape, check_grid, highest_frequencies, padded_shape
from optics.propagation.sampling import critical_distance, highest_used, sampled_distance, window_fresnel_number
from optics.validation import check_number

ROUNDING = 1 + 1e-9
"""Slack of the comparisons: at a limit itself the numbers of a user have been rounded."""


def check_beam(shape: Shape, *, spacing: Pair, wavelength: float, distance: float) -> None:
    """Refuse a grid, a wavelength or a distance that is none.

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

    Raises
    ------
    ValueError
        If a number is not finite or out of its range.
    """
    check_grid(shape, spacing=spacing)
    check_number("wavelength", wavelength, unit="m", above=0)
    check_number("distance", distance, unit="m")


def check_periodic(*, pad: int) -> None:
    """Refuse a margin around a period.

    Parameters
    ----------
    pad : int
        Width of the window over that of the field.

    Raises
    ------
    ValueError
        If ``pad`` is not 1.
    """
    if pad != 1:
        raise ValueError(f"pad = {pad} with periodic=True: the window is one period and has no margin; give pad=1")


def check_window(shape: Shape, *, spacing: Pair, wavelength: float, distance: float, pad: int) -> None:
    """Refuse a distance at which the band limit leaves less than the first Fresnel zone of a point.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the field.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    distance : float
        Distance, in metres.
    pad : int
        Width of the window over that of the field.

    Raises
    ------
    ValueError
        If the Fresnel number of half the window is below one.
    """
    wide = padded_shape(shape, pad=pad)
    zones = window_fresnel_number(wide, spacing=spacing, wavelength=wavelength, distance=distance)
    if zones * ROUNDING < 1:
        needed = math.ceil(pad / math.sqrt(zones) / ROUNDING)
        raise ValueError(
            f"distance = {distance:g} m is too far for a window of {wide[0]} x {wide[1]} samples: half of it holds "
            f"{zones:.3g} Fresnel zones, at least 1 is needed; take pad of at least {needed}, "
            "or fresnel_by_impulse_response, or fraunhofer"
        )


def check_angular_spectrum_sampling(
    shape: Shape, *, spacing: Pair, wavelength: float, distance: float, pad: int, highest_frequency: float | None
) -> None:
    """Refuse a distance beyond which the kernel without a band limit is undersampled.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the field.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    distance : float
        Distance, in metres.
    pad : int
        Width of the window over that of the field.
    highest_frequency : float or None
        Highest frequency that the field holds, in cycles per metre; None stands for what the grid holds.

    Raises
    ------
    ValueError
        If the kernel turns by more than half a cycle from sample to sample.
    """
    _, radial = highest_used(shape, spacing=spacing, highest_frequency=highest_frequency)
    if distance and radial * wavelength >= 1:
        raise ValueError(
            f"the grid holds {radial:g} cycles/m, evanescent beyond 1/wavelength = {1 / wavelength:g}: no margin "
            "samples the kernel at grazing angles; give band_limited=True, or state a lower highest_frequency of the "
            "field, or periodic=True"
        )
    reach = sampled_distance(shape, spacing=spacing, wavelength=wavelength, highest_frequency=highest_frequency)
    if abs(distance) > pad * reach * ROUNDING:
        needed = math.ceil(abs(distance) / reach / ROUNDING)
        raise ValueError(
            f"distance = {distance:g} m undersamples the angular-spectrum kernel, which {pad} x {shape[0]} by {pad} x "
            f"{shape[1]} samples carry up to {pad * reach:g} m; take pad of at least {needed} (a grid of "
            f"{needed * shape[0]} x {needed * shape[1]}), or band_limited=True, or state the highest_frequency of the "
            "field, or periodic=True if the window is one period"
        )


def check_transfer_sampling(
    shape: Shape, *, spacing: Pair, wavelength: float, distance: float, pad: int, highest_frequency: float | None
) -> None:
    """Refuse a distance beyond which the Fresnel transfer function is undersampled.

    .. math:: \\lambda |z| F \\le n \\Delta / 2

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the field.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    distance : float
        Distance z, in metres.
    pad : int
        Width of the window over that of the field.
    highest_frequency : float or None
        Highest frequency F that the field holds, in cycles per metre; None stands for what the grid holds.

    Raises
    ------
    ValueError
        If the kernel turns by more than half a cycle from sample to sample along either axis.
    """
    along, _ = highest_used(shape, spacing=spacing, highest_frequency=highest_frequency)
    reaches = [n * d / (2 * wavelength * f) for n, d, f in zip(shape, spacing, along, strict=True) if f]
    reach = min(reaches, default=math.inf)
    if abs(distance) > pad * reach * ROUNDING:
        needed = math.ceil(abs(distance) / reach / ROUNDING)
        raise ValueError(
            f"distance = {distance:g} m undersamples the Fresnel transfer function, which {pad} x {shape[0]} by "
            f"{pad} x {shape[1]} samples carry up to {pad * reach:g} m; take pad of at least {needed} (a grid of "
            f"{needed * shape[0]} x {needed * shape[1]}), or fresnel_by_impulse_response, or state the "
            "highest_frequency of the field, or periodic=True if the window is one period"
        )


def check_impulse_sampling(shape: Shape, *, spacing: Pair, wavelength: float, distance: float, pad: int) -> None:
    """Refuse a distance below which the Fresnel impulse response is undersampled.

    .. math:: \\lambda |z| \\ge n \\Delta^2

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the field.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    distance : float
        Distance z, in metres.
    pad : int
        Width of the window over that of the field.

    Raises
    ------
    ValueError
        If the kernel turns by more than half a cycle from sample to sample along either axis.
    """
    reach = max(critical_distance(shape, spacing=spacing, wavelength=wavelength))
    if abs(distance) * ROUNDING < pad * reach:
        most = math.floor(abs(distance) / reach * ROUNDING)
        finer = [f"{abs(distance) * wavelength / (pad * n * d):.3g}" for n, d in zip(shape, spacing, strict=True)]
        raise ValueError(
            f"distance = {distance:g} m undersamples the Fresnel impulse response, which {pad} x {shape[0]} by {pad} x "
            f"{shape[1]} samples carry from {pad * reach:g} m on; take fresnel_by_transfer_function or "
            f"angular_spectrum, or a window of the same width with spacing of at most ({finer[0]}, {finer[1]}) m"
            + (f", or pad of at most {most}" if most else "")
        )


def check_lens_sampling(shape: Shape, *, spacing: Pair, wavelength: float, focal_length: float) -> None:
    """Refuse a lens whose phase turns by more than half a cycle between samples at the edge of the window.

    .. math:: n \\Delta^2 \\le \\lambda |f|

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    focal_length : float
        Focal length f, in metres.

    Raises
    ------
    ValueError
        If the phase is undersampled.
    """
    shortest = max(critical_distance(shape, spacing=spacing, wavelength=wavelength))
    if abs(focal_length) * ROUNDING < shortest:
        finer = [f"{wavelength * abs(focal_length) / (n * d):.3g}" for n, d in zip(shape, spacing, strict=True)]
        raise ValueError(
            f"focal_length = {focal_length:g} m is too short for this window: the phase at its edge is sampled from "
            f"{shortest:g} m on; take lens_transform, or a window of the same width with spacing of at most "
            f"({finer[0]}, {finer[1]}) m"
        )


def check_tilt(direction: Pair, *, shape: Shape, spacing: Pair, wavelength: float) -> None:
    """Refuse a tilt that the grid cannot carry or that does not propagate.

    Parameters
    ----------
    direction : tuple of float
        Sines (s_y, s_x) of the direction.
    shape : tuple of int
        Rows and columns.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.

    Raises
    ------
    ValueError
        If the wave is evanescent, or one of its cycles has less than two samples.
    """
    if len(direction) != 2:
        raise ValueError(f"direction = {direction!r} must be a pair (s_y, s_x) of sines")
    check_number("direction", math.hypot(*direction), at_most=1)
    limits = highest_frequencies(shape, spacing=spacing)
    for axis, sine, step, most in zip("yx", direction, spacing, limits, strict=True):
        if abs(sine) > wavelength * most * ROUNDING:
            raise ValueError(
                f"a tilt of sine {sine:g} along {axis} has {abs(sine) / wavelength:g} cycles/m, this grid carries "
                f"{most:g}; take a spacing d{axis} of at most {wavelength / (2 * abs(sine)):.4g} m (it is {step:g} m)"
            )
