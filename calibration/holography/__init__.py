"""Fields from frames with a reference arm: phase stepping and off-axis holography."""

from calibration.holography.aberration import Aberration, fit_aberration
from calibration.holography.carrier import Carrier, find_carrier
from calibration.holography.noise_floor import noise_outside_orders
from calibration.holography.off_axis import fringe_visibility, off_axis_fields, phase_error, unwrapped_phase
from calibration.holography.phase_drift import RelativePhase, relative_phase
from calibration.holography.phase_optimum import (
    ReferenceChoice,
    optimum_reference,
    predicted_variance,
    reference_for_camera,
)
from calibration.holography.phase_reference import (
    divide_by_reference,
    divide_by_reference_light,
    dropped_reference_noise,
    normalise_rows,
)
from calibration.holography.phase_stepping import (
    combine_frames,
    group_steps,
    interference_from_counts,
    interference_term,
)
from calibration.holography.phase_steps import (
    check_steps,
    field_weights,
    noise_gain,
    step_condition,
    step_error_share,
    step_response,
)
from calibration.holography.reference_envelope import (
    ReferenceEnvelope,
    fitted_envelope,
    measured_envelope,
    signal_share_of,
)
from calibration.holography.separation import (
    best_carrier,
    check_separation,
    largest_radius,
    overlap_error,
    separation,
)
from calibration.holography.sideband import Sideband
from calibration.holography.step_errors import StepEstimate, estimate_steps

__all__ = [
    "Aberration",
    "Carrier",
    "ReferenceChoice",
    "ReferenceEnvelope",
    "RelativePhase",
    "Sideband",
    "StepEstimate",
    "best_carrier",
    "check_separation",
    "check_steps",
    "combine_frames",
    "divide_by_reference",
    "divide_by_reference_light",
    "dropped_reference_noise",
    "estimate_steps",
    "field_weights",
    "find_carrier",
    "fit_aberration",
    "fitted_envelope",
    "fringe_visibility",
    "group_steps",
    "interference_from_counts",
    "interference_term",
    "largest_radius",
    "measured_envelope",
    "noise_gain",
    "noise_outside_orders",
    "normalise_rows",
    "off_axis_fields",
    "optimum_reference",
    "overlap_error",
    "phase_error",
    "predicted_variance",
    "reference_for_camera",
    "relative_phase",
    "separation",
    "signal_share_of",
    "step_condition",
    "step_error_share",
    "step_response",
    "unwrapped_phase",
]
