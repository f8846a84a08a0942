"""What scatters: every medium is a linear map and a function of time, behind one seam."""

from optics.media.channels import ChannelsDescription, bimodal_transmissions, channel_matrix
from optics.media.coherence import PartiallyCoherentDescription, angular_weights, spectral_weights
from optics.media.dense import DenseMedium
from optics.media.description import GaussianDescription, MediumDescription, MediumSite
from optics.media.finite_grain import FiniteGrainDescription, effective_outputs, pupil_power
from optics.media.gaussian import GaussianMedium
from optics.media.measured import MeasuredDescription, load_matrix
from optics.media.medium import Field, Medium, Time, check_passive
from optics.media.mixture import MixedMedium
from optics.media.polarisation import PolarisedDescription
from optics.media.streamed import StreamedDescription, StreamedGaussianMedium

__all__ = [
    "ChannelsDescription",
    "DenseMedium",
    "Field",
    "FiniteGrainDescription",
    "GaussianDescription",
    "GaussianMedium",
    "MeasuredDescription",
    "Medium",
    "MediumDescription",
    "MediumSite",
    "MixedMedium",
    "PartiallyCoherentDescription",
    "PolarisedDescription",
    "StreamedDescription",
    "StreamedGaussianMedium",
    "Time",
    "angular_weights",
    "bimodal_transmissions",
    "channel_matrix",
    "check_passive",
    "effective_outputs",
    "load_matrix",
    "pupil_power",
    "spectral_weights",
]
