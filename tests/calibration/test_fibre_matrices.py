"""Measured matrices of a fibre as the medium: what methods recover of a matrix that no law of randomness made."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.campaigns.measure import MATRIX, measure_matrix
from calibration.campaigns.settings import CampaignSettings, make_method, make_plan
from calibration.matrices.row_ambiguity import align_rows, matrix_correlation
from optics import BenchDescription, MacropixelLayout, SimulatedBench, load_bench
from optics.matrix_file import MatrixFile
from optics.media import MeasuredDescription
from optics.reference import Reference

MODES = 110
DEFORMATIONS = ("5.0", "5.05", "5.1")
LEVEL = 128.0
"""Electrons per pixel and frame of the signal, half of the macropixels on; the reference has as many."""


def fibre(data: Path, deformation: str) -> BenchDescription:
    """A bench around a fibre: a macropixel for each mode on one side, a pixel for each on the other."""
    base = load_bench("holography")
    file = data / "measured" / "fibre_matrices" / f"TM_modes_{deformation}.npz"
    bare = dataclasses.replace(
        base, layout=MacropixelLayout(block_rows=76, block_columns=93, grid_rows=10, grid_columns=11),
        camera=dataclasses.replace(base.camera, rows=11, columns=10),
        medium=MeasuredDescription(file=str(file), key="TM_corr_modes", collected_fraction=0.2),
    )  # fmt: skip
    rate = LEVEL / bare.camera.quantum_efficiency / bare.exposure_time
    states = np.random.default_rng(0).random((400, MODES)) < 0.5
    present = float(SimulatedBench(bare, seed=0).truth.intensity(states).mean())
    laser = dataclasses.replace(bare.laser, power=bare.laser.power * rate / present)
    return dataclasses.replace(bare, laser=laser, reference=Reference(rate=rate))


def recovered(bench: SimulatedBench, folder: Path, **choices: Any) -> tuple[np.ndarray, np.ndarray, Any]:
    """Matrix, standard errors and results of a campaign."""
    settings = CampaignSettings(**{"held_out": 16, "seed": bench.seed, **choices})
    method = make_method(settings, inputs=MODES)
    results = measure_matrix(bench, make_plan(settings, method), method, folder=folder, description={})
    with MatrixFile(folder / MATRIX) as file:
        return file.read(), np.asarray(file.standard_error(), float).reshape(MODES, -1), results


@pytest.mark.parametrize("deformation", DEFORMATIONS)
def test_phase_stepping_recovers_a_measured_matrix_to_the_noise_of_the_camera(
    real_data: Path, tmp_path: Path, deformation: str
) -> None:
    bench = SimulatedBench(fibre(real_data, deformation), seed=3)
    truth = np.asarray(bench.truth.matrix(), complex)
    power = np.abs(truth) ** 2
    with np.load(real_data / "measured" / "fibre_matrices" / f"TM_modes_{deformation}.npz", allow_pickle=False) as file:
        overlap = np.vdot(file["TM_corr_modes"], truth) / np.linalg.norm(file["TM_corr_modes"]) / np.linalg.norm(truth)
    assert overlap.real == pytest.approx(1, abs=1e-6)  # the medium is the matrix in the file, but for its unit
    assert np.mean(power**2) / np.mean(power) ** 2 > 8  # a circular Gaussian matrix has 2
    matrix, quoted, results = recovered(bench, tmp_path)
    assert results.valid.all()
    turned = align_rows(matrix, truth, ambiguity=results.ambiguity).matrix
    error = np.mean(np.abs(turned - truth) ** 2)
    # A field from S frames has the variance (signal + reference + dark noise) / (S reference), in electrons; an entry
    # is 2 / K times a sum of K fields with signs, for K = 128 patterns.
    camera, patterns, steps = bench.camera, 128, 4
    electrons = camera.quantum_efficiency * bench.exposure_time
    half_on = np.random.default_rng(1).random((2000, MODES)) < 0.5
    signal = electrons * float(bench.truth.intensity(half_on).mean())
    dark = camera.read_noise**2 + 1 / 12 / camera.gain**2
    expected = 4 / patterns * (signal + LEVEL + dark) / (steps * LEVEL) / electrons
    # The strength of the reference is known from eight times four frames with everything off: a factor of each row.
    shared = power.mean() * (LEVEL + dark) / (32 * LEVEL**2) / 4
    # 110 rows of as many independent errors, to four standard errors.
    assert error == pytest.approx(expected + shared, rel=4 / MODES)
    assert np.mean(quoted**2) == pytest.approx(expected, rel=0.02)
    relative = expected / power.mean()
    correlation = matrix_correlation(matrix, truth, ambiguity=results.ambiguity)
    assert correlation == pytest.approx(1 / math.sqrt(1 + relative), abs=relative / 10)
    assert results.prediction.mean > 0.98


def test_phase_retrieval_finds_rows_of_a_deformed_fibre(real_data: Path, tmp_path: Path) -> None:
    bench = SimulatedBench(fibre(real_data, "5.1"), seed=3)
    matrix, quoted, results = recovered(bench, tmp_path, method="phase_retrieval")
    truth = np.asarray(bench.truth.matrix(), complex)
    assert results.valid.mean() > 0.97
    good = results.valid
    turned = align_rows(matrix[good], truth[good], ambiguity=results.ambiguity).matrix
    assert matrix_correlation(turned, truth[good], ambiguity="phase") > 0.99
    ratio = np.mean(np.abs(turned - truth[good]) ** 2) / np.mean(quoted[good] ** 2)
    assert math.sqrt(ratio) < 1.3  # rows of few entries settle in false minima now and then
    assert results.prediction.mean > 0.99


def test_interferometry_finds_rows_of_a_deformed_fibre(real_data: Path, tmp_path: Path) -> None:
    bench = SimulatedBench(fibre(real_data, "5.1"), seed=3)
    matrix, _, results = recovered(bench, tmp_path, method="interferometry", anchors=8, reference_interval=64)
    truth = np.asarray(bench.truth.matrix(), complex)
    good = results.valid
    assert good.mean() > 0.4  # where anchors hardly leave a line, halves of the row are not joined
    assert matrix_correlation(matrix[good], truth[good], ambiguity=results.ambiguity) > 0.97
    assert results.prediction.mean > 0.98
