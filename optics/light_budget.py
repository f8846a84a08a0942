"""The light budget of a bench: photons from the beam to the counts, component by component."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.bench import BenchDescription
from optics.macropixels import input_positions
from optics.media import MediumSite
from optics.mirrors.light import InputLight, input_light, mirror_share
from optics.sensing.binning import delivered_camera
from optics.validation import check_number

PROBES = 16
"""Random patterns whose light is averaged behind a medium that does not deliver evenly."""


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
        Seed of the bench: of the faulty mirrors, and of the medium where it is built.

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
    Means over media: g_n and s_n are the switched and the static amplitude of a macropixel, s_0 that of the mirrors
    without a component. Behind a random medium the light of different macropixels adds in intensity on average. eta is
    the quantum efficiency, eta_c the collected fraction, M the number of pixels.

    Where geometry or a measured matrix decides what reaches the pixels (`MediumDescription.delivers_evenly` is false),
    the medium of ``seed`` is built, and the light of `PROBES` random patterns behind it stands for eta_c times the
    bracket: the mean over patterns of this medium, drift at time zero.
    """
    check_number("part_on", part_on, at_least=0, at_most=1)
    camera = delivered_camera(description.camera)
    time = description.exposure_time if exposure_time is None else camera.shutter.granted_exposure(exposure_time)
    light = input_light(
        description.laser, description.dmd, description.layout, seed=seed,
        amplitudes=description.macropixel_amplitudes,
    )  # fmt: skip
    on, off = light.photons_on, np.abs(light.static) ** 2
    sent = part_on * on.sum() + (1 - part_on) * off[:-1].sum() + off[-1]
    if description.medium.delivers_evenly:
        delivered = description.medium.collected_fraction * sent
    else:
        delivered = _measured_light(description, light, part_on=part_on, seed=seed)
    charge = camera.quantum_efficiency * time * delivered / camera.pixels
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


def _measured_light(description: BenchDescription, light: InputLight, *, part_on: float, seed: int) -> float:
    """Return the mean photons per second that random patterns bring to the pixels, all together."""
    site = MediumSite(
        input_positions=np.pad(
            input_positions(description.layout, description.dmd), ((0, 1), (0, 0)), constant_values=np.nan
        ),
        output_shape=description.camera.shape,
        output_pitch=description.camera.pixel_pitch,
        wavelength=description.laser.wavelength,
    )
    medium = description.medium.build(site, seed=seed)
    states = np.random.default_rng(seed).random((PROBES, len(light.switched))) < part_on
    # One frame at a time: fields of two million pixels would not all fit.
    power = sum(
        float(np.sum(np.abs(medium.transmit(one[np.newaxis], time=0.0)) ** 2, dtype=np.float64))
        for one in light.static + states * light.switched
    )
    return power / PROBES / medium.samples_per_pixel**2
