"""Contrast, measured M and the test of the intensity law, from simulated or real frames."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import gamma, kstwo

from optics.speckle.estimate import Estimate, jackknife
from optics.speckle.frames import block_size, split_blocks
from optics.speckle.grain import Grain, measure_grain
from optics.speckle.intensities import check_intensity
from optics.validation import check_number


def contrast(
    frames: ArrayLike,
    *,
    black_level: float = 0.0,
    noise_variance: float = 0.0,
    gain: float = 0.0,
    envelope: ArrayLike | None = None,
    grain: Grain | None = None,
) -> Estimate:
    """Return the contrast of speckle without black level, camera noise and envelope.

    .. math:: C^2 = \\frac{\\mathrm{Var}(s) - \\langle (\\sigma^2 + K s_+) / e^2 \\rangle}{\\langle s \\rangle^2},
        \\qquad s = (y - b) / e

    Parameters
    ----------
    frames : array_like, shape (..., y, x)
        Raw counts y, or intensities.
    black_level : float, optional
        Counts b without light.
    noise_variance : float, optional
        Variance sigma^2 of noise that does not depend on the light: read noise and 1/12 of rounding, in counts squared.
    gain : float, optional
        Camera gain K in counts per electron, for the shot noise; 0 leaves it in.
    envelope : array_like or None, optional
        Mean light e of each pixel over that of the frame, which broadcasts to the frames; None for even light.
    grain : Grain or None, optional
        The measured grain where it is known already.

    Returns
    -------
    Estimate
        Contrast, its bias of first order removed, with the scatter that blocks of at least four grains show.

    Raises
    ------
    ValueError
        If the black level is not below the mean, noise explains all of the variance, or there are too few grains.
    """
    array = check_intensity(frames)
    for name, value in (("noise_variance", noise_variance), ("gain", gain)):
        check_number(name, value, at_least=0)
    check_number("black_level", black_level)
    if not black_level < array.mean():
        raise ValueError(f"black_level = {black_level:g} is not below the mean of the frames, {array.mean():g}")
    light = array - black_level
    shape = _check_envelope(envelope, array.shape)
    signal = light / shape
    noise = (noise_variance + gain * np.maximum(light, 0)) / shape**2
    size = block_size(signal - min(float(signal.min()), 0.0), grain=grain)
    parts = split_blocks(signal, size)
    sums = np.stack(
        [np.full(len(parts), float(parts.shape[1])), parts.sum(1), (parts**2).sum(1), split_blocks(noise, size).sum(1)],
        axis=-1,
    )
    total = sums.sum(axis=0)
    if total[2] / total[0] - (total[1] / total[0]) ** 2 <= total[3] / total[0]:
        raise ValueError(
            f"noise of variance {total[3] / total[0]:g} explains all of the variance of the frames: no speckle is left"
        )
    return jackknife(sums, _contrast_of_sums)


def _contrast_of_sums(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    pixels = sums[..., 0]
    mean = sums[..., 1] / pixels
    variance = (sums[..., 2] - sums[..., 3]) / pixels - mean**2
    return np.asarray(np.sqrt(np.maximum(variance, 0)) / mean)


def _check_envelope(envelope: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.float64]:
    values = np.asarray(1.0 if envelope is None else envelope, np.float64)
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise ValueError(f"envelope must be positive and finite, its lowest value is {values.min():g}")
    try:
        return np.broadcast_to(values, shape)
    except ValueError:
        raise ValueError(f"envelope of shape {values.shape} does not broadcast to frames of shape {shape}") from None


def modes_of_contrast(value: Estimate) -> Estimate:
    """Return the integrated-speckle parameter that a contrast means.

    .. math:: M = 1 / C^2

    Parameters
    ----------
    value : Estimate
        Measured contrast.

    Returns
    -------
    Estimate
        Parameter M, with its uncertainty carried over.
    """
    return Estimate(value=value.value**-2, uncertainty=2 * value.uncertainty / value.value**3)


@dataclass(frozen=True, kw_only=True)
class LawTest:
    """How far the law of measured intensities is from a gamma law.

    Parameters
    ----------
    distance : float
        Kolmogorov-Smirnov distance of the distributions.
    grains : float
        Independent grains that it was measured on.
    threshold : float
        Distance that chance exceeds once in 16 000 times (4 sigma), 2.28 over the root of the grains.
    probability : float
        Probability of a distance at least as large by chance, were the mean known; it is measured, which makes the
        test lenient.
    """

    distance: float
    grains: float
    threshold: float
    probability: float

    @property
    def passed(self) -> bool:
        """Whether the distance lies within the threshold."""
        return self.distance <= self.threshold


def check_law(
    intensity: ArrayLike, *, modes: float = 1.0, black_level: float = 0.0, grain: Grain | None = None
) -> LawTest:
    """Test intensities against the exponential law, or the gamma law of integrated speckle.

    .. math:: p(I) = \\frac{(M / \\bar I)^M I^{M - 1}}{\\Gamma(M)} e^{-M I / \\bar I}

    Parameters
    ----------
    intensity : array_like, shape (..., y, x)
        Intensities whose noise is small beside their mean; counts with noise belong to
        :func:`~optics.speckle.black_level.fit_counts`.
    modes : float, optional
        Parameter M; 1 is the exponential law.
    black_level : float, optional
        Counts without light.
    grain : Grain or None, optional
        The measured grain where it is known already.

    Returns
    -------
    LawTest
        Distance, threshold and probability for the number of grains in the frames.

    Notes
    -----
    Pixels of one grain are not independent: the sample size is the number of correlation areas. They are not wholly
    dependent either, and the mean is fitted: exponential speckle of resolved grains shows a distance of 0.24 with a
    scatter of 0.10, in units of one over the root of the grains, where independent samples of known mean show 0.87. The
    threshold is lenient by that much: what it refuses is not the law, what it passes may still differ a little.

    References
    ----------
    .. [1] J. W. Goodman, Speckle Phenomena in Optics, Roberts 2007, sec. 3.2.1 and 4.6.
    """
    check_number("modes", modes, above=0)
    array = check_intensity(intensity)
    measured = grain or measure_grain(array, allow_unresolved=True)
    values = np.sort((array - black_level).ravel())
    law = gamma.cdf(values, modes, scale=values.mean() / modes)
    return law_test(law, np.arange(values.size + 1) / values.size, grains=measured.grains)


def law_test(law: NDArray[np.float64], steps: NDArray[np.float64], *, grains: float) -> LawTest:
    """Return the distance of a staircase from a law.

    Parameters
    ----------
    law : ndarray, shape (n,)
        Distribution function at the sorted values.
    steps : ndarray, shape (n + 1,)
        Staircase before and after each value.
    grains : float
        Independent samples.

    Returns
    -------
    LawTest
        The largest distance and what it means.
    """
    distance = float(max(np.max(steps[1:] - law), np.max(law - steps[:-1])))
    return LawTest(
        distance=distance,
        grains=grains,
        threshold=2.28 / math.sqrt(grains),
        probability=float(kstwo.sf(min(distance, 1.0), max(int(grains), 1))),
    )
