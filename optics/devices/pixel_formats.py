"""What the bytes of a frame mean: plain, left-justified and packed pixel formats, turned into counts in DN."""

import numpy as np
from numpy.typing import NDArray

from optics.camera import Counts
from optics.validation import check_choice, check_count

Buffer = bytes | bytearray | memoryview | NDArray[np.uint8]

FORMAT_BITS = {
    "Mono8": 8,
    "Mono10": 10,
    "Mono12": 12,
    "Mono14": 14,
    "Mono16": 16,
    "Mono10p": 10,
    "Mono12p": 12,
    "Mono10Packed": 10,
    "Mono12Packed": 12,
}
"""Significant bits of the monochrome formats that are read, by their names in cameras' menus."""


def unpack(
    buffer: Buffer, *, pixel_format: str, shape: tuple[int, int], padding: int = 0, left: bool = False
) -> Counts:
    """Return the counts of a frame from the bytes that a camera delivered.

    Pixel k of a packed line of b bits (``Mono10p``, ``Mono12p``) is

    .. math:: c_k = \\sum_{i=0}^{b-1} 2^i \\, s_{b k + i}, \\qquad
              s_{8 m + j} = \\lfloor B_m / 2^j \\rfloor \\bmod 2,

    a stream of bits, the lowest first. ``Mono12Packed`` and ``Mono10Packed`` put two pixels into three bytes: the upper
    eight bits of the first, the lower bits of both (the first in the low half of the byte), the upper eight of the
    second.

    Parameters
    ----------
    buffer : bytes-like
        Bytes of the frame; what follows the last pixel is ignored.
    pixel_format : str
        Name of the format, a key of `FORMAT_BITS`.
    shape : tuple of int
        Pixels along (y, x).
    padding : int, optional
        Bytes that fill up each line. Without them packed lines follow each other bit by bit.
    left : bool, optional
        Whether the significant bits of 16-bit words sit at the left; they are shifted to the right.

    Returns
    -------
    ndarray of uint8 or uint16, shape (y, x)
        Counts in DN, of 8 bits or fewer as uint8; a copy.

    Raises
    ------
    ValueError
        If the format is not known, the buffer is too short, or a word holds bits that the format has not.

    References
    ----------
    .. [1] EMVA, Pixel Format Naming Convention 2.4, sec. 6 (bit packing). AIA, GigE Vision 2.0, sec. 26
       (Mono10Packed, Mono12Packed).
    """
    check_choice("pixel_format", pixel_format, tuple(FORMAT_BITS))
    check_count("padding", padding, at_least=0)
    lines = _lines(buffer, pixel_format=pixel_format, shape=shape, padding=padding)
    pixels = shape[1] if padding else shape[0] * shape[1]
    if pixel_format == "Mono8":
        counts: Counts = lines[:, :pixels].copy()
    elif pixel_format.endswith("p"):
        counts = _from_stream(lines, bits=FORMAT_BITS[pixel_format], pixels=pixels)
    elif pixel_format.endswith("Packed"):
        counts = _from_triples(lines, low_bits=FORMAT_BITS[pixel_format] - 8, pixels=pixels)
    else:
        counts = _from_words(lines[:, : 2 * pixels], bits=FORMAT_BITS[pixel_format], left=left)
    return counts.reshape(shape)


def bytes_per_line(pixels: int, *, pixel_format: str) -> int:
    """Return the bytes that a number of pixels fill, the last one begun counted as whole.

    Parameters
    ----------
    pixels : int
        Pixels that follow each other.
    pixel_format : str
        Name of the format, a key of `FORMAT_BITS`.

    Returns
    -------
    int
        Bytes.
    """
    check_choice("pixel_format", pixel_format, tuple(FORMAT_BITS))
    if pixel_format.endswith("Packed"):
        return -(-3 * pixels // 2)
    bits = FORMAT_BITS[pixel_format]
    return -(-pixels * bits // 8) if pixel_format.endswith("p") else pixels * (1 if bits == 8 else 2)


def _lines(buffer: Buffer, *, pixel_format: str, shape: tuple[int, int], padding: int) -> NDArray[np.uint8]:
    """Return the bytes of each line, or of the whole frame in one where lines follow each other without a gap."""
    rows, columns = shape
    count, pixels = (rows, columns) if padding else (1, rows * columns)
    length = bytes_per_line(pixels, pixel_format=pixel_format) + padding
    data = np.frombuffer(buffer, np.uint8)
    needed = count * length - padding  # the last line may come without its padding
    if data.size < needed:
        raise ValueError(
            f"a frame of {rows} x {columns} pixels in {pixel_format} fills {needed} bytes, the buffer "
            f"has {data.size}: the frame is not whole, or its format or region is another"
        )
    if data.size < count * length:
        data = np.concatenate([data, np.zeros(padding, np.uint8)])
    return data[: count * length].reshape(count, length)


def _from_words(lines: NDArray[np.uint8], *, bits: int, left: bool) -> NDArray[np.uint16]:
    """Return little-endian words of 16 bits, their significant bits at the right."""
    words = np.ascontiguousarray(lines).view("<u2").astype(np.uint16)
    spare = 16 - bits
    foreign = words & np.uint16((1 << spare) - 1) if left else words >> np.uint16(bits)
    if foreign.any():
        side, other = ("left", "right") if left else ("right", "left")
        raise ValueError(
            f"words hold more than {bits} bits at the {side}: the camera justifies them to the {other}, or its pixel "
            "format is another"
        )
    return words >> np.uint16(spare) if left else words


def _from_stream(lines: NDArray[np.uint8], *, bits: int, pixels: int) -> NDArray[np.uint16]:
    """Return the pixels of streams of bits, the lowest first."""
    first_bit = bits * np.arange(pixels)
    byte, shift = first_bit >> 3, (first_bit & 7).astype(np.uint16)
    # 10 or 12 bits that begin at an even bit lie in two bytes: 6 + 10 and 4 + 12 are 16.
    words = lines[:, byte].astype(np.uint16)
    words |= lines[:, byte + 1].astype(np.uint16) << np.uint16(8)
    return (words >> shift) & np.uint16((1 << bits) - 1)


def _from_triples(lines: NDArray[np.uint8], *, low_bits: int, pixels: int) -> NDArray[np.uint16]:
    """Return the pixels of three bytes for two: upper bits, lower bits of both, upper bits."""
    index = np.arange(pixels)
    pair, second = 3 * (index >> 1), index & 1
    upper = lines[:, pair + 2 * second].astype(np.uint16)
    lower = lines[:, pair + 1] >> (4 * second).astype(np.uint8)
    return upper << np.uint16(low_bits) | (lower & np.uint8((1 << low_bits) - 1)).astype(np.uint16)
