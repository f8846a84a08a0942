"""Orders and blaze: conventions, what a bench collects, and impossible directions."""

import math
from dataclasses import replace

import numpy as np
import pytest

from optics import (
    Dmd,
    blaze_incidence,
    blaze_number,
    blaze_wavelength,
    collect_order,
    diffraction_contrast,
    diffraction_orders,
    in_plane_incidence,
    order_direction,
    order_efficiency,
)
from optics.mirrors.reflection import envelope_centre, specular_direction

DMD = Dmd(rows=14, columns=11, pitch=10.8e-6, fill_factor=0.92, reflectivity=0.88, window_transmission=0.97)
GREEN = 532e-9


def test_light_from_twice_the_tilt_leaves_along_the_normal() -> None:
    incidence = in_plane_incidence(DMD, incidence_angle=2 * DMD.tilt_angle)
    assert specular_direction(DMD, incidence=incidence) == pytest.approx([0, 0], abs=1e-15)
    away = specular_direction(DMD, incidence=incidence, state="off")
    assert away == pytest.approx(-math.sin(4 * DMD.tilt_angle) * DMD.tilt_direction)
    assert specular_direction(DMD, incidence=incidence, state="flat") == pytest.approx(incidence)


def test_a_unit_vector_is_the_same_direction_as_two_cosines() -> None:
    cosines = np.array([0.2, -0.3])
    vector = np.array([0.2, -0.3, -math.sqrt(1 - 0.13)])
    for state in ("on", "off", "flat"):
        one, other = (
            diffraction_orders(DMD, incidence=way, wavelength=GREEN, state=state) for way in (cosines, vector)
        )
        assert np.array_equal(one.efficiency, other.efficiency)


@pytest.mark.parametrize("axis", ["corner", "edge"])
@pytest.mark.parametrize("staggered", [False, True])
def test_in_plane_and_general_blaze_numbers_agree(axis: str, staggered: bool) -> None:
    dmd = replace(DMD, tilt_axis=axis, staggered=staggered, tilt_angle=0.25)
    for angle in (-0.3, 0.1, 0.5):
        number = blaze_number(dmd, incidence_angle=angle, wavelength=GREEN)
        centre = envelope_centre(dmd, incidence=in_plane_incidence(dmd, incidence_angle=angle), wavelength=GREEN)
        assert centre == pytest.approx([number if axis == "corner" else 0, number], abs=1e-12)
        assert number == pytest.approx(2 * dmd.pitch * math.sin(0.25) * math.cos(angle - 0.25) / GREEN
                                       / (math.sqrt(2) if axis == "corner" else 1))  # fmt: skip


def test_a_flat_chip_sends_most_light_into_order_zero() -> None:
    orders = diffraction_orders(DMD, incidence=[0.1, 0.3], wavelength=GREEN, state="flat")
    assert orders.strongest == (0, 0)
    assert orders.efficiency.max() == pytest.approx(0.92**2 * 0.88)


def test_orders_reverse_with_the_light() -> None:
    # Light sent back along an order comes out where it came from, with the same efficiency.
    incidence = np.array([-0.21, -0.33])
    there = order_direction(DMD, order=(5, 6), incidence=incidence, wavelength=GREEN)
    back = order_direction(DMD, order=(5, 6), incidence=-there, wavelength=GREEN)
    assert -back == pytest.approx(incidence)


def test_single_orders_are_those_of_the_list() -> None:
    incidence = in_plane_incidence(DMD, incidence_angle=0.4)
    orders = diffraction_orders(DMD, incidence=incidence, wavelength=GREEN)
    for index in np.flatnonzero(orders.propagating)[::97]:
        order = (int(orders.m[index]), int(orders.n[index]))
        direction = order_direction(DMD, order=order, incidence=incidence, wavelength=GREEN)
        assert direction == pytest.approx(orders.directions[index])
        efficiency = order_efficiency(DMD, order=order, incidence=incidence, wavelength=GREEN)
        assert efficiency == pytest.approx(orders.efficiency[index], rel=1e-9)


def test_off_mirrors_send_their_light_to_the_other_side() -> None:
    incidence = in_plane_incidence(DMD, incidence_angle=2 * DMD.tilt_angle)
    off = diffraction_orders(DMD, incidence=incidence, wavelength=GREEN, state="off")
    best = off.directions[np.argmax(np.where(off.propagating, off.efficiency, 0))]
    assert best @ DMD.tilt_direction == pytest.approx(-math.sin(4 * DMD.tilt_angle), abs=GREEN / DMD.pitch)


def test_a_bench_collects_the_strongest_order_through_the_window() -> None:
    wavelength = blaze_wavelength(DMD, incidence_angle=0.4, order=6)
    incidence = in_plane_incidence(DMD, incidence_angle=0.4)
    bench = collect_order(replace(DMD, contrast_ratio=2000.0), incidence=incidence, wavelength=wavelength)
    assert bench.efficiency == pytest.approx(0.97**2 * 0.88 * 0.92**2)
    limit = diffraction_contrast(DMD, order=(6, 6), incidence=incidence, wavelength=wavelength)
    assert 1 / bench.contrast_ratio == pytest.approx(1 / 2000 + 1 / limit)
    assert replace(bench, efficiency=1.0, contrast_ratio=2000.0) == replace(DMD, contrast_ratio=2000.0)
    assert collect_order(DMD, incidence=incidence, wavelength=wavelength).contrast_ratio == pytest.approx(limit)


def test_the_order_of_the_off_mirrors_is_refused() -> None:
    incidence = in_plane_incidence(DMD, incidence_angle=0.1)
    off = diffraction_orders(DMD, incidence=incidence, wavelength=GREEN, state="off").strongest
    with pytest.raises(ValueError, match=r"order \(-6, -6\) collects the off mirrors: its contrast is 5.6"):
        collect_order(DMD, incidence=incidence, wavelength=GREEN, order=off)


def test_the_two_blazed_angles_are_one_path() -> None:
    low, high = blaze_incidence(DMD, wavelength=GREEN, order=5)
    assert low + high == pytest.approx(2 * DMD.tilt_angle, rel=1e-12)
    for angle in (low, high):
        assert blaze_number(DMD, incidence_angle=angle, wavelength=GREEN) == pytest.approx(5, abs=1e-12)


def test_littrow_is_the_longest_path() -> None:
    longest = 2 * DMD.pitch * math.sin(DMD.tilt_angle) / math.sqrt(2)
    assert blaze_incidence(DMD, wavelength=longest / 4, order=4) == pytest.approx([DMD.tilt_angle] * 2, abs=1e-7)


def test_impossible_blazes_are_named() -> None:
    with pytest.raises(ValueError, match="no angle blazes order 7 at 5.32e-07 m.*the highest order is 5"):
        blaze_incidence(DMD, wavelength=GREEN, order=7)
    with pytest.raises(ValueError, match=r"blazes order 1 at 5.32e-07 m = .*degrees\) is beyond grazing"):
        blaze_incidence(DMD, wavelength=GREEN, order=1)
    with pytest.raises(ValueError, match=r"2 tilt_angle - incidence_angle = 1.61888 rad \(92.75 degrees\) is beyond"):
        blaze_wavelength(DMD, incidence_angle=-1.2, order=1)
    with pytest.raises(ValueError, match="incidence_angle = 24 rad is not allowed"):
        in_plane_incidence(DMD, incidence_angle=24.0)
    with pytest.raises(ValueError, match="order = 0 is not allowed"):
        blaze_wavelength(DMD, incidence_angle=0.4, order=0)
    with pytest.raises(ValueError, match="wavelength = 532 m is not allowed"):
        blaze_number(DMD, incidence_angle=0.4, wavelength=532)


@pytest.mark.parametrize(
    ("incidence", "message"),
    [
        ([0.8, 0.7], "direction cosines of length 1.06301: it must be below 1"),
        ([0.0, 0.0, 1.0], "must be a unit vector with z < 0"),
        ([0.3, 0.0, -0.8], "its length is 0.854"),
        ([0.1, float("nan")], "must be two direction cosines"),
        ([0.1], "must be two direction cosines"),
        ([0.7, 0.7], "the light comes .* from the normal of the on mirrors, beyond grazing"),
        ([0.46, 0.46], "on mirrors reflect to 9.* degrees from the normal of the chip, into the chip"),
    ],
)
def test_impossible_directions_are_named(incidence: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        diffraction_orders(replace(DMD, tilt_angle=0.45), incidence=incidence, wavelength=GREEN)


def test_evanescent_orders_and_unknown_states_are_named() -> None:
    with pytest.raises(ValueError, match=r"order \(0, 30\) at 5.32e-07 m is evanescent: .* have length 1.4778"):
        order_efficiency(DMD, order=(0, 30), incidence=[0.0, 0.0], wavelength=GREEN)
    with pytest.raises(ValueError, match="state = 'of' is not known; did you mean 'off'"):
        diffraction_orders(DMD, incidence=[0.0, 0.0], wavelength=GREEN, state="of")
