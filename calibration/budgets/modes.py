"""What a medium description says about the light on a pixel: its modes, and how they decorrelate."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import j1

from optics.bench import BenchDescription
from optics.media.decorrelation import component_weights, field_correlation
from optics.media.description import GaussianDescription, MediumDescription
from optics.media.drift import DriftDescription
from optics.media.finite_grain import FiniteGrainDescription
from optics.media.streamed import StreamedDescription
from optics.sensing.pixel import aperture_weights

KEPT_LIGHT = 0.99
"""Part of the light that the modes of a pixel must carry; those beyond are left out and the others scaled up."""


PLACES = 8
"""Vectors of a batch for which correlations are averaged."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PixelLight:
    """How the light of a pixel is made of independent speckles.

    Parameters
    ----------
    weights : ndarray, shape (mode,)
        Part of the mean light that each carries, descending; they sum to one for a pixel.
    collected_fraction : float
        Photons on all pixels over the photons of an input.
    drift : DriftDescription or None
        How the fields decorrelate; None where they stand still.
    independent_share : float, optional
        Independent pixels over all pixels: below one where a grain is wider than a pixel.
    """

    weights: NDArray[np.float64]
    collected_fraction: float
    drift: DriftDescription | None
    independent_share: float = 1.0

    @property
    def degrees_of_freedom(self) -> float:
        """Return one over the squared contrast of the light."""
        return float(self.weights.sum() ** 2 / np.sum(self.weights**2))

    def time_root(self, times: NDArray[np.float64], *, spread: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the lower triangular root of the correlation of fields at some times.

        Parameters
        ----------
        times : ndarray, shape (time,)
            Times on the clock of the bench, in seconds.
        spread : ndarray, shape (time,)
            How much later they are for the last vector of a batch than for the first, in seconds.

        Returns
        -------
        ndarray, shape (time, time)
            Root; columns of zeros where nothing is new.
        """
        if self.drift is None:
            root = np.zeros((len(times), len(times)))
            root[:, 0] = 1
            return root
        # Times that coincide, or nearly, make it singular: their own part is below rounding.
        places: NDArray[np.float64] = (np.arange(PLACES) + 0.5) / PLACES
        matrix = np.mean([_correlation(times + place * spread, self.drift) for place in places], axis=0)
        return np.asarray(np.linalg.cholesky(matrix + 1e-12 * np.eye(len(times))))


def _correlation(times: NDArray[np.float64], drift: DriftDescription) -> NDArray[np.float64]:
    """Return the correlation of fields at some times; rough drift is smooth below its resolution, as simulated."""
    if drift.method == "mixing" or drift.law == "gaussian" or drift.plateau == 1:
        lags = times[:, np.newaxis] - times
        return field_correlation(lags, law=drift.law, correlation_time=drift.correlation_time, plateau=drift.plateau)
    weights = [
        component_weights(
            float(time), law=drift.law, correlation_time=drift.correlation_time, plateau=drift.plateau,
            resolution=drift.resolution * drift.correlation_time,
        )
        for time in times
    ]  # fmt: skip
    keys = sorted({key for one in weights for key in one})
    rows = np.array([[one.get(key, 0.0) for key in keys] for one in weights])
    return np.asarray(rows @ rows.T)


def pixel_light(description: BenchDescription) -> PixelLight:
    """Return the modes of a bench's pixels.

    Parameters
    ----------
    description : BenchDescription
        A bench with a Gaussian, a streamed or a finite-grain medium, still or drifting.

    Returns
    -------
    PixelLight
        Weights and drift.

    Raises
    ------
    ValueError
        If the medium is of another kind: its fields are not one Gaussian law.
    """
    medium: MediumDescription = description.medium
    drift = medium if isinstance(medium, DriftDescription) else None
    if drift is not None:
        if drift.slices > 1:
            raise ValueError(
                f"the medium moves within exposures (slices = {drift.slices}): the budget knows motion between frames, "
                "take slices = 1"
            )
        medium = drift.inside
    if isinstance(medium, GaussianDescription | StreamedDescription):
        weights = np.ones(1)
    elif isinstance(medium, FiniteGrainDescription):
        weights = _grain_weights(medium, description)
    else:
        raise ValueError(
            f"the budget knows Gaussian, streamed and finite-grain media, still or drifting, got "
            f"{type(medium).__name__}: put one of these in place of it"
        )
    binned = np.repeat(weights, description.camera.binning**2)
    return PixelLight(
        weights=binned, collected_fraction=medium.collected_fraction, drift=drift,
        independent_share=_independent_share(medium, description),
    )  # fmt: skip


def _independent_share(medium: MediumDescription, description: BenchDescription) -> float:
    """Return the pixel's area over that of a speckle, the integral of |g|^2: at most one."""
    if not isinstance(medium, FiniteGrainDescription):
        return 1.0
    speckle = medium.grain**2 * (1.0 if medium.pupil == "square" else 4 / math.pi)
    pixel = description.camera.pixel_pitch * description.camera.binning
    return min(pixel**2 / speckle, 1.0)


def _grain_weights(medium: FiniteGrainDescription, description: BenchDescription) -> NDArray[np.float64]:
    """Return the eigenvalues of the field's correlation over the samples of a pixel, weighted as the pixel does."""
    camera, samples = description.camera, medium.samples_per_pixel
    if samples == 1:
        return np.ones(1)
    along = (np.arange(samples) - (samples - 1) / 2) * camera.pixel_pitch / samples / medium.grain
    y, x = (axis.ravel() for axis in np.meshgrid(along, along, indexing="ij"))
    dy, dx = y[:, np.newaxis] - y, x[:, np.newaxis] - x
    if medium.pupil == "square":
        correlation = np.sinc(dy) * np.sinc(dx)
    else:
        v = np.pi * np.maximum(np.hypot(dy, dx), 1e-9)
        correlation = 2 * j1(v) / v
    share = aperture_weights(camera.fill_factor, samples=samples).astype(np.float64)
    root = np.sqrt(np.outer(share, share).ravel())
    values = np.linalg.eigvalsh(root[:, np.newaxis] * correlation * root)[::-1]
    count = int(np.searchsorted(np.cumsum(values), KEPT_LIGHT * values.sum())) + 1
    kept = values[:count]
    return np.asarray(kept / kept.sum())


def photons_per_pixel(description: BenchDescription, light: PixelLight) -> float:
    """Return the part of an input's photons that falls on one delivered pixel, per unit of a mode's weight.

    Parameters
    ----------
    description : BenchDescription
        The bench.
    light : PixelLight
        Its modes.

    Returns
    -------
    float
        Collected fraction over the pixels of the camera.
    """
    return light.collected_fraction / math.prod(description.camera.shape)
