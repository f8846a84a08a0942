"""The commands: each says what it is for, explains every option, and what CI runs is what a person runs."""

import argparse
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from calibration.__main__ import main as calibration_main
from dfa.__main__ import main as dfa_main
from optics import shipped_benches

ROOT = Path(__file__).parent.parent
CI = ROOT / ".ci"
OURS = ("format", "check", "test", "bench", "manual", "run")
BENCHMARKS = sorted(path for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text("utf-8"))
ARGUMENTS = [
    ["dfa"], ["dfa", "study"], ["dfa", "system"], ["calibration"], ["calibration", "camera"],
    ["calibration", "matrix"], ["calibration", "verify"], ["calibration", "twin"],
]  # fmt: skip
WORDS = 3


class ParserSeenError(Exception):
    """A parser, at the moment at which it would have parsed."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__(parser.prog)
        self.parser = parser


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each parser handed over in place of parsing."""

    def hand_over(self: argparse.ArgumentParser, *args: object, **kwargs: object) -> None:
        raise ParserSeenError(self)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", hand_over)


def unexplained(parser: argparse.ArgumentParser) -> list[str]:
    """Return the options whose help is missing or too short to say anything."""
    actions = [action for action in parser._actions if not isinstance(action, argparse._SubParsersAction)]
    return [action.dest for action in actions if len((action.help or "").split()) < WORDS - 1]


@pytest.mark.usefixtures("seen")
@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_explains_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(path)])
    if path.stem == "training_step":
        pytest.importorskip("torch", reason="this benchmark compares with PyTorch: pip install 'opubench[bench]'")
    with pytest.raises(ParserSeenError) as handed:
        runpy.run_path(str(path), run_name="__main__")
    parser = handed.value.parser
    assert len((parser.description or "").split()) > WORDS
    assert not unexplained(parser)
    assert len(parser.format_help().splitlines()) > WORDS  # percent signs in a help are doubled


@pytest.mark.parametrize(
    "arguments", [["dfa"], ["dfa", "system"], *(["calibration", name] for name in ("camera", "matrix", "twin"))]
)
def test_every_command_names_all_benches_that_ship(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main = dfa_main if arguments[0] == "dfa" else calibration_main
    with pytest.raises(SystemExit):
        main([*arguments[1:], "--help"])
    assert f"{', '.join(shipped_benches())}, or a TOML file" in capsys.readouterr().out


def test_calibration_alone_names_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert calibration_main([]) == 2
    assert "error: give a command: camera, matrix, twin or verify" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=" ".join)
def test_a_command_explains_itself(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    parsers = []
    whole = argparse.ArgumentParser.format_help
    monkeypatch.setattr(argparse.ArgumentParser, "format_help", lambda self: parsers.append(self) or whole(self))
    main = dfa_main if arguments[0] == "dfa" else calibration_main
    with pytest.raises(SystemExit) as stopped:
        main([*arguments[1:], "--help"])
    assert stopped.value.code == 0
    parser = parsers[-1]
    assert parser.prog == " ".join(["python -m", *arguments])
    assert len((parser.description or "").split()) > WORDS
    assert not unexplained(parser)
    examples = re.findall(rf"^ +({re.escape('python -m ' + arguments[0])}.*)$", parser.format_help(), re.MULTILINE)
    assert examples, "no example shows how the command is given"


@pytest.mark.parametrize("name", OURS)
def test_a_command_of_the_checkout_says_what_it_does_and_does_nothing(name: str) -> None:
    said = subprocess.run([CI / name, "--help"], capture_output=True, text=True, timeout=20, check=True)
    assert f".ci/{name}" in said.stdout
    assert len(said.stdout.split()) > 10
    assert not re.search(r"^#|set -", said.stdout, re.MULTILINE)
    assert said.stderr == ""


def test_the_whole_run_calls_the_commands_that_a_person_calls_the_fast_ones_first() -> None:
    text = (CI / "run").read_text(encoding="utf-8")
    calls = re.findall(r"^ *(\.ci/\w+)", text, re.MULTILINE)
    assert calls == [".ci/check", ".ci/bench", ".ci/aravis", ".ci/manual", ".ci/test", ".ci/notebooks"]
    assert text.endswith('\ntail -n 1 "$results/tests"\n')  # the count of the tests is the last line


def test_benchmarks_are_listed_with_what_they_measure() -> None:
    said = subprocess.run([CI / "bench"], capture_output=True, text=True, timeout=20, check=True)
    lines = [line.split(maxsplit=1) for line in said.stdout.splitlines()]
    assert [name for name, _ in lines] == [path.stem for path in BENCHMARKS]
    assert all(len(what.split()) > WORDS for _, what in lines)


@pytest.mark.parametrize(("name", "word"), [("bench", "nothing"), ("manual", "--nothing")])
def test_what_is_not_known_is_refused(name: str, word: str) -> None:
    said = subprocess.run([CI / name, word], capture_output=True, text=True, timeout=20, check=False)
    assert said.returncode == 2
    assert word in said.stderr
