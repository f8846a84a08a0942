"""Laws L3 and L4: beams in free space, against closed forms that share no code with the propagators."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import j0

from optics.propagation import angular_spectrum, fresnel_by_impulse_response, fresnel_by_transfer_function
from tests.laws.propagation_fields import GREEN, Array, axes, cycles, gaussian_beam, relative_error

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
