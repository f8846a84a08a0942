"""What retrieval by anchors passes from hand to hand: calibrations, plans, estimates."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.scheme import AnchorScheme, Role
from optics.camera import Camera

Values = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredFrames:
    """Means of the frames that carry no signal, at one exposure time.

    Parameters
    ----------
    exposure_time : float
        Exposure time, in seconds.
    anchor, off, dark : ndarray, shape (output,)
        Mean counts with the anchor on, with everything off, and without light, in DN.
    exposures : int
        Exposures that each mean is taken over.
    timestamp : float
        When the anchor frames began, in seconds from the start of the bench.
    """

    exposure_time: float
    anchor: Values
    off: Values
    dark: Values
    exposures: int
    timestamp: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """Everything that planning and decoding need to know of a bench.

    Parameters
    ----------
    scheme : AnchorScheme
        Macropixels of the vector and of the anchor.
    camera : Camera
        The camera that counts.
    outputs : ndarray of int, shape (output,)
        Pixels that are delivered, as flat indices (row * columns + column) into a frame.
    levels : tuple of StoredFrames
        Stored frames from the longest exposure time to the shortest.
    input_rate : float
        Mean signal of one macropixel that is on, over all pixels of the camera, in DN per second.
    off_rate : float
        Mean signal with everything off, over all pixels of the camera, in DN per second.
    full_scale : float
        Saturation over the mean of the brightest frame that exposure times aim at.
    light_noise : float, optional
        Relative rms of the light from one frame to the next, where it is above what the camera's noise feigns.
    """

    scheme: AnchorScheme
    camera: Camera
    outputs: NDArray[np.int64]
    levels: tuple[StoredFrames, ...]
    input_rate: float
    off_rate: float
    full_scale: float
    light_noise: float = 0.0

    @property
    def off_state_share(self) -> float:
        """Return the mean light with everything off over the mean light of the anchor."""
        return self.off_rate / (self.input_rate * len(self.scheme.anchor))

    @property
    def entry_rms(self) -> float:
        """Return the expected rms of an entry of B, in square roots of photons per pixel per second.

        Rows are Re(conj(Ar) A) / |Ar + e| with e the off-state field. Given the anchor frame R = |Ar + e|^2, and
        rho the off-state share, |Ar|^2 has the mean R / (1 + rho)^2 + <|Ar|^2> rho / (1 + rho) (both are circular
        Gaussian); an entry has the variance <|t|^2> |Ar|^2 / (2 R).
        """
        entry = self.input_rate / (self.camera.gain * self.camera.quantum_efficiency) / 2
        rho, longest = self.off_state_share, self.levels[0]
        anchor = self.input_rate * len(self.scheme.anchor) * longest.exposure_time
        inverse = float(np.mean(1 / np.maximum(longest.anchor - longest.dark, self.camera.gain)))
        return math.sqrt(entry * (1 / (1 + rho) ** 2 + rho / (1 + rho) * anchor * inverse))


@dataclass(frozen=True, eq=False)
class Block:
    """Frames of one role for the vectors whose positive, or negative, half is not empty.

    Parameters
    ----------
    role : Role
        The role of the frames.
    half : int
        0 for positive halves, 1 for negative halves.
    members : ndarray of int
        Positions, among the vectors of the series, of those that have a frame here.
    frames : slice
        Where the frames are in the series.
    """

    role: Role
    half: int
    members: NDArray[np.int64]
    frames: slice

    @property
    def sign(self) -> int:
        """Return the sign with which the frames enter the projection."""
        return self.role.sign * (1 - 2 * self.half)


@dataclass(frozen=True, eq=False)
class Series:
    """Frames of one exposure time.

    Parameters
    ----------
    level : int
        Index of the exposure time among the levels of the calibration.
    exposure_time : float
        Exposure time, in seconds.
    vectors : ndarray of int, shape (vector,)
        Which vectors of the plan the series serves.
    patterns : ndarray of bool, shape (frame, input)
        Macropixel states, block by block.
    blocks : tuple of Block
        What the frames are for.
    """

    level: int
    exposure_time: float
    vectors: NDArray[np.int64]
    patterns: NDArray[np.bool_]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """The frames to expose for a batch of vectors.

    Parameters
    ----------
    vectors : int
        Number of vectors; those that are zero take no frame.
    series : tuple of Series
        Frames by exposure time.
    """

    vectors: int
    series: tuple[Series, ...]

    @property
    def frames(self) -> int:
        """Return the number of frames to expose."""
        return sum(len(series.patterns) for series in self.series)


@dataclass(frozen=True, eq=False)
class Estimate:
    """Projections with their error bars.

    Parameters
    ----------
    value : ndarray of float32, shape (vector, output)
        Estimated y, in square roots of photons per pixel per second.
    standard_error : ndarray of float32, shape (vector, output)
        Standard error predicted from the camera model, in the same unit.
    valid : ndarray of bool, shape (vector, output)
        False where a frame saturated or was lost.
    """

    value: Values
    standard_error: Values
    valid: NDArray[np.bool_]
