"""The camera as its data sheet describes it; `optics.sensor` simulates what it describes."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optics.shutter import Shutter
from optics.validation import check_choice, check_count, check_number

Counts = NDArray[np.uint8] | NDArray[np.uint16]

ROOM_TEMPERATURE = 298.15
"""25 degrees Celsius, in kelvin: where data sheets state dark currents."""

GLOBAL_SHUTTER = Shutter()
"""Global, from a microsecond to ten seconds, read in no time."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A monochrome camera, in the linear model of EMVA 1288.

    Counts follow from photons in this order: light integrated over the sensitive part of the pixel, crosstalk,
    background, quantum efficiency and PRNU, dark current, one Poisson draw, lag, full well, non-linearity, binning of
    charge, offsets and read noise, gain, black level, non-linearity of the converter, rounding, clipping, binning of
    counts:

    .. math:: c = \\mathrm{clip}\\lfloor K (e + o + n) + b + \\tfrac12 \\rfloor, \\qquad
              e = \\min(\\mathrm{Poisson}(\\eta (1 + p) \\mu + \\mu_d), e_\\mathrm{fw})

    .. math:: \\mu_d = t \\, \\mu_I \\, 2^{(T - T_\\mathrm{ref}) / T_d}

    Parameters
    ----------
    rows, columns : int
        Pixels of the region that is read out, along y and x.
    pixel_pitch : float
        Distance between neighbouring pixels, in metres.
    quantum_efficiency : float
        Electrons per photon that falls on the pixel area, at the wavelength of the laser.
    full_well : float
        Charge at which a pixel saturates, in electrons.
    gain : float
        System gain K, in DN per electron.
    read_noise : float
        Temporal dark noise of a pixel, in electrons rms.
    bits : int
        Significant bits of a count, 6 to 16.
    black_level : float, optional
        Mean count of a dark pixel, in DN.
    alignment : {"right", "left"}, optional
        Where the significant bits sit in the 8- or 16-bit word.
    fill_factor : float, optional
        Part of the pixel area that collects light, a centred square. The quantum efficiency counts its loss
        already; here it shapes the light only where the field is sampled finer than a pixel.
    dark_current : float, optional
        Electrons per pixel per second at the reference temperature.
    temperature, reference_temperature : float, optional
        Of the sensor, and that at which dark currents are stated, in kelvin.
    doubling_temperature : float, optional
        Warming that doubles the dark current, in kelvin; 6 to 8 K in silicon.
    hot_pixels : float, optional
        Fraction of pixels whose dark current is ``hot_pixel_current``.
    hot_pixel_current : float, optional
        Dark current of a hot pixel at the reference temperature, in electrons per second.
    dead_pixels : float, optional
        Fraction of pixels that do not answer to light.
    prnu : float, optional
        Relative rms of the response of the pixels.
    dsnu, row_offset, column_offset : float, optional
        Rms of the fixed offsets of pixels, rows and columns, in electrons.
    row_noise, column_noise : float, optional
        Temporal noise common to a row, to a column, in electrons rms.
    crosstalk : float, optional
        Fraction of a pixel's light that each of its four neighbours detects.
    lag : float, optional
        Fraction of a frame's charge that shows in the next frame instead.
    nonlinearity : float, optional
        Relative loss of signal at full well; the loss grows with the square of the charge.
    integral_nonlinearity : float, optional
        Largest deviation of the converter from a straight line, in DN: a bow that is zero at both ends.
    differential_nonlinearity : float, optional
        Rms by which the converter's steps are too high or too low, in DN.
    background : float, optional
        Incoherent stray light, in photons per pixel per second.
    flicker_depth, flicker_frequency : float, optional
        Relative amplitude of the background's flicker, and its frequency in hertz (twice that of the mains).
    top, left : int, optional
        First row and column of the region.
    sensor_rows, sensor_columns : int, optional
        Pixels of the whole sensor; 0 where the region is all of it.
    binning : int, optional
        Pixels along each axis whose signals become one count.
    binning_kind : {"charge", "sum", "average"}, optional
        Charge added before the amplifier, or counts added or averaged after the converter.
    shutter : Shutter, optional
        Exposure times and readout.

    Raises
    ------
    ValueError
        If a number is out of its range.

    References
    ----------
    .. [1] EMVA Standard 1288, Release 4.0 Linear, sec. 2 (model), sec. 6 (dark noise), sec. 8 (DSNU, PRNU).
    """

    rows: int
    columns: int
    pixel_pitch: float
    quantum_efficiency: float
    full_well: float
    gain: float
    read_noise: float
    bits: int
    black_level: float = 0.0
    alignment: str = "right"
    fill_factor: float = 1.0
    dark_current: float = 0.0
    temperature: float = ROOM_TEMPERATURE
    reference_temperature: float = ROOM_TEMPERATURE
    doubling_temperature: float = 7.0
    hot_pixels: float = 0.0
    hot_pixel_current: float = 0.0
    dead_pixels: float = 0.0
    prnu: float = 0.0
    dsnu: float = 0.0
    row_offset: float = 0.0
    column_offset: float = 0.0
    row_noise: float = 0.0
    column_noise: float = 0.0
    crosstalk: float = 0.0
    lag: float = 0.0
    nonlinearity: float = 0.0
    integral_nonlinearity: float = 0.0
    differential_nonlinearity: float = 0.0
    background: float = 0.0
    flicker_depth: float = 0.0
    flicker_frequency: float = 100.0
    top: int = 0
    left: int = 0
    sensor_rows: int = 0
    sensor_columns: int = 0
    binning: int = 1
    binning_kind: str = "charge"
    shutter: Shutter = GLOBAL_SHUTTER

    def __post_init__(self) -> None:
        check_count("rows", self.rows, at_most=100_000)
        check_count("columns", self.columns, at_most=100_000)
        check_number("pixel_pitch", self.pixel_pitch, unit="m", at_least=1e-7, at_most=1e-3)
        check_number("quantum_efficiency", self.quantum_efficiency, above=0, at_most=1)
        check_number("full_well", self.full_well, unit="e", at_least=1, at_most=1e8)
        check_number("gain", self.gain, unit="DN/e", above=0, at_most=1e5)
        check_count("bits", self.bits, at_least=6, at_most=16)
        check_number("black_level", self.black_level, unit="DN", at_least=0, at_most=2**self.bits - 1)
        check_choice("alignment", self.alignment, ("right", "left"))
        for name in ("read_noise", "row_noise", "column_noise"):
            check_number(name, getattr(self, name), unit="e", at_least=0, at_most=1e6)
        for name in ("dsnu", "row_offset", "column_offset"):
            check_number(name, getattr(self, name), unit="e", at_least=0, at_most=5e3)
        for name in ("dark_current", "hot_pixel_current"):
            check_number(name, getattr(self, name), unit="e/s", at_least=0, at_most=1e9)
        for name in ("hot_pixels", "dead_pixels", "flicker_depth"):
            check_number(name, getattr(self, name), at_least=0, at_most=1)
        for name in ("temperature", "reference_temperature"):
            check_number(name, getattr(self, name), unit="K", at_least=50, at_most=400)
        check_number("doubling_temperature", self.doubling_temperature, unit="K", at_least=2, at_most=30)
        check_number("fill_factor", self.fill_factor, at_least=0.01, at_most=1)
        check_number("prnu", self.prnu, at_least=0, at_most=0.3)
        check_number("crosstalk", self.crosstalk, at_least=0, at_most=0.2)
        check_number("lag", self.lag, at_least=0, at_most=0.5)
        check_number("nonlinearity", self.nonlinearity, at_least=0, at_most=0.5)
        bow = self.largest_count / 4  # beyond it larger signals would give smaller counts
        check_number("integral_nonlinearity", self.integral_nonlinearity, unit="DN", at_least=-bow, at_most=bow)
        check_number("differential_nonlinearity", self.differential_nonlinearity, unit="DN", at_least=0, at_most=0.3)
        check_number("background", self.background, unit="photons/s", at_least=0, at_most=1e15)
        check_number("flicker_frequency", self.flicker_frequency, unit="Hz", above=0, at_most=1e9)
        self._check_region()
        if self.saturation < self.black_level + 10:
            raise ValueError(
                f"saturation = {self.saturation} DN leaves no room above black_level = {self.black_level:g} DN: "
                "take a lower black level, a larger gain or full well, or less read noise"
            )

    def _check_region(self) -> None:
        """Refuse a region that leaves the sensor, or that the binning does not divide."""
        check_choice("binning_kind", self.binning_kind, ("charge", "sum", "average"))
        check_count("binning", self.binning, at_most=64)
        for name, size, start in (("rows", self.rows, self.top), ("columns", self.columns, self.left)):
            whole = getattr(self, f"sensor_{name}")
            check_count(f"sensor_{name}", whole, at_least=0, at_most=100_000)
            check_count("top" if name == "rows" else "left", start, at_least=0, at_most=100_000)
            if start + size > (whole or size):
                raise ValueError(
                    f"{size} {name} from {start} on reach beyond the {whole or size} {name} of the sensor: "
                    f"take a smaller region, or state sensor_{name}"
                )
            if size % self.binning:
                raise ValueError(f"{name} = {size} is no multiple of binning = {self.binning}")

    def region(self, *, rows: int, columns: int, top: int = 0, left: int = 0) -> "Camera":
        """Return the camera that reads a smaller region, with the same pixels in it.

        Parameters
        ----------
        rows, columns : int
            Pixels of the region.
        top, left : int, optional
            Its first row and column, counted from those of this camera's region.

        Returns
        -------
        Camera
            The same sensor, another region.

        Raises
        ------
        ValueError
            If the region leaves this camera's.
        """
        if top + rows > self.rows or left + columns > self.columns:
            raise ValueError(
                f"a region of {rows} x {columns} pixels from ({top}, {left}) on leaves the {self.rows} x "
                f"{self.columns} pixels of the camera"
            )
        return replace(
            self, rows=rows, columns=columns, top=self.top + top, left=self.left + left,
            sensor_rows=self.sensor_rows or self.rows, sensor_columns=self.sensor_columns or self.columns,
        )  # fmt: skip

    @property
    def shape(self) -> tuple[int, int]:
        """Return the pixels of the region along (y, x)."""
        return (self.rows, self.columns)

    @property
    def pixels(self) -> int:
        """Return the number of pixels of the region."""
        return self.rows * self.columns

    @property
    def sensor_shape(self) -> tuple[int, int]:
        """Return the pixels of the whole sensor along (y, x)."""
        return (self.sensor_rows or self.rows, self.sensor_columns or self.columns)

    @property
    def thermal_factor(self) -> float:
        """Return the dark current over that at the reference temperature (law L44)."""
        return float(2 ** ((self.temperature - self.reference_temperature) / self.doubling_temperature))

    @property
    def largest_count(self) -> int:
        """Return the largest count of the converter, in DN."""
        return (1 << self.bits) - 1

    @property
    def word(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        """Return the type of the words that carry counts."""
        return np.dtype(np.uint8) if self.word_bits == 8 else np.dtype(np.uint16)

    @property
    def word_bits(self) -> int:
        """Return the bits of the word that carries a count: 8 or 16."""
        return 8 if self.bits <= 8 else 16

    @property
    def count_step(self) -> int:
        """Return the word that stands for one DN: 1 where right-aligned, a power of two where left-aligned."""
        return 1 if self.alignment == "right" else 2 ** (self.word_bits - self.bits)

    @property
    def dark_noise(self) -> float:
        """Return the temporal noise of a dark pixel, in electrons rms, dark current and rounding left out."""
        return math.sqrt(self.read_noise**2 + self.row_noise**2 + self.column_noise**2)

    @property
    def saturation(self) -> int:
        """Return the DN from which on a pixel counts as saturated.

        It is the largest count of the converter, or where the well fills first, the signal of a full well less
        three times the dark noise.
        """
        well = self.black_level + self.gain * (self.full_well * (1 - self.nonlinearity) - 3 * self.dark_noise)
        return min(self.largest_count, math.floor(well))

    @property
    def saturation_charge(self) -> float:
        """Return the charge at which counts stop to follow the light, in electrons."""
        return min(self.full_well * (1 - self.nonlinearity), (self.largest_count - self.black_level) / self.gain)

    def digital_numbers(self, counts: Counts) -> Counts:
        """Return counts as they came from the camera in DN, alignment undone.

        Parameters
        ----------
        counts : ndarray of uint8 or uint16
            Words as delivered.

        Returns
        -------
        ndarray of uint8 or uint16
            Counts in DN; the input itself where nothing had to be done.

        Raises
        ------
        TypeError
            If the words are not of the camera's word type.
        """
        if counts.dtype != self.word:
            raise TypeError(f"counts of a {self.bits}-bit camera are {self.word} words, got {counts.dtype}")
        return counts if self.count_step == 1 else counts // self.word.type(self.count_step)

    def temporal_variance(self, mean: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the variance from frame to frame of a pixel whose mean is known.

        .. math:: \\sigma^2 = K^2 \\sigma_d^2 + \\tfrac{1}{12} + K (\\mu - b)

        Parameters
        ----------
        mean : ndarray
            Mean counts, in DN.

        Returns
        -------
        ndarray
            Variance, in DN^2. Means below the black level are taken as dark.

        Notes
        -----
        Rounding adds 1/12 DN^2 where the noise is at least about half a DN; below that the true figure
        swings around it with the mean (law L46).

        References
        ----------
        .. [1] EMVA Standard 1288, Release 4.0 Linear, sec. 2.4: photon-transfer equation.
        """
        dark = (self.gain * self.dark_noise) ** 2 + 1 / 12
        signal = np.asarray(mean, np.result_type(mean, np.float32)) - self.black_level  # counts would wrap around
        return np.asarray(dark + self.gain * np.maximum(signal, 0))
