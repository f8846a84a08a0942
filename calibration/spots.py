"""Spots in camera frames: where they are, to a fraction of a pixel, and which point of the mirror array each is.

Points are told apart by their numbers: after one frame with all points on, two frames a binary digit show the points
that have a one there, and those that have a zero. Nothing needs to be known of the way from mirrors to camera.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from skimage.feature import peak_local_max

from calibration.light import Light
from optics.validation import check_count, check_number

LEAST_SIGNIFICANCE = 8.0
"""A spot stands out of the noise by so many standard deviations: none by chance in a billion pixels."""

LEAST_CONTRAST = 0.5
"""A digit is read where the two frames differ by half of their sum; what never changes is no point."""


@dataclass(frozen=True, eq=False)
class Spots:
    """Spots in a frame.

    Parameters
    ----------
    positions : ndarray of float64, shape (spot, 2)
        Centres (y, x), in pixels; the centre of the first pixel is (0, 0).
    standard_error : ndarray of float64, shape (spot, 2)
        Their standard errors from the noise of the light, in pixels.
    points : ndarray of int, shape (spot,)
        Number of the point that each spot shows; -1 where it could not be read.
    """

    positions: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    points: NDArray[np.int64]


def point_codes(points: int) -> NDArray[np.bool_]:
    """Return which points to show in each frame, so that `read_spots` can number them.

    Parameters
    ----------
    points : int
        Number of points.

    Returns
    -------
    ndarray of bool, shape (frame, point)
        All points, then for each binary digit of the points' numbers those with a one and those with a zero:
        1 + 2 ceil(log2(points)) frames.
    """
    check_count("points", points)
    digits = np.arange(_digits(points))[:, np.newaxis]
    ones = (np.arange(points) >> digits & 1).astype(np.bool_)
    pairs = np.stack([ones, ~ones], axis=1).reshape(-1, points)
    return np.concatenate([np.ones((1, points), np.bool_), pairs])


def read_spots(light: Light, *, points: int, width: float, least_share: float = 0.2) -> Spots:
    """Return the spots in frames of `point_codes`, each with its number.

    Parameters
    ----------
    light : Light
        Light of the frames, shape (frame, y, x), in the order of the codes.
    points : int
        Number of points that were shown.
    width : float
        Rms half width of a spot, in pixels: 0.4 of its full width at half maximum.
    least_share : float, optional
        Least light of a spot over the brightest one's.

    Returns
    -------
    Spots
        Spots whose number could not be read, or was read twice, have the number -1.

    Raises
    ------
    ValueError
        If the frames are not as many as the codes, or the width is not allowed.

    Notes
    -----
    Spots must be at least 6 widths apart and away from the border. Saturated spots are left out.
    """
    expected = 1 + 2 * _digits(points)
    if light.value.ndim != 3 or len(light.value) != expected:
        raise ValueError(
            f"light must have {expected} frames of shape (y, x) for {points} points, as point_codes({points}) shows "
            f"them, got {light.value.shape}"
        )
    first = light.value[0].astype(np.float64)
    found = find_spots(first, light.variance[0], width=width, least_share=least_share)
    frames = np.concatenate([first[np.newaxis], light.value[1:]])
    brightness = _window_light(frames, found.positions, width)
    ones, zeros = brightness[1::2], brightness[2::2]
    whole = np.maximum(np.abs(ones) + np.abs(zeros), np.finfo(np.float64).tiny)
    readable = (np.abs(ones - zeros) > LEAST_CONTRAST * whole).all(axis=0)
    numbers = ((ones > zeros) << np.arange(len(ones))[:, np.newaxis]).sum(axis=0)
    corners = np.rint(found.positions).astype(np.int64)
    dilated = scipy.ndimage.minimum_filter(light.valid[0], size=2 * math.ceil(2 * width) + 1)
    readable &= dilated[corners[:, 0], corners[:, 1]] & (numbers < points)
    counts = np.bincount(numbers[readable], minlength=1)
    readable &= counts[np.where(readable, numbers, 0)] <= 1
    return Spots(found.positions, found.standard_error, np.where(readable, numbers, -1))


def find_spots(
    image: NDArray[np.floating], variance: NDArray[np.floating], *, width: float, least_share: float = 0.2
) -> Spots:
    """Return the spots in one frame, unnumbered.

    .. math:: \\sum_r w(r - c) I(r) (r - c) = 0, \\qquad
              \\mathrm{var}(c) = \\frac{\\sum w^2 (r - c)^2 \\mathrm{var}(I)}
                                     {(\\sum w I (1 - (r - c)^2 / \\sigma^2))^2}

    Parameters
    ----------
    image : ndarray of float, shape (y, x)
        Light.
    variance : ndarray of float, shape (y, x)
        Its variance.
    width : float
        Rms half width sigma of a spot, in pixels.
    least_share : float, optional
        Least light of a spot over the brightest one's.

    Returns
    -------
    Spots
        Centres and standard errors; all numbers are -1.

    Notes
    -----
    Maxima of the frame filtered by a Gaussian of the width of a spot, at least 8 standard deviations of the
    noise high; then the centroid under a Gaussian window that is centred on it, which for a Gaussian spot is the
    estimate of least variance but for shot noise of the spot itself. A spot of other shape than the window only costs
    variance. Even background is subtracted (the median of the frame).
    """
    check_number("width", width, unit="pixels", at_least=0.7, at_most=min(image.shape) / 10)
    check_number("least_share", least_share, at_least=0, at_most=1)
    level = image.astype(np.float64) - np.median(image)
    filtered = scipy.ndimage.gaussian_filter(level, width)
    noise = math.sqrt(float(np.median(variance))) / (2 * math.sqrt(math.pi) * width)
    least = max(LEAST_SIGNIFICANCE * noise, least_share * float(filtered.max()))
    margin = math.ceil(4 * width) + 1
    peaks = peak_local_max(  # type: ignore[no-untyped-call]  # skimage is not typed
        filtered, min_distance=math.ceil(2 * width), threshold_abs=least, exclude_border=margin
    )
    return _centroids(level, variance, peaks.astype(np.int64), width)


def _centroids(
    level: NDArray[np.float64], variance: NDArray[np.floating], peaks: NDArray[np.int64], width: float
) -> Spots:
    """Return the centroids under Gaussian windows that are centred on them, all spots at once."""
    half = math.ceil(4 * width)
    offsets = np.arange(-half, half + 1)
    rows = peaks[:, 0, np.newaxis, np.newaxis] + offsets[:, np.newaxis]
    columns = peaks[:, 1, np.newaxis, np.newaxis] + offsets
    patches, noise = level[rows, columns], variance[rows, columns].astype(np.float64)
    centres = np.zeros((len(peaks), 2))
    for _ in range(50):
        window, down, right = _window(centres, offsets, width)
        lit = window * patches
        # Twice the windowed mean is the step that goes straight home for a Gaussian spot as wide as the window.
        step = 2 * np.stack([(lit * down).sum(axis=(1, 2)), (lit * right).sum(axis=(1, 2))], axis=-1)
        step /= lit.sum(axis=(1, 2))[:, np.newaxis]
        centres = np.clip(centres + step, -width, width)
        if not (np.abs(step) > 1e-6).any():
            break
    window, down, right = _window(centres, offsets, width)
    errors = [
        np.sqrt((window**2 * away**2 * noise).sum(axis=(1, 2)))
        / np.abs((window * patches * (1 - away**2 / width**2)).sum(axis=(1, 2)))
        for away in (down, right)
    ]
    return Spots(peaks + centres, np.stack(errors, axis=-1), np.full(len(peaks), -1))


def _window(
    centres: NDArray[np.float64], offsets: NDArray[np.int64], width: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the windows around centres and the distances from these along y and x."""
    down = offsets[:, np.newaxis] - centres[:, 0, np.newaxis, np.newaxis]
    right = offsets - centres[:, 1, np.newaxis, np.newaxis]
    return np.exp(-(down**2 + right**2) / (2 * width**2)), down, right


def _window_light(frames: NDArray[np.floating], positions: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Return the light of each frame around each spot, shape (frame, spot), the frame's median taken off."""
    nearest = np.rint(positions).astype(np.int64)
    offsets = np.arange(-math.ceil(2 * width), math.ceil(2 * width) + 1)
    rows = nearest[:, 0, np.newaxis, np.newaxis] + offsets[:, np.newaxis]
    columns = nearest[:, 1, np.newaxis, np.newaxis] + offsets
    window, _, _ = _window(positions - nearest, offsets, width)
    medians = np.median(frames, axis=(1, 2))
    sums = [
        (window * (frame[rows, columns] - median)).sum(axis=(1, 2))
        for frame, median in zip(frames, medians, strict=True)
    ]
    return np.array(sums)


def _digits(points: int) -> int:
    """Return the binary digits of the largest number, at least one."""
    return max(1, (points - 1).bit_length())
