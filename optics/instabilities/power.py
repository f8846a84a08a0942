"""Powers that wander: of the laser, and of a beam of its own for some macropixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.instabilities.random_path import random_path
from optics.streams import NoiseSource, exposure_normals
from optics.validation import check_choice, check_count, check_number


@dataclass(frozen=True, kw_only=True)
class PowerDrift:
    """Slow drift of the laser's power, as a table ``[laser.power_drift]`` of a bench file describes it.

    .. math:: P(t) = P_0 \\max[1 + \\sigma X(t), 0], \\qquad \\langle X(t) X(s) \\rangle = g(t - s)

    In a bench file::

        [laser.power_drift]
        rms = 0.01
        correlation_time = 600.0 # s

    Parameters
    ----------
    rms : float
        Relative rms sigma of the power.
    correlation_time : float
        Correlation time, in seconds.
    law : {"exponential", "gaussian"}, optional
        Law of the correlation g: a rough path or a smooth one.

    Raises
    ------
    ValueError
        If a value is out of its range.

    Notes
    -----
    Signal and reference share it, as they share the laser. `optics.laser.Laser.intensity_noise` is what comes and goes
    from one exposure to the next. Power is taken at the start of an exposure. At the largest rms, 0.2, zero power is 5
    standard deviations away.
    """

    rms: float
    correlation_time: float
    law: str = "gaussian"

    def __post_init__(self) -> None:
        check_number("rms", self.rms, at_least=0, at_most=0.2)
        check_number("correlation_time", self.correlation_time, unit="s", above=0)
        check_choice("law", self.law, ("exponential", "gaussian"))

    @property
    def present(self) -> bool:
        """Return whether the power drifts at all."""
        return self.rms > 0

    def power(self, time: ArrayLike, *, seed: int) -> NDArray[np.float64]:
        """Return the relative power.

        Parameters
        ----------
        time : array_like
            Times, in seconds, in any order.
        seed : int
            Seed of the bench.

        Returns
        -------
        ndarray, same shape as ``time``
            Powers over their mean; that of a time has the same bits whatever others are asked for.
        """
        moments = np.asarray(time, np.float64)
        if not self.present:
            return np.ones(moments.shape)
        path = random_path(
            moments, law=self.law, correlation_time=self.correlation_time, seed=seed, source=NoiseSource.POWER_DRIFT
        )
        return np.asarray(np.maximum(1 + self.rms * path, 0))


@dataclass(frozen=True, kw_only=True)
class AnchorBeam:
    """Macropixels lit by a beam of their own, as a table ``[anchor_beam]`` of a bench file describes it.

    .. math:: a_n \\to a_n \\sqrt{\\max(1 + \\sigma z_f, 0)} \\quad (n_0 \\le n < n_0 + N)

    In a bench file::

        [anchor_beam]
        first = 1536            # the last 64 of 1600 macropixels
        inputs = 64
        power_noise = 0.002

    Parameters
    ----------
    first : int
        First macropixel n_0 of the beam.
    inputs : int
        Number N of macropixels; zero where all share one beam.
    power_noise : float
        Relative rms sigma of the beam's power from one exposure to the next, normal and independent.

    Raises
    ------
    ValueError
        If a value is out of its range.

    Notes
    -----
    The beam is coherent with the other and of the same mean power on each mirror; its jitter is common to all pixels of
    a frame. Where the anchor's field is large and the signal's small, the cross term moves by sigma / 2 of itself and
    the anchor's light by sigma.
    """

    first: int
    inputs: int
    power_noise: float

    def __post_init__(self) -> None:
        check_count("first", self.first, at_least=0)
        check_count("inputs", self.inputs, at_least=0)
        check_number("power_noise", self.power_noise, at_least=0, at_most=0.2)

    @property
    def present(self) -> bool:
        """Return whether any macropixels are lit by a beam that jitters."""
        return self.inputs > 0 and self.power_noise > 0

    def power(self, *, first: int, count: int, seed: int) -> NDArray[np.float64]:
        """Return the relative power of the beam in consecutive exposures.

        Parameters
        ----------
        first : int
            Index of the first exposure.
        count : int
            Number of exposures.
        seed : int
            Seed of the bench.

        Returns
        -------
        ndarray, shape (count,)
            Powers over their mean.
        """
        return frame_powers(self.power_noise, source=NoiseSource.ANCHOR_POWER, first=first, count=count, seed=seed)


NO_POWER_DRIFT = PowerDrift(rms=0.0, correlation_time=1.0)
NO_ANCHOR_BEAM = AnchorBeam(first=0, inputs=0, power_noise=0.0)


def frame_powers(noise: float, *, source: NoiseSource, first: int, count: int, seed: int) -> NDArray[np.float64]:
    """Return relative powers that are independent from one exposure to the next.

    .. math:: p_f = \\max(1 + \\sigma z_f, 0)

    Parameters
    ----------
    noise : float
        Relative rms sigma.
    source : NoiseSource
        What jitters.
    first : int
        Index of the first exposure.
    count : int
        Number of exposures.
    seed : int
        Seed of the bench.

    Returns
    -------
    ndarray, shape (count,)
        Powers over their mean; ones where there is no noise.
    """
    if not noise:
        return np.ones(count)
    return np.asarray(np.maximum(1 + noise * exposure_normals(seed, source, first=first, count=count), 0))
