"""The Gaussian medium: operator, adjoint, seed, limits."""

import numpy as np
import pytest

from optics import GaussianMedium


def medium(
    *, inputs: int = 37, shape: tuple[int, int] = (12, 11), fraction: float = 0.1, seed: int = 6
) -> GaussianMedium:
    return GaussianMedium(
        input_positions=np.zeros((inputs, 2)),
        output_shape=shape,
        output_pitch=4e-6,
        collected_fraction=fraction,
        seed=seed,
    )


def test_transmit_is_the_matrix_for_real_complex_and_sparse_inputs(rng: np.random.Generator) -> None:
    scatter = medium()
    exact = scatter.matrix(0.0).astype(np.complex128)
    dense = rng.standard_normal((5, 37))
    sparse = np.where(np.arange(37) < 4, dense, 0)
    for field_in in (dense, sparse, dense + 1j * rng.standard_normal((5, 37))):
        field = scatter.transmit(field_in, time=0.0)
        assert field.shape == (5, 1, 12, 11)
        # complex64: each of 37 products is rounded to 2^-24.
        assert np.abs(field.reshape(5, -1) - field_in @ exact.T).max() < 37 * 2**-23 * np.abs(field).max()


def test_adjoint_is_the_transpose_conjugated(rng: np.random.Generator) -> None:
    scatter = medium()
    x = rng.standard_normal((3, 37)) + 1j * rng.standard_normal((3, 37))
    y = rng.standard_normal((3, 1, 12, 11)) + 1j * rng.standard_normal((3, 1, 12, 11))
    forward = np.vdot(y, scatter.transmit(x, time=0.0))
    backward = np.vdot(scatter.adjoint(y, time=0.0), x)
    assert forward == pytest.approx(backward, rel=1e-5)


def test_the_seed_fixes_the_matrix() -> None:
    assert np.array_equal(medium().matrix(0.0), medium().matrix(5.0))
    assert not np.array_equal(medium().matrix(0.0), medium(seed=7).matrix(0.0))


def test_output_positions_are_centred_on_the_camera() -> None:
    positions = medium().output_positions
    assert positions.shape == (12, 11, 2)
    assert positions[-1, 0] == pytest.approx([5.5 * 4e-6, -5 * 4e-6])


def test_an_active_medium_is_refused() -> None:
    # Law L23: eta_c (1 + sqrt(N / M))^2 <= 1; here N = 4 M, so eta_c may be 1/9 at most.
    with pytest.raises(ValueError, match="is not passive with 528 inputs and 132 outputs.*at most 0.111"):
        medium(inputs=528, fraction=0.2)
    assert medium(inputs=528, fraction=0.111).inputs == 528


def test_a_matrix_too_large_for_memory_is_refused_with_its_size() -> None:
    with pytest.raises(ValueError, match=r"needs 8\.0 GiB"):
        medium(inputs=32_768, shape=(256, 128), fraction=0.01)


def test_fields_of_the_wrong_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(frame, 37\), got \(2, 36\)"):
        medium().transmit(np.zeros((2, 36)), time=0.0)
