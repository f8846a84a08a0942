"""The carrier of off-axis holograms, found in their spectrum.

Convention: with the frame |S + R exp(-i delta)|^2, the product S R* exp(+i delta) beats at the carrier f_c and its
conjugate at -f_c. Intensities alone do not tell the two apart: f_c is taken in the half plane f_y > 0, or f_y = 0 and
f_x > 0, of the nearest bin, unless frames with commanded reference phases say which of the two turns with +delta. The
reference itself is tilted by -f_c against the signal.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from calibration.holography.holograms import check_holograms
from calibration.holography.order_spectrum import OrderSpectrum, mean_power
from calibration.holography.separation import Pair, band_radii, check_separation
from calibration.holography.sideband import Sideband
from optics.validation import check_number

Real = NDArray[np.float64]


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
    the spectrum; a band (less than `order_spectrum.BEAM_SHARE` of its power in a peak) where a disc of the known
    radius holds most power, to a part of a bin, or without a radius at its centroid within |f_c|/3, which large
    objects pull about.
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
    frequency = _upper(frequency, search.shape)
    if radius is not None and not allow_overlap:
        check_separation(frequency, radius=radius)
    carrier = Carrier(
        frequency=frequency, shape=search.shape, prominence=prominence, kind=kind, sign_known=False,
        brightest_bin=_brightest(array, frequency, radii=search.order(frequency)),
    )  # fmt: skip
    if reference_phases is None:
        return carrier
    return _signed(carrier, array, phases=np.asarray(reference_phases, float), radii=search.order(frequency))


def _upper(frequency: Pair, shape: tuple[int, int]) -> Pair:
    """Return a carrier or its opposite, whichever is in the half plane of the convention."""
    cycles = [round(part * size) for part, size in zip(frequency, shape, strict=True)]
    return frequency if (cycles[0], cycles[1]) > (0, 0) else (-frequency[0], -frequency[1])


def _search(frames: Real, *, radii: Pair | None, lowest: float, least_prominence: float) -> OrderSpectrum:
    """Return the spectrum to search: that of bins where a beam stands out or no radius is known, else that of discs."""
    plain = OrderSpectrum(frames, radii=None, lowest=lowest)
    if radii is None:
        return plain
    found, prominence = plain.peak()
    beam = prominence >= least_prominence and plain.refine(found)[1] == "beam"
    return plain if beam else OrderSpectrum(frames, radii=radii, lowest=lowest)


def _brightest(frames: Real, frequency: Pair, *, radii: Pair) -> tuple[int, int]:
    """Return the bin of most power within a sideband, no window on the frames."""
    shape = frames.shape[1:]
    power = mean_power(frames - frames.mean(axis=(1, 2), keepdims=True))
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
