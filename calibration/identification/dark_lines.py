"""What rows and columns share: offsets that stay, and noise that is new in each frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from calibration.cameras.uncertainty import Measured
from calibration.identification.dark_frames import BLACK, DarkCounts, DarkFit
from calibration.identification.observations import Frames

Array = NDArray[np.float64]

RARE = 1e-3
"""Chance at which a bound may fail, and at which a line of noise may be taken for one of its own."""


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
    score = fit.scores[:, BLACK]
    information = float(np.mean(score**2))
    means, lengths = [], []
    for axis in (0, 1):
        number = np.bincount(counts.place[:, axis])
        line = np.bincount(counts.place[:, axis], score)[number > 0] / (information * number[number > 0])
        means.append(line)
        lengths.append(float(1 / np.mean(1 / number[number > 0])))
    total = 1 / information
    seen = [float(line.var(ddof=1)) for line in means]
    # Two lines of equations in v_row and v_column, the pixels' part being what is left of the total.
    system = np.array([[1 - 1 / lengths[0], -1 / lengths[0]], [-1 / lengths[1], 1 - 1 / lengths[1]]])
    values = np.linalg.solve(system, np.array(seen) - total / np.array(lengths))
    pixel = max(total - float(values.sum()), 0.0)
    frames = float(counts.table[0].sum())
    return [
        _line_variance(
            own - max(still.value, 0.0) / frames, feigned=pixel / length + max(still.value, 0.0) / frames, lines=len(line)
        )
        for own, still, length, line in zip(values, noise, lengths, means, strict=True)
    ]


def _line_variance(value: float, *, feigned: float, lines: int) -> LineVariance:
    """Return a variance between a few lines, of which pixels feign a part, with limits of the chi-square law."""
    freedom = lines - 1
    scatter = max(value + feigned, 1e-12)
    return LineVariance(
        value=value,
        uncertainty=float(np.sqrt(2 / freedom) * scatter),
        largest=max(scatter * freedom / float(chi2.ppf(RARE, freedom)) - feigned, 0.0),
        seen=scatter > feigned * float(chi2.ppf(1 - RARE, freedom)) / freedom,
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
    rounding and clipping alike; three terms are kept, enough where lines have less than some two thirds of the noise.
    """
    rows, columns = counts.place.T
    found = []
    for index in (rows, columns):
        number = int(index.max()) + 1
        pairs = [np.bincount(index, slope) ** 2 - np.bincount(index, slope**2) for slope in fit.slopes]
        series = np.array([float(np.sum(pair)) for pair in pairs]) / [1, 2, 6]
        excess = square = free = 0.0
        for part in dark:
            values = part.counts[:, rows, columns].astype(np.float64)
            values -= values.mean(axis=0)
            sums = np.stack([np.bincount(index, frame, minlength=number) for frame in values])
            excess += float(np.sum(sums**2) - np.sum(values**2))
            square += 2 * float(np.sum(np.mean(sums**2, axis=0) ** 2)) * len(values) ** 2 / (len(values) - 1)
            free += len(values) - 1
        value, slope = _solve(excess / free, series)
        error = np.sqrt(square) / free / slope
        found.append(
            LineVariance(value=value, uncertainty=error, largest=max(value, 0.0) + 3.3 * error, seen=value > 3.1 * error)
        )
    return found[0], found[1]


def _solve(covariance: float, series: Array) -> tuple[float, float]:
    """Return the variance that gives a covariance, and the slope there."""
    value = covariance / series[0]
    for _ in range(50):
        other = max(value, 0.0)
        slope = series[0] + series[1] * other + series[2] * other**2
        value = 0.5 * value + 0.5 * covariance / slope
    other = max(value, 0.0)
    return float(value), float(series[0] + 2 * series[1] * other + 3 * series[2] * other**2)


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
