"""The runs of a study on the disk: what a kill may tear, what is refused, what is never lost."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from dfa.studies.store import FILE_NAME, RunStore, read_records, stored_packages

IDENTITY: dict[str, Any] = {"name": "a", "seeds": [0, 1], "points": [{"values": {"bench.camera.bits": 8}}]}


def run(key: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "status": "ok", "accuracy": 1 / 3, "alignment": [0.1 + 0.2, float("nan")], **more}


def filled(folder: Path, *keys: str) -> bytes:
    with RunStore(folder, IDENTITY) as store:
        for key in keys:
            store.append(run(key))
    return (folder / FILE_NAME).read_bytes()


def same(a: object, b: object) -> bool:
    return json.dumps(a) == json.dumps(b)  # NaN equals itself, floats are written in full


def test_runs_come_back_bit_for_bit_and_the_last_of_a_key_holds(tmp_path: Path) -> None:
    filled(tmp_path, "x", "y")
    with RunStore(tmp_path, IDENTITY) as store:
        store.append(run("x", status="failed"))
    found = read_records(tmp_path, IDENTITY)
    assert list(found) == ["x", "y"]
    assert same(found["y"], run("y"))
    assert found["x"]["status"] == "failed"
    assert len(stored_packages(tmp_path)) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE_NAME]


def test_a_file_cut_at_any_byte_keeps_every_whole_run(tmp_path: Path) -> None:
    whole = filled(tmp_path, "x", "y", "z")
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]
    path = tmp_path / FILE_NAME
    for length in range(ends[0], len(whole)):
        path.write_bytes(whole[:length])
        kept = sum(end <= length for end in ends) - 1
        assert list(read_records(tmp_path, IDENTITY)) == ["x", "y", "z"][:kept]
        if length % 31 == 0:  # each opening syncs the disk
            with RunStore(tmp_path, IDENTITY) as store:
                assert list(store.records) == ["x", "y", "z"][:kept]
                store.append(run("new"))
            assert list(read_records(tmp_path, IDENTITY)) == [*["x", "y", "z"][:kept], "new"]


def test_garbage_at_the_end_is_a_torn_line(tmp_path: Path) -> None:
    whole = filled(tmp_path, "x", "y")
    for tail in (b"\0" * 700, b"0123456789abcdef {}\n"):  # blocks that a crash left empty; a line that lost its middle
        (tmp_path / FILE_NAME).write_bytes(whole + tail)
        with RunStore(tmp_path, IDENTITY) as store:
            assert list(store.records) == ["x", "y"]
            store.append(run("z"))
        assert list(read_records(tmp_path, IDENTITY)) == ["x", "y", "z"]


def test_damage_inside_is_named_and_nothing_is_touched(tmp_path: Path) -> None:
    whole = bytearray(filled(tmp_path, "x", "y", "z"))
    whole[whole.index(b'"key": "y"') + 8] ^= 1
    (tmp_path / FILE_NAME).write_bytes(whole)
    for read in (lambda: read_records(tmp_path, IDENTITY), lambda: RunStore(tmp_path, IDENTITY)):
        with pytest.raises(ValueError, match="line 3 does not match its checksum"):
            read()
    assert (tmp_path / FILE_NAME).read_bytes() == bytes(whole)
    assert not (tmp_path / f"{FILE_NAME}.lock").exists()


def test_another_study_is_refused_and_the_difference_is_named(tmp_path: Path) -> None:
    before = filled(tmp_path, "x")
    other = {**IDENTITY, "points": [{"values": {"bench.camera.bits": 10}}]}
    with pytest.raises(ValueError, match=r"another study \(points\[0\].values.bench.camera.bits was 8 and is 10\)"):
        RunStore(tmp_path, other)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_a_study_that_never_ran_gives_way_to_its_correction(tmp_path: Path) -> None:
    filled(tmp_path)
    with RunStore(tmp_path, {**IDENTITY, "seeds": [5]}) as store:
        store.append(run("x"))
    with pytest.raises(ValueError, match=r"seeds\[0\]|seeds was"):
        RunStore(tmp_path, IDENTITY)


def test_a_folder_that_is_being_written_is_refused(tmp_path: Path) -> None:
    with RunStore(tmp_path, IDENTITY) as store:
        store.append(run("x"))
        with pytest.raises(BlockingIOError, match=rf"process {os.getpid()}.*this folder is in use, its runs are safe"):
            RunStore(tmp_path, IDENTITY)
        assert list(read_records(tmp_path, IDENTITY)) == ["x"]  # reading needs no lock
        store.append(run("y"))
    assert list(read_records(tmp_path, IDENTITY)) == ["x", "y"]


def test_foreign_folders_files_and_versions_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="holds 'mine.txt' and no study"):
        RunStore(tmp_path, IDENTITY)
    with pytest.raises(OSError, match="cannot be made"):
        RunStore(tmp_path / "mine.txt", IDENTITY)
    with pytest.raises(FileNotFoundError, match="holds no study"):
        read_records(tmp_path, IDENTITY)
    folder = tmp_path / "old"
    text = filled(folder, "x").replace(b'"version": 1', b'"version": 7').split(b"\n")[0].partition(b" ")[2]
    (folder / FILE_NAME).write_bytes(hashlib.sha256(text).hexdigest()[:16].encode() + b" " + text + b"\n")
    with pytest.raises(ValueError, match="has format version 7, this program reads 1"):
        RunStore(folder, IDENTITY)
    (folder / FILE_NAME).write_bytes(b"something else\n")
    with pytest.raises(ValueError, match="is not the file of a study"):
        RunStore(folder, IDENTITY)
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RunStore(tmp_path, IDENTITY) as store:
        store.append(run("x"))
        real = os.write
        monkeypatch.setattr("dfa.studies.store.os.write", lambda descriptor, line: real(descriptor, line[:40]))
        with pytest.raises(OSError, match="only 40 of .* bytes could be written; is the disk full"):
            store.append(run("y"))
        monkeypatch.undo()
        store.append(run("z"))
    assert list(read_records(tmp_path, IDENTITY)) == ["x", "z"]
