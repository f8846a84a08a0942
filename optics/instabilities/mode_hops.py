"""Mode hops: a laser that jumps between its longitudinal modes."""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.streams import NoiseSource, source_generator
from optics.validation import check_count, check_number

CELL_DRAWS = 4.0
"""Mean number of fresh draws of a mode in a cell of time, each cell with a generator of its own."""


@dataclass(frozen=True, kw_only=True)
class ModeHops:
    """Jumps of a laser between longitudinal modes, as a table ``[laser.mode_hops]`` of a bench file describes them.

    .. math:: P(m_t = m_0) = \\frac{1}{M} + \\frac{M - 1}{M} \\, e^{-r |t| M / (M - 1)}, \\qquad
              u(t) = m(t) \\sqrt{-2 \\ln g}

    In a bench file::

        [laser.mode_hops]
        rate = 0.01             # hops per second
        modes = 3
        correlation = 0.7       # of the fields of neighbouring modes behind the medium
        power_step = 0.005      # relative, from one mode to the next

    Parameters
    ----------
    rate : float
        Hops r per second; zero for a laser that stays in one mode.
    modes : int, optional
        Number M of modes, at least 2.
    correlation : float, optional
        Field correlation g, behind the medium, of light in neighbouring modes; above zero.
    power_step : float, optional
        Relative change of power from one mode to the next.

    Raises
    ------
    ValueError
        If a value is out of its range, or the weakest mode had no power.

    Notes
    -----
    A telegraph process: at each hop the laser goes to any of its other modes with the same chance. The wavelength of a
    mode moves the phase of each input n by kappa_n u, kappa_n independent and standard normal
    (`optics.instabilities.input_phases`); light m modes apart has the field correlation g^(m^2) on average over inputs.
    That is the law of a medium whose path lengths are normally distributed: a wavelength step moves the phase by the
    path length times a constant. The field of a single input keeps its speckle. A hop within an exposure counts from
    the next exposure on. The reference arm, of which the path difference is not described, is left alone.

    References
    ----------
    .. [1] K. Petermann, Laser Diode Modulation and Noise, Kluwer (1988), ch. 7: mode hopping and its noise.
    .. [2] D. J. Webster et al., Phys. Rev. B 65, 195103 (2002): field correlation with a frequency step.
    """

    rate: float
    modes: int = 2
    correlation: float = 1.0
    power_step: float = 0.0

    def __post_init__(self) -> None:
        check_number("rate", self.rate, unit="hops/s", at_least=0, at_most=1e6)
        check_count("modes", self.modes, at_least=2, at_most=1000)
        check_number("correlation", self.correlation, above=0, at_most=1)
        check_number("power_step", self.power_step, at_least=-0.5, at_most=0.5)
        if abs(self.power_step) * (self.modes - 1) / 2 >= 1:
            raise ValueError(
                f"power_step = {self.power_step:g} leaves the weakest of {self.modes} modes without power: take a "
                f"step below {2 / (self.modes - 1):g} or fewer modes"
            )

    @property
    def present(self) -> bool:
        """Return whether the laser hops at all."""
        return self.rate > 0

    @property
    def phase_step(self) -> float:
        """Return the rms phase over inputs from one mode to the next, in radians."""
        return math.sqrt(-2 * math.log(self.correlation))

    def mode(self, time: ArrayLike, *, seed: int) -> NDArray[np.int64]:
        """Return the mode in which the laser is.

        Parameters
        ----------
        time : array_like
            Times, in seconds, in any order.
        seed : int
            Seed of the bench.

        Returns
        -------
        ndarray of int, same shape as ``time``
            Modes, from 0 on; that of a time is the same whatever other times are asked for.
        """
        moments = np.asarray(time, np.float64)
        if not self.present:
            return np.zeros(moments.shape, np.int64)
        # Drawing a fresh mode, the old one included, makes it independent of the past: hops happen at (M - 1) / M.
        span = CELL_DRAWS * (self.modes - 1) / (self.modes * self.rate)
        cells, inverse = np.unique(np.floor(moments / span).astype(np.int64), return_inverse=True)
        inverse = inverse.reshape(moments.shape)
        found = np.empty(moments.shape, np.int64)
        for index, cell in enumerate(cells.tolist()):
            inside = inverse == index
            starts, modes = _cell_draws(seed, cell, self.modes)
            place = np.searchsorted(starts, moments[inside] / span - cell, side="right")
            found[inside] = np.concatenate([[self._before(cell, seed)], modes])[place]
        return found

    def power(self, time: ArrayLike, *, seed: int) -> NDArray[np.float64]:
        """Return the relative power of the mode in which the laser is.

        Parameters
        ----------
        time : array_like
            Times, in seconds, in any order.
        seed : int
            Seed of the bench.

        Returns
        -------
        ndarray, same shape as ``time``
            Powers 1 + power_step (m - (M - 1) / 2): one on average over modes.
        """
        return np.asarray(1 + self.power_step * (self.mode(time, seed=seed) - (self.modes - 1) / 2))

    def _before(self, cell: int, seed: int) -> int:
        """Return the mode at the beginning of a cell: the last one that was drawn before."""
        while True:
            cell -= 1
            modes = _cell_draws(seed, cell, self.modes)[1]
            if modes.size:
                return int(modes[-1])


NO_MODE_HOPS = ModeHops(rate=0.0)


@functools.lru_cache(maxsize=2**12)
def _cell_draws(seed: int, cell: int, modes: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return when in a cell, from 0 to 1, modes are drawn, and which."""
    place = 2 * cell if cell >= 0 else -2 * cell - 1
    rng = np.random.default_rng(np.random.SeedSequence([seed, int(NoiseSource.MODE_HOPS), place]))
    count = int(rng.poisson(CELL_DRAWS))
    return np.sort(rng.random(count)), rng.integers(0, modes, count)


def mode_couplings(inputs: int, *, seed: int) -> NDArray[np.float64]:
    """Return how much the phase of each input moves with the wavelength.

    Parameters
    ----------
    inputs : int
        Number of inputs.
    seed : int
        Seed of the bench.

    Returns
    -------
    ndarray, shape (input,)
        Standard normal numbers kappa_n.
    """
    return source_generator(seed, NoiseSource.MODE_PHASES).standard_normal(inputs)
