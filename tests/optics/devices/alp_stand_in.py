"""A stand-in for ViALUX's library: device memory, timing and mirrors, behind the functions that ALP4lib calls.

Time is its own: it passes in `sleep`, which takes the place of `time.sleep`, and in `AlpProjWait`. It is strict where
the vendor's header or samples say what the library refuses, and does the worst of what it may do where they say
nothing: mirrors are dark when nothing is shown, memory holds noise before it is written, identifiers start at zero.
"""
# ruff: noqa: N802 (the names are the library's)

import ctypes
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

ALP4 = pytest.importorskip("ALP4", reason="ALP4lib is not installed: pip install -e '.[vialux]'")

OK, NOT_ONLINE, NOT_IDLE, NOT_AVAILABLE, NOT_READY, PARM_INVALID = 0, 1001, 1002, 1003, 1004, 1005
MEMORY_FULL, SEQ_IN_USE, DEVICE_REMOVED = 1007, 1008, 1012
START_LATENCY = 200e-6
"""From the start of a display until the mirrors have landed, in seconds."""


@dataclass
class Sequence:
    """Pictures in the board's memory, and how they are to be shown."""

    planes: NDArray[np.bool_]
    controls: dict[int, int]
    picture_time: int = 33_334
    pulse: int = 33_334
    uninterrupted: bool = False


@dataclass
class Display:
    """Pictures that were started, as they were set up then."""

    sequence: int
    pictures: NDArray[np.bool_]
    start: float
    picture_time: float
    pulse: float
    uninterrupted: bool
    loop: bool
    halted: float = np.inf

    @property
    def end(self) -> float:
        """Return when it stops."""
        return min(self.halted, np.inf if self.loop else self.start + len(self.pictures) * self.picture_time)

    def picture(self, at: float) -> NDArray[np.bool_] | None:
        """Return what the mirrors are told at a time, None where they are dark."""
        number, phase = divmod(at - self.start - START_LATENCY, self.picture_time)
        if number < 0 or at >= self.end or (not self.uninterrupted and phase > 0.9 * self.picture_time):
            return None
        return self.pictures[int(number) % len(self.pictures)]

    def pulses(self, until: float) -> NDArray[np.float64]:
        """Return when the trigger output rose; pulses that reach into the next picture merge."""
        count = int(np.ceil((min(self.end, until) - self.start) / self.picture_time - 1e-9))
        starts = self.start + self.picture_time * np.arange(count)
        return starts if self.pulse < self.picture_time else starts[:1]


@dataclass
class AlpStandIn:
    """One board; ``fail`` makes the next call of a function return a code, ``fail_late`` after it has done its work."""

    rows: int = 768
    columns: int = 1024
    dmd_type: int = 4
    serial: int = 13_042
    memory: int = 200
    picture_times: tuple[int, int] = (44, 10_000_000)
    online: bool = True
    taken: bool = False
    removed: bool = False
    fail: dict[str, int] = field(default_factory=dict)
    fail_late: dict[str, int] = field(default_factory=dict)
    sequences: dict[int, Sequence] = field(default_factory=dict)
    displays: list[Display] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    transferred: int = 0
    polarity: int = 0
    now: float = 0.0
    allocated: bool = False

    def mirrors(self, at: float | None = None) -> NDArray[np.bool_]:
        """Return which mirrors are on, now or at a time."""
        when = self.now if at is None else at
        shown = self.displays[-1].picture(when) if self.displays else None
        return np.zeros((self.rows, self.columns), np.bool_) if shown is None else shown.copy()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def __getattribute__(self, name: str) -> Any:
        """Return a function of the library, wrapped so that it is counted and can be made to fail."""
        item = super().__getattribute__(name)
        if not name.startswith("Alp"):
            return item

        def call(*arguments: Any) -> int:
            self.calls.append(name)
            code = DEVICE_REMOVED if self.removed else self.fail.pop(name, OK)
            if code:
                return code
            done = item(*arguments)
            return self.fail_late.pop(name, OK) or done

        return call

    def AlpDevAlloc(self, number: Any, flag: Any, identifier: Any) -> int:
        if not self.online or plain(number) not in (0, self.serial):
            return NOT_ONLINE
        if self.allocated or self.taken:
            return NOT_READY
        self.allocated = True
        return answer(identifier, 7)

    def AlpDevInquire(self, device: Any, what: Any, answered: Any) -> int:
        used = sum(len(sequence.planes) for sequence in self.sequences.values())
        values = {
            ALP4.ALP_DEVICE_NUMBER: self.serial, ALP4.ALP_AVAIL_MEMORY: self.memory - used,
            ALP4.ALP_DEV_DMDTYPE: self.dmd_type, ALP4.ALP_DEV_DISPLAY_HEIGHT: self.rows,
            ALP4.ALP_DEV_DISPLAY_WIDTH: self.columns,
        }  # fmt: skip
        if not self.here(device):
            return NOT_AVAILABLE
        return answer(answered, values[plain(what)]) if plain(what) in values else PARM_INVALID

    def AlpDevControl(self, device: Any, what: Any, value: Any) -> int:
        levels = (ALP4.ALP_LEVEL_HIGH, ALP4.ALP_LEVEL_LOW)
        if not self.here(device):
            return NOT_AVAILABLE
        if self.active:
            return NOT_IDLE
        if plain(what) != ALP4.ALP_SYNCH_POLARITY or plain(value) not in levels:
            return PARM_INVALID
        self.polarity = plain(value)
        return OK

    def AlpSeqAlloc(self, device: Any, planes: Any, pictures: Any, identifier: Any) -> int:
        if not self.here(device):
            return NOT_AVAILABLE
        if plain(planes) != 1 or plain(pictures) < 1:
            return PARM_INVALID
        used = sum(len(sequence.planes) for sequence in self.sequences.values())
        if used + plain(pictures) > self.memory:
            return MEMORY_FULL
        noise = np.random.default_rng(3).random((plain(pictures), 1, self.columns)) < 0.5
        controls = {ALP4.ALP_FIRSTFRAME: 0, ALP4.ALP_LASTFRAME: plain(pictures) - 1, ALP4.ALP_DATA_FORMAT: 0}
        number = self.calls.count("AlpSeqAlloc") - 1
        self.sequences[number] = Sequence(np.repeat(noise, self.rows, axis=1), controls)
        return answer(identifier, number)

    def AlpSeqControl(self, device: Any, identifier: Any, what: Any, value: Any) -> int:
        sequence = self.sequences.get(plain(identifier))
        if not self.here(device) or sequence is None:
            return NOT_AVAILABLE
        wanted = {**sequence.controls, plain(what): plain(value)}
        last = wanted[ALP4.ALP_LASTFRAME]
        modes = (ALP4.ALP_BIN_NORMAL, ALP4.ALP_BIN_UNINTERRUPTED)
        if not (
            plain(what) in (*sequence.controls, ALP4.ALP_BIN_MODE)
            and 0 <= wanted[ALP4.ALP_FIRSTFRAME] <= last < len(sequence.planes)
            and wanted.get(ALP4.ALP_BIN_MODE, modes[0]) in modes
            and wanted[ALP4.ALP_DATA_FORMAT] in (0, 1, 2, 3)
        ):
            return PARM_INVALID
        sequence.controls = wanted
        return OK

    def AlpSeqPut(self, device: Any, identifier: Any, first: Any, count: Any, data: Any) -> int:
        sequence = self.sequences.get(plain(identifier))
        if not self.here(device) or sequence is None:
            return NOT_AVAILABLE
        if self.active and self.displays[-1].sequence == plain(identifier):
            return SEQ_IN_USE
        pictures = plain(count) or len(sequence.planes) - plain(first)
        if plain(first) < 0 or plain(first) + pictures > len(sequence.planes):
            return PARM_INVALID
        data_format = sequence.controls[ALP4.ALP_DATA_FORMAT]
        packed = data_format in (ALP4.ALP_DATA_BINARY_TOPDOWN, ALP4.ALP_DATA_BINARY_BOTTOMUP)
        # The vendor's header: a packed row of 1024 mirrors has 128 bytes, one of 1920 has 256.
        width = (256 if self.columns == 1920 else self.columns // 8) if packed else self.columns
        size = pictures * self.rows * width
        self.transferred += size
        words = np.frombuffer(ctypes.string_at(data, size), np.uint8).reshape(pictures, self.rows, width)
        if packed:
            bits = np.unpackbits(words, axis=2, count=self.columns)
            bits = bits[:, ::-1] if data_format == ALP4.ALP_DATA_BINARY_BOTTOMUP else bits
        else:
            bits = words >> 7 if data_format == ALP4.ALP_DATA_MSB_ALIGN else words & 1
        sequence.planes[plain(first) : plain(first) + pictures] = bits != 0
        return OK

    def AlpSeqTiming(self, device: Any, identifier: Any, *times: Any) -> int:
        sequence = self.sequences.get(plain(identifier))
        if not self.here(device) or sequence is None:
            return NOT_AVAILABLE
        _, picture, delay, pulse, _ = map(plain, times)
        uninterrupted = sequence.controls.get(ALP4.ALP_BIN_MODE) == ALP4.ALP_BIN_UNINTERRUPTED
        picture = picture or 33_334
        if not self.picture_times[0] <= picture <= self.picture_times[1] or delay < 0 or pulse > picture:
            return PARM_INVALID
        sequence.picture_time, sequence.pulse, sequence.uninterrupted = picture, pulse or picture, uninterrupted
        return OK

    def AlpSeqInquire(self, device: Any, identifier: Any, what: Any, answered: Any) -> int:
        sequence = self.sequences.get(plain(identifier))
        if not self.here(device) or sequence is None:
            return NOT_AVAILABLE
        shortest, longest = self.picture_times
        values = {
            ALP4.ALP_MIN_PICTURE_TIME: shortest if sequence.uninterrupted else 2 * shortest,
            ALP4.ALP_MAX_PICTURE_TIME: longest, ALP4.ALP_PICTURE_TIME: sequence.picture_time,
        }  # fmt: skip
        return answer(answered, values[plain(what)]) if plain(what) in values else PARM_INVALID

    def AlpSeqFree(self, device: Any, identifier: Any) -> int:
        if not self.here(device) or plain(identifier) not in self.sequences:
            return NOT_AVAILABLE
        if self.active and self.displays[-1].sequence == plain(identifier):
            return SEQ_IN_USE
        del self.sequences[plain(identifier)]
        return OK

    def AlpProjStart(self, device: Any, identifier: Any) -> int:
        return self.start(device, identifier, loop=False)

    def AlpProjStartCont(self, device: Any, identifier: Any) -> int:
        return self.start(device, identifier, loop=True)

    def AlpProjWait(self, device: Any) -> int:
        if not self.here(device):
            return NOT_AVAILABLE
        if self.active and self.displays[-1].loop:
            return PARM_INVALID
        self.now = max(self.now, self.displays[-1].end) if self.displays else self.now
        return OK

    def AlpDevHalt(self, device: Any) -> int:
        if not self.here(device):
            return NOT_AVAILABLE
        if self.active:
            self.displays[-1].halted = self.now
        return OK

    def AlpDevFree(self, device: Any) -> int:
        if not self.here(device):
            return NOT_AVAILABLE
        if self.active:
            return NOT_IDLE
        self.leaks += [f"sequence {number} was not freed" for number in self.sequences]
        self.sequences.clear()
        self.allocated = False
        return OK

    @property
    def active(self) -> bool:
        """Whether something is shown."""
        return bool(self.displays) and self.now < self.displays[-1].end

    def here(self, device: Any) -> bool:
        """Whether a device is the one that was allocated."""
        return self.allocated and plain(device) == 7

    def start(self, device: Any, identifier: Any, *, loop: bool) -> int:
        """Show a sequence. A second one would wait for the end of the first; nothing here asks for that."""
        sequence = self.sequences.get(plain(identifier))
        if not self.here(device) or sequence is None:
            return NOT_AVAILABLE
        if self.active:
            return NOT_IDLE
        first, last = sequence.controls[ALP4.ALP_FIRSTFRAME], sequence.controls[ALP4.ALP_LASTFRAME]
        self.displays.append(
            Display(
                plain(identifier), sequence.planes[first : last + 1].copy(), self.now, sequence.picture_time * 1e-6,
                sequence.pulse * 1e-6, sequence.uninterrupted, loop,
            )
        )  # fmt: skip
        return OK


def install(monkeypatch: pytest.MonkeyPatch, board: AlpStandIn) -> AlpStandIn:
    """Put a stand-in where ctypes would load ViALUX's library, and its clock in the place of the real one."""
    load = ctypes.CDLL

    def load_or_stand_in(name: str, *arguments: Any, **options: Any) -> Any:
        return board if str(name).endswith("libalp43.so") else load(name, *arguments, **options)

    monkeypatch.setattr(ctypes, "CDLL", load_or_stand_in)
    monkeypatch.setattr(time, "sleep", board.sleep)
    return board


def plain(value: Any) -> int:
    """Return a whole number that ctypes may have wrapped."""
    return int(getattr(value, "value", value))


def answer(pointer: Any, value: int) -> int:
    """Write an answer as the library does: 32 bits, though ALP4lib passes longs."""
    ctypes.cast(pointer, ctypes.POINTER(ctypes.c_int32))[0] = value
    return OK
