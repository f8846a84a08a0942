"""Fields of largest likelihood: squared-range least squares, then scoring steps with the camera's own noise."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.lateration.count_law import ROUNDING, CountLaw
from calibration.lateration.cramer_rao import cramer_rao
from calibration.lateration.squared_range import check_shapes, squared_range
from calibration.light import FieldEstimate

Real = NDArray[np.float64]
Field = NDArray[np.complex128]

SLAB_BYTES = 64 * 2**20
"""Memory for the distances of the pixels that are worked on together."""

STEPS = 20
"""Scoring steps at most; points whose step is below 1e-9 of their error stay where they are."""


def fit_fields(counts: ArrayLike, anchors: ArrayLike, law: CountLaw) -> FieldEstimate:
    """Find the fields of largest likelihood, given counts at known anchors.

    .. math:: \\max_y \\sum_k -\\frac{(c_k - m_k)^2}{2 v_k} - \\tfrac12 \\log v_k, \\qquad
              m_k = m_0 + s |y - a_k|^2, \\quad v_k = \\sigma_0^2 + K s |y - a_k|^2 + \\tfrac{1}{12}

    Parameters
    ----------
    counts : array_like of int, shape (signal, anchor, output)
        Counts of each signal interfered with each anchor, in DN.
    anchors : array_like of complex, shape (anchor, output)
        Anchors of each pixel; zero is one of them where the signal alone was counted.
    law : CountLaw
        The law of the counts.

    Returns
    -------
    FieldEstimate
        Fields of shape (signal, output); standard errors are the Cramer-Rao bound at the estimate, which the scatter
        has far from mirror images. Not valid where fewer than three counts are below saturation, or anchors and field
        lie on a line.

    Raises
    ------
    ValueError
        If shapes do not fit or there are fewer than three anchors.

    Notes
    -----
    The start is the squared-range fit, a global minimum, weighted with the variances that the counts tell. Each step
    is Fisher's scoring, damped where it would lower the likelihood. Saturated counts are left out; `posterior_mean`
    uses that they were large. Signals and pixels are taken in slabs of 64 MiB.
    """
    numbers, places = np.asarray(counts), np.asarray(anchors, np.complex128)
    check_shapes(numbers, places)
    shape = (len(numbers), places.shape[1])
    value, error, valid = np.empty(shape, np.complex128), np.empty(shape), np.empty(shape, np.bool_)
    step = max(1, SLAB_BYTES // (8 * 16 * max(1, numbers.shape[0]) * numbers.shape[1]))
    for first in range(0, shape[1], step):
        slab = slice(first, first + step)
        local, near = numbers[..., slab], places[:, slab]
        used = local < law.top
        weights = np.where(used, 1 / law.light_variance(local), 1e-12 / law.light_variance(np.asarray(law.top)))
        start = squared_range(law.light(local), near, weights=weights)
        value[:, slab] = climb(local, near, law, start=start)
        error[:, slab] = cramer_rao(value[:, slab], near, law)
        valid[:, slab] = (used.sum(axis=1) >= 3) & np.isfinite(error[:, slab])
    return FieldEstimate(value, error, valid)


def climb(counts: NDArray[np.integer], anchors: Field, law: CountLaw, *, start: Field) -> Field:
    """Take scoring steps up the likelihood until nothing moves.

    Parameters
    ----------
    counts : ndarray of int, shape (signal, anchor, output)
        Counts, in DN.
    anchors : ndarray of complex128, shape (anchor, output)
        Anchors.
    law : CountLaw
        The law of the counts.
    start : ndarray of complex128, shape (signal, output)
        Where to begin.

    Returns
    -------
    ndarray of complex128, shape (signal, output)
        Fields at a maximum, the one whose slope the start lies on.
    """
    used = counts < law.top
    field, damping = start.copy(), np.full(start.shape, 1e-3)
    longest = np.max(np.abs(field[:, None] - anchors), axis=1) + np.finfo(np.float64).tiny
    best, pull, spread, skew = _score(field, counts, anchors, law, used)
    for _ in range(STEPS):
        stiff = spread * (1 + damping)
        determinant = np.maximum(stiff**2 - np.abs(skew) ** 2, 1e-12 * stiff**2 + np.finfo(np.float64).tiny)
        move = 2 * (stiff * pull - skew * pull.conj()) / determinant
        move *= longest / np.maximum(np.abs(move), longest)
        if not (np.abs(move) ** 2 * spread > 1e-18).any():
            break
        there = _score(field + move, counts, anchors, law, used)
        better = there[0] >= best
        field = np.where(better, field + move, field)
        damping = np.where(better, damping / 10, damping * 10)
        best, pull, spread, skew = (
            np.where(better, new, old) for new, old in zip(there, (best, pull, spread, skew), strict=True)
        )
    return field


def log_likelihood(field: Field, counts: NDArray[np.integer], anchors: Field, law: CountLaw) -> Real:
    """Return the logarithm of the likelihood of fields, up to a constant.

    Parameters
    ----------
    field : ndarray of complex128, shape (signal, output)
        Fields.
    counts : ndarray of int, shape (signal, anchor, output)
        Counts, in DN; saturated ones are left out.
    anchors : ndarray of complex128, shape (anchor, output)
        Anchors.
    law : CountLaw
        The law of the counts; rounding is taken as normal noise.

    Returns
    -------
    ndarray, shape (signal, output)
        Logarithms.
    """
    return _score(field, counts, anchors, law, counts < law.top)[0]


def _score(
    field: Field, counts: NDArray[np.integer], anchors: Field, law: CountLaw, used: NDArray[np.bool_]
) -> tuple[Real, Field, Real, Field]:
    """Return the log likelihood, its slope as a complex number, and the information S and P on the field."""
    apart = field[:, None] - anchors
    light = np.abs(apart) ** 2
    rest = counts - law.signal(light)
    weight = np.where(used, 1 / (law.noise_variance(light) + ROUNDING), 0.0)
    scaled = rest * weight
    likelihood = np.sum(np.where(used, np.log(np.where(used, weight, 1.0)), 0.0) - rest * scaled, axis=1) / 2
    gradient = 2 * law.slope * apart
    pull = np.sum((scaled + law.gain / 2 * (scaled**2 - weight)) * gradient, axis=1)
    inform = weight + law.gain**2 / 2 * weight**2
    return likelihood, pull, np.sum(inform * np.abs(gradient) ** 2, axis=1), np.sum(inform * gradient**2, axis=1)
