"""How far fringes fade within an exposure: the mean phasor of a phase that drifts and vibrates.

Two ways, the cheaper of which is taken. Moments: Gauss-Legendre quadrature, as many moments as the fastest motion
needs. Harmonics: a vibration is a sum of pure tones, exp(-i A sin a) = sum_k J_k(A) exp(-i k a), and each tone has its
mean over the exposure in closed form, however many periods that holds.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import eval_legendre, jv, spherical_jn

from optics.media.phase_drift import PhaseDrift, VibrationLine

MOMENTS = 16
"""Gauss-Legendre moments in a panel of an exposure."""

PANEL_PHASE = 16.0
"""Phase that the motion may run through in a panel, in radians: 16 moments then leave an error below 1e-10."""

DRIFT_MOMENTS = 8
"""Moments at which harmonics meet the slow drift in a panel; between them it is interpolated."""

DRIFT_PHASE = 2.0
"""Phase that the slow drift may run through between them, in radians: 8 moments then leave an error below 1e-6."""

SIDEBANDS = 6.0
"""Multiples of the fastest frequency that a vibration fills beyond its largest frequency shift."""

UNEVEN = 1.25
"""What uneven (Gauss) moments add to the error of a rough path over even ones; 1.24 for 16, 1.23 for 8."""

ROUGH_ERROR = 1e-3
"""Rms error of the phase, in radians, to which a rough (exponential) path is averaged."""

NEGLECTED = 1e-8
"""Sum of the moduli of all the harmonics that are left out."""

MOST_TERMS = 2**18
"""Products of harmonics that are written out, at most."""

BLOCK = 2**16
"""Moments, or terms, that are held at once."""


def mean_phasor(
    drift: PhaseDrift, starts: NDArray[np.float64], *, exposure_time: float, seed: int
) -> NDArray[np.complex128]:
    """Return the mean phasor of a moving phase in each exposure.

    .. math:: \\gamma = \\frac{1}{T} \\int_{t}^{t + T} e^{-i \\varphi(u)} \\, du

    Parameters
    ----------
    drift : PhaseDrift
        The phase phi: slow drift and vibration lines.
    starts : ndarray, shape (frame,)
        Start t of each exposure, in seconds.
    exposure_time : float
        Exposure time T, in seconds.
    seed : int
        Seed of the phase.

    Returns
    -------
    ndarray of complex128, shape (frame,)
        Mean phasors; each has the same bits whatever other exposures are asked for.

    Notes
    -----
    The error is below 1e-6 for vibrations and for a smooth (gaussian) drift of any rms, whatever their frequencies.
    The path of an exponential drift is rough: n moments leave a phase error of rms 1.25 sigma sqrt(T / (6 tau_c)) / n,
    which is held below 1e-3 rad, by 16 moments for each 1/4096 of tau_c at most: there the path becomes smooth.

    Memory is bounded: exposures and moments are taken in blocks of 65536 moments, or as many terms. The cost of an
    exposure grows with T times the rate of the phase, but no further than that of the harmonics where lines do it.
    """
    lines = tuple(line for line in drift.lines if line.amplitude)
    if not drift.rms and not lines:
        return np.ones(len(starts), np.complex128)
    rule = _rule(drift, lines, exposure_time)
    span = exposure_time / rule.panels
    panels_held = max(1, BLOCK // rule.cost)
    frames_held = max(1, BLOCK // (rule.cost * min(rule.panels, panels_held)))
    mean = np.zeros(len(starts), np.complex128)
    for first in range(0, rule.panels, panels_held):
        offsets = span * np.arange(first, min(first + panels_held, rule.panels))
        for frame in range(0, len(starts), frames_held):
            begins = starts[frame : frame + frames_held, np.newaxis] + offsets
            mean[frame : frame + frames_held] += rule.average(drift, begins, span, seed).sum(axis=-1)
    return mean / rule.panels


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """In how many equal panels an exposure is cut, how each is averaged, and the numbers that one needs."""

    panels: int
    cost: int
    average: Callable[[PhaseDrift, NDArray[np.float64], float, int], NDArray[np.complex128]]


def _rule(drift: PhaseDrift, lines: tuple[VibrationLine, ...], exposure_time: float) -> _Rule:
    """Return the cheaper of the two ways."""
    slow, rough = _slow_rate(drift) * exposure_time, _rough_moments(drift, exposure_time)
    moved = slow + exposure_time * _line_rate(lines)
    panels = max(math.ceil(moved / PANEL_PHASE), math.ceil(rough / MOMENTS), 1)
    moments = _Rule(panels=panels, cost=MOMENTS, average=_by_moments)
    terms = _harmonics(lines) if lines else None
    if terms is None:
        return moments
    panels = max(math.ceil(slow / DRIFT_PHASE), math.ceil(rough / DRIFT_MOMENTS), 1)
    cost = len(terms[1]) * (DRIFT_MOMENTS if drift.rms else 1)
    harmonics = _Rule(panels=panels, cost=cost, average=functools.partial(_by_harmonics, lines))
    return min(moments, harmonics, key=lambda rule: rule.panels * rule.cost)


def _slow_rate(drift: PhaseDrift) -> float:
    """Return the fastest that a smooth drift moves, 6 standard deviations of its slope, in radians per second.

    To that the bandwidth of the path itself is added: its spectrum is exp(-(omega tau_c)^2 / 4).
    """
    if not drift.rms or drift.law != "gaussian":
        return 0.0
    return (6 * math.sqrt(2) * drift.rms + 10) / drift.correlation_time


def _rough_moments(drift: PhaseDrift, exposure_time: float) -> float:
    """Return the moments that a rough path needs; finer than its last leaf it is smooth."""
    if not drift.rms or drift.law != "exponential":
        return 0.0
    needed = UNEVEN * drift.rms * math.sqrt(exposure_time / (6 * drift.correlation_time)) / ROUGH_ERROR
    return min(needed, MOMENTS * max(1.0, exposure_time / drift.resolution))


def _line_rate(lines: tuple[VibrationLine, ...]) -> float:
    """Return the fastest that vibrations move the phasor, in radians per second."""
    shift = math.fsum(line.amplitude * line.frequency for line in lines)
    return 2 * math.pi * (shift + SIDEBANDS * max((line.frequency for line in lines), default=0.0))


def _by_moments(drift: PhaseDrift, begins: NDArray[np.float64], span: float, seed: int) -> NDArray[np.complex128]:
    """Return the mean over each panel by quadrature."""
    nodes, weights = _quadrature(MOMENTS)
    phases = drift.phase(begins[..., np.newaxis] + span * (1 + nodes) / 2, seed=seed)
    mean = np.empty(begins.shape, np.complex128)
    mean.real, mean.imag = (np.cos(phases) * weights).sum(axis=-1), -(np.sin(phases) * weights).sum(axis=-1)
    return mean


def _by_harmonics(
    lines: tuple[VibrationLine, ...], drift: PhaseDrift, begins: NDArray[np.float64], span: float, seed: int
) -> NDArray[np.complex128]:
    """Return the mean over each panel, tone by tone."""
    moments = DRIFT_MOMENTS if drift.rms else 1
    orders, strengths, tone_weights = _tones(lines, span, moments)
    starts = [start for line, start in zip(drift.lines, drift.starts(seed), strict=True) if line.amplitude]
    phases = np.zeros((*begins.shape, len(strengths)))
    for order, line, start in zip(orders.T, lines, starts, strict=True):
        middle = 2 * math.pi * np.mod(line.frequency * (begins + span / 2), 1.0) + start
        phases += order * middle[..., np.newaxis]
    cosine, sine = np.cos(phases) * strengths, np.sin(phases) * strengths
    slow = drift.slow(begins[..., np.newaxis] + span * (1 + _quadrature(moments)[0]) / 2, seed=seed)
    real, imaginary = np.zeros(begins.shape), np.zeros(begins.shape)
    for moment in range(moments):
        # Products of reals: those of complex numbers may round differently in blocks of another size.
        weight, turned = tone_weights[0, moment], tone_weights[1, moment]
        tone = (cosine * weight + sine * turned).sum(axis=-1), (cosine * turned - sine * weight).sum(axis=-1)
        c, s = np.cos(slow[..., moment]), np.sin(slow[..., moment])
        real += c * tone[0] + s * tone[1]
        imaginary += c * tone[1] - s * tone[0]
    return real + 1j * imaginary


@functools.lru_cache(maxsize=8)
def _quadrature(moments: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the moments of a panel, from -1 to 1, and their weights, which add up to one."""
    nodes, weights = np.polynomial.legendre.leggauss(moments)
    return nodes, weights / 2


@functools.lru_cache(maxsize=4)
def _tones(
    lines: tuple[VibrationLine, ...], span: float, moments: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the orders and strengths of the tones, and the weight of a smooth factor at each moment of a panel.

    The factor is expanded in Legendre polynomials; the mean of P_n exp(-i w x) from -1 to 1 is (-i)^n j_n(w). Weights
    have the shape (2, moment, term): real parts, imaginary parts.
    """
    terms = _harmonics(lines)
    if terms is None:
        raise ValueError(f"{len(lines)} vibration lines have more than {MOST_TERMS} harmonics: average by moments")
    orders, strengths = terms
    turns = math.pi * span * (orders * [line.frequency for line in lines]).sum(axis=1)
    nodes, weights = _quadrature(moments)
    tones = np.zeros((moments, len(turns)), np.complex128)
    for n in range(moments):
        legendre = (2 * n + 1) * (-1j) ** n * weights * eval_legendre(n, nodes)
        tones += legendre[:, np.newaxis] * spherical_jn(n, turns)
    return orders, strengths, np.array([tones.real, tones.imag])


@functools.lru_cache(maxsize=32)
def _harmonics(lines: tuple[VibrationLine, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the orders, shape (term, line), and strengths of the tones; None where they are too many.

    .. math:: e^{-i \\sum_l A_l \\sin a_l} = \\sum_k \\Bigl[\\prod_l J_{k_l}(A_l)\\Bigr] e^{-i \\sum_l k_l a_l}
    """
    orders, strengths = np.zeros((1, 0)), np.ones(1)
    spectra = [_spectrum(line.amplitude) for line in lines]
    for index, (own, strength) in enumerate(spectra):
        if len(own) * len(strengths) > MOST_TERMS:
            return None
        both = np.multiply.outer(strengths, strength).ravel()
        orders = np.column_stack([np.repeat(orders, len(own), axis=0), np.tile(own, len(strengths))])
        later = math.prod(float(np.abs(one).sum()) for _, one in spectra[index + 1 :])
        weakest = np.argsort(np.abs(both), kind="stable")
        kept = np.sort(weakest[np.cumsum(np.abs(both[weakest])) > NEGLECTED / (len(lines) * later)])
        orders, strengths = orders[kept], both[kept]
    return orders, strengths


def _spectrum(amplitude: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the orders of a vibration and their Bessel functions; what lies beyond is below round-off."""
    most = math.ceil(amplitude + 12 * amplitude ** (1 / 3) + 8)
    orders = np.arange(-most, most + 1, dtype=np.float64)
    return orders, np.asarray(jv(orders, amplitude))
