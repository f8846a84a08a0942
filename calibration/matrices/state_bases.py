"""Bases of any binary patterns, solved by least squares, and of one pattern shifted around, solved by FFT."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft
import scipy.linalg
from numpy.typing import NDArray

from calibration.matrices.bases import BasisSolution, Values, Variances, check_fields, frame_indices
from calibration.matrices.circulant import well_conditioned_inputs
from optics.validation import check_count, check_states

LARGEST_CONDITION = 1e4
"""Largest ratio of singular values that is inverted: the rounding of single precision then stays below 0.1 %."""

BLOCK_BYTES = 2**25
"""Memory of a block of outputs that is transformed together."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LeastSquaresBasis:
    """Any patterns that span the macropixels and the static field.

    .. math:: \\min_{e, T} \\sum_f |S_f - e - \\sum_n b_{fn} T_n|^2 / v_f

    Parameters
    ----------
    states : ndarray of bool, shape (frame, input)
        The patterns.
    variance : ndarray or None, optional
        Variance v of the fields of each pattern, shape (frame,), up to a factor; None takes all alike.

    Raises
    ------
    TypeError
        If the states are not boolean.
    ValueError
        If the patterns do not span, or only barely (`LARGEST_CONDITION`).

    Notes
    -----
    The inverse is held in memory, 8 bytes a frame and input. For random patterns, F of them half on, the variance is
    about 4 sigma^2 / (F - N - 1): F = 2N frames are twice as noisy as Hadamard pairs, and fewer are worse.
    """

    states: NDArray[np.bool_]
    variance: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        states = np.asarray(self.states)
        states = check_states(states, inputs=states.shape[-1] if states.ndim else 0, name="states").copy()
        states.flags.writeable = False
        object.__setattr__(self, "states", states)
        if self.variance is not None:
            variance = np.array(self.variance, np.float64)
            if variance.shape != (len(states),) or not (np.isfinite(variance) & (variance > 0)).all():
                raise ValueError(f"variance must be {len(states)} positive numbers, one a pattern, got {self.variance}")
            variance.flags.writeable = False
            object.__setattr__(self, "variance", variance)
        if len(states) <= self.inputs or not self.condition <= LARGEST_CONDITION:
            raise ValueError(
                f"{len(states)} patterns do not span {self.inputs} macropixels and the static field (condition "
                f"{self.condition:.3g}, at most {LARGEST_CONDITION:g} is inverted): add patterns, at least "
                f"{self.inputs + 1} and better {2 * self.inputs}, or take a Hadamard basis"
            )

    @property
    def inputs(self) -> int:
        """Return the number of macropixels."""
        return int(self.states.shape[1])

    @property
    def frames(self) -> int:
        """Return the number of patterns."""
        return len(self.states)

    @property
    def solves_static(self) -> bool:
        """Return True: the static field is one of the unknowns."""
        return True

    @cached_property
    def condition(self) -> float:
        """Return the ratio of the largest to the least singular value of the whitened patterns."""
        values = scipy.linalg.eigvalsh(self._gram)
        return float(np.sqrt(values[-1] / values[0])) if values[0] > 0 else float("inf")

    def patterns(self, frames: slice = slice(None)) -> NDArray[np.bool_]:
        """Return some of the patterns.

        Parameters
        ----------
        frames : slice, optional
            Which of them, all by default.

        Returns
        -------
        ndarray of bool, shape (frame, input)
            Macropixel states, read-only.
        """
        return self.states[frames]

    def solve(self, fields: Values) -> BasisSolution:
        """Return the matrix from the field of each pattern.

        Parameters
        ----------
        fields : ndarray, shape (frame, output)
            Fields of the patterns.

        Returns
        -------
        BasisSolution
            Matrix and static field.
        """
        check_fields(fields, self)
        real = fields.real.dtype
        solved = self._inverse.astype(real) @ np.ascontiguousarray(fields).view(real)
        entries = solved.view(fields.dtype)
        return BasisSolution(np.ascontiguousarray(entries[1:].T), entries[0].copy())

    def solve_variance(self, variance: Variances) -> BasisSolution:
        """Return the variances of the solution.

        Parameters
        ----------
        variance : ndarray of float, shape (frame, output)
            Variances of the fields.

        Returns
        -------
        BasisSolution
            Variances of the entries and of the static field.
        """
        check_fields(variance, self)
        solved = (self._inverse**2).astype(variance.dtype) @ variance
        return BasisSolution(np.ascontiguousarray(solved[1:].T), solved[0].copy())

    @property
    def _weighted(self) -> NDArray[np.float64]:
        """Static column and patterns, over the standard deviation of each frame."""
        design = np.pad(self.states.astype(np.float64), ((0, 0), (1, 0)), constant_values=1)
        return design if self.variance is None else design / np.sqrt(self.variance)[:, np.newaxis]

    @cached_property
    def _gram(self) -> NDArray[np.float64]:
        """Products of the weighted columns."""
        design = self._weighted
        return np.asarray(design.T @ design)

    @cached_property
    def _inverse(self) -> NDArray[np.float64]:
        """The matrix (1 + input, frame) that the fields are multiplied with."""
        solved = scipy.linalg.cho_solve(scipy.linalg.cho_factor(self._gram), self._weighted.T)
        return np.asarray(solved if self.variance is None else solved / np.sqrt(self.variance))


def random_basis(inputs: int, frames: int, *, rng: np.random.Generator) -> LeastSquaresBasis:
    """Return random patterns, half on, after one that is all off.

    Parameters
    ----------
    inputs : int
        Number of macropixels.
    frames : int
        Number of patterns, more than inputs; twice as many are well conditioned.
    rng : numpy.random.Generator
        Source of random numbers.

    Returns
    -------
    LeastSquaresBasis
        The basis.

    Raises
    ------
    ValueError
        If there are too few patterns to span.
    """
    check_count("inputs", inputs)
    check_count("frames", frames, at_least=inputs + 1)
    states = rng.random((frames, inputs)) < 0.5
    states[0] = False
    return LeastSquaresBasis(states=states)


@dataclass(frozen=True, kw_only=True, eq=False)
class CirculantBasis:
    """One pattern c shifted around, after all-off frames.

    .. math:: S_f = e + \\sum_n c_{(n - f) \\bmod N} T_n, \\qquad
              \\hat T = \\widehat{(S - e)} / \\overline{\\hat c}, \\qquad
              \\mathrm{var}(T_n) = \\sigma^2 \\langle |\\hat c|^{-2} \\rangle + \\frac{\\sigma^2}{R (\\sum c)^2}

    Parameters
    ----------
    sequence : ndarray of bool, shape (input,)
        The pattern c, `circulant_sequence` finds good ones.
    off_frames : int, optional
        Number R of all-off frames, which come first; with none the static field is taken to be zero.

    Raises
    ------
    TypeError
        If the pattern is not boolean.
    ValueError
        If the shifted patterns do not span, or only barely (`LARGEST_CONDITION`).
    """

    sequence: NDArray[np.bool_]
    off_frames: int = 1

    def __post_init__(self) -> None:
        sequence = np.asarray(self.sequence)
        sequence = check_states(np.atleast_2d(sequence), inputs=sequence.size, name="sequence")[0].copy()
        check_count("off_frames", self.off_frames, at_least=0)
        sequence.flags.writeable = False
        object.__setattr__(self, "sequence", sequence)
        modulus = np.abs(self._spectrum)
        if not modulus.min() * LARGEST_CONDITION > modulus.max():
            raise ValueError(
                f"the shifts of the sequence of {len(sequence)} states do not span: its spectrum goes from "
                f"{modulus.max():.3g} down to {modulus.min():.3g}; take the one of circulant_sequence"
            )

    @property
    def inputs(self) -> int:
        """Return the number of macropixels."""
        return len(self.sequence)

    @property
    def frames(self) -> int:
        """Return the number of patterns."""
        return self.off_frames + self.inputs

    @property
    def solves_static(self) -> bool:
        """Return whether there are all-off frames."""
        return self.off_frames > 0

    def patterns(self, frames: slice = slice(None)) -> NDArray[np.bool_]:
        """Return some of the patterns.

        Parameters
        ----------
        frames : slice, optional
            Which of them, all by default.

        Returns
        -------
        ndarray of bool, shape (frame, input)
            Macropixel states.
        """
        shifts = frame_indices(frames, count=self.frames) - self.off_frames
        states = self.sequence[(np.arange(self.inputs) - shifts[:, np.newaxis]) % self.inputs]
        states[shifts < 0] = False
        return np.asarray(states)

    def solve(self, fields: Values) -> BasisSolution:
        """Return the matrix from the field of each pattern.

        Parameters
        ----------
        fields : ndarray, shape (frame, output)
            Fields of the patterns.

        Returns
        -------
        BasisSolution
            Matrix and static field.
        """
        check_fields(fields, self)
        static = _mean_or_zero(fields[: self.off_frames])
        filtered = self._filtered(fields[self.off_frames :] - static, 1 / self._spectrum.conj())
        return BasisSolution(filtered, static)

    def solve_variance(self, variance: Variances) -> BasisSolution:
        """Return the variances of the solution.

        Parameters
        ----------
        variance : ndarray of float, shape (frame, output)
            Variances of the fields.

        Returns
        -------
        BasisSolution
            Variances of the entries and of the static field.
        """
        check_fields(variance, self)
        static = _mean_or_zero(variance[: self.off_frames]) / max(1, self.off_frames)
        kernel = scipy.fft.ifft(1 / self._spectrum.conj()).real
        entries = self._filtered(variance[self.off_frames :], scipy.fft.fft(kernel**2))
        shared = static[:, np.newaxis] / np.asarray(self.sequence.sum() ** 2, variance.dtype)
        return BasisSolution(entries + shared, np.asarray(static, variance.dtype))

    @property
    def _spectrum(self) -> NDArray[np.complex128]:
        """Discrete Fourier transform of the pattern."""
        return np.asarray(scipy.fft.fft(self.sequence.astype(np.float64)))

    def _filtered(self, values: Values, transfer: NDArray[np.complex128]) -> Values:
        """Return the values with their Fourier transforms multiplied, an output a row, block by block."""
        result = np.empty((values.shape[1], self.inputs), values.dtype)
        kind = np.result_type(values.dtype, np.complex64)
        step = max(1, BLOCK_BYTES // (kind.itemsize * self.inputs))
        for start in range(0, len(result), step):
            rows = scipy.fft.fft(values[:, start : start + step].T.astype(kind), axis=1, workers=2, overwrite_x=True)
            rows *= transfer.astype(kind)
            solved = scipy.fft.ifft(rows, axis=1, workers=2, overwrite_x=True)
            result[start : start + step] = solved if np.iscomplexobj(values) else solved.real
        return result


def circulant_sequence(inputs: int, *, rng: np.random.Generator, trials: int = 100) -> NDArray[np.bool_]:
    """Return a pattern whose shifts measure a matrix with little noise.

    Parameters
    ----------
    inputs : int
        Number of macropixels N.
    rng : numpy.random.Generator
        Source of random numbers, for N that are not prime.
    trials : int, optional
        Number of random patterns to choose from.

    Returns
    -------
    ndarray of bool, shape (input,)
        The pattern.

    Notes
    -----
    For a prime N = 4k + 3 the squares modulo N, with 0, have a flat spectrum: the shifts are an S-matrix, with the
    variance 4 N sigma^2 / (N + 1)^2. Otherwise the best of random patterns is taken (`well_conditioned_inputs`).

    References
    ----------
    .. [1] M. Harwit and N. J. A. Sloane, Hadamard Transform Optics (Academic Press, 1979), appendix.
    """
    check_count("inputs", inputs)
    if inputs in (1, 2, 4):  # too short for half of them on: one is
        return np.asarray(np.arange(inputs) == 0)
    return np.asarray(well_conditioned_inputs(inputs, blocks=1, rng=rng, trials=trials).generators[0])


def _mean_or_zero(values: Values) -> Values:
    """Return the mean over frames, and zeros where there is none."""
    return np.asarray(values.mean(axis=0) if len(values) else np.zeros(values.shape[1], values.dtype))
