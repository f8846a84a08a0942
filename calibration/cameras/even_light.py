"""Frames for characterisation, taken by a simulated sensor under the even light of an integrating sphere."""

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.light_series import FrameStacks, LightSeries
from optics.camera import Camera, Counts
from optics.sensor import Sensor
from optics.validation import check_count, check_number


def expose_light_series(
    sensor: Sensor, *, levels: int = 50, longest: float = 10e-3, first: int = 0, brightest: float = 1.1
) -> LightSeries:
    """Return pairs of bright and dark frames from near dark to beyond saturation, as EMVA 1288 asks for.

    Parameters
    ----------
    sensor : Sensor
        A simulated sensor.
    levels : int, optional
        Exposure levels; the standard asks for 50.
    longest : float, optional
        Exposure time of the brightest level, in seconds: the light is constant, the exposure time grows.
    first : int, optional
        Index of the first exposure: the key of its noise.
    brightest : float, optional
        Light of the last level over that which saturates.

    Returns
    -------
    LightSeries
        4 ``levels`` frames with their photons and exposure times.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """
    check_count("levels", levels, at_least=2)
    check_number("longest", longest, unit="s", above=0)
    times = np.linspace(0.02, 1.0, levels) * longest
    rate = _light(sensor.camera, part=brightest, exposure_time=longest)
    bright, dark = (
        np.stack([_frames(sensor, 2, rate=light, time=time, first=first + 2 * (row * levels + index))
                  for index, time in enumerate(times)])
        for row, light in enumerate((rate, 0.0))
    )  # fmt: skip
    camera = sensor.camera
    return LightSeries(
        bright=bright, dark=dark, bits=camera.bits, alignment=camera.alignment, photons=rate * times,
        exposure_times=times,
    )  # fmt: skip


def expose_stacks(
    sensor: Sensor, *, frames: int = 100, exposure_time: float = 5e-3, first: int = 100_000
) -> FrameStacks:
    """Return stacks of frames at half of saturation and in the dark.

    Parameters
    ----------
    sensor : Sensor
        A simulated sensor.
    frames : int, optional
        Frames of each stack.
    exposure_time : float, optional
        Exposure time, in seconds.
    first : int, optional
        Index of the first exposure: the key of its noise.

    Returns
    -------
    FrameStacks
        2 ``frames`` frames.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """
    check_count("frames", frames, at_least=2)
    rate = _light(sensor.camera, part=0.5, exposure_time=exposure_time)
    bright, dark = (
        _frames(sensor, frames, rate=light, time=exposure_time, first=first + row * frames)
        for row, light in enumerate((rate, 0.0))
    )
    return FrameStacks(bright=bright, dark=dark, bits=sensor.camera.bits, alignment=sensor.camera.alignment)


def _light(camera: Camera, *, part: float, exposure_time: float) -> float:
    """Return the photons per pixel per second that fill a part of the range."""
    return part * camera.saturation_charge / (camera.quantum_efficiency * exposure_time)


def _frames(sensor: Sensor, count: int, *, rate: float, time: float, first: int) -> Counts:
    """Return frames of even light."""
    light: NDArray[np.float32] = np.full((count, *sensor.camera.shape), rate, np.float32)
    return sensor.expose(light, exposure_time=time, first=first)
