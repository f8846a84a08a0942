"""Instabilities as causes: what wanders, jumps, jitters or is lost, and the same bench without one."""

from dataclasses import replace

from optics.bench import BenchDescription
from optics.cause import Cause
from optics.instabilities.heating import NO_HEATING
from optics.instabilities.losses import NO_LOSSES
from optics.instabilities.mode_hops import NO_MODE_HOPS
from optics.instabilities.pointing import NO_POINTING
from optics.instabilities.power import NO_POWER_DRIFT
from optics.instabilities.trigger import NO_JITTER


def _steady_arm(bench: BenchDescription) -> BenchDescription:
    """Return the bench with a reference of constant power."""
    arm = bench.reference
    return bench if arm is None else replace(bench, reference=replace(arm, power_noise=0.0))


TEMPORAL_CAUSES = (
    Cause.described(
        "reference_power",
        "noise",
        sentence="The power of the reference arm changes from one exposure to the next.",
        present=lambda bench: bench.reference is not None and bench.reference.power_noise > 0,
        without=_steady_arm,
    ),
    Cause.described(
        "anchor_power",
        "anchor",
        sentence="The anchor's own beam changes its power from one exposure to the next.",
        present=lambda bench: bench.anchor_beam.present,
        without=lambda bench: replace(bench, anchor_beam=replace(bench.anchor_beam, power_noise=0.0)),
    ),
    Cause.described(
        "power_drift",
        "drift",
        sentence="The laser's power wanders slowly.",
        present=lambda bench: bench.laser.power_drift.present,
        without=lambda bench: replace(bench, laser=replace(bench.laser, power_drift=NO_POWER_DRIFT)),
    ),
    Cause(
        name="mode_hops",
        group="drift",
        sentence="The laser jumps between longitudinal modes, and the speckle with it.",
        present=lambda bench: bench.laser.mode_hops.present,
        without=lambda bench: replace(bench, laser=replace(bench.laser, mode_hops=NO_MODE_HOPS)),
        of_medium=True,
    ),
    Cause(
        name="pointing",
        group="drift",
        sentence="The beam's direction wanders.",
        present=lambda bench: bench.laser.pointing.present,
        without=lambda bench: replace(bench, laser=replace(bench.laser, pointing=NO_POINTING)),
        of_medium=True,
    ),
    Cause(
        name="temperature",
        group="drift",
        sentence="The room's temperature changes the paths in the medium.",
        present=lambda bench: bench.temperature.present,
        # What a degree does stays in the description: heating by the patterns needs it.
        without=lambda bench: replace(bench, temperature=replace(bench.temperature, amplitude=0.0, rms=0.0)),
        of_medium=True,
    ),
    Cause.described(
        "heating",
        "drift",
        sentence="Patterns warm the medium.",
        present=lambda bench: bench.heating.present,
        without=lambda bench: replace(bench, heating=NO_HEATING),
    ),
    Cause.described(
        "trigger_jitter",
        "faults",
        sentence="Exposures start too late or too early for their patterns.",
        present=lambda bench: bench.trigger.present,
        without=lambda bench: replace(bench, trigger=NO_JITTER),
    ),
    Cause.described(
        "dropped_frames",
        "faults",
        sentence="Frames are lost, or show the pattern before.",
        present=lambda bench: bench.losses.present,
        without=lambda bench: replace(bench, losses=NO_LOSSES),
    ),
)
"""Causes that live in time. Those that turn the inputs' phases count as parts of the medium: the linear map to score
against is that of the moment of the calibration."""
