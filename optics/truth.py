"""What only a simulation knows of a bench: fields, the transmission matrix, the linear map of an anchor."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.bench import BenchDescription
from optics.instabilities.input_phases import make_input_phases
from optics.kernels import photon_rate
from optics.macropixels import input_positions
from optics.media import Medium, MediumSite, Time
from optics.media.exact_sums import on_grid
from optics.mirrors.light import input_light
from optics.sensing.pixel import aperture_weights
from optics.validation import check_states

MOVED_BYTES = 32 * 2**20
"""Memory for the amplitudes of frames whose inputs move; more frames follow each other."""


class Truth:
    """What only a simulation knows; fidelity is scored against it, no calibration touches it.

    Parameters
    ----------
    description : BenchDescription
        What the bench is made of.
    medium : Medium
        Its medium, with one input more than the layout has macropixels.
    seed : int
        Seed of the faulty mirrors, of a speckle reference and of all that moves.

    Attributes
    ----------
    reference : ndarray of complex64, shape (mode, y, x), or None
        Reference at the camera with no phase commanded, in square roots of photons per pixel per second.
    light : InputLight
        What the macropixels send into the medium, on and off.
    phases : InputPhases
        Phases of the inputs as functions of time: mode hops, pointing, temperature and heating.

    Notes
    -----
    At a time the medium stands where drift, mode hops, pointing and temperature have brought it, and where the stated
    warming by patterns has; the power of the laser is its mean. At time zero without warming it is the bench at rest.
    """

    def __init__(self, description: BenchDescription, medium: Medium, *, seed: int) -> None:
        self._description = description
        self._medium = medium
        self._off_state: NDArray[np.complex64] | None = None
        self.light = input_light(
            description.laser, description.dmd, description.layout, seed=seed,
            amplitudes=description.macropixel_amplitudes,
        )  # fmt: skip
        self.reference = _reference(description, medium, seed)
        self.phases = make_input_phases(
            description.laser, description.temperature, description.heating,
            positions=medium.input_positions, seed=seed,
        )  # fmt: skip

    def field(
        self,
        states: ArrayLike,
        *,
        time: Time = 0.0,
        heating: ArrayLike = 0.0,
        anchor_power: NDArray[np.float64] | None = None,
    ) -> NDArray[np.complex64]:
        """Return the noiseless field at the camera, off-state light included.

        .. math:: E(b) = \\sum_n (s_n + g_n b_n) \\, e^{i \\varphi_n} \\, t_n

        Parameters
        ----------
        states : array_like of bool, shape (frame, input)
            Macropixel states.
        time : float or ndarray, shape (frame,), optional
            Time, in seconds.
        heating : array_like, a number or shape (frame,), optional
            Warming by earlier patterns (`optics.SimulatedBench.warming`), in kelvin.
        anchor_power : ndarray or None, shape (frame,), optional
            Relative power of the anchor beam in each frame; None is its mean.

        Returns
        -------
        ndarray of complex64, shape (frame, mode, y, x)
            Field, in square roots of photons per pixel per second.
        """
        on = check_states(states, inputs=self._description.layout.inputs)
        if self.phases.present or anchor_power is not None:
            return self._moving_field(on, time, heating, anchor_power)
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

    def matrix(self, *, time: float = 0.0, heating: float = 0.0) -> NDArray[np.complexfloating]:
        """Return the transmission matrix: what switching each macropixel on adds to the field.

        Parameters
        ----------
        time : float, optional
            Time, in seconds.
        heating : float, optional
            Warming by earlier patterns, in kelvin.

        Returns
        -------
        ndarray of complex, shape (output, input)
            Entries in square roots of photons per pixel per second, field samples in the order (mode, y, x).
        """
        columns = self.light.switched[:-1]
        if self.phases.present:
            columns = columns * self.phases.turns(np.full(1, time), heating=heating)[0, :-1]
        return np.asarray(self._medium.matrix(time)[:, :-1] * columns)

    def intensity(self, states: ArrayLike, *, time: Time = 0.0, heating: ArrayLike = 0.0) -> NDArray[np.float32]:
        """Return the laser light on each pixel, without noise.

        Parameters
        ----------
        states : array_like of bool, shape (frame, input)
            Macropixel states.
        time : float or ndarray, shape (frame,), optional
            Time, in seconds.
        heating : array_like, a number or shape (frame,), optional
            Warming by earlier patterns, in kelvin.

        Returns
        -------
        ndarray of float32, shape (frame, y, x)
            Photons per delivered pixel per second; stray light of the camera is not part of it.
        """
        return photon_rate(self.field(states, time=time, heating=heating), weights=self._pixel_weights)

    def linear_map(self, anchor: ArrayLike, *, time: float = 0.0, heating: float = 0.0) -> NDArray[np.float64]:
        """Return the linear map that an anchor selects.

        .. math:: B = \\mathrm{Re} \\sum_m \\overline{T_m r} T_m / \\sqrt{I(r)}

        Parameters
        ----------
        anchor : array_like of bool, shape (input,)
            States r of the anchor.
        time : float, optional
            Time, in seconds.
        heating : float, optional
            Warming by earlier patterns, in kelvin.

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
        matrix = self.matrix(time=time, heating=heating)
        projected = (matrix @ states[0]).conj()[:, np.newaxis] * matrix
        height, width = (size * self._medium.samples_per_pixel for size in self._description.camera.shape)
        per_pixel = projected.real.reshape(-1, height // samples, samples, width // samples, samples, matrix.shape[1])
        light = self.intensity(states, time=time, heating=heating).astype(np.float64).reshape(-1, 1)
        rows = np.einsum("myjxkn,j,k->yxn", per_pixel, weights, weights).reshape(-1, matrix.shape[1])
        return np.asarray(rows / np.sqrt(light))

    @property
    def _pixel_weights(self) -> NDArray[np.float32]:
        """Weights of the field samples along each axis of a delivered pixel; those of a bin add up."""
        camera = self._description.camera
        return np.tile(aperture_weights(camera.fill_factor, samples=self._medium.samples_per_pixel), camera.binning)

    def _moving_field(
        self, on: NDArray[np.bool_], time: Time, heating: ArrayLike, anchor_power: NDArray[np.float64] | None
    ) -> NDArray[np.complex64]:
        """Field of inputs whose phases move, or of an anchor beam whose power does; some frames at a time."""
        count = len(on)
        moments = np.broadcast_to(np.asarray(time, np.float64), (count,))
        warming = np.broadcast_to(np.asarray(heating, np.float64), (count,))
        parts = []
        step = max(1, MOVED_BYTES // (16 * len(self.light.static)))
        for start in range(0, max(count, 1), step):
            batch = slice(start, start + step)
            amplitudes = self.light.static + np.pad(on[batch], ((0, 0), (0, 1))) * self.light.switched
            amplitudes *= self.phases.turns(moments[batch], heating=warming[batch])
            if anchor_power is not None:
                beam = self._description.anchor_beam
                lit = slice(beam.first, beam.first + beam.inputs)
                amplitudes[:, lit] *= np.sqrt(anchor_power[batch])[:, np.newaxis]
            parts.append(self._medium.transmit(on_grid(amplitudes), time=moments[batch]))
        return np.concatenate(parts).astype(np.complex64, copy=False)

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


def described_medium(description: BenchDescription, *, seed: int) -> Medium:
    """Return the medium of a bench, with an input without a place for the mirrors that carry no component.

    Parameters
    ----------
    description : BenchDescription
        The bench.
    seed : int
        Seed of the medium.

    Returns
    -------
    Medium
        The medium, of one input more than the layout has macropixels.
    """
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
