"""A twin that needs no identification: the bench's own description, for tests of what is made of a twin."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from calibration.cameras.report import format_measured
from calibration.cameras.uncertainty import Measured
from calibration.identification.observations import Observations
from calibration.identification.protocol import ProtocolSettings, observe
from calibration.twins.twin_figures import TwinFigure
from optics import Bench, BenchDescription, Dmd, SimulatedBench
from optics.files.bench_file import save_bench


@dataclass(frozen=True, kw_only=True, eq=False)
class StandInTwin:
    """What an identification brings back."""

    description: BenchDescription
    figures: tuple[TwinFigure, ...]
    choices: tuple[str, ...] = ("Quantum efficiency is 0.5: frames tell its product with the power alone.",)
    flags: tuple[str, ...] = ("drift was not seen within the protocol",)
    exposures: int = 1234
    observations: Observations | None = None

    def save(self, path: Path) -> None:
        """Write the description, the figures beside it."""
        comments = {row.field: format_measured(row.measured) for row in self.figures if row.field}
        save_bench(self.description, path, comments=comments)


FIGURES = (
    TwinFigure(
        group="Camera", name="Gain", symbol="K", measured=Measured(value=0.0253, uncertainty=0.0001), unit="DN/e",
        sentence="Slope of the variance against the signal.", field="camera.gain",
    ),
    TwinFigure(
        group="Time", name="Correlation time", symbol="τ", measured=Measured(value=1e3, uncertainty=0, bound="lower"),
        unit="s", sentence="Drift slower than the protocol.",
    ),
    TwinFigure(
        group="Camera", name="Read noise <&>", symbol="σ", measured=Measured(value=13.1, uncertainty=0.2), unit="e",
        sentence="From dark pairs.", field="camera.read_noise",
    ),
)  # fmt: skip


def standin_twin(description: BenchDescription, *, observations: Observations | None = None) -> StandInTwin:
    """The twin of a bench whose description is known."""
    return StandInTwin(
        description=replace(description, name=f"twin of {description.name}"), figures=FIGURES, observations=observations
    )


def identify_bench(
    bench: Bench,
    *,
    wavelength: float,
    dmd: Dmd,
    name: str,
    settings: ProtocolSettings,
    progress: Callable[[list[str]], Iterable[str]] = list,
) -> StandInTwin:
    """Take the frames of an identification, and look the description up."""
    if not isinstance(bench, SimulatedBench):
        raise TypeError("the stand-in knows simulated benches alone")
    known = bench.description
    assert (wavelength, dmd, name) == (known.laser.wavelength, known.dmd, f"twin of {known.name}")
    return standin_twin(known, observations=observe(bench, settings=settings, progress=progress))
