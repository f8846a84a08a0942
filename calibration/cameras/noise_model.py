"""Signal and noise of the linear model: what a camera of known figures makes of a charge."""

import math

import numpy as np
from numpy.typing import NDArray


def signal_to_noise(
    charge: NDArray[np.float64], *, gain: float, dark_variance: float, dsnu: float = 0.0, prnu: float = 0.0
) -> NDArray[np.float64]:
    """Return the signal-to-noise ratio of the linear model.

    .. math:: \\mathrm{SNR} = \\frac{\\mu_e}{\\sqrt{\\sigma_{y.dark}^2 / K^2 + \\mu_e + d^2 + p^2 \\mu_e^2}}

    Parameters
    ----------
    charge : ndarray
        Mean electrons of a pixel.
    gain : float
        System gain K, in DN per electron.
    dark_variance : float
        Temporal dark variance, rounding included, in DN^2.
    dsnu : float, optional
        Dark non-uniformity d, in electrons, where a single image is judged.
    prnu : float, optional
        Photo-response non-uniformity p, relative, where a single image is judged.

    Returns
    -------
    ndarray
        The ratio (law L43).

    References
    ----------
    .. [1] EMVA Standard 1288, Release 4.0 Linear, sec. 2.6 and 4.3: temporal and total SNR.
    """
    noise = dark_variance / gain**2 + charge + dsnu**2 + (prnu * charge) ** 2
    return np.asarray(charge / np.sqrt(noise))


def threshold_charge(dark_variance: float, gain: float) -> float:
    """Return the electrons at which the signal equals the temporal noise.

    .. math:: \\mu_{e.min} = \\tfrac12 + \\sqrt{\\tfrac14 + \\sigma_{y.dark}^2 / K^2}

    Parameters
    ----------
    dark_variance : float
        Temporal dark variance, rounding included, in DN^2.
    gain : float
        System gain K, in DN per electron.

    Returns
    -------
    float
        Electrons (law L43); the exact root, not the short form that leaves the quarter out.
    """
    return 0.5 + math.sqrt(0.25 + dark_variance / gain**2)
