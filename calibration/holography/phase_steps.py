"""Steps of the reference phase: what they determine, and the weights that turn frames into fields.

The sign convention is ``|S + R exp(-i delta)|^2``: a frame at commanded phase delta holds

.. math:: I_k = A + Z e^{i \\delta_k} + Z^* e^{-i \\delta_k}, \\qquad A = |S|^2 + |R|^2, \\quad Z = S R^*
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

LARGEST_CONDITION = 20.0
"""Condition number from which on steps are refused: errors of the field grow by up to this factor."""

SAME_PHASE = 1e-6
"""Phases closer than this, in radians, count as one step."""


@dataclass(frozen=True, eq=False)
class StepResponse:
    """What field comes out where the true steps are not those assumed: ``Z' = direct Z + twin conj(Z)``.

    Parameters
    ----------
    direct : ndarray of complex, shape (...)
        Gain of the term itself.
    twin : ndarray of complex, shape (...)
        Gain of its complex conjugate, which true steps would remove.
    """

    direct: NDArray[np.complex128]
    twin: NDArray[np.complex128]


def step_matrix(steps: ArrayLike) -> NDArray[np.float64]:
    """Return the matrix that takes the unknowns of a pixel to its frames.

    .. math:: I_k = A + \\sqrt2 \\cos\\delta_k \\, (\\sqrt2\\, \\mathrm{Re} Z)
              - \\sqrt2 \\sin\\delta_k \\, (\\sqrt2\\, \\mathrm{Im} Z)

    Parameters
    ----------
    steps : array_like, shape (..., step)
        Phases of the reference, in radians.

    Returns
    -------
    ndarray, shape (..., step, 3)
        Columns of A, of sqrt(2) Re Z and of sqrt(2) Im Z: orthogonal and of one length where steps are equal.
    """
    phases = np.asarray(steps, np.float64)
    root = math.sqrt(2)
    return np.stack([np.ones_like(phases), root * np.cos(phases), -root * np.sin(phases)], axis=-1)


def step_condition(steps: ArrayLike) -> NDArray[np.float64]:
    """Return the condition number of sets of steps.

    Parameters
    ----------
    steps : array_like, shape (..., step)
        Phases of the reference, in radians; three at least.

    Returns
    -------
    ndarray, shape (...)
        Largest over smallest singular value of the step matrix: 1 for equal steps over a turn, infinite where they do
        not determine background, real and imaginary part.
    """
    singular = np.linalg.svd(step_matrix(steps), compute_uv=False)
    with np.errstate(divide="ignore"):
        return np.asarray(singular[..., 0] / singular[..., -1])


def check_steps(steps: ArrayLike, *, largest_condition: float = LARGEST_CONDITION) -> NDArray[np.float64]:
    """Return steps as an array, or say why they do not determine a field.

    Parameters
    ----------
    steps : array_like, shape (step,) or (pattern, step)
        Phases of the reference, in radians, the same for all patterns or each pattern's own.
    largest_condition : float, optional
        Condition number up to which steps are allowed.

    Returns
    -------
    ndarray, shape (step,) or (pattern, step)
        The steps.

    Raises
    ------
    ValueError
        If there are fewer than three (distinct) steps, if one is not finite, or if they lie so that the three unknowns
        of a pixel are not determined.
    """
    phases = np.asarray(steps, np.float64)
    if phases.ndim not in (1, 2):
        raise ValueError(f"steps must have shape (step,) or (pattern, step), got {phases.shape}")
    count = phases.shape[-1]
    if count < 3:
        raise ValueError(
            f"{count} steps do not determine the three unknowns of a pixel (background, real and imaginary part): "
            "take at least 3, for instance 2 pi k / 4"
        )
    if not np.isfinite(phases).all():
        raise ValueError("steps must be finite phases in radians, got a value that is not")
    for row in np.atleast_2d(phases):
        distinct = _distinct(row)
        if distinct < 3:
            raise ValueError(
                f"steps = {np.round(row, 4).tolist()} rad are only {distinct} distinct phases (modulo 2 pi): "
                "take at least 3"
            )
        condition = float(step_condition(row))
        if condition > largest_condition:
            raise ValueError(
                f"steps = {np.round(row, 4).tolist()} rad have a condition number of {condition:.3g}, allowed are "
                f"{largest_condition:g}: spread them over the turn (2 pi k / N has 1)"
            )
    return phases


def field_weights(steps: ArrayLike, *, frame_weights: ArrayLike | None = None) -> NDArray[np.complex128]:
    """Return the weights of the frames in the least-squares interference term.

    .. math:: \\hat Z = \\sum_k w_k I_k, \\qquad w_k = \\frac{1}{N} e^{-i \\delta_k}
              \\quad \\text{for equal steps over a turn}

    Parameters
    ----------
    steps : array_like, shape (step,) or (pattern, step)
        Phases of the reference, in radians; any three or more that determine the field.
    frame_weights : array_like or None, shape (..., step), optional
        Weights of the frames in the sum of squares, best the inverse of their variances; None weights them equally.

    Returns
    -------
    ndarray of complex, shape (..., step)
        The weights. They add up to zero, so an offset common to all frames (black level, fixed pattern, static
        incoherent light) drops out, and raw counts serve as well as light.

    Raises
    ------
    ValueError
        If the steps do not determine a field, or weights are not positive.

    Notes
    -----
    Retrieval is linear in the frames: it commutes with every transform over patterns.

    References
    ----------
    .. [1] I. Yamaguchi and T. Zhang, "Phase-shifting digital holography", Opt. Lett. 22, 1268 (1997),
       doi:10.1364/OL.22.001268.
    """
    matrix = step_matrix(check_steps(steps))
    if frame_weights is None:
        inverse = np.linalg.pinv(matrix)
    else:
        weights = np.asarray(frame_weights, np.float64)
        if not (np.isfinite(weights).all() and (weights > 0).all()):
            raise ValueError(f"frame_weights must be positive and finite, got a smallest of {weights.min():g}")
        root = np.sqrt(weights / weights.max(axis=-1, keepdims=True))
        inverse = np.linalg.pinv(matrix * root[..., None]) * root[..., None, :]
    return np.asarray((inverse[..., 1, :] + 1j * inverse[..., 2, :]) / math.sqrt(2))


def noise_gain(steps: ArrayLike) -> NDArray[np.float64]:
    """Return the variance of the interference term over that of as many equal steps.

    .. math:: N \\sum_k |w_k|^2

    Parameters
    ----------
    steps : array_like, shape (step,) or (pattern, step)
        Phases of the reference, in radians.

    Returns
    -------
    ndarray, shape () or (pattern,)
        1 for equal steps over a turn, more for others, where all frames have the same noise.

    Raises
    ------
    ValueError
        If the steps do not determine a field.
    """
    weights = field_weights(steps)
    return np.asarray(weights.shape[-1] * np.sum(np.abs(weights) ** 2, axis=-1))


def step_response(assumed: ArrayLike, *, actual: ArrayLike) -> StepResponse:
    """Return what a field retrieved with assumed steps holds where the steps were others.

    .. math:: \\hat Z = Z \\sum_k w_k e^{i \\delta'_k} + Z^* \\sum_k w_k e^{-i \\delta'_k}

    Parameters
    ----------
    assumed : array_like, shape (step,)
        Steps that the weights were made for, in radians.
    actual : array_like, shape (..., step)
        Steps at which the frames were taken, in radians.

    Returns
    -------
    StepResponse
        Gains of the term and of its conjugate: 1 and 0 where the steps agree (law L54).

    Raises
    ------
    ValueError
        If the assumed steps do not determine a field.
    """
    weights = field_weights(assumed)
    turn: NDArray[np.complexfloating[Any, Any]] = np.exp(1j * np.asarray(actual, np.float64))
    return StepResponse(np.asarray(turn @ weights), np.asarray(turn.conj() @ weights))


def step_error_share(steps: ArrayLike, *, standard_error: ArrayLike) -> float:
    """Return the relative error that wrong steps make of a field, up to a phase.

    .. math:: \\epsilon^2 = \\sum_k \\sigma_k^2 \\left[ |w_k|^2 + \\mathrm{Im}^2 (w_k e^{i \\delta_k}) \\right], \\qquad
              \\epsilon = \\frac{1}{N} \\sqrt{\\textstyle\\sum_k \\sigma_k^2} \\; \\text{for equal steps}

    Parameters
    ----------
    steps : array_like, shape (step,)
        Phases of the reference that the weights w are made for, in radians.
    standard_error : array_like, shape (step,)
        Standard errors sigma of the true phases about them, independent and small, in radians.

    Returns
    -------
    float
        Rms error over the modulus: what of the conjugate term comes in, and changes of the modulus. All fields
        retrieved with these steps share it.

    Raises
    ------
    ValueError
        If the steps do not determine a field.

    Notes
    -----
    To first order in the errors. What they do to the phase, the same for all fields, is not counted.
    """
    angles = np.asarray(steps, np.float64)
    response = step_response(angles, actual=angles + np.diag(np.asarray(standard_error, np.float64)))
    return float(np.sqrt(np.sum(np.abs(response.twin) ** 2 + (np.abs(response.direct) - 1) ** 2)))


def _distinct(phases: NDArray[np.float64]) -> int:
    """Return the number of distinct phases on the circle."""
    angles = np.sort(np.mod(phases, 2 * np.pi))
    gaps = np.diff(np.append(angles, angles[0] + 2 * np.pi))
    return int(np.count_nonzero(gaps > SAME_PHASE))
