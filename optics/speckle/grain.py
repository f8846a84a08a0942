"""The grain of speckle from its autocorrelation, unbiased by the edges and the finite area of frames."""

import math
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from optics.speckle.estimate import Estimate
from optics.speckle.intensities import check_intensity

AREA_SHAPE = 1.24
"""Correlation area over the product of the widths: 1.202 for a disc, 1.274 for a square, the middle to 3 %."""

LEAST_GRAINS = 16
"""Grains below which a width is not measured."""

SCATTER = 0.7
"""Standard error of a width over the width, times the root of the number of grains: from simulation, with a test."""


@dataclass(frozen=True, kw_only=True)
class Grain:
    """Grain of measured speckle.

    Parameters
    ----------
    height, width : Estimate
        Full widths at half maximum of the intensity correlation along y and x, in samples.
    correlation_area : float
        Area of a grain in samples, 1.24 times the product of the widths: right to 3 % for discs and squares.
    grains : float
        Correlation areas that the frames hold.
    noise_variance : float
        Variance that neighbours do not share: white noise of the camera, in squared units of the frames.
    resolved : bool
        Whether the grain is wider than two samples; else the widths are bounds, one sample, and no noise is told apart.
    """

    height: Estimate
    width: Estimate
    correlation_area: float
    grains: float
    noise_variance: float
    resolved: bool

    @property
    def widths(self) -> tuple[float, float]:
        """Full widths at half maximum along y and x, in samples."""
        return self.height.value, self.width.value


def autocovariance(frames: ArrayLike) -> NDArray[np.float64]:
    """Return the covariance of intensities against distance, unbiased by edges.

    .. math:: c(\\Delta) = \\frac{1}{n(\\Delta)} \\sum_r \\delta I(r)\\, \\delta I(r + \\Delta),
        \\qquad n(\\Delta) = (n_y - |\\Delta_y|)(n_x - |\\Delta_x|)

    Parameters
    ----------
    frames : array_like, shape (..., y, x)
        Intensities or counts; frames are averaged, each about its own mean.

    Returns
    -------
    ndarray, shape (y / 2, x)
        Covariance at shifts 0 ... ny/2 - 1 along y and, in the order of a discrete Fourier transform, along x up to
        nx/2 - 1. What is lost because the mean of a frame is measured on the same grains is given back to first order.
    """
    array = check_intensity(frames)
    stack = array.reshape(-1, *array.shape[-2:])
    rows, columns = stack.shape[-2:]
    reach = (max(rows // 2, 1), max(columns // 2, 1))
    padded = (scipy.fft.next_fast_len(rows + reach[0], True), scipy.fft.next_fast_len(columns + reach[1], True))
    power = np.zeros((padded[0], padded[1] // 2 + 1))
    for frame in stack:
        power += np.abs(scipy.fft.rfft2(frame - frame.mean(), padded)) ** 2
    sums = scipy.fft.irfft2(power, padded)
    across = np.r_[0 : reach[1], -reach[1] + 1 : 0]
    pairs = np.outer(rows - np.arange(reach[0]), columns - np.abs(across)) * len(stack)
    covariance = np.asarray(sums[: reach[0], across] / pairs)
    return covariance + _variance_of_mean(covariance, rows * columns)


def _variance_of_mean(covariance: NDArray[np.float64], area: int) -> float:  # solves v = (sum c + n v) / area
    """Return what the measured mean took from the covariance, from the sum within three widths of a grain."""
    half = [_half_width(curve) or 1.0 for curve in (covariance[:, 0], covariance[0, : (covariance.shape[1] + 1) // 2])]
    reach_y = min(math.ceil(5 * half[0]), covariance.shape[0] - 1)
    reach_x = min(math.ceil(5 * half[1]), (covariance.shape[1] - 1) // 2)
    near = covariance[: reach_y + 1, np.r_[0 : reach_x + 1, -reach_x:0] if reach_x else [0]]
    total = 2 * near.sum() - near[0].sum()  # the other half plane is its mirror
    count = (2 * reach_y + 1) * (2 * reach_x + 1)
    return float(max(total / max(area - count, count), 0.0))


def _half_width(curve: NDArray[np.float64]) -> float | None:  # None where it is not resolved
    """Return where an even curve first falls to half of its noiseless peak, in samples."""
    if len(curve) < 4:
        return None
    peak = noiseless_peak(curve)
    below = np.flatnonzero(curve[1:] < peak / 2) + 1
    if not len(below) or below[0] == 1:
        return None
    points = min(below[0] + 3, len(curve))
    values = np.r_[peak, curve[1:points]]
    spline = CubicSpline(np.arange(1 - points, points), np.r_[values[:0:-1], values] - peak / 2)
    crossings = np.asarray(spline.roots(extrapolate=False), np.float64)
    return float(np.min(crossings[crossings > 0]))


def noiseless_peak(curve: NDArray[np.float64]) -> float:
    """Return the covariance at distance zero that smooth neighbours point to, without white noise.

    .. math:: c(0) = \\frac{15 c(1) - 6 c(2) + c(3)}{10}

    Parameters
    ----------
    curve : ndarray, shape (n,)
        Covariance at distances 0, 1, 2, ...

    Returns
    -------
    float
        Value of the even polynomial of fourth degree through distances 1 to 3, where these are smooth (at least half
        of the second neighbour's covariance is left); else the measured value.
    """
    if curve[2] < curve[0] / 2:
        return float(curve[0])
    return float((15 * curve[1] - 6 * curve[2] + curve[3]) / 10)


def measure_grain(frames: ArrayLike, *, allow_unresolved: bool = False) -> Grain:
    """Return the grain of speckle along both axes.

    Parameters
    ----------
    frames : array_like, shape (..., y, x)
        Intensities or counts. A constant (black level) does not matter; remove an envelope first.
    allow_unresolved : bool, optional
        Whether a grain finer than two samples is answered by a width of one sample instead of an error.

    Returns
    -------
    Grain
        Widths with their uncertainty, correlation area, number of grains and white noise.

    Raises
    ------
    ValueError
        If the grain is finer than the sampling, or if there are fewer than sixteen grains.

    Notes
    -----
    Edges do not bias the covariance, each distance is divided by its own number of pairs. White noise sits at distance
    zero only and is replaced by what the neighbours point to where the grain is at least four samples wide. Widths of
    clipped frames are a little too large: a saturated grain has a flat top.
    """
    array = check_intensity(frames)
    covariance = autocovariance(array)
    curves = (covariance[:, 0], covariance[0, : (covariance.shape[1] + 1) // 2])
    half = [_half_width(curve) for curve in curves]
    resolved = None not in half
    if not resolved and not allow_unresolved:
        shares = [f"{curve[min(1, len(curve) - 1)] / curve[0]:.2f}" for curve in curves]
        raise ValueError(
            f"grain is finer than the sampling, or wider than half the frame: neighbours along y and x share "
            f"{' and '.join(shares)} of the variance, more than half is needed, and less than half at "
            f"{len(curves[0]) - 1} and {len(curves[1]) - 1} samples; use finer pixels, "
            "a smaller pupil or larger frames"
        )
    widths = [2 * value if value else 1.0 for value in half]
    area = AREA_SHAPE * widths[0] * widths[1] if resolved else 1.0
    grains = array.size / area
    if grains < LEAST_GRAINS:
        raise ValueError(
            f"too few grains: {grains:.1f} of {widths[0]:.3g} x {widths[1]:.3g} samples in frames of shape "
            f"{array.shape}, at least {LEAST_GRAINS} are needed"
        )
    spread = SCATTER / math.sqrt(grains)
    peak = 0.5 * (noiseless_peak(curves[0]) + noiseless_peak(curves[1])) if resolved else float(covariance[0, 0])
    return Grain(
        height=Estimate(value=widths[0], uncertainty=widths[0] * spread),
        width=Estimate(value=widths[1], uncertainty=widths[1] * spread),
        correlation_area=area,
        grains=grains,
        noise_variance=max(float(covariance[0, 0]) - peak, 0.0),
        resolved=resolved,
    )
