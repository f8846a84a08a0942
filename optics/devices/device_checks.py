"""Whether devices, mirrors, layout and the figures of a camera belong to each other."""

from dataclasses import replace

from optics.camera import Camera
from optics.devices.protocols import FrameCamera, LightSwitch, Modulator, PhaseShifter
from optics.dmd import Dmd
from optics.macropixels import Layout
from optics.sensing.binning import delivered_camera


def check_devices(modulator: object, camera: object, light_switch: object, phase_shifter: object) -> None:
    """Refuse what is no device of its kind.

    Parameters
    ----------
    modulator, camera : object
        Devices that every bench has.
    light_switch, phase_shifter : object
        Devices that it may have; None where it has none.

    Raises
    ------
    TypeError
        If one lacks what its protocol asks for.
    """
    needed: list[tuple[str, object, type]] = [("modulator", modulator, Modulator), ("camera", camera, FrameCamera)]
    optional = [("light_switch", light_switch, LightSwitch), ("phase_shifter", phase_shifter, PhaseShifter)]
    for name, device, kind in [*needed, *(entry for entry in optional if entry[1] is not None)]:
        if not isinstance(device, kind):
            raise TypeError(
                f"{name} must be a {kind.__name__} (optics.devices.protocols), got {type(device).__name__}: are "
                "devices swapped, or does an adapter lack a method?"
            )


def check_mirrors(modulator: Modulator, layout: Layout, dmd: Dmd) -> None:
    """Refuse mirrors that are not the modulator's, and a layout that does not fit them.

    Parameters
    ----------
    modulator : Modulator
        The device.
    layout : Layout
        Which mirrors carry which component.
    dmd : Dmd
        The mirrors as they are described.

    Raises
    ------
    ValueError
        If they do not belong to each other.
    """
    mirrors, described = tuple(modulator.shape), (dmd.rows, dmd.columns)
    if mirrors != described:
        swapped = ": rows and columns are swapped" if mirrors == described[::-1] else ""
        raise ValueError(
            f"the modulator has {mirrors} mirrors along (y, x), the DMD is described with {described}{swapped}; "
            "describe the mirrors of the device, rows first"
        )
    layout.check_fits(dmd)


def camera_of(device: FrameCamera, figures: Camera) -> Camera:
    """Return the camera of a bench: figures that belong to the device, with the exposure times that it grants.

    Parameters
    ----------
    device : FrameCamera
        The device.
    figures : Camera
        Gain, noise and the like; where they bin, those of the bins are taken.

    Returns
    -------
    Camera
        Counts aligned to the right, exposure times of the device.

    Raises
    ------
    ValueError
        If pixels or bits are not the device's.
    """
    delivered, shape = delivered_camera(figures), tuple(device.shape)
    if delivered.shape != shape:
        raise ValueError(
            f"the figures describe {delivered.shape} pixels along (y, x), the camera reads {shape}: set the region of "
            "the camera, or take Camera.region of the figures"
        )
    if delivered.bits != device.bit_depth:
        raise ValueError(
            f"the figures describe counts of {delivered.bits} bits, the camera sends {device.bit_depth}: set its pixel "
            "format, or take the figures of that format (gain and black level change with it)"
        )
    shortest, longest, step = device.exposure_limits
    shutter = replace(delivered.shutter, exposure_minimum=shortest, exposure_maximum=longest, exposure_step=step)
    return replace(delivered, alignment="right", shutter=shutter)
