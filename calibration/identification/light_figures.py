"""All that frames tell of the light: macropixels, static light, grain and contrast of the speckle."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.uncertainty import Measured
from calibration.identification.dark_levels import CameraKnowledge, DarkLevel, dark_level
from calibration.identification.grain import SpeckleGrain, fit_grain, lag_correlation, mean_variance
from calibration.identification.light_frames import FilledLight, filled_light
from calibration.identification.macropixel_weights import MacropixelWeights, macropixel_weights
from calibration.identification.observations import Frames, Observations
from calibration.identification.speckle_covariance import LAGS, combine, speckle_covariance
from calibration.identification.static_light import StaticLight, light_per_macropixel, static_light
from optics.media import (
    FiniteGrainDescription,
    GaussianDescription,
    MediumDescription,
    PartiallyCoherentDescription,
    PolarisedDescription,
    spectral_weights,
)
from optics.media.coherence import reduce_modes

PATH_TIME = 1e-10
"""Time of flight that stands for all those that give the contrast with a line of another width, in seconds."""

PASSES = 3
"""Rounds in which contrast and grain sharpen what they need of each other: clipped pixels, number of grains."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LightFigures:
    """Figures of the light of a bench, electrons where a camera with one photon an electron would say photons.

    Parameters
    ----------
    weights : MacropixelWeights
        Light and relative amplitude of each macropixel, which are dead.
    macropixel_rate : Measured
        Mean light of a live macropixel that is on, in electrons per second per pixel: the product of quantum
        efficiency, power and transmittance.
    switched_rate : Measured
        Mean light of what switching a live macropixel on adds to the field, in the same unit.
    half_rate : Measured
        Mean light of a random half, in the same unit.
    half_over_singles : Measured
        The same over what the single macropixels predict for it: 1 on a bench that is linear.
    static : StaticLight
        Light with all macropixels off.
    grain : SpeckleGrain
        Grain and contrast of the speckle.
    laser_noise : float
        Relative rms of the light from frame to frame, in the bursts of one pattern.
    """

    weights: MacropixelWeights
    macropixel_rate: Measured
    switched_rate: Measured
    half_rate: Measured
    half_over_singles: Measured
    static: StaticLight
    grain: SpeckleGrain
    laser_noise: float

    @property
    def contrast(self) -> Measured:
        """Return the contrast of the speckle that pixels see."""
        square = self.grain.pixel_contrast
        value = math.sqrt(max(square.value, 0.0))
        return Measured(value=value, uncertainty=square.uncertainty / max(2 * value, math.sqrt(square.uncertainty)))

    @property
    def modes(self) -> Measured:
        """Return the effective number of equal modes of the light, one over the squared contrast of a point."""
        square = self.grain.source_contrast
        return Measured(value=1 / square.value, uncertainty=square.uncertainty / square.value**2)

    @property
    def grains(self) -> float:
        """Return the effective number of independent grains on the camera."""
        return 1 / self.grain.mean_variance


def light_figures(
    observations: Observations,
    camera: CameraKnowledge,
    *,
    positions: NDArray[np.float64] | None = None,
    samples_per_pixel: int = 2,
    fill_factor: float = 1.0,
    response_scatter: float = 0.01,
) -> LightFigures:
    """Return the figures of the light.

    Parameters
    ----------
    observations : Observations
        The frames.
    camera : CameraKnowledge
        Gain, black level, noise, saturation, hot and dead pixels.
    positions : ndarray or None, shape (input, 2), optional
        Where the macropixels are, to compare each with its neighbours.
    samples_per_pixel : int, optional
        Samples of the field along each axis of a pixel in the medium that is to describe the grain.
    fill_factor : float, optional
        Part of the pixel area that collects light.
    response_scatter : float, optional
        Relative rms by which the response of pixels may differ; it counts as doubt of the contrast.

    Returns
    -------
    LightFigures
        The figures with their uncertainties, which count the finite number of grains that sample the medium.

    Raises
    ------
    ValueError
        If frames do not fit each other or the camera's maps.

    Notes
    -----
    Memory: the frames of each set in double precision, three times.
    """
    dark = dark_level(observations.dark, camera)
    grain, light = _grain(
        observations, camera, dark=dark, samples_per_pixel=samples_per_pixel, fill_factor=fill_factor,
        response_scatter=response_scatter,
    )  # fmt: skip
    halves, singles, off = light
    laser = laser_scatter(
        [filled_light(one, camera, dark=dark, contrast=grain.pixel_contrast.value) for one in observations.repeats]
    )
    weights = macropixel_weights(
        singles, off, states=observations.singles.states, grain_variance=grain.mean_variance, laser_noise=laser,
        positions=positions,
    )  # fmt: skip
    levels = [dark.level(one.exposure_time).uncertainty / camera.gain.value for one in (off, halves)]
    static = static_light(off, weights, level_uncertainty=levels[0], gain=camera.gain, laser_noise=laser)
    on, switched = light_per_macropixel(weights, static, gain=camera.gain)
    shared = speckle_covariance(halves, correlation=np.ones(LAGS), grains=1 / grain.mean_variance)
    half, ratio = _half(
        halves, observations.halves, weights, static=static, on=on, level=levels[1], gain=camera.gain,
        shared=shared.intensity_correlation,
    )  # fmt: skip
    return LightFigures(
        weights=weights, macropixel_rate=on, switched_rate=switched, half_rate=half, half_over_singles=ratio,
        static=static, grain=grain, laser_noise=laser,
    )  # fmt: skip


def _grain(
    observations: Observations,
    camera: CameraKnowledge,
    *,
    dark: DarkLevel,
    samples_per_pixel: int,
    fill_factor: float,
    response_scatter: float,
) -> tuple[SpeckleGrain, tuple[FilledLight, FilledLight, FilledLight]]:
    """Return the grain, and the light of halves, single macropixels and off frames."""
    contrast, correlation, grains = 1.0, np.eye(LAGS)[0], float(np.prod(dark.good.shape))
    for _ in range(PASSES):
        halves, singles, off = (
            filled_light(frames, camera, dark=dark, contrast=contrast)
            for frames in (observations.halves, observations.singles, observations.off)
        )
        sets = [speckle_covariance(one, correlation=correlation, grains=grains) for one in (halves, singles)]
        values, errors = combine(sets)
        grain = fit_grain(
            values, errors, shape=dark.good.shape, samples_per_pixel=samples_per_pixel, fill_factor=fill_factor,
            response_scatter=response_scatter,
        )  # fmt: skip
        contrast = min(max(grain.pixel_contrast.value, 0.02), 1.0)
        size = grain.grain.value
        if grain.resolved:
            correlation = lag_correlation(size, samples_per_pixel=samples_per_pixel, fill_factor=fill_factor)
            correlation /= correlation[0]
            grains = 1 / mean_variance(
                size, shape=dark.good.shape, samples_per_pixel=samples_per_pixel, fill_factor=fill_factor, power=2
            )
    return grain, (halves, singles, off)


def laser_scatter(bursts: list[FilledLight]) -> float:
    """Return by how much the light of one pattern moves from frame to frame.

    .. math:: \\sigma_l^2 = \\frac{\\langle (m_{f+1} - m_f)^2 \\rangle / 2 - u_\\mathrm{noise}^2}{\\bar m^2}

    Parameters
    ----------
    bursts : list of FilledLight
        Frames of one pattern.

    Returns
    -------
    float
        Relative rms, noise taken off; zero where noise hides it.
    """
    total, count = 0.0, 0
    for burst in bursts:
        steps = np.diff(burst.mean) ** 2 / 2
        noise = (burst.mean_variance[1:] + burst.mean_variance[:-1]) / 2
        total += float(np.sum(steps - noise)) / float(np.mean(burst.mean)) ** 2
        count += len(steps)
    return math.sqrt(max(total / count, 0.0)) if count else 0.0


def _half(
    halves: FilledLight,
    frames: Frames,
    weights: MacropixelWeights,
    *,
    static: StaticLight,
    on: Measured,
    level: float,
    gain: Measured,
    shared: float,
) -> tuple[Measured, Measured]:
    """Return the mean light of a random half, and its ratio to what single macropixels predict."""
    mean, time = float(halves.mean.mean()), halves.exposure_time
    scatter = float(halves.mean.var(ddof=1)) / len(halves.mean) / mean**2
    speckle = weights.grain_variance * max(shared, 0.0)
    own = scatter + speckle + (level / mean) ** 2
    value = mean / time
    rate = Measured(value=value, uncertainty=value * math.sqrt(own + (gain.uncertainty / gain.value) ** 2))
    leak = 0.0 if static.off_amplitude.bound else static.off_amplitude.value
    lights = np.where(weights.dead, 0, weights.light) / (1 - leak**2)
    shares = frames.states.mean(axis=0)
    predicted = float(lights @ (shares + leak**2 * (1 - shares)))
    doubt = (on.uncertainty / on.value) ** 2 - (gain.uncertainty / gain.value) ** 2
    ratio = value / predicted
    return rate, Measured(value=ratio, uncertainty=ratio * math.sqrt(own + max(doubt, 0.0)))


def medium_description(figures: LightFigures, *, collected_fraction: float, pixel_pitch: float) -> MediumDescription:
    """Return a medium whose simulated bench shows the contrast and the grain that were found.

    Parameters
    ----------
    figures : LightFigures
        Figures of the light.
    collected_fraction : float
        Mean fraction of an input's photons that is to reach the pixels.
    pixel_pitch : float
        Distance between camera pixels, in metres.

    Returns
    -------
    MediumDescription
        A medium of finite grain where the grain is resolved, else one of independent pixels; in two polarisations
        where its light has 1 to 2 modes, in partially coherent light where it has more; plain where the contrast is
        that of one mode within two standard uncertainties.

    Notes
    -----
    The second moments of speckle do not tell two unequal polarisations from as many modes of partially coherent
    light: the choice is two polarisations up to two modes. Light of finite width is described by a line of
    2 Gamma tau = 1 / C^2 - 1 (law L20), of which only the product counts, with as few modes as show the contrast.
    """
    square, grain = figures.grain.source_contrast, figures.grain.grain
    inside: MediumDescription = GaussianDescription(collected_fraction=collected_fraction)
    if figures.grain.resolved:
        inside = FiniteGrainDescription(
            collected_fraction=collected_fraction, grain=grain.value * pixel_pitch,
            samples_per_pixel=max(2, math.ceil(2 / grain.value - 1e-9)),
        )  # fmt: skip
    if square.value + 2 * square.uncertainty >= 1:
        return inside
    if square.value + 2 * square.uncertainty >= 0.5:
        return PolarisedDescription(inside=inside, degree=math.sqrt(max(2 * square.value - 1, 0.0)))
    width = (1 / square.value - 1) / 2
    linewidth = width / (math.pi * PATH_TIME)
    weights = spectral_weights(linewidth=linewidth, path_time=PATH_TIME)
    for modes in range(2, len(weights)):
        try:
            reduce_modes(weights, modes=modes)
        except ValueError:
            continue
        break
    return PartiallyCoherentDescription(inside=inside, modes=modes, linewidth=linewidth, path_time=PATH_TIME)
