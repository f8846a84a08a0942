"""Numerical interferometry on a bench set to the published run on a real OPU, and what brings it to that figure.

100 inputs, 100 outputs, 20 anchors, 6804 frames of 8-bit counts whose mean on random inputs is 21.6, with shot, read
and rounding noise of the OPU-class bench: intensity correlation on unseen inputs. Then curves of it against drift,
laser noise and DMD contrast, with the joint fit and with the linear steps that were published; the fewest frames that
reach 0.978; and the time of decoding 1024 x 512 matrices. Draws the curves into a picture.

    python -m benchmarks.numerical_interferometry [--output numerical_interferometry.png] [--seeds 1 2 3]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from calibration.fidelity import intensity_correlation
from calibration.light import Light, light_from_counts
from calibration.matrices.nested_anchors import InterferometryPlan, plan_interferometry
from calibration.matrices.numerical_interferometry import decode_interferometry
from optics import BenchDescription, SimulatedBench, load_bench
from optics.media import DriftDescription
from optics.plots import canvas, colour_of, draw_curve, draw_level

PUBLISHED, MEAN_COUNT, INPUTS, FRAMES = 0.978, 21.6, 100, 6804
UNSEEN, DARK_FRAMES = 100, 64
METHODS = {"joint fit": 12, "linear, as published": 0}
PERIOD = 450e-6  # s; exposure of 400 us and 50 us between exposures


@dataclass(frozen=True, kw_only=True)
class Score:
    """Correlations on unseen inputs (all rows with counts, rows not flagged, all rows with noiseless light); counts."""

    counts: float
    valid: float
    truth: float
    flagged: float
    mean: float
    deviation: float
    largest: float


def published_bench(
    *, seed: int, contrast: float = np.inf, noise: float = 0.0, drift: float = np.inf
) -> SimulatedBench:
    """Return the OPU-class bench with 100 macropixels, 100 pixels, and the power of the published mean count."""
    opu = load_bench("opu")
    camera = opu.camera.region(rows=10, columns=10)
    share = opu.medium.collected_fraction * camera.pixels / opu.camera.pixels
    description = replace(
        opu, camera=camera, medium=replace(opu.medium, collected_fraction=share),
        layout=replace(opu.layout, block_rows=100, block_columns=88, grid_rows=10, grid_columns=10),
        dmd=replace(opu.dmd, contrast_ratio=contrast), laser=replace(opu.laser, intensity_noise=noise),
    )  # fmt: skip
    light = SimulatedBench(description, seed=seed).truth.intensity(random_inputs(200)).mean()
    count = light * camera.quantum_efficiency * description.exposure_time * camera.gain
    power = description.laser.power * MEAN_COUNT / count
    return SimulatedBench(moving(replace(description, laser=replace(description.laser, power=power)), drift), seed=seed)


def moving(description: BenchDescription, correlation_time: float) -> BenchDescription:
    """Return the bench with a medium that decorrelates."""
    if np.isinf(correlation_time):
        return description
    medium = DriftDescription(
        inside=description.medium, law="exponential", correlation_time=correlation_time, method="mixing"
    )
    return replace(description, medium=medium)


def random_inputs(number: int) -> np.ndarray:
    """Return inputs that no plan shows, half of them on."""
    return np.random.default_rng(2020).random((number, INPUTS)) < 0.5


def run(bench: SimulatedBench, plan: InterferometryPlan, *, methods: Iterable[str] = METHODS) -> dict[str, Score]:
    """Expose a plan, dark frames and unseen inputs; return the score of each method."""
    dark = bench.expose(np.zeros((DARK_FRAMES, INPUTS), bool), light=False).counts.mean(axis=0)
    exposure = bench.expose(plan.patterns)
    x = random_inputs(UNSEEN)
    seen = bench.expose(x)
    light, measured = (
        light_from_counts(one.counts, bench.camera, exposure_time=one.exposure_time, dark=dark)
        for one in (exposure, seen)
    )
    truth = bench.truth.intensity(x, time=seen.timestamps).reshape(UNSEEN, -1)
    counts, found = seen.counts - dark, measured.value.reshape(UNSEEN, -1)
    scores = {}
    for name in methods:
        try:
            estimate = decode_interferometry(light, plan, steps=METHODS[name])
        except ValueError:  # the light does not follow the patterns at all
            scores[name] = Score(
                counts=0, valid=0, truth=0, flagged=1, mean=counts.mean(), deviation=counts.std(), largest=counts.max()
            )
            continue
        predicted, rows = estimate.light(x), estimate.static.valid
        scores[name] = Score(
            counts=float(intensity_correlation(predicted, found).mean()),
            valid=float(intensity_correlation(predicted[:, rows], found[:, rows]).mean()),
            truth=float(intensity_correlation(predicted, truth).mean()),
            flagged=1 - float(estimate.static.valid.mean()),
            mean=float(counts.mean()), deviation=float(counts.std()), largest=float(counts.max()),
        )  # fmt: skip
    return scores


def published_plan(seed: int) -> InterferometryPlan:
    """Return the frames of the published run."""
    plan = plan_interferometry(INPUTS, rng=np.random.default_rng(seed), off_frames=84)
    if plan.frames != FRAMES:
        raise RuntimeError(f"the plan has {plan.frames} frames, the published run had {FRAMES}")
    return plan


def crossing(values: np.ndarray, correlations: np.ndarray) -> float:
    """Return where a curve first passes the published correlation, straight in the logarithm of the abscissa."""
    above = correlations >= PUBLISHED
    changes = np.flatnonzero(above[1:] != above[:-1])
    if len(changes) == 0:
        return np.nan
    i = changes[0]
    part = (PUBLISHED - correlations[i]) / (correlations[i + 1] - correlations[i])
    return float(np.exp(np.log(values[i]) + part * np.log(values[i + 1] / values[i])))


def sweep(axes: Axes, seeds: list[int], *, keyword: str, values: np.ndarray, label: str, scale: float = 1.0) -> None:
    """Print and draw the correlation with counts against one imperfection."""
    curves = {name: np.zeros(len(values)) for name in METHODS}
    for i, value in enumerate(values):
        for seed in seeds:
            scores = run(published_bench(seed=seed, **{keyword: value}), published_plan(seed))
            for name, score in scores.items():
                curves[name][i] += score.counts / len(seeds)
    print(f"\n{label:>34}  " + "  ".join(f"{name:>20}" for name in METHODS))
    for i, value in enumerate(values):
        print(f"{value * scale:34.5g}  " + "  ".join(f"{curves[name][i]:20.4f}" for name in METHODS), flush=True)
    for index, (name, curve) in enumerate(curves.items()):
        where = crossing(values, curve)
        reached = (
            f"{PUBLISHED} at {where * scale:.4g}" if np.isfinite(where) else f"{PUBLISHED} at no value of the sweep"
        )
        print(f"{name}: {reached}")
        draw_curve(axes, values * scale, curve, index=index, kind="both", label=name)
        if np.isfinite(where):
            draw_level(axes, where * scale, vertical=True).set(color=colour_of(index), linestyle=":")
    draw_level(axes, PUBLISHED).set_linestyle("--")
    axes.set(xscale="log", xlabel=label, ylim=(0.9, 1.002))


def fewest_frames(axes: Axes, seeds: list[int]) -> None:
    """Print and draw the correlation with counts against the number of frames of smaller plans."""
    print(
        f"\n{'anchors':>8} {'columns':>8} {'blocks':>7} {'frames':>7} "
        f"{'counts':>8} {'worst':>8} {'valid':>8} {'flagged':>8}"
    )
    found = []
    for columns in (56, 60, 75):
        for anchors in (4, 5, 6, 8, 20):
            for blocks in (1, 2):
                scores = []
                for seed in seeds:
                    plan = plan_interferometry(
                        INPUTS, rng=np.random.default_rng(seed), anchors=anchors, columns=columns, blocks=blocks,
                        off_frames=2,
                    )  # fmt: skip
                    scores.append(run(published_bench(seed=seed), plan, methods=["joint fit"])["joint fit"])
                counts, valid, flagged = (
                    np.mean([getattr(one, name) for one in scores]) for name in ("counts", "valid", "flagged")
                )
                worst = min(one.counts for one in scores)
                found.append((plan.frames, worst, columns, anchors, blocks, counts))
                print(
                    f"{anchors:8d} {columns:8d} {blocks:7d} {plan.frames:7d} {counts:8.4f} {worst:8.4f} {valid:8.4f} "
                    f"{flagged:8.1%}",
                    flush=True,
                )
    for index, columns in enumerate((56, 60, 75)):
        points = np.array([(one[0], one[5]) for one in found if one[2] == columns])
        draw_curve(axes, *points.T, index=index, kind="points", label=f"{columns} columns a half")
    draw_level(axes, PUBLISHED).set_linestyle("--")
    axes.set(xscale="log", xlabel="frames", ylim=(0.9, 1.002))
    axes.set_xticks([500, 1000, 2000, 5000], ["500", "1000", "2000", "5000"])
    axes.minorticks_off()
    least = min(one for one in found if one[1] >= PUBLISHED)
    print(
        f"fewest frames that reach {PUBLISHED} with every seed: {least[0]} ({least[3]} anchors, {least[2]} columns, "
        f"{least[4]} blocks a half), correlation {least[5]:.4f}; {least[0] / INPUTS:.1f} frames an input"
    )


def decode_time(*, outputs: int, inputs: int) -> None:
    """Print the time of decoding a large matrix from stored light."""
    rng = np.random.default_rng(3)
    plan = plan_interferometry(inputs, rng=rng)
    T = (rng.standard_normal((2, outputs, inputs), dtype=np.float32) * np.sqrt(MEAN_COUNT / inputs)).astype(np.float32)
    patterns = plan.patterns.astype(np.float32)
    light = (patterns @ T[0].T) ** 2
    light += (patterns @ T[1].T) ** 2
    variance = 0.0253 * light + np.float32(0.0253 * 13) ** 2 + np.float32(1 / 12)
    light += np.sqrt(variance) * rng.standard_normal(light.shape, dtype=np.float32)
    stored = Light(light, variance, np.ones(light.shape, bool))
    for _ in range(2):
        wall, processor = time.perf_counter(), time.process_time()
        estimate = decode_interferometry(stored, plan)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        print(
            f"{outputs} outputs x {inputs} inputs, {plan.frames} frames: {wall:.1f} s, {processor:.1f} s of processor "
            f"time on two threads; rows flagged {1 - estimate.static.valid.mean():.1%}",
            flush=True,
        )


def draw(seeds: list[int], path: Path) -> None:
    """Run the sweeps and draw them."""
    campaign = FRAMES * PERIOD
    with canvas(9.0, 6.4) as figure:
        first, second, third, fourth = figure.subplots(2, 2).ravel()
        sweep(
            first, seeds, keyword="drift", values=campaign * np.geomspace(1000, 3, 7), scale=1 / campaign,
            label="correlation time / time of all frames",
        )  # fmt: skip
        sweep(second, seeds, keyword="noise", values=np.geomspace(0.003, 0.2, 7), label="laser noise / %", scale=100)
        sweep(third, seeds, keyword="contrast", values=np.geomspace(1e5, 3, 9), label="contrast of the DMD")
        fewest_frames(fourth, seeds)
        for axes in (first, third):
            axes.set_ylabel("intensity correlation on unseen inputs")
        third.legend()
        fourth.legend()
        figure.suptitle("Numerical interferometry, 100 x 100, 8-bit counts of mean 21.6; dashed: the real OPU, 0.978")
        figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("numerical_interferometry.png"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    seeds = options.seeds
    print(f"{'contrast':>9}  {'method':>20}  {'counts':>7}  {'truth':>7}  flagged   mean  deviation  largest count")
    for contrast in (np.inf, 1000.0):
        runs = [run(published_bench(seed=seed, contrast=contrast), published_plan(seed)) for seed in seeds]
        for name in METHODS:
            mean = {key: np.mean([getattr(one[name], key) for one in runs]) for key in Score.__annotations__}
            print(
                f"{contrast:9g}  {name:>20}  {mean['counts']:7.4f}  {mean['truth']:7.4f}  {mean['flagged']:7.1%}  "
                f"{mean['mean']:5.1f}  {mean['deviation']:9.1f}  {mean['largest']:13.0f}",
                flush=True,
            )
    draw(seeds, options.output)
    print(f"drawn into {options.output}")
    decode_time(outputs=1024, inputs=512)
    decode_time(outputs=512, inputs=1024)


if __name__ == "__main__":
    main()
