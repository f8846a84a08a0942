"""A camera's figures from the frames of an identification: dark frames, and one light that nobody knows."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.uncertainty import Measured
from calibration.identification.dark_counts import BLACK, NOISE, RATE, SPREAD, dark_counts, without
from calibration.identification.dark_frames import DarkFit, fit_dark, stray_pixels
from calibration.identification.dark_lines import VAGUE, LineVariance, line_noise, line_offsets, rms_in_electrons
from calibration.identification.observations import Observations
from calibration.identification.photon_ladder import system_gain
from calibration.identification.pixel_defects import (
    DarkSlopes,
    HotPixels,
    PileUp,
    dark_slopes,
    dead_pixels,
    hot_pixels,
    pile_up,
    share,
)

SURE = 3.3
"""Standard deviations that a bound keeps from an estimate: 99.95 % of a normal law lie below."""

RIPPLE = 1e-3
"""Error of a mean by rounding, in DN, from which on weakly hot pixels are told by their likelihood."""

VISIBLE = 3.0
"""Standard deviations from zero below which a figure is given as a bound."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraFigures:
    """Figures of a camera, each with its standard uncertainty.

    Uncertainties of what is drawn for each pixel, row or column hold for the law that they are drawn from, not for
    this sensor alone: a finite number of pixels samples it.

    Parameters
    ----------
    gain : Measured
        System gain K, in DN per electron.
    black_level : Measured
        Mean count of a dark pixel at no exposure, before rounding and clipping, in DN.
    dark_noise : Measured
        Temporal noise of a dark pixel at no exposure, rounding left out, in electrons rms: the next three together.
    read_noise, row_noise, column_noise : Measured
        What a pixel has alone, what a row and what a column share in a frame, in electrons rms.
    dark_current : Measured
        Charge of ordinary pixels without the bench's light, in electrons per second. Incoherent light that reaches
        the camera while the light is off is in it: nothing tells the two apart, and the choice is that all of it is
        dark current.
    saturation : Measured
        Mean count at which pixels stop to follow the light, in DN.
    full_well : Measured
        Charge at which pixels stop, in electrons; a lower bound where the converter stops before.
    dsnu, row_offset, column_offset : Measured
        Rms of the fixed offsets of pixels, of rows, of columns, in electrons.
    hot_pixels : Measured
        Fraction of pixels that are hot; a lower bound where weak ones may hide in the noise.
    hot_pixel_current : Measured
        Their mean dark current, in electrons per second; an upper bound where weak ones may hide, a lower bound of zero
        where none was found: a sensor without hot pixels tells nothing of their current.
    dead_pixels : Measured
        Fraction of pixels that do not answer to light.
    hot_map, dead_map : ndarray of bool, shape (y, x)
        Which pixels they are.

    Notes
    -----
    PRNU is declined: a pixel that answers 1 % more looks like one on which 1 % more light falls, and speckle spreads by
    itself, in each pattern and in their mean. It takes light that is known to be even.
    """

    gain: Measured
    black_level: Measured
    dark_noise: Measured
    read_noise: Measured
    row_noise: Measured
    column_noise: Measured
    dark_current: Measured
    saturation: Measured
    full_well: Measured
    dsnu: Measured
    row_offset: Measured
    column_offset: Measured
    hot_pixels: Measured
    hot_pixel_current: Measured
    dead_pixels: Measured
    hot_map: NDArray[np.bool_]
    dead_map: NDArray[np.bool_]


def camera_figures(observations: Observations) -> CameraFigures:
    """Return the figures of a camera from the frames of an identification.

    Parameters
    ----------
    observations : Observations
        The frames; ``dark``, ``ladder``, ``overexposed``, ``halves`` and ``repeats`` are used.

    Returns
    -------
    CameraFigures
        Figures with uncertainties, or bounds where they are hidden.

    Raises
    ------
    ValueError
        If all dark frames have the same exposure time, or the light is too weak.

    Notes
    -----
    Gain comes from repeated frames of one pattern (`photon_ladder`), all that is dark from the likelihood of the dark
    counts (`dark_frames`), which holds whether rounding or clipping at zero hides the noise or not.
    """
    top = observations.largest_count
    lines = dark_slopes(observations.dark, largest_count=top)
    dead = dead_pixels(observations.halves, lines)
    rough = hot_pixels(lines, gain=Measured(value=1.0, uncertainty=0.0)).map
    pile = pile_up(observations.ladder, observations.overexposed, lines, largest_count=top, ignored=rough | dead)
    black = float(np.median(lines.intercept))
    gain = system_gain(observations.parts, black=black, saturation=min(pile.level.value, float(top)), ignored=dead)
    hot = hot_pixels(lines, gain=gain)
    counts = dark_counts(observations.dark, pixels=~_outliers(lines))
    fit = fit_dark(counts, gain=gain.value, gain_error=gain.uncertainty)
    for _ in range(2 if lines.ripple * lines.longest > RIPPLE else 0):
        stray = stray_pixels(counts, fit, gain=gain.value)
        if not stray.any():
            break
        counts = without(counts, stray)
        fit = fit_dark(counts, gain=gain.value, gain_error=gain.uncertainty, near=fit)
    noise = line_noise(observations.dark, counts, fit)
    offsets = line_offsets(counts, fit, noise=noise)
    return _figures(gain, fit, noise, offsets, pile=pile, hot=hot, dead=dead, longest=lines.longest)


def _outliers(lines: DarkSlopes) -> NDArray[np.bool_]:
    """Return pixels whose slopes are far off on either side: what hides among the others must not move them."""
    away = np.abs(lines.slope - np.median(lines.slope))
    limit = 3.5 * lines.error + lines.ripple + abs(float(np.median(lines.slope))) * lines.held
    return np.asarray(away > limit)


def _figures(
    gain: Measured,
    fit: DarkFit,
    noise: tuple[LineVariance, LineVariance],
    offsets: list[LineVariance],
    *,
    pile: PileUp,
    hot: HotPixels,
    dead: NDArray[np.bool_],
    longest: float,
) -> CameraFigures:
    """Return all figures from those in DN."""
    errors = np.sqrt(np.diag(fit.covariance))
    black = Measured(value=float(fit.parameters[BLACK]), uncertainty=float(errors[BLACK]))
    total = _variance(fit, NOISE, largest=fit.largest_noise)
    spread = _variance(fit, SPREAD, largest=fit.largest_spread)
    rate = Measured(value=float(fit.parameters[RATE]) / longest, uncertainty=float(errors[RATE]) / longest)
    return CameraFigures(
        gain=gain,
        black_level=black,
        dark_noise=rms_in_electrons(total, gain),
        read_noise=rms_in_electrons(_without(total, noise), gain),
        row_noise=rms_in_electrons(noise[0], gain),
        column_noise=rms_in_electrons(noise[1], gain),
        dark_current=_positive(rate, gain, scale_error=fit.scale_error),
        saturation=_saturation(pile, black),
        full_well=_full_well(pile, black, gain),
        dsnu=rms_in_electrons(_without(spread, offsets), gain),
        row_offset=rms_in_electrons(offsets[0], gain),
        column_offset=rms_in_electrons(offsets[1], gain),
        hot_pixels=hot.fraction,
        hot_pixel_current=hot.current,
        dead_pixels=share(int(dead.sum()), dead.size),
        hot_map=hot.map,
        dead_map=dead,
    )


def _variance(fit: DarkFit, index: int, *, largest: float) -> LineVariance:
    """Return a variance from the logarithm of its root."""
    value = math.exp(2 * fit.parameters[index])
    error = 2 * value * math.sqrt(fit.covariance[index, index])
    return LineVariance(
        value=value,
        uncertainty=error,
        largest=largest**2 * math.exp(2 * fit.scale_error),
        seen=fit.scale_error < VAGUE and value > 2 * error,
    )


def _without(total: LineVariance, parts: tuple[LineVariance, ...] | list[LineVariance]) -> LineVariance:
    """Return what is left of a variance when those of rows and columns are taken off."""
    value = total.value - sum(part.value for part in parts)
    error = math.sqrt(total.uncertainty**2 + sum(part.uncertainty**2 for part in parts))
    largest = min(total.largest, max(value, 0.0) + SURE * error) if total.seen else total.largest
    return LineVariance(value=value, uncertainty=error, largest=largest, seen=total.seen and value > VISIBLE * error)


def _positive(rate: Measured, gain: Measured, *, scale_error: float) -> Measured:
    """Return a current in electrons per second; an upper bound where it is not seen."""
    if rate.value < VISIBLE * rate.uncertainty or scale_error > VAGUE:
        largest = (
            (max(rate.value, 0.0) + SURE * rate.uncertainty)
            * math.exp(4 * scale_error)
            / (gain.value - SURE * gain.uncertainty)
        )
        return Measured(value=largest, uncertainty=0.0, bound="upper")
    relative = math.hypot(rate.uncertainty / rate.value, gain.uncertainty / gain.value)
    return Measured(value=rate.value / gain.value, uncertainty=rate.value / gain.value * relative)


def _saturation(pile: PileUp, black: Measured) -> Measured:
    """Return the count at saturation; that of a full charge moves with the black level, whose offsets are drawn."""
    if pile.converter or pile.level.bound:
        return pile.level
    return Measured(value=pile.level.value, uncertainty=math.hypot(pile.level.uncertainty, black.uncertainty))


def _full_well(pile: PileUp, black: Measured, gain: Measured) -> Measured:
    """Return the charge of a full pixel; a lower bound where the converter stops first, or no pixel is full."""
    span = pile.level.value - black.value
    error = math.hypot(pile.level.uncertainty, black.uncertainty)
    relative = math.hypot(error / span, gain.uncertainty / gain.value)
    if pile.converter or pile.level.bound:
        return Measured(value=span / gain.value * (1 - SURE * relative), uncertainty=0.0, bound="lower")
    return Measured(value=span / gain.value, uncertainty=span / gain.value * relative)
