"""Speckle that a pixel integrates: the parameter M of its intensity law, by theory."""

import math

import numpy as np
from scipy.special import erf

from optics.speckle.pupil import Pupil, pupil_correlation
from optics.validation import check_choice, check_number

NODES = 24
"""Gauss-Legendre nodes within each stretch of a quarter of a grain: round-off is reached."""


def integrated_modes(
    *, pixel: float | tuple[float, float], grain: float | tuple[float, float], pupil: Pupil = "disc"
) -> float:
    """Return how many independent grains a rectangular pixel averages.

    .. math:: \\frac{1}{M} = 4 \\int_0^1\\!\\!\\int_0^1 (1 - s)(1 - t)\\, |\\mu(s w_y, t w_x)|^2 \\,ds\\,dt

    Parameters
    ----------
    pixel : float or tuple of float
        Side of the sensitive part, one number or (y, x), in any unit: pitch times root of the fill factor.
    grain : float or tuple of float
        Grain lambda z / D, one number or (y, x), in the same unit.
    pupil : {"disc", "square"}, optional
        Shape of the pupil.

    Returns
    -------
    float
        Parameter M at least 1: contrast is M^(-1/2), intensity nearly gamma distributed of shape M (law L14).

    References
    ----------
    .. [1] J. W. Goodman, Speckle Phenomena in Optics, Roberts 2007, sec. 4.6.
    """
    check_choice("pupil", pupil, ("disc", "square"))
    sides = pixel if isinstance(pixel, tuple) else (pixel, pixel)
    grains = grain if isinstance(grain, tuple) else (grain, grain)
    for axis, side, size in zip("yx", sides, grains, strict=True):
        check_number(f"pixel along {axis}", side, at_least=0)
        check_number(f"grain along {axis}", size, above=0)
    points, weights = zip(*(_triangle(side / size) for side, size in zip(sides, grains, strict=True)), strict=True)
    if pupil == "square":
        inverse = math.prod(
            float(w @ pupil_correlation(s, pupil="square")) for s, w in zip(points, weights, strict=True)
        )
    else:
        distance = np.hypot(points[0][:, np.newaxis], points[1])
        inverse = float(weights[0] @ pupil_correlation(distance, pupil="disc") @ weights[1])
    return 1 / inverse


def _triangle(extent: float) -> tuple[np.ndarray, np.ndarray]:  # shifts over the grain, weights that sum to 1
    pieces = max(math.ceil(4 * extent), 1)
    node, weight = np.polynomial.legendre.leggauss(NODES)
    t = ((np.arange(pieces)[:, np.newaxis] + (node + 1) / 2) / pieces).ravel()
    return extent * t, 2 * (1 - t) * np.tile(weight / (2 * pieces), pieces)


def gaussian_modes(*, pixel: float, correlation_area: float) -> float:
    """Return how many grains a square pixel averages behind a Gaussian spot.

    .. math:: M = \\left[ \\sqrt{\\frac{A_c}{A}}\\, \\mathrm{erf} \\sqrt{\\frac{\\pi A}{A_c}}
        - \\frac{A_c}{\\pi A} \\left(1 - e^{-\\pi A / A_c}\\right) \\right]^{-2}

    Parameters
    ----------
    pixel : float
        Side of the sensitive part; A is its square.
    correlation_area : float
        Integral A_c of the intensity correlation, in the unit of ``pixel`` squared.

    Returns
    -------
    float
        Parameter M at least 1.

    References
    ----------
    .. [1] J. W. Goodman, Speckle Phenomena in Optics, Roberts 2007, sec. 4.6.
    """
    check_number("pixel", pixel, above=0)
    check_number("correlation_area", correlation_area, above=0)
    x = math.pi * pixel**2 / correlation_area
    return float(math.sqrt(math.pi / x) * erf(math.sqrt(x)) - (1 - math.exp(-x)) / x) ** -2
