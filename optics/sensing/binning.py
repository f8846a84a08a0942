"""Pixels that become one count: their charge or their counts added, and the camera that this amounts to."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optics.camera import Camera, Counts
from optics.sensing.fixed_pattern import merged


def bin_charge(charge: NDArray[np.float32], *, binning: int) -> NDArray[np.float32]:
    """Return the charge of bins.

    Parameters
    ----------
    charge : ndarray of float32, shape (frame, y, x)
        Charge of the pixels, in electrons.
    binning : int
        Pixels n of a bin along each axis.

    Returns
    -------
    ndarray of float32, shape (frame, y / n, x / n)
        Sums over the pixels of a bin; the input itself where n = 1.
    """
    if binning == 1:
        return charge
    frames, height, width = charge.shape
    return np.asarray(
        charge.reshape(frames, height // binning, binning, width // binning, binning).sum(axis=(2, 4), dtype=np.float32)
    )


def bin_counts(counts: Counts, camera: Camera, *, out: Counts) -> None:
    """Write the counts of bins, added and clipped or averaged and rounded.

    Parameters
    ----------
    counts : ndarray of uint8 or uint16, shape (frame, y, x)
        Counts of the pixels, in DN.
    camera : Camera
        Its binning n, kind of binning and largest count.
    out : ndarray of uint8 or uint16, shape (frame, y / n, x / n)
        Counts of the bins, in DN.
    """
    n = camera.binning
    frames, height, width = counts.shape
    total = counts.reshape(frames, height // n, n, width // n, n).sum(axis=(2, 4), dtype=np.uint32)
    if camera.binning_kind == "average":
        total = (2 * total + n * n) // (2 * n * n)
    np.minimum(total, camera.largest_count, out=total)
    np.copyto(out, total, casting="unsafe")


def delivered_camera(camera: Camera) -> Camera:
    """Return the camera without binning that has the gain, noise and range of the counts that are delivered.

    .. math:: \\sigma_\\mathrm{charge} = \\sigma_r, \\qquad
              \\sigma_\\mathrm{sum} = \\sqrt{n^2 \\sigma_r^2 + (n^2 - 1) / (12 K^2)}

    Parameters
    ----------
    camera : Camera
        A camera that may bin.

    Returns
    -------
    Camera
        The camera itself where it does not. Its pixels are the bins; charges are those of a whole bin.

    Notes
    -----
    A retrieval sees only this camera. Its full well is that of one pixel: below it none of the pixels of a bin can have
    clipped, however uneven the light. Responses and offsets of the pixels of a bin average out as independent ones; the
    rounding of every pixel of a digital bin counts as read noise, but for the twelfth that every camera has. Averages
    over an even number of pixels are half-way between two counts once in n^2 and then round up: 1 / (2 n^2) DN more
    black level.
    """
    n = camera.binning
    if n == 1:
        return camera
    kind = camera.binning_kind
    gain = camera.gain / n**2 if kind == "average" else camera.gain
    rounding = {"charge": 0.0, "sum": (n**2 - 1) / 12, "average": 1 / (12 * n**2)}[kind] / gain**2
    upwards = 0.5 / n**2 if kind == "average" and n % 2 == 0 else 0.0
    pixels, lines = (1, 1) if kind == "charge" else (n, n**1.5)
    return replace(
        merged(camera),
        gain=gain,
        black_level=camera.black_level * (n**2 if kind == "sum" else 1) + upwards,
        read_noise=math.sqrt((pixels * camera.read_noise) ** 2 + rounding),
        row_noise=lines * camera.row_noise,
        column_noise=lines * camera.column_noise,
        dsnu=pixels * camera.dsnu,
        row_offset=lines * camera.row_offset,
        column_offset=lines * camera.column_offset,
        prnu=camera.prnu / n,
        dark_current=camera.dark_current * n**2,
        hot_pixels=1 - (1 - camera.hot_pixels) ** (n * n),
        hot_pixel_current=camera.hot_pixel_current + (n**2 - 1) * camera.dark_current,
        background=camera.background * n**2,
        crosstalk=camera.crosstalk / n,
    )
