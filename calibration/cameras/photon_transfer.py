"""Photon transfer: gain, quantum efficiency, noise and capacity of a camera from pairs of frames.

.. math:: \\sigma_y^2 = K^2 \\sigma_d^2 + \\tfrac{1}{12} + K (\\mu_y - \\mu_{y.dark}), \\qquad
          \\mu_y - \\mu_{y.dark} = K \\eta \\mu_p

References
----------
.. [1] EMVA Standard 1288, Release 4.0 Linear, sec. 2 (model), sec. 6 (measurement). The European Machine Vision
   Association, 2021.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.dark_signal import DarkSignal, dark_current, dark_signal
from calibration.cameras.frame_pairs import PairStatistics, pair_statistics
from calibration.cameras.laser_noise import laser_noise, with_laser_noise
from calibration.cameras.light_series import LightSeries
from calibration.cameras.linearity import Linearity, linearity
from calibration.cameras.noise_model import threshold_charge
from calibration.cameras.transfer_curve import TransferCurve, transfer_curve
from calibration.cameras.uncertainty import SIGNIFICANT, Measured, excess_scatter, fit_line, propagate

QUANTISATION = 1 / 12
"""Variance of rounding, in DN^2, where the noise is at least half a DN."""

SMALLEST_VARIANCE = 0.24
"""Dark variance in DN^2 below which the standard reports a bound: rounding hides the noise."""

BENT = 0.35
"""Dark variance in DN^2 below which rounding may be wrong by more than 0.01 DN^2 (law L46)."""

DITHERED = 0.5
"""Variance of bright frames in DN^2 from which on rounding adds its 1/12 DN^2 to most pixels of speckle."""

STANDARD_LEVELS = 50
"""Exposure levels that the standard asks for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PhotonTransfer:
    """Figures of a camera, each with its standard uncertainty; None where the frames cannot tell.

    Parameters
    ----------
    curve : TransferCurve
        The points behind the figures.
    dark : DarkSignal
        Black level and dark variance, in DN.
    gain : Measured
        System gain K, in DN per electron.
    responsivity : Measured or None
        R, in DN per photon.
    quantum_efficiency : Measured or None
        Electrons per photon.
    dark_noise : Measured
        Temporal dark noise without rounding, in electrons rms; an upper bound where rounding hides it.
    dark_current_mean, dark_current_variance : Measured or None
        Dark current from the growth of the mean and of the variance, in electrons per second.
    saturation_photons : Measured or None
        Photons at saturation.
    saturation_charge : Measured
        Electrons at saturation.
    threshold_photons : Measured or None
        Photons at which the signal equals the noise.
    threshold_charge : Measured
        The same in electrons.
    dynamic_range : Measured
        Saturation over threshold, as a ratio.
    largest_snr : Measured
        Signal-to-noise ratio at saturation, as a ratio.
    linearity : Linearity or None
        Deviation from the straight line.
    laser_noise : Measured or None
        Relative rms of the light from frame to frame; known only under uneven light, where it has a pattern.
    flags : tuple of str
        What a reader has to know before trusting the figures; empty where all is well.
    """

    curve: TransferCurve
    dark: DarkSignal
    gain: Measured
    responsivity: Measured | None
    quantum_efficiency: Measured | None
    dark_noise: Measured
    dark_current_mean: Measured | None
    dark_current_variance: Measured | None
    saturation_photons: Measured | None
    saturation_charge: Measured
    threshold_photons: Measured | None
    threshold_charge: Measured
    dynamic_range: Measured
    largest_snr: Measured
    linearity: Linearity | None
    laser_noise: Measured | None
    flags: tuple[str, ...]

    @property
    def quantisation_limited(self) -> bool:
        """Return whether the dark variance is below 0.24 DN^2, so that rounding hides the dark noise."""
        return self.dark.variance.value < SMALLEST_VARIANCE


def photon_transfer(series: LightSeries, *, saturation: Measured | None = None) -> PhotonTransfer:
    """Characterise a camera from pairs of frames at growing exposure.

    Parameters
    ----------
    series : LightSeries
        Bright and dark pairs.
    saturation : Measured or None, optional
        Signal at saturation, in DN, where it is known from other frames; None takes it from the series.

    Returns
    -------
    PhotonTransfer
        All figures of the linear model that need no stack of frames.

    Raises
    ------
    ValueError
        If the series is dark, or saturated from the start, so that nothing can be fitted.

    Notes
    -----
    K is the slope of the variance against the signal and R that of the signal against photons, both through the
    origin, over all levels up to 70 % of saturation; under uneven light over all levels, since no pixel saturates,
    and with the laser's noise taken out. Where rounding bends the dark variance there (below 0.35 DN^2), it says
    nothing: the line of the gain gets an intercept of its own, over the levels of at least 0.7 DN of noise. Signal
    and variance of a level are treated as independent: for Poisson light their covariance moves eta by less than
    1 / sqrt(electrons) of its uncertainty.
    """
    dark = pair_statistics(series.dark_frames)
    bright = pair_statistics(series.bright_frames, uneven_light=not series.even_light)
    laser = laser_noise(bright)
    bright = with_laser_noise(bright, laser, dark=dark)
    times = None if series.exposure_times is None else np.asarray(series.exposure_times)
    signal_of_dark = dark_signal(dark, exposure_times=times)
    curve = transfer_curve(series, bright=bright, dark=dark)
    common = len(dark.mean) == 1
    if _hidden(series, signal_of_dark):
        gain = _free_slope(bright)
    else:
        gain = _slope(curve.signal, curve.variance, own=bright.variance_uncertainty, dark=dark.variance_uncertainty,
            used=curve.used, common=common)  # fmt: skip
    responsivity = None
    if curve.in_photons and curve.exposure is not None:
        responsivity = _slope(curve.exposure, curve.signal, own=bright.mean_uncertainty, dark=dark.mean_uncertainty,
            used=curve.used, common=common)  # fmt: skip
    known = saturation is not None
    figures = _figures(curve, signal_of_dark, gain, responsivity, saturation=saturation)
    flags = _flags(series, curve, signal_of_dark, saturation_known=known)
    efficiency = figures.quantum_efficiency
    if efficiency and efficiency.value > 1 + SIGNIFICANT * efficiency.uncertainty:
        flags += (f"the quantum efficiency comes out as {efficiency.value:.3g}, above one: the photons are too few",)
    return replace(figures, laser_noise=laser, flags=flags)


def _slope(
    positions: NDArray[np.float64],
    values: NDArray[np.float64],
    *,
    own: NDArray[np.float64],
    dark: NDArray[np.float64],
    used: NDArray[np.bool_],
    common: bool,
) -> Measured:
    """Return the least-squares slope through the origin; ``common`` dark frames move all levels together."""
    x, y = positions[used], values[used]
    weights = x / np.sum(x**2)
    slope = float(weights @ y)
    own, dark = own[used], (np.broadcast_to(dark, values.shape) if common else dark)[used]
    errors = np.hypot(own, dark)
    shared = float(weights @ dark) ** 2 if common else float(np.sum((weights * dark) ** 2))
    uncertainty = math.sqrt(float(np.sum((weights * own) ** 2)) + shared)
    return Measured(value=slope, uncertainty=uncertainty * excess_scatter((y - slope * x) / errors, parameters=1))


def _hidden(series: LightSeries, dark: DarkSignal) -> bool:
    """Return whether rounding bends the dark variance of a series for which there is no likelihood fit."""
    return not series.even_light and dark.variance.value < BENT


def _free_slope(bright: PairStatistics) -> Measured:
    """Return the slope of the variance against the mean with a free intercept, where noise hides the rounding.

    Dark frames have no part in it: their variance swings with the black level, which the dark current moves.
    """
    noisy = bright.variance >= DITHERED
    if noisy.sum() < 3:
        raise ValueError(
            f"only {int(noisy.sum())} levels have a variance of {DITHERED:g} DN^2, below which rounding hides the "
            "noise: the gain needs light that is even, a larger gain, or more bits"
        )
    return fit_line(bright.mean[noisy], bright.variance[noisy], uncertainties=bright.variance_uncertainty[noisy]).slope


def _figures(
    curve: TransferCurve,
    dark: DarkSignal,
    gain: Measured,
    responsivity: Measured | None,
    *,
    saturation: Measured | None,
) -> PhotonTransfer:
    """Return all figures that follow from curve, dark signal, the two slopes and a saturation known elsewhere."""
    limited = dark.variance.value < SMALLEST_VARIANCE
    variance = Measured(value=SMALLEST_VARIANCE, uncertainty=0.0) if limited else dark.variance
    upper, lower = ("upper", "lower") if limited else ("", "")
    well = saturation or _at_saturation(curve.signal, curve.saturation)
    full = photons = efficiency = None
    charge = propagate(lambda y, K: y / K, well, gain)
    span = propagate(lambda y, v, K: y / (threshold_charge(v, K) * K), well, variance, gain)
    if responsivity and curve.exposure is not None:
        efficiency = propagate(lambda R, K: R / K, responsivity, gain)
        photons = propagate(lambda v, K, R: threshold_charge(v, K) * K / R, variance, gain, responsivity)
        full = propagate(lambda y, R: y / R, well, responsivity)
        if saturation is None:  # then the exposure at saturation is what is known
            full = _at_saturation(curve.exposure, curve.saturation)
            charge = propagate(lambda p, R, K: p * R / K, full, responsivity, gain)
            span = propagate(
                lambda p, v, K, R: p * R / (threshold_charge(v, K) * K), full, variance, gain, responsivity
            )
    open_end = saturation.bound if saturation else "" if curve.saturates else "lower"
    threshold = propagate(threshold_charge, variance, gain)
    return PhotonTransfer(
        curve=curve,
        dark=dark,
        gain=gain,
        responsivity=responsivity,
        quantum_efficiency=efficiency,
        dark_noise=_bounded(propagate(lambda v, K: math.sqrt(v - QUANTISATION) / K, variance, gain), upper),
        dark_current_mean=dark_current(dark.mean_slope, gain, power=1),
        dark_current_variance=dark_current(dark.variance_slope, gain, power=2),
        saturation_photons=_bounded(full, open_end) if full else None,
        saturation_charge=_bounded(charge, open_end),
        threshold_photons=_bounded(photons, upper) if photons else None,
        threshold_charge=_bounded(threshold, upper),
        dynamic_range=_bounded(span, lower or open_end),
        largest_snr=_bounded(propagate(math.sqrt, charge), open_end),
        linearity=_linearity(curve),
        laser_noise=None,
        flags=(),
    )


def _bounded(figure: Measured, bound: str) -> Measured:
    """Return a figure marked as a bound."""
    return Measured(value=figure.value, uncertainty=figure.uncertainty, bound=bound)


def _linearity(curve: TransferCurve) -> Linearity | None:
    """Return the linearity error where the exposure is known."""
    if curve.exposure is None:
        return None
    return linearity(
        curve.exposure,
        curve.signal,
        uncertainty=curve.signal_uncertainty,
        saturation=float(curve.signal[curve.saturation]),
    )


def _at_saturation(values: NDArray[np.float64], level: int) -> Measured:
    """Return a level's value; the truth lies anywhere between the middles of the steps on both sides."""
    step = abs(values[min(level + 1, len(values) - 1)] - values[level - 1]) / 2
    return Measured(value=float(values[level]), uncertainty=float(step) / math.sqrt(12))


def _flags(series: LightSeries, curve: TransferCurve, dark: DarkSignal, *, saturation_known: bool) -> tuple[str, ...]:
    """Return what a reader has to know before trusting the figures."""
    flags = []
    if dark.variance.value < SMALLEST_VARIANCE:
        flags.append(
            f"dark variance {dark.variance.value:.3g} DN^2 is below {SMALLEST_VARIANCE} DN^2: rounding hides the dark "
            f"noise, which is given as a bound, and biases {_biased(series)}"
        )
    if not curve.saturates and not saturation_known:
        flags.append("the variance does not fall at the brightest level: saturation was not reached, and is a bound")
    if len(curve.signal) < STANDARD_LEVELS:
        flags.append(f"{len(curve.signal)} exposure levels: EMVA 1288 asks for at least {STANDARD_LEVELS}")
    clipped = float(np.mean(series.dark_frames == 0))
    if clipped > 1e-3:
        flags.append(
            f"{clipped:.2g} of the dark counts are zero: clipping biases black level and dark noise; raise the black "
            "level"
        )
    if curve.exposure is None and (series.photons is not None or series.exposure_times is not None):
        flags.append("exposure times do not grow from level to level: linearity cannot be judged without photons")
    return tuple(flags)


def _biased(series: LightSeries) -> str:
    """Return what rounding biases, and what holds."""
    if series.even_light:
        return "gain, black level and dark current; the likelihood fit holds"
    return "black level and dark current; the gain holds (free intercept), the likelihood fit takes even light"
