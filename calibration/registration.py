"""The affine map from the mirror array to the camera, for benches that image one onto the other.

Places on the mirror array are (y, x) in metres from its centre, as `Dmd.mirror_positions` gives them; a staggered array
is nothing special then. Places on the camera are (y, x) in pixels, the centre of the first pixel at (0, 0).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.measure import ransac
from skimage.transform import AffineTransform

from calibration.spots import Spots
from optics.dmd import Dmd
from optics.validation import check_number

LEAST_POINTS = 4
"""Three points determine the map; the fourth can contradict."""

LEAST_SPREAD = 0.01
"""Points whose cloud is flatter than 1 : 100 count as points on a line."""

Places = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Registration:
    """An affine map from the mirror array to the camera, with its errors.

    .. math:: c = A d + c_0

    Parameters
    ----------
    matrix : ndarray of float64, shape (2, 2)
        A, in pixels per metre.
    origin : ndarray of float64, shape (2,)
        Where the centre of the mirror array is on the camera, c_0, in pixels.
    covariance : ndarray of float64, shape (2, 3, 3)
        Covariance of (A_i1, A_i2, c_0i) for each of the two camera axes i.
    residual : float
        Rms distance of the points from the map along one axis, in pixels, with the degrees of freedom that are left.
    inliers : ndarray of bool, shape (point,)
        Points that agree with the map.
    """

    matrix: Places
    origin: Places
    covariance: Places
    residual: float
    inliers: NDArray[np.bool_]

    @property
    def mirrored(self) -> bool:
        """Return whether the image is mirrored: the determinant of A is negative."""
        return float(np.linalg.det(self.matrix)) < 0

    @property
    def scales(self) -> tuple[float, float]:
        """Return the largest and the least magnification, in pixels per metre."""
        largest, least = np.linalg.svd(self.matrix, compute_uv=False)
        return float(largest), float(least)

    @property
    def standard_error(self) -> Places:
        """Return the standard errors of (A_i1, A_i2, c_0i), shape (2, 3)."""
        return np.asarray(np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2)))

    def to_camera(self, places: ArrayLike) -> Places:
        """Return where places on the mirror array come to lie on the camera.

        Parameters
        ----------
        places : array_like, shape (..., 2)
            Places (y, x) on the mirror array, in metres.

        Returns
        -------
        ndarray of float64, shape (..., 2)
            Places (y, x) on the camera, in pixels.
        """
        return np.asarray(np.asarray(places, np.float64) @ self.matrix.T + self.origin)

    def error_on_camera(self, places: ArrayLike) -> Places:
        """Return the standard errors of `to_camera`.

        Parameters
        ----------
        places : array_like, shape (..., 2)
            Places (y, x) on the mirror array, in metres.

        Returns
        -------
        ndarray of float64, shape (..., 2)
            Standard errors along (y, x), in pixels: those of the map, not of a single spot.
        """
        design = _design(np.asarray(places, np.float64))
        return np.asarray(np.sqrt(np.einsum("...j,ijk,...k->...i", design, self.covariance, design)))

    def to_mirrors(self, pixels: ArrayLike) -> Places:
        """Return the places on the mirror array that places on the camera show.

        Parameters
        ----------
        pixels : array_like, shape (..., 2)
            Places (y, x) on the camera, in pixels.

        Returns
        -------
        ndarray of float64, shape (..., 2)
            Places (y, x) on the mirror array, in metres from its centre.
        """
        return np.asarray((np.asarray(pixels, np.float64) - self.origin) @ np.linalg.inv(self.matrix).T)

    def nearest_mirrors(self, pixels: ArrayLike, dmd: Dmd) -> NDArray[np.int64]:
        """Return the mirrors that camera pixels show.

        Parameters
        ----------
        pixels : array_like, shape (pixel, 2)
            Places (y, x) on the camera, in pixels.
        dmd : Dmd
            The mirror array, square or staggered.

        Returns
        -------
        ndarray of int, shape (pixel, 2)
            Row and column of the nearest mirror; (-1, -1) where no mirror is within one pitch.

        Notes
        -----
        Rows of a staggered array are shifted by half a column in turn: the nearest mirror of each of the three rows
        around a place is found, and the nearest of these is taken.
        """
        places = self.to_mirrors(np.reshape(np.asarray(pixels, np.float64), (-1, 2)))
        positions = dmd.mirror_positions()
        first, spacing = positions[0, 0], _spacing(positions, dmd.pitch)
        guess = np.clip(np.rint((places[:, 0] - first[0]) / spacing[0]), 0, dmd.rows - 1).astype(np.int64)
        rows = np.clip(guess[:, np.newaxis] + np.array([-1, 0, 1]), 0, dmd.rows - 1)
        starts = positions[rows, 0, 1]
        columns = np.rint((places[:, 1, np.newaxis] - starts) / spacing[1])
        columns = np.clip(columns, 0, dmd.columns - 1).astype(np.int64)
        distance = np.linalg.norm(positions[rows, columns] - places[:, np.newaxis], axis=-1)
        best = np.argmin(distance, axis=1)[:, np.newaxis]
        chosen = [np.take_along_axis(part, best, axis=1)[:, 0] for part in (rows, columns, distance)]
        mirrors = np.stack(chosen[:2], axis=-1)
        return np.where(chosen[2][:, np.newaxis] <= dmd.pitch, mirrors, -1)


def register(
    places: ArrayLike,
    pixels: ArrayLike,
    *,
    rng: np.random.Generator,
    standard_error: ArrayLike | None = None,
    tolerance: float = 1.0,
    mirrored: bool | None = None,
) -> Registration:
    """Return the affine map between points on the mirror array and on the camera.

    Parameters
    ----------
    places : array_like, shape (point, 2)
        Places (y, x) on the mirror array, in metres.
    pixels : array_like, shape (point, 2)
        Where they were seen on the camera, (y, x) in pixels.
    rng : numpy.random.Generator
        Source of the random triples from which the agreeing points are found.
    standard_error : array_like or None, optional
        Standard errors of the pixels, shape (point, 2), in pixels; None takes all points alike.
    tolerance : float, optional
        Distance from the map, in pixels, beyond which a point counts as wrongly matched.
    mirrored : bool or None, optional
        Whether the bench is known to mirror the image; None accepts either.

    Returns
    -------
    Registration
        The map, least squares over the points that agree.

    Raises
    ------
    ValueError
        If there are fewer than four points, they lie on a line, fewer than half of them agree on a map, or the image is
        mirrored where it should not be, or the other way round.

    Notes
    -----
    Wrong matches are found by random sampling of three points (RANSAC) and left out; the map is then fitted to the
    rest. Its covariance takes the scatter of the residuals where that is above the standard errors given (distortion,
    which an affine map lacks), and the standard errors otherwise.

    References
    ----------
    .. [1] M. A. Fischler and R. C. Bolles, Commun. ACM 24, 381 (1981). doi:10.1145/358669.358692
    """
    source, target = np.asarray(places, np.float64), np.asarray(pixels, np.float64)
    errors = np.ones_like(target) if standard_error is None else np.asarray(standard_error, np.float64)
    _check_points(source, target, errors)
    check_number("tolerance", tolerance, unit="pixels", above=0)
    scale = float(np.sqrt(np.mean((source - source.mean(axis=0)) ** 2)))
    inliers = _agreeing((source - source.mean(axis=0)) / scale, target, tolerance=tolerance, rng=rng)
    registration = _fitted(source, target, errors, inliers, known=standard_error is not None)
    if mirrored is not None and registration.mirrored != mirrored:
        raise ValueError(
            f"the image is {'' if registration.mirrored else 'not '}mirrored (determinant "
            f"{np.linalg.det(registration.matrix):.3g} pixels^2/m^2), and should {'' if mirrored else 'not '}be: "
            "look for a flip of the frames or of the patterns, or leave mirrored out"
        )
    return registration


def register_spots(
    spots: Spots, places: ArrayLike, *, rng: np.random.Generator, tolerance: float = 1.0, mirrored: bool | None = None
) -> Registration:
    """Return the affine map from spots that were numbered.

    Parameters
    ----------
    spots : Spots
        Spots as `read_spots` found them; those without a number are left out.
    places : array_like, shape (point, 2)
        Places (y, x) of all points on the mirror array, in metres.
    rng : numpy.random.Generator
        Source of random triples.
    tolerance : float, optional
        Distance from the map, in pixels, beyond which a point counts as wrongly matched.
    mirrored : bool or None, optional
        Whether the bench is known to mirror the image; None accepts either.

    Returns
    -------
    Registration
        The map; its inliers count the numbered spots.

    Raises
    ------
    ValueError
        As `register`.
    """
    read = spots.points >= 0
    chosen = np.asarray(places, np.float64)[spots.points[read]]
    return register(
        chosen, spots.positions[read], rng=rng, standard_error=spots.standard_error[read], tolerance=tolerance,
        mirrored=mirrored,
    )  # fmt: skip


def _check_points(source: Places, target: Places, errors: Places) -> None:
    """Refuse points that are too few, do not fit, or lie on a line."""
    if source.ndim != 2 or source.shape[1] != 2 or target.shape != source.shape or errors.shape != source.shape:
        raise ValueError(
            f"places, pixels and standard errors must all have shape (point, 2), got {source.shape}, {target.shape} "
            f"and {errors.shape}"
        )
    if len(source) < LEAST_POINTS:
        raise ValueError(
            f"{len(source)} points are too few, an affine map needs at least {LEAST_POINTS}: show more, or "
            "lower the threshold for spots"
        )
    if not (np.isfinite(source).all() and np.isfinite(target).all() and (errors > 0).all()):
        raise ValueError(
            "places and pixels must be finite, and standard errors above zero: leave out points that were not seen"
        )
    for name, points in (("places", source), ("pixels", target)):
        spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
        if not spread[1] > LEAST_SPREAD * spread[0]:
            raise ValueError(f"the {len(points)} {name} lie on a line: show points that span the mirror array")


def _agreeing(source: Places, target: Places, *, tolerance: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return the points that agree on a map, found from random triples."""
    _, found = ransac(  # type: ignore[no-untyped-call]  # skimage is not typed
        (source, target), AffineTransform, min_samples=3, residual_threshold=tolerance, max_trials=1000,
        stop_probability=1 - 1e-9, rng=rng,
    )  # fmt: skip
    inliers = np.zeros(len(source), np.bool_) if found is None else np.asarray(found, np.bool_)
    if inliers.sum() < max(LEAST_POINTS, len(source) / 2):
        raise ValueError(
            f"only {inliers.sum()} of {len(source)} points agree on an affine map within {tolerance:g} pixels: points "
            "are matched wrongly, or the image is distorted; check the order of the frames, or raise the tolerance"
        )
    return inliers


def _fitted(source: Places, target: Places, errors: Places, inliers: NDArray[np.bool_], *, known: bool) -> Registration:
    """Return the map of least squares over the points that agree, each axis of the camera for itself."""
    scale = np.abs(source).max()
    design = _design(source[inliers] / scale)
    units = np.array([1 / scale, 1 / scale, 1.0])
    rows, covariances, rest, chi_square = [], [], 0.0, 0.0
    for axis in (0, 1):
        weights = 1 / errors[inliers, axis]
        inverse = np.linalg.pinv(design * weights[:, np.newaxis])
        solved = inverse @ (target[inliers, axis] * weights)
        away = target[inliers, axis] - design @ solved
        rest += float(np.sum(away**2))
        chi_square += float(np.sum((away * weights) ** 2))
        rows.append(solved * units)
        covariances.append(inverse @ inverse.T * np.outer(units, units))
    freedom = 2 * (len(design) - 3)
    growth = chi_square / freedom
    covariance = np.array(covariances) * (max(1.0, growth) if known else growth)
    solved = np.array(rows)
    residual = float(np.sqrt(rest / freedom))
    return Registration(
        matrix=solved[:, :2], origin=solved[:, 2], covariance=covariance, residual=residual, inliers=inliers
    )


def _design(places: Places) -> NDArray[Any]:
    """Return places with a one behind them."""
    return np.concatenate([places, np.ones((*places.shape[:-1], 1))], axis=-1)


def _spacing(positions: Places, pitch: float) -> tuple[float, float]:
    """Return the distances between rows and between columns of a mirror array; one pitch where there is one only."""
    down = positions[1, 0, 0] - positions[0, 0, 0] if len(positions) > 1 else pitch
    right = positions[0, 1, 1] - positions[0, 0, 1] if positions.shape[1] > 1 else pitch
    return float(down), float(right)
