"""Drift of a bench, followed by one pattern that is shown again and again."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from calibration.holography.phase_drift import relative_phase
from calibration.light import FieldEstimate, Light
from optics.validation import check_number

LEAST_CORRELATION = 0.9
"""Correlation of a reference frame with the one before it below which frames are taken to be lost or out of order."""

SURE = 4.0
"""Standard errors by which a correlation must be low for that."""

SEEN = 0.05
"""Variance of a speckle over that of the noise below which its correlation is not told."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DriftTrack:
    """What repeated frames of one pattern tell of a bench between the first and the last of them.

    Parameters
    ----------
    time : ndarray, shape (repeat,)
        When each was taken, in seconds, rising.
    phase : ndarray, shape (repeat,)
        Phase of the field against the first, unwrapped, in radians; zeros where only intensities are seen.
    phase_error : ndarray, shape (repeat,)
        Standard error of the phase, in radians.
    power : ndarray, shape (repeat,)
        Light over that of the first.
    correlation : ndarray, shape (repeat,)
        Correlation with the first, noise taken off: of fields where phases are seen, else of intensities.
    consecutive : ndarray, shape (repeat,)
        The same with the repeat before; one for the first.
    flicker : float, optional
        Relative rms of the light from one repeat to the next, noise taken off; what is slower is in ``power``.
    reference_light : float, optional
        Mean light of the reference arm over all pixels, in photons per pixel per second; 0 where it is not used.
    consecutive_error : ndarray, shape (repeat,), optional
        Standard error of ``consecutive`` by the noise; zeros where it is not given.
    steps : ndarray, shape (step,), optional
        Phases of the reference arm at which patterns were shown, as they are used: commanded or found, in radians.
    steps_error : ndarray, shape (step,), optional
        Standard errors of those that were found, in radians; zeros for commanded ones.
    """

    time: NDArray[np.float64]
    phase: NDArray[np.float64]
    phase_error: NDArray[np.float64]
    power: NDArray[np.float64]
    correlation: NDArray[np.float64]
    consecutive: NDArray[np.float64]
    flicker: float = 0.0
    reference_light: float = 0.0
    consecutive_error: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))
    steps: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    steps_error: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def phase_at(self, time: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the phase between the repeats, by straight lines; constant beyond the first and the last.

        Parameters
        ----------
        time : ndarray
            Times, in seconds.

        Returns
        -------
        ndarray, same shape
            Phases, in radians.
        """
        return np.interp(time, self.time, self.phase)

    def power_at(self, time: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the light between the repeats over that of the first, by straight lines.

        Parameters
        ----------
        time : ndarray
            Times, in seconds.

        Returns
        -------
        ndarray, same shape
            Relative light.
        """
        return np.interp(time, self.time, self.power)

    def check_order(self, *, least_correlation: float = LEAST_CORRELATION) -> None:
        """Refuse a series whose repeats do not look alike from one to the next.

        Parameters
        ----------
        least_correlation : float, optional
            Correlation of neighbours below which frames must have been lost.

        Raises
        ------
        ValueError
            If two neighbours correlate less; the message says between which times. If they are too dim to tell.

        Notes
        -----
        A correlation is held to be low where it is so by more than `SURE` of its standard errors.
        """
        check_number("least_correlation", least_correlation, at_least=0, at_most=1)
        if least_correlation > 0 and np.isnan(self.consecutive).any():
            raise ValueError(
                "the light of the repeated pattern drowns in the noise, so that lost frames would not be seen: expose "
                "longer, light more, or take least_correlation = 0 to go without"
            )
        broken = np.flatnonzero(self.consecutive + SURE * self.consecutive_error < least_correlation)
        if broken.size:
            first = int(broken[0])
            raise ValueError(
                f"reference frames {first - 1} and {first}, at {self.time[first - 1]:.3g} s and "
                f"{self.time[first]:.3g} s, correlate by {self.consecutive[first]:.2f}, below {least_correlation:g}: "
                "frames between them were lost or came out of order, or the bench drifted that far; check the trigger, "
                "or show reference frames more often"
            )


def track_fields(fields: FieldEstimate, time: NDArray[np.float64]) -> DriftTrack:
    """Return the drift that repeated fields of one pattern show.

    Parameters
    ----------
    fields : FieldEstimate, shape (repeat, output)
        Fields of the pattern, in the order in which they were taken.
    time : ndarray, shape (repeat,)
        When, in seconds.

    Returns
    -------
    DriftTrack
        Phase, power and correlation of each, by `relative_phase`.

    Notes
    -----
    Only outputs that are valid in all repeats count. The phase is unwrapped: it must change by less than pi from one
    repeat to the next.
    """
    _check_times(time, repeats=len(fields.value))
    good = fields.valid.all(axis=0)
    kept = FieldEstimate(fields.value[:, good], fields.standard_error[:, good], fields.valid[:, good])
    noise = np.mean(np.asarray(kept.standard_error, np.float64) ** 2, axis=1)
    power = np.mean(np.abs(kept.value.astype(np.complex128)) ** 2, axis=1)
    drift = relative_phase(kept, _part(kept, slice(0, 1)))
    neighbours = relative_phase(_part(kept, slice(1, None)), _part(kept, slice(0, -1))) if len(time) > 1 else None
    first = np.arange(len(time)) == 0
    return DriftTrack(
        time=np.array(time, np.float64),
        phase=np.unwrap(np.where(first, 0.0, drift.phase)),
        phase_error=np.where(first, 0.0, drift.phase_error),
        power=np.where(first, 1.0, (drift.amplitude / np.maximum(drift.correlation, 1e-9)) ** 2),
        correlation=np.where(first, 1.0, drift.correlation),
        consecutive=np.concatenate([[1.0], [] if neighbours is None else neighbours.correlation]),
        consecutive_error=_correlation_error(noise, np.maximum(power - noise, 0.0), outputs=kept.value.shape[1]),
    )


def _part(fields: FieldEstimate, repeats: slice) -> FieldEstimate:
    """Return some of the repeats."""
    return FieldEstimate(fields.value[repeats], fields.standard_error[repeats], fields.valid[repeats])


def track_light(light: Light, time: NDArray[np.float64]) -> DriftTrack:
    """Return the drift that repeated intensities of one pattern show.

    .. math:: c_{jk} = \\frac{\\mathrm{cov}(I_j, I_k)}{\\sqrt{(\\mathrm{var} I_j - \\epsilon_j)(\\mathrm{var} I_k -
              \\epsilon_k)}}

    Parameters
    ----------
    light : Light, shape (repeat, output)
        Light of the pattern, in the order in which it was taken.
    time : ndarray, shape (repeat,)
        When, in seconds.

    Returns
    -------
    DriftTrack
        Power and correlation of each; phases are not seen and zero.

    Notes
    -----
    Noise that the variances state is taken off: the power is drawn to its mean as far as neighbours scatter alike, by
    noise or by flicker, so that light which is steady is not made to change. Two speckles whose fields correlate with
    rho have c = rho^2 (law L66).
    """
    _check_times(time, repeats=len(light.value))
    good = light.valid.all(axis=0)
    value = np.asarray(light.value[:, good], np.float64)
    mean = value.mean(axis=1)
    deviation = value - mean[:, np.newaxis]
    noise = np.mean(np.asarray(light.variance[:, good], np.float64), axis=1)
    spread = np.mean(deviation**2, axis=1) - noise
    # Where noise is all that is seen a correlation means nothing.
    spread = np.where(spread > SEEN * noise, spread, np.nan)
    with_first = deviation @ deviation[0] / deviation.shape[1]
    neighbours = np.mean(deviation[1:] * deviation[:-1], axis=1)
    zeros = np.zeros(len(value))
    power, flicker = _slow_and_fast(mean, noise / value.shape[1])
    return DriftTrack(
        time=np.array(time, np.float64),
        phase=zeros,
        phase_error=zeros,
        power=power,
        flicker=flicker,
        correlation=_own_one(with_first / np.sqrt(spread * spread[0])),
        consecutive=np.concatenate([[1.0], neighbours / np.sqrt(spread[1:] * spread[:-1])]),
        consecutive_error=_correlation_error(noise, spread, outputs=value.shape[1]),
    )


def _slow_and_fast(mean: NDArray[np.float64], variance: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return the light of repeats over that of the first, without what is noise or flicker, and the relative flicker.

    The scatter of neighbours is that of noise and flicker; what the whole series scatters more is slow.
    """
    if len(mean) < 2:
        return np.ones(len(mean)), 0.0
    middle = float(mean.mean())
    fast = float(np.mean(np.diff(mean) ** 2)) / 2
    scatter = float(np.var(mean, ddof=1))
    noise = float(variance.mean())
    slow = max(1 - max(fast, noise) / scatter, 0.0) if scatter > 0 else 0.0
    steady = middle + slow * (mean - middle)
    visible = fast > noise * (1 + SURE * math.sqrt(2 / (len(mean) - 1)))
    return np.asarray(steady / steady[0]), math.sqrt(fast - noise) / middle if visible and middle > 0 else 0.0


def _correlation_error(noise: NDArray[np.float64], signal: NDArray[np.float64], *, outputs: int) -> NDArray[np.float64]:
    """Return the standard error of the correlation with the repeat before, by noise: sqrt((2 s + s^2) / M).

    s is the noise over the signal of the noisier of the two; to first order for s well below one, else an upper bound.
    """
    share = np.divide(noise, signal, out=np.full(len(noise), np.inf), where=signal > 0)
    worse = np.concatenate([[0.0], np.maximum(share[1:], share[:-1])])
    return np.asarray(np.sqrt((2 * worse + worse**2) / max(outputs, 1)))


def _check_times(time: NDArray[np.float64], *, repeats: int) -> None:
    """Refuse times that do not fit or do not rise."""
    if np.shape(time) != (repeats,) or repeats < 1:
        raise ValueError(f"time must have one entry a repeat, shape ({repeats},), got shape {np.shape(time)}")
    if not (np.diff(time) > 0).all():
        raise ValueError("times of the repeats must rise: frames came out of order")


def _own_one(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return correlations with the first repeat, that with itself being one: its own noise is no difference."""
    correlation[0] = 1.0
    return np.asarray(correlation)
