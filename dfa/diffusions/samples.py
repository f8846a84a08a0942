"""Images that a denoiser makes out of noise, and a figure of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dfa.diffusions.sampling import sample_ancestral, sample_implicit, spaced_steps
from dfa.networks.denoiser import make_predictor
from dfa.networks.network import Network
from dfa.stages.layers import Floats
from dfa.tasks.denoising import Denoising
from optics.plots import canvas, draw_thumbnail
from optics.validation import check_count


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSamples:
    """Images made out of noise.

    Parameters
    ----------
    images : ndarray, shape (image, pixel)
        The images, in the unit of the training images.
    labels : ndarray of int, shape (image,), or None
        Class that each was asked to show; None where the denoiser is not told any.
    """

    images: Floats
    labels: NDArray[np.integer] | None


def sample_images(
    network: Network, task: Denoising, *, count: int, rng: np.random.Generator, implicit_steps: int | None = None
) -> ImageSamples:
    """Make images by a trained denoiser, as many of each class as of any other.

    Parameters
    ----------
    network : Network
        The denoiser.
    task : Denoising
        What it was trained on; pixels are kept within the range of its training images.
    count : int
        Number of images.
    rng : numpy.random.Generator
        Source of the noise.
    implicit_steps : int or None, optional
        Steps of the implicit sampler; None takes the ancestral one, through all steps.

    Returns
    -------
    ImageSamples
        Images and their classes: 0, 1, 2 and so on, again and again.

    Raises
    ------
    ValueError
        If the count is below 1 or there are fewer steps than asked for.
    """
    check_count("count", count)
    images, inputs = task.dataset.train_inputs, task.inputs
    labels = np.arange(count) % inputs.classes if inputs.classes else None
    bounds = (float(images.min()), float(images.max()))
    start = rng.standard_normal((count, inputs.pixels), dtype=np.float32)
    predict = make_predictor(network, inputs, target=task.target, labels=labels)
    if implicit_steps is None:
        made = sample_ancestral(predict, start, schedule=inputs.schedule, rng=rng, bounds=bounds)
    else:
        steps = spaced_steps(inputs.schedule, count=implicit_steps)
        made = sample_implicit(predict, start, schedule=inputs.schedule, steps=steps, bounds=bounds)
    return ImageSamples(images=made, labels=labels)


def draw_image_rows(rows: Mapping[str, Floats], *, shape: tuple[int, int], bounds: tuple[float, float]) -> Figure:
    """Draw images side by side, one row for each way that they came about.

    Parameters
    ----------
    rows : mapping of str to ndarray of shape (image, pixel)
        Images of each row by its title; all rows have as many.
    shape : tuple of int
        Rows and columns of an image.
    bounds : tuple of float
        Values that are drawn black and white.

    Returns
    -------
    Figure
        The figure.

    Raises
    ------
    ValueError
        If there is nothing to draw, or images do not fit the shape or each other.
    """
    counts = {len(images) for images in rows.values()}
    if len(counts) != 1 or counts == {0} or any(images.shape[1:] != (shape[0] * shape[1],) for images in rows.values()):
        raise ValueError(
            f"draw_image_rows: rows have shapes {[images.shape for images in rows.values()]}; give as many images in "
            f"each, at least one, of {shape[0]} x {shape[1]} pixels"
        )
    (count,) = counts
    with canvas(2.0 + 0.42 * count, 0.5 * len(rows) + 0.1) as figure:
        for axes, (title, images) in zip(figure.subplots(len(rows), squeeze=False)[:, 0], rows.items(), strict=True):
            draw_thumbnail(axes, _side_by_side(images, shape, gap=bounds[1]), limits=bounds)
            axes.set_ylabel(title, rotation=0, ha="right", va="center")
    return figure


def _side_by_side(images: Floats, shape: tuple[int, int], *, gap: float) -> Floats:
    """Return one picture of many, with a line of one pixel between them."""
    tiles = np.full((len(images), shape[0], shape[1] + 1), gap)
    tiles[:, :, :-1] = images.reshape(-1, *shape)
    return tiles.transpose(1, 0, 2).reshape(shape[0], -1)[:, :-1]
