"""A medium of phase screens with free space between them, computed by Fourier transforms: no matrix is stored."""

import math
import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.media.description import MediumSite
from optics.media.entrance_grid import EntranceGrid, wrapped_slices
from optics.media.free_space import circular_stop, transfer_function
from optics.media.medium import Field, Medium, Time
from optics.media.phase_screens import check_screens, draw_phase_screen
from optics.media.slice_passes import Chain, Plane, run_chain
from optics.streams import NoiseSource, source_generator
from optics.validation import check_choice, check_count, check_number

LARGEST_MATRIX = 4 * 2**30
"""Bytes above which the matrix is not written out."""

LARGE_GRID = 2**18
"""Samples from which on processors share a frame; smaller grids go to one processor each."""


@dataclass(frozen=True, kw_only=True)
class MultisliceDescription:
    """Description of a multislice medium (`optics.media.multislice.MultisliceMedium`).

    Light goes: mirrors, relay or lens, [entrance distance], screen 1, gap, ..., screen S, [exit distance], objective or
    lens, camera.

    Parameters
    ----------
    collected_fraction : float
        Part eta_c of the light that is not lost on the way: no input sends more than this to the camera, and one whose
        light stays inside the apertures and the region that is read out sends as much.
    grid_rows, grid_columns : int
        Samples of every plane along y and x.
    spacing : float
        Distance between samples at the screens, in metres.
    input_pitch : float
        Distance between samples in the plane of the mirrors, in metres.
    screens : int
        Number of phase screens.
    strength : float
        Rms phase of a screen, in radians.
    correlation_length : float
        Length at which the correlation of the phase falls to 1/e, in metres.
    gap : float
        Distance between neighbouring screens, in metres.
    rows_per_input, columns_per_input : int, optional
        Samples that an input covers.
    illumination : {"image", "fourier"}, optional
        Whether the mirrors are imaged in front of the medium, or stand in the front focal plane of a lens.
    detection : {"image", "fourier"}, optional
        Whether the plane behind the medium is imaged on the camera, or seen in the back focal plane of a lens.
    entrance_distance, exit_distance : float, optional
        From the image of the mirrors to the first screen, and from the last screen to the plane that is imaged, in
        metres.
    entrance_aperture, exit_aperture : float, optional
        Numerical apertures of the relay and of the objective, at the medium.
    samples_per_pixel : int, optional
        Field samples along each axis of a camera pixel.

    Raises
    ------
    ValueError
        If a value is out of its range, the grid cannot hold the screens, or a distance or an aperture stands where
        a lens makes it a phase that is never seen.
    """

    collected_fraction: float
    grid_rows: int
    grid_columns: int
    spacing: float
    input_pitch: float
    screens: int
    strength: float
    correlation_length: float
    gap: float
    rows_per_input: int = 1
    columns_per_input: int = 1
    illumination: str = "image"
    detection: str = "image"
    entrance_distance: float = 0.0
    exit_distance: float = 0.0
    entrance_aperture: float = math.inf
    exit_aperture: float = math.inf
    samples_per_pixel: int = 1

    def __post_init__(self) -> None:
        check_number("collected_fraction", self.collected_fraction, above=0, at_most=1)
        for name in ("grid_rows", "grid_columns"):
            check_count(name, getattr(self, name), at_least=8, at_most=32_768)
        for name in ("screens", "rows_per_input", "columns_per_input", "samples_per_pixel"):
            check_count(name, getattr(self, name), at_most=1000)
        for name in ("spacing", "input_pitch", "correlation_length"):
            check_number(name, getattr(self, name), unit="m", above=0)
        for name in ("gap", "entrance_distance", "exit_distance"):
            check_number(name, getattr(self, name), unit="m", at_least=0)
        for name in ("entrance_aperture", "exit_aperture"):
            check_number(name, getattr(self, name), above=0, infinite=True)
        check_number("strength", self.strength, unit="rad", at_least=0, at_most=1e4)
        for side, kind in (("entrance", "illumination"), ("exit", "detection")):
            check_choice(kind, getattr(self, kind), ("image", "fourier"))
            distance, aperture = getattr(self, f"{side}_distance"), getattr(self, f"{side}_aperture")
            if getattr(self, kind) == "fourier" and (distance or math.isfinite(aperture)):
                raise ValueError(
                    f"{kind} = 'fourier' has no {side}_distance ({distance:g} m) and no {side}_aperture ({aperture:g}): "
                    "the window of the grid is its stop, and a distance only turns phases; leave them out"
                )
        check_screens(
            shape=self.shape, spacing=(self.spacing, self.spacing), screens=self.screens, strength=self.strength,
            correlation_length=self.correlation_length,
        )  # fmt: skip

    @property
    def shape(self) -> tuple[int, int]:
        """Return the samples of every plane along (y, x)."""
        return (self.grid_rows, self.grid_columns)

    @property
    def planes(self) -> NDArray[np.float64]:
        """Return the positions of the screens along the axis, from the first, in metres."""
        return self.gap * np.arange(self.screens, dtype=np.float64)

    def build(self, site: MediumSite, *, seed: int) -> Medium:
        """Return the medium.

        Parameters
        ----------
        site : MediumSite
            What stands around it.
        seed : int
            Seed of the screens.

        Returns
        -------
        Medium
            Phase screens on a grid.
        """
        return MultisliceMedium(self, site, seed=seed)


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
    Every factor is unitary or removes light, so the sum over samples of |E|^2 is at most eta_c of the input, for every
    input. A window is periodic: light that leaves it comes back on the other side, unless free space drops it
    (`optics.media.free_space`). The memory effect is that of `optics.media.phase_screens.forward_memory`. The image is
    upright; where a lens makes it so, mirrors and camera are turned half round.

    Single precision; a frame has the same bits in any batch and on any number of threads.

    References
    ----------
    .. [1] J. W. Goodman, Introduction to Fourier Optics, 3rd ed. 2005, sec. 3.10 and 5.2.
    """

    static = True
    modes = 1

    def __init__(self, description: MultisliceDescription, site: MediumSite, *, seed: int) -> None:
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
        self._entrance = EntranceGrid(
            self.input_positions, pitch=description.input_pitch, shape=shape,
            footprint=(description.rows_per_input, description.columns_per_input),
        )  # fmt: skip
        self._windows = [wrapped_slices(-(n // 2), n, size) for n, size in zip(self.field_shape, shape, strict=True)]
        self.chain = self._make_chain()
        self._adjoint_chain = self.chain.adjoint()

    def _make_chain(self) -> Chain:
        """Return masks and transforms from the mirrors to the camera."""
        one = self.description
        rng = source_generator(self.seed, NoiseSource.MEDIUM)
        grid = (one.spacing, one.spacing)
        free = self._free_space(one.gap, math.inf)
        masks: list[Plane | None] = [None]
        inverse: list[bool] = []
        entrance = self._free_space(one.entrance_distance, one.entrance_aperture)
        if one.illumination == "fourier":
            masks, inverse = [None, None], [False]
        elif entrance is not None:
            masks, inverse = [None, entrance, None], [False, True]
        for index in range(one.screens):
            if index and free is not None:
                masks, inverse = [*masks, free, None], [*inverse, False, True]
            screen = draw_phase_screen(
                one.shape, spacing=grid, strength=one.strength, correlation_length=one.correlation_length, rng=rng
            )
            before = masks[-1]
            masks[-1] = screen if before is None else before * screen
        exit_mask = self._free_space(one.exit_distance, one.exit_aperture)
        if one.detection == "fourier":
            masks, inverse = [*masks, None], [*inverse, False]
        elif exit_mask is not None:
            masks, inverse = [*masks, exit_mask, None], [*inverse, False, True]
        return Chain(tuple(masks), tuple(inverse))

    def _free_space(self, distance: float, aperture: float) -> Plane | None:
        """Return the factors of a distance behind a stop; None where nothing happens."""
        shape, grid = self.description.shape, (self.description.spacing, self.description.spacing)
        if not distance and math.isinf(aperture):
            return None
        mask: Plane = transfer_function(shape, spacing=grid, wavelength=self.wavelength, distance=distance)
        if math.isfinite(aperture):
            mask *= circular_stop(shape, spacing=grid, wavelength=self.wavelength, numerical_aperture=aperture)
        return mask

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
        rows, columns = ([own for _, own in windows] for windows in self._windows)
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
