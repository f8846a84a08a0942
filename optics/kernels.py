"""The heavy kernels of the bench: pure functions of arrays, without randomness, files or devices."""

import numpy as np
from numpy.typing import NDArray

BLOCK_OUTPUTS = 4096
"""Outputs that are multiplied in double precision at a time, so that the matrix is never held twice."""


def multiply_columns(amplitudes: NDArray[np.inexact], columns: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Return the fields that frames of amplitudes give behind a matrix.

    .. math:: E_{fm} = \\sum_n a_{fn} t_{mn}

    Parameters
    ----------
    amplitudes : ndarray, shape (frame, input)
        Amplitudes. Where they are real, one real product of twice the columns does it at half the cost; where they are
        complex128, sums run in double precision.
    columns : ndarray of complex64, shape (input, output)
        The transposed matrix, contiguous.

    Returns
    -------
    ndarray of complex64, shape (frame, output)
        The fields.
    """
    if not np.iscomplexobj(amplitudes):
        return (amplitudes.astype(np.float32, copy=False) @ columns.view(np.float32)).view(np.complex64)
    if amplitudes.dtype != np.complex128:
        return amplitudes @ columns
    fields = np.empty((len(amplitudes), columns.shape[1]), np.complex64)
    for first in range(0, columns.shape[1], BLOCK_OUTPUTS):
        part = slice(first, first + BLOCK_OUTPUTS)
        fields[:, part] = amplitudes @ columns[:, part].astype(np.complex128)
    return fields


def photon_rate(field: NDArray[np.complex64], *, weights: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Return the light on each pixel: intensities of the modes add, samples of a pixel are weighted.

    .. math:: I = \\sum_{jk} w_j w_k \\sum_{\\mathrm{modes}} |E_{jk}|^2

    Parameters
    ----------
    field : ndarray of complex64, shape (frame, mode, y, x)
        Field samples, in square roots of photons per pixel per second. The array is used as work space:
        its content is lost.
    weights : ndarray of float32 or None, shape (s,)
        Weights of the s samples along each axis of a pixel (see `optics.sensing.pixel`); None for one sample.

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
    if weights is None:
        return intensity
    frames, height, width = intensity.shape
    s = len(weights)
    along = intensity.reshape(frames, height, width // s, s) @ weights
    return np.asarray(np.einsum("fysx,s->fyx", along.reshape(frames, height // s, s, width // s), weights))
