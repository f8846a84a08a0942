"""Light that is always there, light that is unsteady, bins that clip pixel by pixel: what projections do about them."""

from dataclasses import replace

import numpy as np
import pytest

from calibration import AnchorProjector, cosine, decode, plan
from calibration.exposure import mean_aim
from optics import BenchDescription, SimulatedBench
from tests.calibration.conftest import ternary


def pulls(projector: AnchorProjector, rng: np.random.Generator, *, components: int = 10) -> tuple[float, float]:
    """The mean cosine, and the rms of error over error bar."""
    x = ternary(rng, 60, components, non_zeros=5)
    estimate = projector.project(x)
    true = x @ projector.truth().T
    valid = estimate.valid & (estimate.standard_error > 0)
    ratio = (estimate.value - true)[valid] / estimate.standard_error[valid]
    return float(np.nanmean(cosine(estimate.value, true))), float(np.sqrt(np.mean(ratio**2)))


def test_static_light_counts_in_the_exposure(description: BenchDescription, rng: np.random.Generator) -> None:
    # Padding held on: 740 of 2000 mirrors, as coherent as 37 macropixels, beside an anchor of 6.
    held = replace(description, layout=replace(description.layout, padding_on=True))
    projector = AnchorProjector(SimulatedBench(held, seed=2), components=10, outputs=500)
    x = ternary(rng, 60, 10, non_zeros=5)
    estimate = projector.project(x)
    assert np.mean(estimate.valid) > 0.99
    found, ratio = pulls(projector, rng)
    assert found > 0.9
    assert ratio == pytest.approx(1, abs=0.05)


def test_unsteady_light_is_in_the_error_bars(description: BenchDescription, rng: np.random.Generator) -> None:
    noisy = replace(description, laser=replace(description.laser, intensity_noise=0.05))
    projector = AnchorProjector(SimulatedBench(noisy, seed=2), components=10, outputs=500)
    # 128 frames tell the rms of the light to 1 / sqrt(254).
    assert projector.calibration.light_noise == pytest.approx(0.05, rel=4 / np.sqrt(254))
    assert pulls(projector, rng)[1] == pytest.approx(1, abs=0.15)
    steady = AnchorProjector(SimulatedBench(description, seed=2), components=10, outputs=500)
    assert steady.calibration.light_noise == 0


@pytest.mark.parametrize("kind", ["charge", "sum", "average"])
def test_binned_cameras_have_honest_error_bars(
    description: BenchDescription, rng: np.random.Generator, kind: str
) -> None:
    camera = replace(description.camera, rows=48, columns=60, bits=12, gain=0.38, read_noise=3.0, black_level=40.0,
                     binning=2, binning_kind=kind)  # fmt: skip
    bench = SimulatedBench(replace(description, camera=camera), seed=3)
    found, ratio = pulls(AnchorProjector(bench, components=10, outputs=500), rng)
    assert found > 0.99
    assert ratio == pytest.approx(1, abs=0.1)


def test_plans_leave_room_for_static_light(description: BenchDescription, rng: np.random.Generator) -> None:
    held = replace(description, layout=replace(description.layout, padding_on=True))
    projector = AnchorProjector(SimulatedBench(held, seed=2), components=10, outputs=500)
    known = projector.calibration
    for count in (1, 4, 10):
        (series,) = plan(ternary(rng, 5, 10, non_zeros=count) ** 2, known).series
        rate = known.input_rate * known.scheme.brightest(count) + known.off_rate
        aim = np.sqrt(2) * mean_aim(known.camera, known.full_scale)
        assert rate * series.exposure_time <= aim * (1 + 1e-6) + rate * known.camera.shutter.exposure_step


def test_unsteady_light_weighs_on_stored_frames_too(description: BenchDescription) -> None:
    projector = AnchorProjector(SimulatedBench(description, seed=2), components=10, outputs=500)
    x = np.ones((1, 10), int)  # no negative half: its two frames are stored ones
    planned = plan(x, projector.calibration)
    exposures = [projector.bench.expose(series.patterns) for series in planned.series]
    level = planned.series[0].level

    def variance(noise: float, stored: int) -> np.ndarray:
        levels = [replace(one, exposures=stored) for one in projector.calibration.levels]
        known = replace(projector.calibration, light_noise=noise, levels=tuple(levels))
        timed = [replace(one, exposure_time=series.exposure_time) for one, series in
                 zip(exposures, planned.series, strict=True)]  # fmt: skip
        return decode(planned, timed, known).standard_error[0].astype(np.float64) ** 2

    added = (variance(0.2, 1) - variance(0.2, 10**6)) - (variance(0.0, 1) - variance(0.0, 10**6))
    stored, camera = projector.calibration.levels[level], projector.calibration.camera
    signal = np.maximum(stored.anchor - stored.dark, camera.gain)
    unit = 1 / (4 * camera.gain * camera.quantum_efficiency * stored.exposure_time * signal)
    law = 0.2**2 * ((stored.anchor - stored.dark) ** 2 + (stored.off - stored.dark) ** 2) * unit
    bright = signal > 10
    assert bright.sum() > 100
    assert added[bright] == pytest.approx(law[bright], rel=0.01)
