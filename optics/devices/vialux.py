"""DMDs on ViALUX's controller boards, through ALP4lib."""

import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from optics.devices.alp_driver import alp_constants, open_alp
from optics.devices.alp_pictures import MICROSECOND, ROW_BYTES, check_masks, picture_words, whole_microseconds
from optics.devices.errors import DeviceError
from optics.mirrors.frames import Orientation
from optics.validation import check_choice, check_count, check_number

MASKS_AT_ONCE = 64
"""Masks that one transfer carries: what is converted at the same time, 6 to 150 MB."""

UNTURNED = Orientation()
"""Rows and columns as the device counts them."""


class VialuxModulator:
    """A DMD on a ViALUX board: a modulator, and a sequencer whose trigger output fires with each mask.

    Parameters
    ----------
    version : str, optional
        Version of ViALUX's library, "4.1" to "5.1".
    library_folder : str, Path or None, optional
        Folder of the library; None looks where its installer puts it.
    serial : int or None, optional
        Serial number of the board; None takes the first that answers.
    orientation : Orientation, optional
        How the rows and columns of the DMD lie to those of the masks.
    hold : float, optional
        Time after which a mask that stands still is written to the mirrors again, in seconds. The trigger output fires
        each time; a camera that listens to it must not be armed then.
    settling : float, optional
        Time from the start of a display until the mirrors have landed, in seconds.
    polarity : {"high", "low"}, optional
        Level of the trigger output while it is active.
    packed : bool, optional
        Whether masks go to the library eight mirrors to a byte, on the DMDs whose packed rows the vendor's header
        states; False sends 0/255 bytes.

    Raises
    ------
    DriverMissingError
        If ALP4lib or ViALUX's library is missing.
    DeviceAbsentError
        If no such board answers.
    DeviceError
        If the library reports an error.
    ValueError
        If a parameter is out of its range.

    Notes
    -----
    Sequences run in the board's uninterrupted mode. In its normal mode the mirrors go dark between two pictures, also
    between two of the same mask: a mask would blink, and an exposure that is not a whole number of pictures would
    collect light that depends on when it began. The mode is in force from the next ``SetTiming`` on, so that timing is
    always set after it.

    The board counts whole microseconds; a period is rounded up to the next one, and `period` reads it back.
    """

    def __init__(
        self,
        *,
        version: str = "4.3",
        library_folder: str | Path | None = None,
        serial: int | None = None,
        orientation: Orientation = UNTURNED,
        hold: float = 10e-3,
        settling: float = 1e-3,
        polarity: str = "high",
        packed: bool = True,
    ) -> None:
        check_number("hold", hold, unit="s", above=0)
        check_number("settling", settling, unit="s", at_least=0)
        check_choice("polarity", polarity, ("high", "low"))
        self._hold, self._settling, self._orientation = hold, settling, orientation
        self._alp = alp_constants()
        self._sequence: Any = None
        self._loaded, self._picture_time = 0, 0
        self._showing = self._running = False
        self._board: Any = open_alp(version=version, library_folder=library_folder, serial=serial)
        try:
            self._columns, self._rows = self._board.nSizeX, self._board.nSizeY
            self._capacity = int(self._board.DevInquire(self._alp.ALP_AVAIL_MEMORY))
            self._serial = int(self._board.DevInquire(self._alp.ALP_DEVICE_NUMBER))
            level = self._alp.ALP_LEVEL_HIGH if polarity == "high" else self._alp.ALP_LEVEL_LOW
            self._board.DevControl(self._alp.ALP_SYNCH_POLARITY, level)
        except BaseException:
            with suppress(DeviceError):
                self.close()
            raise
        self._row_bytes = ROW_BYTES.get(self._columns, 0) if packed else 0

    @property
    def shape(self) -> tuple[int, int]:
        """Return the mirrors along (y, x) of a mask."""
        transposed = self._orientation.transpose
        return (self._columns, self._rows) if transposed else (self._rows, self._columns)

    @property
    def capacity(self) -> int:
        """Return the number of masks that fit the board's memory."""
        return self._capacity

    @property
    def serial_number(self) -> int:
        """Return the serial number of the board."""
        return self._serial

    @property
    def period(self) -> float:
        """Return the time from one mask to the next that was granted last, in seconds; zero before."""
        return self._picture_time * MICROSECOND

    @property
    def period_limits(self) -> tuple[float, float]:
        """Return the shortest and the longest time from one mask to the next, in seconds."""
        shortest, longest = self._picture_times(self._device())
        return shortest * MICROSECOND, longest * MICROSECOND

    def load(self, masks: NDArray[np.bool_]) -> None:
        """Put masks in the place of those that are loaded.

        Parameters
        ----------
        masks : ndarray of bool, shape (mask, y, x)
            Mirror states, at most `capacity` of them.

        Raises
        ------
        TypeError
            If they are not boolean.
        ValueError
            If their shape is not the DMD's, there are none, or more than fit. What was loaded is still there then.
        DeviceError
            If the board reports an error, or is closed. Masks that are not all written are not loaded.
        """
        board = self._device()
        frames = check_masks(masks, shape=self.shape, capacity=self._capacity)
        self._halt(board)
        self._drop(board)
        sequence = board.SeqAlloc(nbImg=len(frames), bitDepth=1)
        self._sequence = sequence
        try:
            self._write(board, frames)
        except BaseException:
            with suppress(DeviceError):
                self._drop(board)
            raise
        self._loaded = len(frames)

    def show(self, index: int) -> None:
        """Show a mask that is loaded until something else is asked for; return once the mirrors have landed.

        Parameters
        ----------
        index : int
            Its number, from zero.

        Raises
        ------
        ValueError
            If no mask of this number is loaded, or ``hold`` is out of the board's range.
        DeviceError
            If the board reports an error, or is closed.
        """
        board = self._device()
        check_count("index", index, at_least=0)
        if index >= self._loaded:
            raise ValueError(f"index = {index} is not loaded: {self._numbers()}")
        picture_time = self._granted(board, "hold", self._hold)
        self._start(board, first=int(index), last=int(index), picture_time=picture_time, loop=True)
        time.sleep(self._settling)

    def run(self, count: int, *, period: float) -> None:
        """Show the first masks one after the other, with a trigger for each; return at once.

        Parameters
        ----------
        count : int
            Number of masks.
        period : float
            Time from one mask to the next, in seconds; it is rounded up to a whole microsecond.

        Raises
        ------
        ValueError
            If there are not as many masks, or the period is out of the board's range.
        DeviceError
            If the board reports an error, or is closed.
        """
        board = self._device()
        check_count("count", count)
        if count > self._loaded:
            raise ValueError(f"count = {count} masks are not there: {self._numbers()}")
        picture_time = self._granted(board, "period", period)
        self._start(board, first=0, last=int(count) - 1, picture_time=picture_time, loop=False)

    def wait(self) -> None:
        """Return when the sequence is over; at once where none runs.

        Raises
        ------
        DeviceError
            If the board reports an error, or is closed.
        """
        board = self._device()
        if self._running:
            board.Wait()
            self._running = False

    def close(self) -> None:
        """Stop the display and release the board; closing twice does no harm.

        Raises
        ------
        DeviceError
            If the board reports an error; what can be released is, even so.
        """
        board, self._board = self._board, None
        if board is None:
            return
        with ExitStack() as steps:  # from the last to the first, each whatever the others do
            steps.callback(board.Free)
            steps.callback(self._drop, board)
            steps.callback(board.Halt)

    def __enter__(self) -> Self:
        """Return the modulator."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _device(self) -> Any:
        """Return the board, or say that it is closed."""
        if self._board is None:
            raise DeviceError("the ViALUX DMD is closed: make a new VialuxModulator")
        return self._board

    def _numbers(self) -> str:
        """Return which masks are loaded, in words."""
        return (
            f"{self._loaded} masks are loaded, numbers 0 to {self._loaded - 1}" if self._loaded else "load masks first"
        )

    def _write(self, board: Any, frames: NDArray[np.bool_]) -> None:
        """Set the sequence up and send its pictures."""
        alp, sequence = self._alp, self._sequence
        board.SeqControl(alp.ALP_BIN_MODE, alp.ALP_BIN_UNINTERRUPTED, SequenceId=sequence)
        data_format = alp.ALP_DATA_BINARY_TOPDOWN if self._row_bytes else alp.ALP_DATA_MSB_ALIGN
        board.SeqControl(alp.ALP_DATA_FORMAT, data_format, SequenceId=sequence)
        for first in range(0, len(frames), MASKS_AT_ONCE):
            part = self._orientation.to_device(frames[first : first + MASKS_AT_ONCE])
            words = picture_words(part, row_bytes=self._row_bytes)
            board.SeqPut(words, SequenceId=sequence, PicOffset=first, PicLoad=len(part))
        board.SetTiming(SequenceId=sequence)  # the uninterrupted mode is in force from here on

    def _picture_times(self, board: Any) -> tuple[int, int]:
        """Return the shortest and the longest time from one mask to the next, in microseconds."""
        if not self._loaded:
            raise ValueError("the limits of the period depend on the masks: load masks first")
        limits = (self._alp.ALP_MIN_PICTURE_TIME, self._alp.ALP_MAX_PICTURE_TIME)
        shortest, longest = (int(board.SeqInquire(limit, SequenceId=self._sequence)) for limit in limits)
        return shortest, longest

    def _granted(self, board: Any, name: str, period: float) -> int:
        """Return a period in whole microseconds, or say what the board allows."""
        return whole_microseconds(name, period, limits=self._picture_times(board))

    def _start(self, board: Any, *, first: int, last: int, picture_time: int, loop: bool) -> None:
        """Show a window of the sequence, over and over or once."""
        alp, sequence = self._alp, self._sequence
        self._halt(board)
        # First up, then down: the window never ends before it begins, which the board refuses.
        for control, value in (
            (alp.ALP_LASTFRAME, self._loaded - 1),
            (alp.ALP_FIRSTFRAME, first),
            (alp.ALP_LASTFRAME, last),
        ):
            board.SeqControl(control, value, SequenceId=sequence)
        # Without its width a pulse is as long as the mask, and one does not end before the next begins.
        board.SetTiming(SequenceId=sequence, pictureTime=picture_time, synchPulseWidth=picture_time // 2)
        self._picture_time = picture_time
        self._showing = True  # also where the start is reported as failed: what may be shown is halted first
        board.Run(SequenceId=sequence, loop=loop)
        self._running = not loop

    def _halt(self, board: Any) -> None:
        """Stop what is shown."""
        if self._showing:
            board.Halt()
        self._showing = self._running = False

    def _drop(self, board: Any) -> None:
        """Give the memory of the masks back."""
        sequence, self._sequence, self._loaded = self._sequence, None, 0
        if sequence is not None:
            board.FreeSeq(SequenceId=sequence)
