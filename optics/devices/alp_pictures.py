"""Masks as ViALUX's library takes them: packed rows, or a byte a mirror."""

import numpy as np
from numpy.typing import NDArray

ROW_BYTES = {1024: 128, 1920: 256}
"""Bytes of a packed row by its mirrors, as the vendor's header states them; other rows go a byte a mirror."""


def picture_words(frames: NDArray[np.bool_], *, row_bytes: int) -> NDArray[np.uint8]:
    """Return mirror frames in one run of bytes.

    Parameters
    ----------
    frames : ndarray of bool, shape (frame, y, x)
        Mirror states.
    row_bytes : int
        Bytes of a packed row (ALP_DATA_BINARY_TOPDOWN); 0 makes a byte of each mirror (ALP_DATA_MSB_ALIGN).

    Returns
    -------
    ndarray of uint8, shape (frame * y * row_bytes,) or (frame * y * x,)
        Top row first. Packed, the first mirror of a row is the highest bit of its first byte and rows are filled up
        with zeros; otherwise a mirror that is on is 255, because of a byte the library shows the highest bit.
    """
    if not row_bytes:
        return np.multiply(frames, np.uint8(255), dtype=np.uint8).ravel()
    words = np.zeros((*frames.shape[:2], row_bytes), np.uint8)
    packed = np.packbits(frames, axis=2)
    words[:, :, : packed.shape[2]] = packed
    return words.ravel()
