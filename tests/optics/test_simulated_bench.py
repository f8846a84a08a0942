"""The simulated bench: reproducible, affine in the states, blind to how it is batched."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from optics import BenchDescription, Shutter, SimulatedBench
from optics.media import DriftDescription, Time
from optics.media.medium import Field


@pytest.fixture
def states(description: BenchDescription, rng: np.random.Generator) -> np.ndarray:
    return rng.random((11, description.layout.inputs)) < 0.4


def test_same_seed_same_bits_whatever_the_batch(description: BenchDescription, states: np.ndarray) -> None:
    whole = SimulatedBench(description, seed=4).expose(states)
    bench = SimulatedBench(description, seed=4)
    parts = [bench.expose(states[:1]), bench.expose(states[1:4]), bench.expose(states[4:4]), bench.expose(states[4:])]
    for name in ("counts", "timestamps", "frame_ids", "valid"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        assert np.array_equal(getattr(whole, name), joined), name
    assert not np.array_equal(whole.counts, SimulatedBench(description, seed=5).expose(states).counts)


def test_same_bits_when_frames_do_not_fit_one_batch(
    description: BenchDescription, states: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = SimulatedBench(description, seed=4).expose(states)
    monkeypatch.setattr("optics.simulated_bench.BATCH_BYTES", 8 * description.camera.pixels * 3)
    assert np.array_equal(SimulatedBench(description, seed=4).expose(states).counts, whole.counts)


def test_identical_patterns_have_noise_of_their_own(description: BenchDescription, states: np.ndarray) -> None:
    counts = SimulatedBench(description, seed=4).expose(np.repeat(states[:1], 2, axis=0)).counts
    assert not np.array_equal(counts[0], counts[1])


def test_mean_counts_follow_the_light_budget(description: BenchDescription) -> None:
    # laser -> share of the mirrors -> efficiency -> collected fraction over the pixels -> quantum efficiency.
    bench = SimulatedBench(replace(description, dmd=replace(description.dmd, contrast_ratio=np.inf)), seed=4)
    on = 30
    states = np.zeros((50, description.layout.inputs), np.bool_)
    states[:, :on] = True
    photons = description.laser.photon_rate * 1e-3 * (5 * 4) / (40 * 50) * 0.5 * 4e-6 * on / (24 * 30)
    counts = bench.expose(states).counts.astype(np.float64).mean(axis=0)
    # 720 speckle grains of contrast one: the mean has a relative standard error 1 / sqrt(720).
    assert (counts.mean() - 3) / 0.025 == pytest.approx(0.6 * photons, rel=4 / np.sqrt(720))


def test_field_is_affine_in_the_states(description: BenchDescription, states: np.ndarray) -> None:
    # Law L34: b -> eps + (1 - eps) b, up to float32 rounding of sums of a few tens of terms.
    truth = SimulatedBench(description, seed=4).truth
    first, second, third = states[0] & ~states[1], states[1], np.zeros_like(states[0])
    fields = truth.field(np.stack([first | second, first, second, third])).astype(np.complex128)
    assert np.abs(fields[0] - fields[1] - fields[2] + fields[3]).max() < 1e-5 * np.abs(fields).max()


def test_off_state_light_is_the_contrast_ratio_below_all_on(description: BenchDescription) -> None:
    # All mirrors leak, those without a component too: 2000 mirrors against 63 x 20 that can be on. 720 grains
    # each: the ratio of two speckle means has a relative standard error sqrt(2 / 720).
    truth = SimulatedBench(description, seed=4).truth
    states = np.zeros((2, description.layout.inputs), np.bool_)
    states[1] = True
    off, on = truth.intensity(states).mean(axis=(1, 2))
    assert off / on == pytest.approx(2000 / 1260 / 1000, rel=4 * np.sqrt(2 / 720) + 0.07)


def test_intensity_of_any_pattern_is_exponential(description: BenchDescription, states: np.ndarray) -> None:
    # Law L22: |Tx|^2 over the outputs. The mean is known only from the sample: 2.28 / sqrt(n) is generous.
    light = SimulatedBench(description, seed=4).truth.intensity(states[:1]).ravel()
    assert kstest(light / light.mean(), "expon").statistic < 2.28 / np.sqrt(light.size)


def test_dark_frames_have_no_light_and_advance_the_clock(description: BenchDescription, states: np.ndarray) -> None:
    bench = SimulatedBench(description, seed=4)
    dark = bench.expose(states, light=False)
    assert dark.counts.mean() == pytest.approx(3, abs=4 * 0.45 / np.sqrt(dark.counts.size))
    assert bench.exposures == 11
    assert bench.expose(states).timestamps[0] == pytest.approx(11 * description.frame_period)


def test_exposure_time_reads_back_what_was_granted(description: BenchDescription) -> None:
    bench = SimulatedBench(description, seed=4)
    bench.exposure_time = 1.2345678e-3
    assert bench.exposure_time == pytest.approx(1.235e-3, rel=1e-12)


def test_reference_arm_is_refused(description: BenchDescription, states: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no reference arm"):
        SimulatedBench(description, seed=4).expose(states, reference=np.zeros(11))


def test_grey_patterns_are_refused(description: BenchDescription) -> None:
    with pytest.raises(TypeError, match="patterns must be boolean, got float64"):
        SimulatedBench(description, seed=4).expose(np.ones((1, description.layout.inputs)))


def test_truth_is_the_linear_map_of_the_seam(description: BenchDescription) -> None:
    # B = Re(conj(T r) T) / sqrt(I(r)), written out with fields of single macropixels.
    bench = SimulatedBench(replace(description, dmd=replace(description.dmd, contrast_ratio=np.inf)), seed=4)
    anchor = np.zeros(description.layout.inputs, np.bool_)
    anchor[[3, 40, 41]] = True
    columns = bench.truth.field(np.eye(description.layout.inputs, dtype=np.bool_))[:, 0].reshape(63, -1).T
    reference = columns[:, anchor].sum(axis=1)
    expected = np.real(np.exp(-1j * np.angle(reference))[:, np.newaxis] * columns)
    assert bench.truth.linear_map(anchor) == pytest.approx(expected, rel=1e-4, abs=1e-4 * float(np.abs(expected).max()))


class TwoModes:
    """A medium of two incoherent modes and two samples a pixel whose phase turns with time."""

    static = False
    modes = 2
    samples_per_pixel = 2

    def __init__(self, inputs: int, shape: tuple[int, int], rng: np.random.Generator) -> None:
        self.input_positions = np.zeros((inputs, 2))
        self.output_positions = np.zeros((2 * shape[0], 2 * shape[1], 2))
        size = (2, 2 * shape[0], 2 * shape[1], inputs)
        self.tensor = (rng.standard_normal(size) + 1j * rng.standard_normal(size)).astype(np.complex64)

    def transmit(self, field_in: np.ndarray, *, time: Time) -> Field:
        turn = np.exp(1j * np.asarray(time)).reshape(-1, 1)
        return np.einsum("myxn,fn->fmyx", self.tensor, (field_in * turn).astype(np.complex64))

    def adjoint(self, field: np.ndarray, *, time: Time) -> Field:
        raise AssertionError("the bench has no use for it")

    def matrix(self, time: float) -> Field:
        return self.tensor.reshape(-1, self.tensor.shape[-1]) * np.complex64(np.exp(1j * time))


def test_any_medium_behind_the_seam_serves_the_bench(
    description: BenchDescription, states: np.ndarray, rng: np.random.Generator
) -> None:
    medium = TwoModes(description.layout.inputs + 1, description.camera.shape, rng)
    bench = SimulatedBench(description, seed=4, medium=medium)
    field = bench.truth.field(states, time=np.linspace(0, 1, 11))
    assert field.shape == (11, 2, 48, 60)
    sums = (np.abs(field.astype(np.complex128)) ** 2).sum(axis=1)
    expected = sums.reshape(11, 24, 2, 30, 2).mean(axis=(2, 4))
    light = bench.truth.intensity(states, time=np.linspace(0, 1, 11))
    assert light == pytest.approx(expected, rel=1e-5)
    assert bench.expose(states).counts.shape == (11, 24, 30)
    # The anchor identity of the truth holds for modes that add in intensity: L56 with sums over modes.
    anchor, one = np.zeros((2, description.layout.inputs), np.bool_)
    anchor[:5], one[9] = True, True
    both = bench.truth.intensity(np.stack([anchor | one, anchor, one, anchor & one])).astype(np.float64)
    retrieved = (both[0] - both[1] - both[2] + both[3]) / (2 * np.sqrt(both[1]))
    expected = bench.truth.linear_map(anchor)[:, 9].reshape(24, 30)
    assert retrieved == pytest.approx(expected, abs=1e-3 * float(np.abs(expected).max()))


def test_a_medium_of_the_wrong_size_is_refused(description: BenchDescription, rng: np.random.Generator) -> None:
    medium = TwoModes(description.layout.inputs, description.camera.shape, rng)
    with pytest.raises(ValueError, match="the medium has 63 inputs, the layout needs 64"):
        SimulatedBench(description, seed=4, medium=medium)


FRAMES_OF_A_SHIPPED_BENCH = """
import sys, hashlib, numpy as np
from optics import SimulatedBench, load_bench
bench = SimulatedBench(load_bench("opu"), seed=7)
states = np.random.default_rng(1).random((34, 1600)) < np.linspace(0.005, 0.5, 34)[:, None]
step = int(sys.argv[1])
counts = np.concatenate([bench.expose(states[k : k + step]).counts for k in range(0, 34, step)])
field = bench.truth.field(states)
print(hashlib.sha256(counts.tobytes() + field.tobytes()).hexdigest())
"""


def test_a_shipped_bench_gives_the_same_bits_in_any_batch_on_any_threads() -> None:
    # Dense and sparse patterns: products of other shapes, other kernels, other threads. One bit of a mean charge
    # would move a Poisson draw and all that follow it in the frame.
    found = set()
    for step, threads in ((1, "1"), (5, "2"), (17, "1"), (34, "2")):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads}
        command = [sys.executable, "-c", FRAMES_OF_A_SHIPPED_BENCH, str(step)]
        run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=environment)
        found.add(run.stdout)
    assert len(found) == 1


def test_frame_period_is_the_longer_of_camera_and_dmd(description: BenchDescription) -> None:
    camera = replace(description.camera, shutter=Shutter(overhead=2e-4))
    assert replace(description, camera=camera).period(1e-3) == pytest.approx(1.2e-3)
    slow = replace(description, camera=camera, dmd=replace(description.dmd, frame_rate=500.0))
    assert slow.period(1e-3) == pytest.approx(2e-3)


def test_switching_adds_what_the_off_state_leaves(description: BenchDescription) -> None:
    # Law L34: eps + (1 - eps) b, so a mirror that is on sends what it would without off-state light.
    leaky = replace(description, dmd=replace(description.dmd, contrast_ratio=25.0))
    clean = replace(description, dmd=replace(description.dmd, contrast_ratio=np.inf))
    states = np.ones((1, description.layout.inputs), np.bool_)
    with_light, without = (SimulatedBench(one, seed=4).truth.field(states) for one in (leaky, clean))
    off = SimulatedBench(leaky, seed=4).truth.field(~states)
    padding = off - 0.2 * without  # what the mirrors without a component leak
    assert np.abs(with_light - without - padding).max() < 1e-5 * np.abs(without).max()


def test_laser_noise_moves_whole_frames_together_whatever_the_batch(description: BenchDescription) -> None:
    noisy = replace(description, laser=replace(description.laser, intensity_noise=0.05))
    states = np.tile(np.arange(63) % 2 == 0, (400, 1))
    counts = SimulatedBench(noisy, seed=5).expose(states).counts
    quiet = SimulatedBench(replace(noisy, laser=replace(noisy.laser, intensity_noise=0.0)), seed=5)
    level = quiet.expose(states).counts.mean() - 3.0
    light = (counts.reshape(400, -1).mean(axis=1) - 3.0) / level
    # 400 frames: the rms of their light has a relative standard error of 1 / sqrt(800); 720 pixels add 0.2 %.
    assert light.std() == pytest.approx(0.05, rel=4 / np.sqrt(800) + 0.01)
    bench = SimulatedBench(noisy, seed=5)
    parts = np.concatenate([bench.expose(states[start : start + 7]).counts for start in range(0, 21, 7)])
    assert np.array_equal(parts, counts[:21])


def test_a_bench_continues_where_the_same_bench_stood(description: BenchDescription) -> None:
    medium = DriftDescription(inside=description.medium, law="exponential", correlation_time=0.05)
    moving = replace(description, medium=medium)
    patterns = np.random.default_rng(3).random((9, moving.layout.inputs)) < 0.5
    whole = SimulatedBench(moving, seed=6)
    first = whole.expose(patterns[:5])
    last = whole.expose(patterns[5:])
    again = SimulatedBench(moving, seed=6)
    again.continue_after(frame_id=4, timestamp=float(first.timestamps[-1]))
    resumed = again.expose(patterns[5:])
    np.testing.assert_array_equal(resumed.counts, last.counts)
    np.testing.assert_array_equal(resumed.timestamps, last.timestamps)
    np.testing.assert_array_equal(resumed.frame_ids, np.arange(5, 9))
    with pytest.raises(ValueError, match="frame_id"):
        again.continue_after(frame_id=-1, timestamp=0.0)
