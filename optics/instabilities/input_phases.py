"""Phases of the inputs that move with time: one kernel for mode hops, pointing, temperature and heating."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.instabilities.heating import Heating
from optics.instabilities.mode_hops import mode_couplings
from optics.instabilities.pointing import ramp_couplings
from optics.instabilities.temperature import Temperature, thermal_couplings
from optics.laser import Laser

Path = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""Coordinate of a cause, shape (frame,), from times and warmings of shape (frame,)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class InputPhases:
    """Phases of all inputs as a sum over causes.

    .. math:: \\varphi_n(t) = \\sum_c \\kappa_{cn} \\, [u_c(t) - u_c(0)]

    Parameters
    ----------
    couplings : ndarray, shape (cause, input)
        Radians kappa of each input for a unit of each coordinate.
    paths : tuple of callable
        Coordinates u_c; one a cause.

    Notes
    -----
    With kappa standard normal, fields at two coordinates have the correlation
    (1 / N) sum_n exp[i kappa_n (u - u')]: on average exp[-(u - u')^2 / 2], with a scatter below 1 / sqrt(N) from seed
    to seed. At time zero all phases are zero: there the medium is that of the bench at rest. The inputs keep their
    power, so the medium stays passive. A phase for each input holds where all outputs that an input reaches see the
    same change of path; a medium that decorrelates by itself (`optics.media.drift`) has no such limit. Phases are those
    at the start of an exposure; what moves within one is left out.
    """

    couplings: NDArray[np.float64]
    paths: tuple[Path, ...]

    @property
    def present(self) -> bool:
        """Return whether anything moves."""
        return len(self.paths) > 0

    def turns(self, time: ArrayLike, *, heating: ArrayLike = 0.0) -> NDArray[np.complex128]:
        """Return the factors of all inputs at some times.

        Parameters
        ----------
        time : array_like, shape (frame,)
            Times, in seconds, in any order.
        heating : array_like, a number or shape (frame,), optional
            Warming by the patterns, in kelvin.

        Returns
        -------
        ndarray of complex128, shape (frame, input)
            Factors exp(i phi_n); those of a time have the same bits whatever others are asked for.
        """
        moments = np.asarray(time, np.float64)
        warming = np.broadcast_to(np.asarray(heating, np.float64), moments.shape)
        phases = np.zeros((len(moments), self.couplings.shape[1]))
        for coupling, path in zip(self.couplings, self.paths, strict=True):
            start = path(np.zeros(1), np.zeros(1))
            phases += (path(moments, warming) - start)[:, np.newaxis] * coupling
        return np.asarray(np.exp(1j * phases))


def make_input_phases(
    laser: Laser, temperature: Temperature, heating: Heating, *, positions: NDArray[np.float64], seed: int
) -> InputPhases:
    """Return the phases of the inputs of a bench.

    Parameters
    ----------
    laser : Laser
        Its mode hops and its pointing.
    temperature : Temperature
        Changes of temperature, and how much the medium minds.
    heating : Heating
        Warming by the patterns.
    positions : ndarray, shape (input, 2)
        Where the inputs are, (y, x) in metres; NaN where an input has no place.
    seed : int
        Seed of the bench.

    Returns
    -------
    InputPhases
        The phases; without causes where nothing moves.
    """
    couplings: list[NDArray[np.float64]] = []
    paths: list[Path] = []
    if laser.mode_hops.present and laser.mode_hops.correlation < 1:
        couplings.append(laser.mode_hops.phase_step * mode_couplings(len(positions), seed=seed))
        paths.append(lambda time, warming: laser.mode_hops.mode(time, seed=seed).astype(np.float64))
    if laser.pointing.present:
        couplings.extend(ramp_couplings(positions, wavelength=laser.wavelength))
        paths.append(lambda time, warming: laser.pointing.angles(time, seed=seed)[0])
        paths.append(lambda time, warming: laser.pointing.angles(time, seed=seed)[1])
    if np.isfinite(temperature.decorrelation) and (temperature.present or heating.present):
        couplings.append(thermal_couplings(len(positions), seed=seed) / temperature.decorrelation)
        paths.append(lambda time, warming: temperature.change(time, seed=seed) + warming)
    return InputPhases(couplings=np.array(couplings).reshape(len(paths), len(positions)), paths=tuple(paths))
