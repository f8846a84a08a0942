"""What a pixel does to the image before it counts: it integrates over its sensitive part and shares with neighbours."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.validation import check_count, check_number

SHARED_ROWS = 32
"""Rows that exchange light at a time, so that the copies of a large frame stay small."""


def pixel_mtf(frequency: ArrayLike, *, pitch: float, fill_factor: float = 1.0) -> NDArray[np.float64]:
    """Return the modulation transfer function of a square pixel along one axis.

    .. math:: \\mathrm{MTF}(f) = \\left| \\frac{\\sin \\pi w f}{\\pi w f} \\right|, \\qquad w = p \\sqrt{F}

    Parameters
    ----------
    frequency : array_like
        Spatial frequencies, in cycles per metre.
    pitch : float
        Distance between neighbouring pixels, in metres.
    fill_factor : float, optional
        Part F of the pixel area that collects light, a centred square.

    Returns
    -------
    ndarray
        Contrast of a fringe behind the pixel over that before it (law L49).

    References
    ----------
    .. [1] G. D. Boreman, Modulation Transfer Function in Optical and Electro-Optical Systems, SPIE 2001, sec. 3.1.
    """
    check_number("pitch", pitch, unit="m", above=0)
    check_number("fill_factor", fill_factor, above=0, at_most=1)
    return np.abs(np.sinc(np.asarray(frequency, np.float64) * pitch * math.sqrt(fill_factor)))


def nyquist_pitch(*, wavelength: float, distance: float, aperture: float) -> float:
    """Return the largest pixel pitch that samples speckle intensity without aliasing.

    .. math:: p = \\frac{\\lambda z}{2 D}

    Parameters
    ----------
    wavelength : float
        Wavelength, in metres.
    distance : float
        Distance z from the scattering spot, or from the pupil, to the camera, in metres.
    aperture : float
        Full width D of the spot or the pupil, in metres.

    Returns
    -------
    float
        Pitch, in metres: the intensity holds no frequency beyond D / (lambda z) (law L49).

    References
    ----------
    .. [1] J. W. Goodman, Speckle Phenomena in Optics, Roberts 2007, sec. 4.4: power spectrum of speckle.
    """
    for name, value in (("wavelength", wavelength), ("distance", distance), ("aperture", aperture)):
        check_number(name, value, unit="m", above=0)
    return wavelength * distance / (2 * aperture)


def aperture_weights(fill_factor: float, *, samples: int) -> NDArray[np.float32]:
    """Return what each field sample along one axis of a pixel counts in its signal.

    Parameters
    ----------
    fill_factor : float
        Part of the pixel area that collects light, a centred square.
    samples : int
        Field samples along the axis, each standing for an equal part of the pitch.

    Returns
    -------
    ndarray of float32, shape (samples,)
        Weights that sum to one: the overlap of each sample's part with the sensitive square.
    """
    check_number("fill_factor", fill_factor, above=0, at_most=1)
    check_count("samples", samples)
    edges = np.linspace(-0.5, 0.5, samples + 1)
    half = math.sqrt(fill_factor) / 2
    overlap = np.diff(np.clip(edges, -half, half))
    return np.asarray(overlap / overlap.sum(), np.float32)


def share_with_neighbours(light: NDArray[np.float32], *, crosstalk: float) -> None:
    """Give each pixel's four neighbours their share of its light, in place; the border mirrors itself.

    Parameters
    ----------
    light : ndarray of float32, shape (y, x)
        Light on the pixels of one frame.
    crosstalk : float
        Fraction of a pixel's light that each neighbour detects.
    """
    above = light[0].copy()
    for first in range(0, len(light), SHARED_ROWS):
        own = light[first : first + SHARED_ROWS]
        before = own.copy()
        below = light[first + SHARED_ROWS] if first + SHARED_ROWS < len(light) else before[-1]
        padded = np.pad(np.concatenate([above[np.newaxis], before, below[np.newaxis]]), ((0, 0), (1, 1)), mode="edge")
        neighbours = padded[:-2, 1:-1] + padded[2:, 1:-1]
        neighbours += padded[1:-1, :-2]
        neighbours += padded[1:-1, 2:]
        own *= np.float32(1 - 4 * crosstalk)
        neighbours *= np.float32(crosstalk)
        own += neighbours
        above = before[-1]
