"""Colours: told apart by colour-blind readers, never alone; a phase comes round, a quantity gets lighter."""

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb

from optics.plots import COLOURS, GREY, HATCHES, LINE_STYLES, MARKERS, colour_of, shades
from optics.plots.colours import LEVEL_MAP, PHASE_MAP, SIGNED_MAP
from optics.plots.phases import NO_AMPLITUDE, field_colours
from tests.optics.plots.eyes import EYES, differences, seen

PALETTE = [to_rgb(colour) for colour in COLOURS]


@pytest.mark.parametrize("eye", EYES)
def test_neighbours_of_the_palette_differ_for_every_eye(eye: str) -> None:
    steps = np.diagonal(differences(PALETTE, eye), 1)
    assert steps.min() > 35  # the palette's own order, starting with black, has 16 for a protanope
    assert differences(PALETTE[:3], eye)[np.triu_indices(3, 1)].min() > 20


@pytest.mark.parametrize("eye", EYES)
def test_no_two_colours_of_the_palette_are_one_for_any_eye(eye: str) -> None:
    assert differences(PALETTE, eye)[np.triu_indices(len(PALETTE), 1)].min() > 15


def test_the_measure_sees_what_colour_blind_readers_do_not() -> None:
    # The default colours of matplotlib hold a green and a red that a deuteranope takes for each other, nearly.
    default = [to_rgb(f"C{index}") for index in range(10)]
    assert differences(default, "normal")[np.triu_indices(10, 1)].min() > 25
    assert differences(default, "deuteranopia")[np.triu_indices(10, 1)].min() < 10


def test_no_difference_is_told_by_colour_alone() -> None:
    for others in (MARKERS, LINE_STYLES, HATCHES):
        assert len(set(others)) == len(others) == len(COLOURS)


def test_colours_come_round() -> None:
    assert [colour_of(index) for index in (0, 7, 8)] == [COLOURS[0], COLOURS[7], COLOURS[0]]
    with pytest.raises(ValueError, match="index"):
        colour_of(-1)


@pytest.mark.parametrize("eye", EYES)
def test_phase_map_is_cyclic_with_even_steps(eye: str) -> None:
    colours = np.asarray(colormaps[PHASE_MAP](np.linspace(0, 1, 33)))[:, :3]
    lab = seen(colours, eye)
    steps = np.linalg.norm(np.diff(lab, axis=0), axis=1)
    assert np.linalg.norm(lab[0] - lab[-1]) < 1.0  # below what an eye can tell
    assert steps.max() < (4 if eye == "normal" else 8) * steps.min()
    assert steps.min() > 1.0  # 32 steps of a turn are seen each


def test_a_rainbow_fails_what_the_phase_map_passes() -> None:
    lab = seen(np.asarray(colormaps["hsv"](np.linspace(0, 1, 33)))[:, :3], "protanopia")
    steps = np.linalg.norm(np.diff(lab, axis=0), axis=1)
    assert steps.max() > 100 * steps.min()


@pytest.mark.parametrize("eye", EYES)
def test_opposite_phases_differ(eye: str) -> None:
    turn = np.linspace(0, 1, 16, endpoint=False)
    one, other = (seen(np.asarray(colormaps[PHASE_MAP](np.mod(turn + shift, 1)))[:, :3], eye) for shift in (0, 0.5))
    assert np.linalg.norm(one - other, axis=1).min() > 25


@pytest.mark.parametrize("eye", EYES)
def test_fields_of_no_amplitude_look_like_no_phase(eye: str) -> None:
    full = field_colours(np.exp(1j * np.linspace(-np.pi, np.pi, 65))[np.newaxis], largest=1.0)[0]
    distance = np.linalg.norm(seen(full, eye) - seen([NO_AMPLITUDE], eye), axis=1)
    assert distance.min() > 12


@pytest.mark.parametrize("eye", EYES)
def test_quantities_with_an_order_get_lighter(eye: str) -> None:
    lightness = seen(np.asarray(colormaps[LEVEL_MAP](np.linspace(0, 1, 33)))[:, :3], eye)[:, 0]
    assert (np.diff(lightness) > 0).all()


@pytest.mark.parametrize("eye", EYES)
def test_signed_quantities_are_lightest_at_zero_and_differ_by_sign(eye: str) -> None:
    lab = seen(np.asarray(colormaps[SIGNED_MAP](np.linspace(0, 1, 33)))[:, :3], eye)
    assert np.argmax(lab[:, 0]) == 16
    assert np.linalg.norm(lab[:12] - lab[:-13:-1], axis=1).min() > 15


@pytest.mark.parametrize("count", [1, 2, 7])
def test_shades_have_an_order_and_show_on_white(count: int) -> None:
    lightness = seen(shades(count), "normal")[:, 0]
    assert (np.diff(lightness) > 0).all()
    assert lightness.max() < 85


def test_grey_leads_the_eye_without_a_colour() -> None:
    assert len(set(to_rgb(GREY))) == 1
