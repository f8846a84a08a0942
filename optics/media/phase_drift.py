"""The phase of a reference arm: slow drift and vibration lines, as functions of time and seed."""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.media.decorrelation import Key
from optics.media.drift import component_seed
from optics.media.keyed_path import keyed_path
from optics.streams import NoiseSource, source_generator
from optics.validation import check_choice, check_number

LEAVES = 4096
"""Parts of a correlation time below which an exponential path is smooth."""


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
            Phases, in radians; zero on average over seeds. The phase at a time has the same bits whatever other times
            are asked for.
        """
        moments = np.asarray(time, np.float64)
        phase = self.slow(moments, seed=seed)
        for line, start in zip(self.lines, self.starts(seed), strict=True):
            # The part of a period: sines of large numbers are slow and not exact.
            phase = phase + line.amplitude * np.sin(2 * math.pi * np.mod(line.frequency * moments, 1.0) + start)
        return np.asarray(phase, np.float64)

    def slow(self, time: ArrayLike, *, seed: int) -> NDArray[np.float64]:
        """Return the slow drift alone.

        Parameters
        ----------
        time : array_like
            Times, in seconds, in any order.
        seed : int
            Seed of the path.

        Returns
        -------
        ndarray, same shape as ``time``
            Phases sigma X, in radians.

        Raises
        ------
        ValueError
            If a time is not finite.
        """
        moments = np.asarray(time, np.float64)
        if not self.rms:
            return np.zeros(moments.shape)
        path = keyed_path(
            moments.ravel(), law=self.law, correlation_time=self.correlation_time, resolution=self.resolution,
            draw=functools.partial(_component, seed),
        )  # fmt: skip
        return self.rms * path.reshape(moments.shape)

    def starts(self, seed: int) -> NDArray[np.float64]:
        """Return the phase of each vibration at time zero.

        Parameters
        ----------
        seed : int
            Seed of the path.

        Returns
        -------
        ndarray, shape (line,)
            Phases alpha_l, in radians.
        """
        return source_generator(seed, NoiseSource.REFERENCE_PHASE).uniform(0, 2 * math.pi, len(self.lines))

    @property
    def resolution(self) -> float:
        """Return the time below which the exponential path is smooth, in seconds."""
        return self.correlation_time / LEAVES


@functools.lru_cache(maxsize=2**16)
def _component(seed: int, key: Key) -> float:
    """Return the normal number of a component; a campaign asks for the same few frame after frame."""
    return float(source_generator(component_seed(seed, key), NoiseSource.REFERENCE_PHASE).standard_normal())
