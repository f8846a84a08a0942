"""The light budget of a bench: photons from the beam to the counts, component by component."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.bench import BenchDescription
from optics.mirrors.light import input_light, mirror_share
from optics.sensing.binning import delivered_camera
from optics.validation import check_number


@dataclass(frozen=True, kw_only=True, eq=False)
class LightBudget:
    """Where the photons of one exposure go.

    Parameters
    ----------
    beam_photons : float
        Photons of the beam during the exposure.
    on_array : float
        Part of them that falls on the mirror array.
    component_photons : ndarray, shape (input,)
        Photons that each macropixel sends into the collected order while it is on.
    spread : float
        Rms deviation of the switched amplitudes over their mean.
    effective_inputs : float
        Number of equal inputs that would carry as much, (sum a^2)^2 / sum a^4 (law L35).
    static_photons : float
        Photons that are sent with all macropixels off.
    pixel_charge : float
        Mean electrons on a pixel with the stated part of the components on; static light included.
    saturation : float
        Charge at which the pixel saturates, over ``pixel_charge``.
    """

    beam_photons: float
    on_array: float
    component_photons: NDArray[np.float64]
    spread: float
    effective_inputs: float
    static_photons: float
    pixel_charge: float
    saturation: float


def light_budget(
    description: BenchDescription, *, part_on: float = 0.5, exposure_time: float | None = None, seed: int = 0
) -> LightBudget:
    """Return the light budget of a bench.

    .. math:: \\mu_e = \\frac{\\eta \\eta_c t}{M}
              \\left[ D \\sum_n |g_n + s_n|^2 + (1 - D) \\sum_n |s_n|^2 + |s_0|^2 \\right]

    Parameters
    ----------
    description : BenchDescription
        The bench.
    part_on : float, optional
        Part D of the macropixels that is on.
    exposure_time : float or None, optional
        Exposure time t, in seconds; None takes that at the start.
    seed : int, optional
        Seed of the faulty mirrors.

    Returns
    -------
    LightBudget
        Photons and electrons of one exposure.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    Means over speckle: g_n and s_n are the switched and the static amplitude of a macropixel, s_0 that of the mirrors
    without a component. Behind a random medium the light of different macropixels adds in intensity on average. eta is
    the quantum efficiency, eta_c the collected fraction, M the number of pixels.
    """
    check_number("part_on", part_on, at_least=0, at_most=1)
    camera = delivered_camera(description.camera)
    time = description.exposure_time if exposure_time is None else camera.shutter.granted_exposure(exposure_time)
    light = input_light(description.laser, description.dmd, description.layout, seed=seed)
    on, off = light.photons_on, np.abs(light.static) ** 2
    sent = part_on * on.sum() + (1 - part_on) * off[:-1].sum() + off[-1]
    charge = camera.quantum_efficiency * description.medium.collected_fraction * time * sent / camera.pixels
    power = np.abs(light.switched[:-1]) ** 2
    return LightBudget(
        beam_photons=description.laser.photon_rate * time,
        on_array=float(mirror_share(description.laser, description.dmd).sum()),
        component_photons=on * time,
        spread=light.spread,
        effective_inputs=float(power.sum() ** 2 / np.sum(power**2)),
        static_photons=float(off.sum() * time),
        pixel_charge=float(charge),
        saturation=float(camera.saturation_charge / charge) if charge else float("inf"),
    )
