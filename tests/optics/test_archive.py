"""Archives: bit for bit, or refused with what is wrong."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from optics.archive import load_archive, save_archive

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
