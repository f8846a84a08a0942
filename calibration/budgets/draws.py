"""Points of a fixed low-discrepancy sequence, as the random numbers of a quadrature over fields and patterns."""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import qmc

Values = NDArray[np.float64]

FIELDS = 10
"""Independent speckles a time and mode: switched, static and ideal of anchor and both halves, and the rest's static."""

LEADING = 6
"""Dimensions of the fields of anchor and halves, which come before all others: the lowest are the most even."""

TIMES = 6
"""The middle of a vector's frames, the stored frames, and the four frames."""

EXTRAS = ("tail", "positive", "negative", "defect", "response", "offset", "stored_anchor", "stored_off", "stored_dark")
LASER = ("laser_0", "laser_1", "laser_2", "laser_3", "laser_anchor", "laser_off")
UNIFORM = frozenset(("tail", "positive", "negative", "defect"))
"""Extras that are uniform numbers; the others are normal."""


@dataclass(frozen=True, eq=False)
class Draws:
    """Random numbers of a quadrature, the same for every variant of a bench, so that differences are smooth.

    Parameters
    ----------
    fields : ndarray of complex128, shape (time, field, mode, point)
        Independent circular normal numbers of unit mean square.
    extras : dict of str to ndarray, shape (point,)
        Uniform or normal numbers of what is not light.
    weights : ndarray, shape (point,)
        What each point counts; the mean is one.
    """

    fields: NDArray[np.complex128]
    extras: dict[str, Values]
    weights: Values

    @property
    def points(self) -> int:
        """Return the number of points."""
        return self.fields.shape[-1]


@functools.lru_cache(maxsize=4)
def draw_points(*, exponent: int, modes: int, times: int) -> Draws:
    """Return the numbers of 2^exponent points.

    Parameters
    ----------
    exponent : int
        Binary logarithm of the number of points.
    modes, times : int
        Speckles a pixel, moments at which fields are wanted.

    Returns
    -------
    Draws
        Always the same for the same arguments: a scrambled Sobol sequence of a fixed seed.
    """
    names = (*EXTRAS, *LASER)
    dimensions = 2 * FIELDS * modes * times + len(names)
    uniform = qmc.Sobol(dimensions, scramble=True, rng=20_071_117).random_base2(exponent).T
    uniform = np.clip(uniform, 1e-12, 1 - 1e-12)
    own = uniform[LEADING : LEADING + len(names)]
    extras = {name: one if name in UNIFORM else ndtri(one) for name, one in zip(names, own, strict=True)}
    normal = ndtri(np.concatenate([uniform[:LEADING], uniform[LEADING + len(names) :]]))
    shape = (times, modes, FIELDS, 2, 1 << exponent)
    pairs = normal.reshape(shape) / math.sqrt(2)
    fields = np.ascontiguousarray((pairs[..., 0, :] + 1j * pairs[..., 1, :]).transpose(0, 2, 1, 3))
    weights = np.ones(1 << exponent)
    for array in (fields, weights, *extras.values()):
        array.setflags(write=False)
    return Draws(fields, extras, weights)
