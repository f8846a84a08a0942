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
from optics.sensing.background import background_photons
from optics.sensing.binning import bin_charge, bin_counts
from optics.sensing.converter import align, convert, saturate
from optics.sensing.fixed_pattern import draw_fixed_pattern
from optics.sensing.pixel import share_with_neighbours
from optics.streams import ExposureGenerator, NoiseSource, exposure_states
from optics.validation import check_choice

Frames = NDArray[np.float32]

BLOCK_PIXELS = 65_536
"""Pixels of one row block: a frame larger than this is drawn block by block, each with its own stream."""

CHUNK_PIXELS = 32_768
"""Pixels that one thread takes through the whole chain at a time, so that they stay in its cache."""

LEAST_SHARE = 32_768
"""Pixels below which another thread costs more than it saves; where all processors are busy it costs most."""


@dataclass(frozen=True)
class _Chunk:
    """Frames ``frames`` of rows ``rows``, which are row block ``block``; ``bins`` are the rows of their counts."""

    frames: slice
    rows: slice
    bins: slice
    block: int


class Sensor:
    """A particular sensor: the camera's description and the fixed pattern that its seed draws.

    Parameters
    ----------
    camera : Camera
        Description of the camera.
    seed : int
        Seed of the fixed pattern and of the noise.
    shot_noise : {"poisson", "gaussian", "none"}, optional
        The law of the shot noise. The normal law is a shortcut: mean and variance are right, but the skewness
        1 / sqrt(mu) is lost, few electrons can be negative, and the distribution function is off by up to
        0.27 / sqrt(mu) (0.2 of it because electrons come whole, 0.07 from the skewness). "none" keeps the mean charge:
        a sensor as no nature allows it, to see what shot noise does.

    Raises
    ------
    ValueError
        If ``shot_noise`` is none of these.
    """

    def __init__(self, camera: Camera, *, seed: int, shot_noise: str = "poisson") -> None:
        check_choice("shot_noise", shot_noise, ("poisson", "gaussian", "none"))
        self.camera = camera
        self.seed = seed
        self.shot_noise = shot_noise
        self.pattern = draw_fixed_pattern(camera, seed=seed)
        self._previous_charge = np.zeros(camera.shape if camera.lag else (0, 0), np.float32)
        self._pool = ThreadPoolExecutor(_processors())

    @property
    def charge(self) -> Frames:
        """Return the charge of the last frame, of which a part lags, shape (y, x), in electrons."""
        return self._previous_charge.copy()

    @charge.setter
    def charge(self, charge: Frames) -> None:
        self._previous_charge[...] = charge

    def expose(
        self,
        photon_rate: Frames,
        *,
        exposure_time: float,
        first: int,
        timestamps: NDArray[np.float64] | None = None,
        dark_factor: NDArray[np.float64] | None = None,
    ) -> Counts:
        """Return the counts of frames that follow each other.

        Parameters
        ----------
        photon_rate : ndarray of float32, shape (frame, y, x)
            Photons per pixel per second. The array is used as work space: its content is lost.
        exposure_time : float
            Exposure time, in seconds.
        first : int
            Absolute index of the first exposure: the key of its noise.
        timestamps : ndarray of float or None, shape (frame,), optional
            Start of each exposure, in seconds; None, where the background is steady.
        dark_factor : ndarray of float or None, shape (frame,), optional
            Dark current of each frame over that at the camera's temperature; None where it stays.

        Returns
        -------
        ndarray of uint8 or uint16, shape (frame, y / binning, x / binning)
            Words as the camera delivers them.

        Raises
        ------
        ValueError
            If the background flickers and no time is given.
        """
        camera = self.camera
        frames, n = len(photon_rate), camera.binning
        if timestamps is None:
            if camera.background and camera.flicker_depth:
                raise ValueError("the background flickers: timestamps must say when each frame starts")
            timestamps = np.zeros(frames)
        if camera.crosstalk:
            list(self._pool.map(lambda frame: share_with_neighbours(frame, crosstalk=camera.crosstalk), photon_rate))
        background = background_photons(camera, exposure_time=exposure_time, timestamps=timestamps)
        efficiency = np.float32(camera.quantum_efficiency)
        counts: Counts = np.empty((frames, camera.rows // n, camera.columns // n), camera.word)
        warm = np.full((1, 1, 1) if dark_factor is None else (frames, 1, 1), exposure_time * camera.thermal_factor)
        if dark_factor is not None:
            warm *= dark_factor[:, np.newaxis, np.newaxis]
        draw = _Draws(camera, self.seed, first=first, count=frames, shot_noise=self.shot_noise)

        def collect(chunk: _Chunk, generator: ExposureGenerator) -> None:
            charge = photon_rate[chunk.frames, chunk.rows]
            charge *= np.float32(exposure_time)
            charge += background[chunk.frames, chunk.rows if background.shape[1] > 1 else slice(None)]
            charge *= efficiency
            charge *= np.add(self.pattern.response_deviation[chunk.rows], 1, dtype=np.float32)
            self._add_dark_charge(charge, chunk, warm[chunk.frames] if len(warm) > 1 else warm)
            draw.shot_noise(charge, chunk, generator)

        def digitise(chunk: _Chunk, generator: ExposureGenerator) -> None:
            charge = photon_rate[chunk.frames, chunk.rows]
            saturate(charge, camera)
            self._read(charge, chunk, draw, generator, counts[chunk.frames, chunk.bins])

        def carry(chunk: _Chunk, generator: ExposureGenerator) -> None:
            self._carry_over(photon_rate[:, chunk.rows], chunk.rows)

        chunks = list(_chunks(photon_rate.shape, binning=n))
        if camera.lag:
            self._run([collect], chunks)
            self._run([carry], [chunk for chunk in chunks if chunk.frames.start == 0])
            self._run([digitise], chunks)
        else:
            self._run([collect, digitise], chunks)
        return counts

    def _add_dark_charge(self, charge: Frames, chunk: _Chunk, warm: NDArray[np.float64]) -> None:
        """Add the mean dark charge, hot pixels included, in place; ``warm`` is time at the reference temperature."""
        camera, pattern = self.camera, self.pattern
        charge += (camera.dark_current * warm).astype(np.float32)
        start, stop = np.searchsorted(pattern.hot_rows, [chunk.rows.start, chunk.rows.stop])
        if stop > start:
            rows = pattern.hot_rows[start:stop] - chunk.rows.start
            excess = ((camera.hot_pixel_current - camera.dark_current) * warm[:, 0]).astype(np.float32)
            charge[:, rows, pattern.hot_columns[start:stop]] += excess

    def _read(self, charge: Frames, chunk: _Chunk, draw: "_Draws", generator: ExposureGenerator, out: Counts) -> None:
        """Write the words of a chunk: bin, add offsets and read noise, convert."""
        camera, pattern = self.camera, self.pattern
        by_charge = camera.binning_kind == "charge"
        signal = bin_charge(charge, binning=camera.binning) if by_charge else charge
        signal += draw.read_noise(signal.shape, chunk, generator)
        signal += pattern.offset[chunk.bins if by_charge else chunk.rows]
        if camera.binning == 1 or by_charge:
            convert(signal, camera, thresholds=pattern.thresholds, out=out)
        else:
            counts: Counts = np.empty(signal.shape, camera.word)
            convert(signal, camera, thresholds=pattern.thresholds, out=counts)
            bin_counts(counts, camera, out=out)
        align(out, camera)

    def _run(self, steps: list[Callable[[_Chunk, ExposureGenerator], None]], chunks: list[_Chunk]) -> None:
        """Take every chunk through the steps, shared among the processors where there is enough for them."""
        shares = min(_processors(), len(chunks), max(1, self.camera.columns * _rows_of(chunks) // LEAST_SHARE))

        def work(share: list[_Chunk]) -> None:
            generator = ExposureGenerator()
            for chunk in share:
                for step in steps:
                    step(chunk, generator)

        if shares == 1:
            work(chunks)
        else:
            list(self._pool.map(work, [chunks[index::shares] for index in range(shares)]))

    def _carry_over(self, charge: Frames, rows: slice) -> None:
        """Move the fraction ``lag`` of each frame's charge into the next frame, in place, for some rows."""
        lag = np.float32(self.camera.lag)
        left = self._previous_charge[rows]
        for frame in charge:
            own = frame.copy()
            frame *= 1 - lag
            frame += lag * left
            left[...] = own


class _Draws:
    """The random draws of a run of exposures, each from the stream of its key."""

    def __init__(self, camera: Camera, seed: int, *, first: int, count: int, shot_noise: str) -> None:
        self._camera, self._law = camera, shot_noise
        sources = [NoiseSource.SHOT, NoiseSource.READ]
        sources += [NoiseSource.ROW_READ] * bool(camera.row_noise)
        sources += [NoiseSource.COLUMN_READ] * bool(camera.column_noise)
        self._states = {
            (source, block): exposure_states(seed, source, first=first, count=count, block=block)
            for source in sources
            for block in range(-(-camera.rows // _block_rows(camera.columns, camera.binning)))
        }

    def shot_noise(self, charge: Frames, chunk: _Chunk, generator: ExposureGenerator) -> None:
        """Replace mean charges by draws, in place."""
        if self._law == "none":
            return
        states = self._states[NoiseSource.SHOT, chunk.block][chunk.frames]
        for frame, state in zip(charge, states, strict=True):
            if self._law == "gaussian":
                draw = generator.at(state).standard_normal(frame.shape, dtype=np.float32)
                draw *= np.sqrt(frame)
                frame += draw
            else:
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


def _block_rows(columns: int, binning: int) -> int:
    """Return the rows of one row block, whole bins."""
    return max(1, BLOCK_PIXELS // (columns * binning)) * binning


def _chunks(shape: tuple[int, ...], *, binning: int) -> Iterable[_Chunk]:
    """Cut frames of a shape into chunks that fit a cache."""
    frames, rows, columns = shape
    height = _block_rows(columns, binning)
    for block, top in enumerate(range(0, rows, height)):
        part = slice(top, min(top + height, rows))
        bins = slice(part.start // binning, part.stop // binning)
        step = max(1, CHUNK_PIXELS // ((part.stop - top) * columns))
        rounds = -(-frames // (step * _processors()))  # as many chunks for each processor, all of a size
        step = max(1, -(-frames // (rounds * _processors()))) if frames else step
        for start in range(0, frames, step):
            yield _Chunk(slice(start, min(start + step, frames)), part, bins, block)


def _rows_of(chunks: list[_Chunk]) -> int:
    """Return the rows of pixels of all frames in chunks."""
    return sum((chunk.frames.stop - chunk.frames.start) * (chunk.rows.stop - chunk.rows.start) for chunk in chunks)


def _processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
