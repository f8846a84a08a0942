"""Off-axis holography: the field from one frame with a tilted reference."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.restoration import unwrap_phase

from calibration.holography.reference_envelope import ReferenceEnvelope
from calibration.holography.separation import check_separation
from calibration.holography.sideband import Sideband
from calibration.light import FieldEstimate, Light
from optics.validation import check_number


def off_axis_fields(
    light: Light,
    sideband: Sideband,
    *,
    reference: ReferenceEnvelope,
    reference_phases: ArrayLike | None = None,
    allow_overlap: bool = False,
) -> FieldEstimate:
    """Return the fields of off-axis holograms with their error bars.

    .. math:: \\hat S = e^{-i \\delta} \\, h * \\left[e^{-2 \\pi i f_c r} \\, \\frac{I - b}{|R|}\\right], \\qquad
              \\langle|\\delta S|^2\\rangle = |h|^2 * \\frac{\\sigma_I^2 + \\sigma_b^2}{|R|^2}

    Parameters
    ----------
    light : Light
        Holograms, shape (frame, y, x); frames, fields and errors in the same unit.
    sideband : Sideband
        The window: carrier f_c and radius of the band, its kernel h, and whether fields are resampled.
    reference : ReferenceEnvelope
        Amplitude |R| and bias b of the reference.
    reference_phases : array_like or None, optional
        Commanded phase delta of the reference in each frame, in radians, of |S + R exp(-i delta)|^2; None is zero.
    allow_overlap : bool, optional
        Whether a window is accepted that the zero order reaches: the error of `overlap_error` is not in the error
        bars, and a strong reference keeps it small.

    Returns
    -------
    FieldEstimate
        Shape (frame, *sideband.output_shape), up to the phase of the reference itself. Invalid where a saturated pixel
        lies under the main lobe of the kernel.

    Raises
    ------
    ValueError
        If the orders overlap, or shapes or numbers are not what they should be.

    Notes
    -----
    The frame is divided by |R| before it is filtered, so that an uneven reference does not widen the band of the
    field. With an even reference the errors are sigma^2 pi B^2 / |R|^2 for read noise and (1 + <|S|^2> / |R|^2)
    pi B^2 for shot noise, in photons that are counted (law L51). Errors of the amplitude are not in the error bars.
    Those of the bias are, though they are common to all frames.
    """
    if not allow_overlap:
        check_separation(sideband.carrier, radius=sideband.radius, edge=sideband.edge)
    frames = sideband.check_frames(light.value)
    for name in ("amplitude", "bias", "variance"):
        if getattr(reference, name).shape != sideband.shape:
            raise ValueError(
                f"{name} of the reference has shape {getattr(reference, name).shape}, the frames {sideband.shape}"
            )
    phases = np.zeros(len(frames)) if reference_phases is None else np.asarray(reference_phases, float)
    if phases.shape != (len(frames),) or not np.isfinite(phases).all():
        raise ValueError(f"reference_phases must be {len(frames)} finite numbers, got shape {phases.shape}")
    value = sideband.apply((frames - reference.bias) / reference.amplitude)
    value *= np.exp(-1j * phases)[:, np.newaxis, np.newaxis]
    variance = (sideband.check_frames(light.variance, name="variance") + reference.variance) / reference.amplitude**2
    return FieldEstimate(value, np.sqrt(sideband.variance(variance)), sideband.usable(light.valid))


def fringe_visibility(light: Light, sideband: Sideband) -> NDArray[np.float64]:
    """Return the visibility of the fringes of each hologram.

    .. math:: V = \\frac{2 \\, \\langle|h * (e^{-2 \\pi i f_c r} I)|\\rangle}{\\langle I \\rangle}

    Parameters
    ----------
    light : Light
        Holograms, shape (frame, y, x).
    sideband : Sideband
        The window about the carrier.

    Returns
    -------
    ndarray, shape (frame,)
        Mean over the frame; 2 |S| |R| / (|S|^2 + |R|^2) for two plain beams without other light.

    Raises
    ------
    ValueError
        If the frames do not fit the window, or have no light.
    """
    frames = sideband.check_frames(light.value)
    mean = frames.mean(axis=(1, 2))
    if not (mean > 0).all():
        raise ValueError(f"a hologram has a mean light of {mean.min():.3g}: visibility needs light in each")
    fringes = np.abs(sideband.apply(frames - mean[:, np.newaxis, np.newaxis]))
    return np.asarray(2 * fringes.mean(axis=(1, 2)) / mean)


def phase_error(estimate: FieldEstimate) -> NDArray[np.float64]:
    """Return the standard error of the phase of fields.

    .. math:: \\sigma_\\varphi = \\frac{\\sigma}{\\sqrt 2 \\, |\\hat S|}

    Parameters
    ----------
    estimate : FieldEstimate
        Fields.

    Returns
    -------
    ndarray
        Standard error in radians where it is below about 0.3; elsewhere at most that of an even phase, pi / sqrt(3).
    """
    modulus = np.maximum(np.abs(estimate.value), np.finfo(np.float64).tiny ** 0.5)
    return np.asarray(np.minimum(estimate.standard_error / (math.sqrt(2) * modulus), math.pi / math.sqrt(3)))


def unwrapped_phase(estimate: FieldEstimate, *, least_signal: float = 0.0) -> np.ma.MaskedArray:
    """Return the phase of fields without its jumps.

    Parameters
    ----------
    estimate : FieldEstimate
        Fields, shape (frame, y, x).
    least_signal : float, optional
        Modulus of the field over its standard error below which the phase is left out: phases of dark places wind
        about zeros and cannot be unwrapped.

    Returns
    -------
    MaskedArray, shape (frame, y, x)
        Phase in radians, up to a whole number of turns for each frame and each part that is connected; masked where
        it is left out.

    Raises
    ------
    ValueError
        If the fields are not of shape (frame, y, x), or a frame has nothing to unwrap.

    References
    ----------
    .. [1] Herraez et al., Appl. Opt. 41, 7437 (2002), as scikit-image has it. doi:10.1364/AO.41.007437
    """
    check_number("least_signal", least_signal, at_least=0)
    if estimate.value.ndim != 3:
        raise ValueError(f"fields must have shape (frame, y, x) to be unwrapped, got {estimate.value.shape}")
    good = estimate.valid & (np.abs(estimate.value) >= least_signal * estimate.standard_error)
    empty = np.flatnonzero(~good.any(axis=(1, 2)))
    if empty.size:
        raise ValueError(
            f"frame {empty[0]} has no valid sample with a signal of {least_signal:g} standard errors: take a lower "
            "least_signal or more light"
        )
    # The generator breaks ties alone; a fixed one makes the phase the same each time.
    phases = [
        np.asarray(unwrap_phase(np.ma.masked_array(np.angle(value), ~mask), rng=0))  # type: ignore[no-untyped-call]  # ships no types
        for value, mask in zip(estimate.value, good, strict=True)
    ]
    return np.ma.masked_array(np.stack(phases), ~good)
