"""Drawings: units on every axis, values where they belong, and words for what cannot be drawn."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from optics.plots import (
    COLOURS,
    axis_label,
    draw_bars,
    draw_curve,
    draw_field,
    draw_frame,
    draw_histogram,
    draw_law,
    draw_level,
    draw_map,
    draw_phase,
    draw_scatter,
    draw_surface,
)
from optics.plots.labels import length_unit

FRAME = np.arange(35.0).reshape(5, 7)
FIELD = FRAME * np.exp(1j * np.linspace(-3, 3, 35).reshape(5, 7))


@pytest.fixture
def axis() -> Axes:
    """Give empty axes."""
    axes: Axes = Figure(figsize=(4, 3), layout="constrained").subplots()
    return axes


def bar_of(axis: Axes) -> Axes:
    """Return the colour bar or key beside a picture."""
    (found,) = axis.child_axes
    return found


PICTURES: dict[str, Callable[..., Any]] = {
    "frame": lambda axis, **more: draw_frame(axis, FRAME, **more),
    "map": lambda axis, **more: draw_map(axis, FRAME, quantity="gain", unit="DN/e", **more),
    "phase": lambda axis, **more: draw_phase(axis, FIELD, **more),
    "field": lambda axis, **more: draw_field(axis, FIELD, unit="√(photons/s)", **more),
}


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("frame", {"counts / DN"}),
        ("map", {"gain / DN/e"}),
        ("phase", {"phase / rad"}),
        ("field", {"phase / rad", "amplitude / √(photons/s)"}),
    ],
)
def test_pictures_name_their_units(axis: Axes, name: str, labels: set[str]) -> None:
    PICTURES[name](axis)
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("column / pixel", "row / pixel")
    beside = bar_of(axis)
    assert {beside.get_xlabel(), beside.get_ylabel()} - {""} == labels
    axis.get_figure().draw_without_rendering()


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize(
    ("pitch", "unit", "size"),
    [(5e-6, "µm", (35.0, 25.0)), ((2e-3, 1e-3), "mm", (7.0, 10.0)), ((20e-9, 10e-9), "nm", (70.0, 100.0))],
)
def test_pictures_have_the_scale_of_their_pixels(axis: Axes, name: str, pitch: Any, unit: str, size: Any) -> None:
    PICTURES[name](axis, pitch=pitch, colour_bar=False)
    assert (axis.get_xlabel(), axis.get_ylabel()) == (f"x / {unit}", f"y / {unit}")
    left, right, bottom, top = axis.images[0].get_extent()
    assert (right - left, bottom - top) == pytest.approx(size)
    assert (left, top) == pytest.approx((-size[0] / 14, -size[1] / 10))  # the middle of the first pixel is at zero
    assert not axis.child_axes


def test_frames_keep_their_counts(axis: Axes) -> None:
    image = draw_frame(axis, FRAME.astype(np.uint16), limits=(0, 20))
    assert np.array_equal(np.asarray(image.get_array()), FRAME)
    assert image.get_clim() == (0, 20)
    assert image.get_cmap().name == "gray"


def test_mirrors_are_drawn_as_a_frame(axis: Axes) -> None:
    image = draw_frame(axis, np.eye(3, 4, dtype=bool), quantity="state", unit="")
    assert image.get_clim() == (0, 1)
    assert bar_of(axis).get_ylabel() == "state"


def test_signed_maps_have_zero_in_the_middle(axis: Axes) -> None:
    image = draw_map(axis, FRAME - 5, quantity="error", unit="rad", signed=True)
    assert image.get_clim() == (-29, 29)
    assert draw_map(axis, np.zeros((2, 3)), quantity="error", signed=True).get_clim() == (-1, 1)


def test_surfaces_have_their_own_axes(axis: Axes) -> None:
    tiles = draw_surface(
        axis, FRAME, x=np.arange(7), y=10 * np.arange(5), x_label="angle / rad", y_label="wavelength / nm",
        quantity="efficiency",
    )  # fmt: skip
    assert np.array_equal(np.asarray(tiles.get_array()).reshape(5, 7), FRAME)
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("angle / rad", "wavelength / nm")
    assert bar_of(axis).get_ylabel() == "efficiency"
    with pytest.raises(ValueError, match="x has 6 numbers: give 7"):
        draw_surface(axis, FRAME, x=np.arange(6), y=np.arange(5), x_label="x", y_label="y", quantity="z")


def test_phases_are_drawn_modulo_a_turn_over_a_whole_turn(axis: Axes) -> None:
    phase = np.linspace(-9, 9, 35).reshape(5, 7)
    image = draw_phase(axis, phase)
    assert np.allclose(np.asarray(image.get_array()), np.angle(np.exp(1j * phase)))
    assert image.get_clim() == (-math.pi, math.pi)
    ticks = [text.get_text() for text in bar_of(axis).get_yticklabels()]
    assert (ticks[0], ticks[-1]) == ("−π", "π")
    same = draw_phase(axis, 3 * np.exp(1j * phase))
    assert np.allclose(np.asarray(same.get_array()), np.asarray(image.get_array()))


def test_colours_of_a_phase_come_round(axis: Axes) -> None:
    shown = draw_phase(axis, np.array([[-math.pi, math.pi - 1e-9]]))
    assert np.ptp(np.asarray(shown.cmap(shown.norm(shown.get_array())))[0], axis=0).max() < 0.01


def test_fields_show_amplitude_and_phase(axis: Axes) -> None:
    field = np.array([[0, 1, 2, 9], [2j, -2, -2j, 1j]])
    colours = np.asarray(draw_field(axis, field, unit="", largest=2.0).get_array())
    assert np.allclose(colours[0, 0], 0.5)  # no amplitude: grey
    assert np.allclose(colours[0, 1], 0.25 + colours[0, 2] / 2)  # half of it: half way
    assert np.allclose(colours[0, 2], colours[0, 3])  # beyond the largest: full
    assert len({tuple(colours[place].round(3)) for place in ((0, 2), (1, 0), (1, 1), (1, 2))}) == 4
    assert [text.get_text() for text in bar_of(axis).get_xticklabels()] == ["0", "2"]


def test_a_dark_field_is_grey(axis: Axes) -> None:
    assert np.allclose(np.asarray(draw_field(axis, np.zeros((2, 3), complex), unit="").get_array()), 0.5)


@pytest.mark.parametrize(
    ("draw", "error", "words"),
    [
        (lambda axis: draw_frame(axis, FIELD), TypeError, "counts is complex: draw it with draw_field or draw_phase"),
        (lambda axis: draw_frame(axis, FRAME[np.newaxis]), ValueError, r"shape \(1, 5, 7\): give a picture"),
        (lambda axis: draw_frame(axis, [["a"]]), TypeError, "give numbers"),
        (lambda axis: draw_frame(axis, FRAME, pitch=0.0), ValueError, "pitch dy"),
        (lambda axis: draw_frame(axis, FRAME, pitch=(1e-6, -1e-6)), ValueError, "pitch dx"),
        (lambda axis: draw_map(axis, FRAME, quantity=" "), ValueError, "name what is drawn"),
        (lambda axis: draw_phase(axis, FIELD[0]), ValueError, "give a picture"),
        (lambda axis: draw_field(axis, FIELD, unit="", largest=0.0), ValueError, "largest"),
        (lambda axis: draw_curve(axis, [1, 2], [1]), ValueError, "y has 1 numbers: give 2"),
        (lambda axis: draw_curve(axis, [1, 2], [1j, 2]), TypeError, "y is complex"),
        (lambda axis: draw_curve(axis, [1, 2], [1, 2], index=-1), ValueError, "index"),
        (lambda axis: draw_curve(axis, [1, 2], [1, 2], band=[1]), ValueError, r"band has shape \(1,\)"),
        (lambda axis: draw_curve(axis, [1, 2], [1, 2], bars=[1, -1]), ValueError, "bars holds -1"),
        (lambda axis: draw_curve(axis, [1, 2], [1, 2], kind="dots"), ValueError, "kind"),
        (lambda axis: draw_law(axis, [[1]], [[1]]), ValueError, "give a row of numbers"),
        (lambda axis: draw_bars(axis, ["a"], [1, 2], quantity="error"), ValueError, "values has 2 numbers: give 1"),
        (lambda axis: draw_bars(axis, ["a"], [1], quantity="error", groups=0), ValueError, "groups"),
        (lambda axis: draw_histogram(axis, [math.nan], quantity="pull"), ValueError, "none of 1 is finite"),
        (lambda axis: draw_histogram(axis, [1.0], quantity="pull", bins=0), ValueError, "bins"),
        (lambda axis: draw_histogram(axis, [1.0], quantity="pull", share="part"), ValueError, "share"),
        (lambda axis: draw_scatter(axis, [1.0, 2.0], [1.0], quantity="field"), ValueError, "estimate has 1 numbers"),
        (lambda axis: draw_scatter(axis, [], [], quantity="field"), ValueError, "none of 0 pairs is finite"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused_in_words(axis: Axes, draw: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        draw(axis)


@pytest.mark.parametrize("kind", ["line", "points", "both"])
def test_curves_differ_in_colour_and_in_form(axis: Axes, kind: Any) -> None:
    curves = [draw_curve(axis, [0, 1, 2], [1, 2, index], index=index, kind=kind) for index in range(8)]
    assert len({to_rgba(curve.get_color()) for curve in curves}) == 8
    forms = {(curve.get_marker(), str(curve.get_linestyle()), str(curve._dash_pattern)) for curve in curves}
    assert len(forms) == 8
    assert (curves[0].get_marker() == "none") == (kind == "line")
    assert (curves[0].get_linestyle() == "None") == (kind == "points")


def test_curves_have_bands_bars_and_units(axis: Axes) -> None:
    x, y = np.array([0.0, 1.0, 3.0]), np.array([1.0, 2.0, 4.0])
    draw_curve(axis, x, y, band=0.5 * y, bars=[[0.1] * 3, [0.2] * 3], x_label="time / s", y_label="light / %")
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("time / s", "light / %")
    band, bars = axis.collections
    height = {tuple(np.round(point, 6)) for path in band.get_paths() for point in path.vertices}
    assert {(3.0, 2.0), (3.0, 6.0), (0.0, 0.5), (0.0, 1.5)} <= height
    ends = np.array([path.vertices for path in bars.get_paths()])
    assert np.allclose(ends[:, :, 1], np.stack([y - 0.1, y + 0.2], axis=1))


def test_bands_may_reach_further_above_than_below(axis: Axes) -> None:
    draw_curve(axis, [0.0, 1.0], [1.0, 2.0], band=[[0.1, 0.2], [0.5, 0.7]])
    corners = {tuple(np.round(point, 6)) for point in axis.collections[0].get_paths()[0].vertices}
    assert {(0.0, 0.9), (0.0, 1.5), (1.0, 1.8), (1.0, 2.7)} <= corners


def test_labels_that_are_not_given_stay(axis: Axes) -> None:
    draw_curve(axis, [0, 1], [1, 2], x_label="time / s", y_label="light / %")
    draw_curve(axis, [0, 1], [1, 2], index=1)
    draw_law(axis, [0, 1], [1, 1])
    draw_level(axis, 0.5, label="half")
    draw_level(axis, 0.5, vertical=True)
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("time / s", "light / %")
    assert axis.get_legend_handles_labels()[1] == ["law", "half"]


def test_bars_lie_in_the_order_of_their_names(axis: Axes) -> None:
    drawn = draw_bars(axis, ["shot noise", "read noise"], [3.0, 1.0], quantity="error", unit="%", errors=[0.1, 0.2])
    assert [patch.get_width() for patch in drawn] == [3.0, 1.0]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["shot noise", "read noise"]
    assert axis.get_ylim()[0] > axis.get_ylim()[1]  # the first on top
    assert axis.get_xlabel() == "error / %"


def test_bars_of_several_series_stand_side_by_side_and_are_hatched(axis: Axes) -> None:
    drawn = [
        draw_bars(axis, ["a", "b"], [1, 2], quantity="error", index=index, groups=3, horizontal=False)
        for index in range(3)
    ]
    edges = sorted((patch.get_x(), patch.get_x() + patch.get_width()) for bars in drawn for patch in bars)
    assert all(end <= start + 1e-9 for (_, end), (start, _) in pairwise(edges))
    assert len({bars.patches[0].get_hatch() for bars in drawn}) == 3
    assert axis.get_ylabel() == "error"


@pytest.mark.parametrize(("share", "area"), [("density", 1.0), ("number", 400 * 0.5)])
def test_histograms_and_their_laws_have_the_same_area(axis: Axes, share: Any, area: float) -> None:
    values = np.append(np.random.default_rng(3).exponential(4.0, 400), math.inf)
    values[0] = 29.9
    draw_histogram(
        axis, values, quantity="counts", unit="DN", bins=60, limits=(0.0, 30.0), share=share,
        law=lambda v: np.exp(-v / 4.0) / 4.0,
    )  # fmt: skip
    (steps, _), (law,) = axis.patches, axis.lines
    heights, edges, _ = steps.get_data()
    assert np.sum(heights * np.diff(edges)) == pytest.approx(area)
    x, y = (np.asarray(one, float) for one in law.get_data())
    assert np.trapezoid(y, x) == pytest.approx(area * (1 - np.exp(-30 / 4)), rel=1e-3)  # rule of 400 trapezoids
    assert axis.get_xlabel() == "counts / DN"
    assert axis.get_ylabel() == ("density / (1/DN)" if share == "density" else "number of values")


def test_estimates_lie_on_the_diagonal_of_a_square(axis: Axes) -> None:
    truth = np.array([[-1.0, 2.0], [0.5, 3.0]])
    draw_scatter(axis, truth, truth + 0.1, quantity="field", unit="√(photons/s)", bars=np.full((2, 2), 0.1))
    assert axis.get_xlim() == axis.get_ylim()
    assert axis.get_xlim()[0] < -1
    assert axis.get_xlim()[1] > 3.1
    assert (axis.get_xlabel(), axis.get_ylabel()) == (
        "true field / √(photons/s)", "estimated field / √(photons/s)",
    )  # fmt: skip
    diagonal = np.asarray(axis.lines[0].get_data())
    assert np.array_equal(diagonal[0], diagonal[1])
    assert axis.lines[1].get_color() == COLOURS[0]


@pytest.mark.parametrize(("length", "name"), [(3e-3, "mm"), (1e-3, "µm"), (2e-6, "µm"), (1e-6, "nm"), (1e-9, "nm")])
def test_lengths_are_written_in_the_unit_that_reads_best(length: float, name: str) -> None:
    assert length_unit(length)[1] == name


def test_labels_are_quantities_over_units() -> None:
    assert axis_label("counts", "DN") == "counts / DN"
    assert axis_label("correlation") == "correlation"
