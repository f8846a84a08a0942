"""The laser that lights the mirrors."""

import math
from dataclasses import dataclass

from scipy.constants import c, h

from optics.instabilities.mode_hops import NO_MODE_HOPS, ModeHops
from optics.instabilities.pointing import NO_POINTING, Pointing
from optics.instabilities.power import NO_POWER_DRIFT, PowerDrift
from optics.validation import check_number


@dataclass(frozen=True, kw_only=True)
class Laser:
    """A monochromatic continuous-wave laser that lights the mirror array, evenly or by a Gaussian beam.

    .. math:: \\Phi = \\frac{P \\lambda}{h c}

    Parameters
    ----------
    wavelength : float
        Vacuum wavelength, in metres.
    power : float
        Optical power of the beam, in watts; all of an even beam falls on the mirror array.
    beam_radius : float, optional
        1/e^2 radius of the intensity on the mirrors, in metres; infinity lights all mirrors alike.
    beam_y, beam_x : float, optional
        Centre of a Gaussian beam from that of the array, in metres.
    intensity_noise : float, optional
        Relative rms of the power from one exposure to the next, normal and independent.
    mode_hops : ModeHops, optional
        Jumps between longitudinal modes.
    pointing : Pointing, optional
        Jitter or drift of the beam's direction.
    power_drift : PowerDrift, optional
        Slow drift of the power.

    Raises
    ------
    ValueError
        If the wavelength is outside 200 nm to 2500 nm, the power is not positive, or its noise exceeds 0.2.

    Notes
    -----
    One spatial mode, one spectral line at a time. Intensity noise faster than an exposure averages out within it; what
    is left moves whole frames up and down together, and cancels from no difference of frames. What wanders more slowly
    (mode hops, pointing, power drift) is off unless it is described.

    References
    ----------
    .. [1] EMVA Standard 1288, Release 4.0 Linear, sec. 2: photons from radiant power.
    """

    wavelength: float
    power: float
    beam_radius: float = math.inf
    beam_y: float = 0.0
    beam_x: float = 0.0
    intensity_noise: float = 0.0
    mode_hops: ModeHops = NO_MODE_HOPS
    pointing: Pointing = NO_POINTING
    power_drift: PowerDrift = NO_POWER_DRIFT

    def __post_init__(self) -> None:
        check_number("wavelength", self.wavelength, unit="m", at_least=200e-9, at_most=2500e-9)
        check_number("power", self.power, unit="W", above=0, at_most=100)
        check_number("beam_radius", self.beam_radius, unit="m", at_least=1e-5, infinite=True)
        for name in ("beam_y", "beam_x"):
            check_number(name, getattr(self, name), unit="m", at_least=-1, at_most=1)
        check_number("intensity_noise", self.intensity_noise, at_least=0, at_most=0.2)

    @property
    def photon_rate(self) -> float:
        """Return the photons per second of the beam."""
        return self.power * self.wavelength / (h * c)
