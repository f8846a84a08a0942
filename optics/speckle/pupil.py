"""Pupils that make speckle: their weights in the frequency plane, and the correlation that follows.

The grain is g = lambda z / D in field samples, along y and x, with D the diameter of a disc or the side of a square:
the pupil is 1/g cycles a sample wide. Other widths of a grain follow: the first zero of the correlation lies at 1.22 g
(disc) or g (square), its full width at half maximum is 1.029 g or 0.886 g (law L13).
"""

import math
from typing import Literal

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray
from scipy.special import j1

from optics.validation import check_choice, check_number

Pupil = Literal["disc", "square"]
PUPILS = ("disc", "square")

HALF_WIDTH = {"disc": 1.0289939, "square": 0.8858929}
"""Full width at half maximum of the intensity correlation over the grain: roots of [2 J1(v)/v]^2 and sinc^2 at 1/2."""


def grain_size(*, wavelength: float, distance: float, aperture: float) -> float:
    """Return the grain that a pupil or an illuminated spot makes.

    .. math:: g = \\lambda z / D

    Parameters
    ----------
    wavelength : float
        Wavelength, in metres.
    distance : float
        Distance z from the pupil or the spot to the camera, in metres.
    aperture : float
        Diameter of a disc or side of a square, in metres.

    Returns
    -------
    float
        Grain, in metres; divide by the pitch of the field samples for the generators.
    """
    for name, value in (("wavelength", wavelength), ("distance", distance), ("aperture", aperture)):
        check_number(name, value, unit="m", above=0)
    return wavelength * distance / aperture


def check_grain(grain: float | tuple[float, float], *, pupil: str) -> tuple[float, float]:
    """Return the grain along y and x, or say why field samples cannot hold it.

    Parameters
    ----------
    grain : float or tuple of float
        Grain lambda z / D, in samples; one number for both axes, or (y, x).
    pupil : str
        Shape of the pupil, ``"disc"`` or ``"square"``.

    Returns
    -------
    tuple of float
        Grain along y and x, in samples.

    Raises
    ------
    ValueError
        If the pupil is unknown, or wider than the band of the samples.
    """
    check_choice("pupil", pupil, PUPILS)
    pair = tuple(grain) if isinstance(grain, (tuple, list)) else (grain, grain)
    if len(pair) != 2:
        raise ValueError(f"grain must be one number or two, (y, x), got {len(pair)}")
    for axis, value in zip("yx", pair, strict=True):
        check_number(f"grain along {axis}", value, unit="samples", above=0)
        if value < 1:
            raise ValueError(
                f"grain along {axis} = {value:g} samples is finer than the sampling: its pupil is {1 / value:.3g} "
                f"cycles a sample wide and the band is 1; use at least 1 sample for fields, 2 for intensities without "
                f"aliases: take samples {math.ceil(2 / value)} times finer, or bin the pixels afterwards"
            )
    return float(pair[0]), float(pair[1])


def pupil_weights(
    shape: tuple[int, int], *, grain: tuple[float, float], pupil: str, grey_rim: bool = True
) -> tuple[NDArray[np.float64], tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return the part of each frequency bin that a pupil covers.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the grid, in samples.
    grain : tuple of float
        Grain along y and x, in samples.
    pupil : str
        Shape of the pupil, ``"disc"`` or ``"square"``.
    grey_rim : bool, optional
        Whether bins on the rim count in part; else those whose centre lies within the pupil count, and no other.

    Returns
    -------
    ndarray, shape (bins along y, bins along x)
        Weights from 0 to 1: exact for the square, to first order in the distance from the edge for the disc.
    tuple of ndarray of int
        Where these bins lie in a discrete Fourier transform, along y and x.

    Raises
    ------
    ValueError
        If the grid is smaller than four grains: its pupil would hold a handful of bins.
    """
    axes, places = [], []
    for name, count, size in zip("yx", shape, grain, strict=True):
        radius = count / (2 * size)  # bins
        if radius < 2:
            raise ValueError(
                f"too few grains: {count} samples along {name} hold {count / size:.2g} grains of {size:g} samples, "
                "at least 4 are needed; take a larger grid or a finer grain"
            )
        index = np.rint(scipy.fft.fftfreq(count) * count).astype(np.intp)
        places.append(np.flatnonzero(np.abs(index) < radius + 1))
        axes.append((index[places[-1]].astype(float), radius))
    (y, half_y), (x, half_x) = axes
    if pupil == "square":
        cover = [np.clip(half + 0.5 - np.abs(k), 0, 1) if grey_rim else np.abs(k) <= half for k, half in axes]
        return np.outer(cover[0], cover[1]), (places[0], places[1])
    column, row = y[:, np.newaxis], x[np.newaxis]
    rho = np.hypot(column / half_y, row / half_x)
    if not grey_rim:
        return (rho**2 <= 1).astype(np.float64), (places[0], places[1])
    # Distance to the rim in bins, to first order: (1 - rho) / |grad rho|.
    slope = np.hypot(column / half_y**2, row / half_x**2) / np.maximum(radius, 1e-300)
    inside = np.clip(0.5 + (1 - rho) / np.maximum(slope, 1e-12), 0, 1)
    return inside, (places[0], places[1])


def pupil_correlation(shift: ArrayLike, *, pupil: str) -> NDArray[np.float64]:
    """Return the correlation of intensities at two points along an axis.

    .. math:: |\\mu|^2 = [2 J_1(\\pi s)/(\\pi s)]^2 \\text{ (disc)}, \\quad \\mathrm{sinc}^2 s \\text{ (square)}

    Parameters
    ----------
    shift : array_like
        Distance s of the points along y or x, over the grain.
    pupil : str
        Shape of the pupil, ``"disc"`` or ``"square"``.

    Returns
    -------
    ndarray
        Covariance of fully developed speckle over its mean squared.

    References
    ----------
    .. [1] J. W. Goodman, Speckle Phenomena in Optics, Roberts 2007, sec. 4.4.
    """
    check_choice("pupil", pupil, PUPILS)
    s = np.abs(np.asarray(shift, np.float64))
    if pupil == "square":
        return np.asarray(np.sinc(s) ** 2)
    v = np.maximum(np.pi * s, 1e-6)
    return np.asarray((2 * j1(v) / v) ** 2)


def correlation_area(grain: float | tuple[float, float], *, pupil: str) -> float:
    """Return the area of a grain: the integral of the intensity correlation.

    .. math:: A_c = \\frac{4}{\\pi} g_y g_x \\text{ (disc)}, \\quad g_y g_x \\text{ (square)}

    Parameters
    ----------
    grain : float or tuple of float
        Grain lambda z / D, one number or (y, x).
    pupil : str
        Shape of the pupil, ``"disc"`` or ``"square"``.

    Returns
    -------
    float
        Area, in the unit of the grain squared: (lambda z)^2 over the area of the pupil.
    """
    y, x = check_grain(grain, pupil=pupil)
    return y * x * (4 / math.pi if pupil == "disc" else 1.0)


def vortex_density_law(grain: float | tuple[float, float], *, pupil: str) -> float:
    """Return how many optical vortices fully developed speckle has in a unit of area.

    .. math:: n = \\frac{\\sqrt{\\langle\\kappa_y^2\\rangle \\langle\\kappa_x^2\\rangle}}{2\\pi}
        = \\frac{\\pi}{8 g_y g_x} \\text{ (disc)}, \\quad \\frac{\\pi}{6 g_y g_x} \\text{ (square)}

    Parameters
    ----------
    grain : float or tuple of float
        Grain lambda z / D, one number or (y, x).
    pupil : str
        Shape of the pupil, ``"disc"`` or ``"square"``.

    Returns
    -------
    float
        Vortices of both signs per unit of area: 1/2 (disc) or pi/6 (square) in each correlation area.

    References
    ----------
    .. [1] M. V. Berry and M. R. Dennis, Phase singularities in isotropic random waves, Proc. R. Soc. A 456, 2059
       (2000). doi:10.1098/rspa.2000.0602
    """
    return (0.5 if pupil == "disc" else math.pi / 6) / correlation_area(grain, pupil=pupil)
