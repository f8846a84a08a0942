"""What scatters: every medium is a linear map and a function of time, behind one seam."""

from optics.media.channels import ChannelsDescription, bimodal_transmissions, channel_matrix
from optics.media.coherence import PartiallyCoherentDescription, angular_weights, spectral_weights
from optics.media.dense import DenseMedium
from optics.media.description import GaussianDescription, MediumDescription, MediumSite
from optics.media.diffusive_slab import DiffusiveSlab, DiffusiveSlabDescription
from optics.media.drift import DriftDescription, DriftingMedium
from optics.media.exposure_motion import MovingExposure
from optics.media.finite_grain import FiniteGrainDescription, effective_outputs, pupil_power
from optics.media.gaussian import GaussianMedium
from optics.media.input_mixing import InputMixing
from optics.media.measured import MeasuredDescription, load_matrix
from optics.media.medium import Field, Medium, Time, check_passive
from optics.media.mixture import MixedMedium
from optics.media.multislice import MultisliceMedium
from optics.media.multislice_description import MultisliceDescription
from optics.media.multislice_statistics import (
    coherent_part,
    correlated_moments,
    input_coherence,
    output_coherence,
    speckle_coherence,
)
from optics.media.phase_drift import PhaseDrift, VibrationLine
from optics.media.phase_screens import check_screens, draw_phase_screen, forward_memory, screen_coherence
from optics.media.polarisation import PolarisedDescription
from optics.media.streamed import StreamedDescription, StreamedGaussianMedium

__all__ = [
    "ChannelsDescription",
    "DenseMedium",
    "DiffusiveSlab",
    "DiffusiveSlabDescription",
    "DriftDescription",
    "DriftingMedium",
    "Field",
    "FiniteGrainDescription",
    "GaussianDescription",
    "GaussianMedium",
    "InputMixing",
    "MeasuredDescription",
    "Medium",
    "MediumDescription",
    "MediumSite",
    "MixedMedium",
    "MovingExposure",
    "MultisliceDescription",
    "MultisliceMedium",
    "PartiallyCoherentDescription",
    "PhaseDrift",
    "PolarisedDescription",
    "StreamedDescription",
    "StreamedGaussianMedium",
    "Time",
    "VibrationLine",
    "angular_weights",
    "bimodal_transmissions",
    "channel_matrix",
    "check_passive",
    "check_screens",
    "coherent_part",
    "correlated_moments",
    "draw_phase_screen",
    "effective_outputs",
    "forward_memory",
    "input_coherence",
    "load_matrix",
    "output_coherence",
    "pupil_power",
    "screen_coherence",
    "speckle_coherence",
    "spectral_weights",
]
