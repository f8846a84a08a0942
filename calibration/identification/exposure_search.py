"""The exposure time that suits a bench whose light nobody knows, found from frames alone."""

import math

import numpy as np

from calibration.identification.settled_frames import Bits, SettledBench

BRIGHT_QUANTILE = 0.98
"""Of the pixels so many are below what an exposure aims at: up to a hundredth may be hot."""

FILLED = 0.55
"""Part of the range that those pixels fill: of speckle a thousandth is beyond it."""

FULL = 0.95
"""Part of the range from which on the bright pixels saturate."""

SEEN = 5.0
"""Standard deviations of the dark mean from which on a frame is brighter than the dark."""

TOO_BRIGHT_STEP, TOO_DARK_STEP = 0.1, 10.0
"""Factor of the next exposure time where a frame tells no level."""

NEAR = 0.1
"""Logarithm of the exposure over the wanted one that is near enough."""

PILED_UP = 1.03
"""Growth of the bright pixels at four times the exposure, up to which they are at the top."""

MOST_ROUNDS = 12
"""Rounds after which the search for an exposure time ends."""


def find_top(settled: SettledBench, pattern: Bits) -> float:
    """Return the count at which bright pixels pile up: where longer exposures make them no brighter.

    Parameters
    ----------
    settled : SettledBench
        The bench; it begins at the exposure time that it has.
    pattern : ndarray of bool, shape (input,)
        A pattern of many macropixels.

    Returns
    -------
    float
        Count, in DN; the largest of the converter where they do not pile up below it.
    """
    camera, at = settled.bench.camera, settled.bench.exposure_time
    before = 0.0
    for _ in range(MOST_ROUNDS):
        lit = settled.take(pattern[np.newaxis], at=at).counts[0]
        dark = settled.take(pattern[np.newaxis], at=at, light=False).counts[0]
        bright, black = (float(np.quantile(frame, 0.9)) for frame in (lit, dark))
        lightened = bright - black > 0.05 * camera.largest_count
        if bright >= camera.largest_count or (lightened and bright < PILED_UP * before):
            return bright
        if at >= camera.shutter.exposure_maximum:
            break
        before = bright if lightened else 0.0
        at = min(4 * at, camera.shutter.exposure_maximum)
    return float(camera.largest_count)


def suitable_exposure(settled: SettledBench, states: Bits, *, top: float, start: float) -> float:
    """Return the exposure time at which the brightest of some patterns fills a part of the range.

    Parameters
    ----------
    settled : SettledBench
        The bench.
    states : ndarray of bool, shape (pattern, input)
        The patterns.
    top : float
        Count at which pixels pile up, in DN.
    start : float
        Exposure time at which the search begins, in seconds.

    Returns
    -------
    float
        Seconds.

    Raises
    ------
    ValueError
        If there is no light, or too much at the shortest exposure.
    """
    shutter = settled.bench.camera.shutter
    at = start
    for _ in range(MOST_ROUNDS):
        lit = settled.take(states, at=at)
        dark = settled.take(np.zeros_like(states[:1]), at=at, light=False).counts[0].astype(np.float64)
        at = lit.exposure_time
        level = float(np.quantile(lit.counts - dark, BRIGHT_QUANTILE, axis=(1, 2)).max())
        level /= top - float(np.median(dark))
        excess = float((lit.counts.mean(axis=(1, 2)) - dark.mean()).max())
        seen = excess > SEEN * math.sqrt(2 * float(np.var(dark)) / dark.size + 1 / 12 / dark.size)
        ratio = TOO_BRIGHT_STEP if level > FULL else FILLED / level if seen else TOO_DARK_STEP
        wanted = min(max(at * ratio, shutter.exposure_minimum), shutter.exposure_maximum)
        if abs(math.log(ratio)) < NEAR or shutter.granted_exposure(wanted) == at:
            break
        at = wanted
    _check_light(settled, at, full=level > FULL, seen=seen)
    return at


def _check_light(settled: SettledBench, at: float, *, full: bool, seen: bool) -> None:
    """Refuse an exposure time at which there is no light, or too much."""
    if full:
        shortest = at <= settled.bench.camera.shutter.exposure_minimum * (1 + 1e-9)
        words = ", the camera's shortest exposure," if shortest else ""
        raise ValueError(
            f"the light is too strong: at {at:g} s{words} the brightest pixels saturate; attenuate the laser"
        )
    if not seen:
        raise ValueError(
            f"no light was found: at {at:g} s the patterns are not brighter than the dark; check the laser, its "
            "shutter and the modulator, or change the laser's power"
        )
