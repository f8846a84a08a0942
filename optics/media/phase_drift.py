"""The phase of a reference arm: slow drift and vibration lines, as functions of time and seed."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.media.decorrelation import component_weights
from optics.media.drift import component_seed
from optics.streams import NoiseSource, source_generator
from optics.validation import check_choice, check_number


@dataclass(frozen=True, kw_only=True)
class VibrationLine:
    """A vibration at one frequency.

    Parameters
    ----------
    amplitude : float
        Peak phase, in radians.
    frequency : float
        Frequency, in hertz.

    Raises
    ------
    ValueError
        If the frequency is not positive or the amplitude negative.
    """

    amplitude: float
    frequency: float

    def __post_init__(self) -> None:
        check_number("amplitude", self.amplitude, unit="rad", at_least=0)
        check_number("frequency", self.frequency, unit="Hz", above=0)


@dataclass(frozen=True, kw_only=True)
class PhaseDrift:
    """Slow random drift of a phase, and vibration lines on it.

    .. math:: \\varphi(t) = \\sigma X(t) + \\sum_l A_l \\sin(2 \\pi f_l t + \\alpha_l), \\qquad
              \\langle X(t) X(s) \\rangle = g(t - s)

    Parameters
    ----------
    rms : float
        Rms sigma of the slow drift, in radians.
    correlation_time : float
        Correlation time of the drift, in seconds.
    law : {"exponential", "gaussian"}, optional
        Law of its correlation g: a rough path or a smooth one.
    lines : tuple of VibrationLine, optional
        Vibrations; their phases alpha_l are random.

    Raises
    ------
    ValueError
        If a value is out of its range.
    """

    rms: float
    correlation_time: float
    law: str = "gaussian"
    lines: tuple[VibrationLine, ...] = ()

    def __post_init__(self) -> None:
        check_number("rms", self.rms, unit="rad", at_least=0)
        check_number("correlation_time", self.correlation_time, unit="s", above=0)
        check_choice("law", self.law, ("exponential", "gaussian"))

    def phase(self, time: ArrayLike, *, seed: int) -> NDArray[np.float64]:
        """Return the phase.

        Parameters
        ----------
        time : array_like
            Times, in seconds, in any order.
        seed : int
            Seed of the path.

        Returns
        -------
        ndarray, same shape as ``time``
            Phases, in radians; zero on average over seeds.
        """
        moments = np.asarray(time, np.float64)
        drift = np.array([self._slow(moment, seed) for moment in moments.ravel().tolist()]).reshape(moments.shape)
        starts = source_generator(seed, NoiseSource.REFERENCE_PHASE).uniform(0, 2 * math.pi, len(self.lines))
        for line, start in zip(self.lines, starts, strict=True):
            drift = drift + line.amplitude * np.sin(2 * math.pi * line.frequency * moments + start)
        return np.asarray(drift, np.float64)

    def _slow(self, time: float, seed: int) -> float:
        """Return the slow drift at one time."""
        if not self.rms:
            return 0.0
        weights = component_weights(
            time, law=self.law, correlation_time=self.correlation_time, resolution=self.correlation_time / 4096
        )
        draws = (
            weight * source_generator(component_seed(seed, key), NoiseSource.REFERENCE_PHASE).standard_normal()
            for key, weight in weights.items()
        )
        return self.rms * sum(draws)
