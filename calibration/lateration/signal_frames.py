"""Signals interfered with nested anchors: which frames are shown, and fields from their counts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.lateration.anchor_positions import AnchorPositions
from calibration.lateration.count_law import CountLaw
from calibration.lateration.cramer_rao import information
from calibration.lateration.likelihood_fit import fit_fields
from calibration.lateration.nested import check_nested
from calibration.lateration.posterior import posterior_mean
from calibration.light import FieldEstimate
from optics.camera import Camera, Counts
from optics.validation import check_choice, check_states

Real = NDArray[np.float64]
Field = NDArray[np.complex128]

UNION, SIGNAL_LESS_ANCHOR, ANCHOR_LESS_SIGNAL = 1, 2, 3
"""What a frame shows of a signal and an anchor."""


@dataclass(frozen=True, eq=False)
class SignalPlan:
    """Frames of signals with anchors.

    Parameters
    ----------
    patterns : ndarray of bool, shape (frame, input)
        Macropixel states: for each signal its own frame, then one for each anchor.
    relations : ndarray of int8, shape (signal, 1 + anchor)
        What each frame shows: 1 the signal and the anchor together, which have no macropixel in common; 2 the signal
        without the anchor, which it contains; 3 the anchor without the signal, which the anchor contains.
    """

    patterns: NDArray[np.bool_]
    relations: NDArray[np.int8]


def plan_signals(signals: ArrayLike, anchors: ArrayLike) -> SignalPlan:
    """Say which frames tell the fields of signals.

    Parameters
    ----------
    signals : array_like of bool, shape (signal, input)
        Macropixel states x of the signals.
    anchors : array_like of bool, shape (anchor, input)
        Nested states s.

    Returns
    -------
    SignalPlan
        One frame a signal and one for each of its anchors.

    Raises
    ------
    TypeError
        If the states are not boolean.
    ValueError
        If the anchors are not nested, there are fewer than two, or a signal has some but not all macropixels of an
        anchor and some beyond it: neither sum nor difference of the two is a frame.

    Notes
    -----
    With e the static field and a = T s the frames show \\|e + y + a\\|^2, \\|e + y - a\\|^2 and \\|e + a - y\\|^2: the
    squared distances of y = T x to -(e + a), a - e and e + a. Signals on macropixels of their own always fit.
    """
    steps = check_nested(anchors)
    if len(steps) < 2:
        raise ValueError(f"{len(steps)} anchors are too few: with the signal's own frame three are needed, take two")
    states = check_states(signals, inputs=steps.shape[1], name="signals")
    points = np.concatenate([np.zeros((1, steps.shape[1]), np.bool_), steps])
    common = states.astype(np.int64) @ points.T.astype(np.int64)
    sizes, wholes = states.sum(axis=1)[:, None], points.sum(axis=1)
    relations = np.select(
        [common == 0, common == wholes, common == sizes], [UNION, SIGNAL_LESS_ANCHOR, ANCHOR_LESS_SIGNAL], 0
    )
    if not relations.all():
        signal, anchor = np.argwhere(relations == 0)[0]
        raise ValueError(
            f"signal {signal} shares {common[signal, anchor]} of its {sizes[signal, 0]} macropixels with anchor "
            f"{anchor - 1}, which has {wholes[anchor]}: neither their sum nor their difference is a frame; "
            "keep signals off the anchors' macropixels, or let them contain whole anchors"
        )
    both = np.where((relations == UNION)[..., None], states[:, None] | points, states[:, None] ^ points)
    return SignalPlan(both.reshape(-1, steps.shape[1]), relations.astype(np.int8))


def decode_signals(
    counts: Counts,
    plan: SignalPlan,
    positions: AnchorPositions,
    camera: Camera,
    *,
    exposure_time: float,
    method: str = "likelihood",
) -> FieldEstimate:
    """Find the fields of signals from the counts of their frames.

    Parameters
    ----------
    counts : ndarray of uint8 or uint16, shape (frame, output)
        Words as the camera delivered them, of the frames of the plan in their order.
    plan : SignalPlan
        The frames.
    positions : AnchorPositions
        Calibrated anchors, in square roots of photons per pixel per second.
    camera : Camera
        The camera.
    exposure_time : float
        Exposure time, in seconds.
    method : {"likelihood", "posterior"}, optional
        The largest likelihood, or the mean over all that the rounded counts allow, which is better where noise is below
        half a DN.

    Returns
    -------
    FieldEstimate
        y = T x of shape (signal, output), static light left out, in the plane of each pixel: its rotation and its
        reflection are those of the positions. Standard errors contain those of the anchors, which the signals of a
        pixel have in common.

    Raises
    ------
    TypeError
        If the words are not of the camera's word type.
    ValueError
        If the counts do not fit the plan or the positions.
    """
    check_choice("method", method, ("likelihood", "posterior"))
    signals, points = plan.relations.shape
    if counts.ndim != 2 or counts.shape != (signals * points, positions.slices.shape[1]):
        raise ValueError(
            f"counts of shape {counts.shape} do not fit {signals * points} frames of the plan and "
            f"{positions.slices.shape[1]} pixels of the positions"
        )
    if points != len(positions.slices):
        raise ValueError(f"the plan has {points - 1} anchors, the positions have {len(positions.slices) - 1}")
    law = CountLaw.of(camera, exposure_time=exposure_time)
    numbers = camera.digital_numbers(counts).reshape(signals, points, -1).astype(np.int64)
    find = fit_fields if method == "likelihood" else posterior_mean
    shape = (signals, counts.shape[1])
    value, error, valid = np.empty(shape, np.complex128), np.empty(shape), np.empty(shape, np.bool_)
    kinds, members = np.unique(plan.relations, axis=0, return_inverse=True)
    for kind, relation in enumerate(kinds):
        chosen = np.flatnonzero(members.ravel() == kind)
        table = point_table(relation)
        known = table @ positions.slices
        fields = find(numbers[chosen], known, law)
        value[chosen] = fields.value
        inherited = _inherited_variance(value[chosen], known, law, table, positions.covariance)
        error[chosen] = np.sqrt(fields.standard_error**2 + inherited)
        valid[chosen] = fields.valid & positions.valid
    return FieldEstimate(value, error, valid)


def point_table(relation: ArrayLike) -> Real:
    """Return how the known points of a signal's frames follow from static field and slices.

    Parameters
    ----------
    relation : array_like of int, shape (1 + anchor,)
        What the frames show, as in `SignalPlan`.

    Returns
    -------
    ndarray of float64, shape (1 + anchor, 1 + anchor)
        Points over slices: -(e + a) for 1, a - e for 2, e + a for 3.
    """
    kinds = np.asarray(relation)
    table = np.tril(np.ones((len(kinds), len(kinds))))
    table[:, 0] = 0
    signs = np.where(kinds == UNION, -1.0, 1.0)
    table *= signs[:, None]
    table[:, 0] = np.where(kinds == ANCHOR_LESS_SIGNAL, 1.0, -1.0)
    return table


def _inherited_variance(fields: Field, points: Field, law: CountLaw, table: Real, covariance: Real) -> Real:
    """Return what errors of the slices add to the squared errors of fields: shape (signal, output).

    dy = F^-1 sum_k i_k g_k (g_k . dp_k): the fit moves as the points that it leans on.
    """
    spread, skew = information(fields, points, law)
    size, total = table.shape[1], np.empty(fields.shape)
    for signal, field in enumerate(fields):
        apart = 2 * law.slope * (field - points)
        weight = law.information(np.abs(field - points) ** 2)
        # The products i g g^T summed over frames for each slice: shape (slice, output).
        parts = (apart.real**2, apart.real * apart.imag, apart.imag**2)
        real, mixed, imaginary = (table.T @ (weight * part) for part in parts)
        lever = np.stack([np.concatenate([real, mixed]), np.concatenate([mixed, imaginary])]).transpose(2, 0, 1)
        s, p = spread[signal], skew[signal]
        determinant = np.maximum(s**2 - np.abs(p) ** 2, 1e-14 * s**2 + np.finfo(np.float64).tiny)
        inverse = np.array([[s - p.real, -p.imag], [-p.imag, s + p.real]]) * (2 / determinant)
        slope = np.moveaxis(inverse, -1, 0) @ lever
        total[signal] = np.einsum("oai,oij,oaj->o", slope, covariance[:, : 2 * size, : 2 * size], slope, optimize=True)
    return total
