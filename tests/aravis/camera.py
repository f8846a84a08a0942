"""A GigE Vision camera through Aravis: the smallest client that is a `FrameCamera`."""

import ctypes
from typing import Self

import numpy as np

from optics import Shutter
from optics.camera import Counts
from optics.devices.errors import DeviceAbsentError, DeviceError, FrameLostError
from tests.aravis.library import PIXEL_FORMATS, call, release, set_property

PACKET_SOCKET_DISABLED = 1
SOCKET_BUFFER_FIXED, SOCKET_BUFFER_BYTES = 0, 4 * 2**20
RESEND_NEVER = 0
STATUS = {
    -1: "unknown", 1: "cleared", 2: "timed out", 3: "packets are missing", 4: "wrong packet", 5: "size mismatch",
    6: "still filling", 7: "aborted", 8: "payload not supported",
}  # fmt: skip
"""What can have become of a frame; 0 is success."""


class AravisCamera:
    """A GigE Vision camera that is triggered by software.

    Parameters
    ----------
    address : str
        Its IP address.
    bit_depth : {8, 16}
        Mono8 or Mono16.
    timeout : float, optional
        How long a frame may take beyond its exposure, in seconds.

    Notes
    -----
    After a frame was lost the stream is made anew, on a socket of its own: a frame that comes late finds nobody, and
    the next call of `snap` cannot take it for its own.
    """

    def __init__(self, address: str, *, bit_depth: int, timeout: float = 1.0) -> None:
        self.bit_depth, self.timeout, self._stream = bit_depth, timeout, 0
        try:
            self._camera = call("arv_camera_new", address.encode())
        except DeviceError as error:
            raise DeviceAbsentError(f"no GigE Vision camera answers at {address}: {error}") from error
        try:
            self._configure()
            self._open_stream()
        except DeviceError:
            self.close()
            raise

    def _configure(self) -> None:
        columns, rows = ctypes.c_int(), ctypes.c_int()
        call("arv_camera_get_sensor_size", self._camera, columns, rows)
        self.shape = rows.value, columns.value
        call("arv_camera_set_region", self._camera, 0, 0, columns, rows)
        call("arv_camera_set_pixel_format", self._camera, PIXEL_FORMATS[self.bit_depth])
        call("arv_camera_set_trigger", self._camera, b"Software")
        call("arv_camera_gv_set_stream_options", self._camera, PACKET_SOCKET_DISABLED)
        shortest, longest = ctypes.c_double(), ctypes.c_double()
        call("arv_camera_get_exposure_time_bounds", self._camera, shortest, longest)
        self._shutter = Shutter(
            exposure_minimum=shortest.value / 1e6, exposure_maximum=longest.value / 1e6, exposure_step=1e-6
        )

    def _open_stream(self) -> None:
        self._stream = call("arv_camera_create_stream", self._camera, None, None)
        set_property(self._stream, "socket-buffer", SOCKET_BUFFER_FIXED)
        set_property(self._stream, "socket-buffer-size", SOCKET_BUFFER_BYTES)
        set_property(self._stream, "packet-resend", RESEND_NEVER)
        call("arv_camera_start_acquisition", self._camera)

    def _close_stream(self) -> None:
        if self._stream:
            stream, self._stream = self._stream, 0
            try:
                call("arv_camera_stop_acquisition", self._camera)
            finally:
                release(stream)

    @property
    def exposure_time(self) -> float:
        """Return the exposure time that the camera granted, in seconds."""
        return self._shutter.granted_exposure(call("arv_camera_get_exposure_time", self._camera) / 1e6)

    @exposure_time.setter
    def exposure_time(self, requested: float) -> None:
        granted = self._shutter.granted_exposure(requested)
        call("arv_camera_set_exposure_time", self._camera, float(round(granted * 1e6)))

    @property
    def exposure_limits(self) -> tuple[float, float, float]:
        """Return the shortest and the longest exposure time and the step between them, in seconds."""
        shutter = self._shutter
        return shutter.exposure_minimum, shutter.exposure_maximum, shutter.exposure_step

    def snap(self) -> Counts:
        """Trigger a frame and return its counts in DN, shape (y, x)."""
        patience = self.timeout + self.exposure_time
        # The stream holds no buffer but that of the frame that is awaited: what nobody asked for finds no place.
        payload = call("arv_camera_get_payload", self._camera)
        call("arv_stream_push_buffer", self._stream, call("arv_buffer_new_allocate", payload))
        call("arv_camera_software_trigger", self._camera)
        buffer = call("arv_stream_timeout_pop_buffer", self._stream, round(patience * 1e6))
        if not buffer:
            self._renew_stream()
            raise FrameLostError(f"no frame came within {patience:g} s of its trigger: take it again")
        try:
            status = call("arv_buffer_get_status", buffer)
            if not status:
                return self._counts(buffer)
        finally:
            release(buffer)
        self._renew_stream()
        raise FrameLostError(f"a frame came damaged ({STATUS[status]}): take it again")

    def _counts(self, buffer: int) -> Counts:
        """Return a copy of the counts in a buffer."""
        size = ctypes.c_size_t()
        data = call("arv_buffer_get_data", buffer, size)
        counts = np.empty(self.shape, np.uint8) if self.bit_depth == 8 else np.empty(self.shape, np.uint16)
        counts[...] = np.frombuffer(ctypes.string_at(data, size.value), counts.dtype).reshape(self.shape)
        return counts

    def _renew_stream(self) -> None:
        self._close_stream()
        self._open_stream()

    def close(self) -> None:
        """Release the camera; closing twice does no harm."""
        if self._camera:
            camera = self._camera
            try:
                self._close_stream()
            finally:
                self._camera = 0
                release(camera)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
