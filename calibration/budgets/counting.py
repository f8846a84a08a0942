"""The law of a pixel's count for a given mean charge: its mean and its variance, clipping and rounding included."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, ndtr, xlogy

from optics.camera import Camera

Values = NDArray[np.float64]

DITHERED = 0.5
"""Standard deviation in DN from which on rounding adds a twelfth and no bias; below, counts are summed one by one."""

FEW = 40.0
"""Mean electrons up to which a camera whose read noise does not dither is summed over whole electrons."""

WELL_NODES = 48
"""Nodes of the shot noise where the full well cuts it."""

REACH = 6.0
"""Standard deviations beyond which a normal law is taken to have no weight."""


@dataclass(frozen=True, kw_only=True)
class CountLaw:
    """The conditional law of a count, given the mean charge and the offset of a pixel.

    .. math:: c = \\mathrm{round} \\left[ \\mathrm{clip} \\left( K \\left( f(\\min(N, e_\\mathrm{fw})) + o + n \\right)
              + b \\right) \\right], \\qquad N \\sim \\mathrm{Poisson}(\\mu), \\quad
              f(e) = e (1 - \\alpha e / e_\\mathrm{fw})

    Parameters
    ----------
    camera : Camera
        Gain K, full well, non-linearity alpha, dark noise of n, black level b, largest count.
    shot_noise, rounding, clipping : bool, optional
        Whether the camera has them; what is taken away costs nothing in the law.

    Notes
    -----
    N is taken as normal of variance mu, and the dark noise with it, so that mean and variance of the clipped count are
    closed forms. Where that does not hold the law is summed: over the counts where the noise is below `DITHERED` DN,
    over whole electrons where there are fewer than `FEW` and the read noise does not dither, over nodes of the shot
    noise where the full well cuts it.
    """

    camera: Camera
    shot_noise: bool = True
    rounding: bool = True
    clipping: bool = True

    def moments(self, charge: ArrayLike, offset: ArrayLike = 0.0) -> tuple[Values, Values]:
        """Return mean and variance of counts.

        Parameters
        ----------
        charge : array_like
            Mean charge mu, dark charge included, in electrons; not negative.
        offset : array_like, optional
            Fixed offset o of the pixel, in electrons; it broadcasts against ``charge``.

        Returns
        -------
        mean, variance : ndarray
            In DN and DN^2.
        """
        mu, shift = np.broadcast_arrays(np.asarray(charge, np.float64), np.asarray(offset, np.float64))
        shape, mu, shift = mu.shape, mu.ravel(), shift.ravel()
        mean, variance = self._smooth(mu, shift)
        for chosen, exact in ((self._few(mu), self._over_electrons), (self._near_well(mu), self._over_nodes)):
            if chosen.any():
                mean[chosen], variance[chosen] = exact(mu[chosen], shift[chosen])
        return mean.reshape(shape), np.maximum(variance, 0.0).reshape(shape)

    def _smooth(self, mu: Values, shift: Values) -> tuple[Values, Values]:
        """Return the moments where the shot noise is normal."""
        camera = self.camera
        shot = mu if self.shot_noise else np.zeros_like(mu)
        bend = camera.nonlinearity / camera.full_well
        charge = mu - bend * (mu**2 + shot)
        slope = 1 - 2 * bend * mu
        return self._read(charge, shift, spread=np.sqrt(shot * slope**2 + camera.dark_noise**2))

    def _read(self, charge: Values, shift: Values, *, spread: Values) -> tuple[Values, Values]:
        """Return the moments of the counts of normal charges."""
        camera = self.camera
        level = camera.gain * (charge + shift) + camera.black_level
        bow = camera.integral_nonlinearity
        if bow:
            part = np.clip(level / camera.largest_count, 0, 1)
            level = level + 4 * bow * part * (1 - part)
        top = float(camera.largest_count) if self.clipping else math.inf
        sigma = camera.gain * spread
        mean, variance = _clipped(level, sigma, top=top)
        if not self.rounding:
            return mean, variance
        inside = ndtr((top - level) / np.maximum(sigma, 1e-9)) - ndtr(-level / np.maximum(sigma, 1e-9))
        variance = variance + inside / 12
        coarse = sigma < DITHERED
        if coarse.any():
            mean[coarse], variance[coarse] = _rounded(level[coarse], sigma[coarse], top=top)
        return mean, variance

    def _few(self, mu: Values) -> NDArray[np.bool_]:
        """Return where whole electrons show: few of them, in a camera whose read noise does not hide the steps."""
        camera = self.camera
        if not self.shot_noise or camera.gain * camera.dark_noise >= DITHERED or camera.gain < 0.01:
            return np.zeros(mu.shape, np.bool_)
        return mu < min(FEW, camera.full_well / 4)

    def _over_electrons(self, mu: Values, shift: Values) -> tuple[Values, Values]:
        """Return the moments summed over numbers of electrons; offsets should take few values."""
        numbers = np.arange(math.ceil(FEW + 8 * math.sqrt(FEW)), dtype=np.float64)
        weight = np.exp(xlogy(numbers, mu[:, np.newaxis]) - mu[:, np.newaxis] - gammaln(numbers + 1))
        bent = numbers * (1 - self.camera.nonlinearity / self.camera.full_well * numbers)
        first, second = np.empty_like(mu), np.empty_like(mu)
        for offset in np.unique(shift):
            chosen = shift == offset
            spread = np.full(numbers.shape, self.camera.dark_noise)
            mean, variance = self._read(bent, np.full(numbers.shape, offset), spread=spread)
            first[chosen] = weight[chosen] @ mean
            second[chosen] = weight[chosen] @ (variance + mean**2)
        return first, second - first**2

    def _near_well(self, mu: Values) -> NDArray[np.bool_]:
        """Return where the full well cuts the charge, unless the converter has saturated long before."""
        camera = self.camera
        well = camera.full_well
        late = camera.gain * (well * (1 - camera.nonlinearity) - REACH * camera.dark_noise) + camera.black_level
        if not self.clipping or late > camera.largest_count + 1:
            return np.zeros(mu.shape, np.bool_)
        return mu + REACH * np.sqrt(mu) > well

    def _over_nodes(self, mu: Values, shift: Values) -> tuple[Values, Values]:
        """Return the moments summed over nodes of a normal shot noise that the full well cuts."""
        width = np.sqrt(mu) if self.shot_noise else np.zeros_like(mu)
        nodes = np.linspace(-REACH, REACH, WELL_NODES)
        weight = np.exp(-(nodes**2) / 2)
        charge = np.minimum(np.maximum(mu[:, np.newaxis] + width[:, np.newaxis] * nodes, 0), self.camera.full_well)
        return self._mixed(charge, np.broadcast_to(weight / weight.sum(), charge.shape), shift)

    def _mixed(self, charge: Values, weight: Values, shift: Values) -> tuple[Values, Values]:
        """Return the moments of a mixture of read-outs of known charges."""
        camera = self.camera
        bent = charge * (1 - camera.nonlinearity / camera.full_well * charge)
        bent, offset = np.broadcast_arrays(bent, shift[:, np.newaxis])
        mean, variance = self._read(bent.copy(), offset, spread=np.full(bent.shape, camera.dark_noise))
        first = np.sum(weight * mean, axis=1)
        return first, np.sum(weight * (variance + (mean - first[:, np.newaxis]) ** 2), axis=1)


def _clipped(level: Values, sigma: Values, *, top: float) -> tuple[Values, Values]:
    """Return mean and variance of normal variables that are clipped at zero and at the top; infinity clips neither."""
    if math.isinf(top):
        return level.copy(), sigma**2
    safe = np.maximum(sigma, 1e-9)
    low, high = -level / safe, (top - level) / safe
    below, above = ndtr(low), ndtr(-high)
    edge_low, edge_high = (np.exp(-np.minimum(z * z, 1400.0) / 2) / math.sqrt(2 * math.pi) for z in (low, high))
    # Moments of y - level: z sigma inside, the edges outside.
    inside = 1 - below - above
    first = safe * (edge_low - edge_high) - level * below + (top - level) * above
    second = safe**2 * (inside + low * edge_low - high * edge_high) + level**2 * below + (top - level) ** 2 * above
    return level + first, np.maximum(second - first**2, 0.0)


def _rounded(level: Values, sigma: Values, *, top: float) -> tuple[Values, Values]:
    """Return mean and variance of rounded and clipped normal variables, by a sum over the counts around the mean."""
    reach = 1 + math.ceil(REACH * float(sigma.max()) - 0.5)
    near = np.floor(level + 0.5)[:, np.newaxis] + np.arange(-reach, reach + 1)
    safe = np.maximum(sigma, 1e-9)[:, np.newaxis]
    steps = ndtr((near + 0.5 - level[:, np.newaxis]) / safe)
    weight = np.diff(steps, axis=1, prepend=0.0)
    weight[:, -1] += 1 - steps[:, -1]
    counts = np.clip(near, 0, top) if math.isfinite(top) else near
    mean = np.sum(weight * counts, axis=1)
    return mean, np.sum(weight * (counts - mean[:, np.newaxis]) ** 2, axis=1)
