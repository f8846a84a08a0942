"""Where anchors are in the plane of each pixel, from frames of them alone: static light is one more unknown."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from calibration.lateration.embedding import distance_matrix, embed
from calibration.lateration.nested import frame_slices
from calibration.light import FieldEstimate
from optics.validation import check_count

Real = NDArray[np.float64]
Field = NDArray[np.complex128]

SLAB_BYTES = 64 * 2**20
"""Memory for the normal equations of the pixels that are worked on together."""

RESTARTS = 8
"""Phases of the static field from which pixels start again whose misfit is among the largest tenth."""

STEPS = 60
"""Damped Gauss-Newton steps at most."""


@dataclass(frozen=True, eq=False)
class AnchorPositions:
    """Fields that nested anchors add, in the plane of each pixel.

    Parameters
    ----------
    slices : ndarray of complex128, shape (1 + anchor, output)
        The static field, then what each slice of macropixels adds, in square roots of the unit of the light. Each
        pixel has a rotation and a reflection of its own.
    covariance : ndarray, shape (output, 2 + 2 anchor, 2 + 2 anchor)
        Covariance of the real parts, then the imaginary parts, of the slices, the rotation that fits best taken off.
    misfit : ndarray, shape (output,)
        Sum of the squared residuals over their variances; its mean is the number of frames less the unknowns.
    valid : ndarray of bool, shape (output,)
        False where the frames were not explained, or leave a direction open other than the rotation.
    """

    slices: Field
    covariance: Real
    misfit: Real
    valid: NDArray[np.bool_]

    @property
    def static(self) -> Field:
        """Return the field with everything off, of shape (output,)."""
        return np.asarray(self.slices[0])

    @property
    def anchors(self) -> Field:
        """Return what each anchor adds to the static field, of shape (anchor, output)."""
        return np.asarray(np.cumsum(self.slices[1:], axis=0), np.complex128)


def calibrate_anchors(light: ArrayLike, variance: ArrayLike, *, anchors: int, static: bool = True) -> AnchorPositions:
    """Find nested anchors from the light of their frames, with the static light of a leaky bench or without.

    .. math:: \\min_{e, t} \\sum_f \\frac{(|e + \\sum_{k \\in f} t_k|^2 - I_f)^2}{v_f}

    Parameters
    ----------
    light : array_like, shape (frame, output)
        Light of the frames of `anchor_frames`, in their order.
    variance : array_like
        Variance of the light, of a shape that broadcasts to its; infinite where a frame saturated, to leave it out.
    anchors : int
        Number of anchors m.
    static : bool, optional
        Whether a static field e is fitted; False takes it as zero.

    Returns
    -------
    AnchorPositions
        Static field and slices, up to a rotation and a reflection of each pixel.

    Raises
    ------
    ValueError
        If there are fewer than two anchors, or four with a static field, if the shapes do not fit, or if the points lie
        on a line in every pixel.

    Notes
    -----
    A bench with off-state light shows e + T b. Frames of differences then are no squared distances: that of s_j without
    s_i is the square of a_j - a_i + e. The 1 + m (m + 1) / 2 frames have 2 m + 1 unknowns, and from four anchors on
    they tell the slices and the static field apart; all is known but the rotation and the reflection. The start is
    classical scaling of the light less that of the empty frame, and a static field that is linear in what it leaves;
    pixels with large misfits start again from other phases of it. Two different planes can explain the same frames:
    nothing shows it, and the error bars are those of one of them. With errors of a per cent of the light it was seen in
    1 to 3 % of the pixels with four anchors, and in about one in a thousand with six and more.

    An uneven response of the pixels (PRNU) scales all light of a pixel and is in no error bar.
    """
    check_count("anchors", anchors, at_least=4 if static else 2)
    design = frame_slices(anchors)
    measured = np.asarray(light, np.float64)
    if measured.ndim != 2 or len(measured) != len(design):
        raise ValueError(
            f"{anchors} anchors have {len(design)} frames, got light of shape {measured.shape}: "
            "show those of anchor_frames, in their order"
        )
    noise = np.broadcast_to(np.asarray(variance, np.float64), measured.shape)
    if not (noise > 0).all():
        raise ValueError(f"variance = {noise.min():g} is not allowed: it must be positive for every frame")
    finite = np.asarray(np.isfinite(measured).all(axis=0))
    usable = np.where(finite, measured, 0.0)
    if not static:
        design, usable, noise = design[1:, 1:], usable[1:], noise[1:]
    start = _start(usable, anchors=anchors, static=static)
    size = design.shape[1]
    slices = np.empty((size, measured.shape[1]), np.complex128)
    covariance = np.empty((measured.shape[1], 2 * size, 2 * size))
    misfit, rank = np.empty(measured.shape[1]), np.empty(measured.shape[1], np.int64)
    step = max(1, SLAB_BYTES // (8 * 4 * (2 * size) ** 2))
    fit = _fit if static else _descend  # without static light scaling starts next to the minimum
    for first in range(0, measured.shape[1], step):
        slab = slice(first, first + step)
        slices[:, slab], misfit[slab] = fit(usable[:, slab], noise[:, slab], design, start[:, slab])
        covariance[slab], rank[slab] = _covariance(noise[:, slab], design, slices[:, slab])
    valid = finite & (rank == 2 * size - 1) & (misfit < _largest_misfit(design))
    if not static:
        slices = np.concatenate([np.zeros_like(slices[:1]), slices])
        covariance = _with_static(covariance, size)
    return AnchorPositions(slices, covariance, misfit, valid)


def anchor_modulus(positions: AnchorPositions) -> FieldEstimate:
    """Return the modulus of what each anchor adds: that of A r itself, not that of the frame with static light in it.

    .. math:: |a_k| = \\Big|\\sum_{l \\le k} t_l\\Big|, \\qquad \\mathrm{var} |a_k| = u^T C u, \\quad u = a_k / |a_k|

    Parameters
    ----------
    positions : AnchorPositions
        Calibrated anchors.

    Returns
    -------
    FieldEstimate
        Moduli as complex numbers without imaginary part, of shape (anchor, output), with standard errors of the
        modulus.

    Notes
    -----
    The projection by an anchor r on a bench with static light delivers rows Re(conj(Ar) A) / |Ar + e|: directions are
    right, and each row carries the gain |Ar| / |Ar + e|, which no frames of one whole anchor can tell, as |Ar| appears
    in none without e. The frames of `anchor_frames` of slices of the anchor can, 11 for four slices and 22 for six:
    multiply a row by |Ar + e| / |Ar| to have it as on a bench without static light.
    """
    anchors, size = positions.anchors, len(positions.slices)
    value = np.abs(anchors)
    unit = anchors / np.maximum(value, np.finfo(np.float64).tiny)
    steps = np.tril(np.ones((size - 1, size)))
    steps = np.concatenate([np.zeros((size - 1, 1)), steps[:, :-1]], axis=1)
    slope = np.concatenate([unit.real[..., None] * steps[:, None], unit.imag[..., None] * steps[:, None]], axis=2)
    error = np.sqrt(np.maximum(np.einsum("koi,oij,koj->ko", slope, positions.covariance, slope), 0))
    return FieldEstimate(value + 0j, error, np.broadcast_to(positions.valid, value.shape).copy())


def _start(light: Real, *, anchors: int, static: bool) -> Field:
    """Return first guesses of the slices: scaling, then the static field that explains what is left."""
    pairs = light[1:] - light[0] if static else light
    distances = distance_matrix(np.maximum(pairs, 0), points=anchors + 1)
    points = embed(distances, variance=1.0, largest_condition=1e12).points
    slices = np.diff(points, axis=0)
    if not static:
        return np.asarray(slices)
    first, second = np.triu_indices(anchors + 1, 1)
    apart = points[second] - points[first]
    rest = pairs - np.abs(apart) ** 2
    spread_of, skew, pull = np.sum(np.abs(apart) ** 2, axis=0), np.sum(apart**2, axis=0), np.sum(rest * apart, axis=0)
    tiny = np.finfo(np.float64).tiny
    # Points on a line leave one direction of the field open: the floor keeps the first guess finite in any unit.
    apart_from_line = np.maximum(spread_of**2 - np.abs(skew) ** 2, 1e-12 * spread_of**2 + tiny)
    field = (spread_of * pull - skew * pull.conj()) / apart_from_line
    bright = np.sqrt(np.maximum(light[0], 0))
    field = field * bright / np.maximum(np.maximum(np.abs(field), bright), tiny)  # no brighter than all-off frames
    return np.concatenate([field[None], slices])


def _largest_misfit(design: Real, *, share: float = 1e-6) -> float:
    """Return the misfit above which a share of the pixels lies by chance."""
    return float(chi2.isf(share, max(1, design.shape[0] - 2 * design.shape[1] + 1)))


def _fit(light: Real, variance: Real, design: Real, start: Field) -> tuple[Field, Real]:
    """Return slices and misfit; a tenth of the pixels, and all in poor minima, start again from other static fields."""
    slices, misfit = _descend(light, variance, design, start)
    for phase in np.exp(2j * np.pi * np.arange(RESTARTS) / RESTARTS):
        poor = np.flatnonzero(misfit > _largest_misfit(design, share=0.1))
        if not poor.size:
            break
        again = start[:, poor].copy()
        again[0] = np.sqrt(np.maximum(light[0, poor], 0)) * phase
        other, rest = _descend(light[:, poor], variance[:, poor], design, again)
        better = rest < misfit[poor]
        slices[:, poor[better]], misfit[poor[better]] = other[:, better], rest[better]
    return slices, misfit


def _descend(light: Real, variance: Real, design: Real, start: Field) -> tuple[Field, Real]:
    """Return slices after damped Gauss-Newton steps, and their misfit."""
    slices, damping = start.copy(), np.full(light.shape[1], 1e-2)
    best = _misfit(light, variance, design, slices)
    for _ in range(STEPS):
        field = design @ slices
        normal = _normal(variance, design, field)
        rest = (light - np.abs(field) ** 2) / variance
        pull = 2 * design.T @ (rest * field)
        right = np.concatenate([pull.real, pull.imag]).T
        scale = np.trace(normal, axis1=1, axis2=2) / len(normal[0]) + np.finfo(np.float64).tiny
        stiff = normal + (damping * scale)[:, None, None] * np.eye(normal.shape[1])
        move = np.linalg.solve(stiff, right[..., None])[..., 0].T
        moved = slices + move[: len(slices)] + 1j * move[len(slices) :]
        there = _misfit(light, variance, design, moved)
        better = there <= best
        gain = np.max(np.where(better, best - there, 0.0), initial=0.0)
        slices, best = np.where(better, moved, slices), np.where(better, there, best)
        damping = np.where(better, damping / 10, damping * 10).clip(1e-12, 1e8)
        if gain < 1e-10 and better.all():
            break
    return slices, best


def _misfit(light: Real, variance: Real, design: Real, slices: Field) -> Real:
    """Return the sum of the squared residuals over their variances."""
    return np.asarray(np.sum((light - np.abs(design @ slices) ** 2) ** 2 / variance, axis=0))


def _normal(variance: Real, design: Real, field: Field) -> Real:
    """Return the normal matrices of real and imaginary parts, shape (output, 2 slice, 2 slice)."""
    size = design.shape[1]
    products = (design[:, :, None] * design[:, None]).reshape(len(design), -1).T
    weight = 4 / variance
    parts = (field.real**2, field.real * field.imag, field.imag**2)
    real, mixed, imaginary = ((products @ (weight * part)).T.reshape(-1, size, size) for part in parts)
    return np.block([[real, mixed], [mixed, imaginary]])


def _covariance(variance: Real, design: Real, slices: Field) -> tuple[Real, NDArray[np.int64]]:
    """Return the inverse of the normal matrices, the rotation left out, and their ranks."""
    values, vectors = np.linalg.eigh(_normal(variance, design, design @ slices))
    kept = values > 1e-12 * np.maximum(values[:, -1:], np.finfo(np.float64).tiny)
    kept[:, 0] = False
    inverse = np.where(kept, 1 / np.where(kept, values, 1.0), 0.0)
    return (vectors * inverse[:, None]) @ np.swapaxes(vectors, 1, 2), kept.sum(axis=1)


def _with_static(covariance: Real, size: int) -> Real:
    """Return covariances with a static field that is known to be zero."""
    places = np.concatenate([np.arange(1, size + 1), np.arange(size + 2, 2 * size + 2)])
    wider = np.zeros((len(covariance), 2 * size + 2, 2 * size + 2))
    wider[:, places[:, None], places] = covariance
    return wider
