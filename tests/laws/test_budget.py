"""The predicted error of anchor projections against simulated benches: every cause alone, and all of them together."""

import importlib.util
import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.special import exp1

from calibration import AnchorProjector
from calibration.budgets import predict_budget, stepped_phase_error
from optics import BenchDescription, Camera, Dmd, GaussianDescription, Laser, MacropixelLayout, SimulatedBench
from optics.media import DriftDescription, FiniteGrainDescription

VECTORS = 12
QUADRATURE = 0.02
"""Relative error of the quadrature itself: twice the points change errors by less."""


@dataclass(frozen=True)
class Case:
    """A bench, and what is asked of it."""

    bench: BenchDescription
    non_zeros: int = 14
    anchor: int = 12
    full_scale: float = 16.0
    stored_exposures: int = 16


def fine_bench() -> BenchDescription:
    """A bench with next to no imperfection: 27 x 43 pixels, 10^7 electrons, 16 bits, even light."""
    camera = Camera(
        rows=27, columns=43, pixel_pitch=5e-6, quantum_efficiency=0.6, full_well=1e7, gain=6.5e-3, read_noise=100.0,
        bits=16, black_level=20.0,
    )  # fmt: skip
    return BenchDescription(
        name="fine bench",
        laser=Laser(wavelength=500e-9, power=0.1),
        dmd=Dmd(rows=34, columns=39, pitch=10e-6, efficiency=0.5),
        layout=MacropixelLayout(block_rows=4, block_columns=5, grid_rows=8, grid_columns=7, order="random"),
        medium=GaussianDescription(collected_fraction=1e-4),
        camera=camera,
        exposure_time=1e-3,
    )


def with_camera(**changes: float) -> BenchDescription:
    """The fine bench with another camera."""
    bench = fine_bench()
    camera = replace(bench.camera, **changes)
    power = bench.laser.power * camera.full_well / bench.camera.full_well  # the same exposure times
    return replace(bench, camera=camera, laser=replace(bench.laser, power=power))


def ideal(bench: BenchDescription) -> BenchDescription:
    """The same medium under even light, with mirrors that obey and send nothing when they are off."""
    dmd = replace(bench.dmd, contrast_ratio=math.inf, stuck_on=0.0, stuck_off=0.0, dead=0.0)
    return replace(bench, dmd=dmd, laser=replace(bench.laser, beam_radius=math.inf), macropixel_amplitudes=())


def measured(case: Case, *, media: int, seed: int) -> tuple[float, float, float]:
    """Mean 1 - cos^2 of projections of one vector a call, its standard error over media, and the calls' mean age."""
    runs, ages = [], []
    for medium in range(seed, seed + media):
        projector = AnchorProjector(
            SimulatedBench(case.bench, seed=medium), components=30, outputs=800, anchor=case.anchor,
            stored_exposures=case.stored_exposures, full_scale=case.full_scale,
        )  # fmt: skip
        ready = projector.elapsed
        rng = np.random.default_rng(medium)
        order = rng.random((VECTORS, 30)).argsort(axis=1)
        x = np.where(order < case.non_zeros, rng.choice([-1, 1], (VECTORS, 30)), 0)
        truth, scheme = SimulatedBench(ideal(case.bench), seed=medium).truth, projector.calibration.scheme
        found, y = [], []
        for vector in x:
            found.append(projector.project(vector[np.newaxis]).value[0].astype(float))
            ages.append(projector.began - ready)
            middle = (projector.began + projector.elapsed) / 2
            if not y or not truth._medium.static:
                matrix = truth.linear_map(scheme.anchor_states, time=middle)
            y.append(matrix[projector.calibration.outputs][:, :30] @ vector)
        a, b = np.array(found), np.array(y)
        runs.append(np.mean(1 - np.sum(a * b, axis=1) ** 2 / np.sum(a * a, axis=1) / np.sum(b * b, axis=1)))
    return float(np.mean(runs)), float(np.std(runs, ddof=1) / math.sqrt(media)), float(np.mean(ages))


def predicted(case: Case, **settings: float) -> float:
    """The error from the description alone."""
    return predict_budget(
        case.bench, components=30, outputs=800, non_zeros=case.non_zeros, anchor=case.anchor,
        full_scale=case.full_scale, stored_exposures=case.stored_exposures, **settings,
    ).error  # fmt: skip


def drifting(law: str, correlation_time: float) -> BenchDescription:
    """The fine bench with a medium that moves."""
    bench = fine_bench()
    medium = DriftDescription(inside=bench.medium, law=law, correlation_time=correlation_time)
    return replace(bench, medium=medium)


def grainy(over: float) -> Case:
    """Shot noise on pixels that are so many grains wide."""
    bench = with_camera(full_well=3000.0, gain=21.0, read_noise=2.0)
    medium = FiniteGrainDescription(collected_fraction=1e-4, grain=5e-6 / over, samples_per_pixel=math.ceil(2 * over))
    return Case(replace(bench, medium=medium))


def mirrors(**changes: float) -> Case:
    """The fine bench with other mirrors."""
    bench = fine_bench()
    return Case(replace(bench, dmd=replace(bench.dmd, **changes)))


def lit(**changes: float) -> Case:
    """The fine bench with another laser."""
    bench = fine_bench()
    return Case(replace(bench, laser=replace(bench.laser, **changes)))


def weighted(*, spread: float, dead: int) -> Case:
    """The fine bench with macropixels that send unequal light, the first and every so many more none at all."""
    amplitudes = np.clip(1 + spread * np.random.default_rng(5).normal(size=56), 0.1, None)
    if dead:
        amplitudes[::dead] = 0.0
    return Case(replace(fine_bench(), macropixel_amplitudes=tuple(amplitudes.tolist())))


CURVES = {
    **{f"shot {w:g} e": Case(with_camera(full_well=w, gain=65e3 / w, read_noise=0.5)) for w in (1e3, 1e4, 1e5)},
    **{f"read {r:g} e": Case(with_camera(read_noise=r)) for r in (3e3, 3e4, 1e5)},
    **{
        f"dark {d:g} e/s": Case(with_camera(full_well=3e3, gain=21.0, read_noise=2.0, dark_current=d))
        for d in (3e4, 3e5)
    },
    **{
        f"{b} bits": Case(with_camera(bits=b, gain=(2**b - 5) / 1e7, black_level=3.0, read_noise=0.5e7 / 2**b))
        for b in (6, 8, 10)
    },
    **{
        f"{b} bits undithered": Case(with_camera(bits=b, gain=(2**b - 5) / 1e7, black_level=2.3, read_noise=1.0))
        for b in (6, 8)
    },
    **{f"full scale {s:g}": Case(fine_bench(), full_scale=s) for s in (2.0, 3.0, 4.0)},
    **{f"full well {s:g}": Case(with_camera(gain=4e-3), full_scale=s) for s in (2.0, 3.0)},
    **{f"PRNU {p:g}": Case(with_camera(prnu=p, full_well=3e3, gain=21.0, read_noise=2.0)) for p in (0.02, 0.2)},
    **{f"nonlinearity {n:g}": Case(with_camera(nonlinearity=n)) for n in (0.02, 0.1)},
    **{f"anchor {n}": Case(with_camera(full_well=3e3, gain=21.0, read_noise=2.0), anchor=n) for n in (4, 8, 26)},
    **{f"contrast {c:g}": mirrors(contrast_ratio=c) for c in (100.0, 1000.0)},
    **{f"stuck {f:g}": mirrors(stuck_on=f / 8, stuck_off=f / 2, dead=f / 2) for f in (0.01, 0.05)},
    **{f"beam {r:g} m": lit(beam_radius=r) for r in (150e-6, 300e-6)},
    "unequal macropixels": weighted(spread=0.3, dead=0),
    "dead macropixels": weighted(spread=0.0, dead=9),
    **{f"grain {g:g}": grainy(g) for g in (0.4, 1.3)},
    **{f"laser {n:g}": lit(intensity_noise=n) for n in (3e-3, 2e-2)},
    **{f"{law} drift {t:g} s": Case(drifting(law, t)) for law, t in (("gaussian", 2.0), ("gaussian", 0.7))},
    "exponential drift": Case(drifting("exponential", 5.0), stored_exposures=4),
    "exponential drift within stored frames": Case(drifting("exponential", 0.8), stored_exposures=64),
}


@pytest.mark.parametrize("name", CURVES)
def test_every_cause_alone_costs_what_is_predicted(name: str) -> None:
    case = CURVES[name]
    # The laser has one power a frame for all pixels: few draws in all, so more media. Rough drift is slow to simulate.
    media = 16 if case.bench.laser.intensity_noise else 3 if "exponential" in name else 4
    mean, error, age = measured(case, media=media, seed=11)
    law = predicted(case, age=age)
    # Four standard errors, of four media each: Student's t with three degrees of freedom has 2.8 % beyond 4.
    assert law == pytest.approx(mean, abs=4 * error + QUADRATURE * mean)


def load_benchmark() -> ModuleType:
    """The random benches and their measurement."""
    path = Path(__file__).parents[2] / "benchmarks" / "budget.py"
    spec = importlib.util.spec_from_file_location("budget_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_random_benches_with_many_causes_come_out_as_predicted() -> None:
    # Benches of benchmarks/budget.py, in the ranges that it states; that script runs 200. Fine grain that drifts is
    # slow to simulate: it is left to the script.
    benches = load_benchmark()
    drawn = {seed: benches.draw_bench(seed, causes="all") for seed in range(2000, 2016)}
    quick = {seed: one for seed, one in drawn.items() if not {"grain", "drift"} <= set(one.present)}
    assert len(quick) >= 10
    far = 0
    for seed, one in quick.items():
        found = benches.compare(seed, one, media=4, most=4)
        far += not found.agrees
        # What a few outputs decide is not known to 25 % from so few media.
        assert abs(found.off) < max(0.25, 3 * found.error), (seed, found)
    assert far <= 2  # 95 % within; three of 12 have a probability of 2 % where each fails with 5 %


def test_the_undithered_regime_is_named() -> None:
    dithered = predict_budget(with_camera(bits=8, gain=2.5e-5, read_noise=2e4), components=30, outputs=800, non_zeros=9)
    coarse = predict_budget(with_camera(bits=8, gain=2.5e-5, read_noise=2e3), components=30, outputs=800, non_zeros=9)
    assert not dithered.flags
    assert "undithered: the dark noise is 0.05 DN" in coarse.flags[0]


def test_the_regime_of_few_outputs_is_named() -> None:
    slow, fast = (
        predict_budget(
            drifting("gaussian", time), components=30, outputs=800, non_zeros=14, anchor=12, full_scale=16.0,
            stored_exposures=16, age=0.1,
        )
        for time in (2.0, 0.4)
    )  # fmt: skip
    assert not slow.flags
    assert slow.scatter < 0.5 * slow.error
    assert "few outputs" in fast.flags[0]
    assert fast.scatter > 0.5 * fast.error


@pytest.mark.parametrize(("rms", "steps"), [(0.1, 4), (0.4, 4), (0.3, 9)])
def test_l54_phase_errors_of_a_stepped_reference_cost_the_twin(
    rng: np.random.Generator, rms: float, steps: int
) -> None:
    field = rng.standard_normal(500) + 1j * rng.standard_normal(500)
    commanded = 2 * np.pi * np.arange(steps) / steps
    errors = []
    for _ in range(3000):
        phase = commanded + rms * rng.standard_normal(steps)
        frames = np.abs(field[:, None] + np.exp(-1j * phase)) ** 2
        found = frames @ np.exp(-1j * commanded)  # |S|^2 and |R|^2 sum to nothing over whole periods
        errors.append(1 - abs(np.vdot(field, found)) ** 2 / np.vdot(field, field).real / np.vdot(found, found).real)
    standard_error = np.std(errors) / math.sqrt(len(errors))
    # Terms of second order in 1 / N: at most the square of the error.
    law = stepped_phase_error(rms, steps=steps)
    assert np.mean(errors) == pytest.approx(law, abs=4 * standard_error + 2 * law**2)


@pytest.mark.parametrize("read_noise", [1e4, 3e4])
def test_l58_dividing_by_dark_anchors_costs_what_the_law_says(read_noise: float) -> None:
    # Equal noise: s e^eps E1(eps) where rows are divided, s / (1 + eps) where they count as the anchor's field.
    budget = predict_budget(
        with_camera(read_noise=read_noise), components=30, outputs=800, non_zeros=14, anchor=12, full_scale=16.0,
        stored_exposures=1000,
    )  # fmt: skip
    others = ["shot", "quantisation", "saturation"]
    divided, weighted = budget.without(others), budget.without([*others, "dark_anchor"])
    dimmest = -math.log(800 / (27 * 43))
    expected = math.exp(dimmest) * float(exp1(dimmest)) * (1 + dimmest)
    assert divided / (1 - divided) / (weighted / (1 - weighted)) == pytest.approx(expected, rel=QUADRATURE)
