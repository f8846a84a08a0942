"""A bench whose camera's figures have been measured since it was opened."""

from numpy.typing import ArrayLike

from optics.bench import Bench, Exposure
from optics.camera import Camera
from optics.macropixels import Layout


class BenchWithCamera:
    """A bench, with figures of its camera that were measured in place of those it came with.

    Parameters
    ----------
    bench : Bench
        A simulated or a real bench.
    camera : Camera
        Figures of its camera: gain, noise, black level, saturation.

    Raises
    ------
    ValueError
        If the camera has other pixels or bits than that of the bench.

    Notes
    -----
    Whoever calibrates such a bench sees frames of the bench and figures of the camera, and no truth.
    """

    def __init__(self, bench: Bench, camera: Camera) -> None:
        own = bench.camera
        if (camera.shape, camera.bits) != (own.shape, own.bits):
            raise ValueError(
                f"the figures are those of a camera of {camera.shape} pixels and {camera.bits} bits, the bench has "
                f"{own.shape} pixels and {own.bits} bits: identify the bench as it stands"
            )
        self._bench, self._camera = bench, camera

    @property
    def camera(self) -> Camera:
        """Return the camera with the figures that were measured."""
        return self._camera

    @property
    def layout(self) -> Layout:
        """Return which mirrors carry which component."""
        return self._bench.layout

    @property
    def exposure_time(self) -> float:
        """Return the exposure time that the camera granted, in seconds."""
        return self._bench.exposure_time

    @exposure_time.setter
    def exposure_time(self, requested: float) -> None:
        self._bench.exposure_time = requested

    def expose(self, patterns: ArrayLike, *, reference: ArrayLike | None = None, light: bool = True) -> Exposure:
        """Show patterns and return a frame of each.

        Parameters
        ----------
        patterns : array_like of bool, shape (frame, input)
            Macropixel states.
        reference : array_like or None, shape (frame,), optional
            Phase of the reference, in radians; None where it is blocked.
        light : bool, optional
            False takes dark frames.

        Returns
        -------
        Exposure
            Frames of the bench.
        """
        return self._bench.expose(patterns, reference=reference, light=light)
