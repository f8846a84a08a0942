"""Fidelity and efficiency of complex fields on mirrors: Lee holograms, superpixels, and a search over mirrors.

Targets are fully developed speckle behind circular pupils of radius 1/16, 1/32 and 1/64 cycle per mirror. Each method
shows them at many scales: a larger scale sends more light and clips more of the bright grains, so each method is a
curve. The limit is that of mirrors with grey levels, a convex problem that is solved numerically: binary
frames are among its candidates, so none lies beyond it.

    python benchmarks/encodings.py [--output encodings.png] [--seeds 1 2 3] [--rows 384 --columns 512]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.fft
from matplotlib.axes import Axes

from optics.encodings import (
    LeeHologram,
    MirrorSearch,
    Superpixel,
    clip_modulus,
    field_fidelity,
    photon_efficiency,
    random_speckle,
)
from optics.order_filter import OrderFilter
from optics.plots import BLACK, BLUE, GREY, ORANGE, PURPLE, SKY, VERMILLION, canvas, draw_curve

RADII = (16, 32, 64)
SCALES = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 4.0)
LIMIT_SCALES = (0.7, 0.74, 0.78, 0.82, 0.86, 0.9, 0.95, 1.0, 1.1, 1.3, 1.6, 2.5, 5.0)
TILTED = (1 / 8, 1 / 4)
Show = Callable[[np.ndarray, float], tuple[np.ndarray, OrderFilter]]


def lee(carrier: tuple[float, float], modulus: str) -> Show:
    """Return what shows a target by a Lee hologram."""
    hologram = LeeHologram(carrier=carrier, modulus=modulus)
    return lambda target, radius: (hologram.frames(clip_modulus(target)), hologram.order_filter(radius))


def superpixel(target: np.ndarray, radius: float) -> tuple[np.ndarray, OrderFilter]:
    """Show a target by superpixels."""
    return Superpixel().frames(clip_modulus(target)), Superpixel().order_filter(radius)


def search(target: np.ndarray, radius: float) -> tuple[np.ndarray, OrderFilter]:
    """Show a target by a search over mirrors."""
    order = OrderFilter(carrier=TILTED, radius=radius)
    return MirrorSearch(order=order, rounds=200).frames(target, rng=np.random.default_rng(0)), order


def grey_limit(target: np.ndarray, radius: float, *, rounds: int = 300) -> tuple[np.ndarray, OrderFilter]:
    """Show a target by mirrors with any grey level: an accelerated projected gradient descent."""
    order = OrderFilter(carrier=TILTED, radius=radius)
    wanted = 2 / np.pi * np.real(target * order.modulation(target.shape))
    pinhole = order.pinhole(target.shape)
    band = (pinhole | np.roll(pinhole[::-1, ::-1], (1, 1), axis=(0, 1)))[:, : target.shape[1] // 2 + 1]
    grey = LeeHologram(carrier=TILTED).frames(clip_modulus(target)).astype(float)
    ahead, momentum = grey, 1.0
    for _ in range(rounds):
        slope = scipy.fft.irfft2(scipy.fft.rfft2(ahead - wanted) * band, s=target.shape)
        step = np.clip(ahead - slope, 0, 1)
        later = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead, grey, momentum = step + (momentum - 1) / later * (step - grey), step, later
    return grey, order


METHODS: dict[str, Show] = {
    "Lee, plain (0, 1/4), parallel": lee((0, 1 / 4), "parallel"),
    "Lee, plain (0, 1/4), orthogonal": lee((0, 1 / 4), "orthogonal"),
    "Lee, tilted (1/8, 1/4), parallel": lee(TILTED, "parallel"),
    "Lee, tilted (1/8, 1/4), orthogonal": lee(TILTED, "orthogonal"),
    "Lee, tilted (1/4, 1/16), parallel": lee((1 / 4, 1 / 16), "parallel"),
    "superpixel 4 × 4": superpixel,
    "mirror search": search,
}
STYLES = dict(
    zip(METHODS, [(GREY, 0, ":"), (BLACK, 1, ":"), (BLUE, 0, "-"), (PURPLE, 1, "-"), (SKY, 2, "-"), (ORANGE, 3, "-"),
                  (VERMILLION, 4, "-")], strict=True)
)  # fmt: skip


def curve(show: Show, targets: list[np.ndarray], radius: float, scales: tuple[float, ...]) -> np.ndarray:
    """Return infidelity and efficiency at each scale, mean over the targets: shape (2, scale)."""
    points = []
    for scale in scales:
        scores = []
        for target in targets:
            amplitudes, order = show(scale * target, radius)
            field = order.field(amplitudes)
            scores.append((1 - field_fidelity(field, target), photon_efficiency(field, target)))
        points.append(np.mean(scores, axis=0))
    return np.array(points).T


def at_efficiency(points: np.ndarray, wanted: float) -> str:
    """Return the fidelity at an efficiency, read off a curve."""
    infidelity, efficiency = points
    if not efficiency.min() <= wanted <= efficiency.max():
        return "–"
    order = np.argsort(efficiency)
    return digits(float(np.exp(np.interp(wanted, efficiency[order], np.log(infidelity[order])))))


def digits(infidelity: float) -> str:
    """Return a fidelity with two digits of what it lacks to one."""
    places = max(4, 1 - int(np.floor(np.log10(infidelity))))
    return f"{1 - infidelity:.{places}f}"


def print_table(curves: dict[int, dict[str, np.ndarray]]) -> None:
    """Print what each method reaches: its highest fidelity with the efficiency there, and fidelities at two others."""
    print("| method |" + "".join(f" best, 1/{radius} | at 3 % | at 5 % |" for radius in RADII))
    print("|---|" + "---|" * 3 * len(RADII))
    for name in METHODS:
        cells = []
        for radius in RADII:
            points = curves[radius][name]
            best = points[:, points[0].argmin()]
            cells += [
                f"{digits(best[0])} ({100 * best[1]:.1f} %)",
                at_efficiency(points, 0.03),
                at_efficiency(points, 0.05),
            ]
        print(f"| {name} | " + " | ".join(cells) + " |")


def draw(axes: Axes, curves: dict[str, np.ndarray], limit: np.ndarray, radius: int) -> None:
    """Draw the curves of one pupil."""
    infidelity, efficiency = limit
    axes.fill_between(
        100 * efficiency, 1e-7, infidelity, color="0.88", lw=0, label="out of reach, even with grey mirrors"
    )
    axes.axvspan(100 * efficiency.max(), 20, color="0.88", lw=0)
    for name, points in curves.items():
        colour, index, line = STYLES[name]
        draw_curve(
            axes, 100 * points[1], points[0], index=index, kind="both", colour=colour, line_style=line, label=name
        )
    axes.set(
        xscale="log", yscale="log", xlim=(0.8, 10), ylim=(1e-6, 0.6), xlabel="efficiency / % of photons on the mirrors"
    )
    axes.set_xticks([1, 2, 3, 5, 8], ["1", "2", "3", "5", "8"])
    axes.minorticks_off()
    axes.set_title(f"pupil radius 1/{radius} cycle per mirror")


def print_speed() -> None:
    """Print how long one frame of 768 x 1024 mirrors takes."""
    target = clip_modulus(0.5 * random_speckle((768, 1024), radius=1 / 32, rng=np.random.default_rng(1)))
    print("\n| method | one frame of 768 × 1024 |\n|---|---|")
    for name, show in METHODS.items():
        times = []
        for _ in range(1 if name == "mirror search" else 7):
            start = time.perf_counter()
            show(target.astype(np.complex64), 1 / 32)
            times.append(time.perf_counter() - start)
        print(f"| {name} | {1e3 * np.median(times):.0f} ms |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("encodings.png"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rows", type=int, default=384)
    parser.add_argument("--columns", type=int, default=512)
    options = parser.parse_args()
    curves, limits = {}, {}
    for radius in RADII:
        targets = [
            random_speckle(
                (options.rows, options.columns), radius=1 / radius, rng=np.random.default_rng([seed, radius])
            )
            for seed in options.seeds
        ]
        curves[radius] = {name: curve(show, targets, 1 / radius, SCALES) for name, show in METHODS.items()}
        limits[radius] = curve(grey_limit, targets, 1 / radius, LIMIT_SCALES)
    with canvas(11.5, 5.2) as figure:
        panels = figure.subplots(1, len(RADII), sharey=True)
        for radius, axes in zip(RADII, panels, strict=True):
            draw(axes, curves[radius], limits[radius], radius)
        panels[0].set_ylabel("error of the field, 1 − fidelity")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        figure.savefig(options.output, dpi=120)
    print_table(curves)
    print_speed()


if __name__ == "__main__":
    main()
