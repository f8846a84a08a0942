"""A bench that lives in time: each cause swept against its closed form."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from optics import BenchDescription, DriftDescription, MacropixelLayout, Reference, SimulatedBench
from optics.instabilities.heating import Heating
from optics.instabilities.losses import Losses
from optics.instabilities.mode_hops import ModeHops
from optics.instabilities.pointing import Pointing
from optics.instabilities.power import AnchorBeam, PowerDrift
from optics.instabilities.random_path import random_path
from optics.instabilities.temperature import Temperature
from optics.instabilities.trigger import TriggerJitter
from optics.media.phase_drift import PhaseDrift, VibrationLine
from optics.streams import NoiseSource, exposure_normals

INPUTS = 2000
SCATTER = 1 / math.sqrt(INPUTS)
"""Bound of the standard error of a mean phasor over the inputs."""


@pytest.fixture
def fine(description: BenchDescription) -> BenchDescription:
    """A bench of 2000 macropixels of one mirror and 6 x 7 pixels."""
    layout = MacropixelLayout(block_rows=1, block_columns=1, grid_rows=40, grid_columns=50)
    camera = replace(description.camera, rows=6, columns=7)
    return replace(description, layout=layout, camera=camera)


@pytest.fixture
def bright(description: BenchDescription) -> BenchDescription:
    """A bench without off-state light that counts about 27 000 electrons a pixel with all on, and 16 times that."""
    camera = replace(description.camera, bits=16, gain=0.15, full_well=430_000.0, black_level=20.0, read_noise=2.0)
    dmd = replace(description.dmd, contrast_ratio=math.inf)
    return replace(description, camera=camera, dmd=dmd, laser=replace(description.laser, power=1e-2))


def overlap(matrix: np.ndarray, other: np.ndarray) -> complex:
    """Field correlation of two matrices over all entries."""
    return complex(np.vdot(matrix, other) / np.linalg.norm(matrix) / np.linalg.norm(other))


def frame_means(bench: SimulatedBench, states: np.ndarray, reference: np.ndarray | None = None) -> np.ndarray:
    """Light of each frame, in DN."""
    counts = bench.expose(states, reference=reference).counts
    return counts.reshape(len(states), -1).mean(axis=1) - bench.camera.black_level


@pytest.mark.parametrize("correlation", [0.99, 0.8, 0.3])
def test_field_correlation_falls_with_the_square_of_the_hop(fine: BenchDescription, correlation: float) -> None:
    hops = ModeHops(rate=1.0, modes=5, correlation=correlation)
    times = np.arange(200.0)
    for seed in (1, 2):
        truth = SimulatedBench(replace(fine, laser=replace(fine.laser, mode_hops=hops)), seed=seed).truth
        modes = hops.mode(times, seed=seed)
        assert set(modes.tolist()) == set(range(5))
        places = [float(times[modes == mode][0]) for mode in range(5)]
        matrices = [truth.matrix(time=time) for time in places]
        for distance in range(1, 5):
            found = overlap(matrices[0], matrices[distance])
            # Mean of 2000 phasors, weighted by light that is exponential over 42 pixels: 1.02 times their scatter.
            assert abs(found - correlation ** (distance**2)) < 4 * 1.02 * SCATTER


@pytest.mark.parametrize("modes", [2, 5])
def test_modes_are_a_telegraph_process(modes: int) -> None:
    hops = ModeHops(rate=3.0, modes=modes)
    starts = np.arange(4000) * 5.0  # 15 hops apart: independent to 3e-7
    first = hops.mode(starts, seed=4)
    assert np.bincount(first) / 4000 == pytest.approx(np.full(modes, 1 / modes), abs=4 * math.sqrt(0.25 / 4000))
    for lag in (0.01, 0.1, 0.3, 1.0, 4.0):
        expected = 1 / modes + (1 - 1 / modes) * math.exp(-3.0 * lag * modes / (modes - 1))
        error = math.sqrt(expected * (1 - expected) / 4000)
        assert np.mean(hops.mode(starts + lag, seed=4) == first) == pytest.approx(expected, abs=4 * error)
    path = hops.mode(np.arange(200_000) * 1e-3, seed=5)
    # 600 hops expected in 200 s; those that go forth and back within a step are 1e-3 of them.
    assert np.count_nonzero(np.diff(path)) == pytest.approx(600, abs=4 * math.sqrt(600) + 2)


def test_power_follows_the_mode(bright: BenchDescription) -> None:
    hops = ModeHops(rate=200.0, modes=3, power_step=0.1)
    bench = SimulatedBench(replace(bright, laser=replace(bright.laser, mode_hops=hops)), seed=3)
    light = frame_means(bench, np.ones((60, 63), np.bool_))
    modes = hops.mode(np.arange(60) * bench.description.frame_period, seed=3)
    assert len(set(modes.tolist())) == 3
    # 720 pixels of some 27 000 electrons: a frame's mean light is known to 3e-4.
    for mode in range(3):
        expected = (0.9 + 0.1 * mode) / (0.9 + 0.1 * modes[0]) * light[0]
        assert light[modes == mode] == pytest.approx(expected, rel=4 * math.sqrt(2) * 3e-4)


@pytest.mark.parametrize("rms", [2e-5, 1e-4, 3e-4, 1e-3])
def test_speckle_decorrelates_with_the_tilt_of_the_beam(description: BenchDescription, rms: float) -> None:
    # 7 x 9 macropixels of 50 um x 40 um: two angles apart by theta, a product of two Dirichlet kernels, and the phase
    # of their middle, which is half a mirror above that of 40 rows.
    pointing = Pointing(rms=rms, correlation_time=1.0)
    truth = SimulatedBench(replace(description, laser=replace(description.laser, pointing=pointing)), seed=6).truth
    rest, times = truth.matrix(time=0.0), np.arange(1, 41) * 7.0
    angles = pointing.angles(np.append(times, 0.0), seed=6)
    assert np.sqrt(np.mean(angles**2)) == pytest.approx(rms, rel=4 / math.sqrt(2 * 82))
    for index, time in enumerate(times):
        tilt = angles[:, index] - angles[:, -1]
        half = math.pi / 500e-9 * tilt * np.array([50e-6, 40e-6])
        expected = np.prod(np.sin([7, 9] * half) / ([7, 9] * np.sin(half))) * np.exp(-0.2j * half[0])
        assert np.mean(truth.matrix(time=time) / rest) == pytest.approx(expected, abs=1e-4)  # float32 entries
    # Over angles: the characteristic function of the normal law, exp(-k^2 rms^2 r^2) for two independent angles.
    k, y, x = 2 * math.pi / 500e-9, (np.arange(7) - 3) * 50e-6 - 5e-6, (np.arange(9) - 4) * 40e-6
    mean = np.mean(np.exp(-((k * rms * y) ** 2))) * np.mean(np.exp(-((k * rms * x) ** 2)))
    pairs = [(float(time), float(time) + 3.5) for time in times]  # correlated by exp(-12)
    found = np.array([np.mean(truth.matrix(time=b) / truth.matrix(time=a)).real for a, b in pairs])
    assert found.mean() == pytest.approx(mean, abs=4 * found.std(ddof=1) / math.sqrt(40) + 1e-4)


@pytest.mark.parametrize("law", ["exponential", "gaussian"])
def test_random_paths_correlate_by_their_law(law: str) -> None:
    starts = np.arange(800) * 2.0 * 8  # 8 correlation times apart
    kind = {"law": law, "correlation_time": 2.0, "seed": 8, "source": NoiseSource.POWER_DRIFT}
    first = random_path(starts, **kind)
    for lag in (0.0, 0.1, 0.5, 2.0, 5.0):
        expected = math.exp(-lag / 2 if law == "exponential" else -((lag / 2) ** 2))
        error = math.sqrt((1 + expected**2) / 800)
        assert np.mean(first * random_path(starts + lag, **kind)) == pytest.approx(expected, abs=4 * error)
    other = random_path(starts, **{**kind, "source": NoiseSource.TEMPERATURE})
    assert abs(np.mean(first * other)) < 4 / math.sqrt(800)


@pytest.mark.parametrize("rms", [0.003, 0.03, 0.15])
def test_power_drift_moves_whole_frames_by_its_rms(bright: BenchDescription, rms: float) -> None:
    drift = PowerDrift(rms=rms, correlation_time=bright.frame_period / 4)  # frames are independent to exp(-16)
    bench = SimulatedBench(replace(bright, laser=replace(bright.laser, power_drift=drift)), seed=9)
    light = frame_means(bench, np.ones((600, 63), np.bool_))
    # The rms of 600 has a relative standard error of 1 / sqrt(1200); shot noise of 720 pixels adds (3e-4)^2.
    assert (light.std() / light.mean()) ** 2 - 9e-8 == pytest.approx(rms**2, rel=4 * 2 / math.sqrt(1200))


@pytest.mark.parametrize("noise", [0.003, 0.03, 0.15])
def test_reference_and_anchor_power_move_their_own_light(bright: BenchDescription, noise: float) -> None:
    arm = Reference(rate=2e7, power_noise=noise)
    beam = AnchorBeam(first=40, inputs=23, power_noise=noise)
    bench = SimulatedBench(replace(bright, reference=arm, anchor_beam=beam), seed=10)
    anchor = np.tile(np.arange(63) >= 40, (400, 1))
    reference = frame_means(bench, np.zeros_like(anchor), np.zeros(400))
    alone, signal = frame_means(bench, anchor), frame_means(bench, ~anchor)
    for light in (reference, alone):
        # Shot noise of 720 pixels: below 7e-4 of their mean light.
        found = light.std() / light.mean()
        assert found == pytest.approx(noise, rel=4 / math.sqrt(800) + (7e-4 / noise) ** 2)
    assert signal.std() / signal.mean() < 2e-3
    assert abs(np.corrcoef(reference, alone)[0, 1]) < 4 / math.sqrt(400)
    # A reference whose phase vibrates through many turns in an exposure leaves no fringes, but its light jitters on.
    fast = PhaseDrift(rms=0.0, correlation_time=1.0, lines=(VibrationLine(amplitude=200.0, frequency=1e4),))
    blurred = SimulatedBench(replace(bench.description, reference=replace(arm, drift=fast)), seed=10)
    light = frame_means(blurred, np.zeros_like(anchor), np.zeros(400))
    assert light == pytest.approx(reference, rel=5e-3)
    # Anchor and signal together: the field is S + sqrt(p) A, all pixels with one p.
    truth, power = bench.truth, np.array([1.0, 1.3])
    both, own, other = (
        truth.field(states[:2], anchor_power=power) for states in (np.ones_like(anchor), anchor, ~anchor)
    )
    assert np.abs(own[1] - math.sqrt(1.3) * own[0]).max() < 1e-5 * np.abs(own).max()
    assert np.array_equal(other[0], other[1])
    assert np.abs(both - own - other).max() < 1e-5 * np.abs(both).max()


def test_field_correlation_falls_with_the_difference_of_temperature(fine: BenchDescription) -> None:
    room = Temperature(decorrelation=0.7, amplitude=1.2, period=60.0)
    for seed in (11, 12):
        truth = SimulatedBench(replace(fine, temperature=room), seed=seed).truth
        times = np.linspace(0, 60, 13)
        change = room.change(times, seed=seed)
        assert np.mean(change[:-1] ** 2) == pytest.approx(1.2**2 / 2, rel=1e-9)  # a sinusoid on even samples
        assert change[6] == pytest.approx(-change[0], abs=1e-9)
        matrices = [truth.matrix(time=time) for time in times]
        for index in range(1, 13):
            expected = math.exp(-((change[index] - change[0]) ** 2) / (2 * 0.7**2))
            assert abs(overlap(matrices[0], matrices[index]) - expected) < 4 * 1.02 * SCATTER


def test_random_temperature_has_its_rms_and_correlation_time() -> None:
    room = Temperature(decorrelation=1.0, rms=0.4, correlation_time=50.0)
    starts = np.arange(800) * 400.0
    first = room.change(starts, seed=13)
    for lag in (0.0, 10.0, 50.0, 150.0):
        expected = math.exp(-lag / 50)
        found = np.mean(first * room.change(starts + lag, seed=13)) / 0.4**2
        assert found == pytest.approx(expected, abs=4 * math.sqrt((1 + expected**2) / 800))


def test_dark_current_follows_the_room(bright: BenchDescription) -> None:
    # Law L44: it doubles with every doubling temperature.
    camera = replace(bright.camera, dark_current=1e6, doubling_temperature=7.0)
    room = Temperature(decorrelation=math.inf, amplitude=5.0, period=0.02, sensor_share=0.6)
    bench = SimulatedBench(replace(bright, camera=camera, temperature=room), seed=14)
    counts = bench.expose(np.zeros((40, 63), np.bool_), light=False)
    change = room.change(counts.timestamps, seed=14)
    expected = 1000 * 2 ** (0.6 * change / 7.0)
    found = (counts.counts.reshape(40, -1).mean(axis=1) - 20) / 0.15
    assert change.max() > 4
    # 720 pixels of Poisson charge, 2 e of read noise.
    assert np.all(np.abs(found - expected) < 4 * np.sqrt((expected + 4 + 1 / (12 * 0.15**2)) / 720))


@pytest.mark.parametrize("share", [0, 21, 63])
def test_patterns_warm_the_medium_to_first_order(fine: BenchDescription, share: int) -> None:
    heat = Heating(rise=2.0, time_constant=0.3)
    bench = SimulatedBench(replace(fine, heating=heat, temperature=Temperature(decorrelation=0.9)), seed=15)
    states = np.tile(np.arange(INPUTS) < INPUTS * share // 63, (50, 1))
    part, passed, period = states[0].mean(), 0.0, bench.description.frame_period
    for count in (1, 4, 45, 50, 50):
        bench.expose(states[:count])
        passed += count * period
        assert bench.warming == pytest.approx(2.0 * part * -math.expm1(-passed / 0.3), rel=1e-9)
    rest, warm = bench.truth.matrix(), bench.truth.matrix(heating=bench.warming)
    assert abs(overlap(rest, warm) - math.exp(-(bench.warming**2) / (2 * 0.9**2))) < 4 * 1.02 * SCATTER
    before = bench.warming
    bench.wait(0.2)  # the last pattern stands
    between = 2.0 * part + (before - 2.0 * part) * math.exp(-0.2 / 0.3)
    assert bench.warming == pytest.approx(between, rel=1e-9)
    bench.expose(states[:1], light=False)
    bench.wait(0.4)  # the laser stays blocked
    assert bench.warming == pytest.approx(between * math.exp(-(0.4 + period) / 0.3), rel=1e-9)


@pytest.mark.parametrize(("rms", "guard"), [(1e-4, 0.0), (2e-5, 0.0), (1e-4, 1e-4), (1e-4, 2e-4), (3e-6, 1e-4)])
def test_share_of_the_previous_pattern_follows_the_jitter(bright: BenchDescription, rms: float, guard: float) -> None:
    jitter = TriggerJitter(rms=rms, guard=guard)
    bench = SimulatedBench(replace(bright, trigger=jitter), seed=16)
    states = np.zeros((1200, 63), np.bool_)
    states[::2] = True
    light = frame_means(bench, states)
    punctual = frame_means(SimulatedBench(bright, seed=16), states[:20:2]).mean()
    on, off = light[::2] / punctual, light[1::2] / punctual
    # E max(x - g, 0) of a normal delay x over the exposure; early and late alike.
    share = (rms * norm.pdf(guard / rms) - guard * norm.sf(guard / rms)) / 1e-3
    # 600 draws each. The punctual light is that of 10 frames of 720 pixels of 27 000 electrons: 4 x 7e-5.
    floor = 3e-4
    assert off.mean() == pytest.approx(share, abs=4 * off.std() / math.sqrt(600) + floor)
    assert 1 - on.mean() == pytest.approx(2 * share, abs=4 * on.std() / math.sqrt(600) + floor)
    # Frame by frame: an early exposure (a negative delay) sees the pattern before, a late one only loses light.
    delay = rms * exposure_normals(16, NoiseSource.TRIGGER, first=0, count=1200)
    missed = np.maximum(np.abs(delay) - guard, 0) / 1e-3
    assert np.abs(on - 1 + missed[::2]).max() < 5e-3
    assert np.abs(off - missed[1::2] * (delay[1::2] < 0)).max() < 5e-3
    early = np.count_nonzero(off > 2e-3) / 600  # by more than the guard and 2 us
    chance = norm.sf((guard + 2e-6) / rms)
    assert early == pytest.approx(chance, abs=4 * math.sqrt(chance * (1 - chance) / 600) + 2e-3)


@pytest.mark.parametrize("chance", [0.003, 0.05, 0.4])
def test_frames_are_dropped_and_triggers_missed_by_chance(bright: BenchDescription, chance: float) -> None:
    small = replace(bright, camera=replace(bright.camera, rows=2, columns=3))
    dropping = SimulatedBench(replace(small, losses=Losses(dropped_frames=chance)), seed=17)
    exposure = dropping.expose(np.ones((4000, 63), np.bool_))
    error = math.sqrt(chance * (1 - chance) / 4000)
    assert np.mean(~exposure.valid) == pytest.approx(chance, abs=4 * error)
    assert not exposure.counts[~exposure.valid].any()
    missing = SimulatedBench(replace(small, losses=Losses(missed_triggers=chance)), seed=17)
    exposure = missing.expose(np.ones((4000, 63), np.bool_))
    lost = np.count_nonzero(~exposure.valid)
    assert lost / 4000 == pytest.approx(chance, abs=4 * error)
    assert exposure.valid[: 4000 - lost].all()  # the user sees only that the last ones never came


@pytest.mark.parametrize("waited", [0.0, 0.3, 1.0, 2.5])
def test_speckle_decorrelates_while_the_bench_waits(bright: BenchDescription, waited: float) -> None:
    # Laws L16 and L19: the correlation of intensities is g_1 squared, exp(-2 t / tau_c).
    medium = DriftDescription(inside=bright.medium, law="exponential", correlation_time=2.0)
    bench = SimulatedBench(replace(bright, medium=medium, exposure_time=1e-5), seed=18)
    states = np.random.default_rng(0).random((24, 63)) < 0.5
    bench.exposure_time = 1e-3
    first = bench.expose(states)
    bench.wait(waited)
    again = bench.expose(states)
    lag = float(again.timestamps[0] - first.timestamps[0])
    assert lag == pytest.approx(waited + 24 * bench.description.period(1e-3), rel=1e-9)
    pairs = zip(first.counts.reshape(24, -1), again.counts.reshape(24, -1), strict=True)
    found = np.array([np.corrcoef(a, b)[0, 1] for a, b in pairs])
    # 24 patterns of 63 macropixels share half of their light: as if there were a fourth as many independent ones.
    error = found.std(ddof=1) / math.sqrt(24 / 4)
    assert found.mean() == pytest.approx(math.exp(-2 * lag / 2.0), abs=4 * error + 0.01)
