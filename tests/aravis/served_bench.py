"""A simulated bench whose camera is a GigE Vision camera on 127.0.0.1, in a process of its own.

What the camera is told (exposure time, trigger) and its frames travel over GVCP and GVSP. Which mask the mirrors show
and whether the laser is on travel through a pipe, as they would through cables of their own.
"""

import ctypes
import socket
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optics import BenchDescription, FrameRenderer, SimulatedBench
from optics.devices.errors import DeviceError
from tests.aravis.library import FILL_PATTERN, PIXEL_FORMATS, call, release, set_property

REGISTERS = {"Width": 0x100, "Height": 0x104, "SensorHeight": 0x118, "SensorWidth": 0x11C}
"""Addresses in the fake camera's GenICam description."""

FASTEST = 1000.0
"""Rate at which the fake camera looks for triggers, in hertz; it would be 25 of itself."""

HOST, PORT = "127.0.0.1", 3956
"""Where GigE Vision cameras listen, one at a time."""

PORT_PATIENCE = 40.0
"""Time that another camera on this machine is given to leave the port, in seconds."""


def claim_port() -> socket.socket:
    """Return a socket that keeps others of our kind away from the port as long as it is open.

    The library starts a second camera on a port that is taken, which then spoils the traffic of the first.
    """
    until = time.monotonic() + PORT_PATIENCE
    while True:
        claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            claim.bind((HOST, PORT))  # the same number in TCP, where cameras have no business
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind((HOST, PORT))
        except OSError as error:
            claim.close()
            if time.monotonic() > until:
                raise DeviceError(f"UDP port {PORT} of {HOST} is not free: is another camera there? {error}") from error
            time.sleep(0.1)
        else:
            return claim


class ServedBench:
    """The bench behind the wire: what it shows, and which frames go wrong."""

    def __init__(self) -> None:
        self._fill = FILL_PATTERN(self._expose)  # kept: the library holds no reference
        self._claim = claim_port()
        self._server = call("arv_gv_fake_camera_new", HOST.encode(), b"simulated")
        camera = call("arv_gv_fake_camera_get_fake_camera", self._server)
        call("arv_fake_camera_set_trigger_frequency", camera, FASTEST)
        call("arv_fake_camera_set_fill_pattern", camera, self._fill, None)

    def put(self, description: BenchDescription, seed: int) -> None:
        """Put a fresh bench behind the wire, in place of the one that is there."""
        self._bench = SimulatedBench(description, seed=seed)
        self._renderer = FrameRenderer(description.layout, description.dmd)
        owner = description.layout.mirror_inputs(description.dmd).ravel()
        self._mirrors = np.array([np.flatnonzero(owner == index)[0] for index in range(description.layout.inputs)])
        self._states = np.zeros(description.layout.inputs, np.bool_)
        self._light = True
        self._spoilt: dict[int, tuple[float, float]] = {}
        camera = call("arv_gv_fake_camera_get_fake_camera", self._server)
        rows, columns = self._bench.camera.shape
        for name, value in {"Width": columns, "Height": rows, "SensorWidth": columns, "SensorHeight": rows}.items():
            call("arv_fake_camera_write_register", camera, REGISTERS[name], value)

    def show(self, mask: NDArray[np.bool_]) -> None:
        """Show a mask of mirrors; one that is no pattern of macropixels is refused."""
        states = mask.ravel()[self._mirrors]
        if not np.array_equal(self._renderer.render(states[np.newaxis])[0], mask):
            raise ValueError("the mask is not made of the layout's macropixels")
        self._states = states

    def switch(self, light: bool) -> None:
        """Let the laser's light through, or block it."""
        self._light = light

    def spoil(self, frame: int, lost: float, late: float) -> None:
        """Lose a share of the packets of a frame, or send them late by some seconds; frames count from zero."""
        self._spoilt[frame] = lost, late

    def exposures(self) -> int:
        """Return the frames that were exposed so far."""
        return self._bench.exposures

    def close(self) -> None:
        """Take the camera off the wire."""
        release(self._server)
        self._claim.close()

    def _expose(self, buffer: int, _: Any, microseconds: int, gain: int, pixel_format: int) -> None:
        """Fill the buffer of a frame that was triggered, in the library's thread."""
        camera = self._bench.camera
        shape = call("arv_buffer_get_image_height", buffer), call("arv_buffer_get_image_width", buffer)
        if shape != camera.shape or pixel_format != PIXEL_FORMATS[camera.word_bits]:
            raise ValueError(f"{shape} pixels of format {pixel_format:#x} are asked of {camera}")
        lost, late = self._spoilt.get(self._bench.exposures, (0.0, 0.0))
        self._bench.exposure_time = microseconds / 1e6
        counts = self._bench.expose(self._states[np.newaxis], light=self._light).counts[0]
        ctypes.memmove(call("arv_buffer_get_data", buffer, None), counts.tobytes(), counts.nbytes)
        set_property(self._server, "gvsp-lost-ratio", lost)  # it holds from the first packet of this frame on
        time.sleep(late)


def serve(pipe: Connection) -> None:
    """Serve benches, and do what the pipe says until its other end is closed, be it that who held it was killed."""
    try:
        bench = ServedBench()
    except DeviceError as error:
        pipe.send(error)
        return
    pipe.send(None)
    while True:
        try:
            name, arguments = pipe.recv()
        except EOFError:
            break
        try:
            pipe.send(getattr(bench, name)(*arguments))
        except ValueError as error:
            pipe.send(error)
    bench.close()
