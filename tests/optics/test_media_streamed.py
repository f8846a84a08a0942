"""The streamed medium: entries that depend on nothing but seed, input and output."""

import numpy as np
import pytest

import optics.media.streamed as streamed
from optics.media import StreamedGaussianMedium


def medium(*, inputs: int, shape: tuple[int, int], seed: int = 3) -> StreamedGaussianMedium:
    return StreamedGaussianMedium(
        input_positions=np.zeros((inputs, 2)), output_shape=shape, output_pitch=5e-6, collected_fraction=1e-3, seed=seed
    )


def test_fields_are_those_of_the_stored_matrix_to_single_precision(rng: np.random.Generator) -> None:
    # Five blocks of outputs, the last one short; 11 tiles of inputs. Sums of 330 products, each rounded to 2^-24.
    scatter = medium(inputs=330, shape=(90, 53))
    stored = scatter.matrix(0.0).astype(np.complex128)
    amplitudes = rng.standard_normal((4, 330)) + 1j * rng.standard_normal((4, 330))
    field = scatter.transmit(amplitudes, time=0.0).reshape(4, -1)
    assert np.abs(field - amplitudes @ stored.T).max() < np.sqrt(330) * 2**-23 * np.abs(field).max()


@pytest.mark.parametrize(("tile", "threads"), [(1, 1), (7, 2), (64, 3)])
def test_bits_do_not_depend_on_tiles_or_threads(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator, tile: int, threads: int
) -> None:
    scatter = medium(inputs=150, shape=(71, 60))
    states = (rng.random((3, 150)) < 0.5).astype(np.float32)
    field, matrix = scatter.transmit(states, time=0.0), scatter.matrix(0.0)
    monkeypatch.setattr(streamed, "TILE_INPUTS", tile)
    monkeypatch.setattr(streamed, "THREADS", threads)
    assert np.array_equal(scatter.transmit(states, time=0.0), field)
    assert np.array_equal(scatter.matrix(0.0), matrix)


def test_an_entry_does_not_depend_on_the_size_of_the_medium() -> None:
    # The scale follows the number of outputs; signs and ratios of entries do not.
    small, large = medium(inputs=20, shape=(50, 41)), medium(inputs=33, shape=(70, 80))
    first = large.matrix(0.0)[:2050, :20] * np.sqrt(5600)
    assert first == pytest.approx(small.matrix(0.0) * np.sqrt(2050), rel=1e-6)


def test_blocks_of_outputs_and_inputs_are_strangers() -> None:
    # Four half blocks of 1024 outputs, 60 inputs each: 240 vectors, squared overlaps exponential of mean
    # 1 / 1024: of 28 680 pairs one exceeds 16 / 1024 in one run of 300.
    matrix = medium(inputs=60, shape=(64, 64)).matrix(0.0)
    vectors = matrix.reshape(4, 1024, 60).transpose(0, 2, 1).reshape(240, 1024)
    vectors = vectors / np.linalg.norm(vectors, axis=1)[:, np.newaxis]
    overlap = np.abs(vectors @ vectors.conj().T - np.eye(240)) ** 2
    assert overlap.max() < 16 / 1024


def test_only_lit_inputs_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    # A million inputs and three that are lit, far apart: three streams a block.
    scatter = medium(inputs=1_000_000, shape=(60, 70))
    drawn: list[int] = []
    states = streamed.exposure_states

    def counted(seed: int, source: streamed.NoiseSource, *, first: int, count: int, block: int) -> np.ndarray:
        drawn.append(count)
        return states(seed, source, first=first, count=count, block=block)

    monkeypatch.setattr(streamed, "exposure_states", counted)
    amplitudes = np.zeros((2, 1_000_000), np.float32)
    amplitudes[0, [5, 70_000]] = 1
    amplitudes[1, 999_999] = 1
    field = scatter.transmit(amplitudes, time=0.0)
    assert sum(drawn) == 3 * 3  # blocks of 2048 outputs
    # 4200 grains of unit contrast, two inputs and one.
    assert np.sum(np.abs(field) ** 2, axis=(1, 2, 3)) == pytest.approx([2e-3, 1e-3], rel=4 / np.sqrt(4200))


def test_dark_frames_and_no_frames_are_dark() -> None:
    scatter = medium(inputs=10, shape=(5, 7))
    assert not scatter.transmit(np.zeros((2, 10)), time=0.0).any()
    assert scatter.transmit(np.zeros((0, 10)), time=0.0).shape == (0, 1, 5, 7)
    with pytest.raises(ValueError, match=r"shape \(frame, 10\), got \(2, 9\)"):
        scatter.transmit(np.zeros((2, 9)), time=0.0)
