"""What scatters: every medium is a linear map and a function of time, behind one seam."""

from optics.media.description import GaussianDescription, MediumDescription, MediumSite
from optics.media.gaussian import GaussianMedium
from optics.media.medium import Field, Medium, Time, check_passive

__all__ = [
    "Field",
    "GaussianDescription",
    "GaussianMedium",
    "Medium",
    "MediumDescription",
    "MediumSite",
    "Time",
    "check_passive",
]
