"""The envelope of a speckle frame: the mean light of each pixel, smooth beside the grain."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.speckle.grain import measure_grain
from optics.speckle.intensities import check_intensity
from optics.validation import check_count, check_number

GRAINS_EACH = 20
"""Grains that each coefficient needs: fewer, and the fit follows the speckle itself."""


def fit_envelope(frames: ArrayLike, *, degree: int = 4, black_level: float = 0.0) -> NDArray[np.float64]:
    """Return the mean light of each pixel over that of its frame, as a smooth fit.

    .. math:: e = \\exp \\sum_{i + j \\le d} c_{ij} P_i(x) P_j(y), \\qquad
        \\min_c \\sum \\left( \\frac{s}{e} + \\ln e \\right)

    Parameters
    ----------
    frames : array_like, shape (..., y, x)
        Counts or intensities s, each frame with its own envelope.
    degree : int, optional
        Degree d of the polynomial in the exponent: 2 holds any Gaussian beam.
    black_level : float, optional
        Counts without light.

    Returns
    -------
    ndarray, shape (..., y, x)
        Envelope, positive, of unit mean over each frame.

    Raises
    ------
    ValueError
        If a frame holds fewer than twenty grains a coefficient, or the fit does not settle.

    Notes
    -----
    The minimum is the maximum of the likelihood of an exponential law whose mean varies: each pixel counts relative to
    its own mean, so bright parts do not dominate, as they would in least squares or a low-pass. Dividing by the fit
    lowers the contrast squared by about one over the grains a coefficient.
    """
    array = check_intensity(frames)
    check_count("degree", degree)
    check_number("black_level", black_level)
    stack = array.reshape(-1, *array.shape[-2:]) - black_level
    rows, columns = stack.shape[-2:]
    terms = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    area = measure_grain(array, allow_unresolved=True).correlation_area
    if rows * columns / area < GRAINS_EACH * len(terms):
        raise ValueError(
            f"too few grains: a frame holds {rows * columns / area:.0f} and an envelope of degree {degree} has "
            f"{len(terms)} coefficients, at least {GRAINS_EACH} grains each are needed; lower "
            "the degree or give larger frames"
        )
    fits = np.stack([_fit_frame(frame, degree) for frame in stack])
    return np.asarray(fits / fits.mean(axis=(-2, -1), keepdims=True)).reshape(array.shape)


def _basis(count: int, degree: int) -> NDArray[np.float64]:  # orthonormal polynomials, shape (count, degree + 1)
    x = np.linspace(-1, 1, count)
    return np.linalg.qr(np.polynomial.legendre.legvander(x, degree))[0]


def _fit_frame(light: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    """Return the exponential of the polynomial that is most likely, by Fisher scoring."""
    if not (mean := float(light.mean())) > 0:
        raise ValueError(f"the mean of a frame lies {-mean:g} below the black level: nothing is left to fit")
    vertical, horizontal = _basis(light.shape[0], degree), _basis(light.shape[1], degree)
    allowed = np.add.outer(np.arange(degree + 1), np.arange(degree + 1)) <= degree
    relative, exponent = light / mean, np.zeros(light.shape)
    for _ in range(60):
        # The Fisher information of an orthonormal basis is the identity: the gradient is the step.
        step = allowed * (vertical.T @ (relative * np.exp(-exponent) - 1) @ horizontal)
        change = vertical @ step @ horizontal.T
        change /= max(1.0, float(np.abs(change).max()))  # no pixel changes by more than a factor e at once
        exponent += change
        if float(np.abs(change).max()) < 1e-6:
            return np.asarray(np.exp(exponent - exponent.mean()))
    raise ValueError(
        f"envelope of degree {degree} did not settle in 60 steps (last change {np.abs(change).max():.2g}, frame mean "
        f"{mean:g}): parts without any light want a crop, a lower degree or the right black level"
    )
