"""What rows and columns share: offsets that stay, and noise that is new in each frame."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import factorial
from scipy.stats import chi2

from calibration.cameras.uncertainty import Measured
from calibration.identification.dark_counts import BLACK, ORDERS, DarkCounts
from calibration.identification.dark_frames import DarkFit
from calibration.identification.observations import Frames

Array = NDArray[np.float64]

RARE = 1e-3
"""Chance at which a bound may fail, and at which a line of noise may be taken for one of its own."""

VAGUE = 0.12
"""Relative error of the scale from which on what rests on it is given as a bound."""

HIDDEN_NOISE = 0.25
"""Noise in DN that would cross a step of the converter wherever the black level lies."""

FACTORIALS = factorial(np.arange(1, ORDERS + 1))
"""Divisors of Mehler's series."""


@dataclass(frozen=True, kw_only=True)
class LineVariance:
    """Variance that rows or columns share.

    Parameters
    ----------
    value : float
        Variance, in DN^2; chance can make it negative.
    uncertainty : float
        Its standard uncertainty, in DN^2.
    largest : float
        What it does not exceed, in DN^2.
    seen : bool
        Whether chance alone would hardly give as much.
    """

    value: float
    uncertainty: float
    largest: float
    seen: bool


def line_offsets(counts: DarkCounts, fit: DarkFit, *, noise: tuple[LineVariance, LineVariance]) -> list[LineVariance]:
    """Return the variances of the offsets of rows and of columns.

    The score of a pixel over its information is the deviation of its offset; the mean over a line is that of the line:

    .. math:: \\mathrm{Var}(d_\\mathrm{row}) = v_\\mathrm{row} + \\frac{v_\\mathrm{pixel}}{N}, \\qquad
              \\mathrm{Var}(d) = v_\\mathrm{row} + v_\\mathrm{column} + v_\\mathrm{pixel}

    Parameters
    ----------
    counts : DarkCounts
        Dark counts.
    fit : DarkFit
        The maximum of their likelihood.
    noise : tuple of LineVariance
        Noise of rows and of columns from frame to frame, of which a part is left in the mean of the frames.

    Returns
    -------
    list of LineVariance
        Of rows, of columns.
    """
    deviation = fit.scores[:, BLACK] / np.mean(fit.scores[:, BLACK] ** 2)
    means, lengths, left = [], [], deviation
    for index in counts.place.T:
        number = np.bincount(index)
        mean = np.bincount(index, deviation) / np.maximum(number, 1)
        means.append(mean[number > 0])
        lengths.append(float(1 / np.mean(1 / number[number > 0])))
        left = left - (np.bincount(index, left) / np.maximum(number, 1))[index]
    # What neither rows nor columns explain; the difference of total and lines would lose it where these are large.
    pixel = float(left @ left) / (left.size - sum(len(mean) for mean in means) + 1)
    values = [float(mean.var(ddof=1)) - pixel / length for mean, length in zip(means, lengths, strict=True)]
    frames = float(counts.table[0].sum())
    return [
        _line_variance(
            fit.scale_error,
            own - max(still.value, 0.0) / frames,
            feigned=pixel / length + max(still.value, 0.0) / frames,
            lines=len(line),
        )
        for own, still, length, line in zip(values, noise, lengths, means, strict=True)
    ]


def _line_variance(scale_error: float, value: float, *, feigned: float, lines: int) -> LineVariance:
    """Return a variance between a few lines, of which pixels feign a part, with limits of the chi-square law."""
    freedom = lines - 1
    scatter = max(value + feigned, 1e-12)
    return LineVariance(
        value=value,
        uncertainty=math.hypot(math.sqrt(2 / freedom) * scatter, 2 * value * scale_error),
        largest=max(scatter * freedom / float(chi2.ppf(RARE, freedom)) - feigned, 0.0) * math.exp(8 * scale_error),
        seen=scale_error < VAGUE and scatter > feigned * float(chi2.ppf(1 - RARE, freedom)) / freedom,
    )


def line_noise(dark: tuple[Frames, ...], counts: DarkCounts, fit: DarkFit) -> tuple[LineVariance, LineVariance]:
    """Return the variances of the noise that pixels of a row, and of a column, share in a frame.

    .. math:: \\mathrm{Cov}(c_i, c_j) = \\sum_{n \\ge 1} \\frac{v^n}{n!} \\, M_i^{(n)} M_j^{(n)}

    Parameters
    ----------
    dark : tuple of Frames
        Dark frames.
    counts : DarkCounts
        The same, sorted by pixel.
    fit : DarkFit
        The maximum of their likelihood; its derivatives of the mean count M say what the rounding lets through.

    Returns
    -------
    tuple of LineVariance
        Of rows, of columns.

    Notes
    -----
    The covariance of functions of two normal signals is a series in their covariance v (Mehler), which holds for
    rounding and clipping alike; six terms are kept, and the last one is taken for
    an uncertainty: they suffice where lines have less than some two thirds of the noise.
    """
    rows, columns = counts.place.T
    found = []
    for index in (rows, columns):
        number = int(index.max()) + 1
        inner = 1 - 1 / number  # the mean of all lines is that of the frame, which the other lines move
        series, excess, square, free = np.zeros(ORDERS), 0.0, 0.0, 0
        for part, slopes in zip(dark, fit.slopes, strict=True):
            values = part.counts[:, rows, columns].astype(np.float64)
            values -= values.mean(axis=0)
            sums = np.stack([np.bincount(index, frame, minlength=number) for frame in values])
            sums -= sums.mean(axis=1, keepdims=True)
            excess += float(np.sum(sums**2) - inner * np.sum(values**2))
            square += 2 * float(np.sum(np.mean(sums**2, axis=0) ** 2)) * len(values) ** 2 / (len(values) - 1)
            pairs = [float(np.sum(np.bincount(index, own) ** 2) - np.sum(own**2)) for own in slopes]
            series += inner * (len(values) - 1) * np.array(pairs) / FACTORIALS
            free += len(values) - 1
        series /= free
        value, slope = _solve(excess / free, series)
        # What the neglected terms of the series may add is of the size of the last one.
        last = series[-1] * max(value, 0.0) ** len(series) / max(excess / free, 1e-30) if value > 0 else 0.0
        error = math.hypot(math.sqrt(square) / free / slope, value * last)
        error = math.hypot(error, 2 * value * fit.scale_error * float(np.ptp(fit.slopes[0, 0]) > 0))
        found.append((value, error))
    # The mean of a frame's rows took the columns' noise with it, which is in the squares all the same, and so for both.
    shape = int(rows.max()), int(columns.max())
    mixed = np.linalg.solve([[1, -1 / shape[1]], [-1 / shape[0], 1]], [value for value, _ in found])
    rows_found, columns_found = (
        _seen(float(value), error, scale_error=fit.scale_error) for value, (_, error) in zip(mixed, found, strict=True)
    )
    return rows_found, columns_found


def _seen(value: float, error: float, *, scale_error: float) -> LineVariance:
    """Return a variance, seen where it is clear of its normal error and its scale is known."""
    largest = (max(value, 0.0) + 3.3 * error) * math.exp(8 * scale_error)
    if scale_error > 1:  # a noise that no step of the converter shows
        largest = max(largest, HIDDEN_NOISE**2)
    seen = value > 3.1 * error and scale_error < VAGUE
    return LineVariance(value=value, uncertainty=error, largest=largest, seen=seen)


def _solve(covariance: float, series: Array) -> tuple[float, float]:
    """Return the variance that gives a covariance, and the slope there."""
    powers, value = np.arange(len(series)), covariance / series[0]
    for _ in range(60):
        value = (value + covariance / float(series @ max(value, 0.0) ** powers)) / 2
    return float(value), float((series * (powers + 1)) @ max(value, 0.0) ** powers)


def rms_in_electrons(variance: LineVariance, gain: Measured) -> Measured:
    """Return the root of a variance in electrons; an upper bound where it is not seen.

    Parameters
    ----------
    variance : LineVariance
        In DN^2.
    gain : Measured
        System gain, in DN per electron.

    Returns
    -------
    Measured
        In electrons.
    """
    if not variance.seen:
        least = max(gain.value - 3.3 * gain.uncertainty, 0.1 * gain.value)
        return Measured(value=float(np.sqrt(variance.largest)) / least, uncertainty=0.0, bound="upper")
    rms = float(np.sqrt(variance.value))
    relative = np.hypot(variance.uncertainty / (2 * variance.value), gain.uncertainty / gain.value)
    return Measured(value=rms / gain.value, uncertainty=float(rms / gain.value * relative))
