"""A small bench, the frames that identify its light, and what is known of its camera."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.uncertainty import Measured, exact
from calibration.identification.observations import Frames, Observations
from optics import BenchDescription, Camera, Dmd, Laser, MacropixelLayout, SimulatedBench
from optics.media import Medium, MediumDescription, Time
from optics.truth import described_medium

CAMERA = Camera(
    rows=30, columns=38, pixel_pitch=5e-6, quantum_efficiency=0.6, full_well=20_000.0, gain=0.2, read_noise=8.0,
    bits=12, black_level=40.0, dark_current=300.0, dsnu=10.0, row_noise=2.0,
)  # fmt: skip
LAYOUT = MacropixelLayout(block_rows=4, block_columns=4, grid_rows=6, grid_columns=8)
DMD = Dmd(rows=24, columns=32, pitch=10e-6, contrast_ratio=400.0)
LASER = Laser(wavelength=633e-9, power=8e-6, intensity_noise=0.01)


@dataclass(frozen=True, eq=False)
class Known:
    """Figures of a camera that are taken as known."""

    gain: Measured
    black_level: Measured
    dark_noise: Measured
    dark_current: Measured
    saturation: Measured
    hot_map: NDArray[np.bool_]
    dead_map: NDArray[np.bool_]


def known(camera: Camera) -> Known:
    """Return the true figures of a camera without hot and dead pixels."""
    none = np.zeros(camera.shape, bool)
    return Known(
        exact(camera.gain), Measured(value=camera.black_level, uncertainty=0.02), exact(camera.read_noise),
        exact(camera.dark_current), exact(camera.saturation), none, none,
    )  # fmt: skip


class WeightedMedium:
    """A medium whose inputs reach it with amplitudes of their own."""

    def __init__(self, inside: Medium, weights: NDArray[np.float64]) -> None:
        self.inside, self.weights = inside, np.append(weights, 1.0)
        self.static, self.modes, self.samples_per_pixel = inside.static, inside.modes, inside.samples_per_pixel
        self.input_positions, self.output_positions = inside.input_positions, inside.output_positions

    def transmit(self, field_in: NDArray[np.inexact], *, time: Time) -> NDArray[np.complex64]:
        """Return the field behind the medium."""
        return self.inside.transmit(field_in * self.weights, time=time).astype(np.complex64)

    def adjoint(self, field: NDArray[np.inexact], *, time: Time) -> NDArray[np.complex64]:
        """Return what the conjugate transpose makes of a field."""
        return np.asarray(self.inside.adjoint(field, time=time) * self.weights)

    def matrix(self, time: float) -> NDArray[np.complex64]:
        """Return the matrix."""
        return np.asarray(self.inside.matrix(time) * self.weights)


def bench_of(
    medium: MediumDescription, *, seed: int, weights: NDArray[np.float64] | None = None, contrast_ratio: float = 400.0
) -> SimulatedBench:
    """Return the bench with a medium of a collected fraction of 1e-3, macropixels weighted."""
    dmd = replace(DMD, contrast_ratio=contrast_ratio)
    description = BenchDescription(
        name="light", laser=LASER, dmd=dmd, layout=LAYOUT, medium=medium, camera=CAMERA, exposure_time=1e-3
    )
    amplitudes = np.ones(LAYOUT.inputs) if weights is None else weights
    inside = described_medium(description, seed=seed)
    return SimulatedBench(description, seed=seed, medium=WeightedMedium(inside, amplitudes))


def rate_of(bench: SimulatedBench, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Return the light of each macropixel that is on, over all media: electrons per second per pixel."""
    scale = CAMERA.quantum_efficiency * bench.description.medium.collected_fraction / CAMERA.pixels
    amplitudes = 1.0 if weights is None else weights
    return np.asarray(bench.truth.light.photons_on * amplitudes**2 * scale)


def observe_light(bench: SimulatedBench, *, seed: int, halves: int = 128, saturated: float = 2e-3) -> Observations:
    """Return dark frames, halves, off frames, single macropixels and bursts at exposures that suit them."""
    rng, inputs = np.random.default_rng(seed), LAYOUT.inputs
    half = np.array([rng.permutation(inputs) < inputs // 2 for _ in range(halves)])
    single, none = np.eye(inputs, dtype=bool), np.zeros((16, inputs), bool)
    times = [
        round(CAMERA.full_well / np.quantile(bench.truth.intensity(states) * 0.6, 1 - saturated) * 1e6) * 1e-6
        for states in (half[:8], single)
    ]

    def take(states: NDArray[np.bool_], time: float, *, light: bool = True) -> Frames:
        bench.exposure_time = time
        seen = bench.expose(states, light=light)
        return Frames(
            counts=seen.counts, states=states, timestamps=seen.timestamps, exposure_time=seen.exposure_time
        )  # fmt: skip

    dark = tuple(take(np.repeat(none, 3, axis=0), time, light=False) for time in times)
    taken = take(half, times[0])
    return Observations(
        exposures=0, bits=12, dark=dark, ladder=(), overexposed=taken, halves=taken, off=take(none, times[1]),
        singles=take(single, times[1]),
        repeats=tuple(take(np.repeat(half[:1], 16, axis=0), times[0]) for _ in range(2)),
    )  # fmt: skip
