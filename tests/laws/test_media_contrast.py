"""Laws L11, L13, L14, L20 and L21: the contrast and the grain of the speckle that a bench shows."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import j1

from optics import BenchDescription, SimulatedBench
from optics.media import (
    FiniteGrainDescription,
    GaussianDescription,
    MediumDescription,
    PartiallyCoherentDescription,
    PolarisedDescription,
    angular_weights,
    spectral_weights,
)

GAUSSIAN = GaussianDescription(collected_fraction=4e-6)
MODES_TOLERANCE = 0.01
"""Relative error of the contrast that `optics.media.coherence.reduce_modes` allows itself."""


def speckle(description: BenchDescription, medium: MediumDescription, *, seed: int = 1) -> np.ndarray:
    """Light of the 63 macropixels one by one, 96 x 90 pixels: independent patterns, shape (63, y, x)."""
    bench = replace(
        description,
        medium=medium,
        dmd=replace(description.dmd, contrast_ratio=np.inf),
        camera=replace(description.camera, rows=96, columns=90),
    )
    return SimulatedBench(bench, seed=seed).truth.intensity(np.eye(63, dtype=bool)).astype(np.float64)


def contrast(light: np.ndarray) -> tuple[float, float]:
    """Contrast and its standard error from the scatter over independent patterns (ratio estimator)."""
    mean, square = light.mean(axis=(1, 2)), (light**2).mean(axis=(1, 2))
    ratio = square.mean() / mean.mean() ** 2
    own = square / mean.mean() ** 2 - 2 * ratio * mean / mean.mean()
    value = np.sqrt(ratio - 1)
    return float(value), float(own.std(ddof=1) / np.sqrt(len(light)) / (2 * value))


@pytest.mark.parametrize("degree", [0.0, 0.6, 1.0])
def test_l11_degree_of_polarisation_sets_the_contrast(description: BenchDescription, degree: float) -> None:
    value, error = contrast(speckle(description, PolarisedDescription(inside=GAUSSIAN, degree=degree)))
    assert value == pytest.approx(np.sqrt((1 + degree**2) / 2), abs=4 * error)
    assert error < 0.003


@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi / 2])
def test_l11_behind_an_analyser_speckle_is_fully_developed(description: BenchDescription, angle: float) -> None:
    medium = PolarisedDescription(inside=GAUSSIAN, degree=0.6, analyser=True, analyser_angle=angle)
    light = speckle(description, medium)
    value, error = contrast(light)
    assert value == pytest.approx(1, abs=4 * error)
    whole = speckle(description, PolarisedDescription(inside=GAUSSIAN, degree=0.6))
    # Law of Malus for partly polarised light; two means of 63 x 8640 grains each.
    share = (1 + 0.6 * np.cos(2 * angle)) / 2
    assert light.mean() / whole.mean() == pytest.approx(share, rel=4 * np.sqrt(2 / light.size))
    assert medium.collected_fraction == pytest.approx(share * 4e-6)


@pytest.mark.parametrize("pupil", ["disc", "square"])
def test_l13_intensity_correlation_is_that_of_the_pupil(description: BenchDescription, pupil: str) -> None:
    # Grain 3.2 pixels along an axis, two samples a pixel: field correlation at whole pixels, from the matrix.
    medium = FiniteGrainDescription(collected_fraction=4e-6, grain=16e-6, pupil=pupil, samples_per_pixel=1)
    bench = replace(description, medium=medium, camera=replace(description.camera, rows=96, columns=90))
    states = np.eye(63, dtype=bool)
    field = SimulatedBench(replace(bench, dmd=replace(bench.dmd, contrast_ratio=np.inf)), seed=2).truth.field(states)
    light = np.abs(field[:, 0].astype(np.complex128)) ** 2
    light /= light.mean()
    for lag in range(1, 9):
        for along in (1, 2):
            one, other = (np.moveaxis(light, along, 1)[:, part] for part in (slice(lag, None), slice(None, -lag)))
            samples = np.mean(one * other, axis=(1, 2)) - 1
            v = np.pi * lag * 5e-6 / 16e-6
            expected = (2 * j1(v) / v) ** 2 if pupil == "disc" else np.sinc(v / np.pi) ** 2
            # The mean that normalises is itself known to 1 / sqrt(63 x grains); the pupil is made of cells.
            error = samples.std(ddof=1) / np.sqrt(63)
            assert samples.mean() == pytest.approx(expected, abs=4.5 * error + 0.005)


@pytest.mark.parametrize(("ratio", "samples"), [(0.5, 2), (1.0, 3), (2.0, 4)])
def test_l14_pixels_that_integrate_lower_the_contrast(
    description: BenchDescription, ratio: float, samples: int
) -> None:
    # Square pupil and pixel, q = pixel / grain: 1 / M = (2 integral of (1 - t) sinc^2(q t))^2. The sum over the samples
    # replaces the integral: that difference is known and part of the tolerance.
    grain = description.camera.pixel_pitch / ratio
    medium = FiniteGrainDescription(collected_fraction=4e-6, grain=grain, pupil="square", samples_per_pixel=samples)
    value, error = contrast(speckle(description, medium))
    continuous = 2 * quad(lambda t: (1 - t) * np.sinc(ratio * t) ** 2, 0, 1)[0]
    lags = np.arange(-samples + 1, samples)
    sampled = np.sum((samples - np.abs(lags)) * np.sinc(ratio * lags / samples) ** 2) / samples**2
    assert value == pytest.approx(sampled, abs=4 * error + 0.002)
    assert value == pytest.approx(continuous, abs=4 * error + 0.002 + abs(sampled - continuous))
    assert abs(sampled - continuous) < 0.05


@pytest.mark.parametrize("width", [0.01, 0.3, 1.0, 5.0, 20.0])
def test_l20_weights_of_a_lorentzian_line_give_its_contrast(width: float) -> None:
    # width = Gamma tau, Gamma = pi times the full width in hertz; 600 nodes in time: 0.2 % at the widest.
    weights = spectral_weights(linewidth=width / np.pi * 1e9, path_time=1e-9)
    assert weights.sum() == pytest.approx(1)
    assert np.sqrt(np.sum(weights**2)) == pytest.approx(1 / np.sqrt(1 + 2 * width), rel=0.002)


@pytest.mark.parametrize("width", [0.5, 3.0, 15.0])
def test_l20_weights_of_an_extended_source_give_its_contrast(rng: np.random.Generator, width: float) -> None:
    # C^2 is the mean of |gamma|^2 over pairs of points of the source: by chance, 200 000 pairs.
    weights = angular_weights(source_angle=width / (2 * np.pi) * 5e-4, thickness=1e-3, wavelength=5e-7)
    pairs = rng.uniform(-width / 2, width / 2, (200_000, 4))
    x = np.maximum(np.hypot(pairs[:, 0] - pairs[:, 1], pairs[:, 2] - pairs[:, 3]), 1e-9)
    square = (x / np.sinh(x)) ** 2
    assert weights.sum() == pytest.approx(1)
    assert np.sum(weights**2) == pytest.approx(square.mean(), abs=4 * square.std() / np.sqrt(200_000) + 2e-4)


@pytest.mark.parametrize(("width", "modes"), [(0.3, 4), (2.0, 12)])
def test_l20_finite_linewidth_lowers_the_contrast_on_the_bench(
    description: BenchDescription, width: float, modes: int
) -> None:
    medium = PartiallyCoherentDescription(
        inside=GAUSSIAN, modes=modes, linewidth=width / np.pi * 1e9, path_time=1e-9
    )  # fmt: skip
    value, error = contrast(speckle(description, medium))
    assert value == pytest.approx(1 / np.sqrt(1 + 2 * width), abs=4 * error, rel=MODES_TOLERANCE)


def test_l21_independent_mechanisms_multiply_on_the_bench(description: BenchDescription) -> None:
    # Polarisation, linewidth, and pixels that integrate: C^2 = (1 + P^2) / 2 x 1 / (1 + 2 Gamma tau) x 1 / M.
    grained = FiniteGrainDescription(collected_fraction=4e-6, grain=5e-6, pupil="square", samples_per_pixel=2)
    coherent = PartiallyCoherentDescription(inside=grained, modes=4, linewidth=0.3 / np.pi * 1e9, path_time=1e-9)
    value, error = contrast(speckle(description, PolarisedDescription(inside=coherent, degree=0.5)))
    pixel = (2 + 2 * np.sinc(0.5) ** 2) / 4
    expected = np.sqrt((1 + 0.25) / 2) / np.sqrt(1.6) * pixel
    assert value == pytest.approx(expected, abs=4 * error + MODES_TOLERANCE * expected)
    assert error < 0.01 * expected
