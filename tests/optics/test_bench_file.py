"""Bench files: what ships loads, what is wrong is named."""

import re
from pathlib import Path

import pytest

from optics import bench_from_table, bench_to_table, load_bench, shipped_benches

OPU = (Path(__file__).parents[2] / "data/benches/opu.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", shipped_benches())
def test_shipped_benches_load_and_survive_a_round_trip(name: str) -> None:
    bench = load_bench(name)
    assert bench_to_table(bench_from_table(bench_to_table(bench))) == bench_to_table(bench)


def test_every_figure_of_a_shipped_bench_has_its_source() -> None:
    for name in shipped_benches():
        text = (Path(__file__).parents[2] / f"data/benches/{name}.toml").read_text(encoding="utf-8")
        camera = text[text.index("[camera]") :]
        assert "data sheet" in text
        assert re.search(r"#.*(data sheet|flyer|EMVA|published|its source)", camera)


def test_the_opu_class_bench_is_the_one_that_is_published() -> None:
    bench = load_bench("opu")
    assert (bench.dmd.rows, bench.dmd.columns, bench.dmd.pitch, bench.dmd.staggered) == (1140, 912, 7.6e-6, True)
    assert (bench.camera.bits, bench.camera.full_well, bench.camera.read_noise) == (8, 10_000, 13)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("wavelength =", "wavelenght =", r"\[laser\] has no key 'wavelenght'; did you mean 'wavelength'\?"),
        ("[camera]", "[kamera]", "the bench has no key 'kamera'; did you mean 'camera'"),
        ("bits = 8", "bits = 8.5", r"\[camera\] bits = 8.5 must be of type int, got float: give a whole number"),
        ("bits = 8", "bits = true", r"\[camera\] bits = True must be of type int, got bool"),
        ("bits = 8", "bits = 40", r"\[camera\] bits = 40 is not allowed: it must be at least 6 and at most 16"),
        ("read_noise = 13", "read_noise = -13", r"\[camera\] read_noise = -13 e is not allowed"),
        ("read_noise = 13", "read_noise = nan", r"\[camera\] read_noise is not a number"),
        ("power = 0.005", 'power = "5 mW"', r"\[laser\] power = '5 mW' must be of type float, got str: give a number"),
        ("power = 0.005", f"power = {'9' * 400}", r"\[laser\] power is a whole number of 400 digits"),
        ("power = 0.005", "power = 5000", r"\[laser\] power = 5000 W is not allowed"),
        ("grid_rows = 40", "grid_rows = 400", "the layout needs 10000 x 880 mirrors, the DMD has 1140 x 912"),
        ('kind = "gaussian"', 'kind = "gausian"', r"\[medium\] kind = 'gausian' is not known; did you mean 'gaussian'"),
        ("read_noise = 13", "", r"\[camera\] lacks read_noise"),
        ("exposure_time = 400e-6", "exposure_time = 1e-6", "exposure_time = 1e-06 s is not allowed"),
        ("[laser]", "[laser", "is not a TOML file"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in OPU
    path = tmp_path / "bench.toml"
    path.write_text(OPU.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        load_bench(path)
    assert str(path) in str(caught.value)


def test_a_missing_bench_is_answered_with_the_nearest() -> None:
    with pytest.raises(FileNotFoundError, match="did you mean 'opu'.*it has .*, opu, restless, table_top"):
        load_bench("opus")
