"""Gain from repeated frames under speckle: the shot noise that is left when light that moves is taken out.

.. math:: \\sigma_i^2(k) = c + K x_i + (x_i - b)(\\beta k + \\gamma k^2), \\qquad c = \\sigma_d^2 + \\tfrac{1}{12} - K b

Under speckle a beam that points elsewhere in each frame changes a pixel by an amount whose variance is proportional to
the pixel's own light, exactly as shot noise is: no distribution over pixels tells them apart. But it moves all pixels
together, in few patterns (two angles, their products), while shot noise moves each on its own: the leading principal
components of the frames take it out, and the light's power with it. Drift of the medium has many patterns, but it
grows with the time between two frames: the variance is extrapolated to no time at all.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.uncertainty import Measured
from calibration.identification.observations import Frames
from calibration.identification.shot_noise import LAGS, QUICK, ShotNoise, most_patterns, shot_noise

Array = NDArray[np.float64]

DITHERED = 0.25
"""Variance in DN^2, rounding included, from which on the rounding adds 1/12 DN^2 to pixels of many brightnesses."""

UNCOUNTED = 0.25
"""Relative error of a gain where light moves in more patterns than can be taken out."""

LEVERAGE = 3.0
"""Error of the extrapolation to no time over the misfit at a lag."""

DIVISIONS = (1, 2)
"""Numbers of parts that the series of bursts is divided into, in turn."""

HIDDEN = 0.15
"""Patterns below the edge of the noise for each one above it, about."""


Bursts = tuple[Frames, ...]


def system_gain(parts: tuple[Bursts, ...], *, black: float, saturation: float, ignored: NDArray[np.bool_]) -> Measured:
    """Return the system gain, in DN per electron, from bursts of repeated patterns.

    Parameters
    ----------
    parts : tuple of tuple of Frames
        For each pattern its bursts, in the order of time; all at one exposure time.
    black : float
        Count of a dark pixel, in DN, to some tenths.
    saturation : float
        Count at which pixels saturate, in DN.
    ignored : ndarray of bool, shape (y, x)
        Pixels without light.

    Returns
    -------
    Measured
        Gain; its uncertainty is the scatter over blocks of pixels, and what moving light may have left.

    Raises
    ------
    ValueError
        If fewer than 100 pixels are bright and do not saturate.

    Notes
    -----
    Light moves in patterns that are new in each burst where the medium drifts: pieces of the series have fewer each,
    but show them less well. The mean is taken over the divisions of which no piece has more patterns than can be taken
    out, and what they differ by is a part of its uncertainty. Drift is left to the variogram, or where it has few
    patterns and is fast, is taken out like jitter: the way whose variogram follows its curve better is taken, and its
    misfit is in the uncertainty.
    """
    ways = [_gain_by(parts, quick=quick, black=black, saturation=saturation, ignored=ignored) for quick in (0.0, QUICK)]
    return min(ways, key=lambda way: way[1])[0]


def _gain_by(
    parts: tuple[Bursts, ...], *, quick: float, black: float, saturation: float, ignored: NDArray[np.bool_]
) -> tuple[Measured, float]:
    """Return the gain by one way to take out moving light, and what the variogram misses its curve by."""
    found = [
        _divided_gain(
            [piece for bursts in parts for piece in _divided(bursts, pieces)], parts=len(parts), quick=quick,
            black=black, saturation=saturation, ignored=ignored,
        )
        for pieces in DIVISIONS
    ]  # fmt: skip
    counted = [one for one in found if not one.full] or found
    values = [one.gain.value for one in counted]
    value, error = float(np.mean(values)), float(np.mean([one.gain.uncertainty for one in counted]))
    if all(one.full for one in found):
        error = math.hypot(error, UNCOUNTED * value)
    misfit = float(np.mean([one.misfit for one in counted]))
    return Measured(value=value, uncertainty=math.hypot(error, float(np.ptp(values)))), misfit


class _DividedGain(NamedTuple):
    """The gain by one division of the series, what the variogram misses its curve by, and whether light moves in more
    patterns than can be taken out."""

    gain: Measured
    misfit: float
    full: bool


def _divided_gain(
    groups: list[Bursts], *, parts: int, quick: float, black: float, saturation: float, ignored: NDArray[np.bool_]
) -> _DividedGain:
    """Return the mean gain of groups of bursts, a number of parts of the macropixels all together."""
    line: tuple[float, float] | None = None
    for _ in range(3):  # pixels are weighed by the line that they give
        noises = [shot_noise(own, saturation=saturation, ignored=ignored, line=line, quick=quick) for own in groups]
        lines = [_line(noise, black=black) for noise in noises]
        line = (float(np.mean([own[0] for own in lines])), float(np.mean([own[1].value for own in lines])))
    frames = sum(len(burst.counts) for group in groups for burst in group) / parts
    hidden = HIDDEN * sum(noise.patterns for noise in noises) / parts / np.sqrt(frames * noises[0].mean.size)
    value = float(np.mean([own[1].value for own in lines]))
    scatter = math.sqrt(sum(own[1].uncertainty ** 2 for own in lines)) / len(lines)
    misfit = float(np.sqrt(np.mean(np.mean([own[2] for own in lines], axis=0) ** 2) * LAGS / (LAGS - 3)))
    error = math.sqrt(scatter**2 + (hidden * value) ** 2 + (LEVERAGE * max(misfit - scatter / 2, 0.0)) ** 2)
    full = any(noise.patterns >= most_patterns(own) for noise, own in zip(noises, groups, strict=True))
    return _DividedGain(Measured(value=value, uncertainty=error), misfit, full)


def _divided(bursts: Bursts, pieces: int) -> list[Bursts]:
    """Return a series of bursts in pieces, one after the other."""
    cuts = np.linspace(0, len(bursts), min(pieces, len(bursts)) + 1).round().astype(int)
    return [bursts[low:high] for low, high in itertools.pairwise(cuts)]


def _line(noise: ShotNoise, *, black: float) -> tuple[float, Measured, Array]:
    """Return intercept, slope of the variance against the mean count at no time between frames, misfit of each lag."""
    start = float(np.mean(noise.variance[0]) / max(np.mean(noise.mean) - black, 1e-6))
    intercept, gain = 1 / 6 - start * black, Measured(value=start, uncertainty=start)
    for _ in range(3):
        intercept, gain, missed = _regression(noise, intercept, gain.value, black=black)
    return intercept, gain, missed


def _regression(noise: ShotNoise, intercept: float, gain: float, *, black: float) -> tuple[float, Measured, Array]:
    """Return intercept, slope and misfit of one weighted regression."""
    signal = noise.mean - black
    expected = intercept + gain * noise.mean
    used = expected > min(DITHERED, float(np.quantile(expected, 0.7)))
    signal, expected = signal[used], expected[used]
    lags = np.arange(1, LAGS + 1)[:, np.newaxis] / LAGS
    one = np.ones((LAGS, 1))
    design = np.stack([one * np.ones_like(signal), one * signal, lags * signal, lags**2 * signal], axis=-1)
    weight = 1 / np.maximum(expected, 0.05) ** 2
    inverse = np.linalg.inv(np.einsum("lpa,p,lpb->ab", design, weight, design))
    found = inverse @ np.einsum("lpa,p,lp->a", design, weight, noise.variance[:, used])
    residual = noise.variance[:, used] - design @ found
    score = np.einsum("lpa,p,lp->pa", design, weight, residual)
    blocks = np.zeros((int(noise.block.max()) + 1, 4))
    np.add.at(blocks, noise.block[used], score)
    covariance = inverse @ (blocks.T @ blocks) @ inverse
    slope = Measured(value=float(found[1]), uncertainty=float(np.sqrt(covariance[1, 1])))
    missed = residual @ (weight * signal) / float(signal**2 @ weight)
    return float(found[0]) - slope.value * black, slope, missed
