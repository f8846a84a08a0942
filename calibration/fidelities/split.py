"""What each imperfection costs: the error of a bench, and of the same bench with one cause after the other taken away.

Every cause is seen from two sides. Its *contribution* is the error of the whole bench less that of the bench without
it; *alone* is the error of a bench that has nothing else. The two agree where causes add up; where they interact (noise
and dark anchors, read noise that dithers a converter) they do not, and the contributions leave a remainder.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from calibration.fidelities.figures_of_merit import Interval
from calibration.fidelities.projection_runs import ALL_CAUSES, ProjectionRun, Scored, random_ternary
from calibration.fidelities.two_way_variance import mean_variance
from optics.bench import BenchDescription
from optics.cause import GROUPS
from optics.validation import check_count, check_number

Removed = frozenset[str]
Progress = Callable[[Sequence[Removed]], Iterable[Removed]]


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """What one cause, or one group of causes, costs.

    Parameters
    ----------
    name : str
        Name of the cause or of the group.
    group : str
        Group that the cause is part of.
    causes : tuple of str
        Names of the causes that were taken away together.
    contribution : Interval
        Error of the whole bench less the error without the cause; negative where the cause helps.
    alone : Interval
        Error of a bench that has no other cause.
    scatter : float
        Standard deviation of the contribution from bench to bench, over seeds; NaN for one seed.
    """

    name: str
    group: str
    causes: tuple[str, ...]
    contribution: Interval
    alone: Interval
    scatter: float


@dataclass(frozen=True, kw_only=True)
class FidelitySplit:
    """The error of a bench, cause by cause.

    Parameters
    ----------
    bench : str
        Name of the bench.
    components, outputs, vectors : int
        Size of the projections.
    seeds : tuple of int
        Seeds of the benches.
    reference : str
        What projections are scored against, one of `calibration.fidelities.projection_runs.REFERENCES`.
    whole : Interval
        Error 1 - cos^2 of the whole bench.
    nothing : Interval
        Error of the bench without any of its causes: what the simulation's rounding leaves.
    causes : tuple of Contribution
        Single causes that the bench has, the costliest first.
    groups : tuple of Contribution
        Groups of them, in the order of `optics.cause.GROUPS`.
    left : tuple of Interval
        Error that is left once the first group, the first two groups, and so on are taken away together: steps that
        add up to the whole error, where contributions need not.
    flagged : float
        Part of the projections of the whole bench that saturated or were lost.
    """

    bench: str
    components: int
    outputs: int
    vectors: int
    seeds: tuple[int, ...]
    reference: str
    whole: Interval
    nothing: Interval
    causes: tuple[Contribution, ...]
    groups: tuple[Contribution, ...]
    left: tuple[Interval, ...]
    flagged: float

    @property
    def remainder(self) -> float:
        """Return the error of the whole bench less what groups contribute: what belongs to several at once."""
        return self.whole.value - sum(group.contribution.value for group in self.groups)

    def __str__(self) -> str:
        """Return the table of contributions."""
        cosine = self.whole.through(lambda error: float(np.sqrt(max(1 - error, 0.0))))
        lines = [
            f"{self.bench}: {self.components} components, {self.outputs} outputs, {self.vectors} vectors, "
            f"seeds {', '.join(map(str, self.seeds))}",
            f"error 1 - cos^2 of the whole bench  {_per_mille(self.whole)}  (cos {cosine})",
            f"scored against the {self.reference} projection; {100 * self.flagged:.2g} % of the values flagged",
            "",
            f"{'in 10^-3 of the signal':<24}{'contribution':>28} {'alone':>30}{'from bench to bench':>22}",
        ]
        for title, rows in (("groups", self.groups), ("single causes", self.causes)):
            lines.append(title)
            lines += [_row(row) for row in rows]
            if title == "groups":
                lines.append(f"  {'shared by several':<22}{1e3 * self.remainder:>12.3f}")
        lines.append(f"without any of them {_per_mille(self.nothing)}")
        return "\n".join(lines)


def split_fidelity(
    description: BenchDescription,
    *,
    components: int,
    outputs: int,
    seeds: Sequence[int] = (1, 2),
    vectors: int = 48,
    non_zeros: int | None = None,
    reference: str = "ideal",
    level: float = 0.95,
    progress: Progress | None = None,
    **options: Any,
) -> FidelitySplit:
    """Return what each cause of a bench contributes to the error of its projections.

    .. math:: c_k = \\epsilon(\\text{all causes}) - \\epsilon(\\text{all but } k), \\qquad
              \\epsilon = 1 - \\cos^2(\\hat y, y)

    Parameters
    ----------
    description : BenchDescription
        The bench.
    components : int
        Length of the vectors.
    outputs : int
        Number of outputs.
    seeds : sequence of int, optional
        Seeds of the benches; each has its own medium, fixed pattern, noise and vectors.
    vectors : int, optional
        Random ternary vectors on each bench.
    non_zeros : int or None, optional
        Non-zero components of a vector; None makes each -1, 0 or 1 with equal chances.
    reference : {"ideal", "realised"}, optional
        The linear map to score against: that of the same bench without imperfections, so that an uneven beam, faulty
        mirrors and off-state light count as errors, or the one that the bench has with them.
    level : float, optional
        Part of all intervals that should contain the population value.
    progress : callable or None, optional
        Wraps the list of benches of each seed, as ``tqdm`` does.
    **options : object
        Passed to `calibration.projector.AnchorProjector`, for instance ``anchor`` or ``stored_exposures``.

    Returns
    -------
    FidelitySplit
        Contributions of causes and groups, with intervals.

    Raises
    ------
    ValueError
        If there is no seed, or the bench cannot carry the projection.

    Notes
    -----
    Exposure times, outputs and frames are those that the whole bench chose: nothing is optimised anew for a bench that
    is better, and its remaining noise is drawn from the same streams. Differences are therefore far more certain than
    the errors themselves. Intervals cover the mean over vectors, outputs and noise on benches of these seeds. Another
    bench of the same description differs by more, by the exposure time that it chooses and the mirrors that stick: see
    ``scatter``.
    """
    if not seeds:
        raise ValueError("seeds is empty: state at least one seed of a bench")
    check_count("vectors", vectors, at_least=2)
    check_number("level", level, above=0, at_most=1 - 1e-9)
    units = _Units.of(description)
    benches = units.benches()
    tally = _Tally(level)
    for seed in seeds:
        x = random_ternary(vectors, components=components, rng=np.random.default_rng(seed), non_zeros=non_zeros)
        run = ProjectionRun(description, seed=seed, x=x, outputs=outputs, reference=reference, **options)
        for removed in benches if progress is None else progress(benches):
            tally.add(removed, run.score(removed))
    single = [tally.contribution(name, ALL_CAUSES[name].group, (name,), units) for name in units.present]
    return FidelitySplit(
        bench=description.name, components=components, outputs=outputs, vectors=vectors, seeds=tuple(seeds),
        reference=reference, whole=tally.error(frozenset()), nothing=tally.error(units.everything),
        causes=tuple(sorted(single, key=lambda row: -row.contribution.value)),
        groups=tuple(tally.contribution(name, name, own, units) for name, own in units.groups.items()),
        left=tuple(tally.error(step) for step in units.steps()), flagged=tally.flagged,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Units:
    """Causes that a bench has, and the groups of them."""

    present: tuple[str, ...]
    groups: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, description: BenchDescription) -> "_Units":
        """Return the causes of a bench."""
        present = tuple(name for name, cause in ALL_CAUSES.items() if cause.present(description))
        members = {group: tuple(name for name in present if ALL_CAUSES[name].group == group) for group in GROUPS}
        return cls(present=present, groups={group: own for group, own in members.items() if own})

    @property
    def everything(self) -> Removed:
        """Return all causes."""
        return frozenset(self.present)

    def steps(self) -> list[Removed]:
        """Return what is taken away with each group and those before it."""
        return [frozenset(name) for name in itertools.accumulate(self.groups.values())]

    def benches(self) -> list[Removed]:
        """Return what is taken away of each bench that is needed, the whole bench first."""
        apart = [frozenset({name}) for name in self.present] + [frozenset(own) for own in self.groups.values()]
        alone = [self.everything - own for own in apart]
        return list(dict.fromkeys([frozenset(), *apart, *alone, *self.steps(), self.everything]))


class _Tally:
    """Errors of benches, and their differences from the whole bench, over seeds."""

    def __init__(self, level: float) -> None:
        self._level = level
        self._errors: dict[Removed, list[NDArray[np.float64]]] = {}
        self._differences: dict[Removed, list[NDArray[np.float64]]] = {}
        self._whole: list[Scored] = []

    @property
    def flagged(self) -> float:
        """Return the part of the values of the whole bench that is flagged."""
        return float(np.mean([whole.flagged for whole in self._whole]))

    def add(self, removed: Removed, scored: Scored) -> None:
        """Take in the error of a bench without some causes; the whole bench of the same seed came before."""
        if not removed:
            self._whole.append(scored)
        whole = self._whole[-1]
        own = np.array([scored.error, *mean_variance(scored.influence)])
        other = np.array([whole.error - scored.error, *mean_variance(whole.influence - scored.influence)])
        self._errors.setdefault(removed, []).append(own)
        self._differences.setdefault(removed, []).append(other)

    def contribution(self, name: str, group: str, causes: tuple[str, ...], units: _Units) -> Contribution:
        """Return what causes contribute and what they cost alone."""
        own = frozenset(causes)
        return Contribution(
            name=name, group=group, causes=causes, contribution=self.difference(own),
            alone=self.error(units.everything - own), scatter=_scatter(self._differences[own]),
        )  # fmt: skip

    def error(self, removed: Removed) -> Interval:
        """Return an error with limits of equal factors: it is positive."""
        value, half = self._mean(self._errors[removed])
        factor = float(np.exp(half / value)) if value > 0 else 1.0
        return Interval(value=value, low=value / factor, high=value * factor, level=self._level)

    def difference(self, removed: Removed) -> Interval:
        """Return what the causes contribute."""
        value, half = self._mean(self._differences[removed])
        return Interval(value=value, low=value - half, high=value + half, level=self._level)

    def _mean(self, rows: list[NDArray[np.float64]]) -> tuple[float, float]:
        """Return a mean over seeds and the half width of its interval."""
        values, variances, freedoms = np.array(rows).T
        variance = variances.sum() / len(values) ** 2
        freedom = variances.sum() ** 2 / np.sum(variances**2 / freedoms) if variance > 0 else 1.0
        return float(values.mean()), float(student.ppf(0.5 + self._level / 2, freedom) * np.sqrt(variance))


def _scatter(rows: list[NDArray[np.float64]]) -> float:
    """Return the standard deviation over seeds."""
    return float(np.std([row[0] for row in rows], ddof=1)) if len(rows) > 1 else math.nan


def _per_mille(error: Interval) -> str:
    """Return an error in thousandths of the signal."""
    return str(error.through(lambda value: 1e3 * value))


def _row(row: Contribution) -> str:
    """Return a line of the table."""
    return f"  {row.name:<22}{_per_mille(row.contribution):>28} {_per_mille(row.alone):>30}{1e3 * row.scatter:>22.3g}"
