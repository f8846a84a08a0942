"""Rows of a transmission matrix from intensities alone: no reference, no anchor, known binary patterns.

All rows are solved at once as matrix products. A row is known up to a phase and, because patterns are real, up to
complex conjugation: `calibration.matrices.row_ambiguity.align_rows` with "phase and conjugation" fixes both. A static
field (all mirrors off) is one more input that is always on: its entry shares phase and conjugation with its row, so
e + T b is known as well as T, and light that patterns give is predicted without ambiguity.
"""

import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.light import FieldEstimate, Light
from calibration.matrices.intensity_likelihood import NoisyLight, entry_variance, fit_rows
from calibration.matrices.magnitude_projections import (
    RELAXATION,
    RELAXATIONS,
    alternating_projections,
    coordinates,
    fields_from,
    relaxed_reflections,
)
from calibration.matrices.pattern_sampling import check_sampling
from calibration.matrices.row_ambiguity import align_rows
from calibration.matrices.spectral_start import random_start, spectral_start
from optics.validation import check_count, check_number, check_states

BLOCK_ENTRIES = 2**20
"""Fields (frames x outputs) that are iterated together: about ten arrays of 8 to 16 bytes each."""

SETTLING = 40
"""Alternating projections behind the reflections: they lead to the nearest point that patterns can give."""

SIGMAS = 5.0
"""Standard deviations by which the residual may exceed what noise leaves before a row is said to have failed."""

DOUBT = 2.0
"""Those from which on it is tried again: beside a dominant entry, false minima raise the residual only a little."""

SECOND_LOOKS = 3
"""Attempts that a row of doubt is given once it is no failure: chance alone leaves every fortieth row in doubt."""

FIRST_STEPS = 3
"""Gauss-Newton steps after which a row is judged for the first time."""

PLENTY = 5.0
"""Frames over unknown entries from which on lower relaxations lead to the row, too, and astray less often in noise."""

SURE = 3.5
"""Frames over unknown entries from which on no two rows were seen to explain the same noisy light."""

DIFFERENT = 0.3
"""Relative distance from which on two rows are not the same row with noise."""

PROMISING = 10.0
"""Residual over its limit up to which a row is fitted to the end."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RetrievedRows:
    """Rows found from intensities alone, up to a phase and conjugation of each.

    Parameters
    ----------
    matrix : FieldEstimate
        Entries, shape (output, input); errors are those that are left after the best phase of the row.
    static : FieldEstimate or None
        Field with all mirrors off, shape (output,), of the same phase and conjugation as its row; None where the
        patterns were said to have none.
    converged : ndarray of bool, shape (output,)
        Rows that explain the light within its noise, and to which no rival was found.
    residual : ndarray of float64, shape (output,)
        Chi squared over its degrees of freedom: about 1 where the model of the noise holds; infinite where
        another row was found that explains the light as well.
    attempts : ndarray of int, shape (output,)
        Starts that were tried.
    """

    matrix: FieldEstimate
    static: FieldEstimate | None
    converged: NDArray[np.bool_]
    residual: NDArray[np.float64]
    attempts: NDArray[np.int64]


def retrieve_rows(
    light: Light,
    patterns: ArrayLike,
    *,
    rng: np.random.Generator,
    static: bool = True,
    light_per_electron: float = 0.0,
    model_error: float = 1e-3,
    iterations: int = 100,
    attempts: int = 8,
) -> RetrievedRows:
    """Find the rows of a transmission matrix from the light that known patterns gave.

    .. math:: I_{km} = |e_m + t_m b_k|^2 + \\text{noise}

    Parameters
    ----------
    light : Light
        Light of each frame, shape (frame, ...); pixels are flattened to outputs.
    patterns : array_like of bool, shape (frame, input)
        States b of the macropixels, random and different in each frame.
    rng : numpy.random.Generator
        Draws starts and the point at which the patterns are checked.
    static : bool, optional
        Whether there is a field with all mirrors off: one unknown more for each output.
    light_per_electron : float, optional
        Growth of the variance with the light, 1 / (quantum efficiency x exposure time) over the frames averaged;
        0 takes the variances as they are, which pulls dim frames by the light of about one electron.
    model_error : float, optional
        Errors that the variance does not know (drift, laser noise, rounding), over the mean light of the output.
    iterations : int, optional
        Reflections of the first attempt; the second takes twice as many, and so on.
    attempts : int, optional
        Most starts for a row: a spectral one, then random ones for rows whose residual says that they failed, or
        leaves it in doubt.

    Returns
    -------
    RetrievedRows
        Matrix and static field with standard errors, residuals, and which rows converged.

    Raises
    ------
    TypeError
        If the patterns are not boolean.
    ValueError
        If shapes do not match, light is not finite, there are fewer frames than unknowns, or the patterns do
        not determine a row.

    Notes
    -----
    Start from two eigenvectors (`spectral_start`), relaxed averaged alternating reflections in single precision,
    alternating projections, then the likelihood of the camera's noise by Gauss-Newton steps in double precision. Of all
    attempts, whose relaxations differ, the one with the least residual counts. In rows with one dominant entry the
    light shows what the others have in quadrature with it only in second order: false minima may pass. The
    standard errors are Fisher's (law L55) and do not count ``model_error`` beyond the floor of the variance that it
    sets. Rows need frames: see ``benchmarks/phase_retrieval.py`` for the transition, near 2.5 frames an input for 50
    inputs; 4 are enough for each attempt, fewer than 2N - 1 are refused, and 2N - 1 leave nothing to judge a row
    by, so that none converges. Where there are fewer than 3.5, noise
    can be explained by several rows: such rows are looked for by a second series of starts and flagged if found.
    Time grows as frames x inputs x outputs an iteration, and the errors take frames x inputs^2 x outputs.

    References
    ----------
    .. [1] A. Dremeau et al., Opt. Express 23, 11898 (2015). doi:10.1364/OE.23.011898
    .. [2] D. R. Luke, Inverse Problems 21, 37 (2005). doi:10.1088/0266-5611/21/1/004
    """
    shape = np.shape(patterns)
    states = check_states(patterns, inputs=shape[1] if len(shape) == 2 else 0)
    inputs = np.pad(states, ((0, 0), (0, int(static))), constant_values=True).astype(np.float64)
    _check_options(light_per_electron, model_error, iterations, attempts)
    check_sampling(inputs, rng=rng)
    noisy, scale = _normalised(light, frames=len(states), slope=light_per_electron, model_error=model_error)
    basis, triangle = np.linalg.qr(inputs)
    outputs = len(scale)
    rows = np.zeros((inputs.shape[1], outputs), np.complex128)
    limit = _residual_limit(noisy, unknowns=2 * len(rows) - 1)
    variance = np.zeros(rows.shape)
    residual, tries = np.zeros(outputs), np.zeros(outputs, np.int64)
    starts = rng.spawn(2 * attempts)
    size = max(BLOCK_ENTRIES // len(inputs), 1)
    for block in (slice(first, first + size) for first in range(0, outputs, size)):
        part = noisy.rows(block)
        found, residual[block], tries[block] = _solve(part, basis, starts=starts[:attempts], iterations=iterations)
        settled = residual[block] < limit[block]
        rival = _rival(found, settled, part, basis, starts=starts[attempts:], iterations=iterations)
        residual[block] = np.where(rival, np.inf, residual[block])
        rows[:, block] = np.linalg.solve(triangle, found)
        variance[:, block] = entry_variance(rows[:, block], part, inputs=inputs)
    value, error = rows.T * scale[:, np.newaxis], np.sqrt(variance.T) * scale[:, np.newaxis]
    converged = (residual < limit) & np.isfinite(error).all(axis=1)
    valid = np.broadcast_to(converged[:, np.newaxis], error.shape)
    last = FieldEstimate(value[:, -1], error[:, -1], valid[:, -1]) if static else None
    kept = slice(0, states.shape[1])
    return RetrievedRows(
        matrix=FieldEstimate(value[:, kept], error[:, kept], valid[:, kept]), static=last,
        converged=converged, residual=residual, attempts=tries,
    )  # fmt: skip


def _solve(
    light: NoisyLight,
    basis: NDArray[np.float64],
    *,
    starts: list[np.random.Generator],
    iterations: int,
    rivals: bool = False,
) -> tuple[NDArray[np.complex128], NDArray[np.float64], NDArray[np.int64]]:
    """Return the best coordinates found for a block of rows, residuals and attempts; rows that failed or are in doubt
    are started again. Rivals only have to be no failures, and are looked for from random starts."""
    outputs = light.value.shape[1]
    best = np.zeros((basis.shape[1], outputs), np.complex128)
    residual = np.full(outputs, np.inf)
    tries, looks = np.zeros((2, outputs), np.int64)
    unknowns = 2 * basis.shape[1] - 1
    limit = _residual_limit(light, unknowns=unknowns)
    sure = limit if rivals else _residual_limit(light, unknowns=unknowns, sigmas=DOUBT)
    freedom = np.maximum(_frames(light) - unknowns, 1)
    magnitudes = np.where(np.isfinite(light.dark_variance), np.sqrt(np.maximum(light.value, 0)), np.nan)
    magnitudes = magnitudes.astype(np.float32)
    narrow = basis.astype(np.float32)
    for attempt, rng in enumerate(starts):
        again = ~(residual < limit) | (~(residual < sure) & (looks < SECOND_LOOKS))
        rows = np.flatnonzero(again & (_frames(light) > unknowns))
        if not len(rows):
            break
        looks[rows] += residual[rows] < limit[rows]
        choose = spectral_start if not rivals and attempt == 0 else random_start
        known = magnitudes[:, rows]
        # A copy: the same start for every block, so a row does not depend on what it is solved with.
        fields = fields_from(choose(known**2, basis=narrow, rng=copy.deepcopy(rng)), basis=narrow)
        fields = relaxed_reflections(
            fields, known, basis=narrow, iterations=iterations * (attempt + 1),
            relaxation=_relaxation(attempt, basis),
        )  # fmt: skip
        fields = alternating_projections(fields, known, basis=narrow, iterations=SETTLING)
        start = coordinates(fields, basis=narrow).astype(np.complex128)
        found, left = _fit(start, light.rows(rows), basis, worth=PROMISING * (limit * freedom)[rows])
        left = left / freedom[rows]
        better = left < residual[rows]
        best[:, rows[better]], residual[rows[better]] = found[:, better], left[better]
        tries[rows] += 1
    return best, residual, tries


def _rival(
    found: NDArray[np.complex128],
    settled: NDArray[np.bool_],
    light: NoisyLight,
    basis: NDArray[np.float64],
    *,
    starts: list[np.random.Generator],
    iterations: int,
) -> NDArray[np.bool_]:
    """Return which settled rows of few frames have a rival: another row that explains the light as well."""
    contested = np.zeros(len(settled), np.bool_)
    which = np.flatnonzero(settled & (_frames(light) < SURE * len(found)))
    if not len(which):
        return contested
    part = light.rows(which)
    other, residual, _ = _solve(part, basis, starts=starts, iterations=iterations, rivals=True)
    aligned = align_rows(other.T, found[:, which].T, ambiguity="phase and conjugation").matrix
    apart = np.linalg.norm(aligned - found[:, which].T, axis=1) > DIFFERENT * np.linalg.norm(found[:, which], axis=0)
    contested[which] = apart & (residual < _residual_limit(part, unknowns=2 * len(found) - 1))
    return contested


def _fit(
    start: NDArray[np.complex128], light: NoisyLight, basis: NDArray[np.float64], *, worth: NDArray[np.float64]
) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Return fitted rows and chi squared; those that are far off after a few steps are not followed."""
    found, left = fit_rows(start, light, basis=basis, steps=FIRST_STEPS)
    near = left < worth
    found[:, near], left[near] = fit_rows(found[:, near], light.rows(near), basis=basis)
    return found, left


def _relaxation(attempt: int, basis: NDArray[np.float64]) -> float:
    """Return the relaxation of an attempt."""
    if len(basis) < PLENTY * basis.shape[1]:
        return RELAXATION
    return RELAXATIONS[attempt % len(RELAXATIONS)]


def _normalised(
    light: Light, *, frames: int, slope: float, model_error: float
) -> tuple[NoisyLight, NDArray[np.float64]]:
    """Return light with the mean of each output one, and the field that one stands for."""
    value = light.value.reshape(len(light.value), -1).astype(np.float64)
    variance = light.variance.reshape(len(light.variance), -1).astype(np.float64)
    valid = light.valid.reshape(len(light.valid), -1)
    if len(value) != frames or variance.shape != value.shape or valid.shape != value.shape:
        raise ValueError(
            f"light has shape {np.shape(light.value)}, its variance {np.shape(light.variance)}, for {frames} patterns: "
            "all need (frame, ...) with one frame for each pattern"
        )
    broken = valid & ~(np.isfinite(value) & (variance >= 0) & np.isfinite(variance))
    if broken.any():
        raise ValueError(
            f"{int(broken.sum())} values of the light are not finite or have no variance: mark them in light.valid"
        )
    mean = np.sum(value, axis=0, where=valid) / np.maximum(valid.sum(axis=0), 1)
    mean = np.where(mean > 0, mean, 1.0)
    # The variance that counts say is linear in them down to dark ones; the rest is what a dark frame has.
    dark = np.maximum(variance - slope * np.maximum(value, 0), 0) / mean**2
    noisy = NoisyLight(
        value=np.where(valid, value, 0) / mean,
        dark_variance=np.where(valid, dark, np.inf),
        slope=slope / mean,
        floor=np.full(len(mean), model_error**2),
    )
    return noisy, np.sqrt(mean)


def _frames(light: NoisyLight) -> NDArray[np.int64]:
    """Return the frames that say something of each output."""
    return np.asarray(np.isfinite(light.dark_variance).sum(axis=0), np.int64)


def _residual_limit(light: NoisyLight, *, unknowns: int, sigmas: float = SIGMAS) -> NDArray[np.float64]:
    """Return the chi squared over degrees of freedom that noise alone hardly exceeds."""
    freedom = np.maximum(_frames(light) - unknowns, 1)
    return np.where(_frames(light) > unknowns, 1 + sigmas * np.sqrt(2 / freedom), 0.0)


def _check_options(light_per_electron: float, model_error: float, iterations: int, attempts: int) -> None:
    """Refuse options out of range."""
    check_number("light_per_electron", light_per_electron, unit="photons/s", at_least=0)
    check_number("model_error", model_error, above=0, at_most=1)
    check_count("iterations", iterations)
    check_count("attempts", attempts)
