"""A Basler camera, through pypylon."""

import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import numpy as np

from optics.camera import Counts
from optics.devices.basler_device import PylonDevice
from optics.devices.basler_series import SeriesCollector
from optics.devices.errors import DeviceError, FrameLostError
from optics.devices.pixel_formats import FORMAT_BITS, unpack
from optics.devices.protocols import Burst
from optics.validation import check_choice, check_count, check_number

EXPOSURE_NODES = ("ExposureTime", "ExposureTimeAbs")
"""Names of the exposure time among a camera's settings, in microseconds; older GigE cameras have the second."""

LEAST_STEP = 1e-6
"""Step of the exposure time, in seconds, where a camera names none."""

LINEAR = {
    "ExposureAuto": "Off", "GainAuto": "Off", "ExposureMode": "Timed", "GammaEnable": False, "Gamma": 1.0,
    "DigitalShift": 0, "BinningHorizontal": 1, "BinningVertical": 1, "TestImageSelector": "Off", "TestPattern": "Off",
}  # fmt: skip
"""Settings without which counts do not follow the light; made where a camera has them."""

READY_POLL = 5
"""Milliseconds of one wait until the camera is ready for a trigger; other threads have their turn in between."""

BUFFERS = 32
"""Buffers that the driver fills ahead of us."""

GIGE_BLOCKS = 65535
"""Numbers that a GigE camera gives to its frames, from 1 on, before it begins again."""


class BaslerCamera:
    """A Basler camera, or pylon's emulation of one: `FrameCamera`, `BurstCamera`, `RegionCamera` and `GainCamera`.

    Parameters
    ----------
    serial : str or None, optional
        Serial number; None takes the only camera that answers.
    pixel_format : str, optional
        Format that the camera delivers, a key of `optics.devices.pixel_formats.FORMAT_BITS`.
    time_out : float, optional
        Longest wait for a frame beyond its exposure time, in seconds; after as long without a frame a series is over.
    trigger_source : str, optional
        Where the triggers of a series come from: an input of the camera such as ``"Line1"``, or ``"Software"`` for
        `trigger`.
    left : bool, optional
        Whether the camera puts the significant bits of its words at the left.
    black_level : float or None, optional
        Black level to set, in the camera's unit (mostly DN of its finest format); None leaves it.

    Raises
    ------
    DriverMissingError
        If pypylon is not installed.
    DeviceAbsentError
        If no such camera answers.
    ValueError
        If several cameras answer and none is named, or the camera has not this pixel format, trigger or black level.
    DeviceError
        If the camera is in other hands or refuses a setting.

    Notes
    -----
    Automatic exposure and gain, gamma, binning, digital shift and test images are switched off (`LINEAR`): counts must
    follow the light. Between frames that are asked for one by one the camera stays armed for the next, which is
    several times faster than to start it for each; whatever comes late is thrown away with the frames around it.
    """

    def __init__(
        self, serial: str | None = None, *, pixel_format: str = "Mono12", time_out: float = 1.0,
        trigger_source: str = "Line1", left: bool = False, black_level: float | None = None,
    ) -> None:  # fmt: skip
        check_choice("pixel_format", pixel_format, tuple(FORMAT_BITS))
        check_number("time_out", time_out, unit="s", above=0, at_most=3600)
        self._time_out, self._left, self._format = time_out, left, pixel_format
        self._series: SeriesCollector | None = None
        self._grabbing = False
        self._device = PylonDevice(serial)
        try:
            self._configure(trigger_source=trigger_source, black_level=black_level)
        except BaseException:
            self.close()
            raise

    @property
    def serial(self) -> str:
        """Return the serial number."""
        return self._device.serial

    @property
    def shape(self) -> tuple[int, int]:
        """Return the pixels of a frame along (y, x)."""
        return self._shape

    @property
    def sensor_shape(self) -> tuple[int, int]:
        """Return the pixels of the whole sensor along (y, x)."""
        return int(self.feature("HeightMax")), int(self.feature("WidthMax"))

    @property
    def bit_depth(self) -> int:
        """Return the significant bits of a count."""
        return FORMAT_BITS[self._format]

    @property
    def exposure_time(self) -> float:
        """Return the exposure time that the camera granted, in seconds."""
        return 1e-6 * float(self.feature(self._exposure_node))

    @exposure_time.setter
    def exposure_time(self, requested: float) -> None:
        low, high, _ = self.exposure_limits
        check_number("exposure_time", requested, unit="s", at_least=low, at_most=high)
        node = self._device.node(self._exposure_node)
        wanted, least = 1e6 * requested, node.GetMin()
        if node.HasInc():  # cameras refuse what is off their grid
            wanted = least + round((wanted - least) / node.GetInc()) * node.GetInc()
        self._device.write(self._exposure_node, min(max(round(wanted, 6), least), node.GetMax()))
        self._set_wait()

    @property
    def exposure_limits(self) -> tuple[float, float, float]:
        """Return the shortest and the longest exposure time and the step between them, in seconds."""
        node = self._device.node(self._exposure_node)
        step = 1e-6 * node.GetInc() if node.HasInc() else LEAST_STEP
        return 1e-6 * node.GetMin(), 1e-6 * node.GetMax(), step

    @property
    def gain_db(self) -> float:
        """Return the gain that the camera granted, in decibels."""
        return float(self.feature("Gain"))

    @gain_db.setter
    def gain_db(self, requested: float) -> None:
        self.set_feature("Gain", float(requested))

    def set_region(self, *, rows: int, columns: int, top: int = 0, left: int = 0) -> None:
        """Read a region; one that the camera does not grant exactly is refused, and the present one stays.

        Parameters
        ----------
        rows, columns : int
            Its pixels.
        top, left : int, optional
            Its first row and column on the sensor.

        Raises
        ------
        ValueError
            If the region leaves the sensor or is off the camera's grid.
        """
        check_count("rows", rows)
        check_count("columns", columns)
        check_count("top", top, at_least=0)
        check_count("left", left, at_least=0)
        wanted = {"Height": rows, "Width": columns, "OffsetY": top, "OffsetX": left}
        present = {name: int(self.feature(name)) for name in wanted}
        try:
            self._write_region(wanted)
        except BaseException:
            self._write_region(present)
            raise

    def feature(self, name: str) -> Any:
        """Return a setting of the camera by its GenICam name.

        Parameters
        ----------
        name : str
            For instance ``"DeviceTemperature"``.

        Returns
        -------
        object
            Number, word or truth value.

        Raises
        ------
        ValueError
            If the camera has no such setting.
        """
        return self._device.read(name)

    def set_feature(self, name: str, value: Any) -> None:
        """Make a setting of the camera by its GenICam name; a series that is armed is given up.

        Parameters
        ----------
        name : str
            For instance ``"BlackLevel"``.
        value : object
            Number, word or truth value, in the camera's own unit.

        Raises
        ------
        ValueError
            If the camera has no such setting or does not take the value; the message says what it takes.
        """
        self.stop()
        self._device.write(name, value)
        self._shape = int(self.feature("Height")), int(self.feature("Width"))
        self._set_wait()

    def stop(self) -> None:
        """Stop grabbing and forget what has come; the next frame starts anew."""
        series, self._series, self._grabbing = self._series, None, False
        if series is not None:
            series.stop()
        with self._device.errors("stopping"):
            self._device.camera.StopGrabbing()

    def trigger(self) -> None:
        """Trigger an exposure by software, once the camera is ready for it.

        Raises
        ------
        FrameLostError
            If it does not get ready in time.
        """
        camera, pylon = self._device.camera, self._device.pylon
        with self._device.errors("triggering"):
            deadline = time.monotonic() + 1e-3 * self._wait
            while not camera.WaitForFrameTriggerReady(READY_POLL, pylon.TimeoutHandling_Return):
                if time.monotonic() > deadline:
                    raise FrameLostError(
                        f"{self._device} was not ready for a trigger within {self._wait} ms: is it still exposing?"
                    )
                time.sleep(1e-3)  # the driver waits with the interpreter held: let a series give its buffers back
            camera.ExecuteSoftwareTrigger()

    def snap(self) -> Counts:
        """Take a frame and return its counts in DN, shape (y, x).

        Returns
        -------
        ndarray of uint8 or uint16, shape (y, x)
            Counts.

        Raises
        ------
        FrameLostError
            If it did not arrive whole and in time; it may be asked for again.
        DeviceError
            If the frame is of another size or format than was set, or the camera is gone.
        """
        try:
            if self._series is not None or not self._grabbing or self._device.camera.NumReadyBuffers.Value:
                self._start("Software")
            self.trigger()
            return self._retrieve()
        except BaseException:
            self.stop()  # what comes late must not be taken for the next frame
            raise

    def arm(self, count: int) -> None:
        """Get ready to take a frame at each of the next triggers.

        Parameters
        ----------
        count : int
            Number of triggers.
        """
        check_count("count", count)
        self._start(self._source)
        shape = (count, *self._shape)
        counts: Counts = np.empty(shape, np.uint8) if self.bit_depth <= 8 else np.empty(shape, np.uint16)
        self._series = SeriesCollector(self._device.camera, self._device.pylon, counts=counts, read=self._read)

    def fetch(self) -> Burst:
        """Return the frames of the series once it is over or nothing comes any more, and disarm.

        Returns
        -------
        Burst
            The frames that came whole, with the numbers of their triggers.

        Raises
        ------
        RuntimeError
            If no series is armed.
        FrameLostError
            If it cannot be told which triggers were not answered.
        """
        if self._series is None:
            raise RuntimeError("no series is armed: call arm(count) before the triggers come")
        gige = self._device.kind == "BaslerGigE"
        try:
            with self._device.errors("taking a series"):
                self._series.finish(quiet=1e-3 * self._wait)
            return self._series.burst(first=int(gige), wrap=GIGE_BLOCKS if gige else 0, tick=self._tick)
        finally:
            self.stop()

    def close(self) -> None:
        """Release the camera; closing twice does no harm."""
        with suppress(DeviceError):  # a camera that is gone cannot be stopped
            self.stop()
        self._device.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _tick(self) -> float:
        """Unit of the camera's clock, in seconds."""
        name = "GevTimestampTickFrequency"
        return 1.0 / float(self.feature(name)) if self._device.has(name) else 1e-9

    def _set_wait(self) -> None:
        """Work out the longest wait for a frame, in milliseconds."""
        self._wait = round(1e3 * (self._time_out + self.exposure_time))

    def _configure(self, *, trigger_source: str, black_level: float | None) -> None:
        """Make the settings that never change."""
        device = self._device
        names = [name for name in EXPOSURE_NODES if device.has(name)]
        if not names:
            raise DeviceError(f"{device} has none of the settings {EXPOSURE_NODES}: its exposure time cannot be set")
        self._exposure_node, self._source = names[0], trigger_source
        fixed = {name: value for name, value in LINEAR.items() if device.has(name, writable=True)}
        fixed |= {"PixelFormat": self._format, "TriggerSelector": "FrameStart", "TriggerMode": "On"}
        fixed |= {"TriggerSource": trigger_source}
        if black_level is not None:
            fixed["BlackLevel"] = float(black_level)
        for name, value in fixed.items():
            self.set_feature(name, value)

    def _start(self, source: str) -> None:
        """Start grabbing, triggered."""
        self.stop()
        self._device.write("TriggerSource", source)
        with self._device.errors("starting"):
            self._device.camera.MaxNumBuffer.Value = BUFFERS
            self._device.camera.StartGrabbing(self._device.pylon.GrabStrategy_OneByOne)
        self._grabbing = True

    def _retrieve(self) -> Counts:
        """Return the next frame that comes."""
        device = self._device
        with device.errors("waiting for a frame"):
            result = device.camera.RetrieveResult(self._wait, device.pylon.TimeoutHandling_Return)
            if not result.IsValid():
                raise FrameLostError(
                    f"no frame of {device} came within {self._wait} ms: look at its cable, or raise time_out"
                )
            try:
                if not result.GrabSucceeded():
                    why = result.GetErrorDescription()
                    raise FrameLostError(f"a frame of {device} came damaged ({why}): lower its data rate")
                return self._read(result)
            finally:
                result.Release()

    def _read(self, result: Any) -> Counts:
        """Return the counts of a frame that came whole."""
        shape = (int(result.GetHeight()), int(result.GetWidth()))
        if shape != self._shape:
            raise DeviceError(
                f"{self._device} delivered {shape} pixels, its region has {self._shape}: set the region again"
            )
        return unpack(
            result.GetBuffer(), pixel_format=self._format, shape=shape, padding=int(result.GetPaddingX()),
            left=self._left,
        )  # fmt: skip

    def _write_region(self, region: dict[str, int]) -> None:
        """Write a region, first the origin so that any size is allowed."""
        for name in ("OffsetY", "OffsetX"):
            self.set_feature(name, self._device.node(name).GetMin())
        for name, value in region.items():
            self.set_feature(name, value)
            if self.feature(name) != value:
                raise ValueError(f"{name} = {value} was not granted, {self._device} took {self.feature(name)}")
