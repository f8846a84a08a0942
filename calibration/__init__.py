"""From camera counts back to numbers: retrieval, projections with error bars, fidelity."""

from calibration.anchors import decode, plan
from calibration.exposure import best_full_scale, choose_outputs, exposure_levels
from calibration.fidelity import (
    cosine,
    intensity_correlation,
    noise_to_signal,
    normalised_error,
    signal_to_noise_db,
)
from calibration.projector import AnchorProjector
from calibration.records import Calibration, Estimate, Plan, StoredFrames
from calibration.scheme import AnchorScheme, anchor_size, check_ternary

__all__ = [
    "AnchorProjector",
    "AnchorScheme",
    "Calibration",
    "Estimate",
    "Plan",
    "StoredFrames",
    "anchor_size",
    "best_full_scale",
    "check_ternary",
    "choose_outputs",
    "cosine",
    "decode",
    "exposure_levels",
    "intensity_correlation",
    "noise_to_signal",
    "normalised_error",
    "plan",
    "signal_to_noise_db",
]
