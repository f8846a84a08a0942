"""What reaches the counts through the whole bench: fill factor, stuck mirrors, padding, the reset of the mirrors."""

from dataclasses import replace

import numpy as np
import pytest

from optics import BenchDescription, SimulatedBench, draw_faults, input_light, light_budget
from optics.media import FiniteGrainDescription


def test_a_small_fill_factor_sees_the_middle_of_its_pixels(description: BenchDescription) -> None:
    camera = replace(description.camera, bits=16, gain=0.01, read_noise=0.5, full_well=6e6, black_level=10.0)
    sampled = FiniteGrainDescription(collected_fraction=4e-6, grain=6e-6, samples_per_pixel=4)
    bright = replace(description, camera=camera, medium=sampled, laser=replace(description.laser, power=0.1))
    small = SimulatedBench(replace(bright, camera=replace(camera, fill_factor=0.25)), seed=2)
    states = np.arange(63)[np.newaxis] % 2 == 0
    samples = np.sum(np.abs(small.truth.field(states).astype(complex)) ** 2, axis=1)[0].reshape(24, 4, 30, 4)
    middle = samples[:, 1:3, :, 1:3].mean(axis=(1, 3))
    seen = (small.expose(states).counts[0] - 10.0) / (0.01 * 0.6 * small.exposure_time)
    shot = np.sqrt(middle / (0.6 * small.exposure_time))  # photons per second; rounding and read noise are far below
    assert np.sqrt(np.mean(((seen - middle) / np.maximum(shot, shot.mean() / 10)) ** 2)) == pytest.approx(1, abs=0.15)
    whole = samples.mean(axis=(1, 3))
    assert np.sqrt(np.mean(((seen - whole) / np.maximum(shot, shot.mean() / 10)) ** 2)) > 3


def test_mirrors_stuck_on_send_light_and_those_stuck_off_leak(description: BenchDescription) -> None:
    dmd = replace(description.dmd, stuck_on=0.2, stuck_off=0.1, dead=0.05, contrast_ratio=100.0)
    light = input_light(description.laser, dmd, description.layout, seed=4)
    faults, owner = draw_faults(dmd, seed=4), description.layout.mirror_inputs(dmd)
    one = np.sqrt(description.laser.photon_rate * 0.5 / 2000)
    for k in range(63):
        own = owner == k
        on, off, dead = (np.sum(kind[own]) for kind in (faults.stuck_on, faults.stuck_off, faults.dead))
        working = own.sum() - on - off - dead
        assert light.switched[k] == pytest.approx(0.9 * working * one / np.sqrt(20), rel=1e-4)
        assert light.static[k] == pytest.approx((on + 0.1 * (working + off)) * one / np.sqrt(20), rel=1e-4)


def test_padding_that_is_held_on_is_in_the_budget(description: BenchDescription) -> None:
    dark = replace(description, dmd=replace(description.dmd, contrast_ratio=np.inf))
    held = replace(dark, layout=replace(dark.layout, padding_on=True))
    off, on = (light_budget(bench, part_on=0.5) for bench in (dark, held))
    # 740 of the 2000 mirrors carry none, half of the other 1260 are on.
    assert on.pixel_charge / off.pixel_charge == pytest.approx((740 + 630) / 630, rel=1e-4)
    assert off.static_photons == 0


def test_an_exposure_waits_for_the_mirrors(description: BenchDescription) -> None:
    slow = replace(description, dmd=replace(description.dmd, reset_time=3e-4))
    assert slow.period(1e-3) - description.period(1e-3) == pytest.approx(3e-4)
