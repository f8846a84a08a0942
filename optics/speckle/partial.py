"""Speckle that is not fully developed: few phasors, weak roughness, a constant background."""

import math

import numpy as np
import scipy.fft
from numpy.typing import DTypeLike, NDArray

from optics.speckle.generate import check_precision, check_shape
from optics.speckle.pupil import Pupil, check_grain, pupil_weights
from optics.validation import check_count, check_number

BATCH = 1 << 20
"""Phasors that are drawn at a time."""


def phasor_sums(
    shape: tuple[int, ...],
    *,
    phasors: int,
    phase_deviation: float = math.inf,
    rng: np.random.Generator,
    dtype: DTypeLike = np.complex64,
) -> NDArray[np.complexfloating]:
    """Return independent sums of equal phasors with random phases.

    .. math:: E = \\frac{1}{\\sqrt{N}} \\sum_{n=1}^{N} e^{i \\varphi_n}, \\qquad \\varphi_n \\sim N(0, \\sigma^2)

    Parameters
    ----------
    shape : tuple of int
        Shape of what comes out: one grain a sample.
    phasors : int
        Number N of phasors.
    phase_deviation : float, optional
        Standard deviation of the phases in radians; infinite means uniform phases.
    rng : numpy.random.Generator
        Source of the phases.
    dtype : dtype_like, optional
        complex64 or complex128.

    Returns
    -------
    ndarray, shape ``shape``
        Fields. Uniform phases give a mean intensity of 1.

    References
    ----------
    .. [1] J. W. Goodman, Speckle Phenomena in Optics, Roberts 2007, sec. 3.2.2 and 3.2.3.
    """
    check_count("phasors", phasors)
    check_number("phase_deviation", phase_deviation, unit="rad", at_least=0, infinite=True)
    kind = check_precision(dtype)
    total = np.zeros(math.prod(shape), np.complex128)
    step = max(BATCH // phasors, 1)
    for first in range(0, total.size, step):
        size = (min(step, total.size - first), phasors)
        if math.isinf(phase_deviation):
            phase = rng.uniform(0, 2 * np.pi, size)
        else:
            phase = phase_deviation * rng.standard_normal(size)
        total[first : first + step] = np.exp(1j * phase).sum(axis=1)
    field = (total / math.sqrt(phasors)).reshape(shape)
    return np.asarray(field.astype(kind))


def phasor_contrast(phasors: int, *, phase_deviation: float = math.inf) -> float:
    """Return the contrast of a sum of equal phasors.

    .. math:: C^2 = \\frac{8 (N - 1)[N - 1 + \\cosh \\sigma^2] \\sinh^2(\\sigma^2 / 2)}{N (N - 1 + e^{\\sigma^2})^2}

    Parameters
    ----------
    phasors : int
        Number N of phasors.
    phase_deviation : float, optional
        Standard deviation sigma of the phases in radians; infinite gives sqrt(1 - 1/N).

    Returns
    -------
    float
        Contrast (law L12).

    References
    ----------
    .. [1] J. W. Goodman, Speckle Phenomena in Optics, Roberts 2007, sec. 3.2.2 and 3.2.3.
    """
    check_count("phasors", phasors)
    check_number("phase_deviation", phase_deviation, unit="rad", at_least=0, infinite=True)
    # Both sides divided by exp(2 sigma^2), so that strong roughness does not overflow.
    fade = math.exp(-(phase_deviation**2))
    rest = phasors - 1
    sinh_squared = (1 - fade) ** 2 / 4
    cosh = (1 + fade**2) / 2
    return math.sqrt(8 * rest * (rest * fade + cosh) * sinh_squared / phasors) / (rest * fade + 1)


def sparse_speckle(
    shape: tuple[int, ...],
    *,
    phasors: int,
    grain: float | tuple[float, float],
    pupil: Pupil = "disc",
    rng: np.random.Generator,
    dtype: DTypeLike = np.complex64,
) -> NDArray[np.complexfloating]:
    """Return the band-limited speckle of a few point scatterers in the pupil.

    .. math:: E(r) = \\frac{1}{\\sqrt{N}} \\sum_{n=1}^{N} e^{i (2 \\pi f_n \\cdot r + \\varphi_n)}

    Parameters
    ----------
    shape : tuple of int
        (..., y, x); each leading index is an independent pattern.
    phasors : int
        Number N of scatterers, uniform in the pupil, equally bright.
    grain : float or tuple of float
        lambda z / D in samples, one number or (y, x).
    pupil : {"disc", "square"}, optional
        Shape of the pupil.
    rng : numpy.random.Generator
        Source of places and phases.
    dtype : dtype_like, optional
        complex64 or complex128.

    Returns
    -------
    ndarray, shape (..., y, x)
        Field of unit mean intensity and contrast sqrt(1 - 1/N); not periodic.
    """
    check_count("phasors", phasors)
    sizes, kind = check_shape(shape), check_precision(dtype)
    grain_y, grain_x = check_grain(grain, pupil=pupil)
    patterns = math.prod(sizes[:-2])
    across = rng.uniform(-0.5, 0.5, (2, patterns, phasors))
    if pupil == "disc":
        radius, angle = np.sqrt(across[0] + 0.5) / 2, 2 * np.pi * across[1]
        across = np.stack([radius * np.sin(angle), radius * np.cos(angle)])
    phase = rng.uniform(0, 2 * np.pi, (patterns, phasors))
    field = np.empty((patterns, *sizes[-2:]), kind)
    for index in range(patterns):
        waves_y = np.exp(2j * np.pi / grain_y * np.outer(np.arange(sizes[-2]), across[0, index]))
        waves_x = np.exp(2j * np.pi / grain_x * np.outer(across[1, index], np.arange(sizes[-1])))
        field[index] = (waves_y * np.exp(1j * phase[index])) @ waves_x / math.sqrt(phasors)
    return field.reshape(sizes)


def rough_surface_speckle(
    shape: tuple[int, ...],
    *,
    phase_deviation: float,
    grain: float | tuple[float, float],
    pupil: Pupil = "disc",
    rng: np.random.Generator,
    dtype: DTypeLike = np.complex64,
) -> NDArray[np.complexfloating]:
    """Return the image of a surface whose phase is random, through a pupil.

    .. math:: E = h * e^{i \\varphi}, \\qquad \\varphi \\sim N(0, \\sigma^2) \\text{ at each sample}

    Parameters
    ----------
    shape : tuple of int
        (..., y, x); each leading index is an independent surface.
    phase_deviation : float
        Standard deviation sigma of the phase in radians: weak roughness leaves a specular part exp(-sigma^2 / 2).
    grain : float or tuple of float
        lambda z / D in samples, one number or (y, x): a grain averages as many phases as its correlation area has
        samples.
    pupil : {"disc", "square"}, optional
        Shape of the pupil.
    rng : numpy.random.Generator
        Source of the phases.
    dtype : dtype_like, optional
        complex64 or complex128.

    Returns
    -------
    ndarray, shape (..., y, x)
        Field, 1 where the surface is smooth. Periodic.

    References
    ----------
    .. [1] J. W. Goodman, Speckle Phenomena in Optics, Roberts 2007, sec. 3.2.3 and 4.5.
    """
    check_number("phase_deviation", phase_deviation, unit="rad", at_least=0)
    sizes, kind = check_shape(shape), check_precision(dtype)
    weights, places = pupil_weights((sizes[-2], sizes[-1]), grain=check_grain(grain, pupil=pupil), pupil=pupil)
    passed = np.zeros(sizes[-2:])
    passed[places[0][:, np.newaxis], places[1]] = np.sqrt(weights)
    surface = np.exp(1j * phase_deviation * rng.standard_normal(sizes))
    return scipy.fft.ifft2(scipy.fft.fft2(surface) * passed).astype(kind)


def add_constant(field: NDArray[np.complexfloating], *, ratio: float) -> NDArray[np.complexfloating]:
    """Return speckle with a constant field in phase with itself everywhere, at unit mean intensity.

    .. math:: E' = (E + \\sqrt{\\rho}) / \\sqrt{1 + \\rho}

    Parameters
    ----------
    field : ndarray, shape (..., y, x)
        Speckle of unit mean intensity.
    ratio : float
        Constant over mean speckle intensity, rho = I_s / <I_n>.

    Returns
    -------
    ndarray, shape (..., y, x)
        Field whose contrast is :func:`constant_contrast`.
    """
    check_number("ratio", ratio, at_least=0)
    return np.asarray((field + field.dtype.type(math.sqrt(ratio))) / field.real.dtype.type(math.sqrt(1 + ratio)))


def constant_contrast(ratio: float) -> float:
    """Return the contrast of fully developed speckle on a constant coherent field.

    .. math:: C = \\sqrt{1 + 2 \\rho} / (1 + \\rho)

    Parameters
    ----------
    ratio : float
        Constant over mean speckle intensity rho.

    Returns
    -------
    float
        Contrast (law L12).
    """
    check_number("ratio", ratio, at_least=0)
    return math.sqrt(1 + 2 * ratio) / (1 + ratio)
