"""A medium that remembers: simulations that show the same patterns again and again pay for each of them once."""

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from optics.media.medium import Field, Medium, Time

HELD_BYTES = 256 * 2**20
"""Memory for the fields that are kept."""


class RememberingMedium:
    """A static medium that keeps the fields it transmitted; a moving one is asked every time.

    Parameters
    ----------
    medium : Medium
        The medium.

    Notes
    -----
    Fields are those of the medium, bit for bit where its sums do not depend on the batch. At most 256 MiB are kept,
    those that were used last.
    """

    def __init__(self, medium: Medium) -> None:
        self._medium = medium
        self.modes, self.samples_per_pixel, self.static = medium.modes, medium.samples_per_pixel, medium.static
        self._kept: OrderedDict[bytes, Field] = OrderedDict()
        self._bytes = 0

    @property
    def input_positions(self) -> NDArray[np.float64]:
        """Return where the inputs are, shape (input, 2), (y, x) in metres."""
        return self._medium.input_positions

    @property
    def output_positions(self) -> NDArray[np.float64]:
        """Return where the field samples are, shape (y, x, 2), (y, x) in metres."""
        return self._medium.output_positions

    def transmit(self, field_in: NDArray[np.inexact], *, time: Time) -> Field:
        """Return the fields behind the medium.

        Parameters
        ----------
        field_in : ndarray, shape (frame, input)
            Amplitudes of the inputs.
        time : float or ndarray, shape (frame,)
            Time, in seconds.

        Returns
        -------
        ndarray of complex64, shape (frame, mode, y, x)
            Fields; the array may be changed, it is not what is kept.
        """
        if not self.static:
            return self._medium.transmit(field_in, time=time)
        keys = [row.tobytes() + row.dtype.char.encode() for row in np.ascontiguousarray(field_in)]
        missing = {key: index for index, key in enumerate(keys) if key not in self._kept}
        fresh: dict[bytes, Field] = {}
        if missing:
            fields = self._medium.transmit(field_in[list(missing.values())], time=0.0)
            fresh = dict(zip(missing, fields, strict=True))
        if not keys:
            return self._medium.transmit(field_in, time=time)
        found = np.stack([fresh[key] if key in fresh else self._kept[key] for key in keys])
        for key, field in fresh.items():
            self._keep(key, field)
        return np.asarray(found, np.complex64)

    def adjoint(self, field: NDArray[np.inexact], *, time: Time) -> Field:
        """Return the adjoint of `transmit` on fields.

        Parameters
        ----------
        field : ndarray, shape (frame, mode, y, x)
            Fields behind the medium.
        time : float or ndarray, shape (frame,)
            Time, in seconds.

        Returns
        -------
        ndarray, shape (frame, input)
            Amplitudes of the inputs.
        """
        return self._medium.adjoint(field, time=time)

    def matrix(self, time: float) -> Field:
        """Return the matrix of the medium.

        Parameters
        ----------
        time : float
            Time, in seconds.

        Returns
        -------
        ndarray of complex, shape (output, input)
            The matrix.
        """
        return self._medium.matrix(time)

    def _keep(self, key: bytes, field: Field) -> None:
        """Keep a field of its own memory, and let go of those unused for longest."""
        self._kept[key] = field.copy()
        self._bytes += field.nbytes
        while self._bytes > HELD_BYTES:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
