"""The ideal scattering medium: a matrix of independent circular complex Gaussian entries."""

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optics.media.dense import DenseMedium, check_stored, pixel_positions, round_to_grid, statistical_grid
from optics.media.medium import Field, Time, check_passive
from optics.streams import NoiseSource, source_generator
from optics.validation import check_count, check_number


class GaussianMedium:
    """A static dense matrix of i.i.d. circular complex Gaussian entries, one mode, one sample a pixel.

    .. math:: \\langle t \\rangle = \\langle t^2 \\rangle = 0, \\qquad
              \\langle |t|^2 \\rangle = \\eta_c / M

    Parameters
    ----------
    input_positions : ndarray, shape (input, 2)
        Where the inputs are, in metres; kept for those who ask, an i.i.d. matrix does not depend on it.
    output_shape : tuple of int
        Camera pixels along (y, x); their product is M.
    output_pitch : float
        Distance between neighbouring outputs, in metres.
    collected_fraction : float
        Mean fraction eta_c of an input's photons that reaches the M pixels together.
    seed : int
        Seed of the matrix.

    Raises
    ------
    ValueError
        If the medium would not be passive (law L23) or the matrix would not fit in memory.

    Notes
    -----
    Valid where each pixel holds one speckle grain, independent of its neighbours, and the inputs are many fewer
    than the open channels of the medium.

    Entries are drawn on a grid of 2^-15 of their standard deviation (coarser beyond ten thousand inputs), so
    that sums of them are exact in float32 in any order: binary patterns give the same field, bit for bit,
    whatever the batch size, the number of threads or the library that multiplies. The rounding changes an entry
    by 1e-5 of its standard deviation, rms.

    References
    ----------
    .. [1] S. M. Popoff et al., Phys. Rev. Lett. 104, 100601 (2010). doi:10.1103/PhysRevLett.104.100601
    """

    static = True
    modes = 1
    samples_per_pixel = 1

    def __init__(
        self,
        *,
        input_positions: NDArray[np.float64],
        output_shape: tuple[int, int],
        output_pitch: float,
        collected_fraction: float,
        seed: int,
    ) -> None:
        for name, size in zip(("output rows", "output columns"), output_shape, strict=True):
            check_count(name, size)
        check_number("collected_fraction", collected_fraction, above=0, at_most=1)
        self.inputs, self.outputs = len(input_positions), math.prod(output_shape)
        check_passive(collected_fraction=collected_fraction, inputs=self.inputs, outputs=self.outputs)
        check_stored(
            "a Gaussian medium", inputs=self.inputs, outputs=self.outputs,
            way_out="take fewer macropixels, a smaller camera region, or the medium that is not stored (streamed)",
        )  # fmt: skip
        self.input_positions = np.array(input_positions, np.float64)
        self.output_shape, self.output_pitch = output_shape, output_pitch
        self.collected_fraction, self.seed = collected_fraction, seed

    @property
    def output_positions(self) -> NDArray[np.float64]:
        """Return where the pixels are, shape (y, x, 2), (y, x) from the centre, in metres."""
        return pixel_positions(self.output_shape, pitch=self.output_pitch)

    @cached_property
    def _stored(self) -> DenseMedium:
        """The matrix, drawn when it is first needed."""
        rng = source_generator(self.seed, NoiseSource.MEDIUM)
        parts = rng.standard_normal((self.inputs, 2 * self.outputs), dtype=np.float32)
        round_to_grid(parts, grid=statistical_grid(self.inputs))
        return DenseMedium(
            parts.view(np.complex64),
            scale=math.sqrt(self.collected_fraction / self.outputs / 2),
            input_positions=self.input_positions,
            output_shape=self.output_shape,
            output_pitch=self.output_pitch,
        )

    def transmit(self, field_in: NDArray[np.inexact], *, time: Time) -> Field:
        """Return the field behind the medium.

        Parameters
        ----------
        field_in : ndarray, shape (frame, input)
            Amplitudes of the inputs, real or complex, in square roots of photons per second.
        time : float or ndarray, shape (frame,)
            Time, in seconds; this medium is static.

        Returns
        -------
        ndarray of complex64, shape (frame, 1, y, x)
            Field at the pixels, in square roots of photons per pixel per second.

        Raises
        ------
        ValueError
            If the number of amplitudes does not fit.
        """
        return self._stored.transmit(field_in, time=time)

    def adjoint(self, field: NDArray[np.inexact], *, time: Time) -> Field:
        """Return what the conjugate transpose of the matrix makes of a field at the pixels.

        Parameters
        ----------
        field : ndarray, shape (frame, 1, y, x)
            Field at the pixels.
        time : float or ndarray, shape (frame,)
            Time, in seconds; this medium is static.

        Returns
        -------
        ndarray of complex64, shape (frame, input)
            Amplitudes at the inputs.
        """
        return self._stored.adjoint(field, time=time)

    def matrix(self, time: float) -> Field:
        """Return the matrix.

        Parameters
        ----------
        time : float
            Time, in seconds; this medium is static.

        Returns
        -------
        ndarray of complex64, shape (output, input)
            A copy.
        """
        return self._stored.matrix(time)
