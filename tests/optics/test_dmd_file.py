"""DMD parts: what ships loads, what is wrong is named, tables can name a part."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from optics import Dmd, data_folder, dmd_from_part, load_dmd, shipped_dmds

LARGE = (data_folder() / "dmds/dlp7000.toml").read_text(encoding="utf-8")


def test_the_arrays_of_optical_processors_ship() -> None:
    expected = {"dlp4500": (1140, 912, 7.6), "dlp7000": (768, 1024, 13.68), "dlp9500": (1080, 1920, 10.8),
                "dlp650lnir": (800, 1280, 10.8), "dlp9000": (1600, 2560, 7.6)}  # fmt: skip
    assert set(shipped_dmds()) == set(expected)
    for part, (rows, columns, pitch) in expected.items():
        dmd = load_dmd(part)
        assert (dmd.rows, dmd.columns, dmd.staggered) == (rows, columns, part == "dlp4500")
        assert dmd.pitch * 1e6 == pytest.approx(pitch, abs=0.05)  # 7.6 um stands for 7.637 and 7.56 um


@pytest.mark.parametrize("part", shipped_dmds())
def test_the_figures_of_a_part_agree(part: str) -> None:
    dmd = load_dmd(part)
    # Light passes the window twice, hits metal, and the rest is diffraction: 0.86 in the makers' tables, two digits.
    limit = dmd.window_transmission**2 * dmd.fill_factor * dmd.reflectivity
    assert dmd.efficiency / limit == pytest.approx(0.86, abs=0.01)
    assert dmd.reset_time < 0.5 / dmd.frame_rate


@pytest.mark.parametrize(("part", "inches"), [("dlp4500", 0.45), ("dlp7000", 0.7), ("dlp9500", 0.95),
                                              ("dlp650lnir", 0.65), ("dlp9000", 0.9)])  # fmt: skip
def test_the_diagonal_is_what_the_name_says(part: str, inches: float) -> None:
    dmd = load_dmd(part)
    width, height = dmd.columns * dmd.pitch, dmd.rows * dmd.pitch
    if dmd.staggered:
        width, height = width * 2**0.5, height / 2**0.5
    assert (width**2 + height**2) ** 0.5 / 25.4e-3 == pytest.approx(inches, abs=0.02)


@pytest.mark.parametrize("part", shipped_dmds())
def test_every_figure_has_its_source(part: str) -> None:
    lines = (data_folder() / f"dmds/{part}.toml").read_text(encoding="utf-8").splitlines()
    figures = [line for line in lines if re.match(r"\w+ = ", line) and not line.startswith("name")]
    assert len(figures) > 12
    assert [line for line in figures if not re.search(r"# .*(\[[A-Z]\]|assumption)", line)] == []


def test_light_that_the_window_is_not_made_for_is_refused() -> None:
    assert load_dmd("dlp650lnir", wavelength=1064e-9).rows == 800
    with pytest.raises(ValueError, match="window of DLP650LNIR .* = 5.32e-07 m is not allowed: .* at least 8.5e-07 m"):
        load_dmd("dlp650lnir", wavelength=532e-9)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tilt_angle", "tilt_angel", r"\[dmd\] has no key 'tilt_angel'; did you mean 'tilt_angle'"),
        ("[window]", "[windows]", "the DMD file has no key 'windows'; did you mean 'window'"),
        ("wavelength_minimum", "wavelength_min", r"\[window\] has no key 'wavelength_min'; did you mean"),
        ("wavelength_minimum = 400e-9", "wavelength_minimum = 1e-6", "wavelength_minimum = 1e-06 m must be below"),
        ('tilt_axis = "corner"', 'tilt_axis = "conrer"', r"\[dmd\] tilt_axis = 'conrer' is not known; did you mean"),
        ("rows = 768", "rows = 768.5", r"\[dmd\] rows = 768.5 must be of type int"),
        ("fill_factor = 0.92", "fill_factor = 92", r"\[dmd\] fill_factor = 92 is not allowed"),
        ("[dmd]", "[dmd", "is not a TOML file"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in LARGE
    path = tmp_path / "part.toml"
    path.write_text(LARGE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        load_dmd(path)
    assert str(path) in str(caught.value)


def test_unknown_parts_are_answered_with_the_nearest() -> None:
    with pytest.raises(FileNotFoundError, match="no DMD file 'dlp700'.*did you mean 'dlp7000'"):
        load_dmd("dlp700")


def test_a_table_names_a_part_and_replaces_figures_of_it() -> None:
    table = {"part": "dlp4500", "efficiency": 0.6, "stuck_off": 1e-3, "flatness": [0, 0, 0, 1e-7]}
    dmd = dmd_from_part(table, where="[dmd]")
    assert isinstance(dmd, Dmd)
    assert dmd == replace(load_dmd("dlp4500"), efficiency=0.6, stuck_off=1e-3, flatness=(0.0, 0.0, 0.0, 1e-7))
    with pytest.raises(ValueError, match=r"\[dmd\] has no key 'eficiency'; did you mean 'efficiency'"):
        dmd_from_part({"part": "dlp4500", "eficiency": 0.6}, where="[dmd]")
    with pytest.raises(TypeError, match=r"\[dmd\] part = 4500 must be of type str"):
        dmd_from_part({"part": 4500}, where="[dmd]")
    with pytest.raises(ValueError, match="= 1.064e-06 m is not allowed"):
        dmd_from_part({"part": "dlp4500"}, where="[dmd]", wavelength=1064e-9)
