"""Black level, mean, M and read noise of speckle from the histogram of its counts, saturated pixels and all.

Speckle itself shows the black level: its exponential law starts with a step at zero light. The camera's noise blurs the
step and the converter cuts the law at saturation, but where the step lies is left in the histogram. The lowest count is
no black level: it lies some standard deviations of the noise below the step.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.stats import gamma

from optics.speckle.estimate import Estimate
from optics.speckle.frames import block_size, split_blocks
from optics.speckle.grain import Grain, measure_grain
from optics.speckle.intensities import check_intensity
from optics.speckle.statistics import LawTest, law_test
from optics.validation import check_count

STEPS = 8
"""Steps of the grid of light in a count."""

MARGIN = 40
"""Counts by which the grid of light reaches beyond those of the camera, so that the blur sees no end."""

CLASSES = 16
"""Levels that stand for an envelope."""


@dataclass(frozen=True, kw_only=True)
class CountLaw:
    """Law of counts that was fitted to frames of speckle.

    Parameters
    ----------
    black_level : Estimate
        Where the law of the light starts, in counts: the camera's offset and any even incoherent background.
    mean : Estimate
        Mean light in counts above it, as if no pixel were saturated.
    modes : Estimate
        Parameter M of the gamma law; uncertainty 0 where it was given.
    read_noise : Estimate
        Standard deviation of the noise at the step, in counts; rounding is not in it.
    test : LawTest
        Distance between the measured and the fitted distribution.
    """

    black_level: Estimate
    mean: Estimate
    modes: Estimate
    read_noise: Estimate
    test: LawTest

    @property
    def contrast(self) -> Estimate:
        """Contrast 1 / sqrt(M) of the light without black level, noise and saturation."""
        value = self.modes.value**-0.5
        return Estimate(value=value, uncertainty=value * self.modes.uncertainty / (2 * self.modes.value))


def count_probabilities(
    *,
    black_level: float,
    mean: float,
    modes: float,
    read_noise: float,
    levels: int,
    envelope: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return the probability of each count of speckle on a noisy camera.

    .. math:: P(y) = F(y + \\tfrac12) - F(y - \\tfrac12), \\qquad
        F = \\mathrm{Gamma}(M, \\bar I / M) * N(b, \\sigma^2), \\quad \\text{cut at } 0 \\text{ and saturation}

    Parameters
    ----------
    black_level : float
        Counts b without light.
    mean : float
        Mean light, in counts.
    modes : float
        Parameter M of the gamma law.
    read_noise : float
        Standard deviation of the noise, in counts.
    levels : int
        Number of counts, saturation + 1.
    envelope : ndarray or None, optional
        Equally frequent levels of the mean light over its average; None for even light.

    Returns
    -------
    ndarray, shape (levels,)
        Probabilities that sum to 1; that of the last count holds all that is brighter.
    """
    edges = np.arange(levels - 1) + 0.5
    grid = np.arange(-MARGIN * STEPS, (levels + MARGIN) * STEPS) / STEPS
    shapes = np.ones(1) if envelope is None else envelope
    law = np.mean([gamma.cdf(grid, modes, scale=mean * e / modes) for e in shapes], axis=0)
    blurred = gaussian_filter1d(law, read_noise * STEPS, mode="nearest", truncate=6.0)
    cumulated = np.interp(edges - black_level, grid, blurred)
    return np.asarray(np.maximum(np.diff(np.r_[0.0, cumulated, 1.0]), 1e-15))


def fit_counts(
    frames: ArrayLike,
    *,
    saturation: int,
    modes: float | None = None,
    envelope: ArrayLike | None = None,
    grain: Grain | None = None,
) -> CountLaw:
    """Fit black level, mean light, M and read noise to counts of speckle by maximum likelihood.

    .. math:: \\max_{b, \\bar I, M, \\sigma} \\sum_y h(y) \\ln P(y)

    Parameters
    ----------
    frames : array_like of int, shape (..., y, x)
        Raw counts.
    saturation : int
        Largest count of the camera; pixels there count as "at least so bright".
    modes : float or None, optional
        Parameter M where it is known, 1 for the exponential law; None to fit it.
    envelope : array_like or None, optional
        Mean light of each pixel over its average, which broadcasts to the frames.
    grain : Grain or None, optional
        The measured grain where it is known already.

    Returns
    -------
    CountLaw
        The fit; uncertainties from the scatter of the score over blocks of at least four grains ("sandwich"), so
        neighbours that share a grain do not count twice.

    Raises
    ------
    TypeError
        If the frames are not whole numbers.
    ValueError
        If counts exceed the saturation, there are too few grains, or the fit does not settle.

    Notes
    -----
    Noise is taken to be the same at every light level; only that at the step matters while shot noise is small beside
    the mean. An even incoherent background is part of the black level: no frame of speckle can tell them apart.

    The gamma law is exact for one polarisation and for two equal ones. For pixels that integrate it is wrong near zero
    light, and what it misses there is taken for black level: it comes out too high by 1.8 % of the mean light at a
    pixel of a quarter of the grain (M = 1.05), by 17 % at a pixel of one grain, where it means nothing. Then take a
    dark frame.
    """
    array = _check_counts(frames, saturation)
    measured = grain or measure_grain(array, allow_unresolved=True)
    blocks = split_blocks(array, block_size(array, grain=measured)).astype(np.intp)
    histograms = np.stack([np.bincount(block, minlength=saturation + 1) for block in blocks]).astype(np.float64)
    shapes = None if envelope is None else _classes(np.broadcast_to(np.asarray(envelope, np.float64), array.shape))

    def law(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        return count_probabilities(
            black_level=parameters[0],
            mean=math.exp(parameters[1]),
            read_noise=math.exp(parameters[2]),
            modes=modes if modes is not None else math.exp(parameters[3]),
            levels=saturation + 1,
            envelope=shapes,
        )

    total = histograms.sum(axis=0)
    first = float(np.searchsorted(np.cumsum(total), 0.02 * total.sum()))
    start = [first, math.log(max(array.mean() - first, 1.0)), 0.0]
    parameters, slopes, chances = _climb(law, total, np.array(start if modes is not None else [*start, 0.1]))
    values = np.r_[parameters[0], np.exp(parameters[1:])]
    errors = _sandwich(histograms, slopes, chances) * np.r_[1.0, values[1:]]
    found = [Estimate(value=float(v), uncertainty=float(e)) for v, e in zip(values, errors, strict=True)]
    if modes is not None:
        found.append(Estimate(value=float(modes), uncertainty=0.0))
    # Whole counts: the distributions are compared at the upper edge of each count only.
    gap = np.abs(np.cumsum(chances) - np.cumsum(total) / total.sum())
    return CountLaw(
        black_level=found[0],
        mean=found[1],
        read_noise=found[2],
        modes=found[3],
        test=law_test(gap, np.zeros(len(gap) + 1), grains=measured.grains),
    )


def _check_counts(frames: ArrayLike, saturation: int) -> NDArray[np.float64]:
    """Return whole counts within the range of the camera, or say why they are none."""
    if not np.issubdtype(np.asarray(frames).dtype, np.integer):
        raise TypeError(f"frames must be whole counts, got {np.asarray(frames).dtype}: averages have another law")
    array = check_intensity(frames)
    check_count("saturation", saturation, at_least=7, at_most=65_535)
    if array.max() > saturation:
        raise ValueError(f"frames hold a count of {array.max():g} above saturation = {saturation}")
    return array


def _classes(envelope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return equally frequent levels of an envelope over their average."""
    levels = np.quantile(envelope, (np.arange(CLASSES) + 0.5) / CLASSES)
    return np.asarray(levels / levels.mean())


def _climb(
    law: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    counts: NDArray[np.float64],
    parameters: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the parameters of the largest likelihood by Fisher scoring, the slopes of log P, and P."""
    chances = law(parameters)
    height = float(counts @ np.log(chances))
    for _ in range(60):
        slopes = _slopes(law, parameters)
        information = counts.sum() * (slopes * chances[:, np.newaxis]).T @ slopes
        step = np.linalg.solve(information + 1e-12 * np.diag(np.diag(information)), slopes.T @ counts)
        step /= max(1.0, float(np.max(np.abs(step) / np.r_[5.0, np.full(len(step) - 1, 0.5)])))
        promise = float(step @ (slopes.T @ counts))
        for _ in range(12):
            proposed = law(parameters + step)
            if (reached := float(counts @ np.log(proposed))) > height:
                break
            step /= 2
        else:
            return parameters, slopes, chances
        parameters, chances, height = parameters + step, proposed, reached
        if promise < 1e-4:
            return parameters, _slopes(law, parameters), chances
    raise ValueError(
        "the law of counts did not settle in 60 steps: the frames may not be speckle, or hold an envelope; "
        "look at their histogram, remove the envelope, or give modes"
    )


def _slopes(
    law: Callable[[NDArray[np.float64]], NDArray[np.float64]], parameters: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the slopes of log P against each parameter, by central differences."""
    steps = 1e-3 * np.eye(len(parameters))
    return np.stack([(np.log(law(parameters + h)) - np.log(law(parameters - h))) / 2e-3 for h in steps], axis=-1)


def _sandwich(
    histograms: NDArray[np.float64], slopes: NDArray[np.float64], chances: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return standard uncertainties from the scatter of the score over blocks."""
    inverse = np.linalg.inv(histograms.sum() * (slopes * chances[:, np.newaxis]).T @ slopes)
    scores = histograms @ slopes
    scatter = len(scores) * np.cov(scores.T, ddof=1)
    return np.asarray(np.sqrt(np.diag(inverse @ scatter @ inverse)))
