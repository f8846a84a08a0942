"""Cameras that Micro-Manager knows, through pymmcore."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from optics.camera import Counts
from optics.devices.errors import DeviceError, FrameLostError
from optics.devices.micro_manager_core import CORE_ERRORS, as_device_error, configured_camera, loaded_camera, new_core
from optics.validation import check_choice, check_count, check_number

MILLISECOND = 1e-3


class MicroManagerCamera:
    """A camera behind one of Micro-Manager's device adapters.

    Parameters
    ----------
    configuration : str, Path or None, optional
        Configuration file of Micro-Manager; its camera is taken. None loads ``adapter`` and ``device``.
    adapter, device : str or None, optional
        Name of the device adapter and of the camera in it, for instance "DemoCamera" and "DCam".
    adapter_folder : str, Path or None, optional
        Folder of the device adapters; None takes the installation that pymmcore-plus finds.
    properties : mapping of str to str or number, optional
        Properties of the camera to set, in this order, for instance ``{"PixelType": "16bit", "BitDepth": 12}``.
    alignment : {"right", "left"}, optional
        Where the significant bits sit in the words that the adapter delivers; counts leave here at the right.
    exposure_step : float, optional
        Step between the exposure times that the camera grants, in seconds. Micro-Manager does not tell it.
    exposure_range : tuple of float or None, optional
        Shortest and longest exposure time, in seconds, where the adapter states none.

    Raises
    ------
    DriverMissingError
        If pymmcore, Micro-Manager's adapters or the one that is asked for are missing.
    DeviceAbsentError
        If there is no such camera, or it does not answer.
    DeviceError
        If a property is refused, or the pixels are no counts of 8 to 16 bits.
    ValueError
        If it is not clear which camera is meant, or the adapter states no range of exposure times and none is given.

    Notes
    -----
    The core keeps quiet about exposure times and regions that the camera does not take: it stays at the old exposure
    time, and a region beyond the sensor is delivered. Both are checked here before they are asked for. The core waits
    for a frame as long as the device adapter does; its time-out arrives as an error, and leaves here as a lost frame.
    """

    def __init__(
        self,
        *,
        configuration: str | Path | None = None,
        adapter: str | None = None,
        device: str | None = None,
        adapter_folder: str | Path | None = None,
        properties: Mapping[str, str | float] | None = None,
        alignment: str = "right",
        exposure_step: float = 1e-6,
        exposure_range: tuple[float, float] | None = None,
    ) -> None:
        if (configuration is None) == (adapter is None) or (adapter is None) != (device is None):
            raise ValueError("which camera is meant is not clear: give a configuration, or an adapter and its device")
        check_choice("alignment", alignment, ("right", "left"))
        check_number("exposure_step", exposure_step, unit="s", above=0)
        self._core: Any = new_core(adapter_folder)
        try:
            if configuration is not None:
                self._camera = configured_camera(self._core, Path(configuration))
            else:
                self._camera = loaded_camera(self._core, str(adapter), str(device))
            for name, value in (properties or {}).items():
                with as_device_error(f"property {name} = {value} is refused"):
                    self._core.setProperty(self._camera, name, value)
            self._read_format(alignment)
            self._limits = self._exposure_range(exposure_range, exposure_step)
        except BaseException:
            self.close()
            raise

    @property
    def shape(self) -> tuple[int, int]:
        """Return the pixels of a frame along (y, x)."""
        core = self._device()
        return core.getImageHeight(), core.getImageWidth()

    @property
    def sensor_shape(self) -> tuple[int, int]:
        """Return the pixels of the whole sensor along (y, x), binned where it is."""
        return self._sensor_shape

    @property
    def bit_depth(self) -> int:
        """Return the significant bits of a count."""
        return self._bits

    @property
    def exposure_limits(self) -> tuple[float, float, float]:
        """Return the shortest and the longest exposure time and the step between them, in seconds."""
        return self._limits

    @property
    def exposure_time(self) -> float:
        """Return the exposure time that the camera granted, in seconds."""
        return float(self._device().getExposure()) * MILLISECOND

    @exposure_time.setter
    def exposure_time(self, requested: float) -> None:
        """Ask for an exposure time, in seconds; reading it back tells what was granted."""
        core = self._device()
        shortest, longest, _ = self._limits
        check_number("exposure_time", requested, unit="s", at_least=shortest, at_most=longest)
        with as_device_error(f"exposure_time = {requested:g} s is refused"):
            core.setExposure(requested / MILLISECOND)

    def set_region(self, *, rows: int, columns: int, top: int = 0, left: int = 0) -> None:
        """Read a region; one that the camera does not grant exactly is refused.

        Parameters
        ----------
        rows, columns : int
            Its pixels.
        top, left : int, optional
            Its first row and column on the sensor.

        Raises
        ------
        ValueError
            If it reaches beyond the sensor, or the camera grants another; the region is then as it was.
        DeviceError
            If the camera refuses, or is closed.
        """
        core = self._device()
        check_count("rows", rows)
        check_count("columns", columns)
        check_count("top", top, at_least=0)
        check_count("left", left, at_least=0)
        height, width = self._sensor_shape
        wanted = [left, top, columns, rows]
        if top + rows > height or left + columns > width:
            raise ValueError(f"{_region(wanted)} is beyond the sensor of {height} x {width} pixels: take a smaller one")
        before = list(core.getROI())
        with as_device_error(f"{_region(wanted)} is refused"):
            core.setROI(*wanted)
        granted = list(core.getROI())
        if granted != wanted or self.shape != (rows, columns):
            core.setROI(*before)
            raise ValueError(
                f"{_region(wanted)} is not granted, but {_region(granted)}: ask for one that the camera takes"
            )

    def snap(self) -> Counts:
        """Take a frame and return its counts.

        Returns
        -------
        ndarray of uint8 or uint16, shape (y, x)
            Counts in DN, a copy of its own.

        Raises
        ------
        FrameLostError
            If it did not arrive whole and in time; it may be asked for again.
        DeviceError
            If counts have more bits than the camera says, or the camera is closed.
        """
        core = self._device()
        try:
            core.snapImage()
            words = core.getImage()
        except CORE_ERRORS as error:
            raise FrameLostError(f"the camera {self._camera} brought no frame ({error}): ask for it again") from error
        if words.shape != self.shape or words.dtype not in (np.uint8, np.uint16):
            raise FrameLostError(
                f"the camera {self._camera} brought {words.dtype} words of shape {words.shape}, not a frame of "
                f"{self.shape} pixels: ask for it again"
            )
        counts = words >> self._shift
        if counts.max() >> self._bits:
            raise DeviceError(
                f"the camera {self._camera} says that it has {self._bits} bits and counts to {counts.max()}: give "
                "alignment='left' if its bits are at the left, or set the property of its bits"
            )
        return np.array(counts, np.uint8) if self._bits <= 8 else np.array(counts, np.uint16)

    def close(self) -> None:
        """Release the camera; closing twice does no harm."""
        core, self._core = self._core, None
        if core is not None:
            core.unloadAllDevices()

    def __enter__(self) -> Self:
        """Return the camera."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _device(self) -> Any:
        """Return the core, or say that the camera is closed."""
        if self._core is None:
            raise DeviceError("the Micro-Manager camera is closed: make a new MicroManagerCamera")
        return self._core

    def _read_format(self, alignment: str) -> None:
        """Read what a frame is, of the whole sensor."""
        core = self._core
        self._bits = int(core.getImageBitDepth())
        width = 8 * int(core.getBytesPerPixel())
        if core.getNumberOfComponents() != 1 or width not in (8, 16) or not self._bits <= width:
            raise DeviceError(
                f"the camera {self._camera} delivers {core.getNumberOfComponents()} values of {self._bits} bits in "
                f"{width} bits a pixel: set the property of its pixel type to grey levels of 8 or 16 bits"
            )
        self._shift = width - self._bits if alignment == "left" else 0
        core.clearROI()
        self._sensor_shape = self.shape

    def _exposure_range(self, stated: tuple[float, float] | None, step: float) -> tuple[float, float, float]:
        """Return shortest, longest and step; a shortest of zero is one step, for no time is no exposure."""
        core, camera, name = self._core, self._camera, "Exposure"
        if stated is None:
            if not (core.hasProperty(camera, name) and core.hasPropertyLimits(camera, name)):
                raise ValueError(
                    f"the camera {camera} states no range of exposure times: give exposure_range, in seconds"
                )
            stated = (
                core.getPropertyLowerLimit(camera, name) * MILLISECOND,
                core.getPropertyUpperLimit(camera, name) * MILLISECOND,
            )
        shortest, longest = stated
        check_number("exposure_range[1]", longest, unit="s", at_least=max(shortest, step))
        return max(shortest, step), longest, step


def _region(place: list[int]) -> str:
    """Return a region of the core, (x, y, width, height), in words."""
    left, top, columns, rows = place
    return f"a region of {rows} x {columns} pixels at row {top}, column {left}"
