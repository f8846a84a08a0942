"""Fields from frames at several phases of the reference, by least squares.

Retrieval is one matrix product of the frames of a pattern with the weights of `phase_steps.field_weights`; pixels with
saturated frames, and those that are to be weighted one by one, are solved in `phase_pixels`.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.holography.phase_pixels import solve_pixels
from calibration.holography.phase_steps import LARGEST_CONDITION, check_steps, field_weights, step_matrix
from calibration.light import FieldEstimate, Light
from optics.camera import Camera, Counts
from optics.validation import check_choice, check_count, check_number

Fields = NDArray[np.complex64]


def group_steps(light: Light, *, steps: int) -> Light:
    """Return light of frames that follow each other, grouped by pattern.

    Parameters
    ----------
    light : Light
        Light of shape (pattern * step, ...): all steps of the first pattern, then those of the next.
    steps : int
        Number of steps of a pattern.

    Returns
    -------
    Light
        The same light, of shape (pattern, step, ...).

    Raises
    ------
    ValueError
        If the number of frames is no multiple of the number of steps.
    """
    check_count("steps", steps, at_least=3)
    frames = len(light.value)
    if frames % steps:
        raise ValueError(
            f"{frames} frames are no whole number of patterns of {steps} steps: {frames % steps} are left over; "
            "was a frame lost?"
        )
    shape = (frames // steps, steps, *light.value.shape[1:])
    return Light(light.value.reshape(shape), light.variance.reshape(shape), light.valid.reshape(shape))


def interference_term(
    light: Light, *, steps: ArrayLike, weighting: str = "equal", largest_condition: float = LARGEST_CONDITION
) -> FieldEstimate:
    """Return the product of field and conjugate reference from frames at several phases.

    .. math:: \\hat Z = \\sum_k w_k I_k \\to S R^*, \\qquad
              \\mathrm{E} |\\delta Z|^2 = \\sum_k |w_k|^2 \\, \\mathrm{var}(I_k)

    Parameters
    ----------
    light : Light
        Light of shape (pattern, step, ...); `group_steps` makes it of a series of frames.
    steps : array_like, shape (step,) or (pattern, step)
        Phases of the reference, in radians, of all patterns or of each.
    weighting : {"equal", "frame", "pixel"}, optional
        Weights of the sum of squares: the same for all frames, one for each frame (the inverse of its mean variance),
        or one for each frame and pixel (the inverse of the variance, smoothed by the fit).
    largest_condition : float, optional
        Condition number up to which steps, and those that saturation leaves of them, are allowed.

    Returns
    -------
    FieldEstimate
        Z of shape (pattern, ...), complex64, in photons per pixel per second, with its standard error. A pixel is valid
        if its unsaturated frames determine it; where some saturated, the others alone are used.

    Raises
    ------
    ValueError
        If the steps do not determine a field, do not fit the light, or the weighting is unknown.

    Notes
    -----
    With an unknown reference, such as a speckle field that travels along with the signal, Z is the answer: its noise
    does not depend on the reference. `divide_by_reference` makes it a field where the reference is known.

    With three steps all weightings are the same. With equal exposures "frame" gains nothing over "equal": the mean
    light hardly depends on the phase. It gains where frames differ in their noise (exposure time, averages). "pixel"
    gains where shot noise rules and the two arms are of one strength: the variance falls by a factor of 1.25 with four
    steps, 1.35 with five and 1.43 with eight. It is 1.05 where the dark variance is that of the mean light, 1.1 where
    the reference is nine times the signal. It costs a few microseconds a pixel.

    Errors of the steps are not in the standard error: they are common to all pixels, and random ones of rms sigma add
    a relative variance of 2 sigma^2 / N (law L54); `step_errors` finds them.

    A frame is left out where its noise took it over saturation, so those kept of a pixel on the verge of it are too
    dark: on average by 0.8 of their noise where the light is just that of saturation. A pixel that is not determined
    has the value 0 and an infinite standard error.

    Memory: the light itself, twice the result, and for "pixel" blocks of 65 536 pixels.

    References
    ----------
    .. [1] S. M. Popoff et al., "Measuring the transmission matrix in optics", PRL 104, 100601 (2010),
       doi:10.1103/PhysRevLett.104.100601.
    """
    check_choice("weighting", weighting, ("equal", "frame", "pixel"))
    phases = check_steps(steps, largest_condition=largest_condition)
    _check_light(light, phases)
    patterns, count = light.value.shape[:2]
    value, variance = (array.reshape(patterns, count, -1) for array in (light.value, light.variance))
    kept = light.valid.reshape(patterns, count, -1)
    frame_weights = 1 / np.maximum(_mean_over_kept(variance, kept), _tiny(variance)) if weighting == "frame" else None
    weights = field_weights(phases, frame_weights=frame_weights)
    term, error = combine_frames(value, weights), combined_variance(variance, weights)
    valid: NDArray[np.bool_] = np.all(kept, axis=1)
    own = np.ones_like(valid) if weighting == "pixel" else ~valid
    if own.any():
        fit = solve_pixels(
            value, variance, kept, matrix=np.broadcast_to(step_matrix(phases), (patterns, count, 3)),
            frame_weights=np.ones((patterns, count)) if frame_weights is None else frame_weights,
            pixels=own, weighted=weighting == "pixel", largest=largest_condition,
        )  # fmt: skip
        term[own], error[own], valid[own] = fit.term, fit.variance, fit.determined
    shape = (patterns, *light.value.shape[2:])
    return FieldEstimate(term.reshape(shape), np.sqrt(error).reshape(shape), valid.reshape(shape))


def combine_frames(
    frames: NDArray[Any], weights: NDArray[np.complexfloating[Any, Any]], *, out: Fields | None = None
) -> Fields:
    """Return weighted sums of the frames of each pattern, in single precision.

    .. math:: Z_p = \\sum_k w_k F_{pk}

    Parameters
    ----------
    frames : ndarray, shape (pattern, step, ...)
        Frames of any real type: light, or counts as they are (weights of fields add up to zero, so that black level
        and fixed offsets drop out).
    weights : ndarray of complex, shape (step,) or (pattern, step)
        Weights, such as `phase_steps.field_weights` gives.
    out : ndarray of complex64 or None, shape (pattern, ...), optional
        Where to put the sums; C-contiguous.

    Returns
    -------
    ndarray of complex64, shape (pattern, ...)
        The sums.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Notes
    -----
    One product of (2, step) by (step, pixel) a pattern; counts are widened to float32 pattern by pattern, so that the
    only temporary is the frames of one. Rounding in float32 costs a relative 1e-7 of the brightest frame.
    """
    patterns, count = frames.shape[:2]
    if weights.shape not in ((count,), (patterns, count)):
        raise ValueError(
            f"weights of shape {weights.shape} do not fit {patterns} patterns of {count} frames: give ({count},) or "
            f"({patterns}, {count})"
        )
    shape = (patterns, *frames.shape[2:])
    sums = np.empty(shape, np.complex64) if out is None else out
    if sums.shape != shape or sums.dtype != np.complex64 or not sums.flags.c_contiguous:
        raise ValueError(f"out must be complex64, contiguous, of shape {shape}; got {sums.dtype} of shape {sums.shape}")
    flat = frames.reshape(patterns, count, -1)
    parts = np.stack([weights.real, weights.imag], axis=-1).astype(np.float32)
    parts = np.broadcast_to(parts, (patterns, count, 2))
    halves = sums.reshape(patterns, -1, 1).view(np.float32)
    for pattern in range(patterns):
        widened = np.asarray(flat[pattern], np.float32)
        np.matmul(widened.T, parts[pattern], out=halves[pattern])
    return sums


def combined_variance(
    variance: NDArray[np.floating[Any]], weights: NDArray[np.complexfloating[Any, Any]]
) -> NDArray[np.float32]:
    """Return the variance of a weighted sum of independent frames.

    .. math:: \\sum_k |w_k|^2 \\sigma_k^2

    Parameters
    ----------
    variance : ndarray of float, shape (pattern, step, ...)
        Variances of the frames.
    weights : ndarray of complex, shape (step,) or (pattern, step)
        Weights of the frames.

    Returns
    -------
    ndarray of float32, shape (pattern, ...)
        Mean of the squared modulus of the error.
    """
    patterns, count = variance.shape[:2]
    squares = (np.abs(weights) ** 2).astype(np.float32).reshape(-1, 1, count)
    sums = np.matmul(squares, variance.reshape(patterns, count, -1))
    return np.asarray(sums.reshape(patterns, *variance.shape[2:]), np.float32)


def interference_from_counts(
    counts: Counts, camera: Camera, *, steps: ArrayLike, exposure_time: float, out: Fields | None = None
) -> Fields:
    """Return the interference term straight from counts, where its speed matters.

    .. math:: \\hat Z = \\frac{1}{K \\eta t} \\sum_k w_k y_k

    Parameters
    ----------
    counts : ndarray of uint8 or uint16, shape (pattern, step, ...)
        Words as the camera delivered them.
    camera : Camera
        The camera: gain K, quantum efficiency eta, alignment of its words.
    steps : array_like, shape (step,) or (pattern, step)
        Phases of the reference, in radians.
    exposure_time : float
        Exposure time t, in seconds.
    out : ndarray of complex64 or None, shape (pattern, ...), optional
        Where to put the result; C-contiguous.

    Returns
    -------
    ndarray of complex64, shape (pattern, ...)
        Z, in photons per pixel per second, as `interference_term` with equal weights; saturation is not looked at.

    Raises
    ------
    TypeError
        If the words are not of the camera's word type.
    ValueError
        If the steps do not determine a field, or the exposure time is not positive.
    """
    check_number("exposure_time", exposure_time, unit="s", above=0)
    if counts.dtype != camera.word:
        raise TypeError(f"counts of a {camera.bits}-bit camera are {camera.word} words, got {counts.dtype}")
    photon = camera.gain * camera.quantum_efficiency * exposure_time * camera.count_step
    return combine_frames(counts, field_weights(steps) / photon, out=out)


def _check_light(light: Light, phases: NDArray[np.float64]) -> None:
    """Refuse light whose axes are not those of the steps."""
    shape, count = light.value.shape, phases.shape[-1]
    if len(shape) < 2 or shape[1] != count:
        raise ValueError(
            f"light of shape {shape} does not have {count} steps along its second axis: give (pattern, {count}, ...), "
            "for instance by group_steps"
        )
    if phases.ndim == 2 and len(phases) != shape[0]:
        raise ValueError(f"steps of {len(phases)} patterns do not fit light of {shape[0]} patterns: give one row each")


def _mean_over_kept(variance: NDArray[np.float32], kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean variance of each frame over its unsaturated pixels, or over all where none is."""
    amount = kept.sum(axis=-1)
    mean = np.einsum("psn,psn->ps", variance, kept, dtype=np.float64) / np.maximum(amount, 1)
    return np.asarray(np.where(amount > 0, mean, variance.mean(axis=-1, dtype=np.float64)))


def _tiny(variance: NDArray[np.float32]) -> float:
    """Return a variance that counts as none, so that frames without noise have finite weights."""
    return max(1e-9 * float(variance.max(initial=0.0)), math.ulp(0.0) * 2**60)
