"""The README: its example runs, its paths exist, its commands are those that CI runs, its tables are not stale."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tests.test_manual import load

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_LINES = 150
ROOMS = "notebooks|data|benchmarks|docs|tests|optics|calibration|dfa|.ci"


def rows_below(heading: str) -> list[list[str]]:
    """Return the cells of the first table behind a text, without its head."""
    lines = TEXT.split(heading)[1].split("\n|", 1)[1].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:] if line.startswith("|")]


def numbers_in(text: str) -> list[str]:
    """Return the numbers of a text, but for those of papers."""
    return re.findall(r"(?<![\w.:/])\d+(?:\.\d+)?(?![\d.]*[\w/])", re.sub(r"\]\(.*?\)", "]", text))


def test_the_example_runs_as_printed(capsys: pytest.CaptureFixture[str]) -> None:
    example = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert example is not None
    assert len(example.group(1).splitlines()) <= 15
    exec(compile(example.group(1), "README.md", "exec"), {})
    cosine, ratio = (float(line.split()[-1]) for line in capsys.readouterr().out.splitlines())
    assert cosine > 0.995
    assert np.isclose(ratio, 1, atol=0.05)


def test_it_is_short_enough_to_be_read() -> None:
    assert len(TEXT.splitlines()) <= MOST_LINES


def test_every_path_it_names_exists() -> None:
    paths = set(re.findall(rf"`((?:{ROOMS})/[\w./]*)`", TEXT)) | set(re.findall(r"`([A-Z]+(?:\.[a-z]+)?)`", TEXT))
    paths -= {"FOLDER", "FRAMES"}
    assert paths >= {"LICENSE", "CITATION.cff", "CHANGELOG.md", ".ci/run"}
    for path in paths | set(re.findall(rf"\]\(((?:{ROOMS})/[^)]*)\)", TEXT)):
        assert (ROOT / path).exists(), path


def test_every_notebook_has_one_line_and_they_stand_in_their_order() -> None:
    named = [cells[1] for cells in rows_below("## Where to go next")]
    there = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert named == [f"[{path.stem}](notebooks/{path.name})" for path in there]


def test_its_test_command_is_the_one_that_ci_runs() -> None:
    assert 'pip install -e ".[test]" && pytest' in TEXT
    assert (ROOT / ".ci/test").read_text(encoding="utf-8").endswith('\nexec pytest "$@"\n')


def test_its_table_of_laws_is_not_stale() -> None:
    law_index = load("law_index")
    wanted = "\n".join(law_index.law_groups())
    assert f"-->\n{wanted}\n<!-- end of laws -->" in TEXT, "run .ci/format, which writes it anew"


def test_the_table_of_laws_is_written_between_its_marks_or_not_at_all() -> None:
    law_index = load("law_index")
    assert law_index.with_law_groups(TEXT) == TEXT
    assert law_index.with_law_groups(re.sub(r"\| Scalar.*\n", "", TEXT)) == TEXT
    with pytest.raises(ValueError, match="0 places for the laws"):
        law_index.with_law_groups(TEXT.replace("end of laws", "end"))


def test_its_figures_are_those_that_were_measured_and_published() -> None:
    measured = (ROOT / "benchmarks/README.md").read_text(encoding="utf-8")
    manual = (ROOT / "docs/validation.md").read_text(encoding="utf-8")
    rows = rows_below("**By published figures.**")
    assert len(rows) > 5
    command = ""
    for what, published, ours, how in rows:
        command = command if how == "the same" else how.strip("`")
        assert command in measured, f"{command} is not a command of benchmarks/README.md"
        for numbers, source in ((numbers_in(published), manual), (numbers_in(ours), measured)):
            assert numbers, f"no figure for {what}"
            missing = [one for one in numbers if not re.search(rf"(?<![\d.]){re.escape(one)}(?![\d])", source)]
            assert not missing, f"{what}: {missing}"


def test_it_can_be_cited_as_what_it_is() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {project['version']}\n" in citation
    assert f"license: {project['license']}\n" in citation
    assert project["license"] in TEXT
