"""Propagators: each beside its adjoint, in both precisions, on grids whose sizes and spacings all differ."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from optics.propagation import (
    angular_spectrum,
    angular_spectrum_adjoint,
    crop_field,
    focal_spacing,
    four_f,
    four_f_adjoint,
    fraunhofer,
    fraunhofer_adjoint,
    fraunhofer_distance,
    fresnel_by_impulse_response,
    fresnel_by_impulse_response_adjoint,
    fresnel_by_transfer_function,
    fresnel_by_transfer_function_adjoint,
    lens_transform,
    lens_transform_adjoint,
    pad_field,
    positions,
    thin_lens,
    thin_lens_adjoint,
    tilt,
    tilt_adjoint,
    transfer_function,
    translate,
    translate_adjoint,
)

Array = NDArray[np.complex128]
Map = Callable[[Array], Array]
Pair = tuple[float, float]
WAVELENGTH = 2.0**-21
SHAPE, SPACING = (33, 50), (3e-6, 2.5e-6)
PUPIL = np.random.default_rng(5).standard_normal((*SHAPE, 2)) @ np.array([1, 1j])
BEAM = {"spacing": SPACING, "wavelength": WAVELENGTH}
FOUR = {"focal_lengths": (0.05, 0.08), "pupil": PUPIL}
PAIRS: dict[str, tuple[Map, Map]] = {
    "angular spectrum": (
        partial(angular_spectrum, **BEAM, distance=2e-4, pad=2, shift=(2e-5, -1e-5)),
        partial(angular_spectrum_adjoint, **BEAM, distance=2e-4, pad=2, shift=(2e-5, -1e-5)),
    ),
    "evanescent": (
        partial(angular_spectrum, spacing=(1e-7, 2e-7), wavelength=WAVELENGTH, distance=2e-7, pad=1, periodic=True),
        partial(
            angular_spectrum_adjoint, spacing=(1e-7, 2e-7), wavelength=WAVELENGTH, distance=2e-7, pad=1, periodic=True
        ),
    ),
    "without band limit": (
        partial(angular_spectrum, **BEAM, distance=2e-4, pad=3, band_limited=False),
        partial(angular_spectrum_adjoint, **BEAM, distance=2e-4, pad=3, band_limited=False),
    ),
    "Fresnel near": (
        partial(fresnel_by_transfer_function, **BEAM, distance=2e-4, pad=2),
        partial(fresnel_by_transfer_function_adjoint, **BEAM, distance=2e-4, pad=2),
    ),
    "Fresnel far": (
        partial(fresnel_by_impulse_response, **BEAM, distance=3e-3, pad=2),
        partial(fresnel_by_impulse_response_adjoint, **BEAM, distance=3e-3, pad=2),
    ),
    "lens": (
        partial(lens_transform, **BEAM, focal_length=0.05),
        partial(lens_transform_adjoint, **BEAM, focal_length=0.05),
    ),
    "Fraunhofer": (partial(fraunhofer, **BEAM, distance=0.2), partial(fraunhofer_adjoint, **BEAM, distance=0.2)),
    "4f": (partial(four_f, **BEAM, **FOUR), partial(four_f_adjoint, **BEAM, **FOUR)),
    "thin lens": (partial(thin_lens, **BEAM, focal_length=2e-3), partial(thin_lens_adjoint, **BEAM, focal_length=2e-3)),
    "tilt": (partial(tilt, **BEAM, direction=(0.03, -0.06)), partial(tilt_adjoint, **BEAM, direction=(0.03, -0.06))),
    "translate": (
        partial(translate, spacing=SPACING, shift=(1.3e-5, -2.2e-5), pad=2),
        partial(translate_adjoint, spacing=SPACING, shift=(1.3e-5, -2.2e-5), pad=2),
    ),
}
UNITARY = ("thin lens", "tilt")


def random_field(rng: np.random.Generator, *batch: int) -> Array:
    shape = (*batch, *SHAPE)
    return np.asarray(rng.standard_normal(shape) + 1j * rng.standard_normal(shape))


def gaussian(
    shape: tuple[int, int], spacing: tuple[float, float], *, waist: float, centre: tuple[float, float]
) -> Array:
    y, x = (positions(n, spacing=d) - c for n, d, c in zip(shape, spacing, centre, strict=True))
    return np.asarray(np.exp(-(y[:, np.newaxis] ** 2 + x**2) / waist**2), complex)


def centroid(field: Array, spacing: tuple[float, float]) -> tuple[float, float]:
    light = np.abs(field) ** 2 / np.sum(np.abs(field) ** 2)
    y, x = (positions(n, spacing=d) for n, d in zip(field.shape, spacing, strict=True))
    return float(light.sum(axis=1) @ y), float(light.sum(axis=0) @ x)


@pytest.mark.parametrize("name", PAIRS)
def test_adjoint_moves_the_operator_across_the_inner_product(name: str, rng: np.random.Generator) -> None:
    forward, adjoint = PAIRS[name]
    u, v = random_field(rng, 2), random_field(rng, 2)
    image, back = forward(u), adjoint(v)
    # A sum of 3300 products of order |v| |A u| rounds to 1e-15 of their norms.
    scale = np.linalg.norm(v) * np.linalg.norm(image)
    assert abs(np.vdot(v, image) - np.vdot(back, u)) < 1e-13 * scale


@pytest.mark.parametrize("name", PAIRS)
def test_maps_are_linear_and_take_batches(name: str, rng: np.random.Generator) -> None:
    forward, _ = PAIRS[name]
    u = random_field(rng, 2, 3)
    batch = forward(u)
    assert batch.shape == u.shape
    scale = np.abs(batch).max()
    assert np.abs(batch[1, 2] - forward(u[1, 2])).max() < 1e-13 * scale
    assert np.abs(forward(u[0, 0] + 2j * u[1, 1]) - batch[0, 0] - 2j * batch[1, 1]).max() < 1e-13 * scale


@pytest.mark.parametrize("name", PAIRS)
def test_inputs_are_left_alone(name: str, rng: np.random.Generator) -> None:
    u = random_field(rng)
    kept = u.copy()
    for direction in PAIRS[name]:
        direction(u)
        assert np.array_equal(u, kept)


@pytest.mark.parametrize("name", PAIRS)
def test_single_precision_stays_single_and_costs_a_few_roundings(name: str, rng: np.random.Generator) -> None:
    # A transform of n points rounds log2(n) times, each by at most eps / 2 = 6e-8 and in rms by a third of it; kernel,
    # product and scale once each. At most four transforms of 2^15 points: sqrt(4 x 15 + 8) x 6e-8 = 5e-7 in rms.
    forward, adjoint = PAIRS[name]
    u = random_field(rng)
    for direction in (forward, adjoint):
        exact, single = direction(u), direction(u.astype(np.complex64))
        assert single.dtype == np.complex64
        assert exact.dtype == np.complex128
        assert np.linalg.norm(single - exact) < 5e-7 * np.linalg.norm(exact)
        assert direction(u.real.astype(np.float32)).dtype == np.complex64
        assert direction(u.real.copy()).dtype == np.complex128


@pytest.mark.parametrize("name", ["angular spectrum", "Fresnel near", "Fresnel far", "lens", "Fraunhofer", "4f"])
def test_threads_do_not_change_the_field(name: str, rng: np.random.Generator) -> None:
    u = random_field(rng, 2)
    assert np.array_equal(PAIRS[name][0](u), partial(PAIRS[name][0], workers=2)(u))


@pytest.mark.parametrize("name", UNITARY)
def test_phases_are_unitary(name: str, rng: np.random.Generator) -> None:
    forward, adjoint = PAIRS[name]
    u = random_field(rng)
    assert np.abs(adjoint(forward(u)) - u).max() < 1e-13


@pytest.mark.parametrize("propagate", [angular_spectrum, fresnel_by_transfer_function])
def test_periodic_propagation_is_unitary_and_keeps_power(
    propagate: Callable[..., Array], rng: np.random.Generator
) -> None:
    u = random_field(rng, 2)
    keys = {**BEAM, "pad": 1, "periodic": True}
    keys |= {} if propagate is angular_spectrum else {"highest_frequency": 1e4}
    there = propagate(u, distance=0.04, **keys)
    assert np.sum(np.abs(there) ** 2) / np.sum(np.abs(u) ** 2) == pytest.approx(1, abs=1e-12)
    assert np.abs(propagate(there, distance=-0.04, **keys) - u).max() < 1e-13 * np.abs(u).max()


def test_inverse_of_the_lens_is_its_scaled_adjoint(rng: np.random.Generator) -> None:
    u = random_field(rng)
    forward, adjoint = PAIRS["lens"]
    far = focal_spacing(SHAPE, spacing=SPACING, wavelength=WAVELENGTH, focal_length=0.05)
    scale = far[0] * far[1] / (SPACING[0] * SPACING[1])
    assert np.abs(adjoint(forward(u)) * scale - u).max() < 1e-13 * np.abs(u).max()


@pytest.mark.parametrize("name", ["angular_spectrum", "fresnel_near", "fresnel_far", "lens"])
def test_rows_and_columns_are_treated_alike(name: str, rng: np.random.Generator) -> None:
    u, turned = random_field(rng), (SPACING[1], SPACING[0])
    keys = {"wavelength": WAVELENGTH}
    propagate: Callable[..., Array] = {
        "angular_spectrum": partial(angular_spectrum, **keys, distance=2e-4, pad=2),
        "fresnel_near": partial(fresnel_by_transfer_function, **keys, distance=2e-4, pad=2),
        "fresnel_far": partial(fresnel_by_impulse_response, **keys, distance=3e-3, pad=2),
        "lens": partial(lens_transform, **keys, focal_length=0.05),
    }[name]
    one, other = propagate(u, spacing=SPACING), propagate(u.T, spacing=turned).T
    assert np.abs(one - other).max() < 1e-13 * np.abs(one).max()


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


@pytest.mark.parametrize("shape", [(4, 6), (5, 7), (1, 8)])
@pytest.mark.parametrize("pad", [1, 2, 3])
def test_cropping_is_the_inverse_and_the_adjoint_of_padding(shape: tuple[int, int], pad: int) -> None:
    field = np.arange(1.0, 1 + shape[0] * shape[1]).reshape(shape).astype(complex)
    wide = pad_field(field, pad=pad)
    assert np.array_equal(crop_field(wide, pad=pad), field)
    assert wide[wide.shape[0] // 2, wide.shape[1] // 2] == field[shape[0] // 2, shape[1] // 2]
    assert wide.sum() == field.sum()


def test_kernels_come_in_the_precision_asked_for() -> None:
    keys = {"spacing": SPACING, "wavelength": WAVELENGTH, "distance": 0.01}
    exact = transfer_function(SHAPE, **keys)
    single = transfer_function(SHAPE, **keys, dtype=np.complex64)
    assert (exact.dtype, single.dtype) == (np.complex128, np.complex64)
    assert np.abs(exact - single).max() < 1e-7  # one rounding, although k z is 1.3e5 rad
