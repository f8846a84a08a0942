"""Adapters of one's own, as a devices file names them: a mirror array and a camera that are not there."""

from typing import Any

import numpy as np

from optics import Orientation
from optics.camera import Counts
from optics.devices.errors import DeviceAbsentError

OPENED: list[Any] = []
"""Devices in the order in which they were opened; a test empties it."""


class OwnDevice:
    """Notes whether it is closed."""

    def __init__(self) -> None:
        self.closed = False
        OPENED.append(self)

    def close(self) -> None:
        self.closed = True


class OwnModulator(OwnDevice):
    """48 x 64 mirrors."""

    shape, capacity = (48, 64), 10

    def __init__(self, *, orientation: Orientation = Orientation(), hold: float = 1e-3) -> None:  # noqa: B008
        super().__init__()
        self.orientation, self.hold = orientation, hold

    def load(self, masks: np.ndarray) -> None:
        self.masks = masks

    def show(self, index: int) -> None:
        self.shown = index


class PlainCamera(OwnDevice):
    """A camera of 12 bits with 20 x 30 pixels."""

    bit_depth, exposure_limits = 12, (1e-5, 1.0, 1e-6)

    def __init__(self, serial: str | None = None, *, time_out: float = 1.0, buffers: int = 4) -> None:
        super().__init__()
        if serial == "absent":
            self.close()
            raise DeviceAbsentError("no camera of serial number 'absent': found none")
        self.serial, self.time_out, self.buffers = serial, time_out, buffers
        self.shape, self.time = (20, 30), 1e-3

    @property
    def exposure_time(self) -> float:
        return self.time

    @exposure_time.setter
    def exposure_time(self, requested: float) -> None:
        if not 1e-5 <= requested <= 1:
            raise ValueError(f"exposure_time = {requested:g} s is not allowed: it must be 1e-05 s to 1 s")
        self.time = requested

    def snap(self) -> Counts:
        return np.full(self.shape, 9, np.uint16)


class OwnCamera(PlainCamera):
    """The same with a region and a gain."""

    sensor_shape, gain_db = (20, 30), 0.0

    def set_region(self, *, rows: int, columns: int, top: int = 0, left: int = 0) -> None:
        if top + rows > 20 or left + columns > 30:
            raise ValueError(f"{rows} x {columns} pixels leave the sensor")
        self.shape = (rows, columns)
