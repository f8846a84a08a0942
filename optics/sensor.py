"""The simulated sensor: photons in, counts out, every step of the camera chain in its order.

Frames are float32 until they are rounded to counts: at 10 000 electrons that is a relative 6e-8, five orders
below the shot noise (``tests/optics/test_sensor.py`` bounds it).
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.camera import Camera, Counts
from optics.streams import ExposureGenerator, NoiseSource, exposure_states, source_generator

Frames = NDArray[np.float32]

BLOCK_PIXELS = 65_536
"""Pixels of one row block: a frame larger than this is drawn block by block, each with its own stream."""

CHUNK_PIXELS = 32_768
"""Pixels that one thread takes through the whole chain at a time, so that they stay in its cache."""


@dataclass(frozen=True)
class _Chunk:
    """Frames ``frames`` of rows ``rows``, which are row block ``block``."""

    frames: slice
    rows: slice
    block: int


class Sensor:
    """A particular sensor: the camera's description and the fixed pattern that its seed draws.

    Parameters
    ----------
    camera : Camera
        Description of the camera.
    seed : int
        Seed of the fixed pattern and of the noise.
    """

    def __init__(self, camera: Camera, *, seed: int) -> None:
        self.camera = camera
        self.seed = seed
        self.response = _response(camera, seed)
        self.dark_rate = _dark_rate(camera, seed)
        self.offset = _offset(camera, seed)
        self._previous_charge: Frames | None = None
        self._pool = ThreadPoolExecutor(_processors())

    def expose(self, photon_rate: Frames, *, exposure_time: float, first: int) -> Counts:
        """Return the counts of frames that follow each other.

        Parameters
        ----------
        photon_rate : ndarray of float32, shape (frame, y, x)
            Photons per pixel per second. The array is used as work space: its content is lost.
        exposure_time : float
            Exposure time, in seconds.
        first : int
            Absolute index of the first exposure: the key of its noise.

        Returns
        -------
        ndarray of uint8 or uint16, shape (frame, y, x)
            Words as the camera delivers them.
        """
        camera = self.camera
        _share_with_neighbours(photon_rate, crosstalk=camera.crosstalk)
        scale = self.response * np.float32(exposure_time)
        floor = scale * np.float32(camera.background) + self.dark_rate * np.float32(exposure_time)
        counts: Counts = np.empty(photon_rate.shape, camera.word)
        draw = _Draws(camera, self.seed, first=first, count=len(photon_rate))

        def collect(chunk: _Chunk, generator: ExposureGenerator) -> None:
            charge = photon_rate[chunk.frames, chunk.rows]
            charge *= scale[chunk.rows]
            charge += floor[chunk.rows]
            draw.shot_noise(charge, chunk, generator)

        def digitise(chunk: _Chunk, generator: ExposureGenerator) -> None:
            charge = photon_rate[chunk.frames, chunk.rows]
            _saturate(charge, camera)
            noise = draw.read_noise(charge.shape, chunk, generator)
            _convert(charge, noise, self.offset[chunk.rows], camera, out=counts[chunk.frames, chunk.rows])

        chunks = list(_chunks(photon_rate.shape))
        if camera.lag:
            self._run([collect], chunks)
            self._carry_over(photon_rate)
            self._run([digitise], chunks)
        else:
            self._run([collect, digitise], chunks)
        return counts

    def _run(self, steps: list[Callable[[_Chunk, ExposureGenerator], None]], chunks: list[_Chunk]) -> None:
        """Take every chunk through the steps, shared among the processors."""
        shares = min(_processors(), len(chunks))

        def work(share: list[_Chunk]) -> None:
            generator = ExposureGenerator()
            for chunk in share:
                for step in steps:
                    step(chunk, generator)

        list(self._pool.map(work, [chunks[index::shares] for index in range(shares)]))

    def _carry_over(self, charge: Frames) -> None:
        """Move the fraction ``lag`` of each frame's charge into the next frame, in place."""
        lag = np.float32(self.camera.lag)
        previous = self._previous_charge
        last = charge[-1].copy() if len(charge) else previous
        charge[1:] = (1 - lag) * charge[1:] + lag * charge[:-1]
        if len(charge):
            charge[0] *= 1 - lag
            if previous is not None:
                charge[0] += lag * previous
        self._previous_charge = last


class _Draws:
    """The random draws of a run of exposures, each from the stream of its key."""

    def __init__(self, camera: Camera, seed: int, *, first: int, count: int) -> None:
        self._camera = camera
        sources = [NoiseSource.SHOT, NoiseSource.READ]
        sources += [NoiseSource.ROW_READ] * bool(camera.row_noise)
        sources += [NoiseSource.COLUMN_READ] * bool(camera.column_noise)
        self._states = {
            (source, block): exposure_states(seed, source, first=first, count=count, block=block)
            for source in sources
            for block in range(-(-camera.rows // _block_rows(camera.columns)))
        }

    def shot_noise(self, charge: Frames, chunk: _Chunk, generator: ExposureGenerator) -> None:
        """Replace mean charges by Poisson draws, in place."""
        states = self._states[NoiseSource.SHOT, chunk.block][chunk.frames]
        for frame, state in zip(charge, states, strict=True):
            frame[...] = generator.at(state).poisson(frame)

    def read_noise(self, shape: tuple[int, ...], chunk: _Chunk, generator: ExposureGenerator) -> Frames:
        """Return the read noise of pixels, rows and columns, in electrons."""
        camera = self._camera
        noise = np.empty(shape, np.float32)
        states = self._states[NoiseSource.READ, chunk.block][chunk.frames]
        for frame, state in zip(noise, states, strict=True):
            generator.at(state).standard_normal(dtype=np.float32, out=frame)
        noise *= np.float32(camera.read_noise)
        if camera.row_noise:
            states = self._states[NoiseSource.ROW_READ, chunk.block][chunk.frames]
            for frame, state in zip(noise, states, strict=True):
                frame += camera.row_noise * generator.at(state).standard_normal((shape[1], 1), dtype=np.float32)
        if camera.column_noise:
            # The columns of a frame share their noise over all its row blocks: the stream of block 0.
            states = self._states[NoiseSource.COLUMN_READ, 0][chunk.frames]
            for frame, state in zip(noise, states, strict=True):
                frame += camera.column_noise * generator.at(state).standard_normal(shape[2], dtype=np.float32)
        return noise


def _share_with_neighbours(light: Frames, *, crosstalk: float) -> None:
    """Give each pixel's four neighbours their share of its light, in place; the border mirrors itself."""
    if crosstalk:
        padded = np.pad(light, ((0, 0), (1, 1), (1, 1)), mode="edge")
        neighbours = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1] + padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
        light *= np.float32(1 - 4 * crosstalk)
        light += np.float32(crosstalk) * neighbours


def _saturate(charge: Frames, camera: Camera) -> None:
    """Clip at full well and bend the response, in place."""
    np.minimum(charge, np.float32(camera.full_well), out=charge)
    if camera.nonlinearity:
        charge *= 1 - np.float32(camera.nonlinearity / camera.full_well) * charge


def _convert(charge: Frames, noise: Frames, offset: Frames, camera: Camera, *, out: Counts) -> None:
    """Write clip(floor(K (charge + offset + noise) + black level + 1/2)) into ``out``."""
    charge += noise
    charge += offset
    charge *= np.float32(camera.gain)
    charge += np.float32(camera.black_level + 0.5)
    # Clipping first lets the cast, which truncates, do the rounding down.
    np.clip(charge, 0, np.float32(camera.largest_count + 0.5), out=charge)
    np.copyto(out, charge, casting="unsafe")
    if camera.count_step != 1:
        np.multiply(out, out.dtype.type(camera.count_step), out=out)


def _response(camera: Camera, seed: int) -> Frames:
    """Return electrons per photon of each pixel."""
    draw = source_generator(seed, NoiseSource.PHOTO_RESPONSE).standard_normal(camera.shape)
    return np.asarray(camera.quantum_efficiency * np.maximum(1 + camera.prnu * draw, 0), np.float32)


def _dark_rate(camera: Camera, seed: int) -> Frames:
    """Return the dark current of each pixel, in electrons per second."""
    hot = source_generator(seed, NoiseSource.DARK_CURRENT).random(camera.shape) < camera.hot_pixels
    return np.where(hot, camera.hot_pixel_current, camera.dark_current).astype(np.float32)


def _offset(camera: Camera, seed: int) -> Frames:
    """Return the fixed offset of each pixel, in electrons."""
    rng = source_generator(seed, NoiseSource.OFFSET)
    pixels = camera.dsnu * rng.standard_normal(camera.shape)
    rows = camera.row_offset * rng.standard_normal((camera.rows, 1))
    columns = camera.column_offset * rng.standard_normal(camera.columns)
    return np.asarray(pixels + rows + columns, np.float32)


def _block_rows(columns: int) -> int:
    """Return the rows of one row block."""
    return max(1, BLOCK_PIXELS // columns)


def _chunks(shape: tuple[int, ...]) -> Iterable[_Chunk]:
    """Cut frames of a shape into chunks that fit a cache."""
    frames, rows, columns = shape
    height = _block_rows(columns)
    for block, top in enumerate(range(0, rows, height)):
        part = slice(top, min(top + height, rows))
        step = max(1, CHUNK_PIXELS // ((part.stop - top) * columns))
        rounds = -(-frames // (step * _processors()))  # as many chunks for each processor, all of a size
        step = max(1, -(-frames // (rounds * _processors()))) if frames else step
        for start in range(0, frames, step):
            yield _Chunk(slice(start, min(start + step, frames)), part, block)


def _processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
