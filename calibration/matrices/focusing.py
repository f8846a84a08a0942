"""Focusing on camera pixels with a transmission matrix, and how bright the focus should be.

The enhancement is the mean light on the target over the mean light of a reference on the same pixel, and the reference
belongs to the number: with all macropixels on it is half of what it is with a random half of them on.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.light import Light
from optics.validation import check_choice, check_count, check_number

Rows = NDArray[np.complexfloating[Any, Any]]

MODULATIONS = ("conjugate", "phase", "binary_phase", "binary_amplitude")
REFERENCES = ("all_on", "half_on")

_GAIN = {"conjugate": 1.0, "phase": math.pi / 4, "binary_phase": 1 / math.pi, "binary_amplitude": 1 / (4 * math.pi)}


def binary_focus(rows: Rows, *, phase: float = 0.0) -> NDArray[np.bool_]:
    """Return which macropixels to switch on to focus, at a given phase of the focus.

    .. math:: b_n = [\\mathrm{Re}(t_n e^{-i \\phi}) > 0]

    Parameters
    ----------
    rows : ndarray of complex, shape (target, input)
        Rows of the matrix, one a target.
    phase : float, optional
        Phase phi of the field in the focus, in radians.

    Returns
    -------
    ndarray of bool, shape (target, input)
        Patterns.

    Notes
    -----
    An unknown phase of a row only turns phi. An unknown conjugation of a row does nothing at all: the pattern of
    conj(t) at phi is that of t at -phi, and a pattern is real, so that both fields have the same modulus.
    """
    check_number("phase", phase, unit="rad")
    return np.asarray((_rows(rows) * np.exp(-1j * phase)).real > 0)


def best_binary_focus(rows: Rows, *, static: Rows | None = None) -> NDArray[np.bool_]:
    """Return the binary patterns that give the brightest foci there are.

    .. math:: \\max_b |e + \\sum_n b_n t_n|

    Parameters
    ----------
    rows : ndarray of complex, shape (target, input)
        Rows of the matrix, one a target.
    static : ndarray of complex or None, shape (target,), optional
        Static field e of each target, with the same unknown phase as its row; None takes it to be zero.

    Returns
    -------
    ndarray of bool, shape (target, input)
        Patterns.

    Notes
    -----
    For a focus of phase phi the best pattern is that of `binary_focus`, so that the best of all is among them. Each
    macropixel changes side twice as phi goes round: all 2 N different patterns are compared, by one sort and one
    cumulative sum.
    """
    rows = _rows(rows)
    offset = np.zeros(len(rows), rows.dtype) if static is None else np.asarray(static)
    if offset.shape != (len(rows),):
        raise ValueError(f"static must hold one field a target, shape ({len(rows)},), got {offset.shape}")
    on = rows.real > 0
    turns = (np.angle(rows) + math.pi / 2) % math.pi
    order = np.argsort(turns, axis=1)
    start = np.where(on, rows, 0).sum(axis=1, keepdims=True)
    steps = np.take_along_axis(np.where(on, -rows, rows), order, axis=1)
    sums = np.concatenate([start, start + np.cumsum(steps, axis=1)], axis=1)
    whole = rows.sum(axis=1, keepdims=True)
    light = np.abs(np.concatenate([sums, whole - sums], axis=1) + offset[:, np.newaxis])
    best = np.argmax(light, axis=1)
    opposite, steps_taken = np.divmod(best, sums.shape[1])
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(rows.shape[1])[np.newaxis], axis=1)
    return np.asarray(on ^ (rank < steps_taken[:, np.newaxis]) ^ (opposite == 1)[:, np.newaxis])


def phase_focus(rows: Rows) -> NDArray[np.complex128]:
    """Return input phases that focus, for a modulator of phases.

    .. math:: a_n = \\overline{t_n} / |t_n|

    Parameters
    ----------
    rows : ndarray of complex, shape (target, input)
        Rows of the matrix, one a target.

    Returns
    -------
    ndarray of complex128, shape (target, input)
        Input amplitudes of modulus one.

    Notes
    -----
    An unknown phase of a row does nothing, but a conjugated row gives no focus: phases double instead of
    cancelling, and the enhancement is 1.
    """
    return np.asarray(np.exp(-1j * np.angle(_rows(rows))), np.complex128)


def expected_enhancement(
    inputs: int,
    *,
    modulation: str = "binary_amplitude",
    reference: str = "half_on",
    relative_error: float = 0.0,
    off_amplitude: float = 0.0,
    static_share: float = 0.0,
    amplitudes: ArrayLike | None = None,
) -> float:
    """Return the mean enhancement of a focus behind a Gaussian medium.

    .. math:: \\eta = \\frac{p + g (N - 1) / (1 + s) + r}{q + r}

    with g = 1, pi/4, 1/pi and p = 1 for conjugate, phase and binary phase; g = 1/(4 pi), p = 1/2 + a + a^2 for binary
    amplitude. q = (1 + a)^2 for the reference with all on, 1/2 + a + a^2 with half of them on.

    Parameters
    ----------
    inputs : int
        Number of macropixels N.
    modulation : {"conjugate", "phase", "binary_phase", "binary_amplitude"}, optional
        What the modulator does; with "conjugate" the pattern has the light of the reference with all on.
    reference : {"all_on", "half_on"}, optional
        What the focus is compared with.
    relative_error : float, optional
        Variance s of the error of the matrix over the mean square of its true entries (`relative_error` of an
        estimate).
    off_amplitude : float, optional
        Amplitude a that a macropixel sends when off, over what switching it on adds: 1 / (sqrt(contrast ratio) - 1).
        It adds to the field, and takes the fraction 2 a from the enhancement.
    static_share : float, optional
        Static light r from elsewhere over the light that switching on all macropixels adds.
    amplitudes : array_like or None, optional
        Rms modulus of the entries of each macropixel, where the illumination is uneven; N - 1 becomes
        (sum w)^2 / sum w^2 - 1.

    Returns
    -------
    float
        The mean over targets.

    Raises
    ------
    ValueError
        If a number is out of range or a word unknown.

    Notes
    -----
    Law L30, exact for circular Gaussian entries and errors, and a focus of given phase. The factor 1/(1+s) is the
    squared correlation between the true and the measured row (law L27). Off-state light, of the field a sum(t), is
    derived here: it is coherent with the light of the pattern. `best_binary_focus` is brighter: by a factor
    that falls as 1 + c/sqrt(N).

    References
    ----------
    .. [1] I. M. Vellekoop and A. P. Mosk, Opt. Lett. 32, 2309 (2007). doi:10.1364/OL.32.002309
    .. [2] D. Akbulut et al., Opt. Express 19, 4017 (2011). doi:10.1364/OE.19.004017
    """
    check_count("inputs", inputs)
    check_choice("modulation", modulation, MODULATIONS)
    check_choice("reference", reference, REFERENCES)
    check_number("relative_error", relative_error, at_least=0)
    check_number("off_amplitude", off_amplitude, at_least=0, at_most=None if modulation == MODULATIONS[-1] else 0)
    check_number("static_share", static_share, at_least=0)
    effective = float(inputs)
    if amplitudes is not None:
        weights = np.asarray(amplitudes, np.float64)
        if weights.shape != (inputs,) or not (weights >= 0).all() or not weights.any():
            raise ValueError(f"amplitudes must be {inputs} numbers that are not negative, got {amplitudes!r}")
        effective = float(weights.sum() ** 2 / (weights**2).sum())
    half_on = 0.5 + off_amplitude + off_amplitude**2
    focus = half_on if modulation == "binary_amplitude" else 1.0
    focus += _GAIN[modulation] * (effective - 1) / (1 + relative_error)
    compared = half_on if reference == "half_on" else (1 + off_amplitude) ** 2
    return (focus + static_share) / (compared + static_share)


def relative_error(rows: Rows, *, standard_error: ArrayLike) -> float:
    """Return the variance of the errors of measured entries over the mean square of the true ones.

    .. math:: s = \\frac{\\langle \\sigma^2 \\rangle}{\\langle |t|^2 \\rangle - \\langle \\sigma^2 \\rangle}

    Parameters
    ----------
    rows : ndarray of complex, shape (target, input)
        Measured entries t.
    standard_error : array_like
        Standard errors sigma of the entries, of a shape that broadcasts.

    Returns
    -------
    float
        The relative error s; the correlation with the true rows is 1/sqrt(1+s).

    Raises
    ------
    ValueError
        If the entries are no larger than their errors.
    """
    noise = float(np.mean(np.broadcast_to(np.asarray(standard_error, np.float64) ** 2, np.shape(rows))))
    light = float(np.mean(np.abs(rows) ** 2))
    if not light > noise:
        raise ValueError(
            f"the mean square of the entries, {light:.3g}, is not above that of their errors, {noise:.3g}: nothing was "
            "measured; take more light or more frames"
        )
    return noise / (light - noise)


@dataclass(frozen=True, eq=False)
class Enhancement:
    """Measured enhancements.

    Parameters
    ----------
    value, standard_error : ndarray of float, shape (target,)
        Enhancement of each target, with the error from the camera's noise and from the finite number of reference
        frames.
    mean, mean_standard_error : float
        Enhancement over all valid targets, light over light, and its standard error from the scatter over targets.
    valid : ndarray of bool, shape (target,)
        False where the focus or a reference frame saturated.
    """

    value: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    mean: float
    mean_standard_error: float
    valid: NDArray[np.bool_]


def measured_enhancement(focused: Light, reference: Light, *, targets: ArrayLike) -> Enhancement:
    """Return the enhancement of foci from frames.

    .. math:: \\eta_k = I_k / \\langle I^{ref}_k \\rangle, \\qquad
              \\eta = \\sum_k I_k / \\sum_k \\langle I^{ref}_k \\rangle

    Parameters
    ----------
    focused : Light
        Light of the frames that focus, shape (target, ...), one frame a target.
    reference : Light
        Light of the reference frames, shape (frame, ...): random patterns with half of the macropixels on, or
        the like, at least two.
    targets : array_like of int, shape (target,)
        Flat pixel index of each target.

    Returns
    -------
    Enhancement
        Enhancement of each target and of all.

    Raises
    ------
    ValueError
        If the frames do not fit the targets or there are fewer than two reference frames.

    Notes
    -----
    Exposure times may differ, and must where a focus would saturate: light is photons per second. The error of
    one target is mostly that of its reference, a relative 1/sqrt(frames) for speckle. The error of the mean has
    the scatter over targets of both, as a ratio estimator has it; targets must be independent (farther apart
    than a speckle grain).
    """
    pixels = np.asarray(targets)
    check_targets(pixels, frames=len(focused.value), outputs=focused.value[0].size)
    count = len(reference.value)
    check_count("reference frames", count, at_least=2)
    index = np.arange(len(pixels)), pixels
    light, noise, valid = (
        part.reshape(len(pixels), -1)[index] for part in (focused.value, focused.variance, focused.valid)
    )
    compared = reference.value.reshape(count, -1)[:, pixels].astype(np.float64)
    valid = valid & reference.valid.reshape(count, -1)[:, pixels].all(axis=0)
    level = compared.mean(axis=0)
    value = light / level
    spread = compared.var(axis=0, ddof=1) / count / level**2
    error = np.sqrt(noise / level**2 + value**2 * spread)
    mean, mean_error = _ratio(light[valid].astype(np.float64), level[valid])
    return Enhancement(value, error, mean, mean_error, valid)


def check_targets(targets: NDArray[np.integer[Any]], *, frames: int, outputs: int) -> None:
    """Refuse targets that are no pixels or do not fit the frames.

    Parameters
    ----------
    targets : ndarray of int, shape (target,)
        Flat pixel indices.
    frames : int
        Number of frames, one a target.
    outputs : int
        Number of pixels.

    Raises
    ------
    ValueError
        If there is not one target a frame, or one is out of range.
    """
    if targets.shape != (frames,) or not np.issubdtype(targets.dtype, np.integer):
        raise ValueError(f"targets must be {frames} pixel indices, one a frame, got {targets!r}")
    if targets.size and not (targets.min() >= 0 and targets.max() < outputs):
        raise ValueError(f"targets must be flat pixel indices from 0 to {outputs - 1}, got {targets!r}")


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> tuple[float, float]:
    """Return a ratio of sums and its standard error from the scatter of its terms; not a number where undefined."""
    if len(above) < 2:
        return (float(above[0] / below[0]) if len(above) else math.nan), math.nan
    ratio = float(above.sum() / below.sum())
    rest = above - ratio * below
    return ratio, float(np.sqrt(rest.var(ddof=1) / len(rest)) / below.mean())


def _rows(rows: Rows) -> Rows:
    """Return rows that are complex and two-dimensional, or say what they are."""
    array = np.asarray(rows)
    if array.ndim != 2 or not np.iscomplexobj(array):
        raise ValueError(
            f"rows must be complex, of shape (target, input), got {array.dtype} of {array.shape}; for one target take "
            "matrix[[target]]"
        )
    return array
