"""``python -m dfa study`` from the outside: it runs, is killed, resumes and draws; bad input gets one line."""

import csv
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.image
import pytest

from dfa.__main__ import main
from dfa.studies.intervals import confidence_interval
from dfa.studies.store import FILE_NAME
from dfa.studies.study_file import load_study, shipped_studies

STUDY = """
version = 1
preset = "digits"
seeds = [0, 2]
references = ["bp", "ternary"]
[base]
hidden = [20, 16]
"methods.*.epochs" = 1
"methods.*.learning_rate" = 0.005
"bench.camera.rows" = 6
"bench.camera.columns" = 9
"bench.medium.collected_fraction" = 1.2e-6
[[sweep]]
name = "noise"
[sweep.grid]
"bench.camera.read_noise" = { start = 3.0, stop = 3000.0, count = 3, log = true }
"methods.optical.threshold" = [0.1, "best"]
[[sweep]]
name = "listed"
[[sweep.points]]
"bench.camera.bits" = 6
"bench.camera.gain" = 0.0061
[[sweep.points]]
"bench.camera.bits" = 8
"bench.camera.gain" = 0.0253
[axis."bench.camera.read_noise"]
name = "read noise"
unit = "e"
log = true
"""
RUNS = 2 * (2 + 6 + 2)


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(STUDY)
    return path


def rows_without_times(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def start(*words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "dfa", "study", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_runs(folder: Path, number: int, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        log = folder / FILE_NAME
        if log.exists() and log.read_bytes().count(b"\n") > number:
            return
        time.sleep(0.02)
    raise AssertionError(f"the study did not come to {number} runs: {process.communicate()}")


def descendants(process_id: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == process_id:
            found.append(int(path.parent.name))
    return found


def alive(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for left processes in /proc")
def test_a_killed_study_leaves_no_process_and_resumes_to_the_same_table(study_file: Path, tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = start(str(study_file), "--workers", "2", "--output", str(killed))
    wait_for_runs(killed, 4, process)
    children = descendants(process.pid)
    process.kill()
    process.communicate()
    assert len(children) >= 2
    deadline = time.monotonic() + 20
    while any(map(alive, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, children))
    assert not (killed / "results.csv").exists()
    assert main(["study", str(study_file), "--workers", "1", "--output", str(killed)]) == 1  # some runs fail
    assert main(["study", str(study_file), "--workers", "1", "--output", str(whole)]) == 1
    rows = rows_without_times(whole)
    assert rows_without_times(killed) == rows
    assert len(rows) == RUNS
    assert {row["status"] for row in rows if row["bench.camera.read_noise"] == "3000.0"} == {"failed"}
    assert {row["status"] for row in rows if row["bench.camera.read_noise"] != "3000.0"} == {"ok"}
    figures = ["fidelity.png", "sweep_listed_bits.png", "sweep_listed_gain.png", "sweep_noise_read_noise.png",
               "sweep_noise_threshold.png"]  # fmt: skip
    left = sorted(path.name for path in whole.iterdir())
    assert left == sorted([*figures, "report.html", "results.csv", "results.h5", FILE_NAME])
    assert all(matplotlib.image.imread(whole / name).std() > 0.02 for name in figures)


def test_interrupt_says_how_to_go_on_and_a_second_program_is_refused(study_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    seeds = list(range(40))  # it must last longer than a second program takes to start
    study_file.write_text(re.sub(r"seeds = .*", f"seeds = {seeds}", study_file.read_text()))
    process = start(str(study_file), "--workers", "1", "--output", str(folder))
    wait_for_runs(folder, 2, process)
    second = start(str(study_file), "--output", str(folder))
    _, error = second.communicate(timeout=60)
    assert second.returncode == 2
    assert f"process {process.pid}" in error
    assert "in use, its runs are safe" in error
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    _, error = process.communicate(timeout=30)
    assert time.monotonic() - begin < 20
    assert process.returncode == 130
    assert "runs are stored in" in error
    assert f"python -m dfa study {study_file} --workers 1 --output {folder}" in error
    assert main(["study", str(study_file), "--plot-only", "--output", str(folder)]) == 0
    assert 2 <= len(rows_without_times(folder)) < RUNS // 2 * len(seeds)
    assert "Not finished" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("limit", [["--limit", "1"], ["--limit=1"]])
def test_the_line_to_go_on_with_has_no_limit(
    study_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], limit: list[str]
) -> None:
    folder = tmp_path / "out"
    assert main(["study", str(study_file), *limit, "--workers", "1", "--output", str(folder)]) == 0
    told = f"go on with\n  python -m dfa study {study_file} --workers 1 --output {folder}\n"
    assert told in capsys.readouterr().out


@pytest.mark.filterwarnings("default")  # Dask's own deprecations are not ours
def test_a_cluster_by_its_address_gives_the_table_of_local_processes(study_file: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra study brings Dask: pip install -e '.[study]'")
    words = ["study", str(study_file), "--limit", "4", "--output"]
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        assert main([*words, str(tmp_path / "dask"), "--dask", cluster.scheduler_address]) == 0
    assert main([*words, str(tmp_path / "local"), "--workers", "1"]) == 0
    assert rows_without_times(tmp_path / "dask") == rows_without_times(tmp_path / "local")
    assert len(rows_without_times(tmp_path / "dask")) == 4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version = 1", "version = 2", "the study file is of version 2, this program reads version = 1"),
        ("version = 1", "", "the study file says no version"),
        ("version = 1", "version = true", "the study file is of version True"),
        ('preset = "digits"', 'preset = "digit"', "did you mean 'digits'"),
        ('preset = "digits"', "", "the study lacks preset"),
        ("seeds = [0, 2]", "seed = [0, 2]", "the study has no key 'seed'; did you mean 'seeds'"),
        ("seeds = [0, 2]", "seeds = 2", "seeds = 2 must be a list"),
        ("seeds = [0, 2]", 'seeds = ["a"]', "seed must be a whole number"),
        ("[[sweep]]\nname = \"noise\"", '[[sweep]]\nnam = "noise"', "has no key 'nam'; did you mean 'name'"),
        ("[sweep.grid]", "[sweep.gird]", "has no key 'gird'; did you mean 'grid'"),
        ("count = 3", "number = 3", "bench.camera.read_noise is a table with 'number'"),
        ("count = 3", "count = 1", "count = 1 is not allowed"),
        ('"methods.optical.threshold" =', "methods.optical.threshold =", "a path with dots needs quotes"),
        ('"bench.camera.rows" = 6', '"bench.camera.row" = 6', "did you mean 'bench.camera.rows'"),
        ('"bench.camera.rows" = 6', '"bench.camera.rows" = 2', "36 hidden units needs at least 45 camera pixels"),
        ("log = true\n\"", "log = 3\n\"", "TOML"),
        ('unit = "e"', "unit = 3", "an axis has a name and a unit in words"),
        ('name = "read noise"', 'title = "read noise"', "has no key 'title'"),
        ('[axis."bench.camera.read_noise"]', '[axis."bench.camera.noise"]', "'bench.camera.noise' is not swept"),
    ],
)  # fmt: skip
def test_bad_study_files_get_one_line_and_leave_nothing(
    study_file: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    text = STUDY.replace(old, new)
    if message == "TOML":
        text = STUDY + "broken ="
    assert text != STUDY
    study_file.write_text(text)
    assert main(["study", str(study_file), "--output", str(study_file.parent / "out")]) == 2
    errors = capsys.readouterr().err.strip().splitlines()
    assert len([line for line in errors if line.startswith("error: ")]) == 1
    assert message in errors[-1]
    assert [path.name for path in study_file.parent.iterdir()] == ["mine.toml"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give the FILE of a study"),
        (["digit_bits"], "did you mean 'digits_bits'"),
        (["digits_bits", "--workers", "0"], "workers = 0 is not allowed"),
        (["digits_bits", "--limit", "0"], "limit = 0 is not allowed"),
        (["digits_bits", "--plot-only"], "holds no study"),
        (["digits_bits", "--workers", "2", "--dask", "tcp://localhost:1"], "--workers has no meaning with --dask"),
    ],
)
def test_bad_options_get_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["study", *words]) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_shipped_studies_are_what_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "--list"]) == 0
    assert capsys.readouterr().out.split() == shipped_studies()
    for name, hidden in (("digits_bits", (128, 128)), ("digits_100", (128, 128)), ("mnist_curves", (100,))):
        assert load_study(name).plan().base.experiment.hidden == hidden
    plan = load_study("digits_100").plan()
    assert len(plan.points) == 100
    assert len(plan.seeds) == 5
    assert len({str(point.values) for point in plan.points}) == 100


def test_help_names_every_option() -> None:
    text = subprocess.run(
        [sys.executable, "-m", "dfa", "study", "--help"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    for option in ("output", "workers", "dask", "data", "retry-failed", "limit", "plot-only", "list"):
        assert f"--{option}" in text


def test_confidence_interval_is_students() -> None:
    found = confidence_interval([1.0, 2.0, 3.0, 4.0, 5.0, float("nan")])
    assert found.mean == 3.0
    assert found.half_width == pytest.approx(2.776445 * (2.5 / 5) ** 0.5, rel=1e-6)  # t of 4 degrees, from tables
    assert confidence_interval([2.0]).mean == 2.0
    assert confidence_interval([2.0]).half_width != confidence_interval([2.0]).half_width  # unknown
