"""Light in electrons from the frames of an identification: dark level taken off, clipped pixels filled, noise known."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from calibration.cameras.uncertainty import Measured
from calibration.identification.dark_levels import (
    CLIPPED_SHARE,
    CameraKnowledge,
    DarkLevel,
    clipped_mean,
    noise_below,
    rounding_shift,
)
from calibration.identification.observations import Frames

CLIPPED_DOUBT = 0.05
"""Doubt of a mean that clipping at zero shifts, in standard deviations of the dark signal."""

TAIL = 0.75
"""Part of the saturation from which on pixels tell how the light of clipped ones falls off."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FilledLight:
    """Frames in electrons, the clipped pixels filled with what is expected of them.

    Parameters
    ----------
    electrons : ndarray, shape (frame, y, x)
        Electrons that light made in the exposure; zero in pixels that are not good.
    clipped : ndarray of bool, shape (frame, y, x)
        Good pixels that saturated.
    filled_variance : ndarray, shape (frame,)
        Variance that a clipped pixel has about its filling, in electrons squared.
    mean : ndarray, shape (frame,)
        Mean over the good pixels, in electrons.
    good : ndarray of bool, shape (y, x)
        Good pixels.
    noise_variance, noise_doubt : float
        Variance of a pixel's noise without light and its standard uncertainty, in electrons squared.
    row_covariance, column_covariance : float
        Covariance of the noise of two pixels in a row, in a column, in electrons squared.
    rounding : float
        Rms by which rounding, and clipping at zero, may shift a mean, in electrons.
    level_doubt : float
        Standard uncertainty of the dark level, which all frames share, in electrons.
    exposure_time : float
        Exposure time, in seconds.
    """

    electrons: NDArray[np.float64]
    clipped: NDArray[np.bool_]
    filled_variance: NDArray[np.float64]
    mean: NDArray[np.float64]
    good: NDArray[np.bool_]
    noise_variance: float
    noise_doubt: float
    row_covariance: float
    column_covariance: float
    rounding: float
    level_doubt: float
    exposure_time: float

    @property
    def pixels(self) -> int:
        """Return the number of good pixels."""
        return int(self.good.sum())

    @property
    def mean_variance(self) -> NDArray[np.float64]:
        """Return the variance of each frame's mean that shot noise and the camera make, shape (frame,)."""
        rows, columns = self.good.shape
        lines = self.row_covariance / rows + self.column_covariance / columns
        return np.asarray((np.maximum(self.mean, 0) + self.noise_variance) / self.pixels + lines)


def filled_light(frames: Frames, camera: CameraKnowledge, *, dark: DarkLevel, contrast: float = 1.0) -> FilledLight:
    """Return frames in electrons, clipped pixels filled by how speckle falls off.

    .. math:: \\langle I | I > s \\rangle = s + \\theta \\bar I, \\qquad
              \\theta = \\frac{\\sum_{I > q} (\\min(I, s) - q) / \\bar I}{\\#(q < I < s)}

    Parameters
    ----------
    frames : Frames
        Frames with light.
    camera : CameraKnowledge
        Gain, noise, saturation.
    dark : DarkLevel
        Dark counts.
    contrast : float, optional
        Squared contrast of the speckle that a pixel sees; it matters where dark counts are clipped at zero.

    Returns
    -------
    FilledLight
        Light in electrons for the exposure.

    Notes
    -----
    Bright speckle falls off exponentially, by its strongest mode: theta is the likeliest slope of pixels beyond q,
    three quarters of the saturation s, those beyond s censored. Where dark counts are clipped at zero, the mean is
    that whose clipped counts have the mean that is seen (`clipped_mean`).
    """
    gain, read = camera.gain.value, camera.dark_noise
    known = dark.level(frames.exposure_time)
    level = known.value
    dark_noise = Measured(value=max(read.value, 0.0) ** 2, uncertainty=2 * read.value * read.uncertainty)
    if read.bound:
        dark_noise = noise_below(gain * read.value, temporal=dark.temporal)
        dark_noise = Measured(value=dark_noise.value / gain**2, uncertainty=dark_noise.uncertainty / gain**2)
    noise = dark_noise.value + dark.slope / gain * frames.exposure_time
    doubt = math.hypot(dark_noise.uncertainty, dark.slope_uncertainty / gain * frames.exposure_time)
    shift = rounding_shift(float(frames.counts[:, dark.good].std(axis=1).min()))
    if np.mean(frames.counts[:, dark.good] == 0) > CLIPPED_SHARE:
        shift = math.hypot(shift, CLIPPED_DOUBT * dark.spread)
    margin = 4 * math.hypot(gain * math.sqrt(noise), 0.5)
    top = camera.saturation.value - (margin if camera.saturation.value - margin > level else 0.0)
    clipped = (frames.counts >= top) & dark.good
    electrons = (frames.counts - (level + dark.offset)) / gain * dark.good
    electrons[clipped] = 0
    mean, tail = _fill(electrons, clipped, level=(top - level) / gain, pixels=int(dark.good.sum()))
    electrons += clipped * ((top - level) / gain + tail)[:, np.newaxis, np.newaxis]
    return FilledLight(
        electrons=electrons, clipped=clipped, filled_variance=tail**2, good=dark.good,
        mean=mean + _lost_at_zero(frames, dark, level=level, contrast=contrast) / gain,
        noise_variance=noise + 1 / (12 * gain**2), noise_doubt=doubt + 2 * shift / gain**2,
        row_covariance=dark.row_covariance / gain**2, column_covariance=dark.column_covariance / gain**2,
        rounding=shift / gain, level_doubt=known.uncertainty / gain, exposure_time=frames.exposure_time,
    )  # fmt: skip


def _fill(
    electrons: NDArray[np.float64], clipped: NDArray[np.bool_], *, level: float, pixels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each frame, and by how much its clipped pixels exceed the level on average, by fixed point."""
    share, below = clipped.sum(axis=(1, 2)) / pixels, electrons.sum(axis=(1, 2)) / pixels
    bright = (electrons > TAIL * level).sum(axis=(1, 2))
    excess = np.sum(np.maximum(electrons - TAIL * level, 0), axis=(1, 2)) + share * pixels * (1 - TAIL) * level
    lit, mean, tail = share > 0, below + share * level, np.zeros_like(below)
    for _ in range(20 if lit.any() else 0):
        slope = float(np.sum(excess[lit] / mean[lit]) / max(np.sum(bright[lit]), 1))
        tail = slope * mean
        mean = below + share * (level + tail)
    return mean, tail


def _lost_at_zero(frames: Frames, dark: DarkLevel, *, level: float, contrast: float) -> float:
    """Return by how much clipping at zero changed the mean light of the frames, in DN."""
    counts = frames.counts[:, dark.good]
    if np.mean(counts == 0) <= CLIPPED_SHARE or level <= 0:
        return 0.0
    seen = float(counts.mean())

    def misfit(light: float) -> float:
        return clipped_mean(level, spread=dark.spread, light=light, contrast=contrast) - seen

    largest = seen + level
    if misfit(-level) * misfit(largest) > 0:
        return 0.0
    return float(brentq(misfit, -level, largest)) - (seen - level)
