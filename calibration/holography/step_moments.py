"""Second moments of frames over pixels: all that the estimate of step errors needs to know of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.light import Light

FEWEST_PIXELS = 16
"""Pixels that a block must have."""

WORK_SPACE = 4_000_000
"""Values of frames that are widened to double precision at a time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StepMoments:
    """Sums over pixels of products of frames, the camera's noise taken off.

    .. math:: \\Sigma_{jk} = \\sum_p \\left( I_{jp} I_{kp} - \\delta_{jk} \\sigma_{kp}^2 \\right)

    Parameters
    ----------
    blocks : ndarray, shape (set, block, step, step)
        Sums over the pixels of each block, for each set of frames that shares its steps. Light is counted in units of
        ``scale``.
    noise : ndarray, shape (set,)
        Mean variance of a frame of the set, in squares of ``scale``.
    scale : float
        Mean light, in photons per pixel per second.
    """

    blocks: NDArray[np.float64]
    noise: NDArray[np.float64]
    scale: float


def step_moments(light: Light, *, shared: bool, blocks: int) -> StepMoments:
    """Return second moments of frames, block by block of neighbouring pixels.

    Parameters
    ----------
    light : Light
        Light of shape (pattern, step, ...).
    shared : bool
        Whether all patterns share their steps; otherwise each is a set of its own.
    blocks : int
        Blocks that the pixels are cut into, in the order in which they are stored.

    Returns
    -------
    StepMoments
        The moments. Pixels that saturated in any of the frames of a pattern are left out.

    Raises
    ------
    ValueError
        If a block would have fewer than 16 pixels, or no light was seen.
    """
    patterns, count = light.value.shape[:2]
    value, variance = (array.reshape(patterns, count, -1) for array in (light.value, light.variance))
    kept: NDArray[np.bool_] = np.all(light.valid.reshape(patterns, count, -1), axis=1)
    pixels = value.shape[2]
    if pixels < blocks * FEWEST_PIXELS:
        raise ValueError(
            f"{pixels} pixels are too few for {blocks} blocks of {FEWEST_PIXELS}: give more pixels or fewer blocks"
        )
    amount = kept.sum(axis=1)
    scale = float(np.einsum("psn,pn->", value, kept, dtype=np.float64)) / max(1, count * int(amount.sum()))
    if scale <= 0:
        raise ValueError(
            f"the mean light of unsaturated pixels is {scale:g} photons/s: the frames are dark, or all saturated"
        )
    sums = np.zeros((patterns, blocks, count, count))
    noise = np.zeros((patterns, count))
    edges = np.linspace(0, pixels, blocks + 1).astype(int)
    rows = max(1, WORK_SPACE * blocks // (count * pixels))
    for block in range(blocks):
        part = slice(edges[block], edges[block + 1])
        for start in range(0, patterns, rows):
            some = slice(start, start + rows)
            frames = value[some, :, part] * (kept[some, None, part] / scale)
            spread = np.einsum("psn,pn->ps", variance[some, :, part], kept[some, part], dtype=np.float64) / scale**2
            sums[some, block] = frames @ frames.transpose(0, 2, 1)
            sums[some, block, range(count), range(count)] -= spread
            noise[some] += spread
    return _by_set(sums, noise.sum(axis=1) / count, amount, shared=shared, scale=scale)


def _by_set(
    sums: NDArray[np.float64], noise: NDArray[np.float64], amount: NDArray[np.int64], *, shared: bool, scale: float
) -> StepMoments:
    """Return moments with patterns that share their steps added up."""
    if shared:
        sums, noise, amount = sums.sum(axis=0)[None], noise.sum()[None], amount.sum()[None]
    return StepMoments(blocks=sums, noise=noise / np.maximum(amount, 1), scale=scale)
