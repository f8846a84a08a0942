"""Keyed streams of random numbers: the same frame has the same noise whatever was drawn before it.

A stream is keyed by (seed, source of noise, row block, exposure index). For each (seed, source, row block) a
Philox generator in counter mode turns the exposure index into 256 bits, and these are the state of the SFC64
generator that draws the numbers of that exposure. Exposures therefore need no common history: they may be
drawn in any order, in batches of any size and on any number of threads.

References
----------
.. [1] J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, Parallel random numbers: as easy as 1, 2, 3,
   Proc. SC11 (2011). doi:10.1145/2063384.2063405
"""

import enum
import functools

import numpy as np
from numpy.typing import NDArray


class NoiseSource(enum.IntEnum):
    """Everything random on a bench, one stream each; the numbers are part of the reproducible record."""

    MEDIUM = 1
    PHOTO_RESPONSE = 2
    DARK_CURRENT = 3
    OFFSET = 4
    SHOT = 5
    READ = 6
    ROW_READ = 7
    COLUMN_READ = 8
    LASER = 9
    DEAD = 10
    LINE_OFFSET = 11
    CONVERTER = 12
    MIRROR_FAULTS = 20
    FLATNESS_DRIFT = 21
    STREAMED_MEDIUM = 30
    GRAIN = 31
    CHANNELS = 32
    MODES = 33
    DRIFT = 34
    REFERENCE_PHASE = 35
    REFERENCE_STEP = 36
    REFERENCE_FIELD = 37
    MODE_HOPS = 40
    MODE_PHASES = 41
    POINTING_Y = 42
    POINTING_X = 43
    POWER_DRIFT = 44
    REFERENCE_POWER = 45
    ANCHOR_POWER = 46
    TEMPERATURE = 47
    THERMAL_PHASES = 48
    TRIGGER = 49
    DROPPED_FRAMES = 50
    MISSED_TRIGGERS = 51


def exposure_states(seed: int, source: NoiseSource, *, first: int, count: int, block: int = 0) -> NDArray[np.uint64]:
    """Return the generator states of consecutive exposures.

    Parameters
    ----------
    seed : int
        Seed of the bench, not negative.
    source : NoiseSource
        What is drawn.
    first : int
        Index of the first exposure.
    count : int
        Number of exposures.
    block : int, optional
        Row block of the frame.

    Returns
    -------
    ndarray of uint64, shape (count, 4)
        One SFC64 state an exposure.
    """
    philox = np.random.Philox(key=_stream_key(seed, source, block), counter=first)
    return np.asarray(philox.random_raw(4 * count), np.uint64).reshape(count, 4)


@functools.lru_cache(maxsize=4096)
def _stream_key(seed: int, source: NoiseSource, block: int) -> NDArray[np.uint64]:
    """Return the 128-bit key of a stream."""
    return np.asarray(np.random.SeedSequence([seed, int(source), block]).generate_state(2, np.uint64), np.uint64)


def source_generator(seed: int, source: NoiseSource) -> np.random.Generator:
    """Return the generator of what is drawn once a bench, such as its medium or its photo-response map.

    Parameters
    ----------
    seed : int
        Seed of the bench, not negative.
    source : NoiseSource
        What is drawn.

    Returns
    -------
    numpy.random.Generator
        A fresh generator.
    """
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, int(source)])))


class ExposureGenerator:
    """A generator that jumps to the state of any exposure, at under a microsecond a jump.

    One instance serves one thread.
    """

    def __init__(self) -> None:
        self._bits = np.random.SFC64(0)
        self._generator = np.random.Generator(self._bits)

    def at(self, state: NDArray[np.uint64]) -> np.random.Generator:
        """Return the generator, set to a state of `exposure_states`.

        Parameters
        ----------
        state : ndarray of uint64, shape (4,)
            The state of one exposure.

        Returns
        -------
        numpy.random.Generator
            The one generator of this instance: the next call moves it.
        """
        self._bits.state = {
            "bit_generator": "SFC64",
            "state": {"state": state},
            "has_uint32": 0,
            "uinteger": 0,
        }
        return self._generator


def exposure_normals(seed: int, source: NoiseSource, *, first: int, count: int) -> NDArray[np.float64]:
    """Return one standard normal number for each of consecutive exposures.

    Parameters
    ----------
    seed : int
        Seed of the bench, not negative.
    source : NoiseSource
        What is drawn.
    first : int
        Index of the first exposure.
    count : int
        Number of exposures.

    Returns
    -------
    ndarray, shape (count,)
        Independent numbers; that of an exposure is the same whatever others are asked for.
    """
    generator = ExposureGenerator()
    states = exposure_states(seed, source, first=first, count=count)
    return np.array([generator.at(state).standard_normal() for state in states])


def exposure_chances(seed: int, source: NoiseSource, *, first: int, count: int) -> NDArray[np.float64]:
    """Return one number from 0 to 1 for each of consecutive exposures.

    Parameters
    ----------
    seed : int
        Seed of the bench, not negative.
    source : NoiseSource
        What is drawn.
    first : int
        Index of the first exposure.
    count : int
        Number of exposures.

    Returns
    -------
    ndarray, shape (count,)
        Independent numbers, 1 left out; that of an exposure is the same whatever others are asked for.
    """
    generator = ExposureGenerator()
    states = exposure_states(seed, source, first=first, count=count)
    return np.array([generator.at(state).random() for state in states])
