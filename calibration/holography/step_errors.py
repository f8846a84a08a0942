"""True steps of the reference, estimated from the frames themselves.

Wang and Han alternate between two least-squares fits: fields at known steps, steps at known fields. Here this is done
on the second moments of the frames (a matrix of step x step, however many pixels). It comes near the answer from far
away, but then slowly, and cannot use what else is known of the fields: Gauss-Newton on the equations takes over.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.holography.phase_steps import check_steps, step_matrix
from calibration.holography.step_moments import StepMoments, step_moments
from calibration.light import Light
from optics.validation import check_count

ALTERNATIONS = 10
"""Rounds of fits of fields and steps in turn before Gauss-Newton: without them it loses its way from 0.6 rad on."""

ITERATIONS = 50
"""Iterations of Gauss-Newton after which the search is given up."""

SETTLED = 1e-9
"""Change of the steps, in radians, that ends the search."""

LARGEST_MOVE = 0.5
"""Change of a step in one iteration, in radians, beyond which it is shortened."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StepEstimate:
    """Steps of the reference as the frames tell them.

    Parameters
    ----------
    steps : ndarray, shape (step,) or (pattern, step)
        Phases of the reference, in radians. Their mean deviation from the commanded ones is zero: a phase common to
        all frames cannot be told from that of the field.
    standard_error : ndarray, shape (step,) or (pattern, step)
        Standard error of each step, in radians; infinite where the frames do not determine it.
    converged : ndarray of bool, shape () or (pattern,)
        Whether the search ended, at steps that the frames determine.
    misfit : ndarray, shape () or (pattern,)
        Sum of squared residuals in units of what noise makes them, over their degrees of freedom: about 1 where frames
        differ in their steps alone, far more where the light or the medium changed too; NaN for three steps, which
        leave none.
    iterations : int
        Iterations of Gauss-Newton that the search took.
    """

    steps: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    converged: NDArray[np.bool_]
    misfit: NDArray[np.float64]
    iterations: int


def estimate_steps(
    light: Light, *, steps: ArrayLike, shared: bool = True, circular: bool = True, blocks: int = 64
) -> StepEstimate:
    """Return the steps that the frames were taken at, given roughly those that were commanded.

    .. math:: (1 - M M^+) \\, \\Sigma \\, M^{+T} = 0, \\qquad \\langle Z^2 \\rangle = w^T \\Sigma \\, w = 0

    with M the step matrix, w the weights of the field and Sigma the second moments of the frames over all pixels, the
    camera's noise taken off. The first set of equations is that of a least-squares fit of fields and steps together;
    the second says that the field is circular, as speckle is.

    Parameters
    ----------
    light : Light
        Light of shape (pattern, step, ...), with the variances of the camera model.
    steps : array_like, shape (step,) or (pattern, step)
        Commanded phases, in radians; the search starts there. Random errors of 0.4 rad rms are found.
    shared : bool, optional
        Whether all patterns were taken at the same steps (a piezo that repeats its errors), or each has its own
        (drift). Shared steps must be commanded alike.
    circular : bool, optional
        Whether the fields are known to be speckle. With three or four steps nothing else determines the errors.
    blocks : int, optional
        About how many tiles of the frame have their scatter give the standard errors. A tile should measure several
        speckle grains across; 64 tiles give standard errors to 9 %.

    Returns
    -------
    StepEstimate
        Steps with standard errors.

    Raises
    ------
    ValueError
        If the commanded steps do not determine a field, three or four steps come with fields that need not be circular,
        shared steps are commanded pattern by pattern, or there are too few pixels.

    Notes
    -----
    Background and field of every pixel are free. Four frames of a pixel then have one equation more than unknowns,
    and one family of step errors fits any of them; three frames have none. Five steps or more need no circularity but
    gain by it.

    Circularity holds to one over the root of the number of speckle grains, which is in the standard errors. It fails
    for images of few phases and for fewer than some hundred grains.

    Frames must not differ in their light by more than the steps do: divide by a measured laser power first.
    Drift within the frames of a pattern shows as step errors and is found with ``shared=False``.

    Work space: four million values in double precision, and the moments.

    References
    ----------
    .. [1] Z. Wang and B. Han, "Advanced iterative algorithm for phase extraction of randomly phase-shifted
       interferograms", Opt. Lett. 29, 1671 (2004), doi:10.1364/OL.29.001671.
    """
    commanded = check_steps(steps)
    patterns, count = light.value.shape[0], commanded.shape[-1]
    _check_problem(light, commanded, shared=shared, circular=circular)
    check_count("blocks", blocks, at_least=8)
    moments = step_moments(light, shared=shared, blocks=blocks)
    sets = 1 if shared else patterns
    search = _Search(moments, circular=circular)
    start = np.broadcast_to(commanded, (sets, count))
    found, moved, iterations = search.run(start)
    error, misfit, determined = search.errors(found)
    shape = (count,) if shared else (sets, count)
    return StepEstimate(
        steps=found.reshape(shape),
        standard_error=np.where(determined[:, None], error, np.inf).reshape(shape),
        converged=(determined & (moved < SETTLED)).reshape(shape[:-1]),
        misfit=misfit.reshape(shape[:-1]),
        iterations=iterations,
    )


class _Search:
    """Gauss-Newton on the equations of the steps, all sets of frames at once."""

    def __init__(self, moments: StepMoments, *, circular: bool) -> None:
        self._blocks, self._noise, self._circular = moments.blocks, moments.noise, circular
        self._total = moments.blocks.sum(axis=1)
        count = self._total.shape[-1]
        # Directions of zero mean: the phase common to all frames belongs to the field.
        self._directions = np.linalg.svd(np.full((count, count), 1.0))[0][:, 1:]
        independent = 3 * (count - 3) + 2 * circular
        self._freedom = independent - (count - 1)

    def run(self, start: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
        """Return the steps, the last change of each set, and the iterations taken."""
        found, moved, iterations = self._alternated(start), np.full(len(start), np.inf), 0
        while moved.max() >= SETTLED and iterations < ITERATIONS:
            iterations += 1
            scales = self._scales(found)
            slope = np.linalg.pinv(self._slopes(found, scales), rcond=1e-10)
            move = -(slope @ self._equations(found, self._total, scales)[..., None])[..., 0] @ self._directions.T
            moved = np.abs(move).max(axis=1)
            found = found + move * np.minimum(1, LARGEST_MOVE / np.maximum(moved, LARGEST_MOVE))[:, None]
        return found, moved, iterations

    def _alternated(self, start: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return steps after some rounds of fitting the fields to the frames and the frames to the fields."""
        found = start.copy()
        for _ in range(ALTERNATIONS):
            _, inverse = _fit(found)
            across = self._total @ inverse.transpose(0, 2, 1)
            rows = across @ np.linalg.pinv(inverse @ across, rcond=1e-12)
            change = np.angle((rows[..., 1] - 1j * rows[..., 2]) * np.exp(-1j * found))
            found += change - change.mean(axis=1, keepdims=True)
        return found

    def errors(self, found: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return standard errors, misfit, and whether the steps are determined, from the scatter of the blocks."""
        scales = self._scales(found)
        slopes = self._slopes(found, scales)
        singular = np.linalg.svd(slopes, compute_uv=False)
        determined = singular[:, -1] > 1e-6 * singular[:, 0]
        inverse = self._directions @ np.linalg.pinv(slopes, rcond=1e-10)
        blocks = self._blocks.shape[1]
        each = np.stack([self._equations(found, self._blocks[:, block], scales) for block in range(blocks)], axis=1)
        influence = (each - each.mean(axis=1, keepdims=True)) @ inverse.transpose(0, 2, 1)
        variance = np.sum(influence**2, axis=1) * blocks / (blocks - 1)
        squares = np.sum(self._equations(found, self._total, scales) ** 2, axis=1)
        misfit = squares / self._freedom if self._freedom > 0 else np.full(len(found), np.nan)
        return np.sqrt(variance), misfit, determined

    def _slopes(self, steps: NDArray[np.float64], scales: "_Scales") -> NDArray[np.float64]:
        """Return the derivatives of the equations along the directions, shape (set, equation, direction)."""
        reach = 1e-4
        ends = [
            self._equations(steps + reach * way, self._total, scales)
            - self._equations(steps - reach * way, self._total, scales)
            for way in self._directions.T
        ]
        return np.stack(ends, axis=-1) / (2 * reach)

    def _equations(
        self, steps: NDArray[np.float64], moments: NDArray[np.float64], scales: "_Scales"
    ) -> NDArray[np.float64]:
        """Return what must vanish at the true steps, in units of its noise, shape (set, equation)."""
        matrix, inverse = _fit(steps)
        across = moments @ inverse.transpose(0, 2, 1)
        left = (across - matrix @ (inverse @ across)) @ scales.whiten
        equations = [left.reshape(len(steps), -1)]
        if self._circular:
            twin = _twin(inverse, moments) / scales.twin
            equations += [twin.real[:, None], twin.imag[:, None]]
        return np.concatenate(equations, axis=1)

    def _scales(self, steps: NDArray[np.float64]) -> "_Scales":
        """Return the noise of the equations at some steps."""
        _, inverse = _fit(steps)
        unknowns = inverse @ self._total @ inverse.transpose(0, 2, 1)
        values, vectors = np.linalg.eigh(unknowns)
        floor = np.maximum(values[:, -1:] * 1e-12, 0)
        root = np.sqrt(np.maximum(values, floor) * np.maximum(self._noise[:, None], floor * 1e-12))
        blocks = self._blocks.shape[1]
        twins = np.stack([_twin(inverse, self._blocks[:, block]) for block in range(blocks)], axis=1)
        spread = np.sqrt(np.mean(np.abs(twins - twins.mean(axis=1, keepdims=True)) ** 2, axis=1) * blocks / 2)
        # A set without light has no noise either: its equations stay zero, and its steps undetermined.
        return _Scales(vectors / np.where(root > 0, root, 1)[:, None, :], np.where(spread > 0, spread, 1))


@dataclass(frozen=True, eq=False)
class _Scales:
    """What turns equations into units of their noise: ``whiten`` (set, 3, 3) and ``twin`` (set,)."""

    whiten: NDArray[np.float64]
    twin: NDArray[np.float64]


def _fit(steps: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return step matrices and their pseudo-inverses."""
    matrix = step_matrix(steps)
    turned = matrix.transpose(0, 2, 1)
    return matrix, np.asarray(np.linalg.solve(turned @ matrix, turned), np.float64)


def _twin(inverse: NDArray[np.float64], moments: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return the sum of the squared (not absolute) interference terms over pixels."""
    weights = inverse[:, 1] + 1j * inverse[:, 2]
    return np.asarray(np.einsum("pj,pjk,pk->p", weights, moments, weights) / 2)


def _check_problem(light: Light, commanded: NDArray[np.float64], *, shared: bool, circular: bool) -> None:
    """Refuse what leaves the steps undetermined."""
    shape, count = light.value.shape, commanded.shape[-1]
    if len(shape) < 3 or shape[1] != count:
        raise ValueError(f"light of shape {shape} must be (pattern, {count}, ...), for instance by group_steps")
    if commanded.ndim == 2 and shared:
        raise ValueError("steps that all patterns share must be commanded alike: give one row, or shared=False")
    if commanded.ndim == 2 and len(commanded) != shape[0]:
        raise ValueError(f"steps of {len(commanded)} patterns do not fit light of {shape[0]} patterns")
    if count < 5 and not circular:
        raise ValueError(
            f"{count} steps of unknown errors leave a family of solutions where background and field of each pixel are "
            "free: take at least 5 steps, or say that the field is speckle (circular=True)"
        )
