"""Micro-Manager's core: found, told where the device adapters are, and a camera loaded into it."""

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optics.devices.errors import DeviceAbsentError, DeviceError, DriverMissingError

LABEL = "Camera"
"""What a camera is called in the core where no configuration names it."""

CORE_ERRORS = (RuntimeError, OSError, ValueError)
"""What the core raises, by the code that the device adapter returned."""

EXTRA = 'pip install "opubench[micro-manager]"'


def new_core(folder: str | Path | None) -> Any:
    """Return Micro-Manager's core, told where the adapters are.

    Parameters
    ----------
    folder : str, Path or None
        Folder of the device adapters; None takes the installation that pymmcore-plus finds.

    Returns
    -------
    pymmcore.CMMCore
        A core of its own, empty.

    Raises
    ------
    DriverMissingError
        If pymmcore or the adapters are missing.
    """
    try:
        pymmcore = importlib.import_module("pymmcore")
        found = str(folder) if folder is not None else importlib.import_module("pymmcore_plus").find_micromanager()
    except ImportError as error:
        raise DriverMissingError(f"Micro-Manager cameras need pymmcore-plus ({error}): {EXTRA}") from error
    if not found:
        raise DriverMissingError(
            "no installation of Micro-Manager is found: run `mmcore install`, or give adapter_folder"
        )
    core = pymmcore.CMMCore()
    core.setDeviceAdapterSearchPaths([found])
    return core


def configured_camera(core: Any, file: Path) -> str:
    """Load a configuration and return the label of its camera.

    Parameters
    ----------
    core : pymmcore.CMMCore
        The core.
    file : Path
        Configuration file.

    Returns
    -------
    str
        The label.

    Raises
    ------
    FileNotFoundError
        If the file is not there.
    DeviceAbsentError
        If a device does not load, or none is the camera.
    """
    if not file.is_file():
        raise FileNotFoundError(f"configuration {file} is not there: give the path of a file of Micro-Manager")
    with as_device_error(f"configuration {file} did not load", DeviceAbsentError):
        core.loadSystemConfiguration(str(file))
    label = str(core.getCameraDevice())
    if not label:
        raise DeviceAbsentError(f"configuration {file} has no camera: give it one as its role Camera")
    return label


def loaded_camera(core: Any, adapter: str, device: str) -> str:
    """Load a camera by its name and return its label.

    Parameters
    ----------
    core : pymmcore.CMMCore
        The core.
    adapter, device : str
        Name of the device adapter and of the camera in it.

    Returns
    -------
    str
        The label.

    Raises
    ------
    DriverMissingError
        If the adapter does not load.
    DeviceAbsentError
        If it has no such camera, or the camera does not answer.
    """
    folder = core.getDeviceAdapterSearchPaths()[0]
    try:
        known = core.getAvailableDevices(adapter)
    except CORE_ERRORS as error:
        raise DriverMissingError(
            f"the device adapter {adapter} did not load from {folder} ({error}): it must be there, and made for the "
            f"{core.getAPIVersionInfo()} of this pymmcore"
        ) from error
    if device not in known:
        raise DeviceAbsentError(f"the device adapter {adapter} has no device {device}, but {list(known)}")
    with as_device_error(f"the camera {device} of {adapter} does not answer", DeviceAbsentError):
        core.loadDevice(LABEL, adapter, device)
        core.initializeDevice(LABEL)
        core.setCameraDevice(LABEL)
    return LABEL


@contextlib.contextmanager
def as_device_error(doing: str, kind: type[DeviceError] = DeviceError) -> Iterator[None]:
    """Turn what the core raises into an error of a device.

    Parameters
    ----------
    doing : str
        What failed then.
    kind : type, optional
        Class of the error.

    Yields
    ------
    None
        While it is being done.

    Raises
    ------
    DeviceError
        If the core raises.
    """
    try:
        yield
    except CORE_ERRORS as error:
        raise kind(f"{doing} ({error})") from error
