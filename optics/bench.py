"""The bench: what it is made of, and the protocol that simulated and real benches share."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.camera import Camera, Counts
from optics.dmd import Dmd
from optics.instabilities.heating import NO_HEATING, Heating
from optics.instabilities.losses import NO_LOSSES, Losses
from optics.instabilities.power import NO_ANCHOR_BEAM, AnchorBeam
from optics.instabilities.temperature import NO_TEMPERATURE_CHANGE, Temperature
from optics.instabilities.trigger import NO_JITTER, TriggerJitter
from optics.laser import Laser
from optics.macropixels import Layout
from optics.media.description import MediumDescription
from optics.reference import Reference
from optics.validation import check_number


@dataclass(frozen=True, eq=False)
class Exposure:
    """What one call of `Bench.expose` brought back.

    Parameters
    ----------
    counts : ndarray of uint8 or uint16, shape (frame, y, x)
        Words as the camera delivered them.
    timestamps : ndarray of float, shape (frame,)
        Start of each exposure, in seconds from the start of the bench.
    frame_ids : ndarray of int, shape (frame,)
        Absolute index of each exposure since the start of the bench.
    valid : ndarray of bool, shape (frame,)
        False where a frame was lost or damaged.
    exposure_time : float
        Exposure time that was granted, in seconds.
    """

    counts: Counts
    timestamps: NDArray[np.float64]
    frame_ids: NDArray[np.int64]
    valid: NDArray[np.bool_]
    exposure_time: float


class Bench(Protocol):
    """A laser, a DMD, a medium and a camera, simulated or real."""

    @property
    def camera(self) -> Camera:
        """Return the camera: gain, noise, black level, bits, saturation."""

    @property
    def layout(self) -> Layout:
        """Return which mirrors carry which component."""

    @property
    def exposure_time(self) -> float:
        """Return the exposure time that the camera granted, in seconds."""

    @exposure_time.setter
    def exposure_time(self, requested: float) -> None:
        """Ask for an exposure time, in seconds; reading it back tells what was granted."""

    def expose(self, patterns: ArrayLike, *, reference: ArrayLike | None = None, light: bool = True) -> Exposure:
        """Show patterns one after the other and return a frame of each.

        ``patterns`` are macropixel states, bool, shape (frame, input). ``reference`` is None for a blocked
        reference arm, otherwise its commanded phase in each frame, in radians, with the sign of
        |S + R exp(-i delta)|^2. ``light=False`` takes dark frames. What a bench cannot do it answers with an
        error.
        """


@dataclass(frozen=True, kw_only=True)
class BenchDescription:
    """A whole bench, as a file of ``data/benches`` describes it.

    Parameters
    ----------
    name : str
        What people call the bench.
    laser : Laser
        The light source.
    dmd : Dmd
        The mirrors.
    layout : Layout
        Which mirrors carry which component.
    medium : MediumDescription
        What scatters.
    camera : Camera
        What counts.
    exposure_time : float
        Exposure time at the start, in seconds.
    macropixel_amplitudes : tuple of float, shape (input,), optional
        Amplitude of the field that each macropixel sends, on and off, relative to what beam and mirrors give; at least
        0, which is a dead macropixel. Empty where all are 1.
    reference : Reference or None, optional
        The reference arm; None where the bench has none.
    anchor_beam : AnchorBeam, optional
        Macropixels that are lit by a beam of their own.
    temperature : Temperature, optional
        Changes of the room's temperature.
    heating : Heating, optional
        Warming of the medium by the patterns.
    trigger : TriggerJitter, optional
        Jitter of the exposures against the patterns.
    losses : Losses, optional
        Dropped frames and missed triggers.

    Raises
    ------
    ValueError
        If the layout does not fit the mirrors, the camera cannot grant the exposure time, an anchor beam lights
        macropixels that are not there, heating moves nothing, or the amplitudes are not one for each macropixel, are
        negative or all zero.
    TypeError
        If the amplitudes are no tuple of numbers.

    Notes
    -----
    What lives in time (also in the laser, the reference, the camera and the medium) is off unless it is described.
    ``data/benches/restless.toml`` has all of it on, each table commented.
    """

    name: str
    laser: Laser
    dmd: Dmd
    layout: Layout
    medium: MediumDescription
    camera: Camera
    exposure_time: float
    macropixel_amplitudes: tuple[float, ...] = ()
    reference: Reference | None = None
    anchor_beam: AnchorBeam = NO_ANCHOR_BEAM
    temperature: Temperature = NO_TEMPERATURE_CHANGE
    heating: Heating = NO_HEATING
    trigger: TriggerJitter = NO_JITTER
    losses: Losses = NO_LOSSES

    def __post_init__(self) -> None:
        self.layout.check_fits(self.dmd)
        self.camera.shutter.granted_exposure(self.exposure_time)
        last = self.anchor_beam.first + self.anchor_beam.inputs
        if last > self.layout.inputs:
            raise ValueError(
                f"the anchor beam lights macropixels up to {last - 1}, the layout has {self.layout.inputs}: take fewer "
                "inputs or a lower first"
            )
        if self.heating.present and math.isinf(self.temperature.decorrelation):
            raise ValueError(
                f"heating by {self.heating.rise:g} K moves nothing: state decorrelation of temperature, in kelvin"
            )
        self._check_amplitudes()

    def _check_amplitudes(self) -> None:
        """Refuse amplitudes that are not one for each macropixel, or none of which sends light."""
        amplitudes = self.macropixel_amplitudes
        if not isinstance(amplitudes, tuple):
            raise TypeError(f"macropixel_amplitudes must be a tuple of numbers, got {type(amplitudes).__name__}")
        if amplitudes and len(amplitudes) != self.layout.inputs:
            raise ValueError(
                f"macropixel_amplitudes has {len(amplitudes)} entries, the layout has {self.layout.inputs} "
                "macropixels: give one for each, or none for all 1"
            )
        for index, amplitude in enumerate(amplitudes):
            check_number(f"macropixel_amplitudes[{index}]", amplitude, at_least=0)
        if amplitudes and not any(amplitudes):
            raise ValueError("macropixel_amplitudes are all 0: leave at least one macropixel light")

    @property
    def memory(self) -> tuple[str, ...]:
        """Return the causes by which a frame depends on the frames before it, in words."""
        causes = {
            "image lag": self.camera.lag > 0,
            "heating": self.heating.present,
            "trigger jitter": self.trigger.present,
        }
        return tuple(cause for cause, present in causes.items() if present)

    @property
    def frame_period(self) -> float:
        """Return the time from one frame to the next at the starting exposure time, in seconds."""
        return self.period(self.exposure_time)

    def period(self, exposure_time: float) -> float:
        """Return the time from one frame to the next.

        Parameters
        ----------
        exposure_time : float
            Exposure time, in seconds.

        Returns
        -------
        float
            The longer of the camera's and the DMD's frame, in seconds; an exposure begins when the mirrors have landed.
        """
        shutter = self.camera.shutter
        camera = shutter.pattern_period(exposure_time + self.dmd.reset_time, rows=self.camera.rows)
        return max(camera, 1 / self.dmd.frame_rate)
