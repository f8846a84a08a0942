"""Motion of the whole chip in time: flatness that drifts with warmth, and a board that vibrates.

Everything is a function of time alone. The same seed and the same time give the same value in whatever order times
are asked for, so a campaign that resumes stores times and nothing else.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.dmd import Dmd
from optics.streams import NoiseSource, source_generator
from optics.validation import check_number

WANDER_FREQUENCIES = 512
"""Frequencies that a wandering coefficient is made of: it is smooth below a correlation time over their number."""


@dataclass(frozen=True, kw_only=True)
class Sinusoid:
    """One line of a vibration.

    .. math:: u(t) = a \\sin(2 \\pi f t + \\varphi)

    Parameters
    ----------
    frequency : float
        Frequency f, in hertz.
    amplitude : float
        Amplitude a, in metres for a piston and in radians for a slope.
    phase : float, optional
        Phase at time zero, in radians.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    frequency: float
    amplitude: float
    phase: float = 0.0

    def __post_init__(self) -> None:
        check_number("frequency", self.frequency, unit="Hz", above=0, at_most=1e6)
        check_number("amplitude", self.amplitude, at_least=0, at_most=1e-2)
        check_number("phase", self.phase, unit="rad")

    def at(self, times: ArrayLike) -> NDArray[np.float64]:
        """Return the displacement at given times.

        Parameters
        ----------
        times : array_like
            Times, in seconds.

        Returns
        -------
        ndarray
            Displacement, in the unit of the amplitude.
        """
        return np.asarray(
            self.amplitude * np.sin(2 * np.pi * self.frequency * np.asarray(times, np.float64) + self.phase)
        )


@dataclass(frozen=True, kw_only=True)
class BoardVibration:
    """A rigid board that moves along its normal and rocks about two axes.

    Parameters
    ----------
    piston : tuple of Sinusoid, optional
        Motion along the normal, in metres, positive towards the light.
    slope_y, slope_x : tuple of Sinusoid, optional
        Height gained per length along y and x, in radians.
    """

    piston: tuple[Sinusoid, ...] = ()
    slope_y: tuple[Sinusoid, ...] = ()
    slope_x: tuple[Sinusoid, ...] = ()

    def at(self, times: ArrayLike) -> NDArray[np.float64]:
        """Return piston and slopes at given times.

        .. math:: u(t) = \\sum_l a_l \\sin(2 \\pi f_l t + \\varphi_l)

        Parameters
        ----------
        times : array_like
            Times, in seconds.

        Returns
        -------
        ndarray, shape (..., 3)
            Piston in metres, slope along y and slope along x in radians.
        """
        still = np.zeros(np.shape(times))
        lines = (self.piston, self.slope_y, self.slope_x)
        return np.stack([sum((line.at(times) for line in axis), start=still) for axis in lines], axis=-1)


def rigid_height(dmd: Dmd, motion: ArrayLike) -> NDArray[np.float64]:
    """Return the height of each mirror of a board that has moved as a whole.

    .. math:: h(y, x) = u_0 + u_y y + u_x x

    Parameters
    ----------
    dmd : Dmd
        The mirror array.
    motion : array_like, shape (..., 3)
        Piston in metres and slopes along y and x in radians, as of `BoardVibration.at`.

    Returns
    -------
    ndarray, shape (..., dmd.rows, dmd.columns)
        Height, in metres, positive towards the light; to first order in the slopes.

    Raises
    ------
    ValueError
        If the motion has not three components.
    """
    moved = np.asarray(motion, np.float64)
    if moved.shape[-1:] != (3,):
        raise ValueError(f"motion must have shape (..., 3): piston, slope_y, slope_x; got {moved.shape}")
    positions = dmd.mirror_positions()
    piston, slope_y, slope_x = (moved[..., axis, np.newaxis, np.newaxis] for axis in range(3))
    return np.asarray(piston + slope_y * positions[..., 0] + slope_x * positions[..., 1])


def relaxing_flatness(
    times: ArrayLike, *, start: Sequence[float], end: Sequence[float], time_constant: float
) -> NDArray[np.float64]:
    """Return flatness coefficients on their way from a cold to a warm chip.

    .. math:: c_j(t) = c_j^\\mathrm{end} + (c_j^\\mathrm{start} - c_j^\\mathrm{end}) e^{-t / \\tau}, \\qquad t \\ge 0

    and the start before.

    Parameters
    ----------
    times : array_like
        Times from the moment when the warming begins, in seconds.
    start, end : sequence of float
        Coefficients before and long after, in metres; as many in both.
    time_constant : float
        Time constant tau, in seconds.

    Returns
    -------
    ndarray, shape (..., coefficient)
        Coefficients for `optics.mirrors.flatness.surface_height`, in metres.

    Raises
    ------
    ValueError
        If the two states have not the same number of coefficients, or the time constant is not positive.
    """
    cold, warm = np.asarray(start, np.float64), np.asarray(end, np.float64)
    check_number("time_constant", time_constant, unit="s", above=0)
    if cold.ndim != 1 or cold.shape != warm.shape:
        raise ValueError(f"start and end must hold as many coefficients, got shapes {cold.shape} and {warm.shape}")
    left = np.exp(-np.maximum(np.asarray(times, np.float64), 0) / time_constant)
    return np.asarray(warm + (cold - warm) * left[..., np.newaxis])


def wandering_flatness(
    times: ArrayLike, *, rms: Sequence[float], correlation_time: float, seed: int
) -> NDArray[np.float64]:
    """Return flatness coefficients that wander about zero, as air and electronics warm and cool a chip.

    .. math:: c_j(t) = \\frac{\\sigma_j}{\\sqrt K} \\sum_{k=1}^K
              a_{jk} \\cos \\omega_{jk} t + b_{jk} \\sin \\omega_{jk} t

    .. math:: \\langle c_j(t) c_j(t') \\rangle = \\sigma_j^2 e^{-|t - t'| / \\tau}

    with normal a and b, and frequencies from the Lorentzian spectrum of an Ornstein-Uhlenbeck process.

    Parameters
    ----------
    times : array_like
        Times, in seconds.
    rms : sequence of float
        Stationary rms of each coefficient, in metres.
    correlation_time : float
        Correlation time tau, in seconds.
    seed : int
        Seed of the bench, not negative.

    Returns
    -------
    ndarray, shape (..., coefficient)
        Coefficients, in metres; a coefficient does not depend on how many follow it, nor on other times.

    Raises
    ------
    ValueError
        If the correlation time is not positive, or an rms is negative.

    Notes
    -----
    The covariance is exact over seeds. One copy has 512 frequencies, one from each of as many equal parts of the
    spectrum's power: its values at one time are exactly normal, it is smooth below tau / 512, and it does not repeat.
    A time takes 12 kB of memory while it is worked out.
    """
    check_number("correlation_time", correlation_time, unit="s", above=0)
    generator = source_generator(seed, NoiseSource.FLATNESS_DRIFT)
    moments = np.asarray(times, np.float64)
    coefficients = np.zeros((*moments.shape, len(rms)))
    for term, size in enumerate(rms):
        check_number(f"rms of term {term + 1}", size, unit="m", at_least=0)
        quantile = (np.arange(WANDER_FREQUENCIES) + generator.random(WANDER_FREQUENCIES)) / WANDER_FREQUENCIES
        turns = np.multiply.outer(moments, np.tan(np.pi * (quantile - 0.5)) / correlation_time)
        weights = generator.standard_normal((2, WANDER_FREQUENCIES)) * size / math.sqrt(WANDER_FREQUENCIES)
        coefficients[..., term] = np.cos(turns) @ weights[0] + np.sin(turns) @ weights[1]
    return coefficients
