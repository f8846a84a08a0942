"""Temperature of the room, as a function of time and seed, and what it does to the phases in the medium."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.instabilities.random_path import random_path
from optics.streams import NoiseSource, source_generator
from optics.validation import check_number


@dataclass(frozen=True, kw_only=True)
class Temperature:
    """Changes of temperature, as a table ``[temperature]`` of a bench file describes them.

    .. math:: \\Delta T(t) = A \\sin(2 \\pi t / P + \\alpha) + \\sigma X(t), \\qquad
              g = e^{-(\\Delta T_1 - \\Delta T_2)^2 / (2 T_c^2)}

    In a bench file::

        [temperature]
        decorrelation = 1.5     # K
        amplitude = 0.3         # K; the air conditioning
        period = 900.0          # s
        rms = 0.1               # K
        correlation_time = 3600.0 # s
        sensor_share = 0.5      # of the changes that the camera's sensor follows

    Parameters
    ----------
    decorrelation : float
        Change T_c at which the field correlation g behind the medium is exp(-1/2), in kelvin; infinity for a medium
        that does not mind.
    amplitude : float, optional
        Amplitude A of the swing of the air conditioning, in kelvin.
    period : float, optional
        Its period P, in seconds.
    rms : float, optional
        Rms sigma of a random drift beside it, in kelvin; X decorrelates exponentially.
    correlation_time : float, optional
        Correlation time of the random drift, in seconds.
    sensor_share : float, optional
        Part of the changes that the camera's sensor follows; its dark current doubles with every
        ``doubling_temperature``. Zero for a sensor that is held at its temperature.

    Raises
    ------
    ValueError
        If a value is out of its range, or a swing has no period or a drift no correlation time.

    Notes
    -----
    Expansion and thermo-optic change move the phase of each input n by kappa_n Delta T / T_c, kappa_n independent and
    standard normal (`optics.instabilities.input_phases`): the law of a medium whose path lengths are normally
    distributed. The field of a single input keeps its speckle. The medium follows the room at once; nothing else on the
    bench does but for the sensor. A period without an amplitude, or a correlation time without an rms, moves nothing.

    References
    ----------
    .. [1] Law L44 of the project's physics notes: dark current and temperature.
    """

    decorrelation: float
    amplitude: float = 0.0
    period: float = math.inf
    rms: float = 0.0
    correlation_time: float = math.inf
    sensor_share: float = 0.0

    def __post_init__(self) -> None:
        check_number("decorrelation", self.decorrelation, unit="K", above=0, infinite=True)
        check_number("amplitude", self.amplitude, unit="K", at_least=0, at_most=100)
        check_number("period", self.period, unit="s", above=0, infinite=True)
        check_number("rms", self.rms, unit="K", at_least=0, at_most=100)
        check_number("correlation_time", self.correlation_time, unit="s", above=0, infinite=True)
        check_number("sensor_share", self.sensor_share, at_least=0, at_most=1)
        for size, scale in (("amplitude", "period"), ("rms", "correlation_time")):
            if getattr(self, size) and math.isinf(getattr(self, scale)):
                raise ValueError(f"{size} = {getattr(self, size):g} K needs a {scale}, in seconds: state it")

    @property
    def present(self) -> bool:
        """Return whether the room's temperature changes at all."""
        return self.amplitude > 0 or self.rms > 0

    def change(self, time: ArrayLike, *, seed: int) -> NDArray[np.float64]:
        """Return the temperature of the room over its mean.

        Parameters
        ----------
        time : array_like
            Times, in seconds, in any order.
        seed : int
            Seed of the bench.

        Returns
        -------
        ndarray, same shape as ``time``
            Kelvin; that of a time has the same bits whatever others are asked for.
        """
        moments = np.asarray(time, np.float64)
        change = np.zeros(moments.shape)
        if self.amplitude:
            start = source_generator(seed, NoiseSource.TEMPERATURE).uniform(0, 2 * math.pi)
            change = change + self.amplitude * np.sin(2 * math.pi * np.mod(moments / self.period, 1.0) + start)
        if self.rms:
            source = NoiseSource.TEMPERATURE
            drift = random_path(
                moments, law="exponential", correlation_time=self.correlation_time, seed=seed, source=source
            )
            change = change + self.rms * drift
        return np.asarray(change)


NO_TEMPERATURE_CHANGE = Temperature(decorrelation=math.inf)


def thermal_couplings(inputs: int, *, seed: int) -> NDArray[np.float64]:
    """Return how much the phase of each input moves with temperature.

    Parameters
    ----------
    inputs : int
        Number of inputs.
    seed : int
        Seed of the bench.

    Returns
    -------
    ndarray, shape (input,)
        Standard normal numbers kappa_n: radians for a change of T_c.
    """
    return source_generator(seed, NoiseSource.THERMAL_PHASES).standard_normal(inputs)
