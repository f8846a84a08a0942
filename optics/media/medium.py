"""The seam of the media: what the bench asks of anything that scatters."""

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.complex64] | NDArray[np.complex128]
Time = float | NDArray[np.float64]


class Medium(Protocol):
    """A linear map from input amplitudes to the field at the camera, as a function of time.

    The same seed and the same time give the same field in any order: nothing is stepped. A time is one number
    for all frames or an array of shape (frame,), in seconds.

    The field has shape (frame, mode, y, x). Modes are mutually incoherent and add in intensity; y and x count
    field samples, ``samples_per_pixel`` of them along each axis of a camera pixel. Input amplitudes are square
    roots of photons per second; the sum over modes of |field|^2, averaged over the samples of a pixel, is
    photons per pixel per second.
    """

    @property
    def input_positions(self) -> NDArray[np.float64]:
        """Return where the inputs are, shape (input, 2), (y, x) in metres; NaN where an input has no place."""

    @property
    def output_positions(self) -> NDArray[np.float64]:
        """Return where the field samples are, shape (y, x, 2), (y, x) in metres."""

    @property
    def static(self) -> bool:
        """Return whether the map is the same at all times."""

    @property
    def modes(self) -> int:
        """Return the number of mutually incoherent components."""

    @property
    def samples_per_pixel(self) -> int:
        """Return the field samples along each axis of a camera pixel."""

    def transmit(self, field_in: NDArray[np.inexact], *, time: Time) -> Field:
        """Return the field behind the medium, shape (frame, mode, y, x), for amplitudes (frame, input)."""

    def adjoint(self, field: NDArray[np.inexact], *, time: Time) -> Field:
        """Return T^H applied to a field of shape (frame, mode, y, x): amplitudes of shape (frame, input)."""

    def matrix(self, time: float) -> Field:
        """Return the matrix itself, shape (output, input), outputs in the order (mode, y, x)."""


def check_passive(*, collected_fraction: float, inputs: int, outputs: int) -> None:
    """Refuse a random matrix that would give out more light than it takes in.

    .. math:: \\eta_c \\left(1 + \\sqrt{N / M}\\right)^2 \\le 1

    Parameters
    ----------
    collected_fraction : float
        Mean fraction eta_c of an input's photons that reaches all outputs together.
    inputs : int
        Number N of inputs.
    outputs : int
        Number M of outputs.

    Raises
    ------
    ValueError
        If the largest singular value of such a matrix exceeds one.

    Notes
    -----
    The bound is the upper edge of the Marchenko-Pastur law, exact for large matrices.

    References
    ----------
    .. [1] V. A. Marchenko and L. A. Pastur, Math. USSR Sb. 1, 457 (1967). doi:10.1070/SM1967v001n04ABEH001994
    """
    largest = collected_fraction * (1 + math.sqrt(inputs / outputs)) ** 2
    if largest > 1:
        limit = collected_fraction / largest
        raise ValueError(
            f"collected_fraction = {collected_fraction:g} is not passive with {inputs} inputs and {outputs} "
            f"outputs: some input would come out with {largest:.3g} times its power; take at most {limit:.3g}"
        )
