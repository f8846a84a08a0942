"""Grain of the speckle and contrast of its light, from how neighbouring pixels vary together."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from calibration.cameras.uncertainty import Measured
from calibration.identification.speckle_covariance import LAGS
from optics.sensing.pixel import aperture_weights
from optics.speckle.pupil import pupil_correlation
from optics.validation import check_count, check_number

FINEST_GRAIN, COARSEST_GRAIN = 0.2, 60.0
"""Grains in pixels between which one is sought."""

BELIEVED = 4.0
"""Standard deviations of the neighbours' covariance from which on the grain counts as resolved."""

ALIKE = 9.0
"""Misfit beyond the least up to which a grain of another sampling is not told apart."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SpeckleGrain:
    """Grain and contrast of a speckle.

    Parameters
    ----------
    grain : Measured
        lambda z / D of a round pupil in pixels; an upper bound where neighbours show no covariance.
    resolved : bool
        Whether neighbouring pixels vary together.
    pixel_contrast : Measured
        Squared contrast of the light that pixels integrate.
    source_contrast : Measured
        Squared contrast of the light on a point: 1 for one mode; that of the pixels where the grain is not resolved.
    covariance : ndarray, shape (lag,)
        Measured covariance over the squared mean at distances of 0 to 6 pixels.
    mean_variance : float
        Variance of a frame's mean light over its square, for one pattern: one over the effective number of grains.
    """

    grain: Measured
    resolved: bool
    pixel_contrast: Measured
    source_contrast: Measured
    covariance: NDArray[np.float64]
    mean_variance: float


def pixel_correlation(
    shifts: NDArray[np.float64], *, grain: float, samples_per_pixel: int = 2, fill_factor: float = 1.0
) -> NDArray[np.float64]:
    """Return the covariance of fully developed speckle on two pixels, over the squared mean.

    .. math:: A(\\Delta) = \\sum_{jk} W_j W_k \\, |\\mu(\\Delta + (j, k) p / s)|^2

    Parameters
    ----------
    shifts : ndarray, shape (..., 2)
        Distance of the pixels along (y, x), in pixels.
    grain : float
        lambda z / D of a round pupil, in pixels.
    samples_per_pixel : int, optional
        Samples s of the field along each axis of a pixel (`optics.media.FiniteGrainDescription`); as many as the
        grain needs where that is more.
    fill_factor : float, optional
        Part of the pixel area that collects light.

    Returns
    -------
    ndarray, shape (...)
        Covariance; 1 / M of `optics.speckle.integrated_modes` at no distance, for many samples.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """
    check_number("grain", grain, unit="pixels", above=0)
    check_count("samples_per_pixel", samples_per_pixel)
    s = max(samples_per_pixel, math.ceil(2 / grain - 1e-9))
    own = aperture_weights(fill_factor, samples=s).astype(np.float64)
    weights, steps = np.convolve(own, own), (np.arange(2 * s - 1) - (s - 1)) / s
    y = shifts[..., 0, np.newaxis, np.newaxis] + steps[:, np.newaxis]
    x = shifts[..., 1, np.newaxis, np.newaxis] + steps
    correlation = pupil_correlation(np.hypot(y, x) / grain, pupil="disc")
    return np.asarray(np.einsum("...jk,j,k->...", correlation, weights, weights))


def lag_correlation(grain: float, *, samples_per_pixel: int = 2, fill_factor: float = 1.0) -> NDArray[np.float64]:
    """Return the covariance of fully developed speckle at distances of 0 to 6 pixels along an axis.

    Parameters
    ----------
    grain : float
        lambda z / D of a round pupil, in pixels.
    samples_per_pixel : int, optional
        Samples of the field along each axis of a pixel.
    fill_factor : float, optional
        Part of the pixel area that collects light.

    Returns
    -------
    ndarray, shape (7,)
        Covariance over the squared mean.
    """
    shifts = np.stack([np.arange(LAGS, dtype=float), np.zeros(LAGS)], axis=-1)
    return pixel_correlation(shifts, grain=grain, samples_per_pixel=samples_per_pixel, fill_factor=fill_factor)


def mean_variance(
    grain: float,
    *,
    shape: tuple[int, int],
    shift: tuple[int, int] = (0, 0),
    samples_per_pixel: int = 2,
    fill_factor: float = 1.0,
    power: int = 1,
) -> float:
    """Return the covariance of the means of two overlapping parts of a frame of fully developed speckle.

    .. math:: v = \\frac{1}{n^2} \\sum_\\Delta (n_y - |\\Delta_y|)(n_x - |\\Delta_x|) A(\\Delta + s)

    Parameters
    ----------
    grain : float
        lambda z / D of a round pupil, in pixels.
    shape : tuple of int
        Pixels n_y, n_x of either part along (y, x).
    shift : tuple of int, optional
        Distance s of the parts along (y, x); none for the variance of the mean of one.
    samples_per_pixel : int, optional
        Samples of the field along each axis of a pixel.
    fill_factor : float, optional
        Part of the pixel area that collects light.
    power : int, optional
        2 for the sum of A^2 / A(0)^2: one over the number of independent samples of the variance.

    Returns
    -------
    float
        Covariance over the squared mean; one over the effective number of independent grains.
    """
    # Beyond seven grains what is left of the correlation counts less than 1 % of its sum.
    reach = [min(size - 1, math.ceil(7 * grain) + 1 + abs(step)) for size, step in zip(shape, shift, strict=True)]
    y, x = np.meshgrid(np.arange(-reach[0], reach[0] + 1.0), np.arange(-reach[1], reach[1] + 1.0), indexing="ij")
    rows, columns = np.abs(y + shift[0]).astype(int), np.abs(x + shift[1]).astype(int)
    places = np.meshgrid(np.arange(rows.max() + 1.0), np.arange(columns.max() + 1.0), indexing="ij")
    table = pixel_correlation(
        np.stack(places, axis=-1), grain=grain, samples_per_pixel=samples_per_pixel, fill_factor=fill_factor
    )
    table = (table / table[0, 0]) ** 2 if power == 2 else table
    return float(np.sum((shape[0] - np.abs(y)) * (shape[1] - np.abs(x)) * table[rows, columns])) / math.prod(shape) ** 2


def fit_grain(
    values: NDArray[np.float64],
    errors: NDArray[np.float64],
    *,
    shape: tuple[int, int],
    samples_per_pixel: int = 2,
    fill_factor: float = 1.0,
    response_scatter: float = 0.0,
) -> SpeckleGrain:
    """Return the grain and the contrast that explain the covariance of pixels.

    .. math:: c(\\Delta) = C_0^2 \\, A(\\Delta; g)

    Parameters
    ----------
    values : ndarray, shape (lag,)
        One plus the covariance, over means that are squared frame by frame (`speckle_covariance`).
    errors : ndarray, shape (lag, lag)
        Covariance of their errors.
    shape : tuple of int
        Pixels along (y, x).
    samples_per_pixel : int, optional
        Samples of the field along each axis of a pixel, in the medium that describes the grain.
    fill_factor : float, optional
        Part of the pixel area that collects light.
    response_scatter : float, optional
        Relative rms by which the response of the pixels may differ; it looks like contrast and counts as doubt.

    Returns
    -------
    SpeckleGrain
        The grain, or a bound.

    Notes
    -----
    The product of means exceeds the squared mean by their covariance v, C_0^2 times that of `mean_variance`: it is
    given back.
    """
    doubt = np.sqrt(np.diag(errors))
    values = values.copy()
    variance = values[0] * response_scatter**2
    model = _Model(samples_per_pixel=samples_per_pixel, fill_factor=fill_factor)
    v = np.full(LAGS, 1 / math.prod(shape))
    for _ in range(4):
        covariance = values * (1 + v) - 1
        resolved = bool(covariance[1] > BELIEVED * doubt[1])
        if not resolved:
            v = np.eye(LAGS)[0] * covariance[0] / math.prod(shape)
            continue
        grain, source, others = model.fit(covariance, doubt)
        v = source * model.mean_variances(grain, shape)
    seen = math.sqrt(errors[0, 0] + variance**2)
    pixel = Measured(value=float(covariance[0]), uncertainty=seen)
    if not resolved:
        bound = model.bound(covariance, doubt)
        return SpeckleGrain(
            grain=bound, resolved=False, pixel_contrast=pixel, source_contrast=pixel, covariance=covariance,
            mean_variance=float(v[0]),
        )  # fmt: skip
    known = model.spread(grain, source, errors + np.diag([variance**2] + [0] * (LAGS - 1)), doubt)
    spread = np.sqrt(np.diag(known) + others**2)
    return SpeckleGrain(
        grain=Measured(value=grain, uncertainty=float(spread[0])),
        resolved=True,
        pixel_contrast=pixel,
        source_contrast=Measured(value=source, uncertainty=float(spread[1])),
        covariance=covariance,
        mean_variance=float(v[0]),
    )


@dataclass(frozen=True)
class _Model:
    """The law c = C^2 A(g), how to fit it and what errors make of it."""

    samples_per_pixel: int
    fill_factor: float

    def lags(self, grain: float) -> NDArray[np.float64]:
        """Return A of all lags."""
        return lag_correlation(grain, samples_per_pixel=self.samples_per_pixel, fill_factor=self.fill_factor)

    def mean_variances(self, grain: float, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Return the covariance of the means of the pixels of all pairs, for each lag, along y and x together."""
        values, weights = np.zeros((2, LAGS)), np.zeros((2, LAGS))
        for lag in range(LAGS):
            for axis, size in enumerate(shape):
                if size > lag:
                    part = (shape[0] - lag, shape[1]) if not axis else (shape[0], shape[1] - lag)
                    values[axis, lag] = mean_variance(
                        grain, shape=part, shift=(lag, 0) if not axis else (0, lag),
                        samples_per_pixel=self.samples_per_pixel, fill_factor=self.fill_factor,
                    )  # fmt: skip
                    weights[axis, lag] = math.prod(part)
        return np.asarray(np.sum(values * weights, axis=0) / np.maximum(weights.sum(axis=0), 1))

    def source(self, grain: float, covariance: NDArray[np.float64], doubt: NDArray[np.float64]) -> float:
        """Return the contrast of the light that fits best at a grain."""
        shape = self.lags(grain) / doubt
        return float(shape @ (covariance / doubt) / (shape @ shape))

    def misfit(self, grain: float, covariance: NDArray[np.float64], doubt: NDArray[np.float64]) -> float:
        """Return the weighted sum of squares at a grain."""
        rest = covariance - self.source(grain, covariance, doubt) * self.lags(grain)
        return float(np.sum((rest / doubt) ** 2))

    def fit(
        self, covariance: NDArray[np.float64], doubt: NDArray[np.float64]
    ) -> tuple[float, float, NDArray[np.float64]]:
        """Return grain and contrast of the light, and how far others lie that fit nearly as well."""
        # Finer grains need more samples a pixel: the law is smooth between the grains at which one more is needed.
        most = math.ceil(2 / FINEST_GRAIN)
        ends = [FINEST_GRAIN, *(2 / s for s in range(most - 1, self.samples_per_pixel - 1, -1)), COARSEST_GRAIN]
        found = [self._fit_between(*pair, covariance, doubt) for pair in itertools.pairwise(ends)]
        least, grain = min(found)
        source = self.source(grain, covariance, doubt)
        others = [
            (other - grain, self.source(other, covariance, doubt) - source)
            for misfit, other in found
            if misfit <= least + ALIKE
        ]
        return grain, source, np.max(np.abs(others), axis=0)

    def _fit_between(
        self, low: float, high: float, covariance: NDArray[np.float64], doubt: NDArray[np.float64]
    ) -> tuple[float, float]:
        """Return the least misfit between two grains, and the grain that has it."""
        low *= 1 + 1e-6
        trials = np.geomspace(low, high, max(4, math.ceil(20 * math.log(high / low))))
        best = int(np.argmin([self.misfit(grain, covariance, doubt) for grain in trials]))
        bounds = trials[max(best - 1, 0)], trials[min(best + 1, len(trials) - 1)]
        found = minimize_scalar(
            self.misfit, bounds=bounds, method="bounded", args=(covariance, doubt), options={"xatol": 1e-5 * low}
        )
        return float(found.fun), float(found.x)

    def spread(
        self, grain: float, source: float, errors: NDArray[np.float64], doubt: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the covariance of (grain, contrast) that the covariance of the points makes."""
        step = 0.02 * grain
        # One sampling for both ends of the difference.
        own = _Model(max(self.samples_per_pixel, math.ceil(2 / (grain - step))), self.fill_factor)
        slope = source * (own.lags(grain + step) - own.lags(grain - step)) / (2 * step)
        design = np.stack([slope, own.lags(grain)], axis=1) / doubt[:, np.newaxis]
        inverse = np.linalg.pinv(design) / doubt
        return np.asarray(inverse @ errors @ inverse.T)

    def bound(self, covariance: NDArray[np.float64], doubt: NDArray[np.float64]) -> Measured:
        """Return the coarsest grain whose neighbours vary together no more than is seen, within four deviations."""
        largest = max(float(covariance[1]), 0.0) + BELIEVED * doubt[1]
        trials = np.geomspace(FINEST_GRAIN, 3.0, 120)
        lags = np.array([self.lags(grain)[:2] for grain in trials])
        # Covariance falls to zero and rises again along fine grains: the first grain from which on all exceed it.
        allowed = np.flatnonzero(covariance[0] * lags[:, 1] / lags[:, 0] <= largest)
        last = allowed[-1] if len(allowed) else 0
        return Measured(value=float(trials[min(last + 1, len(trials) - 1)]), uncertainty=0.0, bound="upper")
