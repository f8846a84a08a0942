"""Study files: what their tables become."""

from io import BytesIO
from pathlib import Path

import pytest

from dfa.studies.figures import draw_study
from dfa.studies.report import summary_lines
from dfa.studies.study_file import load_study, shipped_studies
from dfa.study import load_results, run_study

FILE = """
version = 1
preset = "digits"
seeds = [3]
methods = ["bp"]
[base]
"methods.*.epochs" = 1
hidden = [12]
[[sweep]]
name = "rate"
[sweep.base]
"methods.bp.momentum" = 0.5
[sweep.grid]
"methods.bp.learning_rate" = [0.02, 0.1]
[[sweep]]
name = "width"
[sweep.grid]
hidden = [[11], [13]]
[axis."methods.bp.learning_rate"]
name = "learning rate"
log = true
"""


@pytest.mark.parametrize("name", shipped_studies())
def test_every_point_of_a_shipped_study_describes_a_bench(name: str) -> None:
    study = load_study(name)
    plan = study.plan()
    assert len(plan.points) == sum(len(sweep.points) for sweep in study.sweeps)
    assert all(axis in point for sweep in study.sweeps for axis in sweep.axes for point in sweep.points)


def test_what_a_sweep_shares_holds_for_its_points_alone(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(FILE)
    rate, width = load_study(path).sweeps
    assert [dict(point) for point in rate.points] == [
        {"methods.bp.momentum": 0.5, "methods.bp.learning_rate": value} for value in (0.02, 0.1)
    ]
    assert rate.axes == ("methods.bp.learning_rate",)
    assert [dict(point) for point in width.points] == [{"hidden": [11]}, {"hidden": [13]}]


def test_a_sweep_without_a_finished_run_is_drawn_over_its_own_range(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(FILE.replace("hidden = [[11], [13]]", '"methods.bp.learning_rate" = [0.03, 0.3]'))
    study = load_study(path)
    run_study(study, folder=tmp_path / "out", limit=1)
    figure = draw_study(load_results(study, tmp_path / "out"))["sweep_width_learning_rate"]
    figure.savefig(BytesIO(), format="png")
    low, high = figure.axes[0].get_xlim()
    assert low == pytest.approx(0.03, rel=0.2)
    assert high == pytest.approx(0.3, rel=0.2)
    lines = summary_lines(load_results(study, tmp_path / "out"))
    assert "methods.bp.learning_rate = 0.02" in lines[1]
    assert not any("momentum" in line for line in lines)
    assert study.sweeps[0].shared == {"methods.bp.momentum": 0.5}
