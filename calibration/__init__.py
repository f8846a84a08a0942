"""From camera counts back to numbers: retrieval, projections with error bars, fidelity.

Its parts have packages of their own:

`calibration.cameras`
    What a camera is, from its frames: EMVA 1288, and the likelihood of the exact converter.
`calibration.holography`
    Fields from a reference arm: phase stepping and off-axis holography.
`calibration.lateration`
    Fields from light alone, by distances to many anchors.
`calibration.matrices`
    Bases of patterns, matrices from light alone, row ambiguities, foci, images, spectra.
`calibration.campaigns`
    Matrices measured on a bench, into files that last.
`calibration.fidelities`
    How faithful projections are, with intervals: measured, and taken apart by switching causes off.
`calibration.budgets`
    The same predicted from the description of a bench, term by term.
"""

import optics  # noqa: F401, I001 - before numpy: it sets how long idle BLAS threads spin

from calibration.anchors import decode, plan
from calibration.auto_exposure import ExposureChoice, auto_exposure
from calibration.cameras.bench_camera import characterise_bench_camera
from calibration.cameras.figures import draw_camera
from calibration.cameras.report import CameraReport, characterise_camera, format_datasheet
from calibration.cameras.even_light import expose_light_series, expose_stacks
from calibration.fidelities.expected import anchor_gain_fidelity, uneven_light_fidelity
from calibration.exposure import best_full_scale, choose_outputs, clipped_fraction, exposure_levels, intensity_error
from calibration.fidelity import (
    chance_of_correlation,
    cosine,
    expected_correlation,
    intensity_correlation,
    noise_to_signal,
    normalised_error,
    null_correlation,
    signal_to_noise_db,
)
from calibration.cameras.frame_files import CameraFrames, load_camera_frames
from calibration.cameras.light_series import FrameStacks, LightSeries
from calibration.fidelities.figures_of_merit import FidelityFigures, Interval
from calibration.fidelities.measured import FidelityReport, measure_fidelity
from calibration.fidelities.split import FidelitySplit, split_fidelity
from calibration.fidelities.intervals import correlation_interval, fidelity_interval, repeat_interval
from calibration.fidelities.plots import draw_fidelity_split, draw_measured_fidelity
from calibration.fidelities.privacy import privacy_delta, renyi_divergence
from calibration.fidelities.projected_angles import projected_cosine, projected_cosine_spread
from calibration.budgets.anchor_noise import (
    BEST_VECTOR_SHARE,
    difference_noise_ratio,
    divided_fidelity,
    shot_noise_ratio,
    undivided_fidelity,
    wiener_fidelity,
    wiener_weights,
)
from calibration.budgets.anchor_clipping import best_rounded_full_scale, clipped_fidelity, rounding_variance
from calibration.projector import AnchorProjector
from calibration.records import Calibration, Estimate, Plan, StoredFrames
from calibration.scheme import AnchorScheme, anchor_size, check_ternary
from calibration.fidelities.effective_bits import (
    effective_number_of_bits,
    gaussian_quantiser_error,
    information_bits,
    sine_quantiser_snr_db,
    uniform_quantiser_snr_db,
)
from calibration.light import FieldEstimate, Light, light_from_counts
from calibration.registration import Registration, register, register_spots
from calibration.fidelities.repeatability import (
    averaged_correlation,
    fidelity_from_repeats,
    in_sample_error,
    prediction_error,
)
from calibration.spots import point_codes, read_spots

__all__ = [
    "BEST_VECTOR_SHARE",
    "AnchorProjector",
    "AnchorScheme",
    "Calibration",
    "CameraFrames",
    "CameraReport",
    "Estimate",
    "ExposureChoice",
    "FidelityFigures",
    "FidelityReport",
    "FidelitySplit",
    "FieldEstimate",
    "FrameStacks",
    "Interval",
    "Light",
    "LightSeries",
    "Plan",
    "Registration",
    "StoredFrames",
    "anchor_gain_fidelity",
    "anchor_size",
    "auto_exposure",
    "averaged_correlation",
    "best_full_scale",
    "best_rounded_full_scale",
    "chance_of_correlation",
    "characterise_bench_camera",
    "characterise_camera",
    "check_ternary",
    "choose_outputs",
    "clipped_fidelity",
    "clipped_fraction",
    "correlation_interval",
    "cosine",
    "decode",
    "difference_noise_ratio",
    "divided_fidelity",
    "draw_camera",
    "draw_fidelity_split",
    "draw_measured_fidelity",
    "effective_number_of_bits",
    "expected_correlation",
    "expose_light_series",
    "expose_stacks",
    "exposure_levels",
    "fidelity_from_repeats",
    "fidelity_interval",
    "format_datasheet",
    "gaussian_quantiser_error",
    "in_sample_error",
    "information_bits",
    "intensity_correlation",
    "intensity_error",
    "light_from_counts",
    "load_camera_frames",
    "measure_fidelity",
    "noise_to_signal",
    "normalised_error",
    "null_correlation",
    "plan",
    "point_codes",
    "prediction_error",
    "privacy_delta",
    "projected_cosine",
    "projected_cosine_spread",
    "read_spots",
    "register",
    "register_spots",
    "renyi_divergence",
    "repeat_interval",
    "rounding_variance",
    "shot_noise_ratio",
    "signal_to_noise_db",
    "sine_quantiser_snr_db",
    "split_fidelity",
    "undivided_fidelity",
    "uneven_light_fidelity",
    "uniform_quantiser_snr_db",
    "wiener_fidelity",
    "wiener_weights",
]
