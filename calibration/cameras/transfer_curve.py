"""The photon-transfer curve: signal and temporal variance at each exposure level, and where it saturates."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.frame_pairs import PairStatistics
from calibration.cameras.light_series import LightSeries
from calibration.cameras.uncertainty import SIGNIFICANT

FIT_RANGE = 0.7
"""Part of the saturation signal over which gain and responsivity are fitted."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TransferCurve:
    """The photon-transfer curve: what is known at each exposure level.

    Parameters
    ----------
    exposure : ndarray or None, shape (level,)
        Photons per pixel, or exposure times in seconds where photons are not known.
    in_photons : bool
        Whether ``exposure`` counts photons.
    signal, signal_uncertainty : ndarray, shape (level,)
        Mean count less dark count, in DN.
    variance, variance_uncertainty : ndarray, shape (level,)
        Temporal variance less that of dark frames, in DN^2.
    used : ndarray of bool, shape (level,)
        Levels from dark to 70 % of saturation, which the fits use; all where the light is uneven.
    saturation : int
        Index of the level with the largest variance.
    saturates : bool
        False where the variance does not fall again: the series ends before saturation.
    """

    exposure: NDArray[np.float64] | None
    in_photons: bool
    signal: NDArray[np.float64]
    signal_uncertainty: NDArray[np.float64]
    variance: NDArray[np.float64]
    variance_uncertainty: NDArray[np.float64]
    used: NDArray[np.bool_]
    saturation: int
    saturates: bool


def transfer_curve(series: LightSeries, *, bright: PairStatistics, dark: PairStatistics) -> TransferCurve:
    """Return the dark-corrected curve, its saturation and the levels to fit.

    Parameters
    ----------
    series : LightSeries
        The frames.
    bright, dark : PairStatistics
        Their means and variances.

    Returns
    -------
    TransferCurve
        One point a level; saturation is where the variance is largest, if it falls significantly after that. A
        series under uneven light ends before saturation.

    Raises
    ------
    ValueError
        If the series is dark, or saturated from the start, so that nothing can be fitted.

    References
    ----------
    .. [1] EMVA Standard 1288, Release 4.0 Linear, sec. 6.4: saturation as the maximum of the temporal variance.
    """
    signal, variance = bright.mean - dark.mean, bright.variance - dark.variance
    peak = int(np.argmax(bright.variance))
    fall = bright.variance[peak] - bright.variance[-1]
    noise = math.hypot(bright.variance_uncertainty[peak], bright.variance_uncertainty[-1])
    saturates = series.even_light and peak < len(signal) - 1 and bool(fall > SIGNIFICANT * noise)
    peak = peak if saturates else len(signal) - 1
    used = (np.arange(len(signal)) <= peak) & (signal <= FIT_RANGE * signal[peak])
    used |= not series.even_light
    _check_usable(series, signal, np.sqrt(bright.variance + dark.variance), used)
    light = series.photons if series.photons is not None else series.exposure_times
    exposure = None if light is None else np.asarray(light)
    return TransferCurve(
        exposure=exposure if exposure is None or np.all(np.diff(exposure) > 0) else None,
        in_photons=series.photons is not None,
        signal=signal,
        signal_uncertainty=np.hypot(bright.mean_uncertainty, dark.mean_uncertainty),
        variance=variance,
        variance_uncertainty=np.hypot(bright.variance_uncertainty, dark.variance_uncertainty),
        used=used,
        saturation=peak,
        saturates=saturates,
    )


def _check_usable(
    series: LightSeries, signal: NDArray[np.float64], noise: NDArray[np.float64], used: NDArray[np.bool_]
) -> None:
    """Refuse a series that never leaves the dark or never leaves saturation."""
    top = series.largest_count
    if np.mean(series.dark_frames == top) > 0.5:
        raise ValueError(
            f"the dark frames are saturated: most counts are {top} DN; lower the black level, or check that no light "
            "reached the sensor"
        )
    pixels = series.bright_frames[0, 0].size
    if signal.max() < SIGNIFICANT * noise[int(np.argmax(signal))] / math.sqrt(pixels):
        raise ValueError(
            f"the bright frames are as dark as the dark ones (the largest signal is {signal.max():.3g} DN): "
            "check the light, and that bright and dark were not exchanged"
        )
    repeated = [bool(np.array_equal(first, second)) for first, second in series.bright_frames[used]]
    if repeated and np.mean(repeated) > 0.5:
        raise ValueError(
            f"the two frames of {sum(repeated)} of {len(repeated)} bright pairs are the same in every pixel: the "
            "camera or the file repeats frames; two exposures of the same light are needed"
        )
    if used.sum() < 3:
        saturated = int(np.sum(np.mean(series.bright_frames >= top, axis=(1, 2, 3)) > 0.5))
        raise ValueError(
            f"only {int(used.sum())} of {len(signal)} levels lie between dark and {FIT_RANGE:.0%} of saturation "
            f"({saturated} are saturated): take at least 3 there, and better 35"
        )
