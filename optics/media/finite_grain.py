"""Speckle of a finite grain: the field at the camera is band-limited by a pupil, and pixels integrate it."""

import math
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from optics.media.dense import DenseMedium, check_stored, round_to_grid, statistical_grid
from optics.media.description import MediumSite
from optics.media.medium import Medium, check_passive
from optics.streams import ExposureGenerator, NoiseSource, exposure_states
from optics.validation import check_choice, check_count, check_number

PUPILS = ("disc", "square")
GRAINS_AROUND = 32
"""Grains that the periodic grid is wider than a small camera: a pupil of as many cells."""


def check_grain(grain: float, *, pixel_pitch: float, samples_per_pixel: int) -> None:
    """Refuse a grain that the samples of the field cannot carry.

    .. math:: \\frac{p}{s} \\le \\frac{g}{2}

    Parameters
    ----------
    grain : float
        Grain g = lambda z / D of a pupil of full width D, in metres at the camera.
    pixel_pitch : float
        Pitch p of the camera pixels, in metres.
    samples_per_pixel : int
        Samples s of the field along each axis of a pixel.

    Raises
    ------
    ValueError
        If the intensity, which holds frequencies up to 1 / g, is undersampled (law L49).
    """
    spacing = pixel_pitch / samples_per_pixel
    if spacing > grain / 2 * (1 + 1e-9):
        needed = math.ceil(2 * pixel_pitch / grain - 1e-9)
        raise ValueError(
            f"grain = {grain:g} m is finer than the sampling: the field is sampled every {spacing:g} m "
            f"({samples_per_pixel} samples along a pixel of {pixel_pitch:g} m), its intensity needs a sample every "
            f"{grain / 2:g} m; take samples_per_pixel = {needed}, or a grain of at least {2 * spacing:g} m"
        )


def periodic_shape(shape: tuple[int, int], *, spacing: float, grain: float) -> tuple[int, int]:
    """Return the size of the periodic grid on which speckle is made, so that opposite borders stay strangers.

    Parameters
    ----------
    shape : tuple of int
        Samples along (y, x) that are kept.
    spacing : float
        Distance between samples, in metres.
    grain : float
        Grain, in metres.

    Returns
    -------
    tuple of int
        At least twice the samples, at least `GRAINS_AROUND` grains, sizes that a Fourier transform likes.
    """
    least = math.ceil(GRAINS_AROUND * grain / spacing)
    rows, columns = (scipy.fft.next_fast_len(max(2 * size, least)) for size in shape)
    return rows, columns


def pupil_power(shape: tuple[int, int], *, spacing: float, grain: float, pupil: str) -> NDArray[np.float64]:
    """Return how much of the light each spatial frequency carries.

    Parameters
    ----------
    shape : tuple of int
        Size of the periodic grid along (y, x).
    spacing : float
        Distance between samples, in metres.
    grain : float
        lambda z / D for a disc of diameter D or a square of side D, in metres: frequencies reach 1 / (2 grain).
    pupil : {"disc", "square"}
        Shape of the pupil.

    Returns
    -------
    ndarray, shape (y, x)
        Part of each cell of the frequency plane (in the order of numpy's FFT) that lies in the pupil; sums to one.
    """
    check_choice("pupil", pupil, PUPILS)
    cuts = 8
    offsets = (np.arange(cuts) - (cuts - 1) / 2) / cuts
    # Distances from the axis in units of the pupil's half width, each cell cut into eight.
    y, x = (2 * grain * (scipy.fft.fftfreq(n, 1 / n)[:, np.newaxis] + offsets) / (n * spacing) for n in shape)
    if pupil == "square":
        inside = np.outer((np.abs(y) <= 1).mean(axis=1), (np.abs(x) <= 1).mean(axis=1))
    else:
        inside = np.zeros(shape)
        for row in y.T:
            for column in x.T:
                inside += row[:, np.newaxis] ** 2 + column**2 <= 1
    return np.asarray(inside / inside.sum())


def effective_outputs(power: NDArray[np.float64], *, shape: tuple[int, int]) -> float:
    """Return the number of independent outputs that a camera sees.

    .. math:: M_\\mathrm{eff} = \\frac{(\\mathrm{tr}\\, C)^2}{\\mathrm{tr}\\, C^2}, \\qquad C_{jk} = \\mu(r_j - r_k)

    Parameters
    ----------
    power : ndarray, shape (y, x)
        Light by spatial frequency (`pupil_power`), at least twice as large as ``shape``.
    shape : tuple of int
        Samples along (y, x) that the camera sees.

    Returns
    -------
    float
        Number of outputs M_eff that replaces M in the law of Marchenko and Pastur (law L24).
    """
    correlation = np.abs(scipy.fft.ifft2(power) * power.size) ** 2
    pairs = [
        np.maximum(size - np.abs(scipy.fft.fftfreq(n, 1 / n)), 0) for n, size in zip(power.shape, shape, strict=True)
    ]
    return float(math.prod(shape) ** 2 / (pairs[0] @ correlation @ pairs[1]))


def finite_grain_columns(
    power: NDArray[np.float64], *, shape: tuple[int, int], inputs: int, seed: int
) -> NDArray[np.complex64]:
    """Return independent speckle fields, one an input.

    .. math:: c(r) = \\sum_k \\sqrt{P_k}\\, n_k\\, e^{2 \\pi i k r}, \\qquad
              \\langle c(r) \\overline{c(r')} \\rangle = 2 \\mu(r - r')

    Parameters
    ----------
    power : ndarray, shape (y, x)
        Light P by spatial frequency (`pupil_power`).
    shape : tuple of int
        Samples along (y, x) that are kept of the periodic grid.
    inputs : int
        Number of fields.
    seed : int
        Seed; each input has a stream of its own.

    Returns
    -------
    ndarray of complex64, shape (input, y x)
        Fields whose parts have unit variance, on the grid of `optics.media.dense.statistical_grid`.
    """
    lit = np.nonzero(power)
    amplitude = np.sqrt(power[lit]).astype(np.float32) * np.float32(power.size)
    spectrum = np.zeros(power.shape, np.complex64)
    columns = np.empty((inputs, math.prod(shape)), np.complex64)
    states = exposure_states(seed, NoiseSource.GRAIN, first=0, count=inputs)
    generator = ExposureGenerator()
    for column, state in zip(columns, states, strict=True):
        noise = generator.at(state).standard_normal(2 * amplitude.size, dtype=np.float32)
        spectrum[lit] = noise.view(np.complex64) * amplitude
        column[:] = scipy.fft.ifft2(spectrum)[: shape[0], : shape[1]].ravel()
    round_to_grid(columns.view(np.float32), grid=statistical_grid(inputs))
    return columns


@dataclass(frozen=True, kw_only=True)
class FiniteGrainDescription:
    """Description of a medium whose speckle has a grain that the camera resolves, at least in part.

    In a bench file::

        [medium]
        kind = "finite_grain"
        collected_fraction = 5.5e-5
        grain = 8e-6            # m
        pupil = "disc"
        samples_per_pixel = 2

    Parameters
    ----------
    collected_fraction : float
        Mean fraction of an input's photons that reaches the pixels that are read out, all together.
    grain : float
        lambda z / D at the camera, in metres, with D the diameter of a disc or the side of a square. The first zero
        of the correlation is at 1.22 of it (disc) or at it (square).
    pupil : {"disc", "square"}, optional
        Shape of the pupil that limits the band.
    samples_per_pixel : int, optional
        Field samples along each axis of a pixel: at least two a grain.

    Raises
    ------
    ValueError
        If a value is out of its range.

    Notes
    -----
    The matrix is C^(1/2) G, rows correlated by C and columns independent (law L24). The correlation of two samples is
    the Fourier transform of the pupil within 0.2 % for distances of some grains, and falls to two thirds of it at
    distances as large as the camera, where it is small.

    References
    ----------
    .. [1] J. W. Goodman, Speckle Phenomena in Optics, Roberts 2007, sec. 4.4 and 4.6.
    """

    collected_fraction: float
    grain: float
    pupil: str = "disc"
    samples_per_pixel: int = 2

    def __post_init__(self) -> None:
        check_number("collected_fraction", self.collected_fraction, above=0, at_most=1)
        check_number("grain", self.grain, unit="m", above=0)
        check_choice("pupil", self.pupil, PUPILS)
        check_count("samples_per_pixel", self.samples_per_pixel)

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
            A stored matrix of band-limited columns.

        Raises
        ------
        ValueError
            If the grain is finer than the sampling, the medium would not be passive, or the matrix does not fit.
        """
        s = self.samples_per_pixel
        check_grain(self.grain, pixel_pitch=site.output_pitch, samples_per_pixel=s)
        shape = (s * site.output_shape[0], s * site.output_shape[1])
        inputs, pixels = len(site.input_positions), math.prod(site.output_shape)
        check_stored(
            "a medium of finite grain", inputs=inputs, outputs=math.prod(shape),
            way_out="take fewer macropixels, a smaller camera region, or a multislice medium, which stores no matrix",
        )  # fmt: skip
        spacing = site.output_pitch / s
        grid = periodic_shape(shape, spacing=spacing, grain=self.grain)
        power = pupil_power(grid, spacing=spacing, grain=self.grain, pupil=self.pupil)
        seen = max(1, math.floor(effective_outputs(power, shape=shape)))
        check_passive(collected_fraction=self.collected_fraction, inputs=inputs, outputs=min(seen, pixels))
        return DenseMedium(
            finite_grain_columns(power, shape=shape, inputs=inputs, seed=seed),
            scale=math.sqrt(self.collected_fraction / pixels / 2),
            input_positions=site.input_positions,
            output_shape=shape,
            output_pitch=spacing,
            samples_per_pixel=s,
        )
