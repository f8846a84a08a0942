"""A rigid tilted mirror as a cloud of points in three dimensions: an oracle that shares no code with the model.

Vectors are (x, y, z). Its waves add up as exp(-i k (o - i) . r) over the points: Fraunhofer diffraction.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from optics import Dmd

NORMAL = np.array([0.0, 0.0, 1.0])


def mirror_points(dmd: Dmd, *, tilt: float, points: int = 48) -> NDArray[np.float64]:
    """Points of one mirror about its centre, shape (point, 3), tilted about its hinge.

    The midpoint rule sums a phase of 2 pi x along a side with a relative error of (pi x / points)^2 / 6.
    """
    along = ((np.arange(points) + 0.5) / points - 0.5) * dmd.pitch * math.sqrt(dmd.fill_factor)
    flat = np.stack(np.meshgrid(along, along, [0.0], indexing="ij"), axis=-1).reshape(-1, 3)
    leaning = np.array([1.0, 1.0, 0.0]) / math.sqrt(2) if dmd.tilt_axis == "corner" else np.array([1.0, 0.0, 0.0])
    tilted = Rotation.from_rotvec(tilt * np.cross(NORMAL, leaning)).apply(flat)
    if dmd.staggered:  # a diamond chip is the square one, turned by an eighth: x and y to the lower right and left
        tilted = Rotation.from_rotvec(-math.pi / 4 * NORMAL).apply(tilted)
    return np.asarray(tilted)


def scattering_vector(incidence: NDArray[np.float64], exit_cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    """o - i as (x, y, z) from the cosines (y, x) of a direction to the chip and one from it."""
    down, up = (math.sqrt(1 - cosines @ cosines) for cosines in (incidence, exit_cosines))
    return np.array([exit_cosines[1] - incidence[1], exit_cosines[0] - incidence[0], up + down])


def amplitude(points: NDArray[np.float64], vector: NDArray[np.float64], *, wavelength: float) -> complex:
    """Mean phasor of the points; its square times fill factor squared is the efficiency of an order."""
    return complex(np.exp(-2j * np.pi / wavelength * (points @ vector)).mean())
