"""Stops of a multislice medium, as factors on its angular spectrum.

Time factor exp(-i omega t): propagation by +z multiplies a plane wave by exp(+i k_z z). Frequencies stand in the order
of the DFT, the origin of every plane at index (0, 0).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fftfreq


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
