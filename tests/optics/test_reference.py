"""The reference arm of a bench: its wave, its phases, and how it meets the signal."""

import dataclasses
import math
import tomllib

import numpy as np
import pytest
from scipy.special import j0

from optics import BenchDescription, SimulatedBench, bench_from_table, bench_to_table, load_bench
from optics.media import PartiallyCoherentDescription, PhaseDrift, VibrationLine
from optics.reference import Reference

FRAMES = 5


@pytest.fixture
def bright(description: BenchDescription) -> BenchDescription:
    """The test bench with 16 bits and a deep well: noise is far below a part in a thousand of a mean frame."""
    camera = dataclasses.replace(
        description.camera, bits=16, full_well=3e7, gain=0.002, read_noise=300.0, quantum_efficiency=1.0
    )
    return dataclasses.replace(description, camera=camera, exposure_time=1.0, reference=Reference(rate=3e5))


def states(description: BenchDescription, frames: int = FRAMES) -> np.ndarray:
    return np.random.default_rng(5).random((frames, description.layout.inputs)) < 0.5


def light(bench: SimulatedBench, patterns: np.ndarray, phases: np.ndarray | None) -> np.ndarray:
    """Counts as photons per pixel per second."""
    exposure = bench.expose(patterns, reference=phases)
    return (exposure.counts.astype(float) - bench.camera.black_level) / bench.camera.gain / exposure.exposure_time


def test_frames_are_the_interference_of_signal_and_stepped_reference(bright: BenchDescription) -> None:
    bench = SimulatedBench(bright, seed=3)
    patterns, phases = states(bright), np.array([0.0, 0.7, 2.0, -1.1, 5.0])
    signal, reference = bench.truth.field(patterns)[:, 0], bench.truth.reference[0]
    expected = np.abs(signal + reference * np.exp(-1j * phases)[:, None, None]) ** 2
    # Shot noise of some 3e5 photons; 3600 pixels: 5 standard deviations.
    noise = np.sqrt(expected + 300**2 + 500**2 / 12)
    assert np.abs((light(bench, patterns, phases) - expected) / noise).max() < 5
    assert (
        np.abs((light(bench, patterns, None) - np.abs(signal) ** 2) / np.sqrt(np.abs(signal) ** 2 + 330**2)).max() < 5
    )


@pytest.mark.parametrize(("tilt_y", "tilt_x"), [(0.02, 0.011), (-0.015, 0.02)])
def test_a_tilted_wave_has_the_carrier_of_its_angles(bright: BenchDescription, tilt_y: float, tilt_x: float) -> None:
    arm = Reference(rate=1e5, tilt_y=tilt_y, tilt_x=tilt_x)
    wave = SimulatedBench(dataclasses.replace(bright, reference=arm), seed=0).truth.reference[0]
    pitch, wavelength = bright.camera.pixel_pitch, bright.laser.wavelength
    for axis, tilt in ((0, tilt_y), (1, tilt_x)):
        step = np.angle(np.sum(wave.take(range(1, 20), axis) * wave.take(range(19), axis).conj()))
        assert step / (2 * math.pi) == pytest.approx(math.sin(tilt) * pitch / wavelength, abs=1e-5)
    np.testing.assert_allclose(np.abs(wave) ** 2, 1e5, rtol=1e-5)


def test_a_gaussian_wave_falls_to_the_square_of_e_at_its_radius(bright: BenchDescription) -> None:
    radius = 10 * bright.camera.pixel_pitch
    wave = SimulatedBench(
        dataclasses.replace(bright, reference=Reference(rate=1e5, beam_radius=radius)), seed=0
    ).truth.reference[0]
    power = np.abs(wave) ** 2
    # Rows lie 0.5 and 9.5 pixels from the middle, columns 0.5.
    assert power[12, 15] / power[2, 15] == pytest.approx(math.exp(2 * (9.5**2 - 0.5**2) / 100), rel=1e-5)


def test_vibration_within_an_exposure_takes_fringes_and_leaves_the_light(bright: BenchDescription) -> None:
    line = VibrationLine(amplitude=0.8, frequency=40.0)  # 40 periods an exposure
    arm = Reference(rate=3e5, drift=PhaseDrift(rms=0.0, correlation_time=1.0, lines=(line,)))
    bench = SimulatedBench(dataclasses.replace(bright, reference=arm), seed=3)
    patterns = np.repeat(states(bright, 1), 4, axis=0)
    frames = light(bench, patterns, np.arange(4) * math.pi / 2)
    signal, reference = bench.truth.field(patterns[:1])[0, 0], bench.truth.reference[0]
    stepped = (frames * np.exp(-1j * np.arange(4) * math.pi / 2)[:, None, None]).mean(axis=0)
    true = signal * reference.conj()
    fringe = np.vdot(true, stepped) / np.vdot(true, true)
    assert fringe.real == pytest.approx(j0(0.8), abs=3e-4)
    assert frames.mean() == pytest.approx((np.abs(signal) ** 2 + np.abs(reference) ** 2).mean(), rel=3e-4)


def test_step_errors_are_random_and_of_their_rms() -> None:
    arm = Reference(rate=1.0, step_error=0.2, step_scale=1.1)
    times = np.zeros(4000)
    phases = -np.angle(arm.fringe(np.full(4000, 0.5), timestamps=times, exposure_time=1e-3, first=0, seed=9))
    assert phases.mean() == pytest.approx(0.55, abs=4 * 0.2 / math.sqrt(4000))
    assert phases.std() == pytest.approx(0.2, abs=4 * 0.2 / math.sqrt(8000))
    later = -np.angle(arm.fringe(np.full(10, 0.5), timestamps=times[:10], exposure_time=1e-3, first=7, seed=9))
    np.testing.assert_array_equal(later, phases[7:17])


def test_slow_drift_is_a_function_of_time_and_seed(bright: BenchDescription) -> None:
    arm = Reference(rate=3e5, drift=PhaseDrift(rms=1.0, correlation_time=20.0))
    bench = SimulatedBench(dataclasses.replace(bright, reference=arm), seed=4)
    patterns, phases = states(bright), np.linspace(0, 3, FRAMES)
    together = bench.expose(patterns, reference=phases)
    again = SimulatedBench(dataclasses.replace(bright, reference=arm), seed=4)
    parts = [again.expose(patterns[i : i + 1], reference=phases[i : i + 1]).counts for i in range(FRAMES)]
    np.testing.assert_array_equal(np.concatenate(parts), together.counts)
    drift = arm.drift.phase(together.timestamps + 0.5, seed=4)
    factor = arm.fringe(phases, timestamps=together.timestamps, exposure_time=1.0, first=0, seed=4)
    np.testing.assert_allclose(np.angle(factor * np.exp(1j * (phases + drift))), 0, atol=5e-3)
    assert np.ptp(drift) > 0.05


@pytest.mark.parametrize(
    ("arm", "exposure_time"),
    [
        # Some of these frames fade by more than 1e-6, others do not.
        (
            Reference(
                rate=3e8,
                drift=PhaseDrift(rms=0.0, correlation_time=1.0, lines=(VibrationLine(amplitude=0.02, frequency=42.2),)),
            ),
            5e-3,
        ),
        (Reference(rate=3e5, step_error=0.3), 1.0),
    ],
    ids=["vibration", "step error"],
)
def test_a_frame_does_not_depend_on_the_frames_of_its_call(
    bright: BenchDescription, arm: Reference, exposure_time: float
) -> None:
    described = dataclasses.replace(bright, reference=arm, exposure_time=exposure_time)
    patterns, phases = states(described, 40), np.linspace(0, 9, 40)
    together = SimulatedBench(described, seed=4).expose(patterns, reference=phases).counts
    for size in (1, 7):
        bench = SimulatedBench(described, seed=4)
        parts = [
            bench.expose(patterns[i : i + size], reference=phases[i : i + size]).counts for i in range(0, 40, size)
        ]
        np.testing.assert_array_equal(np.concatenate(parts), together)


def test_light_that_fades_from_fringes_is_kept_unless_rounding_hides_it(bright: BenchDescription) -> None:
    bench = SimulatedBench(bright, seed=4)
    dark, times = np.zeros((3, bright.layout.inputs), bool), np.zeros(3)
    factors = np.array([1 - 3e-6, 1.0, 1 - 5e-7], complex)
    light = bench._light.rate(dark, factors, time=times, heating=times, first=0).astype(float)
    signal, wave = bench.truth.field(dark[:1])[0, 0].astype(complex), bench.truth.reference[0].astype(complex)
    fringes = np.abs(signal + factors[:, None, None] * wave) ** 2
    missing = (light - fringes).mean(axis=(1, 2)) / (np.abs(wave) ** 2).mean()
    # Single precision: 6e-8 of the factor, twice that of its square.
    np.testing.assert_allclose(missing, [6e-6, 0, 0], rtol=0, atol=3e-7)


def test_a_grain_needs_more_than_one_field_sample() -> None:
    arm = Reference(rate=1e4, kind="speckle", grain=1e-5)
    with pytest.raises(ValueError, match="grain = 1e-05 m of a speckle reference needs more than one field sample"):
        arm.wave(np.zeros((1, 1, 2)), wavelength=5e-7, modes=1, seed=0)
    independent = dataclasses.replace(arm, grain=0.0)
    assert np.isfinite(independent.wave(np.zeros((1, 1, 2)), wavelength=5e-7, modes=1, seed=0)).all()


def test_a_speckle_reference_is_developed_and_has_its_grain(bright: BenchDescription) -> None:
    camera = dataclasses.replace(bright.camera, rows=120, columns=150)
    pitch = camera.pixel_pitch
    fields = {}
    for grain in (0.0, 3 * pitch):
        arm = Reference(rate=1e4, kind="speckle", grain=grain)
        bench = SimulatedBench(dataclasses.replace(bright, camera=camera, reference=arm), seed=1)
        fields[grain] = bench.truth.reference[0]
    power = np.abs(fields[0.0]) ** 2
    assert power.mean() == pytest.approx(1e4, rel=4 / math.sqrt(power.size))
    assert power.std() / power.mean() == pytest.approx(1, abs=4 / math.sqrt(power.size))
    fine = fields[3 * pitch]
    field = fine / np.sqrt(np.mean(np.abs(fine) ** 2))
    lag = np.abs(np.mean(field[:, 1:] * field[:, :-1].conj()))
    assert lag == pytest.approx(np.sinc(1 / 3), abs=0.02)  # sinc of a square pupil, 2000 grains
    other = SimulatedBench(
        dataclasses.replace(bright, camera=camera, reference=Reference(rate=1e4, kind="speckle")), seed=2
    ).truth.reference[0]
    assert abs(np.vdot(other, fields[0.0])) / np.vdot(other, other).real < 4 / math.sqrt(power.size)


def test_modes_of_a_medium_need_their_shares_of_the_reference(bright: BenchDescription) -> None:
    medium = PartiallyCoherentDescription(inside=bright.medium, modes=2, linewidth=1e9, path_time=5e-11)
    modal = dataclasses.replace(bright, medium=medium)
    with pytest.raises(ValueError, match="2 modes, the reference has 1 mode_weights"):
        SimulatedBench(modal, seed=0)
    arm = Reference(rate=1e4, mode_weights=(0.75, 0.25))
    wave = SimulatedBench(dataclasses.replace(modal, reference=arm), seed=0).truth.reference
    np.testing.assert_allclose((np.abs(wave) ** 2).mean(axis=(1, 2)), [7500, 2500], rtol=1e-5)


def test_bench_files_describe_the_arm_and_its_lines(description: BenchDescription) -> None:
    table = bench_to_table(description)
    assert "reference" not in table
    table["reference"] = tomllib.loads("""
        rate = 2e6
        tilt_y = 0.02
        mode_weights = [1]
        [drift]
        rms = 0.5
        correlation_time = 10
        [[drift.lines]]
        amplitude = 0.05
        frequency = 42.2
        [[drift.lines]]
        amplitude = 0.04
        frequency = 20.9
    """)
    built = bench_from_table(table)
    lines = (VibrationLine(amplitude=0.05, frequency=42.2), VibrationLine(amplitude=0.04, frequency=20.9))
    drift = PhaseDrift(rms=0.5, correlation_time=10.0, lines=lines)
    assert built.reference == Reference(rate=2e6, tilt_y=0.02, drift=drift)
    assert bench_from_table(bench_to_table(built)) == built
    table["reference"]["drift"]["lines"][1]["frequencey"] = 3.0
    with pytest.raises(ValueError, match="no key 'frequencey'; did you mean 'frequency'"):
        bench_from_table(table)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rate": 0.0}, "rate"),
        ({"kind": "sphere"}, "kind"),
        ({"tilt_x": 2.0}, "tilt_x"),
        ({"mode_weights": (0.5, 0.4)}, "add up to 0.9"),
        ({"grain": 1e-5}, "no grain"),
        ({"step_error": -1.0}, "step_error"),
    ],
)
def test_impossible_arms_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Reference(**{"rate": 1e5, **wrong})  # type: ignore[arg-type]


def test_phases_must_fit_the_frames_and_the_bench(description: BenchDescription, bright: BenchDescription) -> None:
    with pytest.raises(ValueError, match="no reference arm"):
        SimulatedBench(description, seed=0).expose(states(description), reference=np.zeros(FRAMES))
    bench = SimulatedBench(bright, seed=0)
    for wrong in (np.zeros(FRAMES - 1), np.full(FRAMES, np.nan), 0.0):
        with pytest.raises(ValueError, match="one finite phase a frame"):
            bench.expose(states(bright), reference=wrong)
    assert bench.exposures == 0


def test_the_shipped_holography_bench_has_the_best_reference_and_does_not_saturate() -> None:
    bench = SimulatedBench(load_bench("holography"), seed=0)
    patterns = states(bench.description, 8)
    signal = bench.truth.intensity(patterns).mean()
    assert signal == pytest.approx(np.mean(np.abs(bench.truth.reference) ** 2), rel=0.25)
    exposure = bench.expose(patterns, reference=np.arange(8.0))
    assert (bench.camera.digital_numbers(exposure.counts) >= bench.camera.saturation).mean() < 0.01
