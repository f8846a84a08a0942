"""A Gaussian medium of any size: its matrix is drawn anew, tile by tile, whenever light crosses it."""

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from optics.media.dense import check_amplitudes, check_stored, pixel_positions, statistical_grid
from optics.media.description import MediumSite
from optics.media.medium import Field, Medium, Time, check_passive
from optics.streams import ExposureGenerator, NoiseSource, exposure_states
from optics.validation import check_count, check_number

BLOCK_OUTPUTS = 2048
"""Outputs that share a stream: part of the reproducible record. Setting a stream costs 4 % of drawing so many."""

TILE_INPUTS = 32
"""Inputs drawn before they are multiplied: a tile of 256 KiB stays in the cache of a core."""

THREADS = 2


class StreamedGaussianMedium:
    """A static matrix of i.i.d. circular complex Gaussian entries that is never stored.

    .. math:: \\langle t \\rangle = \\langle t^2 \\rangle = 0, \\qquad
              \\langle |t|^2 \\rangle = \\eta_c / M

    Parameters
    ----------
    input_positions : ndarray, shape (input, 2)
        Where the inputs are, in metres; kept for those who ask.
    output_shape : tuple of int
        Camera pixels along (y, x); their product is M.
    output_pitch : float
        Distance between neighbouring outputs, in metres.
    collected_fraction : float
        Mean fraction eta_c of an input's photons that reaches the M pixels together.
    seed : int
        Seed of the matrix.

    Raises
    ------
    ValueError
        If the medium would not be passive (law L23).

    Notes
    -----
    The statistics are those of `optics.media.GaussianMedium`; the entries of one seed are others. Each input and
    block of `BLOCK_OUTPUTS` pixels has a stream keyed by seed, input and block: an entry depends on nothing else, and
    only inputs that are lit in a batch are drawn. Entries lie on the same grid as those of the dense medium, so that
    binary patterns give the same field, bit for bit, in batches of any size and on any number of threads. One call
    draws the matrix once, whatever the number of frames: large batches are cheap.
    """

    static = True
    modes = 1
    samples_per_pixel = 1

    def __init__(
        self,
        *,
        input_positions: NDArray[np.float64],
        output_shape: tuple[int, int],
        output_pitch: float,
        collected_fraction: float,
        seed: int,
    ) -> None:
        for name, size in zip(("output rows", "output columns"), output_shape, strict=True):
            check_count(name, size)
        check_number("collected_fraction", collected_fraction, above=0, at_most=1)
        self.inputs, self.outputs = len(input_positions), math.prod(output_shape)
        check_passive(collected_fraction=collected_fraction, inputs=self.inputs, outputs=self.outputs)
        self.input_positions = np.array(input_positions, np.float64)
        self.output_shape, self.output_pitch = output_shape, output_pitch
        self.collected_fraction, self.seed = collected_fraction, seed
        self._grid = statistical_grid(self.inputs)
        self._scale = np.float32(math.sqrt(collected_fraction / self.outputs / 2)) / self._grid

    @property
    def output_positions(self) -> NDArray[np.float64]:
        """Return where the pixels are, shape (y, x, 2), (y, x) from the centre, in metres."""
        return pixel_positions(self.output_shape, pitch=self.output_pitch)

    def transmit(self, field_in: NDArray[np.inexact], *, time: Time) -> Field:
        """Return the field behind the medium.

        Parameters
        ----------
        field_in : ndarray, shape (frame, input)
            Amplitudes of the inputs, real or complex, in square roots of photons per second.
        time : float or ndarray, shape (frame,)
            Time, in seconds; this medium is static.

        Returns
        -------
        ndarray of complex64, shape (frame, 1, y, x)
            Field at the pixels, in square roots of photons per pixel per second.

        Raises
        ------
        ValueError
            If the number of amplitudes does not fit.
        """
        check_amplitudes(field_in, inputs=self.inputs)
        lit = np.flatnonzero(field_in.any(axis=0))
        precision = field_in.dtype if np.iscomplexobj(field_in) else np.dtype(np.float32)
        amplitudes = field_in[:, lit].astype(precision, copy=False)
        # Amplitudes of double precision make exact sums that float32 does not hold: they are rounded once, at the end.
        exact = np.complex64 if precision in (np.float32, np.complex64) else np.complex128

        def partial(first: int, run: slice) -> NDArray[np.complex64]:
            """Return what some of the inputs give on one block of outputs, in steps of the grid."""
            own = np.zeros((len(field_in), min(BLOCK_OUTPUTS, self.outputs - first)), exact)
            for part, tile in self._tiles(lit[run], first):
                # Real amplitudes: one real product of twice the columns does it at half the cost.
                columns = tile if precision == np.float32 else tile.view(np.complex64).astype(precision, copy=False)
                product = amplitudes[:, run][:, part] @ columns
                own += product.view(np.complex64) if precision == np.float32 else product
            return own.astype(np.complex64, copy=False) if shares == 1 else own

        # Few blocks would leave threads idle: then each block is shared by inputs, always in the same way.
        blocks = -(-self.outputs // BLOCK_OUTPUTS)
        shares = 1 if blocks >= 4 * THREADS else THREADS
        field = np.zeros((len(field_in), self.outputs), np.complex64 if shares == 1 else exact)
        cut = [len(lit) * share // shares for share in range(shares + 1)]
        runs = [slice(start, stop) for start, stop in itertools.pairwise(cut) if stop > start]

        def block(unit: tuple[int, slice]) -> tuple[int, NDArray[np.complex64]]:
            return unit[0], partial(*unit)

        def add(result: tuple[int, NDArray[np.complex64]]) -> None:
            first, own = result
            field[:, first : first + BLOCK_OUTPUTS] += own

        self._each([(first, run) for first in range(0, self.outputs, BLOCK_OUTPUTS) for run in runs], block, add)
        field *= self._scale
        return field.astype(np.complex64, copy=False).reshape(len(field_in), 1, *self.output_shape)

    def adjoint(self, field: NDArray[np.inexact], *, time: Time) -> Field:
        """Return what the conjugate transpose of the matrix makes of a field at the pixels.

        Parameters
        ----------
        field : ndarray, shape (frame, 1, y, x)
            Field at the pixels.
        time : float or ndarray, shape (frame,)
            Time, in seconds; this medium is static.

        Returns
        -------
        ndarray of complex64, shape (frame, input)
            Amplitudes at the inputs.
        """
        conjugate = np.asarray(field, np.complex64).reshape(len(field), self.outputs).conj()
        everything = np.arange(self.inputs)

        def block(first: int) -> NDArray[np.complex64]:
            own = np.empty((self.inputs, len(field)), np.complex64)
            seen = conjugate[:, first : first + BLOCK_OUTPUTS].T
            for part, tile in self._tiles(everything, first):
                own[part] = tile.view(np.complex64) @ seen
            return own

        total = np.zeros((self.inputs, len(field)), np.complex128)
        self._each_block(block, total.__iadd__)
        return (total.conj().T * self._scale).astype(np.complex64)

    def matrix(self, time: float) -> Field:
        """Return the matrix.

        Parameters
        ----------
        time : float
            Time, in seconds; this medium is static.

        Returns
        -------
        ndarray of complex64, shape (output, input)
            All entries.

        Raises
        ------
        ValueError
            If it would not fit in memory.
        """
        check_stored(
            "the matrix of a streamed medium", inputs=self.inputs, outputs=self.outputs,
            way_out="transmit() and adjoint() do without it",
        )  # fmt: skip
        columns = np.empty((self.inputs, self.outputs), np.complex64)
        everything = np.arange(self.inputs)

        def block(first: int) -> None:
            for part, tile in self._tiles(everything, first):
                columns[part, first : first + BLOCK_OUTPUTS] = tile.view(np.complex64)

        self._each_block(block)
        columns *= self._scale
        return columns.T

    def _tiles(self, inputs: NDArray[np.intp], first: int) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Yield runs of these inputs with their entries, in steps of the grid, for the block of outputs from first."""
        width = 2 * min(BLOCK_OUTPUTS, self.outputs - first)
        work = np.empty((TILE_INPUTS, width), np.float32)
        generator = ExposureGenerator()
        for start in range(0, len(inputs), TILE_INPUTS):
            run = inputs[start : start + TILE_INPUTS]
            for row, state in zip(work, self._states(run, first // BLOCK_OUTPUTS), strict=False):
                generator.at(state).standard_normal(dtype=np.float32, out=row)
            tile = work[: len(run)]
            tile *= self._grid
            yield slice(start, start + len(run)), np.rint(tile, out=tile)

    def _states(self, inputs: NDArray[np.intp], block: int) -> NDArray[np.uint64]:
        """Return the states of the streams of inputs; one call of Philox serves those that follow each other."""
        first, count = int(inputs[0]), int(inputs[-1] - inputs[0]) + 1
        if count <= 16 * len(inputs):
            own = exposure_states(self.seed, NoiseSource.STREAMED_MEDIUM, first=first, count=count, block=block)
            return own[inputs - first]
        single = [
            exposure_states(self.seed, NoiseSource.STREAMED_MEDIUM, first=int(index), count=1, block=block)
            for index in inputs
        ]
        return np.concatenate(single)

    def _each_block(self, work: Callable[[int], object], collect: Callable[..., object] | None = None) -> None:
        """Do the work of every block of outputs; what it returns is collected in order."""
        self._each(list(range(0, self.outputs, BLOCK_OUTPUTS)), work, collect)

    @staticmethod
    def _each(units: list[Any], work: Callable[[Any], object], collect: Callable[..., object] | None) -> None:
        """Do the work of every unit on two threads; what it returns is collected in order.

        Products stay on the thread that calls them: threads of their own would wait for each other's processors.
        """
        with _libraries().limit(limits=1, user_api="blas"), ThreadPoolExecutor(THREADS) as pool:
            for start in range(0, len(units), 2 * THREADS):
                for result in pool.map(work, units[start : start + 2 * THREADS]):
                    if collect is not None:
                        collect(result)


@functools.cache
def _libraries() -> ThreadpoolController:
    """Return what sets the threads of matrix products; finding the libraries takes milliseconds."""
    return ThreadpoolController()


@dataclass(frozen=True, kw_only=True)
class StreamedDescription:
    """Description of a Gaussian medium whose matrix is not stored (`StreamedGaussianMedium`).

    In a bench file::

        [medium]
        kind = "streamed"
        collected_fraction = 5.5e-5

    Parameters
    ----------
    collected_fraction : float
        Mean fraction of an input's photons that reaches the pixels that are read out, all together.

    Raises
    ------
    ValueError
        If the fraction is not above 0 and at most 1.
    """

    collected_fraction: float

    def __post_init__(self) -> None:
        check_number("collected_fraction", self.collected_fraction, above=0, at_most=1)

    @property
    def delivers_evenly(self) -> bool:
        """Return whether every input sends the collected fraction to the pixels, on average: it does."""
        return True

    def build(self, site: MediumSite, *, seed: int) -> Medium:
        """Return the medium.

        Parameters
        ----------
        site : MediumSite
            What stands around it.
        seed : int
            Seed of the matrix.

        Returns
        -------
        Medium
            A streamed Gaussian matrix.
        """
        return StreamedGaussianMedium(
            input_positions=site.input_positions,
            output_shape=site.output_shape,
            output_pitch=site.output_pitch,
            collected_fraction=self.collected_fraction,
            seed=seed,
        )
