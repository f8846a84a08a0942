"""A bench, identified from its frames: its twin in simulation, and what each figure of it is worth.

What frames alone tell is estimated; what they cannot tell is fixed by a choice that is named.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import brentq

from calibration.cameras.report import format_measured
from calibration.cameras.uncertainty import SIGNIFICANT, Measured, propagate
from calibration.identification.camera_figures import CameraFigures, camera_figures
from calibration.identification.figure_table import figure_table
from calibration.identification.light_figures import LightFigures, light_figures, medium_description
from calibration.identification.macropixel_weights import anchor_ratio
from calibration.identification.observations import Observations
from calibration.identification.protocol import DEFAULT_SETTINGS, ProtocolSettings, observe
from calibration.identification.time_figures import (
    LitMacropixels,
    TimeFigures,
    described_pointing,
    drifting_medium,
    time_figures,
)
from calibration.identification.twin_figures import TwinFigure
from calibration.scheme import anchor_size
from optics.bench import Bench, BenchDescription
from optics.camera import Camera
from optics.dmd import Dmd
from optics.files.bench_file import bench_to_table, save_bench
from optics.laser import Laser
from optics.macropixels import Layout, input_positions
from optics.mirrors.light import input_light
from optics.validation import check_count, check_number

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

MOST_MEDIA = 5
"""Parts of the name of a field of a medium inside others."""

LOWEST_CONTRAST, HIGHEST_CONTRAST = 1.5, 1e9
"""Contrast ratios of the mirrors that are looked for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Twin:
    """A bench as its frames describe it.

    Parameters
    ----------
    description : BenchDescription
        The twin: loads as a simulated bench.
    camera : CameraFigures
        What the frames tell of the camera.
    light : LightFigures
        What they tell of the light.
    time : TimeFigures
        What they tell of what moves.
    choices : tuple of str
        What frames cannot tell, and how it was fixed.
    flags : tuple of str
        What a reader has to know before trusting the figures.
    observations : Observations
        The frames.
    components : int
        Length of the vectors that the bench is to project.
    """

    description: BenchDescription
    camera: CameraFigures
    light: LightFigures
    time: TimeFigures
    choices: tuple[str, ...]
    flags: tuple[str, ...]
    observations: Observations
    components: int

    @property
    def exposures(self) -> int:
        """Return the number of frames that the identification took."""
        return self.observations.exposures

    @property
    def figures(self) -> tuple[TwinFigure, ...]:
        """Return every identified figure with its uncertainty."""
        return (*figure_table(self.camera, self.light, self.time), self._anchor_row())

    def _anchor_row(self) -> TwinFigure:
        """Return the light of the anchor over that of the components, macropixel by macropixel."""
        size = anchor_size(self.components)
        places = np.arange(min(self.components + size, self.light.weights.dead.size))
        signal, anchor = places[: self.components], places[self.components :]
        ratio = anchor_ratio(self.light.weights, anchor=anchor, signal=signal)
        return TwinFigure(
            group="Anchor", name="anchor over signal", symbol="", measured=ratio, unit="",
sentence=f"of the macropixels: {anchor.size} of the anchor over {signal.size} of the vector",
        )  # fmt: skip

    def save(self, path: str | Path) -> None:
        """Write the twin as a bench file, each figure with its uncertainty beside it.

        Parameters
        ----------
        path : str or Path
            File to be written, whole or not at all.
        """
        table = bench_to_table(self.description)
        words = [f"Identified from {self.exposures} frames. What frames cannot tell:", *self.choices]
        comments = {"": "\n".join(words)}
        for figure in self.figures:
            place = _place(table, figure.field)
            if place:
                comments[place] = f"{format_measured(figure.measured)} {figure.unit}".rstrip()
        save_bench(self.description, Path(path), comments=comments)


def identify_bench(
    bench: Bench,
    *,
    wavelength: float,
    dmd: Dmd,
    power: float = 1e-3,
    components: int = 10,
    name: str = "twin",
    settings: ProtocolSettings = DEFAULT_SETTINGS,
    progress: Callable[[list[str]], Iterable[str]] = list,
) -> Twin:
    """Identify a bench from frames, and describe its twin.

    Parameters
    ----------
    bench : Bench
        A simulated or a real bench with its light on. Of its camera bits, pixels, pixel pitch and exposure times are
        taken as stated, and the quantum efficiency as a choice; nothing else.
    wavelength : float
        Wavelength of the laser, in metres.
    dmd : Dmd
        The mirror array: how many mirrors, how large; its contrast ratio is measured.
    power : float, optional
        Power of the laser on the mirrors, in watts, where it is known; otherwise a choice.
    components : int, optional
        Length of the vectors that the bench is to project: what `calibration.AnchorProjector` takes for the anchor is
        compared with them.
    name : str, optional
        Name of the twin.
    settings : ProtocolSettings, optional
        How many frames are taken.
    progress : callable, optional
        Wraps the list of the steps, for instance ``tqdm.tqdm``.

    Returns
    -------
    Twin
        The figures and the description.

    Raises
    ------
    ValueError
        If the bench has no light or too much, frames are lost again and again, or the frames tell nothing.
    """
    check_number("power", power, unit="W", above=0, at_most=100)
    check_count("components", components, at_least=1, at_most=bench.layout.inputs - 1)
    bench.layout.check_fits(dmd)
    return describe_twin(
        observe(bench, settings=settings, progress=progress), bench=bench, wavelength=wavelength, dmd=dmd,
        power=power, components=components, name=name,
    )  # fmt: skip


def describe_twin(
    observations: Observations, *, bench: Bench, wavelength: float, dmd: Dmd, power: float = 1e-3, components: int = 10,
    name: str = "twin",
) -> Twin:  # fmt: skip
    """Return the twin that frames describe.

    Parameters
    ----------
    observations : Observations
        The frames.
    bench : Bench
        The bench that they are of; nothing is exposed.
    wavelength : float
        Wavelength of the laser, in metres.
    dmd : Dmd
        The mirror array.
    power : float, optional
        Power of the laser on the mirrors, in watts.
    components : int, optional
        Length of the vectors that the bench is to project.
    name : str, optional
        Name of the twin.

    Returns
    -------
    Twin
        The figures and the description.

    Raises
    ------
    ValueError
        If the frames tell nothing.
    """
    places = input_positions(bench.layout, dmd)
    camera = camera_figures(observations)
    light = light_figures(observations, camera, positions=places)
    dead = light.weights.dead
    moving = time_figures(
        observations,
        gain=camera.gain,
        dark_noise=replace(
            propagate(lambda gain, noise: gain * noise, camera.gain, camera.dark_noise), bound=camera.dark_noise.bound
        ),
        excluded=camera.hot_map | camera.dead_map,
        lit=LitMacropixels(
            positions=places,
            weights=np.where(dead, 0.0, np.maximum(light.weights.light, 0.0)),
            wavelength=wavelength,
        ),
    )
    parts = _Parts(camera=camera, light=light, time=moving)
    description = parts.description(
        bench, wavelength=wavelength, dmd=dmd, power=power, name=name, exposure_time=observations.halves.exposure_time
    )
    return Twin(
        description=description,
        camera=camera,
        light=light,
        time=moving,
        choices=CHOICES,
        flags=parts.flags(),
        observations=observations,
        components=components,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Parts:
    """What frames tell, on the way to a description."""

    camera: CameraFigures
    light: LightFigures
    time: TimeFigures

    def description(
        self, bench: Bench, *, wavelength: float, dmd: Dmd, power: float, name: str, exposure_time: float
    ) -> BenchDescription:
        """Return the description of the twin."""
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
        """Return what a reader has to know before trusting the figures."""
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


def _place(table: Mapping[str, Any], field: str) -> str:
    """Return where a field stands in a bench file, in a medium inside another perhaps; empty where it is left out."""
    parts = field.split(".")
    while field and parts:
        inner: Any = table
        for part in parts:
            inner = inner.get(part) if isinstance(inner, Mapping) else None
        if inner is not None:
            return ".".join(parts)
        if parts[0] != "medium" or len(parts) > MOST_MEDIA:
            return ""
        parts.insert(-1, "inside")
    return ""


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
