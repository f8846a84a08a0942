"""Circulant binary inputs: patterns whose matrix is inverted by Fourier transforms."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from optics.validation import check_count, check_states

Real = NDArray[np.float64]

SPANNING = 1e-9
"""Smallest power of the spectrum over its largest one below which the inputs do not span."""

WORKERS = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class CirculantInputs:
    """Cyclic shifts of a few binary sequences, one circulant block below the other.

    .. math:: X_{(b, i), j} = g_b[(i - j) \\bmod n], \\qquad
              \\hat t = \\mathcal{F}^{-1} \\frac{\\sum_b \\bar\\lambda_b \\mathcal{F} y_b}{\\sum_b |\\lambda_b|^2},
              \\qquad \\lambda_b = \\mathcal{F} g_b

    Parameters
    ----------
    generators : ndarray of bool, shape (block, column)
        The sequences g_b of length n; each gives n signals.

    Raises
    ------
    TypeError
        If the sequences are not boolean.
    ValueError
        If they are not two-dimensional or their shifts do not span all columns.

    Notes
    -----
    The inverse is that of least squares with equal weights. All rows of a block have as many ones, so that a constant
    that is added to y cannot be told from the sum of t: it must be known.

    References
    ----------
    .. [1] S. Gupta et al., ICASSP 2020, sec. 3 (circulant calibration signals). arXiv:1911.01006
    .. [2] M. Harwit, N. J. A. Sloane, Hadamard Transform Optics, Academic Press (1979), ch. 3.
    """

    generators: NDArray[np.bool_]

    def __post_init__(self) -> None:
        given = np.asarray(self.generators)
        if given.ndim != 2 or given.size == 0:
            raise ValueError(f"generators must have shape (block, column), one sequence a row, got {given.shape}")
        states = check_states(given, inputs=given.shape[1], name="generators").copy()
        states.setflags(write=False)
        object.__setattr__(self, "generators", states)
        power = _power(states)
        weakest = int(power.argmin())
        if power[weakest] <= SPANNING * power.max() or not power.any():
            raise ValueError(
                f"shifts of the {len(states)} generators do not span {states.shape[1]} columns: their spectrum is zero "
                f"at frequency {weakest}; take other sequences (well_conditioned_inputs finds them)"
            )

    @property
    def blocks(self) -> int:
        """Return the number of circulant blocks."""
        return len(self.generators)

    @property
    def columns(self) -> int:
        """Return the number n of inputs."""
        return int(self.generators.shape[1])

    @property
    def signals(self) -> int:
        """Return the number of signals, n a block."""
        return int(self.generators.size)

    @property
    def noise_gain(self) -> float:
        """Return the variance of an entry of t over that of an entry of y, for independent errors of y.

        .. math:: \\frac{1}{n} \\sum_f \\frac{1}{\\sum_b |\\lambda_b(f)|^2}

        It is 4 n / (n + 1)^2 for one block of a quadratic-residue sequence (law L53).
        """
        return float(np.mean(1 / _power(self.generators)))

    @property
    def condition(self) -> float:
        """Return the ratio of the largest to the smallest singular value of the matrix."""
        power = _power(self.generators)
        return math.sqrt(power.max() / power.min())

    def patterns(self) -> NDArray[np.bool_]:
        """Return the matrix X.

        Returns
        -------
        ndarray of bool, shape (signal, column)
            Row (b, i) holds signal i of block b.
        """
        n = self.columns
        shift = (np.arange(n)[:, np.newaxis] - np.arange(n)) % n
        return self.generators[:, shift].reshape(-1, n)

    def inverse(self, values: NDArray[np.complexfloating]) -> NDArray[np.complex128]:
        """Return the coefficients whose signals are nearest to given ones.

        Parameters
        ----------
        values : ndarray of complex, shape (..., signal)
            Signals y.

        Returns
        -------
        ndarray of complex128, shape (..., column)
            Coefficients t that minimise |X t - y|^2.

        Raises
        ------
        ValueError
            If the number of signals does not fit.
        """
        self._check_signals(values)
        blocks = values.reshape(*values.shape[:-1], self.blocks, self.columns)
        spectrum = fft.fft(blocks, axis=-1, workers=WORKERS)
        spectrum *= self._filters
        return np.asarray(fft.ifft(spectrum.sum(axis=-2), axis=-1, workers=WORKERS), np.complex128)

    def inverse_variance(self, variance: Real) -> Real:
        """Return the variances of the coefficients that follow from independent errors of the signals.

        Parameters
        ----------
        variance : ndarray, shape (..., signal)
            Variances of the signals.

        Returns
        -------
        ndarray of float64, shape (..., column)
            Variances of the coefficients of `inverse`.

        Raises
        ------
        ValueError
            If the number of signals does not fit.
        """
        self._check_signals(variance)
        kernels = fft.ifft(self._filters, axis=-1).real
        blocks = variance.reshape(*variance.shape[:-1], self.blocks, self.columns)
        spectrum = fft.rfft(blocks, axis=-1, workers=WORKERS) * fft.rfft(kernels**2, axis=-1)
        summed = fft.irfft(spectrum.sum(axis=-2), n=self.columns, axis=-1, workers=WORKERS)
        return np.maximum(summed, 0)

    @cached_property
    def _filters(self) -> NDArray[np.complex128]:
        """Spectra of the blocks of the pseudo-inverse, shape (block, column)."""
        spectrum = np.asarray(fft.fft(self.generators.astype(np.float64), axis=-1))
        return spectrum.conj() / _power(self.generators)

    def _check_signals(self, values: NDArray[np.inexact]) -> None:
        """Refuse arrays whose last axis does not hold the signals."""
        if values.shape[-1:] != (self.signals,):
            raise ValueError(
                f"{self.blocks} blocks of {self.columns} columns have {self.signals} signals on the last axis, "
                f"got shape {values.shape}"
            )


def quadratic_residue_sequence(length: int) -> NDArray[np.bool_]:
    """Return the sequence that is on at the quadratic residues modulo a prime, and at zero.

    Parameters
    ----------
    length : int
        A prime n with n mod 4 = 3.

    Returns
    -------
    ndarray of bool, shape (length,)
        A sequence of (n + 1) / 2 ones whose spectrum is (n + 1) / 2 at zero and has the constant modulus
        sqrt(n + 1) / 2 elsewhere: no binary sequence of its length gives less noise (law L53).

    Raises
    ------
    ValueError
        If the length is not such a prime.
    """
    check_count("length", length, at_least=3)
    if not _has_residue_sequence(length):
        raise ValueError(f"length = {length} must be a prime that leaves 3 on division by 4, such as 67, 71 or 79")
    sequence = np.zeros(length, np.bool_)
    sequence[np.arange(length, dtype=np.int64) ** 2 % length] = True
    return sequence


def well_conditioned_inputs(
    columns: int, *, blocks: int, rng: np.random.Generator, trials: int = 500
) -> CirculantInputs:
    """Return circulant inputs with little noise, the best of many random ones.

    Parameters
    ----------
    columns : int
        Number n of inputs.
    blocks : int
        Number of circulant blocks.
    rng : numpy.random.Generator
        Where the sequences come from; half of each is on.
    trials : int, optional
        Sets of sequences to choose from.

    Returns
    -------
    CirculantInputs
        Those with the smallest ``noise_gain``; the sequence of quadratic residues in every block where n allows it.

    Raises
    ------
    ValueError
        If no set spans, as with two columns.
    """
    check_count("columns", columns, at_least=3)
    check_count("blocks", blocks)
    check_count("trials", trials)
    if _has_residue_sequence(columns):
        return CirculantInputs(generators=np.tile(quadratic_residue_sequence(columns), (blocks, 1)))
    best, least = np.zeros((blocks, columns), np.bool_), math.inf
    for _ in range(trials):
        drawn = rng.random((blocks, columns)).argsort(axis=1) < (columns + 1) // 2
        gain = float(np.mean(1 / np.maximum(_power(drawn), 1e-300)))
        if gain < least:
            best, least = drawn, gain
    return CirculantInputs(generators=best)


def _power(generators: NDArray[np.bool_]) -> Real:
    """Return the sum over blocks of the squared moduli of the spectra, shape (column,)."""
    spectrum = np.asarray(fft.fft(generators.astype(np.float64), axis=-1))
    return np.asarray(np.sum(np.abs(spectrum) ** 2, axis=0))


def _has_residue_sequence(length: int) -> bool:
    """Return whether a length is a prime that leaves 3 on division by 4."""
    return length % 4 == 3 and all(length % divisor for divisor in range(3, math.isqrt(length) + 1, 2))
