"""Grids, fields and apertures that the laws of propagation are checked with; no code of the propagators."""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.complex128]
GREEN = 2.0**-21  # about 477 nm; a power of two, so that the phase k z of round numbers of waves has no rounding


def axes(shape: tuple[int, int], spacing: tuple[float, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates (y, 1) and (1, x) with the origin at the sample n // 2."""
    y, x = ((np.arange(n) - n // 2) * d for n, d in zip(shape, spacing, strict=True))
    return y[:, np.newaxis], x[np.newaxis]


def cycles(shape: tuple[int, int], spacing: tuple[float, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies (y, 1) and (1, x) in the order of the discrete Fourier transform."""
    y, x = (((np.arange(n) + n // 2) % n - n // 2) / (n * d) for n, d in zip(shape, spacing, strict=True))
    return y[:, np.newaxis], x[np.newaxis]


def random_field(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return np.asarray(rng.standard_normal(shape) + 1j * rng.standard_normal(shape))


def gaussian_beam(y: NDArray[np.float64], x: NDArray[np.float64], *, waists: tuple[float, float], z: float) -> Array:
    """Paraxial elliptic beam with its waists w_y, w_x at z = 0, without the carrier exp(ikz)."""
    field: Array = np.ones((1, 1), complex)
    for along, waist in zip((y, x), waists, strict=True):
        q = 1 + 1j * z * GREEN / (math.pi * waist**2)
        field = field * np.exp(-(along**2) / (waist**2 * q)) / np.sqrt(q)
    return field


def relative_error(got: Array, expected: Array) -> float:
    """Largest deviation over the peak."""
    return float(np.abs(got - expected).max() / np.abs(expected).max())


def grey_disc(shape: tuple[int, int], spacing: tuple[float, float], *, diameter: float, fine: int = 16) -> Array:
    """Part of each pixel inside a centred disc, from fine x fine points."""
    offsets = (np.arange(fine) + 0.5) / fine - 0.5
    disc = np.zeros(shape)
    y, x = axes(shape, spacing)
    for dy in offsets:
        for dx in offsets:
            disc += (y + dy * spacing[0]) ** 2 + (x + dx * spacing[1]) ** 2 <= diameter**2 / 4
    return np.asarray(disc / fine**2, complex)
