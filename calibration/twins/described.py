"""From figures to a description: what a bench is said to be, and what is chosen where frames cannot tell."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import brentq

from calibration.cameras.uncertainty import SIGNIFICANT, Measured
from calibration.identification.camera_figures import CameraFigures
from calibration.identification.light_figures import LightFigures, medium_description
from calibration.identification.time_figures import TimeFigures, described_pointing, drifting_medium
from optics.bench import Bench, BenchDescription
from optics.camera import Camera
from optics.dmd import Dmd
from optics.laser import Laser
from optics.macropixels import Layout
from optics.mirrors.light import input_light

CHOICES = (
    "quantum efficiency, laser power and transmittance come as one product: the efficiency is the one that the camera "
    "states, the power the one that was given, and the medium's collected fraction makes the product right",
    "dark current and incoherent background come as one: all of it is dark current",
    "off-state and other static light come as one field: all of it comes through the mirrors, as their contrast ratio",
    "beam profile, flatness and faulty mirrors come as one: each macropixel has an amplitude, and the beam is even",
    "an uneven response of the pixels (PRNU) is not told from uneven rows of the matrix: it is part of the matrix",
    "crosstalk between pixels is part of the grain of the speckle",
    "all fast decorrelation is pointing of the beam; all slow decorrelation is the medium's, by the likeliest of three "
    "laws: gaussian, exponential, exponential in as many channels as there are macropixels",
    "the matrix of the twin is another draw of the same statistics",
)
"""What frames cannot tell, and how it is fixed."""

NOTABLE = 2.0
"""Slow change of the power over the noise of the laser from which on it is worth a flag."""

NEVER_FULL = 10.0
"""Full well over its lower bound where the converter stops first."""

LOWEST_CONTRAST, HIGHEST_CONTRAST = 1.5, 1e9
"""Contrast ratios of the mirrors that are looked for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FoundParts:
    """What frames tell of a bench, and the description that follows.

    Parameters
    ----------
    camera : CameraFigures
        Of the camera.
    light : LightFigures
        Of the light.
    time : TimeFigures
        Of what moves.
    """

    camera: CameraFigures
    light: LightFigures
    time: TimeFigures

    def description(
        self, bench: Bench, *, wavelength: float, dmd: Dmd, power: float, name: str, exposure_time: float
    ) -> BenchDescription:
        """Return the description of the twin.

        Parameters
        ----------
        bench : Bench
            The bench: of it the layout, and of its camera what was stated.
        wavelength : float
            Wavelength of the laser, in metres.
        dmd : Dmd
            The mirror array.
        power : float
            Power of the laser on the mirrors, in watts.
        name : str
            Name of the twin.
        exposure_time : float
            Exposure time at the start, in seconds.

        Returns
        -------
        BenchDescription
            A bench that loads as a simulated one.
        """
        stated, layout = bench.camera, bench.layout
        live = self.light.weights.live
        amplitudes = tuple(np.where(live, self.light.weights.amplitude, 0.0).tolist())
        even = replace(dmd, contrast_ratio=math.inf, flatness=(), stuck_on=0.0, stuck_off=0.0, dead=0.0)
        laser = Laser(wavelength=wavelength, power=power, intensity_noise=shown(self.time.laser_noise))
        switched = input_light(laser, even, layout, amplitudes=amplitudes).switched[:-1]
        sent = float(np.mean(np.abs(switched[live]) ** 2))
        delivered = stated.quantum_efficiency / stated.pixels
        fraction = self.light.macropixel_rate.value / (delivered * sent)
        medium = medium_description(self.light, collected_fraction=fraction, pixel_pitch=stated.pixel_pitch)
        period = max(stated.shutter.pattern_period(exposure_time, rows=stated.rows), 1 / dmd.frame_rate)
        static = shown(self.light.static.light) / (delivered * fraction)
        return BenchDescription(
            name=name,
            laser=replace(laser, pointing=described_pointing(self.time, frame_period=period)),
            dmd=replace(even, contrast_ratio=_contrast_ratio(static, laser, even, layout, amplitudes)),
            layout=layout,
            medium=drifting_medium(self.time, medium),
            camera=twin_camera(stated, self.camera),
            exposure_time=exposure_time,
            macropixel_amplitudes=amplitudes,
        )

    def flags(self) -> tuple[str, ...]:
        """Return what a reader has to know before trusting the figures.

        Returns
        -------
        tuple of str
            Sentences.
        """
        found = []
        ratio = self.light.half_over_singles
        if abs(ratio.value - 1) > SIGNIFICANT * ratio.uncertainty:
            found.append(
                f"a random half gives {ratio.value:.3f} times the light that its macropixels give one by one: the "
                "bench is not linear (the camera, or macropixels that overlap), or the light changed meanwhile"
            )
        change = self.time.power_change
        if not change.bound and change.value > NOTABLE * (shown(self.time.laser_noise) + 1e-3):
            found.append(
                f"the power of the light changed by {100 * change.value:.2g} % rms over the protocol, slowly: it is "
                "not part of the twin"
            )
        undecided = int(np.count_nonzero(self.light.weights.undecided))
        if undecided:
            found.append(f"{undecided} macropixels have too little light to tell whether they are dead")
        return tuple(found)


def twin_camera(stated: Camera, figures: CameraFigures) -> Camera:
    """Return a camera with the figures that frames told, in place of those that were stated.

    Parameters
    ----------
    stated : Camera
        What was stated: of it pixels, pitch, bits, alignment, quantum efficiency and shutter stay.
    figures : CameraFigures
        What frames told.

    Returns
    -------
    Camera
        The camera of the twin. What is hidden is left out; a full well that the converter does not reach is one that it
        never reaches.
    """
    hidden_or_not = (
        "read_noise", "row_noise", "column_noise", "dark_current", "dsnu", "row_offset", "column_offset", "hot_pixels",
        "dead_pixels",
    )  # fmt: skip
    numbers: dict[str, Any] = {name: shown(getattr(figures, name)) for name in hidden_or_not}
    if numbers["hot_pixels"] and math.isfinite(figures.hot_pixel_current.value):
        numbers["hot_pixel_current"] = max(figures.hot_pixel_current.value, 0.0)
    return Camera(
        rows=stated.rows,
        columns=stated.columns,
        pixel_pitch=stated.pixel_pitch,
        quantum_efficiency=stated.quantum_efficiency,
        full_well=figures.full_well.value * (NEVER_FULL if figures.full_well.bound else 1.0),
        gain=figures.gain.value,
        bits=stated.bits,
        black_level=max(figures.black_level.value, 0.0),
        alignment=stated.alignment,
        shutter=stated.shutter,
        **numbers,
    )


def shown(figure: Measured) -> float:
    """Return a figure, or zero where it is hidden below an upper bound.

    Parameters
    ----------
    figure : Measured
        The figure.

    Returns
    -------
    float
        Its value, not negative.
    """
    return 0.0 if figure.bound == "upper" else max(figure.value, 0.0)


def _contrast_ratio(static: float, laser: Laser, even: Dmd, layout: Layout, amplitudes: tuple[float, ...]) -> float:
    """Return the contrast of mirrors that send so many photons per second with all macropixels off."""
    if not static:
        return math.inf

    def excess(logarithm: float) -> float:
        leaky = replace(even, contrast_ratio=math.exp(logarithm))
        light = input_light(laser, leaky, layout, amplitudes=amplitudes)
        return float(np.sum(np.abs(light.static) ** 2)) - static

    least, most = math.log(LOWEST_CONTRAST), math.log(HIGHEST_CONTRAST)
    if excess(most) > 0:
        return math.inf
    if excess(least) < 0:
        raise ValueError(
            "with all macropixels off there is more light than the mirrors can leak: look for light that does not come "
            "from the modulator, or a modulator that does not switch off"
        )
    return math.exp(float(brentq(excess, least, most)))
