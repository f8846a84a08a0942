"""Laws L10 to L16, L20, L21 and L31: statistics of speckle, against closed forms that share no code with the model."""

import math

import numpy as np
import pytest
import scipy.fft
from scipy.integrate import dblquad, quad
from scipy.optimize import brentq
from scipy.special import j1, sici

from optics.speckle import (
    add_constant,
    autocovariance,
    cascaded_speckle,
    constant_contrast,
    contrast,
    correlation_area,
    count_vortices,
    field_overlap,
    gaussian_modes,
    integrated_modes,
    intensity_correlation,
    measure_grain,
    mode_contrast,
    phasor_contrast,
    phasor_sums,
    polarised_speckle,
    rough_surface_speckle,
    sparse_speckle,
    speckle_field,
    speckle_modes,
    vortex_density_law,
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


@pytest.mark.parametrize(
    ("pupil", "grain"), [("disc", (6.0, 8.0)), ("square", (8.0, 6.0)), ("disc", (3.0, 3.0)), ("square", (2.5, 4.0))]
)
def test_l13_covariance_is_the_square_of_the_transformed_pupil(
    rng: np.random.Generator, pupil: str, grain: tuple[float, float]
) -> None:
    lags = np.arange(1, 13)
    curves = []
    for _ in range(30):
        intensity = np.abs(speckle_field((192, 240), grain=grain, pupil=pupil, rng=rng).astype(complex)) ** 2
        # Known ensemble mean 1 and periodic: no estimate of a mean enters.
        excess = intensity - 1
        down = [np.mean(excess * np.roll(excess, lag, axis=0)) for lag in lags]
        across = [np.mean(excess * np.roll(excess, lag, axis=1)) for lag in lags]
        curves.append(np.r_[down, across])
    shift = np.r_[lags / grain[0], lags / grain[1]]
    truth = airy(math.pi * shift) if pupil == "disc" else np.sinc(shift) ** 2
    error = np.std(curves, axis=0, ddof=1) / math.sqrt(len(curves))
    # 4 sigma after Bonferroni over 24 lags and for 29 degrees of freedom; 1/R for a pupil of R >= 12 bins, grey rims.
    assert np.all(np.abs(np.mean(curves, axis=0) - truth) < 5.5 * error + 2e-3)


@pytest.mark.parametrize(("pupil", "grain"), [("disc", (6.0, 9.0)), ("square", (7.0, 5.0)), ("disc", (2.5, 4.0))])
def test_l13_measured_width_of_a_cropped_frame(
    rng: np.random.Generator, pupil: str, grain: tuple[float, float]
) -> None:
    half = (
        brentq(lambda s: airy(math.pi * s) - 0.5, 0.1, 1)
        if pupil == "disc"
        else brentq(lambda s: np.sinc(s) ** 2 - 0.5, 0.1, 0.9)
    )
    found = []
    for _ in range(30):
        field = speckle_field((256, 384), grain=grain, pupil=pupil, rng=rng)[:150, :220]  # not periodic any more
        found.append(measure_grain(np.abs(field) ** 2))
    truth = 2 * half * np.array(grain)
    widths = np.array([grain.widths for grain in found])
    error = widths.std(axis=0, ddof=1) / math.sqrt(len(widths))
    assert np.all(np.abs(widths.mean(axis=0) - truth) < 4 * error + 0.005 * truth)  # 0.5 %: interpolation, grey rims
    # The quoted uncertainty is the scatter: 30 scatters are known to 13 %, axes and pupils differ by as much.
    quoted = np.mean([[grain.height.uncertainty, grain.width.uncertainty] for grain in found], axis=0)
    assert np.all((quoted / widths.std(axis=0, ddof=1) > 0.55) & (quoted / widths.std(axis=0, ddof=1) < 1.6))
    area = np.prod(grain) * (4 / math.pi if pupil == "disc" else 1.0)
    assert correlation_area(grain, pupil=pupil) == pytest.approx(area, rel=1e-12)
    assert found[0].correlation_area == pytest.approx(area, rel=0.15)  # one frame: 4 sigma of two widths and the shape


def test_l13_axial_correlation_of_a_disc(rng: np.random.Generator) -> None:
    # Defocus by dz multiplies the spectrum by exp(-i pi lambda dz f^2), f to 1/(2 g): |mu| = sinc(lambda dz/8 g^2).
    grain, shape = 6.0, (20, 240, 300)
    field = speckle_field(shape, grain=grain, rng=rng, dtype=np.complex128)
    f2 = scipy.fft.fftfreq(240)[:, np.newaxis] ** 2 + scipy.fft.fftfreq(300) ** 2
    for part in (0.2, 0.5, 0.8):
        moved = scipy.fft.ifft2(scipy.fft.fft2(field) * np.exp(-1j * math.pi * part * 8 * grain**2 * f2))
        overlap = field_overlap(field, moved)
        truth = abs(np.sinc(part))
        assert overlap.modulus.value == pytest.approx(
            truth, abs=4 * overlap.modulus.uncertainty + 5e-3
        )  # grey rim: 1/R^2
        assert intensity_correlation(np.abs(field) ** 2, np.abs(moved) ** 2).value == pytest.approx(truth**2, abs=0.03)


@pytest.mark.parametrize("q", [0.25, 1.0, 4.0])
def test_l14_theory_of_integrated_speckle(q: float) -> None:
    # 2 int (1 - t) sinc^2(q t) dt in sine and cosine integrals (integrate by parts twice).
    a = 2 * math.pi * q
    si, ci = sici(a)
    line = 2 / a**2 * (math.cos(a) + a * si + ci - math.log(a) - np.euler_gamma - 1) * 2
    assert integrated_modes(pixel=q, grain=1.0, pupil="square") == pytest.approx(1 / line**2, rel=1e-10)
    disc = dblquad(
        lambda s, t: 4 * (1 - s) * (1 - t) * float(airy(math.pi * q * math.hypot(s, t))), 0, 1, 0, 1, epsabs=1e-9
    )[0]
    assert integrated_modes(pixel=q, grain=1.0, pupil="disc") == pytest.approx(1 / disc, rel=1e-6)
    spot = 2 * quad(lambda t: (1 - t) * math.exp(-math.pi * q**2 * t**2), 0, 1)[0]
    assert gaussian_modes(pixel=q, correlation_area=1.0) == pytest.approx(spot**-2, rel=1e-9)


@pytest.mark.parametrize(("side", "modes"), [(2, 1.0698), (4, 1.2932), (8, 2.3249), (16, 6.3743)])
def test_l14_contrast_of_pixels_that_integrate(rng: np.random.Generator, side: int, modes: float) -> None:
    # The numbers of M for a square pupil and pixel, q = side / 8, are those of the law's own table.
    each = []
    for _ in range(30):
        intensity = np.abs(speckle_field((256, 320), grain=8, pupil="square", rng=rng)) ** 2
        pixels = binned(intensity - 1.0, side)
        each.append(float(np.mean(pixels.astype(float) ** 2)))  # the ensemble mean is known: 1
    assert integrated_modes(pixel=side, grain=8.0, pupil="square") == pytest.approx(modes, abs=5e-5)
    # A pixel of s samples has the box function of s points, not of a line: relative error (1/s)^2 of the triangle, q^2.
    discrete = 2e-2 * (side / 8) ** 2 / side**2 * 8
    assert np.mean(each) == pytest.approx(1 / modes, abs=4 * standard_error(each) + discrete / modes)


def test_l14_third_cumulant_is_not_that_of_the_gamma_law(rng: np.random.Generator) -> None:
    # Karhunen-Loeve: 2 (sum lambda^3)^2 over eigenvalues of the kernel sinc(x - y) on a unit line.
    node, weight = np.polynomial.legendre.leggauss(40)
    node, weight = (node + 1) / 2, weight / 2
    root = np.sqrt(weight)
    values = np.linalg.eigvalsh(root[:, np.newaxis] * np.sinc(node[:, np.newaxis] - node) * root)
    truth = 2 * np.sum(values**3) ** 2
    each = []
    for _ in range(40):
        intensity = np.abs(speckle_field((512, 384), grain=8, pupil="square", rng=rng)) ** 2
        each.append(float(np.mean((binned(intensity, 8).astype(float) - 1) ** 3)))
    assert np.mean(each) == pytest.approx(truth, abs=4 * standard_error(each) + 0.01 * truth)
    assert truth * 2.3249**2 / 2 == pytest.approx(1.294, abs=1e-3)


@pytest.mark.parametrize(("pupil", "grain", "bias"), [("disc", (8, 8), 0.005), ("square", (16, 12), 0.004)])
def test_l15_vortex_density(rng: np.random.Generator, pupil: str, grain: tuple[float, float], bias: float) -> None:
    # n = sqrt(<ky^2> <kx^2>) / (2 pi) with <k^2> from the moments of the pupil: R^2/4 (disc), L^2/12 (square).
    width = 2 * math.pi / np.array(grain, float)
    spread = width / 4 if pupil == "disc" else width / math.sqrt(12)
    truth = float(np.prod(spread)) / (2 * math.pi)
    assert vortex_density_law(grain, pupil=pupil) == pytest.approx(truth, rel=1e-12)
    counts = [
        count_vortices(speckle_field((384, 480), grain=grain, pupil=pupil, rng=rng), periodic=True) for _ in range(12)
    ]
    densities = [count.density.value for count in counts]
    # Pairs within one square are missed: 0.4 % at 8 samples; a grey rim widens the pupil's moment by about (1/R)^2.
    assert np.mean(densities) == pytest.approx(truth, abs=4 * standard_error(densities) + 2 * bias * truth)
    per_area = 0.5 if pupil == "disc" else math.pi / 6
    assert truth * correlation_area(grain, pupil=pupil) == pytest.approx(per_area, rel=1e-12)
    assert all(count.net_charge == 0 for count in counts)  # on a torus, exactly
    quoted = np.mean([count.density.uncertainty for count in counts])
    assert 0.4 < quoted / np.std(densities, ddof=1) < 3.5  # charges screen each other, within and across blocks


def test_l16_siegert(rng: np.random.Generator) -> None:
    rho, lags = 0.95, (1, 5, 20)
    frames = [speckle_field((200, 260), grain=2, pupil="square", rng=rng, dtype=np.complex128)]
    for _ in range(max(lags)):
        fresh = speckle_field((200, 260), grain=2, pupil="square", rng=rng, dtype=np.complex128)
        frames.append(rho * frames[-1] + math.sqrt(1 - rho**2) * fresh)
    for lag in lags:
        first, later = frames[0], frames[lag]
        overlap = field_overlap(first, later).modulus
        assert overlap.value == pytest.approx(rho**lag, abs=4 * overlap.uncertainty)
        found = intensity_correlation(np.abs(first) ** 2, np.abs(later) ** 2)
        assert found.value == pytest.approx(rho ** (2 * lag), abs=4 * found.uncertainty)
        # A pixel of one grain integrates: the covariance over the mean squared is |g1|^2 / M, M = 2.3249.
        pixels = [binned(np.abs(field) ** 2, 2) for field in (first, later)]
        excess = np.mean((pixels[0] - 1) * (pixels[1] - 1))
        blocks = ((pixels[0] - 1) * (pixels[1] - 1)).reshape(20, -1).mean(axis=1)
        # Two samples a side stand for the line: the mean over them of (3 + ...)/4 sinc^2, computed exactly.
        side = 0.5 + 0.5 * np.sinc(0.5) ** 2
        assert excess == pytest.approx(rho ** (2 * lag) * side**2, abs=4 * standard_error(blocks))


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


def test_autocovariance_is_unbiased_by_edges_and_by_the_mean(rng: np.random.Generator) -> None:
    # Frames of some 40 grains: a plain estimate would lose 1/40 of the variance at each distance.
    frames = np.abs(speckle_field((3000, 96, 108), grain=6, pupil="square", rng=rng)[:, :36, :42]) ** 2
    covariance = autocovariance(frames)
    assert covariance[0, 0] == pytest.approx(1, abs=0.012)  # 4 sqrt(8 / 3000 / 42) = 0.032 of one block; measured 0.003
    assert covariance[3, 0] == pytest.approx(np.sinc(0.5) ** 2, abs=0.012)
    assert covariance[12, 0] == pytest.approx(0, abs=0.012)
