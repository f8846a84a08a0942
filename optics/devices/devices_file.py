"""Devices files: TOML tables that open the devices of a bench."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

from optics.devices.camera_settings import read_region, set_camera
from optics.devices.described_parts import check_figures, read_dmd, read_figures, read_layout, read_wavelength
from optics.devices.device_bench import DeviceBench
from optics.devices.driver_table import check_driver, find_driver, read_arguments
from optics.devices.errors import DeviceError
from optics.devices.stand_ins import STAND_INS, StandIn, described_stand_in, open_stand_in
from optics.files.description_file import (
    Table,
    as_table,
    check_keys,
    find_description,
    load_toml,
    read_value,
    shipped_names,
)

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

PARTS = ("region", "dmd", "layout", "laser", "figures", "starting_figures")


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
        and ``starting_figures`` stand in their place where nobody has measured the camera; once an identification has,
        ``twin`` in ``figures`` names the twin's file. ``laser`` holds the ``wavelength``, in metres: the bench needs it
        where ``figures`` name a part, an identification always. ``region`` (rows, columns, top, left), ``gain_db`` and
        ``exposure_time`` are set on the camera; ``retries``, ``lost_frames``, ``step_by_step`` and ``frame_period``
        are the bench's.

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


def known_wavelength(path: str | Path) -> float | None:
    """Return the wavelength of a bench of devices, without opening them.

    Parameters
    ----------
    path : str or Path
        As for `open_devices`.

    Returns
    -------
    float or None
        What ``laser`` of the file states, in metres; otherwise that of the bench whose devices are simulated or
        emulated; None where neither is there.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no TOML, or states no wavelength that a laser can have.
    """
    file = find_description(path, folder="devices", kind="devices")
    table = load_toml(file)
    try:
        stated = read_wavelength(table, None)
        camera = table.get("camera")
        if stated is not None or not isinstance(camera, Mapping) or camera.get("driver") not in STAND_INS:
            return stated
        return described_stand_in(camera, folder=file.parent).laser.wavelength
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(f"{file}: {error}") from error


def _open(table: Table, folder: Path, opened: ExitStack) -> DeviceBench:
    """Return the bench of a table; what it opens is put on the stack, to be released if anything goes wrong."""
    known = (*DRIVERS, *PARTS, *SETTINGS, *CAMERA_SETTINGS)
    check_keys(table, known=known, required=("camera", "modulator"), where="the devices file")
    devices = {kind: as_table(table[kind], where=f"[{kind}]") for kind in DRIVERS if kind in table}
    for kind, own in devices.items():
        check_keys(own, known=(*own, "driver"), required=("driver",), where=f"[{kind}]")
        check_driver(
            read_value("driver", own["driver"], str, where=f"[{kind}]"), DRIVERS[kind], where=f"[{kind}]"
        )  # now, so that a slip of the pen is not taken for another device
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
    dmd, layout = read_dmd(table, described), read_layout(table, described)
    read_wavelength(table, described)  # a mistake in it is told now
    check_figures(table, described)
    region = read_region(table)
    layout.check_fits(dmd)
    openers = {kind: _opener(kind, own, stand_in) for kind, own in devices.items()}
    # What stands in for devices aside, none is opened before this line.
    parts = {kind: _opened(opener, opened) for kind, opener in openers.items()}
    set_camera(parts["camera"], region, of_camera)
    figures = read_figures(table, parts["camera"], described, folder=folder)
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
    return partial(adapter, **read_arguments(adapter, own, where=f"[{kind}]", besides=("driver",)))


def _opened(opener: Callable[[], Any], opened: ExitStack) -> Any:
    """Return a device, opened; it is released with the stack."""
    device = opener()
    opened.callback(_release, device)
    return device


def _release(device: Any) -> None:
    """Close a device after an error, which is the one to report."""
    with suppress(Exception):
        device.close()
