"""The light of frames on the sensor: signal and reference, and the powers that move whole frames."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.bench import BenchDescription
from optics.instabilities.power import frame_powers
from optics.kernels import photon_rate
from optics.sensing.pixel import aperture_weights
from optics.streams import NoiseSource
from optics.truth import Truth

STILL = 1e-6
"""Loss of modulus below which a reference stood still in an exposure; the fields' single precision is no finer."""


class FrameLight:
    """The light that each frame of a bench brings, before the sensor.

    Parameters
    ----------
    description : BenchDescription
        What the bench is made of.
    truth : Truth
        Its fields.
    samples_per_pixel : int
        Field samples along each axis of a pixel.
    seed : int
        Seed of all that moves.
    """

    def __init__(self, description: BenchDescription, truth: Truth, *, samples_per_pixel: int, seed: int) -> None:
        self._description, self._truth, self._seed = description, truth, seed
        fill = description.camera.fill_factor
        self._weights = aperture_weights(fill, samples=samples_per_pixel) if samples_per_pixel > 1 else None

    def fringes(
        self, commanded: ArrayLike, *, timestamps: NDArray[np.float64], exposure_time: float, first: int
    ) -> NDArray[np.complex128]:
        """Return the factor of the reference in each frame, averaged over its exposure.

        Parameters
        ----------
        commanded : array_like, shape (frame,)
            Commanded phases, in radians.
        timestamps : ndarray, shape (frame,)
            Start of each exposure, in seconds.
        exposure_time : float
            Exposure time, in seconds.
        first : int
            Absolute index of the first exposure.

        Returns
        -------
        ndarray of complex128, shape (frame,)
            Factors, see `optics.Reference.fringe`.

        Raises
        ------
        ValueError
            If there is no reference arm or the phases do not fit.
        """
        arm = self._description.reference
        if arm is None:
            raise ValueError("this bench has no reference arm: leave reference out, or describe a bench with one")
        phases = np.asarray(commanded, np.float64)
        if phases.shape != timestamps.shape or not np.isfinite(phases).all():
            raise ValueError(
                f"reference must hold one finite phase a frame, shape {timestamps.shape}, got shape {phases.shape}"
            )
        return arm.fringe(phases, timestamps=timestamps, exposure_time=exposure_time, first=first, seed=self._seed)

    def rate(
        self,
        states: NDArray[np.bool_],
        fringe: NDArray[np.complex128] | None,
        *,
        time: NDArray[np.float64],
        heating: NDArray[np.float64],
        first: int,
    ) -> NDArray[np.float32]:
        """Return the photons per pixel per second of each frame.

        Parameters
        ----------
        states : ndarray of bool, shape (frame, input)
            Macropixel states.
        fringe : ndarray of complex or None, shape (frame,)
            Factors of the reference; None blocks it.
        time : ndarray, shape (frame,)
            Start of each exposure, in seconds.
        heating : ndarray, shape (frame,)
            Warming by earlier patterns, in kelvin.
        first : int
            Absolute index of the first exposure.

        Returns
        -------
        ndarray of float32, shape (frame, y, x)
            Laser light on the pixels; each frame has the same bits in any batch.
        """
        beam, count, seed = self._description.anchor_beam, len(states), self._seed
        power = beam.power(first=first, count=count, seed=seed) if beam.present else None
        field = self._truth.field(states, time=time, heating=heating, anchor_power=power)
        wave, arm = self._truth.reference, self._description.reference
        faded = np.zeros((count, 1, 1), np.float32)
        if fringe is not None and wave is not None and arm is not None:
            own = arm.power(first=first, count=count, seed=seed)
            factor = (np.sqrt(own) * fringe).astype(np.complex64)
            field += factor[:, np.newaxis, np.newaxis, np.newaxis] * wave
            faded = _faded(fringe) * own.astype(np.float32)[:, np.newaxis, np.newaxis]
        rate = photon_rate(field, weights=self._weights)
        if wave is not None and faded.any():
            # What moves within the exposure fades from the fringes, not from the light.
            rate += faded * photon_rate(wave[np.newaxis].copy(), weights=self._weights)
        laser_power = self._laser_power(time, first=first)
        if laser_power is not None:
            rate *= laser_power.astype(np.float32)[:, np.newaxis, np.newaxis]
        return rate

    def _laser_power(self, time: NDArray[np.float64], *, first: int) -> NDArray[np.float64] | None:
        """Return the relative power of the laser in each frame; None where it is steady."""
        laser, seed = self._description.laser, self._seed
        powers = []
        if laser.intensity_noise:
            noise, source = laser.intensity_noise, NoiseSource.LASER
            powers.append(frame_powers(noise, source=source, first=first, count=len(time), seed=seed))
        if laser.power_drift.present:
            powers.append(laser.power_drift.power(time, seed=seed))
        if laser.mode_hops.present and laser.mode_hops.power_step:
            powers.append(laser.mode_hops.power(time, seed=seed))
        return np.asarray(np.prod(powers, axis=0)) if powers else None


def _faded(fringe: NDArray[np.complex128]) -> NDArray[np.float32]:
    """Return the part of the reference that makes no fringes in each frame, shape (frame, 1, 1).

    Zero where it is below rounding: decided frame by frame, so that no frame depends on its neighbours.
    """
    modulus = np.abs(fringe)
    faded = np.where(np.abs(modulus - 1) < STILL, 0.0, 1 - modulus**2)
    return faded.astype(np.float32)[:, np.newaxis, np.newaxis]
