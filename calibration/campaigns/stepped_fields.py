"""Fields from the words of many patterns at the pace of memory: the fast path of phase stepping."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.blas_threads import one_blas_thread
from calibration.holography.phase_stepping import interference_term
from calibration.holography.phase_steps import field_weights
from calibration.light import FieldEstimate, light_from_counts
from optics.camera import Camera, Counts

BLOCK_BYTES = 2**20
"""Memory of the frames that are widened to single precision together: they stay in the cache."""


@dataclass(frozen=True, eq=False)
class SteppedTerms:
    """Interference terms with their variances.

    Parameters
    ----------
    value : ndarray of complex64, shape (pattern, output)
        Terms S conj(R), in photons per pixel per second.
    variance : ndarray of float32, shape (pattern, output)
        Mean squared modulus of their errors; zero where they are not determined.
    valid : ndarray of bool, shape (output,)
        Outputs that are determined in every pattern.
    """

    value: NDArray[np.complex64]
    variance: NDArray[np.float32]
    valid: NDArray[np.bool_]


def empty_terms(patterns: int, outputs: int) -> SteppedTerms:
    """Return room for terms.

    Parameters
    ----------
    patterns, outputs : int
        Their number.

    Returns
    -------
    SteppedTerms
        Arrays without values, all outputs valid.
    """
    value, variance = np.empty((patterns, outputs), np.complex64), np.empty((patterns, outputs), np.float32)
    return SteppedTerms(value, variance, np.ones(outputs, np.bool_))


def stepped_terms(
    words: Counts,
    camera: Camera,
    *,
    phases: NDArray[np.float64],
    exposure_time: float,
    drift: NDArray[np.float64] | None = None,
    out: SteppedTerms | None = None,
) -> SteppedTerms:
    """Return the interference terms of many patterns from their words.

    .. math:: Z = e^{-i \\varphi} \\frac{\\sum_k w_k y_k}{K \\eta t}, \\qquad
              \\sigma_Z^2 = \\frac{\\sum_k |w_k|^2 [K^2 \\sigma_d^2 + 1/12 + K (y_k - b)]}{(K \\eta t)^2}

    Parameters
    ----------
    words : ndarray of uint8 or uint16, shape (pattern, step, output)
        Words as the camera delivered them.
    camera : Camera
        The camera: gain K, quantum efficiency eta, dark noise, black level b, saturation.
    phases : ndarray, shape (step,)
        Phases of the reference, in radians.
    exposure_time : float
        Exposure time t, in seconds.
    drift : ndarray or None, shape (pattern,), optional
        Phase phi of each pattern that is taken off, in radians.
    out : SteppedTerms or None, optional
        Arrays to write into; outputs that are not valid stay so.

    Returns
    -------
    SteppedTerms
        Terms in single precision.

    Notes
    -----
    What `interference_term` gives with equal weights, in one product of three weights (real, imaginary, variance) with
    the steps of a pattern, in two threads; offsets common to all steps drop out. Pixels in which a frame saturates go
    to `interference_term`, which fits the frames that are left. Memory beyond input and output is a few `BLOCK_BYTES`.
    """
    turn = np.zeros(len(words)) if drift is None else drift
    weights = field_weights(phases) * np.exp(-1j * turn)[:, np.newaxis]
    rows = np.stack([weights.real, weights.imag, np.abs(weights) ** 2], axis=1).astype(np.float32)
    patterns, steps, outputs = words.shape
    terms = out or empty_terms(patterns, outputs)
    numbers = camera.digital_numbers(words)
    photon = camera.gain * camera.quantum_efficiency * exposure_time
    rows[:, :2] /= np.float32(photon)
    rows[:, 2] *= np.float32(camera.gain / photon**2)
    # K sum |w|^2 (y - b) + sum |w|^2 (dark variance), and no less than the latter.
    square = float(np.sum(np.abs(field_weights(phases)) ** 2))
    least = np.float32(square * ((camera.gain * camera.dark_noise) ** 2 + 1 / 12) / photon**2)
    offset = np.float32(least - square * camera.gain * camera.black_level / photon**2)
    block = max(1, BLOCK_BYTES // (4 * max(1, steps * outputs)))

    top = camera.word.type(camera.saturation * camera.count_step)

    def combine(start: int) -> bool:
        part = slice(start, start + block)
        sums = rows[part] @ numbers[part].astype(np.float32)
        terms.value.real[part], terms.value.imag[part] = sums[:, 0], sums[:, 1]
        np.maximum(sums[:, 2] + offset, least, out=terms.variance[part])
        return bool(words[part].max(initial=0) >= top)

    with one_blas_thread(), ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        saturated = list(pool.map(combine, range(0, patterns, block)))
    for start in np.flatnonzero(saturated) * block:
        for pattern in range(start, min(start + block, patterns)):
            _mend(terms, words, pattern, camera, phases=phases, exposure_time=exposure_time, turn=float(turn[pattern]))
    return terms


def stepped_fields(
    words: Counts, camera: Camera, *, phases: NDArray[np.float64], exposure_time: float
) -> FieldEstimate:
    """Return the interference terms of patterns with their standard errors.

    Parameters
    ----------
    words : ndarray of uint8 or uint16, shape (pattern, step, output)
        Words as the camera delivered them.
    camera : Camera
        The camera.
    phases : ndarray, shape (step,)
        Phases of the reference, in radians.
    exposure_time : float
        Exposure time, in seconds.

    Returns
    -------
    FieldEstimate
        Terms, shape (pattern, output), in photons per pixel per second. An output is valid where it is determined in
        every pattern.
    """
    terms = stepped_terms(words, camera, phases=phases, exposure_time=exposure_time)
    valid = np.broadcast_to(terms.valid, terms.value.shape)
    return FieldEstimate(terms.value, np.sqrt(terms.variance), valid)


def _mend(
    terms: SteppedTerms,
    words: Counts,
    pattern: int,
    camera: Camera,
    *,
    phases: NDArray[np.float64],
    exposure_time: float,
    turn: float,
) -> None:
    """Fit a pattern anew at the pixels where a frame saturated, in place."""
    top = camera.word.type(camera.saturation * camera.count_step)
    own = np.flatnonzero((words[pattern] >= top).any(axis=0))
    if not own.size:
        return
    few: Any = words[pattern][np.newaxis][:, :, own]
    fitted = interference_term(light_from_counts(few, camera, exposure_time=exposure_time), steps=phases)
    known = fitted.valid[0]
    terms.value[pattern, own] = fitted.value[0] * np.exp(-1j * turn)
    terms.variance[pattern, own] = np.where(known, fitted.standard_error[0], 0) ** 2
    terms.valid[own[~known]] = False
