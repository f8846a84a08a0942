"""Benches that are hidden from the procedure, identified from their frames: figures, fidelity, what a network learns.

Each bench of benchmarks/hidden_benches.py is identified through a wrapper that tells bits, pixels and exposure times of
the camera and the layout of the mirrors, and nothing else. Judged are

  figures    every identified figure against the description: within 3 of its own standard errors; a bound by whether
             it holds
  fidelity   of the twin in simulation, and of the hidden bench itself with the figures of the twin's camera, both
             against the matrix that each has, with the same number of components and outputs; the mean of two
             calibrations, of the twin with another medium in each
  training   test accuracy of the digits network (optical DFA, 300 samples, 4 epochs) on the twin and on the hidden
             bench, three seeds each: the difference of the means over the deviation of the seeds

    python -m benchmarks.twin [--benches 50] [--first 0] [--training] [--no-fidelity] [--workers 2]
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from tqdm import tqdm

from benchmarks.hidden_benches import DMD, WAVELENGTH, hidden_bench
from calibration.cameras.uncertainty import Measured
from calibration.fidelities.measured import FidelityReport
from calibration.identification.macropixel_weights import anchor_ratio
from calibration.identification.protocol import ProtocolSettings
from calibration.twin import Twin, identify_bench
from calibration.twins.answer import bench_fidelity, twin_fidelity
from dfa.experiment import load_experiment
from dfa.runs import run_experiment
from optics import BenchDescription, SimulatedBench, input_light
from optics.media.coherence import reduce_modes, spectral_weights

COMPONENTS, OUTPUTS, VECTORS, CALIBRATIONS = 10, 512, 96, 2
ANCHOR, SIGNAL = np.arange(10, 30), np.arange(10)
WITHIN = 3.0
SETTINGS = ProtocolSettings(pause=10.0)
"""Bursts some seconds apart: the protocol takes about two minutes of bench time, so that slow drift is seen."""

EPOCHS, SAMPLES, SEEDS = 4, 300, (0, 1, 2)
"""A short training on a fifth of the digits: what differs between two benches differs in it too."""


@dataclass(frozen=True)
class Judged:
    """What came out for a bench."""

    number: int
    exposures: int
    seconds: float
    figures: tuple[tuple[str, Measured, float], ...]
    amplitudes: np.ndarray
    dead_right: bool
    fidelity: tuple[float, float]
    accuracy: tuple[np.ndarray, np.ndarray] = field(default_factory=lambda: (np.empty(0), np.empty(0)))


def truths(description: BenchDescription, seed: int) -> dict[str, float]:
    """Return what the figures of a bench should be, by the description."""
    camera, medium = description.camera, description.medium
    light = input_light(description.laser, description.dmd, description.layout, seed=seed,
                        amplitudes=description.macropixel_amplitudes)  # fmt: skip
    live = np.abs(light.switched[:-1]) > 0
    rate = camera.quantum_efficiency * medium.collected_fraction / camera.pixels
    power = np.abs(light.switched[:-1]) ** 2
    drift = medium if hasattr(medium, "correlation_time") else None
    inside = drift.inside if drift else medium
    source = 1.0
    if hasattr(inside, "degree"):
        source, inside = (1 + inside.degree**2) / 2, inside.inside
    elif hasattr(inside, "linewidth"):
        weights = spectral_weights(linewidth=inside.linewidth, path_time=inside.path_time)
        source = float(np.sum(reduce_modes(weights, modes=inside.modes) ** 2))
        inside = inside.inside
    static = float(np.sum(np.abs(light.static) ** 2)) * rate
    return {
        **{name: getattr(camera, name) for name in (
            "gain", "black_level", "dark_noise", "read_noise", "row_noise", "column_noise", "dark_current", "dsnu",
            "row_offset", "column_offset", "hot_pixels", "hot_pixel_current", "dead_pixels", "full_well",
        )},
        "saturation": min(camera.largest_count, camera.black_level + camera.gain * camera.full_well),
        "light of a macropixel": float(light.photons_on[live].mean()) * rate,
        "static light": static,
        "contrast ratio": description.dmd.contrast_ratio,
        "grain": inside.grain / camera.pixel_pitch if hasattr(inside, "grain") else 0.0,
        "source contrast": source,
        "anchor ratio": float(power[ANCHOR].mean() / power[SIGNAL].mean()),
        "laser noise": description.laser.intensity_noise,
        "correlation time": drift.correlation_time if drift else np.inf,
        "pointing": description.laser.pointing.rms,
    }  # fmt: skip


def found(twin: Twin) -> dict[str, Measured]:
    """Return the figures by the names of `truths`."""
    names = (
        "gain", "black_level", "dark_noise", "read_noise", "row_noise", "column_noise", "dark_current", "dsnu",
        "row_offset", "column_offset", "hot_pixels", "hot_pixel_current", "dead_pixels", "full_well", "saturation",
    )  # fmt: skip
    light, moving = twin.light, twin.time
    return {
        **{name: getattr(twin.camera, name) for name in names},
        "light of a macropixel": light.macropixel_rate,
        "static light": light.static.light,
        "contrast ratio": light.static.contrast_ratio,
        "grain": light.grain.grain,
        "source contrast": light.grain.source_contrast,
        "anchor ratio": anchor_ratio(light.weights, anchor=ANCHOR, signal=SIGNAL),
        "laser noise": moving.laser_noise,
        "correlation time": moving.correlation_time,
        "pointing": moving.pointing_rms,
    }


def judge(number: int, training: bool, fidelity: bool) -> Judged:
    """Identify a bench and judge what came out."""
    description, bench, hidden = hidden_bench(number)
    began = time.perf_counter()
    twin = identify_bench(hidden, wavelength=WAVELENGTH, dmd=DMD, settings=SETTINGS)
    seconds = time.perf_counter() - began
    right, seen = truths(description, number), found(twin)
    if description.camera.hot_pixels == 0:
        right.pop("hot_pixel_current")
    figures = tuple((name, seen[name], right[name]) for name in right)
    light = input_light(description.laser, description.dmd, description.layout, seed=number,
                        amplitudes=description.macropixel_amplitudes)  # fmt: skip
    power, weights = np.abs(light.switched[:-1]), twin.light.weights
    alive = (power > 0) & ~weights.dead & ~weights.bound
    true = power[alive] / power[alive].mean()
    pulls = (weights.amplitude[alive] / weights.amplitude[alive].mean() - true) / weights.amplitude_uncertainty[alive]
    fidelities = both_fidelities(number, bench, twin) if fidelity else (np.nan, np.nan)
    dead_right = bool((weights.dead[~weights.undecided] == (power == 0)[~weights.undecided]).all())
    accuracy = accuracies(description, twin) if training else (np.empty(0), np.empty(0))
    return Judged(number, twin.exposures, seconds, figures, pulls, dead_right, fidelities, accuracy)


def both_fidelities(number: int, bench: SimulatedBench, twin: Twin) -> tuple[float, float]:
    """Return the fidelity of the twin and of the hidden bench, means over calibrations."""
    size = {"components": COMPONENTS, "outputs": OUTPUTS, "vectors": VECTORS}
    seeds = range(number, number + 1000 * CALIBRATIONS, 1000)
    on_twin = [twin_fidelity(twin.description, seed=seed, **size) for seed in seeds]
    on_bench = [bench_fidelity(bench, twin.description, seed=seed, **size) for seed in seeds]
    return mean_fidelity(on_twin), mean_fidelity(on_bench)


def mean_fidelity(reports: list[FidelityReport]) -> float:
    """Return the mean correlation with the truth."""
    return float(np.mean([(one.against_truth or one.from_repeats).correlation.value for one in reports]))


def accuracies(description: BenchDescription, twin: Twin) -> tuple[np.ndarray, np.ndarray]:
    """Return the test accuracies on the twin and on the hidden bench, of three seeds each."""
    preset = load_experiment("digits")
    method = preset.methods["optical"]
    plan = replace(method.plan, epochs=EPOCHS)
    preset = replace(preset, methods={"optical": replace(method, plan=plan)}, seeds=SEEDS, training=SAMPLES)
    reached = []
    for bench in (twin.description, description):
        runs = run_experiment(preset, bench=bench)
        reached.append(np.array([run.history.test_accuracy[-1] for run in runs]))
    return reached[0], reached[1]


def pull(measured: Measured, truth: float) -> float:
    """Return the deviation over the uncertainty; of a bound infinity where it does not hold, zero where it does."""
    if measured.bound == "upper":
        return 0.0 if truth <= measured.value else np.inf
    if measured.bound == "lower":
        return 0.0 if truth >= measured.value else np.inf
    if measured.uncertainty == 0:
        return 0.0 if np.isclose(measured.value, truth) else np.inf
    return (measured.value - truth) / measured.uncertainty


def tell(all_judged: list[Judged]) -> None:
    """Print what came out."""
    cases: dict[str, list[tuple[int, Measured, float]]] = defaultdict(list)
    for one in all_judged:
        for name, measured, truth in one.figures:
            cases[name].append((one.number, measured, truth))
    print(f"{'figure':<24}{'figures':>8}{'rms pull':>10}{'bounds':>8}{'beyond 3 or broken':>20}  where")
    total = beyond = 0
    for name, rows in cases.items():
        pulls = np.array([pull(measured, truth) for _, measured, truth in rows])
        shown = np.array([not measured.bound and measured.uncertainty > 0 for _, measured, _ in rows])
        bad = np.abs(pulls) > WITHIN
        total, beyond = total + len(pulls), beyond + int(bad.sum())
        kept = pulls[shown & np.isfinite(pulls)]
        rms = float(np.sqrt(np.mean(kept**2))) if kept.size else float("nan")
        where = ", ".join(f"{rows[i][0]}: {pulls[i]:.1f}" for i in np.flatnonzero(bad))
        print(
            f"{name:<24}{int(shown.sum()):>8}{rms:>10.2f}{len(rows) - int(shown.sum()):>8}{int(bad.sum()):>20}  {where}"
        )
    print(f"\nall figures: {100 * (1 - beyond / total):.2f} % of {total} within {WITHIN:g} standard errors")
    amplitudes = np.concatenate([one.amplitudes for one in all_judged])
    inside = 100 * np.mean(np.abs(amplitudes) <= WITHIN)
    rms = np.sqrt(np.mean(amplitudes**2))
    print(f"amplitudes of macropixels: {inside:.2f} % of {amplitudes.size}, rms pull {rms:.2f}")
    wrong = [one.number for one in all_judged if not one.dead_right]
    print(f"dead macropixels: all right on {len(all_judged) - len(wrong)} of {len(all_judged)} benches {wrong or ''}")
    tried = [one for one in all_judged if np.isfinite(one.fidelity).all()]
    if tried:
        gaps = np.array([one.fidelity[0] - one.fidelity[1] for one in tried])
        far = [f"{one.number}: {gap:+.3f} of {one.fidelity[1]:.3f}" for one, gap in zip(tried, gaps, strict=True)
               if abs(gap) > 0.01]  # fmt: skip
        largest = np.abs(gaps).max()
        print(f"fidelity: twin less bench, mean {gaps.mean():+.4f}, largest {largest:.4f}; beyond 1 %: {far or 'none'}")
    trained = [one for one in all_judged if one.accuracy[0].size]
    if trained:
        print("\nbench  accuracy on twin / %   on bench / %   spread of seeds / %   difference over spread")
        ratios = []
        for one in trained:
            twin, bench = (100 * accuracy for accuracy in one.accuracy)
            spread = float(np.hypot(twin.std(ddof=1), bench.std(ddof=1)))
            ratios.append((twin.mean() - bench.mean()) / spread)
            print(f"{one.number:>5}{twin.mean():>22.2f}{bench.mean():>15.2f}{spread:>22.2f}{ratios[-1]:>25.2f}")
        inside = [int(np.sum(np.abs(ratios) <= limit)) for limit in (1, 2)]
        print(
            f"within the spread: {inside[0]} of {len(ratios)}, within twice: {inside[1]}; mean {np.mean(ratios):+.2f}"
        )
    counts = [one.exposures for one in all_judged]
    times = [one.seconds for one in all_judged]
    print(f"exposures: {min(counts)} to {max(counts)}; {np.median(times):.1f} s a bench, at most {max(times):.1f} s")


def main() -> None:
    """Identify benches, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benches", type=int, default=50, help="how many (50)")
    parser.add_argument("--first", type=int, default=0, help="number of the first (0)")
    parser.add_argument("--training", action="store_true", help="train the digits network on both, which takes longest")
    parser.add_argument("--no-fidelity", action="store_true", help="measure no fidelity")
    parser.add_argument("--workers", type=int, default=2, help="processes (2)")
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.benches)
    with ProcessPoolExecutor(options.workers) as pool:
        jobs = [pool.submit(judge, number, options.training, not options.no_fidelity) for number in numbers]
        judged = []
        try:
            for number, job in zip(tqdm(numbers, unit="bench"), jobs, strict=True):
                try:
                    judged.append(job.result())
                except (ValueError, OSError) as error:
                    print(f"bench {number}: {error}")
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            print(f"stopped after {len(judged)} benches")
    tell(judged)


if __name__ == "__main__":
    main()
