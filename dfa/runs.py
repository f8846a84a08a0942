"""Running an experiment: one training for each method and seed, and what is kept of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration import AnchorProjector, cosine
from dfa.credit import Backpropagation, CreditRule, Shallow
from dfa.datasets import Dataset, load_digits_dataset, load_mnist
from dfa.direct_feedback import DirectFeedback, consecutive_slices
from dfa.experiment import METHODS, Experiment, Method
from dfa.feedback import Feedback, TernarisedFeedback, gaussian_feedback
from dfa.history import History
from dfa.network import Network, fully_connected
from dfa.optical import OpticalFeedback
from dfa.training import train
from optics import BenchDescription, SimulatedBench

CLASSES = 10
"""Classes of every data set that ships or is downloaded."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ProjectionCheck:
    """Projections of random ternary vectors against the map that the bench should realise.

    Parameters
    ----------
    cosines : ndarray, shape (vector,)
        Cosine between the retrieved and the true projection of each vector.
    retrieved, true, standard_error : ndarray, shape (output,)
        The projection of the first vector, in units of the rms entry of B.
    pulls : float
        Rms of (retrieved - true) / standard error over all vectors and outputs: one if error bars are right.
    frame : ndarray, shape (y, x)
        A camera frame of the first vector with the anchor, as counts.
    """

    cosines: NDArray[np.float64]
    retrieved: NDArray[np.float64]
    true: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    pulls: float
    frame: NDArray[np.unsignedinteger]

    @property
    def fidelity(self) -> float:
        """Mean cosine over the vectors."""
        return float(self.cosines.mean())


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """One training.

    Parameters
    ----------
    method : str
        Short name of the method.
    seed : int
        Its seed.
    history : History
        All epochs.
    seconds : float
        Wall time, preparation and measurements between epochs included.
    frames : int
        Camera frames exposed, calibration included; 0 without optics.
    check : ProjectionCheck or None
        How faithful the projections were; None without optics.
    """

    method: str
    seed: int
    history: History
    seconds: float
    frames: int
    check: ProjectionCheck | None

    @property
    def accuracy(self) -> float:
        """Test accuracy after the last epoch."""
        return float(self.history.test_accuracy[-1])


def load_dataset(name: str, *, folder: Path | None, rng: np.random.Generator, validation: int | None = None) -> Dataset:
    """Load a data set by its name.

    Parameters
    ----------
    name : {"digits", "mnist"}
        Name of the data set.
    folder : Path or None
        Folder of the MNIST files.
    rng : numpy.random.Generator
        Source of the splits.
    validation : int or None, optional
        Training samples to hold out; None takes the data set's own number.

    Returns
    -------
    Dataset
        The data set.
    """
    held_out = {} if validation is None else {"validation": validation}
    return load_mnist(folder, rng=rng, **held_out) if name == "mnist" else load_digits_dataset(rng=rng, **held_out)


def run_experiment(
    experiment: Experiment,
    *,
    bench: BenchDescription,
    folder: Path | None = None,
    on_run: Callable[[str, int], None] | None = None,
    on_epoch: Callable[[History], None] | None = None,
) -> Iterator[Run]:
    """Train by every method from every seed, a run for each turn of the iterator.

    Parameters
    ----------
    experiment : Experiment
        What to run.
    bench : BenchDescription
        The bench of the optical method.
    folder : Path or None, optional
        Folder of the MNIST files.
    on_run : callable, optional
        Called with method and seed before each run.
    on_epoch : callable, optional
        Called after each epoch with the history of the run so far.

    Yields
    ------
    Run
        A finished run.
    """
    if "optical" in experiment.methods:  # a bench that cannot serve is found before anything is trained
        _projector(experiment, bench, classes=CLASSES, seed=experiment.seeds[0])
    for seed in experiment.seeds:
        split = np.random.default_rng([seed, 0])
        dataset = load_dataset(experiment.dataset, folder=folder, rng=split, validation=experiment.validation)
        for name, method in experiment.methods.items():
            if on_run is not None:
                on_run(name, seed)
            try:
                yield run_once(name, method, experiment, dataset=dataset, seed=seed, bench=bench, on_epoch=on_epoch)
            except ArithmeticError as error:
                raise type(error)(f"{METHODS[name]}, seed {seed}: {error}") from error


def run_once(
    name: str,
    method: Method,
    experiment: Experiment,
    *,
    dataset: Dataset,
    seed: int,
    bench: BenchDescription,
    on_epoch: Callable[[History], None] | None = None,
) -> Run:
    """Train one network by one method.

    Parameters
    ----------
    name : str
        Short name of the method.
    method : Method
        Its settings.
    experiment : Experiment
        Network and data.
    dataset : Dataset
        The data.
    seed : int
        Fixes weights, order, feedback and bench; all methods of a seed start from the same weights and see
        the samples in the same order.
    bench : BenchDescription
        The bench of the optical method.
    on_epoch : callable, optional
        Called after each epoch with the history of the run so far.

    Returns
    -------
    Run
        What is kept of it.
    """
    begin = time.perf_counter()
    weights, order, signals = (np.random.default_rng([seed, stream]) for stream in (1, 2, 3))
    sizes = (dataset.inputs, *experiment.hidden, dataset.classes)
    network = fully_connected(sizes, activation=experiment.activation, rng=weights)
    projector = _projector(experiment, bench, classes=dataset.classes, seed=seed) if name == "optical" else None
    rule = credit_rule(name, method, network, classes=dataset.classes, rng=signals, projector=projector)
    history = train(network, rule, dataset=dataset, plan=method.plan, rng=order, on_epoch=on_epoch)
    frames = projector.frames_exposed if projector else 0
    check = check_projection(projector, rng=np.random.default_rng([seed, 4])) if projector else None
    seconds = time.perf_counter() - begin
    return Run(method=name, seed=seed, history=history, seconds=seconds, frames=frames, check=check)


def _projector(experiment: Experiment, bench: BenchDescription, *, classes: int, seed: int) -> AnchorProjector:
    """Return the calibrated bench of the optical method, one output for each hidden unit."""
    return AnchorProjector(SimulatedBench(bench, seed=seed), components=classes, outputs=sum(experiment.hidden))


def credit_rule(
    name: str,
    method: Method,
    network: Network,
    *,
    classes: int,
    rng: np.random.Generator,
    projector: AnchorProjector | None = None,
) -> CreditRule:
    """Return the credit rule of a method.

    Parameters
    ----------
    name : str
        Short name of the method.
    method : Method
        Its settings.
    network : Network
        The network that it trains.
    classes : int
        Width of the error.
    rng : numpy.random.Generator
        Source of the feedback matrix.
    projector : AnchorProjector or None, optional
        Bench and retrieval of the optical method.

    Returns
    -------
    CreditRule
        The rule.

    Raises
    ------
    ValueError
        If the optical method has no projector.
    """
    if name == "bp":
        return Backpropagation()
    if name == "shallow":
        return Shallow()
    width = sum(network.hidden_widths)
    scale = method.scale / np.sqrt(width)
    feedback: Feedback
    if name == "optical":
        if projector is None:
            raise ValueError("the optical method needs a projector")
        feedback = OpticalFeedback(projector, scale=scale)
    else:
        feedback = gaussian_feedback(hidden=width, classes=classes, scale=scale, rng=rng)
    if name in ("ternary", "optical"):
        feedback = TernarisedFeedback(inner=feedback, rule=method.ternariser, restore_length=method.restore_length)
    return DirectFeedback(feedback=feedback, slices=consecutive_slices(network.hidden_widths))


def check_projection(projector: AnchorProjector, *, rng: np.random.Generator, vectors: int = 200) -> ProjectionCheck:
    """Project random ternary vectors that no training used and compare with the truth.

    Parameters
    ----------
    projector : AnchorProjector
        Bench and retrieval; the bench must be a simulated one.
    rng : numpy.random.Generator
        Source of the vectors: one entry in three is not zero, and no vector is.
    vectors : int, optional
        Number of vectors.

    Returns
    -------
    ProjectionCheck
        Cosines, pulls and one projection for a plot.
    """
    components = len(projector.calibration.scheme.components)
    x = rng.choice(np.array([-1, 0, 0, 0, 0, 1], np.int8), size=(vectors, components))
    x[~x.any(axis=1), 0] = 1
    estimate = projector.project(x)
    truth = x @ projector.truth().T
    pulls = (estimate.value - truth) / estimate.standard_error
    shown = np.zeros((1, projector.calibration.scheme.inputs), np.bool_)
    shown[0, projector.calibration.scheme.components] = x[0] > 0
    shown |= projector.calibration.scheme.anchor_states
    unit = projector.calibration.entry_rms
    return ProjectionCheck(
        cosines=cosine(estimate.value, truth),
        retrieved=estimate.value[0].astype(np.float64) / unit,
        true=truth[0] / unit,
        standard_error=estimate.standard_error[0].astype(np.float64) / unit,
        pulls=float(np.sqrt(np.mean(pulls**2))),
        frame=projector.bench.expose(shown).counts[0],
    )


def with_options(
    experiment: Experiment,
    *,
    epochs: int | None = None,
    threshold: float | str | None = None,
    methods: list[str] | None = None,
    restore_length: bool | None = None,
) -> Experiment:
    """Return an experiment with some settings of all its methods replaced.

    Parameters
    ----------
    experiment : Experiment
        The experiment.
    epochs : int or None, optional
        Epochs of every method.
    threshold : float, str or None, optional
        Threshold of every ternarised method, or "best".
    methods : list of str or None, optional
        Methods to keep.
    restore_length : bool or None, optional
        Whether every ternarised method gives its feedback the length back that its vectors lost.

    Returns
    -------
    Experiment
        The changed experiment.

    Raises
    ------
    ValueError
        If a value is out of range or the experiment lacks a method.
    """
    chosen = dict(experiment.methods)
    if methods is not None:
        lacking = [name for name in methods if name not in chosen]
        if lacking:
            raise ValueError(
                f"the experiment {experiment.name} has no method {', '.join(lacking)}; it has {', '.join(chosen)}"
            )
        chosen = {name: chosen[name] for name in chosen if name in methods}
    if epochs is not None:
        chosen = {name: replace(one, plan=replace(one.plan, epochs=epochs)) for name, one in chosen.items()}
    if threshold is not None:
        chosen = {name: replace(one, threshold=threshold) for name, one in chosen.items()}
    if restore_length is not None:
        chosen = {name: replace(one, restore_length=restore_length) for name, one in chosen.items()}
    return replace(experiment, methods=chosen)
