"""The simulated bench: from macropixel states to camera counts."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.bench import BenchDescription, Exposure
from optics.camera import Camera, Counts
from optics.kernels import photon_rate
from optics.macropixels import Layout, input_positions
from optics.media import Medium, MediumSite, Time
from optics.mirrors.light import input_light
from optics.sensing.binning import delivered_camera
from optics.sensing.pixel import aperture_weights
from optics.sensor import Sensor
from optics.streams import ExposureGenerator, NoiseSource, exposure_states
from optics.validation import check_count, check_number, check_states

BATCH_BYTES = 64 * 2**20
"""Memory for the fields of the frames that are simulated together."""

STILL = 1e-6
"""Loss of modulus below which a reference stood still in an exposure; the fields' single precision is no finer."""


class SimulatedBench:
    """A bench that obeys the same protocol as a real one (`optics.bench.Bench`).

    The same seed gives the same counts, bit for bit, for the same series of exposures, whatever the number
    of frames in one call or the number of processors.

    Parameters
    ----------
    description : BenchDescription
        What the bench is made of.
    seed : int
        Seed of the medium, of the sensor's fixed pattern and of all noise.
    shot_noise : {"poisson", "gaussian"}, optional
        The law of the shot noise; the normal one is a shortcut, see `optics.sensor.Sensor` for its error.
    medium : Medium or None, optional
        A medium to put in place of the one that is described; it must have one input more than the layout
        has macropixels, for the mirrors that carry no component.

    Raises
    ------
    ValueError
        If the medium does not fit the layout or the camera.
    """

    def __init__(
        self, description: BenchDescription, *, seed: int, medium: Medium | None = None, shot_noise: str = "poisson"
    ) -> None:
        check_count("seed", seed, at_least=0)
        self.description = description
        self.seed = seed
        self._medium = _medium(description, seed) if medium is None else medium
        if len(self._medium.input_positions) != description.layout.inputs + 1:
            raise ValueError(
                f"the medium has {len(self._medium.input_positions)} inputs, the layout needs "
                f"{description.layout.inputs + 1}: one a macropixel and one for the mirrors that carry none"
            )
        self._sensor = Sensor(description.camera, seed=seed, shot_noise=shot_noise)
        self._camera = delivered_camera(description.camera)
        self._exposure_time = self.camera.shutter.granted_exposure(description.exposure_time)
        self._exposures, self._clock = 0, 0.0
        self.truth = Truth(description, self._medium, seed=seed)

    @property
    def camera(self) -> Camera:
        """Return the camera as its counts show it: where it bins, its pixels are the bins."""
        return self._camera

    @property
    def layout(self) -> Layout:
        """Return which mirrors carry which component."""
        return self.description.layout

    @property
    def exposure_time(self) -> float:
        """Return the exposure time that the camera granted, in seconds."""
        return self._exposure_time

    @exposure_time.setter
    def exposure_time(self, requested: float) -> None:
        self._exposure_time = self.camera.shutter.granted_exposure(requested)

    @property
    def exposures(self) -> int:
        """Return the number of frames exposed so far."""
        return self._exposures

    def continue_after(self, *, frame_id: int, timestamp: float) -> None:
        """Stand where the same bench stood after a frame, at the present exposure time; it goes on to the same bits.

        Parameters
        ----------
        frame_id : int
            Index of the last frame that was exposed.
        timestamp : float
            Start of its exposure, in seconds.

        Raises
        ------
        ValueError
            If a number is negative.
        """
        check_count("frame_id", frame_id, at_least=0)
        check_number("timestamp", timestamp, unit="s", at_least=0)
        self._exposures, self._clock = frame_id + 1, timestamp + self.description.period(self._exposure_time)

    def expose(self, patterns: ArrayLike, *, reference: ArrayLike | None = None, light: bool = True) -> Exposure:
        """Show patterns one after the other and return a frame of each.

        Parameters
        ----------
        patterns : array_like of bool, shape (frame, input)
            Macropixel states.
        reference : array_like or None, shape (frame,), optional
            Commanded phase of the reference in each frame, in radians; None blocks the arm.
        light : bool, optional
            False takes dark frames, the laser blocked.

        Returns
        -------
        Exposure
            Counts, times and indices of the frames.

        Raises
        ------
        TypeError
            If the states are not boolean.
        ValueError
            If their shape does not fit the layout, or a reference is asked for that is not there or does not fit.
        """
        states = check_states(patterns, inputs=self.layout.inputs)
        first, time = self._exposures, self._clock
        period = self.description.period(self._exposure_time)
        timestamps = np.asarray(time + period * np.arange(len(states)), np.float64)
        fringes = None if reference is None else self._fringes(reference, timestamps)
        samples = self._medium.modes * self._medium.samples_per_pixel**2
        step = max(1, BATCH_BYTES // (8 * samples * self.description.camera.pixels))
        counts: Counts = np.empty((len(states), *self.camera.shape), self.camera.word)
        for start in range(0, len(states), step):
            batch = slice(start, start + step)
            fringe = None if fringes is None else fringes[batch]
            rate = self._light(states[batch], fringe, time=timestamps[batch], light=light, first=first + start)
            counts[batch] = self._sensor.expose(
                rate, exposure_time=self._exposure_time, first=first + start, timestamps=timestamps[batch]
            )
        self._exposures += len(states)
        if len(states):
            self._clock = float(timestamps[-1]) + period  # a function of the last frame alone: see continue_after
        valid = np.ones(len(states), np.bool_)
        return Exposure(counts, timestamps, first + np.arange(len(states)), valid, self._exposure_time)

    def _fringes(self, commanded: ArrayLike, timestamps: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return the factor of the reference in each frame."""
        arm = self.description.reference
        if arm is None:
            raise ValueError("this bench has no reference arm: leave reference out, or describe a bench with one")
        phases = np.asarray(commanded, np.float64)
        if phases.shape != timestamps.shape or not np.isfinite(phases).all():
            raise ValueError(
                f"reference must hold one finite phase a frame, shape {timestamps.shape}, got shape {phases.shape}"
            )
        return arm.fringe(
            phases, timestamps=timestamps, exposure_time=self._exposure_time, first=self._exposures, seed=self.seed
        )

    def _light(
        self,
        states: NDArray[np.bool_],
        fringe: NDArray[np.complex128] | None,
        *,
        time: Time,
        light: bool,
        first: int,
    ) -> NDArray[np.float32]:
        """Return the photons per pixel per second of each frame, float32."""
        if not light:
            return np.zeros((len(states), *self.description.camera.shape), np.float32)
        field = self.truth.field(states, time=time)
        samples = self._medium.samples_per_pixel
        weights = aperture_weights(self.description.camera.fill_factor, samples=samples) if samples > 1 else None
        wave = self.truth.reference
        if fringe is not None and wave is not None:
            field += fringe.astype(np.complex64)[:, np.newaxis, np.newaxis, np.newaxis] * wave
        rate = photon_rate(field, weights=weights)
        if fringe is not None and wave is not None:
            # What moves within the exposure fades from the fringes, not from the light.
            faded = _faded(fringe)
            if faded.any():
                rate += faded * photon_rate(wave[np.newaxis].copy(), weights=weights)
        noise = self.description.laser.intensity_noise
        if noise:
            states_of_laser = exposure_states(self.seed, NoiseSource.LASER, first=first, count=len(states))
            generator = ExposureGenerator()
            draws = [generator.at(state).standard_normal() for state in states_of_laser]
            power = np.maximum(1 + noise * np.array(draws), 0)
            rate *= power.astype(np.float32)[:, np.newaxis, np.newaxis]
        return rate


class Truth:
    """What only a simulation knows; fidelity is scored against it, no calibration touches it.

    Parameters
    ----------
    description : BenchDescription
        What the bench is made of.
    medium : Medium
        Its medium, with one input more than the layout has macropixels.
    seed : int
        Seed of the faulty mirrors and of a speckle reference.

    Attributes
    ----------
    reference : ndarray of complex64, shape (mode, y, x), or None
        Reference at the camera with no phase commanded, in square roots of photons per pixel per second.
    """

    def __init__(self, description: BenchDescription, medium: Medium, *, seed: int) -> None:
        self._description = description
        self._medium = medium
        self._off_state: NDArray[np.complex64] | None = None
        self.light = input_light(description.laser, description.dmd, description.layout, seed=seed)
        self.reference = _reference(description, medium, seed)

    def field(self, states: ArrayLike, *, time: Time = 0.0) -> NDArray[np.complex64]:
        """Return the noiseless field at the camera, off-state light included.

        .. math:: E(b) = \\sum_n (s_n + g_n b_n) \\, t_n

        Parameters
        ----------
        states : array_like of bool, shape (frame, input)
            Macropixel states.
        time : float or ndarray, shape (frame,), optional
            Time, in seconds.

        Returns
        -------
        ndarray of complex64, shape (frame, mode, y, x)
            Field, in square roots of photons per pixel per second.
        """
        on = check_states(states, inputs=self._description.layout.inputs)
        if self.light.even:
            # Bare zeros and ones: their sums are exact in single precision, and then do not depend on the batch.
            bare = np.pad(on, ((0, 0), (0, 1))).astype(np.float32)
            field = self._medium.transmit(bare, time=time)
            field *= np.float32(self.light.switched[0].real)
        else:
            field = self._medium.transmit(np.pad(on, ((0, 0), (0, 1))) * self.light.switched, time=time)
        if self.light.static.any():
            field += self._static_field(time)
        return np.asarray(field, np.complex64)

    def matrix(self, *, time: float = 0.0) -> NDArray[np.complexfloating]:
        """Return the transmission matrix: what switching each macropixel on adds to the field.

        Parameters
        ----------
        time : float, optional
            Time, in seconds.

        Returns
        -------
        ndarray of complex, shape (output, input)
            Entries in square roots of photons per pixel per second, field samples in the order (mode, y, x).
        """
        return np.asarray(self._medium.matrix(time)[:, :-1] * self.light.switched[:-1])

    def intensity(self, states: ArrayLike, *, time: Time = 0.0) -> NDArray[np.float32]:
        """Return the laser light on each pixel, without noise.

        Parameters
        ----------
        states : array_like of bool, shape (frame, input)
            Macropixel states.
        time : float or ndarray, shape (frame,), optional
            Time, in seconds.

        Returns
        -------
        ndarray of float32, shape (frame, y, x)
            Photons per delivered pixel per second; stray light of the camera is not part of it.
        """
        return photon_rate(self.field(states, time=time), weights=self._pixel_weights)

    def linear_map(self, anchor: ArrayLike, *, time: float = 0.0) -> NDArray[np.float64]:
        """Return the linear map that an anchor selects.

        .. math:: B = \\mathrm{Re} \\sum_m \\overline{T_m r} T_m / \\sqrt{I(r)}

        Parameters
        ----------
        anchor : array_like of bool, shape (input,)
            States r of the anchor.
        time : float, optional
            Time, in seconds.

        Returns
        -------
        ndarray of float64, shape (y x, input)
            One row a pixel, in square roots of photons per pixel per second.

        Notes
        -----
        T is what switching a macropixel adds to the field. I(r) is the light on the pixel with the anchor on,
        off-state light included: that is what a calibration can measure. Off-state light therefore scales a
        row, it does not turn it.
        """
        states = check_states(np.asarray(anchor)[np.newaxis], inputs=self._description.layout.inputs, name="anchor")
        weights = self._pixel_weights.astype(np.float64)
        samples = len(weights)
        matrix = self.matrix(time=time)
        projected = (matrix @ states[0]).conj()[:, np.newaxis] * matrix
        height, width = (size * self._medium.samples_per_pixel for size in self._description.camera.shape)
        per_pixel = projected.real.reshape(-1, height // samples, samples, width // samples, samples, matrix.shape[1])
        light = self.intensity(states, time=time).astype(np.float64).reshape(-1, 1)
        rows = np.einsum("myjxkn,j,k->yxn", per_pixel, weights, weights).reshape(-1, matrix.shape[1])
        return np.asarray(rows / np.sqrt(light))

    @property
    def _pixel_weights(self) -> NDArray[np.float32]:
        """Weights of the field samples along each axis of a delivered pixel; those of a bin add up."""
        camera = self._description.camera
        return np.tile(aperture_weights(camera.fill_factor, samples=self._medium.samples_per_pixel), camera.binning)

    def _static_field(self, time: Time) -> NDArray[np.complex64]:
        """Field with all macropixels off: one frame a time, kept where it never changes."""
        if self._off_state is not None:
            return self._off_state
        frames = 1 if self._medium.static else np.size(time)
        amplitudes = np.tile(self.light.static, (frames, 1))
        field = np.asarray(self._medium.transmit(amplitudes, time=time), np.complex64)
        if self._medium.static:
            self._off_state = field
        return field


def _faded(fringe: NDArray[np.complex128]) -> NDArray[np.float32]:
    """Return the part of the reference that makes no fringes in each frame, shape (frame, 1, 1).

    Zero where it is below rounding: decided frame by frame, so that no frame depends on its neighbours.
    """
    modulus = np.abs(fringe)
    faded = np.where(np.abs(modulus - 1) < STILL, 0.0, 1 - modulus**2)
    return faded.astype(np.float32)[:, np.newaxis, np.newaxis]


def _medium(description: BenchDescription, seed: int) -> Medium:
    """Return the medium that is described, with an input without a place for the mirrors that carry none."""
    places = input_positions(description.layout, description.dmd)
    camera = description.camera
    site = MediumSite(
        input_positions=np.concatenate([places, np.full((1, 2), math.nan)]),
        output_shape=camera.shape,
        output_pitch=camera.pixel_pitch,
        wavelength=description.laser.wavelength,
    )
    return description.medium.build(site, seed=seed)


def _reference(description: BenchDescription, medium: Medium, seed: int) -> NDArray[np.complex64] | None:
    """Return the reference at the camera; None where the bench has no such arm."""
    if description.reference is None:
        return None
    positions, wavelength = medium.output_positions, description.laser.wavelength
    return description.reference.wave(positions, wavelength=wavelength, modes=medium.modes, seed=seed)
