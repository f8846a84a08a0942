"""The heavy kernels of the bench: pure functions of arrays, without randomness, files or devices."""

import numpy as np
from numpy.typing import NDArray


def multiply_columns(amplitudes: NDArray[np.inexact], columns: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Return the fields that frames of amplitudes give behind a matrix.

    .. math:: E_{fm} = \\sum_n a_{fn} t_{mn}

    Parameters
    ----------
    amplitudes : ndarray, shape (frame, input)
        Amplitudes; where they are real, one real product of twice the columns does it at half the cost.
    columns : ndarray of complex64, shape (input, output)
        The transposed matrix, contiguous.

    Returns
    -------
    ndarray of complex64, shape (frame, output)
        The fields.
    """
    if np.iscomplexobj(amplitudes):
        return amplitudes.astype(np.complex64, copy=False) @ columns
    return (amplitudes.astype(np.float32, copy=False) @ columns.view(np.float32)).view(np.complex64)


def photon_rate(field: NDArray[np.complex64], *, samples_per_pixel: int = 1) -> NDArray[np.float32]:
    """Return the light on each pixel: intensities of the modes add, samples of a pixel average.

    .. math:: I = \\frac{1}{s^2} \\sum_{\\mathrm{samples}} \\sum_{\\mathrm{modes}} |E|^2

    Parameters
    ----------
    field : ndarray of complex64, shape (frame, mode, y, x)
        Field samples, in square roots of photons per pixel per second. The array is used as work space:
        its content is lost.
    samples_per_pixel : int, optional
        Samples s along each axis of a pixel.

    Returns
    -------
    ndarray of float32, shape (frame, y / s, x / s)
        Photons per pixel per second.
    """
    parts = field.view(np.float32)
    np.square(parts, out=parts)
    intensity = parts[:, 0, :, 0::2] + parts[:, 0, :, 1::2]
    for mode in range(1, field.shape[1]):
        intensity += parts[:, mode, :, 0::2]
        intensity += parts[:, mode, :, 1::2]
    if samples_per_pixel == 1:
        return intensity
    frames, height, width = intensity.shape
    s = samples_per_pixel
    return np.asarray(intensity.reshape(frames, height // s, s, width // s, s).mean(axis=(2, 4)))
