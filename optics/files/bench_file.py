"""Bench files: TOML tables that become the same frozen descriptions that a notebook builds."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optics.archives.durable import replace_file
from optics.bench import BenchDescription
from optics.camera import Camera
from optics.dmd import Dmd
from optics.files.camera_file import camera_from_part
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
from optics.files.dmd_file import dmd_from_part
from optics.files.toml_text import to_toml
from optics.instabilities.heating import Heating
from optics.instabilities.losses import Losses
from optics.instabilities.power import AnchorBeam
from optics.instabilities.temperature import Temperature
from optics.instabilities.trigger import TriggerJitter
from optics.laser import Laser
from optics.macropixels import MacropixelLayout
from optics.media import (
    ChannelsDescription,
    DiffusiveSlabDescription,
    DriftDescription,
    FiniteGrainDescription,
    GaussianDescription,
    MeasuredDescription,
    MultisliceDescription,
    PartiallyCoherentDescription,
    PolarisedDescription,
    StreamedDescription,
)
from optics.mirrors.paths import PathLayout
from optics.reference import Reference
from optics.validation import check_choice

MEDIA = {
    "gaussian": GaussianDescription,
    "streamed": StreamedDescription,
    "finite_grain": FiniteGrainDescription,
    "channels": ChannelsDescription,
    "measured": MeasuredDescription,
    "multislice": MultisliceDescription,
    "diffusive_slab": DiffusiveSlabDescription,
    "polarised": PolarisedDescription,
    "partially_coherent": PartiallyCoherentDescription,
    "drift": DriftDescription,
}
IN_TIME = {
    "anchor_beam": AnchorBeam,
    "temperature": Temperature,
    "heating": Heating,
    "trigger": TriggerJitter,
    "losses": Losses,
}
LAYOUTS = {"blocks": MacropixelLayout, "path": PathLayout}


def shipped_benches() -> list[str]:
    """Return the names of the benches that ship with the project.

    Returns
    -------
    list of str
        Names that `load_bench` understands.
    """
    return shipped_names("benches")


def load_bench(bench: str | Path) -> BenchDescription:
    """Read a bench from a file, or one that ships with the project by its name.

    Parameters
    ----------
    bench : str or Path
        Path of a TOML file, or a name of `shipped_benches`.

    Returns
    -------
    BenchDescription
        The bench.

    Raises
    ------
    FileNotFoundError
        If there is neither such a file nor such a bench.
    ValueError
        If the file is no TOML, or a key or a value is not what a bench has; the message names it.
    """
    path = find_description(bench, folder="benches", kind="bench")
    table = load_toml(path)
    try:
        return bench_from_table(table, folder=path.parent)
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def bench_from_table(table: Mapping[str, Any], *, folder: Path | None = None) -> BenchDescription:
    """Return the bench that nested tables describe.

    Parameters
    ----------
    table : mapping
        The content of a bench file. Its tables of the camera and of the DMD may name a ``part`` (and a camera's
        ``mode``) of ``data/cameras`` and ``data/dmds``; the keys beside it then replace figures of the part. A
        medium that acts on another has that one as its table ``inside``. ``macropixel_amplitudes`` beside
        ``name`` is a list of one number for each macropixel. What lives in time is in the tables
        ``laser.mode_hops``, ``laser.pointing``, ``laser.power_drift``, ``anchor_beam``, ``temperature``, ``heating``,
        ``trigger`` and ``losses``, each documented where its class is (`optics.instabilities`), and off where it is
        left out; a reference has ``drift`` and ``power_noise``, a camera ``lag``, ``background`` and its flicker.
    folder : Path or None, optional
        Where relative names of other files start; None is the working folder.

    Returns
    -------
    BenchDescription
        The bench.

    Raises
    ------
    ValueError
        If a key or a value is not what a bench has.
    """
    known = [field.name for field in dataclasses.fields(BenchDescription)]
    required = [field.name for field in dataclasses.fields(BenchDescription) if field.default is dataclasses.MISSING]
    check_keys(table, known=known, required=required, where="the bench")
    laser = read_description(Laser, table["laser"], where="[laser]")
    return BenchDescription(
        name=read_value("", table["name"], str, where="name"),
        laser=laser,
        dmd=_dmd(table["dmd"], wavelength=laser.wavelength),
        layout=_of_kind(LAYOUTS, table["layout"], where="[layout]"),
        macropixel_amplitudes=read_value(
            "macropixel_amplitudes", table.get("macropixel_amplitudes", ()), tuple[float, ...], where=""
        ),
        medium=_medium(table["medium"], folder=folder or Path(), where="[medium]"),
        camera=_camera(table["camera"], wavelength=laser.wavelength),
        exposure_time=read_value("", table["exposure_time"], float, where="exposure_time"),
        reference=read_description(Reference, table["reference"], where="[reference]")
        if "reference" in table
        else None,
        **{key: read_description(kind, table[key], where=f"[{key}]") for key, kind in IN_TIME.items() if key in table},
    )


def bench_to_table(description: BenchDescription) -> dict[str, Any]:
    """Return nested tables from which `bench_from_table` makes the same bench.

    Parameters
    ----------
    description : BenchDescription
        The bench.

    Returns
    -------
    dict
        Plain tables of numbers and strings.

    Raises
    ------
    ValueError
        If the layout is one that no bench file can describe, such as a list of mirrors.
    """
    table = dataclasses.asdict(description)
    for part, kinds in (("medium", MEDIA), ("layout", LAYOUTS)):
        table[part] = _kind_table(getattr(description, part), kinds, part=part)
    if description.reference is None:
        del table["reference"]
    if not description.macropixel_amplitudes:  # as archives of earlier benches have it
        del table["macropixel_amplitudes"]
    return table


def save_bench(description: BenchDescription, path: Path, *, comments: Mapping[str, str] | None = None) -> None:
    """Write a bench file, which is there whole or not at all.

    Parameters
    ----------
    description : BenchDescription
        The bench.
    path : Path
        The TOML file; one that has the name is replaced.
    comments : mapping of str to str or None, optional
        Comments by dotted name, for instance ``{"camera.gain": "0.0253 ± 0.0001 DN/e, from 24 pairs"}``; ``""`` is the
        comment on the whole file, ``"camera"`` that on a table.

    Raises
    ------
    OSError
        If it cannot be written.
    ValueError
        If the bench is one that no file can describe, or a comment belongs to nothing in it.

    Notes
    -----
    `load_bench` reads the same bench from it, every float to the bit. Names of other files, that of a measured medium,
    are written as absolute ones.
    """
    table = bench_to_table(description)
    _resolve_files(table["medium"])
    text = to_toml(table, comments)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        replace_file(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _resolve_files(medium: dict[str, Any]) -> None:
    """Make the names of files absolute in the table of a medium and of what is inside it."""
    if isinstance(medium.get("file"), str):
        medium["file"] = str(Path(medium["file"]).resolve())
    if "inside" in medium:
        _resolve_files(medium["inside"])


def _kind_table(own: Any, kinds: Mapping[str, type], *, part: str) -> dict[str, Any]:
    """Return the table of a description and of what is inside it, kinds named."""
    names = [name for name, kind in kinds.items() if isinstance(own, kind)]
    if not names:
        raise ValueError(f"a {part} of type {type(own).__name__} cannot be written to a bench file")
    table = {"kind": names[0], **dataclasses.asdict(own)}
    if "inside" in table:
        table["inside"] = _kind_table(own.inside, kinds, part=part)
    return table


def _medium(value: object, *, folder: Path, where: str) -> Any:
    """Return the description of a medium, after that of the medium inside it; names of files start at the folder."""
    table = dict(as_table(value, where=where))
    if "inside" in table:
        table["inside"] = _medium(table["inside"], folder=folder, where=f"{where[:-1]}.inside]")
    if isinstance(table.get("file"), str):
        table["file"] = str(folder / table["file"])
    return _of_kind(MEDIA, table, where=where)


def _of_kind(kinds: Mapping[str, type], value: object, *, where: str) -> Any:
    """Return the description of the kind that its table names; the first kind is the default."""
    table = dict(as_table(value, where=where))
    kind = table.pop("kind", next(iter(kinds)))
    check_choice(f"{where} kind", kind, list(kinds))
    return read_description(kinds[kind], table, where=where)


def _dmd(value: object, *, wavelength: float) -> Dmd:
    """Return the mirror array, whole or as a part with figures of its own."""
    table = as_table(value, where="[dmd]")
    if "part" in table:
        return dmd_from_part(table, wavelength=wavelength, where="[dmd]")
    dmd: Dmd = read_description(Dmd, table, where="[dmd]")
    return dmd


def _camera(value: object, *, wavelength: float) -> Camera:
    """Return the camera, whole or as a part with figures of its own."""
    table: Table = as_table(value, where="[camera]")
    if "part" in table:
        return camera_from_part(table, wavelength=wavelength, where="[camera]")
    camera: Camera = read_description(Camera, table, where="[camera]")
    return camera
