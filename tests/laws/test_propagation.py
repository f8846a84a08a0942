"""Laws L1 to L9: scalar diffraction against closed forms, none of which shares code with the propagators."""

import math

import numpy as np
import pytest
import scipy.fft
from numpy.typing import NDArray
from scipy.special import hankel1, j0, j1

from optics.propagation import (
    angular_spectrum,
    angular_spectrum_adjoint,
    band_limit,
    critical_distance,
    focal_spacing,
    fraunhofer_distance,
    fresnel_by_impulse_response,
    fresnel_by_transfer_function,
    fresnel_impulse_response,
    fresnel_transfer_function,
    lens_transform,
    sampled_distance,
    transfer_function,
)

Array = NDArray[np.complex128]
GREEN = 2.0**-21  # about 477 nm; a power of two, so that the phase k z of round numbers of waves has no rounding


def axes(shape: tuple[int, int], spacing: tuple[float, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coordinates (y, 1) and (1, x) with the origin at the sample n // 2."""
    y, x = ((np.arange(n) - n // 2) * d for n, d in zip(shape, spacing, strict=True))
    return y[:, np.newaxis], x[np.newaxis]


def cycles(shape: tuple[int, int], spacing: tuple[float, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies (y, 1) and (1, x) in the order of the discrete Fourier transform."""
    y, x = (((np.arange(n) + n // 2) % n - n // 2) / (n * d) for n, d in zip(shape, spacing, strict=True))
    return y[:, np.newaxis], x[np.newaxis]


def random_field(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return np.asarray(rng.standard_normal(shape) + 1j * rng.standard_normal(shape))


def gaussian_beam(y: NDArray[np.float64], x: NDArray[np.float64], *, waists: tuple[float, float], z: float) -> Array:
    """Paraxial elliptic beam with its waists w_y, w_x at z = 0, without the carrier exp(ikz)."""
    field: Array = np.ones((1, 1), complex)
    for along, waist in zip((y, x), waists, strict=True):
        q = 1 + 1j * z * GREEN / (math.pi * waist**2)
        field = field * np.exp(-(along**2) / (waist**2 * q)) / np.sqrt(q)
    return field


def relative_error(got: Array, expected: Array) -> float:
    """Largest deviation over the peak."""
    return float(np.abs(got - expected).max() / np.abs(expected).max())


# L1


@pytest.mark.parametrize("distance", [1e-6, 1e-4, 1e-2])
def test_l1_propagating_waves_keep_their_power(rng: np.random.Generator, distance: float) -> None:
    field = random_field(rng, (2, 60, 84))
    spacing = (0.8 * GREEN, 1.1 * GREEN)  # all propagates: 0.625^2 + 0.4545^2 < 1
    out = angular_spectrum(field, spacing=spacing, wavelength=GREEN, distance=distance, pad=1, periodic=True)
    assert np.sum(np.abs(out) ** 2) / np.sum(np.abs(field) ** 2) == pytest.approx(1, abs=1e-12)
    back = angular_spectrum_adjoint(out, spacing=spacing, wavelength=GREEN, distance=distance, pad=1, periodic=True)
    assert np.abs(back - field).max() < 1e-13 * np.abs(field).max()
    reverse = angular_spectrum(out, spacing=spacing, wavelength=GREEN, distance=-distance, pad=1, periodic=True)
    # Forward and backward phases are the same numbers with the other sign, so rounding is the only difference.
    assert np.abs(reverse - field).max() < 1e-13 * np.abs(field).max()


def test_l1_distances_add() -> None:
    # The phase of a plane wave is 2 pi z / wavelength < 1.4e5 rad, rounded to 1.1e-16 of what is left of whole turns
    # and of z |f|^2 / (1 / wavelength + root), some 1e4 turns: 6 x 1e4 x 2.2e-16 = 1e-11.
    shape, spacing = (48, 70), (0.8 * GREEN, 1.1 * GREEN)
    kernels = [
        transfer_function(shape, spacing=spacing, wavelength=GREEN, distance=z, band_limited=False)
        for z in (1e-3, 9e-3, 1e-2)
    ]
    assert np.abs(kernels[0] * kernels[1] - kernels[2]).max() < 3e-11


def test_l1_of_a_white_field_the_part_in_the_disc_of_propagation_is_left(rng: np.random.Generator) -> None:
    spacing, shape = (0.5 * GREEN, 0.4 * GREEN), (400, 510)
    fraction = math.pi * 0.5 * 0.4  # disc of radius 1 / wavelength in the rectangle 1 / dy by 1 / dx
    field = random_field(rng, shape)
    out = angular_spectrum(field, spacing=spacing, wavelength=GREEN, distance=1e-2, pad=1, periodic=True)
    measured = np.sum(np.abs(out) ** 2) / np.sum(np.abs(field) ** 2)
    count = shape[0] * shape[1]
    lattice = 2 * math.pi * (0.5 * 400 + 0.4 * 510) / 2 / count  # cells that the circle crosses: a bound, not its error
    assert measured == pytest.approx(fraction, abs=4 * math.sqrt(fraction * (1 - fraction) / count) + 0.1 * lattice)


def test_l1_evanescent_waves_decay_and_are_not_brought_back() -> None:
    shape, spacing, z = (30, 44), (0.3 * GREEN, 0.35 * GREEN), 0.7 * GREEN
    f_y, f_x = cycles(shape, spacing)
    kappa = 2 * math.pi * np.emath.sqrt(GREEN**-2 - f_y**2 - f_x**2)  # i times a positive number where evanescent
    near = transfer_function(shape, spacing=spacing, wavelength=GREEN, distance=z, band_limited=False)
    assert np.abs(near - np.exp(1j * z * kappa)).max() < 1e-13
    back = transfer_function(shape, spacing=spacing, wavelength=GREEN, distance=-z, band_limited=False)
    evanescent = f_y**2 + f_x**2 > GREEN**-2
    assert np.all(back[evanescent] == 0)
    assert np.abs(back - near.conj())[~evanescent].max() < 1e-13
    limited = transfer_function(shape, spacing=spacing, wavelength=GREEN, distance=z)
    assert np.all(limited[evanescent] == 0)


# L2


def test_l2_at_the_band_limit_the_kernel_turns_half_a_cycle_a_sample() -> None:
    shape, spacing, z = (300, 420), (1.2e-6, 0.9e-6), 1e-3
    limits = band_limit(shape, spacing=spacing, wavelength=GREEN, distance=z)
    for limit, count, step in zip(limits, shape, spacing, strict=True):
        # d/df of z sqrt(1/wavelength^2 - f^2), in cycles per cycle/m, times the step 1/W of frequency
        turns = z * limit / math.sqrt(GREEN**-2 - limit**2) / (count * step)
        assert turns == pytest.approx(0.5, abs=1e-9)


def test_l2_the_band_limit_keeps_what_lands_within_half_a_window() -> None:
    # By geometry: a plane wave at f travels along (f_y, f_x, sqrt(1/wavelength^2 - f^2)) and lands where that ray does.
    shape, spacing, z, shift = (90, 130), (1.2e-6, 0.9e-6), 4e-4, (3e-5, -5e-5)
    kernel = transfer_function(shape, spacing=spacing, wavelength=GREEN, distance=z, shift=shift)
    f_y, f_x = cycles(shape, spacing)
    along = np.sqrt(GREEN**-2 - f_y**2 - f_x**2)
    lands_y, lands_x = z * f_y / along - shift[0], z * f_x / along - shift[1]
    inside = (np.abs(lands_y) <= shape[0] * spacing[0] / 2) & (np.abs(lands_x) <= shape[1] * spacing[1] / 2)
    assert np.array_equal(kernel != 0, inside)
    assert 0 < inside.sum() < inside.size


def test_l2_the_rectangle_of_the_two_limits_is_aliased_at_its_corners() -> None:
    # The rectangle often stands for the pair of ellipses; at its corner the kernel turns by more than half a cycle.
    shape, spacing, z = (300, 330), (0.6 * GREEN, 0.55 * GREEN), 150 * GREEN
    v, u = band_limit(shape, spacing=spacing, wavelength=GREEN, distance=z)
    turns = z * u / math.sqrt(GREEN**-2 - u**2 - v**2) / (shape[1] * spacing[1])
    assert turns > 0.52
    kernel = transfer_function(shape, spacing=spacing, wavelength=GREEN, distance=z)
    f_y, f_x = cycles(shape, spacing)
    rectangle = (np.abs(f_y) <= v) & (np.abs(f_x) <= u)
    assert np.all(rectangle[kernel != 0])
    assert np.any(kernel[rectangle] == 0)


def slit_by_rayleigh_sommerfeld(x: NDArray[np.float64], *, width: float, step: float, z: float) -> Array:
    """Field behind a slit: the sum of line sources of the first Rayleigh-Sommerfeld kernel, (ik/2)(z/r) H1(kr)."""
    k = 2 * math.pi / GREEN
    source = (np.arange(round(width / step)) + 0.5) * step - width / 2
    r = np.hypot(x[:, np.newaxis] - source, z)
    return np.asarray((0.5j * k * z * step * hankel1(1, k * r) / r).sum(axis=1))


@pytest.mark.parametrize(("distance", "better"), [(5e-3, 15.0), (20e-3, 15.0)])
def test_l2_behind_a_slit_the_band_limit_removes_the_aliases(distance: float, better: float) -> None:
    # A slit of 256 um in a window of 512 um. The limit cuts the spectrum of the slit, 1 / (pi f width) of its peak, at
    # f = W / (2 wavelength z): beyond is at most 2 / (pi^2 f width) of the power, so 10 log10(pi^2 f width / 2) is the
    # least ratio of signal to error; what is cut lands beyond the padded window, so most of it does not show.
    step, count, width = 1e-6, 512, 256e-6
    x = (np.arange(count) - count // 2) * step
    slit = (np.abs(x + step / 2) < width / 2).astype(float)[np.newaxis]
    exact = slit_by_rayleigh_sommerfeld(x + step / 2, width=width, step=step / 8, z=distance)
    ratios = []
    for band_limited in (True, False):
        # The plain kernel is refused here (tests/optics): its field is made from the kernel itself.
        kernel = transfer_function(
            (1, 2 * count), spacing=(1.0, step), wavelength=GREEN, distance=distance, band_limited=band_limited
        )
        wide = np.zeros(2 * count, complex)
        wide[count // 2 : count // 2 + count] = slit[0]
        out = scipy.fft.ifft(scipy.fft.fft(wide) * kernel[0])[count // 2 : count // 2 + count]
        ratios.append(10 * math.log10(np.sum(np.abs(exact) ** 2) / np.sum(np.abs(out - exact) ** 2)))
        if band_limited:
            field = angular_spectrum(slit, spacing=(1.0, step), wavelength=GREEN, distance=distance, pad=2)
            assert relative_error(field[0], out) < 1e-12
    least = 10 * math.log10(math.pi**2 * (count * step / (GREEN * distance)) * width / 2)
    assert ratios[0] > least
    assert ratios[0] > ratios[1] + better


# L3

WAISTS = (24e-6, 31e-6)
BAND = 1e5  # there the spectrum of a waist of 20 um is exp(-(pi w f)^2) = 7e-18, in amplitude
SHAPE, SPACING = (250, 288), (2.2e-6, 2.5e-6)


@pytest.mark.parametrize("waves", [0, 1024, 4096, -2048])
def test_l3_fresnel_gives_the_gaussian_beam(waves: int) -> None:
    # Whole numbers of waves: exp(ikz) is 1. Beyond the window the beam is below exp(-100), and so is its spectrum.
    z = waves * GREEN
    y, x = axes(SHAPE, SPACING)
    start = gaussian_beam(y, x, waists=WAISTS, z=0)
    got = fresnel_by_transfer_function(
        start, spacing=SPACING, wavelength=GREEN, distance=z, pad=1, highest_frequency=BAND
    )
    error = relative_error(got, gaussian_beam(y, x, waists=WAISTS, z=z))
    assert error < 1e-14


def test_l3_impulse_response_gives_the_gaussian_beam() -> None:
    # Truncation of beam and kernel at the window's edge: exp(-x^2/w^2) below 1e-17.
    shape, spacing, waists = (150, 180), (2.2e-6, 2.0e-6), (30e-6, 34e-6)
    z = 8192 * GREEN
    y, x = axes(shape, spacing)
    start = gaussian_beam(y, x, waists=waists, z=0)
    got = fresnel_by_impulse_response(
        start, spacing=spacing, wavelength=GREEN, distance=z, pad=2, highest_frequency=BAND
    )
    error = relative_error(got, gaussian_beam(y, x, waists=waists, z=z))
    assert error < 1e-12


def test_l3_width_amplitude_gouy_phase_and_curvature_at_two_rayleigh_lengths() -> None:
    waist = 20e-6
    z = 2 * math.pi * waist**2 / GREEN
    shape, spacing = (240, 270), (2.5e-6, 2.4e-6)
    y, x = axes(shape, spacing)
    start = gaussian_beam(y, x, waists=(waist, waist), z=0)
    out = fresnel_by_transfer_function(
        start, spacing=spacing, wavelength=GREEN, distance=z, pad=1, highest_frequency=BAND
    )
    light = np.abs(out) ** 2
    for along in (y, x):
        assert 2 * math.sqrt(np.sum(light * along**2) / light.sum()) / waist == pytest.approx(math.sqrt(5), abs=1e-10)
    centre = (shape[0] // 2, shape[1] // 2)
    carrier = np.exp(-2j * math.pi * math.fmod(z / GREEN, 1))
    assert abs(out[centre]) == pytest.approx(1 / math.sqrt(5), abs=1e-12)
    assert np.angle(out[centre] * carrier) == pytest.approx(-math.atan(2), abs=1e-11)
    bend = np.angle(out[centre[0], centre[1] + 1 :][:9] / out[centre]) - math.pi * x[0, centre[1] + 1 :][:9] ** 2 / (
        GREEN * 1.25 * z
    )
    assert np.abs(bend).max() < 1e-11


def test_l3_a_line_focus_has_half_the_gouy_phase() -> None:
    waist = 20e-6
    z = 2 * math.pi * waist**2 / GREEN
    x = axes((1, 270), (1.0, 2.4e-6))[1]
    start = np.exp(-(x**2) / waist**2)
    out = fresnel_by_transfer_function(
        start, spacing=(1.0, 2.4e-6), wavelength=GREEN, distance=z, pad=1, highest_frequency=BAND
    )
    carrier = np.exp(-2j * math.pi * math.fmod(z / GREEN, 1))
    assert np.angle(out[0, 135] * carrier) == pytest.approx(-math.atan(2) / 2, abs=1e-11)


def complex_source(y: NDArray[np.float64], x: NDArray[np.float64], *, z: float, rayleigh: float) -> Array:
    """Exact solution of the Helmholtz equation that is a beam: a point source at the complex position z = i z_R."""
    k = 2 * math.pi / GREEN
    depth = z - 1j * rayleigh
    r = np.sqrt(y**2 + x**2 + depth**2)
    r = np.where(r.real < 0, -r, r)  # the branch that goes forward
    return np.asarray(np.exp(1j * k * r - k * rayleigh) * rayleigh / (1j * r))


@pytest.mark.parametrize("waves", [4.0, 12.0])
def test_l3_angular_spectrum_gives_the_complex_source_beam(waves: float) -> None:
    # Divergence sqrt(2 / k z_R) = 0.18 rad, far from paraxial: its spectrum ends at exp(-60) where waves turn
    # evanescent, and at the edge of the window the beam is below 1e-13.
    rayleigh = 60 * GREEN / (2 * math.pi)
    shape, spacing = (130, 156), (0.45 * GREEN, 0.4 * GREEN)
    y, x = axes(shape, spacing)
    start = complex_source(y, x, z=2 * GREEN, rayleigh=rayleigh)
    expected = complex_source(y, x, z=(2 + waves) * GREEN, rayleigh=rayleigh)
    got = angular_spectrum(start, spacing=spacing, wavelength=GREEN, distance=waves * GREEN, pad=2)
    error = relative_error(got, expected)
    assert error < 1e-11


@pytest.mark.parametrize("waves", [64, 200])
def test_l3_angular_spectrum_gives_the_hankel_integral(waves: int) -> None:
    # u(r) = 2 pi int A(f) J0(2 pi f r) exp(2 pi i z sqrt(1/wavelength^2 - f^2)) f df by Gauss-Legendre, no grid.
    waist, z = 4 * GREEN, waves * GREEN
    shape, spacing = (216, 200), (1.0 * GREEN, 1.1 * GREEN)
    y, x = axes(shape, spacing)
    start = np.exp(-(y**2 + x**2) / waist**2).astype(complex)
    got = angular_spectrum(start, spacing=spacing, wavelength=GREEN, distance=z, pad=2)
    node, weight = np.polynomial.legendre.leggauss(400)
    f = (node + 1) / 2 * 0.55 / GREEN  # there the spectrum is exp(-(pi w f)^2) = exp(-48)
    plane = (
        math.pi * waist**2 * np.exp(-((math.pi * waist * f) ** 2)) * np.exp(2j * np.pi * z * np.sqrt(GREEN**-2 - f**2))
    )
    rows, columns = slice(100, 120), slice(92, 118)
    r = np.hypot(y[rows], x[:, columns])
    expected = 2 * math.pi * (j0(2 * np.pi * r[..., np.newaxis] * f) * plane * f * weight * 0.275 / GREEN).sum(axis=-1)
    error = relative_error(got[rows, columns], expected)
    assert error < 1e-11


def test_l3_first_correction_beyond_fresnel_on_the_axis() -> None:
    # u_exact / u_Fresnel - 1 = -i (zeta / 2) Theta^2 / (1 + i zeta)^2 + O(Theta^4), bound 5 Theta^4.
    waist = 10 * GREEN
    theta, zeta = GREEN / (math.pi * waist), 2.0
    z = zeta * math.pi * waist**2 / GREEN
    shape, spacing = (216, 240), (1.5 * GREEN, 1.4 * GREEN)
    y, x = axes(shape, spacing)
    start = np.exp(-(y**2 + x**2) / waist**2).astype(complex)
    out = angular_spectrum(start, spacing=spacing, wavelength=GREEN, distance=z, pad=2)[108, 120]
    paraxial = np.exp(2j * math.pi * math.fmod(z / GREEN, 1)) / (1 + 1j * zeta)
    correction = (out / paraxial - 1) / theta**2
    assert abs(correction - -0.5j * zeta / (1 + 1j * zeta) ** 2) < 5 * theta**2


# L4


def random_beam(
    rng: np.random.Generator, y: NDArray[np.float64], x: NDArray[np.float64], *, waist: float
) -> tuple[Array, Array, Array]:
    """A sum of Gaussians at random places and angles, with its derivatives along y and x."""
    total, slope_y, slope_x = (np.zeros(np.broadcast_shapes(y.shape, x.shape), complex) for _ in range(3))
    for _ in range(6):
        cy, cx = rng.uniform(-waist, waist, 2)
        ky, kx = rng.uniform(-1, 1, 2) / waist
        amplitude = complex(*rng.standard_normal(2))
        part = amplitude * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / waist**2 + 1j * (ky * y + kx * x))
        total += part
        slope_y += part * (-2 * (y - cy) / waist**2 + 1j * ky)
        slope_x += part * (-2 * (x - cx) / waist**2 + 1j * kx)
    return total, slope_y, slope_x


def test_l4_second_moments_of_any_beam_by_fresnel(rng: np.random.Generator) -> None:
    # theta = wavelength f is -i / k times a derivative: moments from analytic slopes.
    shape, spacing, z = (256, 300), (2.2e-6, 2.5e-6), 3e-3
    y, x = axes(shape, spacing)
    start, slope_y, slope_x = random_beam(rng, y, x, waist=24e-6)
    out = fresnel_by_transfer_function(
        start, spacing=spacing, wavelength=GREEN, distance=z, pad=1, highest_frequency=BAND
    )
    k, power = 2 * math.pi / GREEN, np.sum(np.abs(start) ** 2)
    for along, slope in ((y, slope_y), (x, slope_x)):
        here = np.sum(along**2 * np.abs(start) ** 2) / power
        cross = np.sum(along * (start.conj() * slope).imag) / (k * power)
        angles = np.sum(np.abs(slope) ** 2) / (k**2 * power)
        there = np.sum(along**2 * np.abs(out) ** 2) / np.sum(np.abs(out) ** 2)
        assert there / (here + 2 * z * cross + z**2 * angles) == pytest.approx(1, abs=1e-10)
        assert z**2 * angles > 0.05 * here  # the way counts


def test_l4_second_moments_grow_with_the_tangent_in_the_exact_theory(rng: np.random.Generator) -> None:
    # x -> x + z kx / kz on the spectrum, which a matrix of exponentials gives, not a fast transform.
    shape, spacing, z = (150, 170), (0.9 * GREEN, 0.8 * GREEN), 40 * GREEN
    y, x = axes(shape, spacing)
    start = random_beam(rng, y, x, waist=5 * GREEN)[0]
    out = angular_spectrum(start, spacing=spacing, wavelength=GREEN, distance=z, pad=2)
    f_y, f_x = cycles(shape, spacing)
    to_y, to_x = np.exp(-2j * np.pi * f_y * y.T), np.exp(-2j * np.pi * x.T * f_x)
    spectrum = to_y @ start @ to_x
    along_z = np.sqrt(np.maximum(GREEN**-2 - f_y**2 - f_x**2, 0.05 * GREEN**-2))  # no light where this floor acts
    weight = np.abs(spectrum) ** 2 / np.sum(np.abs(spectrum) ** 2)
    for along, f in ((y, f_y), (x, f_x)):
        moved = to_y @ (along * start) @ to_x
        tangent = f / along_z
        here = np.sum(along**2 * np.abs(start) ** 2) / np.sum(np.abs(start) ** 2)
        cross = np.sum((spectrum.conj() * moved).real * tangent) / np.sum(np.abs(spectrum) ** 2)
        predicted = here + 2 * z * cross + z**2 * np.sum(weight * tangent**2)
        there = np.sum(along**2 * np.abs(out) ** 2) / np.sum(np.abs(out) ** 2)
        assert there / predicted == pytest.approx(1, abs=1e-9)


# L5


def test_l5_fresnel_images_any_grating_at_the_talbot_distance(rng: np.random.Generator) -> None:
    period, wavelength = 320e-6, 0.5e-6
    cell = rng.integers(0, 2, (16, 18)).astype(float)
    spacing = (period / 16, period / 18)
    grating = np.tile(cell, (3, 2)).astype(complex)
    for fraction, expected in ((2, grating), (1, np.roll(grating, (8, 9), axis=(0, 1)))):
        z = fraction * period**2 / wavelength
        out = fresnel_by_transfer_function(
            grating, spacing=spacing, wavelength=wavelength, distance=z, pad=1, periodic=True
        ) * np.exp(-2j * math.pi * math.fmod(z / wavelength, 1))
        # Phases of up to pi (8^2 + 9^2) fraction, rounded to 1.1e-16 and a few operations each
        assert np.abs(out - expected).max() < 1e-11


@pytest.mark.parametrize("axis", [0, 1])
def test_l5_the_exact_talbot_length_of_three_orders(axis: int) -> None:
    period = 6 * GREEN
    shape, spacing = (48, 72), (GREEN, 1.5 * GREEN)
    along = axes(shape, spacing)[axis] * np.ones(shape)
    field = (0.6 + 0.5 * np.cos(2 * np.pi * along / period)).astype(complex)
    talbot = GREEN / (1 - math.sqrt(1 - (GREEN / period) ** 2))
    out = angular_spectrum(field, spacing=spacing, wavelength=GREEN, distance=talbot, pad=1, periodic=True)
    out = out * np.exp(-2j * math.pi * talbot / GREEN)
    assert np.abs(out - field).max() < 1e-11
    # One term further than 2 d^2 / wavelength: shorter by wavelength^2 / (4 d^2)
    assert (talbot * GREEN / (2 * period**2) - 1) * 4 * 36 == pytest.approx(-1, abs=1 / (2 * 36))


# L6


def grey_disc(shape: tuple[int, int], spacing: tuple[float, float], *, diameter: float, fine: int = 16) -> Array:
    """Part of each pixel inside a centred disc, from fine x fine points."""
    offsets = (np.arange(fine) + 0.5) / fine - 0.5
    disc = np.zeros(shape)
    y, x = axes(shape, spacing)
    for dy in offsets:
        for dx in offsets:
            disc += (y + dy * spacing[0]) ** 2 + (x + dx * spacing[1]) ** 2 <= diameter**2 / 4
    return np.asarray(disc / fine**2, complex)


def airy(r: NDArray[np.float64], *, diameter: float, focal_length: float, wavelength: float) -> NDArray[np.float64]:
    """Amplitude 2 J1(v) / v over the peak."""
    v = np.pi * diameter * np.maximum(r, 1e-12) / (wavelength * focal_length)
    return np.asarray(2 * j1(v) / v)


def test_l6_a_lens_makes_the_airy_pattern() -> None:
    wavelength, focal, diameter = 0.5e-6, 0.1, 1e-3
    shape, spacing = (900, 1024), (diameter / 120, diameter / 140)
    disc = grey_disc(shape, spacing, diameter=diameter)
    out = lens_transform(disc, spacing=spacing, wavelength=wavelength, focal_length=focal)
    steps = focal_spacing(shape, spacing=spacing, wavelength=wavelength, focal_length=focal)
    y, x = axes(shape, steps)
    r = np.hypot(y, x)
    unit = wavelength * focal / diameter
    peak = math.pi * diameter**2 / 4 / (1j * wavelength * focal)  # area over i wavelength f
    assert out[450, 512] == pytest.approx(peak, rel=4 / 120**2)
    near = r < 3 * unit
    expected = airy(r, diameter=diameter, focal_length=focal, wavelength=wavelength)
    # A pixel of the pupil multiplies the pattern by sinc(d r / wavelength f); left are the points of its grey edge,
    # 1 / (fine x 120) each, which average: bound 4 / D^2.
    blur = np.sinc(y * spacing[0] / (wavelength * focal)) * np.sinc(x * spacing[1] / (wavelength * focal))
    error = np.abs(out / peak - expected * blur)[near].max()
    assert error < 4 / 120**2
    for line, step in ((out[450:, 512] / peak, steps[0]), (out[450, 512:] / peak, steps[1])):
        first = int(np.argmax(line.real < 0))
        zero = (first - line.real[first] / (line.real[first] - line.real[first - 1])) * step / unit
        # Linear between samples h apart: h^2 / 8 of curvature over slope, which is 1 / zero for a J1(v) / v: h^2 / 10.
        assert zero == pytest.approx(1.2196699, abs=(step / unit) ** 2 / 5 + 4 / 120**2)
        half = int(np.argmax(np.abs(line) ** 2 < 0.5))
        light = np.abs(line) ** 2
        width = 2 * (half - (0.5 - light[half]) / (light[half - 1] - light[half])) * step / unit
        assert width == pytest.approx(1.0289939, abs=(step / unit) ** 2)


def test_l6_energy_within_the_dark_rings() -> None:
    wavelength, focal, diameter = 0.5e-6, 0.1, 1e-3
    shape, spacing = (900, 1024), (diameter / 60, diameter / 64)
    disc = grey_disc(shape, spacing, diameter=diameter)
    out = lens_transform(disc, spacing=spacing, wavelength=wavelength, focal_length=focal)
    steps = focal_spacing(shape, spacing=spacing, wavelength=wavelength, focal_length=focal)
    y, x = axes(shape, steps)
    unit = wavelength * focal / diameter
    area = math.pi * diameter**2 / 4  # not the sum of squares of a grey-edged disc, which is smaller
    for ring, energy in ((1.2196699, 0.837785), (2.2331306, 0.909899)):
        inside = np.clip((ring * unit - np.hypot(y, x)) / max(steps) + 0.5, 0, 1)
        got = np.sum(np.abs(out) ** 2 * inside) * steps[0] * steps[1] / area
        assert got == pytest.approx(energy, abs=1e-3)  # grey pixels of the pupil: sinc^2 loses (pi/60)^2 / 6 x <r^2>


# L7


def test_l7_a_lens_conserves_power(rng: np.random.Generator) -> None:
    spacing, focal = (3e-6, 2e-6), 0.05
    field = random_field(rng, (3, 45, 64))
    out = lens_transform(field, spacing=spacing, wavelength=GREEN, focal_length=focal)
    step_y, step_x = GREEN * focal / (45 * spacing[0]), GREEN * focal / (64 * spacing[1])
    before, after = np.sum(np.abs(field) ** 2) * 6e-12, np.sum(np.abs(out) ** 2) * step_y * step_x
    assert after / before == pytest.approx(1, abs=1e-12)


def test_l7_the_focal_waist_of_a_gaussian() -> None:
    focal, shape, spacing, waists = 0.05, (121, 150), (3e-6, 2.5e-6), (25e-6, 30e-6)
    y, x = axes(shape, spacing)
    start = gaussian_beam(y, x, waists=waists, z=0)
    out = lens_transform(start, spacing=spacing, wavelength=GREEN, focal_length=focal)
    y, x = axes(shape, focal_spacing(shape, spacing=spacing, wavelength=GREEN, focal_length=focal))
    w_y, w_x = (GREEN * focal / (math.pi * waist) for waist in waists)
    peak = math.pi * waists[0] * waists[1] / (1j * GREEN * focal)
    assert relative_error(out, peak * np.exp(-((y / w_y) ** 2) - (x / w_x) ** 2)) < 1e-13


# L8


def test_l8_at_critical_sampling_both_fresnel_kernels_are_one() -> None:
    # n d^2 = wavelength z along both axes, by a Gauss sum for even n; 64 x 1^2 = 16 x 2^2.
    shape, spacing = (64, 16), (1e-6, 2e-6)
    z_y, z_x = critical_distance(shape, spacing=spacing, wavelength=GREEN)
    assert z_y == pytest.approx(z_x, rel=1e-15)
    assert z_y == pytest.approx(64e-12 / GREEN, rel=1e-15)
    near = fresnel_transfer_function(shape, spacing=spacing, wavelength=GREEN, distance=z_y)
    far = fresnel_impulse_response(shape, spacing=spacing, wavelength=GREEN, distance=z_y)
    assert np.abs(near - far).max() < 1e-12
    for kernel in (fresnel_by_transfer_function, fresnel_by_impulse_response):  # the limit itself is allowed by both
        kernel(np.ones(shape), spacing=spacing, wavelength=GREEN, distance=z_y, pad=1, highest_frequency=1e5)


def test_l8_at_the_fraunhofer_distance_the_rim_is_a_sixteenth_of_a_wave_late() -> None:
    aperture = 1.3e-3
    z = fraunhofer_distance(aperture=aperture, wavelength=GREEN)
    assert math.pi * (aperture / 2) ** 2 / (GREEN * z) == pytest.approx(math.pi / 8, rel=1e-12)


# L9


def disc_on_axis(z: float, *, radius: float) -> complex:
    """Exact field on the axis by the first Rayleigh-Sommerfeld integral."""
    k, rim = 2 * math.pi / GREEN, math.hypot(z, radius)
    return complex(np.exp(1j * k * z) - z / rim * np.exp(1j * k * rim))


@pytest.mark.parametrize("zones", [1, 2, 3])
def test_l9_light_on_the_axis_behind_a_disc(zones: int) -> None:
    # Grey pixels average the disc over a pixel, which multiplies the wave from the rim by the mean of
    # sinc(dy f_y) sinc(dx f_x) over its directions, f = sine / wavelength: an error as the square of the spacing.
    radius, spacing, shape = 20e-6, (0.5 * GREEN, 0.55 * GREEN), (200, 220)
    z = radius**2 / (zones * GREEN)
    disc = grey_disc(shape, spacing, diameter=2 * radius)
    out = angular_spectrum(disc, spacing=spacing, wavelength=GREEN, distance=z, pad=6)[100, 110]
    around = np.linspace(0, 2 * math.pi, 64, endpoint=False)
    f = radius / math.hypot(z, radius) / GREEN
    blur = np.mean(np.sinc(spacing[0] * f * np.sin(around)) * np.sinc(spacing[1] * f * np.cos(around)))
    exact = disc_on_axis(z, radius=radius)
    pixels = np.exp(2j * math.pi * z / GREEN) * (1 - blur) + exact * blur
    assert abs(abs(out) ** 2 - abs(pixels) ** 2) < 5e-3
    assert abs(abs(out) ** 2 - abs(exact) ** 2) < 5e-3 + 8 * (1 - blur)
    assert abs(exact) ** 2 == pytest.approx(4 * math.sin(math.pi * zones / 2) ** 2, abs=2.1 * (radius / z) ** 2)


def test_plain_kernel_is_sampled_up_to_the_distance_of_the_law() -> None:
    # z = N dx^2 sqrt(1 - (wavelength / 2 dx)^2) / wavelength along one axis.
    step, count = 1.1e-6, 256
    predicted = count * step**2 * math.sqrt(1 - (GREEN / (2 * step)) ** 2) / GREEN
    assert sampled_distance((1, count), spacing=(1.0, step), wavelength=GREEN) == pytest.approx(predicted, rel=1e-12)
    assert sampled_distance((200, count), spacing=(step, step), wavelength=GREEN) < predicted
