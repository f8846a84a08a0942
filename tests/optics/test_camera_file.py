"""Camera parts: what ships loads, what is wrong is named, benches can name a part."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from optics import (
    Camera,
    bench_from_table,
    bench_to_table,
    camera_modes,
    data_folder,
    load_bench,
    load_camera,
    shipped_cameras,
)

PARTS = [(part, mode) for part in shipped_cameras() for mode in camera_modes(part)]
CMV = (data_folder() / "cameras/cmv2000.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(("part", "mode"), PARTS)
def test_every_part_is_a_camera_whose_figures_agree(part: str, mode: str) -> None:
    camera = load_camera(part, wavelength=532e-9, mode=mode)
    # The well fills the range of the converter within 3 %, and the dark noise stays above zero counts.
    assert camera.gain * camera.full_well + camera.black_level == pytest.approx(camera.largest_count, rel=0.03)
    assert camera.black_level > 4 * camera.gain * camera.dark_noise
    assert camera.dsnu < camera.dark_noise


def test_at_least_five_sensors_and_all_bit_depths_ship() -> None:
    assert len(shipped_cameras()) >= 5
    assert {load_camera(part, wavelength=532e-9, mode=mode).bits for part, mode in PARTS} == {8, 10, 12, 14, 16}


@pytest.mark.parametrize("part", shipped_cameras())
def test_every_figure_has_its_source(part: str) -> None:
    lines = (data_folder() / f"cameras/{part}.toml").read_text(encoding="utf-8").splitlines()
    figures = [line for line in lines if re.match(r"\w+ = [-0-9.\"{t]", line) and not line.startswith(("name", "bits"))]
    assert len(figures) > 12
    assert [line for line in figures if "#" not in line] == []


def test_efficiency_is_interpolated_at_the_wavelength() -> None:
    table = CMV[CMV.index("[quantum_efficiency]") :]
    numbers = [float(n) for n in re.findall(r"[0-9.]+e-9", table)]
    values = [float(n) for n in re.search(r"^value = \[(.*?)\]", table, re.M).group(1).split(",")]  # type: ignore[union-attr]
    between = load_camera("cmv2000", wavelength=0.25 * numbers[2] + 0.75 * numbers[3])
    assert between.quantum_efficiency == pytest.approx(0.25 * values[2] + 0.75 * values[3])
    with pytest.raises(ValueError, match="wavelength = 1.55e-06 m is not allowed"):
        load_camera("cmv2000", wavelength=1550e-9)


def test_modes_change_the_converter_and_its_row_time() -> None:
    fine, coarse = (load_camera("imx250", wavelength=532e-9, mode=mode) for mode in ("12-bit", "8-bit"))
    assert fine.gain / coarse.gain == pytest.approx(16)
    assert fine.shutter.row_time > coarse.shutter.row_time
    assert fine.shutter.overhead == coarse.shutter.overhead
    assert load_camera("imx250", wavelength=532e-9) == fine


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("full_well", "fullwell", r"\[camera\] has no key 'fullwell'; did you mean 'full_well'"),
        ("[quantum_efficiency]", "[quantum_eficiency]", "has no key 'quantum_eficiency'; did you mean"),
        ('[mode."10-bit"]', "[modes]", "has no key 'modes'; did you mean 'mode'"),
        ("wavelength = [", "wavelength = [700e-9, ", r"\[quantum_efficiency\] needs wavelengths that rise"),
        ("value = [", 'value = ["a", ', r"\[quantum_efficiency\] value = 'a' must be of type float"),
        ('kind = "global"', 'kind = "globe"', r"\[camera.shutter\] kind = 'globe' is not known"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in CMV
    path = tmp_path / "part.toml"
    path.write_text(CMV.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        load_camera(path, wavelength=532e-9)
    assert str(path) in str(caught.value)


def test_unknown_parts_and_modes_are_answered_with_the_nearest() -> None:
    with pytest.raises(FileNotFoundError, match="no camera file 'cmv200'.*did you mean 'cmv2000'"):
        load_camera("cmv200", wavelength=532e-9)
    with pytest.raises(ValueError, match="mode = '9-bit' is not known"):
        load_camera("cmv2000", wavelength=532e-9, mode="9-bit")


def test_a_bench_names_a_part_and_replaces_figures_of_it() -> None:
    table = bench_to_table(load_bench("opu"))
    table["camera"] = {"part": "imx250", "mode": "8-bit", "rows": 40, "columns": 64, "read_noise": 5,
                       "shutter": {"overhead": 1e-3}}  # fmt: skip
    camera = bench_from_table(table).camera
    part = load_camera("imx250", wavelength=532e-9, mode="8-bit")
    shutter = replace(part.shutter, overhead=1e-3)
    assert camera == replace(part.region(rows=40, columns=64), read_noise=5.0, shutter=shutter)
    assert isinstance(camera, Camera)
    table["camera"]["part"] = "imx25"
    with pytest.raises(FileNotFoundError, match="did you mean 'imx250'"):
        bench_from_table(table)
