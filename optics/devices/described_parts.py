"""What a devices file says of a bench without asking a device: mirrors, layout, laser, figures of the camera."""

from pathlib import Path

from optics.bench import BenchDescription
from optics.camera import Camera
from optics.devices.figures import starting_figures
from optics.devices.protocols import FrameCamera
from optics.dmd import Dmd
from optics.files.bench_file import LAYOUTS, load_bench
from optics.files.camera_file import camera_from_part
from optics.files.description_file import Table, as_table, check_keys, read_description, read_value
from optics.files.dmd_file import dmd_from_part
from optics.macropixels import Layout
from optics.validation import check_choice, check_number

LONGEST_WAVELENGTH = 1e-4
"""In metres; more is a wavelength in other units."""


def read_dmd(table: Table, described: BenchDescription | None) -> Dmd:
    """Return the mirrors: a part, figures, or those of the bench that is simulated.

    Parameters
    ----------
    table : mapping
        The devices file.
    described : BenchDescription or None
        The bench that stands in; None where devices are real.

    Returns
    -------
    Dmd
        The mirrors.

    Raises
    ------
    TypeError
        If a value is of another type.
    ValueError
        If the file lacks them, or a key or a value is not allowed.
    """
    if "dmd" not in table and described is not None:
        return described.dmd
    own = as_table(_required(table, "dmd"), where="[dmd]")
    if "part" in own:
        return dmd_from_part(own, where="[dmd]")
    dmd: Dmd = read_description(Dmd, own, where="[dmd]")
    return dmd


def read_layout(table: Table, described: BenchDescription | None) -> Layout:
    """Return which mirrors carry which component.

    Parameters
    ----------
    table : mapping
        The devices file.
    described : BenchDescription or None
        The bench that stands in; None where devices are real.

    Returns
    -------
    Layout
        The layout.

    Raises
    ------
    TypeError
        If a value is of another type.
    ValueError
        If the file lacks it, or a key or a value is not allowed.
    """
    if "layout" not in table and described is not None:
        return described.layout
    own = dict(as_table(_required(table, "layout"), where="[layout]"))
    kind = own.pop("kind", next(iter(LAYOUTS)))
    check_choice("[layout] kind", kind, list(LAYOUTS))
    layout: Layout = read_description(LAYOUTS[kind], own, where="[layout]")
    return layout


def read_wavelength(table: Table, described: BenchDescription | None) -> float | None:
    """Return the wavelength of the laser.

    Parameters
    ----------
    table : mapping
        The devices file; its table ``laser`` states the ``wavelength``.
    described : BenchDescription or None
        The bench that stands in; None where devices are real.

    Returns
    -------
    float or None
        In metres; None where neither states it.

    Raises
    ------
    TypeError
        If it is no number.
    ValueError
        If it is out of its range.
    """
    if "laser" not in table:
        return None if described is None else described.laser.wavelength
    own = as_table(table["laser"], where="[laser]")
    check_keys(own, known=("wavelength",), required=("wavelength",), where="[laser]")
    wavelength: float = read_value("wavelength", own["wavelength"], float, where="[laser]")
    check_number("[laser] wavelength", wavelength, unit="m", above=0, at_most=LONGEST_WAVELENGTH)
    return wavelength


def check_figures(table: Table, described: BenchDescription | None) -> None:
    """Refuse a file that says of the camera's figures nothing, or two things, before any device is opened.

    Parameters
    ----------
    table : mapping
        The devices file.
    described : BenchDescription or None
        The bench that stands in; None where devices are real.

    Raises
    ------
    TypeError
        If they are no table.
    ValueError
        If there are none, or more than one, or a part without a wavelength.
    """
    given = [key for key in ("figures", "starting_figures") if key in table]
    if len(given) == 2:
        raise ValueError("[figures] and [starting_figures] are both there: keep [figures] once the camera is measured")
    if not given and described is None:
        raise ValueError(
            "the devices file lacks [figures]: gain, noise and black level of the camera, its part, or the twin that "
            "has them; where nobody has measured it take [starting_figures] with pixel_pitch and full_well"
        )
    own = as_table(table["figures"], where="[figures]") if "figures" in given else {}
    if "part" in own and read_wavelength(table, described) is None:
        raise ValueError("[figures] part needs [laser] with the wavelength: quantum efficiencies depend on it")
    if "twin" in own:
        check_keys(own, known=("twin",), required=(), where="[figures] with a twin")


def read_figures(table: Table, camera: FrameCamera, described: BenchDescription | None, *, folder: Path) -> Camera:
    """Return the figures of the camera; pixels that are not given are the device's.

    Parameters
    ----------
    table : mapping
        The devices file.
    camera : FrameCamera
        The device.
    described : BenchDescription or None
        The bench that stands in; None where devices are real.
    folder : Path
        Where relative names of a twin start; one that is not there is looked for where the program runs.

    Returns
    -------
    Camera
        Those of ``figures`` (numbers, a part, or a twin), of ``starting_figures``, or of the bench that stands in.

    Raises
    ------
    FileNotFoundError
        If there is no such twin.
    TypeError
        If a value is of another type.
    ValueError
        If a key or a value is not allowed.
    """
    rows, columns = camera.shape
    if "starting_figures" in table:
        where, known = "[starting_figures]", ("pixel_pitch", "full_well", "quantum_efficiency")
        start = as_table(table["starting_figures"], where=where)
        check_keys(start, known=known, required=known[:2], where=where)
        return starting_figures(camera, **{key: read_value(key, start[key], float, where=where) for key in start})
    if "figures" not in table and described is not None:
        return described.camera
    given = as_table(table["figures"], where="[figures]")
    if "twin" in given:
        stated = read_value("twin", given["twin"], str, where="[figures]")
        file = folder / stated
        return load_bench(file if file.is_file() else stated).camera
    own = {"rows": rows, "columns": columns, **given}
    wavelength = read_wavelength(table, described)
    if "part" in own and wavelength is not None:
        return camera_from_part(own, wavelength=wavelength, where="[figures]")
    figures: Camera = read_description(Camera, own, where="[figures]")
    return figures


def _required(table: Table, key: str) -> object:
    """Return what real devices need, or refuse a file that lacks it."""
    if key not in table:
        raise ValueError(f"the devices file lacks {key}")
    return table[key]
