"""Fields from squared distances: anchors as known points of the complex plane."""

from calibration.lateration.anchor_positions import AnchorPositions, anchor_modulus, calibrate_anchors
from calibration.lateration.count_law import CountLaw, count_information
from calibration.lateration.cramer_rao import cramer_rao, embedding_error, information, multilateration_error
from calibration.lateration.embedding import Embedding, align, distance_matrix, embed
from calibration.lateration.likelihood_fit import climb, fit_fields
from calibration.lateration.multilateration import multilaterate
from calibration.lateration.nested import anchor_frames, check_nested, frame_slices, nested_anchors
from calibration.lateration.posterior import posterior_mean
from calibration.lateration.signal_frames import SignalPlan, decode_signals, plan_signals, point_table
from calibration.lateration.squared_range import squared_range

__all__ = [
    "AnchorPositions",
    "CountLaw",
    "Embedding",
    "SignalPlan",
    "align",
    "anchor_frames",
    "anchor_modulus",
    "calibrate_anchors",
    "check_nested",
    "climb",
    "count_information",
    "cramer_rao",
    "decode_signals",
    "distance_matrix",
    "embed",
    "embedding_error",
    "fit_fields",
    "frame_slices",
    "information",
    "multilaterate",
    "multilateration_error",
    "nested_anchors",
    "plan_signals",
    "point_table",
    "posterior_mean",
    "squared_range",
]
