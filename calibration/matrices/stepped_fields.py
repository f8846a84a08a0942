"""Fields from the words of many patterns at equal cost a frame: the fast path of phase stepping."""

import numpy as np
from numpy.typing import NDArray

from calibration.holography.phase_stepping import interference_term
from calibration.holography.phase_steps import field_weights
from calibration.light import FieldEstimate, light_from_counts
from optics.camera import Camera, Counts

BLOCK_BYTES = 2**24
"""Memory of the frames that are widened to single precision together."""


def stepped_fields(
    words: Counts, camera: Camera, *, phases: NDArray[np.float64], exposure_time: float
) -> FieldEstimate:
    """Return the interference terms of many patterns from their words.

    .. math:: Z = \\frac{\\sum_k w_k y_k}{K \\eta t}, \\qquad
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

    Returns
    -------
    FieldEstimate
        Z = S conj(R), shape (pattern, output), complex64, in photons per pixel per second.

    Notes
    -----
    What `interference_term` gives with equal weights, in one product of three weights (real, imaginary, variance) with
    the steps of a pattern; offsets common to all steps drop out. Pixels in which a frame saturates go to
    `interference_term`, which fits the frames that are left. Memory beyond input and output is `BLOCK_BYTES`.
    """
    weights = field_weights(phases)
    rows = np.stack([weights.real, weights.imag, np.abs(weights) ** 2]).astype(np.float32)
    numbers = camera.digital_numbers(words)
    patterns, steps, outputs = words.shape
    term = np.empty((patterns, outputs), np.complex64)
    variance = np.empty((patterns, outputs), np.float32)
    block = max(1, BLOCK_BYTES // (4 * max(1, steps * outputs)))
    for start in range(0, patterns, block):
        part = slice(start, start + block)
        sums = rows @ numbers[part].astype(np.float32)
        term.real[part], term.imag[part], variance[part] = sums[:, 0], sums[:, 1], sums[:, 2]
    square = float(rows[2].sum(dtype=np.float64))
    dark = (camera.gain * camera.dark_noise) ** 2 + 1 / 12
    variance -= np.float32(square * camera.black_level)
    variance *= np.float32(camera.gain)
    np.maximum(variance, 0, out=variance)
    variance += np.float32(square * dark)
    photon = camera.gain * camera.quantum_efficiency * exposure_time
    term /= np.float32(photon)
    np.sqrt(variance, out=variance)
    variance /= np.float32(photon)
    valid = np.ones((patterns, outputs), np.bool_)
    estimate = FieldEstimate(term, variance, valid)
    _mend(estimate, words, camera, phases=phases, exposure_time=exposure_time)
    return estimate


def _mend(
    estimate: FieldEstimate, words: Counts, camera: Camera, *, phases: NDArray[np.float64], exposure_time: float
) -> None:
    """Fit anew where a frame saturated, in place."""
    top = camera.word.type(camera.saturation * camera.count_step)
    if words.max(initial=0) < top:
        return
    for pattern in np.flatnonzero((words >= top).any(axis=(1, 2))):
        own = (words[pattern] >= top).any(axis=0)
        light = light_from_counts(words[pattern][np.newaxis][:, :, own], camera, exposure_time=exposure_time)
        fitted = interference_term(light, steps=phases)
        estimate.value[pattern, own] = fitted.value[0]
        estimate.standard_error[pattern, own] = fitted.standard_error[0]
        estimate.valid[pattern, own] = fitted.valid[0]
