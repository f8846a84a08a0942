"""Numerical interferometry: a whole transmission matrix from intensities, with no reference and no iteration over it.

Fields of all signals are points of a plane, one plane a camera pixel; frames of differences of patterns tell their
squared distances to some anchors. With the off-state field e and fields T x of the macropixels that are on, the frame
of an anchor s without a signal x inside it is |(e + T s) - T x|^2, and the signal's own frame |(-e) - T x|^2: anchors
are points too, at e + T s and -e, and a static field only moves them. Frames of differences of anchors have e once too
much or too little; e is one more unknown, found with the others.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.light import FieldEstimate, Light
from calibration.matrices.half_solution import HalfFrames, HalfSolution, solve_half
from calibration.matrices.nested_anchors import InterferometryPlan
from calibration.matrices.noise_law import NoiseLaw, noise_law
from calibration.matrices.row_polish import polish_rows
from calibration.matrices.stitching import Part, stitch
from optics.validation import check_count, check_number, check_states

Real = NDArray[np.float64]
Field = NDArray[np.complex128]

UNEXPLAINED = 0.3
"""Part of the variance of the light, noise taken off, that the matrix may leave unexplained in the median pixel."""

CHECKED_FRAMES = 500
"""Frames, spread over all, that are compared with the light that the matrix gives."""

OUTLYING = 6.0
"""Robust standard deviations by which the misfit of a pixel may exceed that of the median pixel."""

EVIDENCE = 10.0
"""Nats by which the orientation of the halves that is taken must beat the other: 1 row in 20 000 would be wrong."""


@dataclass(frozen=True, kw_only=True, eq=False)
class InterferometryEstimate:
    """A transmission matrix up to a phase and a conjugation of each row.

    Parameters
    ----------
    matrix : FieldEstimate
        Entries of shape (output, input).
    static : FieldEstimate
        Fields of shape (output,) with everything off, with the phases of the rows.
    misfit : ndarray, shape (output,)
        chi^2 per degree of freedom of the distances: one where the noise is what the light said.
    polished : ndarray of bool, shape (output,)
        Rows that were fitted to all frames at once.
    """

    matrix: FieldEstimate
    static: FieldEstimate
    misfit: Real
    polished: NDArray[np.bool_]

    def light(self, patterns: ArrayLike) -> Real:
        """Return the light that patterns would give.

        .. math:: I(b) = |e + T b|^2

        Parameters
        ----------
        patterns : array_like of bool, shape (frame, input)
            Macropixel states.

        Returns
        -------
        ndarray, shape (frame, output)
            Photons per pixel per second.

        Raises
        ------
        TypeError, ValueError
            If the patterns are not boolean, or of another number of inputs.
        """
        states = check_states(patterns, inputs=self.matrix.value.shape[1])
        return np.asarray(np.abs(states.astype(np.float64) @ self.matrix.value.T + self.static.value) ** 2, np.float64)


def decode_interferometry(
    light: Light, plan: InterferometryPlan, *, light_noise: float = 0.0, steps: int = 12, polish: bool = False
) -> InterferometryEstimate:
    """Return the transmission matrix from the frames of a plan.

    Parameters
    ----------
    light : Light
        Light of the frames in the order of ``plan.patterns``, shape (frame, ...); all further axes are outputs.
    plan : InterferometryPlan
        The frames.
    light_noise : float, optional
        Relative rms of the light from frame to frame.
    steps : int, optional
        Largest number of steps of the joint fit. 0 leaves the linear start as published: classical scaling, then
        multilateration, without a static field and with errors larger than what is quoted.
    polish : bool, optional
        Fit each row to all frames at once, from what the halves gave: errors are 1.5 to 3 times smaller. Takes frames x
        inputs x outputs operations a few hundred times, and frames x inputs^2 x outputs for the errors.

    Returns
    -------
    InterferometryEstimate
        The matrix, the static field and the misfit. Rows are known up to a phase and a conjugation
        (`calibration.matrices.stitching.row_turn` turns them onto a reference); standard errors are those after that.

    Raises
    ------
    ValueError
        If the number of frames does not fit, if the anchors of every pixel are collinear, or if the light does not
        follow the patterns, as with frames in the wrong order.

    Notes
    -----
    Saturated readings have no weight. Flagged are pixels whose anchors lie on a line, whose halves fit each other
    nearly as well in the wrong orientation, whose misfit stands out from that of the others by six standard deviations,
    and those in which a signal has fewer than four readings left. Pixels are taken a few at a time: beside light and
    result, memory is a few dozen times `calibration.matrices.half_solution.BLOCK_BYTES` for each of two threads.

    Where anchors nearly lie on a line, mirror images of signals about it explain the light as well, and errors by
    curvature know nothing of them. What they do shows where the halves share columns: variances, and the evidence of
    the orientation, are scaled by the misfit of the halves to each other, or to their light, if that is larger.
    Polished rows tie signals of both halves to one row, which leaves no mirror images; one that then does not explain
    the light (`calibration.matrices.row_polish.polish_rows`) stays as the halves gave it. Where few entries share the
    light of a row and light is weak, what is quoted is too small: see ``benchmarks/fibre_matrices.py``.

    References
    ----------
    .. [1] S. Gupta, R. Gribonval, L. Daudet and I. Dokmanic, "Fast optical system identification by numerical
       interferometry", ICASSP 2020, 1474-1478. arXiv:1911.01006
    """
    check_number("light_noise", light_noise, at_least=0, at_most=1)
    check_count("steps", steps, at_least=0)
    if len(light.value) != plan.frames:
        raise ValueError(
            f"the plan has {plan.frames} frames, got light of {len(light.value)}: hand over one frame for each of "
            "plan.patterns, in their order"
        )
    size = (plan.frames, -1)
    flat = Light(light.value.reshape(size), light.variance.reshape(size), light.valid.reshape(size))
    noise = noise_law(flat, relative=light_noise)
    first, second = _solve_halves(flat, plan, noise, steps)
    degrees = first.degrees + second.degrees
    misfit = (first.squares + second.squares) / degrees
    good = np.flatnonzero(first.valid & second.valid)
    if not len(good):
        raise ValueError(
            "no pixel has usable anchors and four readings of each signal left: check for saturation, and that the "
            "frames are those of the plan"
        )
    parts = [_rows(half.part, good) for half in (first, second)]
    whole, turn = stitch(parts[0], parts[1], inputs=plan.inputs + 1)
    scale = np.maximum(np.maximum(misfit[good], 1), turn.variance_scale)
    whole = replace(whole, variance=whole.variance * scale[:, np.newaxis])
    sure, polished = turn.evidence > EVIDENCE * scale, np.zeros(len(good), np.bool_)
    if polish:
        other = stitch(parts[0], parts[1], inputs=plan.inputs + 1, opposite=True)[0].value
        whole, polished = _polish(whole, other, _pixels(flat, good), plan, noise=noise, misfit=misfit[good])
    sure = (sure | polished) & (misfit[good] < _largest_misfit(misfit[good], degrees[good]))
    estimate = _estimate(whole, good, sure, polished, misfit)
    _check_order(flat, plan, estimate)
    return estimate


def _estimate(
    whole: Part, good: NDArray[np.int64], sure: NDArray[np.bool_], polished: NDArray[np.bool_], misfit: Real
) -> InterferometryEstimate:
    """Return the rows that were solved among all."""
    outputs, width = len(misfit), whole.value.shape[1]
    value, error = np.zeros((outputs, width), np.complex128), np.full((outputs, width), np.inf)
    value[good], error[good] = whole.value, np.sqrt(whole.variance)
    valid, fitted = np.zeros((2, outputs), np.bool_)
    valid[good], fitted[good] = sure, polished
    flags = np.repeat(valid[:, np.newaxis], width - 1, axis=1)
    return InterferometryEstimate(
        matrix=FieldEstimate(value[:, :-1], error[:, :-1], flags),
        static=FieldEstimate(value[:, -1], error[:, -1], valid), misfit=misfit, polished=fitted,
    )  # fmt: skip


def _polish(
    whole: Part, other: Field, light: Light, plan: InterferometryPlan, *, noise: NoiseLaw, misfit: Real
) -> tuple[Part, NDArray[np.bool_]]:
    """Return rows fitted to all frames where that explains them, and where."""
    found = polish_rows([whole.value, other], light=light, patterns=plan.patterns, noise=noise, misfit=misfit)
    fitted = found.fitted[:, np.newaxis]
    value, variance = np.where(fitted, found.value, whole.value), np.where(fitted, found.variance, whole.variance)
    return replace(whole, value=value, variance=variance), found.fitted


def _solve_halves(light: Light, plan: InterferometryPlan, noise: NoiseLaw, steps: int) -> list[HalfSolution]:
    """Return both halves."""
    start, halves = plan.off_frames, []
    for half in plan.halves:
        frames = HalfFrames(light=light, half=half, off_frames=plan.off_frames, start=start, noise=noise)
        halves.append(solve_half(frames, steps=steps))
        start += half.frames
    return halves


def _check_order(light: Light, plan: InterferometryPlan, estimate: InterferometryEstimate) -> None:
    """Refuse light that the matrix does not give back with the patterns: they were not what was shown."""
    some = slice(None, None, max(1, plan.frames // CHECKED_FRAMES))
    rows = estimate.static.valid
    measured, shown = light.value[some][:, rows].astype(np.float64), plan.patterns[some]
    noise = light.variance[some][:, rows].mean(axis=0)
    left = np.mean((measured - estimate.light(shown)[:, rows]) ** 2, axis=0) - noise
    unexplained = left / np.maximum(measured.var(axis=0) - noise, np.finfo(np.float64).tiny)
    if not rows.any() or np.median(unexplained) > UNEXPLAINED:
        left_over = f"{np.median(unexplained):.0%}" if rows.any() else "all"
        raise ValueError(
            f"the matrix leaves {left_over} of the light's variance in the median pixel: the frames do not show what "
            "the plan says; check their order, lost frames, and that the medium did not change meanwhile"
        )


def _largest_misfit(misfit: Real, degrees: Real) -> float:
    """Return the misfit from which on a pixel stands out; the median deviation holds 1 / 1.4826 of a standard one."""
    middle = float(np.median(misfit))
    spread = max(1.4826 * float(np.median(np.abs(misfit - middle))), float(np.sqrt(2 / np.median(degrees))))
    return middle + OUTLYING * spread


def _rows(part: Part, rows: NDArray[np.int64]) -> Part:
    """Return some rows of a part."""
    return replace(part, value=part.value[rows], variance=part.variance[rows])


def _pixels(light: Light, pixels: NDArray[np.int64]) -> Light:
    """Return some pixels of all frames, without a copy where all are wanted."""
    if len(pixels) == light.value.shape[1]:
        return light
    return Light(light.value[:, pixels], light.variance[:, pixels], light.valid[:, pixels])
