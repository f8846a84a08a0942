"""Pointing: the angle of the beam on the mirrors, as a function of time and seed."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.instabilities.random_path import random_path
from optics.streams import NoiseSource
from optics.validation import check_choice, check_number


@dataclass(frozen=True, kw_only=True)
class Pointing:
    """Jitter or drift of the beam's direction, as a table ``[laser.pointing]`` of a bench file describes it.

    .. math:: \\varphi_n(t) = \\frac{2 \\pi}{\\lambda} \\, [y_n \\theta_y(t) + x_n \\theta_x(t)]

    In a bench file::

        [laser.pointing]
        rms = 2e-6              # rad, along y and along x
        correlation_time = 30.0 # s

    Parameters
    ----------
    rms : float
        Rms of each of the angles theta_y and theta_x, in radians.
    correlation_time : float
        Correlation time of the angles, in seconds.
    law : {"exponential", "gaussian"}, optional
        Law of their correlation: rough jitter or smooth drift.

    Raises
    ------
    ValueError
        If a value is out of its range.

    Notes
    -----
    A turn of the beam is a phase ramp over the macropixels at (y_n, x_n), counted from the centre of the mirrors. The
    ramp within a macropixel is left out: it is small where the side of a macropixel times the angle is far below a
    wavelength. The mirrors that carry no component have no place of their own and keep their phase. The shift of a
    Gaussian beam on the mirrors, angle times lever arm, is left out: at 2 microradians and a metre it is 2 micrometres
    on a beam of millimetres. The angle is taken at the start of an exposure.

    References
    ----------
    .. [1] ISO 11670:2003, Test methods for laser beam parameters: beam positional stability.
    .. [2] J. W. Goodman, Introduction to Fourier Optics, 3rd ed., sec. 2.2.4: a tilted wave is a linear phase.
    """

    rms: float
    correlation_time: float
    law: str = "gaussian"

    def __post_init__(self) -> None:
        check_number("rms", self.rms, unit="rad", at_least=0, at_most=0.01)
        check_number("correlation_time", self.correlation_time, unit="s", above=0)
        check_choice("law", self.law, ("exponential", "gaussian"))

    @property
    def present(self) -> bool:
        """Return whether the beam moves at all."""
        return self.rms > 0

    def angles(self, time: ArrayLike, *, seed: int) -> NDArray[np.float64]:
        """Return the angles of the beam from its mean direction.

        Parameters
        ----------
        time : array_like
            Times, in seconds, in any order.
        seed : int
            Seed of the bench.

        Returns
        -------
        ndarray, shape (2, ...)
            Angles (theta_y, theta_x), in radians; those of a time have the same bits whatever others are asked for.
        """
        moments = np.asarray(time, np.float64)
        if not self.present:
            return np.zeros((2, *moments.shape))
        paths = [
            random_path(moments, law=self.law, correlation_time=self.correlation_time, seed=seed, source=source)
            for source in (NoiseSource.POINTING_Y, NoiseSource.POINTING_X)
        ]
        return self.rms * np.stack(paths)


NO_POINTING = Pointing(rms=0.0, correlation_time=1.0)


def ramp_couplings(positions: NDArray[np.float64], *, wavelength: float) -> NDArray[np.float64]:
    """Return the phase of each input for each radian of tilt.

    Parameters
    ----------
    positions : ndarray, shape (input, 2)
        Where the inputs are, (y, x) in metres; NaN where an input has no place.
    wavelength : float
        Wavelength, in metres.

    Returns
    -------
    ndarray, shape (2, input)
        Phases along y and x, in radians per radian; zero for an input without a place.
    """
    return np.asarray(2 * math.pi / wavelength * np.nan_to_num(positions, nan=0.0).T)
