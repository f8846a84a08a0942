"""Campaigns on disk: the same bits whatever happens, or refused with what is wrong."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from optics.archive import load_archive
from optics.archive_check import verify_archive
from optics.campaign_file import CampaignFile
from tests.optics.killed_disk import Killed, KilledDisk

FRAMES, SHAPE = 37, (12, 23)
DESCRIPTION = {"bench": {"name": "small", "laser": {"power": 1e-3}}, "seed": 5, "steps": [0.0, 1.5]}
SETTINGS: dict[str, Any] = {"frames": FRAMES, "shape": SHAPE, "word": np.uint16, "description": DESCRIPTION}
COUNTS = np.random.default_rng(3).integers(0, 4096, (FRAMES, *SHAPE)).astype(np.uint16)
TIMES = np.cumsum(np.full(FRAMES, 0.1))


def append(file: CampaignFile, *, to: int, batch: int = 8) -> None:
    """Append frames up to one, in batches."""
    while file.done < to:
        rows = slice(file.done, min(file.done + batch, to))
        file.append(
            rows.start,
            COUNTS[rows],
            timestamps=TIMES[rows],
            frame_ids=np.arange(FRAMES)[rows] + 100,
            valid=np.arange(FRAMES)[rows] != 11,
            exposure_time=2e-3,
            clock=rows.stop * 0.1,
        )


def finished(path: Path, *, batch: int = 8) -> str:
    """Run a campaign to its end and return the hash of its content."""
    with CampaignFile.resume(path, **SETTINGS) as file:
        append(file, to=FRAMES, batch=batch)
        file.finish()
    return verify_archive(path).sha256


def test_frames_come_back_by_frames_and_by_pixels(tmp_path: Path) -> None:
    pixels = COUNTS.reshape(FRAMES, -1)
    with CampaignFile.create(tmp_path / "c.h5", **SETTINGS) as file:
        append(file, to=20)
        for _ in range(2):
            done = file.done
            assert np.array_equal(file.read(), pixels[:done])
            assert np.array_equal(file.read(frames=slice(3, 17), outputs=slice(30, 71)), pixels[3:17, 30:71])
            assert np.array_equal(file.read(outputs=slice(5, 270)), pixels[:done, 5:270])
            assert file.read(frames=slice(4, 4), outputs=slice(7, 9)).shape == (0, 2)
            assert np.array_equal(file.timestamps, TIMES[:done])
            assert np.array_equal(file.frame_ids, np.arange(done) + 100)
            assert np.array_equal(file.valid, np.arange(done) != 11)
            assert np.array_equal(file.exposure_time, np.full(done, 2e-3))
            if not file.finished:
                append(file, to=FRAMES)
                file.finish()
    assert done == FRAMES
    assert [path.name for path in tmp_path.iterdir()] == ["c.h5"]


def test_the_finished_file_is_an_archive_with_everything(tmp_path: Path) -> None:
    finished(tmp_path / "c.h5")
    arrays, description = load_archive(tmp_path / "c.h5")
    assert description == DESCRIPTION
    assert np.array_equal(arrays["counts"], COUNTS)
    assert arrays["counts"].dtype == np.uint16
    with h5py.File(tmp_path / "c.h5") as file:
        assert file["counts"].attrs["units"] == "DN"
        assert file["timestamps"].attrs["units"] == "s"
        assert file["counts"].compression == "gzip"
        assert set(file.attrs) == {"format", "format_version", "kind", "description", "packages", "sha256"}
        assert file["counts"].id.get_storage_size() < COUNTS.nbytes


def test_a_file_that_another_program_packed_anew_is_the_same(tmp_path: Path) -> None:
    whole = finished(tmp_path / "c.h5")
    with h5py.File(tmp_path / "c.h5") as file, h5py.File(tmp_path / "d.h5", "w") as copy:
        copy.attrs.update(file.attrs)
        for name, array in file.items():
            packed = {"chunks": (5, 4, 23), "compression": "lzf", "fletcher32": True} if name == "counts" else {}
            copy.create_dataset(name, data=array[()], **packed).attrs.update(array.attrs)
    report = verify_archive(tmp_path / "d.h5")
    assert (report.intact, report.sha256) == (True, whole)
    with CampaignFile.open(tmp_path / "d.h5") as file:
        assert np.array_equal(file.read(outputs=slice(30, 71)), COUNTS.reshape(FRAMES, -1)[:, 30:71])


def test_frames_of_many_chunks_come_back(tmp_path: Path) -> None:
    counts = np.random.default_rng(8).integers(0, 256, (300, 23, 700)).astype(np.uint8)
    settings: dict[str, Any] = {"frames": 300, "shape": (23, 700), "word": np.uint8, "description": {}}
    with CampaignFile.create(tmp_path / "c.h5", **settings) as file:
        file.append(0, counts, timestamps=0.0, frame_ids=np.arange(300), valid=True, exposure_time=1.0)
        file.finish()
        flat = counts.reshape(300, -1)
        assert np.array_equal(file.read(), flat)
        for frames, outputs in ((slice(60, 61), slice(0, 16100)), (slice(1, 299), slice(3498, 3503))):
            assert np.array_equal(file.read(frames=frames, outputs=outputs), flat[frames, outputs])
    with h5py.File(tmp_path / "c.h5") as stored:
        assert all(2 * step < size for size, step in zip((300, 23), stored["counts"].chunks[:2], strict=True))
        assert np.array_equal(stored["counts"], counts)  # as h5py unpacks it


def test_an_interrupted_campaign_goes_on_where_it_was(tmp_path: Path) -> None:
    whole = finished(tmp_path / "whole.h5", batch=5)
    path = tmp_path / "c.h5"
    with CampaignFile.create(path, **SETTINGS) as file:
        assert file.done == 0
        assert np.isnan(file.clock)
        append(file, to=20)
    with CampaignFile.open(path) as file:
        assert (file.done, file.finished, file.description) == (20, False, DESCRIPTION)
    with CampaignFile.resume(path, **SETTINGS) as file:
        assert (file.done, file.clock) == (20, 2.0)
    assert finished(path) == whole
    assert finished(path) == whole  # a finished one has nothing left to do


def test_a_kill_at_any_write_leaves_a_file_that_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = finished(tmp_path / "whole.h5")
    fatal, survived = 0, False
    while not survived:
        fatal += 1
        path = tmp_path / str(fatal) / "c.h5"
        path.parent.mkdir()
        with monkeypatch.context() as patch:
            disk = KilledDisk(patch, fatal=fatal)
            try:
                finished(path, batch=19)
                survived = True
            except Killed:
                disk.bury()
        if path.with_name("c.h5.partial").exists() and not path.exists():
            assert verify_archive(path.with_name("c.h5.partial")).intact
        assert finished(path) == whole, f"killed at write {fatal}"
        assert [left.name for left in path.parent.iterdir()] == ["c.h5"], f"killed at write {fatal}"
    assert fatal > 25


def test_a_batch_is_on_the_disk_before_its_record_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with CampaignFile.create(tmp_path / "c.h5", **SETTINGS) as file, monkeypatch.context() as patch:
        disk = KilledDisk(patch, fatal=1000)
        append(file, to=8)
    assert disk.log == [*["pwrite"] * 5, "fdatasync", "pwrite", "fdatasync"]


def test_campaigns_killed_at_random_instants_end_with_the_same_bits() -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "kill.py"
    ran = subprocess.run(
        [sys.executable, str(script), "--trials", "5"], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(script.parents[1])},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "5 campaigns, killed" in ran.stdout
    assert "all ended with the same content" in ran.stdout


def test_two_programs_do_not_write_one_campaign(tmp_path: Path) -> None:
    path = tmp_path / "c.h5"
    with CampaignFile.create(path, **SETTINGS) as file:
        append(file, to=8)
        with pytest.raises(BlockingIOError, match=f"being written by another program.*{os.getpid()}"):
            CampaignFile.resume(path, **SETTINGS)
        program = (
            f"from optics.archives.durable import FileLock; from pathlib import Path; FileLock(Path({str(path)!r}))"
        )
        other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert "BlockingIOError" in other.stderr
        assert CampaignFile.open(path).done == 8
    CampaignFile.resume(path, **SETTINGS).close()


def test_a_campaign_begun_with_other_settings_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "c.h5"
    with CampaignFile.create(path, **SETTINGS) as file:
        append(file, to=16)
    laser = {**DESCRIPTION, "bench": {"name": "small", "laser": {"power": 2e-3}}}
    others: list[tuple[dict[str, Any], str]] = [
        ({"description": laser}, "description.bench.laser.power is 0.001 in the file, 0.002 now"),
        ({"description": {**DESCRIPTION, "extra": 1}}, "description.extra is missing in the file, 1 now"),
        ({"description": {**DESCRIPTION, "steps": [0.0, 2]}}, "description.steps.1 is 1.5 in the file, 2 now"),
        ({"frames": 36}, "frames is 37 in the file, 36 now"),
        ({"word": np.uint8}, "word is 'uint16' in the file, 'uint8' now"),
    ]
    for change, message in others:
        with pytest.raises(ValueError, match=message):
            CampaignFile.resume(path, **{**SETTINGS, **change})
    with pytest.raises(FileExistsError, match="begun or finished before"):
        CampaignFile.create(path, **SETTINGS)
    with CampaignFile.resume(path, **SETTINGS) as file:
        assert np.array_equal(file.read(), COUNTS[:16].reshape(16, -1))
    finished(path)
    with pytest.raises(ValueError, match="frames is 37 in the file, 38 now"):
        CampaignFile.resume(path, **{**SETTINGS, "frames": 38})


def test_damage_in_an_unfinished_campaign_is_found_and_taken_again(tmp_path: Path) -> None:
    whole = finished(tmp_path / "whole.h5")
    path = tmp_path / "c.h5"
    with CampaignFile.create(path, **SETTINGS) as file:
        append(file, to=32)
    partial = path.with_name("c.h5.partial")
    data = bytearray(partial.read_bytes())
    data[data.index(COUNTS[17].tobytes()) + 5] ^= 4
    partial.write_bytes(data)
    assert verify_archive(partial).problems == ("rows 16 to 23 do not match their hash",)
    with pytest.raises(ValueError, match="rows 16 to 23 do not match their hash; resume with discard_damaged=True"):
        CampaignFile.resume(path, **SETTINGS)
    with CampaignFile.resume(path, **SETTINGS, discard_damaged=True) as file:
        assert file.done == 16
        append(file, to=24)
    with CampaignFile.resume(path, **SETTINGS) as file:
        assert file.done == 24  # records behind the damage do not come back
    assert finished(path) == whole


def test_damage_in_a_finished_campaign_is_found_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.h5"
    finished(path)
    with h5py.File(path) as file:
        chunk = file["counts"].id.get_chunk_info(0)
    data = bytearray(path.read_bytes())
    data[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(data)
    with (
        CampaignFile.open(path) as damaged,
        pytest.raises(ValueError, match=r"c\.h5 is damaged: counts cannot be read"),
    ):
        damaged.read()
    assert "counts: rows 0 to 36 cannot be read" in verify_archive(path).problems[0]


def test_cut_off_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.h5"
    with CampaignFile.create(path, **SETTINGS) as file:
        append(file, to=8)
    partial = path.with_name("c.h5.partial")
    whole = partial.read_bytes()
    partial.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"c\.h5\.partial is damaged.*truncated"):
        CampaignFile.resume(path, **SETTINGS)
    partial.write_bytes(whole)
    with pytest.raises(ValueError, match="unfinished campaign: finish it first"):
        load_archive(partial)
    finished(path)
    path.rename(partial)
    with pytest.raises(ValueError, match="holds 'campaign', wanted is 'unfinished campaign'"):
        CampaignFile.open(path)
    with pytest.raises(FileNotFoundError, match="neither finished nor begun"):
        CampaignFile.open(tmp_path / "other.h5")
    with pytest.raises(FileNotFoundError, match="make it first"):
        CampaignFile.create(tmp_path / "no" / "c.h5", **SETTINGS)


def test_frames_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"timestamps": TIMES[:2], "frame_ids": [0, 1], "valid": True, "exposure_time": 1e-3}
    with CampaignFile.create(tmp_path / "c.h5", **SETTINGS) as file:
        with pytest.raises(TypeError, match="counts are uint8, the campaign holds uint16"):
            file.append(0, COUNTS[:2].astype(np.uint8), **columns)
        with pytest.raises(ValueError, match=r"must have shape \(frame, 12, 23\), got \(2, 23, 12\)"):
            file.append(0, COUNTS[:2].transpose(0, 2, 1), **columns)
        with pytest.raises(ValueError, match="first = 2 does not follow: 0 frames are complete"):
            file.append(2, COUNTS[:2], **columns)
        with pytest.raises(ValueError, match=r"timestamps must hold float64 of shape \(3,\)"):
            file.append(0, COUNTS[:3], **columns)
        with pytest.raises(ValueError, match="frame_ids must hold int64"):
            file.append(0, COUNTS[:2], **{**columns, "frame_ids": [0.5, 1.5]})
        with pytest.raises(ValueError, match="cannot be finished: only 0 of 37 frames"):
            file.finish()
        append(file, to=36)
        with pytest.raises(ValueError, match="frames 36 to 37 are too many"):
            file.append(36, COUNTS[:2], **columns)
        with pytest.raises(ValueError, match="must have step 1 and lie within 0 and 36"):
            file.read(frames=slice(0, 37))
    with CampaignFile.open(tmp_path / "c.h5") as file, pytest.raises(ValueError, match="open for reading only"):
        file.append(36, COUNTS[:1], **columns)
    with pytest.raises(ValueError, match="word = float32 is not allowed"):
        CampaignFile.create(tmp_path / "d.h5", **{**SETTINGS, "word": np.float32})
    with pytest.raises(TypeError, match="must hold tables, lists, words and plain numbers only"):
        CampaignFile.create(tmp_path / "d.h5", **{**SETTINGS, "description": {"gain": np.float32(1)}})
    with pytest.raises(OSError, match="needs .* bytes and .* free"):
        CampaignFile.create(tmp_path / "d.h5", **{**SETTINGS, "frames": 2**45})
    assert not list(tmp_path.glob("d.h5*"))
