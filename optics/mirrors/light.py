"""The light that macropixels send into the medium: beam profile, flatness, mirrors that leak or do not obey."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.dmd import Dmd
from optics.laser import Laser
from optics.macropixels import Layout
from optics.mirrors.faults import draw_faults
from optics.mirrors.flatness import reflection_phase, surface_height
from optics.mirrors.paths import gaussian_light

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
        """Return whether all macropixels switch the same real amplitude."""
        return bool(np.all(self.switched[:-1] == self.switched[0].real))

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


def input_light(
    laser: Laser, dmd: Dmd, layout: Layout, *, seed: int = 0, amplitudes: tuple[float, ...] = ()
) -> InputLight:
    """Return what the macropixels of a layout send, on and off.

    .. math:: g_n = \\frac{(1 - \\epsilon) a_n}{\\sqrt{k_n}} \\sum_{m \\in \\mathrm{working}} u_m, \\qquad
              s_n = \\frac{a_n}{\\sqrt{k_n}} \\left[ \\epsilon \\sum_{m \\in \\mathrm{working, stuck\\ off}} u_m
              + \\sum_{m \\in \\mathrm{stuck\\ on}} u_m \\right]

    .. math:: u_m = \\sqrt{\\Phi \\eta s_m} \\, e^{i \\varphi_m}

    Parameters
    ----------
    laser : Laser
        Photons per second Phi, and the share s_m of each mirror.
    dmd : Dmd
        Efficiency eta and off-state amplitude epsilon of the mirrors, flatness, fractions of faulty mirrors.
    layout : Layout
        The k_n mirrors m of each macropixel n.
    seed : int, optional
        Seed of the faulty mirrors.
    amplitudes : tuple of float, shape (input,), optional
        What multiplies the field of each macropixel, a_n, on and off; empty for 1.

    Returns
    -------
    InputLight
        Amplitudes, rounded to 2^-18 of the largest.

    Raises
    ------
    ValueError
        If the layout does not fit, the amplitudes are not one for each macropixel, or no macropixel sends light.

    Notes
    -----
    The mirrors of a macropixel share a column of the medium: their fields add. An evenly lit macropixel then sends the
    photons that fall on its mirrors, an unevenly lit or bent one fewer. The mirrors without a component share the last
    input. Light comes at twice the tilt angle and leaves along the normal, which is how blazed arrays are lit.

    References
    ----------
    .. [1] Laws L34 (off-state light) and L35 (illumination weights) of the project's physics notes.
    """
    owner = layout.mirror_inputs(dmd)
    last = layout.inputs
    own = np.where(owner < 0, last, owner).ravel()
    field = _mirror_field(laser, dmd).ravel()
    faults = draw_faults(dmd, seed=seed)
    working = ~(faults.stuck_on | faults.stuck_off | faults.dead).ravel()
    count = np.sqrt(np.maximum(np.bincount(own, minlength=last + 1), 1))

    def added(mirrors: NDArray[np.bool_]) -> NDArray[np.complex128]:
        chosen, labels = field[mirrors], own[mirrors]
        parts = [np.bincount(labels, weights=part, minlength=last + 1) for part in (chosen.real, chosen.imag)]
        return np.asarray((parts[0] + 1j * parts[1]) / count)

    leak = dmd.off_amplitude
    obeying = added(working)
    switched = (1 - leak) * obeying
    static = leak * obeying
    if faults.any:
        static += leak * added(faults.stuck_off.ravel()) + added(faults.stuck_on.ravel())
    if layout.padding_on:
        static[last] += switched[last]
    switched[last] = 0
    if amplitudes:
        weights = _input_weights(amplitudes, inputs=last)
        switched, static = weights * switched, weights * static
    step = float(np.abs(switched).max()) / 2**WEIGHT_BITS
    if not step:
        raise ValueError(
            "no macropixel sends light that can be switched: check the beam, the faulty mirrors and the "
            "amplitudes of the macropixels"
        )
    return InputLight(_rounded(switched, step), _rounded(static, step))


def _input_weights(amplitudes: tuple[float, ...], *, inputs: int) -> NDArray[np.float64]:
    """Return the factor of each input; that of the mirrors without a component is one."""
    if len(amplitudes) != inputs:
        raise ValueError(f"there are {len(amplitudes)} amplitudes for {inputs} macropixels: give one for each, or none")
    return np.array([*amplitudes, 1.0])


def _mirror_field(laser: Laser, dmd: Dmd) -> NDArray[np.complex128]:
    """Return the amplitude that each working mirror sends while it is on."""
    size = np.sqrt(laser.photon_rate * dmd.efficiency * mirror_share(laser, dmd))
    if not any(dmd.flatness):
        return size.astype(np.complex128)
    phase = reflection_phase(
        surface_height(dmd), wavelength=laser.wavelength, incidence_cosine=math.cos(2 * dmd.tilt_angle), exit_cosine=1.0
    )
    return np.asarray(size * np.exp(1j * phase))


def _rounded(amplitudes: NDArray[np.complex128], step: float) -> NDArray[np.complex128]:
    """Return amplitudes rounded to a step."""
    parts = amplitudes.view(np.float64)
    return np.asarray((np.rint(parts / step) * step).view(np.complex128))
