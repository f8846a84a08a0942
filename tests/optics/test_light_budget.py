"""The light budget against the counts that the bench shows."""

from dataclasses import replace

import numpy as np
import pytest

from optics import BenchDescription, PathLayout, SimulatedBench, light_budget


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
