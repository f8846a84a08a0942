"""Simulate, characterise, recover: what EMVA 1288 finds of cameras whose figures are known.

Every part of data/cameras in every mode takes 50 levels of pairs and stacks of 100 frames, on 512 x 512 pixels of its
sensor, and is characterised as frames from a file would be; and so does one 8-bit mode at twice the gain, for the dark
noise of all others with 8 bits is below half a DN. Printed for each: the largest deviation from the truth over the
repetitions, and in brackets the scatter of the repetitions over the standard uncertainty that was quoted. Below half a
DN of dark noise the figures are those of the likelihood, and in brackets stands the rms of deviation over uncertainty;
a bound says how often it held. The truth is that of the pixels at hand.

    python -m benchmarks.camera_recovery [--repeats 30] [--size 512] [--only cmv2000 imx250]
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from calibration import characterise_camera, expose_light_series, expose_stacks
from calibration.cameras.report import CameraReport
from calibration.cameras.uncertainty import Measured
from optics import Camera, Sensor, camera_modes, load_camera, shipped_cameras

HALF_A_COUNT = 0.5
FIGURES = ("K", "QE", "dark noise", "black level", "DSNU", "PRNU")
Values = dict[str, list[Measured]]
"""Figure -> what each repetition found."""


def cameras(size: int, only: list[str]) -> Iterator[tuple[str, Camera]]:
    """Give the cameras: size x size pixels of every part, in every mode."""
    for part in only or shipped_cameras():
        for mode in camera_modes(part):
            camera = load_camera(part, wavelength=532e-9, mode=mode)
            yield f"{part} {mode}", camera.region(rows=size, columns=size)
    if not only or "cmv2000" in only:
        doubled = load_camera("cmv2000", wavelength=532e-9, mode="8-bit").region(rows=size, columns=size)
        yield "cmv2000 8-bit, gain x 2", replace(doubled, gain=2 * doubled.gain, black_level=2 * doubled.black_level)


def truth(sensor: Sensor) -> dict[str, float]:
    """Return the figures of the sensor at hand."""
    camera, pattern = sensor.camera, sensor.pattern
    offset, response = pattern.offset.astype(np.float64), 1 + pattern.response_deviation.astype(np.float64)
    return {
        "K": camera.gain,
        "QE": camera.quantum_efficiency * float(response.mean()),
        "dark noise": camera.dark_noise,
        "black level": camera.black_level + camera.gain * float(offset.mean()),
        "DSNU": float(offset.std()),
        "PRNU": float(response.std() / response.mean()),
    }


def found(report: CameraReport) -> dict[str, Measured | None]:
    """Return the figures that were recovered: the likelihood's where it was asked for, else the standard's."""
    transfer, pattern, fit = report.transfer, report.pattern, report.exact
    if fit:
        return {"K": fit.gain, "dark noise": fit.dark_noise, "black level": fit.black_level}
    figures = {"K": transfer.gain, "QE": transfer.quantum_efficiency, "dark noise": transfer.dark_noise}
    figures["black level"] = transfer.dark.black_level
    return figures | {"DSNU": pattern.dsnu["total"], "PRNU": pattern.prnu["total"]} if pattern else figures


def repeated(sensor: Sensor, *, repeats: int, exact: bool) -> Values:
    """Return every figure of every repetition: the same sensor, other noise."""
    values: Values = defaultdict(list)
    for repeat in tqdm(range(repeats), leave=False):
        series = expose_light_series(sensor, first=10_000 * repeat)
        stacks = expose_stacks(sensor, first=10_000 * repeat + 5_000)
        report = characterise_camera(series, stacks=stacks, likelihood=exact)
        for name, figure in found(report).items():
            if figure:
                values[name].append(figure)
    return values


def cell(figures: list[Measured], true: float, *, absolute: bool, exact: bool) -> str:
    """Return a cell of the table."""
    if not figures:
        return ""
    bounds = [figure for figure in figures if figure.bound]
    if bounds:
        held = sum(true <= figure.value for figure in bounds)
        return (
            f"below {np.median([figure.value for figure in bounds]) / true:.2g} x truth, held {held} of {len(bounds)}"
        )
    off = np.array([figure.value for figure in figures]) - true
    quoted = np.array([figure.uncertainty for figure in figures])
    ratio = np.sqrt(np.mean((off / quoted) ** 2)) if exact else off.std(ddof=1) / quoted.mean()
    largest = f"{np.abs(off).max():.4f} DN" if absolute else f"{100 * np.abs(off).max() / true:.2f} %"
    return f"{largest} ({ratio:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--repeats", type=int, default=30, help="repetitions of each characterisation (default: %(default)s)"
    )
    parser.add_argument("--size", type=int, default=512, help="rows and columns of the region")
    parser.add_argument("--only", nargs="+", default=[], metavar="PART", help="parts to take (default: all)")
    options = parser.parse_args()
    print("| camera | bits | dark noise, DN | K | QE | dark noise | black level | DSNU | PRNU |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, camera in cameras(options.size, options.only):
        exact = camera.gain * camera.dark_noise < HALF_A_COUNT
        sensor = Sensor(camera, seed=7)
        values, known = repeated(sensor, repeats=options.repeats, exact=exact), truth(sensor)
        cells = [cell(values[key], known[key], absolute=key == "black level", exact=exact) for key in FIGURES]
        label = f"{name}{' (likelihood)' if exact else ''}"
        noise = camera.gain * camera.dark_noise
        print(f"| {label} | {camera.bits} | {noise:.2f} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
