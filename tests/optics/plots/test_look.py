"""The look: inside a with, once in a notebook, and nowhere else."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from optics.plots import COLOURS, LOOK, canvas, draw_curve, draw_frame, look, use_look

ROOT = Path(__file__).parents[3]


def test_settings_of_the_user_stay() -> None:
    with matplotlib.rc_context({"font.size": 17.0}):
        before = dict(matplotlib.rcParams)
        with look():
            assert matplotlib.rcParams["font.size"] == LOOK["font.size"]
        with canvas(3.0, 2.0) as figure:
            axis = figure.subplots()
            draw_curve(axis, [0, 1], [1, 2], x_label="time / s", y_label="counts / DN")
            assert axis.xaxis.label.get_fontsize() == LOOK["font.size"]
        draw_frame(plt.Figure().subplots(), np.eye(3, 4))
        assert dict(matplotlib.rcParams) == before


def test_settings_of_the_user_stay_when_drawing_fails() -> None:
    before = dict(matplotlib.rcParams)
    with pytest.raises(ValueError, match="shape"), canvas(3.0, 2.0) as figure:
        draw_frame(figure.subplots(), np.ones(3))
    assert dict(matplotlib.rcParams) == before


def test_a_notebook_takes_the_look_for_all_that_follows() -> None:
    with matplotlib.rc_context():
        use_look(dpi=70)
        assert matplotlib.rcParams["figure.dpi"] == 70
        assert [line["color"] for line in matplotlib.rcParams["axes.prop_cycle"]] == list(COLOURS)
        assert not matplotlib.rcParams["legend.frameon"]
    with matplotlib.rc_context():
        use_look()
        assert matplotlib.rcParams["figure.dpi"] == LOOK["figure.dpi"]


def test_lines_that_nobody_styled_differ_in_more_than_colour() -> None:
    with canvas(3.0, 2.0) as figure:
        axis = figure.subplots()
        lines = [axis.plot([0, 1], [0, index])[0] for index in range(4)]
    assert len({line.get_linestyle() for line in lines}) == 4


def test_a_canvas_has_the_size_that_was_asked_for() -> None:
    with canvas(5.0, 3.0) as figure:
        assert tuple(figure.get_size_inches()) == (5.0, 3.0)
    assert not plt.get_fignums()


@pytest.mark.parametrize("size", [(0.0, 1.0), (1.0, -2.0)])
def test_a_canvas_of_no_size_is_refused(size: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="inch"), canvas(*size):
        pass


def test_dots_per_inch_are_positive() -> None:
    with matplotlib.rc_context(), pytest.raises(ValueError, match="dpi"):
        use_look(dpi=0)


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import optics, optics.media", ["matplotlib", "optics.plots"]),
        ("import optics.plots", ["matplotlib.pyplot", "calibration", "dfa"]),
    ],
)
def test_what_draws_is_loaded_where_it_is_needed(code: str, absent: list[str]) -> None:
    check = f"{code}, sys; print([name for name in {absent} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", check],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.strip() == "[]"
