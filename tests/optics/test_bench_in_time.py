"""A bench that lives in time: reproducible in any batch, resumed to the same bits, off by default, mistakes named."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optics import BenchDescription, SimulatedBench, bench_from_table, bench_to_table, load_bench
from optics.bench_memory import BenchMemory
from optics.instabilities.heating import Heating
from optics.instabilities.losses import Losses
from optics.instabilities.mode_hops import ModeHops
from optics.instabilities.pointing import Pointing
from optics.instabilities.power import AnchorBeam, PowerDrift, frame_powers
from optics.instabilities.temperature import Temperature
from optics.instabilities.trigger import TriggerJitter
from optics.streams import NoiseSource

RESTLESS = (Path(__file__).parents[2] / "data/benches/restless.toml").read_text(encoding="utf-8")


@pytest.fixture
def restless() -> BenchDescription:
    """The shipped bench with faster causes and fewer pixels, without missed triggers: those depend on the calls."""
    bench = load_bench("restless")
    laser = replace(
        bench.laser,
        mode_hops=ModeHops(rate=150.0, modes=3, correlation=0.8, power_step=0.02),
        pointing=Pointing(rms=2e-5, correlation_time=0.01, law="exponential"),
        power_drift=PowerDrift(rms=0.05, correlation_time=0.02),
    )
    return replace(
        bench,
        laser=laser,
        temperature=replace(bench.temperature, period=0.1, amplitude=1.0, correlation_time=1.0),
        heating=Heating(rise=1.0, time_constant=0.02),
        trigger=TriggerJitter(rms=1e-4, guard=2e-5),
        losses=Losses(dropped_frames=0.15),
        camera=replace(bench.camera, rows=10, columns=12, lag=0.05, dark_current=2e4, hot_pixels=0.05, top=0, left=0),
    )


@pytest.fixture
def patterns() -> np.ndarray:
    return np.random.default_rng(5).random((31, 64)) < 0.5


def test_same_bits_whatever_the_batch(
    restless: BenchDescription, patterns: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = np.linspace(0, 6, 31)
    whole = SimulatedBench(restless, seed=2).expose(patterns, reference=steps)
    assert 0 < np.count_nonzero(~whole.valid) < 15
    for size in (1, 4, 31):
        bench = SimulatedBench(restless, seed=2)
        parts = [
            bench.expose(patterns[k : k + size], reference=steps[k : k + size]) for k in range(0, len(patterns), size)
        ]
        for name in ("counts", "timestamps", "frame_ids", "valid"):
            np.testing.assert_array_equal(np.concatenate([getattr(one, name) for one in parts]), getattr(whole, name))
    monkeypatch.setattr("optics.simulated_bench.BATCH_BYTES", 8 * restless.camera.pixels * 3)
    monkeypatch.setattr("optics.truth.MOVED_BYTES", 16 * 65 * 2)
    again = SimulatedBench(restless, seed=2).expose(patterns, reference=steps)
    np.testing.assert_array_equal(again.counts, whole.counts)
    other = SimulatedBench(restless, seed=3).expose(patterns, reference=steps)
    assert not np.array_equal(other.counts, whole.counts)


def test_a_bench_with_memory_resumes_to_the_same_bits(restless: BenchDescription, patterns: np.ndarray) -> None:
    whole = SimulatedBench(restless, seed=6)
    first = whole.expose(patterns[:13])
    memory = whole.memory
    last = whole.expose(patterns[13:])
    again = SimulatedBench(restless, seed=6)
    again.continue_after(frame_id=12, timestamp=float(first.timestamps[-1]), memory=memory)
    resumed = again.expose(patterns[13:])
    np.testing.assert_array_equal(resumed.counts, last.counts)
    np.testing.assert_array_equal(resumed.timestamps, last.timestamps)
    assert again.warming == whole.warming


def test_a_bench_with_memory_does_not_resume_without_it(restless: BenchDescription) -> None:
    bench = SimulatedBench(restless, seed=6)
    with pytest.raises(ValueError, match=r"\(image lag, heating, trigger jitter\): give memory = bench.memory"):
        bench.continue_after(frame_id=3, timestamp=0.1)
    quiet = replace(restless, heating=replace(restless.heating, rise=0.0), trigger=TriggerJitter(rms=0.0))
    with pytest.raises(ValueError, match=r"before them \(image lag\)"):
        SimulatedBench(quiet, seed=6).continue_after(frame_id=3, timestamp=0.1)
    with pytest.raises(ValueError, match="memory has no charge"):
        bench.continue_after(frame_id=3, timestamp=0.1, memory=BenchMemory())
    with pytest.raises(ValueError, match=r"memory has charge of shape \(3, 4\), the camera reads \(10, 12\)"):
        bench.continue_after(frame_id=3, timestamp=0.1, memory=BenchMemory(charge=np.zeros((3, 4), np.float32)))
    assert bench.exposures == 0


def test_lost_frames_do_not_move_those_after_them(restless: BenchDescription, patterns: np.ndarray) -> None:
    kept = SimulatedBench(replace(restless, losses=Losses()), seed=2).expose(patterns)
    lost = SimulatedBench(restless, seed=2).expose(patterns)
    np.testing.assert_array_equal(lost.counts[lost.valid], kept.counts[lost.valid])
    assert not lost.counts[~lost.valid].any()


def test_a_missed_trigger_moves_later_frames_of_the_call_up(description: BenchDescription) -> None:
    states = np.random.default_rng(5).random((40, 63)) < 0.5
    kept = SimulatedBench(description, seed=2)
    slipping = SimulatedBench(replace(description, losses=Losses(missed_triggers=0.1)), seed=2)
    for call in range(3):
        whole, slipped = kept.expose(states), slipping.expose(states)
        came = np.count_nonzero(slipped.valid)
        assert slipped.valid[:came].all()
        assert came < 40
        np.testing.assert_array_equal(slipped.frame_ids, whole.frame_ids)
        np.testing.assert_array_equal(slipped.timestamps, whole.timestamps)
        places = [np.flatnonzero((whole.counts == frame).all(axis=(1, 2))) for frame in slipped.counts[:came]]
        found = np.concatenate(places)
        assert found.shape == (came,), call  # each frame is one of those of the call, in order, some left out
        assert (np.diff(found) > 0).all()
        assert not slipped.counts[came:].any()


def test_a_frame_that_moved_up_and_was_dropped_leaves_its_gap_where_it_would_have_stood() -> None:
    words = np.arange(1, 61, dtype=np.uint8).reshape(60, 1, 1)
    dropping, missing, both = words.copy(), words.copy(), words.copy()
    arrived = Losses(dropped_frames=0.2).take(dropping, first=7, seed=1)
    Losses(missed_triggers=0.2).take(missing, first=7, seed=1)
    valid = Losses(dropped_frames=0.2, missed_triggers=0.2).take(both, first=7, seed=1)
    came = missing[missing > 0]
    assert 30 < came.size < 60
    np.testing.assert_array_equal(valid, np.append(arrived[came - 1], np.zeros(60 - came.size, np.bool_)))
    np.testing.assert_array_equal(both[valid, 0, 0], [one for one in came if arrived[one - 1]])


def test_jitter_does_not_lift_the_dark(description: BenchDescription) -> None:
    jittering = replace(description, trigger=TriggerJitter(rms=5e-4))
    lit = np.ones((1, 63), np.bool_)
    for seed in range(4):  # half of the dark frames begin early
        bench, still = SimulatedBench(jittering, seed=seed), SimulatedBench(description, seed=seed)
        bench.expose(lit), still.expose(lit)
        dark = bench.expose(lit, light=False)
        np.testing.assert_array_equal(dark.counts, still.expose(lit, light=False).counts)
        off = bench.expose(~lit)  # what stood before is dark
        assert off.counts.mean() < 1.2 * still.expose(~lit).counts.mean()


def test_truth_knows_where_the_medium_stands(restless: BenchDescription, patterns: np.ndarray) -> None:
    truth = SimulatedBench(restless, seed=2).truth
    for time, heating in ((0.0, 0.0), (0.013, 0.4), (7.0, 0.9)):
        field = truth.field(patterns, time=time, heating=heating).reshape(31, -1)
        dark = truth.field(np.zeros((1, 64), np.bool_), time=time, heating=heating).reshape(1, -1)
        product = patterns @ truth.matrix(time=time, heating=heating).T
        assert np.abs(field - dark - product).max() < 1e-5 * np.abs(field).max()
        anchor = patterns[0]
        rows = truth.linear_map(anchor, time=time, heating=heating)
        light = truth.intensity(patterns[:1], time=time, heating=heating).reshape(-1)
        assert rows @ anchor * np.sqrt(light) == pytest.approx(np.abs(product[0]) ** 2, rel=1e-4)
    still = SimulatedBench(_quiet(restless), seed=2).truth
    assert truth.matrix() == pytest.approx(still.matrix())  # at time zero it is the bench at rest
    assert not np.allclose(truth.matrix(time=0.05), still.matrix(time=0.05), rtol=1e-2)


def test_counts_follow_the_truth_of_their_time_and_warming(restless: BenchDescription, patterns: np.ndarray) -> None:
    bench = SimulatedBench(_phases_only(restless), seed=2)
    warm = []
    exposures = []
    for k in range(31):
        warm.append(bench.warming)
        exposures.append(bench.expose(patterns[k : k + 1]))
    times = np.concatenate([one.timestamps for one in exposures])
    counts = np.concatenate([one.counts for one in exposures]).astype(float)
    light = bench.truth.intensity(patterns, time=times, heating=np.array(warm)).astype(float)
    electrons = light * bench.camera.quantum_efficiency * bench.exposure_time
    found = (counts - bench.camera.black_level) / bench.camera.gain
    variance = electrons + bench.camera.dark_noise**2 + 1 / (12 * bench.camera.gain**2)
    # 3720 normal deviates: their mean square is one with a standard error of sqrt(2 / 3720).
    assert np.mean((found - electrons) ** 2 / variance) == pytest.approx(1, abs=4 * np.sqrt(2 / 3720) + 0.02)
    cold = bench.truth.intensity(patterns, time=times).astype(float)
    assert np.mean(np.abs(cold / light - 1)) > 0.1


def test_causes_draw_from_streams_of_their_own() -> None:
    kinds = (NoiseSource.ANCHOR_POWER, NoiseSource.REFERENCE_POWER, NoiseSource.LASER)
    draws = [frame_powers(0.1, source=source, first=3, count=300, seed=4) for source in kinds]
    correlations = np.corrcoef(draws)[np.triu_indices(3, 1)]
    assert np.all(np.abs(correlations) < 4 / np.sqrt(300))
    later = frame_powers(0.1, source=kinds[0], first=103, count=5, seed=4)
    assert np.array_equal(later, draws[0][100:105])


def test_paths_do_not_depend_on_the_order_of_times() -> None:
    times = np.array([5.0, -3.2, 0.0, 1e4, 5.0, 0.3])
    hops, room = ModeHops(rate=0.7, modes=4), Temperature(decorrelation=1.0, amplitude=1.0, period=7.0)
    pointing, drift = Pointing(rms=1e-5, correlation_time=2.0), PowerDrift(rms=0.1, correlation_time=3.0)
    for path in (
        lambda time: hops.mode(time, seed=1),
        lambda time: room.change(time, seed=1),
        lambda time: pointing.angles(time, seed=1).T,
        lambda time: drift.power(time, seed=1),
    ):
        whole = path(times)
        np.testing.assert_array_equal(np.concatenate([path(times[k : k + 1]) for k in range(6)]), whole)
        np.testing.assert_array_equal(path(times[::-1]), whole[::-1])


def test_a_bench_without_causes_takes_the_fast_path(
    description: BenchDescription, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moving(*_: object) -> None:
        raise AssertionError("a bench at rest has nothing that moves")

    monkeypatch.setattr("optics.truth.Truth._moving_field", moving)
    bench = SimulatedBench(description, seed=1)
    bench.wait(3.0)
    exposure = bench.expose(np.ones((2, 63), np.bool_))
    assert exposure.timestamps[0] == 3.0
    assert not bench.truth.phases.present
    assert description.memory == ()
    with pytest.raises(ValueError, match=r"seconds = -1 s is not allowed: it must be at least 0 s"):
        bench.wait(-1)
    with pytest.raises(ValueError, match="seconds = inf s is not allowed"):
        bench.wait(np.inf)


def test_all_that_moves_is_in_the_shipped_file_and_back() -> None:
    bench = load_bench("restless")
    laser = bench.laser
    present = (laser.mode_hops, laser.pointing, laser.power_drift, bench.anchor_beam, bench.temperature, bench.heating)
    assert all(cause.present for cause in (*present, bench.trigger, bench.losses))
    assert bench.memory == ("image lag", "heating", "trigger jitter")
    assert bench_from_table(bench_to_table(bench)).laser.mode_hops == laser.mode_hops
    for name in ("laser.mode_hops", "laser.pointing", "laser.power_drift"):
        assert getattr(bench_from_table(_without(name)).laser, name.split(".")[1]).present is False
    for name in ("anchor_beam", "trigger", "losses", "heating"):
        assert getattr(bench_from_table(_without(name)), name).present is False


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[laser.mode_hops]", "[laser.mode_hop]", r"\[laser\] has no key 'mode_hop'; did you mean 'mode_hops'\?"),
        ("rate = 0.02", "rat = 0.02", r"\[laser.mode_hops\] has no key 'rat'; did you mean 'rate'\?"),
        ("modes = 3", "modes = 1", r"\[laser.mode_hops\] modes = 1 is not allowed: it must be at least 2"),
        ("correlation = 0.97 ", "correlation = 0 ", r"\[laser.mode_hops\] correlation = 0 is not allowed"),
        ("power_step = 0.005", "power_step = -0.5\nmodes=9\n#", "Cannot overwrite a value|leaves the weakest"),
        ("rms = 5e-6", "rsm = 5e-6", r"\[laser.pointing\] has no key 'rsm'; did you mean 'rms'\?"),
        ("rms = 5e-6", "rms = 0.5", r"\[laser.pointing\] rms = 0.5 rad is not allowed"),
        ('law = "gaussian"   ', 'law = "gauss"   ', r"\[laser.pointing\] law = 'gauss'"),
        ("correlation_time = 600.0", "# none", r"\[laser.power_drift\] lacks correlation_time"),
        ("[anchor_beam]", "[anchorbeam]", "the bench has no key 'anchorbeam'; did you mean 'anchor_beam'"),
        ("inputs = 8", "inputs = 9", "the anchor beam lights macropixels up to 64, the layout has 64"),
        ("period = 900.0", "# none", r"\[temperature\] amplitude = 0.3 K needs a period"),
        ("correlation_time = 7200.0", "# none", r"\[temperature\] rms = 0.2 K needs a correlation_time"),
        ("decorrelation = 0.4", "decorrelation = inf", "heating by 0.02 K moves nothing: state decorrelation"),
        ("time_constant = 30.0", "time_constant = 0", r"\[heating\] time_constant = 0 s is not allowed"),
        ("[trigger]", "[triggers]", "the bench has no key 'triggers'; did you mean 'trigger'"),
        ("guard = 0.5e-6", "guards = 0.5e-6", r"\[trigger\] has no key 'guards'; did you mean 'guard'\?"),
        ("dropped_frames = 1e-3", "dropped_frames = 1.5", r"\[losses\] dropped_frames = 1.5 is not allowed"),
        ("dropped_frames", "droped_frames", r"\[losses\] has no key 'droped_frames'; did you mean 'dropped_frames'"),
        ("power_noise = 0.001 ", "power_noise = 2 ", r"\[reference\] power_noise = 2 is not allowed"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in RESTLESS
    path = tmp_path / "bench.toml"
    path.write_text(RESTLESS.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_bench(path)


def test_a_step_of_power_leaves_light_in_every_mode() -> None:
    with pytest.raises(
        ValueError, match=re.escape("leaves the weakest of 9 modes without power: take a step below 0.25")
    ):
        ModeHops(rate=1.0, modes=9, power_step=-0.25)
    assert ModeHops(rate=1.0, modes=9, power_step=-0.24).power(np.arange(50.0), seed=1).min() > 0


def _quiet(bench: BenchDescription) -> BenchDescription:
    """The bench without anything that moves phases but its medium."""
    laser = replace(bench.laser, mode_hops=ModeHops(rate=0.0), pointing=replace(bench.laser.pointing, rms=0.0))
    return replace(
        bench, laser=laser, temperature=Temperature(decorrelation=1.0), heating=replace(bench.heating, rise=0.0)
    )


def _phases_only(bench: BenchDescription) -> BenchDescription:
    """The bench without anything that moves powers, mixes frames or loses them, and a plain camera."""
    laser = replace(
        bench.laser,
        intensity_noise=0.0,
        power=bench.laser.power / 10,
        mode_hops=replace(bench.laser.mode_hops, power_step=0.0),
        power_drift=replace(bench.laser.power_drift, rms=0.0),
    )
    camera = replace(bench.camera, lag=0.0, dark_current=0.0, hot_pixels=0.0, background=0.0, prnu=0.0, dsnu=0.0)
    camera = replace(camera, crosstalk=0.0, nonlinearity=0.0, row_offset=0.0, column_offset=0.0)
    camera = replace(camera, gain=bench.camera.gain / 8, full_well=8 * bench.camera.full_well)
    beam = AnchorBeam(first=0, inputs=0, power_noise=0.0)
    return replace(bench, laser=laser, camera=camera, anchor_beam=beam, trigger=TriggerJitter(rms=0.0), losses=Losses())


def _without(name: str) -> dict:
    """The table of the shipped bench without one of its tables."""
    table = bench_to_table(load_bench("restless"))
    *outer, last = name.split(".")
    inner = table
    for one in outer:
        inner = inner[one]
    del inner[last]
    return table
