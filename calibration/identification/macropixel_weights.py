"""Light of each macropixel from frames of single ones, and which of them are dead."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.special import ndtr

from calibration.cameras.uncertainty import Measured
from calibration.identification.light_frames import FilledLight

DARK_LIMIT = 4.0
"""Standard deviations of a dark macropixel's light below which one may be dead."""

DARK_PART = 0.02
"""Part of its neighbours' light below which a macropixel may be dead, however small the noise."""

NEIGHBOURS = 8
BOUND = 3.3
"""Standard deviations of an upper bound: it fails once in two thousand times."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MacropixelWeights:
    """What each macropixel adds to the light on the camera while it is on.

    Parameters
    ----------
    light : ndarray, shape (input,)
        Electrons per second per pixel, the light of the frame less that with all off; a member has its share of a
        group.
    light_uncertainty : ndarray, shape (input,)
        Standard uncertainty: speckle on finitely many grains, laser noise, noise. That of the gain is not in it.
    amplitude, amplitude_uncertainty : ndarray, shape (input,)
        Root of the light over its mean root of the live ones; where the light is hidden in noise an upper bound.
    bound : ndarray of bool, shape (input,)
        Where the amplitude is an upper bound.
    dead : ndarray of bool, shape (input,)
        Macropixels without light amid macropixels whose light is seen.
    undecided : ndarray of bool, shape (input,)
        Macropixels without light whose neighbours have too little of it to tell.
    false_alarm : float
        Expected number of live macropixels that are called dead, over all live ones.
    miss : float
        Chance that a dead macropixel is not called dead where its neighbours are seen.
    grain_variance : float
        Variance of the mean light of a frame over its square.
    off_share : float
        Light with all off over the sum of the lights of all macropixels.
    """

    light: NDArray[np.float64]
    light_uncertainty: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    amplitude_uncertainty: NDArray[np.float64]
    bound: NDArray[np.bool_]
    dead: NDArray[np.bool_]
    undecided: NDArray[np.bool_]
    false_alarm: float
    miss: float
    grain_variance: float
    off_share: float

    @property
    def live(self) -> NDArray[np.bool_]:
        """Return the macropixels that are not dead, bool of shape (input,)."""
        return np.asarray(~self.dead)


def macropixel_weights(
    singles: FilledLight,
    off: FilledLight,
    *,
    states: NDArray[np.bool_],
    grain_variance: float,
    laser_noise: float,
    positions: NDArray[np.float64] | None = None,
) -> MacropixelWeights:
    """Return the light of each macropixel.

    .. math:: \\hat D_n = m_n - m_\\mathrm{off}, \\qquad
              u^2 = v \\, (D^2 + 2 D I + 2 (1 - \\gamma) I^2) + \\sigma_l^2 m_n^2 + u_\\mathrm{noise}^2

    Parameters
    ----------
    singles : FilledLight
        Frames with one macropixel on, or a group of neighbours.
    off : FilledLight
        Frames with all off, at the same exposure time.
    states : ndarray of bool, shape (frame, input)
        What is on in the frames of ``singles``; each input in one frame or more.
    grain_variance : float
        Variance v of a frame's mean light over its square (`SpeckleGrain.mean_variance`).
    laser_noise : float
        Relative rms of the power from frame to frame.
    positions : ndarray or None, shape (input, 2), optional
        Where the macropixels are; None compares each with all when it is called dead or not.

    Returns
    -------
    MacropixelWeights
        Light, amplitudes, dead ones.

    Raises
    ------
    ValueError
        If a macropixel is on in no frame, the states do not fit the frames, or the exposure times differ.

    Notes
    -----
    The off-state field interferes with that of a single macropixel: the cross term averages out over grains up to
    2 v D I. gamma is how much the patterns with all off and with one on still share when one was taken after the
    other. A macropixel's own off-state light is in the difference: D = (1 - leak^2) times its light while on.

    Dead: light below 4 u_0 of a dark macropixel (or 2 % of its neighbours') where the median of its neighbours is
    twice that or more. A group is dead where all its members are.
    """
    _check(singles, off, states)
    time = singles.exposure_time
    off_mean = float(off.mean.mean())
    still = _still(singles, off)
    base = max(off_mean, 0.0)
    difference = singles.mean - off_mean
    lit = np.maximum(difference, 0)
    noise = singles.mean_variance + np.mean(off.mean_variance) / len(off.mean)
    noise = noise + laser_noise**2 * base**2 / len(off.mean) + off.rounding**2 + singles.rounding**2
    swing = grain_variance * (lit**2 + 2 * lit * base + 2 * (1 - still) * base**2)
    variance = swing + laser_noise**2 * (lit + base) ** 2 + noise
    empty = np.sqrt(2 * grain_variance * (1 - still) * base**2 + laser_noise**2 * base**2 + noise)
    share, count = states / states.sum(axis=1, keepdims=True), states.sum(axis=0)
    light = (share.T @ difference) / count / time
    doubt = np.sqrt(share.T**2 @ variance) / count / time
    zero = np.sqrt(share.T**2 @ empty**2) / count / time
    expected = _expected(light, positions)
    limit = np.maximum(DARK_LIMIT * zero, DARK_PART * expected)
    seen = expected >= 2 * limit
    dark = light < limit
    dead = dark & seen
    # A live macropixel as bright as its neighbours that the speckle of its frame hides.
    relative = np.sqrt(grain_variance * (1 + 2 * base / time / np.maximum(expected, 1e-300)) + laser_noise**2)
    alarms = ndtr((limit - expected) / np.hypot(zero, relative * expected)) * seen
    amplitude, amplitude_doubt, bound = _amplitudes(light, doubt, dead)
    return MacropixelWeights(
        light=light, light_uncertainty=doubt, amplitude=amplitude, amplitude_uncertainty=amplitude_doubt, bound=bound,
        dead=dead, undecided=dark & ~seen, false_alarm=float(alarms[~dead].mean()) if not dead.all() else 0.0,
        miss=float(ndtr(-np.min(limit / zero))), grain_variance=grain_variance,
        off_share=off_mean / time / float(light[~dead].sum()),
    )  # fmt: skip


def _check(singles: FilledLight, off: FilledLight, states: NDArray[np.bool_]) -> None:
    """Refuse frames that do not tell every macropixel."""
    if len(states) != len(singles.mean):
        raise ValueError(f"states are of {len(states)} frames, singles has {len(singles.mean)}: give a row a frame")
    missing = np.flatnonzero(~states.any(axis=0))
    if len(missing) or not states.any(axis=1).all():
        raise ValueError(
            f"singles light {len(missing)} of {states.shape[1]} macropixels in no frame, or have a frame with none "
            "on: light each macropixel, or each group, in one frame"
        )
    if not math.isclose(singles.exposure_time, off.exposure_time, rel_tol=1e-6):
        raise ValueError(
            f"off was taken at {off.exposure_time:g} s, singles at {singles.exposure_time:g} s: take them at one "
            "exposure time"
        )


def _still(singles: FilledLight, off: FilledLight) -> float:
    """Return which part of the off-state pattern the single frames still hold, from 0 to 1."""
    maps = off.electrons[:, off.good]
    maps = maps - maps.mean(axis=1, keepdims=True)
    frames = len(maps)
    if frames < 2:
        return 0.0
    own = np.sum(maps.sum(axis=0) ** 2) - np.sum(maps**2)
    cross = np.mean(singles.electrons[:, off.good], axis=0) @ maps.mean(axis=0)
    own /= frames * (frames - 1)
    return float(np.clip(cross / own, 0, 1)) if own > 0 else 0.0


def _expected(light: NDArray[np.float64], positions: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return the median light of each macropixel's neighbours, of all where no positions are known."""
    if positions is None:
        return np.full_like(light, np.median(light))
    _, near = KDTree(positions).query(positions, k=min(NEIGHBOURS + 1, len(light)))
    return np.asarray(np.median(light[np.asarray(near)[:, 1:]], axis=1))


def _amplitudes(
    light: NDArray[np.float64], doubt: NDArray[np.float64], dead: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return amplitudes over their mean, their uncertainty, and where they are bounds."""
    hidden = light <= 3 * doubt
    root = np.sqrt(np.maximum(light, 0))
    # The root of a scattered light is too small on average, by u^2 / 8 D^2 of it.
    relative = doubt / np.where(hidden, 1, light)
    root = np.where(hidden, root, root * (1 + relative**2 / 8))
    scale = float(root[~dead].mean()) if not dead.all() else 1.0
    slope = (np.sqrt(np.maximum(light + doubt, 0)) - np.sqrt(np.maximum(light - doubt, 0))) / 2
    upper = np.sqrt(np.maximum(light, 0) + BOUND * doubt)
    amplitude = np.where(hidden, upper, root) / scale
    return amplitude, np.where(hidden, 0.0, slope / scale), hidden


def anchor_ratio(weights: MacropixelWeights, *, anchor: NDArray[np.intp], signal: NDArray[np.intp]) -> Measured:
    """Return the mean light of the anchor's macropixels over that of the signal's.

    .. math:: r = \\frac{\\bar D_A}{\\bar D_S}

    Parameters
    ----------
    weights : MacropixelWeights
        Light of all macropixels.
    anchor, signal : ndarray of int
        Which macropixels make the anchor, and which the signal.

    Returns
    -------
    Measured
        The ratio of light; that of amplitudes is its root.

    Raises
    ------
    ValueError
        If a set is empty or dark, or the two overlap.
    """
    if not len(anchor) or not len(signal) or np.intersect1d(anchor, signal).size:
        raise ValueError(
            f"anchor ({len(anchor)} macropixels) and signal ({len(signal)}) must hold one each and share none"
        )
    means, variances = [], []
    for chosen in (anchor, signal):
        mean = float(weights.light[chosen].mean())
        if mean <= 0:
            raise ValueError(f"the light of {len(chosen)} macropixels is {mean:g} e/s a pixel: too dark for a ratio")
        variance = float(np.sum(weights.light_uncertainty[chosen] ** 2)) / len(chosen) ** 2
        # The off-state field holds the field of these macropixels themselves: the cross terms of a set add up.
        own = 2 * weights.grain_variance * max(weights.off_share, 0.0)
        means.append(mean)
        variances.append(variance / mean**2 + own)
    ratio = means[0] / means[1]
    return Measured(value=ratio, uncertainty=ratio * math.sqrt(sum(variances)))
