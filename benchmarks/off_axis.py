"""A real off-axis hologram: carrier, visibility, and the phase of its background against the radius of the window.

The white noise of the camera is read off the spectrum of the hologram itself, beyond half a cycle per pixel, where no
order reaches, and propagated through the window: what the phase has above it is not noise of the camera. The last
table compares the speed of decoding with a transform of the same frames, in alternating rounds.

    python -m benchmarks.off_axis [--data FOLDER, or OPUBENCH_DATA] [--plot benchmarks/off_axis.png]
"""

from __future__ import annotations

import argparse
import math
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.fft
from matplotlib.axes import Axes

from calibration.holography.aberration import fit_aberration
from calibration.holography.carrier import Carrier, find_carrier
from calibration.holography.noise_floor import NoiseFloor, noise_outside_orders
from calibration.holography.off_axis import fringe_visibility, off_axis_fields, phase_error, unwrapped_phase
from calibration.holography.reference_envelope import ReferenceEnvelope, fitted_envelope, signal_share_of
from calibration.holography.separation import separation
from calibration.holography.sideband import Sideband
from calibration.light import FieldEstimate, Light
from optics.plots import GREY, canvas, draw_curve, draw_law, draw_level, draw_map, draw_surface

RADII = (0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.078)
STATED_RADIUS = 0.07
"""Radius at which the phase noise is stated, in cycles per pixel."""

PUBLISHED = 0.135
"""Deviation of the background's phase that is known of these data, in radians."""

BEYOND = 0.5
"""Modulus of the frequency from which on the spectrum is taken as white noise, in cycles per pixel."""


@dataclass(frozen=True)
class Background:
    """The hologram without an object, and what was found in it."""

    light: Light
    carrier: Carrier
    floor: NoiseFloor
    reference: ReferenceEnvelope

    def field(self, radius: float, light: Light | None = None) -> FieldEstimate:
        """Return the field within a radius, of another hologram where one is given."""
        frames = light or self.light
        window = Sideband(shape=self.carrier.shape, carrier=self.carrier.frequency, radius=radius)
        return off_axis_fields(frames, window, reference=self.reference)


@dataclass(frozen=True)
class Phase:
    """Deviation of the phase within a radius, in radians: after fits of three degrees, and by camera noise alone."""

    radius: float
    outputs: float
    deviations: tuple[float, ...]
    predicted: float


DEGREES = (1, 2, 4)


def load(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the hologram of the cell and that of the background, shape (1, y, x)."""
    with np.load(folder / "measured" / "offaxis_hl60" / "hologram_cell.npz", allow_pickle=False) as file:
        return file["data"][np.newaxis].astype(float), file["bg_data"][np.newaxis].astype(float)


def as_light(frames: np.ndarray, floor: NoiseFloor) -> Light:
    """Return counts as light, in DN, with the variance that was read off."""
    return Light(frames, np.full(frames.shape, floor.variance), frames < 255)


def characterise(frames: np.ndarray) -> tuple[Background, float]:
    """Return what is found in the background's hologram, and the visibility of its fringes."""
    carrier = find_carrier(frames)
    floor = noise_outside_orders(frames, carrier.frequency, beyond=BEYOND)
    light = as_light(frames, floor)
    window = Sideband(shape=carrier.shape, carrier=carrier.frequency, radius=STATED_RADIUS)
    visibility = float(fringe_visibility(light, window)[0])
    reference = fitted_envelope(light, signal_share=signal_share_of(visibility))
    return Background(light, carrier, floor, reference), visibility


def flattened(field: FieldEstimate, *, degree: int) -> np.ndarray:
    """Return the phase of a field without what a fit of a degree takes out."""
    return np.angle(fit_aberration(field.value[0], degree=degree).remove(field.value[0]))


def phase_at(background: Background, radius: float) -> Phase:
    """Return the deviations of the phase within a radius."""
    field = background.field(radius)
    window = Sideband(shape=background.carrier.shape, carrier=background.carrier.frequency, radius=radius)
    return Phase(
        radius, window.independent_outputs, tuple(float(flattened(field, degree=d).std()) for d in DEGREES),
        float(np.sqrt(np.mean(phase_error(field) ** 2))),
    )  # fmt: skip


def densities(background: Background) -> tuple[np.ndarray, np.ndarray]:
    """Return rings about the carrier and the power density of the hologram in them, over that of white noise."""
    frame = background.light.value[0]
    weight = np.hanning(frame.shape[0])[:, np.newaxis] * np.hanning(frame.shape[1])
    power = np.abs(scipy.fft.fft2((frame - frame.mean()) * weight)) ** 2 / np.sum(weight**2)
    axes = [
        scipy.fft.fftfreq(size) - part for size, part in zip(frame.shape, background.carrier.frequency, strict=True)
    ]
    ring = np.round(np.hypot(axes[0][:, np.newaxis], axes[1]) / 0.005).astype(int)
    count = round(math.hypot(*background.carrier.frequency) / 3 / 0.005)
    found = np.array([power[ring == index].mean() for index in range(3, count)])
    return np.arange(3, count) * 0.005, found / background.floor.variance


def report(folder: Path) -> tuple[Background, list[Phase]]:
    """Print what is found, and return it."""
    cell, frames = load(folder)
    background, visibility = characterise(frames)
    print("| hologram | brightest bin | carrier, cycles per frame | kind | prominence |\n|---|---|---|---|---|")
    for name, found in (("cell", find_carrier(cell)), ("background", background.carrier)):
        print(
            f"| {name} | {found.brightest_bin} | ({found.cycles_per_frame[0]:.2f}, {found.cycles_per_frame[1]:.2f}) "
            f"| {found.kind} | {found.prominence:.0f} |"
        )
    limit = separation(background.carrier.frequency, radius=STATED_RADIUS).largest_factor * STATED_RADIUS
    print(f"\nvisibility {visibility:.3f}; orders apart up to a radius of {limit:.4f} cycles/pixel")
    for beyond in (0.0, 0.3, 0.4, BEYOND, 0.6):
        floor = noise_outside_orders(frames, background.carrier.frequency, beyond=beyond)
        print(f"noise beyond {beyond:g} cycles/pixel: {floor.variance:.2f} ± {floor.standard_error:.2f} DN^2")
    print("\n| radius | independent outputs | plane removed | degree 2 | degree 4 | camera noise, predicted |")
    print("|---|---|---|---|---|---|")
    curve = [phase_at(background, radius) for radius in RADII]
    for phase in curve:
        deviations = " | ".join(f"{deviation:.4f}" for deviation in phase.deviations)
        print(f"| {phase.radius:g} | {phase.outputs:.0f} | {deviations} | {phase.predicted:.4f} |")
    return background, curve


def speed(rounds: int) -> None:
    """Print the time of decoding over that of a real transform of the same frames."""
    shape, rng = (480, 640), np.random.default_rng(0)
    frames = rng.random((8, *shape))
    print("\n| carrier | fields | error bars | fields, over a real transform | error bars, over a real transform |")
    print("|---|---|---|---|---|")
    for name, carrier in (("whole cycles", (100 / 480, 140 / 640)), ("between", (100.3 / 480, 140.4 / 640))):
        for resample in (False, True):
            window = Sideband(shape=shape, carrier=carrier, radius=0.08, resample=resample)
            steps = (lambda: scipy.fft.rfft2(frames, workers=2), lambda w=window: w.apply(frames),
                     lambda w=window: w.variance(frames))  # fmt: skip
            times = np.array([[seconds(step) for step in steps] for _ in range(rounds + 1)])[1:]
            ratios = np.median(times[:, 1:] / times[:, :1], axis=0)
            absolute = np.median(times, axis=0) / len(frames) * 1e3
            print(
                f"| {name}, {'resampled' if resample else 'all pixels'} | {absolute[1]:.1f} ms | {absolute[2]:.1f} ms "
                f"| {ratios[0]:.1f} | {ratios[1]:.1f} |"
            )


def seconds(work: object) -> float:
    """Return the wall time of one call."""
    begin = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - begin


def plot(folder: Path, background: Background, curve: list[Phase], path: Path) -> None:
    """Draw the spectrum, the phase against the radius, the densities, and the phases of background and cell."""
    quiet = flattened(background.field(STATED_RADIUS), degree=1)
    # A cell holds the light back: with exp(-i omega t) its phase is positive, so the signal beats at the opposite.
    physical = replace(background, carrier=background.carrier.opposite)
    cell = physical.field(STATED_RADIUS, as_light(load(folder)[0], background.floor))
    ratio = cell.value / physical.field(STATED_RADIUS).value
    phase = unwrapped_phase(FieldEstimate(ratio, np.zeros(ratio.shape), cell.valid))[0].filled(np.nan)
    with canvas(13.0, 10.5) as figure:
        axes = figure.subplots(2, 2)
        draw_spectrum(axes[0, 0], background)
        draw_curves(axes[0, 1], background, curve)
        draw_map(axes[1, 0], quiet, quantity="phase", unit="rad", signed=True, limits=(-0.35, 0.35))
        axes[1, 0].set_title(f"Phase of the background, plane removed: {quiet.std():.3f} rad rms")
        draw_map(axes[1, 1], phase - np.nanmedian(phase[:30]), quantity="unwrapped phase", unit="rad")
        axes[1, 1].set_title("Phase of the cell over the background, unwrapped")
        figure.suptitle("A real off-axis hologram (HL60 cell, 200 x 210 pixels, 8 bits)")
        figure.savefig(path, dpi=90)


def draw_spectrum(axis: Axes, background: Background) -> None:
    """Draw the power spectrum of the background with its orders."""
    frame = background.light.value[0]
    weight = np.hanning(frame.shape[0])[:, np.newaxis] * np.hanning(frame.shape[1])
    power = np.abs(scipy.fft.fft2((frame - frame.mean()) * weight)) ** 2 / np.sum(weight**2)
    frequencies = [scipy.fft.fftshift(scipy.fft.fftfreq(size)) for size in frame.shape]
    draw_surface(
        axis, scipy.fft.fftshift(np.log10(power + 1e-3)), x=frequencies[1], y=frequencies[0], limits=(0.0, 6.0),
        x_label="$f_x$ / cycles per pixel", y_label="$f_y$ / cycles per pixel",
        quantity="log$_{10}$(power / DN²)",
    )  # fmt: skip
    turn = np.linspace(0, 2 * np.pi, 200)
    fy, fx = background.carrier.frequency
    for y, x, radius, style in ((0, 0, 2, ":"), (fy, fx, 1, "-"), (-fy, -fx, 1, "--")):
        across, down = x + radius * STATED_RADIUS * np.cos(turn), y + radius * STATED_RADIUS * np.sin(turn)
        draw_curve(axis, across, down, colour="white", line_style=style)
    cycles = background.carrier.cycles_per_frame
    axis.set(title=f"Spectrum; carrier ({cycles[0]:.2f}, {cycles[1]:.2f}) cycles per frame", aspect="equal")
    axis.invert_yaxis()


def draw_curves(axis: Axes, background: Background, curve: list[Phase]) -> None:
    """Draw the deviation of the phase against the radius, beside what noise predicts."""
    radii = [phase.radius for phase in curve]
    names = ("plane removed", "and degree 2 (defocus, astigmatism)", "and degree 4")
    for index, name in enumerate(names):
        draw_curve(axis, radii, [phase.deviations[index] for phase in curve], index=index, kind="both", label=name)
    draw_law(axis, radii, [phase.predicted for phase in curve], label="camera noise, from the spectrum's floor")
    rings, ratio = densities(background)
    noise = curve[-1].predicted / curve[-1].radius
    # Density over the floor, as the deviation that a window full of it would have: structure and noise at that ring.
    filled = noise * rings * np.sqrt(ratio)
    draw_law(axis, rings, filled, index=3, label="a window filled with what the ring at its rim holds")
    draw_level(axis, PUBLISHED)
    axis.annotate(f"{PUBLISHED} rad, known of these data", (0.0052, PUBLISHED * 1.03), color=GREY)
    limit = math.hypot(*background.carrier.frequency) / 3
    draw_level(axis, limit, vertical=True)
    axis.annotate("$|f_c|/3$", (limit * 0.98, 0.2), color=GREY, ha="right")
    axis.set(
        xscale="log", yscale="log", xlabel="radius of the window / cycles per pixel", ylim=(2e-4, 0.3),
        ylabel="deviation of the background's phase / rad", title="Phase of the background against the radius",
    )  # fmt: skip
    axis.set_xticks([0.005, 0.01, 0.02, 0.04, 0.08], ["0.005", "0.01", "0.02", "0.04", "0.08"])
    axis.set_xticks([], minor=True)
    axis.legend(loc="lower center")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("OPUBENCH_DATA"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    if options.data is None:
        parser.error("where are the data? Give --data FOLDER or set OPUBENCH_DATA to the folder that has measured/")
    background, curve = report(Path(options.data))
    speed(options.rounds)
    if options.plot:
        plot(Path(options.data), background, curve, options.plot)


if __name__ == "__main__":
    main()
