"""Laser, DMD and layout: units, geometry, and what they refuse."""

from dataclasses import replace

import numpy as np
import pytest

from optics import Dmd, FrameRenderer, Laser, MacropixelLayout, input_positions

LAYOUT = MacropixelLayout(block_rows=3, block_columns=2, grid_rows=4, grid_columns=5)
DMD = Dmd(rows=14, columns=11, pitch=8e-6)


def test_photon_rate_is_power_over_photon_energy() -> None:
    # One photon of 500 nm carries 3.97289e-19 J (CODATA: hc = 1.98644586e-25 J m, exact).
    assert Laser(wavelength=500e-9, power=1e-3).photon_rate == pytest.approx(1e-3 / 3.972891715e-19, rel=1e-8)


@pytest.mark.parametrize("power", [0.0, -1.0, float("nan"), float("inf")])
def test_laser_refuses_impossible_power(power: float) -> None:
    with pytest.raises(ValueError, match="power = .* is not allowed: it must be above 0 W"):
        Laser(wavelength=500e-9, power=power)


def test_laser_refuses_nanometres() -> None:
    with pytest.raises(ValueError, match="wavelength = 532 m"):
        Laser(wavelength=532, power=1e-3)


def test_contrast_ratio_is_the_power_of_on_over_off() -> None:
    assert replace(DMD, contrast_ratio=400.0).off_amplitude ** -2 == pytest.approx(400)
    assert DMD.off_amplitude == 0


def test_square_mirrors_are_a_pitch_apart_and_centred() -> None:
    positions = DMD.mirror_positions()
    assert positions.shape == (14, 11, 2)
    assert np.diff(positions[..., 0], axis=0) == pytest.approx(8e-6)
    assert np.diff(positions[..., 1], axis=1) == pytest.approx(8e-6)
    assert positions.mean(axis=(0, 1)) == pytest.approx([0, 0], abs=1e-15)


def test_staggered_mirrors_have_four_neighbours_at_one_pitch() -> None:
    # In a diamond array the nearest neighbours sit on the diagonals, one pitch away, at 45 degrees.
    positions = replace(DMD, staggered=True).mirror_positions().reshape(-1, 2)
    distance = np.linalg.norm(positions[:, np.newaxis] - positions, axis=-1)
    inner = distance[5 * 11 + 5]
    assert np.sum(np.isclose(inner, 8e-6)) == 4
    assert np.sort(inner)[1] == pytest.approx(8e-6)


def test_rendered_frames_light_each_macropixel_once(rng: np.random.Generator) -> None:
    states = rng.random((6, LAYOUT.inputs)) < 0.5
    frames = FrameRenderer(LAYOUT, DMD).render(states)
    assert frames.shape == (6, 14, 11)
    assert np.array_equal(frames.sum(axis=(1, 2)), states.sum(axis=1) * LAYOUT.mirrors_per_input)
    # Component 7 is in the second row of blocks, third column; the grid is centred: 1 row and 0 columns spare.
    assert np.array_equal(frames[:, 1 + 3 : 1 + 6, 4:6], np.broadcast_to(states[:, 7, None, None], (6, 3, 2)))
    assert not frames[:, [0, 13]].any()  # the spare rows
    assert not frames[:, :, 10].any()  # and the spare column


def test_input_positions_follow_the_raster() -> None:
    places = input_positions(LAYOUT, DMD).reshape(4, 5, 2)
    assert np.diff(places[..., 0], axis=0) == pytest.approx(3 * 8e-6)
    assert np.diff(places[..., 1], axis=1) == pytest.approx(2 * 8e-6)


def test_layout_refuses_a_dmd_that_is_too_small() -> None:
    with pytest.raises(ValueError, match=r"needs 12 x 10 mirrors, the DMD has 11 x 10"):
        LAYOUT.check_fits(Dmd(rows=11, columns=10, pitch=8e-6))


def test_states_must_be_boolean() -> None:
    with pytest.raises(TypeError, match="must be boolean, got uint8: a mirror is on or off"):
        FrameRenderer(LAYOUT, DMD).render(np.full((1, LAYOUT.inputs), 255, np.uint8))


def test_states_must_have_one_entry_a_macropixel() -> None:
    with pytest.raises(ValueError, match=r"shape \(frame, 20\), one state a macropixel, got \(1, 21\)"):
        FrameRenderer(LAYOUT, DMD).render(np.zeros((1, 21), np.bool_))
