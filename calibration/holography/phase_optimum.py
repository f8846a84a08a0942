"""How strong to make the reference: predicted errors of stepped fields, and the best share of the light."""

import math
from dataclasses import dataclass

from scipy.optimize import minimize_scalar
from scipy.stats import ncx2

from optics.camera import Camera
from optics.validation import check_choice, check_count, check_number


@dataclass(frozen=True, kw_only=True)
class ReferenceChoice:
    """Light of the two arms, and what it is worth.

    Parameters
    ----------
    signal : float
        Mean light of the signal, in electrons per pixel and frame.
    reference : float
        Mean light of the reference, in electrons per pixel and frame.
    signal_to_noise : float
        Mean squared field over the mean squared error of a field, as a ratio of powers.
    """

    signal: float
    reference: float
    signal_to_noise: float

    @property
    def ratio(self) -> float:
        """Return the reference over the signal, as a ratio of powers."""
        return self.reference / self.signal


def predicted_variance(
    *, signal: float, reference: float, frames: int, dark_variance: float = 0.0, background: float = 0.0
) -> float:
    """Return the variance of a field from equal steps (law L50).

    .. math:: \\mathrm{E} |\\delta S|^2 = \\frac{\\sigma^2 + |S|^2 + |R|^2 + b}{N |R|^2}

    Parameters
    ----------
    signal : float
        Mean light of the signal, in electrons per pixel and frame.
    reference : float
        Light of the reference, in electrons per pixel and frame.
    frames : int
        Number of steps N.
    dark_variance : float, optional
        Variance of a dark pixel sigma^2, rounding included, in electrons^2.
    background : float, optional
        Incoherent light and dark current, in electrons per pixel and frame.

    Returns
    -------
    float
        Mean squared modulus of the error of the field, in electrons: compare it with ``signal``. Its floor is 1 / N
        electron for a strong reference.

    Raises
    ------
    ValueError
        If the reference is dark, a light is negative or there are fewer than three steps.
    """
    check_number("signal", signal, unit="e", at_least=0)
    check_number("reference", reference, unit="e", above=0)
    check_count("frames", frames, at_least=3)
    check_number("dark_variance", dark_variance, unit="e^2", at_least=0)
    check_number("background", background, unit="e", at_least=0)
    return (dark_variance + signal + reference + background) / (frames * reference)


def optimum_reference(mean_exposure: float, *, frames: int, dark_variance: float = 0.0) -> ReferenceChoice:
    """Return the best share of a given mean exposure: half for the reference.

    .. math:: |R|^2 = \\langle |S|^2 \\rangle = F / 2, \\qquad
              \\mathrm{SNR} = \\frac{N F^2}{4 (F + \\sigma^2)} \\to \\frac{N F}{4}

    Parameters
    ----------
    mean_exposure : float
        Mean light F of both arms together, in electrons per pixel and frame.
    frames : int
        Number of steps N.
    dark_variance : float, optional
        Variance of a dark pixel, rounding included, in electrons^2.

    Returns
    -------
    ReferenceChoice
        The two arms and the signal-to-noise ratio there.

    Raises
    ------
    ValueError
        If the exposure is not positive or there are fewer than three steps.

    Notes
    -----
    The noise depends on the sum of the arms alone and the interference on their product, so equal arms are best
    whatever the read noise (law L50). Where the brightest pixels count instead of the mean, see `reference_for_camera`;
    where the signal cannot be made stronger, the more reference the better.
    """
    check_number("mean_exposure", mean_exposure, unit="e", above=0)
    return _choice(mean_exposure / 2, mean_exposure / 2, frames, dark_variance)


def reference_for_camera(
    camera: Camera, *, frames: int, clipped: float = 1e-3, kind: str = "even", signal: float | None = None
) -> ReferenceChoice:
    """Return the arms that give the best fields when some pixels may saturate.

    Parameters
    ----------
    camera : Camera
        The camera: saturation and dark noise.
    frames : int
        Number of steps.
    clipped : float, optional
        Share of pixels of a frame that may saturate.
    kind : {"even", "speckle"}, optional
        Whether the reference is an even beam or a speckle field of its own. The signal is fully developed speckle.
    signal : float or None, optional
        Mean light of the signal, in electrons per pixel and frame, where it cannot be chosen; the reference is then
        made as strong as saturation allows. None chooses both.

    Returns
    -------
    ReferenceChoice
        The two arms and the signal-to-noise ratio there.

    Raises
    ------
    ValueError
        If there are fewer than three steps, a number is out of range, or the signal alone already saturates more.

    Notes
    -----
    The light of both arms is exponentially distributed behind a speckle reference, and a non-central chi-square of two
    degrees of freedom (Rice) with an even one. Blur over the pixel, which lowers both, is not looked at.

    References
    ----------
    .. [1] J. W. Goodman, Speckle Phenomena in Optics, 2007, sec. 3.2: speckle plus a constant phasor.
    """
    check_number("clipped", clipped, above=0, at_most=0.5)
    check_choice("kind", kind, ("even", "speckle"))
    check_count("frames", frames, at_least=3)
    dark_variance = camera.dark_noise**2 + 1 / (12 * camera.gain**2)

    def arms(ratio: float) -> ReferenceChoice:
        own = camera.saturation_charge / _peak(ratio, clipped, kind)
        return _choice(own, ratio * own, frames, dark_variance)

    if signal is None:
        best = minimize_scalar(lambda log: -arms(math.exp(log)).signal_to_noise, bounds=(-4, 6), method="bounded")
        return arms(math.exp(best.x))
    check_number("signal", signal, unit="e", above=0)
    most = camera.saturation_charge / signal
    if _peak(1e-6, clipped, kind) >= most:
        raise ValueError(
            f"signal = {signal:g} e saturates more than {clipped:g} of the pixels of a camera that holds "
            f"{camera.saturation_charge:g} e, without any reference: expose for a shorter time"
        )
    low, high = math.log(1e-6), math.log(most)  # the peak is never below the reference itself
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _peak(math.exp(middle), clipped, kind) < most else (low, middle)
    return _choice(signal, signal * math.exp(low), frames, dark_variance)


def _peak(ratio: float, clipped: float, kind: str) -> float:
    """Return the light that a share of the pixels exceeds, over the mean light of the signal."""
    if kind == "speckle":
        return (1 + ratio) * math.log(1 / clipped)
    return float(ncx2.isf(clipped, 2, 2 * ratio)) / 2


def _choice(signal: float, reference: float, frames: int, dark_variance: float) -> ReferenceChoice:
    """Return two arms with the signal-to-noise ratio that the law predicts for them."""
    variance = predicted_variance(signal=signal, reference=reference, frames=frames, dark_variance=dark_variance)
    return ReferenceChoice(signal=signal, reference=reference, signal_to_noise=signal / variance)
