"""What dark frames say of all pixels together: black level, spread of the offsets, noise, growth, with uncertainties.

The law of a normal signal that is rounded and clipped at zero (`dark_counts`) holds for every count. The offsets of the
pixels are normal; they dither the rounding, so that noise well below half a DN still shows by the pixels that lie near
a step.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.identification.dark_climb import (
    NARROWEST,
    curvature,
    first_guess,
    highest,
    maximise,
    scores,
    weak_prior,
)
from calibration.identification.dark_counts import BLACK, COARSE, NOISE, RATE, SPREAD, DarkCounts, pixel_terms

Array = NDArray[np.float64]

FEW_CROSS = 1e-2
"""Share of the second most frequent count below which hardly a pixel comes near a step."""

HALF_STEP = 0.25
"""Spread or noise in DN that would cross a step wherever the black level lies."""

ONE_STEP = 1e-5
"""Share of the counts beyond the two most frequent ones, up to which a single step of the converter is touched."""

FEW_LINES = 1.25
"""Factor on uncertainties where rounding hides the noise: few pixels, in few rows and columns, tell of it."""

STRAY = 10.0
"""Logarithm of the ratio of likelihoods from which on a pixel is no ordinary one."""

STRAY_GROWTHS = (0.1, 0.25, 0.6, 1.5)
"""Growths in the longest time that weakly hot pixels are tried with, in DN."""

LIKELY = 5.5
"""Fall of the log-likelihood that bounds a hidden parameter: 3.3 standard deviations of a normal law."""


@dataclass(frozen=True, eq=False)
class DarkFit:
    """Maximum of the likelihood of dark frames.

    Parameters
    ----------
    parameters : ndarray, shape (4,)
        Black level (DN), log of the spread of the offsets, log of the noise (log DN), growth in the longest time (DN).
    covariance : ndarray, shape (4, 4)
        Of the parameters; pixels of a row or of a column count as dependent.
    scores : ndarray, shape (pixel, 4)
        Gradients of each pixel's log-likelihood.
    offset : ndarray, shape (pixel,)
        Expected offset of each pixel, in DN.
    slopes : ndarray, shape (set, 6, pixel)
        Expected derivatives of its mean count with its signal: first (1), second (1/DN), third (1/DN^2), ...
    largest_spread, largest_noise : float
        What the two do not exceed, in DN.
    """

    parameters: Array
    covariance: Array
    scores: Array
    offset: Array
    slopes: Array
    largest_spread: float
    largest_noise: float

    @property
    def scale_error(self) -> float:
        """Return the relative error of all that is measured in steps of the converter, where few steps are touched."""
        return float(np.sqrt(self.covariance[NOISE, NOISE]))


def fit_dark(counts: DarkCounts, *, gain: float, gain_error: float = 0.0, near: DarkFit | None = None) -> DarkFit:
    """Return the maximum of the likelihood of dark frames.

    Parameters
    ----------
    counts : DarkCounts
        The counts.
    gain : float
        System gain, in DN per electron, for the shot noise of the dark current.
    gain_error : float, optional
        Its standard uncertainty, which is carried into the covariance.
    near : DarkFit or None, optional
        Maximum for nearly the same counts, to begin with.

    Returns
    -------
    DarkFit
        Parameters with their covariance.
    """
    start = first_guess(counts)
    weak = weak_prior(start)
    if near is None:
        best, likelihood = highest(counts, start, weak, gain=gain)
    else:
        best, likelihood = maximise(counts, near.parameters, weak, gain=gain, free=np.ones(4, np.bool_))
    own = scores(counts, best, gain=gain)
    information = own.T @ own + np.diag(weak[1])
    inverse = np.linalg.inv(curvature(counts, best, gain=gain, instead=own.T @ own) + np.diag(weak[1]))
    spread = _clustered(own, counts.place) + np.diag(weak[1])
    covariance = inverse @ spread @ inverse
    covariance[np.diag_indices(4)] = np.maximum(np.diag(covariance), np.diag(inverse))
    if gain_error:
        moved = inverse @ (scores(counts, best, gain=gain + gain_error) - own).sum(axis=0)
        covariance += np.outer(moved, moved)
    if np.exp(2 * best[NOISE]) < COARSE:
        covariance *= FEW_LINES**2
        if _scale_hidden(counts):
            # Anywhere between two steps: a uniform law of one DN.
            covariance[np.diag_indices(4)] += np.array([1 / 12, 1.0, 1.0, max(best[RATE] ** 2, 1 / 12)])
        # Along the ridge the distance to the step goes with the scale, which errs by more than its curvature says.
        distance = abs(best[BLACK] - np.floor(best[BLACK]) - 0.5)
        covariance[BLACK, BLACK] += (distance * np.expm1(min(np.sqrt(covariance[NOISE, NOISE]), 1.0))) ** 2
    sharp = np.maximum(np.diag(spread) / np.diag(information), 1.0)
    ends = [
        _upper_end(counts, best, likelihood, weak, index=index, gain=gain, fall=LIKELY * sharp[index])
        if covariance[index, index] > 0.3**2 or best[index] < np.log(2 * NARROWEST)
        else float(np.exp(best[index] + 3.3 * np.sqrt(covariance[index, index])))
        for index in (SPREAD, NOISE)
    ]
    if np.sqrt(covariance[BLACK, BLACK]) > np.sqrt(1 / 12):
        ends = [max(end, HALF_STEP) for end in ends]  # more would cross a step from anywhere
    _, offset, slopes = pixel_terms(counts, best, gain=gain, moments=True)
    return DarkFit(best, covariance, own, offset, slopes, *ends)


def _scale_hidden(counts: DarkCounts) -> bool:
    """Return whether only one step of the converter is touched: noise, offsets and distance may all be scaled then."""
    shown = np.zeros(int(counts.base.max()) + counts.table.shape[2])
    for index in range(counts.table.shape[2]):
        place = np.maximum(counts.base + counts.lowest + index, 0)
        shown += np.bincount(place, counts.table[:, :, index].sum(axis=1), minlength=len(shown))[: len(shown)]
    second, first = np.sort(shown)[-2:] / shown.sum()
    return bool(second < FEW_CROSS or 1 - first - second < ONE_STEP)


def stray_pixels(counts: DarkCounts, fit: DarkFit, *, gain: float) -> NDArray[np.bool_]:
    """Return pixels whose counts grow otherwise than those of the others.

    Parameters
    ----------
    counts : DarkCounts
        The counts.
    fit : DarkFit
        The maximum of their likelihood.
    gain : float
        System gain, in DN per electron.

    Returns
    -------
    ndarray of bool, shape (pixel,)
        Pixels whose own likelihood is e^10 times as large with another growth: a weakly hot pixel among those that
        rounding holds still.
    """
    own = pixel_terms(counts, fit.parameters, gain=gain)[0]
    stray = np.zeros(len(own), np.bool_)
    for growth in STRAY_GROWTHS:
        moved = fit.parameters + np.array([0, 0, 0, growth])
        stray |= pixel_terms(counts, moved, gain=gain)[0] > own + STRAY
    return stray


def _clustered(scores: Array, place: NDArray[np.intp]) -> Array:
    """Return the covariance of the sum of scores, pixels of a row and of a column being dependent."""
    total = -scores.T @ scores
    for axis in (0, 1):
        lines = np.zeros((place[:, axis].max() + 1, scores.shape[1]))
        np.add.at(lines, place[:, axis], scores)
        total += lines.T @ lines * (len(lines) / (len(lines) - 1))
    return total


def _upper_end(
    counts: DarkCounts,
    best: Array,
    likelihood: float,
    weak: tuple[Array, Array],
    *,
    index: int,
    gain: float,
    fall: float,
) -> float:
    """Return where the profile of the likelihood has fallen far enough."""
    at, free = best.copy(), np.arange(4) != index
    low = high = best[index]
    for _ in range(14):
        high = low + 0.35
        at[index] = high
        at, here = maximise(counts, at, weak, gain=gain, free=free)
        if likelihood - here > fall:
            break
        low = high
    return float(np.exp(high))
