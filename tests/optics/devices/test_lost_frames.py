"""Frames that devices lose: taken again with their own pattern, or said; and what a failure leaves behind."""

from typing import Any

import numpy as np
import pytest

from optics import BenchDescription, SimulatedBench
from optics.devices.errors import DeviceError, FrameLostError
from tests.optics.devices.simulated_bench import (
    WAYS,
    bench_of,
    devices_of,
    patterns_of,
    same_frames,
    with_reference,
)


def test_lost_frames_are_taken_again_and_the_series_is_not_shifted(description: BenchDescription) -> None:
    # Nothing is exposed where a frame is lost: every other frame has the bits of a series without losses.
    devices = devices_of(description, bursts=False, lost=(2, 3), timed_out=(9,), misshapen=(14, 15, 16))
    bench = bench_of(devices)
    simulated = SimulatedBench(description, seed=3)
    for count in (17, 4):
        patterns = patterns_of(count)
        same_frames(bench.expose(patterns), simulated.expose(patterns))
    assert devices.camera.triggers == 17 + 4 + 6


@pytest.mark.parametrize(
    ("faults", "order"),
    [
        # Seven masks fit: a burst of 7 without frames 2 and 5, then a burst of these two, then the other frames.
        ({"lost": (2, 5)}, [0, 1, 3, 4, 6, 2, 5, 7, 8, 9, 10]),
        # Frame 5 is lost again: trigger 8 is the second of the small burst.
        ({"lost": (2, 5, 8)}, [0, 1, 3, 4, 6, 2, 5, 7, 8, 9, 10]),
        # The camera waits in vain at frame 3: all behind it is taken again.
        ({"timed_out": (3,)}, list(range(11))),
        # A burst of frames of another shape is lost as a whole.
        ({"misshapen": (4,)}, list(range(11))),
        # All of the second burst is lost.
        ({"lost": (7, 8, 9, 10)}, list(range(11))),
    ],
)
def test_what_a_burst_lost_is_taken_in_a_smaller_one(
    description: BenchDescription, faults: dict[str, Any], order: list[int]
) -> None:
    bench = bench_of(devices_of(description, **faults))
    patterns = patterns_of(11)
    expected = SimulatedBench(description, seed=3).expose(patterns[order])
    exposure = bench.expose(patterns)
    np.testing.assert_array_equal(exposure.counts[order], expected.counts)
    assert exposure.timestamps[order] == pytest.approx(expected.timestamps, rel=1e-12)
    assert exposure.frame_ids.tolist() == list(range(11))
    assert exposure.valid.all()
    same = SimulatedBench(description, seed=3)  # and the memory of the modulator is known rightly afterwards
    same.expose(patterns[order])
    np.testing.assert_array_equal(bench.expose(patterns[:7]).counts, same.expose(patterns[:7]).counts)


@WAYS
def test_a_frame_that_stays_lost_is_an_error_with_its_absolute_number(
    description: BenchDescription, bursts: bool
) -> None:
    # Five frames, then the third of nine: tries 7, and 8 and 9 step by step, or 14 and 15 in bursts of 7, 1 and 1.
    lost = (7, 12, 13) if bursts else (7, 8, 9)
    bench = bench_of(devices_of(description, bursts=bursts, lost=lost), retries=2)
    bench.expose(patterns_of(5))
    with pytest.raises(
        FrameLostError, match=r"frame 7 \(2 of 9 in this call\) was lost 3 times.*lost_frames"
    ) as caught:
        bench.expose(patterns_of(9))
    assert caught.value.frame == 7
    # The next call works, with the numbers that the failed one did not use up.
    exposure = bench.expose(patterns_of(3))
    assert exposure.frame_ids.tolist() == [5, 6, 7]
    assert exposure.valid.all()


@WAYS
def test_a_frame_that_stays_lost_can_be_marked(description: BenchDescription, bursts: bool) -> None:
    lost = (2, 7) if bursts else (2, 3)
    bench = bench_of(devices_of(description, bursts=bursts, lost=lost), retries=1, lost_frames="mark")
    patterns = patterns_of(9)
    kept = np.arange(9) != 2
    exposure = bench.expose(patterns)
    np.testing.assert_array_equal(exposure.valid, kept)
    assert not exposure.counts[2].any()
    expected = SimulatedBench(description, seed=3).expose(patterns[kept])
    np.testing.assert_array_equal(exposure.counts[kept], expected.counts)
    assert np.isfinite(exposure.timestamps).all()


def test_no_retries_means_one_try(description: BenchDescription) -> None:
    devices = devices_of(description, bursts=False, lost=(0,))
    with pytest.raises(FrameLostError, match="lost 1 times"):
        bench_of(devices, retries=0).expose(patterns_of(2))
    assert devices.camera.triggers == 1


@WAYS
@pytest.mark.parametrize("light", [True, False])
def test_after_a_failure_the_light_is_as_it_was_and_the_bench_works(
    description: BenchDescription, bursts: bool, light: bool
) -> None:
    devices = devices_of(with_reference(description), bursts=bursts, broken=(12,))
    bench = bench_of(devices)
    bench.expose(patterns_of(7))
    with pytest.raises(DeviceError, match="camera failed"):
        bench.expose(patterns_of(9), light=light)
    assert devices.camera._table.light
    assert not getattr(devices.camera, "armed", 0)
    exposure = bench.expose(patterns_of(9))
    assert exposure.counts.mean() > 2 * description.camera.black_level
    assert bench.expose(patterns_of(2), light=False).counts.mean() < 1.5 * description.camera.black_level


@WAYS
def test_an_interruption_disarms_the_camera(
    description: BenchDescription, bursts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = devices_of(description, bursts=bursts)
    bench = bench_of(devices)
    with monkeypatch.context() as patch:

        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(devices.modulator, "run" if bursts else "show", interrupt, raising=False)
        with pytest.raises(KeyboardInterrupt):
            bench.expose(patterns_of(3))
    assert not getattr(devices.camera, "armed", 0)
    assert bench.expose(patterns_of(3)).frame_ids.tolist() == [0, 1, 2]
