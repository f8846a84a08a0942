"""The laser that lights the mirrors."""

from dataclasses import dataclass

from scipy.constants import c, h

from optics.validation import check_number


@dataclass(frozen=True, kw_only=True)
class Laser:
    """A monochromatic continuous-wave laser that lights the whole mirror array evenly.

    .. math:: \\Phi = \\frac{P \\lambda}{h c}

    Parameters
    ----------
    wavelength : float
        Vacuum wavelength, in metres.
    power : float
        Optical power that falls on the mirror array, in watts.

    Raises
    ------
    ValueError
        If the wavelength is outside 200 nm to 2500 nm or the power is not positive.

    Notes
    -----
    One spatial mode, one spectral line, no intensity noise.

    References
    ----------
    .. [1] EMVA Standard 1288, Release 4.0 Linear, sec. 2: photons from radiant power.
    """

    wavelength: float
    power: float

    def __post_init__(self) -> None:
        check_number("wavelength", self.wavelength, unit="m", at_least=200e-9, at_most=2500e-9)
        check_number("power", self.power, unit="W", above=0, at_most=100)

    @property
    def photon_rate(self) -> float:
        """Return the photons per second that fall on the mirror array."""
        return self.power * self.wavelength / (h * c)
