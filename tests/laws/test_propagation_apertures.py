"""Laws L6, L7 and L9: apertures, lenses and discs, against closed forms that share no code with the propagators."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import j1

from optics.propagation import angular_spectrum, focal_spacing, lens_transform
from tests.laws.propagation_fields import GREEN, axes, gaussian_beam, grey_disc, random_field, relative_error

# L6


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
