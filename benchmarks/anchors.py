"""Fields from squared distances to anchors: how accurate, with rounding alone and with a camera's noise.

The setup is that of the published simulation of measurement phase retrieval (Gupta et al. 2019): one signal, anchors
and rows of the matrix circular Gaussian, 100 rows, counts of 8 bits whose full scale is the brightest of all counts of
the run, those of pairs of anchors included. What is reported is the mean over the rows of 20 log10(|y| / |error|).
The signal's own intensity is counted too: the origin is one more anchor. Every method sees the same counts.

    python -m benchmarks.anchors [--output benchmarks/anchors.png] [--seeds 40] [--rows 100]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from calibration.lateration import (
    CountLaw,
    calibrate_anchors,
    cramer_rao,
    distance_matrix,
    embed,
    fit_fields,
    multilaterate,
    posterior_mean,
    squared_range,
)
from optics import Camera
from optics.plots import BLACK, BLUE, GREY, ORANGE, SKY, VERMILLION, canvas, draw_curve, draw_level

ANCHORS = (2, 3, 4, 5, 8, 15, 30)
QUOTED = (2, 8, 15, 30)
# Mean of four seeds, with 1.3 to 2.5 dB of scatter, in an earlier simulation of the same setup.
AIM = {
    "squared-range least squares": (34.9, 43.0, 45.4, 46.9),
    "mean over rounding intervals": (35.1, 44.8, 49.5, 53.6),
}
KNOWN = ("scaling of all points", "linear least squares", "squared-range least squares", "mean over rounding intervals")
UNKNOWN = ("scaling of all points", "largest likelihood", "mean over rounding intervals")
COLOURS = {
    "scaling of all points": GREY,
    "linear least squares": SKY,
    "squared-range least squares": ORANGE,
    "largest likelihood": BLUE,
    "mean over rounding intervals": VERMILLION,
}
CAMERAS = {
    "8 bits, 10 000 e, 13 e read noise": Camera(
        rows=1, columns=1, pixel_pitch=5e-6, quantum_efficiency=1.0, full_well=10_000.0, gain=0.0252, read_noise=13.0,
        bits=8, black_level=3.0,
    ),
    "12 bits, 10 000 e, 2.5 e read noise": Camera(
        rows=1, columns=1, pixel_pitch=5e-6, quantum_efficiency=1.0, full_well=10_500.0, gain=0.4, read_noise=2.5,
        bits=12, black_level=32.0,
    ),
}  # fmt: skip
Field = NDArray[np.complex128]


def circular(rng: np.random.Generator, *shape: int) -> Field:
    """Return circular Gaussian numbers of mean square one."""
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)


def decibels(field: Field, estimate: Field) -> float:
    """Return the mean over the rows of the signal to noise ratio of each."""
    return float(np.mean(20 * np.log10(np.abs(field) / np.abs(estimate - field))))


def rounded(rng: np.random.Generator, *, anchors: int, rows: int) -> tuple[Field, Field, NDArray, NDArray, CountLaw]:
    """Return field, points (the origin first), counts of the field with them and of their pairs, and their law."""
    field = circular(rng, 1, rows)
    points = np.concatenate([np.zeros((1, rows)), circular(rng, anchors, rows)])
    first, second = np.triu_indices(anchors + 1, 1)
    light, pairs = np.abs(field[:, None] - points) ** 2, np.abs(points[second] - points[first]) ** 2
    slope = 255 / max(light.max(), pairs.max())
    law = CountLaw(offset=0.0, slope=slope, dark_variance=0.0, gain=0.0, top=256)
    return field, points, np.rint(slope * light).astype(int), np.rint(slope * pairs).astype(int), law


def scale_all(counts: NDArray, pairs: NDArray, points: Field, law: CountLaw) -> Field:
    """Return the field as published: scaling of field and anchors together, turned onto the known anchors."""
    size = len(points)
    distances = np.zeros((size + 1, size + 1, points.shape[1]))
    distances[:size, :size] = distance_matrix(law.light(pairs), points=size)
    distances[size, :size] = distances[:size, size] = law.light(counts[0])
    found = embed(distances, variance=1 / (12 * law.slope**2), largest_condition=1e30).points
    return onto(found[size][None], found[:size], points)


def onto(field: Field, found: Field, points: Field) -> Field:
    """Return a field in the plane of the true points: shifted, turned and mirrored as the found points fit best."""
    mean, goal = found.mean(axis=0), points.mean(axis=0)
    moved, fixed = found - mean, points - goal
    upright, mirrored = np.sum(moved.conj() * fixed, axis=0), np.sum(moved * fixed, axis=0)
    flip = np.abs(mirrored) > np.abs(upright)
    there = np.where(flip, (field - mean).conj(), field - mean)
    return there * np.exp(1j * np.angle(np.where(flip, mirrored, upright))) + goal


def with_known_anchors(rng: np.random.Generator, *, anchors: int, rows: int) -> list[float]:
    """Return the signal to noise ratio by each method, rounding alone and anchors known."""
    field, points, counts, pairs, law = rounded(rng, anchors=anchors, rows=rows)
    light = law.light(counts)
    linear = multilaterate(light, points, variance=1 / (12 * law.slope**2), largest_condition=1e30)
    estimates = (
        scale_all(counts, pairs, points, law), np.asarray(linear.value), squared_range(light, points),
        np.asarray(posterior_mean(counts, points, law).value),
    )  # fmt: skip
    return [decibels(field, estimate) for estimate in estimates]


def with_unknown_anchors(rng: np.random.Generator, *, anchors: int, rows: int) -> list[float]:
    """Return the signal to noise ratio by each method, rounding alone and anchors found from counts of their pairs."""
    field, points, counts, pairs, law = rounded(rng, anchors=anchors, rows=rows)
    # Any points are sums of steps from one to the next: those of nested anchors are slices.
    light = np.concatenate([np.zeros((1, rows)), law.light(pairs)])
    found = calibrate_anchors(light, 1 / (12 * law.slope**2), anchors=anchors, static=False)
    places = np.concatenate([np.zeros((1, rows)), found.anchors])
    likely, mean = fit_fields(counts, places, law), posterior_mean(counts, places, law)
    # Found anchors may leave no field that all intervals allow.
    allowed = np.where(mean.valid, mean.value, likely.value)
    planes = (onto(np.asarray(estimate), places, points) for estimate in (likely.value, allowed))
    estimates = (scale_all(counts, pairs, points, law), *planes)
    return [decibels(field, estimate) for estimate in estimates]


def with_noise(rng: np.random.Generator, camera: Camera, *, anchors: int, rows: int) -> tuple[float, float, float]:
    """Return error and standard error over the Cramer-Rao bound, in dB and as a ratio, and that of least squares."""
    law = CountLaw.of(camera, exposure_time=1.0)
    scale = np.sqrt(camera.saturation_charge / 12)  # twelve times the mean light saturates
    field = scale * circular(rng, 20, rows)
    points = scale * np.concatenate([np.zeros((1, rows)), circular(rng, anchors, rows)])
    electrons = rng.poisson(np.abs(field[:, None] - points) ** 2) + camera.read_noise * rng.standard_normal(
        (20, anchors + 1, rows)
    )
    signal = np.floor(camera.gain * electrons + camera.black_level + 0.5)
    counts = np.clip(signal, 0, camera.largest_count).astype(int)
    bound = np.mean(cramer_rao(field, points, law, exact=True) ** 2)
    likely = fit_fields(counts, points, law)
    error = np.mean(np.abs(likely.value - field) ** 2)
    plain = np.mean(np.abs(squared_range(law.light(counts), points) - field) ** 2)
    quoted = np.sqrt(error / np.mean(likely.standard_error**2))
    return float(10 * np.log10(error / bound)), float(quoted), float(10 * np.log10(plain / bound))


def over_seeds(measure: Callable[..., Sequence[float]], sizes: Sequence[int], *, seeds: int) -> dict[int, NDArray]:
    """Return what is measured for each number of anchors and each seed: shape (seed, figure)."""
    table = {}
    for anchors in sizes:
        draws = (np.random.default_rng([seed, anchors]) for seed in range(seeds))
        table[anchors] = np.array([measure(rng, anchors=anchors) for rng in draws])
    return table


def print_rounding(title: str, methods: tuple[str, ...], figures: dict[int, NDArray], *, over: str) -> None:
    """Print signal to noise ratios, and the paired gain of the last method over another."""
    print(f"\n{title}\n\n| anchors | " + " | ".join(methods) + f" | gain over {over} | aim: {' / '.join(AIM)} |")
    print("|---|" + "---|" * (len(methods) + 2))
    for anchors in (size for size in QUOTED if size in figures):
        values = figures[anchors]
        gain = values[:, -1] - values[:, methods.index(over)]
        aim = " / ".join(f"{column[QUOTED.index(anchors)]}" for column in AIM.values())
        cells = " | ".join(f"{mean:.1f}" for mean in values.mean(axis=0))
        print(f"| {anchors} | {cells} | {gain.mean():+.2f} ± {gain.std(ddof=1) / np.sqrt(len(gain)):.2f} | {aim} |")


def print_noise(figures: dict[str, dict[int, NDArray]]) -> None:
    """Print errors with a camera's noise."""
    print("\n| camera | anchors | error over the bound | error over standard error | squared-range over the bound |")
    print("|---|---|---|---|---|")
    for name, table in figures.items():
        for anchors in QUOTED[1:]:
            error, quoted, plain = table[anchors].mean(axis=0)
            print(f"| {name} | {anchors} | {error:+.2f} dB | {quoted:.3f} | {plain:+.1f} dB |")


def draw(
    path: Path, known: dict[int, NDArray], unknown: dict[int, NDArray], noise: dict[str, dict[int, NDArray]]
) -> None:
    """Draw signal to noise ratios and errors over the bound against the number of anchors."""
    with canvas(11.5, 4.2) as figure:
        panels = figure.subplots(1, 3, width_ratios=(1, 1, 0.9))
        draw_ratios(panels[0], known, KNOWN)
        panels[0].set_title("rounding alone, 8 bits, anchors known")
        draw_ratios(panels[1], unknown, UNKNOWN)
        panels[1].set_title("the same, anchors find themselves")
        for name, marker in zip(AIM, ("s", "D"), strict=True):
            aims = draw_curve(panels[0], QUOTED, AIM[name], kind="points", colour=BLACK, label=f"{name}, aim")
            aims.set(marker=marker, fillstyle="none", markersize=7)
        draw_noise(panels[2], noise)
        for axes, sizes in zip(panels, (ANCHORS, ANCHORS[1:], QUOTED[1:]), strict=True):
            axes.set(xscale="log", xlabel="anchors")
            axes.set_xticks(sizes, [str(anchors) for anchors in sizes])
            axes.minorticks_off()
            axes.legend(fontsize=7, handlelength=3.5, loc="center right" if axes is panels[2] else "lower right")
        figure.savefig(path, dpi=120)


def draw_ratios(axes: Axes, figures: dict[int, NDArray], methods: tuple[str, ...]) -> None:
    """Draw the signal to noise ratio of each method, mean and standard error."""
    for column, name in enumerate(methods):
        mean = [values[:, column].mean() for values in figures.values()]
        error = [values[:, column].std(ddof=1) / np.sqrt(len(values)) for values in figures.values()]
        number = list(COLOURS).index(name)
        draw_curve(axes, list(figures), mean, bars=error, index=number, kind="both", colour=COLOURS[name], label=name)
    axes.set(ylabel="signal to noise of y / dB", ylim=(18, 57))


def draw_noise(axes: Axes, noise: dict[str, dict[int, NDArray]]) -> None:
    """Draw errors over the bound with the noise of each camera."""
    for (name, table), style in zip(noise.items(), ("-", "--"), strict=True):
        for column, method in ((0, "largest likelihood"), (2, "squared-range least squares")):
            mean = [table[anchors][:, column].mean() for anchors in QUOTED[1:]]
            draw_curve(
                axes, QUOTED[1:], mean, index=list(COLOURS).index(method), kind="both", colour=COLOURS[method],
                line_style=style, label=f"{method}, {name.split(',')[0]}",
            )  # fmt: skip
    draw_level(axes, 0.5)
    axes.set(ylabel="error over the Cramer-Rao bound / dB", title="camera's noise")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--output", type=Path, default=Path("anchors.png"), help="picture that is drawn (default: %(default)s)"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        default=40,
        help="number of seeds, from 0 on; figures are means over them (default: %(default)s)",
    )
    parser.add_argument("--rows", type=int, default=100, help="rows of the matrix for each seed (default: %(default)s)")
    options = parser.parse_args()
    settings = {"seeds": options.seeds}
    known = over_seeds(partial(with_known_anchors, rows=options.rows), ANCHORS, **settings)
    over = "squared-range least squares"
    print_rounding(f"Rounding alone, anchors known: dB, {options.seeds} seeds", KNOWN, known, over=over)
    unknown = over_seeds(partial(with_unknown_anchors, rows=options.rows), ANCHORS[1:], **settings)
    print_rounding("The same, anchors find themselves: dB", UNKNOWN, unknown, over="scaling of all points")
    noise = {
        name: over_seeds(partial(with_noise, camera=camera, rows=options.rows), QUOTED[1:], **settings)
        for name, camera in CAMERAS.items()
    }
    print_noise(noise)
    draw(options.output, known, unknown, noise)


if __name__ == "__main__":
    main()
