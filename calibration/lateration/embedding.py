"""Points of the complex plane from the squared distances between them: classical scaling, one plane a pixel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.validation import check_count, check_number

SLAB_BYTES = 64 * 2**20
"""Memory for the matrices of the pixels that are worked on together."""

Real = NDArray[np.float64]
Field = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Embedding:
    """Points of each pixel's plane, with their error bars.

    Parameters
    ----------
    points : ndarray of complex128, shape (point, output)
        Points, seen from the one that is the origin. The plane of each pixel has a rotation and a reflection of its
        own, which distances cannot tell: fields of different pixels have no common phase, and some are conjugated.
    standard_error : ndarray, shape (point, output)
        Square root of the mean of the squared modulus of a point's error, in the unit of the points, once rotation
        and reflection are fitted. It is zero at the origin.
    spread : ndarray, shape (2, output)
        Sums of squares of the points along the two axes of their cloud, about their mean.
    residual : ndarray, shape (output,)
        Rms of the measured less the fitted squared distances.
    valid : ndarray of bool, shape (output,)
        False where the points lie on a line, or the distances are not finite.
    """

    points: Field
    standard_error: Real
    spread: Real
    residual: Real
    valid: NDArray[np.bool_]


def distance_matrix(pairs: ArrayLike, *, points: int) -> Real:
    """Return the symmetric matrix of the squared distances whose upper triangle was measured row by row.

    Parameters
    ----------
    pairs : array_like, shape (points (points - 1) / 2, output)
        Squared distances of the pairs (0, 1), (0, 2), ..., (1, 2), ..., in the order of `numpy.triu_indices`.
    points : int
        Number of points, the origin included.

    Returns
    -------
    ndarray, shape (point, point, output)
        Squared distances, zero along the diagonal.

    Raises
    ------
    ValueError
        If the number of pairs does not fit the number of points.
    """
    check_count("points", points, at_least=2)
    measured = np.asarray(pairs, np.float64)
    if measured.ndim != 2 or len(measured) != points * (points - 1) // 2:
        raise ValueError(
            f"{points} points have {points * (points - 1) // 2} pairs, got distances of shape {measured.shape}: "
            "give one row for each pair"
        )
    matrix = np.zeros((points, points, measured.shape[1]))
    row, column = np.triu_indices(points, 1)
    matrix[row, column] = measured
    matrix[column, row] = measured
    return matrix


def embed(
    squared_distances: ArrayLike,
    *,
    variance: ArrayLike,
    origin: int = 0,
    largest_condition: float = 1e6,
) -> Embedding:
    """Find the points of each pixel's plane whose squared distances were measured.

    .. math:: B = -\\tfrac12 J D J, \\qquad J = 1 - \\tfrac1n 1 1^T, \\qquad
              x_i = \\sqrt{\\lambda_1} u_{1 i} + \\mathrm{i} \\sqrt{\\lambda_2} u_{2 i}

    with the two largest eigenvalues of B and their vectors.

    Parameters
    ----------
    squared_distances : array_like, shape (point, point, output)
        Squared distances D, symmetric; noise may take some below zero. With m anchors the points are the anchors and
        the origin, which is the field that all others are measured from.
    variance : array_like
        Variance of the squared distances, of a shape that broadcasts to theirs; for the error bars only.
    origin : int, optional
        The point from which the others are seen.
    largest_condition : float, optional
        Ratio of the two spreads from which on the points count as lying on a line.

    Returns
    -------
    Embedding
        Points up to a rotation and a reflection of each pixel.

    Raises
    ------
    ValueError
        If there are fewer than three points, if the distances are no symmetric matrix, if the variance is not positive,
        or if the points of every pixel lie on a line.

    Notes
    -----
    The error bars are the first order of the perturbation of the eigenvectors and take the errors of distances as
    independent. Far from the noise, with many points, the mean squared error about the mean point is
    sigma^2 / (n <|a|^2>) (law L59); the origin's own error adds to it where points are seen from there. Scaling is
    not the least-squares fit: `calibration.matrices.joint_lateration.refine_positions` goes on from here. Pixels are
    taken in slabs of 64 MiB.

    References
    ----------
    .. [1] S. Gupta et al., "Don't take it lightly: phasing optical random projections with unknown operators",
       NeurIPS 2019, arXiv:1907.01703.
    .. [2] W. S. Torgerson, "Multidimensional scaling: I. Theory and method", Psychometrika 17, 401 (1952).
    """
    distances = _checked_distances(squared_distances)
    check_count("origin", origin, at_least=0, at_most=len(distances) - 1)
    check_number("largest_condition", largest_condition, above=1)
    noise = _checked_variance(variance, distances.shape)
    n, outputs = distances.shape[1:]
    result = Embedding(
        np.zeros((n, outputs), np.complex128), np.zeros((n, outputs)), np.zeros((2, outputs)), np.zeros(outputs),
        np.zeros(outputs, np.bool_),
    )  # fmt: skip
    step = max(1, SLAB_BYTES // (8 * 4 * n * n * n))
    for start in range(0, outputs, step):
        slab = slice(start, start + step)
        local = np.moveaxis(distances[..., slab], -1, 0)
        _embed_slab(local, np.moveaxis(noise[..., slab], -1, 0), origin, slab, result)
    first, second = result.spread
    result.valid[...] &= second * largest_condition > first
    if outputs and not result.valid.any():
        raise ValueError(
            f"the {n} points lie on a line in every pixel (largest ratio of spreads allowed {largest_condition:g}), "
            "or their distances are not finite: rotation and reflection cannot be told apart; "
            "take anchors whose fields differ in phase"
        )
    return result


def align(points: ArrayLike, reference: ArrayLike, *, fields: ArrayLike | None = None) -> Field:
    """Return points turned, and conjugated where that fits better, onto a reference: the ambiguity of each pixel.

    .. math:: x' = x e^{\\mathrm{i} \\alpha} \\ \\mathrm{or} \\ \\bar x e^{\\mathrm{i} \\alpha}, \\qquad
              \\alpha = \\arg \\textstyle\\sum_i \\bar x_i r_i \\ \\mathrm{or} \\ \\arg \\sum_i x_i r_i

    Parameters
    ----------
    points, reference : array_like of complex, shape (point, output)
        Points of each pixel, both seen from their common origin.
    fields : array_like of complex or None, optional
        Fields of shape (signal, output) in the plane of the points, to move with them.

    Returns
    -------
    ndarray of complex128, shape (point, output) or (signal, output)
        The points, or the fields where there are some, on the reference, as well as a rotation and a reflection of each
        pixel allow.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    The origin is kept: nothing is shifted or scaled. Without a reference, rotation and reflection of a pixel are free:
    every retrieval from intensities has them, and the intensities that it predicts do not depend on them.
    """
    moved, fixed = np.asarray(points, np.complex128), np.asarray(reference, np.complex128)
    if moved.shape != fixed.shape or moved.ndim != 2:
        raise ValueError(
            f"points of shape {moved.shape} cannot be aligned with a reference of shape {fixed.shape}: "
            "both must be (point, output)"
        )
    upright, mirrored = np.sum(moved.conj() * fixed, axis=0), np.sum(moved * fixed, axis=0)
    flip = np.abs(mirrored) > np.abs(upright)
    overlap = np.where(flip, mirrored, upright)
    carried = moved if fields is None else np.asarray(fields, np.complex128)
    turned = np.where(flip, carried.conj(), carried) * np.exp(1j * np.angle(overlap))
    return np.asarray(turned, np.complex128)


def _checked_distances(squared_distances: ArrayLike) -> Real:
    """Return the distances as an array, or say what is wrong with them."""
    distances = np.asarray(squared_distances, np.float64)
    if distances.ndim != 3 or distances.shape[0] != distances.shape[1]:
        raise ValueError(f"squared_distances must have shape (point, point, output), got {distances.shape}")
    if len(distances) < 3:
        raise ValueError(f"{len(distances)} points (anchors and origin) are too few for a plane: take at least 3")
    if not np.array_equal(distances, np.swapaxes(distances, 0, 1), equal_nan=True):
        raise ValueError("squared_distances must be symmetric in their first two axes: see distance_matrix")
    return distances


def _checked_variance(variance: ArrayLike, shape: tuple[int, ...]) -> Real:
    """Return the variance of every distance, or say what is wrong with it."""
    spread = np.broadcast_to(np.asarray(variance, np.float64), shape)
    apart = np.logical_not(np.eye(shape[0], dtype=np.bool_))
    if not (spread[apart] > 0).all():
        raise ValueError("variance must be positive for every pair of points: a distance without noise has no weight")
    return spread


def _embed_slab(distances: Real, variance: Real, origin: int, slab: slice, result: Embedding) -> None:
    """Embed some pixels; matrices are (pixel, point, point) here."""
    n = distances.shape[1]
    finite = np.asarray(np.isfinite(distances).all(axis=(1, 2)))
    usable = np.where(finite[:, None, None], distances, 0.0)
    gram = usable - usable.mean(axis=1, keepdims=True)
    gram -= gram.mean(axis=2, keepdims=True)
    values, vectors = np.linalg.eigh(-gram / 2)
    spread = np.maximum(values[:, :-3:-1], 0)
    cloud = vectors[:, :, :-3:-1] * np.sqrt(spread)[:, None]
    plane = cloud[..., 0] + 1j * cloud[..., 1]
    misfit = usable - np.abs(plane[:, :, None] - plane[:, None, :]) ** 2
    squares = np.sum(misfit**2, axis=(1, 2)) / 2
    result.points[:, slab] = (plane - plane[:, origin, None]).T
    result.standard_error[:, slab] = _standard_error(cloud, spread, variance, origin).T
    result.spread[:, slab] = spread.T
    result.residual[slab] = np.sqrt(squares / (n * (n - 1) / 2))
    result.valid[slab] = finite & (spread[:, 1] > 0)


def _standard_error(cloud: Real, spread: Real, variance: Real, origin: int) -> Real:
    """Return the standard errors of points, seen from the origin, to first order in the errors of distances.

    dX = -1/2 Q dD G with G = X (X^T X)^-1 and Q = (1 - H / 2) J, H the projection on X; then the shift to the origin
    and the rotation about it that fits best are taken off.
    """
    n = cloud.shape[1]
    row, column = np.triu_indices(n, 1)
    inverse = cloud / np.maximum(spread, np.finfo(np.float64).tiny)[:, None]
    kernel = np.eye(n) - 1 / n - inverse @ np.swapaxes(cloud, 1, 2) / 2
    kernel -= kernel[:, origin, None]
    seen = cloud - cloud[:, origin, None]
    turn = np.stack([-seen[..., 1], seen[..., 0]], axis=-1)
    size = np.maximum(np.sum(turn**2, axis=(1, 2)), np.finfo(np.float64).tiny)
    # Slopes of each point along both axes with the distance of each pair, shape (pixel, axis, point, pair).
    slope = np.stack([_pair_slope(kernel, inverse[..., axis], row, column) for axis in range(2)], axis=1)
    angle = np.einsum("sik,skip->sp", turn, slope) / size[:, None]
    slope -= np.swapaxes(turn, 1, 2)[..., None] * angle[:, None, None]
    np.square(slope, out=slope)
    return np.asarray(np.sqrt((slope.sum(axis=1) @ variance[:, row, column, None])[..., 0]))


def _pair_slope(kernel: Real, inverse: Real, row: NDArray[np.intp], column: NDArray[np.intp]) -> Real:
    """Return the slopes of one coordinate of the points with the distance of each pair, shape (pixel, point, pair)."""
    there = kernel[:, :, row] * inverse[:, None, column]
    there += kernel[:, :, column] * inverse[:, None, row]
    there /= -2
    return there
