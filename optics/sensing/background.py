"""Stray light on the camera: incoherent, even over the sensor, and as unsteady as the lamps of the room."""

import numpy as np
from numpy.typing import NDArray

from optics.camera import Camera


def background_photons(camera: Camera, *, exposure_time: float, timestamps: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the photons of the background that fall on the pixels of each row.

    .. math:: \\mu_b = b \\int_{t_0}^{t_0 + t} 1 + m \\sin 2 \\pi f t' \\, dt'
              = b t \\left[ 1 + m \\, \\mathrm{sinc}(f t) \\sin 2 \\pi f (t_0 + t / 2) \\right]

    Parameters
    ----------
    camera : Camera
        Background b, depth m and frequency f of its flicker, and the shutter.
    exposure_time : float
        Exposure time t, in seconds.
    timestamps : ndarray of float, shape (frame,)
        Start of each frame, in seconds.

    Returns
    -------
    ndarray of float32, shape (frame, y, 1)
        Mean photons per pixel; y is 1 where all rows are alike.

    Notes
    -----
    Exposures of a whole number of periods see no flicker. The rows of a rolling shutter begin one after the other, so
    that it shows as bands. A lamp on mains of frequency f_m flickers at 2 f_m; it is taken to rise through its mean at
    time zero. sinc x = sin(pi x) / (pi x).
    """
    steady = camera.background * exposure_time
    if not (camera.background and camera.flicker_depth):
        return np.full((len(timestamps), 1, 1), steady, np.float32)
    rows = camera.shutter.row_starts(camera.rows) if camera.shutter.kind == "rolling" else np.zeros(1)
    middle = np.asarray(timestamps, np.float64)[:, np.newaxis] + rows + exposure_time / 2
    swing = camera.flicker_depth * np.sinc(camera.flicker_frequency * exposure_time)
    light = steady * (1 + swing * np.sin(2 * np.pi * camera.flicker_frequency * middle))
    return np.asarray(light[..., np.newaxis], np.float32)
