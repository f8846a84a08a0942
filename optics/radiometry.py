"""Photons on a pixel from what a power meter shows."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.constants import c, h

from optics.validation import check_number


def photons_per_pixel(
    irradiance: ArrayLike, *, pixel_area: float, exposure_time: float, wavelength: float
) -> NDArray[np.float64]:
    """Return the mean photons that fall on a pixel during an exposure.

    .. math:: \\mu_p = \\frac{E A t \\lambda}{h c}

    Parameters
    ----------
    irradiance : array_like
        Irradiance E on the sensor, in watts per square metre (1 uW/cm^2 is 0.01 W/m^2).
    pixel_area : float
        Area A of a whole pixel, fill factor left out, in square metres.
    exposure_time : float
        Exposure time t, in seconds.
    wavelength : float
        Wavelength, in metres.

    Returns
    -------
    ndarray
        Photons per pixel (law L40).

    Raises
    ------
    ValueError
        If a number is not positive, or an irradiance negative.

    References
    ----------
    .. [1] EMVA Standard 1288, Release 4.0 Linear, sec. 2.1: 50.34 A[um^2] t[ms] lambda[um] E[uW/cm^2].
    """
    check_number("pixel_area", pixel_area, unit="m^2", above=0, at_most=1e-6)
    check_number("exposure_time", exposure_time, unit="s", above=0)
    check_number("wavelength", wavelength, unit="m", at_least=200e-9, at_most=2500e-9)
    light = np.asarray(irradiance, np.float64)
    if not np.all(np.isfinite(light)) or np.any(light < 0):
        raise ValueError(f"irradiance must be finite and not negative, got {light[~(light >= 0) | np.isinf(light)][0]}")
    return np.asarray(light * pixel_area * exposure_time * wavelength / (h * c))
