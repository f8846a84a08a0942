"""DMD files: the figures of real mirror arrays, which a bench names as its part."""

from pathlib import Path

from optics.dmd import Dmd
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
from optics.validation import check_number

TABLES = ("name", "dmd", "window")
WINDOW = ("wavelength_minimum", "wavelength_maximum")


def shipped_dmds() -> list[str]:
    """Return the names of the mirror arrays that ship with the project.

    Returns
    -------
    list of str
        Names that `load_dmd` understands.
    """
    return shipped_names("dmds")


def load_dmd(part: str | Path, *, wavelength: float | None = None) -> Dmd:
    """Read a mirror array from a file, or one that ships with the project by its name.

    Parameters
    ----------
    part : str or Path
        Path of a TOML file, or a name of `shipped_dmds`.
    wavelength : float or None, optional
        Wavelength of the light, in metres: refused where the window of the part is not made for it. None asks nothing.

    Returns
    -------
    Dmd
        The mirror array; `optics.mirrors.blaze.collect_order` fits its efficiency to a bench.

    Raises
    ------
    FileNotFoundError
        If there is neither such a file nor such a part.
    ValueError
        If the file is no DMD file, or its window is not made for the wavelength.
    """
    path = find_description(part, folder="dmds", kind="DMD")
    try:
        dmd: Dmd = read_description(Dmd, _figures(load_toml(path), wavelength=wavelength), where="[dmd]")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    return dmd


def dmd_from_part(table: Table, *, where: str, wavelength: float | None = None) -> Dmd:
    """Return a mirror array of a bench that names its part; the other keys replace figures of the part.

    Parameters
    ----------
    table : mapping
        ``part``, and fields of `Dmd`.
    where : str
        Name of the table in messages.
    wavelength : float or None, optional
        Wavelength of the light, in metres: refused where the window of the part is not made for it. None asks nothing.

    Returns
    -------
    Dmd
        The mirror array.

    Raises
    ------
    FileNotFoundError
        If there is no such part.
    TypeError
        If a value is of another type than its field.
    ValueError
        If a key or a value is not what a DMD has, or the window is not made for the wavelength.
    """
    own = dict(table)
    part = read_value("part", own.pop("part"), str, where=where)
    path = find_description(part, folder="dmds", kind="DMD")
    dmd: Dmd = read_description(Dmd, {**_figures(load_toml(path), wavelength=wavelength), **own}, where=where)
    return dmd


def _figures(tables: Table, *, wavelength: float | None) -> Table:
    """Return the fields of the array, once the window has been found fit for the light."""
    check_keys(tables, known=TABLES, required=TABLES, where="the DMD file")
    window = as_table(tables["window"], where="[window]")
    check_keys(window, known=WINDOW, required=WINDOW, where="[window]")
    shortest, longest = (read_value(key, window[key], float, where="[window]") for key in WINDOW)
    if shortest >= longest:
        raise ValueError(f"[window] wavelength_minimum = {shortest:g} m must be below the maximum, {longest:g} m")
    if wavelength is not None:
        check_number(
            f"wavelength of light through the window of {tables['name']}",
            wavelength,
            unit="m",
            at_least=shortest,
            at_most=longest,
        )
    return as_table(tables["dmd"], where="[dmd]")
