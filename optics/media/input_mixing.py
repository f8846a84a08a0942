"""Drift at the cost of one medium: its inputs mix, unitarily, at random frequencies."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft, ifft
from scipy.special import ndtri

from optics.media.exact_sums import on_grid
from optics.media.medium import Field, Medium, Time
from optics.streams import NoiseSource, source_generator
from optics.validation import check_choice, check_number

LEAST_INPUTS = 16
"""Inputs below which there are too few frequencies for a law."""


class InputMixing:
    """A static medium behind a unitary mixer of its inputs that turns with time.

    .. math:: T(t) = T \\, V^\\dagger \\mathrm{diag}(e^{i \\omega_j t}) \\, V, \\qquad
              \\frac{1}{N} \\sum_j e^{i \\omega_j \\tau} = g_1(\\tau)

    V multiplies the inputs by random phases and takes their Fourier transform; the frequencies are the N quantiles of
    the spectrum of g_1 (Cauchy or normal; zero for the part that stays), in random order.

    Parameters
    ----------
    medium : Medium
        A static medium whose columns are independent and alike, such as a Gaussian one.
    law : {"exponential", "gaussian"}
        How g_1 falls.
    correlation_time : float
        Time tau_c, in seconds.
    plateau : float, optional
        Part of g_1 that stays.
    seed : int
        Seed of the phases and of the order of the frequencies.

    Raises
    ------
    ValueError
        If the medium moves by itself or has too few inputs.

    Notes
    -----
    A frame costs two Fourier transforms over the inputs and one complex product with the static medium: nothing grows
    with the outputs. The motion is unitary, so the medium stays passive. For a Gaussian matrix the fields of one
    pattern at any two times are jointly Gaussian with the correlation sum_j |(V a)_j|^2 e^{i omega_j tau} / |a|^2: its
    mean over seeds is g_1, its scatter from seed to seed at most 1 / sqrt(N). The price: light of one input never
    leaves the space of the N inputs, so T(t) keeps correlations of 1 / sqrt(N) with all columns of T(0), and media in
    which neighbouring inputs are alike lose their memory effect. Components (`optics.media.drift.DriftingMedium`) have
    neither flaw.

    Mixed amplitudes are rounded to some 2^-30 of the length of their frame. Behind a matrix on the grid of
    `optics.media.dense.statistical_grid` all sums are then exact in double precision, and a frame has the same bits in
    any batch and on any number of threads; the field is off by 1e-8 of its rms for a thousand inputs, 1e-6 for a
    million.
    """

    static = False

    def __init__(self, medium: Medium, *, law: str, correlation_time: float, plateau: float = 0.0, seed: int) -> None:
        check_choice("law", law, ("exponential", "gaussian"))
        check_number("correlation_time", correlation_time, unit="s", above=0)
        check_number("plateau", plateau, at_least=0, at_most=1)
        inputs = len(medium.input_positions)
        if not medium.static:
            raise ValueError("drift moves a static medium: this one moves by itself")
        if inputs < LEAST_INPUTS:
            raise ValueError(
                f"mixing needs at least {LEAST_INPUTS} inputs for its frequencies, the medium has {inputs}: "
                "take method = 'components'"
            )
        self._medium = medium
        rng = source_generator(seed, NoiseSource.DRIFT)
        self._phases = np.exp(2j * math.pi * rng.random(inputs))
        still = round(plateau * inputs)
        steps = (np.arange(inputs - still) + 0.5) / max(inputs - still, 1)
        quantiles = np.tan(math.pi * (steps - 0.5)) if law == "exponential" else math.sqrt(2) * ndtri(steps)
        self._frequencies = rng.permutation(np.concatenate([quantiles / correlation_time, np.zeros(still)]))
        self.modes, self.samples_per_pixel = medium.modes, medium.samples_per_pixel

    @property
    def input_positions(self) -> NDArray[np.float64]:
        """Return where the inputs are, shape (input, 2), (y, x) in metres."""
        return self._medium.input_positions

    @property
    def output_positions(self) -> NDArray[np.float64]:
        """Return where the field samples are, shape (y, x, 2), (y, x) in metres."""
        return self._medium.output_positions

    def mix(self, amplitudes: NDArray[np.inexact], *, time: Time) -> NDArray[np.complex128]:
        """Return the amplitudes behind the mixer.

        Parameters
        ----------
        amplitudes : ndarray, shape (frame, input)
            Amplitudes of the inputs.
        time : float or ndarray, shape (frame,)
            Time, in seconds; minus the time undoes it.

        Returns
        -------
        ndarray of complex128, shape (frame, input)
            Amplitudes of the same power.
        """
        turns = np.exp(1j * np.multiply.outer(np.broadcast_to(time, (len(amplitudes),)), self._frequencies))
        waves = fft(amplitudes * self._phases, axis=1)
        return np.asarray(ifft(waves * turns, axis=1) * self._phases.conj())

    def transmit(self, field_in: NDArray[np.inexact], *, time: Time) -> Field:
        """Return the field behind the medium.

        Parameters
        ----------
        field_in : ndarray, shape (frame, input)
            Amplitudes of the inputs.
        time : float or ndarray, shape (frame,)
            Time, in seconds.

        Returns
        -------
        ndarray of complex64, shape (frame, mode, y, x)
            Field samples.
        """
        moments = np.broadcast_to(time, (len(field_in),)).astype(np.float64)
        # A frame at a time: transforms of a batch may share their rounding.
        mixed = [on_grid(self.mix(one[np.newaxis], time=moment)) for one, moment in zip(field_in, moments, strict=True)]
        amplitudes = np.concatenate(mixed) if mixed else np.zeros(field_in.shape, np.complex128)
        return self._medium.transmit(amplitudes, time=0.0)

    def adjoint(self, field: NDArray[np.inexact], *, time: Time) -> Field:
        """Return what the conjugate transpose makes of a field.

        Parameters
        ----------
        field : ndarray, shape (frame, mode, y, x)
            Field samples.
        time : float or ndarray, shape (frame,)
            Time, in seconds.

        Returns
        -------
        ndarray of complex64, shape (frame, input)
            Amplitudes at the inputs.
        """
        amplitudes = self._medium.adjoint(field, time=0.0)
        return self.mix(amplitudes, time=-np.asarray(time, np.float64)).astype(np.complex64)

    def matrix(self, time: float) -> Field:
        """Return the matrix at a time.

        Parameters
        ----------
        time : float
            Time, in seconds.

        Returns
        -------
        ndarray of complex64, shape (output, input)
            The matrix.
        """
        # T U: the rows of T through the transpose of U, which is U with the phases conjugated; row by row U^T r.
        rows = self._medium.matrix(0.0)
        mixed = self.mix(rows.conj(), time=-time)
        return np.asarray(mixed.conj(), np.complex64)
