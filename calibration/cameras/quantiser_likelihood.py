"""Gain, dark noise and black level by the likelihood of the exact converter.

The estimators of the standard take rounding for a noise of 1/12 DN^2, which fails below about half a DN of noise.
Here the probability of every pair of integer counts is computed, so that nothing is assumed about the rounding.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.frame_pairs import pair_statistics
from calibration.cameras.light_series import LightSeries
from calibration.cameras.pair_likelihood import (
    BLACK,
    DSNU,
    GAIN,
    NOISE,
    PRNU,
    RATE,
    Level,
    PairHistogram,
    PairMoments,
    Vector,
)
from calibration.cameras.photon_transfer import PhotonTransfer
from calibration.cameras.quantiser_levels import make_levels
from calibration.cameras.scoring import Maximum, Score, maximise, profile_interval
from calibration.cameras.uncertainty import Measured, excess_scatter, propagate

NARROWEST = 0.02
"""Smallest read noise that is tried, in DN: below it the likelihood of any series is flat."""

PRIOR_WIDTH = 2.0
"""Width of the prior on the logarithms of DSNU and PRNU, a factor of seven, which keeps them finite."""


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantiserFit:
    """What the likelihood of the exact converter says.

    Parameters
    ----------
    gain : Measured
        System gain K, in DN per electron.
    dark_noise : Measured
        Temporal dark noise, in electrons rms; an upper bound where the data do not exclude zero.
    dark_noise_counts : Measured
        The same in DN.
    black_level : Measured
        Mean signal of a dark pixel before rounding, at zero exposure, in DN.
    dark_current : Measured or None
        Electrons per pixel per second; None where the dark signal does not grow visibly with the exposure time.
    dsnu : Measured or None
        Rms of the offsets of pixels, in electrons, taken as normal; None where no level shows its rounding, so that
        stacks say it better.
    intervals : dict of str to tuple of float
        68 % intervals of ``gain``, ``dark_noise_counts`` and ``black_level`` from the profile likelihood; they
        need not be symmetric.
    exact_levels : int
        Levels, dark ones included, whose rounding shows.
    flags : tuple of str
        What a reader has to know before trusting the figures.
    """

    gain: Measured
    dark_noise: Measured
    dark_noise_counts: Measured
    black_level: Measured
    dark_current: Measured | None
    dsnu: Measured | None
    intervals: dict[str, tuple[float, float]]
    exact_levels: int
    flags: tuple[str, ...]


def fit_quantiser(series: LightSeries, *, start: PhotonTransfer) -> QuantiserFit:
    """Fit gain, dark noise and black level with the exact converter.

    .. math:: \\log L = \\sum_{\\mathrm{levels}} \\sum_{c_1 c_2} n_{c_1 c_2} \\log P(c_1, c_2), \\qquad
              \\sigma^2 = \\sigma_0^2 + K (\\mu - b)

    Parameters
    ----------
    series : LightSeries
        The frames.
    start : PhotonTransfer
        Their figures by the standard: levels to use and first guesses.

    Returns
    -------
    QuantiserFit
        Estimates with intervals from the profile of the likelihood.

    Notes
    -----
    Offsets and responses of pixels are taken as normal. Levels with more than 0.8 DN of noise enter by their mean
    and variance, which then say everything. Neither photons nor linearity are assumed: the mean of every level is
    fitted. The noise is taken as independent from pixel to pixel.
    """
    bright, dark = pair_statistics(series.bright_frames), pair_statistics(series.dark_frames)
    levels, first = make_levels(series, start=start, bright=bright, dark=dark)
    exact = sum(isinstance(level, PairHistogram) for level in levels)
    free = np.ones(first.size, np.bool_)
    free[RATE] = len({level.time for level in levels if level.dark}) > 1
    free[[DSNU, PRNU]] = exact > 0
    score = make_score(levels, first)
    best = maximise(score, first, free=free, lowest=_lowest(first))
    pixels = series.bright_frames[0, 0].size
    # Row noise makes means less certain than the pixels' noise; dark frames that never change say nothing of it.
    alone = np.sqrt(np.maximum(dark.variance, 0.5 / pixels) / (2 * pixels))
    lines = float(np.median(dark.mean_uncertainty / alone))
    scales = (_excess(levels, best.parameters), start.dark.excess * max(lines, 1.0))
    hidden = 0.0 if free[RATE] else _hidden_growth(series, start, float(first[RATE]))
    return _result(score, best, free, exact_levels=exact, scales=scales, hidden=hidden)


def make_score(levels: Sequence[Level], guess: Vector) -> Score:
    """Return the likelihood of all levels together.

    Parameters
    ----------
    levels : sequence of PairHistogram or PairMoments
        The levels.
    guess : ndarray, shape (parameter,)
        First guess, around which DSNU and PRNU have a weak prior.

    Returns
    -------
    callable
        Takes parameters; returns log-likelihood, gradient and expected information.
    """

    def score(parameters: Vector) -> tuple[float, Vector, NDArray[np.float64]]:
        value, size = 0.0, parameters.size
        gradient, information = np.zeros(size), np.zeros((size, size))
        for level in levels:
            part, slope, own, index = level.terms(parameters)
            value += part
            gradient[index] += slope
            information[np.ix_(index, index)] += own
        for logarithm in (DSNU, PRNU):
            away = float(parameters[logarithm] - guess[logarithm])
            value -= away**2 / (2 * PRIOR_WIDTH**2)
            gradient[logarithm] -= away / PRIOR_WIDTH**2
            information[logarithm, logarithm] += 1 / PRIOR_WIDTH**2
        return value, gradient, information

    return score


def _lowest(parameters: Vector) -> Vector:
    """Return the values below which parameters may not go."""
    lowest = np.full(parameters.shape, -np.inf)
    lowest[[BLACK, GAIN, NOISE]] = parameters[BLACK] - 2, parameters[GAIN] - 2, math.log(NARROWEST)
    return lowest


def _excess(levels: Sequence[Level], parameters: Vector) -> float:
    """Return by how much variances scatter about their line beyond their noise."""
    normal = [level for level in levels if isinstance(level, PairMoments)]
    deviations = [level.deviation(parameters) for level in normal]
    return excess_scatter(np.array(deviations), parameters=2)


def _hidden_growth(series: LightSeries, start: PhotonTransfer, rate: float) -> float:
    """Return by how much, in DN, the dark signal may have grown beyond the fixed ``rate`` in the mean exposure time."""
    slope = start.dark.mean_slope
    if slope is None or series.exposure_times is None:
        return 0.0
    return float(np.mean(np.asarray(series.exposure_times))) * math.hypot(slope.value - rate, slope.uncertainty)


def _result(
    score: Score,
    best: Maximum,
    free: NDArray[np.bool_],
    *,
    exact_levels: int,
    scales: tuple[float, float],
    hidden: float,
) -> QuantiserFit:
    """Return estimates and intervals.

    They are wider by ``scales`` (of variances, of dark means) where the model falls short, and by ``hidden`` growth.
    """
    at = best.parameters
    lowest = _lowest(at)
    largest = {GAIN: at[GAIN] + 2, NOISE: max(at[NOISE] + 3, 0.0), BLACK: at[BLACK] + 2}
    found = {
        index: _widened(
            profile_interval(score, best, index, free=free, lowest=lowest, largest=largest[index]), at[index], scale
        )
        for index, scale in ((GAIN, scales[0]), (NOISE, scales[0]), (BLACK, scales[1]))
    }
    low, high = (math.hypot(end - at[BLACK], hidden) for end in found[BLACK])
    found[BLACK] = (float(at[BLACK]) - low, float(at[BLACK]) + high)
    gain = _measured(math.exp(at[GAIN]), tuple(math.exp(end) for end in found[GAIN]))
    open_end = found[NOISE][0] <= math.log(NARROWEST) + 0.01
    low = 0.0 if open_end else math.exp(found[NOISE][0])
    noise = _measured(math.exp(at[NOISE]), (low, math.exp(found[NOISE][1])), upper=open_end)
    black = _measured(at[BLACK], found[BLACK])
    flags = []
    if open_end:
        flags.append(f"the likelihood does not exclude a dark noise of zero: it is below {noise.value:.2g} DN (68 %)")
    if black.uncertainty > 0.05:
        flags.append(f"the rounding leaves the black level open by {black.uncertainty:.2g} DN")
    if scales[0] > 1:
        flags.append(
            f"variances scatter {scales[0]:.2g} times more about their line than noise does: the intervals of the "
            "likelihood are wider by this"
        )
    rate = _fitted(best, free, RATE)
    electrons = propagate(lambda s, K: s / K, noise, gain)
    return QuantiserFit(
        gain=gain,
        dark_noise=Measured(value=electrons.value, uncertainty=electrons.uncertainty, bound=noise.bound),
        dark_noise_counts=noise,
        black_level=black,
        dark_current=propagate(lambda slope, K: slope / K, rate, gain) if rate else None,
        dsnu=_offsets(_fitted(best, free, DSNU), gain),
        intervals={
            "gain": (math.exp(found[GAIN][0]), math.exp(found[GAIN][1])),
            "dark_noise_counts": (low, math.exp(found[NOISE][1])),
            "black_level": found[BLACK],
        },
        exact_levels=exact_levels,
        flags=tuple(flags),
    )


def _fitted(best: Maximum, free: NDArray[np.bool_], index: int) -> Measured | None:
    """Return a parameter with the uncertainty that the information gives, None where it was not fitted."""
    if not free[index]:
        return None
    covariance = np.linalg.pinv(best.information[np.ix_(free, free)], hermitian=True)
    place = int(np.sum(free[:index]))
    return Measured(value=float(best.parameters[index]), uncertainty=math.sqrt(max(covariance[place, place], 0.0)))


def _offsets(logarithm: Measured | None, gain: Measured) -> Measured | None:
    """Return the rms of the offsets in electrons; a bound where it is lost in its uncertainty."""
    if logarithm is None:
        return None
    if logarithm.uncertainty > 0.4:
        most = math.exp(logarithm.value + min(2 * logarithm.uncertainty, 4.0))
        return Measured(value=most / gain.value, uncertainty=0.0, bound="upper")
    return propagate(lambda d, K: math.exp(d) / K, logarithm, gain)


def _widened(interval: tuple[float, float], centre: float, scale: float) -> tuple[float, float]:
    """Return an interval stretched about the estimate."""
    return centre - scale * (centre - interval[0]), centre + scale * (interval[1] - centre)


def _measured(value: float, interval: tuple[float, ...], *, upper: bool = False) -> Measured:
    """Return an estimate with half its interval; a bound at its upper end where the lower one is open."""
    if upper:
        return Measured(value=float(interval[1]), uncertainty=0.0, bound="upper")
    return Measured(value=float(value), uncertainty=float(interval[1] - interval[0]) / 2)
