"""A transmission matrix by off-axis holography: one frame a pattern, beside a tilted reference."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.campaigns.drift_track import DriftTrack, track_fields
from calibration.campaigns.frames import CampaignFrames
from calibration.campaigns.methods import MatrixRows, position_blocks, repeats, standard_errors
from calibration.campaigns.plan import OFF
from calibration.holography.aberration import terms
from calibration.holography.carrier import find_carrier
from calibration.holography.off_axis import off_axis_fields
from calibration.holography.reference_envelope import ReferenceEnvelope, measured_envelope
from calibration.holography.separation import check_separation
from calibration.holography.sideband import Sideband
from calibration.light import FieldEstimate, Light
from calibration.matrices.bases import InputBasis
from optics.camera import Camera
from optics.validation import check_number

CARRIER_FRAMES = 64
"""Frames of the series in which the carrier is sought, at most."""

BORDER = 1.6
"""Pixels of the border that are left out, times the radius: there fields from the border opposite leak in."""

BLOCK_FRAMES = 64

DEGREE = 4
"""Degree of the polynomial that smooths the reference."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OffAxisMethod:
    """Fields of the patterns of a basis from their sidebands, and the matrix from these.

    Parameters
    ----------
    basis : InputBasis
        Patterns; the static field should be among its unknowns.
    radius : float
        Radius of the band of the field, in cycles per pixel: D / (2 lambda z) pixels for a round pupil.
    edge : float, optional
        The window falls to zero between the radius and (1 + edge) times it.

    Raises
    ------
    ValueError
        If the radius leaves no room for a carrier.

    Notes
    -----
    The carrier is found from the frames, the reference's envelope from those with everything off, the arm open and
    blocked: structure of the reference that is finer than the envelope comes with the static field, not with the
    matrix. One frame tells the carrier from its opposite only by phases of the reference that differ, and here they do
    not: all rows may be conjugated. Rows are right up to a phase each, that of the reference's aberrations. Within
    1 / radius pixels of the border of the frame, where fields leak in from the border opposite, rows are flagged; a
    soft edge of the window keeps the rest clear of that but for a small part of the error bars.
    """

    basis: InputBasis
    radius: float = 0.085
    edge: float = 0.9

    def __post_init__(self) -> None:
        check_number("radius", self.radius, unit="cycles/pixel", above=0, at_most=0.17)

    @property
    def series(self) -> InputBasis:
        """Return the patterns to show."""
        return self.basis

    @property
    def phases(self) -> tuple[float, ...]:
        """Return the one phase of the reference."""
        return (0.0,)

    @property
    def ambiguity(self) -> str:
        """Return what stays open."""
        return "phase and conjugation"

    @property
    def whole_frames(self) -> bool:
        """Return True: a sideband takes whole frames."""
        return True

    @property
    def early_fields(self) -> bool:
        """Return False: the carrier is found first."""
        return False

    @property
    def bytes_per_output(self) -> int:
        """Return the memory that solving takes for each pixel, in bytes."""
        return 32 * self.basis.frames

    def check_camera(self, camera: Camera) -> None:
        """Refuse a camera whose frames are all border.

        Parameters
        ----------
        camera : Camera
            The camera.

        Raises
        ------
        ValueError
            If no pixel lies far enough from the border.
        """
        self._clear_of_border(camera.shape)

    def track(self, frames: CampaignFrames) -> DriftTrack:
        """Return the drift of the arm, and of the medium, that the reference pattern shows.

        Parameters
        ----------
        frames : CampaignFrames
            Frames of the campaign.

        Returns
        -------
        DriftTrack
            Phase and correlation of its fields.
        """
        positions, time = repeats(frames)
        return track_fields(self._fields(frames, positions, *self._optics(frames)), time)

    def solve(self, frames: CampaignFrames, track: DriftTrack, *, outputs: slice) -> MatrixRows:
        """Return the rows of all pixels.

        Parameters
        ----------
        frames : CampaignFrames
            Frames of the campaign.
        track : DriftTrack
            Drift, whose phase is taken off.
        outputs : slice
            All pixels.

        Returns
        -------
        MatrixRows
            Rows up to a phase each.
        """
        positions = frames.plan.series_positions
        sideband, envelope = self._optics(frames)
        shape = (len(positions), frames.outputs)
        fields, variance = np.empty(shape, np.complex64), np.empty(shape, np.float32)
        valid = self._clear_of_border(frames.camera.shape)
        for block in position_blocks(positions, most=BLOCK_FRAMES):
            part = self._fields(frames, positions[block], sideband, envelope)
            drift = np.exp(-1j * track.phase_at(frames.time(positions[block])))
            fields[block] = part.value * drift[:, np.newaxis]
            variance[block] = part.standard_error**2
            valid &= part.valid.all(axis=0)
        solution, errors = self.basis.solve(fields), self.basis.solve_variance(variance)
        return MatrixRows(
            outputs=outputs,
            matrix=np.asarray(solution.matrix, np.complex64),
            standard_error=standard_errors(np.asarray(errors.matrix), over=np.ones(frames.outputs, np.float32)),
            static=np.asarray(solution.static, np.complex64),
            gain_error=self._gain_error(frames, envelope),
            valid=valid,
        )

    def _optics(self, frames: CampaignFrames) -> tuple[Sideband, ReferenceEnvelope]:
        """Return sideband and envelope, found from the frames."""
        shape = frames.camera.shape
        off = frames.light_at(frames.plan.positions(OFF))
        static = frames.light(frames.plan.blocked_off).value.mean(axis=0)
        alone = measured_envelope(_as_frames(replace(off, value=off.value - static), shape), degree=DEGREE)
        shown = _as_frames(frames.light_at(frames.plan.series_positions[:CARRIER_FRAMES]), shape)
        carrier = find_carrier(shown.value - alone.bias, radius=self.radius)
        check_separation(carrier.frequency, radius=self.radius, edge=self.edge)
        # Frames with everything off hold fringes of the static field, which is to stay in the fields.
        envelope = ReferenceEnvelope(
            amplitude=alone.amplitude, bias=alone.amplitude**2, variance=np.zeros_like(alone.variance)
        )
        return Sideband(shape=shape, carrier=carrier.frequency, radius=self.radius, edge=self.edge), envelope

    @staticmethod
    def _gain_error(frames: CampaignFrames, envelope: ReferenceEnvelope) -> NDArray[np.float32]:
        """Return the relative standard error of the reference's amplitude: that of a fit to all pixels."""
        off = frames.light_at(frames.plan.positions(OFF))
        noise = float(off.variance.mean(dtype=np.float64)) / len(off.variance) * len(terms(DEGREE)) / frames.outputs
        factor = 0.5 * math.sqrt(noise) / envelope.amplitude**2
        return np.asarray(np.hypot(factor, frames.camera.prnu / 2), np.float32).ravel()

    def _clear_of_border(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return which pixels lie far enough from the border, shape (output,)."""
        border = math.ceil(BORDER / self.radius)
        if 2 * border >= min(shape):
            raise ValueError(
                f"frames of {shape[0]} x {shape[1]} pixels are within {border} pixels of their border, where fields "
                "are spoilt: take a larger region of the camera"
            )
        clear = np.zeros(shape, np.bool_)
        clear[border:-border, border:-border] = True
        return clear.ravel()

    @staticmethod
    def _fields(
        frames: CampaignFrames, positions: NDArray[np.int64], sideband: Sideband, envelope: ReferenceEnvelope
    ) -> FieldEstimate:
        """Return fields of positions, shape (position, output)."""
        light = _as_frames(frames.light_at(positions), frames.camera.shape)
        found = off_axis_fields(light, sideband, reference=envelope)
        flat = (len(positions), -1)
        return FieldEstimate(found.value.reshape(flat), found.standard_error.reshape(flat), found.valid.reshape(flat))


def _as_frames(light: Light, shape: tuple[int, int]) -> Light:
    """Return light of positions with one frame each as frames (frame, y, x)."""
    size = (-1, *shape)
    return Light(light.value.reshape(size), light.variance.reshape(size), light.valid.reshape(size))
