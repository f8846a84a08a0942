"""From charge to counts: full well, non-linearity, gain, black level, rounding, clipping."""

import numpy as np
from numpy.typing import NDArray

from optics.camera import Camera, Counts

Frames = NDArray[np.float32]

SINGLE_PRECISION_BITS = 14
"""Bits up to which a float32 rounds to counts without a visible bias; above, its last bit is worth 0.004 DN."""


def saturate(charge: Frames, camera: Camera) -> None:
    """Clip at full well and bend the response, in place.

    .. math:: e \\leftarrow \\min(e, e_\\mathrm{fw}), \\qquad e \\leftarrow e (1 - \\alpha e / e_\\mathrm{fw})

    Parameters
    ----------
    charge : ndarray of float32
        Charge of the pixels, in electrons.
    camera : Camera
        Its full well and ``nonlinearity`` alpha.
    """
    np.minimum(charge, np.float32(camera.full_well), out=charge)
    if camera.nonlinearity:
        charge *= 1 - np.float32(camera.nonlinearity / camera.full_well) * charge


def convert(signal: Frames, camera: Camera, *, thresholds: Frames | None, out: Counts) -> None:
    """Write the counts of a signal.

    .. math:: y = K s + b, \\qquad y \\leftarrow y + 4 A u (1 - u), \\qquad
              c = \\mathrm{clip}\\lfloor y + \\tfrac12 \\rfloor

    Parameters
    ----------
    signal : ndarray of float32
        Charge with offsets and noise, in electrons. The array is used as work space: its content is lost.
    camera : Camera
        Gain K, black level b, largest count and the bow A of the converter, u being y over the largest count.
    thresholds : ndarray of float32 or None
        Levels at which the converter steps to each count, where they are not half-way.
    out : ndarray of uint8 or uint16
        Counts in DN.

    Notes
    -----
    Rounding takes place in float32 up to 14 bits, in float64 above: the mean of a float32 that is rounded near
    65 535 is 0.002 DN too large.
    """
    level = signal if camera.bits <= SINGLE_PRECISION_BITS else signal.astype(np.float64)
    level *= level.dtype.type(camera.gain)
    level += level.dtype.type(camera.black_level)
    if camera.integral_nonlinearity:
        part = np.clip(level / camera.largest_count, 0, 1)
        level += 4 * camera.integral_nonlinearity * part * (1 - part)
    if thresholds is not None:
        np.copyto(out, _step_search(level, thresholds), casting="unsafe")
        return
    level += level.dtype.type(0.5)
    # Clipping first lets the cast, which truncates, do the rounding down.
    np.clip(level, 0, level.dtype.type(camera.largest_count + 0.5), out=level)
    np.copyto(out, level, casting="unsafe")


def align(counts: Counts, camera: Camera) -> None:
    """Move counts to where the camera's words carry them, in place.

    Parameters
    ----------
    counts : ndarray of uint8 or uint16
        Counts in DN; words afterwards.
    camera : Camera
        Its bits and alignment.
    """
    if camera.count_step != 1:
        np.multiply(counts, counts.dtype.type(camera.count_step), out=counts)


def _step_search(level: NDArray[np.floating], thresholds: Frames) -> NDArray[np.intp]:
    """Return the count whose step each level has passed: thresholds lie less than half a DN off their place."""
    largest = len(thresholds) - 2
    count = np.clip(np.floor(level + 0.5), 0, largest).astype(np.intp)
    below = (level < thresholds[count]) & (count > 0)
    above = (level >= thresholds[count + 1]) & (count < largest)
    return np.asarray(count - below + above)
