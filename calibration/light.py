"""Light from counts, and fields that follow from it, with what the camera model says of their errors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optics.camera import Camera, Counts
from optics.validation import check_number


@dataclass(frozen=True, eq=False)
class Light:
    """Light on pixels, as counts tell it.

    Parameters
    ----------
    value : ndarray of float32, shape (frame, ...)
        Photons per pixel per second; noise takes some below zero.
    variance : ndarray of float32, shape (frame, ...)
        Variance of the value from exposure to exposure, in the square of its unit.
    valid : ndarray of bool, shape (frame, ...)
        False where the pixel saturated.
    """

    value: NDArray[np.float32]
    variance: NDArray[np.float32]
    valid: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FieldEstimate:
    """Complex fields or matrix entries with their error bars.

    Parameters
    ----------
    value : ndarray of complex, shape (..., output)
        Estimated field, in square roots of photons per pixel per second where nothing else is said.
    standard_error : ndarray of float, shape (..., output)
        Square root of the mean of the squared modulus of the complex error, in the same unit: each of the two
        quadratures has it over the square root of two where the error is circular.
    valid : ndarray of bool, shape (..., output)
        False where a frame saturated or was lost, or the method could not decide.
    """

    value: NDArray[np.complexfloating[Any, Any]]
    standard_error: NDArray[np.floating[Any]]
    valid: NDArray[np.bool_]


def light_from_counts(
    counts: Counts, camera: Camera, *, exposure_time: float, dark: NDArray[np.floating] | None = None
) -> Light:
    """Return the light that counts stand for.

    .. math:: \\hat I = \\frac{y - y_0}{K \\eta t}, \\qquad
              \\mathrm{var}(\\hat I) = \\frac{K^2 \\sigma_d^2 + 1/12 + K (y - b)}{(K \\eta t)^2}

    Parameters
    ----------
    counts : ndarray of uint8 or uint16, shape (frame, ...)
        Words as the camera delivered them.
    camera : Camera
        The camera: gain K, quantum efficiency eta, dark noise, black level b, saturation.
    exposure_time : float
        Exposure time t, in seconds.
    dark : ndarray or None, optional
        Mean dark counts y_0 of each pixel, in DN; None takes the black level and the mean dark current.

    Returns
    -------
    Light
        Photons per pixel per second, float32.

    Raises
    ------
    TypeError
        If the words are not of the camera's word type.
    ValueError
        If the exposure time is not positive.

    Notes
    -----
    The variance is linear in the counts and so unbiased at any light; below the black level it is that of a dark
    pixel. Errors of the dark frame and the uneven response of pixels are not in it. Rounding counts as 1/12 DN^2, which
    holds from about half a DN of noise on (law L46). A saturated pixel has the least light that it may have had.
    """
    check_number("exposure_time", exposure_time, unit="s", above=0)
    numbers = camera.digital_numbers(counts)
    signal = numbers.astype(np.float32)
    variance = np.asarray(camera.temporal_variance(signal), np.float32)
    if dark is None:
        current = camera.gain * camera.dark_current * camera.thermal_factor * exposure_time
        signal -= np.float32(camera.black_level + current)
    else:
        signal -= dark.astype(np.float32)
    photon = np.float32(camera.gain * camera.quantum_efficiency * exposure_time)
    return Light(signal / photon, variance / photon**2, numbers < camera.saturation)
