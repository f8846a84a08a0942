"""ViALUX's library through ALP4lib: found, opened, and its codes turned into errors that name them."""

import contextlib
import importlib
import io
from pathlib import Path
from typing import Any

from optics.devices.errors import DeviceAbsentError, DeviceError, DriverMissingError
from optics.validation import check_choice

VERSIONS = ("4.1", "4.2", "4.3", "4.4", "5.0", "5.1")
"""Versions of the library that ALP4lib knows."""

NOT_ONLINE = 1001
ALREADY_ALLOCATED = 1004
DISCONNECTED = 255
"""Type of DMD that a board without one reports."""

ERROR_NAMES = {
    1001: "ALP_NOT_ONLINE",
    1002: "ALP_NOT_IDLE",
    1003: "ALP_NOT_AVAILABLE",
    1004: "ALP_NOT_READY",
    1005: "ALP_PARM_INVALID",
    1006: "ALP_ADDR_INVALID",
    1007: "ALP_MEMORY_FULL",
    1008: "ALP_SEQ_IN_USE",
    1009: "ALP_HALTED",
    1010: "ALP_ERROR_INIT",
    1011: "ALP_ERROR_COMM",
    1012: "ALP_DEVICE_REMOVED",
    1013: "ALP_NOT_CONFIGURED",
    1014: "ALP_LOADER_VERSION",
    1018: "ALP_ERROR_POWER_DOWN",
    1019: "ALP_DRIVER_VERSION",
    1020: "ALP_SDRAM_INIT",
    1021: "ALP_CONFIG_MISMATCH",
}
"""Names of the codes in ViALUX's header."""


class AlpError(DeviceError):
    """ViALUX's library answered with an error code.

    Parameters
    ----------
    message : str
        What failed, with the vendor's name of the code.
    code : int
        The code.
    """

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


def open_alp(*, version: str, library_folder: str | Path | None, serial: int | None) -> Any:
    """Return ALP4lib's object for a board that was found, with its errors turned into ours.

    Parameters
    ----------
    version : str
        Version of the library, one of `VERSIONS`.
    library_folder : str, Path or None
        Folder of the library; None looks where its installer puts it.
    serial : int or None
        Serial number of the board; None takes the first that answers.

    Returns
    -------
    ALP4.ALP4
        The board, allocated; whoever asked for it frees it.

    Raises
    ------
    DriverMissingError
        If ALP4lib or the library is missing.
    DeviceAbsentError
        If no such board answers, or it has no DMD.
    DeviceError
        If the board is taken, or anything else that the library reports.

    Notes
    -----
    ALP4lib loses the code of an error, knows only some codes, and prints the errors of freeing a sequence instead of
    raising them: its check is replaced. What it prints while it opens is thrown away.
    """
    check_choice("version", version, VERSIONS)
    board = _library(version, library_folder)
    board._checkError = _check
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            board.Initialize(serial)
        if board.DMDType.value == DISCONNECTED:
            raise DeviceAbsentError("the ViALUX board answers and has no DMD: check the cable between them")
    except BaseException as error:
        with contextlib.suppress(DeviceError):
            board.Free()
        if isinstance(error, AlpError):
            raise _opening_error(error, serial) from error
        raise
    return board


def alp_constants() -> Any:
    """Return ALP4lib's module, for the constants of the vendor's header.

    Returns
    -------
    module
        Module ``ALP4``.

    Raises
    ------
    DriverMissingError
        If it is not installed.
    """
    try:
        return importlib.import_module("ALP4")
    except ImportError as error:
        raise DriverMissingError(
            f'ViALUX DMDs need ALP4lib, which did not import ({error}): pip install "opubench[vialux]"'
        ) from error


def _library(version: str, folder: str | Path | None) -> Any:
    """Return ALP4lib's object with the vendor's library loaded."""
    alp = alp_constants()
    try:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            return alp.ALP4(version=version, libDir=None if folder is None else str(folder))
    except (OSError, ValueError) as error:
        looked = said.getvalue().strip().removeprefix("Loading library: ") or "the places that its installer records"
        raise DriverMissingError(
            f"ViALUX's library for ALP {version} was not loaded, looked for in {looked} ({error}): install the library "
            "from ViALUX, or say where it is with library_folder"
        ) from error


def _check(code: int, doing: str, warning: bool = False) -> None:
    """Raise for a code other than success; take the place of ALP4lib's own check and have its signature."""
    if code:
        name = ERROR_NAMES.get(code, "a code that its header does not name")
        said = alp_constants().ALP_ERRORS.get(code, "")
        raise AlpError(f"ViALUX DMD: {doing.rstrip('.')}: {name} ({code}). {said}".strip(), code=code)


def _opening_error(error: AlpError, serial: int | None) -> DeviceError:
    """Return what it means that a board did not open."""
    which = "no ViALUX board" if serial is None else f"no ViALUX board of serial number {serial}"
    if error.code == NOT_ONLINE:
        return DeviceAbsentError(f"{which} answers: check power, USB and serial number ({error})")
    if error.code == ALREADY_ALLOCATED:
        return DeviceError(f"the ViALUX board is in use: close the program that holds it ({error})")
    return error
