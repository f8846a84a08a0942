"""The camera as its data sheet describes it; `optics.sensor` simulates what it describes."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.validation import check_choice, check_count, check_number

Counts = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A monochrome camera with a global shutter, in the linear model of EMVA 1288.

    Counts follow from photons in this order: light and background, crosstalk, quantum efficiency and PRNU,
    dark current, one Poisson draw, lag, full well, non-linearity, offsets and read noise, gain, black level,
    rounding, clipping:

    .. math:: c = \\mathrm{clip}\\lfloor K (e + o + n) + b + \\tfrac12 \\rfloor, \\qquad
              e = \\min(\\mathrm{Poisson}(\\eta (1 + p) \\mu + \\mu_d), e_\\mathrm{fw})

    Parameters
    ----------
    rows, columns : int
        Pixels that are read out along y and x.
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
    dark_current : float, optional
        Electrons per pixel per second.
    hot_pixels : float, optional
        Fraction of pixels whose dark current is ``hot_pixel_current``.
    hot_pixel_current : float, optional
        Dark current of a hot pixel, in electrons per second.
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
    background : float, optional
        Incoherent stray light, in photons per pixel per second.
    exposure_minimum, exposure_maximum, exposure_step : float, optional
        Exposure times that the camera grants, in seconds.
    frame_overhead : float, optional
        Smallest time between the end of an exposure and the start of the next, in seconds.

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
    dark_current: float = 0.0
    hot_pixels: float = 0.0
    hot_pixel_current: float = 0.0
    prnu: float = 0.0
    dsnu: float = 0.0
    row_offset: float = 0.0
    column_offset: float = 0.0
    row_noise: float = 0.0
    column_noise: float = 0.0
    crosstalk: float = 0.0
    lag: float = 0.0
    nonlinearity: float = 0.0
    background: float = 0.0
    exposure_minimum: float = 1e-6
    exposure_maximum: float = 10.0
    exposure_step: float = 1e-6
    frame_overhead: float = 0.0

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
        for name in ("read_noise", "dsnu", "row_offset", "column_offset", "row_noise", "column_noise"):
            check_number(name, getattr(self, name), unit="e", at_least=0, at_most=1e6)
        for name in ("dark_current", "hot_pixel_current"):
            check_number(name, getattr(self, name), unit="e/s", at_least=0, at_most=1e9)
        check_number("hot_pixels", self.hot_pixels, at_least=0, at_most=1)
        check_number("prnu", self.prnu, at_least=0, at_most=0.3)
        check_number("crosstalk", self.crosstalk, at_least=0, at_most=0.2)
        check_number("lag", self.lag, at_least=0, at_most=0.5)
        check_number("nonlinearity", self.nonlinearity, at_least=0, at_most=0.5)
        check_number("background", self.background, unit="photons/s", at_least=0)
        check_number("exposure_minimum", self.exposure_minimum, unit="s", above=0)
        check_number("exposure_maximum", self.exposure_maximum, unit="s", at_least=self.exposure_minimum)
        check_number("exposure_step", self.exposure_step, unit="s", above=0)
        check_number("frame_overhead", self.frame_overhead, unit="s", at_least=0)
        if self.saturation < self.black_level + 10:
            raise ValueError(
                f"saturation = {self.saturation} DN leaves no room above black_level = {self.black_level:g} DN: "
                "take a lower black level, a larger gain or full well, or less read noise"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Return the pixels along (y, x)."""
        return (self.rows, self.columns)

    @property
    def pixels(self) -> int:
        """Return the number of pixels."""
        return self.rows * self.columns

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

    def granted_exposure(self, requested: float) -> float:
        """Return the exposure time that the camera grants for the one requested.

        Parameters
        ----------
        requested : float
            Exposure time, in seconds.

        Returns
        -------
        float
            The nearest multiple of the step inside the range, in seconds.

        Raises
        ------
        ValueError
            If the request lies outside the camera's range.
        """
        check_number(
            "exposure_time", requested, unit="s", at_least=self.exposure_minimum, at_most=self.exposure_maximum
        )
        granted = round(requested / self.exposure_step) * self.exposure_step
        return min(max(granted, self.exposure_minimum), self.exposure_maximum)
