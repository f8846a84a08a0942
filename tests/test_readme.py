"""The README: its example runs, its paths exist, its commands are those that CI runs."""

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_runs_as_printed(capsys: pytest.CaptureFixture[str]) -> None:
    example = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert example is not None
    exec(compile(example.group(1), "README.md", "exec"), {})
    cosine, ratio = (float(line.split()[-1]) for line in capsys.readouterr().out.splitlines())
    assert cosine > 0.995
    assert np.isclose(ratio, 1, atol=0.05)


def test_every_path_it_names_exists() -> None:
    paths = set(re.findall(r"`((?:notebooks|data|benchmarks|docs|tests|optics|calibration|dfa)/[\w./]*)`", TEXT))
    assert paths
    for path in paths | set(re.findall(r"\]\((docs/[^)]*)\)", TEXT)):
        assert (ROOT / path).exists(), path


def test_every_module_it_names_exists() -> None:
    for room in ("optics", "calibration", "dfa"):
        row = re.search(rf"^\| `{room}/` \| (.*) \|$", TEXT, re.MULTILINE)
        assert row is not None
        for name in re.findall(r"`([\w/]+)`", row.group(1)):
            assert (ROOT / room / name.rstrip("/")).exists() or (ROOT / room / f"{name}.py").exists(), name


def test_its_test_command_is_the_one_that_ci_runs() -> None:
    assert 'pip install -e ".[test]" && pytest' in TEXT
    assert (ROOT / ".ci/run").read_text(encoding="utf-8").rstrip().endswith("\npytest")
