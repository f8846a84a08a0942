"""Laws L13 to L16: grain, pixels, vortices and correlations of speckle, against closed forms of their own."""

import math

import numpy as np
import pytest
import scipy.fft
from scipy.integrate import dblquad, quad
from scipy.optimize import brentq
from scipy.special import j1, sici

from optics.speckle import (
    autocovariance,
    correlation_area,
    count_vortices,
    field_overlap,
    gaussian_modes,
    integrated_modes,
    intensity_correlation,
    measure_grain,
    speckle_field,
    vortex_density_law,
)


def airy(v: float | np.ndarray) -> np.ndarray:
    """Intensity of the Airy pattern, from its definition."""
    v = np.maximum(np.abs(v), 1e-9)
    return np.asarray((2 * j1(v) / v) ** 2)


def standard_error(values: list[float] | np.ndarray) -> float:
    return float(np.std(values, ddof=1, axis=0) / math.sqrt(len(values)))


def binned(intensity: np.ndarray, side: int) -> np.ndarray:
    rows, columns = intensity.shape[-2] // side, intensity.shape[-1] // side
    cut = intensity[..., : rows * side, : columns * side]
    return cut.reshape(*intensity.shape[:-2], rows, side, columns, side).mean(axis=(-3, -1))


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


def test_autocovariance_is_unbiased_by_edges_and_by_the_mean(rng: np.random.Generator) -> None:
    # Frames of some 40 grains: a plain estimate would lose 1/40 of the variance at each distance.
    frames = np.abs(speckle_field((3000, 96, 108), grain=6, pupil="square", rng=rng)[:, :36, :42]) ** 2
    groups = np.array([autocovariance(group)[[0, 3, 12], 0] for group in np.split(frames, 15)])
    truth = [1, np.sinc(0.5) ** 2, 0]
    error = groups.std(axis=0, ddof=1) / math.sqrt(15)
    # 4 sigma with 14 degrees of freedom is 5; 0.3 % is what the grey rim of a pupil of 16 x 18 bins moves.
    assert np.all(np.abs(groups.mean(axis=0) - truth) < 5 * error + 3e-3)
    assert error[2] < 5e-3  # so that what the measured mean takes, 0.035, would be seen
