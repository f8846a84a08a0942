"""Benches drawn at random, and the wrapper that hides their description from who calibrates them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from calibration.twins.known_camera import BenchWithCamera
from optics import (
    Bench,
    BenchDescription,
    Camera,
    DriftDescription,
    FiniteGrainDescription,
    GaussianDescription,
    Laser,
    MacropixelLayout,
    MediumDescription,
    PartiallyCoherentDescription,
    Pointing,
    PolarisedDescription,
    Shutter,
    SimulatedBench,
    input_light,
    light_budget,
    load_dmd,
)

WAVELENGTH = 532e-9
DMD = load_dmd("dlp7000", wavelength=WAVELENGTH)
PIXEL_PITCH = 5.5e-6
PATH_TIME = 1e-10
FILLED = 0.14
"""Mean signal of a random half over the range at the drawn exposure time."""

SESSION_FRAMES, SESSION_MACROPIXELS = 10_000, 30
"""Length of a session of projections, in frames that its macropixels fill as a half does, and those macropixels: some
2000 frames, those of the stored levels up to sixteen times as long. No bench is one that has changed before it ends."""

SLOWER = {"gaussian": 1.5, "exponential": 10.0}
"""Least correlation time over a session: g_1 falls to 0.64 or to 0.90 within it."""


class HiddenBench(BenchWithCamera):
    """A bench that tells what a data sheet cannot have wrong, and nothing else: no truth, and made-up figures."""

    def __init__(self, bench: SimulatedBench) -> None:
        super().__init__(bench, placeholder(bench.camera))
        self.wait = bench.wait

    @property
    def truth(self) -> None:
        """Return nothing: the truth is hidden."""
        return None


def placeholder(camera: Camera) -> Camera:
    """Return a camera of the same bits, pixels, pitch and shutter, all else made up."""
    top = (1 << camera.bits) - 1
    return Camera(
        rows=camera.rows, columns=camera.columns, pixel_pitch=camera.pixel_pitch, quantum_efficiency=0.5,
        full_well=1e4, gain=top / 1e4, read_noise=10.0, bits=camera.bits, alignment=camera.alignment,
        shutter=camera.shutter,
    )  # fmt: skip


def draw_bench(number: int) -> BenchDescription:
    """Return the description of a hidden bench.

    Parameters
    ----------
    number : int
        Which; the same number gives the same bench.

    Returns
    -------
    BenchDescription
        The bench, at an exposure time that suits a random half of its macropixels.
    """
    rng = np.random.default_rng([9, number])
    layout = _layout(rng)
    camera = _camera(rng)
    laser = _laser(rng)
    ratio = math.inf if rng.random() < 0.2 else _between(rng, 200, 5000)
    bench = BenchDescription(
        name=f"hidden bench {number}", laser=laser, dmd=replace(DMD, contrast_ratio=ratio), layout=layout,
        medium=_medium(rng), camera=camera, exposure_time=_between(rng, 1e-4, 5e-3),
        macropixel_amplitudes=_amplitudes(rng, layout.inputs),
    )  # fmt: skip
    wanted = FILLED * min(camera.full_well, (camera.largest_count - camera.black_level) / camera.gain)
    charge = light_budget(bench).pixel_charge
    bench = replace(bench, laser=replace(laser, power=laser.power * wanted / charge))
    bench = replace(bench, exposure_time=camera.shutter.granted_exposure(bench.exposure_time))
    return replace(bench, medium=_lasting(bench.medium, session=_session(bench)))


def _session(bench: BenchDescription) -> float:
    """Return how long projections take, in seconds, with components and anchor on the first macropixels."""
    light = input_light(bench.laser, bench.dmd, bench.layout, amplitudes=bench.macropixel_amplitudes).photons_on
    share = float(light[:SESSION_MACROPIXELS].sum() / (light.sum() / 2))
    shutter, longest = bench.camera.shutter, bench.exposure_time / min(share, 1.0)
    return SESSION_FRAMES * max(shutter.pattern_period(longest, rows=bench.camera.rows), 1 / DMD.frame_rate)


def _lasting(medium: MediumDescription, *, session: float) -> MediumDescription:
    """Return a medium that drifts no faster than leaves a bench."""
    if not isinstance(medium, DriftDescription):
        return medium
    return replace(medium, correlation_time=max(medium.correlation_time, SLOWER[medium.law] * session))


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a number whose logarithm is uniform."""
    return float(math.exp(rng.uniform(math.log(low), math.log(high))))


def _some(rng: np.random.Generator, high: float, *, chance: float = 0.7) -> float:
    """Return a number up to a limit, or zero."""
    value = float(rng.uniform(0, high))
    return value if rng.random() < chance else 0.0


def _layout(rng: np.random.Generator) -> MacropixelLayout:
    """Return blocks that fill the chip."""
    rows, columns = int(rng.integers(8, 15)), int(rng.integers(10, 19))
    return MacropixelLayout(
        block_rows=DMD.rows // rows, block_columns=DMD.columns // columns, grid_rows=rows, grid_columns=columns
    )


def _amplitudes(rng: np.random.Generator, inputs: int) -> tuple[float, ...]:
    """Return relative amplitudes, some of them zero."""
    amplitudes = np.exp(_some(rng, 0.2, chance=0.4) * rng.standard_normal(inputs))
    amplitudes[rng.random(inputs) < _some(rng, 0.03)] = 0.0
    return tuple(amplitudes.tolist())


def _laser(rng: np.random.Generator) -> Laser:
    """Return a laser whose power is still to be set."""
    width = DMD.columns * DMD.pitch
    radius = math.inf if rng.random() < 0.4 else float(width * rng.uniform(0.4, 1.5))
    y, x = (rng.uniform(-0.15, 0.15, 2) * width).tolist()
    rms = 0.0 if rng.random() < 0.4 else _between(rng, 2e-7, 4e-6)
    return Laser(
        wavelength=WAVELENGTH, power=1e-3, beam_radius=radius, beam_y=y, beam_x=x, intensity_noise=_some(rng, 0.02),
        pointing=Pointing(rms=rms, correlation_time=1e-7, law="gaussian"),
    )  # fmt: skip


def _camera(rng: np.random.Generator) -> Camera:
    """Return a camera, its full well below or above what the converter reaches."""
    bits = int(rng.choice([8, 10, 12]))
    top, span = (1 << bits) - 1, _between(rng, 5e3, 3e4)
    black = float(rng.uniform(1, 8 if bits == 8 else 60))
    return Camera(
        rows=int(rng.integers(32, 49)), columns=int(rng.integers(50, 73)), pixel_pitch=PIXEL_PITCH,
        quantum_efficiency=float(rng.uniform(0.3, 0.8)), full_well=span * float(rng.uniform(0.7, 2.0)),
        gain=(top - black) / span, read_noise=_between(rng, 2, 20), bits=bits, black_level=black,
        dark_current=_some(rng, 1000), hot_pixels=_some(rng, 0.01), hot_pixel_current=_between(rng, 1e3, 1e5),
        dead_pixels=_some(rng, 0.01), prnu=_some(rng, 0.02), dsnu=_some(rng, 20), row_offset=_some(rng, 5, chance=0.4),
        column_offset=_some(rng, 5, chance=0.4), row_noise=_some(rng, 5, chance=0.4),
        column_noise=_some(rng, 5, chance=0.4),
        shutter=Shutter(exposure_minimum=1e-5, exposure_step=1e-6, exposure_maximum=1.0, overhead=5e-5),
    )  # fmt: skip


def _medium(rng: np.random.Generator) -> MediumDescription:
    """Return what scatters, and how it drifts."""
    collected = _between(rng, 1e-7, 1e-5)
    medium: MediumDescription = GaussianDescription(collected_fraction=collected)
    if rng.random() < 0.5:
        grain = PIXEL_PITCH * float(rng.uniform(1.0, 3.0))
        medium = FiniteGrainDescription(collected_fraction=collected, grain=grain, samples_per_pixel=2)
    kind = rng.choice(["plain", "polarised", "coherent"], p=[0.5, 0.3, 0.2])
    if kind == "polarised":
        medium = PolarisedDescription(inside=medium, degree=float(rng.uniform(0, 1)))
    elif kind == "coherent":
        # One to three modes: C^2 = 1 / (1 + 2 Gamma tau).
        width = float(rng.uniform(0.05, 2)) / (2 * math.pi * PATH_TIME)
        medium = PartiallyCoherentDescription(inside=medium, modes=8, linewidth=width, path_time=PATH_TIME)
    if rng.random() < 0.2:
        return medium
    law = str(rng.choice(["exponential", "gaussian"]))
    fastest = 300.0 if law == "exponential" else 10.0  # a faster one leaves no bench: projections last seconds
    # Components are exact, but those of a rough law are too many to be made for every frame.
    method = "components" if law == "gaussian" else "mixing"
    return DriftDescription(inside=medium, law=law, correlation_time=_between(rng, fastest, 1e5), method=method)


def hidden_bench(number: int) -> tuple[BenchDescription, SimulatedBench, Bench]:
    """Return a hidden bench: its description, the bench itself, and what the procedure gets to see of it."""
    description = draw_bench(number)
    bench = SimulatedBench(description, seed=number)
    return description, bench, HiddenBench(bench)
