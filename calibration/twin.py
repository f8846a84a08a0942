"""A bench, identified from its frames: its twin in simulation, and what each figure of it is worth.

What frames alone tell is estimated; what they cannot tell is fixed by a choice that is named.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from calibration.cameras.report import format_measured
from calibration.cameras.uncertainty import propagate
from calibration.identification.camera_figures import CameraFigures, camera_figures
from calibration.identification.light_figures import LightFigures, light_figures
from calibration.identification.macropixel_weights import anchor_ratio
from calibration.identification.observations import Observations
from calibration.identification.protocol import DEFAULT_SETTINGS, ProtocolSettings, observe
from calibration.identification.time_figures import LitMacropixels, TimeFigures, time_figures
from calibration.scheme import anchor_size
from calibration.twins.described import CHOICES, NEVER_FULL, FoundParts
from calibration.twins.figure_table import figure_table
from calibration.twins.twin_figures import TwinFigure
from optics.bench import Bench, BenchDescription
from optics.dmd import Dmd
from optics.files.bench_file import bench_to_table, save_bench
from optics.macropixels import input_positions
from optics.validation import check_count, check_number

MOST_MEDIA = 5
"""Parts of the name of a field of a medium inside others."""


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
                comments[place] = format_measured(figure.measured, unit=figure.unit)
                if place == "camera.full_well" and figure.measured.bound:
                    comments[place] += f": never reached, {NEVER_FULL:g} times that is taken"
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
    parts = FoundParts(camera=camera, light=light, time=moving)
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
