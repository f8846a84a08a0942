"""A bench with a DMD on the stand-in for its library, and a camera that sees its mirrors: frames of the simulation."""

from dataclasses import replace

import numpy as np
import pytest

from optics import BenchDescription, Camera, Dmd, GaussianDescription, Laser, MacropixelLayout, SimulatedBench
from optics.camera import Counts
from optics.devices.device_bench import DeviceBench
from optics.devices.vialux import VialuxModulator
from optics.mirrors.frames import FrameRenderer, Orientation
from tests.optics.devices.alp_stand_in import AlpStandIn, install

DESCRIPTION = BenchDescription(
    name="stand-in",
    laser=Laser(wavelength=532e-9, power=2e-4),
    dmd=Dmd(rows=768, columns=1024, pitch=13.68e-6),
    layout=MacropixelLayout(block_rows=64, block_columns=64, grid_rows=5, grid_columns=7),
    medium=GaussianDescription(collected_fraction=4e-6),
    camera=Camera(
        rows=12, columns=17, pixel_pitch=5e-6, quantum_efficiency=0.6, full_well=10_000.0, gain=0.1, read_noise=5.0,
        bits=10, black_level=20.0,
    ),
    exposure_time=1e-3,
)  # fmt: skip


class Onlooker:
    """A camera that takes a frame of the simulation with the macropixels that the mirrors show."""

    def __init__(self, board: AlpStandIn, orientation: Orientation) -> None:
        self.board, self.orientation, self.bench = board, orientation, SimulatedBench(DESCRIPTION, seed=3)
        self.renderer = FrameRenderer(DESCRIPTION.layout, DESCRIPTION.dmd)
        self.shape, self.bit_depth = DESCRIPTION.camera.shape, DESCRIPTION.camera.bits
        self.exposure_limits = (1e-6, 10.0, 1e-6)
        self.exposure_time = DESCRIPTION.exposure_time

    def snap(self) -> Counts:
        """Take a frame."""
        mirrors = self.orientation.from_device(self.board.mirrors())
        states = self.renderer.read_back(np.asarray(mirrors, np.bool_)[np.newaxis])
        return self.bench.expose(states).counts[0]

    def close(self) -> None:
        """Release nothing."""


@pytest.mark.parametrize("capacity", [200, 4])
@pytest.mark.parametrize("orientation", [Orientation(), Orientation(transpose=True, flip_columns=True)])
def test_frames_are_those_of_the_simulated_bench_bit_for_bit(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator, capacity: int, orientation: Orientation
) -> None:
    rows, columns = (1024, 768) if orientation.transpose else (768, 1024)
    board = install(monkeypatch, AlpStandIn(rows=rows, columns=columns, memory=capacity))
    patterns = rng.random((11, DESCRIPTION.layout.inputs)) < 0.5
    with DeviceBench(
        VialuxModulator(orientation=orientation), Onlooker(board, orientation), layout=DESCRIPTION.layout,
        dmd=DESCRIPTION.dmd, figures=DESCRIPTION.camera,
    ) as bench:  # fmt: skip
        taken = bench.expose(patterns)
    assert taken.valid.all()
    assert taken.counts.std() > 30  # there is light
    assert np.array_equal(taken.counts, SimulatedBench(DESCRIPTION, seed=3).expose(patterns).counts)
    assert board.calls.count("AlpSeqAlloc") == -(-11 // min(capacity, 11))
    assert not board.allocated
    assert board.leaks == []


def test_a_dmd_of_another_size_than_the_layout_is_refused_and_released(monkeypatch: pytest.MonkeyPatch) -> None:
    board = install(monkeypatch, AlpStandIn(rows=1080, columns=1920))
    with pytest.raises(
        ValueError, match=r"the modulator has \(1080, 1920\) mirrors along \(y, x\), the DMD is described"
    ):
        DeviceBench(
            VialuxModulator(), Onlooker(board, Orientation()), layout=DESCRIPTION.layout,
            dmd=replace(DESCRIPTION.dmd, rows=768), figures=DESCRIPTION.camera,
        )  # fmt: skip
    assert not board.allocated
