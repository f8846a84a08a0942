"""Squared-range least squares: the global minimum of a quartic in the plane, by one scalar equation a point."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Real = NDArray[np.float64]
Field = NDArray[np.complex128]

NEWTON_STEPS = 40
"""Newton steps on the scalar equation: convex and from below the root, it needs about ten."""


@dataclass(frozen=True, eq=False)
class _Quartic:
    """The cost of a point over its weights, about the mean anchor and along the axes of the anchors' cloud.

    cost = r^4 + 2 g r^2 + 4 (l_1 x^2 + l_2 z^2) - 4 (b_1 x + b_2 z) + const, with r^2 = x^2 + z^2 and l_1 >= l_2.
    """

    height: Real
    wide: Real
    narrow: Real
    along: Real
    across: Real
    axis: Field
    centre: Field


def squared_range(squared_distances: ArrayLike, anchors: ArrayLike, *, weights: ArrayLike | None = None) -> Field:
    """Find the fields whose squared distances to anchors fit best, global minimum included.

    .. math:: \\min_y \\sum_k w_k (|y - a_k|^2 - d_k)^2

    About the weighted mean anchor, and along the axes of the cloud of anchors, whose variances are l_1 and l_2, it is

    .. math:: y_i = \\frac{b_i}{t + 2 l_i}, \\qquad t - g = \\sum_i \\frac{b_i^2}{(t + 2 l_i)^2}, \\qquad t > -2 l_2

    with g the mean of |a_k|^2 - d_k and b that of (|a_k|^2 - d_k) a_k. The right side falls and the left side grows:
    there is one root, and it belongs to the global minimum.

    Parameters
    ----------
    squared_distances : array_like, shape (signal, anchor, output)
        Measured squared distances d.
    anchors : array_like of complex, shape (anchor, output)
        Anchors a of each pixel; the origin is one of them where |y|^2 was measured.
    weights : array_like or None, optional
        Positive weights w of a shape that broadcasts to that of the distances, up to a factor: the inverse of their
        variance. None weighs all alike.

    Returns
    -------
    ndarray of complex128, shape (signal, output)
        Fields.

    Raises
    ------
    ValueError
        If shapes do not fit, there are fewer than three anchors, or a weight is not positive.

    Notes
    -----
    Three anchors that are nearly collinear leave a mirror image that noise may choose. Where the mirror images fit
    equally well, one of them comes out.

    References
    ----------
    .. [1] A. Beck, P. Stoica and J. Li, "Exact and approximate solutions of source localization problems", IEEE
       Trans. Signal Process. 56, 1770 (2008), sec. II. doi:10.1109/TSP.2007.909342
    """
    distances, places = np.asarray(squared_distances, np.float64), np.asarray(anchors, np.complex128)
    check_shapes(distances, places)
    share = np.ones((1, *places.shape)) if weights is None else np.asarray(weights, np.float64)
    if not (share > 0).all():
        raise ValueError(f"weights must be positive, got {share.min():g}: drop an anchor that says nothing")
    if share.ndim < 3:
        share = np.broadcast_to(share, (1, *places.shape))
    return _minimum(_quartic(distances, places, share / share.sum(axis=1, keepdims=True)))


def check_shapes(distances: NDArray[np.generic], anchors: Field) -> None:
    """Refuse distances, or counts, that do not fit the anchors, and anchors that are too few.

    Parameters
    ----------
    distances : ndarray, shape (signal, anchor, output)
        What was measured of each signal with each anchor.
    anchors : ndarray of complex128, shape (anchor, output)
        Anchors of each pixel.

    Raises
    ------
    ValueError
        If the shapes do not fit, or there are fewer than three anchors.
    """
    if distances.ndim != 3 or anchors.ndim != 2 or distances.shape[1:] != anchors.shape:
        raise ValueError(
            f"measurements of shape {distances.shape} do not fit anchors of shape {anchors.shape}: "
            "they must be (signal, anchor, output) and (anchor, output)"
        )
    if len(anchors) < 3:
        raise ValueError(
            f"{len(anchors)} anchors are too few: take at least 3, the origin counts as one where |y|^2 was measured"
        )


def _quartic(distances: Real, anchors: Field, share: Real) -> _Quartic:
    """Return the coefficients of the cost of each point."""
    centre = np.sum(share * anchors, axis=1)
    about = anchors - centre[:, None]
    size = np.abs(about) ** 2
    spread = np.sum(share * size, axis=1)
    skew = np.sum(share * about**2, axis=1)
    excess = size - distances
    height = np.sum(share * excess, axis=1)
    axis = np.exp(0.5j * np.angle(skew))
    pull = np.sum(share * excess * about, axis=1) * axis.conj()
    wide, narrow = (spread + np.abs(skew)) / 2, (spread - np.abs(skew)) / 2
    return _Quartic(height, wide, np.maximum(narrow, 0), pull.real, pull.imag, axis, centre)


def _minimum(cost: _Quartic) -> Field:
    """Return the global minimum of each cost.

    Newton's steps stay left of the root of a convex falling function, once they start there: with
    c = max(-g - 2 l_2, 0) and t + 2 l_2 = min((b_2^2 / 2)^(1/3), |b_2| / sqrt(2 c)) the right side is the larger one.
    """
    unit = cost.wide + np.abs(cost.height) + np.finfo(np.float64).tiny
    # A vanishing b_2 (the point lies on the axis, or has two mirror images) would put the root on the pole.
    across = np.where(np.abs(cost.across) > 1e-15 * unit**1.5, cost.across, 1e-15 * unit**1.5)
    deficit = np.maximum(-cost.height - 2 * cost.narrow, 1e-30 * unit)
    step = np.minimum(np.cbrt(across**2 / 2), np.abs(across) / np.sqrt(2 * deficit))
    root = np.maximum(step - 2 * cost.narrow, cost.height)
    for _ in range(NEWTON_STEPS):
        first, second = cost.along / (root + 2 * cost.wide), across / (root + 2 * cost.narrow)
        value = first**2 + second**2 - root + cost.height
        slope = 1 + 2 * first**2 / (root + 2 * cost.wide) + 2 * second**2 / (root + 2 * cost.narrow)
        root = root + value / slope
    point = cost.along / (root + 2 * cost.wide) + 1j * across / (root + 2 * cost.narrow)
    return np.asarray(point * cost.axis + cost.centre)
