"""The command that characterises a camera, and the files that it reads."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from calibration.__main__ import main
from calibration.cameras.frame_files import load_camera_frames, read_arrays
from calibration.cameras.report import characterise_camera, format_datasheet, format_measured
from calibration.cameras.uncertainty import Measured
from optics.archive import load_archive
from optics.sensor import Sensor
from tests.calibration.simulated_frames import camera, frame_stacks, light_series

DEVICE = camera(rows=20, columns=24, bits=10, dark_noise=0.6, prnu=0.01, dsnu=2.0)


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    """Pairs and stacks of one small camera, by the names of the files."""
    sensor = Sensor(DEVICE, seed=1)
    series, stacks = light_series(sensor, levels=12), frame_stacks(sensor, frames=6)
    return {
        "bright": series.bright_frames, "dark": series.dark_frames, "photons_per_pixel": np.asarray(series.photons),
        "exposure_s": np.asarray(series.exposure_times), "bits": np.array(10),
        "bright_stack": stacks.bright_frames, "dark_stack": stacks.dark_frames,
    }  # fmt: skip


@pytest.fixture
def file(tmp_path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """The same in a file."""
    np.savez(tmp_path / "frames.npz", **arrays)
    return tmp_path / "frames.npz"


def test_the_command_prints_the_datasheet_and_writes_plots(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "results" / "one"
    assert main(["camera", str(file), "--output", str(folder)]) == 0
    said = capsys.readouterr().out
    for words in ("System gain", "Quantum efficiency", "Dark non-uniformity, row", "exact converter", "12 exposure"):
        assert words in said
    assert {path.name for path in folder.iterdir()} == {
        "camera.h5", "datasheet.txt", "histograms.png", "linearity.png", "photon_transfer.png", "signal_to_noise.png",
    }  # fmt: skip
    assert (folder / "datasheet.txt").read_text(encoding="utf-8").strip() in said
    curves, table = load_archive(folder / "camera.h5")
    assert curves["signal"].shape == curves["exposure"].shape == (12,)
    gain = next(row for row in table["figures"]["Light to counts"] if row["symbol"] == "K")
    assert gain["value"] == pytest.approx(DEVICE.gain, abs=5 * gain["uncertainty"])
    assert json.dumps(table)


def test_results_are_never_overwritten_and_failures_leave_nothing(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "precious").write_text("data")
    assert main(["camera", str(file), "--output", str(kept)]) == 2
    assert "exists and is not overwritten" in capsys.readouterr().err
    assert main(["camera", str(file), "--bits", "8", "--output", str(tmp_path / "new")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: bright holds the count")
    assert error.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"frames.npz", "kept"}


def test_without_output_a_free_folder_is_taken(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["camera", str(file), "--quick"]) == main(["camera", str(file), "--quick"]) == 0
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"camera", "camera-2"}
    assert "exact converter" not in capsys.readouterr().out


def test_help_says_what_a_file_holds(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["camera", "--help"])
    assert "photons_per_pixel" in capsys.readouterr().out


def test_npz_hdf5_and_folders_give_the_same_frames(file: Path, tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    with h5py.File(tmp_path / "frames.h5", "w") as target:
        for name in arrays.keys() - {"bits"}:
            target[name] = arrays[name]
        target.attrs["bits"] = 10
        target["notes"] = "what nobody asked for is left alone"
    folder = tmp_path / "folder"
    folder.mkdir()
    pairs = {name: arrays[name] for name in ("bright", "dark", "photons_per_pixel", "bits")}
    np.savez(folder / "pairs.npz", exposure_ns=arrays["exposure_s"] * 1e9, **pairs)
    np.savez(folder / "stacks_1.npz", bright=arrays["bright_stack"], dark=arrays["dark_stack"])
    sheets = []
    for path in (file, tmp_path / "frames.h5", folder):
        frames = load_camera_frames(path)
        assert frames.flags == ()
        sheets.append(format_datasheet(characterise_camera(frames.series, stacks=frames.stacks, likelihood=False)))
    assert sheets[0] == sheets[1] == sheets[2]


def test_left_justified_frames_give_the_same_figures(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    words = {name: arrays[name] << 6 for name in ("bright", "dark", "bright_stack", "dark_stack")}
    np.savez(tmp_path / "left.npz", **{**arrays, **words}, alignment="left")
    assert np.array_equal(load_camera_frames(tmp_path / "left.npz").series.bright_frames, arrays["bright"])
    with h5py.File(tmp_path / "left.h5", "w") as target:
        for name, array in {**arrays, **words}.items():
            target[name] = array
        target["alignment"] = "left"
    assert np.array_equal(load_camera_frames(tmp_path / "left.h5").series.bright_frames, arrays["bright"])
    np.savez(tmp_path / "lying.npz", **{**arrays, **words})
    with pytest.raises(ValueError, match="multiples of 64: these are counts of 10 bits, left-justified"):
        load_camera_frames(tmp_path / "lying.npz")


def test_bits_that_nobody_states_are_said_to_be_assumed(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    del arrays["bits"]
    np.savez(tmp_path / "frames.npz", **arrays)
    assert "10 follow from the largest count" in load_camera_frames(tmp_path / "frames.npz").flags[0]


def test_damaged_and_foreign_files_are_refused(file: Path, tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"is not a .npz file of numbers, or is damaged: write it with numpy.savez$"):
        read_arrays(file)
    (tmp_path / "text.h5").write_text("not HDF5")
    with pytest.raises(ValueError, match=r"is not a .h5 file of numbers, or is damaged: write it with h5py$"):
        read_arrays(tmp_path / "text.h5")
    np.savez(tmp_path / "objects.npz", bright=np.array([{}]), dark=arrays["dark"])
    with pytest.raises(
        ValueError, match=r"objects.npz is not a .npz file of numbers, or is damaged: write it with numpy.savez$"
    ):
        read_arrays(tmp_path / "objects.npz")
    (tmp_path / "frame.tif").touch()
    with pytest.raises(ValueError, match=r"ends in .tif: frames are read from .npz"):
        read_arrays(tmp_path / "frame.tif")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_arrays(tmp_path / "missing.npz")
    with pytest.raises(FileNotFoundError, match=r"holds no file pairs\*"):
        load_camera_frames(tmp_path)
    np.savez(tmp_path / "half.npz", bright=arrays["bright"])
    with pytest.raises(ValueError, match="has no array 'dark'"):
        load_camera_frames(tmp_path / "half.npz")
    np.savez(tmp_path / "bits.npz", bright=arrays["bright"], dark=arrays["dark"], bits=np.array([10.5, 3]))
    with pytest.raises(ValueError, match="one whole number is wanted"):
        load_camera_frames(tmp_path / "bits.npz")
    np.savez(tmp_path / "lone.npz", bright=arrays["bright"], dark=arrays["dark"], dark_stack=arrays["dark_stack"])
    with pytest.raises(ValueError, match="dark_stack alone"):
        load_camera_frames(tmp_path / "lone.npz")


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (Measured(value=0.27671, uncertainty=0.00142), "0.2767 ± 0.0014"),
        (Measured(value=14373.2, uncertainty=134.8), "14373 ± 135"),
        (Measured(value=0.4, uncertainty=0.0, bound="upper"), "< 0.4"),
        (Measured(value=4000.0, uncertainty=12.0, bound="lower"), "> 4000 ± 12"),
        (Measured(value=0.0, uncertainty=0.0, bound="lower"), "none seen"),
        (None, "not measured"),
    ],
)
def test_figures_show_the_digits_that_their_uncertainty_allows(figure: Measured | None, text: str) -> None:
    assert format_measured(figure) == text
    if not text[-1].isalpha():
        assert format_measured(figure, unit="e/s") == f"{text} e/s"
