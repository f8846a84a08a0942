"""Transmission matrices from light alone, the reference arm blocked or absent."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.campaigns.drift_track import DriftTrack, track_light
from calibration.campaigns.frames import CampaignFrames
from calibration.campaigns.methods import MatrixRows, repeats, tracked_outputs
from calibration.light import Light
from calibration.matrices.nested_anchors import InterferometryPlan
from calibration.matrices.numerical_interferometry import decode_interferometry
from calibration.matrices.phase_retrieval import retrieve_rows
from optics.camera import Camera
from optics.validation import check_count, check_states


@dataclass(frozen=True, kw_only=True, eq=False)
class ListedPatterns:
    """Patterns that are listed one by one.

    Parameters
    ----------
    states : ndarray of bool, shape (frame, input)
        Macropixel states.

    Raises
    ------
    TypeError
        If the states are not boolean.
    """

    states: NDArray[np.bool_]

    def __post_init__(self) -> None:
        states = np.array(self.states)
        check_states(states, inputs=states.shape[-1], name="states")
        states.flags.writeable = False
        object.__setattr__(self, "states", states)

    @property
    def inputs(self) -> int:
        """Return the number of macropixels."""
        return int(self.states.shape[1])

    @property
    def frames(self) -> int:
        """Return the number of patterns."""
        return len(self.states)

    def patterns(self, frames: slice = slice(None)) -> NDArray[np.bool_]:
        """Return some of the patterns.

        Parameters
        ----------
        frames : slice, optional
            Which of them, all by default.

        Returns
        -------
        ndarray of bool, shape (frame, input)
            Macropixel states.
        """
        return self.states[frames]


def steady_light(frames: CampaignFrames, track: DriftTrack, *, outputs: slice) -> Light:
    """Return the light of all patterns of a series, changes of the power taken off.

    Parameters
    ----------
    frames : CampaignFrames
        Frames of the campaign.
    track : DriftTrack
        Power of the reference pattern.
    outputs : slice
        Pixels.

    Returns
    -------
    Light
        Shape (pattern, output).
    """
    positions = frames.plan.series_positions
    light = frames.light_at(positions, outputs=outputs)
    power = track.power_at(frames.time(positions)).astype(np.float32)[:, np.newaxis]
    return Light(light.value[:, 0] / power, light.variance[:, 0] / power**2, light.valid[:, 0])


def track_repeats(frames: CampaignFrames) -> DriftTrack:
    """Return the drift that the light of the reference pattern shows.

    Parameters
    ----------
    frames : CampaignFrames
        Frames of the campaign.

    Returns
    -------
    DriftTrack
        Power and correlation.
    """
    positions, time = repeats(frames)
    light = frames.light_at(positions, outputs=tracked_outputs(frames))
    return track_light(Light(light.value[:, 0], light.variance[:, 0], light.valid[:, 0]), time)


class IntensityMethod:
    """What methods that see light alone have in common: no phases, rows solved pixel by pixel."""

    @property
    def phases(self) -> tuple[float, ...]:
        """Return no phase: the reference arm stays blocked."""
        return ()

    @property
    def ambiguity(self) -> str:
        """Return what stays open: binary inputs do not tell a row from its conjugate."""
        return "phase and conjugation"

    @property
    def whole_frames(self) -> bool:
        """Return False: each pixel is solved by itself."""
        return False

    @property
    def early_fields(self) -> bool:
        """Return False: there are none."""
        return False

    def check_camera(self, camera: Camera) -> None:
        """Accept any camera.

        Parameters
        ----------
        camera : Camera
            The camera.
        """

    def track(self, frames: CampaignFrames) -> DriftTrack:
        """Return the drift that the light of the reference pattern shows.

        Parameters
        ----------
        frames : CampaignFrames
            Frames of the campaign.

        Returns
        -------
        DriftTrack
            Power and correlation.
        """
        return track_repeats(frames)


@dataclass(frozen=True, kw_only=True, eq=False)
class InterferometryMethod(IntensityMethod):
    """Numerical interferometry: differences of nested anchors and signals, all of them patterns.

    Parameters
    ----------
    plan : InterferometryPlan
        Anchors and signals.
    polish : bool, optional
        Whether each row is fitted to all frames at once in the end.
    """

    plan: InterferometryPlan
    polish: bool = False

    @property
    def series(self) -> ListedPatterns:
        """Return the patterns to show."""
        return ListedPatterns(states=self.plan.patterns)

    @property
    def bytes_per_output(self) -> int:
        """Return the memory that solving takes for each pixel, in bytes."""
        return 40 * self.plan.frames

    def solve(
        self, frames: CampaignFrames, track: DriftTrack, *, outputs: slice, room: MatrixRows | None = None
    ) -> MatrixRows:
        """Return the rows of some pixels.

        Parameters
        ----------
        frames : CampaignFrames
            Frames of the campaign.
        track : DriftTrack
            Drift, whose power is taken off.
        outputs : slice
            Pixels.
        room : MatrixRows or None, optional
            Not used.

        Returns
        -------
        MatrixRows
            Rows up to a phase and a conjugation each.
        """
        light = steady_light(frames, track, outputs=outputs)
        found = decode_interferometry(light, self.plan, light_noise=track.flicker, polish=self.polish)
        valid = np.asarray(found.matrix.valid.all(axis=1))
        return MatrixRows(
            outputs=outputs,
            matrix=np.asarray(found.matrix.value, np.complex64),
            standard_error=np.asarray(found.matrix.standard_error, np.float32),
            static=np.asarray(found.static.value, np.complex64),
            gain_error=np.full(len(valid), frames.camera.prnu / 2, np.float32),
            valid=valid,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class PhaseRetrievalMethod(IntensityMethod):
    """Rows from the light behind random patterns, by phase retrieval.

    Parameters
    ----------
    states : ndarray of bool, shape (frame, input)
        Random patterns, four or more an input.
    seed : int, optional
        Seed of the starts.
    """

    states: NDArray[np.bool_]
    seed: int = 0

    def __post_init__(self) -> None:
        check_count("seed", self.seed, at_least=0)

    @property
    def series(self) -> ListedPatterns:
        """Return the patterns to show."""
        return ListedPatterns(states=self.states)

    @property
    def bytes_per_output(self) -> int:
        """Return the memory that solving takes for each pixel, in bytes."""
        return 40 * len(self.states)

    def solve(
        self, frames: CampaignFrames, track: DriftTrack, *, outputs: slice, room: MatrixRows | None = None
    ) -> MatrixRows:
        """Return the rows of some pixels.

        Parameters
        ----------
        frames : CampaignFrames
            Frames of the campaign.
        track : DriftTrack
            Drift, whose power is taken off.
        outputs : slice
            Pixels.
        room : MatrixRows or None, optional
            Not used.

        Returns
        -------
        MatrixRows
            Rows up to a phase and a conjugation each; those that did not converge are flagged.
        """
        found = retrieve_rows(
            steady_light(frames, track, outputs=outputs),
            self.states,
            rng=np.random.default_rng([self.seed, outputs.start]),
            light_per_electron=1 / (frames.camera.quantum_efficiency * frames.exposure_time),
            model_error=max(1e-3, track.flicker),
        )
        if found.static is None:
            raise ValueError("the static field was not solved for")
        return MatrixRows(
            outputs=outputs,
            matrix=np.asarray(found.matrix.value, np.complex64),
            standard_error=np.asarray(found.matrix.standard_error, np.float32),
            static=np.asarray(found.static.value, np.complex64),
            gain_error=np.full(len(found.converged), frames.camera.prnu / 2, np.float32),
            valid=found.converged & found.matrix.valid.all(axis=1),
        )
