"""From camera counts back to numbers: retrieval, projections with error bars, fidelity."""

import optics  # noqa: F401, I001 - before numpy: it sets how long idle BLAS threads spin

from calibration.anchors import decode, plan
from calibration.auto_exposure import ExposureChoice, auto_exposure
from calibration.bench_camera import characterise_bench_camera
from calibration.camera_figures import draw_camera
from calibration.camera_report import CameraReport, characterise_camera, format_datasheet
from calibration.even_light import expose_light_series, expose_stacks
from calibration.expected_fidelity import anchor_gain_fidelity, uneven_light_fidelity
from calibration.exposure import best_full_scale, choose_outputs, clipped_fraction, exposure_levels, intensity_error
from calibration.fidelity import (
    cosine,
    intensity_correlation,
    noise_to_signal,
    normalised_error,
    signal_to_noise_db,
)
from calibration.frame_files import CameraFrames, load_camera_frames
from calibration.light_series import FrameStacks, LightSeries
from calibration.projector import AnchorProjector
from calibration.records import Calibration, Estimate, Plan, StoredFrames
from calibration.scheme import AnchorScheme, anchor_size, check_ternary

__all__ = [
    "AnchorProjector",
    "AnchorScheme",
    "Calibration",
    "CameraFrames",
    "CameraReport",
    "Estimate",
    "ExposureChoice",
    "FrameStacks",
    "LightSeries",
    "Plan",
    "StoredFrames",
    "anchor_gain_fidelity",
    "anchor_size",
    "auto_exposure",
    "best_full_scale",
    "characterise_bench_camera",
    "characterise_camera",
    "check_ternary",
    "choose_outputs",
    "clipped_fraction",
    "cosine",
    "decode",
    "draw_camera",
    "expose_light_series",
    "expose_stacks",
    "exposure_levels",
    "format_datasheet",
    "intensity_correlation",
    "intensity_error",
    "load_camera_frames",
    "noise_to_signal",
    "normalised_error",
    "plan",
    "signal_to_noise_db",
    "uneven_light_fidelity",
]
