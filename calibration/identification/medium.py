"""The medium of a twin: the plainest description that shows the contrast and the grain that frames told."""

import math

from calibration.identification.grain import SpeckleGrain
from optics.media import (
    FiniteGrainDescription,
    GaussianDescription,
    MediumDescription,
    PartiallyCoherentDescription,
    PolarisedDescription,
)
from optics.media.coherence import CONTRAST_TOLERANCE, spectral_weights

PATH_TIME = 1e-10
"""Mean time of flight of the medium of few coherent modes, in seconds; only its product with the linewidth matters."""

SURE = 2.0
"""Standard deviations below one from which on the contrast of a point speaks for more than one mode."""


def medium_description(grain: SpeckleGrain, *, collected_fraction: float, pixel_pitch: float) -> MediumDescription:
    """Return a medium whose speckle has the grain and the contrast that frames told.

    .. math:: C^2 = \\frac{1 + P^2}{2} \\quad \\left(C^2 \\ge \\tfrac12\\right), \\qquad
              C^2 = \\frac{1}{1 + 2 \\Gamma \\tau}

    Parameters
    ----------
    grain : SpeckleGrain
        Grain and contrast.
    collected_fraction : float
        Fraction of an input's photons that reaches the pixels, all together.
    pixel_pitch : float
        Distance between pixels, in metres.

    Returns
    -------
    MediumDescription
        Independent pixels where the grain is not resolved, otherwise a finite grain behind a round pupil; in two
        polarisations where a point has a squared contrast between one half and one, in light of finite coherence where
        it is lower.

    Notes
    -----
    The contrast of a point alone does not tell two unequal polarisations from light of finite coherence: the choice is
    polarisation wherever two can explain it.
    """
    inside: MediumDescription = GaussianDescription(collected_fraction=collected_fraction)
    if grain.resolved:
        samples = max(1, math.ceil(2 / grain.grain.value - 1e-9))
        inside = FiniteGrainDescription(
            collected_fraction=collected_fraction, grain=grain.grain.value * pixel_pitch, samples_per_pixel=samples
        )
    contrast = grain.source_contrast
    if contrast.value + SURE * contrast.uncertainty >= 1:
        return inside
    if contrast.value >= 0.5:
        return PolarisedDescription(inside=inside, degree=math.sqrt(2 * contrast.value - 1))
    linewidth = (1 / contrast.value - 1) / (2 * math.pi * PATH_TIME)
    return PartiallyCoherentDescription(
        inside=inside, modes=_modes(linewidth), linewidth=linewidth, path_time=PATH_TIME
    )  # fmt: skip


def _modes(linewidth: float) -> int:
    """Return how many modes show the contrast of a line within the tolerance."""
    weights = spectral_weights(linewidth=linewidth, path_time=PATH_TIME)
    wanted = math.sqrt(float(weights @ weights))
    for modes in range(2, len(weights)):
        kept = weights[: modes - 1]
        rest = 1 - float(kept.sum())
        if abs(math.sqrt(float(kept @ kept) + rest**2) / wanted - 1) <= CONTRAST_TOLERANCE:
            return modes
    return len(weights)
