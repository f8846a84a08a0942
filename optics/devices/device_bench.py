"""The bench that real devices make: a modulator, a camera and a layout, behind the protocol that simulations share."""

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.bench import Exposure
from optics.camera import Camera
from optics.devices.device_checks import camera_of, check_devices, check_mirrors
from optics.devices.errors import DeviceError
from optics.devices.frame_series import RetryRule, Series
from optics.devices.frame_taking import Clock, InBursts, StepByStep
from optics.devices.mask_memory import MaskMemory
from optics.devices.protocols import (
    BurstCamera,
    FrameCamera,
    LightSwitch,
    Modulator,
    PatternSequencer,
    PhaseShifter,
)
from optics.dmd import Dmd
from optics.macropixels import Layout
from optics.mirrors.frames import FrameRenderer
from optics.validation import check_choice, check_count, check_number, check_states

BURST_BYTES = 128 * 2**20
"""Memory for the frames of one burst, and once more for the burst before, which is put in its place meanwhile."""


class DeviceBench:
    """A bench of real devices (`optics.bench.Bench`).

    Where the modulator is a `PatternSequencer` and the camera a `BurstCamera`, series without reference phases are
    taken in bursts at the devices' own pace; otherwise each pattern is shown and its frame taken, one by one.

    Parameters
    ----------
    modulator : Modulator
        Shows mirror masks. Nobody else loads masks while the bench has it.
    camera : FrameCamera
        Takes frames.
    layout : Layout
        Which mirrors carry which component.
    dmd : Dmd
        The mirrors: as many as the modulator has.
    figures : Camera
        What is known of the camera: gain, noise, black level, full well; `optics.devices.figures.starting_figures`
        where nobody has measured them. Pixels and bits must be the device's. Its exposure times give way to those that
        the device grants, and its alignment to the right.
    light_switch : LightSwitch or None, optional
        Blocks the light for dark frames.
    phase_shifter : PhaseShifter or None, optional
        Sets the reference; None where there is no reference arm, or it is blocked for good.
    retries : int, optional
        How often a frame that was lost is taken again, each time with its own pattern: the series is never shifted.
    lost_frames : {"raise", "mark"}, optional
        Whether a frame that stays lost is an error, or comes as zeros with ``valid`` false.
    step_by_step : bool, optional
        Whether bursts are left alone even where the devices can do them.
    frame_period : float or None, optional
        Time from one pattern to the next in a burst, in seconds; None takes what exposure time, readout, overhead and
        mirrors need (`optics.shutter.Shutter.pattern_period`).
    clock : callable, optional
        Returns the time, in seconds.

    Raises
    ------
    TypeError
        If a device is none, or modulator and camera are swapped.
    ValueError
        If mirrors, pixels or bits are not the devices', or the layout does not fit.

    Notes
    -----
    The bench owns its devices: it releases them when it is closed, at the end of a ``with`` block, and also when its
    constructor refuses them. Frames have absolute numbers; a frame that was taken again keeps the number of its place,
    and has the time at which it was taken in the end. What a failed call took is gone and has no numbers: the next call
    starts where that one did. Light is switched only where it has to change: after dark frames it stays blocked until
    light is wanted. A call that fails leaves the light as it was.

    Memory beyond the frames of the series: masks of `optics.devices.mask_memory.MASK_BYTES`, twice, and frames of
    `BURST_BYTES`, twice.
    """

    def __init__(
        self,
        modulator: Modulator,
        camera: FrameCamera,
        *,
        layout: Layout,
        dmd: Dmd,
        figures: Camera,
        light_switch: LightSwitch | None = None,
        phase_shifter: PhaseShifter | None = None,
        retries: int = 3,
        lost_frames: str = "raise",
        step_by_step: bool = False,
        frame_period: float | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._modulator, self._device, self._layout, self._dmd = modulator, camera, layout, dmd
        self._light_switch, self._phase_shifter = light_switch, phase_shifter
        self._frame_period, self._closed, self._exposures = frame_period, False, 0
        self._light: bool | None = None  # not known yet
        self._phase: float | None = math.nan  # the same
        try:
            check_count("retries", retries, at_least=0)
            check_choice("lost_frames", lost_frames, ("raise", "mark"))
            if frame_period is not None:
                check_number("frame_period", frame_period, unit="s", at_least=1 / dmd.frame_rate)
            check_devices(modulator, camera, light_switch, phase_shifter)
            check_mirrors(modulator, layout, dmd)
            self._camera = camera_of(camera, figures)
            rule = RetryRule(retries=retries, mark=lost_frames == "mark")
            self._steps, self._bursts = self._ways(rule, clock, bursts=not step_by_step)
            self._clock, self._began = clock, clock()
        except BaseException:
            with suppress(Exception):  # the refusal is the error to raise
                self.close()
            raise

    def _ways(self, rule: RetryRule, clock: Clock, *, bursts: bool) -> tuple[StepByStep, InBursts | None]:
        """Return the ways in which these devices can take frames."""
        frame_bytes = self._camera.pixels * self._camera.word.itemsize
        masks = MaskMemory(
            self._modulator, FrameRenderer(self._layout, self._dmd), at_most=max(1, BURST_BYTES // frame_bytes)
        )
        figures, modulator, camera = self._camera, self._modulator, self._device
        steps = StepByStep(
            modulator=modulator, camera=camera, masks=masks, figures=figures, rule=rule, clock=clock
        )  # fmt: skip
        if not (bursts and isinstance(modulator, PatternSequencer) and isinstance(camera, BurstCamera)):
            return steps, None
        return steps, InBursts(
            modulator=modulator, camera=camera, masks=masks, figures=figures, rule=rule, clock=clock
        )  # fmt: skip

    @property
    def camera(self) -> Camera:
        """Return the camera: the figures that were given, with the exposure times that the device grants."""
        return self._camera

    @property
    def layout(self) -> Layout:
        """Return which mirrors carry which component."""
        return self._layout

    @property
    def dmd(self) -> Dmd:
        """Return the mirrors."""
        return self._dmd

    @property
    def bursts(self) -> bool:
        """Return whether series without reference phases are taken in bursts."""
        return self._bursts is not None

    @property
    def exposures(self) -> int:
        """Return the number of frames delivered so far."""
        return self._exposures

    @property
    def exposure_time(self) -> float:
        """Return the exposure time that the camera granted, in seconds."""
        return self._device.exposure_time

    @exposure_time.setter
    def exposure_time(self, requested: float) -> None:
        self._check_open()
        shutter = self._camera.shutter
        check_number(
            "exposure_time", requested, unit="s", at_least=shutter.exposure_minimum, at_most=shutter.exposure_maximum
        )
        self._device.exposure_time = requested

    def expose(self, patterns: ArrayLike, *, reference: ArrayLike | None = None, light: bool = True) -> Exposure:
        """Show patterns one after the other and return a frame of each.

        Parameters
        ----------
        patterns : array_like of bool, shape (frame, input)
            Macropixel states.
        reference : array_like or None, shape (frame,), optional
            Commanded phase of the reference in each frame, in radians; None blocks the arm.
        light : bool, optional
            False takes dark frames, the light blocked by the switch.

        Returns
        -------
        Exposure
            Counts in DN, times from the start of the bench, and absolute numbers of the frames.

        Raises
        ------
        TypeError
            If the states are not boolean.
        ValueError
            If their shape does not fit the layout, dark frames or reference phases are asked for that these devices
            cannot give, or the exposure time does not fit the frame period.
        FrameLostError
            If a frame is lost again and again, and lost frames are errors; it knows the absolute number.
        DeviceError
            If a device fails, or the bench is closed.
        """
        self._check_open()
        states = check_states(patterns, inputs=self._layout.inputs)
        phases = self._checked_phases(reference, len(states))
        if not light and self._light_switch is None:
            raise ValueError(
                "this bench cannot block its light: give it a light_switch for dark frames, or let a person block it "
                "(optics.devices.light_switches.ManualLightSwitch)"
            )
        exposure_time = self._device.exposure_time
        series = Series.empty(len(states), self._camera, first=self._exposures)
        with self._lit(light):
            self._take(states, series, phases, exposure_time)
        self._exposures += len(states)
        numbers = series.first + np.arange(len(states))
        times = series.timestamps - self._began
        return Exposure(series.counts, times, numbers, series.valid, exposure_time)

    def continue_after(self, *, frame_id: int, timestamp: float) -> None:
        """Go on with the numbers and the time of a series that was left, for instance by a process that ended.

        Parameters
        ----------
        frame_id : int
            Absolute number of the last frame that was kept.
        timestamp : float
            Start of its exposure, in seconds.

        Raises
        ------
        ValueError
            If a number is negative.

        Notes
        -----
        The pause has no length: time goes on where that frame ended.
        """
        check_count("frame_id", frame_id, at_least=0)
        check_number("timestamp", timestamp, unit="s", at_least=0)
        self._exposures = frame_id + 1
        self._began = self._clock() - (timestamp + self.exposure_time)

    def close(self) -> None:
        """Release all devices, also where one of them fails to; closing twice does no harm."""
        self._closed = True
        with ExitStack() as stack:
            for device in (self._modulator, self._device, self._phase_shifter, self._light_switch):
                if device is not None:
                    stack.callback(device.close)

    def __enter__(self) -> Self:
        """Return the bench."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release all devices."""
        self.close()

    def _take(
        self, states: NDArray[np.bool_], series: Series, phases: NDArray[np.float64] | None, exposure_time: float
    ) -> None:
        """Take the frames of a series in the way that suits it."""
        if phases is not None:
            self._steps.take(states, series, prepare=lambda frame: self._set_phase(float(phases[frame])))
            return
        self._set_phase(None)
        if self._bursts is None:
            self._steps.take(states, series)
        else:
            self._bursts.take(states, series, period=self._period(exposure_time))

    def _period(self, exposure_time: float) -> float:
        """Return the time from one pattern to the next in a burst, in seconds."""
        shutter, dmd = self._camera.shutter, self._dmd
        needed = max(
            shutter.pattern_period(exposure_time + dmd.reset_time, rows=self._camera.rows), 1 / dmd.frame_rate
        )  # fmt: skip
        if self._frame_period is None:
            return needed
        if self._frame_period < exposure_time + dmd.reset_time:
            raise ValueError(
                f"frame_period = {self._frame_period:g} s is too short for an exposure time of {exposure_time:g} s and "
                f"a mirror reset of {dmd.reset_time:g} s: take a longer period or a shorter exposure time"
            )
        return self._frame_period

    def _checked_phases(self, reference: ArrayLike | None, count: int) -> NDArray[np.float64] | None:
        """Return reference phases, or say why these devices cannot set them."""
        if reference is None:
            return None
        if self._phase_shifter is None:
            raise ValueError("this bench has no reference arm: leave reference out, or give the bench a phase_shifter")
        phases = np.asarray(reference, np.float64)
        if phases.shape != (count,) or not np.isfinite(phases).all():
            raise ValueError(
                f"reference must hold one finite phase a frame, shape {(count,)}, got shape {phases.shape}"
            )
        return phases

    @contextmanager
    def _lit(self, on: bool) -> Iterator[None]:
        """Switch the light for a series; where the series fails it becomes what it was."""
        before = self._light
        self._switch(on)
        try:
            yield
        except BaseException:
            if before is not None:
                with suppress(Exception):  # the first error is the one to raise
                    self._switch(before)
            raise

    def _switch(self, on: bool) -> None:
        """Let light through or block it, where it is not so already."""
        if self._light_switch is None or self._light is on:
            return
        self._light = None
        self._light_switch.set_light(on)
        self._light = on

    def _set_phase(self, phase: float | None) -> None:
        """Set or block the reference, where it is not so already."""
        if self._phase_shifter is None or self._phase == phase:
            return
        self._phase = math.nan
        self._phase_shifter.set_reference(phase)
        self._phase = phase

    def _check_open(self) -> None:
        """Refuse work with devices that are released."""
        if self._closed:
            raise DeviceError("the bench is closed and its devices are released: open it anew")
