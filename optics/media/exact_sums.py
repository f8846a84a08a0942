"""Complex amplitudes rounded so that their sums behind a matrix on a grid are exact, whatever the batch."""

import math

import numpy as np
from numpy.typing import NDArray

from optics.media.dense import statistical_grid


def on_grid(amplitudes: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return frames of amplitudes rounded to a step of their own, so that products with a matrix on a grid are exact.

    Parameters
    ----------
    amplitudes : ndarray of complex128, shape (frame, input)
        Amplitudes.

    Returns
    -------
    ndarray of complex128, shape (frame, input)
        Rounded to some 2^-30 of the length of their frame.

    Notes
    -----
    A sum is at most |a| |c| by Cauchy and Schwarz, with |c| = sqrt(2 N) times the grid of
    `optics.media.dense.statistical_grid` for a column of N unit normal pairs: |a| gets the rest of 53 bits, less one
    and a half for columns that are longer.
    """
    inputs = amplitudes.shape[1]
    bits = math.floor(51 - math.log2(statistical_grid(inputs)) - math.log2(inputs) / 2)
    lengths = np.linalg.norm(amplitudes, axis=1, keepdims=True)
    steps = np.ldexp(1.0, np.frexp(lengths)[1] - bits)
    parts = amplitudes.view(np.float64)
    return np.asarray((np.rint(parts / steps) * steps).view(np.complex128))
