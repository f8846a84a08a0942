"""Text in TOML: what is written is read back, bit for bit, by the reader of the standard library."""

import math
import struct
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optics import BenchDescription, bench_to_table, load_bench, shipped_benches
from optics.files.bench_file import save_bench
from optics.files.toml_text import to_toml
from optics.media import MeasuredDescription


def test_floats_reload_to_the_same_bits(rng: np.random.Generator) -> None:
    drawn = [struct.unpack("<d", rng.bytes(8))[0] for _ in range(2000)]
    special = [0.0, -0.0, 1e-320, 5e-324, 1.7976931348623157e308, 0.1, 1e16, 1e22, 1.0, math.inf, -math.inf]
    numbers = [*special, *(one for one in drawn if not math.isnan(one))]
    found = tomllib.loads(to_toml({"numbers": numbers, "one": numbers[3], "none": math.nan}))
    assert struct.pack(f"<{len(numbers)}d", *found["numbers"]) == struct.pack(f"<{len(numbers)}d", *numbers)
    assert found["one"] == numbers[3]
    assert math.isnan(found["none"])


def test_nested_tables_come_back_in_any_order() -> None:
    table = {
        "camera": {"bits": 12, "shutter": {"least": 1e-5, "deep": {"er": {"x": True}}}, "gain": 0.0253, "empty": {}},
        "name": "bench",  # behind a table, but not part of it
        "list": [], "nested": [[1, 2], [], [3.5]], "tables": [{"a": 1, "b": {"c": "d"}}, {}],
    }  # fmt: skip
    assert tomllib.loads(to_toml(table)) == table


TEXTS = [
    "", "plain", 'quotes " and \\ back', "lines\nand\r\ntabs\t", "\x00\x1b\x7f\x85", "µ ± λ 光", "# no comment",
    "[table]", "a = 1", "'''", '"""', "\ud7ff\U0001f52c\u2028",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_may_be_a_value_a_key_or_a_comment(text: str) -> None:
    table = {text: {text: text, "list": [text, text]}, "plain": {"value": 1.5, "long": [text] * 40}}
    comments = {"": text, "plain": text, "plain.value": text, "plain.long": f"{text}\n{text}"}
    assert tomllib.loads(to_toml(table, comments)) == table


def test_comments_stand_beside_or_above_what_they_are_on() -> None:
    table = {"name": "x", "weights": [1 / 7] * 30, "camera": {"gain": 0.0253, "bits": 12}}
    comments = {
        "": "found by frames\nof a bench", "camera.gain": "0.0253 ± 0.0001 DN/e, from 24 pairs",
        "weights": "relative", "camera": "what counts " * 20, "camera.bits": "a\nb",
    }  # fmt: skip
    lines = to_toml(table, comments).splitlines()
    assert lines[:2] == ["# found by frames", "# of a bench"]
    assert lines[lines.index("weights = [") - 1] == "# relative"
    above = lines[lines.index("]") + 2 : lines.index("[camera]")]
    assert all(line.startswith("# ") for line in above)
    assert " ".join(line[2:] for line in above) == ("what counts " * 20).strip()
    gain = next(line for line in lines if line.startswith("gain"))
    assert gain.split("#") == [gain.split("#")[0], " 0.0253 ± 0.0001 DN/e, from 24 pairs"]
    assert lines[-3:] == ["# a", "# b", "bits = 12"]
    assert max(map(len, lines)) <= 120


def test_arrays_and_scalars_of_numpy_are_numbers() -> None:
    table = {"a": np.float64(0.1), "b": np.arange(3), "c": np.bool_(True), "d": np.int16(-4), "e": (1.0, 2.0)}
    assert tomllib.loads(to_toml(table)) == {"a": 0.1, "b": [0, 1, 2], "c": True, "d": -4, "e": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("table", "comments", "error", "message"),
    [
        ({"camera": {"gain": None}}, {}, TypeError, "camera.gain = None has no form in TOML"),
        ({"list": [1, {2}]}, {}, TypeError, r"list\[1\] = \{2\} has no form"),
        ({"raw": b"1"}, {}, TypeError, "raw = b'1' has no form"),
        ({"c": 1 + 2j}, {}, TypeError, "has no form"),
        ({"camera": {3: 1}}, {}, TypeError, "key 3 of camera must be a string"),
        ({"camera": {"gain": 1.0}}, {"camera.gian": "x"}, ValueError, "no 'camera.gian' to comment on; did you mean"),
        ({"name": "\ud800"}, {}, ValueError, "cannot be written to a file in UTF-8"),
    ],
)
def test_what_toml_cannot_hold_is_named(
    table: dict[str, object], comments: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        to_toml(table, comments)


@pytest.mark.parametrize("name", shipped_benches())
def test_shipped_benches_survive_the_file(name: str, tmp_path: Path) -> None:
    bench = load_bench(name)
    save_bench(bench, tmp_path / "again.toml")
    assert load_bench(tmp_path / "again.toml") == bench


def test_a_bench_file_carries_weights_and_comments(description: BenchDescription, tmp_path: Path) -> None:
    weights = tuple(np.random.default_rng(1).normal(1, 0.1, 63).clip(0).tolist())
    bench = replace(description, macropixel_amplitudes=weights, name='the "twin" of\ta bench')
    path = tmp_path / "twin.toml"
    path.write_text("older", encoding="utf-8")
    save_bench(bench, path, comments={"camera.gain": "0.025 ± 0.001 DN/e", "macropixel_amplitudes": "0.01 each"})
    assert load_bench(path) == bench
    assert "# 0.025 ± 0.001 DN/e" in path.read_text(encoding="utf-8")
    assert [one.name for one in tmp_path.iterdir()] == ["twin.toml"]


def test_a_failure_leaves_the_file_that_was_there(description: BenchDescription, tmp_path: Path) -> None:
    path = tmp_path / "twin.toml"
    save_bench(description, path)
    with pytest.raises(ValueError, match="no 'camera.fullwell' to comment on"):
        save_bench(replace(description, name="other"), path, comments={"camera.fullwell": "x"})
    assert load_bench(path) == description
    with pytest.raises(OSError, match="nowhere"):
        save_bench(description, tmp_path / "nowhere" / "twin.toml")
    assert [one.name for one in tmp_path.iterdir()] == ["twin.toml"]


def test_a_measured_medium_is_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = load_bench("table_top")
    monkeypatch.chdir(tmp_path)
    named = replace(bench, medium=MeasuredDescription(file="matrix.h5", key="T", collected_fraction=0.01))
    (tmp_path / "inner").mkdir()
    save_bench(named, tmp_path / "inner" / "twin.toml")
    assert load_bench(tmp_path / "inner" / "twin.toml").medium.file == str(tmp_path / "matrix.h5")
    assert "inside" not in bench_to_table(named)["medium"]
