"""Mean fields over all that the counts allow: rounding intervals as they are, noise where there is some."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.lateration.count_law import ROUNDING, CountLaw
from calibration.lateration.cramer_rao import information
from calibration.lateration.likelihood_fit import climb, fit_fields, log_likelihood
from calibration.light import FieldEstimate
from optics.validation import check_count

Real = NDArray[np.float64]
Field = NDArray[np.complex128]
Counted = NDArray[np.integer]

SLAB_BYTES = 32 * 2**20
"""Memory for the likelihoods of the points that are worked on together."""

REACH = 3.2
"""Half width of a grid, in standard deviations of the last one: a triangle's corner is 2.83 of them away."""

FIRST_BLUR = 0.3
"""Softness of the rounding intervals on the first grid, in DN: the fit is as good as rounding of that deviation."""

CLEAREST = 0.004
"""Softness of the last blurred grid, in DN: the width that some thirty intervals leave between them."""


@dataclass(frozen=True, eq=False)
class _Moments:
    """What a grid says of each point: log of the integral, mean, and second moments about it."""

    evidence: Real
    mean: Field
    spread: Real
    skew: Field
    found: NDArray[np.bool_]

    def part(self, points: NDArray[np.intp]) -> "_Moments":
        """Return the moments of some of the points."""
        return _Moments(
            self.evidence[points], self.mean[points], self.spread[points], self.skew[points], self.found[points]
        )


def posterior_mean(counts: ArrayLike, anchors: ArrayLike, law: CountLaw, *, grid: int = 16) -> FieldEstimate:
    """Average fields over all that the counts at known anchors allow.

    .. math:: \\hat y = \\frac{\\int y \\prod_k P(c_k \\mid |y - a_k|^2) \\, d^2 y}
                            {\\int \\prod_k P(c_k \\mid |y - a_k|^2) \\, d^2 y}

    Every count says which interval the signal fell into before it was rounded. Without noise a field lies in the
    common part of as many rings, a small polygon, whose centre is the estimate.

    Parameters
    ----------
    counts : array_like of int, shape (signal, anchor, output)
        Counts of each signal interfered with each anchor, in DN.
    anchors : array_like of complex, shape (anchor, output)
        Anchors of each pixel; zero is one of them where the signal alone was counted.
    law : CountLaw
        The law of the counts.
    grid : int, optional
        Points along each side of the grid that integrates.

    Returns
    -------
    FieldEstimate
        Fields of shape (signal, output) with the deviation of the posterior. Where two mirror images are possible the
        field is the mean of the likelier one and the standard error counts the other. Not valid where no field fits
        the counts.

    Raises
    ------
    ValueError
        If shapes do not fit, there are fewer than three anchors, or the grid has fewer than eight points a side.

    Notes
    -----
    Nothing is drawn: a grid lies over each point along the axes of what the previous grid found, from intervals
    blurred by 0.3 DN to sharp ones. With rounding alone the error falls faster than the root of the number of anchors.
    With noise above half a DN it is that of `fit_fields`, at some hundred times its cost. Fields are equally likely
    beforehand. Points are taken in slabs of 32 MiB.
    """
    check_count("grid", grid, at_least=8, at_most=256)
    numbers, places = np.asarray(counts), np.asarray(anchors, np.complex128)
    start = np.asarray(fit_fields(numbers, places, law).value, np.complex128)
    value = np.empty_like(start)
    error, valid = np.empty(value.shape), np.empty(value.shape, np.bool_)
    outputs = value.shape[1]
    step = max(1, SLAB_BYTES // (8 * 6 * len(places) * grid**2))
    for first in range(0, value.size, step):
        flat = np.arange(first, min(first + step, value.size))
        signal, output = np.divmod(flat, outputs)
        local = numbers[signal, :, output], places[:, output].T
        likely = _zoom(*local, law, start[signal, output], grid=grid)
        value[signal, output], error[signal, output] = likely.mean, np.sqrt(likely.spread)
        valid[signal, output] = likely.found
        mirror, twice = _mirror_image(*local, law, start[signal, output])
        if twice.size:
            signal, output = signal[twice], output[twice]
            other = _zoom(local[0][twice], local[1][twice], law, mirror[twice], grid=grid)
            value[signal, output], error[signal, output] = _join(likely.part(twice), other)
            valid[signal, output] |= other.found
    return FieldEstimate(value, error, valid)


def _mirror_image(counts: Counted, anchors: Field, law: CountLaw, field: Field) -> tuple[Field, NDArray[np.intp]]:
    """Return the maximum of the likelihood beyond the line that the anchors lie along, and which points may lie there.

    Rounding alone allows residuals of up to half a DN, which cost 3 / 2 each where it is taken for normal.
    """
    numbers, places = counts.T[None], anchors.T  # each point is an output of its own
    centre = places.mean(axis=0)
    axis = np.exp(0.5j * np.angle(np.sum((places - centre) ** 2, axis=0)))
    beyond = centre + axis**2 * (field - centre).conj()
    mirror = climb(numbers, places, law, start=beyond[None])
    here, there = (log_likelihood(place, numbers, places, law)[0] for place in (field[None], mirror))
    return mirror[0], np.flatnonzero(there > here - 1.5 * len(places) - 12)


def _zoom(counts: Counted, anchors: Field, law: CountLaw, start: Field, *, grid: int) -> _Moments:
    """Return the moments of what the counts allow around a start, grid by grid; points come first, anchors second."""
    # Each point is an output of its own to `information`; rounding is normal noise of 1/12 DN^2 there.
    spread, skew = information(start[None], anchors.T, law)
    wide = np.maximum(spread[0] - np.abs(skew[0]), 2 * law.slope**2 / ROUNDING * 1e-4 * np.abs(start) ** 2 + 1e-300)
    along, across = np.sqrt(2 / (spread[0] + np.abs(skew[0]))), np.sqrt(2 / wide)
    axis = np.exp(0.5j * np.angle(skew[0]))
    blurs = [FIRST_BLUR]
    while blurs[-1] > max(CLEAREST, np.sqrt(law.dark_variance) / 2):
        blurs.append(blurs[-1] / 2)
    last = _integrate(counts, anchors, law, (start, axis, along, across), blur=blurs[0], grid=grid)
    for blur in [*blurs[1:], 0.0, 0.0]:
        frame = _frame(last, along, across, grid)
        new = _integrate(counts, anchors, law, frame, blur=blur, grid=grid)
        along, across = frame[2:]
        mean = np.where(new.found, new.mean, last.mean)
        spread_of, skew_of = np.where(new.found, new.spread, last.spread), np.where(new.found, new.skew, last.skew)
        last = _Moments(np.where(new.found, new.evidence, -np.inf), mean, spread_of, skew_of, new.found)
    return last


def _frame(last: _Moments, along: Real, across: Real, grid: int) -> tuple[Field, Field, Real, Real]:
    """Return centre, axis and deviations of the next grid; none is finer than half a step of the last one."""
    size = np.abs(last.skew)
    least = REACH / grid * np.minimum(along, across)
    wide, narrow = np.sqrt((last.spread + size) / 2), np.sqrt(np.maximum(last.spread - size, 0) / 2)
    return last.mean, np.exp(0.5j * np.angle(last.skew)), np.maximum(wide, least), np.maximum(narrow, least)


def _integrate(
    counts: Counted, anchors: Field, law: CountLaw, frame: tuple[Field, Field, Real, Real], *, blur: float, grid: int
) -> _Moments:
    """Return the moments of the likelihood on one grid."""
    centre, axis, along, across = frame
    ticks = REACH * ((np.arange(grid) + 0.5) / grid * 2 - 1)
    first, second = (part.ravel() for part in np.meshgrid(ticks, ticks, indexing="ij"))
    offset = axis[:, None] * (along[:, None] * first + 1j * across[:, None] * second)
    heights = np.zeros(offset.shape)
    for k in range(counts.shape[1]):
        near = (centre - anchors[:, k])[:, None] + offset
        light = near.real**2 + near.imag**2
        heights += _log_weight(counts[:, k, None], light, law, blur=blur)
    top = heights.max(axis=1)
    found = np.isfinite(top)
    weights = np.exp(heights - np.where(found, top, 0.0)[:, None])
    total = np.where(found, weights.sum(axis=1), 1.0)
    shift = np.sum(weights * offset, axis=1) / total
    about = offset - shift[:, None]
    evidence = np.where(found, top, -np.inf) + np.log(total * along * across)
    spread, skew = np.sum(weights * np.abs(about) ** 2, axis=1), np.sum(weights * about**2, axis=1)
    return _Moments(evidence, centre + shift, spread / total, skew / total, found)


def _log_weight(counts: Counted, light: Real, law: CountLaw, *, blur: float) -> Real:
    """Return the log likelihood of counts; with a blur that of intervals whose edges are soft and normal."""
    if not blur:
        return law.log_likelihood(counts, light)
    outside = law.signal(light) - counts
    np.abs(np.where(counts >= law.top, np.minimum(outside, 0), outside), out=outside)
    np.maximum(outside - 0.5, 0, out=outside)
    variance = law.noise_variance(light) + blur**2
    return np.asarray(-(outside**2) / (2 * variance))


def _join(likely: _Moments, other: _Moments) -> tuple[Field, Real]:
    """Return the mean of the likelier of two regions, and the deviation about it that both leave."""
    swap = other.evidence > likely.evidence
    best, rest = np.where(swap, other.mean, likely.mean), np.where(swap, likely.mean, other.mean)
    own, spare = np.where(swap, other.spread, likely.spread), np.where(swap, likely.spread, other.spread)
    apart = np.abs(best - rest) ** 2
    gap = np.where(likely.found & other.found, -np.abs(likely.evidence - np.where(other.found, other.evidence, 0)), -99)
    # Both starts in one region: the same integral twice.
    share = np.where(apart > 4 * (own + spare), np.exp(gap) / (1 + np.exp(gap)), 0.0)
    return best, np.sqrt((1 - share) * own + share * (spare + apart))
