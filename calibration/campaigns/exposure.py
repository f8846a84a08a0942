"""The exposure time of a campaign: that of its brightest kind of frame."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.auto_exposure import ExposureChoice, auto_exposure
from optics.bench import Bench, Exposure
from optics.camera import Camera
from optics.macropixels import Layout


class BenchAtOnePhase:
    """A bench whose reference arm is open at one phase in every lit frame.

    Parameters
    ----------
    bench : Bench
        The bench.
    phase : float
        Phase of the reference, in radians.
    """

    def __init__(self, bench: Bench, *, phase: float) -> None:
        self.bench, self.phase = bench, phase

    @property
    def camera(self) -> Camera:
        """Return the camera."""
        return self.bench.camera

    @property
    def layout(self) -> Layout:
        """Return which mirrors carry which component."""
        return self.bench.layout

    @property
    def exposure_time(self) -> float:
        """Return the exposure time that the camera granted, in seconds."""
        return self.bench.exposure_time

    @exposure_time.setter
    def exposure_time(self, requested: float) -> None:
        self.bench.exposure_time = requested

    def expose(self, patterns: ArrayLike, *, reference: ArrayLike | None = None, light: bool = True) -> Exposure:
        """Show patterns with the arm open at the phase.

        Parameters
        ----------
        patterns : array_like of bool, shape (frame, input)
            Macropixel states.
        reference : array_like or None, optional
            Phases to take instead.
        light : bool, optional
            False takes dark frames.

        Returns
        -------
        Exposure
            The frames.
        """
        frames = len(np.asarray(patterns))
        phases = np.full(frames, self.phase) if reference is None else reference
        return self.bench.expose(patterns, reference=phases, light=light)


def find_campaign_exposure(bench: Bench, patterns: NDArray[np.bool_], *, phases: tuple[float, ...]) -> ExposureChoice:
    """Find the exposure time for the frames of a campaign; the bench is left at it.

    Parameters
    ----------
    bench : Bench
        A simulated or a real bench.
    patterns : ndarray of bool, shape (frame, input)
        Some patterns as bright as those of the campaign.
    phases : tuple of float
        Phases of the reference arm that the campaign commands; empty where it stays blocked.

    Returns
    -------
    ExposureChoice
        The exposure time and the light there.

    Raises
    ------
    ValueError
        If no exposure time suits the light.
    """
    return auto_exposure(BenchAtOnePhase(bench, phase=phases[0]) if phases else bench, patterns)
