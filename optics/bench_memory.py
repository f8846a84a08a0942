"""What a simulated bench remembers of the frames before: what a resumed series needs beside index and time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class BenchMemory:
    """State of a bench after a frame.

    Parameters
    ----------
    warming : float
        Warming of the medium by the patterns so far, in kelvin.
    share_on : float
        Part of the macropixels that the last pattern has on; zero after a dark frame.
    light : ndarray of float32, shape (y, x), or None
        Light of the last pattern, in photons per pixel per second; None where nothing needs it.
    charge : ndarray of float32, shape (y, x), or None
        Charge of the last frame, in electrons, of which a part lags; None where nothing lags.
    """

    warming: float = 0.0
    share_on: float = 0.0
    light: NDArray[np.float32] | None = None
    charge: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        for name in ("light", "charge"):
            array = getattr(self, name)
            if array is not None:
                own = np.array(array, np.float32)
                own.setflags(write=False)
                object.__setattr__(self, name, own)
