"""Motion within an exposure: the light of several moments adds up, as modes."""

import math

import numpy as np
from numpy.typing import NDArray

from optics.media.medium import Field, Medium, Time
from optics.validation import check_count, check_number


class MovingExposure:
    """A moving medium seen by an exposure that lasts.

    .. math:: E_j = \\frac{1}{\\sqrt{n}} \\, T\\!\\left(t + \\frac{j + 1/2}{n} t_e\\right) a

    Parameters
    ----------
    medium : Medium
        What moves.
    exposure_time : float
        Duration t_e of the exposure, in seconds; it starts at the time of the frame.
    slices : int
        Number n of moments. The contrast of the light comes out as that of n sums, not of the integral: law L19 with
        the sum (1 / n^2) sum_ij |g_1(t_i - t_j)|^2.

    Raises
    ------
    ValueError
        If a number is not positive.

    Notes
    -----
    The modes of each moment follow each other: mode m of moment j is mode j x modes + m.
    """

    static = False

    def __init__(self, medium: Medium, *, exposure_time: float, slices: int) -> None:
        check_number("exposure_time", exposure_time, unit="s", above=0)
        check_count("slices", slices)
        self._medium, self._slices = medium, slices
        self._delays = (np.arange(slices) + 0.5) / slices * exposure_time
        self.modes, self.samples_per_pixel = medium.modes * slices, medium.samples_per_pixel

    @property
    def input_positions(self) -> NDArray[np.float64]:
        """Return where the inputs are, shape (input, 2), (y, x) in metres."""
        return self._medium.input_positions

    @property
    def output_positions(self) -> NDArray[np.float64]:
        """Return where the field samples are, shape (y, x, 2), (y, x) in metres."""
        return self._medium.output_positions

    def transmit(self, field_in: NDArray[np.inexact], *, time: Time) -> Field:
        """Return the fields of all moments.

        Parameters
        ----------
        field_in : ndarray, shape (frame, input)
            Amplitudes of the inputs.
        time : float or ndarray, shape (frame,)
            Start of the exposure, in seconds.

        Returns
        -------
        ndarray of complex64, shape (frame, mode, y, x)
            Field samples.
        """
        parts = [self._medium.transmit(field_in, time=time + delay) for delay in self._delays.tolist()]
        fields = np.concatenate(parts, axis=1).astype(np.complex64, copy=False)
        fields *= np.float32(1 / math.sqrt(self._slices))
        return fields

    def adjoint(self, field: NDArray[np.inexact], *, time: Time) -> Field:
        """Return what the conjugate transpose makes of the fields of all moments.

        Parameters
        ----------
        field : ndarray, shape (frame, mode, y, x)
            Field samples.
        time : float or ndarray, shape (frame,)
            Start of the exposure, in seconds.

        Returns
        -------
        ndarray of complex64, shape (frame, input)
            Amplitudes at the inputs.
        """
        own = self._medium.modes
        total = np.zeros((len(field), len(self.input_positions)), np.complex64)
        for index, delay in enumerate(self._delays.tolist()):
            total += self._medium.adjoint(field[:, index * own : (index + 1) * own], time=time + delay)
        total *= np.float32(1 / math.sqrt(self._slices))
        return total

    def matrix(self, time: float) -> Field:
        """Return the matrix, the moments below each other.

        Parameters
        ----------
        time : float
            Start of the exposure, in seconds.

        Returns
        -------
        ndarray of complex64, shape (output, input)
            The matrix.
        """
        parts = [np.asarray(self._medium.matrix(time + delay), np.complex64) for delay in self._delays.tolist()]
        return np.concatenate(parts).astype(np.complex64) / np.float32(math.sqrt(self._slices))
