"""Figures of reports: labelled axes with units, in the look of the room, and nothing of the user's changed."""

import re
from collections.abc import Callable
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from calibration.budgets import draw_waterfall, predict_budget
from calibration.fidelities.plots import GROUP_COLOURS
from calibration.twins.answer_plots import draw_weights
from dfa.applications.hidden_maps import HiddenMap, draw_hidden_maps
from dfa.experiment import METHODS
from dfa.method_curves import STYLES, draw_method
from dfa.systems.graph import GraphSystem
from dfa.systems.system import Exhibit
from dfa.tasks.field_maps import FieldExample, draw_comparison
from optics import load_bench
from optics.plots import COLOURS, GREY, LOOK, canvas


def waterfall() -> Figure:
    """Draw the budget of a bench."""
    with canvas(7.0, 4.0) as figure:
        draw_waterfall(predict_budget(load_bench("opu"), components=10, outputs=256, non_zeros=4), figure.subplots())
    return figure


def weights() -> Figure:
    """Draw macropixels of which one is dead."""
    bench = load_bench("table_top")
    amplitudes = tuple(float(one) for one in np.linspace(0.0, 1.2, bench.layout.inputs))
    return draw_weights(replace(bench, macropixel_amplitudes=amplitudes))


def hidden_maps() -> Figure:
    """Draw ten classes on a plane."""
    labels = np.repeat(np.arange(10), 3)
    positions = np.random.default_rng(1).normal(size=(30, 2))
    return draw_hidden_maps({"bp": HiddenMap(positions=positions, labels=labels, neighbour_accuracy=0.5)})


def confusion() -> Figure:
    """Draw what three classes are taken for by two methods."""
    exhibit = Exhibit(arrays={"confusion": np.array([[5, 0, 1], [0, 4, 0], [2, 0, 9]])})
    return GraphSystem(hidden=(4,)).draw({"bp": exhibit, "optical": exhibit})["confusion"].figure


def fields() -> Figure:
    """Draw a map, a prediction and losses of two seeds."""
    truth = np.cos(np.linspace(0, 6, 40)).reshape(5, 8)
    example = FieldExample(
        truth=truth, predictions={"bp": 0.9 * truth}, latitude=np.linspace(-60, 60, 5), longitude=45.0 * np.arange(8),
        unit="K",
    )  # fmt: skip
    return draw_comparison(example, {"bp": np.array([[1.0, 0.4, 0.2], [1.1, 0.5, 0.3]])})


FIGURES: dict[str, Callable[[], Figure]] = {
    "waterfall": waterfall,
    "weights": weights,
    "hidden_maps": hidden_maps,
    "confusion": confusion,
    "fields": fields,
}


def words(axis: Axes, side: str) -> str:
    """Return what is said along a side of axes, on themselves or on those that share it."""
    shared = axis.get_shared_x_axes() if side == "x" else axis.get_shared_y_axes()
    label = Axes.get_xlabel if side == "x" else Axes.get_ylabel
    return "".join(label(one) for one in (axis, *shared.get_siblings(axis)))


@pytest.mark.parametrize("name", FIGURES)
def test_every_panel_says_what_its_axes_are(name: str) -> None:
    before = dict(matplotlib.rcParams)
    figure = FIGURES[name]()
    assert dict(matplotlib.rcParams) == before
    figure.draw_without_rendering()
    panels = [axis for axis in figure.axes if axis.axison]
    for axis in panels:
        if axis.get_label() == "<colorbar>":
            assert axis.get_ylabel()
            continue
        assert words(axis, "y")
        names = [text.get_text() for text in axis.get_xticklabels() if re.search("[a-z]{3}", text.get_text())]
        assert words(axis, "x") or names  # bars have names in the place of a label
    assert panels


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_in_the_look(name: str) -> None:
    with matplotlib.rc_context({"font.size": 23.0, "legend.frameon": True}):
        figure = FIGURES[name]()
    axis = next(axis for axis in figure.axes if axis.get_ylabel())
    assert axis.yaxis.label.get_fontsize() == LOOK["font.size"]
    assert all(not legend.get_frame_on() for legend in figure.legends)


def test_every_method_has_a_style_of_its_own_from_the_palette() -> None:
    assert set(STYLES) == set(METHODS)
    assert len(set(STYLES.values())) == len(STYLES)
    assert {style.colour for style in STYLES.values()} <= {*COLOURS, GREY}


def test_every_group_of_causes_has_a_colour_of_its_own() -> None:
    assert len(set(GROUP_COLOURS.values())) == len(GROUP_COLOURS)
    assert set(GROUP_COLOURS.values()) <= set(COLOURS)


def test_a_method_is_drawn_as_mean_and_standard_error_of_its_seeds() -> None:
    curves = np.array([[1.0, 3.0, 5.0], [2.0, 3.0, 9.0], [3.0, 6.0, 7.0]])
    with canvas(3.0, 2.0) as figure:
        axis = figure.subplots()
        draw_method(axis, "dfa", curves, quantity="test accuracy", unit="%")
    (line,), (band,) = axis.lines, axis.collections
    assert np.allclose(line.get_data(), [[1, 2, 3], [2.0, 4.0, 7.0]])
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx(7 + 2 / np.sqrt(3))
    assert (line.get_color(), line.get_linestyle()) == tuple(STYLES["dfa"])
    assert (line.get_label(), axis.get_ylabel(), axis.get_xlabel()) == (METHODS["dfa"], "test accuracy / %", "epoch")


def test_one_epoch_shows_as_a_point_and_no_signal_as_nothing() -> None:
    with canvas(3.0, 2.0) as figure:
        axis = figure.subplots()
        draw_method(axis, "bp", [[0.5]], label=None)
        draw_method(axis, "optical", [[np.nan, np.nan]])
    (line,) = axis.lines
    assert line.get_marker() != "none"
