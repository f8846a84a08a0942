"""Laws L1, L2, L5 and L8: kernels of free space, against closed forms that share no code with the propagators."""

import math

import numpy as np
import pytest
import scipy.fft
from numpy.typing import NDArray
from scipy.special import hankel1

from optics.propagation import (
    angular_spectrum,
    angular_spectrum_adjoint,
    band_limit,
    critical_distance,
    fraunhofer_distance,
    fresnel_by_impulse_response,
    fresnel_by_transfer_function,
    fresnel_impulse_response,
    fresnel_transfer_function,
    sampled_distance,
    transfer_function,
)
from tests.laws.propagation_fields import GREEN, Array, axes, cycles, random_field, relative_error

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


def test_plain_kernel_is_sampled_up_to_the_distance_of_the_law() -> None:
    # z = N dx^2 sqrt(1 - (wavelength / 2 dx)^2) / wavelength along one axis.
    step, count = 1.1e-6, 256
    predicted = count * step**2 * math.sqrt(1 - (GREEN / (2 * step)) ** 2) / GREEN
    assert sampled_distance((1, count), spacing=(1.0, step), wavelength=GREEN) == pytest.approx(predicted, rel=1e-12)
    assert sampled_distance((200, count), spacing=(step, step), wavelength=GREEN) < predicted
