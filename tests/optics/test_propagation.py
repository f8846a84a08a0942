"""Propagators: each beside its adjoint, in both precisions, on grids whose sizes and spacings all differ."""

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
    fresnel_by_impulse_response,
    fresnel_by_impulse_response_adjoint,
    fresnel_by_transfer_function,
    fresnel_by_transfer_function_adjoint,
    lens_transform,
    lens_transform_adjoint,
    pad_field,
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
