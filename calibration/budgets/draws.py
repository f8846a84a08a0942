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

SEED = 20_071_117

LEADING = 6
"""Dimensions of the fields of anchor and halves, which come before all others: the lowest are the most even."""

STORED_TIMES = 5
"""Moments over which the exposures of the stored frames are averaged."""

TIMES = STORED_TIMES + 6
"""The choice of the outputs, the stored frames, the middle of a vector's frames, and its four frames."""

EXTRAS = ("tail", "positive", "negative", "defect", "response", "offset", "stored_anchor", "stored_off", "stored_dark")
UNIFORM = frozenset(("tail", "positive", "negative", "defect"))
"""Extras that are uniform numbers; the others are normal."""


@dataclass(frozen=True, eq=False)
class Draws:
    """Random numbers of a quadrature, the same for every variant of a bench, so that differences are smooth.

    Parameters
    ----------
    fields : ndarray of complex128, shape (field, mode, point)
        Independent circular normal numbers of unit mean square, for the first time.
    later : ndarray of complex64, shape (time, field, mode, point)
        What is new in the fields at each of the other times.
    extras : dict of str to ndarray, shape (point,)
        Uniform or normal numbers of what is not light.
    weights : ndarray, shape (point,)
        What each point counts; the mean is one.
    """

    fields: NDArray[np.complex128]
    later: NDArray[np.complex64]
    extras: dict[str, Values]
    weights: Values

    @property
    def points(self) -> int:
        """Return the number of points."""
        return int(self.fields.shape[-1])


@functools.lru_cache(maxsize=2)
def draw_points(*, exponent: int, modes: int, times: int, repeat: int = 0) -> Draws:
    """Return the numbers of 2^exponent points.

    Parameters
    ----------
    exponent : int
        Binary logarithm of the number of points.
    modes, times : int
        Speckles a pixel, moments at which fields are wanted.
    repeat : int, optional
        Which set of such points: sets are independent.

    Returns
    -------
    Draws
        Always the same for the same arguments: a scrambled Sobol sequence of a fixed seed; what is new at later times
        from a generator of a fixed seed.
    """
    points = 1 << exponent
    sequence = qmc.Sobol(2 * FIELDS * modes + len(EXTRAS), scramble=True, rng=SEED + repeat)
    uniform = np.clip(sequence.random_base2(exponent).T, 1e-12, 1 - 1e-12)
    own = uniform[LEADING : LEADING + len(EXTRAS)]
    extras = {name: one if name in UNIFORM else ndtri(one) for name, one in zip(EXTRAS, own, strict=True)}
    normal = ndtri(np.concatenate([uniform[:LEADING], uniform[LEADING + len(EXTRAS) :]]))
    pairs = normal.reshape(modes, FIELDS, 2, points) / math.sqrt(2)
    fields = np.ascontiguousarray((pairs[:, :, 0] + 1j * pairs[:, :, 1]).swapaxes(0, 1))
    new = np.random.default_rng(SEED + repeat).standard_normal(
        ((times - 1), FIELDS, modes, 2 * points), dtype=np.float32
    )
    new *= np.float32(math.sqrt(0.5))
    later = new.view(np.complex64)
    weights = np.ones(points)
    for array in (fields, later, weights, *extras.values()):
        array.setflags(write=False)
    return Draws(fields, later, extras, weights)
