"""The projector in bench time: exposure asked for, age of the stored frames, truth at a time, lost frames."""

from dataclasses import replace

import numpy as np
import pytest

from calibration import AnchorProjector, cosine
from optics import BenchDescription, SimulatedBench
from optics.bench import Exposure
from optics.media import DriftDescription
from tests.calibration.conftest import ternary


class LossyBench(SimulatedBench):
    """A bench that loses frames: those whose index is a multiple of ``every``, with counts that mean nothing."""

    every = 0

    def expose(self, patterns: np.ndarray, **options: object) -> Exposure:
        exposure = super().expose(patterns, **options)  # type: ignore[arg-type]
        if not self.every:
            return exposure
        valid = exposure.frame_ids % self.every != 0
        counts = np.where(valid[:, np.newaxis, np.newaxis], exposure.counts, 200).astype(exposure.counts.dtype)
        return replace(exposure, counts=counts, valid=valid)


@pytest.mark.parametrize("full_scale", [4.0, 16.0])
def test_the_brightest_frame_has_the_full_scale_that_is_asked_for(
    description: BenchDescription, full_scale: float
) -> None:
    bench = SimulatedBench(description, seed=2)
    projector = AnchorProjector(bench, components=10, outputs=500, full_scale=full_scale)
    assert projector.calibration.full_scale == full_scale
    bench.exposure_time = projector.calibration.levels[-1].exposure_time
    scheme = projector.calibration.scheme
    on = np.zeros((200, scheme.inputs), np.bool_)
    on[:, scheme.components] = True
    on |= scheme.anchor_states
    camera = bench.camera
    light = bench.truth.intensity(on[:1]).mean() * camera.gain * camera.quantum_efficiency * bench.exposure_time
    # Levels lie sqrt(2) apart, and speckle of 720 grains that is brighter than the calibrated mean by 2 / sqrt(720).
    reached = (camera.saturation - camera.black_level) / light
    assert full_scale / np.sqrt(2) * 0.9 < reached < full_scale * 1.1


def test_without_a_full_scale_the_best_is_taken(description: BenchDescription) -> None:
    first, second = (AnchorProjector(SimulatedBench(description, seed=2), components=10, outputs=500) for _ in "ab")
    given = first.calibration.full_scale
    asked = AnchorProjector(SimulatedBench(description, seed=2), components=10, outputs=500, full_scale=given)
    x = np.eye(10)
    expected = second.project(x).value
    assert np.array_equal(asked.project(x).value, expected)


@pytest.mark.parametrize(("name", "value"), [("full_scale", 0.0), ("full_scale", np.nan), ("refresh_time", 0.0)])
def test_settings_out_of_range_are_refused(description: BenchDescription, name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} = {value:g}"):
        AnchorProjector(SimulatedBench(description, seed=2), components=10, outputs=500, **{name: value})


def test_stored_frames_are_taken_anew_when_they_are_old(description: BenchDescription) -> None:
    bench = SimulatedBench(description, seed=2)
    projector = AnchorProjector(bench, components=10, outputs=500, stored_exposures=4, refresh_time=0.5)
    first = projector.calibration
    x = np.eye(10)
    ages = []
    while projector.calibration is first and len(ages) < 1000:
        ages.append(projector.elapsed - first.levels[0].timestamp)
        projector.project(x)
    assert ages[-1] > 0.5 > ages[-2]
    assert projector.calibration.levels[0].timestamp > first.levels[0].timestamp + 0.5
    young = projector.calibration
    projector.project(x)
    assert projector.calibration is young


def test_elapsed_is_the_time_of_the_last_frame(description: BenchDescription) -> None:
    bench = SimulatedBench(description, seed=2)
    projector = AnchorProjector(bench, components=10, outputs=500, stored_exposures=4)
    assert bench.exposures == projector.frames_exposed
    projector.project(np.eye(10))
    exposure = bench.expose(np.zeros((1, projector.calibration.scheme.inputs), np.bool_))
    period = description.period(bench.exposure_time)
    assert exposure.timestamps[0] - projector.elapsed == pytest.approx(period, rel=1e-9)


def test_truth_follows_a_medium_that_moves(ideal: BenchDescription, rng: np.random.Generator) -> None:
    moving = replace(
        ideal,
        medium=DriftDescription(inside=ideal.medium, law="exponential", correlation_time=20.0, method="mixing"),
    )
    projector = AnchorProjector(SimulatedBench(moving, seed=2), components=10, outputs=500)
    start = projector.truth(time=projector.elapsed)
    x = ternary(rng, 500, 10, non_zeros=4)
    while projector.elapsed < 20:
        projector.project(x)
    projector.refresh()  # old anchor frames would give each row the gain |A'r| / |Ar|
    now, former = _scores(projector, x[:20], start)
    assert now > 0.7  # pixels that have become dark since they were chosen, and what moved since the refresh, cost it
    assert former < 0.4
    assert np.array_equal(projector.truth(), projector.truth(time=0.0))


def _scores(projector: AnchorProjector, x: np.ndarray, start: np.ndarray) -> tuple[float, float]:
    """Mean cosine of projections with the truth of their own time, and with that of the start."""
    begin = projector.elapsed
    value = projector.project(x).value
    now = projector.truth(time=(begin + projector.elapsed) / 2)
    return float(cosine(value, x @ now.T).mean()), float(cosine(value, x @ start.T).mean())


def test_lost_frames_do_not_enter_the_stored_means(description: BenchDescription) -> None:
    bench = LossyBench(description, seed=2)
    projector = AnchorProjector(bench, components=10, outputs=500, stored_exposures=64)
    whole = projector.calibration.levels[0]
    bench.every = 4
    projector.refresh()
    kept = projector.calibration.levels[0]
    assert whole.exposures == 64
    assert kept.exposures == 48
    # Two means of 64 and 48 frames differ by their noise; a frame of 200 DN in four would add 40 DN.
    spread = np.sqrt(projector.calibration.camera.temporal_variance(whole.anchor) * (1 / 64 + 1 / 48))
    assert np.abs(kept.anchor - whole.anchor).max() < 6 * spread.max()
    bench.every = 1
    with pytest.raises(ValueError, match="all 64 exposures of a stored frame were lost: raise stored_exposures"):
        projector.refresh()
