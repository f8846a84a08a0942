"""The light budget against the counts that the bench shows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optics import BenchDescription, PathLayout, SimulatedBench, light_budget
from optics.media import (
    DiffusiveSlabDescription,
    DriftDescription,
    GaussianDescription,
    MeasuredDescription,
    MediumDescription,
    MultisliceDescription,
    PolarisedDescription,
)

SLICES = MultisliceDescription(
    collected_fraction=4e-5, grid_rows=72, grid_columns=80, spacing=1e-6, input_pitch=10e-6, rows_per_input=5,
    columns_per_input=4, screens=3, strength=1.5, correlation_length=6e-6, gap=40e-6, entrance_aperture=0.2,
)  # fmt: skip


@pytest.mark.parametrize("radius", [np.inf, 220e-6])
def test_the_budget_is_what_the_camera_counts(
    description: BenchDescription, rng: np.random.Generator, radius: float
) -> None:
    camera = replace(description.camera, bits=12, gain=0.3, rows=60, columns=50)
    lit = replace(
        description, camera=camera, laser=replace(description.laser, beam_radius=radius),
        dmd=replace(description.dmd, contrast_ratio=300.0, stuck_on=0.01, dead=0.02),
    )  # fmt: skip
    ratios = []
    for seed in range(16):
        bench = SimulatedBench(lit, seed=seed)
        states = rng.random((40, 63)).argsort(axis=1) < 25
        signal = (bench.expose(states).counts.mean(dtype=float) - 3) / 0.3
        budget = light_budget(lit, part_on=25 / 63, seed=seed)
        ratios.append(signal / budget.pixel_charge)
    # A frame of 3000 speckles has a mean that scatters by 1 / sqrt(3000); frames of one medium scatter together.
    assert np.mean(ratios) == pytest.approx(1, abs=4 / np.sqrt(16 * 3000))
    assert budget.saturation == pytest.approx(camera.saturation_charge / budget.pixel_charge)
    assert budget.on_array == pytest.approx(1.0) if np.isinf(radius) else budget.on_array < 0.999
    assert budget.effective_inputs <= 63


def uneven_medium(kind: str, folder: Path) -> MediumDescription:
    """A medium in which the place of an input, or its own column, decides what reaches the camera."""
    if kind == "measured":
        rng = np.random.default_rng(3)
        parts = rng.standard_normal((720, 126)).view(np.complex128)
        # A common column: fields of different inputs add, and columns differ in power twenty times over.
        columns = (parts + 0.5 * parts[:, :1]) * np.linspace(0.2, 1, 63)
        np.savez(folder / "matrix.npz", T=columns)
        return MeasuredDescription(file=str(folder / "matrix.npz"), key="T", collected_fraction=4e-6)
    slab = DiffusiveSlabDescription(collected_fraction=2e-4, thickness=2e-4)
    fine = replace(SLICES, samples_per_pixel=2)
    kinds: dict[str, MediumDescription] = {
        "multislice": SLICES, "fine": fine, "slab": slab, "polarised": PolarisedDescription(inside=SLICES, degree=0.3),
        "drift": DriftDescription(inside=SLICES, law="exponential", correlation_time=1e6),
    }  # fmt: skip
    return kinds[kind]


@pytest.mark.parametrize("kind", ["multislice", "fine", "slab", "polarised", "drift", "measured"])
def test_the_budget_counts_what_leaves_the_region(
    kind: str, description: BenchDescription, rng: np.random.Generator, tmp_path: Path
) -> None:
    camera = replace(description.camera, bits=16, gain=0.1)
    dim = replace(description.laser, power=5e-5)
    lit = replace(description, camera=camera, laser=dim, medium=uneven_medium(kind, tmp_path))
    assert not lit.medium.delivers_evenly
    ratios = []
    for seed in range(6):
        states = rng.random((64, 63)) < 0.4
        counts = SimulatedBench(lit, seed=seed).expose(states).counts.reshape(64, -1).mean(axis=1, dtype=float)
        budget = light_budget(lit, part_on=0.4, seed=seed)
        assert budget.saturation > 8  # nothing is clipped
        ratios.append((counts.mean() - 3) / 0.1 / budget.pixel_charge)
        # 64 patterns against 16 behind the same medium: each mean scatters as the light of a frame does.
        error = counts.std() / (counts.mean() - 3) * np.sqrt(1 / 64 + 1 / 16)
        assert ratios[-1] == pytest.approx(1, abs=4 * error)
        assert error < 0.1
    light = lit.medium.collected_fraction * light_budget(
        replace(lit, medium=GaussianDescription(collected_fraction=4e-6)), part_on=0.4
    ).pixel_charge / 4e-6  # fmt: skip
    # The bound is no estimate; the finely sampled camera sees most of the grid.
    assert kind == "measured" or budget.pixel_charge < (1 if kind == "fine" else 0.7) * light
    assert np.mean(ratios) == pytest.approx(1, abs=4 * error / np.sqrt(6))


def test_equal_light_layouts_even_the_components_out(description: BenchDescription) -> None:
    lit = replace(description, laser=replace(description.laser, beam_radius=200e-6))
    uneven = light_budget(lit)
    even = light_budget(replace(lit, layout=PathLayout(inputs=20, path="hilbert", beam_radius=200e-6)))
    assert even.spread < 0.25 * uneven.spread
    assert even.effective_inputs > 19.5
    assert even.component_photons.shape == (20,)


def test_impossible_parts_are_refused(description: BenchDescription) -> None:
    with pytest.raises(ValueError, match="part_on = 1.5 is not allowed"):
        light_budget(description, part_on=1.5)
