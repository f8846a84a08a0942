"""The seam between a campaign and a retrieval: patterns and phases to show, rows of the matrix from their frames."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from calibration.campaigns.drift_track import DriftTrack
from calibration.campaigns.frames import CampaignFrames
from calibration.campaigns.plan import REFERENCE, PatternSeries
from optics.camera import Camera

TRACKED = 2**14
"""Outputs that are followed to see drift, at most: as many as tell it to a hundredth of its noise in one pixel."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MatrixRows:
    """Rows of a transmission matrix as a campaign gives them.

    Parameters
    ----------
    outputs : slice
        Pixels of the rows.
    matrix : ndarray of complex64, shape (output, input)
        Entries, in square roots of photons per pixel per second.
    standard_error : ndarray of float32, shape (output, input)
        Root of the mean squared modulus of their errors; possibly a read-only view of fewer numbers.
    static : ndarray of complex64, shape (output,)
        Field with everything off, in the phase of the row.
    gain_error : ndarray of float32, shape (output,)
        Relative standard error of a factor that all entries of a row share; not in ``standard_error``.
    valid : ndarray of bool, shape (output,)
        False where frames do not determine the row.
    """

    outputs: slice
    matrix: NDArray[np.complex64]
    standard_error: NDArray[np.float32]
    static: NDArray[np.complex64]
    gain_error: NDArray[np.float32]
    valid: NDArray[np.bool_]


class MatrixMethod(Protocol):
    """A way to measure a transmission matrix."""

    @property
    def series(self) -> PatternSeries:
        """Return the patterns to show."""

    @property
    def phases(self) -> tuple[float, ...]:
        """Return the phases of the reference arm for each pattern, in radians; empty where the arm stays blocked."""

    @property
    def ambiguity(self) -> str:
        """Return what the method cannot know of a row, one of `row_ambiguity.AMBIGUITIES`."""

    @property
    def whole_frames(self) -> bool:
        """Return whether rows can only be solved for all pixels of a frame together."""

    @property
    def early_fields(self) -> bool:
        """Return whether fields are decoded while the campaign runs: stepped ones, at the commanded phases."""

    @property
    def bytes_per_output(self) -> int:
        """Return the memory that solving takes for each pixel, in bytes."""

    def check_camera(self, camera: Camera) -> None:
        """Refuse a camera whose frames could not be solved."""

    def track(self, frames: CampaignFrames) -> DriftTrack:
        """Return the drift that the reference pattern shows."""

    def solve(self, frames: CampaignFrames, track: DriftTrack, *, outputs: slice) -> MatrixRows:
        """Return the rows of some pixels, drift corrected."""


def tracked_outputs(frames: CampaignFrames) -> slice:
    """Return the pixels in which drift is followed.

    Parameters
    ----------
    frames : CampaignFrames
        Frames of the campaign.

    Returns
    -------
    slice
        Pixels.
    """
    return slice(0, min(frames.outputs, TRACKED))


def repeats(frames: CampaignFrames) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return where the reference pattern was shown, and when.

    Parameters
    ----------
    frames : CampaignFrames
        Frames of the campaign.

    Returns
    -------
    positions : ndarray of int, shape (repeat,)
        Positions in the order of the plan.
    time : ndarray of float, shape (repeat,)
        Times, in seconds.
    """
    positions = frames.plan.positions(REFERENCE)
    return positions, frames.time(positions)


def position_blocks(positions: NDArray[np.int64], *, most: int) -> list[slice]:
    """Return slices over positions, no more than so many in each.

    Parameters
    ----------
    positions : ndarray of int, shape (position,)
        Positions.
    most : int
        Positions of a block, at most.

    Returns
    -------
    list of slice
        Slices that cover all of them.
    """
    return [slice(start, min(start + most, len(positions))) for start in range(0, len(positions), most)]


def standard_errors(variance: NDArray[Any], *, over: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return standard errors from variances; a view of fewer numbers stays one.

    Parameters
    ----------
    variance : ndarray of float, shape (output, input)
        Variances; an array of float32 of its own is used as room for the result.
    over : ndarray of float32, shape (output,)
        Divisor of the variances of each row.

    Returns
    -------
    ndarray of float32, shape (output, input)
        Roots of the quotients.
    """
    if variance.strides[1] == 0:
        column = np.sqrt(variance[:, :1] / over[:, np.newaxis]).astype(np.float32)
        return np.broadcast_to(column, variance.shape)
    own = variance if variance.dtype == np.float32 and variance.flags.writeable else variance.astype(np.float32)
    own /= over[:, np.newaxis]
    return np.asarray(np.sqrt(own, out=own))
