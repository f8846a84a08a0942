"""ViALUX DMDs through ALP4lib on a stand-in for the vendor's library: which mirrors are on, and what is left behind."""

import ctypes
import itertools
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from optics.devices.errors import DeviceAbsentError, DeviceError, DriverMissingError
from optics.devices.protocols import Modulator, PatternSequencer
from optics.devices.vialux import VialuxModulator
from optics.mirrors.frames import Orientation
from tests.optics.devices.alp_stand_in import ALP4, START_LATENCY, AlpStandIn, install

SHAPE = (768, 1024)


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[AlpStandIn]:
    """A board that must have been given back whole when the test is over."""
    board = install(monkeypatch, AlpStandIn())
    yield board
    assert not board.allocated
    assert board.leaks == []
    assert board.sequences == {}


@pytest.fixture
def masks(rng: np.random.Generator) -> np.ndarray:
    """Five random masks."""
    return rng.random((5, *SHAPE)) < 0.4


def test_shape_capacity_and_serial_number_are_the_boards(board: AlpStandIn) -> None:
    with VialuxModulator(serial=13_042) as dmd:
        assert isinstance(dmd, Modulator)
        assert isinstance(dmd, PatternSequencer)
        assert dmd.shape == SHAPE
        assert dmd.capacity == 200
        assert dmd.serial_number == 13_042


@pytest.mark.parametrize("packed", [True, False])
def test_mirrors_are_the_mask_bit_for_bit(board: AlpStandIn, masks: np.ndarray, packed: bool) -> None:
    with VialuxModulator(packed=packed) as dmd:
        dmd.load(masks)
        for index in (3, 0, 4, 4, np.int64(1)):  # up, down, and twice the same
            dmd.show(index)
            assert np.array_equal(board.mirrors(), masks[index])


@pytest.mark.parametrize("packed", [True, False])
def test_each_mirror_is_where_the_mask_has_it(board: AlpStandIn, packed: bool) -> None:
    # Single mirrors: the first nine and the last of a row, the last of a column.
    places = [(0, column) for column in (*range(9), 1023)] + [(1, 0), (767, 0), (767, 1023)]
    masks = np.zeros((len(places), *SHAPE), np.bool_)
    for mask, place in zip(masks, places, strict=True):
        mask[place] = True
    with VialuxModulator(packed=packed) as dmd:
        dmd.load(masks)
        for index, place in enumerate(places):
            dmd.show(index)
            assert [tuple(found) for found in np.argwhere(board.mirrors())] == [place]


@pytest.mark.parametrize(
    ("rows", "columns", "transferred"),
    [(768, 1024, 768 * 128), (1080, 1920, 1080 * 256), (800, 1280, 800 * 1280), (1050, 1400, 1050 * 1400)],
)
def test_rows_are_packed_where_the_vendor_says_how(
    board: AlpStandIn, rng: np.random.Generator, rows: int, columns: int, transferred: int
) -> None:
    board.rows, board.columns = rows, columns
    masks = rng.random((2, rows, columns)) < 0.5
    with VialuxModulator() as dmd:
        dmd.load(masks)
        dmd.show(1)
        assert np.array_equal(board.mirrors(), masks[1])
    assert board.transferred == 2 * transferred


def test_numbers_of_zero_and_one_would_show_nothing(board: AlpStandIn) -> None:
    # The stand-in takes the highest bit of a byte, as the vendor's does: the trap that the adapter absorbs.
    device = ALP4.ALP4(version="4.3")
    device.Initialize()
    sequence = device.SeqAlloc(nbImg=2)
    device.SeqPut(np.concatenate([np.ones(SHAPE).ravel(), 255 * np.ones(SHAPE).ravel()]), SequenceId=sequence)
    assert not board.sequences[0].planes[0].any()
    assert board.sequences[0].planes[1].all()
    device.FreeSeq(sequence)
    device.Free()


def test_many_masks_go_in_parts_and_none_is_mistaken(board: AlpStandIn, rng: np.random.Generator) -> None:
    board.rows, board.columns = 12, 1024
    masks = rng.random((150, 12, 1024)) < 0.5
    with VialuxModulator() as dmd:
        dmd.load(masks)
        for index in (0, 63, 64, 127, 128, 149):
            dmd.show(index)
            assert np.array_equal(board.mirrors(), masks[index])
    assert board.calls.count("AlpSeqPut") == 3


def test_a_static_mask_stands_still(board: AlpStandIn, masks: np.ndarray) -> None:
    with VialuxModulator(hold=1e-3) as dmd:
        dmd.load(masks)
        dmd.show(2)
        for later in np.arange(0, 25e-3, 37e-6):  # in the normal mode every picture would end in a dark phase
            assert np.array_equal(board.mirrors(board.now + later), masks[2])


def test_the_mirrors_have_landed_when_show_returns(board: AlpStandIn, masks: np.ndarray) -> None:
    with VialuxModulator(settling=2 * START_LATENCY) as dmd:
        dmd.load(masks)
        before = board.now
        dmd.show(0)
        assert board.now - before >= START_LATENCY


def test_masks_are_replaced_and_their_memory_given_back(board: AlpStandIn, masks: np.ndarray) -> None:
    board.memory = 6  # the old and the new ones would not fit together
    with VialuxModulator() as dmd:
        dmd.load(masks)
        dmd.show(4)
        dmd.load(~masks[:3])
        assert len(board.sequences) == 1
        dmd.show(1)
        assert np.array_equal(board.mirrors(), ~masks[1])
        assert dmd.capacity == 6


def test_a_sequence_shows_each_mask_with_one_trigger(board: AlpStandIn, masks: np.ndarray) -> None:
    with VialuxModulator() as dmd:
        dmd.load(masks)
        dmd.show(3)
        dmd.run(np.int64(4), period=100e-6)
        display = board.displays[-1]
        assert display.pulses(np.inf) - display.start == pytest.approx(100e-6 * np.arange(4))
        middles = display.start + START_LATENCY + 100e-6 * (np.arange(2) + 0.5)
        for index, middle in enumerate(middles):
            assert np.array_equal(board.mirrors(middle), masks[index])
        assert np.array_equal(display.pictures, masks[:4])
        assert board.active  # run returned at once
        dmd.wait()
        assert not board.active
        dmd.wait()  # nothing runs: at once
        dmd.show(0)
        assert np.array_equal(board.mirrors(), masks[0])


def test_waiting_while_a_mask_stands_still_is_no_error(board: AlpStandIn, masks: np.ndarray) -> None:
    with VialuxModulator() as dmd:
        dmd.load(masks)
        dmd.wait()
        dmd.run(5, period=1e-3)
        dmd.show(0)
        dmd.wait()
        assert "AlpProjWait" not in board.calls


@pytest.mark.parametrize(
    ("asked", "granted"),
    [(44e-6, 44), (100e-6, 100), (100.2e-6, 101), (1 / 9000, 112), (29e-6 + 15e-6, 44), (10, 10**7)],
)
def test_periods_are_whole_microseconds_and_never_shorter_than_asked(
    board: AlpStandIn, masks: np.ndarray, asked: float, granted: int
) -> None:
    with VialuxModulator() as dmd:
        dmd.load(masks)
        assert dmd.period == 0
        dmd.run(2, period=asked)
        assert dmd.period == pytest.approx(granted * 1e-6, rel=1e-12)
        assert board.displays[-1].picture_time == pytest.approx(granted * 1e-6, rel=1e-12)


def test_periods_out_of_range_are_refused_with_the_range(board: AlpStandIn, masks: np.ndarray) -> None:
    with VialuxModulator() as dmd:
        with pytest.raises(ValueError, match="depend on the masks: load masks first"):
            _ = dmd.period_limits
        dmd.load(masks)
        assert dmd.period_limits == pytest.approx((44e-6, 10))
        message = r"period = {} s is not allowed: the board shows a mask for 4.4e-05 s at the shortest and 10 s at the"
        for period in (43e-6, 10.1):
            with pytest.raises(ValueError, match=message.format(f"{period:g}")):
                dmd.run(2, period=period)
        with pytest.raises(ValueError, match="period = 0 s is not allowed"):
            dmd.run(2, period=0)
    with VialuxModulator(hold=20) as dmd:
        dmd.load(masks)
        with pytest.raises(ValueError, match="hold = 20 s is not allowed"):
            dmd.show(0)


@pytest.mark.parametrize(("polarity", "level"), [("high", "ALP_LEVEL_HIGH"), ("low", "ALP_LEVEL_LOW")])
def test_the_trigger_output_has_the_polarity_asked_for(board: AlpStandIn, polarity: str, level: str) -> None:
    with VialuxModulator(polarity=polarity):
        assert board.polarity == getattr(ALP4, level)


@pytest.mark.parametrize(("transpose", "rows", "columns"), list(itertools.product([False, True], repeat=3)))
def test_masks_are_turned_as_the_device_lies(
    board: AlpStandIn, rng: np.random.Generator, transpose: bool, rows: bool, columns: bool
) -> None:
    orientation = Orientation(transpose=transpose, flip_rows=rows, flip_columns=columns)
    with VialuxModulator(orientation=orientation) as dmd:
        assert dmd.shape == (SHAPE[::-1] if transpose else SHAPE)
        masks = rng.random((2, *dmd.shape)) < 0.5
        dmd.load(masks)
        dmd.show(1)
        assert np.array_equal(orientation.from_device(board.mirrors()), masks[1])


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (np.eye(768, 1024, dtype=np.uint8)[np.newaxis], TypeError, "must be boolean, got 0/1 numbers of type uint8"),
        (255 * np.eye(768, 1024, dtype=np.uint8)[np.newaxis], TypeError, "must be boolean, got 0/255 images"),
        (np.zeros((768, 1024), np.bool_), ValueError, r"must have shape \(frame, y, x\), got \(768, 1024\)"),
        (np.zeros((2, 1024, 768), np.bool_), ValueError, "1024 x 768 mirrors, the DMD has 768 x 1024 .*are swapped"),
        (np.zeros((2, 768, 1000), np.bool_), ValueError, r"768 x 1000 mirrors, the DMD has 768 x 1024 \(rows x col"),
        (np.zeros((0, 768, 1024), np.bool_), ValueError, "0 masks cannot be loaded: the board takes 1 to 4 at once"),
        (np.zeros((5, 768, 1024), np.bool_), ValueError, "5 masks cannot be loaded: the board takes 1 to 4 at once"),
    ],
)
def test_wrong_masks_are_refused_and_the_loaded_ones_stay(
    board: AlpStandIn, masks: np.ndarray, wrong: np.ndarray, error: type[Exception], message: str
) -> None:
    board.memory = 4
    with VialuxModulator() as dmd:
        dmd.load(masks[:2])
        dmd.show(1)
        with pytest.raises(error, match=message):
            dmd.load(wrong)
        assert np.array_equal(board.mirrors(), masks[1])
        dmd.show(0)
        assert np.array_equal(board.mirrors(), masks[0])


def test_masks_that_are_not_loaded_cannot_be_shown(board: AlpStandIn, masks: np.ndarray) -> None:
    with VialuxModulator() as dmd:
        with pytest.raises(ValueError, match="index = 0 is not loaded: load masks first"):
            dmd.show(0)
        dmd.load(masks)
        with pytest.raises(ValueError, match="index = 5 is not loaded: 5 masks are loaded, numbers 0 to 4"):
            dmd.show(5)
        with pytest.raises(ValueError, match="index = -1 is not allowed"):
            dmd.show(-1)
        with pytest.raises(ValueError, match="count = 6 masks are not there: 5 masks are loaded"):
            dmd.run(6, period=1e-3)
        with pytest.raises(ValueError, match="count = 0 is not allowed"):
            dmd.run(0, period=1e-3)
        with pytest.raises(TypeError, match="index must be a whole number"):
            dmd.show(1.0)  # type: ignore[arg-type]


def test_a_closed_dmd_says_so_and_closes_twice(board: AlpStandIn, masks: np.ndarray) -> None:
    dmd = VialuxModulator()
    dmd.load(masks)
    dmd.show(1)
    dmd.close()
    calls = len(board.calls)
    dmd.close()
    assert len(board.calls) == calls
    for use in (
        lambda: dmd.load(masks), lambda: dmd.show(0), lambda: dmd.run(2, period=1e-3), dmd.wait,
        lambda: dmd.period_limits,
    ):  # fmt: skip
        with pytest.raises(DeviceError, match="the ViALUX DMD is closed: make a new VialuxModulator"):
            use()
    assert not board.mirrors().any()


def test_an_error_of_the_user_releases_the_board(board: AlpStandIn, masks: np.ndarray) -> None:
    with pytest.raises(ZeroDivisionError), VialuxModulator() as dmd:  # noqa: PT012 (what is tested is leaving it)
        dmd.load(masks)
        dmd.run(5, period=1)
        _ = 1 / 0


def test_nothing_is_printed(board: AlpStandIn, masks: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    with VialuxModulator() as dmd:
        dmd.load(masks)
    assert capsys.readouterr().out == ""


FAILURES = [
    ("AlpSeqAlloc", 1007, "ALP_MEMORY_FULL"), ("AlpSeqControl", 1005, "ALP_PARM_INVALID"),
    ("AlpSeqPut", 1009, "ALP_HALTED"), ("AlpSeqPut", 1011, "ALP_ERROR_COMM"),
    ("AlpSeqTiming", 1005, "ALP_PARM_INVALID"),
    ("AlpSeqPut", 1021, "ALP_CONFIG_MISMATCH"), ("AlpSeqPut", 1999, "a code that its header does not name"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "code", "name"), FAILURES)
def test_an_error_while_loading_leaves_nothing_loaded(
    board: AlpStandIn, masks: np.ndarray, function: str, code: int, name: str
) -> None:
    with VialuxModulator() as dmd:
        dmd.load(masks)
        dmd.show(0)
        board.fail[function] = code
        with pytest.raises(DeviceError, match=rf"ViALUX DMD: .*: {name} \({code}\)"):
            dmd.load(masks[:2])
        assert board.sequences == {}
        with pytest.raises(ValueError, match="index = 0 is not loaded: load masks first"):
            dmd.show(0)
        dmd.load(masks[2:])
        dmd.show(0)
        assert np.array_equal(board.mirrors(), masks[2])


@pytest.mark.parametrize(
    ("function", "code", "name"),
    [("AlpProjStartCont", 1002, "ALP_NOT_IDLE"), ("AlpDevHalt", 1011, "ALP_ERROR_COMM"),
     ("AlpSeqInquire", 1012, "ALP_DEVICE_REMOVED"), ("AlpSeqControl", 1008, "ALP_SEQ_IN_USE")],
)  # fmt: skip
def test_an_error_while_showing_names_the_code(
    board: AlpStandIn, masks: np.ndarray, function: str, code: int, name: str
) -> None:
    with VialuxModulator() as dmd:
        dmd.load(masks)
        dmd.show(0)
        board.fail[function] = code
        with pytest.raises(DeviceError, match=rf"{name} \({code}\)"):
            dmd.show(1)
        dmd.show(2)
        assert np.array_equal(board.mirrors(), masks[2])


@pytest.mark.parametrize("function", ["AlpProjStart", "AlpProjWait"])
def test_an_error_in_a_sequence_names_the_code(board: AlpStandIn, masks: np.ndarray, function: str) -> None:
    with VialuxModulator() as dmd:
        dmd.load(masks)
        board.fail[function] = 1002
        with pytest.raises(DeviceError, match=r"ALP_NOT_IDLE \(1002\)"):  # noqa: PT012 (either call may be the one)
            dmd.run(2, period=1e-3)
            dmd.wait()
        dmd.run(2, period=1e-3)
        dmd.wait()


def test_a_display_that_started_and_said_that_it_failed_is_stopped(board: AlpStandIn, masks: np.ndarray) -> None:
    with VialuxModulator() as dmd:
        dmd.load(masks)
        for function, use in (
            ("AlpProjStartCont", lambda: dmd.show(0)), ("AlpProjStart", lambda: dmd.run(5, period=1.0)),
        ):  # fmt: skip
            board.fail_late[function] = 1011
            with pytest.raises(DeviceError, match=r"ALP_ERROR_COMM \(1011\)"):
                use()
            assert board.active
            dmd.show(3)
            assert np.array_equal(board.mirrors(), masks[3])


def test_a_board_that_was_unplugged_says_so_at_every_call(board: AlpStandIn, masks: np.ndarray) -> None:
    dmd = VialuxModulator()
    dmd.load(masks)
    dmd.show(0)
    board.removed = True
    for use in (lambda: dmd.load(masks), lambda: dmd.show(1), lambda: dmd.run(2, period=1e-3), dmd.close):
        with pytest.raises(DeviceError, match=r"ALP_DEVICE_REMOVED \(1012\)"):
            use()
    dmd.close()
    board.allocated = False  # gone with the plug, and its memory with it
    board.sequences.clear()


@pytest.mark.parametrize("function", ["AlpDevHalt", "AlpSeqFree"])
def test_an_error_while_closing_is_raised_and_the_rest_is_released(
    board: AlpStandIn, masks: np.ndarray, function: str
) -> None:
    dmd = VialuxModulator()
    dmd.load(masks)
    board.fail[function] = 1011
    with pytest.raises(DeviceError, match=r"ALP_ERROR_COMM \(1011\)"):
        dmd.close()
    assert not board.allocated
    board.leaks.clear()  # a sequence that could not be freed is gone with the board
    dmd.close()


@pytest.mark.parametrize("function", ["AlpDevInquire", "AlpDevControl"])
def test_an_error_while_opening_releases_the_board(board: AlpStandIn, function: str) -> None:
    board.fail[function] = 1010
    with pytest.raises(DeviceError, match=r"ALP_ERROR_INIT \(1010\)"):
        VialuxModulator()
    assert "AlpDevFree" in board.calls


def test_a_board_that_is_not_there_is_named(board: AlpStandIn) -> None:
    with pytest.raises(DeviceAbsentError, match="no ViALUX board of serial number 99 answers: check power"):
        VialuxModulator(serial=99)
    board.online = False
    with pytest.raises(DeviceAbsentError, match="no ViALUX board answers: check power"):
        VialuxModulator()


def test_a_board_without_a_dmd_is_refused(board: AlpStandIn) -> None:
    board.dmd_type = 255
    with pytest.raises(DeviceAbsentError, match="the ViALUX board answers and has no DMD"):
        VialuxModulator()
    assert "AlpDevFree" in board.calls


def test_a_board_that_another_program_holds_is_left_alone(board: AlpStandIn) -> None:
    board.taken = True
    with pytest.raises(DeviceError, match=r"is in use: close the program that holds it .*ALP_NOT_READY \(1004\)"):
        VialuxModulator()


def test_two_on_one_board_are_refused_and_the_first_lives(board: AlpStandIn, masks: np.ndarray) -> None:
    with VialuxModulator() as dmd:
        with pytest.raises(DeviceError, match="the ViALUX board is in use"):
            VialuxModulator()
        dmd.load(masks)
        dmd.show(1)
        assert np.array_equal(board.mirrors(), masks[1])


def test_a_missing_library_says_where_it_was_looked_for(tmp_path: object) -> None:
    with pytest.raises(DriverMissingError, match=rf"ALP 4.2 was not loaded, looked for in {tmp_path}/libalp42.so"):
        VialuxModulator(version="4.2", library_folder=str(tmp_path))
    with pytest.raises(ValueError, match="version = '4' is not known"):
        VialuxModulator(version="4")


def test_a_missing_alp4lib_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ALP4", None)
    with pytest.raises(DriverMissingError, match=r'pip install "opubench\[vialux\]"'):
        VialuxModulator()


def test_the_library_is_looked_for_where_the_user_says(board: AlpStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    paths: list[str] = []
    load = ctypes.CDLL
    monkeypatch.setattr(ctypes, "CDLL", lambda path: (paths.append(path), load(path))[1])
    with VialuxModulator(library_folder="/opt/vialux"):
        assert paths == ["/opt/vialux/libalp43.so"]


@pytest.mark.parametrize(
    ("setting", "message"),
    [({"hold": 0}, "hold = 0 s"), ({"settling": -1}, "settling = -1 s"), ({"polarity": "up"}, "polarity = 'up'")],
)
def test_settings_out_of_range_are_refused_before_the_board_is_touched(
    board: AlpStandIn, setting: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        VialuxModulator(**setting)
    assert board.calls == []
