"""Stored transmission matrices: their product, its adjoint, and the grid that makes sums of entries exact."""

import math

import numpy as np
from numpy.typing import NDArray

from optics.kernels import multiply_columns
from optics.media.medium import Field, Time

LARGEST_MATRIX = 4 * 2**30
"""Bytes above which a matrix is not stored."""


def check_stored(kind: str, *, inputs: int, outputs: int, way_out: str) -> None:
    """Refuse a matrix that is too large to store.

    Parameters
    ----------
    kind : str
        What asks for it, in words.
    inputs, outputs : int
        Size of the matrix; entries take eight bytes.
    way_out : str
        What to do instead.

    Raises
    ------
    ValueError
        If the matrix takes more than `LARGEST_MATRIX`.
    """
    size = 8 * inputs * outputs
    if size > LARGEST_MATRIX:
        raise ValueError(
            f"{kind} of {inputs} inputs and {outputs} outputs needs {size / 2**30:.1f} GiB, "
            f"more than {LARGEST_MATRIX / 2**30:.0f} GiB: {way_out}"
        )


def statistical_grid(inputs: int) -> np.float32:
    """Return the steps a standard deviation is divided into, so that sums of random entries are exact in float32.

    Parameters
    ----------
    inputs : int
        Number of independent entries in a sum.

    Returns
    -------
    numpy.float32
        A power of two, 2^15 up to sixteen thousand inputs: sums stay within eight standard deviations of
        sqrt(inputs) entries, and that within the 24 bits of float32.
    """
    return np.float32(2.0 ** min(15, math.floor(21 - math.log2(inputs) / 2)))


def strict_grid(columns: NDArray[np.complex64]) -> np.float32:
    """Return the steps a unit is divided into, so that sums of any of these entries are exact in float32.

    Parameters
    ----------
    columns : ndarray of complex64, shape (input, output)
        The entries; at least one is not zero.

    Returns
    -------
    numpy.float32
        A power of two: no sum of moduli exceeds 2^24 steps.
    """
    largest = float(np.abs(columns.view(np.float32)).sum(axis=0, dtype=np.float64).max())
    return np.float32(2.0 ** (23 - math.ceil(math.log2(largest))))


def round_to_grid(parts: NDArray[np.float32], *, grid: np.float32) -> None:
    """Round real numbers to whole steps of 1 / grid, in place.

    Parameters
    ----------
    parts : ndarray of float32
        Real and imaginary parts.
    grid : numpy.float32
        Steps of a unit, a power of two.
    """
    parts *= grid
    np.rint(parts, out=parts)
    parts /= grid


def pixel_positions(shape: tuple[int, int], *, pitch: float) -> NDArray[np.float64]:
    """Return where the samples of a rectangular field are.

    Parameters
    ----------
    shape : tuple of int
        Samples along (y, x).
    pitch : float
        Distance between neighbours, in metres.

    Returns
    -------
    ndarray, shape (y, x, 2)
        (y, x) from the centre, in metres.
    """
    axes = [(np.arange(size) - (size - 1) / 2) * pitch for size in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def check_amplitudes(field_in: NDArray[np.inexact], *, inputs: int) -> None:
    """Refuse amplitudes that do not fit a medium.

    Parameters
    ----------
    field_in : ndarray
        Amplitudes.
    inputs : int
        Inputs of the medium.

    Raises
    ------
    ValueError
        If the shape is not (frame, ``inputs``).
    """
    if field_in.ndim != 2 or field_in.shape[1] != inputs:
        raise ValueError(f"field_in must have shape (frame, {inputs}), got {field_in.shape}")


class DenseMedium:
    """A static stored matrix, one mode.

    .. math:: T_{mn} = a \\, c_{nm}

    Parameters
    ----------
    columns : ndarray of complex64, shape (input, output)
        The transposed matrix c, outputs in the order (y, x); kept, not copied.
    scale : float
        Factor a of all entries.
    input_positions : ndarray, shape (input, 2)
        Where the inputs are, (y, x) in metres.
    output_shape : tuple of int
        Field samples along (y, x).
    output_pitch : float
        Distance between neighbouring samples, in metres.
    samples_per_pixel : int, optional
        Field samples along each axis of a camera pixel.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Where the entries lie on a grid (`statistical_grid`, `strict_grid`), binary patterns give the same field, bit
    for bit, whatever the batch size, the number of threads or the library that multiplies.
    """

    static = True
    modes = 1

    def __init__(
        self,
        columns: NDArray[np.complex64],
        *,
        scale: float,
        input_positions: NDArray[np.float64],
        output_shape: tuple[int, int],
        output_pitch: float,
        samples_per_pixel: int = 1,
    ) -> None:
        if columns.shape != (len(input_positions), math.prod(output_shape)):
            raise ValueError(
                f"columns must have shape ({len(input_positions)}, {math.prod(output_shape)}), got {columns.shape}"
            )
        self._columns, self._scale = columns, np.float32(scale)
        self.input_positions = np.array(input_positions, np.float64)
        self.output_shape, self.output_pitch = output_shape, output_pitch
        self.samples_per_pixel = samples_per_pixel

    @property
    def output_positions(self) -> NDArray[np.float64]:
        """Return where the samples are, shape (y, x, 2), (y, x) from the centre, in metres."""
        return pixel_positions(self.output_shape, pitch=self.output_pitch)

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
            Field at the samples, in square roots of photons per pixel per second.

        Raises
        ------
        ValueError
            If the number of amplitudes does not fit.
        """
        check_amplitudes(field_in, inputs=len(self._columns))
        lit = np.flatnonzero(field_in.any(axis=0))
        # Few inputs are lit in most batches; gathering their columns costs less than multiplying by zeros.
        sparse = 2 * len(lit) < len(self._columns)
        amplitudes, columns = (field_in[:, lit], self._columns[lit]) if sparse else (field_in, self._columns)
        field = multiply_columns(amplitudes, columns)
        field *= self._scale
        return field.reshape(len(field_in), 1, *self.output_shape)

    def adjoint(self, field: NDArray[np.inexact], *, time: Time) -> Field:
        """Return what the conjugate transpose of the matrix makes of a field at the samples.

        Parameters
        ----------
        field : ndarray, shape (frame, 1, y, x)
            Field at the samples.
        time : float or ndarray, shape (frame,)
            Time, in seconds; this medium is static.

        Returns
        -------
        ndarray of complex64, shape (frame, input)
            Amplitudes at the inputs.
        """
        flat = np.asarray(field, np.complex64).reshape(len(field), self._columns.shape[1])
        return (self._columns @ flat.conj().T).conj().T * self._scale

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
        return self._columns.T * self._scale
