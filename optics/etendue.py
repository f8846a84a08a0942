"""How many independent modes an aperture passes: the most inputs that light can tell apart.

References
----------
.. [1] D. Slepian, H. O. Pollak, Prolate spheroidal wave functions, Bell Syst. Tech. J. 40, 43 (1961).
   doi:10.1002/j.1538-7305.1961.tb03976.x
.. [2] F. Gori, G. Guattari, Shannon number and degrees of freedom of an image, Opt. Commun. 7, 163 (1973).
   doi:10.1016/0030-4018(73)90091-6
"""

import math

from optics.validation import check_count, check_number


def modes_of_etendue(*, area: float, numerical_aperture: float, wavelength: float) -> float:
    """Return the modes per polarisation that a disc-shaped pupil passes from an area.

    .. math:: K = \\frac{A \\pi \\mathrm{NA}^2}{\\lambda^2}

    Parameters
    ----------
    area : float
        Area that sends the light, in square metres.
    numerical_aperture : float
        Sine of the half angle of the pupil.
    wavelength : float
        Wavelength of the light, in metres.

    Returns
    -------
    float
        Number of modes, the sum of the eigenvalues of the imaging operator.

    Raises
    ------
    ValueError
        If a number is not positive, or the numerical aperture exceeds one.

    Notes
    -----
    Law L39. The eigenvalues fall from one to zero near the number of modes, over a range that grows with the
    perimeter of the area only; more inputs than modes are not independent (law L35).
    """
    check_number("area", area, unit="m^2", above=0)
    check_number("numerical_aperture", numerical_aperture, above=0, at_most=1)
    check_number("wavelength", wavelength, unit="m", above=0)
    return area * math.pi * numerical_aperture**2 / wavelength**2


def modes_of_band(*, samples: int, half_bandwidth: float) -> float:
    """Return the modes of a finite run of samples within a band, in one dimension.

    .. math:: K = 2 W n

    Parameters
    ----------
    samples : int
        Number of samples n.
    half_bandwidth : float
        Largest frequency W of the band, in cycles per sample.

    Returns
    -------
    float
        Number of modes.

    Raises
    ------
    ValueError
        If the band is empty or wider than the samples carry (half a cycle per sample).
    """
    check_count("samples", samples)
    check_number("half_bandwidth", half_bandwidth, unit="cycles per sample", above=0, at_most=0.5)
    return 2 * half_bandwidth * samples
