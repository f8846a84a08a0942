"""The figures of a camera that nobody has measured yet: enough to begin with, and no more than that."""

from optics.camera import Camera
from optics.devices.protocols import FrameCamera
from optics.validation import check_number


def starting_figures(
    camera: FrameCamera, *, pixel_pitch: float, full_well: float, quantum_efficiency: float = 0.5
) -> Camera:
    """Return figures to begin with, where nobody has measured the camera.

    .. math:: K = \\frac{2^\\mathrm{bits} - 1}{e_\\mathrm{fw}}, \\qquad \\sigma_r = \\frac{1}{K}

    Parameters
    ----------
    camera : FrameCamera
        The device: its pixels and bits are taken over.
    pixel_pitch : float
        Distance between neighbouring pixels, in metres, from the data sheet.
    full_well : float
        Charge at which a pixel saturates, in electrons, from the data sheet.
    quantum_efficiency : float, optional
        Electrons per photon; it scales the light that is reported, and nothing else.

    Returns
    -------
    Camera
        Full scale at the full well, a read noise of one DN, no black level, no other flaw.

    Raises
    ------
    ValueError
        If a figure is out of its range.

    Notes
    -----
    These are placeholders and not a measurement: error bars made with them are wrong by as much as the gain is, often
    by a factor of two, and so is the saturation. Measure the camera with ``calibration`` (photon transfer) and build
    the bench again with what it found before any number is believed.
    """
    check_number("full_well", full_well, unit="e", above=0)
    rows, columns = camera.shape
    gain = ((1 << camera.bit_depth) - 1) / full_well
    return Camera(
        rows=rows, columns=columns, pixel_pitch=pixel_pitch, quantum_efficiency=quantum_efficiency,
        full_well=full_well, gain=gain, read_noise=1 / gain, bits=camera.bit_depth,
    )  # fmt: skip
