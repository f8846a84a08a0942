"""Drift of the reference between repeated exposures of a pattern."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.light import FieldEstimate


@dataclass(frozen=True, kw_only=True, eq=False)
class RelativePhase:
    """What became of fields between two exposures of the same patterns: ``later = amplitude exp(i phase) earlier``.

    Parameters
    ----------
    phase : ndarray, shape (pattern,)
        Phase of the estimate relative to the reference estimate, in radians from -pi to pi.
    phase_error : ndarray, shape (pattern,)
        Standard error of the phase, in radians; infinite where no pixel tells it.
    amplitude : ndarray, shape (pattern,)
        Modulus of the estimate over that of the reference estimate, noise taken off.
    amplitude_error : ndarray, shape (pattern,)
        Standard error of the amplitude.
    correlation : ndarray, shape (pattern,)
        Modulus of the correlation of the two fields, noise taken off: below 1 where more changed than one factor.
    """

    phase: NDArray[np.float64]
    phase_error: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    amplitude_error: NDArray[np.float64]
    correlation: NDArray[np.float64]


def relative_phase(
    estimate: FieldEstimate, reference_estimate: FieldEstimate, *, weighted: bool = False
) -> RelativePhase:
    """Return phase and amplitude of fields relative to those of an earlier exposure of the same patterns.

    .. math:: g e^{i \\phi} = \\frac{\\sum_p w_p \\, b_p^* a_p}{\\sum_p w_p (|b_p|^2 - \\sigma_{b,p}^2)}, \\qquad
              w_p = \\frac{1}{\\sigma_{a,p}^2 + \\sigma_{b,p}^2}

    Parameters
    ----------
    estimate : FieldEstimate
        Fields or interference terms a, of shape (pattern, ...output).
    reference_estimate : FieldEstimate
        Those of the earlier exposure b, of the same shape, or of one pattern (1, ...output) for all.
    weighted : bool, optional
        Whether the weights w of the pixels are the inverse of the noise of both estimates, or all one.

    Returns
    -------
    RelativePhase
        One phase and amplitude a pattern, with standard errors.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Notes
    -----
    A reference arm that moved by the phase psi turns interference terms by -psi. Both exposures may be noisy: the phase
    is unbiased and the amplitude corrected for the noise of the earlier one. The standard errors come from the scatter
    of the pixels, so decorrelation of the medium is in them as far as it differs from pixel to pixel; where it is
    common to the pixels of a speckle grain they are too small by the root of the pixels in a grain.

    Interference terms have nearly even noise, and need no weights. Fields that were divided by an uneven reference do;
    where shot noise then dims the bright pixels of either exposure, amplitude and correlation of a medium that changed
    come out too low.

    Pixels that are invalid in either estimate, or have no finite standard error, take no part.
    """
    later, earlier = estimate.value, reference_estimate.value
    if later.shape[1:] != earlier.shape[1:] or len(earlier) not in (1, len(later)):
        raise ValueError(
            f"fields of shape {later.shape} cannot be compared with fields of shape {earlier.shape}: repeat the same "
            "patterns on the same outputs"
        )
    a, a_noise, a_valid = _flat(estimate)
    b, b_noise, b_valid = _flat(reference_estimate)
    both_valid = a_valid & b_valid
    weights = _weights(a_noise + b_noise, both_valid) if weighted else both_valid.astype(np.float64)
    product, power = weights * b.conj() * a, weights * (np.abs(b) ** 2 - b_noise)
    total, energy = product.sum(axis=1), power.sum(axis=1)
    told = (energy > 0) & (np.abs(total) > 0)
    scale = np.where(told, np.abs(total), 1)
    base = np.where(told, energy, 1)
    turned = product * np.where(told, total.conj(), 1)[:, None] / scale[:, None]
    phase_error = np.sqrt(np.sum(turned.imag**2, axis=1)) / scale
    relative = np.sqrt(np.sum((turned.real / scale[:, None] - power / base[:, None]) ** 2, axis=1))
    own = np.sum(weights * (np.abs(a) ** 2 - a_noise), axis=1)
    shared = np.where(told & (own > 0), own, 1) * base
    return RelativePhase(
        phase=np.angle(total),
        phase_error=np.where(told, phase_error, np.inf),
        amplitude=np.where(told, scale / base, 0),
        amplitude_error=np.where(told, scale / base * relative, np.inf),
        correlation=np.where(told & (own > 0), scale / np.sqrt(shared), 0),
    )


def _flat(estimate: FieldEstimate) -> tuple[NDArray[np.complex128], NDArray[np.float64], NDArray[np.bool_]]:
    """Return values, noise variances and validity of shape (pattern, output), free of infinities."""
    patterns = len(estimate.value)
    valid = (estimate.valid & np.isfinite(estimate.standard_error)).reshape(patterns, -1)
    value = np.where(valid, estimate.value.reshape(patterns, -1), 0).astype(np.complex128)
    noise = np.where(valid, estimate.standard_error.reshape(patterns, -1), 0).astype(np.float64) ** 2
    return value, noise, valid


def _weights(noise: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the inverse noise over that of the noisiest pixel, or even weights where there is no noise."""
    typical = noise.max(axis=1, keepdims=True)
    floor = np.where(typical > 0, typical * 1e-9, 1.0)
    return np.where(valid, np.where(typical > 0, typical, 1.0) / np.maximum(noise, floor), 0.0)
