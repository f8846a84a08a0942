"""Frames of speckle, real or simulated: what is refused, how much of them is saturated, and blocks of them."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.speckle.estimate import Estimate
from optics.speckle.grain import Grain, measure_grain
from optics.speckle.intensities import check_intensity
from optics.validation import check_number

LEAST_BLOCKS = 8
"""Blocks below which their scatter says nothing about an uncertainty."""


def block_size(frames: ArrayLike, *, grain: Grain | None = None) -> tuple[int, int]:
    """Return the size of blocks that are nearly independent: at least four grains wide.

    Parameters
    ----------
    frames : array_like, shape (..., y, x)
        Intensities or counts.
    grain : Grain or None, optional
        The measured grain where it is known already.

    Returns
    -------
    tuple of int
        Rows and columns of a block; an eighth of the frame where that is more than four grains.

    Raises
    ------
    ValueError
        If the frames hold fewer than eight such blocks.
    """
    array = check_intensity(frames)
    widths = (grain or measure_grain(array, allow_unresolved=True)).widths
    rows, columns = array.shape[-2:]
    size = (max(math.ceil(4 * widths[0]), rows // 8, 1), max(math.ceil(4 * widths[1]), columns // 8, 1))
    count = (rows // size[0]) * (columns // size[1]) * math.prod(array.shape[:-2])
    if count < LEAST_BLOCKS:
        raise ValueError(
            f"too few grains: frames of shape {array.shape} with grains of {widths[0]:.3g} x {widths[1]:.3g} samples "
            f"hold {count} blocks of four grains squared, at least {LEAST_BLOCKS} are needed for an uncertainty; "
            "give larger or more frames, or a finer grain"
        )
    return size


def split_blocks(frames: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """Return the pixels of the blocks of frames; what is left over at the far edges is dropped.

    Parameters
    ----------
    frames : ndarray, shape (..., y, x)
        Frames.
    size : tuple of int
        Rows and columns of a block.

    Returns
    -------
    ndarray, shape (block, pixel)
        Each block flattened.
    """
    rows, columns = frames.shape[-2] // size[0], frames.shape[-1] // size[1]
    cropped = frames.reshape(-1, *frames.shape[-2:])[:, : rows * size[0], : columns * size[1]]
    parts = cropped.reshape(-1, rows, size[0], columns, size[1]).swapaxes(2, 3)
    return parts.reshape(-1, size[0] * size[1])


def saturated_share(frames: ArrayLike, *, saturation: float) -> Estimate:
    """Return the part of pixels that are saturated.

    Parameters
    ----------
    frames : array_like, shape (..., y, x)
        Counts.
    saturation : float
        Count at and above which a pixel is saturated.

    Returns
    -------
    Estimate
        Share, from 0 to 1; its uncertainty from the scatter of blocks, since bright grains cover several pixels.

    Raises
    ------
    ValueError
        If a count exceeds the saturation (it is not that of this camera), or the frames hold too few grains.
    """
    array = check_intensity(frames)
    check_number("saturation", saturation, above=0)
    if array.max() > saturation:
        raise ValueError(
            f"frames hold a count of {array.max():g} above saturation = {saturation:g}: give the camera's largest count"
        )
    blocks = split_blocks(array, block_size(array)) >= saturation
    shares = blocks.mean(axis=1)
    return Estimate(
        value=float(np.mean(array >= saturation)), uncertainty=float(shares.std(ddof=1) / math.sqrt(len(shares)))
    )
