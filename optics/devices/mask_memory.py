"""Mirror masks in the memory of a modulator: rendered from macropixel states, as many at a time as fit."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from optics.devices.protocols import Modulator
from optics.mirrors.frames import FrameRenderer

MASK_BYTES = 128 * 2**20
"""Memory for masks that are loaded together, and once more for those that are rendered meanwhile."""

States = NDArray[np.bool_]


class MaskMemory:
    """The masks that a modulator holds, known by their macropixel states.

    Parameters
    ----------
    modulator : Modulator
        The device; nobody else loads masks into it.
    renderer : FrameRenderer
        Turns macropixel states into mirror masks.
    at_most : int
        Masks that may be loaded together, beside the device's capacity and `MASK_BYTES`.
    """

    def __init__(self, modulator: Modulator, renderer: FrameRenderer, *, at_most: int) -> None:
        self._modulator, self._renderer = modulator, renderer
        rows, columns = renderer.shape
        self._most = max(1, min(modulator.capacity, MASK_BYTES // (rows * columns), at_most))
        self._loaded: States | None = None

    def load(self, states: States) -> None:
        """Put the masks of states into the device, unless they are there.

        Parameters
        ----------
        states : ndarray of bool, shape (frame, input)
            Macropixel states, at most as many as `series` hands out.
        """
        if not self._holds(states):
            self._put(states, self._renderer.render(states))

    def series(self, states: States, *, at_most: int | None = None) -> Iterator[slice]:
        """Load states part by part; while the frames of one part are taken the masks of the next are rendered.

        Parameters
        ----------
        states : ndarray of bool, shape (frame, input)
            Macropixel states, as many as there are.
        at_most : int or None, optional
            Masks that are loaded together; None loads as many as fit.

        Yields
        ------
        slice
            Frames whose masks are loaded now, from 0 on.
        """
        most = self._most if at_most is None else min(self._most, at_most)
        parts = [slice(start, min(start + most, len(states))) for start in range(0, len(states), most)]
        if len(parts) == 1:
            self.load(states)
            yield parts[0]
        if len(parts) < 2:
            return
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(self._renderer.render, states[parts[0]])
            for part, after in zip(parts, [*parts[1:], None], strict=True):
                masks = ahead.result()
                if after is not None:
                    ahead = pool.submit(self._renderer.render, states[after])
                if not self._holds(states[part]):
                    self._put(states[part], masks)
                del masks
                yield part

    def _holds(self, states: States) -> bool:
        """Return whether the device holds the masks of these states, in this order."""
        return self._loaded is not None and np.array_equal(self._loaded, states)

    def _put(self, states: States, masks: NDArray[np.bool_]) -> None:
        """Load masks; what a failed load leaves behind is not trusted."""
        self._loaded = None
        self._modulator.load(masks)
        self._loaded = states.copy()
