"""Propagation between the planes of a multislice medium, as a factor on its angular spectrum.

Time factor exp(-i omega t): propagation by +z multiplies a plane wave by exp(+i k_z z). Frequencies stand in the order
of the DFT, the origin of every plane at index (0, 0).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.fft import fftfreq

ROWS = 64
"""Rows that are worked out in double precision at a time, so that temporaries stay small."""


def transfer_function(
    shape: tuple[int, int],
    *,
    spacing: tuple[float, float],
    wavelength: float,
    distance: float,
    band_limited: bool = True,
    dtype: DTypeLike = np.complex64,
) -> NDArray[Any]:
    """Return what free space does to each plane wave of a grid.

    .. math:: H = e^{i 2 \\pi z \\sqrt{\\lambda^{-2} - f_x^2 - f_y^2}}

    Parameters
    ----------
    shape : tuple of int
        Samples along (y, x).
    spacing : tuple of float
        Distance between samples along (y, x), in metres.
    wavelength : float
        Wavelength, in metres.
    distance : float
        Distance z, not negative, in metres.
    band_limited : bool, optional
        Whether waves that would leave the window, and come back on its other side, are dropped.
    dtype : dtype, optional
        Complex type of the result.

    Returns
    -------
    ndarray, shape (y, x)
        Factors of modulus one for what propagates, less for evanescent waves.

    References
    ----------
    .. [1] K. Matsushima and T. Shimobaba, Opt. Express 17, 19662 (2009). doi:10.1364/OE.17.019662
    """
    fy, fx = (fftfreq(size, step) for size, step in zip(shape, spacing, strict=True))
    result = np.empty(shape, dtype)
    for first in range(0, shape[0], ROWS):
        part = slice(first, first + ROWS)
        axial = wavelength**-2 - fx**2 - fy[part, np.newaxis] ** 2
        result[part] = np.exp(2j * math.pi * distance * np.sqrt(axial.astype(np.complex128)))
    if band_limited and distance:
        for axis, (size, step, frequency) in enumerate(zip(shape, spacing, (fy, fx), strict=True)):
            limit = 1 / (wavelength * math.hypot(1, 2 * distance / (size * step)))
            lost = np.abs(frequency) > limit
            result[(lost, slice(None)) if axis == 0 else (slice(None), lost)] = 0
    return result


def circular_stop(
    shape: tuple[int, int], *, spacing: tuple[float, float], wavelength: float, numerical_aperture: float
) -> NDArray[np.bool_]:
    """Return which plane waves of a grid pass a lens.

    Parameters
    ----------
    shape : tuple of int
        Samples along (y, x).
    spacing : tuple of float
        Distance between samples along (y, x), in metres.
    wavelength : float
        Wavelength, in metres.
    numerical_aperture : float
        Sine of the largest angle that passes.

    Returns
    -------
    ndarray of bool, shape (y, x)
        True inside the stop.
    """
    fy, fx = (fftfreq(size, step) for size, step in zip(shape, spacing, strict=True))
    return np.asarray(fx**2 + fy[:, np.newaxis] ** 2 <= (numerical_aperture / wavelength) ** 2)
