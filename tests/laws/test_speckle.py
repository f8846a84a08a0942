"""Laws L10 to L12, L20, L21 and L31: contrast of speckle, against closed forms that share no code with the model."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import j1

from optics.speckle import (
    add_constant,
    cascaded_speckle,
    constant_contrast,
    contrast,
    measure_grain,
    mode_contrast,
    phasor_contrast,
    phasor_sums,
    polarised_speckle,
    rough_surface_speckle,
    sparse_speckle,
    speckle_field,
    speckle_modes,
)

SAMPLES = (384, 512)
"""At a grain of one sample and a square pupil every sample is a grain of its own."""


def airy(v: float | np.ndarray) -> np.ndarray:
    """Intensity of the Airy pattern, from its definition."""
    v = np.maximum(np.abs(v), 1e-9)
    return np.asarray((2 * j1(v) / v) ** 2)


def light(fields: np.ndarray) -> np.ndarray:
    """Intensity in double precision, modes added."""
    return (np.abs(fields.astype(complex)) ** 2).sum(axis=-3)


def plain_contrast(values: np.ndarray) -> float:
    return float(values.std() / values.mean())


def standard_error(values: list[float] | np.ndarray) -> float:
    return float(np.std(values, ddof=1, axis=0) / math.sqrt(len(values)))


def binned(intensity: np.ndarray, side: int) -> np.ndarray:
    rows, columns = intensity.shape[-2] // side, intensity.shape[-1] // side
    cut = intensity[..., : rows * side, : columns * side]
    return cut.reshape(*intensity.shape[:-2], rows, side, columns, side).mean(axis=(-3, -1))


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_l10_intensity_is_exponential(rng: np.random.Generator, dtype: type) -> None:
    intensity = np.abs(speckle_field(SAMPLES, grain=1, pupil="square", rng=rng, dtype=dtype).astype(complex)) ** 2
    n = intensity.size
    mean = intensity.mean()
    assert mean == pytest.approx(1, abs=4 / math.sqrt(n))
    assert intensity.std() / mean == pytest.approx(1, abs=4 / math.sqrt(n))  # Var(C) = 1/n
    assert np.mean(intensity**2) / mean**2 == pytest.approx(2, abs=4 * math.sqrt(4 / n))
    assert np.mean(intensity**3) / mean**3 == pytest.approx(6, abs=4 * math.sqrt(360 / n))
    law = 1 - np.exp(-np.sort(intensity.ravel()) / mean)
    assert np.abs(law - (np.arange(n) + 0.5) / n).max() < 2.28 / math.sqrt(n)  # Kolmogorov-Smirnov at 4 sigma
    bright = math.exp(-3)
    assert np.mean(intensity > 3 * mean) == pytest.approx(bright, abs=4 * math.sqrt(bright * (1 - bright) / n))


@pytest.mark.parametrize("count", [2, 16])
def test_l11_contrast_of_independent_patterns_falls_with_the_root_of_their_number(
    rng: np.random.Generator, count: int
) -> None:
    total = light(speckle_field((count, *SAMPLES), grain=1, pupil="square", rng=rng))
    error = math.sqrt((count + 1) / (2 * count**2 * total.size))
    assert plain_contrast(total) == pytest.approx(count**-0.5, abs=4 * error)


@pytest.mark.parametrize("overlap", [0.5, 0.9j])
def test_l11_contrast_of_two_correlated_patterns(rng: np.random.Generator, overlap: complex) -> None:
    matrix = 0.5 * np.array([[1, overlap], [np.conj(overlap), 1]])
    fields = speckle_modes(SAMPLES, coherency=matrix, grain=1, pupil="square", rng=rng)
    truth = math.sqrt((1 + abs(overlap) ** 2) / 2)
    assert mode_contrast(matrix) == pytest.approx(truth, rel=1e-12)
    assert plain_contrast(light(fields)) == pytest.approx(truth, abs=4 / math.sqrt(math.prod(SAMPLES)))  # C <= 1
    product = np.mean(fields[0].astype(complex) * fields[1].conj()) * 2
    assert product == pytest.approx(overlap, abs=4 / math.sqrt(math.prod(SAMPLES)))


def test_l11_contrast_of_unequal_patterns(rng: np.random.Generator) -> None:
    fields = speckle_modes(SAMPLES, coherency=np.diag([1, 1 / 2, 1 / 4]), grain=1, pupil="square", rng=rng)
    truth = math.sqrt(1 + 1 / 4 + 1 / 16) / (1 + 1 / 2 + 1 / 4)
    assert plain_contrast(light(fields)) == pytest.approx(truth, abs=4 * truth / math.sqrt(math.prod(SAMPLES)))


@pytest.mark.parametrize("degree", [0.0, 0.6, 1.0])
def test_l11_contrast_of_partially_polarised_speckle(rng: np.random.Generator, degree: float) -> None:
    fields = polarised_speckle(SAMPLES, degree=degree, grain=1, pupil="square", rng=rng)
    assert plain_contrast(light(fields)) == pytest.approx(
        math.sqrt((1 + degree**2) / 2), abs=4 / math.sqrt(math.prod(SAMPLES))
    )


@pytest.mark.parametrize("phasors", [2, 20])
def test_l12_contrast_of_few_phasors(rng: np.random.Generator, phasors: int) -> None:
    sums = phasor_sums(SAMPLES, phasors=phasors, rng=rng)
    truth = math.sqrt(1 - 1 / phasors)
    assert phasor_contrast(phasors) == pytest.approx(truth, rel=1e-12)
    assert plain_contrast(np.abs(sums) ** 2) == pytest.approx(truth, abs=4 / math.sqrt(sums.size))


@pytest.mark.parametrize(("phasors", "deviation"), [(20, 1.0), (20, 0.5), (100, 1.5)])
def test_l12_contrast_of_phasors_with_gaussian_phases(rng: np.random.Generator, phasors: int, deviation: float) -> None:
    s = deviation**2
    bracket = 8 * (phasors - 1) * (phasors - 1 + math.cosh(s)) * math.sinh(s / 2) ** 2 / phasors
    truth = math.sqrt(bracket) / (phasors - 1 + math.exp(s))
    assert phasor_contrast(phasors, phase_deviation=deviation) == pytest.approx(truth, rel=1e-12)
    blocks = np.abs(phasor_sums((40, 2000), phasors=phasors, phase_deviation=deviation, rng=rng)) ** 2
    each = blocks.std(axis=1) / blocks.mean(axis=1)
    assert plain_contrast(blocks) == pytest.approx(truth, abs=4 * standard_error(each))


@pytest.mark.parametrize("ratio", [0.5, 10.0])
def test_l12_contrast_of_speckle_on_a_constant(rng: np.random.Generator, ratio: float) -> None:
    field = add_constant(speckle_field(SAMPLES, grain=1, pupil="square", rng=rng), ratio=ratio)
    truth = math.sqrt(1 + 2 * ratio) / (1 + ratio)
    assert constant_contrast(ratio) == pytest.approx(truth, rel=1e-12)
    assert plain_contrast(np.abs(field) ** 2) == pytest.approx(truth, abs=4 / math.sqrt(field.size))


def test_l12_few_scatterers_in_a_pupil_have_the_contrast_and_the_grain(rng: np.random.Generator) -> None:
    # Within one pattern the N phasors keep their places, so the law holds over patterns: blocks are patterns.
    phasors = 5
    patterns = np.abs(sparse_speckle((400, 60, 80), phasors=phasors, grain=(4, 5), rng=rng)) ** 2
    second = (patterns**2).mean(axis=(1, 2))
    assert patterns.mean() == pytest.approx(1, abs=4 * standard_error(patterns.mean(axis=(1, 2))))
    assert second.mean() == pytest.approx(2 - 1 / phasors, abs=4 * standard_error(second))
    # <I(r) I(r + d)> = 1 + (1 - 1/N) |mu|^2: the half width is that of the Airy pattern.
    half = brentq(lambda s: airy(math.pi * s) - 0.5, 0.1, 1)
    widths = np.array([measure_grain(group).widths for group in np.split(patterns, 10)])
    error = widths.std(axis=0, ddof=1) / math.sqrt(10)
    # Ten groups know their scatter to a quarter: 5 of it. 1 %: few grains in a pattern of 15 x 16.
    assert np.all(np.abs(widths.mean(axis=0) - 2 * half * np.array([4, 5])) < 5 * error + 0.05)


@pytest.mark.parametrize("deviation", [0.4, 1.2])
def test_l12_image_of_a_rough_surface(rng: np.random.Generator, deviation: float) -> None:
    # s + n with <n> = 0, A = <|n|^2>, B = <n^2>: Gaussian where a grain averages many samples (here 102 of them), then
    # Var(I) = A^2 + |B|^2 + 2 s^2 (A + B). Both carry the part of the band that the pupil passes, 1 over that number.
    area = 9 * 9 * 4 / math.pi
    mean = math.exp(-(deviation**2) / 2)
    diffuse, skew = (1 - mean**2) / area, (mean**4 - mean**2) / area
    truth = math.sqrt(diffuse**2 + skew**2 + 2 * mean**2 * (diffuse + skew)) / (mean**2 + diffuse)
    surfaces = rough_surface_speckle((30, 270, 324), phase_deviation=deviation, grain=9, rng=rng)
    each = [plain_contrast(np.abs(surface.astype(complex)) ** 2) for surface in surfaces]
    # Third cumulants of a finite sum: of relative order 1 over the number of samples in a grain.
    assert np.mean(each) == pytest.approx(truth, abs=4 * standard_error(each) + 2 * truth / area)


def test_l20_contrast_of_three_laser_lines(rng: np.random.Generator) -> None:
    # Exponential path times: gamma_kl = 1 / (1 - i (w_k - w_l) tau); C^2 = sum p_k p_l |gamma_kl|^2.
    weights, detuning = np.array([0.5, 0.3, 0.2]), np.array([0.0, 0.7, 2.0])
    gamma = 1 / (1 - 1j * (detuning[:, np.newaxis] - detuning))
    matrix = np.sqrt(np.outer(weights, weights)) * gamma
    truth = math.sqrt(
        sum(weights[k] * weights[m] / (1 + (detuning[k] - detuning[m]) ** 2) for k in range(3) for m in range(3))
    )
    assert mode_contrast(matrix) == pytest.approx(truth, rel=1e-12)
    fields = speckle_modes(SAMPLES, coherency=matrix, grain=1, pupil="square", rng=rng)
    assert plain_contrast(light(fields)) == pytest.approx(truth, abs=4 / math.sqrt(math.prod(SAMPLES)))


def test_l20_lorentzian_line_behind_exponential_path_times() -> None:
    # C^2 = 1 / (1 + 2 Gamma tau), in the limit of many lines: a Lorentzian in equally probable lines.
    width = 1.5
    lines = 1000
    detuning = width * np.tan(np.pi * ((np.arange(lines) + 0.5) / lines - 0.5))
    gamma = 1 / (1 - 1j * (detuning[:, np.newaxis] - detuning))
    # The diagonal and the tails of the discrete line: of order 1/lines.
    assert mode_contrast(gamma / lines) ** 2 == pytest.approx(1 / (1 + 2 * width), abs=3 / lines)


def test_l21_contrast_factorises(rng: np.random.Generator) -> None:
    # Polarisation P = 0.6, pixels of one grain, four instants with rho = 0.8: the coherency is a tensor product.
    degree, rho = 0.6, 0.8
    polarisation = np.diag([(1 + degree) / 2, (1 - degree) / 2])
    times = rho ** np.abs(np.subtract.outer(np.arange(4), np.arange(4))) / 4
    time_factor = sum(rho ** (2 * abs(i - j)) for i in range(4) for j in range(4)) / 16
    each = []
    for _ in range(30):
        fields = speckle_modes((192, 256), coherency=np.kron(polarisation, times), grain=8, pupil="square", rng=rng)
        each.append(float(np.mean((binned(light(fields), 8) - 1) ** 2)))
    truth = (1 + degree**2) / 2 / 2.3249 * time_factor
    assert np.mean(each) == pytest.approx(truth, abs=4 * standard_error(each) + 3e-3 * truth)  # 8 points for a line


@pytest.mark.parametrize("modes", [2, 5])
def test_l31_two_scatterers_in_cascade(rng: np.random.Generator, modes: int) -> None:
    blocks = np.abs(cascaded_speckle((4000, 16, 20), modes=modes, grain=2, pupil="square", rng=rng)) ** 2
    second = (blocks.astype(float) ** 2).mean(axis=(1, 2))
    first = blocks.astype(float).mean(axis=(1, 2))
    assert first.mean() == pytest.approx(1, abs=4 * standard_error(first))
    # <I^2> = 2 (1 + 1/k): C^2 = 1 + 2/k.
    assert second.mean() - 1 == pytest.approx(1 + 2 / modes, abs=4 * standard_error(second))


def test_measured_contrast_of_fully_developed_speckle_has_an_honest_error_bar(rng: np.random.Generator) -> None:
    found = [contrast(np.abs(speckle_field((200, 260), grain=(4, 5), rng=rng)[:160, :200]) ** 2) for _ in range(40)]
    values = np.array([estimate.value for estimate in found])
    assert values.mean() == pytest.approx(1, abs=4 * standard_error(values))
    quoted = np.mean([estimate.uncertainty for estimate in found])
    assert quoted / values.std(ddof=1) == pytest.approx(1, abs=4 / math.sqrt(2 * 39))  # 40 scatters
