"""Fixed pattern: DSNU and PRNU of stacks of frames, and what rows, columns and pixels contribute.

The figures are those of the sensor at hand. Uncertainties of the totals and of the pixel part say what temporal
noise leaves open; those of the row and column parts also hold what the pixels of a line feign by chance.

References
----------
.. [1] EMVA Standard 1288, Release 4.0 Linear, sec. 4 and 8: spatial non-uniformity and its split.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.frame_pairs import Counts
from calibration.cameras.light_series import FrameStacks
from calibration.cameras.photon_transfer import SMALLEST_VARIANCE
from calibration.cameras.uncertainty import Measured, exact, propagate, root

PARTS = ("total", "row", "column", "pixel")

UNEVEN = 0.2
"""Contrast above which light is not even: some ten times the PRNU of a sensor, a fifth of that of speckle."""


@dataclass(frozen=True, kw_only=True)
class SpatialVariance:
    """Spatial variance of an averaged stack, the share of temporal noise removed.

    Parameters
    ----------
    total, row, column, pixel : Measured
        Variance of the pixels, and its parts, in DN^2; chance can make a part negative.
    uncorrected : float
        Variance of the averaged stack as it is, in DN^2.
    temporal : float
        Temporal variance of a frame, in DN^2.
    mean : float
        Mean count, in DN.
    frames : int
        Frames in the stack.
    """

    total: Measured
    row: Measured
    column: Measured
    pixel: Measured
    uncorrected: float
    temporal: float
    mean: float
    frames: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Nonuniformity:
    """Fixed pattern of a sensor.

    Parameters
    ----------
    dsnu : dict of str to Measured
        Rms of the dark offsets in electrons: total, row, column, pixel.
    prnu : dict of str to Measured or None
        Relative rms of the response: total, row, column, pixel; None without bright frames.
    dark, bright : SpatialVariance
        What the figures follow from, in DN^2; ``bright`` is None without bright frames.
    dark_image, bright_image : ndarray, shape (y, x)
        Averaged stacks, in DN; ``bright_image`` is None without bright frames.
    flags : tuple of str
        What a reader has to know before trusting the figures.
    """

    dsnu: dict[str, Measured]
    prnu: dict[str, Measured] | None
    dark: SpatialVariance
    bright: SpatialVariance | None
    dark_image: NDArray[np.float64]
    bright_image: NDArray[np.float64] | None
    flags: tuple[str, ...]


def nonuniformity(stacks: FrameStacks, *, gain: Measured) -> Nonuniformity:
    """Return DSNU and PRNU with their row, column and pixel parts.

    .. math:: \\mathrm{DSNU} = s_{y.dark} / K, \\qquad
              \\mathrm{PRNU} = \\frac{\\sqrt{s_{y.50}^2 - s_{y.dark}^2}}{\\mu_{y.50} - \\mu_{y.dark}}

    Parameters
    ----------
    stacks : FrameStacks
        Dark frames and, for PRNU, bright ones at about half of saturation. To give them declares their light even.
    gain : Measured
        System gain K, in DN per electron.

    Returns
    -------
    Nonuniformity
        An upper bound where the variance is lost in its uncertainty.

    Raises
    ------
    ValueError
        If the bright stack is not brighter than the dark one, or is saturated, or shows speckle.
    """
    dark_image, moments = _average(stacks.dark_frames)
    dark = _spatial_variance(dark_image, moments)
    bright = bright_image = None
    if stacks.bright_frames is not None:
        bright_image, moments = _average(stacks.bright_frames)
        bright = _spatial_variance(bright_image, moments)
        _check_bright(stacks.bright_frames, bright, dark, bits=stacks.bits)
    return Nonuniformity(
        dsnu={part: _ratio(getattr(dark, part), gain) for part in PARTS},
        prnu=_photo_response(bright, dark, pixels=dark_image.size) if bright else None,
        dark=dark,
        bright=bright,
        dark_image=dark_image,
        bright_image=bright_image,
        flags=_flags(stacks, bright, dark),
    )


def _check_bright(frames: Counts, bright: SpatialVariance, dark: SpatialVariance, *, bits: int) -> None:
    """Refuse a bright stack that is dark, saturated or speckle."""
    signal = bright.mean - dark.mean
    if signal <= 4 * math.sqrt((bright.temporal + dark.temporal) / (bright.frames * frames[0].size)):
        raise ValueError(
            f"the bright stack ({bright.mean:.4g} DN) is not brighter than the dark one ({dark.mean:.4g} DN): "
            "PRNU needs light at about half of saturation"
        )
    clipped = float(np.mean(frames >= (1 << bits) - 1))
    if clipped > 0.01:
        raise ValueError(
            f"{clipped:.2g} of the counts of the bright stack are saturated: PRNU needs light at about half of it"
        )
    check_even(math.sqrt(max(bright.total.value - dark.total.value, 0.0)) / signal)


def check_even(contrast: float) -> None:
    """Refuse light that is declared even and is not.

    Parameters
    ----------
    contrast : float
        Rms over mean of the signal of the pixels, temporal noise taken off.

    Raises
    ------
    ValueError
        If the contrast is above `UNEVEN`.
    """
    if contrast > UNEVEN:
        raise ValueError(
            f"the light is declared flat, but its contrast is {contrast:.2f}: this is speckle, or light of another "
            f"pattern; PRNU needs light that is even to much less than {UNEVEN:g}"
        )


def _photo_response(bright: SpatialVariance, dark: SpatialVariance, *, pixels: int) -> dict[str, Measured]:
    """Return PRNU and its parts."""
    covariance, signal = _chance_covariance(bright, dark, pixels=pixels), exact(bright.mean - dark.mean)
    return {part: _ratio(_difference(getattr(bright, part), getattr(dark, part), covariance), signal) for part in PARTS}


@dataclass(frozen=True)
class _Moments:
    """Temporal variance of frames, of their row means and of their column means, in DN^2."""

    total: float
    row: float
    column: float
    mean: float
    frames: int


def _average(frames: Counts) -> tuple[NDArray[np.float64], _Moments]:
    """Return the averaged stack and its temporal variances."""
    total = np.zeros(frames.shape[1:])
    squares = np.zeros(frames.shape[1:])
    for frame in frames:
        values = frame.astype(np.float64)
        total += values
        squares += values**2
    count = len(frames)
    mean = total / count
    temporal = float(np.mean(squares - total * mean)) / (count - 1)
    rows, columns = frames.mean(axis=2, dtype=np.float64), frames.mean(axis=1, dtype=np.float64)
    shared = float(frames.mean(axis=(1, 2), dtype=np.float64).var(ddof=1))  # a common flicker is no spatial variance
    return mean, _Moments(
        temporal - shared,
        float(rows.var(axis=0, ddof=1).mean()) - shared,
        float(columns.var(axis=0, ddof=1).mean()) - shared,
        float(mean.mean()),
        count,
    )


def _spatial_variance(image: NDArray[np.float64], temporal: _Moments) -> SpatialVariance:
    """Return the spatial variance of an averaged stack and its split."""
    uncorrected = float(image.var(ddof=1))
    left = temporal.total / temporal.frames
    total = uncorrected - left
    row, column, pixel = _split(
        total,
        float(image.mean(axis=1).var(ddof=1)) - temporal.row / temporal.frames,
        float(image.mean(axis=0).var(ddof=1)) - temporal.column / temporal.frames,
        shape=image.shape,
    )
    error = _temporal_error(total, left, image.size, temporal.frames)
    lines = image.shape
    # Whole rows or columns that fluctuate together leave more open than their pixels alone.
    shared = _split(temporal.total, temporal.row, temporal.column, shape=lines)
    for part, level, number in ((row, shared[0], lines[0]), (column, shared[1], lines[1])):
        error = math.hypot(error, _temporal_error(part, max(level, 0.0) / temporal.frames, number, temporal.frames))
    return SpatialVariance(
        total=Measured(value=total, uncertainty=error),
        row=Measured(value=row, uncertainty=_line_error(row, pixel + left, lines[1], lines[0])),
        column=Measured(value=column, uncertainty=_line_error(column, pixel + left, lines[0], lines[1])),
        pixel=Measured(value=pixel, uncertainty=_temporal_error(pixel, left, image.size, temporal.frames)),
        uncorrected=uncorrected,
        temporal=temporal.total,
        mean=temporal.mean,
        frames=temporal.frames,
    )


def _split(total: float, rows: float, columns: float, *, shape: tuple[int, ...]) -> tuple[float, float, float]:
    """Return the row, column and pixel parts of a variance.

    With M rows of N pixels, ``rows`` and ``columns`` being the variances of row means and of column means,

        s_pixel^2 = M N (s^2 - rows - columns) / (M N - M - N),
        s_row^2 = rows - s_pixel^2 / N,    s_column^2 = columns - s_pixel^2 / M.

    The map is linear: temporal variance over the number of frames may be taken off before it.
    """
    height, width = shape
    pixels = height * width
    pixel = pixels * (total - rows - columns) / (pixels - height - width)
    return rows - pixel / width, columns - pixel / height, pixel


def _temporal_error(variance: float, left: float, pixels: int, frames: int) -> float:
    """Return what temporal noise leaves open of a spatial variance.

    ``left`` is the temporal variance in the averaged stack. Its products with the pattern have the variance
    4 s^2 left / n, its own square 2 left^2 / n, and its estimate from the stack 2 left^2 / (n (L - 1)).
    """
    noise = 4 * max(variance, 0.0) * left + 2 * left**2 * (1 + 1 / (frames - 1))
    return math.sqrt(noise / pixels)


def _line_error(line: float, pixel: float, length: int, lines: int) -> float:
    """Return what the pixels of a line leave open of the variance between lines."""
    feigned = max(pixel, 0.0) / length
    return math.sqrt((4 * max(line, 0.0) * feigned + 2 * feigned**2) / (lines - 1))


def _chance_covariance(bright: SpatialVariance, dark: SpatialVariance, *, pixels: int) -> float:
    """Return the standard deviation of the chance covariance between offsets and responses, doubled, in DN^2."""
    response = max(bright.total.value - dark.total.value, 0.0)
    return 2 * math.sqrt(response * max(dark.total.value, 0.0) / pixels)


def _difference(bright: Measured, dark: Measured, covariance: float) -> Measured:
    """Return the variance of the response."""
    return Measured(
        value=bright.value - dark.value,
        uncertainty=math.sqrt(bright.uncertainty**2 + dark.uncertainty**2 + covariance**2),
    )


def _ratio(variance: Measured, scale: Measured) -> Measured:
    """Return the root of a variance over a scale; a bound where the variance is lost in its uncertainty."""
    rms = root(variance)
    if rms.bound:
        return Measured(value=rms.value / scale.value, uncertainty=0.0, bound=rms.bound)
    return propagate(lambda r, s: r / s, rms, scale)


def _flags(stacks: FrameStacks, bright: SpatialVariance | None, dark: SpatialVariance) -> tuple[str, ...]:
    """Return what a reader has to know before trusting the figures."""
    flags = []
    for name, part in (("bright", bright), ("dark", dark)):
        if part and part.temporal / part.frames > part.total.value:
            flags.append(
                f"temporal noise is still the larger part of the averaged {name} stack: {part.frames} frames are few"
            )
    if dark.temporal < SMALLEST_VARIANCE:
        flags.append(
            f"temporal dark variance {dark.temporal:.2g} DN^2 does not dither the rounding, which bends offsets: DSNU "
            "is biased; the likelihood fit under even light gives one that is not"
        )
    clipped = float(np.mean(stacks.dark_frames == 0))
    if clipped > 1e-3:
        flags.append(f"{clipped:.2g} of the dark stack's counts are zero: DSNU is too small where counts are clipped")
    return tuple(flags)
