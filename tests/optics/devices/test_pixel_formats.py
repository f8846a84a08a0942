"""Bytes of frames made by hand, in the layouts that the Pixel Format Naming Convention draws."""

import numpy as np
import pytest

from optics.devices.pixel_formats import FORMAT_BITS, bytes_per_line, unpack


def test_mono12p_is_a_stream_of_bits_the_lowest_first() -> None:
    # 0xABC and 0x123: first byte BC, then the nibbles 3 (of the second pixel) and A, then 12.
    assert unpack(bytes([0xBC, 0x3A, 0x12]), pixel_format="Mono12p", shape=(1, 2)).tolist() == [[0xABC, 0x123]]


def test_mono10p_puts_four_pixels_into_five_bytes() -> None:
    # Pixel k at bits 10 k to 10 k + 9 of a little-endian number.
    pixels = [0x3FF, 0x001, 0x2AA, 0x155]
    number = sum(pixel << (10 * index) for index, pixel in enumerate(pixels))
    counts = unpack(number.to_bytes(5, "little"), pixel_format="Mono10p", shape=(2, 2))
    assert counts.ravel().tolist() == pixels


def test_mono12packed_keeps_the_low_nibbles_in_the_middle_byte() -> None:
    # GigE Vision: upper bits of the first, low bits of the first in the low nibble and of the second above, upper bits.
    counts = unpack(bytes([0xAB, 0x3C, 0x12]), pixel_format="Mono12Packed", shape=(2, 1))
    assert counts.tolist() == [[0xABC], [0x123]]


def test_mono10packed_keeps_the_two_low_bits_in_the_middle_byte() -> None:
    # 0x2AB = 1010101011: upper eight 0xAA, lower two 3; 0x155 = 0101010101: upper eight 0x55, lower two 1.
    counts = unpack(bytes([0xAA, 0x13, 0x55]), pixel_format="Mono10Packed", shape=(1, 2))
    assert counts.tolist() == [[0x2AB, 0x155]]


@pytest.mark.parametrize("name", ["Mono10p", "Mono12p"])
@pytest.mark.parametrize("shape", [(3, 5), (4, 7), (1, 1), (2, 4)])
def test_odd_sizes_of_streams_match_arithmetic_on_whole_numbers(name: str, shape: tuple[int, int]) -> None:
    bits = FORMAT_BITS[name]
    pixels = np.random.default_rng(1).integers(0, 1 << bits, shape)
    number = sum(int(pixel) << (bits * index) for index, pixel in enumerate(pixels.ravel()))
    size = bytes_per_line(pixels.size, pixel_format=name)
    assert np.array_equal(unpack(number.to_bytes(size, "little"), pixel_format=name, shape=shape), pixels)


def test_padded_lines_begin_at_a_byte_of_their_own() -> None:
    # Three pixels of 12 bits: 4.5 bytes, so 5, and two bytes of padding that hold anything.
    line = bytes([0xBC, 0x3A, 0x12, 0x56, 0x04, 0xEE, 0xEE])
    counts = unpack(line + line[:5], pixel_format="Mono12p", shape=(2, 3), padding=2)
    assert counts.tolist() == [[0xABC, 0x123, 0x456]] * 2


def test_padding_of_plain_formats_is_left_out() -> None:
    assert unpack(bytes([1, 2, 9, 3, 4, 9]), pixel_format="Mono8", shape=(2, 2), padding=1).tolist() == [[1, 2], [3, 4]]
    words = np.array([[1, 2, 3, 0xFFFF], [4, 5, 6, 0xFFFF]], "<u2").tobytes()
    assert unpack(words, pixel_format="Mono16", shape=(2, 3), padding=2).tolist() == [[1, 2, 3], [4, 5, 6]]


def test_words_are_little_endian() -> None:
    assert unpack(bytes([0x34, 0x02]), pixel_format="Mono10", shape=(1, 1)).tolist() == [[0x234]]


def test_left_justified_words_are_shifted_right() -> None:
    words = np.array([[0xABC0, 0x1230, 0xFFF0]], "<u2").tobytes()
    assert unpack(words, pixel_format="Mono12", shape=(1, 3), left=True).tolist() == [[0xABC, 0x123, 0xFFF]]


@pytest.mark.parametrize(("left", "side"), [(False, "left"), (True, "right")])
def test_words_justified_to_the_other_side_are_refused(left: bool, side: str) -> None:
    words = np.array([[0xABC0 if not left else 0x0ABC]], "<u2").tobytes()
    with pytest.raises(ValueError, match=f"justifies them to the {side}"):
        unpack(words, pixel_format="Mono12", shape=(1, 1), left=left)


@pytest.mark.parametrize("name", FORMAT_BITS)
def test_frames_are_copies_in_the_smallest_words(name: str) -> None:
    buffer = bytearray(64)
    counts = unpack(buffer, pixel_format=name, shape=(3, 4))
    buffer[:] = b"\xff" * 64
    assert not counts.any()
    assert counts.flags.c_contiguous
    assert counts.dtype == (np.uint8 if FORMAT_BITS[name] <= 8 else np.uint16)


def test_short_buffers_are_refused() -> None:
    with pytest.raises(ValueError, match="fills 18 bytes, the buffer has 17"):
        unpack(bytes(17), pixel_format="Mono12p", shape=(3, 4))


def test_unknown_formats_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="did you mean 'Mono12p'"):
        unpack(bytes(99), pixel_format="mono12p", shape=(1, 1))
