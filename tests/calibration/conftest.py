"""A bench whose calibration serves many tests, and vectors to project."""

from dataclasses import replace

import numpy as np
import pytest

from calibration import AnchorProjector
from optics import BenchDescription, SimulatedBench


@pytest.fixture
def projector(description: BenchDescription) -> AnchorProjector:
    """Projections of ten components onto 500 outputs of 720 pixels."""
    return AnchorProjector(SimulatedBench(description, seed=2), components=10, outputs=500)


@pytest.fixture
def ideal(description: BenchDescription) -> BenchDescription:
    """The same bench with 16 bits, next to no noise, much light and no off-state light: algebra shows."""
    camera = replace(description.camera, bits=16, gain=0.01, read_noise=0.5, full_well=6e6, black_level=10.0)
    return replace(
        description,
        camera=camera,
        dmd=replace(description.dmd, contrast_ratio=np.inf),
        laser=replace(description.laser, power=0.5),
    )


def ternary(rng: np.random.Generator, vectors: int, components: int, *, non_zeros: int) -> np.ndarray:
    """Ternary vectors with a given number of non-zeros each."""
    order = rng.random((vectors, components)).argsort(axis=1)
    return np.where(order < non_zeros, rng.choice([-1, 1], (vectors, components)), 0)
