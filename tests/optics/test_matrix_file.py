"""Matrices on disk: products in tiles as in memory, whatever happened while they were written."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optics.archive import load_archive
from optics.archive_check import verify_archive
from optics.matrix_file import MatrixFile
from optics.matrix_writer import MatrixWriter
from tests.optics.killed_disk import Killed, KilledDisk

SHAPE = (53, 31)
SETTINGS: dict[str, Any] = {
    "shape": SHAPE, "errors": "row", "unit": "sqrt(photon/(pixel s))", "tile_rows": 8, "description": {"seed": 4},
}  # fmt: skip


def random_complex(*shape: int, seed: int = 1) -> np.ndarray:
    """Return complex normal numbers in single precision."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


MATRIX = random_complex(*SHAPE)
ERRORS = np.linspace(0.1, 0.2, SHAPE[0]).astype(np.float32)


def written(path: Path, *, backwards: bool = False, **changes: Any) -> str:
    """Write what is missing of the matrix, finish it and return the hash of its content."""
    try:
        with MatrixWriter.resume(path, **{**SETTINGS, **changes}) as writer:
            for rows in writer.missing[:: -1 if backwards else 1]:
                writer.write(rows, MATRIX[rows], standard_error=ERRORS[rows])
            writer.finish()
    except FileExistsError:
        pass
    return verify_archive(path).sha256


def test_a_matrix_comes_back_with_its_errors(tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    written(path)
    with MatrixFile(path) as matrix:
        assert matrix.shape == SHAPE
        assert (matrix.unit, matrix.description) == ("sqrt(photon/(pixel s))", {"seed": 4})
        assert np.array_equal(matrix.read(), MATRIX)
        assert np.array_equal(matrix.read(rows=slice(5, 20), columns=slice(3, 9)), MATRIX[5:20, 3:9])
        assert np.array_equal(matrix.standard_error(rows=slice(5, 20)), ERRORS[5:20])
        assert matrix.valid().all()
    arrays, _ = load_archive(path)
    assert np.array_equal(arrays["matrix"], MATRIX)
    assert [left.name for left in tmp_path.iterdir()] == ["t.h5"]


def test_the_hash_does_not_depend_on_tiles_or_their_order(tmp_path: Path) -> None:
    hashes = [
        written(tmp_path / "a.h5"),
        written(tmp_path / "b.h5", backwards=True),
        written(tmp_path / "c.h5", tile_rows=53),
    ]
    assert len(set(hashes)) == 1
    assert written(tmp_path / "d.h5", unit="1") != hashes[0]


@pytest.mark.parametrize("rows", [1, 7, 53])
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128, np.float32, np.bool_])
def test_products_in_tiles_are_those_in_memory(tmp_path: Path, rows: int, dtype: Any) -> None:
    written(tmp_path / "t.h5")
    wide = np.result_type(dtype, np.complex64) == np.complex128
    memory = rows * SHAPE[1] * 8 * (4 if wide else 2)
    inputs, outputs = (np.real_if_close(random_complex(2, 3, size, seed=5)) for size in SHAPE[::-1])
    if not np.issubdtype(dtype, np.complexfloating):
        inputs, outputs = inputs.real, outputs.real
    inputs, outputs = (inputs > 0, outputs > 0) if dtype == np.bool_ else (inputs.astype(dtype), outputs.astype(dtype))
    # n products of unit numbers, each rounded at 2^-24 of a running sum of about sqrt(n): far below 1e-5 sqrt(n)
    tolerance = 1e-12 if wide else 1e-5
    exact = MATRIX.astype(np.complex128)
    tiles = []
    with MatrixFile(tmp_path / "t.h5") as matrix:
        product = matrix.multiply(inputs, memory=memory, progress=lambda listed: (tiles.append(listed), listed)[1])
        adjoint = matrix.multiply_adjoint(outputs, memory=memory)
        assert np.array_equal(matrix.multiply(inputs[0, 0]).shape, (SHAPE[0],))
    assert len(tiles[0]) == -(-SHAPE[0] // rows)
    assert product.dtype == adjoint.dtype == (np.complex128 if wide else np.complex64)
    np.testing.assert_allclose(product, inputs @ exact.T, atol=tolerance * SHAPE[1] ** 0.5)
    np.testing.assert_allclose(adjoint, outputs @ exact.conj(), atol=tolerance * SHAPE[0] ** 0.5)


def test_the_adjoint_is_the_adjoint(tmp_path: Path) -> None:
    written(tmp_path / "t.h5")
    x, y = random_complex(SHAPE[1], seed=2).astype(np.complex128), random_complex(SHAPE[0], seed=3)
    with MatrixFile(tmp_path / "t.h5") as matrix:
        forward = np.vdot(y, matrix.multiply(x))
        assert forward == pytest.approx(np.vdot(matrix.multiply_adjoint(y.astype(np.complex128)), x), rel=1e-12)


def test_a_matrix_larger_than_the_memory_is_written_and_multiplied_within_it(tmp_path: Path) -> None:
    shape, memory = (6000, 500), 2**21  # 24 MB in 2 MiB
    writer = MatrixWriter.resume(tmp_path / "t.h5", **{**SETTINGS, "shape": shape, "tile_rows": 100})
    x = random_complex(3, shape[1], seed=9)
    expected = []
    for rows in writer.tiles:
        tile = random_complex(100, shape[1], seed=rows.start)
        expected.append(x @ tile.T)
        writer.write(rows, tile, standard_error=0.0)
    writer.finish()
    with MatrixFile(tmp_path / "t.h5") as matrix:
        tracemalloc.start()
        product = matrix.multiply(x, memory=memory)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < memory + product.nbytes + 2**18
    np.testing.assert_allclose(product, np.concatenate(expected, axis=1), atol=1e-5 * 500**0.5)


def test_a_kill_at_any_write_leaves_a_matrix_that_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = written(tmp_path / "whole.h5")
    fatal, survived = 0, False
    while not survived:
        fatal += 1
        path = tmp_path / str(fatal) / "t.h5"
        path.parent.mkdir()
        with monkeypatch.context() as patch:
            disk = KilledDisk(patch, fatal=fatal)
            try:
                written(path, backwards=True, tile_rows=27)
                survived = True
            except Killed:
                disk.bury()
        assert written(path, tile_rows=27) == whole, f"killed at write {fatal}"
    assert fatal > 20


def test_a_matrix_goes_on_with_the_tiles_that_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    with MatrixWriter.resume(path, **SETTINGS) as writer:
        tiles = writer.tiles
        for rows in (tiles[4], tiles[1]):
            writer.write(rows, MATRIX[rows], standard_error=ERRORS[rows])
        with pytest.raises(ValueError, match="5 of 7 tiles are missing, the first from row 0 on"):
            writer.finish()
        with pytest.raises(BlockingIOError, match="written by another program"):
            MatrixWriter.resume(path, **SETTINGS)
    partial = path.with_name("t.h5.partial")
    report = verify_archive(partial)
    assert (report.rows_done, report.rows, report.intact) == (16, 53, True)
    data = bytearray(partial.read_bytes())
    data[data.index(MATRIX[9].tobytes())] ^= 1
    partial.write_bytes(data)
    with pytest.raises(ValueError, match="rows 8 to 15 do not match their hash"):
        MatrixWriter.resume(path, **SETTINGS)
    with MatrixWriter.resume(path, **SETTINGS, discard_damaged=True) as writer:
        assert writer.missing == [*tiles[:4], *tiles[5:]]
    with MatrixWriter.resume(path, **SETTINGS) as writer:
        assert writer.missing == [*tiles[:4], *tiles[5:]]


def test_matrices_and_vectors_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    with MatrixWriter.resume(path, **SETTINGS) as writer:
        rows = writer.tiles[0]
        with pytest.raises(ValueError, match="are no tile"):
            writer.write(slice(0, 9), MATRIX[:9], standard_error=0.0)
        with pytest.raises(ValueError, match=r"matrix must have shape \(8, 31\), got \(31, 8\)"):
            writer.write(rows, MATRIX[rows].T, standard_error=0.0)
        with pytest.raises(ValueError, match=r"standard_error must have shape \(8,\), got \(7,\)"):
            writer.write(rows, MATRIX[rows], standard_error=ERRORS[:7])
        with pytest.raises(TypeError, match="standard_error must be float32, got complex64"):
            writer.write(rows, MATRIX[rows], standard_error=MATRIX[rows, 0])
        with pytest.raises(ValueError, match="rows 0 to 7 are not finite"):
            writer.write(rows, np.full((8, 31), np.nan), standard_error=0.0)
    with pytest.raises(ValueError, match="errors is 'row' in the file, 'entry' now"):
        MatrixWriter.resume(path, **{**SETTINGS, "errors": "entry"})
    with pytest.raises(ValueError, match="errors = 'rows' is not known; did you mean 'row'"):
        MatrixWriter.resume(path, **{**SETTINGS, "errors": "rows"})
    with pytest.raises(ValueError, match="holds 'unfinished matrix', wanted is 'matrix'"):
        MatrixFile(path.with_name("t.h5.partial"))
    written(path)
    with pytest.raises(FileExistsError, match="is finished: open it with MatrixFile"):
        MatrixWriter.resume(path, **SETTINGS)
    with MatrixFile(path) as matrix:
        with pytest.raises(ValueError, match=r"vectors must have shape \(\.\.\., 31\), got \(53,\)"):
            matrix.multiply(np.ones(53))
        with pytest.raises(ValueError, match="memory = 100 bytes does not hold two rows"):
            matrix.multiply(np.ones(31), memory=100)
        with pytest.raises(ValueError, match="rows = .* is not allowed"):
            matrix.read(rows=slice(0, 54))


def test_errors_and_marks_by_entry(tmp_path: Path) -> None:
    marks = np.abs(MATRIX) > 0.3
    with MatrixWriter.resume(tmp_path / "t.h5", **{**SETTINGS, "errors": "entry"}) as writer:
        for rows in writer.tiles:
            writer.write(rows, MATRIX[rows], standard_error=np.abs(MATRIX[rows]), valid=marks[rows])
        writer.finish()
    with MatrixFile(tmp_path / "t.h5") as matrix:
        assert np.array_equal(matrix.standard_error(), np.abs(MATRIX))
        assert np.array_equal(matrix.valid(rows=slice(2, 19)), marks[2:19])
