"""Statistics that a bench and its twin are compared by: variance against signal, and likeness against time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.identification.observations import Frames, Observations

SIGNAL_BINS = 12
"""Classes of brightness into which the pixels of a pair of frames fall."""

LAG_BINS = 24
"""Classes of time between two frames, equally wide in its logarithm."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """Points of a curve, ascending along x.

    Parameters
    ----------
    x, y : ndarray, shape (point,)
        The points.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]


def photon_transfer_curve(observations: Observations) -> Curve:
    """Return the variance of pixels against their signal, from the pairs of the ladder.

    .. math:: \\sigma^2 = \\tfrac{1}{2} \\langle (a - g b)^2 \\rangle, \\qquad
              g = \\frac{\\sum a}{\\sum b}

    Parameters
    ----------
    observations : Observations
        Frames of an identification.

    Returns
    -------
    Curve
        Signal above dark and temporal variance, in DN and DN^2; a class of brightness of one pair each.

    Notes
    -----
    The gain g takes the laser's noise from the pair. The darkness of a pixel is that of the dark frames whose exposure
    time is nearest. Frames are speckle: one of them holds all signals up to its brightest.
    """
    signals, variances = [], []
    for pair in observations.ladder:
        dark = _nearest(observations.dark, pair.exposure_time).mean
        first, second = (pair.counts[k].astype(np.float64) - dark for k in (0, 1))
        gain = first.sum() / second.sum() if second.sum() > 0 else 1.0
        signal = ((first + gain * second) / 2).ravel()
        half = ((first - gain * second) ** 2 / 2).ravel()
        for part in np.array_split(np.argsort(signal, kind="stable"), SIGNAL_BINS):
            if part.size:
                signals.append(signal[part].mean())
                variances.append(half[part].mean())
    order = np.argsort(signals)
    return Curve(x=np.array(signals)[order], y=np.array(variances)[order])


def decorrelation_curve(observations: Observations) -> Curve:
    """Return how alike frames of one pattern are that were taken some time apart, mean over the patterns.

    .. math:: C(\\tau) = \\frac{\\langle \\delta_a \\delta_b \\rangle}{\\langle \\delta^2 \\rangle_0},
              \\qquad t_b - t_a \\approx \\tau

    Parameters
    ----------
    observations : Observations
        Frames of an identification.

    Returns
    -------
    Curve
        Time apart, in seconds, and correlation of the light's deviations delta from its mean, free of noise; one where
        frames follow each other.

    Notes
    -----
    Two frames have independent noise, so that their product has none on average; no frame meets itself. Fixed pattern
    of the darkness is taken off. The mean of a frame is set to one, which takes the laser's noise away.
    """
    dark = _nearest(observations.dark, observations.repeats[0].exposure_time).mean
    lags, products = zip(*(_products(bursts, dark) for bursts in observations.parts), strict=True)
    lag, product = np.concatenate(lags), np.concatenate(products)
    low, high = lag[lag > 0].min(), lag.max()
    edges = np.geomspace(low * 0.999, high * 1.001, LAG_BINS + 1)
    index = np.clip(np.searchsorted(edges, lag) - 1, 0, LAG_BINS - 1)
    number = np.bincount(index, minlength=LAG_BINS)
    used = number > 0
    x = np.bincount(index, weights=lag, minlength=LAG_BINS)[used] / number[used]
    y = np.bincount(index, weights=product, minlength=LAG_BINS)[used] / number[used]
    return Curve(x=x, y=y / y[0])


def _products(bursts: tuple[Frames, ...], dark: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the time between the frames of each pair of one pattern, and the mean product of their deviations."""
    frames = np.concatenate([burst.counts for burst in bursts]) - dark
    times = np.concatenate([burst.timestamps for burst in bursts])
    flat = frames.reshape(len(frames), -1)
    flat /= flat.mean(axis=1, keepdims=True)
    flat -= flat.mean(axis=1, keepdims=True)
    first, second = np.triu_indices(len(flat), 1)
    return np.abs(times[second] - times[first]), (flat @ flat.T / flat.shape[1])[first, second]


def _nearest(sets: tuple[Frames, ...], exposure_time: float) -> Frames:
    """Return the frames whose exposure time is nearest."""
    return min(sets, key=lambda one: abs(one.exposure_time - exposure_time))
