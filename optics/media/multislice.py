"""A medium of phase screens with free space between them, computed by Fourier transforms: no matrix is stored."""

import math
import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optics.media.description import MediumSite
from optics.media.entrance_grid import wrapped_slices
from optics.media.medium import Field, Time
from optics.media.slice_passes import Plane, run_chain
from optics.streams import NoiseSource, source_generator

if TYPE_CHECKING:
    from optics.media.multislice_description import MultisliceDescription  # it builds this medium

LARGEST_MATRIX = 4 * 2**30
"""Bytes above which the matrix is not written out."""

LARGE_GRID = 2**18
"""Samples from which on processors share a frame; smaller grids go to one processor each."""


class MultisliceMedium:
    """A stack of random phase screens between a mirror array and a camera; linear, static, one mode.

    .. math:: E = \\sqrt{\\eta_c} \\, \\Pi \\, L_2 P_x D_S P_d D_{S-1} \\cdots P_d D_1 P_e L_1 R \\, a

    R spreads each input over its samples, L are lenses (orthonormal transforms, or nothing), P free space and stops,
    D screens, and Pi keeps the samples that the camera sees.

    Parameters
    ----------
    description : MultisliceDescription
        Screens, distances, lenses.
    site : MediumSite
        Positions of the inputs, pixels of the camera, wavelength.
    seed : int
        Seed of the screens.

    Raises
    ------
    ValueError
        If inputs or camera do not fit the grid.

    Notes
    -----
    Every factor is unitary or removes light, so the photons on all pixels are at most eta_c of the input, for every
    input. A window is periodic: light that leaves it comes back on the other side, unless free space drops it
    (`optics.propagation`). The memory effect is that of `optics.media.phase_screens.forward_memory`. The image is
    upright; where a lens makes it so, mirrors and camera are turned half round.

    Single precision; a frame has the same bits in any batch and on any number of threads.

    References
    ----------
    .. [1] J. W. Goodman, Introduction to Fourier Optics, 3rd ed. 2005, sec. 3.10 and 5.2.
    """

    static = True
    modes = 1

    def __init__(self, description: "MultisliceDescription", site: MediumSite, *, seed: int) -> None:
        self.description, self.wavelength, self.seed = description, site.wavelength, seed
        self.samples_per_pixel = description.samples_per_pixel
        self.input_positions = np.array(site.input_positions, np.float64)
        self.field_shape = (
            site.output_shape[0] * self.samples_per_pixel,
            site.output_shape[1] * self.samples_per_pixel,
        )
        self._sample_pitch = site.output_pitch / self.samples_per_pixel
        shape = description.shape
        if self.field_shape[0] > shape[0] or self.field_shape[1] > shape[1]:
            raise ValueError(
                f"a camera of {site.output_shape[0]} x {site.output_shape[1]} pixels with {self.samples_per_pixel} "
                f"samples a pixel along each axis needs a grid of at least {self.field_shape[0]} x "
                f"{self.field_shape[1]} samples, the grid has {shape[0]} x {shape[1]}"
            )
        if "fourier" in (description.illumination, description.detection) and shape[0] != shape[1]:
            raise ValueError(
                f"a lens turns a grid of {shape[0]} x {shape[1]} samples into samples that are not square: "
                "take as many grid_rows as grid_columns"
            )
        self._entrance = description.entrance(site)
        self._windows = [wrapped_slices(-(n // 2), n, size) for n, size in zip(self.field_shape, shape, strict=True)]
        self.chain = description.make_chain(wavelength=site.wavelength, rng=source_generator(seed, NoiseSource.MEDIUM))
        self._adjoint_chain = self.chain.adjoint()

    @property
    def output_positions(self) -> NDArray[np.float64]:
        """Return where the field samples are, shape (y, x, 2), (y, x) from the axis, in metres."""
        axes = [(np.arange(size) - (size - 1) / 2) * self._sample_pitch for size in self.field_shape]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)

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
            Field samples, in square roots of photons per sample per second.

        Raises
        ------
        ValueError
            If the number of amplitudes does not fit.
        """
        if field_in.ndim != 2 or field_in.shape[1] != len(self.input_positions):
            raise ValueError(f"field_in must have shape (frame, {len(self.input_positions)}), got {field_in.shape}")
        fields = np.empty((len(field_in), 1, *self.field_shape), np.complex64)
        seen = ([own for _, own in self._windows[0]], [own for _, own in self._windows[1]])
        scale = np.float32(math.sqrt(self.description.collected_fraction) * self.samples_per_pixel)

        def send(frame: int, plane: Plane, pool: Executor | None) -> None:
            lit = self._entrance.paint(field_in[frame], plane)
            run_chain(plane, self.chain, lit=lit, seen=seen, pool=pool)
            for part, own in self._crops():
                np.multiply(plane[own], scale, out=fields[frame, 0][part])

        self._share(send, len(field_in))
        return fields

    def adjoint(self, field: NDArray[np.inexact], *, time: Time) -> Field:
        """Return what the conjugate transpose makes of a field at the camera.

        Parameters
        ----------
        field : ndarray, shape (frame, 1, y, x)
            Field samples.
        time : float or ndarray, shape (frame,)
            Time, in seconds; this medium is static.

        Returns
        -------
        ndarray of complex64, shape (frame, input)
            Amplitudes at the inputs.
        """
        amplitudes = np.empty((len(field), len(self.input_positions)), np.complex64)
        rows = [own for _, own in self._windows[0]]
        whole = ([slice(0, self.description.grid_rows)], [slice(0, self.description.grid_columns)])
        scale = np.float32(math.sqrt(self.description.collected_fraction) * self.samples_per_pixel)

        def send(frame: int, plane: Plane, pool: Executor | None) -> None:
            for part, own in self._crops():
                plane[own] = field[frame, 0][part]
            run_chain(plane, self._adjoint_chain, lit=rows, seen=whole, pool=pool)
            amplitudes[frame] = self._entrance.collect(plane) * scale

        self._share(send, len(field))
        return amplitudes

    def matrix(self, time: float) -> Field:
        """Return the matrix, a column a frame.

        Parameters
        ----------
        time : float
            Time, in seconds; this medium is static.

        Returns
        -------
        ndarray of complex64, shape (output, input)
            The matrix.

        Raises
        ------
        ValueError
            If it would not fit in memory.
        """
        inputs, outputs = len(self.input_positions), math.prod(self.field_shape)
        size = 8 * inputs * outputs
        if size > LARGEST_MATRIX:
            raise ValueError(
                f"the matrix of {inputs} inputs and {outputs} outputs needs {size / 2**30:.1f} GiB, more than "
                f"{LARGEST_MATRIX / 2**30:.0f} GiB: transmit() and adjoint() do without it"
            )
        matrix = np.empty((outputs, inputs), np.complex64)
        one = np.zeros((1, inputs), np.float32)
        for column in range(inputs):
            one[0, column] = 1
            matrix[:, column] = self.transmit(one, time=time).reshape(-1)
            one[0, column] = 0
        return matrix

    def _crops(self) -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
        """Return parts of the camera and where they lie on the grid."""
        return [((a, b), (y, x)) for a, y in self._windows[0] for b, x in self._windows[1]]

    def _share(self, send: Callable[[int, Plane, Executor | None], None], frames: int) -> None:
        """Send every frame, in planes of zeros: large frames by all processors together, small ones one each."""
        shape = self.description.shape
        large = math.prod(shape) >= LARGE_GRID
        with ThreadPoolExecutor(_processors()) as pool:
            if large:
                for frame in range(frames):
                    send(frame, np.zeros(shape, np.complex64), pool)
            else:
                list(pool.map(lambda frame: send(frame, np.zeros(shape, np.complex64), None), range(frames)))


def _processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
