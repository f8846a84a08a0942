"""Tilts, shifts, lenses and 4f systems against closed forms and geometry."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from optics.propagation import (
    angular_spectrum,
    crop_field,
    focal_spacing,
    four_f,
    fraunhofer,
    fraunhofer_distance,
    fresnel_by_impulse_response,
    fresnel_by_transfer_function,
    lens_transform,
    pad_field,
    positions,
    thin_lens,
    tilt,
    translate,
)

Array = NDArray[np.complex128]
Pair = tuple[float, float]
WAVELENGTH = 2.0**-21
SHAPE, SPACING = (33, 50), (3e-6, 2.5e-6)
BEAM = {"spacing": SPACING, "wavelength": WAVELENGTH}


def gaussian(
    shape: tuple[int, int], spacing: tuple[float, float], *, waist: float, centre: tuple[float, float]
) -> Array:
    y, x = (positions(n, spacing=d) - c for n, d, c in zip(shape, spacing, centre, strict=True))
    return np.asarray(np.exp(-(y[:, np.newaxis] ** 2 + x**2) / waist**2), complex)


def centroid(field: Array, spacing: tuple[float, float]) -> tuple[float, float]:
    light = np.abs(field) ** 2 / np.sum(np.abs(field) ** 2)
    y, x = (positions(n, spacing=d) for n, d in zip(field.shape, spacing, strict=True))
    return float(light.sum(axis=1) @ y), float(light.sum(axis=0) @ x)


@pytest.mark.parametrize(("direction", "axis"), [((0.15, 0.0), 0), ((0.0, -0.2), 1)])
def test_tilted_light_lands_where_its_ray_does(direction: tuple[float, float], axis: int) -> None:
    shape, spacing, waist, z = (140, 180), (0.9e-6, 0.8e-6), 12e-6, 1e-4
    start = gaussian(shape, spacing, waist=waist, centre=(0, 0))
    sent = tilt(start, spacing=spacing, wavelength=WAVELENGTH, direction=direction)
    out = angular_spectrum(sent, spacing=spacing, wavelength=WAVELENGTH, distance=z, pad=2)
    sine = direction[axis]
    spread = WAVELENGTH / (2 * math.pi * waist)  # rms sine of the beam; tan bends by 3/2 tan (1 + tan^2) spread^2 or so
    landing = centroid(out, spacing)
    tangent = sine / math.sqrt(1 - sine**2)
    assert landing[axis] / z == pytest.approx(tangent, abs=3 * abs(tangent) * spread**2)
    assert landing[1 - axis] / z == pytest.approx(0, abs=1e-9)


def test_a_shifted_window_sees_what_a_wide_one_sees_there() -> None:
    # The beam is gone at the edges of both windows (exp(-25) and less).
    shape, spacing, z = (90, 110), (1.0e-6, 0.9e-6), 2e-4
    start = tilt(
        gaussian(shape, spacing, waist=9e-6, centre=(0, 0)),
        spacing=spacing, wavelength=WAVELENGTH, direction=(0.14, -0.17),
    )  # fmt: skip
    rows, columns = 28, -38
    keys = {"spacing": spacing, "wavelength": WAVELENGTH, "distance": z}
    seen = angular_spectrum(start, **keys, pad=2, shift=(rows * spacing[0], columns * spacing[1]))
    wide = angular_spectrum(pad_field(start, pad=3), **keys, pad=2)
    there = np.roll(wide, (-rows, -columns), axis=(0, 1))
    assert np.abs(seen - crop_field(there, pad=3)).max() < 1e-10 * np.abs(seen).max()
    assert np.abs(seen[45, 55]) > 0.5 * np.abs(seen).max()


def test_translation_by_fractions_of_a_sample() -> None:
    shape, spacing, shift = (80, 97), (1.1e-6, 0.9e-6), (7.37e-6, -5.21e-6)
    start = gaussian(shape, spacing, waist=5e-6, centre=(2e-6, 3e-6))
    expected = gaussian(shape, spacing, waist=5e-6, centre=(2e-6 + shift[0], 3e-6 + shift[1]))
    for pad in (1, 2):
        assert np.abs(translate(start, spacing=spacing, shift=shift, pad=pad) - expected).max() < 1e-13


def test_lens_between_two_focal_lengths_of_free_space_transforms() -> None:
    # At n d^2 = wavelength f Fresnel, lens, Fresnel is the discrete Fourier transform itself, by completing squares.
    focal = 0.01
    shape = (40, 90)
    spacing = (math.sqrt(WAVELENGTH * focal / 40), math.sqrt(WAVELENGTH * focal / 90))
    keys = {"spacing": spacing, "wavelength": WAVELENGTH}
    start = gaussian(shape, spacing, waist=60e-6, centre=(40e-6, -50e-6))
    near = fresnel_by_transfer_function(start, **keys, distance=focal, pad=1, highest_frequency=4e4)
    out = fresnel_by_transfer_function(
        thin_lens(near, **keys, focal_length=focal), **keys, distance=focal, pad=1, highest_frequency=4e4
    )
    path = np.exp(4j * math.pi * math.fmod(focal / WAVELENGTH, 1))
    assert focal_spacing(shape, **keys, focal_length=focal) == pytest.approx(spacing, rel=1e-14)
    assert np.abs(out - path * lens_transform(start, **keys, focal_length=focal)).max() < 1e-12


def test_thin_lens_focuses_a_plane_wave_that_came_from_a_point() -> None:
    # The paraxial wave of a point at distance s before the lens, exp(i pi r^2 / (wavelength s)), leaves a lens of
    # focal length s as a plane wave.
    s = 2e-3
    y, x = (positions(n, spacing=d) for n, d in zip(SHAPE, SPACING, strict=True))
    wave = np.exp(1j * math.pi * (y[:, np.newaxis] ** 2 + x**2) / (WAVELENGTH * s))
    assert np.abs(thin_lens(wave, **BEAM, focal_length=s) - 1).max() < 1e-13


def test_fraunhofer_of_a_gaussian() -> None:
    waist, shape, spacing = 20e-6, (70, 90), (3e-6, 2.6e-6)
    z = fraunhofer_distance(aperture=240e-6, wavelength=WAVELENGTH)
    start = gaussian(shape, spacing, waist=waist, centre=(0, 0))
    out = fraunhofer(start, spacing=spacing, wavelength=WAVELENGTH, distance=z, aperture=240e-6)
    steps = focal_spacing(shape, spacing=spacing, wavelength=WAVELENGTH, focal_length=z)
    y, x = (positions(n, spacing=d) for n, d in zip(shape, steps, strict=True))
    square = y[:, np.newaxis] ** 2 + x**2
    q = 1 + 1j * z * WAVELENGTH / (math.pi * waist**2)
    carrier = np.exp(2j * math.pi * math.fmod(z / WAVELENGTH, 1))
    transform = (
        math.pi * waist**2 / (1j * WAVELENGTH * z) * np.exp(-((math.pi * waist / (WAVELENGTH * z)) ** 2) * square)
    )
    expected = carrier * transform * np.exp(1j * math.pi * square / (WAVELENGTH * z))
    assert np.abs(out - expected).max() < 1e-12 * np.abs(expected).max()
    # The beam itself is nearer by its own quadratic phase, pi w^2 / (wavelength z) = 1 / |q|.
    beam = carrier * np.exp(-square / (waist**2 * q)) / q
    assert np.abs(out - beam).max() < 1.1 / abs(q) * np.abs(beam).max()


def test_four_f_images_upside_down_with_its_magnification() -> None:
    shape, spacing, lengths = (60, 77), (3e-6, 2.5e-6), (0.05, 0.08)
    start = gaussian(shape, spacing, waist=11e-6, centre=(20e-6, -12e-6))
    out = four_f(start, spacing=spacing, wavelength=WAVELENGTH, focal_lengths=lengths, pupil=np.ones(shape))
    scale = lengths[1] / lengths[0]
    expected = -gaussian(
        shape, (spacing[0] * scale, spacing[1] * scale), waist=11e-6 * scale, centre=(-20e-6 * scale, 12e-6 * scale)
    )
    assert np.abs(out - expected / scale).max() < 1e-12


def test_four_f_filters_with_its_pupil() -> None:
    # A pupil that is a ramp of phase shifts the image: exp(-2 pi i r' . s / (wavelength f_1)) delays f by f . s.
    shape, spacing, lengths, shift = (60, 77), (3e-6, 2.5e-6), (0.05, 0.05), (9.3e-6, -7.1e-6)
    steps = focal_spacing(shape, spacing=spacing, wavelength=WAVELENGTH, focal_length=lengths[0])
    y, x = (positions(n, spacing=d) for n, d in zip(shape, steps, strict=True))
    pupil = np.exp(-2j * math.pi * (y[:, np.newaxis] * shift[0] + x * shift[1]) / (WAVELENGTH * lengths[0]))
    start = gaussian(shape, spacing, waist=15e-6, centre=(0, 0))
    out = four_f(start, spacing=spacing, wavelength=WAVELENGTH, focal_lengths=lengths, pupil=pupil)
    expected = -gaussian(shape, spacing, waist=15e-6, centre=(-shift[0], -shift[1]))
    assert np.abs(out - expected).max() < 1e-12


def test_a_line_is_one_row_that_does_not_vary() -> None:
    # By impulse response and by transfer function, over the distance that both allow.
    spacing, z = (1.0, 2e-6), 200 * 4e-12 / WAVELENGTH
    start = gaussian((1, 200), spacing, waist=30e-6, centre=(0, 0))
    keys = {"spacing": spacing, "wavelength": WAVELENGTH, "distance": z, "highest_frequency": 1e5}
    near, far = fresnel_by_transfer_function(start, **keys, pad=1), fresnel_by_impulse_response(start, **keys, pad=1)
    assert np.abs(near - far).max() < 1e-12
    assert angular_spectrum(start, spacing=spacing, wavelength=WAVELENGTH, distance=z, pad=3).shape == (1, 200)
