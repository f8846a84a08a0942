"""Where phase retrieval of matrix rows starts: two eigenvectors, because one is real where the inputs are."""

import numpy as np
from numpy.typing import NDArray

from calibration.matrices.magnitude_projections import Basis, Fields, Magnitudes, coordinates, fields_from

ROUNDS = 30
"""Rounds of subspace iteration; a start needs no more digits than the distance to the truth that it has anyway."""


def spectral_start(light: Magnitudes, *, basis: Basis, rng: np.random.Generator) -> Fields:
    """Return coordinates of fields from which the magnitudes can be reached.

    .. math:: C_m = \\sum_k \\left( \\frac{I_{km}}{\\langle I_m \\rangle} - 1 \\right) q_k q_k^T, \\qquad
              c_m = \\sqrt{\\lambda_1} v_1 + i \\sqrt{\\lambda_2} v_2

    Parameters
    ----------
    light : ndarray of float, shape (frame, output)
        Intensities I; NaN where a frame says nothing.
    basis : ndarray of float, shape (frame, input)
        Orthonormal basis of the inputs' span; its rows are q_k: inputs that are whitened.
    rng : numpy.random.Generator
        Start of the subspace iteration.

    Returns
    -------
    ndarray of complex, shape (input, output)
        Coordinates c, of the light's mean power: a column a row of the matrix.

    Raises
    ------
    TypeError
        If the basis is complex: one eigenvector is the start there.

    Notes
    -----
    The ordinary spectral vector v_1 is real for real inputs, and from a real start every product with real inputs
    stays real: an iteration never leaves. The covariance of real inputs, weighted by light and freed of its mean,
    has Re(t t^+) as its signal, of rank 2: its two eigenvectors are real and imaginary part of the row, up to a phase
    and conjugation (law L55).
    """
    if np.iscomplexobj(basis):
        raise TypeError(f"basis is {basis.dtype}: the start is for real inputs, which mirrors give")
    precision = basis.real.dtype
    weights = _weights(light).astype(precision)
    pair: NDArray[np.floating] = rng.standard_normal((2, basis.shape[1], 1)).astype(precision)
    pair = np.repeat(pair, light.shape[1], axis=2)
    images = pair
    for _ in range(ROUNDS):
        pair = _orthonormal(images + pair)  # one added: at most the signal has larger eigenvalues than the noise below
        images = _weighted(pair, weights, basis)
    inner = np.einsum("iam,jam->mij", pair, images)
    values, turn = np.linalg.eigh((inner + inner.transpose(0, 2, 1)) / 2)
    vectors = np.einsum("iam,mij->jam", pair, turn) * np.sqrt(np.maximum(values.T, 1e-6))[:, np.newaxis]
    start = np.asarray(vectors[1] + 1j * vectors[0])
    power = np.nansum(np.maximum(light, 0), axis=0) / np.maximum(np.sum(np.abs(start) ** 2, axis=0), 1e-30)
    return np.asarray(start * np.sqrt(power), np.result_type(basis.dtype, np.complex64))


def random_start(light: Magnitudes, *, basis: Basis, rng: np.random.Generator) -> Fields:
    """Return random coordinates of the light's mean power, the same direction for all rows.

    Parameters
    ----------
    light : ndarray of float, shape (frame, output)
        Intensities; NaN where a frame says nothing.
    basis : ndarray, shape (frame, input)
        Orthonormal basis of the inputs' span.
    rng : numpy.random.Generator
        Draws one complex vector, whatever the number of rows.

    Returns
    -------
    ndarray of complex, shape (input, output)
        Coordinates.
    """
    parts = rng.standard_normal((2, basis.shape[1], 1))
    start = (parts[0] + 1j * parts[1]) / np.linalg.norm(parts)
    power = np.nansum(np.maximum(light, 0), axis=0)
    return np.asarray(start * np.sqrt(power), np.result_type(basis.dtype, np.complex64))


def _weights(light: Magnitudes) -> Magnitudes:
    """Return light over its mean, less one, zero where a frame says nothing."""
    known = np.isfinite(light)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, light, 0).sum(axis=0) / count
    safe = np.where(mean > 0, mean, 1)
    return np.where(known, light / safe - 1, 0)


def _weighted(pair: NDArray[np.floating], weights: Magnitudes, basis: Basis) -> NDArray[np.floating]:
    """Return the weighted covariance times both vectors of each row."""
    both = np.asarray(pair[0] + 1j * pair[1])
    image = coordinates(fields_from(both, basis=basis) * weights, basis=basis)
    return np.stack([image.real, image.imag])


def _orthonormal(pair: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return both vectors of each row made orthonormal."""
    first = pair[0] / np.linalg.norm(pair[0], axis=0)
    second = pair[1] - first * np.sum(first * pair[1], axis=0)
    return np.stack([first, second / np.linalg.norm(second, axis=0)])
