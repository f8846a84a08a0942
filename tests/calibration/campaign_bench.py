"""A bench with a reference arm, campaigns on it, and how far their matrices lie from the truth."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.campaigns.measure import MATRIX, measure_matrix
from calibration.campaigns.settings import CampaignSettings, make_method, make_plan
from calibration.matrices.row_ambiguity import align_rows
from optics import BenchDescription, SimulatedBench
from optics.matrix_file import MatrixFile
from optics.reference import Reference


@pytest.fixture
def holographic(description: BenchDescription) -> BenchDescription:
    """The test bench with 12 bits, a deeper well and a reference arm of about the speckle's mean light."""
    camera = dataclasses.replace(description.camera, bits=12, full_well=40_000.0, gain=0.1, read_noise=8.0)
    medium = dataclasses.replace(description.medium, collected_fraction=8e-6)
    return dataclasses.replace(description, camera=camera, medium=medium, reference=Reference(rate=2.4e6))


def campaign(bench: SimulatedBench, folder: Path, *, budget: int = 2**30, **choices: Any) -> tuple[Any, MatrixFile]:
    """Results and matrix of a campaign on a bench."""
    settings = CampaignSettings(**{"reference_interval": 10, "held_out": 6, "batch_frames": 64, **choices})
    method = make_method(settings, inputs=bench.layout.inputs)
    results = measure_matrix(
        bench, make_plan(settings, method), method, folder=folder, description={"settings": settings.table()},
        stand_after=lambda index, time: bench.continue_after(frame_id=index, timestamp=time), budget=budget,
    )  # fmt: skip
    return results, MatrixFile(folder / MATRIX)


def pulls(bench: SimulatedBench, results: Any, file: MatrixFile, *, time: float = 0.0) -> np.ndarray:
    """Errors of the good entries, rows turned onto the truth, over their standard errors: complex, of unit variance."""
    good = results.valid
    truth = bench.truth.matrix(time=time)[good]
    turned = align_rows(file.read()[good], truth, ambiguity=results.ambiguity).matrix
    errors = np.asarray(file.standard_error(), float).reshape(len(good), -1)[good]
    total = np.sqrt(errors**2 + np.abs(truth) ** 2 * results.gain_error[good, None] ** 2)
    return (turned - truth) / total


def new_folder(folder: Path) -> Path:
    """The folder, made."""
    folder.mkdir()
    return folder
