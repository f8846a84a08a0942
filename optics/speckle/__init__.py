"""Speckle: generated with a given grain, and measured in frames, real or simulated."""

from optics.speckle.black_level import CountLaw, fit_counts
from optics.speckle.correlation import Overlap, field_overlap, intensity_correlation
from optics.speckle.envelope import fit_envelope
from optics.speckle.estimate import Estimate
from optics.speckle.frames import saturated_share
from optics.speckle.generate import cascaded_speckle, mode_contrast, polarised_speckle, speckle_field, speckle_modes
from optics.speckle.grain import Grain, autocovariance, measure_grain
from optics.speckle.integration import gaussian_modes, integrated_modes
from optics.speckle.partial import (
    add_constant,
    constant_contrast,
    phasor_contrast,
    phasor_sums,
    rough_surface_speckle,
    sparse_speckle,
)
from optics.speckle.pupil import correlation_area, grain_size, pupil_correlation, vortex_density_law
from optics.speckle.statistics import LawTest, check_law, contrast, modes_of_contrast
from optics.speckle.vortices import VortexCount, count_vortices, find_vortices

__all__ = [
    "CountLaw",
    "Estimate",
    "Grain",
    "LawTest",
    "Overlap",
    "VortexCount",
    "add_constant",
    "autocovariance",
    "cascaded_speckle",
    "check_law",
    "constant_contrast",
    "contrast",
    "correlation_area",
    "count_vortices",
    "field_overlap",
    "find_vortices",
    "fit_counts",
    "fit_envelope",
    "gaussian_modes",
    "grain_size",
    "integrated_modes",
    "intensity_correlation",
    "measure_grain",
    "mode_contrast",
    "modes_of_contrast",
    "phasor_contrast",
    "phasor_sums",
    "polarised_speckle",
    "pupil_correlation",
    "rough_surface_speckle",
    "saturated_share",
    "sparse_speckle",
    "speckle_field",
    "speckle_modes",
    "vortex_density_law",
]
