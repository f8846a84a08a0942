"""Encodings of vectors: exact decodes, frames that count, light that adds up, and what they refuse."""

import numpy as np
import pytest

from optics.encodings import AreaModulation, BitPlanes, Dithering, DutyCycle, Encoding, binary, ternary

COMPONENTS, OUTPUTS = 13, 17


@pytest.fixture
def matrix(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((OUTPUTS, COMPONENTS)) + 1j * rng.standard_normal((OUTPUTS, COMPONENTS))


def grey(rng: np.random.Generator, encoding: BitPlanes | DutyCycle | AreaModulation) -> np.ndarray:
    return encoding.quantise(rng.uniform(-1 if encoding.signed else 0, 1, (5, COMPONENTS)))


PLANES = [binary(), ternary(), BitPlanes(bits=4, signed=False), BitPlanes(bits=16, signed=True)]


@pytest.mark.parametrize("encoding", PLANES, ids=str)
def test_bit_planes_decode_fields_exactly(rng: np.random.Generator, matrix: np.ndarray, encoding: BitPlanes) -> None:
    x = grey(rng, encoding)
    frames = encoding.frames(x)
    assert frames.dtype == np.bool_
    assert frames.shape == (5 * encoding.frames_per_vector, COMPONENTS)
    assert encoding.decode(frames @ matrix.T) == pytest.approx(
        x @ matrix.T, abs=1e-12
    )  # rounding of some 13 x 32 terms
    on = frames.reshape(5, -1).sum(axis=1)
    assert encoding.photon_efficiency(x) == pytest.approx(on / (encoding.frames_per_vector * COMPONENTS))


@pytest.mark.parametrize("signed", [False, True])
def test_duty_cycle_decodes_what_an_exposure_collects(
    rng: np.random.Generator, matrix: np.ndarray, signed: bool
) -> None:
    encoding = DutyCycle(bits=6, signed=signed)
    x = grey(rng, encoding)
    assert encoding.durations.sum() == pytest.approx(1)
    collected = encoding.integrate(encoding.frames(x) @ matrix.T)
    assert collected.shape == (5 * encoding.exposures_per_vector, OUTPUTS)
    assert encoding.decode(collected) == pytest.approx(x @ matrix.T, abs=1e-12)
    # The on-time of each component is its modulus.
    on_time = encoding.integrate(encoding.frames(np.abs(x)).astype(float)).reshape(5, -1, COMPONENTS)[:, 0]
    assert on_time == pytest.approx(np.abs(x), abs=1e-12)


@pytest.mark.parametrize("signed", [False, True])
def test_area_modulation_is_exact_where_macropixels_are_not_resolved(
    rng: np.random.Generator, matrix: np.ndarray, signed: bool
) -> None:
    encoding = AreaModulation(mirrors=15, signed=signed)
    x = grey(rng, encoding)
    mirrors = np.repeat(matrix, 15, axis=1) / 15  # each mirror of a macropixel has the same share of its column
    frames = encoding.frames(x)
    assert frames.shape == (5 * encoding.frames_per_vector, 15 * COMPONENTS)
    assert encoding.decode(frames @ mirrors.T) == pytest.approx(x @ matrix.T, abs=1e-12)


def test_area_modulation_spreads_mirrors_that_are_on_over_the_macropixel() -> None:
    # Halves, quarters: any k of n mirrors leave no gap above twice the mean spacing (three-distance theorem).
    encoding = AreaModulation(mirrors=40, signed=False)
    for on in range(2, 41):
        places = np.flatnonzero(encoding.frames([[on / 40]])[0])
        assert len(places) == on
        assert np.diff(np.append(places, places[0] + 40)).max() <= np.ceil(2.7 * 40 / on)


def test_dithering_is_unbiased(rng: np.random.Generator, matrix: np.ndarray) -> None:
    encoding = Dithering(repeats=3000, signed=True)
    x = rng.uniform(-1, 1, (2, COMPONENTS))
    found = encoding.decode(encoding.frames(x, rng=rng) @ matrix.T)
    law = encoding.dither_variance(x, column_power=np.mean(np.abs(matrix) ** 2, axis=0))
    # The mean square over few outputs shares its coins: within a factor 4 of the law, 60 times below no average.
    assert np.all(np.mean(np.abs(found - x @ matrix.T) ** 2, axis=1) < 4 * law)
    assert encoding.photon_efficiency(x) == pytest.approx(np.abs(x).mean(axis=1) / 2)


def test_ternary_frames_are_those_of_the_positive_and_of_the_negative_components() -> None:
    frames = ternary().frames(np.array([[1, 0, -1], [0, -1, -1]]))
    assert frames.tolist() == [
        [True, False, False], [False, False, True], [False, False, False], [False, True, True],
    ]  # fmt: skip


def test_float32_vectors_are_not_mistaken_for_ones_between_levels(rng: np.random.Generator) -> None:
    encoding = BitPlanes(bits=16, signed=False)
    x = encoding.quantise(rng.random((3, COMPONENTS)))
    assert np.array_equal(encoding.frames(x.astype(np.float32)), encoding.frames(x))


def test_decode_keeps_the_precision_it_is_given() -> None:
    assert BitPlanes(bits=2, signed=True).decode(np.ones((4, 3), np.complex64)).dtype == np.complex64


@pytest.mark.parametrize("encoding", [*PLANES, DutyCycle(bits=3, signed=True), AreaModulation(mirrors=4, signed=True)])
def test_all_encodings_are_of_one_kind(rng: np.random.Generator, encoding: Encoding) -> None:
    x = np.ones((2, 3))
    assert len(encoding.frames(x)) == 2 * encoding.frames_per_vector
    assert encoding.decode(np.ones((2 * encoding.exposures_per_vector, 4))).shape == (2, 4)
    assert encoding.noise_gain > 0
    assert np.all((encoding.photon_efficiency(x) > 0) & (encoding.photon_efficiency(x) <= 1))


@pytest.mark.parametrize("make", [lambda s: BitPlanes(bits=3, signed=s), lambda s: DutyCycle(bits=3, signed=s),
                                  lambda s: AreaModulation(mirrors=7, signed=s)])  # fmt: skip
def test_vectors_that_cannot_be_shown_are_refused(make) -> None:
    with pytest.raises(ValueError, match=r"x\[0, 1\] = 255 is out of range"):
        make(False).frames(np.array([[0, 255]], np.uint8))
    with pytest.raises(ValueError, match="signed=True"):
        make(False).frames([[0.0, -1.0]])
    with pytest.raises(ValueError, match=r"x\[1, 0\] = nan"):
        make(True).frames([[0.0], [np.nan]])
    with pytest.raises(ValueError, match="no multiple of 1/7.*quantise"):
        make(True).frames([[0.5]])
    with pytest.raises(ValueError, match=r"shape \(vector, component\)"):
        make(True).frames([0.0, 1.0])
    with pytest.raises(TypeError, match="complex fields take a hologram"):
        make(True).frames([[1j]])


def test_wrong_settings_are_refused() -> None:
    for cls in (BitPlanes, DutyCycle):
        with pytest.raises(ValueError, match="bits = 0"):
            cls(bits=0, signed=True)
        with pytest.raises(TypeError, match="bits"):
            cls(bits=2.5, signed=True)
    with pytest.raises(ValueError, match="at most 16"):
        BitPlanes(bits=17, signed=False)
    with pytest.raises(ValueError, match="mirrors"):
        AreaModulation(mirrors=0, signed=False)
    with pytest.raises(ValueError, match="repeats"):
        Dithering(repeats=0, signed=False)
    with pytest.raises(ValueError, match="one row for each of the 2 exposures"):
        ternary().decode(np.ones((3, 4)))
