"""Linear projections without a reference arm: an anchor pattern takes its place.

Counts with and without an anchor r combine to the real linear projection

    y = Re(exp(-i phi) A x),    phi the phase of the anchor's own speckle at each pixel.

Rows are divided by the square root of the anchor's frame. Where mirrors that are off leak a field e, that is
|Ar + e| and not |Ar|: each row of B has a gain |Ar| / |Ar + e| of its own, which no frame tells; its direction is
exact. `Calibration.off_state_share` says how much light leaks.

A signed vector x = p - q is shown as two binary vectors. With F(b) the frame of states b:

* anchor on mirrors of its own, four frames: F(p+r) - F(p) - F(q+r) + F(q) = 2 |Ar| y, exact; the anchor's own
  light, off-state light and camera offsets cancel in the sum (laws L34, L57).
* the same in two frames: F(p+r) - F(q+r) = 2 |Ar| y + |Ap|^2 - |Aq|^2, biased.
* overlapping anchor (the form of the paper, r - x for x inside r), four frames:
  F(p) - F(r-p) - F(q) + F(r-q) = 2 |Ar| y; off-state light of field e turns the anchor into Ar + 2e, so it needs a
  DMD without off-state light to speak of (`calibration.projector` refuses more than a thousandth).

A frame whose vector part is empty carries nothing: it is the anchor's own frame or the off-state frame, and
these are stored, each the mean of many exposures. Nothing here touches a device.

References
----------
.. [1] R. Ohana, D. Hesslow, D. Brunner, S. Gigan, K. Mueller, Linear optical random projections without
   holography, Opt. Express 31, 25881 (2023). arXiv:2305.12988
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.exposure import mean_aim
from calibration.records import Block, Calibration, Estimate, Plan, Series, Values
from calibration.saturation import hidden_variance
from calibration.scheme import check_ternary
from optics.bench import Exposure


def plan(x: ArrayLike, calibration: Calibration) -> Plan:
    """Return the frames to expose for ternary vectors.

    Parameters
    ----------
    x : array_like, shape (vector, component)
        Vectors of -1, 0 and 1.
    calibration : Calibration
        The calibration of the bench.

    Returns
    -------
    Plan
        Frames by exposure time. Identical patterns are exposed anew, since their noise must not be shared.

    Raises
    ------
    ValueError
        If the vectors are not ternary or of the wrong length.
    """
    scheme = calibration.scheme
    vectors = check_ternary(x, components=len(scheme.components))
    level = _levels(vectors, calibration)
    series = [_series(vectors, np.flatnonzero(level == index), index, calibration) for index in _used(level)]
    return Plan(len(vectors), tuple(series))


def decode(plan: Plan, exposures: Sequence[Exposure], calibration: Calibration) -> Estimate:
    """Return the projections that the frames of a plan hold.

    .. math:: \\hat y = \\frac{D}{2 \\sqrt{g R}}, \\qquad
              \\mathrm{var}(\\hat y) = \\frac{\\sum_\\mathrm{frames} \\sigma^2}{4 g R}
              + \\hat y^2 \\frac{\\mathrm{var}(R)}{4 R^2}

    with D the signed sum of the frames and R the anchor's own signal, both in DN, and g = K eta t the DN that
    a photon per second gives.

    Parameters
    ----------
    plan : Plan
        What was planned.
    exposures : sequence of Exposure
        One for each series of the plan, in its order.
    calibration : Calibration
        The calibration that the plan was made with.

    Returns
    -------
    Estimate
        Values, standard errors and flags; float32.

    Raises
    ------
    ValueError
        If the exposures do not fit the plan.

    Notes
    -----
    The error bars hold shot, read and rounding noise, the stored frames, PRNU, and the noise of the light from frame
    to frame where the calibration saw one. What else a bench may have (lag, crosstalk, non-linearity, stray light that
    changes) biases the values and is not in them.

    Where a frame saturates, the hidden excess is unknown: its rms, given that a normal law with the frame's
    expected mean and spread exceeded the saturation, enters the standard error, and the value is flagged.
    Vectors that are zero give zero with no error.
    """
    if len(exposures) != len(plan.series):
        raise ValueError(f"the plan has {len(plan.series)} series of frames, got {len(exposures)} exposures")
    shape = (plan.vectors, len(calibration.outputs))
    estimate = Estimate(np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.ones(shape, np.bool_))
    for series, exposure in zip(plan.series, exposures, strict=True):
        if len(exposure.counts) != len(series.patterns) or exposure.exposure_time != series.exposure_time:
            raise ValueError(
                f"the plan asks for {len(series.patterns)} frames of {series.exposure_time:g} s, "
                f"got {len(exposure.counts)} frames of {exposure.exposure_time:g} s"
            )
        _decode_series(series, exposure, calibration, estimate)
    return estimate


def _levels(vectors: NDArray[np.int8], calibration: Calibration) -> NDArray[np.int64]:
    """Return the exposure level of each vector, -1 for those that take no frame."""
    ones = np.stack([(vectors > 0).sum(axis=1), (vectors < 0).sum(axis=1)])
    brightest = np.where(ones > 0, calibration.scheme.brightest(ones), 0).max(axis=0)
    times = np.array([level.exposure_time for level in calibration.levels])
    aim = np.sqrt(2) * mean_aim(calibration.camera, calibration.full_scale)
    rate = calibration.input_rate * np.maximum(brightest, 1) + calibration.off_rate
    longest = aim / rate + calibration.camera.shutter.exposure_step
    level = np.minimum((times[:, np.newaxis] > longest).sum(axis=0), len(times) - 1)
    return np.where(brightest > 0, level, -1)


def _used(level: NDArray[np.int64]) -> list[int]:
    """Return the levels that some vector needs."""
    return [int(index) for index in np.unique(level[level >= 0])]


def _series(vectors: NDArray[np.int8], members: NDArray[np.int64], level: int, calibration: Calibration) -> Series:
    """Return the frames of the vectors ``members`` at one exposure level."""
    scheme = calibration.scheme
    patterns: list[NDArray[np.bool_]] = []
    blocks: list[Block] = []
    start = 0
    for half, states in enumerate((vectors[members] > 0, vectors[members] < 0)):
        filled = np.flatnonzero(states.any(axis=1))
        for role in scheme.roles:
            patterns.append(scheme.patterns(states[filled], role))
            blocks.append(Block(role, half, filled, slice(start, start + len(filled))))
            start += len(filled)
    time = calibration.levels[level].exposure_time
    return Series(level, time, members, np.concatenate(patterns), tuple(blocks))


def _decode_series(series: Series, exposure: Exposure, calibration: Calibration, estimate: Estimate) -> None:
    """Write the estimates of one series into ``estimate``."""
    camera, stored = calibration.camera, calibration.levels[series.level]
    words = exposure.counts.reshape(len(exposure.counts), -1)[:, calibration.outputs]
    frames = camera.digital_numbers(words)
    anchor_signal = np.maximum(stored.anchor - stored.dark, camera.gain)
    photon = camera.gain * camera.quantum_efficiency * stored.exposure_time
    unit = np.asarray(1 / (2 * np.sqrt(photon * anchor_signal)), np.float32)
    signal, variance = _combine(series, frames, calibration)
    hidden = hidden_variance(series, frames, exposure.valid, calibration)
    relative = camera.temporal_variance(stored.anchor) / (4 * stored.exposures * anchor_signal**2)
    signal *= unit
    variance += hidden
    variance *= unit**2
    variance += signal**2 * (relative + np.float32(camera.prnu**2 / 4))  # y goes with the root of the response
    estimate.value[series.vectors] = signal
    estimate.standard_error[series.vectors] = np.sqrt(variance)
    estimate.valid[series.vectors] = hidden == 0


def _combine(series: Series, frames: NDArray[np.unsignedinteger], calibration: Calibration) -> tuple[Values, Values]:
    """Return the signed sum of the frames of each vector and its variance, in DN and DN^2."""
    camera, stored = calibration.camera, calibration.levels[series.level]
    shape = (len(series.vectors), frames.shape[1])
    signal, light, variance = (np.zeros(shape, np.float32) for _ in range(3))
    exposed = np.zeros((len(series.vectors), 1), np.float32)
    unsteady = np.float32(calibration.light_noise**2)
    for block in series.blocks:
        part = frames[block.frames].astype(np.float32)
        light[block.members] += part
        signal[block.members] += block.sign * part
        exposed[block.members] += 1
        empty = np.delete(np.arange(len(series.vectors)), block.members)
        mean = stored.anchor if block.role.anchored else stored.off
        signal[empty] += block.sign * mean
        variance[empty] += camera.temporal_variance(mean) / stored.exposures
        if unsteady:
            variance[block.members] += unsteady * (part - np.float32(camera.black_level)) ** 2
            variance[empty] += unsteady * (mean - stored.dark) ** 2 / stored.exposures
    # The photon-transfer line, summed over the frames: linear in the counts, hence unbiased at any light.
    light -= exposed * np.float32(camera.black_level)
    np.maximum(light, 0, out=light)
    light *= np.float32(camera.gain)
    variance += light
    variance += exposed * np.float32((camera.gain * camera.dark_noise) ** 2 + 1 / 12)
    return signal, variance
