"""How far light and its changes correlate from pixel to pixel: numbers of independent ones."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from calibration.identification.burst_light import BurstLight

CORRELATED = 0.1
"""Correlation between pixels below which they are taken for independent."""


def correlated_pixels(light: BurstLight) -> tuple[int, float]:
    """Return how far the light of neighbouring pixels correlates, and how many pixels share a grain.

    .. math:: n_c = \\sum_{|\\Delta y|, |\\Delta x| \\le h} \\rho(\\Delta y, \\Delta x)

    Parameters
    ----------
    light : BurstLight
        The light; pairs of consecutive frames are correlated, whose noise is not the same.

    Returns
    -------
    reach : int
        Distance h along y or x, in pixels, from which on the correlation stays below 0.1.
    pixels : float
        Number n_c by which the mean over pixels scatters more than over independent ones, at least one.
    """
    starts = np.flatnonzero(np.diff(light.bursts) == 0)[:: max(1, len(light.bursts) // 24)]
    first, second = (_flat(light.images(light.patterns[:, starts + shift])) for shift in (0, 1))
    pairs = autocovariance(light.counted.astype(np.float64)[np.newaxis], light.counted.astype(np.float64)[np.newaxis])
    rho = autocovariance(first, second).mean(axis=0) / np.maximum(pairs[0], 0.5)
    rho /= rho[0, 0]
    most = max(1, min(light.counted.shape) // 4)
    reach = 0
    while reach < most and _ring(rho, reach + 1) > CORRELATED:
        reach += 1
    total = float(_window(rho, reach).sum())
    left = 1 - (2 * reach + 1) ** 2 / np.count_nonzero(light.counted)
    return reach, max(1.0, total / max(left, 0.5))


def mean_covariance(scores: NDArray[np.float64], light: BurstLight, *, reach: int) -> NDArray[np.float64]:
    """Return the covariance of the means over pixels of some quantities that correlate from pixel to pixel.

    .. math:: J_{jk} = \\frac{\\mathrm{cov}(s_j, s_k)}{N} \\sqrt{f_j f_k}, \\qquad
              f_j = \\max\\Big(1, \\sum_{\\Delta} \\frac{\\mathrm{cov}[s_j(r), s_j(r + \\Delta)]}
              {\\mathrm{var}\\, s_j}\\Big)

    Parameters
    ----------
    scores : ndarray, shape (quantity, part, pixel)
        The quantities in each pixel, for each part of the macropixels.
    light : BurstLight
        Where the pixels are.
    reach : int
        Largest shift Delta along y and x that the sum goes to, in pixels.

    Returns
    -------
    ndarray, shape (quantity, quantity)
        The covariance, positive.
    """
    centred = scores - scores.mean(axis=2, keepdims=True)
    quantities, parts, pixels = scores.shape
    images = light.images(centred)
    sums = np.array([autocovariance(one, one).sum(axis=0) for one in images])
    factors = np.array([_window(one, reach).sum() / one[0, 0] for one in sums])
    left = max(1 - (2 * reach + 1) ** 2 / pixels, 0.5)
    roots = np.sqrt(np.maximum(factors / left, 1))
    flat = centred.reshape(quantities, -1)
    return np.asarray(flat @ flat.T / (parts * pixels) ** 2 * np.outer(roots, roots))


def autocovariance(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sums over pixels of products of two sets of images, shifted against each other.

    Parameters
    ----------
    first, second : ndarray, shape (image, y, x)
        The images.

    Returns
    -------
    ndarray, shape (image, shift y, shift x)
        Sums, in the order of a Fourier transform: zero shift first, negative shifts at the end.
    """
    shape = [scipy.fft.next_fast_len(2 * size, real=True) for size in first.shape[1:]]
    spectrum = scipy.fft.rfft2(first, shape, workers=2).conj() * scipy.fft.rfft2(second, shape, workers=2)
    return np.asarray(scipy.fft.irfft2(spectrum, shape, workers=2))


def _flat(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return images of several sets in one row."""
    return images.reshape(-1, *images.shape[-2:])


def _window(image: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Return the values at shifts up to the reach."""
    shifts = np.arange(-reach, reach + 1)
    return np.asarray(image[np.ix_(shifts, shifts)])


def _ring(image: NDArray[np.float64], distance: int) -> float:
    """Return the mean over shifts whose larger part is the distance."""
    inner = _window(image, distance - 1)
    outer = _window(image, distance)
    return float((outer.sum() - inner.sum()) / (outer.size - inner.size))
