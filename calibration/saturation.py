"""What saturated and lost frames hide, as a contribution to the error bars."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from calibration.records import Calibration, Series
from optics.camera import Camera


def hidden_variance(
    series: Series,
    frames: NDArray[np.unsignedinteger],
    received: NDArray[np.bool_],
    calibration: Calibration,
) -> NDArray[np.float32]:
    """Return what saturated and lost frames add to the variance of the signed sum of frames.

    Parameters
    ----------
    series : Series
        What the frames are for.
    frames : ndarray, shape (frame, output)
        Counts, in DN.
    received : ndarray of bool, shape (frame,)
        False where a frame was lost.
    calibration : Calibration
        Calibration of the bench.

    Returns
    -------
    ndarray of float32, shape (vector, output)
        Variance in DN^2: zero where all is well, infinite where a frame was lost.
    """
    hidden = np.zeros((len(series.vectors), frames.shape[1]), np.float32)
    saturated = frames >= calibration.camera.saturation
    if received.all() and not saturated.any():
        return hidden
    stored, scheme = calibration.levels[series.level], calibration.scheme
    for block in series.blocks:
        frame, pixel = np.nonzero(saturated[block.frames])
        on = series.patterns[block.frames][frame].sum(axis=1)
        anchor = np.zeros(len(pixel))
        if block.role.anchored and not scheme.overlapping:
            anchor = np.maximum(stored.anchor - stored.dark, 0)[pixel].astype(np.float64)
            on = on - len(scheme.anchor)
        speckle = on * calibration.input_rate * stored.exposure_time
        np.add.at(hidden, (block.members[frame], pixel), _excess(anchor, speckle, calibration.camera))
        hidden[block.members[~received[block.frames]]] = np.inf
    return hidden


def _excess(anchor: NDArray[np.floating], speckle: NDArray[np.floating], camera: Camera) -> NDArray[np.float32]:
    """Return the mean square of what a saturated pixel hides, in DN^2.

    The frame is |a + s|^2 with the anchor's light a^2 known and s speckle of a known mean: its mean is a^2 + s^2
    and its variance 2 a^2 s^2 + s^4. A normal law of these, cut at the saturation L, has beyond L

        <(I - L)^2> = sigma^2 (1 + z^2) - sigma^2 z phi(z) / Q(z),    z = (L - mean) / sigma.
    """
    mean = anchor + speckle
    sigma = np.sqrt(2 * anchor * speckle + speckle**2)
    z = np.minimum((camera.saturation - camera.black_level - mean) / sigma, 30.0)
    hazard = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) / ndtr(-z)
    return np.asarray(sigma**2 * (1 + z**2 - z * hazard), np.float32)
