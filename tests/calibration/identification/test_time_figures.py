"""What moves in time, found from frames of a simulated bench; and what cannot be told, refused."""

import math
from dataclasses import replace

import numpy as np
import pytest

from calibration.cameras.uncertainty import Measured
from calibration.identification.burst_light import burst_light, dark_level
from calibration.identification.observations import Frames, Observations
from calibration.identification.pointing_jitter import pointing_vibration
from calibration.identification.time_figures import (
    LitMacropixels,
    TimeFigures,
    described_pointing,
    drifting_medium,
    time_figures,
)
from optics import BenchDescription, DriftDescription, GaussianDescription, SimulatedBench
from optics.instabilities.pointing import NO_POINTING, Pointing
from optics.macropixels import input_positions

PARTS, BURSTS, BURST, PAUSE = 2, 8, 10, 0.4


def observe(description: BenchDescription, *, seed: int) -> Observations:
    """Dark frames at two exposure times and bursts of two random parts that have no macropixel in common."""
    bench = SimulatedBench(description, seed=seed)
    parts = np.random.default_rng(seed).integers(PARTS, size=description.layout.inputs) == np.arange(PARTS)[:, None]

    def take(count: int, *, light: bool, at: float = 1e-3, part: int = 0) -> Frames:
        bench.exposure_time = at
        states = np.tile(parts[part], (count, 1))
        exposure = bench.expose(states, light=light)
        return Frames(
            counts=exposure.counts, states=states, timestamps=exposure.timestamps, exposure_time=exposure.exposure_time
        )

    dark = (take(40, light=False, at=1e-4), take(24, light=False, at=3e-3))
    bursts = []
    for _ in range(BURSTS):
        bursts.extend(take(BURST, light=True, part=part) for part in range(PARTS))
        bench.wait(PAUSE)
    rest = dark[0]
    return Observations(
        bits=description.camera.bits, dark=dark, ladder=(), overexposed=rest, halves=rest, off=rest, singles=rest,
        repeats=tuple(bursts), exposures=64 + PARTS * BURSTS * BURST,
    )  # fmt: skip


@pytest.fixture
def restless(description: BenchDescription) -> BenchDescription:
    """A 12-bit bench of about 1200 electrons in a pixel: noisy laser, jittering beam, a medium that drifts."""
    camera = replace(
        description.camera, bits=12, gain=0.4, black_level=30.0, read_noise=6.0, dark_current=4000.0, row_noise=2.0
    )
    medium = DriftDescription(inside=GaussianDescription(collected_fraction=4e-6), law="gaussian", correlation_time=4.0)
    pointing = Pointing(rms=3e-5, correlation_time=1e-7)
    laser = replace(description.laser, intensity_noise=0.015, pointing=pointing)
    return replace(description, camera=camera, medium=medium, laser=laser)


def known(description: BenchDescription) -> dict[str, object]:
    """What the camera's figures and the map of the light tell."""
    camera, inputs = description.camera, description.layout.inputs
    noise = camera.gain * math.hypot(camera.read_noise, camera.row_noise)
    return {
        "gain": Measured(value=camera.gain, uncertainty=0.01 * camera.gain),
        "dark_noise": Measured(value=noise, uncertainty=0.02 * noise),
        "excluded": np.zeros(camera.shape, np.bool_),
        "lit": LitMacropixels(
            positions=input_positions(description.layout, description.dmd), weights=np.ones(inputs), wavelength=500e-9
        ),
    }


@pytest.mark.parametrize("seed", [3, 8])
def test_figures_of_a_restless_bench_are_found(restless: BenchDescription, seed: int) -> None:
    seen = observe(restless, seed=seed)
    figures = time_figures(seen, **known(restless))
    on = np.array([bursts[0].states[0] for bursts in seen.parts], float)
    assert on.shape == (PARTS, 63)
    assert (on.sum(axis=0) == 1).all()
    lit = known(restless)["lit"]
    part = pointing_vibration(3e-5, positions=lit.positions, weights=on, wavelength=500e-9)
    assert figures.drift_law == "gaussian"
    assert math.isinf(figures.drift_channels)
    assert figures.drift_method == "components"
    assert figures.law_probability > 0.99
    for found, truth in (
        (figures.laser_noise, 0.015), (figures.correlation_time, 4.0), (figures.vibration, part),
        (figures.pointing_rms, 3e-5),
    ):  # fmt: skip
        assert not found.bound
        assert abs(found.value - truth) < 4 * found.uncertainty
        assert found.uncertainty < 0.3 * truth
    assert figures.power_change.bound == "upper"


def test_a_bench_at_rest_is_bounded(restless: BenchDescription) -> None:
    laser = replace(restless.laser, intensity_noise=0.0, pointing=NO_POINTING)
    still = replace(restless, laser=laser, medium=GaussianDescription(collected_fraction=4e-6))
    figures = time_figures(observe(still, seed=5), **known(still))
    bounds = [figures.laser_noise, figures.power_change, figures.vibration, figures.pointing_rms]
    assert [one.bound for one in bounds] == ["upper"] * 4
    assert figures.laser_noise.value < 0.004
    assert figures.vibration.value < 0.004
    assert figures.correlation_time.bound == "lower"
    assert figures.correlation_time.value > 20  # the protocol lasts 3 s
    assert described_pointing(figures, frame_period=1e-3) == NO_POINTING
    assert drifting_medium(figures, still.medium) is still.medium


def test_noise_of_the_laser_is_no_vibration(restless: BenchDescription) -> None:
    laser = replace(restless.laser, intensity_noise=0.1, pointing=NO_POINTING)
    still = replace(restless, laser=laser, medium=GaussianDescription(collected_fraction=4e-6))
    figures = time_figures(observe(still, seed=5), **known(still))
    assert abs(figures.laser_noise.value - 0.1) < 4 * figures.laser_noise.uncertainty
    assert figures.vibration.bound == "upper"
    assert figures.vibration.value < 0.005  # the square of the noise is 0.01


def test_figures_become_descriptions() -> None:
    one = Measured(value=2e-6, uncertainty=1e-7)
    figures = TimeFigures(
        laser_noise=one, power_change=one, correlation_time=Measured(value=7.0, uncertainty=0.3),
        likeliest_time=7.0, drift_law="exponential", drift_channels=64, law_probability=1.0, vibration=one,
        pointing_rms=one,
    )  # fmt: skip
    pointing = described_pointing(figures, frame_period=2e-3)
    assert (pointing.rms, pointing.law) == (2e-6, "gaussian")
    assert pointing.correlation_time == pytest.approx(2e-6)
    inside = GaussianDescription(collected_fraction=1e-6)
    expected = DriftDescription(inside=inside, law="exponential", correlation_time=7.0, method="mixing")
    assert drifting_medium(figures, inside) == expected
    many = replace(figures, drift_channels=math.inf)
    assert drifting_medium(many, inside) == replace(expected, method="components")
    # An exponential law that is only the likeliest is not worth the minutes that its components take.
    assert drifting_medium(replace(many, law_probability=0.9), inside) == expected
    smooth = replace(many, drift_law="gaussian", law_probability=0.5)
    assert drifting_medium(smooth, inside) == replace(expected, law="gaussian", method="components")


def test_few_channels_leave_an_exponential_drift_bounded(restless: BenchDescription) -> None:
    mixing = replace(restless.medium, law="exponential", correlation_time=3.0, method="mixing")
    bench = replace(restless, medium=mixing)
    figures = time_figures(observe(bench, seed=2), **known(bench))
    assert (figures.drift_law, figures.drift_channels) == ("exponential", restless.layout.inputs + 1)
    assert figures.drift_method == "mixing"
    time = figures.correlation_time
    assert time.bound == "lower"
    assert 0.1 < time.value < 3.0


def test_many_channels_tell_an_exponential_law(restless: BenchDescription) -> None:
    medium = replace(restless.medium, law="exponential", correlation_time=6.0)
    bench = replace(restless, medium=medium)
    figures = time_figures(observe(bench, seed=2), **known(bench))
    assert (figures.drift_law, figures.drift_channels) == ("exponential", math.inf)
    time = figures.correlation_time
    assert not time.bound
    assert abs(time.value - 6.0) < 4 * time.uncertainty
    assert time.uncertainty < 1.2


def test_dark_level_is_the_line_through_the_sets(restless: BenchDescription) -> None:
    seen = observe(restless, seed=4)
    level, current = dark_level(seen.dark, exposure_time=1e-3)
    # 4000 e/s at 0.4 DN/e: 1.6 DN in a millisecond; 720 pixels of 64 frames of 2.6 DN of noise at two times.
    assert level.mean() == pytest.approx(30 + 1.6, abs=0.06)
    assert current.mean() == pytest.approx(1.6, abs=0.06)
    alone, nothing = dark_level(seen.dark[:1], exposure_time=1e-3)
    assert np.array_equal(alone, seen.dark[0].mean)
    assert not nothing.any()


def changed_repeats(
    seen: Observations, *, keep: int = PARTS * BURSTS, frames: int = BURST, **fields: object
) -> Observations:
    """Observations with fewer or other repeats."""
    bursts = [
        replace(one, counts=one.counts[:frames], states=one.states[:frames], timestamps=one.timestamps[:frames])
        for one in seen.repeats[:keep]
    ]
    return replace(seen, repeats=tuple(replace(one, **fields) for one in bursts))


def test_frames_that_cannot_tell_are_refused(restless: BenchDescription) -> None:
    seen, figures = observe(restless, seed=4), known(restless)
    light = {name: figures[name] for name in ("gain", "dark_noise", "excluded")}
    with pytest.raises(ValueError, match="repeats has 1 bursts"):
        burst_light(changed_repeats(seen, keep=PARTS), **light)
    with pytest.raises(ValueError, match=r"bursts of unlike lengths \[\(10, 10\), \(10, 10, 10\)\]"):
        burst_light(changed_repeats(seen, keep=2 * PARTS + 1), **light)
    with pytest.raises(ValueError, match="the shortest of 3 frames"):
        burst_light(changed_repeats(seen, frames=3), **light)
    with pytest.raises(ValueError, match="different patterns"):
        burst_light(
            changed_repeats(seen, states=~seen.repeats[0].states[:1] & (np.arange(BURST) > 3)[:, None]), **light
        )
    with pytest.raises(ValueError, match="of the counts of repeats are clipped"):
        burst_light(changed_repeats(seen, counts=np.full_like(seen.repeats[0].counts, 4095)), **light)
    with pytest.raises(ValueError, match="it must be positive: are the frames of repeats lit"):
        burst_light(changed_repeats(seen, counts=np.zeros_like(seen.repeats[0].counts)), **light)
    with pytest.raises(ValueError, match=r"excluded has shape \(3, 4\)"):
        burst_light(seen, **(light | {"excluded": np.zeros((3, 4), np.bool_)}))
    with pytest.raises(ValueError, match="0 pixels are left, 64 are the least"):
        burst_light(seen, **(light | {"excluded": ~figures["excluded"]}))
    few = LitMacropixels(positions=np.eye(2), weights=np.ones(2), wavelength=500e-9)
    with pytest.raises(ValueError, match="lit has 2 macropixels, the patterns have 63"):
        time_figures(seen, **(figures | {"lit": few}))
    with pytest.raises(ValueError, match="one place a macropixel"):
        LitMacropixels(positions=np.eye(2), weights=np.ones(3), wavelength=500e-9)
    with pytest.raises(ValueError, match="not negative: give light, not amplitudes"):
        LitMacropixels(positions=np.eye(2), weights=-np.ones(2), wavelength=500e-9)
