"""Docstrings of everything public: numpydoc form, every parameter and return value named."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest

import calibration
import dfa
import optics

validate = pytest.importorskip("numpydoc.validate", reason="numpydoc is part of the dev extra: pip install -e '.[dev]'")

CHECKS = {
    "GL03", "GL05", "GL06", "GL07", "GL08", "SS01", "SS02", "SS03",
    "PR01", "PR02", "PR04", "PR06", "PR07", "RT01", "RT03", "YD01",
}  # fmt: skip


def public_objects() -> Iterator[str]:
    """Yield the qualified name of every public class, function, method and property of the three packages."""
    for package in (optics, calibration, dfa):
        for module_info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(module_info.name)
            for name, item in vars(module).items():
                if not name.startswith("_") and getattr(item, "__module__", None) == module.__name__:
                    if inspect.isfunction(item):
                        yield f"{module.__name__}.{name}"
                    elif inspect.isclass(item):
                        yield f"{module.__name__}.{name}"
                        yield from members(item, f"{module.__name__}.{name}")


def members(cls: type, where: str) -> Iterator[str]:
    """Yield the qualified names of the public methods and properties that a class itself defines."""
    for name, item in vars(cls).items():
        if not name.startswith("_") and (inspect.isfunction(item) or isinstance(item, property)):
            yield f"{where}.{name}"


# A protocol says in prose what its implementations document in full; an enumeration has no parameters of its own.
PROSE = (
    "optics.bench.Bench", "optics.encodings.encoding.Encoding", "optics.macropixels.Layout",
    "optics.media.description.MediumDescription", "optics.media.medium.Medium", "dfa.feedbacks.feedback.Feedback",
    "dfa.tasks.task.Task", "optics.stateful.Stateful", "dfa.checkpoints.Resumable", "dfa.systems.system.System",
    "optics.streams.NoiseSource", "calibration.matrices.bases.InputBasis",
    "calibration.campaigns.frames.FrameSource", "calibration.campaigns.measure.Progress",
    "calibration.campaigns.methods.MatrixMethod", "calibration.campaigns.plan.PatternSeries",
    "calibration.campaigns.run.FrameSink", "optics.devices.stand_ins.StandIn",
    "calibration.twins.twin_figures.IdentifiedBench",
    "calibration.identification.dark_levels.CameraKnowledge",
    *(f"optics.devices.protocols.{name}" for name in (
        "Modulator", "FrameCamera", "BurstCamera", "PatternSequencer", "RegionCamera", "GainCamera", "LightSwitch",
        "PhaseShifter",
    )),
)  # fmt: skip


@pytest.mark.parametrize(
    "name", [name for name in public_objects() if not any(f"{name}.".startswith(f"{prose}.") for prose in PROSE)]
)
def test_docstring_has_the_form_of_numpydoc(name: str) -> None:
    errors = [f"{code} {text}" for code, text in validate.validate(name)["errors"] if code in CHECKS]
    assert not errors
