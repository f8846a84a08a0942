"""The graph system: a convolutional network sorts the nodes of a citation graph from few labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

import numpy as np

from dfa.data.block_graph import make_block_graph
from dfa.data.cora import load_cora
from dfa.data.graphs import normalised_adjacency
from dfa.experiment import METHODS
from dfa.networks.graph_network import graph_network
from dfa.networks.network import Network
from dfa.systems.settings import build_from, check_tables
from dfa.systems.system import Criterion, Exhibit, Plate
from dfa.tasks.node_classification import NodeClassification
from optics.plots import canvas, draw_map
from optics.validation import check_choice

BENCHMARK_KEYS = ("early", "uncarried", "unbalanced", "probed")
"""Keys of the settings that only the benchmark reads."""


@final
@dataclass(frozen=True, kw_only=True)
class GraphSystem:
    """A graph convolutional network and the graph whose nodes it sorts.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the hidden layers.
    dropout : float, optional
        Probability that an input of a layer is left out in a training step.
    graph : {"cora", "blocks"}, optional
        Cora, or a graph that is drawn by a law, without any file.
    """

    hidden: tuple[int, ...]
    dropout: float = 0.5
    graph: Literal["cora", "blocks"] = "cora"

    def __post_init__(self) -> None:
        """Check the graph."""
        check_choice("graph", self.graph, ("cora", "blocks"))

    @property
    def title(self) -> str:
        """What is trained, in a line."""
        return "papers sorted by who cites whom" if self.graph == "cora" else "nodes of a drawn graph, sorted"

    @property
    def summary(self) -> str:
        """What the network learns from what."""
        layers = " and ".join(str(width) for width in self.hidden)
        what = (
            "papers of the citation graph Cora into 7 fields, from the words of each, who cites whom, and 140 labels"
            if self.graph == "cora"
            else "nodes of a graph that is drawn by a law into its classes, from their words, edges and a few labels"
        )
        return f"A graph convolutional network (hidden layers of {layers} units) sorts {what}."

    @property
    def criterion(self) -> Criterion:
        """Accuracy in per cent."""
        return Criterion(curve="accuracy", name="accuracy", unit="%", scale=100.0)

    def task(self, *, seed: int, folder: Path | None) -> NodeClassification:
        """Return the graph.

        Parameters
        ----------
        seed : int
            Draws a graph that is drawn; Cora is the same for all seeds.
        folder : Path or None
            Folder with the files of Cora; None takes ``cora`` below OPUBENCH_DATA, or a download.

        Returns
        -------
        NodeClassification
            The task.
        """
        drawn = self.graph == "blocks"
        return NodeClassification(
            make_block_graph(rng=np.random.default_rng([seed, 0])) if drawn else load_cora(folder)
        )

    def network(self, task: NodeClassification, *, rng: np.random.Generator) -> Network:
        """Return a fresh network.

        Parameters
        ----------
        task : NodeClassification
            The task.
        rng : numpy.random.Generator
            Source of the weights.

        Returns
        -------
        Network
            The network.
        """
        graph = task.graph
        sizes = (graph.features.shape[1], *self.hidden, graph.classes)
        adjacency = normalised_adjacency(graph.adjacency)
        return graph_network(sizes, adjacency=adjacency, dropout=self.dropout, rng=rng)

    def source(self, network: Network) -> int | None:
        """Return the stage whose gradient is projected.

        Parameters
        ----------
        network : Network
            The network.

        Returns
        -------
        int or None
            None: the last that learns.
        """
        return None

    def show(self, network: Network, task: NodeClassification, *, rng: np.random.Generator) -> Exhibit:
        """Return which classes the test nodes are taken for.

        Parameters
        ----------
        network : Network
            The trained network.
        task : NodeClassification
            The task.
        rng : numpy.random.Generator
            Not used.

        Returns
        -------
        Exhibit
            ``confusion``: number of test nodes of each class (row) that are taken for each (column).
        """
        graph = task.graph
        taken = network.forward(task.inputs)[0][graph.test].argmax(axis=1)
        confusion = np.zeros((graph.classes, graph.classes), np.int64)
        np.add.at(confusion, (graph.labels[graph.test], taken), 1)
        return Exhibit(arrays={"confusion": confusion})

    def draw(self, exhibits: Mapping[str, Exhibit]) -> dict[str, Plate]:
        """Return what is taken for what, a square for each method.

        Parameters
        ----------
        exhibits : mapping of str to Exhibit
            Exhibit of each method.

        Returns
        -------
        dict of str to Plate
            One figure.
        """
        with canvas(2.5 * len(exhibits) + 0.8, 2.9) as figure:
            panels = figure.subplots(1, len(exhibits), sharey=True, squeeze=False)[0]
            for axes, (name, exhibit) in zip(panels, exhibits.items(), strict=True):
                confusion = exhibit.arrays["confusion"]
                share = 100 * confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
                draw_map(axes, share, quantity="share of the class", unit="%", limits=(0.0, 100.0),
                    colour_bar=axes is panels[-1])  # fmt: skip
                axes.set(xlabel="taken for class", ylabel="", title=METHODS[name])
                axes.title.set_fontsize(8)
            panels[0].set_ylabel("true class")
        caption = (
            "What the test nodes of each class (row) are taken for (column), in one seed: a perfect network has the "
            "diagonal only."
        )
        return {"confusion": Plate(figure=figure, caption=caption)}


def make_system(tables: Mapping[str, Any]) -> GraphSystem:
    """Build the system from its settings.

    Parameters
    ----------
    tables : mapping
        ``layers``: fields of `GraphSystem`.

    Returns
    -------
    GraphSystem
        The system.

    Raises
    ------
    ValueError
        If a setting is unknown, missing or out of range.
    """
    check_tables(tables, known=("layers", *BENCHMARK_KEYS))
    return build_from(GraphSystem, tables.get("layers", {}), where="[layers]")
