"""Stationary random paths of laser and room, as functions of time and seed."""

import functools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.media.decorrelation import Key
from optics.media.drift import component_seed
from optics.media.keyed_path import keyed_path
from optics.streams import NoiseSource, source_generator

LEAVES = 4096
"""Parts of a correlation time below which an exponential path is smooth."""


def random_path(
    time: ArrayLike, *, law: str, correlation_time: float, seed: int, source: NoiseSource
) -> NDArray[np.float64]:
    """Return a normal process of unit variance.

    .. math:: \\langle X(t) X(s) \\rangle = e^{-|t - s| / \\tau_c} \\quad \\mathrm{(exponential)}, \\qquad
              e^{-(t - s)^2 / \\tau_c^2} \\quad \\mathrm{(gaussian)}

    Parameters
    ----------
    time : array_like
        Times, in seconds, in any order.
    law : {"exponential", "gaussian"}
        Law of its correlation: a rough path (Ornstein-Uhlenbeck) or a smooth one.
    correlation_time : float
        Correlation time tau_c, in seconds.
    seed : int
        Seed of the bench.
    source : NoiseSource
        What moves.

    Returns
    -------
    ndarray, same shape as ``time``
        Values; that of a time has the same bits whatever other times are asked for.

    Raises
    ------
    ValueError
        If a time is not finite, the law is not known or the correlation time is not positive.

    References
    ----------
    .. [1] G. E. Uhlenbeck and L. S. Ornstein, Phys. Rev. 36, 823 (1930). doi:10.1103/PhysRev.36.823
    """
    moments = np.asarray(time, np.float64)
    path = keyed_path(
        moments.ravel(), law=law, correlation_time=correlation_time, resolution=correlation_time / LEAVES,
        draw=functools.partial(_component, seed, source),
    )  # fmt: skip
    return path.reshape(moments.shape)


@functools.lru_cache(maxsize=2**16)
def _component(seed: int, source: NoiseSource, key: Key) -> float:
    """Return the normal number of a component; a campaign asks for the same few frame after frame."""
    return float(source_generator(component_seed(seed, key), source).standard_normal())
