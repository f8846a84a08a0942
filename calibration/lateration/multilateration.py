"""Linear multilateration: squared distances to anchors are linear in the field once its square is an unknown."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.light import FieldEstimate
from optics.validation import check_number

Real = NDArray[np.float64]
Field = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class _Normal:
    """Sums over the anchors of a pixel: y solves S y + P conj(y) = q."""

    spread: Real
    skew: Field
    determinant: Real
    valid: NDArray[np.bool_]


def multilaterate(
    squared_distances: ArrayLike,
    anchors: ArrayLike,
    *,
    squared_modulus: ArrayLike | None = None,
    variance: ArrayLike | None = None,
    largest_condition: float = 1e6,
) -> FieldEstimate:
    """Find fields from their squared distances to known anchors, by linear least squares.

    .. math:: \\min_{y, u} \\sum_k w_k (d_k - u - |a_k|^2 + 2 \\mathrm{Re}(\\bar a_k y))^2, \\qquad u = |y|^2

    solved in closed form: with anchors about their weighted mean, S = sum w |a|^2, P = sum w a^2 and
    q = sum w (|a|^2 - d) a it is y = (S q - P conj(q)) / (S^2 - |P|^2).

    Parameters
    ----------
    squared_distances : array_like, shape (signal, anchor, output)
        Measured squared distances d of each signal to each anchor.
    anchors : array_like of complex, shape (anchor, output)
        Anchors of each pixel.
    squared_modulus : array_like or None, optional
        |y|^2 of shape (signal, output), where it is known far better than the distances; None makes u a third
        unknown. Where |y|^2 was measured as the distances were, it is one of them: add an anchor at zero.
    variance : array_like or None, optional
        Variance of the squared distances, of shape (anchor, output), or of a shape that broadcasts to theirs; weights
        are its inverse. None gives equal weights, and standard errors from the residuals of each pixel.
    largest_condition : float, optional
        Ratio of the spreads of the anchors, across and along, from which on a pixel is not valid.

    Returns
    -------
    FieldEstimate
        Fields of shape (signal, output), in the square root of the unit of the distances and in the frame of the
        anchors. Pixels with collinear anchors are zero, with an infinite standard error, and not valid.

    Raises
    ------
    ValueError
        If there are fewer anchors than unknowns, or no more than unknowns where the residuals have to tell the noise;
        if shapes do not fit, if the variance is not positive, or if the anchors of every pixel are collinear.

    Notes
    -----
    Over random anchors of mean square A = <|a|^2> and with errors sigma the mean squared error is
    sigma^2 / (A (n - 3)) with |y|^2 known and sigma^2 / (A (n - 4)) else (law L59): its mean is infinite for three and
    four anchors, as some pixels have nearly collinear ones. That u is |y|^2 is not used: `squared_range` does. Anchors
    count as exact. With a variance of shape (anchor, output) the sums over anchors are those of all signals.

    References
    ----------
    .. [1] A. Beck, P. Stoica and J. Li, "Exact and approximate solutions of source localization problems", IEEE
       Trans. Signal Process. 56, 1770 (2008). doi:10.1109/TSP.2007.909342
    """
    check_number("largest_condition", largest_condition, above=1)
    places = np.asarray(anchors, np.complex128)
    distances = np.asarray(squared_distances, np.float64)
    _check_shapes(distances, places, known=squared_modulus is not None, noise=variance is not None)
    modulus = None if squared_modulus is None else _broadcast("squared_modulus", squared_modulus, distances[:, 0].shape)
    weights = _weights(variance, distances.shape)
    centred = places if modulus is not None else _centre(places, weights)
    normal = _normal(centred, weights, largest_condition=largest_condition)
    scale = np.where(normal.valid, normal.determinant, 1.0)
    right = _right_side(distances, places, centred, weights, modulus)
    value = np.where(normal.valid, (normal.spread * right - normal.skew * right.conj()) / scale, 0)
    power = normal.spread / scale
    if variance is None:
        power = power * _residual_variance(distances, places, value, modulus)
    error = np.where(normal.valid, np.sqrt(power), np.inf)
    valid = np.broadcast_to(normal.valid & np.isfinite(value), value.shape).copy()
    return FieldEstimate(value, np.broadcast_to(error, value.shape).copy(), valid)


def _check_shapes(distances: Real, anchors: Field, *, known: bool, noise: bool) -> None:
    """Refuse shapes that do not fit and anchors that are too few."""
    if distances.ndim != 3 or anchors.ndim != 2 or distances.shape[1:] != anchors.shape:
        raise ValueError(
            f"squared_distances of shape {distances.shape} do not fit anchors of shape {anchors.shape}: "
            "they must be (signal, anchor, output) and (anchor, output)"
        )
    unknowns = 2 if known else 3
    least = unknowns if noise else unknowns + 1
    if len(anchors) < least:
        raise ValueError(
            f"{len(anchors)} anchors are too few for {unknowns} unknowns: take at least {least}"
            + ("" if noise else f", or {unknowns} and say the variance of the distances")
        )


def _broadcast(name: str, value: ArrayLike, shape: tuple[int, ...]) -> Real:
    """Return an array of a shape, or say that it does not fit."""
    array = np.asarray(value, np.float64)
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(f"{name} of shape {array.shape} does not broadcast to {shape}") from None


def _weights(variance: ArrayLike | None, shape: tuple[int, ...]) -> Real:
    """Return weights of shape (1 or signal, anchor, output)."""
    if variance is None:
        return np.ones((1, *shape[1:]))
    spread = np.asarray(variance, np.float64)
    signals = shape[0] if spread.ndim == 3 and len(spread) != 1 else 1
    weights = _broadcast("variance", spread, (signals, *shape[1:]))
    if not (weights > 0).all():
        raise ValueError(f"variance = {weights.min():g} is not allowed: it must be positive for every distance")
    return np.asarray(1 / weights)


def _centre(anchors: Field, weights: Real) -> Field:
    """Return anchors about their weighted mean, which makes |y|^2 a free unknown."""
    mean = np.sum(weights * anchors, axis=1, keepdims=True) / np.sum(weights, axis=1, keepdims=True)
    return np.asarray(anchors - mean)


def _normal(centred: Field, weights: Real, *, largest_condition: float) -> _Normal:
    """Return the sums of the normal equations, of shape (1 or signal, output)."""
    spread = np.sum(weights * np.abs(centred) ** 2, axis=-2)
    skew = np.sum(weights * centred**2, axis=-2)
    along, across = spread + np.abs(skew), spread - np.abs(skew)
    valid = across * largest_condition > along
    if valid.size and not valid.any():
        raise ValueError(
            f"the {weights.shape[1]} anchors are collinear in every pixel (largest ratio of spreads allowed "
            f"{largest_condition:g}): take anchors whose fields differ in phase"
        )
    return _Normal(spread, skew, along * across, valid)


def _right_side(distances: Real, anchors: Field, centred: Field, weights: Real, modulus: Real | None) -> Field:
    """Return q, anchor by anchor so that no copy of the distances is made: shape (signal, output)."""
    total = np.zeros((len(distances), distances.shape[2]), np.complex128)
    about = np.broadcast_to(centred, weights.shape)
    for k, anchor in enumerate(anchors):
        height = np.abs(anchor) ** 2 - distances[:, k]
        total += (height if modulus is None else height + modulus) * (weights[:, k] * about[:, k])
    return total


def _residual_variance(distances: Real, anchors: Field, value: Field, modulus: Real | None) -> Real:
    """Return the variance of a distance in each pixel, from the residuals of all signals: shape (output,)."""
    signals, n = distances.shape[:2]
    free = np.zeros_like(distances[:, 0]) if modulus is None else np.asarray(modulus)
    rest = np.stack([distances[:, k] - np.abs(a) ** 2 + 2 * np.real(a.conj() * value) for k, a in enumerate(anchors)])
    rest -= rest.mean(axis=0) if modulus is None else free
    return np.asarray(np.sum(rest**2, axis=(0, 1)) / (signals * (n - (3 if modulus is None else 2))))
