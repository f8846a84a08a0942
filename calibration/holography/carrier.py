"""The carrier of off-axis holograms, found in their spectrum.

Convention: with the frame |S + R exp(-i delta)|^2, the product S R* exp(+i delta) beats at the carrier f_c and its
conjugate at -f_c. Intensities alone do not tell the two apart: f_c is taken in the half plane f_y > 0, or f_y = 0 and
f_x > 0, unless frames with commanded reference phases say which of the two turns with +delta. The reference itself
is tilted by -f_c against the signal.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import maximum_filter1d, median

from calibration.holography.holograms import check_holograms
from calibration.holography.separation import Pair, band_radii, check_separation
from calibration.holography.sideband import Sideband
from optics.validation import check_number

Real = NDArray[np.float64]

BEAM_SHARE = 0.7
"""Share of the sideband's power in its peak from which on it counts as a beam, with a frequency of its own."""

LEAST_POWER = 1e-4
"""Power of a ring, over the mean of all bins, below which it counts as empty: tails of the window, rounding."""


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """Frequency at which the signal beats with the reference.

    Parameters
    ----------
    frequency : tuple of float
        Along (y, x), in cycles per pixel.
    shape : tuple of int
        Pixels of the frames along (y, x).
    brightest_bin : tuple of int
        Bin of the sideband with the most power along (y, x), in cycles per frame, no window on the frame.
    prominence : float
        Power at the carrier over the largest that is found outside the orders, both over the median of their rings;
        the latter taken as at least 6 medians where bins are compared.
    kind : {"beam", "band"}
        Whether the frequency is that of a beam's peak, or the centre of a band without one (speckle, large objects).
    sign_known : bool
        Whether reference phases told the carrier from its opposite.
    """

    frequency: Pair
    shape: tuple[int, int]
    brightest_bin: tuple[int, int]
    prominence: float
    kind: str
    sign_known: bool

    @property
    def cycles_per_frame(self) -> Pair:
        """Return the frequency along (y, x) in cycles per frame."""
        return (self.frequency[0] * self.shape[0], self.frequency[1] * self.shape[1])

    @property
    def opposite(self) -> "Carrier":
        """Return the carrier of the conjugate field."""
        return replace(
            self, frequency=(-self.frequency[0], -self.frequency[1]),
            brightest_bin=(-self.brightest_bin[0], -self.brightest_bin[1]),
        )  # fmt: skip


def find_carrier(
    frames: ArrayLike,
    *,
    radius: float | Pair | None = None,
    lowest: float = 1 / 16,
    least_prominence: float = 3.0,
    reference_phases: ArrayLike | None = None,
    allow_overlap: bool = False,
) -> Carrier:
    """Find the carrier of holograms without a hint.

    Parameters
    ----------
    frames : array_like, shape (frame, y, x)
        Holograms, in any unit; their power spectra are averaged.
    radius : float, tuple of float or None, optional
        Radius of the band of the field, or half axes along (y, x), in cycles per pixel, where it is known: where no
        beam stands out the sideband is then sought as a disc of that size. None looks for a peak alone.
    lowest : float, optional
        Modulus of the frequency below which no carrier is sought, in cycles per pixel; at least the radius is taken.
    least_prominence : float, optional
        Prominence that a sideband needs.
    reference_phases : array_like or None, optional
        Commanded phases delta of the reference, in radians, shape (frame,), where they differ from frame to frame and
        the signal stays: they tell f_c from -f_c.
    allow_overlap : bool, optional
        Whether a carrier whose orders overlap for the given radius is accepted.

    Returns
    -------
    Carrier
        The carrier, to a small part of a cycle per frame.

    Raises
    ------
    ValueError
        If no sideband stands out, the orders overlap for the given radius, the phases do not tell the sign, or frames
        or numbers are not what they should be.

    Notes
    -----
    Frames are weighted by a Hann window, so that borders do not spread power along the axes, and each ring of the
    power spectrum is divided by its median, which levels the slope of the zero order. In white noise the largest of K
    independent bins is p times the second with a probability of about p! / K^(p - 1). A beam is placed by zooming into
    the spectrum; a band (less than `BEAM_SHARE` of its power in a peak) where a disc of the known radius holds most
    power, to a part of a bin, or without a radius at its centroid within |f_c|/3, which large objects pull about.
    """
    array = check_holograms(frames)
    check_number("lowest", lowest, unit="cycles/pixel", above=0, at_most=0.5)
    check_number("least_prominence", least_prominence, at_least=1)
    radii = None if radius is None else band_radii(radius)
    search = _search(array, radii=radii, lowest=lowest, least_prominence=least_prominence)
    found, prominence = search.peak()
    if prominence < least_prominence:
        raise ValueError(
            f"no sideband stands out: the strongest candidate, ({found[0]:.4f}, {found[1]:.4f}) cycles/pixel, has a "
            f"prominence of {prominence:.2f}, and {least_prominence:g} is asked for: check that the reference arm is "
            "open and coherent with the signal, average more holograms, or give the radius of the band"
        )
    frequency, kind = search.refine(found)
    if radius is not None and not allow_overlap:
        check_separation(frequency, radius=radius)
    carrier = Carrier(
        frequency=frequency, shape=search.shape, prominence=prominence, kind=kind, sign_known=False,
        brightest_bin=_brightest(array, frequency, radii=search.order(frequency)),
    )  # fmt: skip
    if reference_phases is None:
        return carrier
    return _signed(carrier, array, phases=np.asarray(reference_phases, float), radii=search.order(frequency))


def _search(frames: Real, *, radii: Pair | None, lowest: float, least_prominence: float) -> "_Spectrum":
    """Return the spectrum to search: that of bins where a beam stands out or no radius is known, else that of discs."""
    plain = _Spectrum(frames, radii=None, lowest=lowest)
    if radii is None:
        return plain
    found, prominence = plain.peak()
    beam = prominence >= least_prominence and plain.refine(found)[1] == "beam"
    return plain if beam else _Spectrum(frames, radii=radii, lowest=lowest)


class _Spectrum:
    """Mean power spectrum of frames, levelled by rings."""

    def __init__(self, frames: Real, *, radii: Pair | None, lowest: float) -> None:
        self.shape = (frames.shape[1], frames.shape[2])
        self.radii = radii
        self.lowest = max(lowest, *radii) if radii else lowest
        self.frames = frames - frames.mean(axis=(1, 2), keepdims=True)
        self.weight = np.hanning(self.shape[0])[:, np.newaxis] * np.hanning(self.shape[1])
        self.axes = (scipy.fft.fftfreq(self.shape[0])[:, np.newaxis], scipy.fft.fftfreq(self.shape[1])[np.newaxis])
        self.power = _mean_power(self.frames * self.weight)
        self.summed = self._summed(self.power)
        self.level = _levelled(self.summed, np.hypot(*self.axes))

    def distance(self, centre: Pair, radii: Pair) -> Real:
        """Return the distance of bins from a frequency, periodic, in units of the half axes."""
        parts = [
            (np.mod(axis - middle + 0.5, 1) - 0.5) / part
            for axis, middle, part in zip(self.axes, centre, radii, strict=True)
        ]
        return np.hypot(*parts)

    def order(self, centre: Pair) -> Pair:
        """Return the half axes of a sideband: the known ones, or a third of the carrier."""
        third = math.hypot(*centre) / 3
        return self.radii or (third, third)

    def peak(self) -> tuple[Pair, float]:
        """Return the bin of the strongest sideband and its prominence."""
        half = (self.axes[0] > 0) | ((self.axes[0] == 0) & (self.axes[1] > 0))
        level = np.where(half & (np.hypot(*self.axes) >= self.lowest), self.level, 0)
        row, column = np.unravel_index(int(level.argmax()), level.shape)
        found = (float(self.axes[0][row, 0]), float(self.axes[1][0, column]))
        if not level.any():
            return found, 0.0
        radii = self.order(found)
        reach = 2.0 if self.radii else 1.0  # a smoothed disc is twice as wide
        outside = (self.distance(found, radii) > reach) & (self.distance((0.0, 0.0), radii) > 2)
        outside &= np.hypot(*self.axes) >= self.lowest
        # Of few bins of noise one may stand out by chance: 18 medians, 3 times 6, have a chance of 4e-6 a bin.
        rest = float(level[outside].max(initial=1.0 if self.radii else 6.0))
        return found, float(level.max()) / rest

    def refine(self, found: Pair) -> tuple[Pair, str]:
        """Return the frequency of a beam, or the centre of a band."""
        radii = self.order(found)
        floor = float(np.median(self.power))
        excess = np.maximum(self.power - 2 * floor, 0)
        brightest = np.unravel_index(
            int(np.where(self.distance(found, radii) <= 1, self.power, 0).argmax()), self.shape
        )
        start = (float(self.axes[0][brightest[0], 0]), float(self.axes[1][0, brightest[1]]))
        lobe = (2.5 / self.shape[0], 2.5 / self.shape[1])  # the main lobe of a Hann window is two bins to each side
        peak, whole = excess[self.distance(start, lobe) <= 1].sum(), excess[self.distance(found, radii) <= 1].sum()
        if peak >= BEAM_SHARE * whole:
            return self._zoom(start), "beam"
        return self._fullest(found) if self.radii else self._centroid(found, excess), "band"

    def _zoom(self, start: Pair) -> Pair:
        """Return the maximum of the continuous power spectrum next to a bin, parabolic on the last grid."""
        centre, step = np.array(start), np.array([0.5 / size for size in self.shape])
        weighted = self.frames * self.weight
        for _ in range(4):
            ticks = centre[:, np.newaxis] + step[:, np.newaxis] * np.arange(-4, 5) / 2
            waves = [np.exp(-2j * np.pi * np.outer(tick, np.arange(size)))
                     for tick, size in zip(ticks, self.shape, strict=True)]  # fmt: skip
            power = np.sum(np.abs(waves[0] @ weighted @ waves[1].T) ** 2, axis=0)
            row, column = np.clip(np.unravel_index(int(power.argmax()), power.shape), 1, 7)
            near = power[row - 1 : row + 2, column - 1 : column + 2]
            shift = np.array([_vertex(near[:, 1]), _vertex(near[1])])
            centre = np.array([ticks[0, row], ticks[1, column]]) + shift * step / 2
            step /= 4
        return (float(centre[0]), float(centre[1]))

    def _fullest(self, found: Pair) -> Pair:
        """Return where a disc of the known radius holds most power, parabolic between bins."""
        near = np.where(self.distance(found, self.order(found)) <= 1, self.summed, 0)
        row, column = (int(part) for part in np.unravel_index(int(near.argmax()), self.shape))
        rows, columns = self.shape
        up = _vertex(self.summed[[row - 1, row, (row + 1) % rows], column])
        along = _vertex(self.summed[row, [column - 1, column, (column + 1) % columns]])
        return float(self.axes[0][row, 0]) + up / rows, float(self.axes[1][0, column]) + along / columns

    def _centroid(self, found: Pair, excess: Real) -> Pair:
        """Return the centroid of the power in a disc that follows it."""
        radii, centre = self.order(found), found
        for _ in range(50):
            inside = np.where(self.distance(centre, radii) <= 1, excess, 0)
            moves = [
                float(np.sum(inside * (np.mod(axis - middle + 0.5, 1) - 0.5)) / inside.sum())
                for axis, middle in zip(self.axes, centre, strict=True)
            ]
            centre = (centre[0] + moves[0], centre[1] + moves[1])
            if max(map(abs, moves)) < 1e-6:
                break
        return centre

    def _summed(self, power: Real) -> Real:
        """Return the power summed over discs of the known radius; the power itself where none is known."""
        if self.radii is None:
            return power
        disc = (self.distance((0.0, 0.0), self.radii) <= 1).astype(float)
        return np.maximum(
            scipy.fft.irfft2(scipy.fft.rfft2(power) * scipy.fft.rfft2(disc), power.shape), np.finfo(float).tiny
        )


def _mean_power(frames: Real) -> Real:
    """Return the mean power spectrum, frame by frame to save memory."""
    power = np.zeros(frames.shape[1:])
    for frame in frames:
        power += np.abs(scipy.fft.fft2(frame, workers=2)) ** 2
    return power / len(frames)


def _levelled(power: Real, modulus: Real) -> Real:
    """Return the power over the median of its ring, rings two bins wide, or of the brightest ring near it.

    The rim of the zero order may cross a ring and leave most of it dark: the brightest of five decides there.
    """
    rings = np.floor(modulus * (min(power.shape) / 2)).astype(int)
    middle = np.asarray(median(power, rings, index=np.arange(rings.max() + 1)), float)
    middle = maximum_filter1d(middle, size=5)
    least = max(LEAST_POWER * float(power.mean()), np.finfo(float).tiny)
    return power / np.maximum(middle[rings], least)


def _vertex(values: Real) -> float:
    """Return where a parabola through three values has its top, in steps from the middle one."""
    bend = float(values[0] - 2 * values[1] + values[2])
    return 0.0 if bend >= 0 else float(np.clip((values[0] - values[2]) / (2 * bend), -1, 1))


def _brightest(frames: Real, frequency: Pair, *, radii: Pair) -> tuple[int, int]:
    """Return the bin of most power within a sideband, no window on the frames."""
    shape = frames.shape[1:]
    power = _mean_power(frames - frames.mean(axis=(1, 2), keepdims=True))
    offsets = [
        (np.mod(scipy.fft.fftfreq(size) - part + 0.5, 1) - 0.5) / radius
        for size, part, radius in zip(shape, frequency, radii, strict=True)
    ]
    inside = np.hypot(offsets[0][:, np.newaxis], offsets[1]) <= 1
    row, column = np.unravel_index(int(np.where(inside, power, -1).argmax()), shape)
    rows, columns = (np.rint(scipy.fft.fftfreq(size) * size).astype(int) for size in shape)
    return int(rows[row]), int(columns[column])


def _signed(carrier: Carrier, frames: Real, *, phases: NDArray[Any], radii: Pair) -> Carrier:
    """Return the carrier whose field turns with +delta."""
    if phases.shape != (len(frames),) or not np.isfinite(phases).all():
        raise ValueError(
            f"reference_phases must be {len(frames)} finite numbers, one a frame, got shape {phases.shape}"
        )
    filtered = Sideband(shape=carrier.shape, carrier=carrier.frequency, radius=radii, resample=True).apply(frames)
    fields = filtered.reshape(len(frames), -1)
    with_phase, against = (float(np.sum(np.abs(np.exp(-1j * sign * phases) @ fields) ** 2)) for sign in (1, -1))
    if max(with_phase, against) < 2 * min(with_phase, against):
        raise ValueError(
            f"reference_phases do not tell the carrier from its opposite: power {with_phase:.3g} in phase with +delta, "
            f"{against:.3g} with -delta: give at least two frames of one signal whose phases differ, but not by pi"
        )
    return replace(carrier if with_phase > against else carrier.opposite, sign_known=True)
