"""What moves in time: noise and drift of the laser, drift of the medium, vibration; and their descriptions."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.uncertainty import Measured
from calibration.identification.burst_light import burst_light
from calibration.identification.decorrelation import DecorrelationFit, fit_decorrelation
from calibration.identification.decorrelation_errors import DecorrelationErrors, decorrelation_errors, largest_rate
from calibration.identification.drift_laws import LAWS, DriftLaw
from calibration.identification.frame_power import laser_noise, power_change
from calibration.identification.observations import Observations
from calibration.identification.pointing_jitter import axis_share, pointing_rms, shown_or_bound
from optics.instabilities.pointing import NO_POINTING, Pointing
from optics.media.description import MediumDescription
from optics.media.drift import DriftDescription
from optics.validation import check_number

SEEN = 3.0
"""Deviations of the rate of a drift from which on a twin drifts."""

LARGEST_PART = 0.2
"""Relative uncertainty of a rate of drift beyond which a correlation time is a bound, not a figure."""

FEWEST_CHANNELS = 8.0
"""Channels of a medium of few whose light must have changed before its law is told from that of a medium of many."""

SURE = 0.99
"""Probability from which on a law is told."""

FAST = 1e-3
"""Correlation time of the described pointing, in frame periods."""


@dataclass(frozen=True, kw_only=True)
class TimeFigures:
    """What repeated frames tell of the things that move.

    Parameters
    ----------
    laser_noise : Measured
        Relative rms of the power from one exposure to the next.
    power_change : Measured
        Relative rms of the power from burst to burst beyond that; a bound where no change is seen.
    correlation_time : Measured
        Time after which the field correlation of the medium is 1/e, in seconds; a lower bound where the drift is
        slower than the protocol can see, or its law cannot be told.
    likeliest_time : float
        The same by the likelier law alone, in seconds, also where no figure can be vouched for: what a twin drifts
        with. Infinity where no drift is seen.
    drift_law : str
        The likeliest law, "exponential" or "gaussian".
    drift_channels : float
        Channels that drift by it, each at a rate of its own: infinity for a medium of many, macropixels and one where
        few of them describe the frames better.
    law_probability : float
        How sure that is, from a third to 1.
    vibration : Measured
        Part of the speckle that two frames do not share, however near.
    pointing_rms : Measured
        Rms angle of the beam along y and along x that would do that, in radians.
    """

    laser_noise: Measured
    power_change: Measured
    correlation_time: Measured
    likeliest_time: float
    drift_law: str
    drift_channels: float
    law_probability: float
    vibration: Measured
    pointing_rms: Measured

    @property
    def drift_method(self) -> str:
        """Return how such a drift is simulated (`optics.DriftDescription`): by components, or where few channels drift
        by mixing. An exponential law by components takes minutes: it is mixed where it is not sure."""
        many = self.drift_law == "gaussian" or self.law_probability >= SURE
        return "components" if many and math.isinf(self.drift_channels) else "mixing"


@dataclass(frozen=True, kw_only=True, eq=False)
class LitMacropixels:
    """The macropixels of the patterns that are repeated, as far as a tilt of the beam moves their phases.

    Parameters
    ----------
    positions : ndarray, shape (input, 2)
        Places of all macropixels, (y, x) in metres.
    weights : ndarray, shape (input,)
        Light that each sends when it is on, in any unit.
    wavelength : float
        Wavelength, in metres.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite, or a weight is negative.
    """

    positions: NDArray[np.float64]
    weights: NDArray[np.float64]
    wavelength: float

    def __post_init__(self) -> None:
        check_number("wavelength", self.wavelength, unit="m", above=0)
        if self.positions.shape != (self.weights.size, 2):
            raise ValueError(
                f"positions have shape {self.positions.shape}, {self.weights.size} weights need "
                f"({self.weights.size}, 2): one place a macropixel"
            )
        if not (np.isfinite(self.positions).all() and np.isfinite(self.weights).all() and self.weights.min() >= 0):
            raise ValueError("positions and weights must be finite, weights not negative: give light, not amplitudes")
        for name in ("positions", "weights"):
            own = np.array(getattr(self, name), np.float64)
            own.flags.writeable = False
            object.__setattr__(self, name, own)


def time_figures(
    observations: Observations, *, gain: Measured, dark_noise: Measured, excluded: NDArray[np.bool_],
    lit: LitMacropixels,
) -> TimeFigures:  # fmt: skip
    """Return what moves in time, from bursts of repeated patterns.

    Parameters
    ----------
    observations : Observations
        The frames; those that repeat a pattern, and the dark ones.
    gain : Measured
        System gain, in DN per electron.
    dark_noise : Measured
        Temporal dark noise of a pixel without dark current, rows and columns included, before rounding, in DN.
    excluded : ndarray of bool, shape (y, x)
        Pixels that do not count: dead and hot ones.
    lit : LitMacropixels
        Where the macropixels are and how much light each sends.

    Returns
    -------
    TimeFigures
        The figures; those that are hidden are bounds.

    Raises
    ------
    ValueError
        If the frames cannot tell anything (`burst_light`), or macropixels and states do not fit.

    Notes
    -----
    Drift is told from vibration by its growth with the lag; all vibration is named pointing. A drift whose law is not
    told is bounded by the law that allows the faster one. Light that is clipped looks as if it decorrelated faster: at
    seven times the mean light of single-mode speckle the rate is 0.6 % too large, at five times 3 %. Bursts should not
    be evenly spaced: a drift that is faster than their distance is told from the nearest of them.
    """
    light = burst_light(observations, gain=gain, dark_noise=dark_noise, excluded=excluded)
    states = np.array([bursts[0].states[0] for bursts in observations.parts])
    inputs = states.shape[1]
    if inputs != lit.weights.size:
        raise ValueError(f"lit has {lit.weights.size} macropixels, the patterns have {inputs}: give all of them")
    on = lit.weights * states
    share = float(np.mean([axis_share(lit.positions, part) for part in on]))
    laws = [*(DriftLaw(name=name) for name in LAWS), DriftLaw(name="exponential", channels=inputs + 1)]
    fits = [fit_decorrelation(light, law=law) for law in laws]
    errors = [decorrelation_errors(fit, light, share=share) for fit in fits]
    best, probability = likelier(fits, errors, span=float(np.ptp(light.times)))
    vibration = vibration_figure(fits, errors, best=best)
    noise = laser_noise(light)
    return TimeFigures(
        laser_noise=noise,
        power_change=power_change(light, noise=noise),
        correlation_time=correlation_time(fits, errors, best=best, probability=probability),
        likeliest_time=_likeliest_time(fits[best], errors[best]),
        drift_law=fits[best].law.name,
        drift_channels=fits[best].law.channels,
        law_probability=probability,
        vibration=vibration,
        pointing_rms=pointing_rms(vibration, positions=lit.positions, weights=on, wavelength=lit.wavelength),
    )


def likelier(fits: list[DecorrelationFit], errors: list[DecorrelationErrors], *, span: float) -> tuple[int, float]:
    """Return which of some laws is the likeliest, and its probability.

    .. math:: P = \\frac{1}{\\sum_i e^{-n (\\ell - \\ell_i)}}

    Parameters
    ----------
    fits, errors : list
        The fits by all laws and their uncertainties.
    span : float
        Time from the first frame to the last, in seconds.

    Returns
    -------
    best : int
        Index of the likeliest law.
    probability : float
        P, with n the pixels that the likelihood of a law's drift is worth, not all of which are independent.

    Notes
    -----
    A few channels that happen to be bright draw any smooth curve, but none that falls further than they are bright:
    where light of `FEWEST_CHANNELS` of them has changed, what weights they happen to have counts no more in n.
    """
    heights = np.array([one.log_likelihood for one in fits])
    best = int(heights.argmax())
    law, rate = fits[best].law, float(fits[best].parameters[1])
    changed = 1 - float(law.correlation(np.array([0.0, span]), rate=rate)[0][0, 1])
    many = changed * min(one.law.channels for one in fits) >= FEWEST_CHANNELS
    worth = min(
        one.independent for fit, one in zip(fits, errors, strict=True) if not many or math.isinf(fit.law.channels)
    )
    odds = (heights - heights.max()) * worth
    return best, float(1 / np.sum(np.exp(np.maximum(odds, -700.0))))


def correlation_time(
    fits: list[DecorrelationFit], errors: list[DecorrelationErrors], *, best: int, probability: float
) -> Measured:
    """Return the correlation time of the likeliest law, or the lower bound of all.

    Parameters
    ----------
    fits, errors : list
        The fits by all laws and their uncertainties.
    best : int
        Index of the likeliest law.
    probability : float
        How sure that is.

    Returns
    -------
    Measured
        Seconds. A figure where the law is told and the rate known to a fifth of itself; the uncertainty is that
        towards longer times, where it is larger. An exponential drift of few channels is bounded: its shortest times
        hang on a few of them.
    """
    rates = [float(fit.parameters[1]) for fit in fits]
    deviations = [math.sqrt(float(one.total[1, 1])) for one in errors]
    if probability >= SURE and math.isinf(fits[best].law.channels) and deviations[best] < LARGEST_PART * rates[best]:
        law = fits[best].law
        time, slower = law.time(rates[best]), law.time(rates[best] - deviations[best])
        return Measured(value=time, uncertainty=slower - time)
    bounds = [fit.law.time(largest_rate(fit, one)) for fit, one in zip(fits, errors, strict=True)]
    return Measured(value=min(bounds), uncertainty=0.0, bound="lower")


def _likeliest_time(fit: DecorrelationFit, errors: DecorrelationErrors) -> float:
    """Return the correlation time of a fit, infinity where its rate is not seen."""
    rate = float(fit.parameters[1])
    return fit.law.time(rate) if rate > SEEN * math.sqrt(float(errors.total[1, 1])) else math.inf


def vibration_figure(fits: list[DecorrelationFit], errors: list[DecorrelationErrors], *, best: int) -> Measured:
    """Return the part of the speckle that changes from frame to frame.

    Parameters
    ----------
    fits, errors : list
        The fits by all laws and their uncertainties.
    best : int
        Index of the likeliest law.

    Returns
    -------
    Measured
        The part v, or its upper bound.
    """
    drifting, _, changing = fits[best].parameters
    slope = np.array([-changing, 0.0, drifting]) / (drifting + changing) ** 2
    return shown_or_bound(fits[best].vibration, math.sqrt(float(slope @ errors[best].total @ slope)))


def drifting_medium(figures: TimeFigures, inside: MediumDescription) -> MediumDescription:
    """Return the description of a medium that drifts as frames told.

    Parameters
    ----------
    figures : TimeFigures
        The figures.
    inside : MediumDescription
        What the medium is at any one time.

    Returns
    -------
    MediumDescription
        The medium with its likeliest drift; the medium itself where no drift is seen.
    """
    if math.isinf(figures.likeliest_time):
        return inside
    return DriftDescription(
        inside=inside, law=figures.drift_law, correlation_time=figures.likeliest_time, method=figures.drift_method
    )


def described_pointing(figures: TimeFigures, *, frame_period: float) -> Pointing:
    """Return the description of the pointing that frames told.

    Parameters
    ----------
    figures : TimeFigures
        The figures.
    frame_period : float
        Time from one frame to the next, in seconds: the jitter is a thousand times faster.

    Returns
    -------
    Pointing
        Jitter without memory from frame to frame; none where it is hidden.
    """
    check_number("frame_period", frame_period, unit="s", above=0)
    if figures.pointing_rms.bound:
        return NO_POINTING
    return Pointing(rms=figures.pointing_rms.value, correlation_time=FAST * frame_period, law="gaussian")
