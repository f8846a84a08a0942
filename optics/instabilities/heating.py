"""Heating by the light itself: the more mirrors are on, the more is absorbed; it takes time and remembers."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.validation import check_number


@dataclass(frozen=True, kw_only=True)
class Heating:
    """Warming of the medium by the patterns, as a table ``[heating]`` of a bench file describes it.

    .. math:: \\tau \\frac{d\\theta}{dt} = \\Theta \\, s(t) - \\theta

    In a bench file::

        [heating]
        rise = 0.2              # K
        time_constant = 20.0    # s

    Parameters
    ----------
    rise : float
        Warming Theta once all macropixels have been on for long, in kelvin.
    time_constant : float
        Time tau in which it comes and goes, in seconds.

    Raises
    ------
    ValueError
        If a value is out of its range.

    Notes
    -----
    s is the part of the macropixels that is on, zero while the laser is blocked. A pattern stands for a frame period,
    the last one until the next call; the bench starts cold. Warming adds to ``[temperature]`` and needs its
    ``decorrelation``; phases at a frame are those of the warming at its start. One body with one time constant:
    diffusion of heat within it is left out.

    References
    ----------
    .. [1] F. P. Incropera et al., Fundamentals of Heat and Mass Transfer, 7th ed., sec. 5.1: lumped capacitance.
    """

    rise: float
    time_constant: float

    def __post_init__(self) -> None:
        check_number("rise", self.rise, unit="K", at_least=0, at_most=100)
        check_number("time_constant", self.time_constant, unit="s", above=0)

    @property
    def present(self) -> bool:
        """Return whether light warms the medium at all."""
        return self.rise > 0

    def follow(self, shares: NDArray[np.float64], *, warming: float, period: float) -> NDArray[np.float64]:
        """Return the warming at the start of each pattern, and after the last.

        .. math:: \\theta_{k+1} = \\theta_k e^{-T / \\tau} + \\Theta s_k (1 - e^{-T / \\tau})

        Parameters
        ----------
        shares : ndarray, shape (pattern,)
            Part s_k of the macropixels that each pattern has on.
        warming : float
            Warming at the start of the first, in kelvin.
        period : float
            Time T that each pattern stands, in seconds.

        Returns
        -------
        ndarray, shape (pattern + 1,)
            Kelvin.

        Notes
        -----
        Exact, whatever the period. It goes pattern by pattern, so that the bits do not depend on how calls are cut.
        """
        kept, new = math.exp(-period / self.time_constant), -self.rise * math.expm1(-period / self.time_constant)
        found = np.empty(len(shares) + 1)
        found[0] = warming
        for index, share in enumerate(shares.tolist()):
            warming = warming * kept + new * share
            found[index + 1] = warming
        return found


NO_HEATING = Heating(rise=0.0, time_constant=1.0)
