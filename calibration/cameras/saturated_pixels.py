"""Saturation of a camera under speckle, from the pile-up of its brightest pixels."""

import math

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.frame_pairs import Counts
from calibration.cameras.uncertainty import Measured

BEYOND = 1.3
"""Expected signal over the range from which on a pixel counts as surely saturated."""

FEWEST = 8
"""Pixels that a pile-up takes."""

LEVEL = 0.02
"""Relative difference between the brighter and the dimmer half of a pile-up up to which it is one."""


def saturated_signal(bright: Counts, dark: Counts, *, expected: NDArray[np.float64], span: float) -> Measured:
    """Return the signal at which pixels saturate.

    Parameters
    ----------
    bright, dark : ndarray of unsigned int, shape (frame, y, x)
        Frames whose brightest pixels are far beyond saturation, and dark frames without dark current, in DN.
    expected : ndarray, shape (y, x)
        Signal that each pixel would show if it did not saturate, in DN; not finite where it is not known.
    span : float
        Signal at which the camera is said to saturate, in DN.

    Returns
    -------
    Measured
        Mean signal of the pixels that are expected at least 1.3 times beyond the range, in DN; rounding is in the
        uncertainty. A lower bound, the largest signal, where there are fewer than 8 such pixels or where the
        brighter ones of them are brighter still.
    """
    signal = bright.mean(axis=0) - dark.mean(axis=0)
    known = np.isfinite(expected)
    beyond = known & (expected >= BEYOND * span)
    piled, order = signal[beyond], np.argsort(expected[beyond])
    if piled.size < FEWEST:
        return Measured(value=float(signal[known].max()), uncertainty=0.0, bound="lower")
    dimmer, brighter = piled[order[: piled.size // 2]], piled[order[piled.size // 2 :]]
    value = float(piled.mean())
    if brighter.mean() - dimmer.mean() > LEVEL * value:
        return Measured(value=float(piled.max()), uncertainty=0.0, bound="lower")
    scatter = float(piled.std(ddof=1)) / math.sqrt(piled.size)
    return Measured(value=value, uncertainty=math.hypot(scatter, 1 / math.sqrt(12)))
