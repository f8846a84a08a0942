"""A study: points over any field of an experiment or its bench, each trained from several seeds.

.. code-block:: python

    study = Study(
        name="bits",
        preset="digits",
        base={"bench.camera.rows": 16, "bench.camera.columns": 20},
        sweeps=(grid("bits", {"bench.camera.bits": [4, 6, 8]}),),
        seeds=(0, 1, 2),
    )
    results = run_study(study, Path("results/bits"))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from dfa.experiment import METHODS, Experiment, load_experiment
from dfa.studies.execution import Workers, run_tasks
from dfa.studies.fields import Setting, setting_fields, with_changes
from dfa.studies.outcome import StudyResults
from dfa.studies.plan import Point, StudyPlan
from dfa.studies.store import Record, RunStore, read_records
from dfa.studies.sweep import Axis, Sweep, plain_values
from optics import BenchDescription, load_bench
from optics.validation import check_choice, check_count, nearest


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is swept, and from where.

    Parameters
    ----------
    name : str
        Name for folders, table and figures.
    preset : str, Path or Experiment
        Experiment that the points change: a shipped one by name, a file, or an object.
    sweeps : tuple of Sweep
        The points.
    seeds : tuple of int
        Seeds of every point.
    base : mapping, optional
        Changes that all points and the references share, by path.
    bench : BenchDescription or None, optional
        Bench that the points change; None takes the one that the experiment names.
    methods : tuple of str, optional
        Methods that are trained at every point.
    references : tuple of str, optional
        Methods that are trained once for each seed, with the base: lines to compare with.
    axes : mapping of str to Axis, optional
        How fields are drawn, by path.
    note : str, optional
        Where the settings come from, for the report.
    folder : Path or None, optional
        Where relative names of files start; None is the working folder.

    Raises
    ------
    TypeError
        If a field is of another type.
    ValueError
        If a value is out of its range, or nothing is swept.
    """

    name: str
    preset: str | Path | Experiment
    sweeps: tuple[Sweep, ...]
    seeds: tuple[int, ...]
    base: Mapping[str, Any] = field(default_factory=dict)
    bench: BenchDescription | None = None
    methods: tuple[str, ...] = ("optical",)
    references: tuple[str, ...] = ()
    axes: Mapping[str, Axis] = field(default_factory=dict)
    note: str = ""
    folder: Path | None = None

    def __post_init__(self) -> None:
        """Check what needs no experiment."""
        for each in ("sweeps", "seeds", "methods", "references"):
            object.__setattr__(self, each, tuple(getattr(self, each)))
        object.__setattr__(self, "base", plain_values(self.base))
        if not isinstance(self.name, str) or not self.name or any(c in '/\\\0"' for c in self.name):
            raise ValueError(f"name = {self.name!r}: a study needs a name that can name a folder")
        for seed in self.seeds:
            check_count("seed", seed, at_least=0)
        for method in (*self.methods, *self.references):
            check_choice("method", method, tuple(METHODS))
        if not self.sweeps or not self.seeds or not self.methods:
            raise ValueError(f"study {self.name!r} needs at least one sweep, one seed and one method")
        for what, entries in (
            ("seed", self.seeds),
            ("method", self.methods),
            ("reference", self.references),
            ("sweep", [sweep.name for sweep in self.sweeps]),
        ):
            twice = [entry for entry in entries if list(entries).count(entry) > 1]
            if twice:
                raise ValueError(f"study {self.name!r} names the {what} {twice[0]!r} twice: each once is enough")

    def plan(self) -> StudyPlan:
        """Return all points with their experiments and benches, every one of them checked.

        Returns
        -------
        StudyPlan
            Points and runs.

        Raises
        ------
        TypeError
            If a value is of another type than its field.
        ValueError
            If a field does not exist or a point describes an impossible bench or experiment; the message names both.
        """
        base = self._base()
        self._check_fields(base)
        numbers = count()
        points = tuple(
            self._point(base, sweep.name, values, number=next(numbers))
            for sweep in self.sweeps
            for values in sweep.points
        )
        plan = StudyPlan(
            name=self.name,
            base=base,
            points=points,
            methods=self.methods,
            references=self.references,
            seeds=self.seeds,
        )
        plan.check()
        return plan

    def axis(self, path: str) -> Axis:
        """Return how a field is drawn.

        Parameters
        ----------
        path : str
            The field.

        Returns
        -------
        Axis
            Its own axis, or one that is named after the field.
        """
        return self.axes.get(path, Axis(name=path))

    def _base(self) -> Setting:
        """Return experiment and bench without what is swept."""
        experiment = self._experiment()
        lacking = [name for name in (*self.methods, *self.references) if name not in experiment.methods]
        if lacking:
            raise ValueError(
                f"the experiment {experiment.name} has no method {', '.join(lacking)}; it has "
                f"{', '.join(experiment.methods)}"
            )
        bench = (
            self.bench
            or with_changes(
                Setting(experiment=experiment, bench=load_bench("opu")), {"bench": experiment.bench}, folder=self.folder
            ).bench
        )
        try:
            return with_changes(Setting(experiment=experiment, bench=bench), self.base, folder=self.folder)
        except (TypeError, ValueError) as error:
            raise type(error)(f"the base of study {self.name!r}: {error}") from error

    def _experiment(self) -> Experiment:
        """Return the experiment that the points change, with the study's seeds."""
        preset = self.preset
        if not isinstance(preset, Experiment):
            path = (self.folder or Path()) / preset
            preset = load_experiment(path if path.is_file() else preset)
        return replace(preset, seeds=self.seeds)

    def _check_fields(self, base: Setting) -> None:
        """Refuse labels of axes that are not swept, and swept methods that are not trained."""
        swept = list(dict.fromkeys(path for sweep in self.sweeps for path in sweep.points[0]))
        for path in self.axes:
            if path not in swept:
                raise ValueError(f"the axis {path!r} is not swept{nearest(path, swept)}; swept are {', '.join(swept)}")
        for path in swept:
            parts = path.split(".")
            if parts[0] == "methods" and len(parts) > 2 and parts[1] not in ("*", *self.methods):
                raise ValueError(
                    f"{path!r} is swept, but {parts[1]!r} is not trained at the points; add it to methods = "
                    f"{list(self.methods)}"
                    if parts[1] in base.experiment.methods
                    else f"there is no field {path!r}{nearest(path, setting_fields(base))}"
                )

    def _point(self, base: Setting, sweep: str, values: Mapping[str, Any], *, number: int) -> Point:
        """Return one point, its description checked."""
        point = Point(name=f"{number:04d}", sweep=sweep, values=dict(values), setting=base)
        try:
            return replace(point, setting=with_changes(base, values, folder=self.folder))
        except (OSError, TypeError, ValueError) as error:
            raise ValueError(f"{point.label} is refused: {error}") from error


def run_study(
    study: Study,
    folder: Path,
    *,
    workers: int = 1,
    executor: Executor | None = None,
    data: Path | None = None,
    retry_failed: bool = False,
    limit: int | None = None,
    on_start: Callable[[int, int], None] | None = None,
    on_record: Callable[[Record], None] | None = None,
) -> StudyResults:
    """Run what is missing of a study and return all of it.

    Parameters
    ----------
    study : Study
        The study.
    folder : Path
        Its results folder; a folder that holds part of the same study is continued.
    workers : int, optional
        Local processes. A script that asks for them needs the usual ``if __name__ == "__main__"``.
    executor : concurrent.futures.Executor or None, optional
        Where the runs are computed instead: threads, or ``dask.distributed.Client(...).get_executor()``.
    data : Path or None, optional
        Folder of the MNIST files.
    retry_failed : bool, optional
        Whether runs that failed before are run again.
    limit : int or None, optional
        Number of runs after which to stop.
    on_start : callable, optional
        Called with the number of runs in all and of those that are stored already.
    on_record : callable, optional
        Called with each finished run, after it is on the disk.

    Returns
    -------
    StudyResults
        The finished runs, in the order of the points.

    Raises
    ------
    BlockingIOError
        If another program writes the folder.
    ValueError
        If a point is refused, or the folder holds another study or other files.

    Notes
    -----
    The results do not depend on the executor, on the number of workers or on interruptions, bit for bit: everything
    random is keyed by the study's seed alone, and matrix products take one thread. Times of the runs do, of course.
    """
    plan = study.plan()
    how = Workers(count=workers, executor=executor, data=data)
    if limit is not None:
        check_count("limit", limit)
    with RunStore(folder, plan.identity) as store:
        finished = {key for key, record in store.records.items() if not (retry_failed and record["status"] == "failed")}
        tasks = [task for task in plan.tasks if task.key not in finished]
        if on_start is not None:
            on_start(len(plan.tasks), len(plan.tasks) - len(tasks))

        def keep(record: Record) -> None:
            store.append(record)
            if on_record is not None:
                on_record(record)

        run_tasks(tasks[:limit], how, on_record=keep, check=None if store.records else plan)
        return StudyResults(study=study, plan=plan, records=tuple(store.records.values()))


def load_results(study: Study, folder: Path) -> StudyResults:
    """Return the finished runs of a study without running anything, even while another program runs it.

    Parameters
    ----------
    study : Study
        The study.
    folder : Path
        Its results folder.

    Returns
    -------
    StudyResults
        The finished runs, in the order of the points.

    Raises
    ------
    FileNotFoundError
        If the folder holds no study.
    ValueError
        If it holds another one.
    """
    plan = study.plan()
    return StudyResults(study=study, plan=plan, records=tuple(read_records(folder, plan.identity).values()))
