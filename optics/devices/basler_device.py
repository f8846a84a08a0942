"""A camera that pylon drives: opened, its settings by name, the driver's errors turned into ours."""

import importlib
import os
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from optics.devices.errors import DeviceAbsentError, DeviceError, DriverMissingError, FrameLostError


class PylonDevice:
    """An opened camera and its settings.

    Parameters
    ----------
    serial : str or None
        Serial number; None takes the only camera that answers.

    Attributes
    ----------
    camera : object
        pylon's ``InstantCamera``.
    pylon : module
        The driver.

    Raises
    ------
    DriverMissingError
        If pypylon is not installed.
    DeviceAbsentError
        If no such camera answers.
    ValueError
        If several cameras answer and none is named.
    DeviceError
        If the camera is in other hands.
    """

    def __init__(self, serial: str | None) -> None:
        self.pylon, self._genicam = _driver()
        self.camera = _open(self.pylon, self._genicam, serial=serial)
        info = self.camera.GetDeviceInfo()
        self.serial, self.kind = str(info.GetSerialNumber()), str(info.GetDeviceClass())
        self._name = f"the camera {info.GetModelName()} {self.serial}"

    def __str__(self) -> str:
        return self._name

    def has(self, name: str, *, writable: bool = False) -> bool:
        """Return whether a setting can be read, or written, now.

        Parameters
        ----------
        name : str
            Its GenICam name.
        writable : bool, optional
            Whether to ask for writing.

        Returns
        -------
        bool
            Whether it can.
        """
        node = self.camera.GetNodeMap().GetNode(name)
        return bool(self._genicam.IsWritable(node) if writable else self._genicam.IsReadable(node))

    def node(self, name: str) -> Any:
        """Return a setting with its limits.

        Parameters
        ----------
        name : str
            Its GenICam name.

        Returns
        -------
        object
            The driver's node.

        Raises
        ------
        ValueError
            If the camera has no such setting.
        """
        with self.errors(f"looking for {name}"):
            node = self.camera.GetNodeMap().GetNode(name)
        if not self._genicam.IsImplemented(node):
            raise ValueError(f"{self} has no setting {name!r}: the pylon viewer lists those that it has")
        return node

    def read(self, name: str) -> Any:
        """Return a setting.

        Parameters
        ----------
        name : str
            Its GenICam name.

        Returns
        -------
        object
            Number, word or truth value.
        """
        with self.errors(f"reading {name}"):
            return self.node(name).Value

    def write(self, name: str, value: Any) -> None:
        """Make a setting.

        Parameters
        ----------
        name : str
            Its GenICam name.
        value : object
            Number, word or truth value, in the camera's own unit.

        Raises
        ------
        ValueError
            If the camera has no such setting or does not take the value; the message says what it takes.
        """
        node = self.node(name)
        try:
            with self.errors(f"setting {name}"):
                node.Value = value
        except (self._genicam.OutOfRangeException, self._genicam.InvalidArgumentException) as error:
            raise ValueError(f"{name} = {value!r} is not allowed: {self} takes {self._allowed(node)}") from error

    def errors(self, doing: str) -> AbstractContextManager[None]:
        """Return a context that turns the driver's errors into ours.

        What took too long is a `FrameLostError`, a camera that is gone a `DeviceAbsentError`, anything else a
        `DeviceError`; values that a setting does not take pass.

        Parameters
        ----------
        doing : str
            What is being done, in messages.

        Returns
        -------
        context manager
            For a ``with`` block around calls of the driver.
        """
        return self._translated(doing)

    def close(self) -> None:
        """Release the camera; closing twice does no harm."""
        with suppress(self._genicam.GenericException):  # one that is gone cannot be stopped
            self.camera.StopGrabbing()
        with suppress(self._genicam.GenericException):
            self.camera.Close()
            self.camera.DestroyDevice()

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        """Turn the driver's errors into ours."""
        try:
            yield
        except (self._genicam.OutOfRangeException, self._genicam.InvalidArgumentException):
            raise
        except self._genicam.TimeoutException as error:
            raise FrameLostError(f"{doing} took {self} too long: {error}") from error
        except self._genicam.GenericException as error:
            if self.camera.IsCameraDeviceRemoved():
                raise DeviceAbsentError(f"{self} was unplugged while {doing}: connect it and open it anew") from error
            raise DeviceError(f"{doing} failed on {self}: {error}") from error

    def _allowed(self, node: Any) -> str:
        """Return in words what a setting takes."""
        if isinstance(node, self._genicam.IEnumeration):
            return f"one of {list(node.Symbolics)}"
        step = f" in steps of {node.GetInc()}" if not hasattr(node, "HasInc") or node.HasInc() else ""
        return f"{node.GetMin():g} to {node.GetMax():g}{step}"


def _driver() -> tuple[Any, Any]:
    """Return pypylon's two modules."""
    try:
        # pypylon's compiled part warns while it loads, and the process dies where warnings are errors.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("pypylon.pylon"), importlib.import_module("pypylon.genicam")
    except ImportError as error:
        raise DriverMissingError(
            f'a Basler camera needs pypylon, which does not load ({error}): pip install "opubench[basler]"'
        ) from error


def _open(pylon: Any, genicam: Any, *, serial: str | None) -> Any:
    """Return an opened camera."""
    factory = pylon.TlFactory.GetInstance()
    found = {str(info.GetSerialNumber()): info for info in factory.EnumerateDevices()}
    if serial is None and len(found) > 1:
        raise ValueError(f"several Basler cameras answer: take serial = one of {sorted(found)}")
    if not found or (serial is not None and serial not in found):
        emulated = os.environ.get("PYLON_CAMEMU", "0")
        raise DeviceAbsentError(
            f"{'no Basler camera' if serial is None else f'no Basler camera {serial}'} answers; found: "
            f"{', '.join(sorted(found)) or 'none'} (PYLON_CAMEMU = {emulated} emulated ones). Is it plugged in, and "
            "closed in the pylon viewer?"
        )
    camera = pylon.InstantCamera(factory.CreateDevice(found[serial] if serial else next(iter(found.values()))))
    try:
        camera.Open()
    except genicam.GenericException as error:
        camera.DestroyDevice()
        raise DeviceError(f"the camera {serial or ''} does not open: {error}; close it elsewhere") from error
    return camera
