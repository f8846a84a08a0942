"""The light that macropixels send into the medium: beam profile, mirrors that leak, mirrors that carry nothing."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.dmd import Dmd
from optics.laser import Laser
from optics.macropixels import Layout
from optics.mirror_paths import gaussian_light

WEIGHT_BITS = 18
"""Bits to which amplitudes are rounded: sums of them behind a medium whose entries lie on a grid are then exact."""


@dataclass(frozen=True, eq=False)
class InputLight:
    """Field that each input of the medium gets; the last input is that of the mirrors without a component.

    Parameters
    ----------
    switched : ndarray of complex128, shape (input + 1,)
        What switching a macropixel on adds, in square roots of photons per second; zero for the last.
    static : ndarray of complex128, shape (input + 1,)
        What is there with all macropixels off.
    """

    switched: NDArray[np.complex128]
    static: NDArray[np.complex128]

    @property
    def even(self) -> bool:
        """Return whether all macropixels switch the same amplitude."""
        return bool(np.all(self.switched[:-1] == self.switched[0]))

    @property
    def photons_on(self) -> NDArray[np.float64]:
        """Return the photons per second that each macropixel sends while it is on, shape (input,)."""
        return np.asarray(np.abs(self.switched[:-1] + self.static[:-1]) ** 2)

    @property
    def spread(self) -> float:
        """Return the rms deviation of the switched amplitudes over their mean."""
        size = np.abs(self.switched[:-1])
        return float(size.std() / size.mean())


def mirror_share(laser: Laser, dmd: Dmd) -> NDArray[np.float64]:
    """Return the part of the beam's power that falls on each mirror.

    .. math:: s_m = \\frac{1}{N} \\quad \\mathrm{(even)}, \\qquad
              s_m = \\frac{2 p^2}{\\pi w^2} e^{-2 |r_m - r_0|^2 / w^2} \\quad \\mathrm{(Gaussian)}

    Parameters
    ----------
    laser : Laser
        Beam radius w and centre r_0.
    dmd : Dmd
        The mirror array of pitch p.

    Returns
    -------
    ndarray, shape (dmd.rows, dmd.columns)
        Shares; they sum to one for even light, and to the part of a Gaussian beam that hits the array.
    """
    if math.isinf(laser.beam_radius):
        return np.full((dmd.rows, dmd.columns), 1 / dmd.mirrors)
    profile = gaussian_light(dmd.mirror_positions() - (laser.beam_y, laser.beam_x), laser.beam_radius)
    return np.asarray(2 * dmd.pitch**2 / (math.pi * laser.beam_radius**2) * profile)


def input_light(laser: Laser, dmd: Dmd, layout: Layout) -> InputLight:
    """Return what the macropixels of a layout send, on and off.

    .. math:: g_n = \\frac{1 - \\epsilon}{\\sqrt{k_n}} \\sum_m u_m, \\qquad
              s_n = \\frac{\\epsilon}{\\sqrt{k_n}} \\sum_m u_m, \\qquad
              u_m = \\sqrt{\\Phi \\eta s_m}

    Parameters
    ----------
    laser : Laser
        Photons per second Phi, and where they fall.
    dmd : Dmd
        Efficiency eta and off-state amplitude epsilon of the mirrors.
    layout : Layout
        The k_n mirrors m of each macropixel n.

    Returns
    -------
    InputLight
        Amplitudes, rounded to 2^-18 of the largest.

    Notes
    -----
    The mirrors of a macropixel share a column of the medium: their fields add. An evenly lit macropixel then sends the
    photons that fall on its mirrors, an unevenly lit one fewer. The mirrors without a component share the last input.

    References
    ----------
    .. [1] Laws L34 (off-state light) and L35 (illumination weights) of the project's physics notes.
    """
    owner = layout.mirror_inputs(dmd).ravel()
    last = layout.inputs
    own = np.where(owner < 0, last, owner)
    field = np.sqrt(laser.photon_rate * dmd.efficiency * mirror_share(laser, dmd)).ravel()
    count = np.maximum(np.bincount(own, minlength=last + 1), 1)
    total = np.bincount(own, weights=field, minlength=last + 1) / np.sqrt(count)
    leak = dmd.off_amplitude
    switched = (1 - leak) * total.astype(np.complex128)
    static = leak * total.astype(np.complex128)
    if layout.padding_on:
        static[last] += switched[last]
    switched[last] = 0
    step = float(np.abs(switched).max()) / 2**WEIGHT_BITS
    return InputLight(_rounded(switched, step), _rounded(static, step))


def _rounded(amplitudes: NDArray[np.complex128], step: float) -> NDArray[np.complex128]:
    """Return amplitudes rounded to a step."""
    parts = amplitudes.view(np.float64)
    return np.asarray((np.rint(parts / step) * step).view(np.complex128))
