"""Least squares pixel by pixel: where frames of a pixel are left out, or weighted by what its noise says."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 65_536
"""Pixels that are solved at a time: about 50 MB of work space with four steps."""


@dataclass(frozen=True, eq=False)
class PixelFit:
    """Interference terms that were solved for pixel by pixel.

    Parameters
    ----------
    term : ndarray of complex64, shape (pixel,)
        Interference term Z; zero where it is not determined.
    variance : ndarray of float32, shape (pixel,)
        Mean of the squared modulus of its error; infinite where it is not determined.
    determined : ndarray of bool, shape (pixel,)
        Whether the frames that are left determine the term.
    """

    term: NDArray[np.complex64]
    variance: NDArray[np.float32]
    determined: NDArray[np.bool_]


def solve_pixels(
    value: NDArray[np.float32],
    variance: NDArray[np.float32],
    kept: NDArray[np.bool_],
    *,
    matrix: NDArray[np.float64],
    frame_weights: NDArray[np.float64],
    pixels: NDArray[np.bool_],
    weighted: bool,
    largest: float,
) -> PixelFit:
    """Solve for the interference term of chosen pixels, each with frames and weights of its own.

    .. math:: \\hat X = (M^T W M)^{-1} M^T W I, \\qquad
              \\mathrm{cov}(\\hat X) = P \\, \\mathrm{diag}(\\sigma_k^2) \\, P^T

    Parameters
    ----------
    value, variance : ndarray of float32, shape (pattern, step, pixel)
        Light and its variance.
    kept : ndarray of bool, shape (pattern, step, pixel)
        Frames to use.
    matrix : ndarray, shape (pattern, step, 3)
        Step matrices of the patterns.
    frame_weights : ndarray, shape (pattern, step)
        Weights of the frames, the same for all pixels.
    pixels : ndarray of bool, shape (pattern, pixel)
        Which pixels of which patterns to solve.
    weighted : bool
        Whether to weight the frames of each pixel by the inverse of their variance instead, smoothed by a fit.
    largest : float
        Condition number up to which the frames that are left count as enough.

    Returns
    -------
    PixelFit
        Solutions of the chosen pixels, in the order of ``pixels`` read row by row.

    Notes
    -----
    A frame that fluctuated up has too large a variance, and weighting by it pulls fields down. The variance is
    therefore fitted by the same three unknowns first (it is linear in the light), which keeps the standard error right.
    With 30 electrons a frame and arm fields still come out 0.3 % too small, with 200 electrons 0.05 %.
    """
    pattern, position = np.nonzero(pixels)
    fit = PixelFit(
        np.zeros(len(pattern), np.complex64), np.full(len(pattern), np.inf, np.float32), np.zeros(len(pattern), bool)
    )
    for part in _blocks(len(pattern)):
        where = (pattern[part], slice(None), position[part])
        used, rows, noise = kept[where], matrix[pattern[part]], variance[where].astype(np.float64)
        good = _determined(rows, used, largest)
        used, rows, noise = used[good], rows[good], noise[good]
        weights = _normal_weights(rows, used * frame_weights[pattern[part]][good])
        if weighted:
            weights = _normal_weights(rows, used / _smoothed(noise, rows, weights))
        term = (weights[:, 1] + 1j * weights[:, 2]) / math.sqrt(2)
        chosen = np.arange(part.start, part.stop)[good]
        fit.term[chosen] = np.einsum("nk,nk->n", term, value[where][good])
        fit.variance[chosen] = np.einsum("nk,nk->n", np.abs(term) ** 2, noise)
        fit.determined[chosen] = True
    return fit


def _blocks(count: int) -> Iterator[slice]:
    """Cut so many pixels into blocks."""
    for start in range(0, count, BLOCK):
        yield slice(start, min(start + BLOCK, count))


def _determined(rows: NDArray[np.float64], used: NDArray[np.bool_], largest: float) -> NDArray[np.bool_]:
    """Return where the frames used determine the three unknowns well enough."""
    normal = np.einsum("nki,nk,nkj->nij", rows, used, rows)
    eigenvalues = np.linalg.eigvalsh(normal)
    enough = used.sum(axis=1) >= 3
    return np.asarray(enough & (eigenvalues[:, 0] * largest**2 >= eigenvalues[:, 2]))


def _normal_weights(rows: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of the frames in the three unknowns, shape (pixel, 3, step)."""
    weighted = (rows * weights[:, :, None]).transpose(0, 2, 1)
    return np.asarray(np.linalg.solve(weighted @ rows, weighted))


def _smoothed(
    noise: NDArray[np.float64], rows: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return variances fitted by background and fringe, not below the least one or a hundredth of the pixel's mean."""
    fitted = np.einsum("nki,nij,nj->nk", rows, weights, noise)
    floor = np.maximum(noise.min(initial=np.inf), noise.mean(axis=1, keepdims=True) / 100)
    return np.asarray(np.maximum(fitted, np.maximum(floor, np.finfo(np.float64).tiny)))
