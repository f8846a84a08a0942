"""Every medium: operator, adjoint, the same bits in any batch, its table in a bench file, what it refuses."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optics import BenchDescription, SimulatedBench, bench_from_table, bench_to_table
from optics.archive import save_archive
from optics.media import (
    ChannelsDescription,
    DriftDescription,
    FiniteGrainDescription,
    GaussianDescription,
    MeasuredDescription,
    Medium,
    MediumDescription,
    MediumSite,
    PartiallyCoherentDescription,
    PolarisedDescription,
    StreamedDescription,
    load_matrix,
)

FRACTION = 0.02
GAUSSIAN = GaussianDescription(collected_fraction=FRACTION)
RANDOM: dict[str, MediumDescription] = {
    "gaussian": GAUSSIAN,
    "streamed": StreamedDescription(collected_fraction=FRACTION),
    "finite_grain": FiniteGrainDescription(collected_fraction=FRACTION, grain=6e-6, samples_per_pixel=3),
    "channels": ChannelsDescription(channels=300, mean_transmission=0.3, collected_fraction=FRACTION),
    "polarised": PolarisedDescription(inside=GAUSSIAN, degree=0.3),
    "analyser": PolarisedDescription(inside=GAUSSIAN, degree=0.3, analyser=True, analyser_angle=0.4),
    "partially_coherent": PartiallyCoherentDescription(inside=GAUSSIAN, modes=6, linewidth=1e9, path_time=1e-10),
    "nested": PolarisedDescription(
        degree=0.0,
        inside=PartiallyCoherentDescription(
            inside=FiniteGrainDescription(collected_fraction=FRACTION, grain=6e-6, samples_per_pixel=2),
            modes=3, source_angle=1e-4, thickness=5e-4,
        ),
    ),
}  # fmt: skip


def site(*, inputs: int = 37, shape: tuple[int, int] = (12, 11)) -> MediumSite:
    return MediumSite(
        input_positions=np.zeros((inputs, 2)), output_shape=shape, output_pitch=4e-6, wavelength=532e-9
    )  # fmt: skip


@pytest.fixture
def measured(tmp_path: Path) -> MeasuredDescription:
    """A matrix with heavy tails, 132 pixels and 36 inputs."""
    rng = np.random.default_rng(5)
    matrix = (rng.standard_normal((132, 36)) + 1j * rng.standard_normal((132, 36))) ** 3
    np.savez(tmp_path / "matrix.npz", T=matrix)
    return MeasuredDescription(file=str(tmp_path / "matrix.npz"), key="T", collected_fraction=FRACTION)


@pytest.fixture(params=[*RANDOM, "measured"])
def described(request: pytest.FixtureRequest, measured: MeasuredDescription) -> MediumDescription:
    return {**RANDOM, "measured": measured}[request.param]


@pytest.fixture
def medium(described: MediumDescription) -> Medium:
    return described.build(site(), seed=11)


def test_transmit_is_the_matrix(medium: Medium, rng: np.random.Generator) -> None:
    exact = medium.matrix(0.0).astype(np.complex128)
    amplitudes = rng.standard_normal((5, 37))
    sparse = np.where(np.arange(37) < 4, amplitudes, 0)
    for field_in in (amplitudes, sparse, amplitudes + 1j * rng.standard_normal((5, 37))):
        field = medium.transmit(field_in, time=0.0)
        s = medium.samples_per_pixel
        assert field.shape == (5, medium.modes, 12 * s, 11 * s)
        assert field.dtype == np.complex64
        # complex64: each of 37 products is rounded to 2^-24, and the mixing of modes adds a rounding or two.
        assert np.abs(field.reshape(5, -1) - field_in @ exact.T).max() < 40 * 2**-23 * np.abs(field).max()


def test_adjoint_is_the_transpose_conjugated(medium: Medium, rng: np.random.Generator) -> None:
    s = medium.samples_per_pixel
    x = rng.standard_normal((3, 37)) + 1j * rng.standard_normal((3, 37))
    shape = (3, medium.modes, 12 * s, 11 * s)
    y = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    forward, backward = medium.transmit(x, time=0.0), medium.adjoint(y, time=0.0)
    # Rounding of each sum is below 2^-20 of its length: 37 products forward, up to 1188 backward, errors at random.
    bound = 2**-20 * np.linalg.norm(y) * np.linalg.norm(forward)
    assert abs(np.vdot(y, forward) - np.vdot(backward, x)) < bound


def test_binary_patterns_give_the_same_bits_in_any_batch(medium: Medium, rng: np.random.Generator) -> None:
    states = (rng.random((9, 37)) < 0.4).astype(np.float32)
    whole = medium.transmit(states, time=0.0)
    parts = np.concatenate([medium.transmit(states[part], time=0.0) for part in (slice(1), slice(1, 4), slice(4, 9))])
    assert np.array_equal(whole, parts)
    assert np.array_equal(whole[::-1], medium.transmit(states[::-1].copy(), time=0.0))


def test_a_repeated_pattern_drifts_as_it_does_amid_others(rng: np.random.Generator) -> None:
    drifting = DriftDescription(inside=GAUSSIAN, law="gaussian", correlation_time=2.0).build(site(), seed=3)
    states = (rng.random((7, 37)) < 0.4).astype(np.float32)
    states[::2] = states[0]
    times = np.linspace(0, 3, 7)
    amid = drifting.transmit(states, time=times)[::2]
    repeated = drifting.transmit(np.tile(states[:1], (4, 1)), time=times[::2])
    assert np.array_equal(repeated, amid)
    assert not np.array_equal(repeated[0], repeated[1])


def test_the_light_that_arrives_is_the_fraction_that_is_described(described: MediumDescription) -> None:
    # The mean over inputs of the light on all pixels, its standard error from their scatter; the last input is that of
    # the mirrors that carry none, which a measured matrix lacks.
    medium = described.build(site(), seed=3)
    columns = np.sum(np.abs(medium.matrix(0.0)[:, :-1]) ** 2, axis=0) / medium.samples_per_pixel**2
    error = float(columns.std(ddof=1)) / math.sqrt(columns.size)
    assert columns.mean() == pytest.approx(described.collected_fraction, abs=4 * error)


@pytest.mark.parametrize("kind", list(RANDOM))
def test_the_seed_fixes_a_medium(kind: str) -> None:
    first, again, other = (RANDOM[kind].build(site(), seed=seed).matrix(0.0) for seed in (4, 4, 5))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_modes_of_nested_media_are_strangers() -> None:
    medium = RANDOM["nested"].build(site(inputs=200), seed=2)
    rows = medium.matrix(0.0).reshape(medium.modes, -1)
    rows /= np.linalg.norm(rows, axis=1)[:, np.newaxis]
    overlap = np.abs(rows @ rows.conj().T - np.eye(medium.modes))
    # At least 200 inputs times a tenth of the samples are independent.
    assert overlap.max() < 4 / math.sqrt(200 * 12 * 11 / 2.5)


TABLES: dict[str, Mapping[str, Any]] = {
    "streamed": {"kind": "streamed", "collected_fraction": 4e-6},
    "finite_grain": {"kind": "finite_grain", "collected_fraction": 4e-6, "grain": 6e-6, "pupil": "square"},
    "channels": {"kind": "channels", "channels": 900, "mean_transmission": 0.2, "collected_fraction": 4e-6},
    "polarised": {
        "kind": "polarised", "degree": 0.5, "analyser": True,
        "inside": {"kind": "streamed", "collected_fraction": 4e-6},
    },
    "partially_coherent": {
        "kind": "partially_coherent", "modes": 4, "linewidth": 1e9, "path_time": 5e-11,
        "inside": {"kind": "polarised", "degree": 0, "inside": {"kind": "gaussian", "collected_fraction": 4e-6}},
    },
    "multislice": {
        "kind": "multislice", "collected_fraction": 4e-2, "grid_rows": 64, "grid_columns": 96, "spacing": 1e-6,
        "input_pitch": 10e-6, "rows_per_input": 4, "columns_per_input": 4, "screens": 2, "strength": 3.0,
        "correlation_length": 8e-6, "gap": 1e-5, "exit_distance": 1e-5, "entrance_aperture": 0.1, "exit_aperture": 0.15,
    },
    "diffusive_slab": {"kind": "diffusive_slab", "collected_fraction": 4e-6, "thickness": 1e-5},
    "drift": {
        "kind": "drift", "law": "exponential", "correlation_time": 0.01,
        "inside": {"kind": "gaussian", "collected_fraction": 4e-6},
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", list(TABLES))
def test_a_bench_file_names_every_medium_and_the_bench_runs(
    kind: str, description: BenchDescription, rng: np.random.Generator
) -> None:
    table = {**bench_to_table(description), "medium": TABLES[kind]}
    bench = bench_from_table(table)
    assert bench_from_table(bench_to_table(bench)) == bench
    states = rng.random((6, 63)) < 0.5
    whole = SimulatedBench(bench, seed=4).expose(states).counts
    simulated = SimulatedBench(bench, seed=4)
    parts = np.concatenate([simulated.expose(states[:2]).counts, simulated.expose(states[2:]).counts])
    assert whole.shape == (6, 24, 30)
    assert np.array_equal(whole, parts)
    assert whole.std() > 1


def test_a_bench_file_names_a_measured_matrix_beside_it(
    tmp_path: Path, description: BenchDescription, rng: np.random.Generator
) -> None:
    matrix = rng.standard_normal((720, 63)) + 1j * rng.standard_normal((720, 63))
    save_archive(tmp_path / "matrix.h5", {"T": matrix}, description={})
    table = bench_to_table(description)
    table["medium"] = {"kind": "measured", "file": "matrix.h5", "key": "T", "collected_fraction": 4e-6}
    bench = SimulatedBench(bench_from_table(table, folder=tmp_path), seed=1)
    states = rng.random((2, 63)) < 0.5
    # Even light: the intensity is that of the matrix, scaled; 2^-13 of an entry is the grid.
    expected = np.abs(states @ matrix.T) ** 2
    found = bench.truth.intensity(states).reshape(2, -1)
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.99
    assert bench.expose(states).counts.shape == (2, 24, 30)


def test_a_measured_fibre_keeps_its_heavy_tails(real_data: Path) -> None:
    matrix = load_matrix(real_data / "measured/fibre_matrices/TM_modes_5.0.npz", key="TM_corr_modes")
    assert matrix.shape == (110, 110)
    power = np.abs(matrix) ** 2
    assert np.mean(power**2) / np.mean(power) ** 2 > 4
    described = MeasuredDescription(
        file=str(real_data / "measured/fibre_matrices/TM_modes_5.0.npz"), key="TM_corr_modes", collected_fraction=0.01
    )
    medium = described.build(site(inputs=110, shape=(10, 11)), seed=0)
    scaled = matrix * np.sqrt(0.01 / 110 / power.mean())
    # The grid is 2^-22 of the largest sum of moduli in a row.
    assert np.abs(medium.matrix(0.0) - scaled).max() < 2**-21 * np.abs(scaled).sum(axis=1).max()
