"""What scatters: every medium is a linear map and a function of time, behind one seam."""

from optics.media.gaussian import GaussianMedium
from optics.media.medium import Field, Medium, Time, check_passive

__all__ = ["Field", "GaussianMedium", "Medium", "Time", "check_passive"]
