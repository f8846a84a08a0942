"""How far a sampled model of diffraction reaches: sampling, paraxiality, band limit, as numbers.

A kernel is sampled well while its phase turns by at most half a cycle from one sample to the next. In frequency that
says: light must not move sideways by more than half the window. The propagators consult these numbers through
`optics.propagation.validity`, which refuses what lies beyond.
"""

import math

from optics.propagation.grid import Pair, Shape, check_grid, highest_frequencies
from optics.validation import check_number

PARAXIAL_PHASE_ERROR = 0.1
"""Largest error of phase that the Fresnel propagators accept, in radians."""

LARGEST_SINE = 0.5
"""Largest sine of an angle, along one axis, that a lens and the Fraunhofer pattern accept: scalar theory ends there."""


def band_limit(shape: Shape, *, spacing: Pair, wavelength: float, distance: float) -> Pair:
    """Return the frequencies on the axes beyond which light leaves the window, and the kernel aliases.

    .. math:: f_{\\max} = \\frac{1}{\\lambda \\sqrt{1 + (2 z / W)^2}}, \\qquad W = n \\Delta

    Parameters
    ----------
    shape : tuple of int
        Rows and columns, margin included.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    distance : float
        Distance z, in metres.

    Returns
    -------
    tuple of float
        Limits along y and along x, in cycles per metre.

    Notes
    -----
    They hold on the axes. Off the axes the limit is what two ellipses share, sec. 3 of the reference, which
    `optics.propagation.transfer_function` applies; they cut the corners off the rectangle of these two numbers.

    References
    ----------
    .. [1] K. Matsushima and T. Shimobaba, Opt. Express 17, 19662 (2009), sec. 3. doi:10.1364/OE.17.019662
    """
    check_grid(shape, spacing=spacing)
    y, x = (1 / (wavelength * math.hypot(1, 2 * distance / (n * d))) for n, d in zip(shape, spacing, strict=True))
    return y, x


def sampled_distance(
    shape: Shape, *, spacing: Pair, wavelength: float, highest_frequency: float | None = None
) -> float:
    """Return the distance up to which the whole angular-spectrum kernel is sampled.

    .. math:: z_{\\max} = \\min_{y, x} \\frac{n \\Delta \\sqrt{\\lambda^{-2} - R^2}}{2 F}

    Parameters
    ----------
    shape : tuple of int
        Rows and columns, margin included.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    highest_frequency : float or None, optional
        Highest frequency that the field holds, in cycles per metre; by default what the grid holds.

    Returns
    -------
    float
        Distance, in metres, with F the highest frequency along the axis and R along the diagonal; zero where the
        grid holds evanescent waves: at grazing angles no grid samples the kernel.

    References
    ----------
    .. [1] K. Matsushima and T. Shimobaba, Opt. Express 17, 19662 (2009), sec. 3. doi:10.1364/OE.17.019662
    """
    along, radial = highest_used(shape, spacing=spacing, highest_frequency=highest_frequency)
    root = math.sqrt(max(wavelength**-2 - radial**2, 0))
    reaches = [n * d * root / (2 * f) for n, d, f in zip(shape, spacing, along, strict=True) if f > 0]
    return min(reaches, default=math.inf)


def highest_used(shape: Shape, *, spacing: Pair, highest_frequency: float | None) -> tuple[Pair, float]:
    """Return the highest frequencies in use along the axes and in any direction.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    highest_frequency : float or None
        Highest frequency that the field holds, in cycles per metre; None stands for what the grid holds.

    Returns
    -------
    along : tuple of float
        Along y and x, in cycles per metre.
    radial : float
        In any direction, in cycles per metre.

    Raises
    ------
    ValueError
        If ``highest_frequency`` is not positive.
    """
    check_grid(shape, spacing=spacing)
    y, x = highest_frequencies(shape, spacing=spacing)
    if highest_frequency is None:
        return (y, x), math.hypot(y, x)
    check_number("highest_frequency", highest_frequency, unit="cycles/m", above=0)
    return (min(y, highest_frequency), min(x, highest_frequency)), min(math.hypot(y, x), highest_frequency)


def critical_distance(shape: Shape, *, spacing: Pair, wavelength: float) -> Pair:
    """Return the distance at which both Fresnel kernels are sampled, along each axis.

    .. math:: z_c = n \\Delta^2 / \\lambda

    Parameters
    ----------
    shape : tuple of int
        Rows and columns, margin included.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.

    Returns
    -------
    tuple of float
        Distances along y and x, in metres, zero along an axis of one sample: the transfer function is sampled up to
        the smaller one, the impulse response from the larger one on. At z_c the two are a pair of discrete Fourier
        transforms if n is even.

    References
    ----------
    .. [1] D. G. Voelz and M. C. Roggemann, Appl. Opt. 48, 6132 (2009). doi:10.1364/AO.48.006132
    """
    check_grid(shape, spacing=spacing)
    y, x = (n * d**2 / wavelength if n > 1 else 0.0 for n, d in zip(shape, spacing, strict=True))
    return y, x


def paraxial_phase_error(*, frequency: float, wavelength: float, distance: float) -> float:
    """Return by how much the Fresnel approximation misses the phase of a plane wave.

    .. math:: |\\Delta \\Phi| = 2 \\pi |z| \\left( \\lambda^{-1} - \\frac{\\lambda f^2}{2}
        - \\sqrt{\\lambda^{-2} - f^2} \\right) \\approx \\frac{\\pi |z| \\lambda^3 f^4}{4}

    Parameters
    ----------
    frequency : float
        Frequency f, in cycles per metre.
    wavelength : float
        Wavelength in the medium, in metres.
    distance : float
        Distance z, in metres.

    Returns
    -------
    float
        Error, in radians; infinite for an evanescent wave.

    References
    ----------
    .. [1] J. W. Goodman, Introduction to Fourier Optics, 3rd ed. 2005, sec. 4.2.
    """
    square = (wavelength * frequency) ** 2
    if square > 1:
        return math.inf
    # 1 - s/2 - sqrt(1 - s) without cancellation
    return 2 * math.pi * abs(distance) / wavelength * square**2 / (4 * (1 - square / 2 + math.sqrt(1 - square)))


def paraxial_frequency(*, wavelength: float, distance: float) -> float:
    """Return the highest frequency at which the Fresnel approximation misses no more than 0.1 rad.

    .. math:: f = \\frac{\\sqrt{2 \\sqrt{2 \\epsilon} - 2 \\epsilon}}{\\lambda},
        \\qquad \\epsilon = \\frac{0.1 \\lambda}{2 \\pi |z|}

    Parameters
    ----------
    wavelength : float
        Wavelength in the medium, in metres.
    distance : float
        Distance z, in metres.

    Returns
    -------
    float
        Frequency, in cycles per metre.

    References
    ----------
    .. [1] J. W. Goodman, Introduction to Fourier Optics, 3rd ed. 2005, sec. 4.2.
    """
    if distance == 0:
        return 1 / wavelength
    error = PARAXIAL_PHASE_ERROR * wavelength / (2 * math.pi * abs(distance))
    return math.sqrt(2 * math.sqrt(2 * error) - 2 * error) / wavelength if error < 0.5 else 1 / wavelength


def fraunhofer_distance(*, aperture: float, wavelength: float) -> float:
    """Return the distance from which on a diffraction pattern is the Fourier transform of its aperture.

    .. math:: z = 2 D^2 / \\lambda

    Parameters
    ----------
    aperture : float
        Full width D of what is lit, in metres.
    wavelength : float
        Wavelength in the medium, in metres.

    Returns
    -------
    float
        Distance, in metres; there the quadratic phase at the rim, which the transform leaves out, is pi / 8.

    References
    ----------
    .. [1] J. W. Goodman, Introduction to Fourier Optics, 3rd ed. 2005, sec. 4.3.
    """
    return 2 * aperture**2 / wavelength


def window_fresnel_number(shape: Shape, *, spacing: Pair, wavelength: float, distance: float) -> float:
    """Return how many Fresnel zones of a point fit into half the window, along its tighter axis.

    .. math:: N_F = \\min_{y, x} \\frac{(n \\Delta / 2)^2}{\\lambda |z|}

    Parameters
    ----------
    shape : tuple of int
        Rows and columns, margin included.
    spacing : tuple of float
        Distance (dy, dx) between samples, in metres.
    wavelength : float
        Wavelength in the medium, in metres.
    distance : float
        Distance z, in metres.

    Returns
    -------
    float
        Number of zones; below one the band limit cuts into the first zone and nothing in the window is right. An
        axis of one sample, along which nothing varies, does not count.
    """
    check_grid(shape, spacing=spacing)
    halves = [n * d / 2 for n, d in zip(shape, spacing, strict=True) if n > 1]
    return min((half**2 for half in halves), default=math.inf) / (wavelength * abs(distance)) if distance else math.inf
