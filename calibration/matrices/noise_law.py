"""How noisy light is, as a function of how much there is."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from calibration.light import Light

Float = TypeVar("Float", np.float32, np.float64)

SAMPLES = 200_000
"""Readings that the law is taken from, spread over all of them."""


@dataclass(frozen=True, kw_only=True)
class NoiseLaw:
    """Variance of the light of one exposure.

    .. math:: \\sigma^2(m) = f + s m + (r m)^2

    Parameters
    ----------
    floor : float
        Variance f in the dark.
    slope : float
        Shot noise s, per unit of light.
    relative : float, optional
        Relative rms r of the light from frame to frame.
    """

    floor: float
    slope: float
    relative: float = 0.0

    def inverse_variance(self, light: NDArray[Float]) -> NDArray[Float]:
        """Return one over the variance of light that is m on average.

        Parameters
        ----------
        light : ndarray
            Mean light m, not negative.

        Returns
        -------
        ndarray, same shape and precision
            Inverse variances of one exposure.
        """
        variance = light * light.dtype.type(self.relative**2)
        variance += light.dtype.type(self.slope)
        variance *= light
        variance += light.dtype.type(self.floor)
        return np.asarray(np.reciprocal(variance, out=variance))


def noise_law(light: Light, *, relative: float = 0.0) -> NoiseLaw:
    """Return the law that the variances of some light follow.

    Parameters
    ----------
    light : Light
        Light whose variance is linear in it where it is not dark, as `calibration.light.light_from_counts` makes it.
    relative : float, optional
        Relative rms of the light from frame to frame, which its variances do not hold.

    Returns
    -------
    NoiseLaw
        The line of least squares through variances above the mean light.

    Raises
    ------
    ValueError
        If a variance is not positive.

    Notes
    -----
    The variance of a reading follows its own noise, and weights taken from it would favour readings that came out low.
    The law gives the variance of the light that a fit expects instead.
    """
    step = max(1, light.value.size // SAMPLES)
    value = light.value.reshape(-1)[::step].astype(np.float64)
    variance = light.variance.reshape(-1)[::step].astype(np.float64)
    if not (variance > 0).all():
        raise ValueError(f"variance of the light = {variance.min():g} is not allowed: it must be positive everywhere")
    bright = value >= value.mean()
    value, variance = value[bright], variance[bright]
    centred = value - value.mean()
    spread = float(centred @ centred)
    slope = max(float(centred @ variance) / spread, 0.0) if spread > 0 else 0.0
    floor = float(variance.mean() - slope * value.mean())
    return NoiseLaw(floor=max(floor, 1e-6 * float(variance.mean())), slope=slope, relative=relative)
