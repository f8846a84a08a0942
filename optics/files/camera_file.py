"""Camera files: the figures of real parts, from which a camera follows at a wavelength and in a mode."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from optics.camera import Camera
from optics.files.description_file import (
    Table,
    as_table,
    check_keys,
    find_description,
    load_toml,
    read_description,
    read_value,
    shipped_names,
)
from optics.validation import check_choice, check_number

TABLES = ("name", "camera", "quantum_efficiency", "mode")


def shipped_cameras() -> list[str]:
    """Return the names of the camera parts that ship with the project.

    Returns
    -------
    list of str
        Names that `load_camera` understands.
    """
    return shipped_names("cameras")


def camera_modes(part: str | Path) -> list[str]:
    """Return the modes of a camera part, the default one first.

    Parameters
    ----------
    part : str or Path
        Path of a TOML file, or a name of `shipped_cameras`.

    Returns
    -------
    list of str
        Names that `load_camera` takes as ``mode``.

    Raises
    ------
    FileNotFoundError
        If there is neither such a file nor such a part.
    ValueError
        If the file is no camera file.
    """
    path = find_description(part, folder="cameras", kind="camera")
    return list(_tables(path)["mode"])


def load_camera(part: str | Path, *, wavelength: float, mode: str | None = None) -> Camera:
    """Read a camera part from a file, or one that ships with the project by its name.

    Parameters
    ----------
    part : str or Path
        Path of a TOML file, or a name of `shipped_cameras`.
    wavelength : float
        Wavelength of the light, in metres: the quantum efficiency is interpolated there.
    mode : str or None, optional
        A name of `camera_modes`; None takes the first.

    Returns
    -------
    Camera
        The whole sensor; `Camera.region` reads a part of it.

    Raises
    ------
    FileNotFoundError
        If there is neither such a file nor such a part.
    ValueError
        If the file is no camera file, or says nothing about the wavelength or the mode.
    """
    path = find_description(part, folder="cameras", kind="camera")
    try:
        camera: Camera = read_description(
            Camera, _figures(_tables(path), wavelength=wavelength, mode=mode), where="[camera]"
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    return camera


def camera_from_part(table: Table, *, wavelength: float, where: str) -> Camera:
    """Return a camera of a bench that names its part; the other keys replace figures of the part.

    Parameters
    ----------
    table : mapping
        ``part``, where wanted ``mode``, and fields of `Camera`.
    wavelength : float
        Wavelength of the light, in metres.
    where : str
        Name of the table in messages.

    Returns
    -------
    Camera
        The camera; where ``rows`` and ``columns`` are given they are a region of the part's sensor.

    Raises
    ------
    FileNotFoundError
        If there is no such part.
    ValueError
        If a key or a value is not what a camera has.
    """
    own = dict(table)
    part = read_value("part", own.pop("part"), str, where=where)
    mode = read_value("mode", own.pop("mode"), str, where=where) if "mode" in own else None
    path = find_description(part, folder="cameras", kind="camera")
    figures = _figures(_tables(path), wavelength=wavelength, mode=mode)
    whole = {"sensor_rows": figures["rows"], "sensor_columns": figures["columns"]}
    shutter = {**figures["shutter"], **as_table(own.pop("shutter", {}), where=f"{where[:-1]}.shutter]")}
    camera: Camera = read_description(Camera, {**figures, **whole, **own, "shutter": shutter}, where=where)
    return camera


def _tables(path: Path) -> Table:
    """Return the tables of a camera file."""
    tables = load_toml(path)
    check_keys(tables, known=TABLES, required=TABLES, where=f"the camera file {path}:")
    modes = as_table(tables["mode"], where=f"{path}: [mode]")
    if not modes:
        raise ValueError(f"{path}: [mode] holds no mode")
    return tables


def _figures(tables: Table, *, wavelength: float, mode: str | None) -> dict[str, Any]:
    """Return the fields of the camera in a mode, at a wavelength."""
    chosen = next(iter(tables["mode"])) if mode is None else mode
    check_choice("mode", chosen, list(tables["mode"]))
    common = as_table(tables["camera"], where="[camera]")
    own = as_table(tables["mode"][chosen], where=f"[mode.{chosen}]")
    check_keys(own, known=[field.name for field in dataclasses.fields(Camera)], required=[], where=f"[mode.{chosen}]")
    efficiency = _efficiency(as_table(tables["quantum_efficiency"], where="[quantum_efficiency]"), wavelength)
    shutter = {**common.get("shutter", {}), **own.get("shutter", {})}
    return {"quantum_efficiency": efficiency, **common, **own, "shutter": shutter}


def _efficiency(table: Table, wavelength: float) -> float:
    """Return the quantum efficiency at a wavelength, linear between the points of its table."""
    where = "[quantum_efficiency]"
    check_keys(table, known=("wavelength", "value"), required=("wavelength", "value"), where=where)
    lists = {key: [read_value(key, entry, float, where=where) for entry in table[key]] for key in table}
    at, value = lists["wavelength"], lists["value"]
    if len(at) != len(value) or len(at) < 2 or any(np.diff(at) <= 0):
        raise ValueError(f"{where} needs wavelengths that rise and as many values, got {len(at)} and {len(value)}")
    check_number("wavelength", wavelength, unit="m", at_least=at[0], at_most=at[-1])
    return float(np.interp(wavelength, at, value))
