"""Maps of hidden activations: t-SNE, and how well neighbours on the map share their class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from dfa.networks.network import Network
from dfa.stages.layers import Floats
from optics.plots import COLOURS, MARKERS, canvas
from optics.validation import check_count, check_number


@dataclass(frozen=True, kw_only=True, eq=False)
class HiddenMap:
    """Samples on a plane.

    Parameters
    ----------
    positions : ndarray of float64, shape (sample, 2)
        Where t-SNE put them; distances have no unit.
    labels : ndarray of int, shape (sample,)
        Their classes.
    neighbour_accuracy : float
        Share of samples whose class is that of most of their neighbours on the map, themselves left out.
    """

    positions: NDArray[np.float64]
    labels: NDArray[np.int64]
    neighbour_accuracy: float


def hidden_activations(network: Network, x: Floats, *, block: int) -> Floats:
    """Return what a block of a network sends to the next one.

    Parameters
    ----------
    network : Network
        The network.
    x : ndarray, shape (sample, input)
        Inputs.
    block : int
        Index of the block, 0 for the first hidden layer.

    Returns
    -------
    ndarray, shape (sample, width)
        Activations at the end of the block.

    Raises
    ------
    ValueError
        If the network has no such block.
    """
    ends = network.block_ends
    if not 0 <= block < len(ends):
        raise ValueError(f"block = {block}: this network has the hidden blocks 0 to {len(ends) - 1}")
    for stage in network.stages[: ends[block] + 1]:
        x = stage.forward(x)[0]
    return x


def hidden_map(
    activations: ArrayLike, labels: ArrayLike, *, seed: int, perplexity: float = 30.0, neighbours: int = 10
) -> HiddenMap:
    """Map activations on a plane by t-SNE.

    Parameters
    ----------
    activations : array_like, shape (sample, width)
        Hidden activations.
    labels : array_like of int, shape (sample,)
        Classes; the map does not see them.
    seed : int
        Seed of t-SNE.
    perplexity : float, optional
        Effective number of neighbours of t-SNE, below the number of samples.
    neighbours : int, optional
        Neighbours k that vote, below the number of samples.

    Returns
    -------
    HiddenMap
        Positions, and what neighbours say of classes.

    Raises
    ------
    ValueError
        If shapes do not fit, an activation is not finite, or there are too few samples.

    References
    ----------
    .. [1] L. van der Maaten and G. Hinton, Visualizing data using t-SNE, JMLR 9, 2579 (2008).
    """
    from sklearn.manifold import TSNE

    points, classes = _labelled(activations, labels)
    check_number("perplexity", perplexity, above=0)
    if perplexity >= len(points):
        raise ValueError(f"perplexity = {perplexity:g}: {len(points)} samples allow less than their number")
    with threadpool_limits(1):  # threads of t-SNE wait for each other in busy loops: slow where others work, too
        positions = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(points.astype(np.float32))
    found = np.asarray(positions, np.float64)
    return HiddenMap(
        positions=found, labels=classes, neighbour_accuracy=neighbour_accuracy(found, classes, neighbours=neighbours)
    )


def neighbour_accuracy(positions: ArrayLike, labels: ArrayLike, *, neighbours: int = 10) -> float:
    """Return the share of samples whose class is that of most of their nearest neighbours.

    Parameters
    ----------
    positions : array_like, shape (sample, dimension)
        Positions, on a map or of the activations themselves.
    labels : array_like of int, shape (sample,)
        Classes.
    neighbours : int, optional
        Neighbours k that vote, below the number of samples; of classes with as many votes the lowest wins.

    Returns
    -------
    float
        Between 0 and 1; the share of the largest class, about, where positions know nothing of classes.

    Raises
    ------
    ValueError
        If shapes do not fit or there are too few samples.
    """
    from sklearn.neighbors import NearestNeighbors

    points, classes = _labelled(positions, labels)
    check_count("neighbours", neighbours, at_most=len(points) - 1)
    search = NearestNeighbors(n_neighbors=neighbours).fit(points)
    near = search.kneighbors(return_distance=False)  # without the sample itself, (sample, neighbour)
    names, own = np.unique(classes, return_inverse=True)
    votes = np.zeros((len(points), len(names)), np.int64)
    np.add.at(votes, (np.arange(len(points))[:, np.newaxis], own[near]), 1)
    return float(np.mean(votes.argmax(axis=1) == own))


def draw_hidden_maps(maps: Mapping[str, HiddenMap]) -> Figure:
    """Draw maps side by side, a colour for each class.

    Parameters
    ----------
    maps : mapping of str to HiddenMap
        Maps by their titles, at least one.

    Returns
    -------
    Figure
        The figure.

    Raises
    ------
    ValueError
        If there is no map.
    """
    if not maps:
        raise ValueError("draw_hidden_maps: there is no map to draw; give at least one")
    names = np.unique(np.concatenate([one.labels for one in maps.values()]))
    with canvas(3.4 * len(maps), 3.7) as figure:
        panels = figure.subplots(1, len(maps), squeeze=False)[0]
        for axes, (title, one) in zip(panels, maps.items(), strict=True):
            for index, name in enumerate(names):
                turn, place = divmod(index, len(COLOURS))
                filled = turn % 2 == 0  # colours come round hollow, and with other markers
                axes.scatter(
                    *one.positions[one.labels == name].T, s=8, linewidths=0.0 if filled else 0.7, label=str(name),
                    facecolors=COLOURS[place] if filled else "none", edgecolors=COLOURS[place],
                    marker=MARKERS[(place + 3 * turn) % len(MARKERS)],
                )  # fmt: skip
            axes.set(xticks=[], yticks=[], xlabel="t-SNE 1 (no unit)", ylabel="t-SNE 2 (no unit)")
            axes.set_aspect("equal", adjustable="datalim")
            axes.set_title(f"{title}\nneighbours agree: {100 * one.neighbour_accuracy:.1f} %", fontsize=9)
        handles = panels[0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside right center", markerscale=2.5, title="class")
    return figure


def _labelled(points: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return points and classes, or say what is wrong with them."""
    array, classes = np.asarray(points, np.float64), np.asarray(labels)
    if array.ndim != 2 or classes.shape != array.shape[:1] or len(array) < 2:
        raise ValueError(
            f"points have shape {array.shape} and labels {classes.shape}: give (sample, width) and (sample,), "
            "two samples or more"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"points hold {np.count_nonzero(~np.isfinite(array))} values that are not finite")
    if not np.issubdtype(classes.dtype, np.integer):
        raise ValueError(f"labels are {classes.dtype}: give whole numbers")
    return array, classes.astype(np.int64)
