"""What a camera shows without light: black level, temporal dark noise, dark current."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.frame_pairs import PairStatistics
from calibration.cameras.uncertainty import Measured, excess_scatter, fit_line, propagate


@dataclass(frozen=True, kw_only=True, eq=False)
class DarkSignal:
    """Mean and variance of dark frames, at zero exposure and per second of it.

    Parameters
    ----------
    black_level : Measured
        Mean dark count, in DN.
    variance : Measured
        Temporal variance, rounding included, in DN^2.
    mean_slope : Measured or None
        Growth of the mean, in DN per second; None where exposure times are unknown or all alike.
    variance_slope : Measured or None
        Growth of the variance, in DN^2 per second; None likewise.
    excess : float
        By how much the means of the levels scatter beyond their temporal noise; 1 where they do not.
    """

    black_level: Measured
    variance: Measured
    mean_slope: Measured | None
    variance_slope: Measured | None
    excess: float


def dark_signal(statistics: PairStatistics, *, exposure_times: NDArray[np.float64] | None) -> DarkSignal:
    """Return black level and dark variance, extrapolated to zero exposure where exposure times differ.

    .. math:: \\mu_{y.dark} = b + \\dot\\mu t, \\qquad \\sigma^2_{y.dark} = \\sigma_0^2 + \\dot\\sigma^2 t

    Parameters
    ----------
    statistics : PairStatistics
        Statistics of the dark frames.
    exposure_times : ndarray or None, shape (level,)
        Exposure time of each dark pair, in seconds.

    Returns
    -------
    DarkSignal
        Weighted means where the exposure times are unknown or take fewer than three values.

    References
    ----------
    .. [1] EMVA Standard 1288, Release 4.0 Linear, sec. 6.6 and 7: temporal dark noise, dark current.
    """
    means, mean_errors = statistics.mean, statistics.mean_uncertainty
    variances, errors = statistics.variance, statistics.variance_uncertainty
    if exposure_times is None or exposure_times.shape != means.shape or np.unique(exposure_times).size < 3:
        return DarkSignal(
            black_level=_average(means, mean_errors),
            variance=_average(variances, errors),
            mean_slope=None,
            variance_slope=None,
            excess=excess_scatter((means - means.mean()) / mean_errors, parameters=1),
        )
    # Equal weights where the announced errors differ by chance alone: weights that follow the values bias them.
    mean = fit_line(exposure_times, means, uncertainties=_expected(exposure_times, mean_errors))
    variance = fit_line(exposure_times, variances, uncertainties=_expected(exposure_times, errors))
    return DarkSignal(
        black_level=mean.intercept,
        variance=variance.intercept,
        mean_slope=mean.slope,
        variance_slope=variance.slope,
        excess=excess_scatter(mean.residuals / mean_errors, parameters=2),
    )


def dark_current(slope: Measured | None, gain: Measured, *, power: int) -> Measured | None:
    """Return the dark current that a slope stands for.

    .. math:: \\mu_I = \\dot\\mu / K \\quad \\mathrm{or} \\quad \\mu_I = \\dot\\sigma^2 / K^2

    Parameters
    ----------
    slope : Measured or None
        Growth of the dark mean (DN/s) or of the dark variance (DN^2/s).
    gain : Measured
        System gain, in DN per electron.
    power : {1, 2}
        1 for the mean, 2 for the variance (not its root).

    Returns
    -------
    Measured or None
        Electrons per pixel per second; None where there is no slope.
    """
    if slope is None:
        return None
    return propagate(lambda rate, gain: rate / gain**power, slope, gain)


def _expected(times: NDArray[np.float64], errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the errors smoothed by a line over time."""
    if np.ptp(errors) == 0:
        return errors
    slope, intercept = np.polyfit(times, errors, 1)
    return np.asarray(np.maximum(intercept + slope * times, float(errors.min())))


def _average(values: NDArray[np.float64], errors: NDArray[np.float64]) -> Measured:
    """Return the mean of values of about equal weight."""
    mean = float(values.mean())
    error = float(np.sqrt(np.sum(errors**2))) / values.size
    return Measured(value=mean, uncertainty=error * excess_scatter((values - mean) / errors, parameters=1))
