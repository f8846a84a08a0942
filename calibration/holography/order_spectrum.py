"""The orders of holograms in their power spectrum: where a sideband stands out, and where exactly it is."""

import math

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, median

from calibration.holography.separation import Pair

Real = NDArray[np.float64]

BEAM_SHARE = 0.7
"""Share of the sideband's power in its peak from which on it counts as a beam, with a frequency of its own."""

LEAST_POWER = 1e-4
"""Power of a ring, over the mean of all bins, below which it counts as empty: tails of the window, rounding."""


class OrderSpectrum:
    """Mean power spectrum of frames under a Hann window, each ring levelled by its median.

    Parameters
    ----------
    frames : ndarray, shape (frame, y, x)
        Holograms.
    radii : tuple of float or None
        Half axes of the band along (y, x), in cycles per pixel: the power is summed over discs of that size. None
        compares bins.
    lowest : float
        Modulus of the frequency below which no sideband is sought, in cycles per pixel.
    """

    def __init__(self, frames: Real, *, radii: Pair | None, lowest: float) -> None:
        self.shape = (frames.shape[1], frames.shape[2])
        self.radii = radii
        self.lowest = max(lowest, *radii) if radii else lowest
        self.frames = frames - frames.mean(axis=(1, 2), keepdims=True)
        self.weight = np.hanning(self.shape[0])[:, np.newaxis] * np.hanning(self.shape[1])
        self.axes = (scipy.fft.fftfreq(self.shape[0])[:, np.newaxis], scipy.fft.fftfreq(self.shape[1])[np.newaxis])
        self.power = mean_power(self.frames * self.weight)
        self.excess = np.maximum(self.power - 2 * float(np.median(self.power)), 0)
        self.summed = self._summed(self.power)
        self.level = _levelled(self.summed, np.hypot(*self.axes))

    def distance(self, centre: Pair, radii: Pair) -> Real:
        """Return the distance of the bins from a frequency, periodic.

        Parameters
        ----------
        centre : tuple of float
            Frequency along (y, x), in cycles per pixel.
        radii : tuple of float
            Half axes along (y, x), in cycles per pixel.

        Returns
        -------
        ndarray, shape (y, x)
            Distance in units of the half axes.
        """
        parts = [
            (np.mod(axis - middle + 0.5, 1) - 0.5) / part
            for axis, middle, part in zip(self.axes, centre, radii, strict=True)
        ]
        return np.hypot(*parts)

    def order(self, centre: Pair) -> Pair:
        """Return the half axes of a sideband.

        Parameters
        ----------
        centre : tuple of float
            Its carrier along (y, x), in cycles per pixel.

        Returns
        -------
        tuple of float
            The known ones, or a third of the carrier, the most that is separated.
        """
        third = math.hypot(*centre) / 3
        return self.radii or (third, third)

    def peak(self) -> tuple[Pair, float]:
        """Return the strongest candidate for a sideband.

        Returns
        -------
        frequency : tuple of float
            Its brightest bin or its centre along (y, x), in cycles per pixel, whichever is the more prominent.
        prominence : float
            Its level over the largest outside the orders; zero where there is nothing.
        """
        half = (self.axes[0] > 0) | ((self.axes[0] == 0) & (self.axes[1] > 0))
        level = np.where(half & (np.hypot(*self.axes) >= self.lowest), self.level, 0)
        row, column = np.unravel_index(int(level.argmax()), level.shape)
        found = (float(self.axes[0][row, 0]), float(self.axes[1][0, column]))
        if not level.any():
            return found, 0.0
        # The brightest bin of a band without a beam may lie at its rim: the centroid has the whole band about it.
        places = (found,) if self.radii else (found, self._centroid(found))
        return max(((place, self._prominence(level, place)) for place in places), key=lambda pair: pair[1])

    def _prominence(self, level: Real, centre: Pair) -> float:
        """Return the largest level in the sideband about a frequency over the largest outside the orders."""
        radii = self.order(centre)
        reach = 2.0 if self.radii else 1.0  # a smoothed disc is twice as wide
        inside = self.distance(centre, radii) <= reach
        outside = ~inside & (self.distance((-centre[0], -centre[1]), radii) > reach)
        outside &= self.distance((0.0, 0.0), radii) > 2
        # Of few bins of noise one may stand out by chance: 18 medians, 3 times 6, have a chance of 4e-6 a bin.
        rest = float(level[outside].max(initial=1.0 if self.radii else 6.0))
        return float(level[inside].max(initial=0.0)) / rest

    def refine(self, found: Pair) -> tuple[Pair, str]:
        """Return the frequency of a beam, or the centre of a band.

        Parameters
        ----------
        found : tuple of float
            A candidate of `peak`.

        Returns
        -------
        frequency : tuple of float
            Along (y, x), in cycles per pixel, to a part of a bin.
        kind : {"beam", "band"}
            Whether a peak holds `BEAM_SHARE` of the power of the sideband.
        """
        radii = self.order(found)
        excess = self.excess
        brightest = np.unravel_index(
            int(np.where(self.distance(found, radii) <= 1, self.power, 0).argmax()), self.shape
        )
        start = (float(self.axes[0][brightest[0], 0]), float(self.axes[1][0, brightest[1]]))
        lobe = (2.5 / self.shape[0], 2.5 / self.shape[1])  # the main lobe of a Hann window is two bins to each side
        peak, whole = excess[self.distance(start, lobe) <= 1].sum(), excess[self.distance(found, radii) <= 1].sum()
        if peak >= BEAM_SHARE * whole:
            return self._zoom(start), "beam"
        return self._fullest(found) if self.radii else self._centroid(found), "band"

    def _zoom(self, start: Pair) -> Pair:
        """Return the maximum of the continuous power spectrum next to a bin, parabolic on the last grid."""
        centre, step = np.array(start), np.array([0.5 / size for size in self.shape])
        weighted = self.frames * self.weight
        for _ in range(2):
            ticks = centre[:, np.newaxis] + step[:, np.newaxis] * np.arange(-4, 5) / 2
            waves = [np.exp(-2j * np.pi * np.outer(tick, np.arange(size)))
                     for tick, size in zip(ticks, self.shape, strict=True)]  # fmt: skip
            power = np.sum(np.abs(waves[0] @ weighted @ waves[1].T) ** 2, axis=0)
            row, column = np.clip(np.unravel_index(int(power.argmax()), power.shape), 1, 7)
            near = power[row - 1 : row + 2, column - 1 : column + 2]
            shift = np.array([_vertex(near[:, 1]), _vertex(near[1])])
            centre = np.array([ticks[0, row], ticks[1, column]]) + shift * step / 2
            step /= 4
        return (float(centre[0]), float(centre[1]))

    def _fullest(self, found: Pair) -> Pair:
        """Return where a disc of the known radius holds most power, parabolic between bins."""
        near = np.where(self.distance(found, self.order(found)) <= 1, self.summed, 0)
        row, column = (int(part) for part in np.unravel_index(int(near.argmax()), self.shape))
        rows, columns = self.shape
        up = _vertex(self.summed[[row - 1, row, (row + 1) % rows], column])
        along = _vertex(self.summed[row, [column - 1, column, (column + 1) % columns]])
        return float(self.axes[0][row, 0]) + up / rows, float(self.axes[1][0, column]) + along / columns

    def _centroid(self, found: Pair) -> Pair:
        """Return the centroid of the power in a disc that follows it; the start where there is none."""
        centre = found
        for _ in range(50):
            inside = np.where(self.distance(centre, self.order(centre)) <= 1, self.excess, 0)
            if not inside.any():
                return found
            moves = [
                float(np.sum(inside * (np.mod(axis - middle + 0.5, 1) - 0.5)) / inside.sum())
                for axis, middle in zip(self.axes, centre, strict=True)
            ]
            centre = (centre[0] + moves[0], centre[1] + moves[1])
            if max(map(abs, moves)) < 1e-6:
                break
        return centre

    def _summed(self, power: Real) -> Real:
        """Return the power summed over discs of the known radius; the power itself where none is known."""
        if self.radii is None:
            return power
        disc = (self.distance((0.0, 0.0), self.radii) <= 1).astype(float)
        return np.maximum(
            scipy.fft.irfft2(scipy.fft.rfft2(power) * scipy.fft.rfft2(disc), power.shape), np.finfo(float).tiny
        )


def mean_power(frames: Real) -> Real:
    """Return the mean power spectrum of frames, one transformed at a time to save memory.

    Parameters
    ----------
    frames : ndarray, shape (frame, y, x)
        Frames, real.

    Returns
    -------
    ndarray, shape (y, x)
        Mean squared modulus of the transform.
    """
    power = np.zeros(frames.shape[1:])
    for frame in frames:
        power += np.abs(scipy.fft.fft2(frame, workers=2)) ** 2
    return np.asarray(power / len(frames))


def _levelled(power: Real, modulus: Real) -> Real:
    """Return the power over the median of its ring, rings two bins wide, or of the brightest ring near it.

    The rim of the zero order may cross a ring and leave most of it dark: the brightest of five decides there.
    """
    rings = np.floor(modulus * (min(power.shape) / 2)).astype(int)
    middle = np.asarray(median(power, rings, index=np.arange(rings.max() + 1)), float)
    middle = maximum_filter1d(middle, size=5)
    least = max(LEAST_POWER * float(power.mean()), np.finfo(float).tiny)
    return np.asarray(power / np.maximum(middle[rings], least))


def _vertex(values: Real) -> float:
    """Return where a parabola through three values has its top, in steps from the middle one."""
    bend = float(values[0] - 2 * values[1] + values[2])
    return 0.0 if bend >= 0 else float(np.clip((values[0] - values[2]) / (2 * bend), -1, 1))
