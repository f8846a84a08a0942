"""Anchors that mirrors can show the differences of: each one holds the mirrors of the one before."""

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.validation import check_count, check_states

States = NDArray[np.bool_]


def nested_anchors(available: ArrayLike, *, anchors: int, rng: np.random.Generator) -> States:
    """Design nested anchors: each is the one before with one more slice of macropixels switched on.

    .. math:: s_k = s_{k-1} \\vee \\delta_k, \\qquad \\delta_k \\wedge s_{k-1} = 0

    Parameters
    ----------
    available : array_like of bool, shape (input,)
        Macropixels that anchors may use.
    anchors : int
        Number of anchors, and of slices: shares of the macropixels that differ by one at most.
    rng : numpy.random.Generator
        Draws which macropixel belongs to which slice.

    Returns
    -------
    ndarray of bool, shape (anchor, input)
        States, from the smallest anchor to the largest, which switches on everything that is available.

    Raises
    ------
    TypeError
        If the states are not boolean.
    ValueError
        If there are fewer macropixels than anchors.

    Notes
    -----
    The fields of slices are independent circular Gaussian ones in a random medium, so anchors are steps of a random
    walk. A mirror adds light or does not, and minus one cannot be shown: of the difference of two sets only that of
    nested ones is a frame.

    References
    ----------
    .. [1] S. Gupta et al., "Don't take it lightly: phasing optical random projections with unknown operators",
       NeurIPS 2019, arXiv:1907.01703, sec. 3: anchors on a DMD.
    """
    mask = check_states(np.atleast_2d(np.asarray(available)), inputs=np.size(available), name="available")[0]
    check_count("anchors", anchors)
    places = np.flatnonzero(mask)
    if len(places) < anchors:
        raise ValueError(
            f"{len(places)} available macropixels do not make {anchors} slices: give each slice at least one"
        )
    states = np.zeros((anchors, mask.size), np.bool_)
    for k, part in enumerate(np.array_split(rng.permutation(places), anchors)):
        states[k:, part] = True
    return states


def check_nested(anchors: ArrayLike) -> States:
    """Return anchors that are nested, or say which two are not.

    Parameters
    ----------
    anchors : array_like of bool, shape (anchor, input)
        States, from the smallest anchor to the largest.

    Returns
    -------
    ndarray of bool, shape (anchor, input)
        The states.

    Raises
    ------
    TypeError
        If the states are not boolean.
    ValueError
        If an anchor has a macropixel that the next one lacks, or adds none to the one before.
    """
    array = np.asarray(anchors)
    states = check_states(array, inputs=array.shape[-1] if array.ndim else 0, name="anchors")
    for k, (smaller, larger) in enumerate(pairwise(states)):
        lost = int(np.count_nonzero(smaller & ~larger))
        if lost:
            raise ValueError(
                f"anchors {k} and {k + 1} are not nested: {lost} macropixels of the first are off in the second, so "
                "that their difference is no frame; build them by OR, see nested_anchors"
            )
        if np.array_equal(smaller, larger):
            raise ValueError(f"anchors {k} and {k + 1} are the same: each must add a macropixel")
    if len(states) and not states[0].any():
        raise ValueError("anchor 0 is empty: the frame with everything off is always taken, leave it out")
    return states


def anchor_frames(anchors: ArrayLike) -> States:
    """Return the frames that tell where nested anchors are: everything off, then all differences.

    Parameters
    ----------
    anchors : array_like of bool, shape (anchor, input)
        Nested states s_1, ..., s_m.

    Returns
    -------
    ndarray of bool, shape (1 + m (m + 1) / 2, input)
        The empty frame, then s_j without s_i for all i < j, with s_0 empty, in the order of `numpy.triu_indices`.

    Raises
    ------
    TypeError
        If the states are not boolean.
    ValueError
        If the anchors are not nested.
    """
    states = check_nested(anchors)
    points = np.concatenate([np.zeros((1, states.shape[1]), np.bool_), states])
    first, second = np.triu_indices(len(points), 1)
    return np.concatenate([points[:1], points[second] & ~points[first]])


def frame_slices(anchors: int) -> NDArray[np.float64]:
    """Return which slices each frame of `anchor_frames` switches on.

    Parameters
    ----------
    anchors : int
        Number m of anchors.

    Returns
    -------
    ndarray of float64, shape (1 + m (m + 1) / 2, 1 + m)
        Ones and zeros; the first column is the static field, which is always on.
    """
    check_count("anchors", anchors)
    first, second = np.triu_indices(anchors + 1, 1)
    slices = np.arange(1, anchors + 1)
    on = (slices > first[:, None]) & (slices <= second[:, None])
    table = np.concatenate([np.zeros((1, anchors), np.bool_), on])
    return np.concatenate([np.ones((len(table), 1)), table], axis=1).astype(np.float64)
