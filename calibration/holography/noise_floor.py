"""Noise of single holograms, read off their own spectrum where no order reaches."""

import math
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from calibration.holography.holograms import check_holograms
from calibration.holography.separation import Pair, band_radii
from optics.validation import check_number

Real = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class NoiseFloor:
    """Noise of the pixels of holograms.

    Parameters
    ----------
    variance : float
        Variance of a pixel, in the square of the unit of the frames.
    standard_error : float
        Standard error of the variance.
    bins : int
        Bins of the spectra that it was taken from.
    """

    variance: float
    standard_error: float
    bins: int


def noise_outside_orders(
    frames: ArrayLike, carrier: Pair, *, radius: float | Pair | None = None, beyond: float = 0.0
) -> NoiseFloor:
    """Estimate the white noise of pixels from the spectrum outside the orders.

    .. math:: \\hat\\sigma^2 = \\frac{1}{\\ln 2} \\, \\mathrm{median} \\,
              \\frac{|\\mathrm{DFT}(w I)|^2}{\\sum w^2}

    Parameters
    ----------
    frames : array_like, shape (frame, y, x)
        Holograms.
    carrier : tuple of float
        Carrier along (y, x), in cycles per pixel.
    radius : float, tuple of float or None, optional
        Radius of the band, or half axes along (y, x): the zero order is left out to 2 radii and each sideband to one;
        None takes a third of the carrier.
    beyond : float, optional
        Modulus of the frequency from which on bins are used, in cycles per pixel: dust and other structure fades
        towards high frequencies, white noise does not.

    Returns
    -------
    NoiseFloor
        The variance of a pixel.

    Raises
    ------
    ValueError
        If fewer than 100 bins are left.

    Notes
    -----
    White noise has exponential powers, whose median is ln 2 of the mean; the median passes over what structure is
    left in few bins. The weight w is a Hann window, which correlates neighbouring bins: the standard error,
    variance / (ln 2 sqrt(bins)), is widened by the square root of 35/18 for each axis for it. Noise that grows with the
    light comes as its mean over the frame, weighted by w squared.
    """
    array = check_holograms(frames)
    check_number("beyond", beyond, unit="cycles/pixel", at_least=0, at_most=0.7)
    third = math.hypot(*carrier) / 3
    radii = (third, third) if radius is None else band_radii(radius)
    shape = (array.shape[1], array.shape[2])
    weight = np.hanning(shape[0])[:, np.newaxis] * np.hanning(shape[1])
    used = _outside(shape, carrier=carrier, radii=radii, beyond=beyond)
    bins = int(used.sum())
    if bins < 100:
        raise ValueError(
            f"only {bins} bins of the spectrum are outside the orders and beyond {beyond:g} cycles/pixel: take a "
            "smaller radius, a smaller beyond, or larger frames"
        )
    powers = np.array([
        np.abs(scipy.fft.rfft2((frame - frame.mean()) * weight)[used]) ** 2 for frame in array
    ])  # fmt: skip
    variance = float(np.median(powers)) / math.log(2) / float(np.sum(weight**2))
    spread = (35 / 18) / (math.log(2) * math.sqrt(bins * len(array)))
    return NoiseFloor(variance=variance, standard_error=variance * spread, bins=bins * len(array))


def _outside(shape: tuple[int, int], *, carrier: Pair, radii: Pair, beyond: float) -> NDArray[np.bool_]:
    """Return which bins of the half spectrum no order reaches; those that stand twice are left out."""
    axes = (scipy.fft.fftfreq(shape[0])[:, np.newaxis], scipy.fft.rfftfreq(shape[1])[np.newaxis])
    used = np.hypot(*axes) >= beyond
    for centre, reach in (((0.0, 0.0), 2), (carrier, 1), ((-carrier[0], -carrier[1]), 1)):
        parts = [
            (np.mod(axis - middle + 0.5, 1) - 0.5) / (reach * part + 2.5 / size)  # a Hann window spreads two bins
            for axis, middle, part, size in zip(axes, centre, radii, shape, strict=True)
        ]
        used &= np.hypot(*parts) > 1
    return np.asarray(used & (axes[1] > 0) & (axes[1] < 0.5))
