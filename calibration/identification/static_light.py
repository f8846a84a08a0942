"""Light that no macropixel switches: how much there is, and the contrast ratio that it stands for."""

import math
from dataclasses import dataclass

import numpy as np

from calibration.cameras.uncertainty import Measured
from calibration.identification.light_frames import FilledLight
from calibration.identification.macropixel_weights import BOUND, MacropixelWeights


@dataclass(frozen=True, kw_only=True)
class StaticLight:
    """Light with all macropixels off.

    Parameters
    ----------
    light : Measured
        Electrons per second per pixel; an upper bound where it is hidden in noise.
    off_amplitude : Measured
        Field of a macropixel that is off over that of one that is on, if all static light comes through the
        macropixels themselves (`optics.Dmd.off_amplitude`).
    contrast_ratio : Measured
        One over the square of the amplitude (`optics.Dmd.contrast_ratio`); a lower bound where the light is hidden.
    """

    light: Measured
    off_amplitude: Measured
    contrast_ratio: Measured


def static_light(
    off: FilledLight, weights: MacropixelWeights, *, level_uncertainty: float, gain: Measured, laser_noise: float
) -> StaticLight:
    """Return the static light and the contrast ratio that explains it.

    .. math:: \\frac{I_\\mathrm{off}}{\\sum_n D_n} = \\frac{\\epsilon^2}{1 - \\epsilon^2} = \\frac{1}{R - 1}

    Parameters
    ----------
    off : FilledLight
        Frames with all off.
    weights : MacropixelWeights
        Light of the macropixels.
    level_uncertainty : float
        Standard uncertainty of the dark level, in electrons.
    gain : Measured
        System gain, in DN per electron.
    laser_noise : float
        Relative rms of the power from frame to frame.

    Returns
    -------
    StaticLight
        Figures for the mean over media, whose speckle the camera sees on finitely many grains.

    Notes
    -----
    The choice: static light has the columns of the macropixels, in proportion. Frames cannot tell it from light of
    mirrors without a component, or from stray coherent light.
    """
    time = off.exposure_time
    mean = float(off.mean.mean())
    frames = len(off.mean)
    noise = math.sqrt(float(np.mean(off.mean_variance)) / frames + level_uncertainty**2 + off.rounding**2)
    total = float(weights.light.sum()) * time
    if mean <= 3 * noise:
        return _hidden(max(mean, 0.0) + BOUND * noise, total, v=weights.grain_variance, time=time, gain=gain)
    swing = math.sqrt(weights.grain_variance + laser_noise**2 / frames)
    leak = math.sqrt(mean / (mean + total))
    # The cross terms of all macropixels move with the static light.
    own = (1 - leak) / (1 + leak) * math.sqrt(weights.grain_variance)
    singles = float(np.sum(_own_variance(weights))) / float(weights.light.sum()) ** 2
    share = math.sqrt(own**2 + (noise / mean) ** 2 + singles + laser_noise**2 / frames)
    amplitude = Measured(value=leak, uncertainty=leak * (1 - leak**2) * share / 2)
    light = mean / time
    return StaticLight(
        light=Measured(value=light, uncertainty=light * math.hypot(swing, noise / mean, gain.uncertainty / gain.value)),
        off_amplitude=amplitude,
        contrast_ratio=Measured(value=1 / leak**2, uncertainty=2 * amplitude.uncertainty / leak**3),
    )


def _own_variance(weights: MacropixelWeights) -> np.ndarray:
    """Return the variance of each macropixel's light without the cross term with the static light."""
    off = max(weights.off_share, 0.0) * float(weights.light[weights.live].sum())
    cross = 2 * weights.grain_variance * np.maximum(weights.light, 0) * off
    return np.asarray(np.maximum(weights.light_uncertainty**2 - cross, 0))


def _hidden(largest: float, total: float, *, v: float, time: float, gain: Measured) -> StaticLight:
    """Return bounds where no static light is seen: the camera may stand where the speckle is dark."""
    shape = 1 / v
    # Cube root of a gamma distribution (Wilson and Hilferty): the smallest mean light that 1 pattern in 2000 shows.
    lowest = max(1 - 1 / (9 * shape) - BOUND / (3 * math.sqrt(shape)), 0.05) ** 3
    largest = largest / lowest
    leak = math.sqrt(largest / (largest + total))
    doubt = 1 + BOUND * gain.uncertainty / gain.value
    return StaticLight(
        light=Measured(value=largest / time * doubt, uncertainty=0.0, bound="upper"),
        off_amplitude=Measured(value=leak, uncertainty=0.0, bound="upper"),
        contrast_ratio=Measured(value=1 / leak**2, uncertainty=0.0, bound="lower"),
    )


def light_per_macropixel(
    weights: MacropixelWeights, static: StaticLight, *, gain: Measured
) -> tuple[Measured, Measured]:
    """Return the mean light of a live macropixel: while it is on, and what switching it on adds to a dark one's field.

    .. math:: u^2 = \\frac{D}{1 - \\epsilon^2}, \\qquad g^2 = D \\, \\frac{1 - \\epsilon}{1 + \\epsilon}

    Parameters
    ----------
    weights : MacropixelWeights
        Light D of the macropixels, on less off.
    static : StaticLight
        Amplitude epsilon of a macropixel that is off; nothing where it is hidden.
    gain : Measured
        System gain, in DN per electron.

    Returns
    -------
    tuple of Measured
        Electrons per second per pixel: the squared modulus of the field with one on (`InputLight.photons_on`), and of
        what switching it adds (`InputLight.switched`): the columns of the transmission matrix.
    """
    live = weights.live
    mean = float(weights.light[live].mean())
    leak = static.off_amplitude.value
    hidden = bool(static.off_amplitude.bound)
    own = float(np.sum(_own_variance(weights)[live])) / float(weights.light[live].sum()) ** 2
    known = (gain.uncertainty / gain.value) ** 2
    v = weights.grain_variance
    taken = leak / 2 if hidden else leak
    on = mean / (1 - taken**2)
    switched = mean * (1 - taken) / (1 + taken)
    first = 2 * taken / (1 + taken) * math.sqrt(v)
    second = taken * (1 - 2 * taken) / (1 - taken**2) * math.sqrt(v)
    # Half of the bound either way where the off-state light is hidden.
    noise = leak / math.sqrt(12) if hidden else _beyond_speckle(static, v)
    doubts = math.sqrt(own + known + first**2), math.sqrt(own + known + second**2 + 4 * noise**2)
    return Measured(value=on, uncertainty=on * doubts[0]), Measured(value=switched, uncertainty=switched * doubts[1])


def _beyond_speckle(static: StaticLight, v: float) -> float:
    """Return the uncertainty of the off-state amplitude that is not the speckle's."""
    leak = static.off_amplitude.value
    speckle = leak * (1 - leak**2) * (1 - leak) / (1 + leak) * math.sqrt(v) / 2
    return math.sqrt(max(static.off_amplitude.uncertainty**2 - speckle**2, 0.0))
