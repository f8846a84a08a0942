"""Macropixels that send unequal light, or none: fields, bits, bench files, bad input."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optics import (
    BenchDescription,
    SimulatedBench,
    bench_from_table,
    bench_to_table,
    input_light,
    light_budget,
    load_bench,
)

INPUTS = 63


def amplitudes(rng: np.random.Generator) -> tuple[float, ...]:
    """Unequal amplitudes with three dead macropixels."""
    values = rng.uniform(0.3, 1.5, INPUTS)
    values[[2, 17, 62]] = 0.0
    return tuple(values.tolist())


def test_amplitudes_multiply_what_is_switched_and_what_is_static(
    description: BenchDescription, rng: np.random.Generator
) -> None:
    weights = amplitudes(rng)
    plain = input_light(description.laser, description.dmd, description.layout)
    found = input_light(description.laser, description.dmd, description.layout, amplitudes=weights)
    step = float(np.abs(found.switched).max()) / 2**18
    # Half a step of its own, and half a step of the plain light, times a weight of at most 1.5.
    rounding = 0.51 * step + 0.51 * 1.5 * float(np.abs(plain.switched).max()) / 2**18
    assert np.abs(found.switched[:-1] - weights * plain.switched[:-1]).max() <= rounding
    assert np.abs(found.static[:-1] - weights * plain.static[:-1]).max() <= rounding
    assert abs(found.static[-1] - plain.static[-1]) <= 1.1 * step  # mirrors that belong to no macropixel
    # Both roundings share a grid of 2^-18 of the largest.
    for part in (found.switched.real, found.static.real):
        assert np.abs(np.rint(part / step) - part / step).max() < 1e-9
    assert not found.even
    assert np.array_equal(np.flatnonzero(found.switched[:-1] == 0), [2, 17, 62])


def test_a_dead_macropixel_changes_no_frame(description: BenchDescription, rng: np.random.Generator) -> None:
    truth = SimulatedBench(replace(description, macropixel_amplitudes=amplitudes(rng)), seed=3).truth
    states = rng.random((5, INPUTS)) < 0.5
    other = states.copy()
    other[:, [2, 17, 62]] ^= True
    assert np.array_equal(truth.field(states), truth.field(other))
    other[:, 3] ^= True
    assert not np.array_equal(truth.field(states), truth.field(other))


@pytest.mark.parametrize("radius", [np.inf, 2e-4])
def test_amplitudes_of_one_are_the_bench_without_them_to_the_bit(
    description: BenchDescription, rng: np.random.Generator, radius: float
) -> None:
    plain = replace(description, laser=replace(description.laser, beam_radius=radius))
    ones = replace(plain, macropixel_amplitudes=(1.0,) * INPUTS)
    states = rng.random((6, INPUTS)) < 0.5
    first, second = (SimulatedBench(one, seed=8).expose(states).counts for one in (plain, ones))
    assert np.array_equal(first, second)
    assert SimulatedBench(ones, seed=8).truth.light.even == bool(np.isinf(radius))


def test_the_light_budget_counts_them(description: BenchDescription, rng: np.random.Generator) -> None:
    weights = np.array(amplitudes(rng))
    dark = replace(description, dmd=replace(description.dmd, contrast_ratio=np.inf))
    plain = light_budget(dark)
    found = light_budget(replace(dark, macropixel_amplitudes=tuple(weights.tolist())))
    assert found.component_photons == pytest.approx(weights**2 * plain.component_photons, rel=1e-4, abs=1e-3)
    assert found.pixel_charge == pytest.approx(np.mean(weights**2) * plain.pixel_charge, rel=1e-4)
    assert found.effective_inputs == pytest.approx(np.sum(weights**2) ** 2 / np.sum(weights**4), rel=1e-4)


def test_a_bench_file_holds_them_beside_the_name(description: BenchDescription, rng: np.random.Generator) -> None:
    bench = replace(description, macropixel_amplitudes=amplitudes(rng))
    table = bench_to_table(bench)
    assert list(table["macropixel_amplitudes"]) == list(bench.macropixel_amplitudes)
    assert bench_from_table(table) == bench
    assert "macropixel_amplitudes" not in bench_to_table(description)  # older archives and campaigns go on


def test_a_written_bench_file_names_a_wrong_list(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "data/benches/opu.toml").read_text(encoding="utf-8")
    path = tmp_path / "bench.toml"
    for line, message in (
        ("macropixel_amplitudes = [1.0, 0.5]", "macropixel_amplitudes has 2 entries, the layout has .* macropixels"),
        ('macropixel_amplitudes = "even"', ": macropixel_amplitudes = 'even' must be a list of float"),
        ("macropixel_amplitudes = [1.0, true]", r"macropixel_amplitudes\[1\] = True must be of type float"),
    ):
        path.write_text(f"{line}\n{text}", encoding="utf-8")
        with pytest.raises(ValueError, match=message):
            load_bench(path)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ((1.0,) * 62, ValueError, "has 62 entries, the layout has 63 macropixels: give one for each"),
        ((0.0,) * 63, ValueError, "are all 0: leave at least one macropixel light"),
        ((1.0,) * 62 + (-0.1,), ValueError, r"macropixel_amplitudes\[62\] = -0.1 is not allowed"),
        ((np.nan,) + (1.0,) * 62, ValueError, r"macropixel_amplitudes\[0\]"),
        ((np.inf,) + (1.0,) * 62, ValueError, r"macropixel_amplitudes\[0\]"),
        ([1.0] * 63, TypeError, "must be a tuple of numbers, got list"),
        (("1",) * 63, TypeError, r"macropixel_amplitudes\[0\]"),
    ],
)
def test_bad_amplitudes_are_named(
    description: BenchDescription, given: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        replace(description, macropixel_amplitudes=given)


def test_input_light_refuses_another_number_of_amplitudes(description: BenchDescription) -> None:
    with pytest.raises(ValueError, match="2 amplitudes for 63 macropixels"):
        input_light(description.laser, description.dmd, description.layout, amplitudes=(1.0, 0.5))
    lit = (0.0, *(1e-300 for _ in range(62)))
    with pytest.raises(ValueError, match="no macropixel sends light.*amplitudes of the macropixels"):
        input_light(description.laser, replace(description.dmd, dead=1.0), description.layout, amplitudes=lit)
