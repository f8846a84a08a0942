"""Trigger jitter: exposures that begin too early or too late for their pattern."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.streams import NoiseSource, exposure_normals
from optics.validation import check_number


@dataclass(frozen=True, eq=False)
class MissedLight:
    """What exposures miss of their own pattern.

    Parameters
    ----------
    previous : ndarray, shape (frame,)
        Part of the exposure that sees the previous pattern.
    dark : ndarray, shape (frame,)
        Part of the exposure in which the mirrors reset, dark.
    """

    previous: NDArray[np.float64]
    dark: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TriggerJitter:
    """Jitter of the exposure against the patterns, as a table ``[trigger]`` of a bench file describes it.

    .. math:: I = (1 - p - d) I_k + p I_{k-1}, \\qquad p = \\min\\left[\\frac{\\max(-\\delta - t_g, 0)}{t}, 1\\right],
              \\quad d = \\min\\left[\\frac{\\max(\\delta - t_g, 0)}{t}, 1\\right]

    In a bench file::

        [trigger]
        rms = 2e-6              # s
        guard = 3e-6            # s

    Parameters
    ----------
    rms : float
        Rms of the delay delta of an exposure of time t, in seconds, normal and independent.
    guard : float, optional
        Time t_g for which the pattern stands before and after a punctual exposure, in seconds.

    Raises
    ------
    ValueError
        If a value is negative.

    Notes
    -----
    An early exposure sees the previous pattern for its first part, a late one loses its last part to the mirrors'
    reset. Light is mixed, not fields: the patterns follow each other. The light of the previous pattern is that of its
    own frame. No exposure reaches back further than one pattern. Dark frames are dark all through. The time of a frame
    is that of a punctual one.
    """

    rms: float
    guard: float = 0.0

    def __post_init__(self) -> None:
        check_number("rms", self.rms, unit="s", at_least=0, at_most=1)
        check_number("guard", self.guard, unit="s", at_least=0, at_most=1)

    @property
    def present(self) -> bool:
        """Return whether triggers jitter at all."""
        return self.rms > 0

    def missed(self, *, exposure_time: float, first: int, count: int, seed: int) -> MissedLight:
        """Return what consecutive exposures miss.

        Parameters
        ----------
        exposure_time : float
            Exposure time t, in seconds.
        first : int
            Index of the first exposure.
        count : int
            Number of exposures.
        seed : int
            Seed of the bench.

        Returns
        -------
        MissedLight
            Parts of each exposure; one of the two is zero.
        """
        delay = self.rms * exposure_normals(seed, NoiseSource.TRIGGER, first=first, count=count)
        return MissedLight(
            previous=np.clip((-delay - self.guard) / exposure_time, 0, 1),
            dark=np.clip((delay - self.guard) / exposure_time, 0, 1),
        )


NO_JITTER = TriggerJitter(rms=0.0)


def mix_light(rate: NDArray[np.float32], missed: MissedLight, *, before: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mix the light that jittering exposures see, in place, and return the last pattern's own for what follows.

    Parameters
    ----------
    rate : ndarray of float32, shape (frame, y, x)
        Light of each pattern, in photons per pixel per second; becomes the mean light of each exposure, in place.
    missed : MissedLight
        What each exposure misses.
    before : ndarray of float32, shape (y, x)
        Light of the pattern before the first.

    Returns
    -------
    ndarray of float32, shape (y, x)
        Light of the last pattern, unmixed; ``before`` where there is none.
    """
    previous, dark = missed.previous.astype(np.float32), missed.dark.astype(np.float32)
    for index, frame in enumerate(rate):
        own = frame.copy()
        if previous[index] or dark[index]:
            frame *= 1 - previous[index] - dark[index]
            frame += previous[index] * before
        before = own
    return before
