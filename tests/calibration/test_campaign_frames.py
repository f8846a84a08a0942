"""Frames of a campaign that are lost, shifted or out of order."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.campaigns.measure import measure_matrix
from calibration.campaigns.plan import Batch
from calibration.campaigns.run import take_batch
from calibration.campaigns.settings import CampaignSettings, make_method, make_plan
from optics import BenchDescription, Exposure, SimulatedBench
from tests.calibration.campaign_bench import holographic

__all__ = ["holographic"]  # a fixture of several files


class LossyBench:
    """A bench that loses the frames of some exposures."""

    def __init__(self, bench: SimulatedBench, *, lost: set[int]) -> None:
        self.bench, self.lost, self.camera = bench, lost, bench.camera

    def expose(self, patterns: Any, *, reference: Any = None, light: bool = True) -> Exposure:
        exposure = self.bench.expose(patterns, reference=reference, light=light)
        valid = ~np.isin(exposure.frame_ids, list(self.lost))
        counts = np.where(valid[:, None, None], exposure.counts, 0).astype(exposure.counts.dtype)
        return dataclasses.replace(exposure, counts=counts, valid=valid)


def test_lost_frames_are_taken_again(holographic: BenchDescription) -> None:
    patterns = np.random.default_rng(1).random((6, holographic.layout.inputs)) < 0.5
    batch = Batch(slice(0, 6), patterns, np.arange(6.0))
    lossy: Any = LossyBench(SimulatedBench(holographic, seed=1), lost={2, 4, 7})
    exposure = take_batch(lossy, batch)
    assert exposure.valid.all()
    assert list(exposure.frame_ids) == [0, 1, 6, 3, 8, 5]
    other = SimulatedBench(holographic, seed=1)
    other.expose(patterns, reference=batch.phases)
    again = other.expose(patterns[[2, 4]], reference=np.array([2.0, 4.0]))
    np.testing.assert_array_equal(exposure.counts[2], again.counts[0])
    hopeless: Any = LossyBench(SimulatedBench(holographic, seed=1), lost=set(range(100)))
    with pytest.raises(ValueError, match="6 of 6 frames were lost 6 times running"):
        take_batch(hopeless, batch)


def test_frames_out_of_order_are_refused(holographic: BenchDescription) -> None:
    bench = SimulatedBench(holographic, seed=1)

    class Swapped(LossyBench):
        def expose(self, patterns: Any, *, reference: Any = None, light: bool = True) -> Exposure:
            exposure = super().expose(patterns, reference=reference, light=light)
            return dataclasses.replace(exposure, frame_ids=exposure.frame_ids[::-1])

    swapped: Any = Swapped(bench, lost=set())
    with pytest.raises(ValueError, match="out of order"):
        take_batch(swapped, Batch(slice(0, 3), np.zeros((3, bench.layout.inputs), bool), None))


def test_a_shift_of_frames_is_seen_by_the_reference_pattern(holographic: BenchDescription, tmp_path: Path) -> None:
    bench = SimulatedBench(holographic, seed=4)

    class Shifted:
        """Shows each pattern one trigger late from the second batch on."""

        camera, layout, exposure_time = bench.camera, bench.layout, bench.exposure_time
        last: np.ndarray | None = None

        def expose(self, patterns: np.ndarray, *, reference: Any = None, light: bool = True) -> Exposure:
            late = patterns if self.last is None else np.concatenate([self.last[np.newaxis], patterns[:-1]])
            self.last = patterns[-1]
            return bench.expose(late, reference=reference, light=light)

    settings = CampaignSettings(reference_interval=10, held_out=6, batch_frames=64)
    method = make_method(settings, inputs=bench.layout.inputs)
    shifted: Any = Shifted()
    with pytest.raises(ValueError, match="lost or came out of order"):
        measure_matrix(shifted, make_plan(settings, method), method, folder=tmp_path, description={})
