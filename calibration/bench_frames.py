"""Frames of a bench in DN, none of them lost."""

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.frame_pairs import Counts
from optics.bench import Bench

MOST_TRIES = 5
"""Times that lost frames are asked for again."""


def take_frames(bench: Bench, patterns: NDArray[np.bool_], *, light: bool = True) -> Counts:
    """Return one good frame of each pattern at the present exposure time.

    Parameters
    ----------
    bench : Bench
        A simulated or a real bench.
    patterns : ndarray of bool, shape (frame, input)
        Macropixel states.
    light : bool, optional
        False takes dark frames.

    Returns
    -------
    ndarray of uint8 or uint16, shape (frame, y, x)
        Counts in DN; frames that were lost were taken again.

    Raises
    ------
    ValueError
        If frames are lost again and again.
    """
    exposure = bench.expose(patterns, light=light)
    frames = bench.camera.digital_numbers(exposure.counts)
    lost = np.flatnonzero(~exposure.valid)
    if not lost.size:
        return frames
    frames = frames.copy()
    for _ in range(MOST_TRIES):
        again = bench.expose(patterns[lost], light=light)
        frames[lost[again.valid]] = bench.camera.digital_numbers(again.counts)[again.valid]
        lost = lost[~again.valid]
        if not lost.size:
            return frames
    raise ValueError(
        f"{lost.size} of {len(patterns)} frames were lost {MOST_TRIES + 1} times running: check the camera's link and "
        "its trigger"
    )
