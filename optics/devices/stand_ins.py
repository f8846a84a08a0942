"""Stand-ins for devices: one simulated bench that plays several of them, as a devices file names it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from optics.bench import BenchDescription
from optics.devices.driver_table import find_driver, read_arguments
from optics.devices.protocols import FrameCamera, LightSwitch, Modulator, PhaseShifter
from optics.files.bench_file import load_bench
from optics.files.description_file import Table, check_keys, read_value
from optics.simulated_bench import SimulatedBench

STAND_INS = {
    "simulated": "optics.devices.simulated:simulated_devices",
    "emulated": "optics.devices.emulated:EmulatedDevices",
}
"""Drivers that play the camera and the modulator at once: the light goes from the one to the other."""


class StandIn(Protocol):
    """What plays devices: `optics.devices.simulated.SimulatedDevices`."""

    @property
    def bench(self) -> SimulatedBench:
        """Return the bench behind the devices."""

    @property
    def modulator(self) -> Modulator:
        """Return the mirrors."""

    @property
    def camera(self) -> FrameCamera:
        """Return the camera."""

    @property
    def light_switch(self) -> LightSwitch:
        """Return what blocks the light."""

    @property
    def phase_shifter(self) -> PhaseShifter | None:
        """Return what sets the reference; None where there is none."""

    def clock(self) -> float:
        """Return the time of the bench, in seconds."""


def open_stand_in(devices: Mapping[str, Table], *, folder: Path) -> StandIn | None:
    """Return the stand-in that plays the camera and the modulator, or None where real devices are named.

    Parameters
    ----------
    devices : mapping of str to mapping
        Tables of the devices, with their drivers. The camera's holds ``bench`` (a file or a name) and the
        arguments of the stand-in, such as ``seed``; the others hold the driver alone.
    folder : Path
        Where relative names of bench files start.

    Returns
    -------
    StandIn or None
        The stand-in.

    Raises
    ------
    FileNotFoundError
        If there is no such bench.
    TypeError
        If a value is of another type.
    ValueError
        If camera and modulator are not played by the same one, or a key or a value is not allowed.
    """
    names = {kind: table["driver"] for kind, table in devices.items() if table["driver"] in STAND_INS}
    if not names:
        return None
    name = next(iter(names.values()))
    if {"camera", "modulator"} - names.keys() or len(set(names.values())) > 1:
        found = ", ".join(f"[{kind}] {table['driver']!r}" for kind, table in devices.items())
        raise ValueError(
            f"driver = {name!r} plays the camera and the modulator together, the file has {found}: give both tables "
            "that driver"
        )
    for part in names.keys() - {"camera"}:
        check_keys(devices[part], known=("driver",), required=(), where=f"[{part}] of driver {name!r}")
    description = described_stand_in(devices["camera"], folder=folder)
    own = {key: value for key, value in devices["camera"].items() if key not in ("driver", "bench")}
    make = find_driver(name, STAND_INS, where="[camera]")
    arguments = read_arguments(make, own, where="[camera]", given=("description",), besides=("driver", "bench"))
    stand_in: StandIn = make(description, **arguments)
    return stand_in


def described_stand_in(camera: Table, *, folder: Path) -> BenchDescription:
    """Return the bench that plays devices.

    Parameters
    ----------
    camera : mapping
        Table of the camera, whose ``bench`` names a bench file.
    folder : Path
        Where relative names of bench files start.

    Returns
    -------
    BenchDescription
        The bench.

    Raises
    ------
    FileNotFoundError
        If there is no such bench.
    TypeError
        If its name is no text.
    ValueError
        If none is named, or its file is not allowed.
    """
    if "bench" not in camera:
        raise ValueError(
            f"[camera] of driver {camera['driver']!r} lacks bench: a bench file, or a name of data/benches"
        )
    stated = read_value("bench", camera["bench"], str, where="[camera]")
    file = folder / stated
    return load_bench(file if file.is_file() else stated)
