"""Debian's Aravis through ctypes: the few functions that a GigE Vision camera and its client need.

Aravis (LGPL-2+) is loaded at run time, in tests only; nothing of it is part of the packages.
"""

import ctypes
from ctypes import POINTER, c_char_p, c_double, c_int, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from functools import cache
from typing import Any

from optics.devices.errors import DeviceError, DriverMissingError

ARAVIS, GOBJECT = "libaravis-0.8.so.0", "libgobject-2.0.so.0"

PIXEL_FORMATS = {8: 0x01080001, 16: 0x01100007}
"""Mono8 and Mono16 of the GenICam pixel format naming convention, by bits."""

FILL_PATTERN = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_uint32, c_uint32, c_uint32)
"""What fills the frames of the fake camera: buffer, user data, exposure time in microseconds, gain, pixel format."""

SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "arv_gv_fake_camera_new": (c_void_p, [c_char_p, c_char_p]),
    "arv_gv_fake_camera_get_fake_camera": (c_void_p, [c_void_p]),
    "arv_fake_camera_write_register": (c_int, [c_void_p, c_uint32, c_uint32]),
    "arv_fake_camera_set_trigger_frequency": (None, [c_void_p, c_double]),
    "arv_fake_camera_set_fill_pattern": (None, [c_void_p, FILL_PATTERN, c_void_p]),
    "arv_buffer_new_allocate": (c_void_p, [c_size_t]),
    "arv_buffer_get_data": (c_void_p, [c_void_p, POINTER(c_size_t)]),
    "arv_buffer_get_status": (c_int, [c_void_p]),
    "arv_buffer_get_image_width": (c_int32, [c_void_p]),
    "arv_buffer_get_image_height": (c_int32, [c_void_p]),
    "arv_stream_push_buffer": (None, [c_void_p, c_void_p]),
    "arv_stream_timeout_pop_buffer": (c_void_p, [c_void_p, c_uint64]),
    "arv_camera_gv_set_stream_options": (None, [c_void_p, c_int]),
}

FALLIBLE: dict[str, tuple[Any, list[Any]]] = {
    "arv_camera_new": (c_void_p, [c_char_p]),
    "arv_camera_create_stream": (c_void_p, [c_void_p, c_void_p, c_void_p]),
    "arv_camera_get_sensor_size": (None, [c_void_p, POINTER(c_int), POINTER(c_int)]),
    "arv_camera_set_region": (None, [c_void_p, c_int, c_int, c_int, c_int]),
    "arv_camera_set_pixel_format": (None, [c_void_p, c_uint32]),
    "arv_camera_get_payload": (c_uint32, [c_void_p]),
    "arv_camera_get_exposure_time": (c_double, [c_void_p]),
    "arv_camera_set_exposure_time": (None, [c_void_p, c_double]),
    "arv_camera_get_exposure_time_bounds": (None, [c_void_p, POINTER(c_double), POINTER(c_double)]),
    "arv_camera_set_trigger": (None, [c_void_p, c_char_p]),
    "arv_camera_software_trigger": (None, [c_void_p]),
    "arv_camera_start_acquisition": (None, [c_void_p]),
    "arv_camera_stop_acquisition": (None, [c_void_p]),
}
"""Functions whose last argument is the address of a GError."""


class GError(ctypes.Structure):
    """What GLib says of an error."""

    _fields_ = (("domain", c_uint32), ("code", c_int), ("message", c_char_p))


@cache
def libraries() -> tuple[ctypes.CDLL, ctypes.CDLL]:
    """Return Aravis and GObject, with the signatures of their functions."""
    try:
        aravis, gobject = ctypes.CDLL(ARAVIS), ctypes.CDLL(GOBJECT)
    except OSError as error:
        raise DriverMissingError(f"{error}: apt-get install libaravis-0.8-0") from error
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(aravis, name)
        function.restype, function.argtypes = result, arguments
    for name, (result, arguments) in FALLIBLE.items():
        function = getattr(aravis, name)
        function.restype, function.argtypes = result, [*arguments, POINTER(POINTER(GError))]
    gobject.g_object_unref.argtypes = [c_void_p]
    return aravis, gobject


def call(name: str, *arguments: Any) -> Any:
    """Call a function of Aravis; what it reports as an error is raised."""
    function = getattr(libraries()[0], name)
    if name in SIGNATURES:
        return function(*arguments)
    error = POINTER(GError)()
    result = function(*arguments, ctypes.byref(error))
    if error:
        message = error.contents.message.decode()
        libraries()[1].g_error_free(error)
        raise DeviceError(f"{name}: {message}")
    return result


def set_property(instance: int, name: str, value: float) -> None:
    """Set a property of a GObject: an integer, an enumeration or a real number."""
    # Variadic in C: on Linux its arguments travel as those of other functions do.
    number = c_double(value) if isinstance(value, float) else c_int(value)
    libraries()[1].g_object_set(c_void_p(instance), name.encode(), number, c_void_p(None))


def release(instance: int) -> None:
    """Give up a reference to a GObject."""
    libraries()[1].g_object_unref(instance)
