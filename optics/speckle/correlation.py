"""Correlation of two speckle patterns: of their intensities, and of their fields."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.speckle.estimate import Estimate, jackknife
from optics.speckle.frames import block_size, split_blocks
from optics.speckle.intensities import check_intensity


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """Overlap of two fields.

    Parameters
    ----------
    value : complex
        Normalised inner product; its phase is that of the second field against the first.
    modulus : Estimate
        Its modulus and standard uncertainty.
    """

    value: complex
    modulus: Estimate


def _check_pair(first: NDArray[np.generic], second: NDArray[np.generic]) -> None:
    if first.shape != second.shape:
        raise ValueError(
            f"patterns must have one shape to be compared pixel by pixel, got {first.shape} and {second.shape}"
        )


def intensity_correlation(
    first: ArrayLike,
    second: ArrayLike,
    *,
    envelopes: tuple[ArrayLike, ArrayLike] = (1.0, 1.0),
    black_levels: tuple[float, float] = (0.0, 0.0),
    noise_variances: tuple[float, float] = (0.0, 0.0),
) -> Estimate:
    """Return the correlation coefficient of two intensity patterns.

    .. math:: \\rho = \\frac{\\mathrm{Cov}(I_1, I_2)}{\\sqrt{\\mathrm{Var}(I_1)\\, \\mathrm{Var}(I_2)}}

    Parameters
    ----------
    first, second : array_like, shape (..., y, x)
        Intensities or counts.
    envelopes : tuple of array_like, optional
        Mean light of each pixel over its average, for each pattern; an envelope left in correlates any two patterns.
    black_levels : tuple of float, optional
        Counts without light; they matter where there is an envelope.
    noise_variances : tuple of float, optional
        Variance of each pattern that is camera noise, in the unit of intensity over envelope squared.

    Returns
    -------
    Estimate
        Coefficient: |mu|^2 for Gaussian fields of coherence mu (Siegert, law L16).

    Raises
    ------
    ValueError
        If shapes differ, noise explains all of a pattern, or there are too few grains.
    """
    arrays = check_intensity(first, name="first"), check_intensity(second, name="second")
    _check_pair(*arrays)
    a, b = (
        (array - level) / np.asarray(envelope, np.float64)
        for array, level, envelope in zip(arrays, black_levels, envelopes, strict=True)
    )
    for name, values, noise in (("first", a, noise_variances[0]), ("second", b, noise_variances[1])):
        if values.var() <= noise:
            raise ValueError(f"noise of variance {noise:g} explains all of {name}, whose variance is {values.var():g}")
    size = block_size(arrays[0])
    a, b = split_blocks(a - a.mean(), size), split_blocks(b - b.mean(), size)
    sums = np.stack(
        [part.mean(axis=1) for part in (a, b, a * a - noise_variances[0], b * b - noise_variances[1], a * b)]
    )

    def coefficient(total: NDArray[np.float64]) -> NDArray[np.float64]:
        mean_a, mean_b, square_a, square_b, product = np.moveaxis(total / total[..., -1:], -1, 0)[:5]
        variances = (square_a - mean_a**2) * (square_b - mean_b**2)
        return np.asarray((product - mean_a * mean_b) / np.sqrt(np.maximum(variances, 1e-300)))

    return jackknife(np.column_stack([*sums, np.ones(sums.shape[1])]), coefficient)


def field_overlap(first: ArrayLike, second: ArrayLike) -> Overlap:
    """Return the normalised overlap of two fields.

    .. math:: \\mu = \\frac{\\sum E_1^* E_2}{\\sqrt{\\sum |E_1|^2 \\sum |E_2|^2}}

    Parameters
    ----------
    first, second : array_like, shape (..., y, x)
        Complex fields.

    Returns
    -------
    Overlap
        Complex overlap, and its modulus with the scatter that blocks show.

    Raises
    ------
    TypeError
        If a field is real.
    ValueError
        If shapes differ, a field is not finite or dark, or there are too few grains.
    """
    arrays = [np.asarray(first), np.asarray(second)]
    for name, array in zip(("first", "second"), arrays, strict=True):
        if not np.iscomplexobj(array):
            raise TypeError(
                f"{name} must be a complex field, got {array.dtype}: use intensity_correlation for intensities"
            )
        if array.ndim < 2 or not array.size or not np.isfinite(array).all() or not np.any(array):
            raise ValueError(f"{name} must be a finite field of shape (..., y, x) that is not dark, got {array.shape}")
    _check_pair(arrays[0], arrays[1])
    a, b = (array.astype(np.complex128) for array in arrays)
    size = block_size(np.abs(a) ** 2)
    product = a.conj() * b
    parts = [product.real, product.imag, np.abs(a) ** 2, np.abs(b) ** 2]
    sums = np.stack([split_blocks(np.ascontiguousarray(part), size).sum(axis=1) for part in parts], axis=-1)

    def modulus(total: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.hypot(total[..., 0], total[..., 1]) / np.sqrt(total[..., 2] * total[..., 3]))

    norm = math.sqrt(float(parts[2].sum()) * float(parts[3].sum()))
    return Overlap(value=complex(product.sum()) / norm, modulus=jackknife(sums, modulus))
