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
        About how many blocks the pixels are cut into: tiles of a frame, or stretches of a list of outputs.

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
    shape = (patterns, count, *_plane(light.value.shape[2:]))
    value, variance = light.value.reshape(shape), light.variance.reshape(shape)
    kept: NDArray[np.bool_] = np.all(light.valid.reshape(shape), axis=1)
    pixels = shape[2] * shape[3]
    if pixels < blocks * FEWEST_PIXELS:
        raise ValueError(
            f"{pixels} pixels are too few for {blocks} blocks of {FEWEST_PIXELS}: give more pixels or fewer blocks"
        )
    amount = kept.sum(axis=(1, 2))
    scale = float(np.einsum("psyx,pyx->", value, kept, dtype=np.float64)) / max(1, count * int(amount.sum()))
    if scale <= 0:
        raise ValueError(
            f"the mean light of unsaturated pixels is {scale:g} photons/s: the frames are dark, or all saturated"
        )
    tiles = _tiles(shape[2:], blocks)
    sums = np.zeros((patterns, len(tiles), count, count))
    noise = np.zeros((patterns, count))
    rows = max(1, WORK_SPACE * len(tiles) // (count * pixels))
    for block, (down, across) in enumerate(tiles):
        for start in range(0, patterns, rows):
            some = slice(start, start + rows)
            here = kept[some, down, across]
            frames = (value[some, :, down, across] * (here[:, None] / scale)).reshape(len(here), count, -1)
            spread = np.einsum("psyx,pyx->ps", variance[some, :, down, across], here, dtype=np.float64) / scale**2
            sums[some, block] = frames @ frames.transpose(0, 2, 1)
            sums[some, block, range(count), range(count)] -= spread
            noise[some] += spread
    return _by_set(sums, noise.sum(axis=1) / count, amount, shared=shared, scale=scale)


def _plane(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the shape of the pixels as rows and columns; a list of outputs is one row."""
    return (int(np.prod(shape[:-1])), shape[-1])


def _tiles(shape: tuple[int, ...], blocks: int) -> list[tuple[slice, slice]]:
    """Cut a plane into about so many tiles that are about square."""
    rows, columns = shape
    down = min(rows, max(1, round(np.sqrt(blocks * rows / columns))))
    across = min(columns, max(1, round(blocks / down)))
    vertical, horizontal = np.linspace(0, rows, down + 1).astype(int), np.linspace(0, columns, across + 1).astype(int)
    return [
        (slice(vertical[y], vertical[y + 1]), slice(horizontal[x], horizontal[x + 1]))
        for y in range(down)
        for x in range(across)
    ]


def _by_set(
    sums: NDArray[np.float64], noise: NDArray[np.float64], amount: NDArray[np.int64], *, shared: bool, scale: float
) -> StepMoments:
    """Return moments with patterns that share their steps added up."""
    if shared:
        sums, noise, amount = sums.sum(axis=0)[None], noise.sum()[None], amount.sum()[None]
    return StepMoments(blocks=sums, noise=noise / np.maximum(amount, 1), scale=scale)
