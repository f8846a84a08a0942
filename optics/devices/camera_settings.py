"""What a devices file sets on a camera once it is open: region, gain, exposure time."""

from collections.abc import Mapping

from optics.devices.protocols import FrameCamera, GainCamera, RegionCamera
from optics.files.description_file import Table, as_table, check_keys, read_value


def read_region(table: Table) -> dict[str, int] | None:
    """Return the region of the sensor that a devices file asks for.

    Parameters
    ----------
    table : mapping
        The file.

    Returns
    -------
    dict or None
        Rows, columns, and where given top and left; None where the file has none.

    Raises
    ------
    TypeError
        If it is no table of whole numbers.
    ValueError
        If a key is unknown or missing.
    """
    if "region" not in table:
        return None
    own = as_table(table["region"], where="[region]")
    check_keys(own, known=("rows", "columns", "top", "left"), required=("rows", "columns"), where="[region]")
    return {key: read_value(key, value, int, where="[region]") for key, value in own.items()}


def set_camera(camera: FrameCamera, region: Mapping[str, int] | None, settings: Mapping[str, float]) -> None:
    """Set a camera as a devices file asks for.

    Parameters
    ----------
    camera : FrameCamera
        The camera, open.
    region : mapping or None
        What `read_region` returned.
    settings : mapping of str to float
        ``gain_db`` and ``exposure_time`` (in seconds), where they are given.

    Raises
    ------
    TypeError
        If it is no camera.
    ValueError
        If it cannot be set, or does not grant what is asked for.
    """
    if not isinstance(camera, FrameCamera):
        raise TypeError(f"[camera] opens a {type(camera).__name__}, which lacks something of a FrameCamera")
    if region is not None:
        if not isinstance(camera, RegionCamera):
            raise ValueError("[region] is given, and this camera reads no part of its sensor: leave it out")
        camera.set_region(**region)
    if "gain_db" in settings:
        if not isinstance(camera, GainCamera):
            raise ValueError("gain_db is given, and the gain of this camera cannot be set: leave it out")
        camera.gain_db = settings["gain_db"]
    if "exposure_time" in settings:
        camera.exposure_time = settings["exposure_time"]
