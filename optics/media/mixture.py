"""Several media on one path: their fields mix coherently into modes, and the modes add in intensity."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from optics.media.dense import check_amplitudes
from optics.media.medium import Field, Medium, Time
from optics.streams import NoiseSource


def mode_seed(seed: int, index: int) -> int:
    """Return the seed of one of the media that a mixture is made of.

    Parameters
    ----------
    seed : int
        Seed of the mixture.
    index : int
        Which medium.

    Returns
    -------
    int
        A seed below 2^63 that no other mixture or index has, as far as chance allows; it is never ``seed`` itself, so
        mixtures may be nested.
    """
    return int(np.random.SeedSequence([seed, int(NoiseSource.MODES), index]).generate_state(1, np.uint64)[0] >> 1)


class MixedMedium:
    """Media that share inputs and outputs, mixed into modes.

    .. math:: E_i = \\sum_j a_{ij} T_j x

    Parameters
    ----------
    media : sequence of Medium
        Media of the same inputs and samples.
    mixing : ndarray, shape (mode, medium)
        Amplitudes a with which each medium enters each mode.

    Raises
    ------
    ValueError
        If the media differ in size, or the mixing does not fit them.
    """

    def __init__(self, media: Sequence[Medium], *, mixing: NDArray[np.inexact]) -> None:
        if not media or mixing.ndim != 2 or mixing.shape[1] != len(media):
            raise ValueError(f"mixing must have shape (mode, {len(media)}), one column a medium, got {mixing.shape}")
        sizes = {
            (len(m.input_positions), m.output_positions.shape, m.modes, m.samples_per_pixel) for m in media
        }  # fmt: skip
        if len(sizes) > 1:
            raise ValueError(
                f"the media of a mixture must have the same inputs, samples and modes, got {sorted(sizes)}"
            )
        self._media = tuple(media)
        self._mixing = np.array(mixing, np.complex64 if np.iscomplexobj(mixing) else np.float32)
        self.static = all(medium.static for medium in media)
        self.samples_per_pixel = media[0].samples_per_pixel
        self.modes = len(mixing) * media[0].modes

    @property
    def input_positions(self) -> NDArray[np.float64]:
        """Return where the inputs are, shape (input, 2), (y, x) in metres."""
        return self._media[0].input_positions

    @property
    def output_positions(self) -> NDArray[np.float64]:
        """Return where the samples are, shape (y, x, 2), (y, x) in metres."""
        return self._media[0].output_positions

    def transmit(self, field_in: NDArray[np.inexact], *, time: Time) -> Field:
        """Return the field behind the media.

        Parameters
        ----------
        field_in : ndarray, shape (frame, input)
            Amplitudes of the inputs, in square roots of photons per second.
        time : float or ndarray, shape (frame,)
            Time, in seconds.

        Returns
        -------
        ndarray of complex64, shape (frame, mode, y, x)
            Field; the modes of one row of the mixing stand together.

        Raises
        ------
        ValueError
            If the number of amplitudes does not fit.
        """
        check_amplitudes(field_in, inputs=len(self.input_positions))
        each = self._media[0].modes
        field = np.zeros((len(field_in), self.modes, *self.output_positions.shape[:2]), np.complex64)
        for medium, amplitudes in zip(self._media, self._mixing.T, strict=True):
            own = medium.transmit(field_in, time=time)
            for row in np.flatnonzero(amplitudes):
                field[:, row * each : (row + 1) * each] += amplitudes[row] * own
        return field

    def adjoint(self, field: NDArray[np.inexact], *, time: Time) -> Field:
        """Return what the conjugate transpose of the map makes of a field at the samples.

        Parameters
        ----------
        field : ndarray, shape (frame, mode, y, x)
            Field at the samples.
        time : float or ndarray, shape (frame,)
            Time, in seconds.

        Returns
        -------
        ndarray of complex64, shape (frame, input)
            Amplitudes at the inputs.
        """
        each = self._media[0].modes
        rows = np.asarray(field, np.complex64).reshape(len(field), len(self._mixing), each, *field.shape[2:])
        total = np.zeros((len(field), len(self.input_positions)), np.complex64)
        for medium, amplitudes in zip(self._media, self._mixing.conj().T, strict=True):
            total += medium.adjoint(np.einsum("r,frmyx->fmyx", amplitudes, rows), time=time)
        return total

    def matrix(self, time: float) -> Field:
        """Return the matrix.

        Parameters
        ----------
        time : float
            Time, in seconds.

        Returns
        -------
        ndarray of complex64, shape (output, input)
            Outputs in the order (mode, y, x).
        """
        outputs = self._media[0].modes * self.output_positions[..., 0].size
        total = np.zeros((len(self._mixing) * outputs, len(self.input_positions)), np.complex64)
        for medium, amplitudes in zip(self._media, self._mixing.T, strict=True):
            own = medium.matrix(time)
            for row in np.flatnonzero(amplitudes):
                total[row * outputs : (row + 1) * outputs] += amplitudes[row] * own
        return total
