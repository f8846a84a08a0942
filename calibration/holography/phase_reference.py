"""From interference terms to fields: a known reference, one known in intensity, or rows of unknown moduli."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import exp1

from calibration.light import FieldEstimate, Light
from optics.validation import check_number


def divide_by_reference(
    term: FieldEstimate, reference: FieldEstimate | NDArray[np.complexfloating[Any, Any]], *, weakest: float = 0.0
) -> FieldEstimate:
    """Return the field from its interference term with a known reference field.

    .. math:: S = \\frac{Z}{R^*}, \\qquad
              \\mathrm{E} |\\delta S|^2 = \\frac{\\sigma_Z^2 + |S|^2 \\sigma_R^2}{|R|^2}

    Parameters
    ----------
    term : FieldEstimate
        Interference terms S conj(R), of shape (..., *output).
    reference : FieldEstimate or ndarray of complex, shape (*output)
        Reference field, in square roots of photons per pixel per second, with its error bars or free of errors.
    weakest : float, optional
        Pixels whose reference intensity is below so much of its mean are flagged as invalid.

    Returns
    -------
    FieldEstimate
        The field, in square roots of photons per pixel per second.

    Raises
    ------
    ValueError
        If the shapes do not fit or ``weakest`` is not between 0 and 1.

    Notes
    -----
    To first order in the error of the reference. That error is common to all patterns and does not average out over
    them; `dropped_reference_noise` says what weak pixels cost.
    """
    if isinstance(reference, FieldEstimate):
        field, error, known = reference.value, reference.standard_error, reference.valid
    else:
        field = np.asarray(reference)
        error, known = np.zeros(field.shape, np.float32), np.ones(field.shape, bool)
    intensity = np.abs(field) ** 2
    kept = known & _strong_enough(intensity, known, weakest)
    _check_outputs(term, field.shape)
    conjugate = np.where(kept, field, 1).conj()
    relative = np.where(kept, error, 0) / np.abs(conjugate)
    return _divided(term, conjugate, relative, kept)


def divide_by_reference_light(term: FieldEstimate, reference: Light, *, weakest: float = 0.0) -> FieldEstimate:
    """Return the field up to the phase of the reference, from its intensity alone.

    .. math:: S e^{-i \\arg R} = \\frac{Z}{\\sqrt{I_R}}, \\qquad
              \\mathrm{E} |\\delta S|^2 = \\frac{\\sigma_Z^2}{I_R} + |S|^2 \\frac{\\mathrm{var}(I_R)}{4 I_R^2}

    Parameters
    ----------
    term : FieldEstimate
        Interference terms S conj(R), of shape (..., *output).
    reference : Light
        Light of frames with the reference alone, of shape (frame, *output); they are averaged.
    weakest : float, optional
        Pixels whose reference intensity is below so much of its mean are flagged as invalid.

    Returns
    -------
    FieldEstimate
        The field, in square roots of photons per pixel per second; the phase of each output is known up to a constant.

    Raises
    ------
    ValueError
        If the shapes do not fit or ``weakest`` is not between 0 and 1.

    Notes
    -----
    To first order in the error of the intensity, that is where it is many times its standard error: drop weaker pixels
    by ``weakest``. Pixels whose intensity noise took below zero are flagged.
    """
    frames = len(reference.value)
    intensity = reference.value.mean(axis=0, dtype=np.float64)
    variance = reference.variance.mean(axis=0, dtype=np.float64) / frames
    known = reference.valid.all(axis=0) & (intensity > 0)
    kept = known & _strong_enough(intensity, known, weakest)
    _check_outputs(term, intensity.shape)
    safe = np.where(kept, intensity, 1)
    return _divided(term, np.sqrt(safe), np.sqrt(np.where(kept, variance, 0)) / (2 * safe), kept)


def normalise_rows(term: FieldEstimate, *, axis: int = 0) -> FieldEstimate:
    """Return interference terms over their rms at each output, which takes the reference's modulus out.

    .. math:: \\frac{Z}{\\sqrt{\\langle |Z|^2 - \\sigma_Z^2 \\rangle}}

    Parameters
    ----------
    term : FieldEstimate
        Interference terms or a matrix made of them, such as (pattern, ...output).
    axis : int, optional
        Axis of the patterns or inputs, over which the rms is taken.

    Returns
    -------
    FieldEstimate
        Dimensionless terms, of mean square 1 at each output where noise is taken off. Outputs whose mean square does
        not stand above their noise are flagged.

    Notes
    -----
    With an unknown reference this is Popoff's filter: the singular values of a matrix of such rows follow the law of
    a matrix with even rows, 1 + gamma for their normalised fourth moment instead of 1 + 2 gamma (law L52). Phases of
    the rows stay unknown. Errors of the rms, which are common to an output, are left out of the standard error.

    References
    ----------
    .. [1] S. M. Popoff et al., "Measuring the transmission matrix in optics", PRL 104, 100601 (2010),
       doi:10.1103/PhysRevLett.104.100601.
    """
    counted = term.valid & np.isfinite(term.standard_error)
    signal = np.where(counted, np.abs(term.value).astype(np.float64) ** 2, 0)
    noise = np.where(counted, term.standard_error.astype(np.float64), 0) ** 2
    amount = np.maximum(counted.sum(axis=axis, keepdims=True), 1)
    power = (signal - noise).sum(axis=axis, keepdims=True) / amount
    clear = power > noise.sum(axis=axis, keepdims=True) / amount**1.5
    scale = (1 / np.sqrt(np.where(clear, power, 1))).astype(term.standard_error.dtype)
    return FieldEstimate(
        np.where(clear, term.value * scale, 0), np.where(clear, term.standard_error * scale, np.inf), term.valid & clear
    )


def dropped_reference_noise(weakest: float) -> float:
    """Return the noise of fields behind a speckle reference, over that behind an even one of the same mean.

    .. math:: \\left\\langle \\frac{\\langle |R|^2 \\rangle}{|R|^2} \\right\\rangle_{|R|^2 > \\epsilon
              \\langle |R|^2 \\rangle} = e^\\epsilon E_1(\\epsilon)

    Parameters
    ----------
    weakest : float
        Share epsilon of the mean reference intensity below which pixels are dropped.

    Returns
    -------
    float
        Mean of the noise variance over the pixels that are kept (exp(-epsilon) of all), for read noise: it grows
        without bound where none is dropped (law L50).

    Raises
    ------
    ValueError
        If ``weakest`` is not positive.
    """
    check_number("weakest", weakest, above=0, at_most=100)
    return float(np.exp(weakest) * exp1(weakest))


def _strong_enough(intensity: NDArray[Any], known: NDArray[np.bool_], weakest: float) -> NDArray[np.bool_]:
    """Return where the reference is not dropped, and never where it is dark."""
    check_number("weakest", weakest, at_least=0, at_most=1)
    mean = float(intensity[known].mean()) if known.any() else 0.0
    return np.asarray((intensity >= weakest * mean) & (intensity > 0))


def _check_outputs(term: FieldEstimate, outputs: tuple[int, ...]) -> None:
    """Refuse a reference of other outputs than the terms."""
    if len(outputs) > term.value.ndim or term.value.shape[term.value.ndim - len(outputs) :] != outputs:
        raise ValueError(
            f"a reference of shape {outputs} does not fit terms of shape {term.value.shape}: their last axes must agree"
        )


def _divided(
    term: FieldEstimate, divisor: NDArray[Any], relative_error: NDArray[Any], kept: NDArray[np.bool_]
) -> FieldEstimate:
    """Return terms over a divisor with a relative error; what is not kept is flagged, zero, of infinite error."""
    precision = term.standard_error.dtype
    inverse = (1 / divisor).astype(term.value.dtype)
    value = np.where(kept, term.value * inverse, 0)
    error = np.hypot(term.standard_error * np.abs(inverse), np.abs(value) * relative_error)
    return FieldEstimate(value, np.where(kept, error, np.inf).astype(precision), term.valid & kept)
