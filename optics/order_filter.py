"""A 4f system with a pinhole around one order: what it passes of a pattern of mirrors, as a Fourier filter.

Conventions: coordinates are steps of the square lattice that the mirrors lie on, counted from mirror [0, 0];
frequencies and carriers (f_y, f_x) are cycles per step; the amplitude a(r) of the mirrors has the spectrum
A(f) = sum_r a(r) exp(-2 pi i f . r). The order at carrier nu is the part of a(r) near exp(+2 pi i nu . r), and the
field is given without that carrier, as a camera sees it that looks along the order:

    E(r) = sum over |f - nu| <= radius of A(f) exp(+2 pi i (f - nu) . r) / lattice points.

A square array has one step a pitch. A diamond array (every second row shifted by half a column) is every second
point of a square lattice with steps of pitch / sqrt(2): row j, column k sits at step (j, 2 k + j mod 2). Axes of
carriers are those of this lattice, so a carrier "along columns" is no longer one along mirror indices.

Frames are taken as periodic: light that the pinhole spreads over one edge comes back at the other, and a carrier
without a whole number of cycles along an axis has a seam there, as wide as a grain. The envelope of a
single mirror, which is wider than any order, is left to the device (`optics.dmd`).
"""

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from optics.validation import check_number

Field = NDArray[np.complexfloating]
Carrier = tuple[float, float]
Value = TypeVar("Value", bound=np.generic)


@dataclass(frozen=True, kw_only=True)
class OrderFilter:
    """A pinhole that passes one order of the mirrors' pattern.

    .. math:: E(r) = e^{-2 \\pi i \\nu r} \\, F^{-1} \\{ [\\, |f - \\nu| \\le \\rho \\,] \\, F a \\}

    Parameters
    ----------
    carrier : tuple of float
        Centre (f_y, f_x) of the pinhole, in cycles per lattice step.
    radius : float
        Radius of the pinhole, in cycles per lattice step.
    diamond : bool, optional
        Whether the array is a diamond, see the top of this module.

    Raises
    ------
    ValueError
        If the array cannot carry the frequency, or the pinhole is wider than the lattice's band.
    """

    carrier: Carrier
    radius: float
    diamond: bool = False

    def __post_init__(self) -> None:
        check_carrier(self.carrier, diamond=self.diamond)
        check_number("radius", self.radius, unit="cycles per step", above=0, at_most=0.5)

    def pinhole(self, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Return which frequencies of the lattice pass, in the order of the discrete Fourier transform.

        Parameters
        ----------
        shape : tuple of int
            Rows and columns of mirrors.

        Returns
        -------
        ndarray of bool, shape (y, x)
            True within the radius of the carrier; frequencies that differ by whole cycles per step are the same.
            A diamond array has twice as many columns of lattice points as of mirrors.
        """
        columns = shape[1] * (2 if self.diamond else 1)
        y = (scipy.fft.fftfreq(shape[0]) - self.carrier[0] + 0.5) % 1 - 0.5
        x = (scipy.fft.fftfreq(columns) - self.carrier[1] + 0.5) % 1 - 0.5
        return np.asarray(y[:, np.newaxis] ** 2 + x**2 <= self.radius**2)

    def modulation(self, shape: tuple[int, int]) -> NDArray[np.complex128]:
        """Return the carrier at each mirror, exp(2 pi i nu . r).

        Parameters
        ----------
        shape : tuple of int
            Rows and columns of mirrors.

        Returns
        -------
        ndarray, shape (y, x)
            The carrier's phase factor.
        """
        return np.asarray(np.exp(2j * np.pi * carrier_cycles(self.carrier, shape=shape, diamond=self.diamond)))

    def field(self, amplitudes: ArrayLike) -> Field:
        """Return the field that the pinhole passes, at the mirrors' images and without the carrier.

        Parameters
        ----------
        amplitudes : array_like, shape (..., y, x)
            Amplitudes of the mirrors: frames of states, or states times the light on them.

        Returns
        -------
        ndarray, shape (..., y, x)
            Field, in units of the amplitude of one mirror that is on: a chip wholly on gives 1 in order (0, 0).
        """
        array = np.asarray(amplitudes)
        shape = (array.shape[-2], array.shape[-1])
        passed = scipy.fft.ifft2(scipy.fft.fft2(self.on_lattice(array)) * self.pinhole(shape))
        scale = 2 if self.diamond else 1  # half of a diamond's lattice points are empty
        return np.asarray(scale * self.at_mirrors(passed) * np.conj(self.modulation(shape)))

    def adjoint(self, field: ArrayLike) -> Field:
        """Return the adjoint of `field`: from fields at the images back to amplitudes of mirrors.

        .. math:: \\langle v, \\mathrm{field}(a) \\rangle = \\langle \\mathrm{adjoint}(v), a \\rangle

        Parameters
        ----------
        field : array_like, shape (..., y, x)
            Fields.

        Returns
        -------
        ndarray, shape (..., y, x)
            Complex amplitudes at the mirrors.
        """
        array = np.asarray(field)
        shape = (array.shape[-2], array.shape[-1])
        spectrum = scipy.fft.fft2(self.on_lattice(array * self.modulation(shape)))
        scale = 2 if self.diamond else 1
        return np.asarray(scale * self.at_mirrors(scipy.fft.ifft2(spectrum * self.pinhole(shape))))

    def on_lattice(self, values: NDArray[Value]) -> NDArray[Value]:
        """Return values of mirrors on the square lattice that they lie on.

        Parameters
        ----------
        values : ndarray, shape (..., y, x)
            A value for each mirror.

        Returns
        -------
        ndarray, shape (..., y, x) or, on a diamond, (..., y, 2 x)
            Values at the lattice points, zero between the mirrors of a diamond.
        """
        if not self.diamond:
            return values
        lattice = np.zeros((*values.shape[:-1], 2 * values.shape[-1]), values.dtype)
        lattice[..., 0::2, 0::2] = values[..., 0::2, :]
        lattice[..., 1::2, 1::2] = values[..., 1::2, :]
        return lattice

    def at_mirrors(self, lattice: NDArray[Value]) -> NDArray[Value]:
        """Return the values of a lattice at the mirrors, the adjoint of `on_lattice`.

        Parameters
        ----------
        lattice : ndarray, shape (..., y, x) or, on a diamond, (..., y, 2 x)
            Values at the lattice points.

        Returns
        -------
        ndarray, shape (..., y, x)
            A value for each mirror.
        """
        if not self.diamond:
            return lattice
        mirrors = np.empty((*lattice.shape[:-1], lattice.shape[-1] // 2), lattice.dtype)
        mirrors[..., 0::2, :] = lattice[..., 0::2, 0::2]
        mirrors[..., 1::2, :] = lattice[..., 1::2, 1::2]
        return mirrors


def carrier_cycles(carrier: Carrier, *, shape: tuple[int, int], diamond: bool) -> NDArray[np.float64]:
    """Return how many cycles of a carrier lie between mirror [0, 0] and each mirror.

    .. math:: \\nu \\cdot r, \\qquad r = (j, k) \\text{ or, on a diamond, } (j, 2 k + j \\bmod 2)

    Parameters
    ----------
    carrier : tuple of float
        Frequency (f_y, f_x), in cycles per lattice step.
    shape : tuple of int
        Rows and columns of mirrors.
    diamond : bool
        Whether the array is a diamond.

    Returns
    -------
    ndarray, shape (y, x)
        Cycles.
    """
    row, column = np.arange(shape[0])[:, np.newaxis], np.arange(shape[1])
    across = 2 * column + row % 2 if diamond else column
    return np.asarray(carrier[0] * row + carrier[1] * across)


def check_carrier(carrier: Carrier, *, diamond: bool) -> None:
    """Refuse a carrier that the pitch cannot carry.

    Parameters
    ----------
    carrier : tuple of float
        Frequency (f_y, f_x), in cycles per lattice step.
    diamond : bool
        Whether the array is a diamond.

    Raises
    ------
    ValueError
        If the carrier is no pair of finite numbers, or lies beyond the band that mirrors sample: |f_y| and |f_x|
        up to 1/2 on a square array, |f_y| + |f_x| up to 1/2 on a diamond.
    """
    if len(carrier) != 2:
        raise ValueError(f"carrier = {carrier!r} must be a pair (f_y, f_x), in cycles per lattice step")
    for name, value in zip(("carrier f_y", "carrier f_x"), carrier, strict=True):
        check_number(name, value, unit="cycles per step")
    y, x = abs(carrier[0]), abs(carrier[1])
    reach, band = (y + x, "|f_y| + |f_x|") if diamond else (max(y, x), "|f_y| and |f_x|")
    if reach > 0.5:
        raise ValueError(
            f"the pitch cannot carry ({carrier[0]:g}, {carrier[1]:g}) cycles per step: {band} must be at most 0.5, "
            "two mirrors a cycle; take a lower carrier"
        )


def check_separated(order: OrderFilter) -> None:
    """Refuse a pinhole that lets the zero order or the twin image through.

    A binary frame is real: beside the order at nu stands its conjugate at -nu, and undiffracted light at 0. All
    three repeat with the lattice of mirrors.

    Parameters
    ----------
    order : OrderFilter
        Carrier and pinhole.

    Raises
    ------
    ValueError
        If 0 lies in the pinhole, or the pinholes around nu and -nu overlap.
    """
    y, x = order.carrier
    zero = _distance(y, x, diamond=order.diamond)
    twin = _distance(2 * y, 2 * x, diamond=order.diamond)
    if zero <= order.radius or twin < 2 * order.radius:
        raise ValueError(
            f"a pinhole of radius {order.radius:g} cycles per step around ({y:g}, {x:g}) does not stop "
            + ("the zero order" if zero <= order.radius else "the twin image")
            + f": it is {min(zero, twin / 2):g} away; take a smaller pinhole or a carrier near (1/4, 1/8)"
        )


def _distance(y: float, x: float, *, diamond: bool) -> float:
    """Return how far a frequency is from the nearest one at which all mirrors are in phase."""
    shifts = [(0.0, 0.0), (0.5, 0.5)] if diamond else [(0.0, 0.0)]
    return min(math.hypot(y - dy - round(y - dy), x - dx - round(x - dx)) for dy, dx in shifts)
