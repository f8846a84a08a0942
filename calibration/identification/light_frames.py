"""Light in electrons from the frames of an identification: dark level taken off, clipped pixels filled, noise known."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from calibration.cameras.uncertainty import Measured
from calibration.identification.observations import Frames

CLIPPED_SHARE = 1e-3
"""Part of dark counts at zero from which on the mean dark frame is not the black level."""


class CameraKnowledge(Protocol):
    """What the figures of light ask of a camera; hot and dead pixels are left out of everything."""

    @property
    def gain(self) -> Measured:
        """Return the system gain K, in DN per electron."""

    @property
    def black_level(self) -> Measured:
        """Return the mean count of a dark pixel in a short exposure, in DN."""

    @property
    def dark_noise(self) -> Measured:
        """Return the temporal dark noise of a pixel without that of rounding, in electrons."""

    @property
    def dark_current(self) -> Measured:
        """Return the dark current, in electrons per pixel per second."""

    @property
    def saturation(self) -> Measured:
        """Return the count at which pixels saturate, by the well or by the converter, in DN."""

    @property
    def hot(self) -> NDArray[np.bool_]:
        """Return which pixels are hot, shape (y, x)."""

    @property
    def dead(self) -> NDArray[np.bool_]:
        """Return which pixels are dead, shape (y, x)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DarkLevel:
    """Mean dark counts of the pixels, and the noise that they share.

    Parameters
    ----------
    offset : ndarray, shape (y, x)
        Deviation of each pixel from the mean of the good ones, in DN.
    start, slope : float
        Mean level at no exposure in DN, and its rise in DN per second.
    uncertainty : float
        Standard uncertainty of the level, in DN.
    spread : float
        Rms of dark counts over good pixels and frames, in DN.
    row_covariance, column_covariance : float
        Covariance of the temporal noise of two pixels in a row, in a column, in DN^2.
    good : ndarray of bool, shape (y, x)
        Pixels that are neither hot nor dead.
    """

    offset: NDArray[np.float64]
    start: float
    slope: float
    uncertainty: float
    spread: float
    row_covariance: float
    column_covariance: float
    good: NDArray[np.bool_]

    def level(self, exposure_time: float) -> float:
        """Return the mean dark count of an exposure time.

        Parameters
        ----------
        exposure_time : float
            Exposure time, in seconds.

        Returns
        -------
        float
            Level in DN.
        """
        return self.start + self.slope * exposure_time


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
    noise_variance : float
        Variance of a pixel's noise without light, in electrons squared.
    row_covariance, column_covariance : float
        Covariance of the noise of two pixels in a row, in a column, in electrons squared.
    exposure_time : float
        Exposure time, in seconds.
    """

    electrons: NDArray[np.float64]
    clipped: NDArray[np.bool_]
    filled_variance: NDArray[np.float64]
    mean: NDArray[np.float64]
    good: NDArray[np.bool_]
    noise_variance: float
    row_covariance: float
    column_covariance: float
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


def dark_level(dark: tuple[Frames, ...], camera: CameraKnowledge) -> DarkLevel:
    """Return the dark counts of each pixel and the noise that rows and columns share.

    .. math:: b(t) = b_0 + K i_d t

    Parameters
    ----------
    dark : tuple of Frames
        Frames without light, at one exposure time or more.
    camera : CameraKnowledge
        Black level and dark current; hot and dead pixels.

    Returns
    -------
    DarkLevel
        The level from the frames, or from the camera's figures where those are surer.

    Raises
    ------
    ValueError
        If no good pixel is left, or the maps do not fit the frames.

    Notes
    -----
    The mean of rounded counts is off by up to exp(-2 pi^2 s^2) / pi DN where all dark counts scatter by s DN only (law
    L46), and too large where counts are clipped at zero: both count in the uncertainty of the frames' own level, and
    the camera's black level is taken where it is surer.
    """
    good = ~(np.asarray(camera.hot, bool) | np.asarray(camera.dead, bool))
    if good.shape != dark[0].counts.shape[1:] or not good.any():
        raise ValueError(
            f"hot and dead pixels leave {int(good.sum())} good ones in maps of shape {good.shape}, frames have shape "
            f"{dark[0].counts.shape[1:]}: give the maps of these frames, with good pixels in them"
        )
    frames = sum(len(one.counts) for one in dark)
    offset = sum(
        (len(one.counts) / frames * (one.mean - one.mean[good].mean()) for one in dark), np.zeros(good.shape)
    )  # fmt: skip
    counts = np.concatenate([one.counts[:, good] for one in dark]).astype(np.float64)
    spread = float(np.sqrt(np.mean(counts.var(axis=0)) + offset[good].var()))
    slope = camera.gain.value * max(camera.dark_current.value, 0.0)
    levels = [one.mean[good].mean() - slope * one.exposure_time for one in dark]
    own = float(np.average(levels, weights=[len(one.counts) for one in dark]))
    rounding = math.exp(-2 * (math.pi * spread) ** 2) / (math.pi * math.sqrt(2))
    clipping = spread if np.mean(counts == 0) > CLIPPED_SHARE else 0.0
    wander = float(np.std(levels, ddof=1)) / math.sqrt(len(levels)) if len(levels) > 1 else 0.0
    doubt = math.hypot(rounding, spread / math.sqrt(counts.size), clipping, wander)
    figure = camera.black_level
    taken = own if doubt <= figure.uncertainty or figure.bound else figure.value
    rows, columns = _line_covariances(dark, good)
    return DarkLevel(
        offset=offset, start=taken, slope=slope, spread=spread, good=good,
        uncertainty=doubt if taken == own else figure.uncertainty, row_covariance=rows, column_covariance=columns,
    )  # fmt: skip


def _line_covariances(dark: tuple[Frames, ...], good: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the covariance of the temporal noise of neighbours in a row and in a column, in DN^2."""
    sums = np.zeros(3)
    for one in dark:
        if len(one.counts) > 1:
            noise = np.diff(one.counts.astype(np.float64), axis=0) / math.sqrt(2) * good
            noise -= good * (noise.sum(axis=(1, 2)) / good.sum())[:, np.newaxis, np.newaxis]
            sums += (np.sum(noise[:, :, 1:] * noise[:, :, :-1]), np.sum(noise[:, 1:] * noise[:, :-1]), len(noise))
    pairs = np.sum(good[:, 1:] & good[:, :-1]), np.sum(good[1:] & good[:-1])
    count = max(sums[2], 1.0)
    return max(float(sums[0] / (count * pairs[0])), 0.0), max(float(sums[1] / (count * pairs[1])), 0.0)


def filled_light(frames: Frames, camera: CameraKnowledge, *, dark: DarkLevel, contrast: float = 1.0) -> FilledLight:
    """Return frames in electrons, clipped pixels filled by the law of speckle.

    .. math:: \\langle I | I > s \\rangle = \\bar I \\frac{Q(k + 1, k s / \\bar I)}{Q(k, k s / \\bar I)}

    Parameters
    ----------
    frames : Frames
        Frames with light.
    camera : CameraKnowledge
        Gain, noise, saturation.
    dark : DarkLevel
        Dark counts.
    contrast : float, optional
        Squared contrast 1 / k of the speckle that a pixel sees.

    Returns
    -------
    FilledLight
        Light in electrons for the exposure.

    Notes
    -----
    Intensity is taken to be gamma distributed of shape k (law L14), and the mean of each frame is found with it.
    """
    gain = camera.gain.value
    level = dark.level(frames.exposure_time)
    noise = max(camera.dark_noise.value, 0.0) ** 2 + max(camera.dark_current.value, 0.0) * frames.exposure_time
    margin = 4 * math.hypot(gain * math.sqrt(noise), 0.5)
    top = camera.saturation.value - (margin if camera.saturation.value - margin > level else 0.0)
    clipped = (frames.counts >= top) & dark.good
    electrons = (frames.counts - (level + dark.offset)) / gain
    electrons *= dark.good
    electrons[clipped] = 0
    share = clipped.sum(axis=(1, 2)) / dark.good.sum()
    below = electrons.sum(axis=(1, 2)) / dark.good.sum()
    mean, filling, variance = _fill(below, share, level=(top - level) / gain, shape=1 / contrast)
    electrons += clipped * filling[:, np.newaxis, np.newaxis]
    return FilledLight(
        electrons=electrons, clipped=clipped, filled_variance=variance, mean=mean, good=dark.good,
        noise_variance=noise + 1 / (12 * gain**2), row_covariance=dark.row_covariance / gain**2,
        column_covariance=dark.column_covariance / gain**2, exposure_time=frames.exposure_time,
    )  # fmt: skip


def _fill(
    below: NDArray[np.float64], share: NDArray[np.float64], *, level: float, shape: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each frame, the mean of its clipped pixels and their variance, by fixed point."""
    mean = below + share * level
    filling, variance = np.full_like(mean, level), np.zeros_like(mean)
    for _ in range(30):
        scale = np.maximum(mean, 1e-3 * level) / shape
        tail = np.maximum(gammaincc(shape, level / scale), 1e-300)
        first = scale * shape * gammaincc(shape + 1, level / scale) / tail
        second = scale**2 * shape * (shape + 1) * gammaincc(shape + 2, level / scale) / tail
        filling = np.maximum(first, level)
        variance = np.maximum(second - first**2, 0)
        mean = below + share * filling
    return mean, filling, variance
