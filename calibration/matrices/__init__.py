"""Transmission matrices: input bases, retrieval from light alone, ambiguities, and what a matrix is good for."""

from calibration.matrices.bases import BasisSolution, CanonicalBasis, InputBasis
from calibration.matrices.circulant import CirculantInputs, well_conditioned_inputs
from calibration.matrices.focusing import (
    Enhancement,
    best_binary_focus,
    binary_focus,
    expected_enhancement,
    measured_enhancement,
    phase_focus,
    relative_error,
)
from calibration.matrices.hadamard_bases import HadamardBasis, HadamardPairsBasis, SMatrixBasis
from calibration.matrices.imaging import (
    RecoveredObject,
    conjugated_object,
    expected_projection,
    projection_pattern,
    recover_object,
)
from calibration.matrices.nested_anchors import InterferometryPlan, plan_interferometry
from calibration.matrices.numerical_interferometry import InterferometryEstimate, decode_interferometry
from calibration.matrices.phase_retrieval import RetrievedRows, retrieve_rows
from calibration.matrices.row_ambiguity import (
    AMBIGUITIES,
    AlignedRows,
    align_rows,
    conjugated_level,
    matrix_correlation,
    null_level,
)
from calibration.matrices.spectrum import (
    MatrixSpectrum,
    marchenko_pastur_density,
    marchenko_pastur_edges,
    matrix_spectrum,
)
from calibration.matrices.state_bases import CirculantBasis, LeastSquaresBasis, circulant_sequence, random_basis

__all__ = [
    "AMBIGUITIES",
    "AlignedRows",
    "BasisSolution",
    "CanonicalBasis",
    "CirculantBasis",
    "CirculantInputs",
    "Enhancement",
    "HadamardBasis",
    "HadamardPairsBasis",
    "InputBasis",
    "InterferometryEstimate",
    "InterferometryPlan",
    "LeastSquaresBasis",
    "MatrixSpectrum",
    "RecoveredObject",
    "RetrievedRows",
    "SMatrixBasis",
    "align_rows",
    "best_binary_focus",
    "binary_focus",
    "circulant_sequence",
    "conjugated_level",
    "conjugated_object",
    "decode_interferometry",
    "expected_enhancement",
    "expected_projection",
    "marchenko_pastur_density",
    "marchenko_pastur_edges",
    "matrix_correlation",
    "matrix_spectrum",
    "measured_enhancement",
    "null_level",
    "phase_focus",
    "plan_interferometry",
    "projection_pattern",
    "random_basis",
    "recover_object",
    "relative_error",
    "retrieve_rows",
    "well_conditioned_inputs",
]
