"""The figures of a fidelity, each with its interval: correlation, error, decibels, bits, angle."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from calibration.fidelities.effective_bits import DB_PER_BIT, SINE_DB
from optics.validation import check_number


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A figure and where its true value lies.

    Parameters
    ----------
    value : float
        The figure.
    low, high : float
        Limits of the confidence interval.
    level : float
        Part of all such intervals that contain the true value.

    Raises
    ------
    ValueError
        If the value is not between the limits, or the level is no part of one.
    """

    value: float
    low: float
    high: float
    level: float = 0.95

    def __post_init__(self) -> None:
        check_number("level", self.level, above=0, at_most=1)
        if not self.low <= self.value <= self.high:
            raise ValueError(f"{self.value:g} is not between low = {self.low:g} and high = {self.high:g}")

    def __str__(self) -> str:
        """Return the figure with the digits that its interval allows."""
        width = self.high - self.low
        if not math.isfinite(width) or not width > 0:
            return f"{self.value:.5g} ({self.low:.5g} to {self.high:.5g})"
        digits = max(0, 1 - math.floor(math.log10(width)))
        return f"{self.value:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"

    def contains(self, truth: float) -> bool:
        """Return whether a value lies in the interval.

        Parameters
        ----------
        truth : float
            The value.

        Returns
        -------
        bool
            True from the lower to the upper limit, both included.
        """
        return self.low <= truth <= self.high

    def through(self, function: Callable[[float], float]) -> "Interval":
        """Return the interval of a function of the figure, which rises or falls throughout.

        Parameters
        ----------
        function : callable
            Takes and returns a number.

        Returns
        -------
        Interval
            Of the same level: a monotone function moves the limits and nothing else.
        """
        low, high = sorted((function(self.low), function(self.high)))
        return Interval(value=function(self.value), low=low, high=high, level=self.level)


@dataclass(frozen=True, kw_only=True)
class FidelityFigures:
    """A fidelity in all its units.

    Parameters
    ----------
    correlation : Interval
        Correlation rho with the truth.
    error : Interval
        Error after the best gain, 1 - rho^2, relative to the signal.
    noise_to_signal : Interval
        Variance of additive noise over that of the signal, s = rho^-2 - 1.
    signal_to_noise_db : Interval
        -10 log10 s, in decibels.
    effective_bits : Interval
        Effective number of bits of a converter that would disturb a full-scale sine as much.
    information_bits : Interval
        Bits of information in a real output about a Gaussian signal, log2(1 + 1/s) / 2.
    angle : Interval
        Angle between estimate and truth, in radians.

    Notes
    -----
    All are functions of one correlation (laws L66 and L69), and so are their limits. A correlation of zero has no
    decibels: they are minus infinity.
    """

    correlation: Interval
    error: Interval
    noise_to_signal: Interval
    signal_to_noise_db: Interval
    effective_bits: Interval
    information_bits: Interval
    angle: Interval

    @classmethod
    def of(cls, correlation: Interval) -> "FidelityFigures":
        """Return all figures that follow from a correlation.

        Parameters
        ----------
        correlation : Interval
            Correlation with the truth, -1 to 1. A negative one carries no information on a signal of known sign: its
            error counts as one.

        Returns
        -------
        FidelityFigures
            The figures.

        Raises
        ------
        ValueError
            If the correlation leaves -1 to 1.
        """
        for name in ("value", "low", "high"):
            check_number(f"{name} of the correlation", getattr(correlation, name), at_least=-1, at_most=1)
        ratio = correlation.through(_noise_ratio)
        return cls(
            correlation=correlation,
            error=correlation.through(lambda rho: 1 - max(rho, 0.0) ** 2),
            noise_to_signal=ratio,
            signal_to_noise_db=ratio.through(_decibels),
            effective_bits=ratio.through(lambda s: (_decibels(s) - SINE_DB) / DB_PER_BIT),
            information_bits=ratio.through(lambda s: math.log1p(1 / s) / math.log(4) if s else math.inf),
            angle=correlation.through(math.acos),
        )

    def rows(self) -> list[tuple[str, str]]:
        """Return names and values for a table.

        Returns
        -------
        list of tuple of str
            One row a figure.
        """
        degrees = self.angle.through(math.degrees)
        return [
            ("correlation with the truth", str(self.correlation)),
            ("error after the best gain", str(self.error)),
            ("signal over noise", f"{self.signal_to_noise_db} dB"),
            ("effective bits", str(self.effective_bits)),
            ("information an output", f"{self.information_bits} bit"),
            ("angle", f"{degrees} degrees"),
        ]


def _noise_ratio(correlation: float) -> float:
    """Return noise over signal, infinite where nothing of the signal is left."""
    return correlation**-2 - 1 if correlation > 0 else math.inf


def _decibels(ratio: float) -> float:
    """Return the signal-to-noise ratio of a ratio of noise to signal."""
    if not 0 < ratio < math.inf:
        return -math.inf if ratio else math.inf
    return -10 * math.log10(ratio)
