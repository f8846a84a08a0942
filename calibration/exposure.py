"""Exposures that suit speckle, and the pixels that are worth delivering."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import gammaincc

from calibration.scheme import AnchorScheme
from optics.camera import Camera
from optics.validation import check_number


def best_full_scale(camera: Camera, degrees_of_freedom: float = 1.0) -> float:
    """Return the saturation over the mean of a speckle frame that gives the smallest mean square error.

    It is the S at which `intensity_error` is smallest.

    Parameters
    ----------
    camera : Camera
        The camera; saturation charge e_sat, dark noise sigma_d and gain K count.
    degrees_of_freedom : float, optional
        M of the intensity law: 1 for one grain a pixel in one polarisation.

    Returns
    -------
    float
        S, the charge at saturation over the mean charge.

    Raises
    ------
    ValueError
        If the degrees of freedom are not positive.

    Notes
    -----
    About 10 for fully developed speckle, 8 bits and 10 000 electrons: the mean belongs at a tenth of the full scale.
    Light of less contrast may be brighter, down to S just above 1 for light that is even.

    References
    ----------
    .. [1] Law L48 of the project's physics notes, in electrons; clipping of an exponential law is elementary.
    """
    check_number("degrees_of_freedom", degrees_of_freedom, above=0)

    def error(scale: float) -> float:
        return intensity_error(camera, scale, degrees_of_freedom=degrees_of_freedom)

    largest = 60.0 * max(1.0, 1 / degrees_of_freedom)
    return float(minimize_scalar(error, bounds=(0.5, largest), method="bounded", options={"xatol": 1e-6}).x)


def intensity_error(camera: Camera, full_scale: float, *, degrees_of_freedom: float = 1.0) -> float:
    """Return the mean square error of the intensities of a speckle frame over their squared mean.

    .. math:: \\frac{\\mathrm{MSE}}{\\langle I \\rangle^2} = \\langle (I - S)_+^2 \\rangle
              + \\left(\\frac{S}{e_\\mathrm{sat}}\\right)^2 \\left(\\sigma_d^2 + \\frac{1}{12 K^2}\\right)
              + \\frac{S}{e_\\mathrm{sat}}

    with I of mean 1 by the gamma law of M degrees of freedom, for which, Q being the regularised upper incomplete
    gamma function,

    .. math:: \\langle (I - S)_+^2 \\rangle = \\left(1 + \\tfrac1M\\right) Q(M + 2, MS) - 2 S Q(M + 1, MS)
              + S^2 Q(M, MS)

    Parameters
    ----------
    camera : Camera
        The camera; saturation charge e_sat, dark noise sigma_d and gain K count.
    full_scale : float
        S, the charge at saturation over the mean charge.
    degrees_of_freedom : float, optional
        M, one over the squared contrast: 1 for one grain a pixel in one polarisation, 2 for two polarisations.

    Returns
    -------
    float
        What clipping, dark noise, rounding and shot noise add up to. For M = 1 the first term is 2 exp(-S).

    References
    ----------
    .. [1] J. W. Goodman, Speckle Phenomena in Optics, 2007, sec. 4.6: the gamma law of integrated intensity.
    """
    M, S, charge = degrees_of_freedom, full_scale, camera.saturation_charge
    hidden = (1 + 1 / M) * gammaincc(M + 2, M * S) - 2 * S * gammaincc(M + 1, M * S) + S**2 * gammaincc(M, M * S)
    floor = camera.dark_noise**2 + 1 / (12 * camera.gain**2)
    return float(hidden + (S / charge) ** 2 * floor + S / charge)


def clipped_fraction(full_scale: float, *, degrees_of_freedom: float = 1.0) -> float:
    """Return the fraction of the pixels of a speckle frame that saturate.

    .. math:: P(I > S) = Q(M, M S)

    Parameters
    ----------
    full_scale : float
        S, the charge at saturation over the mean charge.
    degrees_of_freedom : float, optional
        M, one over the squared contrast.

    Returns
    -------
    float
        The fraction; exp(-S) for fully developed speckle (law L47).
    """
    return float(gammaincc(degrees_of_freedom, degrees_of_freedom * full_scale))


def exposure_levels(
    scheme: AnchorScheme, *, input_rate: float, camera: Camera, full_scale: float, static_rate: float = 0.0
) -> list[float]:
    """Return the exposure times that vectors of any number of non-zeros need, in steps of sqrt(2).

    The brightest frame of a vector then has its saturation at ``full_scale`` / sqrt(2) to ``full_scale``
    times its mean.

    Parameters
    ----------
    scheme : AnchorScheme
        Macropixels of the vector and of the anchor.
    input_rate : float
        Mean signal of one macropixel, in DN per second.
    camera : Camera
        The camera.
    full_scale : float
        Largest saturation over mean of the brightest frame.
    static_rate : float, optional
        Mean signal with everything off, in DN per second.

    Returns
    -------
    list of float
        Exposure times in seconds, the longest (for the sparsest vectors) first.

    Raises
    ------
    ValueError
        If the camera cannot expose that short: the light is too strong.
    """
    rates = input_rate * scheme.brightest(np.arange(1, len(scheme.components) + 1)) + static_rate
    longest = math.sqrt(2) * mean_aim(camera, full_scale) / float(rates.min())
    steps = math.ceil(2 * math.log2(rates.max() / rates.min()) - 1e-9)
    times = [longest * 2 ** (-step / 2) for step in range(steps + 1)]
    if times[-1] < camera.shutter.exposure_minimum:
        shortest = camera.shutter.exposure_minimum
        raise ValueError(
            f"the brightest frames need an exposure of {times[-1] * 1e6:.3g} us, the camera's shortest is "
            f"{shortest * 1e6:.3g} us: attenuate the laser {shortest / times[-1]:.3g} times"
        )
    return [camera.shutter.granted_exposure(min(time, camera.shutter.exposure_maximum)) for time in times]


def mean_aim(camera: Camera, full_scale: float) -> float:
    """Return the mean signal that the brightest frame should have.

    Parameters
    ----------
    camera : Camera
        The camera.
    full_scale : float
        Saturation over the mean to aim at.

    Returns
    -------
    float
        Signal above the black level, in DN.
    """
    return (camera.saturation - camera.black_level) / full_scale


def choose_outputs(
    anchor: NDArray[np.floating], dark: NDArray[np.floating], *, camera: Camera, outputs: int
) -> NDArray[np.int64]:
    """Return the pixels to deliver: the brightest under the anchor that leave room below saturation.

    Parameters
    ----------
    anchor, dark : ndarray, shape (pixel,)
        Mean counts with the anchor on at the longest exposure, and without light, in DN.
    camera : Camera
        The camera.
    outputs : int
        Number of pixels to choose.

    Returns
    -------
    ndarray of int, shape (output,)
        Pixels in rising order.

    Raises
    ------
    ValueError
        If the camera has fewer than 1.25 times as many pixels.

    Notes
    -----
    Dark pixels amplify noise without bound (law L58), so some must be spare. Pixels whose anchor alone fills
    half the range saturate often; they are taken last.
    """
    if len(anchor) < 1.25 * outputs:
        raise ValueError(
            f"{outputs} outputs need at least {math.ceil(1.25 * outputs)} camera pixels to choose from, the region has "
            f"{len(anchor)}: read out a larger region or ask for at most {int(len(anchor) / 1.25)} outputs"
        )
    signal = anchor - dark
    crowded = signal > 0.5 * (camera.saturation - camera.black_level)
    order = np.lexsort((-signal, crowded))
    return np.sort(order[:outputs])
