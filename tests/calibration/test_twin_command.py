"""The command that identifies a bench and says what its twin says; the identification itself is a stand-in here."""

import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy as np
import pytest

from calibration.__main__ import main
from calibration.cameras.uncertainty import Measured
from calibration.twins import answer, limits, training
from calibration.twins.answer import measured_costs
from calibration.twins.training import RunningTraining, Training, read_training
from dfa.__main__ import main as train
from optics import BenchDescription, DriftDescription, load_bench
from optics.archive import load_archive, save_archive
from optics.devices import devices_file
from optics.devices.device_bench import DeviceBench
from optics.devices.devices_file import open_devices
from optics.files.bench_file import save_bench
from tests.calibration.standin_twin import identify_bench, standin_twin
from tests.optics.devices.own_adapters import OPENED

SMALL = ["--components", "6", "--outputs", "60", "--quick"]
ACCURACY = {"ternary": Measured(value=0.966, uncertainty=0.012), "optical": Measured(value=0.969, uncertainty=0.014)}


class TrainingInShort:
    """A training that says what it is made to say."""

    def __init__(self, path: Path, folder: Path, *, seeds: tuple[int, ...]) -> None:
        assert load_bench(path).name == "twin of test bench"  # the twin is written before it is trained through
        assert not folder.exists()
        self.seeds = seeds

    def result(self) -> Training:
        return Training(accuracy=ACCURACY, seeds=len(self.seeds), complete=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def standin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the stand-in where the command looks for the identification."""
    module = ModuleType("calibration.twin")
    module.identify_bench = identify_bench  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "calibration.twin", module)


@pytest.fixture
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the budgets out, which take most of the time."""

    def refuse(*_: object, **__: object) -> None:
        raise ValueError("left out in this test")

    monkeypatch.setattr(limits, "find_limits", refuse)


@pytest.fixture
def bench(description: BenchDescription, tmp_path: Path) -> Path:
    """A small bench with unequal macropixels, in a file."""
    weights = np.random.default_rng(3).normal(1, 0.1, 63).clip(0.2)
    weights[20] = 0.0
    camera = replace(description.camera, full_well=20_000.0, gain=0.01, bits=8)
    path = tmp_path / "bench.toml"
    save_bench(replace(description, camera=camera, macropixel_amplitudes=tuple(weights.tolist())), path)
    return path


def test_the_command_answers_and_leaves_a_twin(
    bench: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "RunningTraining", TrainingInShort)
    folder = tmp_path / "results" / "one"
    assert main(["twin", "--bench", str(bench), *SMALL, "--output", str(folder)]) == 0
    said = capsys.readouterr().out
    for words in (
        "0.02530 ± 0.00010 DN/e", "> 1000 s", "Quantum efficiency is 0.5", "! drift was not seen", "Your limit is",
        "on the twin, against its own matrix", "on the bench, what repeats say", "on the bench, which is simulated",
        "1797 digits, one seed.", "96.9 ± 1.4 %", "against 96.6 ± 1.2 % with an ideal bench.", "VERDICT\nLimited by ",
    ):  # fmt: skip
        assert words in said
    assert {path.name for path in folder.iterdir()} == {
        "accuracy.png", "decorrelation.png", "fidelity_bench.png", "fidelity_twin.png", "limits.png", "report.html",
        "report.txt", "transfer.png", "twin.h5", "twin.toml", "weights.png",
    }  # fmt: skip
    assert (folder / "report.txt").read_text(encoding="utf-8").strip() in said
    _, table = load_archive(folder / "twin.h5")
    assert table["figures"][0]["measured"] == {"value": 0.0253, "uncertainty": 0.0001, "bound": ""}
    assert table["shortcomings"] == []


@pytest.mark.usefixtures("unlimited")
def test_the_twin_is_a_bench_file_with_its_uncertainties(bench: Path, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    assert main(["twin", "--bench", str(bench), *SMALL, "--no-training", "--output", str(folder)]) == 0
    text = (folder / "twin.toml").read_text(encoding="utf-8")
    assert replace(load_bench(folder / "twin.toml"), name="test bench") == load_bench(bench)
    gain = next(line for line in text.splitlines() if line.startswith("gain = "))
    assert gain.endswith("# 0.02530 ± 0.00010")
    assert tomllib.loads(text)["macropixel_amplitudes"][20] == 0.0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Read noise &lt;&amp;&gt;" in page  # what a name holds is text, not HTML
    assert page.count("<img") == len(list(folder.glob("*.png")))
    assert all(f'src="{path.name}"' in page for path in folder.glob("*.png"))


@pytest.mark.usefixtures("unlimited")
def test_a_training_that_fails_leaves_the_rest_and_is_named(
    bench: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: object) -> None:
        raise OSError("python -m dfa: the disk is full")

    monkeypatch.setattr(training, "RunningTraining", TrainingInShort)
    monkeypatch.setattr(TrainingInShort, "result", fails)
    assert main(["twin", "--bench", str(bench), *SMALL, "--output", str(tmp_path / "one")]) == 0
    said = capsys.readouterr()
    assert "! the accuracy of the network: python -m dfa: the disk is full" in said.out
    assert "the disk is full" in said.err
    assert "WHETHER A NETWORK LEARNS" not in said.out
    assert (tmp_path / "one" / "twin.toml").exists()


def test_a_bench_that_bears_no_projection_still_has_a_twin(
    bench: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--components", "60", "--outputs", "60", "--quick", "--no-training"]  # no room for an anchor beside
    assert main(["twin", "--bench", str(bench), *words, "--output", str(tmp_path / "one")]) == 0
    said = capsys.readouterr().out
    assert "WHAT COULD NOT BE FOUND OUT" in said
    assert "! the bench's fidelity: " in said
    assert "! what limits the bench: " in said
    assert said[said.index("VERDICT") :].startswith("VERDICT\nNothing could be found out beyond the figures.")
    assert {path.name for path in (tmp_path / "one").glob("*.png")} == {
        "decorrelation.png", "transfer.png", "weights.png",
    }  # fmt: skip


@pytest.mark.usefixtures("unlimited")
def test_drift_is_named_as_the_limit_where_it_costs_most(
    bench: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    still = load_bench(bench)
    medium = DriftDescription(inside=still.medium, law="exponential", correlation_time=4.0, method="mixing")
    save_bench(replace(still, medium=medium), bench)
    found: list[dict[str, float]] = []

    def costs(*given: Any, **settings: Any) -> dict[str, float]:
        found.append(measured_costs(*given, **settings))
        return found[0]

    monkeypatch.setattr(answer, "measured_costs", costs)
    words = [*SMALL, "--no-training", "--output", str(tmp_path / "one")]
    assert main(["twin", "--bench", str(bench), *words]) == 0
    assert "VERDICT\nLimited by drift (the medium changes)" in capsys.readouterr().out
    assert found[0]["drift"] > 0  # the error falls without it


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give either --bench, a simulated stand-in, or --devices"),
        (["--bench", "opu", "--devices", "x.toml"], "give either --bench"),
        (["--bench", "opus"], "did you mean 'opu'"),
        (["--bench", "opu", "--outputs", "1"], "--outputs"),
        (["--bench", "opu", "--components", "0"], "--components"),
        (["--bench", "opu", "--pause", "-1"], "--pause"),
        (["--bench", "opu", "--seed", "-1"], "--seed"),
        (["--bench", "opu", "--wavelength", "5e-7"], "--wavelength goes with --devices"),
        (["--devices", "x.toml", "--wavelength", "500"], "--wavelength"),
    ],
)
def test_bad_input_leaves_nothing(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["twin", *words, "--output", str(tmp_path / "deep" / "one")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_failed_identification_leaves_nothing(
    bench: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dark(*_: object, **__: object) -> None:
        raise ValueError("there is no light")

    monkeypatch.setattr(sys.modules["calibration.twin"], "identify_bench", dark)
    assert main(["twin", "--bench", str(bench), "--output", str(tmp_path / "one")]) == 2
    assert capsys.readouterr().err.endswith("error: there is no light\n")
    assert [path.name for path in tmp_path.iterdir()] == ["bench.toml"]


def test_accuracies_are_those_that_the_main_job_leaves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "training"
    words = ["--methods", "bp", "shallow", "--seeds", "0", "1", "--epochs", "1", "--hidden", "8"]
    assert train([*words, "--output", str(folder)]) == 0
    table = capsys.readouterr().out.splitlines()
    found = read_training(folder / "results.h5")
    assert (set(found.accuracy), found.seeds, found.complete) == ({"bp", "shallow"}, 2, True)
    for method, name in (("bp", "backpropagation"), ("shallow", "shallow")):
        row = next(line for line in table if line.startswith(name))
        one = found.accuracy[method]
        assert f"{100 * one.value:.2f} ± {100 * one.uncertainty:.2f}" in row


def test_one_seed_has_no_scatter_and_no_run_is_refused(tmp_path: Path) -> None:
    accuracy = np.array([0.5, 0.875])
    save_archive(tmp_path / "one.h5", {"runs/bp/seed_0/test_accuracy": accuracy}, description={"complete": False})
    found = read_training(tmp_path / "one.h5")
    assert found.accuracy["bp"].value == 0.875
    assert np.isnan(found.accuracy["bp"].uncertainty)
    assert not found.complete
    save_archive(tmp_path / "none.h5", {"other": accuracy}, description={})
    with pytest.raises(ValueError, match="holds no finished training"):
        read_training(tmp_path / "none.h5")


def test_the_reason_of_the_other_program_is_passed_on(tmp_path: Path) -> None:
    words = r"python -m dfa: no bench file '.*nothing\.toml'"
    folder = tmp_path / "training"
    with RunningTraining(tmp_path / "nothing.toml", folder, seeds=(0,)) as run, pytest.raises(OSError, match=words):
        run.result()
    assert not list(tmp_path.iterdir())


def test_a_training_ends_with_its_block(tmp_path: Path) -> None:
    with RunningTraining(Path("opu"), tmp_path / "training", seeds=(0,)) as running:
        assert running._program.poll() is None
    assert running._program.poll() is not None


OWN_DEVICES = """
[camera]
driver = "tests.optics.devices.own_adapters:OwnCamera"
[modulator]
driver = "tests.optics.devices.own_adapters:OwnModulator"
"""

DEVICES = """
[camera]
driver = "simulated"
bench = "bench.toml"
seed = 2
[modulator]
driver = "simulated"
[light_switch]
driver = "simulated"
"""


@pytest.mark.usefixtures("unlimited")
def test_devices_are_released_before_the_twin_is_asked(
    bench: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.toml").write_text(DEVICES)
    opened: list[DeviceBench] = []

    def opens(path: str) -> DeviceBench:
        opened.append(open_devices(path))
        return opened[0]

    def asked(*_: object, **__: object) -> None:
        assert opened[0]._closed
        raise ValueError("left out in this test")

    known = standin_twin(replace(load_bench(bench), name="the bench of mine"))
    monkeypatch.setattr(sys.modules["calibration.twin"], "identify_bench", lambda *_, **__: known)
    monkeypatch.setattr(devices_file, "open_devices", opens)
    monkeypatch.setattr(answer, "twin_fidelity", asked)
    words = ["--devices", str(tmp_path / "mine.toml"), *SMALL, "--no-training"]
    assert main(["twin", *words, "--output", str(tmp_path / "one")]) == 0
    said = capsys.readouterr().out
    assert "on the bench, what repeats say" in said
    assert f'[figures] twin = "{tmp_path / "one" / "twin.toml"}"' in said
    assert load_bench(tmp_path / "one" / "twin.toml").name == "twin of the bench of mine"
    # What is printed is all that has to be written: the next run has the figures that were measured.
    text = DEVICES + f"[figures]\ntwin = '{tmp_path / 'one' / 'twin.toml'}'\n"
    (tmp_path / "mine.toml").write_text(text)
    with open_devices(tmp_path / "mine.toml") as measured:
        assert measured.camera.gain == load_bench(tmp_path / "one" / "twin.toml").camera.gain


@pytest.mark.parametrize(
    ("laser", "words", "message"),
    [
        (
            "[laser]\nwavelength = 633e-9\n",
            ["--wavelength", "532e-9"],
            "--wavelength = 5.32e-07 m is not the 6.33e-07 m",
        ),
        ("[laser]\nwavelength = 633\n", [], "[laser] wavelength = 633 m is not allowed"),
        ("[laser]\n", [], "[laser] lacks wavelength"),
        (OWN_DEVICES, [], "[laser] wavelength = 532e-9 for instance"),
    ],
)
def test_a_wavelength_that_is_not_known_stops_before_devices_are_opened(
    laser: str, words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(laser if laser is OWN_DEVICES else DEVICES + laser)
    OPENED.clear()
    assert main(["twin", "--devices", str(path), *words, "--output", str(tmp_path / "one")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not OPENED
    assert [one.name for one in tmp_path.iterdir()] == ["mine.toml"]
