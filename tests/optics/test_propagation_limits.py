"""What the propagators refuse: the message has the numbers, and the way out that it names is one."""

import math
import re
from typing import Any

import numpy as np
import pytest

from optics.propagation import (
    angular_spectrum,
    band_limit,
    critical_distance,
    crop_field,
    four_f,
    fraunhofer,
    fraunhofer_distance,
    fresnel_by_impulse_response,
    fresnel_by_transfer_function,
    fresnel_impulse_response,
    lens_transform,
    pad_field,
    paraxial_frequency,
    paraxial_phase_error,
    sampled_distance,
    thin_lens,
    tilt,
    transfer_function,
    translate,
    window_fresnel_number,
)

SHAPE, SPACING, WAVELENGTH = (30, 44), (3e-6, 2.5e-6), 500e-9
FIELD = np.ones(SHAPE, complex)
BEAM: dict[str, Any] = {"spacing": SPACING, "wavelength": WAVELENGTH}
COARSE: dict[str, Any] = {"spacing": (12e-6, 10e-6), "wavelength": WAVELENGTH}


def named(message: str, before: str) -> float:
    """The number that a message gives behind some words."""
    found = re.search(re.escape(before) + r"\s*([-+.0-9e]+)", message)
    assert found, message
    return float(found[1].rstrip("."))


def test_undersampled_angular_spectrum_says_how_wide_the_window_must_be() -> None:
    keys = {**BEAM, "distance": 4e-3, "band_limited": False}
    with pytest.raises(
        ValueError, match=r"distance = 0.004 m undersamples the angular-spectrum kernel.*up to"
    ) as error:
        angular_spectrum(FIELD, **keys, pad=1)
    pad = int(named(str(error.value), "pad of at least"))
    assert f"a grid of {pad * 30} x {pad * 44}" in str(error.value)
    angular_spectrum(FIELD, **keys, pad=pad)
    with pytest.raises(ValueError, match="undersamples"):
        angular_spectrum(FIELD, **keys, pad=pad - 1)
    for way_out in (
        {"band_limited": True, "pad": 3},
        {"periodic": True, "pad": 1},
        {"highest_frequency": 1e4, "pad": 2},
    ):
        angular_spectrum(FIELD, **{**keys, **way_out})


def test_the_sampled_distance_is_where_the_phase_turns_half_a_cycle() -> None:
    # Phase of the kernel at the corner of the band and half a sample of frequency inside, by differences.
    z = sampled_distance(SHAPE, **BEAM)
    f_y, f_x = 0.5 / SPACING[0], 0.5 / SPACING[1]
    steps = [1 / (n * d) for n, d in zip(SHAPE, SPACING, strict=True)]

    def turns(y: float, x: float) -> float:
        return z * math.sqrt(WAVELENGTH**-2 - y**2 - x**2)

    tiny = 1e-3
    along_y = abs(turns(f_y + tiny * steps[0], f_x) - turns(f_y - tiny * steps[0], f_x)) / (2 * tiny)
    along_x = abs(turns(f_y, f_x + tiny * steps[1]) - turns(f_y, f_x - tiny * steps[1])) / (2 * tiny)
    assert max(along_y, along_x) == pytest.approx(0.5, rel=1e-6)


def test_evanescent_waves_are_sampled_by_no_window() -> None:
    keys: dict[str, Any] = {"spacing": (2e-7, 3e-7), "wavelength": WAVELENGTH, "distance": 1e-6, "pad": 1}
    assert sampled_distance(SHAPE, spacing=(2e-7, 3e-7), wavelength=WAVELENGTH) == 0
    with pytest.raises(
        ValueError, match=r"holds 3.00\d+e\+06 cycles/m, evanescent beyond 1/wavelength = 2e\+06.*periodic"
    ):
        angular_spectrum(FIELD, **keys, band_limited=False)
    angular_spectrum(FIELD, **keys, band_limited=False, highest_frequency=1e6)
    angular_spectrum(FIELD, **keys)


def test_a_window_within_the_first_fresnel_zone_says_how_wide_it_must_be() -> None:
    with pytest.raises(ValueError, match=r"window of 30 x 44 samples: half of it holds 0.405 Fresnel zones.*") as error:
        angular_spectrum(FIELD, **BEAM, distance=0.01, pad=1)
    pad = int(named(str(error.value), "pad of at least"))
    assert pad == 2
    angular_spectrum(FIELD, **BEAM, distance=0.01, pad=pad)
    assert window_fresnel_number(SHAPE, **BEAM, distance=0.01) == pytest.approx(45e-6**2 / (WAVELENGTH * 0.01))
    assert window_fresnel_number(SHAPE, **BEAM, distance=0.0) == math.inf


def test_a_period_has_no_margin() -> None:
    for propagate in (angular_spectrum, fresnel_by_transfer_function):
        with pytest.raises(ValueError, match=r"pad = 2 with periodic=True.*give pad=1"):
            propagate(FIELD, **BEAM, distance=1e-4, pad=2, periodic=True)


def test_undersampled_fresnel_transfer_function_says_how_wide_the_window_must_be() -> None:
    with pytest.raises(
        ValueError, match=r"undersamples the Fresnel transfer function.*1 x 30 by 1 x 44.*0.00864 m"
    ) as error:
        fresnel_by_transfer_function(FIELD, **COARSE, distance=16e-3, pad=1)
    pad = int(named(str(error.value), "pad of at least"))
    assert pad == 2
    assert f"a grid of {pad * 30} x {pad * 44}" in str(error.value)
    fresnel_by_transfer_function(FIELD, **COARSE, distance=16e-3, pad=pad)
    fresnel_by_transfer_function(FIELD, **COARSE, distance=16e-3, pad=1, periodic=True)
    fresnel_by_transfer_function(FIELD, **COARSE, distance=16e-3, pad=1, highest_frequency=2e4)


def test_undersampled_impulse_response_says_which_spacing_samples_it() -> None:
    with pytest.raises(ValueError, match=r"undersamples the Fresnel impulse response.*from 0.0022 m on") as error:
        fresnel_by_impulse_response(FIELD, **BEAM, distance=1e-3, pad=4)
    assert "pad of at most 1" in str(error.value)
    fresnel_by_impulse_response(FIELD, **BEAM, distance=1e-3, pad=1)
    finest = named(str(error.value), "spacing of at most (")
    assert finest == pytest.approx(1e-3 * WAVELENGTH / (4 * 30 * 3e-6), rel=1e-2)
    with pytest.raises(ValueError, match=r"fresnel_by_transfer_function or angular_spectrum") as error:
        fresnel_by_impulse_response(FIELD, **BEAM, distance=1e-4, pad=1)
    assert "pad of at most" not in str(error.value)


def test_critical_distance_parts_the_two_fresnel_kernels() -> None:
    z_y, z_x = critical_distance(SHAPE, **COARSE)
    assert (z_y, z_x) == pytest.approx((30 * 144e-12 / WAVELENGTH, 44 * 100e-12 / WAVELENGTH))
    with pytest.raises(ValueError, match="undersamples"):
        fresnel_by_transfer_function(FIELD, **COARSE, distance=1.001 * min(z_y, z_x), pad=1)
    with pytest.raises(ValueError, match="undersamples"):
        fresnel_by_impulse_response(FIELD, **COARSE, distance=0.999 * max(z_y, z_x), pad=1)


def test_planes_that_coincide_have_no_impulse_response() -> None:
    with pytest.raises(ValueError, match=r"distance = 0 m has no impulse response.*fresnel_by_transfer_function"):
        fresnel_by_impulse_response(FIELD, **BEAM, distance=0.0, pad=1)
    with pytest.raises(ValueError, match=r"distance = 0 m has no impulse response"):
        fresnel_impulse_response(SHAPE, **BEAM, distance=0.0)


def test_angles_that_are_not_paraxial_name_the_highest_frequency_allowed() -> None:
    keys: dict[str, Any] = {"spacing": (1e-6, 0.9e-6), "wavelength": WAVELENGTH, "distance": 5e-5, "pad": 2}
    with pytest.raises(ValueError, match=r"misses \d.*rad at 747\d+ cycles/m over 5e-05 m, at most 0.1 rad.*") as error:
        fresnel_by_transfer_function(FIELD, **keys)
    assert "take angular_spectrum" in str(error.value)
    most = named(str(error.value), "if it is at most")
    fresnel_by_transfer_function(FIELD, **keys, highest_frequency=0.999 * most)
    with pytest.raises(ValueError, match="misses"):
        fresnel_by_transfer_function(FIELD, **keys, highest_frequency=1.01 * most)
    with pytest.raises(ValueError, match="misses"):
        fresnel_by_impulse_response(FIELD, **{**keys, "distance": 1e-4, "pad": 1})


@pytest.mark.parametrize("distance", [1e-5, 1e-3, -0.2])
def test_paraxial_error_is_the_next_term_of_the_square_root(distance: float) -> None:
    f = paraxial_frequency(wavelength=WAVELENGTH, distance=distance)
    error = paraxial_phase_error(frequency=f, wavelength=WAVELENGTH, distance=distance)
    assert error == pytest.approx(0.1, rel=1e-9)
    exact = 2 * math.pi * abs(distance) * (1 / WAVELENGTH - WAVELENGTH * f**2 / 2 - math.sqrt(WAVELENGTH**-2 - f**2))
    assert error == pytest.approx(exact, abs=1e-9 * abs(distance) / 1e-3 + 1e-9)
    # pi z wavelength^3 f^4 / 4, and next (wavelength f)^2 / 2 of it
    leading = math.pi * abs(distance) * WAVELENGTH**3 * f**4 / 4
    assert error == pytest.approx(leading, rel=(WAVELENGTH * f) ** 2)
    assert paraxial_phase_error(frequency=2.1e6, wavelength=WAVELENGTH, distance=distance) == math.inf


def test_without_distance_every_propagating_wave_is_paraxial() -> None:
    assert paraxial_frequency(wavelength=WAVELENGTH, distance=0.0) == 1 / WAVELENGTH
    assert paraxial_frequency(wavelength=WAVELENGTH, distance=1e-9) == 1 / WAVELENGTH


def test_a_pattern_too_near_for_fraunhofer_says_how_small_the_aperture_must_be() -> None:
    with pytest.raises(
        ValueError, match=r"nearer than the Fraunhofer distance 0.0808 m of an aperture of 0.000142"
    ) as error:
        fraunhofer(FIELD, **BEAM, distance=0.01)
    most = named(str(error.value), "if it is at most")
    assert fraunhofer_distance(aperture=most, wavelength=WAVELENGTH) == pytest.approx(0.01, rel=1e-3)
    fraunhofer(FIELD, **BEAM, distance=0.01, aperture=most)
    fraunhofer(FIELD, **BEAM, distance=0.081)


def test_a_lens_refuses_angles_beyond_scalar_theory() -> None:
    keys: dict[str, Any] = {"spacing": (4e-7, 6e-7), "wavelength": WAVELENGTH, "focal_length": 0.01}
    with pytest.raises(
        ValueError, match=r"leaves at a sine of 0.625, .* up to 0.5; take a spacing of at least 5e-07 m"
    ):
        lens_transform(FIELD, **keys)
    lens_transform(FIELD, **keys, highest_frequency=1e6)


def test_a_thin_lens_too_strong_for_its_window_names_the_spacing() -> None:
    with pytest.raises(
        ValueError, match=r"focal_length = -0.0004 m is too short.*0.00055 m on.*lens_transform"
    ) as error:
        thin_lens(FIELD, **BEAM, focal_length=-4e-4)
    assert named(str(error.value), "spacing of at most (") == pytest.approx(WAVELENGTH * 4e-4 / 90e-6, rel=1e-2)
    thin_lens(FIELD, **BEAM, focal_length=5.5e-4)


def test_a_tilt_that_the_grid_does_not_carry_names_the_spacing() -> None:
    with pytest.raises(
        ValueError, match=r"sine -0.12 along x has 240000 cycles/m, this grid carries 200000.*2.083e-06"
    ):
        tilt(FIELD, **BEAM, direction=(0.05, -0.12))
    with pytest.raises(ValueError, match=r"direction = 1.2\d+ is not allowed: it must be at most 1"):
        tilt(FIELD, **BEAM, direction=(0.9, 0.8))
    with pytest.raises(ValueError, match=r"must be a pair \(s_y, s_x\)"):
        tilt(FIELD, **BEAM, direction=(0.1,))  # type: ignore[arg-type]


def test_a_translation_beyond_the_margin_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shift along x = 0.0002 m is not allowed: it must be at most 0.00011 m"):
        translate(FIELD, spacing=SPACING, shift=(0.0, -2e-4), pad=2)


def test_fields_and_grids_that_are_none_are_refused() -> None:
    for dtype in (np.int64, np.bool_, np.float16):
        with pytest.raises(
            TypeError, match=r"it must be float32, float64, complex64 or complex128; cast it with astype"
        ):
            angular_spectrum(FIELD.real.astype(dtype), **BEAM, distance=1e-4, pad=1)
    with pytest.raises(ValueError, match=r"shape \(44,\): it must be \(\.\.\., y, x\); a line is one row"):
        angular_spectrum(FIELD[0], **BEAM, distance=1e-4, pad=1)
    with pytest.raises(ValueError, match=r"spacing = \(1e-06,\) must be a pair"):
        angular_spectrum(FIELD, spacing=(1e-6,), wavelength=WAVELENGTH, distance=1e-4, pad=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"shape = \(3, 4, 5\) must be a pair"):
        transfer_function((3, 4, 5), **BEAM, distance=1e-4)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"spacing dx = 0 m is not allowed: it must be above 0 m"):
        band_limit(SHAPE, spacing=(1e-6, 0.0), wavelength=WAVELENGTH, distance=1e-4)
    with pytest.raises(TypeError, match=r"dtype = float64 must be complex64 or complex128"):
        transfer_function(SHAPE, **BEAM, distance=1e-4, dtype=np.float64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wavelength": -1e-9}, "wavelength = -1e-09 m is not allowed: it must be above 0 m"),
        ({"distance": math.nan}, "distance = nan m is not allowed"),
        ({"pad": 0}, "pad = 0 is not allowed: it must be at least 1"),
        ({"shift": (0.0, math.inf)}, "shift along x = inf m is not allowed"),
        ({"highest_frequency": 0.0, "band_limited": False}, "highest_frequency = 0 cycles/m is not allowed"),
    ],
)
def test_numbers_out_of_range_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        angular_spectrum(FIELD, **{**BEAM, "distance": 1e-4, "pad": 1, **change})


def test_pupils_and_margins_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"pupil has shape \(44, 30\): it must be that of the focal plane, \(30, 44\)"):
        four_f(FIELD, **BEAM, focal_lengths=(0.01, 0.01), pupil=np.ones((44, 30)))
    with pytest.raises(ValueError, match=r"a field of 90 x 132 samples was not padded by 4"):
        crop_field(pad_field(FIELD, pad=3), pad=4)
    with pytest.raises(ValueError, match=r"focal_length = -0.01 m is not allowed: it must be above 0 m"):
        lens_transform(FIELD, **BEAM, focal_length=-0.01)
    with pytest.raises(ValueError, match=r"distance = -0.2 m is not allowed: it must be above 0 m"):
        fraunhofer(FIELD, **BEAM, distance=-0.2)
