"""How faithful the projections of a bench are, measured with vectors that no calibration has seen."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.fidelities.figures_of_merit import FidelityFigures
from calibration.fidelities.intervals import fidelity_interval, repeat_interval
from calibration.fidelities.projection_runs import random_ternary
from calibration.fidelity import cosine
from calibration.records import Calibration, Estimate
from optics.bench import Bench
from optics.validation import check_count

REALISED = "the linear map that the bench has at the time of its calibration"
SUPPLIED = "the linear map that was supplied"
BLIND = (
    "repeats share stored frames, fixed pattern, saturation, off-state light and faulty mirrors: what these do is not\n"
    "in the figures from repeats, which are upper bounds"
)


class _Projector(Protocol):
    """What multiplies ternary vectors by a matrix, as `calibration.projector.AnchorProjector` does."""

    @property
    def bench(self) -> Bench:
        """Return the bench."""

    @property
    def calibration(self) -> Calibration:
        """Return the calibration that is used at present."""

    def project(self, x: ArrayLike) -> Estimate:
        """Return the projections of ternary vectors, shape (vector, component)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FidelityReport:
    """A measured fidelity.

    Parameters
    ----------
    vectors, components, outputs : int
        Size of the measurement.
    reference : str
        What the projections were scored against, in words; empty where nobody knows the truth.
    against_truth : FidelityFigures or None
        Figures against that, over all outputs; None where nobody knows the truth.
    of_valid : FidelityFigures or None
        The same over the outputs that neither saturated nor were lost; None also where too few are left.
    from_repeats : FidelityFigures
        Figures that two repeats of each vector imply (law L70): an upper bound.
    flagged : float
        Part of the values that saturated or were lost.
    error_over_quoted : float
        Rms of the errors over their standard errors: against the truth after the best gain or, without it, of the
        differences of repeats. NaN without a valid value.
    by_vector : ndarray, shape (vector,)
        Cosine of each vector with the truth, or else the root of that with its repeat (zero where it is negative).
    exposures : int
        Frames that the stored frames are averaged over.
    """

    vectors: int
    components: int
    outputs: int
    reference: str
    against_truth: FidelityFigures | None
    of_valid: FidelityFigures | None
    from_repeats: FidelityFigures
    flagged: float
    error_over_quoted: float
    by_vector: NDArray[np.float64]
    exposures: int

    def __str__(self) -> str:
        """Return the table of figures."""
        level = self.from_repeats.correlation.level
        lines = [
            f"Fidelity of {self.outputs} outputs, by {self.vectors} held-out vectors of {self.components} components, "
            f"with {100 * level:g} % intervals"
        ]
        columns = [("from repeats", self.from_repeats)]
        if self.of_valid:
            columns.insert(0, ("valid outputs", self.of_valid))
        if self.against_truth:
            columns.insert(0, ("all outputs", self.against_truth))
        lines.append(f"{'':<28}" + "".join(f"{title:>32}" for title, _ in columns))
        tables = [figures.rows() for _, figures in columns]
        for rows in zip(*tables, strict=True):
            lines.append(f"{rows[0][0]:<28}" + "".join(f"{value:>32}" for _, value in rows))
        lines.append(f"{'flagged':<28}{100 * self.flagged:.3g} % of the values saturated or were lost")
        lines.append(f"{'error over quoted error':<28}{self.error_over_quoted:.3f}")
        lines.append(f"scored against {self.reference}" if self.reference else "nobody knows the truth of this bench")
        lines.append(BLIND)
        return "\n".join(lines)


def measure_fidelity(
    projector: _Projector,
    *,
    vectors: int = 64,
    rng: np.random.Generator,
    non_zeros: int | None = None,
    reference: ArrayLike | None = None,
    level: float = 0.95,
) -> FidelityReport:
    """Return how faithful the projections of a bench are.

    .. math:: \\rho = \\frac{\\langle \\hat y, y \\rangle}{\\|\\hat y\\| \\|y\\|}, \\qquad y = B x, \\qquad
              \\rho_\\mathrm{repeats} = \\sqrt{\\rho_{12}}

    Parameters
    ----------
    projector : AnchorProjector
        A calibrated bench, simulated or real, or what has the same ``bench``, ``calibration`` and ``project``.
    vectors : int, optional
        Random ternary vectors; each is projected twice.
    rng : numpy.random.Generator
        Source of the vectors.
    non_zeros : int or None, optional
        Non-zero components of a vector; None makes each -1, 0 or 1 with equal chances.
    reference : array_like or None, shape (output, component), optional
        Linear map to score against; None takes the truth of a simulated bench at the time of its stored frames, and
        nothing where the bench is real.
    level : float, optional
        Part of all intervals that should contain the population value.

    Returns
    -------
    FidelityReport
        Figures with intervals, flags, and what cannot be seen.

    Raises
    ------
    ValueError
        If there are fewer than two vectors, or the reference does not fit.

    Notes
    -----
    No vector calibrates: the calibration knows frames of the anchor, of the off state and of darkness only, and the
    vectors are drawn here. What drifts after the stored frames were taken is part of the error. Repeats follow each
    other without a refresh of the stored frames (unless their interval ends in between), so they share the errors of
    these.
    """
    check_count("vectors", vectors, at_least=2)
    components = len(projector.calibration.scheme.components)
    x = random_ternary(vectors, components=components, rng=rng, non_zeros=non_zeros)
    first = projector.project(x)
    calibration = projector.calibration
    second = projector.project(x)
    rows, words = _reference(projector.bench, calibration, reference)
    valid = first.valid & second.valid
    repeats = repeat_interval(first.value, second.value, level=level)
    truth = of_valid = None
    if rows is None:
        by_vector = np.sqrt(np.maximum(cosine(first.value, second.value), 0))
        pulls = (first.value - second.value) / np.hypot(first.standard_error, second.standard_error)
    else:
        target = x @ rows.T
        truth = fidelity_interval(first.value, target, level=level)
        if first.valid.any(axis=0).sum() > 1 and first.valid.any(axis=1).sum() > 1:
            of_valid = fidelity_interval(first.value, target, valid=first.valid, level=level)
        by_vector = cosine(first.value, target)
        pulls, valid = _pulls(first, target), first.valid
    return FidelityReport(
        vectors=vectors, components=components, outputs=first.value.shape[1], reference=words, against_truth=truth,
        of_valid=of_valid, from_repeats=repeats, flagged=float(np.mean(~first.valid)),
        error_over_quoted=float(np.sqrt(np.mean(pulls[valid] ** 2))) if valid.any() else float("nan"),
        by_vector=by_vector, exposures=calibration.levels[0].exposures,
    )  # fmt: skip


def _reference(
    bench: Bench, calibration: Calibration, given: ArrayLike | None
) -> tuple[NDArray[np.float64] | None, str]:
    """Return the linear map to score against, and its name; None where nobody knows one."""
    scheme = calibration.scheme
    shape = (len(calibration.outputs), len(scheme.components))
    if given is not None:
        rows = np.asarray(given, np.float64)
        if rows.shape != shape or not np.isfinite(rows).all():
            raise ValueError(f"reference must be finite and of shape (output, component) = {shape}, got {rows.shape}")
        return rows, SUPPLIED
    truth = getattr(bench, "truth", None)
    if truth is None:
        return None, ""
    rows = truth.linear_map(scheme.anchor_states, time=calibration.levels[0].timestamp)
    return np.asarray(rows[np.ix_(calibration.outputs, scheme.components)], np.float64), REALISED


def _pulls(estimate: Estimate, target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return errors after the best gain over their standard errors."""
    gain = float(np.sum(estimate.value * target) / np.sum(target**2))
    error = estimate.standard_error.astype(np.float64)
    return np.asarray((estimate.value - gain * target) / np.maximum(error, np.finfo(float).tiny))
