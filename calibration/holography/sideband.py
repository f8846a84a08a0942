"""The sideband of an off-axis hologram as a linear filter, with its adjoint and its noise.

Phases are counted from pixel (0, 0): the filter multiplies the frame by exp(-2 pi i f_c r), r = (y, x) in pixels, and
keeps a disc (or ellipse) of frequencies about zero.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt

from calibration.holography.holograms import check_holograms
from calibration.holography.separation import Pair, band_radii
from optics.validation import check_count, check_number

Complex = NDArray[np.complexfloating[Any, Any]]
Real = NDArray[np.float64]

WORKERS = 2
BATCH_BYTES = 1 << 26
"""Complex samples that one batch of frames may take, in bytes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sideband:
    """Window about the carrier of an off-axis hologram.

    .. math:: E(r) = \\sum_{r'} h(r - r') \\, e^{-2 \\pi i f_c r'} I(r'), \\qquad h = \\mathrm{DFT}^{-1} w

    Parameters
    ----------
    shape : tuple of int
        Pixels of a frame along (y, x).
    carrier : tuple of float
        Carrier f_c along (y, x), in cycles per pixel; any number, whole cycles per frame or not.
    radius : float or tuple of float
        Radius of the disc where the window w is one, or half axes along (y, x), in cycles per pixel.
    edge : float, optional
        The window falls from one to zero as a squared cosine between the radius and (1 + edge) times it.
    resample : bool, optional
        Whether fields come on a grid just fine enough for the window (`output_shape`), instead of on all pixels.

    Raises
    ------
    ValueError
        If a number is out of its range or the window is wider than the sampled band.

    Notes
    -----
    Frames are multiplied by the carrier before they are transformed, so that a carrier of no whole number of cycles
    per frame does not spread over the axes of the spectrum; where it is whole the transform of real rows saves half of
    the work. The transform is periodic: what leaves one border of the frame comes in at the other, within the width of
    the kernel. Batches of frames bound the memory to `BATCH_BYTES` beyond input and output.
    """

    shape: tuple[int, int]
    carrier: Pair
    radius: float | Pair
    edge: float = 0.0
    resample: bool = False

    def __post_init__(self) -> None:
        for name, size in zip(("rows", "columns"), self.shape, strict=True):
            check_count(f"{name} of a frame", size, at_least=8)
        for part in self.carrier:
            check_number("carrier", part, unit="cycles/pixel", at_least=-0.5, at_most=0.5)
        check_number("edge", self.edge, at_least=0, at_most=2)
        for part, size, half in zip(band_radii(self.radius), self.shape, self._halves, strict=True):
            if 2 * half + 1 > size:
                raise ValueError(
                    f"a window of radius {part:g} and edge {self.edge:g} is wider than the sampled band: take a radius "
                    f"of at most {0.5 / (1 + self.edge):.3g} cycles/pixel"
                )

    @property
    def _halves(self) -> tuple[int, int]:
        """Return the bins of the window to either side along (y, x)."""
        first, second = (
            math.floor(part * (1 + self.edge) * size + 1e-9)
            for part, size in zip(band_radii(self.radius), self.shape, strict=True)
        )
        return first, second

    @cached_property
    def window(self) -> Real:
        """Return the window on the bins about the carrier, shape (2 half_y + 1, 2 half_x + 1)."""
        squares = [
            (np.arange(-half, half + 1) / (size * part)) ** 2
            for half, size, part in zip(self._halves, self.shape, band_radii(self.radius), strict=True)
        ]
        distance = np.sqrt(squares[0][:, np.newaxis] + squares[1])
        if self.edge == 0:
            return np.asarray(distance <= 1 + 1e-9, float)
        return np.asarray(np.cos(np.pi / 2 * np.clip((distance - 1) / self.edge, 0, 1)) ** 2)

    @property
    def area(self) -> float:
        """Return the sum of the squared window over the pixels: pi B^2 for a hard disc, up to its pixelation."""
        return float(np.sum(self.window**2)) / math.prod(self.shape)

    @property
    def independent_outputs(self) -> float:
        """Return the complex numbers that a frame determines: the area of the window times the pixels."""
        return self.area * math.prod(self.shape)

    @property
    def output_shape(self) -> tuple[int, int]:
        """Return the samples of the fields along (y, x); a resampled one is 4/pi times `independent_outputs`."""
        return (self.window.shape[0], self.window.shape[1]) if self.resample else self.shape

    @property
    def positions(self) -> tuple[Real, Real]:
        """Return where the samples of the fields are along y and along x, in pixels."""
        first, second = (
            np.arange(samples, dtype=np.float64) * (size / samples)
            for samples, size in zip(self.output_shape, self.shape, strict=True)
        )
        return first, second

    def apply(self, frames: ArrayLike) -> Complex:
        """Return the fields that beat with the carrier in frames.

        Parameters
        ----------
        frames : array_like, shape (frame, y, x)
            Frames, real.

        Returns
        -------
        ndarray of complex, shape (frame, *output_shape)
            Fields, in the unit of the frames.

        Raises
        ------
        ValueError
            If the frames have the wrong shape or are not finite.
        """
        frames = self.check_frames(frames)
        out = np.empty((len(frames), *self.output_shape), np.complex128)
        step = max(1, BATCH_BYTES // (16 * math.prod(self.shape)))
        for start in range(0, len(frames), step):
            part = slice(start, start + step)
            out[part] = _synthesise(self._bins(frames[part]) * self.window, self.output_shape, pixels=frames[0].size)
        return out

    def adjoint(self, fields: ArrayLike) -> Real:
        """Return the frames that the transposed filter makes of fields.

        .. math:: \\sum_r I(r) \\, (A^\\dagger E)(r) = \\mathrm{Re} \\sum_r (A I)^*(r) E(r)

        Parameters
        ----------
        fields : array_like, shape (frame, *output_shape)
            Fields, complex.

        Returns
        -------
        ndarray, shape (frame, y, x)
            Frames, real.

        Raises
        ------
        ValueError
            If the fields have the wrong shape.
        """
        fields = np.asarray(fields, np.complex128)
        if fields.shape[1:] != self.output_shape:
            raise ValueError(f"fields must have shape (frame, {self.output_shape}), got {fields.shape}")
        spectrum = scipy.fft.fft2(fields, workers=WORKERS)
        for axis, half in zip((-2, -1), self._halves, strict=True):
            spectrum = np.take(spectrum, np.arange(-half, half + 1), axis=axis, mode="wrap")
        pixels = math.prod(self.shape)
        return np.asarray((_synthesise(spectrum * self.window, self.shape, pixels=pixels) / self._ramp).real)

    def variance(self, variance: ArrayLike) -> Real:
        """Return the mean of the squared modulus of the error of fields, from the variance of the pixels.

        .. math:: \\langle|\\delta E(r)|^2\\rangle = \\sum_{r'} |h(r - r')|^2 \\, \\sigma^2(r')

        Parameters
        ----------
        variance : array_like, shape (frame, y, x)
            Variance of the pixels, independent from pixel to pixel.

        Returns
        -------
        ndarray, shape (frame, *output_shape)
            Mean squared modulus of the error, exact for the periodic filter.

        Raises
        ------
        ValueError
            If the variance has the wrong shape or is not finite.
        """
        variance = self.check_frames(variance, name="variance")
        kernel = np.abs(_synthesise(self.window, self.shape, pixels=math.prod(self.shape))) ** 2
        transfer = scipy.fft.rfft2(kernel, workers=WORKERS)
        out = np.empty((len(variance), *self.output_shape))
        step = max(1, BATCH_BYTES // (16 * math.prod(self.shape)))
        for start in range(0, len(variance), step):
            part = slice(start, start + step)
            if self.resample:
                out[part] = self._sampled_variance(variance[part], kernel)
            else:
                product = scipy.fft.rfft2(variance[part], workers=WORKERS) * transfer
                out[part] = scipy.fft.irfft2(product, self.shape, workers=WORKERS)
        return np.maximum(out, 0)

    def usable(self, valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which samples of the fields have no bad pixel under the main lobe of the kernel.

        Parameters
        ----------
        valid : ndarray of bool, shape (frame, y, x)
            False where a pixel saturated.

        Returns
        -------
        ndarray of bool, shape (frame, *output_shape)
            False within 0.61 over the radius of the band, the first zero of the kernel, of a bad pixel.
        """
        lobe = [0.61 / part for part in band_radii(self.radius)]
        margins = [min(size, math.ceil(part)) for part, size in zip(lobe, self.shape, strict=True)]
        rows, columns = (
            np.rint(place).astype(int) % size for place, size in zip(self.positions, self.shape, strict=True)
        )
        out = np.ones((len(valid), *self.output_shape), np.bool_)
        for index in np.flatnonzero(~valid.all(axis=(1, 2))):
            wrapped = np.pad(valid[index], [(margin, margin) for margin in margins], mode="wrap")
            far = distance_transform_edt(wrapped, sampling=[1 / part for part in lobe]) > 1
            out[index] = far[np.ix_(rows + margins[0], columns + margins[1])]
        return out

    def check_frames(self, frames: ArrayLike, *, name: str = "frames") -> Real:
        """Return frames as float64, or say why they are none of this shape.

        Parameters
        ----------
        frames : array_like, shape (frame, y, x)
            Frames, real.
        name : str, optional
            Name used in the message.

        Returns
        -------
        ndarray, shape (frame, y, x)
            The frames.

        Raises
        ------
        ValueError
            If the shape differs or a number is not finite.
        """
        return check_holograms(frames, shape=self.shape, name=name)

    @cached_property
    def _ramp(self) -> Complex:
        """Return exp(-2 pi i f_c r) on the pixels."""
        first, second = (
            np.exp(-2j * np.pi * part * np.arange(size)) for part, size in zip(self.carrier, self.shape, strict=True)
        )
        return np.asarray(first[:, np.newaxis] * second)

    def _bins(self, frames: Real) -> Complex:
        """Return the spectrum on the bins about the carrier."""
        cycles = [part * size for part, size in zip(self.carrier, self.shape, strict=True)]
        (top, side), (rows, columns) = self._halves, self.shape
        if max(abs(part - round(part)) for part in cycles) < 1e-9:
            return _near(frames, (round(cycles[0]), round(cycles[1])), self._halves)
        offsets = np.arange(-side, side + 1) % columns
        strips = scipy.fft.fft(frames * self._ramp, axis=-1, workers=WORKERS)[..., offsets]
        lines = np.arange(-top, top + 1) % rows
        return np.asarray(scipy.fft.fft(strips, axis=-2, workers=WORKERS)[..., lines, :])

    def _sampled_variance(self, variance: Real, kernel: Real) -> Real:
        """Return the variance on the samples of the fields: twice the band, on twice as fine a grid."""
        first, second = (min(2 * half, (size - 1) // 2) for half, size in zip(self._halves, self.shape, strict=True))
        product = _near(variance, (0, 0), (first, second)) * _near(kernel, (0, 0), (first, second))
        fine = (2 * self.output_shape[0], 2 * self.output_shape[1])
        return np.asarray(_synthesise(product, fine, pixels=math.prod(self.shape))[..., ::2, ::2].real)


def _near(frames: Real, centre: tuple[int, int], halves: tuple[int, int]) -> Complex:
    """Return the spectrum of real frames on the bins about one bin."""
    rows, columns = frames.shape[-2:]
    places = (np.arange(-halves[1], halves[1] + 1) + centre[1] + columns // 2) % columns - columns // 2
    strips = scipy.fft.rfft(frames, axis=-1, workers=WORKERS)[..., np.abs(places)]
    strips = np.where(places < 0, strips.conj(), strips)  # rows are real
    lines = (np.arange(-halves[0], halves[0] + 1) + centre[0]) % rows
    return np.asarray(scipy.fft.fft(strips, axis=-2, workers=WORKERS)[..., lines, :])


def _synthesise(spectrum: Complex | Real, shape: tuple[int, int], *, pixels: int) -> Complex:
    """Return the field of bins about zero, sampled on a grid of a shape."""
    top, side = spectrum.shape[-2] // 2, spectrum.shape[-1] // 2
    lines, places = np.arange(-top, top + 1) % shape[0], np.arange(-side, side + 1) % shape[1]
    strips = np.zeros((*spectrum.shape[:-2], shape[0], 2 * side + 1), np.complex128)
    strips[..., lines, :] = spectrum
    whole = np.zeros((*spectrum.shape[:-2], *shape), np.complex128)
    whole[..., places] = scipy.fft.ifft(strips, axis=-2, workers=WORKERS, overwrite_x=True)
    whole = scipy.fft.ifft(whole, axis=-1, workers=WORKERS, overwrite_x=True)
    whole *= math.prod(shape) / pixels
    return np.asarray(whole)
