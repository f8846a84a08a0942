"""A Basler camera that looks at a simulated optical table, through pylon's camera emulation."""

import os

import numpy as np

from optics.bench import Exposure
from optics.camera import Counts
from optics.devices.basler import BaslerCamera
from optics.devices.emulator_files import EmulatorFiles
from optics.devices.errors import DeviceError, FrameLostError
from optics.devices.pixel_formats import FORMAT_BITS
from optics.devices.protocols import Burst
from optics.devices.simulated_camera import BUSY
from optics.devices.simulated_table import OpticalTable
from optics.validation import check_count

EXPOSURE_STEP = 1e-6
"""Step of the exposure times that the emulation grants, in seconds; its menu says a tenth of it."""

EMULATED_SERIAL = "0815-0000"
"""Serial number of the first emulated camera."""

REPLAYS = 8
"""How often a series is played. On a busy machine the emulation passes over a file, once in some thousand frames: what
follows moves up, and neither numbers nor errors of the driver tell. Frames are compared with those simulated."""

WRONG_FRAME = (
    "the driver delivered a frame of another pattern, or changed its counts: use the emulated camera from one place "
    "only, and leave its settings alone"
)


class EmulatedCamera:
    """A Basler camera that looks at a simulated optical table: `FrameCamera` and `BurstCamera`.

    Each frame is simulated when it is exposed: with the mirrors, the light and the exposure time of that moment. It is
    written as a file, which the emulation delivers through the driver like a frame of a camera.

    Parameters
    ----------
    table : OpticalTable
        Where it stands.
    pixel_format : str
        Format that the driver delivers.
    time_out : float
        Longest wait for a frame, in seconds.

    Attributes
    ----------
    device : BaslerCamera
        The driver's camera.

    Raises
    ------
    DriverMissingError
        If pypylon is not installed.

    Notes
    -----
    A frame that is not the one just exposed, bit for bit, is never delivered. The emulation's own clock is not used,
    and its pace, about 97 frames a second, has no meaning: time is that of the simulation.
    """

    def __init__(self, table: OpticalTable, *, pixel_format: str, time_out: float) -> None:
        self._table, self._armed = table, 0
        self._playing: object = None
        self.device = _open_emulated(pixel_format=pixel_format, time_out=time_out)
        self._files = EmulatorFiles(bits=FORMAT_BITS[pixel_format])
        try:
            rows, columns = self.shape
            self.device.set_feature("ImageFileMode", "On")
            self.device.set_region(rows=rows, columns=columns)
            self.exposure_time = table.bench.exposure_time
        except BaseException:
            self.close()
            raise

    @property
    def shape(self) -> tuple[int, int]:
        """Return the pixels of a frame along (y, x)."""
        return self._table.bench.camera.shape

    @property
    def bit_depth(self) -> int:
        """Return the significant bits of a count."""
        return self._table.bench.camera.bits

    @property
    def exposure_time(self) -> float:
        """Return the exposure time that was granted, in seconds."""
        return self._table.bench.exposure_time

    @exposure_time.setter
    def exposure_time(self, requested: float) -> None:
        granted = self._table.bench.camera.shutter.granted_exposure(requested)
        self.device.exposure_time = granted
        if abs(self.device.exposure_time - granted) > 1e-3 * EXPOSURE_STEP:
            raise DeviceError(
                f"the emulation granted {self.device.exposure_time:g} s instead of {granted:g} s: its steps are not "
                f"{EXPOSURE_STEP:g} s any more"
            )
        self._table.bench.exposure_time = granted

    @property
    def exposure_limits(self) -> tuple[float, float, float]:
        """Return the shortest and the longest exposure time and the step between them, in seconds."""
        shutter = self._table.bench.camera.shutter
        return shutter.exposure_minimum, shutter.exposure_maximum, shutter.exposure_step

    def snap(self) -> Counts:
        """Take a frame of what the mirrors show.

        Returns
        -------
        ndarray of uint8 or uint16, shape (y, x)
            Counts in DN, as the driver delivered them.

        Raises
        ------
        FrameLostError
            If the driver or the simulated bench lost it.
        DeviceError
            If the driver delivered another frame.
        """
        exposure = self._table.expose(self._table.sequence[:1])
        self._files.show(exposure.counts[0])
        self._play("still")
        counts = self.device.snap()
        if not exposure.valid[0]:
            raise FrameLostError(f"the simulated bench lost frame {exposure.frame_ids[0]}: take it again")
        if not np.array_equal(counts, exposure.counts[0]):
            raise DeviceError(WRONG_FRAME)
        return counts

    def arm(self, count: int) -> None:
        """Get ready to take a frame at each of the next triggers.

        Parameters
        ----------
        count : int
            Number of triggers.
        """
        check_count("count", count)
        self._armed, self._table.sequence = count, self._table.sequence[:0]

    def fetch(self) -> Burst:
        """Return the frames of the sequence that the mirrors ran through, and disarm.

        Returns
        -------
        Burst
            Frames as the driver delivered them, at the simulated times.

        Raises
        ------
        FrameLostError
            If the driver cannot tell which are missing, as where triggers come faster than the camera exposes.
        DeviceError
            If no series is armed, or the driver delivered other frames.
        """
        if not self._armed:
            raise DeviceError("the camera is not armed: arm it before the triggers come")
        step = 2 if self._table.period < self._table.bench.description.period(self.exposure_time) * (1 - BUSY) else 1
        triggers, self._armed = self._armed, 0
        states = self._table.sequence[:triggers:step]
        if not len(states):
            self.device.stop()
            raise FrameLostError("no trigger came: let the mirrors run after the camera is armed")
        exposure = self._table.expose(states)
        self._files.put_series(exposure.counts)  # before the driver starts: it looks ahead at the files
        self._play("series")
        return self._play_series(exposure, triggers=triggers)

    def close(self) -> None:
        """Release the driver's camera and remove the files; closing twice does no harm."""
        self.device.close()
        self._files.remove()

    def _play_series(self, exposure: Exposure, *, triggers: int) -> Burst:
        """Return the frames of a series that was exposed; played again where the emulation passed over a file.

        So it is where the driver did not get ready, which is no loss of the bench: the same exposures are played again.
        Damaged frames are reported, and where triggers came too fast, what the driver says of them stands.
        """
        count = len(exposure.counts)
        for replay in range(REPLAYS):
            try:
                self.device.arm(triggers)
                for _ in range(count):
                    self.device.trigger()
                burst = self.device.fetch()
            except FrameLostError:
                self.device.stop()
                if count < triggers or replay == REPLAYS - 1:
                    raise
                continue
            if np.array_equal(burst.counts, exposure.counts[burst.triggers]):
                return _delivered(burst, exposure)
        self.device.stop()
        raise DeviceError(WRONG_FRAME)

    def _play(self, folder: str) -> None:
        """Let the emulation play a folder; one that it plays already goes on."""
        if self._playing != folder:
            self.device.set_feature("ImageFilename", str(getattr(self._files, folder)))
            self._playing = folder


def _open_emulated(*, pixel_format: str, time_out: float) -> BaslerCamera:
    """Return an emulated camera; pylon looks at its environment variable when it looks for cameras."""
    before = os.environ.get("PYLON_CAMEMU")
    os.environ["PYLON_CAMEMU"] = "1"
    try:
        return BaslerCamera(EMULATED_SERIAL, pixel_format=pixel_format, time_out=time_out, trigger_source="Software")
    finally:
        if before is None:
            del os.environ["PYLON_CAMEMU"]
        else:
            os.environ["PYLON_CAMEMU"] = before


def _delivered(burst: Burst, exposure: Exposure) -> Burst:
    """Return the frames of a burst that the simulated bench did not lose, at its times."""
    kept = exposure.valid[burst.triggers]
    counts, triggers = burst.counts[kept], burst.triggers[kept]
    times = exposure.timestamps[triggers] - exposure.timestamps[0]
    return Burst(counts=counts, triggers=triggers, timestamps=times)
