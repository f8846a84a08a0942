"""Devices files: TOML tables that open the devices of a bench."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

from optics.bench import BenchDescription
from optics.camera import Camera
from optics.devices.camera_settings import read_region, set_camera
from optics.devices.device_bench import DeviceBench
from optics.devices.driver_table import find_driver, read_arguments
from optics.devices.errors import DeviceError
from optics.devices.figures import starting_figures
from optics.devices.protocols import FrameCamera
from optics.devices.stand_ins import STAND_INS, StandIn, open_stand_in
from optics.dmd import Dmd
from optics.files.bench_file import LAYOUTS
from optics.files.camera_file import camera_from_part
from optics.files.description_file import (
    Table,
    as_table,
    check_keys,
    find_description,
    load_toml,
    read_description,
    read_value,
    shipped_names,
)
from optics.files.dmd_file import dmd_from_part
from optics.macropixels import Layout
from optics.validation import check_choice

DRIVERS: Mapping[str, Mapping[str, str]] = {
    "camera": {
        "basler": "optics.devices.basler:BaslerCamera",
        "micro-manager": "optics.devices.micro_manager:MicroManagerCamera",
        **STAND_INS,
    },
    "modulator": {"vialux": "optics.devices.vialux:VialuxModulator", **STAND_INS},
    "light_switch": {"manual": "optics.devices.light_switches:ManualLightSwitch", **STAND_INS},
    "phase_shifter": {**STAND_INS},
}
"""Adapters by the name of their driver; each is imported when a file asks for it."""

SETTINGS = {"retries": int, "lost_frames": str, "step_by_step": bool, "frame_period": float}
"""Settings of the bench and their types."""

CAMERA_SETTINGS = ("gain_db", "exposure_time")
"""Numbers that are set on the camera."""

PARTS = ("region", "dmd", "layout", "figures", "starting_figures", "wavelength")


def shipped_devices() -> list[str]:
    """Return the names of the devices files that ship with the project.

    Returns
    -------
    list of str
        Names that `open_devices` understands.
    """
    return shipped_names("devices")


def open_devices(path: str | Path) -> DeviceBench:
    """Open the devices that a file describes, and make a bench of them.

    Parameters
    ----------
    path : str or Path
        Path of a TOML file, or a name of `shipped_devices`. Its tables ``camera``, ``modulator``, ``light_switch`` and
        ``phase_shifter`` name a ``driver``; their other keys are the arguments of the adapter. ``dmd``, ``layout`` and
        ``figures`` (the camera's) are as in a bench file; ``figures`` need no rows and columns, which are the device's,
        and ``starting_figures`` stand in their place where nobody has measured the camera. ``wavelength`` is needed
        where ``figures`` name a part. ``region`` (rows, columns, top, left), ``gain_db`` and ``exposure_time`` are set
        on the camera; ``retries``, ``lost_frames``, ``step_by_step`` and ``frame_period`` are the bench's.

    Returns
    -------
    DeviceBench
        The bench, to be closed: use it in a ``with`` block.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a key or a value is not what the file may have; the message names it.
    DeviceError
        If a driver is missing, or a device is not there or fails. Whatever goes wrong, devices that were opened are
        released.
    """
    file = find_description(path, folder="devices", kind="devices")
    table = load_toml(file)
    try:
        with ExitStack() as opened:
            bench = _open(table, file.parent, opened)
            opened.pop_all()
            return bench
    except DeviceError as error:
        error.add_note(f"while opening the devices of {file}")
        raise
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(f"{file}: {error}") from error


def _open(table: Table, folder: Path, opened: ExitStack) -> DeviceBench:
    """Return the bench of a table; what it opens is put on the stack, to be released if anything goes wrong."""
    known = (*DRIVERS, *PARTS, *SETTINGS, *CAMERA_SETTINGS)
    check_keys(table, known=known, required=("camera", "modulator"), where="the devices file")
    devices = {kind: as_table(table[kind], where=f"[{kind}]") for kind in DRIVERS if kind in table}
    for kind, own in devices.items():
        check_keys(own, known=(*own, "driver"), required=("driver",), where=f"[{kind}]")
        read_value("driver", own["driver"], str, where=f"[{kind}]")
    settings: dict[str, Any] = {
        key: read_value(key, table[key], kind, where="") for key, kind in SETTINGS.items() if key in table
    }
    of_camera: dict[str, float] = {
        key: read_value(key, table[key], float, where="") for key in CAMERA_SETTINGS if key in table
    }
    stand_in = open_stand_in(devices, folder=folder)
    for device in () if stand_in is None else (stand_in.camera, stand_in.modulator):
        opened.callback(_release, device)
    described = None if stand_in is None else stand_in.bench.description
    dmd, layout = _dmd(table, described), _layout(table, described)
    _check_figures(table, described)
    region = read_region(table)
    layout.check_fits(dmd)
    openers = {kind: _opener(kind, own, stand_in) for kind, own in devices.items()}
    # What stands in for devices aside, none is opened before this line.
    parts = {kind: _opened(opener, opened) for kind, opener in openers.items()}
    set_camera(parts["camera"], region, of_camera)
    figures = _figures(table, parts["camera"], described)
    settings["clock"] = time.monotonic if stand_in is None else stand_in.clock
    return DeviceBench(**parts, dmd=dmd, layout=layout, figures=figures, **settings)


def _opener(kind: str, table: Table, stand_in: StandIn | None) -> Callable[[], Any]:
    """Return what opens a device, its arguments checked."""
    own = dict(table)
    name = own.pop("driver")
    if stand_in is not None and name in STAND_INS:
        device = getattr(stand_in, kind)
        if device is None:
            raise ValueError(f"[{kind}] driver = {name!r}: its bench has no such device; leave the table out")
        return lambda: device
    adapter = find_driver(name, DRIVERS[kind], where=f"[{kind}]")
    return partial(adapter, **read_arguments(adapter, own, where=f"[{kind}]"))


def _opened(opener: Callable[[], Any], opened: ExitStack) -> Any:
    """Return a device, opened; it is released with the stack."""
    device = opener()
    opened.callback(_release, device)
    return device


def _release(device: Any) -> None:
    """Close a device after an error, which is the one to report."""
    with suppress(Exception):
        device.close()


def _dmd(table: Table, described: BenchDescription | None) -> Dmd:
    """Return the mirrors: a part, figures, or those of the bench that is simulated."""
    if "dmd" not in table and described is not None:
        return described.dmd
    _require(table, "dmd")
    own = as_table(table["dmd"], where="[dmd]")
    if "part" in own:
        return dmd_from_part(own, where="[dmd]")
    dmd: Dmd = read_description(Dmd, own, where="[dmd]")
    return dmd


def _layout(table: Table, described: BenchDescription | None) -> Layout:
    """Return which mirrors carry which component."""
    if "layout" not in table and described is not None:
        return described.layout
    _require(table, "layout")
    own = dict(as_table(table["layout"], where="[layout]"))
    kind = own.pop("kind", next(iter(LAYOUTS)))
    check_choice("[layout] kind", kind, list(LAYOUTS))
    layout: Layout = read_description(LAYOUTS[kind], own, where="[layout]")
    return layout


def _check_figures(table: Table, described: BenchDescription | None) -> None:
    """Refuse a file that says of the camera's figures nothing, or two things, before any device is opened."""
    given = [key for key in ("figures", "starting_figures") if key in table]
    if len(given) == 2:
        raise ValueError("[figures] and [starting_figures] are both there: keep [figures] once the camera is measured")
    if not given and described is None:
        raise ValueError(
            "the devices file lacks [figures]: gain, noise and black level of the camera, or its part; where nobody "
            "has measured it take [starting_figures] with pixel_pitch and full_well"
        )
    if "figures" in given and "part" in as_table(table["figures"], where="[figures]"):
        _require(table, "wavelength")


def _figures(table: Table, camera: FrameCamera, described: BenchDescription | None) -> Camera:
    """Return the figures of the camera; pixels that are not given are the device's."""
    rows, columns = camera.shape
    if "starting_figures" in table:
        where, known = "[starting_figures]", ("pixel_pitch", "full_well", "quantum_efficiency")
        start = as_table(table["starting_figures"], where=where)
        check_keys(start, known=known, required=known[:2], where=where)
        return starting_figures(camera, **{key: read_value(key, start[key], float, where=where) for key in start})
    if "figures" not in table and described is not None:
        return described.camera
    own = {"rows": rows, "columns": columns, **as_table(table["figures"], where="[figures]")}
    if "part" in own:
        wavelength = read_value("wavelength", table["wavelength"], float, where="")
        return camera_from_part(own, wavelength=wavelength, where="[figures]")
    figures: Camera = read_description(Camera, own, where="[figures]")
    return figures


def _require(table: Table, key: str) -> None:
    """Refuse a file that lacks what real devices need."""
    if key not in table:
        raise ValueError(f"the devices file lacks {key}")
