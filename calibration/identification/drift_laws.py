"""Field correlation of a medium that drifts, by many channels or by few, as a function of the rate of the drift."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from optics.validation import check_choice

LAWS = ("exponential", "gaussian")


@dataclass(frozen=True, kw_only=True)
class DriftLaw:
    """How the field correlation falls, with rho = 1 / tau_c (exponential) or 1 / tau_c^2 (gaussian).

    .. math:: g_1(\\tau) = e^{-\\rho \\tau}, \\quad e^{-\\rho \\tau^2}, \\quad \\mathrm{or} \\quad
              \\frac{1}{N} \\sum_j \\cos(q_j \\tau / \\tau_c)

    Parameters
    ----------
    name : {"exponential", "gaussian"}
        The law.
    channels : float, optional
        Channels N of the medium, each with a frequency: the N quantiles q_j of the spectrum of the law. Infinity for
        many. Few of them round an exponential law off below tau_c / N.

    Raises
    ------
    ValueError
        If the law is not known or there are fewer than two channels.
    """

    name: str
    channels: float = math.inf

    def __post_init__(self) -> None:
        check_choice("law", self.name, LAWS)
        if not self.channels >= 2:
            raise ValueError(f"channels = {self.channels:g} is not allowed: give two or more, infinity for many")

    def rate(self, time: float) -> float:
        """Return the rate of a correlation time.

        Parameters
        ----------
        time : float
            Correlation time tau_c, in seconds.

        Returns
        -------
        float
            Rate rho, 1/s or 1/s^2.
        """
        return 1 / time if self.name == "exponential" else 1 / time**2

    def time(self, rate: float) -> float:
        """Return the correlation time of a rate.

        Parameters
        ----------
        rate : float
            Rate rho, 1/s or 1/s^2.

        Returns
        -------
        float
            Correlation time, in seconds; infinity where the rate is not positive.
        """
        if rate <= 0:
            return math.inf
        return 1 / rate if self.name == "exponential" else 1 / math.sqrt(rate)

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """Return the frequencies q of the channels, in units of 1 / tau_c; for a finite number of them."""
        steps = (np.arange(int(self.channels)) + 0.5) / int(self.channels)
        return np.asarray(
            np.tan(math.pi * (steps - 0.5)) if self.name == "exponential" else math.sqrt(2) * ndtri(steps)
        )

    def correlation(
        self, times: NDArray[np.float64], *, rate: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the field correlation between moments, and its slope.

        Parameters
        ----------
        times : ndarray, shape (moment,)
            Times, in seconds.
        rate : float
            Rate rho, not negative.

        Returns
        -------
        correlation, slope : ndarray, shape (moment, moment)
            g_1 and its derivative by the rate.
        """
        lags = np.subtract.outer(times, times)
        if math.isinf(self.channels):
            powers = np.abs(lags) if self.name == "exponential" else lags**2
            field = np.exp(-rate * powers)
            return field, -powers * field
        own = self.frequencies
        if not rate:
            steepness = np.abs(lags) * 0 if self.name == "exponential" else lags**2 / 2
            return np.ones_like(lags), -steepness * float(np.mean(own**2))
        turns = np.exp(1j * np.outer(times - times.mean(), own / self.time(rate)))
        field = (turns @ turns.conj().T).real / own.size
        turning = ((turns * own) @ turns.conj().T).imag / own.size
        share = 1.0 if self.name == "exponential" else 1 / (2 * math.sqrt(rate))
        return field, -lags * turning * share
