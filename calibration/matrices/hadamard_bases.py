"""Bases of Hadamard patterns: half of the macropixels on in each frame."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from calibration.matrices.bases import BasisSolution, Values, Variances, check_fields, frame_indices
from calibration.matrices.hadamard import flat_signs, hadamard_minus, hadamard_order, hadamard_sums
from optics.validation import check_count

LARGE = 1024
"""Order from which on what macropixel 0 adds to the variances of the others, below half a per cent, is left out."""

ROWS = 64
"""Rows of variances that are finished together."""


@dataclass(frozen=True, kw_only=True)
class HadamardBasis:
    """Patterns (1 - H) / 2, each once: as many frames as there are unknowns.

    .. math:: T_n = -\\frac{2}{q} \\sum_f H_{fn} S_f, \\qquad e = S_0, \\qquad \\mathrm{var}(T_n) = 4 \\sigma^2 / q

    Parameters
    ----------
    inputs : int
        Number of macropixels N.

    Notes
    -----
    The order q is the least power of two not below N. Column 0 of H is never lit: its coefficient is the mean field
    e + sum(T) / 2, which makes the static field cost nothing. That leaves room for q - 1 macropixels.

    Where N = q, one macropixel remains, number 0. It has one frame more, the last, and is lit in about half of
    the others too, those whose row of H correlates with the last pattern. With flat signs d (a bent function) in the
    last pattern and g = H d / q, it follows as

    .. math:: T_0 = \\frac{S_q - \\sum_f g_f S_f}{1 - \\sum_f g_f u_f}, \\qquad u_f = [g_f < 0], \\qquad
              \\mathrm{var}(T_0) = \\frac{8 \\sigma^2}{(\\sqrt q + 1)^2}

    (q a power of four; otherwise sqrt(q/2)). Lit in the last frame alone it would have 2 sigma^2: this trick is worth
    q/4, for one product of a vector with the fields.

    Unknown static field included, the frames are as few as can be, and the variance is that of an S-matrix without a
    static field times (N + 1) / N: four times that of the patterns +-1 that a mirror cannot show.

    References
    ----------
    .. [1] M. Harwit and N. J. A. Sloane, Hadamard Transform Optics (Academic Press, 1979), chapter 3.
    """

    inputs: int

    def __post_init__(self) -> None:
        check_count("inputs", self.inputs)

    @property
    def order(self) -> int:
        """Return the order q of the Hadamard matrix."""
        return hadamard_order(self.inputs)

    @property
    def full(self) -> bool:
        """Return whether there are as many macropixels as columns."""
        return self.inputs == self.order

    @property
    def frames(self) -> int:
        """Return the number of patterns: the order, and one more where the matrix is full."""
        return self.order + self.full

    @property
    def solves_static(self) -> bool:
        """Return True: the first frame is all off."""
        return True

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
        indices = frame_indices(frames, count=self.frames)
        states = hadamard_minus(indices, np.arange(self.inputs) + (not self.full))
        if self.full:
            last = indices == self.order
            states[last] = flat_signs(self.order) < 0
            states[last, 0] = True
            states[~last, 0] = self._weights[indices[~last]] < 0
        return states

    def solve(self, fields: Values) -> BasisSolution:
        """Return the matrix from the field of each pattern.

        Parameters
        ----------
        fields : ndarray, shape (frame, output)
            Fields of the patterns.

        Returns
        -------
        BasisSolution
            Matrix and static field; beside it a few megabytes.
        """
        check_fields(fields, self)
        outputs, order = fields.shape[1], self.order
        extra = np.empty(outputs, fields.dtype)
        lit = self._weights < 0

        def block(columns: slice) -> Values:
            values = np.array(fields[:order, columns], order="C")
            if self.full:
                extra[columns] = self._extra(values, fields[order, columns])
                values[lit] = values[lit] - extra[columns]
            return values

        sums = hadamard_sums(block, order=order, outputs=outputs, dtype=fields.dtype, scale=-2 / order)
        if self.full:
            sums[:, 0] = extra
        return BasisSolution(sums if self.full else sums[:, 1 : self.inputs + 1], fields[0].copy())

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
        order, outputs = self.order, variance.shape[1]
        plain = 4 / order**2 * variance[:order].sum(axis=0)[:, np.newaxis]
        if not self.full:
            return BasisSolution(np.broadcast_to(plain, (outputs, self.inputs)), variance[0].copy())
        extra = (variance[order] + self._weights.astype(variance.dtype) ** 2 @ variance[:order]) / self._pivot**2
        if order >= LARGE:
            entries = np.repeat(plain, order, axis=1)
            entries[:, 0] = extra
            return BasisSolution(entries.astype(variance.dtype, copy=False), variance[0].copy())
        # T_n is the plain sum less c_n T_0, with c = -2 H u / order; both hold the errors of all frames.
        weights, share = self._weights[:, np.newaxis].astype(variance.dtype), self._share.astype(variance.dtype)
        crossed = hadamard_sums(
            lambda columns: np.ascontiguousarray(weights * variance[:order, columns]),
            order=order, outputs=outputs, dtype=variance.dtype, scale=2 / order / self._pivot,
        )  # fmt: skip
        for start in range(0, outputs, ROWS):  # in place, row by row in the cache: the array is large
            rows = slice(start, start + ROWS)
            crossed[rows] *= -2 * share
            crossed[rows] += plain[rows]
            crossed[rows] += share**2 * extra[rows, np.newaxis]
        crossed[:, 0] = extra
        return BasisSolution(crossed, variance[0].copy())

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        """Weights g of the frames that predict the last one without macropixel 0."""
        signs = flat_signs(self.order).astype(np.float64)[:, np.newaxis]
        sums = hadamard_sums(
            lambda _: signs.copy(), order=self.order, outputs=1, dtype=np.dtype(np.float64), scale=1 / self.order
        )
        return np.asarray(sums[0], np.float64)

    @cached_property
    def _share(self) -> NDArray[np.float64]:
        """Part c of macropixel 0 that is in the plain sum of each macropixel."""
        lit = (self._weights < 0).astype(np.float64)[:, np.newaxis]
        sums = hadamard_sums(
            lambda _: lit.copy(), order=self.order, outputs=1, dtype=np.dtype(np.float64), scale=-2 / self.order
        )
        return np.asarray(sums[0], np.float64)

    @property
    def _pivot(self) -> float:
        """Weight of macropixel 0 in the difference between the last frame and its prediction."""
        return float(1 - self._weights[self._weights < 0].sum())

    def _extra(self, values: Values, last: Values) -> Values:
        """Return the entries of macropixel 0 for one block of outputs."""
        real = values.real.dtype
        weights = self._weights.astype(real) @ values.view(real)
        return np.asarray((last - weights.view(values.dtype)) / real.type(self._pivot))


@dataclass(frozen=True, kw_only=True)
class HadamardPairsBasis:
    """Each row of a Hadamard matrix as two patterns, (1 + H) / 2 and (1 - H) / 2, one right after the other.

    .. math:: T_n = \\frac{1}{q} \\sum_f H_{fn} (S_f^+ - S_f^-), \\qquad \\mathrm{var}(T_n) = 2 \\sigma^2 / q

    Parameters
    ----------
    inputs : int
        Number of macropixels N; the order q is the least power of two not below it, and columns beyond N are never
        lit.

    Notes
    -----
    The static field and all drift that is slower than a pair cancel. Twice the frames of `HadamardBasis` for half its
    variance: the same at equal time, and every macropixel alike.
    """

    inputs: int

    def __post_init__(self) -> None:
        check_count("inputs", self.inputs)

    @property
    def order(self) -> int:
        """Return the order q of the Hadamard matrix."""
        return hadamard_order(self.inputs)

    @property
    def frames(self) -> int:
        """Return the number of patterns, two a row."""
        return 2 * self.order

    @property
    def solves_static(self) -> bool:
        """Return True: the second frame is all off, and all others tell of the static field too."""
        return True

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
        indices = frame_indices(frames, count=self.frames)
        minus = (indices % 2 == 1)[:, np.newaxis]
        return np.asarray(hadamard_minus(indices // 2, np.arange(self.inputs)) == minus)

    def solve(self, fields: Values) -> BasisSolution:
        """Return the matrix from the field of each pattern.

        Parameters
        ----------
        fields : ndarray, shape (frame, output)
            Fields of the patterns.

        Returns
        -------
        BasisSolution
            Matrix and static field; beside it a few megabytes.
        """
        check_fields(fields, self)
        matrix = hadamard_sums(
            lambda columns: np.ascontiguousarray(fields[0::2, columns] - fields[1::2, columns]),
            order=self.order, outputs=fields.shape[1], dtype=fields.dtype, scale=1 / self.order,
        )  # fmt: skip
        static = fields.mean(axis=0) - (fields[0] - fields[1]) / 2
        return BasisSolution(matrix[:, : self.inputs], static)

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
        total, share = variance.sum(axis=0), 1 / (2 * self.order)
        matrix = np.broadcast_to((total / self.order**2)[:, np.newaxis], (variance.shape[1], self.inputs))
        rest = total - variance[0] - variance[1]
        static = share**2 * rest + (share - 0.5) ** 2 * variance[0] + (share + 0.5) ** 2 * variance[1]
        return BasisSolution(matrix, np.asarray(static))


@dataclass(frozen=True, kw_only=True)
class SMatrixBasis:
    """Patterns of an S-matrix, for a bench without a static field.

    .. math:: T_n = -\\frac{2}{q} \\sum_{f \\ge 1} H_{fn} S_f, \\qquad
              \\mathrm{var}(T_n) = \\frac{4 \\sigma^2 (q - 1)}{q^2}

    Parameters
    ----------
    inputs : int
        Number of macropixels N; the order q is the least power of two above it. With N = q - 1 the variance is
        4 N sigma^2 / (N + 1)^2.

    Notes
    -----
    These are the patterns of `HadamardBasis` without the all-off frame. A static field e adds 2 e / q to every entry.

    References
    ----------
    .. [1] M. Harwit and N. J. A. Sloane, Hadamard Transform Optics (Academic Press, 1979), chapter 3.
    """

    inputs: int

    def __post_init__(self) -> None:
        check_count("inputs", self.inputs)

    @property
    def order(self) -> int:
        """Return the order q of the Hadamard matrix."""
        return hadamard_order(self.inputs + 1)

    @property
    def frames(self) -> int:
        """Return the number of patterns, one less than the order."""
        return self.order - 1

    @property
    def solves_static(self) -> bool:
        """Return False: the static field is taken to be zero."""
        return False

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
        return hadamard_minus(frame_indices(frames, count=self.frames) + 1, np.arange(self.inputs) + 1)

    def solve(self, fields: Values) -> BasisSolution:
        """Return the matrix from the field of each pattern.

        Parameters
        ----------
        fields : ndarray, shape (frame, output)
            Fields of the patterns.

        Returns
        -------
        BasisSolution
            Matrix, and zeros for the static field.
        """
        check_fields(fields, self)

        def block(columns: slice) -> Values:
            return np.pad(fields[:, columns], ((1, 0), (0, 0)))

        outputs = fields.shape[1]
        sums = hadamard_sums(block, order=self.order, outputs=outputs, dtype=fields.dtype, scale=-2 / self.order)
        return BasisSolution(sums[:, 1 : self.inputs + 1], np.zeros(outputs, fields.dtype))

    def solve_variance(self, variance: Variances) -> BasisSolution:
        """Return the variances of the solution.

        Parameters
        ----------
        variance : ndarray of float, shape (frame, output)
            Variances of the fields.

        Returns
        -------
        BasisSolution
            Variances of the entries, and zeros for the static field.
        """
        check_fields(variance, self)
        outputs = variance.shape[1]
        total = 4 / self.order**2 * variance.sum(axis=0)[:, np.newaxis]
        return BasisSolution(np.broadcast_to(total, (outputs, self.inputs)), np.zeros(outputs, variance.dtype))
