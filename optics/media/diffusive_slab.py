"""A thick diffusive slab: a random matrix whose entries fall off as diffuse light spreads."""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from optics.kernels import multiply_columns
from optics.media.description import MediumSite
from optics.media.medium import Field, Medium, Time
from optics.media.slab_statistics import exit_density
from optics.streams import NoiseSource, source_generator
from optics.validation import check_number

LARGEST_MATRIX = 4 * 2**30
"""Bytes above which the matrix is not stored."""

TABLE = np.linspace(0, 12, 3001)
"""Distances, in thicknesses, between which the statistics are interpolated; beyond, the density is below 1e-14."""


@dataclass(frozen=True, kw_only=True)
class DiffusiveSlabDescription:
    """Description of a diffusive slab (`optics.media.diffusive_slab.DiffusiveSlab`).

    Parameters
    ----------
    collected_fraction : float
        Part eta_c of an input's photons that is collected behind the slab; what leaves it beside the region that is
        read out is lost besides.
    thickness : float
        Thickness L of the slab, in metres.
    entrance_magnification : float, optional
        Size of the mirrors' image on the slab over that of the mirrors.
    exit_magnification : float, optional
        Size of the camera's image of the slab over that of the slab.
    diffusion : float, optional
        Diffusion constant D of the light, in square metres per second; speaks only where there are several lines.
    detunings : tuple of float, optional
        Angular frequencies of the lines of the light from the first, in radians per second: incoherent modes.
    line_weights : tuple of float, optional
        Parts of the light in the lines; they sum to one.

    Raises
    ------
    ValueError
        If a value is out of its range or lines and weights do not go together.
    """

    collected_fraction: float
    thickness: float
    entrance_magnification: float = 1.0
    exit_magnification: float = 1.0
    diffusion: float = 1.0
    detunings: tuple[float, ...] = (0.0,)
    line_weights: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        check_number("collected_fraction", self.collected_fraction, above=0, at_most=1)
        check_number("thickness", self.thickness, unit="m", above=0)
        check_number("diffusion", self.diffusion, unit="m^2/s", above=0)
        for name in ("entrance_magnification", "exit_magnification"):
            check_number(name, getattr(self, name), above=0)
        for detuning in self.detunings:
            check_number("detuning", detuning, unit="rad/s")
        for weight in self.line_weights:
            check_number("line weight", weight, at_least=0, at_most=1)
        if len(self.detunings) != len(self.line_weights) or abs(sum(self.line_weights) - 1) > 1e-9:
            raise ValueError(
                f"{len(self.detunings)} detunings need as many line_weights that sum to one, got "
                f"{len(self.line_weights)} that sum to {sum(self.line_weights):g}"
            )

    @property
    def delivers_evenly(self) -> bool:
        """Return whether every input sends the collected fraction to the pixels: no, its distance decides."""
        return False

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
            A matrix with the statistics of a slab.
        """
        return DiffusiveSlab(self, site, seed=seed)


class DiffusiveSlab:
    """A static matrix of independent circular complex Gaussian entries whose variance follows diffuse light.

    .. math:: \\langle t_{oi}(\\omega) t_{oi}^*(\\omega') \\rangle = \\eta_c A_o P(|r_o - r_i|, \\omega - \\omega')

    P is the density of transverse displacements behind a slab (`optics.media.slab_statistics.exit_density`) and A_o the
    area of an output on its back face.

    Parameters
    ----------
    description : DiffusiveSlabDescription
        Thickness, images of mirrors and camera on the faces, lines of the light.
    site : MediumSite
        Positions of the inputs, pixels of the camera.
    seed : int
        Seed of the matrix.

    Raises
    ------
    ValueError
        If the matrix would not fit in memory, would not be passive, or pixels are too coarse for the slab.

    Notes
    -----
    Where inputs sample the front face finer than L / 2, sums over them are integrals (aliases are below 1e-4), and the
    correlation of the field with itself after a tilt q of the light is the Fourier transform of P, for every output and
    exactly in distribution: x / sinh x with x = qL, so intensities correlate by [x / sinh x]^2 (law L17), and by law
    L18 for two lines. It is the first-order correlation alone: entries are independent otherwise (no bimodal law, no
    long-range correlations), and outputs are taken a grain apart. An input without a place lights all outputs by the
    mean of the others.

    Entries lie on a grid as those of `optics.media.GaussianMedium`: binary patterns give the same bits in any batch.

    References
    ----------
    .. [1] S. Feng, C. Kane, P. A. Lee and A. D. Stone, Phys. Rev. Lett. 61, 834 (1988).
       doi:10.1103/PhysRevLett.61.834
    """

    static = True
    samples_per_pixel = 1

    def __init__(self, description: DiffusiveSlabDescription, site: MediumSite, *, seed: int) -> None:
        self.description, self.seed, self.output_shape = description, seed, site.output_shape
        self.input_positions = np.array(site.input_positions, np.float64)
        self.inputs, self.outputs = len(self.input_positions), math.prod(site.output_shape)
        self.modes, self._pitch = len(description.detunings), site.output_pitch
        sampling = site.output_pitch / description.exit_magnification
        if sampling > description.thickness / 2:
            raise ValueError(
                f"pixels are {sampling:g} m apart on a slab of {description.thickness:g} m: they must be at most half "
                "its thickness; take a larger exit_magnification"
            )
        size = 8 * self.inputs * self.outputs * self.modes
        if size > LARGEST_MATRIX:
            raise ValueError(
                f"a diffusive slab of {self.inputs} inputs, {self.outputs} outputs and {self.modes} lines needs "
                f"{size / 2**30:.1f} GiB, more than {LARGEST_MATRIX / 2**30:.0f} GiB: take fewer macropixels, a "
                "smaller camera region, or a multislice medium, which stores no matrix"
            )
        self._area = sampling**2
        self._check_passive()

    @cached_property
    def _distances(self) -> NDArray[np.float32]:
        """Transverse distances in thicknesses, shape (input, output); NaN where an input has no place."""
        one = self.description
        entries = self.input_positions * (one.entrance_magnification / one.thickness)
        exits = self.output_positions.reshape(-1, 2) / (one.exit_magnification * one.thickness)
        squared = sum(np.subtract.outer(entries[:, axis], exits[:, axis]).astype(np.float32) ** 2 for axis in (0, 1))
        return np.sqrt(np.asarray(squared, np.float32))

    @cached_property
    def _root(self) -> NDArray[np.complex128]:
        """Factors of the covariance of the lines at the distances of the table, shape (line, line, distance)."""
        one = self.description
        root = _covariance_root(one.thickness, one.diffusion, one.detunings)
        return root * math.sqrt(one.collected_fraction * self._area)

    def _profile(self, factor: NDArray[np.complex128]) -> NDArray[np.complex64]:
        """Return a tabulated factor for every pair of input and output; the mean where an input has no place."""
        profile = np.interp(self._distances, TABLE, factor).astype(np.complex64)
        lost = ~np.isfinite(self._distances[:, 0])
        if lost.any():
            placed = profile[~lost].astype(np.complex128)
            profile[lost] = np.sqrt(np.mean(np.abs(placed) ** 2, axis=0)) if len(placed) else 0
        return profile

    def _check_passive(self) -> None:
        """Refuse a matrix that could give out more light than it takes in."""
        spread = np.asarray(sum(np.abs(self._profile(own)).astype(np.float64) ** 2 for own in self._root[0]))
        largest = (math.sqrt(spread.sum(axis=1).max()) + math.sqrt(spread.sum(axis=0).max())) ** 2
        if largest > 1:
            raise ValueError(
                f"collected_fraction = {self.description.collected_fraction:g} is not passive with {self.inputs} "
                f"inputs and {self.outputs} outputs: some pattern would come out with {largest:.3g} times its "
                f"power; take at most {self.description.collected_fraction / largest:.3g}"
            )

    @cached_property
    def _columns(self) -> tuple[NDArray[np.complex64], float]:
        """The matrices of the lines transposed, (line, input, output), in units of the second number."""
        rng = source_generator(self.seed, NoiseSource.MEDIUM)
        root = self._root
        columns = np.zeros((self.modes, self.inputs, self.outputs), np.complex64)
        for k in range(self.modes):
            draw = rng.standard_normal((self.inputs, 2 * self.outputs), dtype=np.float32).view(np.complex64)
            draw *= np.float32(math.sqrt(0.5))
            for j in range(self.modes):
                columns[j] += self._profile(root[j, k]) * draw
        unit = math.sqrt(float(np.max(np.sum(np.abs(root[0]) ** 2, axis=0))) / 2)
        grid = np.float32(2.0 ** min(15, math.floor(21 - math.log2(self.inputs) / 2)))
        parts = columns.view(np.float32)
        parts *= grid / np.float32(unit)
        np.rint(parts, out=parts)
        parts /= grid
        return columns, unit

    @property
    def _scales(self) -> NDArray[np.float32]:
        """Unit of each line's matrix, its share of the light included."""
        return (np.sqrt(self.description.line_weights) * self._columns[1]).astype(np.float32)

    @property
    def output_positions(self) -> NDArray[np.float64]:
        """Return where the pixels are, shape (y, x, 2), (y, x) from the centre, in metres."""
        axes = [(np.arange(size) - (size - 1) / 2) * self._pitch for size in self.output_shape]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)

    def transmit(self, field_in: NDArray[np.inexact], *, time: Time) -> Field:
        """Return the field behind the slab.

        Parameters
        ----------
        field_in : ndarray, shape (frame, input)
            Amplitudes of the inputs.
        time : float or ndarray, shape (frame,)
            Time; this medium is static.

        Returns
        -------
        ndarray of complex64, shape (frame, line, y, x)
            Field at the pixels.

        Raises
        ------
        ValueError
            If the number of amplitudes does not fit.
        """
        if field_in.ndim != 2 or field_in.shape[1] != self.inputs:
            raise ValueError(f"field_in must have shape (frame, {self.inputs}), got {field_in.shape}")
        fields = [
            multiply_columns(field_in, own) * scale for own, scale in zip(self._columns[0], self._scales, strict=True)
        ]
        return np.stack(fields, axis=1).reshape(len(field_in), self.modes, *self.output_shape)

    def adjoint(self, field: NDArray[np.inexact], *, time: Time) -> Field:
        """Return what the conjugate transpose makes of a field at the pixels.

        Parameters
        ----------
        field : ndarray, shape (frame, line, y, x)
            Field at the pixels.
        time : float or ndarray, shape (frame,)
            Time, in seconds; this medium is static.

        Returns
        -------
        ndarray of complex64, shape (frame, input)
            Amplitudes at the inputs.
        """
        flat = np.asarray(field, np.complex64).reshape(len(field), self.modes, self.outputs).conj()
        parts = [
            (own @ flat[:, line].T).conj().T * scale
            for line, (own, scale) in enumerate(zip(self._columns[0], self._scales, strict=True))
        ]
        return np.asarray(sum(parts), np.complex64)

    def matrix(self, time: float) -> Field:
        """Return the matrix, the lines below each other.

        Parameters
        ----------
        time : float
            Time; this medium is static.

        Returns
        -------
        ndarray of complex64, shape (output, input)
            A copy.
        """
        scaled = (self._columns[0] * self._scales[:, np.newaxis, np.newaxis]).transpose(0, 2, 1)
        return np.asarray(scaled.reshape(-1, self.inputs), np.complex64)


@lru_cache(maxsize=8)
def _covariance_root(thickness: float, diffusion: float, detunings: tuple[float, ...]) -> NDArray[np.complex128]:
    """Return the root of the covariance between the lines, shape (line, line, distance)."""
    densities = {
        own: exit_density(TABLE * thickness, thickness=thickness, detuning=own, diffusion=diffusion)
        for own in {first - second for first in detunings for second in detunings}
    }
    covariance = np.array([[densities[first - second] for second in detunings] for first in detunings])
    values, vectors = np.linalg.eigh(covariance.transpose(2, 0, 1))
    root = np.einsum("dij,dj,dkj->ikd", vectors, np.sqrt(np.maximum(values, 0)), vectors.conj())
    root.setflags(write=False)
    return np.asarray(root)
