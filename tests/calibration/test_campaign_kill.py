"""The command matrix, killed while it takes frames, goes on to the same files; its search for an exposure leaves no
trace in them."""

import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from calibration.__main__ import main
from optics import SimulatedBench, load_bench
from optics.campaign_file import CampaignFile

BENCH = """
name = "bench whose arm and medium drift"
exposure_time = 1e-3
[laser]
wavelength = 500e-9
power = 1e-3
[dmd]
rows = 40
columns = 50
pitch = 10e-6
efficiency = 0.5
contrast_ratio = 100
[layout]
block_rows = 8
block_columns = 8
grid_rows = 3
grid_columns = 4
[medium]
collected_fraction = 4e-6
[camera]
rows = 9
columns = 14
pixel_pitch = 5e-6
quantum_efficiency = 0.6
full_well = 40000
gain = 0.1
read_noise = 8
bits = 12
black_level = 20
[reference]
rate = 1e6
[reference.drift]
rms = 0.5
correlation_time = 2.0
"""

KILLED = """
import os, signal, sys
from optics import SimulatedBench
from calibration.__main__ import main

expose = SimulatedBench.expose

def fatal(bench, patterns, **how):
    if bench.exposures >= 900:
        os.kill(os.getpid(), signal.SIGKILL)
    return expose(bench, patterns, **how)

SimulatedBench.expose = fatal
main(sys.argv[1:])
"""
"""Runs the command; the process is killed when it has taken 900 frames and asks for more."""


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """The command on a small bench, without its folder: 32 phases make four batches and more of few patterns."""
    (tmp_path / "bench.toml").write_text(BENCH)
    return ["matrix", "--bench", str(tmp_path / "bench.toml"), "--steps", "32", "--reference-interval", "3",
            "--held-out", "5", "--output"]  # fmt: skip


def hashes(folder: Path) -> dict[str, str]:
    """Content hashes of the archives in a folder."""
    found = {}
    for path in sorted(folder.glob("*.h5")):
        with h5py.File(path) as file:
            found[path.name] = str(file.attrs["sha256"])
    return found


def test_a_campaign_that_was_killed_goes_on_to_the_same_files(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    child = subprocess.run(
        [sys.executable, "-c", KILLED, *command, str(killed)], capture_output=True, text=True, timeout=100, check=False
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    with CampaignFile.open(killed / "frames.h5") as file:
        assert 500 < file.done < 1000
        assert not file.finished
    assert main([*command, str(killed)]) == 0
    assert main([*command, str(whole)]) == 0
    capsys.readouterr()
    assert set(hashes(whole)) == {"frames.h5", "matrix.h5", "results.h5"}
    assert hashes(killed) == hashes(whole)
    assert (killed / "report.txt").read_text() == (whole / "report.txt").read_text()


def test_frames_of_the_search_for_an_exposure_are_none_of_the_campaign(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, str(tmp_path / "searched")]) == 0
    capsys.readouterr()
    with CampaignFile.open(tmp_path / "searched" / "frames.h5") as file:
        assert file.frame_ids[0] == 0
        assert file.timestamps[0] == 0
        exposure_time, first = float(file.exposure_time[0]), file.read(frames=slice(0, 32))
    bench = SimulatedBench(load_bench(tmp_path / "bench.toml"), seed=0)
    assert exposure_time != bench.exposure_time  # it was searched for
    bench.exposure_time = exposure_time
    again = bench.expose(np.zeros((32, 12), bool), reference=2 * np.pi * np.arange(32) / 32)  # everything off
    np.testing.assert_array_equal(first, again.counts.reshape(32, -1))
