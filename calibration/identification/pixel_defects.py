"""Hot pixels, dead pixels, and where pixels saturate."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.uncertainty import Measured
from calibration.identification.observations import Frames

Array = NDArray[np.float64]

OUTSTANDING = 5.5
"""Standard deviations of its slope beyond which a pixel is hot: one of 5e7 cool ones is."""

COMPLETE = 3.0
"""Standard deviations between the threshold and the mean of the pixels found from which on none was missed."""

DEAD = 0.15
"""Mean light over random patterns, relative to the median pixel, below which a pixel is dead: light that interferes
differently in each pattern never leaves a live pixel with a third of it."""

BEYOND = 1.5
"""Expected signal over the largest one seen from which on a pixel surely saturates."""

FEWEST = 20
"""Pixels that a pile-up takes."""


HELD = 0.1
"""Error of a mean by rounding, in DN, from which on pixels near a step seem to grow far faster than others."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DarkSlopes:
    """Straight lines through the dark counts of each pixel against the exposure time.

    Parameters
    ----------
    intercept, slope : ndarray, shape (y, x)
        Count at zero exposure in DN, growth in DN per second.
    error : float
        Standard error of a slope by the noise of an ordinary pixel, in DN per second.
    ripple : float
        Largest error of a slope by the rounding, in DN per second.
    longest : float
        Longest exposure time, in seconds.
    """

    intercept: Array
    slope: Array
    error: float
    ripple: float
    longest: float

    @property
    def held(self) -> bool:
        """Return whether rounding holds the counts of a pixel still while its signal grows by a good part of a DN."""
        return self.ripple * self.longest > HELD


@dataclass(frozen=True, kw_only=True, eq=False)
class HotPixels:
    """Pixels with far more dark current than the others.

    Parameters
    ----------
    map : ndarray of bool, shape (y, x)
        Those that stand out.
    fraction : Measured
        Of all pixels; a lower bound where weak ones may hide in the noise.
    current : Measured
        Their mean dark current, in electrons per second; an upper bound where weak ones may hide, a lower bound of zero
        where none was found.
    """

    map: NDArray[np.bool_]
    fraction: Measured
    current: Measured


@dataclass(frozen=True, kw_only=True, eq=False)
class PileUp:
    """Where counts stop to grow.

    Parameters
    ----------
    level : Measured
        Count of a pixel without offset of its own, in DN; a lower bound where none saturates.
    converter : bool
        Whether it is the converter that stops.
    """

    level: Measured
    converter: bool


def dark_slopes(dark: tuple[Frames, ...], *, largest_count: int) -> DarkSlopes:
    """Return straight lines through the dark counts of each pixel.

    Parameters
    ----------
    dark : tuple of Frames
        Dark frames at two exposure times at least.
    largest_count : int
        Largest count of the converter, in DN.

    Returns
    -------
    DarkSlopes
        Lines; times at which a pixel is in the upper third of the counts do not count for it.

    Raises
    ------
    ValueError
        If all exposure times are the same.
    """
    times = np.array([part.exposure_time for part in dark])
    if np.ptp(times) == 0:
        raise ValueError(
            f"all {len(dark)} dark sets have an exposure time of {times[0]:g} s: dark current takes two different ones"
        )
    means = np.stack([part.mean for part in dark])
    weight = np.array([len(part.counts) for part in dark], np.float64)[:, np.newaxis, np.newaxis]
    weight = weight * ((means < largest_count * 2 / 3) | (np.arange(len(dark)) < 2)[:, np.newaxis, np.newaxis])
    time = times[:, np.newaxis, np.newaxis]
    centre = (weight * time).sum(axis=0) / weight.sum(axis=0)
    power = (weight * (time - centre) ** 2).sum(axis=0)
    slope = (weight * (time - centre) * means).sum(axis=0) / power
    intercept = (weight * means).sum(axis=0) / weight.sum(axis=0) - slope * centre
    cool = slope <= np.quantile(slope, 0.95)
    # The dark current has a shot noise of its own, which grows with the time.
    noise = np.array([part.counts[:, cool].var(axis=0, ddof=1).mean(dtype=np.float64) for part in dark])
    pull = np.median((weight * (time - centre))[:, cool], axis=1)
    error = float(np.sqrt(np.sum(pull**2 * noise / [len(part.counts) for part in dark]) / np.median(power) ** 2))
    ripple = float(np.exp(-2 * np.pi**2 * max(float(noise.min()) - 1 / 12, 0.0)))
    return DarkSlopes(
        intercept=intercept,
        slope=slope,
        error=error,
        ripple=ripple / times[-1],
        longest=float(times[-1]),
    )


def hot_pixels(lines: DarkSlopes, *, gain: Measured) -> HotPixels:
    """Return pixels whose dark counts grow far faster than those of the others.

    Parameters
    ----------
    lines : DarkSlopes
        Growth of the dark counts.
    gain : Measured
        System gain, in DN per electron.

    Returns
    -------
    HotPixels
        Map, fraction, current. Where no pixel stands out both are known to be at least zero: weak ones may hide, or
        chance gave this sensor none, however strong they would be.
    """
    common = float(np.median(lines.slope))
    limit = OUTSTANDING * lines.error + lines.ripple + max(common, 0.0) * lines.held
    hot = lines.slope > common + limit
    number, pixels = int(hot.sum()), hot.size
    if not number:
        nothing = Measured(value=0.0, uncertainty=0.0, bound="lower")
        return HotPixels(map=hot, fraction=nothing, current=nothing)
    found = lines.slope[hot]
    mean = float(found.mean())
    shot = gain.value * max(mean, 0.0) / lines.longest
    own = float(np.sqrt(lines.error**2 + lines.ripple**2 / 12 + shot))
    scatter = max(float(found.std(ddof=1)), own) if number > 4 else own
    error = float(np.hypot(scatter / np.sqrt(number) / gain.value, mean * gain.uncertainty / gain.value**2))
    if mean - common - limit < COMPLETE * own:
        least = max(number - 3.3 * np.sqrt(number), 0.0) / pixels
        current = Measured(value=mean / gain.value + 3.3 * error, uncertainty=0.0, bound="upper")
        return HotPixels(map=hot, fraction=Measured(value=least, uncertainty=0.0, bound="lower"), current=current)
    current = Measured(value=mean / gain.value, uncertainty=error)
    return HotPixels(map=hot, fraction=share(number, pixels), current=current)


def share(number: int, pixels: int) -> Measured:
    """Return the chance of which some pixels are a sample.

    .. math:: p = \\frac{k + 1}{n + 2}, \\qquad u^2 = \\frac{p (1 - p)}{n + 3}

    Parameters
    ----------
    number, pixels : int
        Pixels that were found, and all.

    Returns
    -------
    Measured
        Mean and standard deviation of what is known of it (law of succession); an upper bound where none was found.
    """
    if not number:
        return Measured(value=float(-np.log(1e-3) / pixels), uncertainty=0.0, bound="upper")
    chance = (number + 1) / (pixels + 2)
    return Measured(value=chance, uncertainty=float(np.sqrt(chance * (1 - chance) / (pixels + 3))))


def dead_pixels(halves: Frames, lines: DarkSlopes) -> NDArray[np.bool_]:
    """Return pixels that do not answer to light.

    Parameters
    ----------
    halves : Frames
        Many different patterns at one exposure time.
    lines : DarkSlopes
        Dark counts against the exposure time.

    Returns
    -------
    ndarray of bool, shape (y, x)
        Pixels without light.

    Raises
    ------
    ValueError
        If the light is too weak to tell.
    """
    signal = halves.mean - lines.intercept - lines.slope * halves.exposure_time
    median = float(np.median(signal))
    noise = float(np.median(halves.counts.std(axis=0))) / np.sqrt(len(halves.counts))
    if DEAD * median < 5 * noise / 3 or DEAD * median < 0.5:
        raise ValueError(
            f"the mean light is {median:.3g} DN with {noise:.2g} DN of noise: dead pixels take 3 DN and a mean ten "
            "times the noise; expose longer or take more patterns"
        )
    return np.asarray(signal < DEAD * median)


def pile_up(
    ladder: tuple[Frames, ...], over: Frames, lines: DarkSlopes, *, largest_count: int, ignored: NDArray[np.bool_]
) -> PileUp:
    """Return the count at which pixels saturate.

    Parameters
    ----------
    ladder : tuple of Frames
        Frames of one pattern, which say what each pixel would show.
    over : Frames
        The same pattern so long that many pixels saturate.
    lines : DarkSlopes
        Dark counts against the exposure time.
    largest_count : int
        Largest count of the converter, in DN.
    ignored : ndarray of bool, shape (y, x)
        Hot and dead pixels.

    Returns
    -------
    PileUp
        Count of a pixel whose own offset is that of the average, where charge is full, or the converter's largest one.
    """
    counts = over.counts.astype(np.float64)
    black = float(np.median(lines.intercept))
    highest = float(np.quantile(counts.mean(axis=0)[~ignored], 0.98)) - black
    total, power = np.zeros_like(lines.slope), np.zeros_like(lines.slope)
    for part in ladder:
        signal = part.mean - lines.intercept - lines.slope * part.exposure_time
        used = signal < 0.5 * highest
        total = total + np.where(used, signal * part.exposure_time, 0.0)
        power = power + np.where(used, part.exposure_time**2, 0.0)
    expected = total / np.maximum(power, 1e-30) * over.exposure_time
    sure = (expected > BEYOND * highest) & ~ignored & (power > 0)
    if sure.sum() < FEWEST:
        return PileUp(level=Measured(value=black + highest, uncertainty=0.0, bound="lower"), converter=False)
    piled = counts[:, sure]
    clipped = float(np.mean(piled >= largest_count))
    if clipped > 0.5:
        return PileUp(level=Measured(value=float(largest_count), uncertainty=0.0), converter=True)
    own = lines.intercept[sure] - float(lines.intercept[~ignored].mean())
    return PileUp(level=_level(piled, own, clipped=clipped > 1e-3), converter=False)


def _level(piled: Array, own: Array, *, clipped: bool) -> Measured:
    """Return the count of full pixels, shape (frame, pixel), less their own offsets, stray ones left out."""
    values = (piled - own).ravel()
    median = float(np.median(values))
    scatter = 1.4826 * float(np.median(np.abs(values - median)))
    near = np.abs(values - median) < max(5 * scatter, 1.5)  # a few pixels were taken for full, and were not
    spread, raw = float(values[near].std()), float(piled.ravel()[near].var())
    # Counts of full pixels that neither noise nor offsets spread over a DN are all rounded alike.
    rounding = 0.3 * math.exp(-2 * math.pi**2 * max(raw - 1 / 12, 0.0))
    level, lean = (median, 1.25) if clipped else (float(values[near].mean()), 1.0)
    return Measured(value=level, uncertainty=math.hypot(lean * spread / math.sqrt(own.size), rounding))
