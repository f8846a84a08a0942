"""How many projections, and how many operations, a bench computes in a second."""

from dataclasses import dataclass

from optics.bench import BenchDescription
from optics.validation import check_count


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """The pace of a bench.

    Parameters
    ----------
    frame_rate : float
        Patterns shown and frames read per second.
    projections_per_second : float
        Vectors projected per second.
    operations_per_second : float
        Multiplications and additions per second that a computer would need for the same projections.
    limited_by : {"exposure", "readout", "DMD"}
        What would have to be faster.
    """

    frame_rate: float
    projections_per_second: float
    operations_per_second: float
    limited_by: str


def throughput(
    description: BenchDescription,
    *,
    exposure_time: float | None = None,
    frames_per_projection: int = 1,
    inputs: int | None = None,
    outputs: int | None = None,
) -> Throughput:
    """Return the projections and operations per second of a bench.

    .. math:: \\mathrm{OPS} = 2 N M f / k

    Parameters
    ----------
    description : BenchDescription
        The bench.
    exposure_time : float or None, optional
        Exposure time, in seconds; None takes that at the start.
    frames_per_projection : int, optional
        Frames k that one projection takes: 1 for an intensity, 4 for a signed vector by anchors.
    inputs, outputs : int or None, optional
        Components N and outputs M of a projection; None takes all macropixels and all counts of a frame.

    Returns
    -------
    Throughput
        Rates and what limits them.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    Operations are counted as two (a product and a sum) for each entry of the matrix, as the published figure of 1500
    TeraOPS counts them: 2 x 1 039 680 mirrors x 2040 x 1088 pixels x 340 Hz = 1.57e15 / s.

    References
    ----------
    .. [1] Z. Wang et al., Streamlined optical training of large-scale modern deep learning architectures with direct
       feedback alignment (2024). arXiv:2409.12965
    """
    camera = description.camera
    time = description.exposure_time if exposure_time is None else camera.shutter.granted_exposure(exposure_time)
    counts = camera.pixels // camera.binning**2
    for name, value, most in (("inputs", inputs, description.layout.inputs), ("outputs", outputs, counts)):
        if value is not None:
            check_count(name, value, at_most=most)
    check_count("frames_per_projection", frames_per_projection)
    rate = 1 / description.period(time)
    size = (inputs or description.layout.inputs) * (outputs or counts)
    return Throughput(
        frame_rate=rate,
        projections_per_second=rate / frames_per_projection,
        operations_per_second=2 * size * rate / frames_per_projection,
        limited_by=_limit(description, time),
    )


def _limit(description: BenchDescription, exposure_time: float) -> str:
    """Return what takes the longest."""
    shutter, rows = description.camera.shutter, description.camera.rows
    if 1 / description.dmd.frame_rate >= description.period(exposure_time):
        return "DMD"
    return "readout" if shutter.readout_time(rows) > exposure_time else "exposure"
