"""Generators of speckle: shapes, precision, reproducibility, and what they refuse."""

import numpy as np
import pytest
import scipy.fft

from optics.encodings import random_speckle
from optics.speckle import (
    add_constant,
    cascaded_speckle,
    grain_size,
    integrated_modes,
    mode_contrast,
    phasor_contrast,
    phasor_sums,
    polarised_speckle,
    rough_surface_speckle,
    sparse_speckle,
    speckle_field,
    speckle_modes,
)


def test_speckle_has_the_shape_that_was_asked_for(rng: np.random.Generator) -> None:
    assert speckle_field((3, 30, 44), grain=(2, 3), rng=rng).shape == (3, 30, 44)
    assert polarised_speckle((3, 30, 44), degree=0.5, grain=2, rng=rng).shape == (3, 2, 30, 44)
    assert speckle_modes((30, 44), coherency=np.eye(3), grain=2, rng=rng).shape == (3, 30, 44)
    assert cascaded_speckle((5, 30, 44), modes=2, grain=2, rng=rng).shape == (5, 30, 44)
    assert sparse_speckle((2, 30, 44), phasors=7, grain=2, pupil="square", rng=rng).shape == (2, 30, 44)
    assert rough_surface_speckle((2, 30, 44), phase_deviation=1.0, grain=2, rng=rng).shape == (2, 30, 44)
    assert phasor_sums((7,), phasors=3, phase_deviation=0.1, rng=rng).shape == (7,)


def test_single_precision_costs_what_the_docstring_says() -> None:
    single, double = (
        speckle_field((60, 84), grain=3, rng=np.random.default_rng(1), dtype=dtype)
        for dtype in (np.complex64, np.complex128)
    )
    assert (single.dtype, double.dtype) == (np.complex64, np.complex128)
    assert np.abs(single - double).max() < 1e-6 * np.abs(double).max()
    grid, settings = (60, 84), {"grain": 3, "rng": np.random.default_rng(1)}
    for part in (
        add_constant(single, ratio=2.0),
        rough_surface_speckle(grid, phase_deviation=1.0, **settings),
        cascaded_speckle(grid, modes=2, **settings),
        polarised_speckle(grid, degree=0.2, **settings),
        sparse_speckle(grid, phasors=4, **settings),
        phasor_sums(grid, phasors=3, rng=settings["rng"]),
    ):
        assert part.dtype == np.complex64


@pytest.mark.parametrize("pupil", ["disc", "square"])
def test_nothing_lies_beyond_a_sharp_rim(rng: np.random.Generator, pupil: str) -> None:
    field = speckle_field((60, 84), grain=(3, 4), pupil=pupil, grey_rim=False, rng=rng, dtype=np.complex128)
    spectrum = np.abs(scipy.fft.fft2(field))
    y, x = scipy.fft.fftfreq(60)[:, np.newaxis] * 6, scipy.fft.fftfreq(84) * 8
    outside = (np.hypot(y, x) if pupil == "disc" else np.maximum(np.abs(y), np.abs(x))) > 1 + 1e-9
    assert spectrum[outside].max() < 1e-10 * spectrum.max()


def test_targets_of_encodings_are_the_same_speckle() -> None:
    target = random_speckle((60, 84), radius=1 / 6, rng=np.random.default_rng(5))
    field = speckle_field((60, 84), grain=3, grey_rim=False, rng=np.random.default_rng(5), dtype=np.complex128)
    np.testing.assert_allclose(target, field / np.sqrt(np.mean(np.abs(field) ** 2)), rtol=1e-12)


def test_a_smooth_surface_has_no_speckle(rng: np.random.Generator) -> None:
    np.testing.assert_allclose(rough_surface_speckle((30, 44), phase_deviation=0.0, grain=3, rng=rng), 1, rtol=1e-6)
    assert phasor_contrast(7, phase_deviation=0.0) == 0
    assert phasor_contrast(1) == 0


def test_a_point_integrates_nothing() -> None:
    assert integrated_modes(pixel=0.0, grain=2.0) == pytest.approx(1, rel=1e-12)
    assert integrated_modes(pixel=(0.0, 1.0), grain=(2.0, 1.0), pupil="square") == pytest.approx(2.3249**0.5, rel=1e-4)


def test_grain_of_a_lens_in_metres() -> None:
    assert grain_size(wavelength=500e-9, distance=0.2, aperture=0.01) == pytest.approx(10e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grain": 0.8}, "grain along y = 0.8 samples is finer than the sampling: its pupil is 1.25 cycles"),
        ({"grain": (2.0, 0.5)}, "grain along x = 0.5 samples is finer"),
        ({"grain": 20}, "too few grains: 64 samples along y hold 3.2 grains of 20 samples"),
        ({"grain": -1.0}, "grain along y = -1 samples is not allowed"),
        ({"grain": (2, 2, 2)}, "one number or two"),
        ({"pupil": "disk"}, "did you mean 'disc'"),
        ({"shape": (64,)}, "shape must be"),
    ],
)
def test_impossible_speckle_is_refused(rng: np.random.Generator, change: dict, message: str) -> None:
    settings = {"shape": (64, 96), "grain": 3, "pupil": "disc"} | change
    with pytest.raises(ValueError, match=message):
        speckle_field(settings.pop("shape"), rng=rng, **settings)


def test_types_and_matrices_that_are_none_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(TypeError, match="complex64 or complex128, got float32"):
        speckle_field((64, 96), grain=3, rng=rng, dtype=np.float32)
    with pytest.raises(ValueError, match="Hermitian and positive: it differs from its adjoint by 1"):
        mode_contrast([[1, 1], [0, 1]])
    with pytest.raises(ValueError, match="lowest eigenvalue is -1"):
        mode_contrast([[1, 2], [2, 1]])
    with pytest.raises(ValueError, match="finite square matrix"):
        mode_contrast([[1, 2]])
    with pytest.raises(ValueError, match="degree = 1.5 is not allowed"):
        polarised_speckle((64, 96), degree=1.5, grain=3, rng=rng)
