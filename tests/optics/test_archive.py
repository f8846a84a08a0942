"""Archives: bit for bit, or refused with what is wrong."""

from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest

from optics.archive import load_archive, save_archive
from optics.archive_check import verify_archive

ARRAYS = {
    "frames/raw": np.arange(24, dtype=np.uint16).reshape(2, 3, 4),
    "field": np.array([1 + 2j, np.nan], np.complex64),
    "number": np.array(3.5),
}


def test_numbers_reload_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    save_archive(path, ARRAYS, description={"seed": 3, "bench": {"name": "x"}}, units={"frames/raw": "DN"})
    arrays, description = load_archive(path)
    assert description == {"seed": 3, "bench": {"name": "x"}}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert np.asarray(arrays[name]).tobytes() == array.tobytes()
        assert np.asarray(arrays[name]).dtype == array.dtype
    with h5py.File(path) as file:
        assert file["frames/raw"].attrs["units"] == "DN"
    assert [item.name for item in tmp_path.iterdir()] == ["a.h5"]


def test_existing_files_are_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="exists and is not overwritten"):
        save_archive(path, ARRAYS, description={})
    assert path.read_text() == "precious"


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="no native HDF5 equivalent"):
        save_archive(tmp_path / "a.h5", {"bad": np.array([object()])}, description={})
    assert not list(tmp_path.iterdir())


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    save_archive(path, ARRAYS, description={})
    with h5py.File(path, "r+") as file:
        file["frames/raw"][0, 0, 0] = 99
    with pytest.raises(ValueError, match="content does not match its hash"):
        load_archive(path)
    path.write_bytes(b"not a file of ours")
    with pytest.raises(ValueError, match="damaged or not an HDF5 file"):
        load_archive(path)
    foreign = tmp_path / "b.h5"
    with h5py.File(foreign, "w") as file:
        file["x"] = 1
    with pytest.raises(ValueError, match="not an archive of opubench"):
        load_archive(foreign)
    with pytest.raises(FileNotFoundError):
        load_archive(tmp_path / "missing.h5")


def test_verification_tells_what_is_in_a_file_and_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    save_archive(path, ARRAYS, description={"seed": 3}, units={"frames/raw": "DN"})
    blocks = []
    report = verify_archive(path, progress=lambda listed: (blocks.extend(listed), listed)[1])
    assert report.intact
    assert [name for name, _ in blocks] == ["field", "frames/raw", "number"]
    assert [(array.name, array.shape, array.dtype, array.unit) for array in report.arrays] == [
        ("field", (2,), "complex64", ""),
        ("frames/raw", (2, 3, 4), "uint16", "DN"),
        ("number", (), "float64", ""),
    ]
    assert report.packages["numpy"] == np.__version__
    text = report.text()
    assert "frames/raw           uint16 (2, 3, 4) DN: intact" in text
    assert text.endswith(f"content sha256 {report.sha256}\nintact")
    with h5py.File(path, "r+") as file:
        file["field"][0] = 5
    report = verify_archive(path)
    assert report.problems == ("field: values, type, shape or unit do not match the hash",)
    assert report.text().endswith("DAMAGED")


@pytest.mark.parametrize("change", ["description", "units", "kind", "missing", "extra", "renamed"])
def test_verification_sees_every_change_of_content(tmp_path: Path, change: str) -> None:
    path = tmp_path / "a.h5"
    save_archive(path, ARRAYS, description={"seed": 3}, units={"frames/raw": "DN"})
    with h5py.File(path, "r+") as file:
        if change in ("description", "kind"):
            file.attrs[change] = '{"seed": 4}'
        elif change == "units":
            file["frames/raw"].attrs["units"] = "e"
        elif change == "extra":
            file["more"] = 1
        elif change == "renamed":
            file.move("number", "figure")
        else:
            del file["number"]
    assert not verify_archive(path).intact
    with pytest.raises(ValueError, match="content does not match its hash"):
        load_archive(path)


def test_the_hash_does_not_depend_on_packages_and_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_archive(tmp_path / "a.h5", ARRAYS, description={"seed": 3, "a": 1})
    monkeypatch.setattr("optics.archive.PACKAGES", ("numpy", "no such package"))
    save_archive(tmp_path / "b.h5", dict(reversed(ARRAYS.items())), description={"a": 1, "seed": 3})
    first, second = verify_archive(tmp_path / "a.h5"), verify_archive(tmp_path / "b.h5")
    assert first.sha256 == second.sha256
    assert second.packages["no such package"] == "not installed"
    save_archive(tmp_path / "c.h5", ARRAYS, description={"seed": 3, "a": 2})
    assert verify_archive(tmp_path / "c.h5").sha256 != first.sha256


def test_other_versions_and_nameless_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    save_archive(path, ARRAYS, description={})
    with h5py.File(path, "r+") as file:
        del file.attrs["packages"]
    with pytest.raises(ValueError, match="says nothing of its packages"):
        verify_archive(path)
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 1
    for read in (load_archive, verify_archive):
        with pytest.raises(ValueError, match="has format version 1, this program reads 2"):
            read(path)


def test_bytes_that_are_not_ours_give_a_value_error_or_a_report(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    save_archive(path, ARRAYS, description={"seed": 3}, units={"frames/raw": "DN"})
    whole, rng = path.read_bytes(), np.random.default_rng(4)
    for cut in rng.integers(0, len(whole), 20):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match="damaged"):
            verify_archive(path)
    harmless = 0
    for _ in range(300):
        data = bytearray(whole)
        data[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        try:
            arrays, description = load_archive(path)
        except ValueError:
            with suppress(ValueError):
                assert not verify_archive(path).intact
            continue
        harmless += 1  # slack between the parts of a file, and the versions of packages
        assert description == {"seed": 3}
        assert all(np.asarray(arrays[name]).tobytes() == array.tobytes() for name, array in ARRAYS.items())
    assert harmless < 270
