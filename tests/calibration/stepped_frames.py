"""Stepped frames with shot noise, drawn with NumPy alone."""

import numpy as np

from calibration.light import Light

UNEVEN = np.array([0.1, 1.2, 2.3, 3.9, 5.0])


def speckle(rng: np.random.Generator, *shape: int, mean: float = 1.0) -> np.ndarray:
    """Circular Gaussian fields of a mean intensity."""
    return np.asarray((rng.normal(size=shape) + 1j * rng.normal(size=shape)) * np.sqrt(mean / 2))


def turn(count: int) -> np.ndarray:
    """Equal steps over a turn."""
    return 2 * np.pi * np.arange(count) / count


def stepped(
    rng: np.random.Generator, signal: np.ndarray, reference: np.ndarray | complex, steps: np.ndarray, *, noise: float
) -> Light:
    """Light (pattern, step, ...) with shot noise, dark noise and their variances."""
    delta = np.exp(-1j * np.asarray(steps)).reshape(*np.shape(steps), *[1] * (signal.ndim - 1))
    mean = np.abs(signal[:, None] + reference * delta) ** 2
    value = rng.poisson(mean) + rng.normal(0, noise, mean.shape)
    variance = noise**2 + np.maximum(value, 0)
    return Light(value.astype(np.float32), variance.astype(np.float32), np.ones(mean.shape, bool))
