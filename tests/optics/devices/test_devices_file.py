"""Devices files: what they open, every mistake by its name, and devices released whatever goes wrong."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optics import SimulatedBench, load_bench
from optics.devices.devices_file import DRIVERS, known_wavelength, open_devices, shipped_devices
from optics.devices.errors import DeviceAbsentError
from optics.files.bench_file import save_bench
from optics.files.resources import data_folder
from tests.optics.devices.own_adapters import OPENED
from tests.optics.devices.simulated_bench import same_frames

OWN = """
exposure_time = 2e-3
gain_db = 6
retries = 1
lost_frames = "mark"

[camera]
driver = "tests.optics.devices.own_adapters:OwnCamera"
serial = "7"
time_out = 2

[modulator]
driver = "tests.optics.devices.own_adapters:OwnModulator"
orientation = { flip_rows = true }

[region]
rows = 16
columns = 24
top = 2

[dmd]
rows = 48
columns = 64
pitch = 1e-5

[layout]
block_rows = 8
block_columns = 8
grid_rows = 5
grid_columns = 6

[figures]
pixel_pitch = 5e-6
quantum_efficiency = 0.5
full_well = 1e4
gain = 0.4
read_noise = 8.0
bits = 12
black_level = 10
"""

SIMULATED = """
[camera]
driver = "simulated"
bench = "opu"
seed = 5
capacity = 3
[modulator]
driver = "simulated"
"""


def file_of(folder: Path, text: str) -> Path:
    """A devices file."""
    path = folder / "devices.toml"
    path.write_text(text)
    OPENED.clear()
    return path


def test_a_file_opens_adapters_of_ones_own(tmp_path: Path) -> None:
    with open_devices(file_of(tmp_path, OWN)) as bench:
        camera, modulator = OPENED
        assert (camera.serial, camera.time_out, camera.buffers, camera.gain_db) == ("7", 2.0, 4, 6.0)
        assert modulator.orientation.flip_rows
        assert modulator.hold == 1e-3
        assert bench.exposure_time == 2e-3
        assert bench.camera.shape == (16, 24)  # rows and columns are the device's
        assert bench.camera.gain == 0.4
        assert bench.camera.shutter.exposure_minimum == 1e-5
        assert bench.layout.inputs == 30
        assert not bench.bursts
        exposure = bench.expose(np.ones((12, 30), bool))
        assert exposure.counts.shape == (12, 16, 24)
        assert (exposure.counts == 9).all()
    assert camera.closed
    assert modulator.closed


def test_a_file_without_devices_opens_a_simulated_bench(tmp_path: Path) -> None:
    text = SIMULATED + '[light_switch]\ndriver = "simulated"\n'
    simulated = SimulatedBench(load_bench("opu"), seed=5)
    patterns = np.random.default_rng(4).random((5, 1600)) < 0.3
    with open_devices(file_of(tmp_path, text)) as bench:
        assert bench.bursts
        assert bench.camera == simulated.camera
        for light in (True, False):
            same_frames(bench.expose(patterns, light=light), simulated.expose(patterns, light=light))


def test_a_simulated_bench_can_lie_beside_the_file_and_have_faults(tmp_path: Path) -> None:
    source = (data_folder() / "benches" / "opu.toml").read_text().replace("columns = 64", "columns = 56")
    (tmp_path / "mine.toml").write_text(source)
    text = SIMULATED.replace('"opu"', '"mine.toml"').replace("capacity = 3", "bursts = false\nfaults = { lost = [1] }")
    with open_devices(file_of(tmp_path, text)) as bench:
        assert bench.camera.shape == (40, 56)
        assert not bench.bursts
        assert bench.expose(np.zeros((2, 1600), bool)).valid.all()


def test_shipped_files_are_read() -> None:
    assert {"simulated_opu", "basler_vialux", "emulated_opu"} <= set(shipped_devices())
    with open_devices("simulated_opu") as bench:
        assert bench.expose(np.zeros((1, 1600), bool), light=False).counts.shape == (1, 40, 64)


def test_every_kind_of_device_can_be_simulated_and_the_manual_switch_is_there() -> None:
    assert all("simulated" in drivers for drivers in DRIVERS.values())
    assert {"basler", "micro-manager"} <= DRIVERS["camera"].keys()
    assert "vialux" in DRIVERS["modulator"]
    assert "manual" in DRIVERS["light_switch"]


def test_a_part_gives_the_figures_of_its_mode(tmp_path: Path) -> None:
    start = OWN[: OWN.index("[figures]")]
    text = start + '[laser]\nwavelength = 532e-9\n[figures]\npart = "imx174"\nmode = "12-bit"\nblack_level = 20\n'
    with open_devices(file_of(tmp_path, text)) as bench:
        assert bench.camera.bits == 12
        assert bench.camera.shape == (16, 24)
        assert bench.camera.black_level == 20
        assert bench.camera.pixel_pitch == 5.86e-6


def test_placeholders_stand_for_figures_that_nobody_has_measured(tmp_path: Path) -> None:
    text = OWN[: OWN.index("[figures]")] + "[starting_figures]\npixel_pitch = 5e-6\nfull_well = 10000\n"
    with open_devices(file_of(tmp_path, text)) as bench:
        assert bench.camera.gain == pytest.approx(0.4095, rel=1e-12)
        assert bench.camera.shape == (16, 24)


MISTAKES = {
    "key of the file": ("retries = 1", "retrys = 1", "no key 'retrys'; did you mean 'retries'"),
    "setting": ("retries = 1", "retries = 1.5", "retries = 1.5 must be of type int"),
    "no modulator": ("[modulator]", "[phase_shifter]", "the devices file lacks modulator"),
    "no driver": ('driver = "tests.optics.devices.own_adapters:OwnCamera"', "", r"\[camera\] lacks driver"),
    "driver of a wrong type": (
        'driver = "tests.optics.devices.own_adapters:OwnCamera"', "driver = 3", "driver = 3 must be of type str",
    ),
    "driver": (
        '"tests.optics.devices.own_adapters:OwnCamera"', '"basle"',
        r"\[camera\] driver = 'basle' is not known; did you mean 'basler'.*'package.module:Class'",
    ),
    "module": (
        '"tests.optics.devices.own_adapters:OwnCamera"', '"no_such_module:OwnCamera"',
        "no class OwnCamera in module no_such_module",
    ),
    "class": ("own_adapters:OwnCamera", "own_adapters:Camera7", "no class Camera7 in module"),
    "argument": ("time_out = 2", "timeout = 2", r"\[camera\] has no key 'timeout'; did you mean 'time_out'"),
    "type of an argument": ("time_out = 2", 'time_out = "2"', r"\[camera\] time_out = '2' must be of type float"),
    "argument that is a table": ("flip_rows = true", "flip_row = true", r"\[modulator.orientation\] has no key"),
    "region": ("top = 2", "topp = 2", r"\[region\] has no key 'topp'; did you mean 'top'"),
    "region that is no number": ("top = 2", "top = 2.0", r"\[region\] top = 2.0 must be of type int"),
    "region off the sensor": ("top = 2", "top = 9", "16 x 24 pixels leave the sensor"),
    "no region": ("own_adapters:OwnCamera", "own_adapters:PlainCamera", r"\[region\] is given, and this camera"),
    "dmd": ("pitch = 1e-5", "pitsch = 1e-5", r"\[dmd\] has no key 'pitsch'; did you mean 'pitch'"),
    "dmd of another size": ("rows = 48\n", "rows = 96\n", r"modulator has \(48, 64\) mirrors.*\(96, 64\)"),
    "layout": ("block_rows = 8", "block_rows = 12", "the layout needs 60 x 48 mirrors, the DMD has 48 x 64"),
    "kind of layout": ("[layout]", '[layout]\nkind = "block"', "kind = 'block' is not known; did you mean 'blocks'"),
    "figures": ("read_noise = 8.0", "", r"\[figures\] lacks read_noise"),
    "value of a figure": ("gain = 0.4", "gain = -0.4", r"\[figures\] gain = -0.4 DN/e is not allowed"),
    "figures of other bits": ("bits = 12", "bits = 10", "figures describe counts of 10 bits, the camera sends 12"),
    "figures of other pixels": ("bits = 12", "bits = 12\nrows = 20", r"figures describe \(20, 24\) pixels"),
    "figures twice": ("[figures]", "[starting_figures]\n[figures]", "keep .figures. once the camera is measured"),
    "part without wavelength": ("pixel_pitch = 5e-6", 'part = "cmv2000"', r"part needs \[laser\] with the wavelength"),
    "laser": ("[figures]", "[laser]\nwavelenght = 5e-7\n[figures]", "no key 'wavelenght'; did you mean 'wavelength'"),
    "wavelength": ("[figures]", "[laser]\nwavelength = 532\n[figures]", r"\[laser\] wavelength = 532 m is not allowed"),
    "twin and more": ("[figures]", "[figures]\ntwin = 't.toml'", r"\[figures\] with a twin has no key 'pixel_pitch'"),
    "exposure time": ("exposure_time = 2e-3", "exposure_time = 2", "exposure_time = 2 s is not allowed"),
    "lost frames": ('"mark"', '"drop"', "lost_frames = 'drop' is not known"),
    "light switch": ("[region]", '[light_switch]\ndriver = "simulated"\n[region]', "plays the camera and the modul"),
    "no toml": ("[camera]", "[camera", "is not a TOML file"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named_and_devices_released(tmp_path: Path, mistake: str) -> None:
    right, wrong, message = MISTAKES[mistake]
    assert OWN.count(right) >= 1
    path = file_of(tmp_path, OWN.replace(right, wrong, 1))
    with pytest.raises(ValueError, match=message) as caught:
        open_devices(path)
    assert "devices.toml" in str(caught.value)
    assert all(device.closed for device in OPENED)


@pytest.mark.parametrize(
    "mistake",
    [
        "argument that is a table",
        "dmd",
        "layout",
        "kind of layout",
        "region",
        "module",
        "part without wavelength",
        "wavelength",
        "twin and more",
    ],
)
def test_what_can_be_told_before_devices_are_opened_is(tmp_path: Path, mistake: str) -> None:
    right, wrong, message = MISTAKES[mistake]
    path = file_of(tmp_path, OWN.replace(right, wrong, 1))
    with pytest.raises(ValueError, match=message):
        open_devices(path)
    assert not OPENED


def test_a_twin_gives_the_figures_of_the_camera_that_it_was_found_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opu = load_bench("opu")
    measured = replace(
        opu.camera, rows=16, columns=24, sensor_columns=24, bits=12, gain=0.31, black_level=7.0, alignment="left"
    )
    (tmp_path / "results").mkdir()
    save_bench(replace(opu, camera=measured, name="twin"), tmp_path / "results" / "twin.toml")
    text = OWN[: OWN.index("[figures]")] + "[figures]\ntwin = 'results/twin.toml'\n"
    monkeypatch.chdir(tmp_path / "results")  # found beside the file of devices, wherever the program runs
    with open_devices(file_of(tmp_path, text)) as bench:
        assert (bench.camera.gain, bench.camera.black_level, bench.camera.alignment) == (0.31, 7.0, "right")
        assert bench.camera.shutter.exposure_maximum == 1.0  # the device's
    with open_devices(file_of(tmp_path, text.replace("results/", ""))) as bench:  # or in the folder where it runs
        assert bench.camera.gain == 0.31
    with pytest.raises(ValueError, match=r"devices.toml: no bench file 'nothing.toml'"):
        open_devices(file_of(tmp_path, text.replace("results/twin", "nothing")))
    assert all(device.closed for device in OPENED)


def test_the_wavelength_is_known_without_a_device(tmp_path: Path) -> None:
    assert known_wavelength(file_of(tmp_path, OWN)) is None
    assert known_wavelength(file_of(tmp_path, OWN + "[laser]\nwavelength = 633e-9\n")) == 633e-9
    assert known_wavelength(file_of(tmp_path, SIMULATED)) == load_bench("opu").laser.wavelength
    assert known_wavelength(file_of(tmp_path, SIMULATED + "[laser]\nwavelength = 633e-9\n")) == 633e-9
    with pytest.raises(ValueError, match=r"devices.toml: \[laser\] wavelength = -1 m is not allowed"):
        known_wavelength(file_of(tmp_path, OWN + "[laser]\nwavelength = -1.0\n"))
    with pytest.raises(ValueError, match=r"devices.toml: .* lacks bench"):
        known_wavelength(file_of(tmp_path, SIMULATED.replace('bench = "opu"', "")))
    assert not OPENED
    assert all(known_wavelength(name) for name in shipped_devices())  # no shipped file needs more than itself


def test_a_file_without_figures_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"lacks \[figures\].*\[starting_figures\] with pixel_pitch and full_well"):
        open_devices(file_of(tmp_path, OWN[: OWN.index("[figures]")]))
    assert not OPENED


def test_a_camera_without_gain_is_refused(tmp_path: Path) -> None:
    text = OWN.replace("OwnCamera", "PlainCamera").replace("[region]\nrows = 16\ncolumns = 24\ntop = 2\n", "")
    with pytest.raises(ValueError, match="gain_db is given, and the gain of this camera cannot be set"):
        open_devices(file_of(tmp_path, text))
    assert OPENED[0].closed


def test_what_is_no_camera_is_refused(tmp_path: Path) -> None:
    text = OWN.replace("own_adapters:OwnCamera", "own_adapters:OwnDevice").replace('serial = "7"\ntime_out = 2\n', "")
    with pytest.raises(ValueError, match="opens a OwnDevice, which lacks something of a FrameCamera"):
        open_devices(file_of(tmp_path, text))
    assert all(device.closed for device in OPENED)


def test_a_device_that_is_absent_keeps_its_error(tmp_path: Path) -> None:
    swapped = OWN.replace('serial = "7"', 'serial = "absent"')
    with pytest.raises(DeviceAbsentError, match="no camera of serial number 'absent'") as caught:
        open_devices(file_of(tmp_path, swapped))
    assert any("devices.toml" in note for note in caught.value.__notes__)
    assert all(device.closed for device in OPENED)


def test_a_file_that_is_not_there_is_said() -> None:
    with pytest.raises(
        FileNotFoundError,
        match="no devices file 'simulated_opo', and none of that name ships.*did you mean 'simulated_opu'",
    ):
        open_devices("simulated_opo")


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ('[modulator]\ndriver = "simulated"', '[modulator]\ndriver = "vialux"', "plays the camera and the modulator"),
        ('bench = "opu"', "", r"\[camera\] of driver 'simulated' lacks bench"),
        ('bench = "opu"', 'bench = "opuu"', "no bench file 'opuu'.*did you mean 'opu'"),
        ("seed = 5", "", r"\[camera\] lacks seed"),
        (
            "seed = 5",
            "seed = 5\nsead = 6",
            r"\[camera\] has no key 'sead'; did you mean 'seed'\?; it takes driver, bench, seed, capacity",
        ),
        (
            '[camera]\ndriver = "simulated"',
            '[camera]\ndriver = "simulatd"',
            r"\[camera\] driver = 'simulatd' is not known; did you mean 'simulated'\?",
        ),
        (
            '[modulator]\ndriver = "simulated"',
            '[modulator]\ndriver = "simulatd"',
            r"\[modulator\] driver = 'simulatd' is not known; did you mean 'simulated'\?",
        ),
        ("capacity = 3", "capacity = 0", "capacity = 0 is not allowed"),
        ("[modulator]", '[phase_shifter]\ndriver = "simulated"\n[modulator]', "its bench has no such device"),
        ('[modulator]\ndriver = "simulated"', '[modulator]\ndriver = "simulated"\nseed = 1', r"has no key 'seed'"),
    ],
)
def test_mistakes_with_what_stands_in_are_named(tmp_path: Path, right: str, wrong: str, message: str) -> None:
    assert right in SIMULATED
    with pytest.raises(ValueError, match=message):
        open_devices(file_of(tmp_path, SIMULATED.replace(right, wrong)))
