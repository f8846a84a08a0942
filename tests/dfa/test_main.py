"""The main job from the outside: what it writes, what it refuses, what it leaves when it is interrupted."""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dfa.__main__ import main
from dfa.runs import Run, run_experiment
from optics.archive import load_archive

QUICK = ["--epochs", "1", "--seeds", "0", "--hidden", "20", "16"]


def test_main_job_leaves_table_figures_report_and_curves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out"
    assert main([*QUICK, "--output", str(folder)]) == 0
    names = {path.name for path in folder.iterdir()}
    figures = {f"{name}.png" for name in ("overview", "learning", "alignment", "camera_frame", "projection")}
    assert names == {"table.txt", "report.html", "results.h5", *figures}
    table = (folder / "table.txt").read_text(encoding="utf-8")
    assert table.splitlines()[0].startswith("method")
    assert len(table.splitlines()) == 7
    assert table.strip() in capsys.readouterr().out
    arrays, description = load_archive(folder / "results.h5")
    assert description["complete"] is True
    assert description["bench"]["camera"]["bits"] == 8
    assert arrays["runs/optical/seed_0/test_accuracy"].shape == (1,)
    assert arrays["runs/optical/seed_0/projection/frame"].dtype == np.uint8
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_report_is_self_contained(tmp_path: Path) -> None:
    main([*QUICK, "--methods", "bp", "optical", "--output", str(tmp_path / "out")])
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 4
    assert "http://" not in page
    assert "https://" not in page
    assert "--methods bp optical" in page
    assert "backpropagation" in page
    assert "shallow" not in page


def test_same_seed_same_results(tmp_path: Path) -> None:
    for name in ("a", "b"):
        main([*QUICK, "--methods", "optical", "--output", str(tmp_path / name)])
    first, second = (load_archive(tmp_path / name / "results.h5")[0] for name in ("a", "b"))
    for key, array in first.items():
        if "seconds" not in key:
            assert np.array_equal(array, second[key], equal_nan=True), key


def test_default_folders_are_never_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert main([*QUICK, "--methods", "shallow"]) == 0
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["digits", "digits-2"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bench", "opuu"], "did you mean 'opu'"),
        (["--preset", "digit"], "did you mean 'digits'"),
        (["--methods", "bp", "magic"], "has no method magic"),
        (["--methods", "fa"], "the preset digits-methods has every method"),
        (["--scaling", "wide"], "scaling = 'wide' is not known"),
        (["--threshold", "1.5"], "threshold is 1.5"),
        (["--threshold", "high"], "--threshold 'high' is neither a number"),
        (["--epochs", "0"], "--epochs = 0 is not allowed: it must be at least 1"),
        (["--threshold", "-1"], "--threshold -1 is not allowed: give 0 <= threshold < 1, or best"),
        (["--data", "nowhere"], "--data goes with --dataset mnist or fashion-mnist: leave it out"),
        (["--preset", "launay2020-mnist", "--data", "nowhere"], "nowhere lacks train-images-idx3-ubyte"),
        (["studdy", "--methods", "bp"], "there is no command 'studdy'; did you mean 'study'?"),
        (["--seeds", "-1"], "--seeds = -1 is not allowed"),
        (["--hidden", "4000"], "4000 outputs need at least 5000 camera pixels"),
        (["--dataset", "mnist", "--data", "nowhere"], "nowhere lacks train-images-idx3-ubyte"),
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "--methods", "optical"] if "--methods" not in arguments else arguments) == 2
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 1
    assert errors[0].startswith("error: ")
    assert message in errors[0]
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not left


def test_existing_results_are_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious.txt").write_text("mine")
    assert main([*QUICK, "--output", str(tmp_path / "out")]) == 2
    assert "exists and is not overwritten: give another with --output" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_cannot_be_made_is_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    begin = time.perf_counter()
    assert main([*QUICK, "--output", str(tmp_path / "file" / "out")]) == 2
    assert time.perf_counter() - begin < 5
    assert "cannot be made" in capsys.readouterr().err


def test_help_names_every_option() -> None:
    text = subprocess.run(
        [sys.executable, "-m", "dfa", "--help"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    options = ("preset", "dataset", "data", "bench", "methods", "epochs", "seeds", "hidden", "threshold", "output")
    options += ("ternary-by", "matrix", "moduli", "scaling", "projections")
    for option in options:
        assert f"--{option} " in text
    assert "under a minute" in text


@pytest.mark.parametrize("finished", [0, 3])
def test_interrupt_leaves_the_finished_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], finished: int
) -> None:
    def interrupted(*args: Any, **options: Any) -> Iterator[Run]:
        yield from itertools.islice(run_experiment(*args, **options), finished)
        raise KeyboardInterrupt

    monkeypatch.setattr("dfa.runs.run_experiment", interrupted)
    folder = tmp_path / "out"
    assert main([*QUICK, "--methods", "bp", "shallow", "--seeds", "0", "1", "--output", str(folder)]) == 130
    if not finished:
        assert "interrupted before the first run was finished" in capsys.readouterr().err
        assert not list(tmp_path.iterdir())
        return
    assert "Stopped early: only the runs that were finished are shown." in capsys.readouterr().out
    arrays, description = load_archive(folder / "results.h5")
    assert description["complete"] is False
    assert {key.split("/")[2] for key in arrays if key.startswith("runs/bp")} == {"seed_0", "seed_1"}
    assert "Stopped early" in (folder / "report.html").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_job_that_is_terminated_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def terminated(*args: Any, **options: Any) -> Iterator[Run]:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
        yield from run_experiment(*args, **options)

    monkeypatch.setattr("dfa.runs.run_experiment", terminated)
    before = signal.getsignal(signal.SIGTERM)
    assert main([*QUICK, "--methods", "bp", "--output", str(tmp_path / "out")]) == 130
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(signal.SIGTERM) == before


def test_without_a_terminal_each_finished_run_gets_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*QUICK, "--methods", "bp", "shallow", "--output", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "finished: backpropagation, seed 0"
    assert len(lines) == 2


def test_a_foreign_package_under_our_name_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dfa.__main__._is_distribution", lambda name: name == "optics")
    assert main([]) == 2
    assert "holds the project optics from PyPI" in capsys.readouterr().err


def test_a_bench_that_cannot_serve_is_found_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--hidden", "1500", "1500", "--output", str(tmp_path / "a" / "b")]) == 2
    assert "3000 outputs need at least 3750 camera pixels" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_failing_method_leaves_the_finished_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(*args: Any, **options: Any) -> Iterator[Run]:
        yield from itertools.islice(run_experiment(*args, **options), 1)
        raise FloatingPointError("the loss is nan")

    monkeypatch.setattr("dfa.runs.run_experiment", failing)
    assert main([*QUICK, "--methods", "bp", "shallow", "--output", str(tmp_path / "out")]) == 2
    assert "error: the loss is nan" in capsys.readouterr().err
    assert load_archive(tmp_path / "out" / "results.h5")[1]["complete"] is False


def test_every_method_and_option_of_feedback_is_reachable(tmp_path: Path) -> None:
    options = ["--preset", "digits-methods", "--methods", "fa", "dfa", "ifa", "drtp", "photonic", "ternary"]
    options += ["--matrix", "orthogonal", "--scaling", "principled", "--ternary-by", "share", "--threshold", "0.3"]
    assert main([*QUICK, *options, "--projections", "separate", "--output", str(tmp_path / "out")]) == 0
    arrays, description = load_archive(tmp_path / "out" / "results.h5")
    assert {key.split("/")[1] for key in arrays} == {"fa", "dfa", "ifa", "drtp", "photonic", "ternary"}
    for method in description["experiment"]["methods"].values():
        assert (method["matrix"], method["scaling"], method["projections"]) == ("orthogonal", "principled", "separate")
    assert description["experiment"]["methods"]["ternary"]["ternary_by"] == "share"
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "random target projection" in page
    assert "orthogonal, principled, separate" in page
    assert "0.3 of the entries kept" in page


def test_options_are_named_in_the_report(tmp_path: Path) -> None:
    main([*QUICK, "--methods", "shallow", "--output", str(tmp_path / "out")])
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Settings of the preset digits, changed by options." in page


def test_the_packages_shorten_the_spin_of_blas_threads() -> None:
    code = "import dfa, os; print(os.environ['OPENBLAS_THREAD_TIMEOUT'])"
    clean = {key: value for key, value in os.environ.items() if key != "OPENBLAS_THREAD_TIMEOUT"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean)
    assert run.stdout.strip() == "14"
