"""The likelihood of dark counts: normal signals that are rounded and clipped, of pixels whose offsets are normal.

.. math:: L_i = \\int N(m; b, s^2) \\prod_{j, f} P(c_{ijf} \\mid m + r t_j, \\sigma_j) \\, dm, \\qquad
          \\sigma_j^2 = \\sigma_0^2 + K r t_j
"""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import eval_hermitenorm, log_ndtr, ndtr

from calibration.identification.observations import Frames

Array = NDArray[np.float64]

BLACK, SPREAD, NOISE, RATE = range(4)
"""Parameters: black level (DN), logs of spread and noise (log DN), growth of the dark signal (DN over all time)."""

COARSE = 0.5
"""Variance in DN^2, rounding included, from which on rounding is a noise of 1/12 DN^2 to 1e-3 of the variance."""

REACH = 6.0
"""Standard deviations to which normal laws are followed."""

ORDERS = 6
"""Derivatives of the mean count that are kept, for the covariance of pixels that share a noise."""

PART = 4096
"""Pixels that are worked on at a time."""

FINENESS = 0.9
"""Spacing of nodes over the standard deviation to which frames tell a pixel's offset."""

GROWING = 0.12
"""Growth of the spacing of nodes with the distance from where they are to be close."""

HELPERS = 4001
"""Places at which the spacing of nodes is found."""


@dataclass(frozen=True, eq=False)
class DarkCounts:
    """How often each pixel showed each count, for each exposure time.

    Parameters
    ----------
    times : ndarray, shape (set,)
        Exposure times over the longest one.
    table : ndarray, shape (pixel, set, count)
        Frames that showed the count ``base + lowest + index``.
    base : ndarray of int, shape (pixel,)
        Median count of each pixel, in DN.
    lowest : int
        First count of the table, from the base.
    place : ndarray of int, shape (pixel, 2)
        Row and column of each pixel.
    """

    times: Array
    table: Array
    base: NDArray[np.intp]
    lowest: int
    place: NDArray[np.intp]

    @functools.cached_property
    def kinds(self) -> dict[int, list[tuple[int, NDArray[np.intp], Array, NDArray[np.intp]]]]:
        """Return, by the first pixel of a part, base, pixels in the part, distinct tables, and which of them each has.

        Many pixels show the same: where rounding holds them still, most do.
        """
        parts: dict[int, list[tuple[int, NDArray[np.intp], Array, NDArray[np.intp]]]] = {}
        for low in range(0, len(self.base), PART):
            base, table = self.base[low : low + PART], self.table[low : low + PART]
            parts[low] = []
            for level in np.unique(base).tolist():
                own = np.flatnonzero(base == level)
                shown, same = np.unique(table[own].reshape(own.size, -1), axis=0, return_inverse=True)
                parts[low].append((level, own, shown, same))
        return parts


def dark_counts(dark: tuple[Frames, ...], *, pixels: NDArray[np.bool_]) -> DarkCounts:
    """Return the counts of dark frames, sorted by pixel.

    Parameters
    ----------
    dark : tuple of Frames
        Dark frames, ascending in exposure time.
    pixels : ndarray of bool, shape (y, x)
        Pixels to use: those that are not hot.

    Returns
    -------
    DarkCounts
        A table of one byte or two a pixel, set and count: a few ten million numbers at most.
    """
    frames = np.concatenate([part.counts for part in dark])[:, pixels].astype(np.int64)
    base = np.floor(np.median(frames, axis=0)).astype(np.int64)
    frames -= base
    lowest, highest = int(frames.min()), int(frames.max())
    width, number = highest - lowest + 1, frames.shape[1]
    table = np.empty((number, len(dark), width))
    start, index = 0, np.arange(number) * width - lowest
    for place, part in enumerate(dark):
        stop = start + len(part.counts)
        flat = np.bincount((frames[start:stop] + index).ravel(), minlength=number * width)
        table[:, place], start = flat.reshape(number, width), stop
    times = np.array([part.exposure_time for part in dark])
    return DarkCounts(times / times[-1], table, base.astype(np.intp), lowest, np.argwhere(pixels))


def without(counts: DarkCounts, pixels: NDArray[np.bool_]) -> DarkCounts:
    """Return the counts of all pixels but some.

    Parameters
    ----------
    counts : DarkCounts
        The counts.
    pixels : ndarray of bool, shape (pixel,)
        Those to leave out.

    Returns
    -------
    DarkCounts
        The others.
    """
    return DarkCounts(counts.times, counts.table[~pixels], counts.base[~pixels], counts.lowest, counts.place[~pixels])


def pixel_terms(counts: DarkCounts, at: Array, *, gain: float, moments: bool = False) -> tuple[Array, Array, Array]:
    """Return each pixel's log-likelihood, and if asked for what is expected of its offset.

    Parameters
    ----------
    counts : DarkCounts
        The counts.
    at : ndarray, shape (4,)
        Black level (DN), logs of the spread of the offsets and of the noise (log DN), growth in the longest time (DN).
    gain : float
        System gain, in DN per electron, for the shot noise of the dark current.
    moments : bool, optional
        Whether offsets and derivatives are wanted.

    Returns
    -------
    tuple of ndarray
        Log-likelihood, shape (pixel,); expected offset in DN, shape (pixel,); expected derivatives of the mean count
        with the signal, shape (set, 6, pixel), or (0, 6, pixel).

    Notes
    -----
    Rounding is followed exactly where the noise is below 0.7 DN, and is a noise of 1/12 DN^2 above; clipping at zero is
    followed in both. Where rounding is followed so is the skewness of the dark charge, which comes in whole electrons
    (Edgeworth's first term): the tail that crosses a step is all that shows. Work is cut into 4096 pixels at a time.
    """
    noise = np.sqrt(np.maximum(np.exp(2 * at[NOISE]) + gain * at[RATE] * counts.times, 0.5 * np.exp(2 * at[NOISE])))
    coarse = np.exp(2 * at[NOISE]) > COARSE
    skewness = gain**2 * np.maximum(at[RATE], 0.0) * counts.times / noise**3
    number = len(counts.base)
    result = np.empty(number), np.empty(number), np.empty((len(noise) if moments else 0, ORDERS, number))
    for low in range(0, number, PART):
        part = slice(low, low + PART)
        found = (
            _coarse_terms(counts, part, at, noise, moments)
            if coarse
            else _fine_terms(counts, part, at, noise, moments, skewness=skewness)
        )
        for out, value in zip(result, found, strict=True):
            out[..., part] = value
    return result


def _fine_terms(
    counts: DarkCounts, part: slice, at: Array, noise: Array, moments: bool, *, skewness: Array
) -> tuple[Array, Array, Array]:
    """Terms by the exact converter: nodes of the offset close together at the steps and where offsets are."""
    table, base = counts.table[part], counts.base[part]
    result = np.empty(len(base)), np.zeros(len(base)), np.zeros((len(noise) if moments else 0, ORDERS, len(base)))
    spread, growth = np.exp(at[SPREAD]), at[RATE] * counts.times
    relative, frames = counts.lowest + np.arange(table.shape[2]), float(table[0].sum())
    for level, own, shown, same in counts.kinds[part.start]:
        nodes = _nodes(at[BLACK] - level, spread, noise, growth, frames=frames)
        cut = relative[:, np.newaxis] - 0.5 - nodes
        lower = (cut - growth[:, np.newaxis, np.newaxis]) / noise[:, np.newaxis, np.newaxis]
        upper = lower + 1 / noise[:, np.newaxis, np.newaxis]
        lower[:, relative + level <= 0] = -np.inf
        chance = np.where(lower > 0, ndtr(-lower) - ndtr(-upper), ndtr(upper) - ndtr(lower))
        chance += _skewed(upper, skewness) - _skewed(lower, skewness)
        flat = np.log(np.maximum(chance, 1e-30)).reshape(-1, len(nodes))
        log = shown @ flat
        width = np.gradient(nodes)
        log += np.log(width) - (nodes - at[BLACK] + level) ** 2 / (2 * spread**2) - np.log(spread * np.sqrt(2 * np.pi))
        top = log.max(axis=1, keepdims=True)
        weight = np.exp(log - top)
        total = weight.sum(axis=1)
        result[0][own] = (top[:, 0] + np.log(total))[same]
        if moments:
            result[1][own] = (weight @ nodes / total)[same] + level
            away = np.where(np.isfinite(lower), lower, 99.0)
            steps = np.exp(-(away**2) / 2) / np.sqrt(2 * np.pi)
            sigma = noise[:, np.newaxis]
            for order in range(ORDERS):
                bend = (eval_hermitenorm(order, away) * steps).sum(axis=1) / sigma ** (order + 1)
                result[2][:, order, own] = (weight @ bend.T / total[:, np.newaxis])[same].T
    return result


def _skewed(place: Array, skewness: Array) -> Array:
    """Return what the skewness of few electrons adds to the normal law, at places of shape (set, count, node)."""
    inside = np.clip(place, -12, 12)
    bell = np.exp(-(inside**2) / 2) / np.sqrt(2 * np.pi)
    return np.asarray(bell * (1 - inside**2) * (skewness / 6)[:, np.newaxis, np.newaxis])


def _nodes(black: float, spread: float, noise: Array, growth: Array, *, frames: float) -> Array:
    """Return nodes of the offset from a pixel's median count.

    Within four deviations of a step the offset of a pixel is known to a deviation over the root of its frames.
    """
    span = min(growth[-1], 0.0), max(growth[-1], 0.0)
    wide = 1.5 * noise.max()
    places = np.linspace(-0.6 - wide - span[1], 0.6 + wide - span[0], HELPERS)
    near = places - np.round(places + 0.5) + 0.5  # from the nearest step
    outside = np.maximum(np.maximum(near - 4 * noise.max() + span[0], -near - 4 * noise.max() - span[1]), 0.0)
    spacing = FINENESS * noise[0] / np.sqrt(frames) + GROWING * outside
    away = np.maximum(np.abs(places - black) - REACH * spread, 0.0)
    spacing = np.minimum(spacing, np.minimum(spread / 4 + GROWING * away, np.ptp(places) / 25))
    # Nodes at whole numbers of the density's integral: where the spacing changes slowly, sums are exact to high order.
    number = np.concatenate([[0.0], np.cumsum((1 / spacing[1:] + 1 / spacing[:-1]) / 2 * np.diff(places))])
    return np.asarray(np.interp(np.arange(int(number[-1]) + 1), number, places))


def _coarse_terms(
    counts: DarkCounts, part: slice, at: Array, noise: Array, moments: bool
) -> tuple[Array, Array, Array]:
    """Terms where rounding is a noise of its own; counts at zero are clipped."""
    table = counts.table[part]
    absolute = counts.base[part, np.newaxis] + counts.lowest + np.arange(table.shape[2])
    positive = np.where(absolute[:, np.newaxis] > 0, table, 0.0)
    zeros = np.where(absolute[:, np.newaxis] == 0, table, 0.0).sum(axis=2)
    number = positive.sum(axis=2)
    first = np.einsum("psc,pc->ps", positive, absolute)
    second = np.einsum("psc,pc->ps", positive, absolute.astype(np.float64) ** 2)
    growth, spread = at[RATE] * counts.times, np.exp(at[SPREAD])
    variance = noise**2 + 1 / 12
    weight = number @ (1 / variance) + 1 / spread**2
    pull = (first - number * growth) @ (1 / variance) + at[BLACK] / spread**2
    square = (second - 2 * first * growth + number * growth**2) @ (1 / variance) + at[BLACK] ** 2 / spread**2
    constant = -number @ np.log(noise**2 + 1 / 12) / 2 - np.log(spread) - number.sum(axis=1) * np.log(2 * np.pi) / 2
    centre = pull / weight
    value = constant - np.log(weight) / 2 - (square - pull * centre) / 2
    slopes = np.zeros((len(noise) if moments else 0, ORDERS, len(centre)))
    slopes[:, 0] = 1.0
    clipped = np.flatnonzero(zeros.sum(axis=1) > 0)
    if clipped.size:
        nodes = centre[clipped, np.newaxis] + np.linspace(-12, 6, 73) * np.sqrt(1 / weight[clipped])[:, np.newaxis]
        hidden = np.zeros_like(nodes)
        for index, (shift, sigma) in enumerate(zip(growth, noise, strict=True)):
            share = zeros[clipped, index, np.newaxis]
            hidden += share * log_ndtr((0.5 - nodes - shift) / sigma)
        log = hidden - weight[clipped, np.newaxis] * (nodes - centre[clipped, np.newaxis]) ** 2 / 2
        top = log.max(axis=1, keepdims=True)
        dense = np.exp(log - top)
        spacing = nodes[:, 1] - nodes[:, 0]
        value[clipped] += top[:, 0] + np.log(dense.sum(axis=1) * spacing) + np.log(weight[clipped] / (2 * np.pi)) / 2
        if moments:
            share = dense / dense.sum(axis=1, keepdims=True)
            centre[clipped] = np.sum(share * nodes, axis=1)
            for index, (shift, sigma) in enumerate(zip(growth, noise, strict=True)):
                away = (nodes + shift) / sigma  # steps at 0.5, 1.5, ... are the middles of what begins at zero
                bell = np.exp(-(away**2) / 2) / np.sqrt(2 * np.pi)
                slopes[index, 0, clipped] = np.sum(share * ndtr(away), axis=1)
                slopes[index, 1, clipped] = np.sum(share * bell, axis=1) / sigma
                slopes[index, 2, clipped] = -np.sum(share * bell * away, axis=1) / sigma**2
    return value, centre, slopes
