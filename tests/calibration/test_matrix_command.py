"""The commands matrix and verify, as a person gives them."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from calibration.__main__ import main

BENCH = """
name = "small bench"
exposure_time = 1e-3
[laser]
wavelength = 500e-9
power = 1e-3
[dmd]
rows = 40
columns = 50
pitch = 10e-6
efficiency = 0.5
contrast_ratio = 1000
[layout]
block_rows = 8
block_columns = 8
grid_rows = 4
grid_columns = 5
[medium]
collected_fraction = 4e-6
[camera]
rows = 12
columns = 17
pixel_pitch = 5e-6
quantum_efficiency = 0.6
full_well = 40000
gain = 0.1
read_noise = 8
bits = 12
black_level = 20
[reference]
rate = 1e6
"""


@pytest.fixture
def bench(tmp_path: Path) -> str:
    (tmp_path / "bench.toml").write_text(BENCH)
    return str(tmp_path / "bench.toml")


def test_matrix_measures_reports_and_is_done_the_second_time(
    bench: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    command = ["matrix", "--bench", bench, "--held-out", "5", "--output", str(folder)]
    assert main(command) == 0
    first = capsys.readouterr()
    assert "204 outputs x 20 inputs" in first.out
    assert "rows known up to        phase\n" in first.out
    assert "frames: 100%" in first.err
    assert {path.name for path in folder.iterdir()} == {
        "frames.h5", "matrix.h5", "results.h5", "report.txt", "matrix.png"
    }  # fmt: skip
    assert (folder / "report.txt").read_text() in first.out
    assert main(command) == 0
    again = capsys.readouterr()
    assert again.out == first.out
    assert "frames" not in again.err  # nothing is exposed


def test_other_options_do_not_touch_a_campaign(bench: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out"
    command = ["matrix", "--bench", bench, "--held-out", "5", "--output", str(folder)]
    assert main(command) == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    capsys.readouterr()
    assert main([*command, "--steps", "5"]) == 2
    assert "settings.steps is 4 in the file, 5 now" in capsys.readouterr().err
    assert main([*command, "--exposure-time", "0.002"]) == 2
    assert "exposure_time" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_campaign_without_its_results_is_solved_again_to_the_same_bits(
    bench: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    command = ["matrix", "--bench", bench, "--held-out", "5", "--output", str(folder)]
    assert main(command) == 0
    with h5py.File(folder / "matrix.h5") as file:
        matrix = file["matrix"][()]
    for name in ("matrix.h5", "results.h5"):
        (folder / name).unlink()
    assert main(command) == 0
    with h5py.File(folder / "matrix.h5") as file:
        np.testing.assert_array_equal(file["matrix"][()], matrix)


@pytest.mark.parametrize("method", ["interferometry", "phase_retrieval"])
def test_methods_without_a_reference_arm_recover_the_matrix(
    bench: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    text = Path(bench).read_text().replace("[reference]\nrate = 1e6\n", "")
    Path(bench).write_text(text)
    command = ["matrix", "--bench", bench, "--held-out", "5", "--output", str(tmp_path / "out")]
    assert main([*command, "--method", method]) == 0
    report = capsys.readouterr().out
    truth = next(line for line in report.splitlines() if line.startswith("against the truth"))
    correlation, ratio = (float(word.strip(",")) for word in truth.split() if word.strip(",").startswith(("0.", "1.")))
    assert correlation > 0.99
    assert 0.7 < ratio < 2  # 204 rows: a few whose anchors lie nearly on a line weigh much
    assert "phase and conjugation" in report


def test_polished_rows_of_interferometry_err_less(
    bench: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(bench).write_text(Path(bench).read_text().replace("[reference]\nrate = 1e6\n", ""))
    command = ["matrix", "--bench", bench, "--held-out", "5", "--method", "interferometry"]
    correlation = {}
    for name, option in (("plain", []), ("polished", ["--polish"])):
        assert main([*command, *option, "--output", str(tmp_path / name)]) == 0
        truth = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("against the truth"))
        correlation[name] = next(float(word.strip(",")) for word in truth.split() if word.startswith("0."))
    assert 1 - correlation["polished"] < 0.6 * (1 - correlation["plain"])


def test_a_bench_without_a_reference_says_so(bench: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path(bench).write_text(Path(bench).read_text().replace("[reference]\nrate = 1e6\n", ""))
    assert main(["matrix", "--bench", bench, "--output", str(tmp_path / "out")]) == 2
    told = f"the bench {bench!r} has no reference arm, which --method phase_stepping needs: give --method interf"
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("method", ["phase_stepping", "off_axis"])
def test_methods_and_benches_that_go_together_are_named(
    method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["matrix", "--bench", "opu", "--method", method, "--output", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == (
        f"error: the bench 'opu' has no reference arm, which --method {method} needs: give --method interferometry "
        "or phase_retrieval, or a bench with an arm: holography, off_axis, restless\n"
    )
    assert not list(tmp_path.iterdir())


def test_verify_tells_whole_archives_from_damaged_ones(
    bench: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    assert main(["matrix", "--bench", bench, "--held-out", "5", "--output", str(folder)]) == 0
    capsys.readouterr()
    assert main(["verify", str(folder)]) == 0
    assert capsys.readouterr().out.count("\nintact") == 3
    damaged = tmp_path / "damaged.h5"
    shutil.copy(folder / "matrix.h5", damaged)
    with h5py.File(damaged, "r+") as file:
        file["matrix"][3, 4] += 1
    assert main(["verify", str(damaged)]) == 1
    assert "DAMAGED" in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    assert main(["verify", str(tmp_path / "empty")]) == 2
    assert "holds no archive" in capsys.readouterr().err
    (tmp_path / "foreign.h5").write_bytes(b"not hdf5 at all")
    assert main(["verify", str(tmp_path / "foreign.h5")]) == 2


@pytest.mark.parametrize("name", ["missing.h5", "missing"])
def test_verify_says_that_there_is_no_such_file_or_folder(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", name]) == 2
    wanted = f"error: there is no file or folder {name!r}: give an archive (.h5), or a folder of them\n"
    assert capsys.readouterr().err == wanted


@pytest.mark.parametrize("command", ["camera", "matrix", "verify"])
def test_help_says_what_a_command_does(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert len(capsys.readouterr().out) > 400


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "phase_retrieval", "--steps", "8"], "--steps is for --method phase_stepping, not for phase_ret"),
        (["--method", "interferometry", "--basis", "random"], "--basis is for --method phase_stepping or off_axis"),
        (["--polish"], "--polish is for --method interferometry"),
        (["--patterns", "50"], "--patterns is for --method phase_retrieval and for --basis random"),
        (["--memory", "0"], "--memory 0 is no memory"),
        (["--steps", "1000000"], "--steps = 1e+06 is not allowed: it must be at least 3 and at most 360"),
        (["--held-out", "1"], "--held-out = 1 is not allowed: it must be at least 2"),
        (["--seed", "-1"], "--seed = -1 is not allowed: it must be at least 0"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    bench: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["matrix", "--bench", bench, "--output", str(tmp_path / "out"), *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_file_is_no_folder(bench: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("")
    assert main(["matrix", "--bench", bench, "--output", str(tmp_path / "taken")]) == 2
    assert "is a file: give a folder with --output" in capsys.readouterr().err


def test_the_report_says_where_error_bars_do_not_hold(
    bench: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(bench).write_text(Path(bench).read_text().replace("rate = 1e6", "rate = 1e6\nstep_scale = 1.3"))
    command = ["matrix", "--bench", bench, "--held-out", "8", "--output"]
    assert main([*command, str(tmp_path / "wrong")]) == 0
    assert "something is not in the error bars" in capsys.readouterr().out
    assert main([*command, str(tmp_path / "found"), "--find-steps"]) == 0
    assert "found from the frames: up to 0." in capsys.readouterr().out
    Path(bench).write_text(Path(bench).read_text().replace("step_scale = 1.3", ""))
    assert main([*command, str(tmp_path / "right")]) == 0
    assert "something is not in the error bars" not in capsys.readouterr().out
