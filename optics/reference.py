"""The reference arm: a wave of known stepping phase that meets the signal on the camera, and its troubles.

A frame with the commanded phase delta is |S + R exp(-i delta)|^2. All phases that the arm adds of itself (step errors,
drift, vibration) count like commanded ones.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.fringe_fading import mean_phasor
from optics.instabilities.power import frame_powers
from optics.media.phase_drift import PhaseDrift
from optics.speckle.generate import speckle_field
from optics.streams import NoiseSource, exposure_normals, source_generator
from optics.validation import check_choice, check_number

STEADY = PhaseDrift(rms=0.0, correlation_time=1.0)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A reference arm, as a table ``[reference]`` of a bench file describes it.

    .. math:: R(y, x) = \\sqrt{\\Phi} \\, e^{-r^2 / w^2}
              \\exp\\left[\\frac{2 \\pi i}{\\lambda} (y \\sin\\theta_y + x \\sin\\theta_x)\\right]

    In a bench file::

        [reference]
        rate = 2e6              # photons per pixel per second at the centre
        tilt_y = 0.02           # rad; off axis
        [reference.drift]
        rms = 0.5               # rad
        correlation_time = 10.0 # s
        [[reference.drift.lines]]
        amplitude = 0.05        # rad
        frequency = 42.2        # Hz

    Parameters
    ----------
    rate : float
        Photons per pixel per second: in the middle of a plane wave, on average of a speckle.
    kind : {"plane", "speckle"}, optional
        A tilted plane wave that went around the medium, or a speckle that came through it: fully developed and
        unknown, of the stated grain.
    tilt_y, tilt_x : float, optional
        Angles theta to the camera's normal, in radians; the carrier is sin(theta) / lambda.
    beam_radius : float, optional
        1/e^2 radius w of the intensity on the camera, in metres; infinity for an even wave.
    grain : float, optional
        Grain of a speckle reference, full width lambda z / L of a square pupil, in metres; zero makes field samples
        independent.
    mode_weights : tuple of float, optional
        Shares of the light in the mutually incoherent modes of the medium; they add up to one.
    step_scale : float, optional
        Phase that is granted over the phase that is commanded.
    step_error : float, optional
        Rms random error of a step, in radians, independent from frame to frame.
    drift : PhaseDrift, optional
        Slow drift and vibration lines.
    power_noise : float, optional
        Relative rms of the arm's own power from one exposure to the next, normal, independent, common to all pixels.

    Raises
    ------
    ValueError
        If a value is out of its range or weights do not add up.

    Notes
    -----
    Where the phase moves within an exposure, fringes fade: with gamma the mean of exp(-i phi) over the exposure, the
    frame is exactly \\|S + gamma R\\|^2 + (1 - \\|gamma\\|^2) \\|R\\|^2.
    """

    rate: float
    kind: str = "plane"
    tilt_y: float = 0.0
    tilt_x: float = 0.0
    beam_radius: float = math.inf
    grain: float = 0.0
    mode_weights: tuple[float, ...] = (1.0,)
    step_scale: float = 1.0
    step_error: float = 0.0
    drift: PhaseDrift = STEADY
    power_noise: float = 0.0

    def __post_init__(self) -> None:
        check_number("rate", self.rate, unit="photons per pixel per second", above=0)
        check_choice("kind", self.kind, ("plane", "speckle"))
        for name in ("tilt_y", "tilt_x"):
            check_number(name, getattr(self, name), unit="rad", at_least=-1, at_most=1)
        check_number("beam_radius", self.beam_radius, unit="m", above=0, infinite=True)
        check_number("grain", self.grain, unit="m", at_least=0)
        check_number("step_scale", self.step_scale, above=0, at_most=2)
        check_number("step_error", self.step_error, unit="rad", at_least=0, at_most=math.pi)
        check_number("power_noise", self.power_noise, at_least=0, at_most=0.2)
        for index, weight in enumerate(self.mode_weights):
            check_number(f"mode_weights[{index}]", weight, at_least=0, at_most=1)
        if not math.isclose(math.fsum(self.mode_weights), 1, abs_tol=1e-6):
            raise ValueError(f"mode_weights add up to {math.fsum(self.mode_weights):g}, they must add up to 1")
        if self.kind == "plane" and self.grain:
            raise ValueError("a plane reference has no grain: leave grain out or take kind = 'speckle'")

    def wave(
        self, positions: NDArray[np.float64], *, wavelength: float, modes: int, seed: int
    ) -> NDArray[np.complex64]:
        """Return the reference at the camera with no phase commanded.

        Parameters
        ----------
        positions : ndarray, shape (y, x, 2)
            Where the field samples are, (y, x) in metres.
        wavelength : float
            Wavelength, in metres.
        modes : int
            Number of modes of the medium.
        seed : int
            Seed of a speckle reference.

        Returns
        -------
        ndarray of complex64, shape (mode, y, x)
            Field, in square roots of photons per pixel per second.

        Raises
        ------
        ValueError
            If there is not a weight for each mode, or a speckle with a grain falls on a single field sample.
        """
        if len(self.mode_weights) != modes:
            raise ValueError(
                f"the medium has {modes} modes, the reference has {len(self.mode_weights)} mode_weights: say which "
                "part of its light goes with each mode"
            )
        y, x = positions[..., 0], positions[..., 1]
        phase = 2 * np.pi / wavelength * (y * math.sin(self.tilt_y) + x * math.sin(self.tilt_x))
        middle_y, middle_x = (positions[0, 0] + positions[-1, -1]) / 2
        envelope = np.exp(-((y - middle_y) ** 2 + (x - middle_x) ** 2) / self.beam_radius**2)
        wave = math.sqrt(self.rate) * envelope * np.exp(1j * phase)
        if self.kind == "speckle":
            wave = wave * self._speckle(positions, seed=seed)
        weights = np.sqrt(np.array(self.mode_weights))[:, np.newaxis, np.newaxis]
        return np.asarray(weights * wave, np.complex64)

    def _speckle(self, positions: NDArray[np.float64], *, seed: int) -> NDArray[np.complex128]:
        """Return a speckle of unit mean intensity."""
        rng = source_generator(seed, NoiseSource.REFERENCE_FIELD)
        shape = positions.shape[:2]
        if not self.grain:
            parts = rng.standard_normal((2, *shape)) / math.sqrt(2)
            return np.asarray(parts[0] + 1j * parts[1])
        if max(shape) == 1:
            raise ValueError(
                f"grain = {self.grain:g} m of a speckle reference needs more than one field sample, the camera has "
                "1 x 1: leave grain out (zero), or take a camera of more pixels"
            )
        pitch = np.ptp(positions, axis=(0, 1)).sum() / (sum(shape) - 2)  # samples are square
        return np.asarray(speckle_field(shape, grain=self.grain / pitch, pupil="square", rng=rng, dtype=np.complex128))

    def fringe(
        self, commanded: ArrayLike, *, timestamps: NDArray[np.float64], exposure_time: float, first: int, seed: int
    ) -> NDArray[np.complex128]:
        """Return the factor of the reference in each frame, averaged over its exposure.

        .. math:: \\gamma = \\frac{1}{T} \\int e^{-i [\\kappa \\delta + \\epsilon + \\varphi(t)]} dt

        Parameters
        ----------
        commanded : array_like, shape (frame,)
            Commanded phases delta, in radians.
        timestamps : ndarray, shape (frame,)
            Start of each exposure, in seconds.
        exposure_time : float
            Exposure time T, in seconds.
        first : int
            Absolute index of the first exposure.
        seed : int
            Seed of the arm's own phases.

        Returns
        -------
        ndarray of complex128, shape (frame,)
            Factors gamma; of modulus one where nothing moves within the exposure. Each has the same bits whatever
            other frames are asked for; see `optics.fringe_fading.mean_phasor` for the error of the mean.
        """
        phase = self.step_scale * np.asarray(commanded, np.float64)
        if self.step_error:
            draws = exposure_normals(seed, NoiseSource.REFERENCE_STEP, first=first, count=len(phase))
            phase = phase + self.step_error * draws
        motion = mean_phasor(self.drift, timestamps, exposure_time=exposure_time, seed=seed)
        return np.asarray(np.exp(-1j * phase) * motion)

    def power(self, *, first: int, count: int, seed: int) -> NDArray[np.float64]:
        """Return the relative power of the arm in consecutive exposures.

        Parameters
        ----------
        first : int
            Absolute index of the first exposure.
        count : int
            Number of exposures.
        seed : int
            Seed of the bench.

        Returns
        -------
        ndarray, shape (count,)
            Powers over their mean, beside those of the laser; ones where there is no noise.
        """
        return frame_powers(self.power_noise, source=NoiseSource.REFERENCE_POWER, first=first, count=count, seed=seed)
