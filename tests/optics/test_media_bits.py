"""Every kind of medium behind uneven light gives the same bits in any batch, on any number of threads."""

import os
import subprocess
import sys

import pytest

FRAMES = """
import hashlib, sys
from dataclasses import replace
import numpy as np
from optics import SimulatedBench, load_bench
from optics.media import DriftDescription, FiniteGrainDescription, GaussianDescription, StreamedDescription
bench = load_bench("opu")
camera = replace(bench.camera, rows=14, columns=33)
gaussian = GaussianDescription(collected_fraction=1e-6)
grain = FiniteGrainDescription(collected_fraction=1e-6, grain=3 * camera.pixel_pitch)
media = {
    "streamed": StreamedDescription(collected_fraction=1e-6),
    "finite grain": grain,
    "mixing": DriftDescription(inside=gaussian, law="exponential", correlation_time=0.5, method="mixing"),
    "mixing, finite grain": DriftDescription(inside=grain, law="gaussian", correlation_time=0.5, method="mixing"),
}
states = np.random.default_rng(1).random((34, bench.layout.inputs)) < np.linspace(0.005, 0.5, 34)[:, None]
time, step, total = np.arange(34) * 0.01, int(sys.argv[1]), hashlib.sha256()
for medium in media.values():
    built = None
    for radius in (np.inf, 3e-3):
        lit = replace(bench, camera=camera, medium=medium, laser=replace(bench.laser, beam_radius=radius))
        shown = SimulatedBench(lit, seed=7, medium=built)
        built = shown._medium  # the same under any light: built once
        assert shown.truth.light.even == np.isinf(radius)
        for k in range(0, 34, step):
            part = slice(k, k + step)
            total.update(shown.truth.field(states[part], time=time[part]).tobytes())
print(total.hexdigest())
"""


@pytest.fixture(scope="module")
def fingerprint() -> str:
    return fingerprint_of(34, threads=2)


def fingerprint_of(step: int, *, threads: int) -> str:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": str(threads)}
    command = [sys.executable, "-c", FRAMES, str(step)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=environment)
    return run.stdout


@pytest.mark.parametrize(("step", "threads"), [(1, 1), (5, 2), (17, 1)])
def test_same_bits_in_any_batch_on_any_threads(step: int, threads: int, fingerprint: str) -> None:
    assert fingerprint_of(step, threads=threads) == fingerprint
