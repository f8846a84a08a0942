"""What a count says of the light behind it: the law that fields from counts are fitted with."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from calibration.cameras.quantiser import charge_probability
from optics.camera import Camera
from optics.validation import check_count, check_number

Real = NDArray[np.float64]

INFORMATION_NODES = 100
"""Lights at which the exact information is computed; it is interpolated between them, to about 1e-3."""

ROUNDING = 1 / 12
"""Variance of the rounding of a noisy signal, in DN^2 (law L46 says where it holds)."""


@dataclass(frozen=True, kw_only=True)
class CountLaw:
    """The law of the counts of a pixel, given its light.

    Counts are the rounded sum of a signal and of normal noise, whose variance is linear in the signal:

    .. math:: c = \\lfloor m + \\sigma n + \\tfrac12 \\rfloor, \\qquad m = m_0 + s I, \\qquad
              \\sigma^2 = \\sigma_0^2 + K s I

    Parameters
    ----------
    offset : float
        Mean signal m_0 without light, in DN.
    slope : float
        Signal s of a unit of light, in DN.
    dark_variance : float
        Variance sigma_0^2 without light and before rounding, in DN^2; 0 leaves rounding alone where K is 0 too.
    gain : float
        System gain K, in DN per electron: shot noise over signal; 0 for none.
    top : int
        Count from which on a pixel is saturated: it says that the signal lies above ``top - 1/2``.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    offset: float
    slope: float
    dark_variance: float
    gain: float
    top: int

    def __post_init__(self) -> None:
        check_number("offset", self.offset, unit="DN")
        check_number("slope", self.slope, unit="DN", above=0)
        check_number("dark_variance", self.dark_variance, unit="DN^2", at_least=0)
        check_number("gain", self.gain, unit="DN/e", at_least=0)
        check_count("top", self.top)

    @classmethod
    def of(cls, camera: Camera, *, exposure_time: float) -> "CountLaw":
        """Return the law of the counts of a camera.

        Parameters
        ----------
        camera : Camera
            The camera.
        exposure_time : float
            Exposure time, in seconds.

        Returns
        -------
        CountLaw
            With light in photons per pixel per second.
        """
        check_number("exposure_time", exposure_time, unit="s", above=0)
        current = camera.gain * camera.dark_current * camera.thermal_factor * exposure_time
        return cls(
            offset=camera.black_level + current,
            slope=camera.gain * camera.quantum_efficiency * exposure_time,
            dark_variance=(camera.gain * camera.dark_noise) ** 2 + camera.gain * current,
            gain=camera.gain,
            top=camera.saturation,
        )

    def light(self, counts: NDArray[np.integer] | Real) -> Real:
        """Return the light whose mean signal counts are.

        Parameters
        ----------
        counts : ndarray
            Counts, in DN.

        Returns
        -------
        ndarray of float64
            Light, below zero where noise took it there.
        """
        return np.asarray((np.asarray(counts, np.float64) - self.offset) / self.slope)

    def signal(self, light: Real) -> Real:
        """Return the mean signal of light, in DN.

        Parameters
        ----------
        light : ndarray
            Light, in its unit.

        Returns
        -------
        ndarray of float64
            Mean signal before rounding, in DN.
        """
        return np.asarray(self.offset + self.slope * light)

    def noise_variance(self, light: Real) -> Real:
        """Return the variance of the signal before rounding.

        Parameters
        ----------
        light : ndarray
            Light, in its unit; light below zero counts as none.

        Returns
        -------
        ndarray of float64
            Variance, in DN^2.
        """
        return np.asarray(self.dark_variance + self.gain * self.slope * np.maximum(light, 0))

    def light_variance(self, counts: NDArray[np.integer] | Real) -> Real:
        """Return the variance of the light that counts stand for, rounding included.

        Parameters
        ----------
        counts : ndarray
            Counts, in DN.

        Returns
        -------
        ndarray of float64
            Variance, in the square of the unit of the light.
        """
        return np.asarray((self.noise_variance(self.light(counts)) + ROUNDING) / self.slope**2)

    def log_likelihood(self, counts: NDArray[np.integer], light: Real) -> Real:
        """Return the logarithm of the probability of counts: which rounding interval each signal fell into.

        .. math:: \\log P = \\log \\left[\\Phi\\left(\\frac{c + \\frac12 - m}{\\sigma}\\right)
                  - \\Phi\\left(\\frac{c - \\frac12 - m}{\\sigma}\\right)\\right]

        Parameters
        ----------
        counts : ndarray of int
            Counts, in DN.
        light : ndarray
            Light, of a shape that broadcasts with theirs.

        Returns
        -------
        ndarray of float64
            Logarithms; minus infinity where rounding alone excludes a count.

        Notes
        -----
        Shot noise is normal here: good from about ten electrons on. `count_information` has it exactly.
        """
        rest = self.signal(light) - counts
        deviation = np.sqrt(self.noise_variance(light))
        above, below = np.asarray(counts) >= self.top, np.asarray(counts) <= 0
        upper, lower = np.where(above, np.inf, 0.5 - rest), np.where(below, -np.inf, -0.5 - rest)
        if self.dark_variance == 0 and self.gain == 0:
            return np.where((upper >= 0) & (lower <= 0), 0.0, -np.inf)
        scale = np.maximum(deviation, 1e-9)
        # Differences of the nearer tail keep their digits far from the mean.
        far = lower > -upper
        upper, lower = np.where(far, -lower, upper) / scale, np.where(far, -upper, lower) / scale
        spread = ndtr(upper) - ndtr(lower)
        tiny = np.finfo(np.float64).tiny
        return np.where(spread > tiny, np.log(np.maximum(spread, tiny)), log_ndtr(np.maximum(upper, -1e9)))

    def information(self, light: Real) -> Real:
        """Return the Fisher information of a count on the signal, taking noise and rounding as normal.

        .. math:: i = \\frac{1}{v} + \\frac{K^2}{2 v^2}, \\qquad v = \\sigma_0^2 + K s I + \\tfrac{1}{12}

        Parameters
        ----------
        light : ndarray
            Light, in its unit.

        Returns
        -------
        ndarray of float64
            Information, in DN^-2; it is zero where the signal saturates.
        """
        variance = self.noise_variance(light) + ROUNDING
        return np.where(self.signal(light) < self.top - 0.5, 1 / variance + self.gain**2 / (2 * variance**2), 0.0)


def count_information(law: CountLaw, light: Real) -> Real:
    """Return the exact Fisher information of a count on the signal: Poisson electrons, read noise, rounding, clipping.

    .. math:: i = \\frac{1}{K^2} \\sum_c \\frac{(\\partial P(c) / \\partial \\lambda)^2}{P(c)}, \\qquad
              \\frac{\\partial P(c)}{\\partial \\lambda} = P(c \\mid \\text{one electron more}) - P(c)

    Parameters
    ----------
    law : CountLaw
        The law of the counts, with a gain and a dark noise that are not zero.
    light : ndarray
        Light, in its unit, not below zero.

    Returns
    -------
    ndarray of float64
        Information, in DN^-2, interpolated between 100 lights that are even in the square root.

    Raises
    ------
    ValueError
        If the law has no shot noise or no dark noise: rounding alone has no information in this sense.
    """
    if law.gain == 0 or law.dark_variance == 0:
        raise ValueError(
            f"gain = {law.gain:g} DN/e and dark_variance = {law.dark_variance:g} DN^2 must both be above zero: "
            "rounding alone confines fields to regions, see posterior_mean"
        )
    roots, exact = _information_table(law)
    return np.asarray(np.interp(np.sqrt(np.maximum(light, 0)), roots, exact))


@lru_cache(maxsize=16)
def _information_table(law: CountLaw) -> tuple[Real, Real]:
    """Return roots of lights, up to ten deviations beyond saturation, and the information there."""
    brightest = max(law.top + 10 * np.sqrt(law.dark_variance + law.gain * law.top) - law.offset, 1)
    roots = np.linspace(0, np.sqrt(brightest / law.slope), INFORMATION_NODES)
    exact = np.empty_like(roots)
    for node, root in enumerate(roots):
        charge = max(law.slope * root**2 / law.gain, 1e-12)
        mean, reach = law.signal(root**2), 10 * np.sqrt(law.noise_variance(root**2)) + 2
        counts = np.arange(max(0, min(law.top, int(mean - reach))), max(0, min(law.top, int(mean + reach))) + 1)
        table = charge_probability(
            counts, charge=charge, offset=np.array([law.offset, law.offset + law.gain]), gain=law.gain,
            deviation=float(np.sqrt(law.dark_variance)), top=law.top,
        )  # fmt: skip
        seen = table[:, 0] > 1e-300
        exact[node] = np.sum((table[seen, 1] - table[seen, 0]) ** 2 / table[seen, 0]) / law.gain**2
    return roots, exact
