"""Predicted against simulated error of anchor projections, at random benches.

Each bench is drawn by its seed from `RANGES`; its error 1 - cos^2 against the ideal projection is measured on several
media and compared with the prediction from the description alone.

    python benchmarks/budget.py [--seeds 1000 1020] [--causes camera|still|all] [--media 6] [--most 24]
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass, replace

import numpy as np

from calibration import AnchorProjector
from calibration.budgets import predict_budget
from optics import BenchDescription, Camera, Dmd, GaussianDescription, Laser, MacropixelLayout, SimulatedBench
from optics.media.drift import DriftDescription
from optics.media.finite_grain import FiniteGrainDescription

RANGES = {
    "components": (12, 60),
    "non_zeros": (6, 24),
    "bits": (6, 14),
    "full_scale": (2.0, 20.0),
    "anchor_to_signal": (0.5, 32.0),
    "full_well": (1e3, 1e5),
    "read_noise": (1.0, 30.0),
    "dark_charge": (0.1, 100.0),
    "prnu": (0.0, 0.05),
    "contrast_ratio": (100.0, 1e4),
    "stuck_mirrors": (1e-3, 0.05),
    "beam_radius_over_array": (0.8, 2.0),
    "pixel_over_grain": (0.25, 1.5),
    "laser_noise": (1e-4, 1e-2),
    "drift_of_a_vector": (1e-3, 3e-2),
}
"""What a bench is drawn from: bits and the last six evenly or with even chances of absence, the rest log-uniform.

A drift is Gaussian: what a call of 16 vectors takes over the correlation time, at exposures of a millisecond. Outputs
are chosen, and 16, 32 or 64 exposures of each stored frame taken, just before the call, as is ordinary where stored
frames are taken anew before they are stale; of several exposure levels and many exposures that takes longer than the
vectors: from the choice to the last frame 0.08 correlation times pass at half of the drifting benches, up to 0.6 at
95 % of them and up to 1.1 at all.
"""

CAMERA = ("dark", "prnu")
LIGHT = ("contrast", "stuck", "beam", "grain", "laser", "drift")


@dataclass(frozen=True)
class Drawn:
    """A random bench and what is asked of it."""

    description: BenchDescription
    components: int
    non_zeros: int
    anchor: int
    outputs: int
    full_scale: float
    stored_exposures: int
    present: tuple[str, ...]


def draw_bench(seed: int, *, causes: str = "all") -> Drawn:
    """Return the bench of a seed."""
    rng = np.random.default_rng([seed, 7])

    def log(name: str) -> float:
        low, high = RANGES[name]
        return float(math.exp(rng.uniform(math.log(low), math.log(high))))

    bits = int(rng.integers(RANGES["bits"][0], RANGES["bits"][1] + 1))
    full_scale, ratio, well, read = (log(n) for n in ("full_scale", "anchor_to_signal", "full_well", "read_noise"))
    components = int(rng.integers(RANGES["components"][0], RANGES["components"][1] + 1))
    non_zeros = int(rng.integers(RANGES["non_zeros"][0], min(components, RANGES["non_zeros"][1]) + 1))
    anchor = max(1, round(ratio * non_zeros / 2))
    stored = int(rng.choice([16, 32, 64]))
    black = float(rng.uniform(0, 0.03)) * 2**bits
    gain = float(rng.uniform(0.8, 1.25)) * (2**bits - 1 - black) / well
    read = min(read, well / 40)  # three times the dark noise stay off the saturation
    values = {"dark": log("dark_charge"), "prnu": rng.uniform(*RANGES["prnu"]), "contrast": log("contrast_ratio")}
    values |= {"stuck": log("stuck_mirrors"), "beam": rng.uniform(*RANGES["beam_radius_over_array"])}
    values |= {"grain": rng.uniform(*RANGES["pixel_over_grain"]), "laser": log("laser_noise")}
    values |= {"drift": log("drift_of_a_vector")}
    allowed = {"camera": CAMERA, "still": (*CAMERA, *LIGHT[:-1]), "all": (*CAMERA, *LIGHT)}[causes]
    lots = {name: rng.random() for name in values}
    present = tuple(name for name in allowed if lots[name] < 0.5)
    rows, columns = 34, int(rng.integers(44, 64))
    kept = float(rng.uniform(0.3, 0.8))
    camera = Camera(
        rows=rows, columns=columns, pixel_pitch=5e-6, quantum_efficiency=0.6, full_well=well, gain=gain,
        read_noise=read, bits=bits, black_level=black,
        prnu=values["prnu"] if "prnu" in present else 0.0,
    )  # fmt: skip
    side = math.ceil(math.sqrt(components + anchor))
    dmd = Dmd(rows=4 * side + 3, columns=5 * side + 2, pitch=10e-6, efficiency=0.5)
    layout = MacropixelLayout(block_rows=4, block_columns=5, grid_rows=side, grid_columns=side, order="random")
    description = BenchDescription(
        name=f"random bench {seed}", laser=Laser(wavelength=500e-9, power=1e-3), dmd=dmd, layout=layout,
        medium=GaussianDescription(collected_fraction=1e-4), camera=camera, exposure_time=1e-3,
    )  # fmt: skip
    description = with_causes(description, values, present, vectors=VECTORS)
    description = lit(description, anchor=anchor, components=components, full_scale=full_scale)
    if "dark" in present:
        shortest = 1e-3
        description = replace(description, camera=replace(description.camera, dark_current=values["dark"] / shortest))
    return Drawn(description, components, non_zeros, anchor, int(kept * rows * columns), full_scale, stored, present)


VECTORS = 16
"""Vectors that are projected on every medium."""

ENOUGH = 0.03
"""Relative standard error of a measurement at which no more media are taken."""


def with_causes(description: BenchDescription, values: dict, present: tuple[str, ...], *, vectors: int):
    """Return the bench with the causes that its light and its medium have."""
    dmd, laser, medium = description.dmd, description.laser, description.medium
    if "contrast" in present:
        dmd = replace(dmd, contrast_ratio=values["contrast"])
    if "stuck" in present:
        third = values["stuck"] / 3
        dmd = replace(dmd, stuck_on=third / 4, stuck_off=2 * third, dead=third)
    if "beam" in present:
        laser = replace(laser, beam_radius=values["beam"] * dmd.columns * dmd.pitch / 2)
    if "laser" in present:
        laser = replace(laser, intensity_noise=values["laser"])
    if "grain" in present:
        over = values["grain"]
        samples = max(1, math.ceil(2 * over))
        medium = FiniteGrainDescription(
            collected_fraction=1e-4, grain=description.camera.pixel_pitch / over, samples_per_pixel=samples
        )
    if "drift" in present:
        span = 3 * vectors * description.period(1e-3)
        medium = DriftDescription(inside=medium, law="gaussian", correlation_time=span / values["drift"])
    return replace(description, dmd=dmd, laser=laser, medium=medium)


def lit(description: BenchDescription, *, anchor: int, components: int, full_scale: float) -> BenchDescription:
    """Return the bench with the laser power at which exposures last a millisecond or so."""
    camera = description.camera
    wanted = camera.saturation_charge / full_scale / camera.quantum_efficiency / 1e-3
    share = (anchor + components / 4) / description.layout.inputs
    power = wanted * camera.pixels / (1e-4 * 0.5 * share * description.laser.photon_rate / description.laser.power)
    return replace(description, laser=replace(description.laser, power=float(np.clip(power, 1e-7, 10))))


def ideal_of(description: BenchDescription) -> BenchDescription:
    """Return the bench with even light that obeys; its medium stays, with grain and drift."""
    dmd = replace(description.dmd, contrast_ratio=math.inf, stuck_on=0.0, stuck_off=0.0, dead=0.0, flatness=())
    laser = replace(description.laser, beam_radius=math.inf, beam_y=0.0, beam_x=0.0, intensity_noise=0.0)
    return replace(description, dmd=dmd, laser=laser)


def measure(drawn: Drawn, *, seed: int) -> float:
    """Return the mean 1 - cos^2 over the vectors, on one medium."""
    rng = np.random.default_rng([seed, 3])
    projector = AnchorProjector(
        SimulatedBench(drawn.description, seed=seed), components=drawn.components, outputs=drawn.outputs,
        anchor=drawn.anchor, stored_exposures=drawn.stored_exposures, full_scale=drawn.full_scale,
    )  # fmt: skip
    order = rng.random((VECTORS, drawn.components)).argsort(axis=1)
    x = np.where(order < drawn.non_zeros, rng.choice([-1, 1], (VECTORS, drawn.components)), 0)
    return float(np.mean(errors(projector, drawn, x, seed=seed)))


def errors(projector: AnchorProjector, drawn: Drawn, x: np.ndarray, *, seed: int) -> np.ndarray:
    """Return 1 - cos^2 of each vector against the ideal projection at the middle of its frames."""
    from calibration.anchors import plan

    bench, calibration = projector.bench, projector.calibration
    start = bench._clock
    planned = plan(x, calibration)
    middle = np.zeros(len(x))
    for series in planned.series:
        period = drawn.description.period(series.exposure_time)
        stamps = start + period * np.arange(len(series.patterns))
        total, count = np.zeros(len(x)), np.zeros(len(x))
        for block in series.blocks:
            total[series.vectors[block.members]] += stamps[block.frames]
            count[series.vectors[block.members]] += 1
        middle[series.vectors] = total[series.vectors] / count[series.vectors]
        start = start + period * len(series.patterns)
    found = projector.project(x).value.astype(np.float64)
    ideal = SimulatedBench(ideal_of(drawn.description), seed=seed).truth
    y = projections(ideal, calibration, x, middle)
    cosines = np.sum(found * y, axis=1) / np.sqrt(np.sum(found**2, axis=1) * np.sum(y**2, axis=1))
    return 1 - cosines**2


def projections(truth, calibration, x: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the ideal projections at the delivered outputs, each at its own time."""
    scheme = calibration.scheme
    states = np.zeros((3, len(x), scheme.inputs), bool)
    states[0][:, scheme.anchor] = True
    for half, sign in ((1, 1), (2, -1)):
        states[half][:, scheme.components] = x == sign
    anchor, positive, negative = (truth.field(one, time=times) for one in states)
    weights = truth._pixel_weights.astype(np.float64)
    product = binned((anchor.conj() * (positive - negative)).real, weights)
    light = binned(np.abs(anchor) ** 2, weights)
    return (product / np.sqrt(light)).reshape(len(x), -1)[:, calibration.outputs]


def binned(samples: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return what pixels integrate of samples (frame, mode, y, x)."""
    n = len(weights)
    frames, modes, height, width = samples.shape
    cut = samples.reshape(frames, modes, height // n, n, width // n, n)
    return np.einsum("fmyjxk,j,k->fyx", cut, weights, weights)


@dataclass(frozen=True)
class Compared:
    """A prediction and a measurement."""

    predicted: float
    runs: np.ndarray
    flags: tuple[str, ...]

    @property
    def off(self) -> float:
        """Return how far the prediction is from the mean over media, relative."""
        return float(self.predicted / self.runs.mean() - 1)

    @property
    def error(self) -> float:
        """Return the relative standard error of the mean, from the scatter over media."""
        return float(self.runs.std(ddof=1) / math.sqrt(len(self.runs)) / self.runs.mean())

    @property
    def agrees(self) -> bool:
        """Return whether they are within 10 % or three standard errors."""
        return abs(self.off) < max(0.1, 3 * self.error)


def compare(seed: int, drawn: Drawn, *, media: int, most: int) -> Compared:
    """Predict a bench and measure it, on more media until their mean is known to `ENOUGH`."""
    budget = predict_budget(
        drawn.description, components=drawn.components, outputs=drawn.outputs, non_zeros=drawn.non_zeros,
        anchor=drawn.anchor, full_scale=drawn.full_scale, stored_exposures=drawn.stored_exposures, batch=VECTORS,
    )  # fmt: skip
    runs = [measure(drawn, seed=100 * seed + medium) for medium in range(media)]
    while len(runs) < most and np.std(runs, ddof=1) > ENOUGH * np.mean(runs) * math.sqrt(len(runs)):
        runs.append(measure(drawn, seed=100 * seed + len(runs)))
    return Compared(budget.error, np.array(runs), tuple(one.split(":")[0] for one in budget.flags))


def summary(found: list[Compared]) -> str:
    """Return how many predictions hold."""
    near, within = (sum(rule(one) for one in found) for rule in (lambda c: c.agrees, lambda c: abs(c.off) < 0.1))
    far = sum(abs(one.off) >= 0.25 for one in found)
    spread = np.percentile([100 * abs(one.off) for one in found], [50, 95, 100]) if found else [math.nan] * 3
    return (
        f"{near} of {len(found)} within 10 % or three standard errors, {within} within 10 %, {far} beyond 25 %; "
        "deviations: median {:.1f} %, 95 % below {:.1f} %, largest {:.1f} %".format(*spread)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs=2, default=[1000, 1020], help="first bench, and one beyond the last")
    parser.add_argument(
        "--causes",
        choices=["camera", "still", "all"],
        default="all",
        help="what may make a bench imperfect: its camera, all that stands still, or also what moves",
    )
    parser.add_argument("--media", type=int, default=6, help="fewest media for a bench (default: 6)")
    parser.add_argument("--most", type=int, default=24, help="most media, where the error is not known to 3 %% before")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of single benches, in place of --seeds")
    options = parser.parse_args()
    found = []
    for seed in options.only or range(*options.seeds):
        drawn = draw_bench(seed, causes=options.causes)
        begin = time.perf_counter()
        one = compare(seed, drawn, media=options.media, most=options.most)
        found.append(one)
        print(described(seed, drawn, one), f"[{time.perf_counter() - begin:.1f} s]", flush=True)
    print("all:", summary(found))
    for flag in ("undithered", "few outputs"):
        print(f"flagged {flag}:", summary([one for one in found if flag in one.flags]))
    print("not flagged:", summary([one for one in found if not one.flags]))


def described(seed: int, drawn: Drawn, one: Compared) -> str:
    """Return a bench and its comparison in one line."""
    c = drawn.description.camera
    return (
        f"{seed} {one.runs.mean():.3e} +- {100 * one.error:4.1f} % ({len(one.runs):2d})  predicted "
        f"{100 * one.off:+6.1f} %  {'ok ' if one.agrees else 'OFF'} {c.bits:2d} bit S {drawn.full_scale:4.1f} "
        f"well {c.full_well:6.0f} read {c.read_noise:4.1f} ({c.read_noise * c.gain:5.2f} DN) anchor {drawn.anchor} of "
        f"{drawn.non_zeros} stored {drawn.stored_exposures} kept {drawn.outputs / c.pixels:.2f} "
        f"{','.join(drawn.present)} ! {','.join(one.flags) or 'none'}"
    )


def predict(drawn: Drawn) -> float:
    """Return the predicted error of a bench."""
    return predict_budget(
        drawn.description, components=drawn.components, outputs=drawn.outputs, non_zeros=drawn.non_zeros,
        anchor=drawn.anchor, full_scale=drawn.full_scale, stored_exposures=drawn.stored_exposures, batch=VECTORS,
    ).error  # fmt: skip


if __name__ == "__main__":
    main()
