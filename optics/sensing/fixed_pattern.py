"""What differs from pixel to pixel and stays: response, dark current, offsets, the steps of the converter.

Patterns belong to the sensor: a region shows the same pixels that the whole sensor shows there. They are kept in half
precision, which rounds a pattern by 2e-4 of itself: it is random to begin with, and large sensors hold many pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optics.camera import Camera
from optics.streams import NoiseSource, source_generator

Pattern = NDArray[np.float16]

DRAWN_ROWS = 64
"""Rows of the sensor that are drawn at a time, so that double-precision draws take little memory."""

LARGEST_STEP_ERROR = 0.45
"""Largest shift of a converter's threshold, in DN: beyond half a DN counts would be missing."""


@dataclass(frozen=True, eq=False)
class FixedPattern:
    """The fixed pattern of one sensor's region.

    Parameters
    ----------
    response_deviation : ndarray of float16, shape (y, x)
        Response of each pixel over the quantum efficiency, less one; -1 where it is dead.
    offset : ndarray of float16, shape (y, x)
        Offset of each pixel in electrons, before the amplifier; of each binned pixel where charge is binned.
    hot_rows, hot_columns : ndarray of int, shape (hot,)
        Hot pixels in rising order of their rows.
    thresholds : ndarray of float32 or None, shape (count + 1,)
        Level at which the converter steps to each count, in DN; None where it has no step errors.
    """

    response_deviation: Pattern
    offset: Pattern
    hot_rows: NDArray[np.intp]
    hot_columns: NDArray[np.intp]
    thresholds: NDArray[np.float32] | None


def draw_fixed_pattern(camera: Camera, *, seed: int) -> FixedPattern:
    """Return the fixed pattern that a seed gives a camera.

    Parameters
    ----------
    camera : Camera
        Description of the camera.
    seed : int
        Seed of the sensor.

    Returns
    -------
    FixedPattern
        Patterns of the region that is read out. What is the same for all pixels takes no memory.
    """
    rows, columns = _marked(camera, seed, NoiseSource.DARK_CURRENT, camera.hot_pixels)
    return FixedPattern(
        _response_deviation(camera, seed), _offset(camera, seed), rows, columns, _thresholds(camera, seed)
    )


def _response_deviation(camera: Camera, seed: int) -> Pattern:
    """Return the relative deviation of each pixel's response."""
    if not camera.prnu and not camera.dead_pixels:
        return np.broadcast_to(np.float16(0), camera.shape)
    deviation = np.zeros(camera.shape, np.float16)
    if camera.prnu:
        for rows, normals in _region_normals(camera, source_generator(seed, NoiseSource.PHOTO_RESPONSE)):
            deviation[rows] = np.maximum(camera.prnu * normals, -1)
    deviation[_marked(camera, seed, NoiseSource.DEAD, camera.dead_pixels)] = -1
    return deviation


def _offset(camera: Camera, seed: int) -> Pattern:
    """Return the fixed offset of each pixel that has one of its own, in electrons."""
    camera = merged(camera) if camera.binning_kind == "charge" else camera
    if not (camera.dsnu or camera.row_offset or camera.column_offset):
        return np.broadcast_to(np.float16(0), camera.shape)
    lines = source_generator(seed, NoiseSource.LINE_OFFSET)
    down, right = (lines.standard_normal(size) for size in camera.sensor_shape)
    across = camera.column_offset * right[camera.left : camera.left + camera.columns]
    along = camera.row_offset * down[camera.top : camera.top + camera.rows, np.newaxis]
    offset = np.empty(camera.shape, np.float16)
    for rows, normals in _region_normals(camera, source_generator(seed, NoiseSource.OFFSET)):
        offset[rows] = camera.dsnu * normals + along[rows] + across
    return offset


def _thresholds(camera: Camera, seed: int) -> NDArray[np.float32] | None:
    """Return the level at which the converter steps to each count, and one beyond the largest."""
    if not camera.differential_nonlinearity:
        return None
    draw = source_generator(seed, NoiseSource.CONVERTER).standard_normal(camera.largest_count + 2)
    error = np.clip(camera.differential_nonlinearity * draw, -LARGEST_STEP_ERROR, LARGEST_STEP_ERROR)
    return np.asarray(np.arange(camera.largest_count + 2) - 0.5 + error, np.float32)


def merged(camera: Camera) -> Camera:
    """Return the geometry of a camera with the pixels of each bin taken as one.

    Parameters
    ----------
    camera : Camera
        The camera.

    Returns
    -------
    Camera
        Fewer, larger pixels; all other figures are those of the camera.
    """
    n = camera.binning
    return replace(
        camera, rows=camera.rows // n, columns=camera.columns // n, pixel_pitch=camera.pixel_pitch * n,
        top=camera.top // n, left=camera.left // n, binning=1,
        sensor_rows=camera.sensor_rows // n, sensor_columns=camera.sensor_columns // n,
    )  # fmt: skip


def _region_normals(camera: Camera, generator: np.random.Generator) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Give normal draws for rows of the region; those of the sensor above it are drawn and dropped."""
    width = camera.sensor_shape[1]
    for first in range(0, camera.top + camera.rows, DRAWN_ROWS):
        last = min(first + DRAWN_ROWS, camera.top + camera.rows)
        block = generator.standard_normal((last - first, width))
        if last > camera.top:
            skipped = max(camera.top - first, 0)
            rows = slice(first + skipped - camera.top, last - camera.top)
            yield rows, block[skipped:, camera.left : camera.left + camera.columns]


def _marked(
    camera: Camera, seed: int, source: NoiseSource, fraction: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns of the region's pixels that a chance of ``fraction`` picks."""
    generator = source_generator(seed, source)
    found: list[NDArray[np.intp]] = [np.empty((2, 0), np.intp)]
    width = camera.sensor_shape[1]
    for first in range(0, camera.top + camera.rows, DRAWN_ROWS) if fraction else ():
        last = min(first + DRAWN_ROWS, camera.top + camera.rows)
        picked = generator.random((last - first, width)) < fraction
        rows, columns = np.nonzero(picked[:, camera.left : camera.left + camera.columns])
        rows += first - camera.top
        found.append(np.stack([rows[rows >= 0], columns[rows >= 0]]))
    rows, columns = np.concatenate(found, axis=1)
    return rows, columns
