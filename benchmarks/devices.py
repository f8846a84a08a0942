"""Frame rate of a bench of devices over Basler's driver, as a ratio to that of the driver alone.

The driver is pylon with its camera emulation: its own pace, about 97 frames a second, is that of the device here. The
driver alone waits until the camera is ready, triggers, takes the frame and copies it, in a loop that does nothing else;
for a series it triggers all frames and then takes them. The bench does the same with everything of ours around:
patterns checked, masks rendered and handed to mirrors that take and show them in no time, counts unpacked and checked,
frames put in their places with their times and numbers. Both play files of the same format and region. The bench's
frames are prepared before: what is left of the emulation, their files written before each trigger, is counted, though
no real camera has it. What it costs, and what rendering a mask and simulating a frame do, stands apart too.

    python benchmarks/devices.py [--frames 100] [--pairs 9] [--rows 40] [--columns 64] [--pixel-format Mono12]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import optics  # first: it sets how long BLAS threads spin, which numpy reads when it is imported

import numpy as np  # isort: skip

from optics.bench import BenchDescription, Exposure
from optics.devices.basler_device import PylonDevice
from optics.devices.device_bench import DeviceBench
from optics.devices.emulated import EmulatedDevices
from optics.devices.emulated_camera import EMULATED_SERIAL
from optics.devices.emulator_files import EmulatorFiles
from optics.devices.pixel_formats import FORMAT_BITS
from optics.mirrors.frames import FrameRenderer


class Driver:
    """The driver alone: a folder of files played in order, one software trigger a frame."""

    def __init__(self, frames: np.ndarray, *, pixel_format: str) -> None:
        self.count = len(frames)
        self.files = EmulatorFiles(bits=FORMAT_BITS[pixel_format])
        self.files.put_series(frames)
        os.environ["PYLON_CAMEMU"] = "1"
        self.device = PylonDevice(EMULATED_SERIAL)
        self.camera, self.pylon = self.device.camera, self.device.pylon
        settings: dict[str, Any] = {
            "TestImageSelector": "Off", "ImageFileMode": "On", "ImageFilename": str(self.files.series),
            "PixelFormat": pixel_format, "Height": frames.shape[1], "Width": frames.shape[2],
            "TriggerSelector": "FrameStart", "TriggerMode": "On", "TriggerSource": "Software",
        }  # fmt: skip
        for name, value in settings.items():
            self.device.write(name, value)

    def step_by_step(self) -> None:
        """Trigger a frame and take it, one after the other."""
        self.camera.MaxNumBuffer.Value = 32
        self.camera.StartGrabbing(self.pylon.GrabStrategy_OneByOne)
        for _ in range(self.count):
            self._trigger()
            self._take()
        self.camera.StopGrabbing()

    def series(self) -> None:
        """Trigger all frames, then take them."""
        self.camera.MaxNumBuffer.Value = self.count
        self.camera.StartGrabbing(self.pylon.GrabStrategy_OneByOne)
        for _ in range(self.count):
            self._trigger()
        for _ in range(self.count):
            self._take()
        self.camera.StopGrabbing()

    def _trigger(self) -> None:
        self.camera.WaitForFrameTriggerReady(1000, self.pylon.TimeoutHandling_ThrowException)
        self.camera.ExecuteSoftwareTrigger()

    def _take(self) -> np.ndarray:
        result = self.camera.RetrieveResult(1000, self.pylon.TimeoutHandling_ThrowException)
        frame: np.ndarray = result.Array
        result.Release()
        return frame

    def close(self) -> None:
        """Release the camera."""
        self.device.close()
        self.files.remove()


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def small_bench(rows: int, columns: int) -> BenchDescription:
    """Return the OPU-class bench with another region and few macropixels, so that its medium is small."""
    bench = optics.load_bench("opu")
    layout = optics.MacropixelLayout(block_rows=25, block_columns=22, grid_rows=6, grid_columns=5)
    camera = replace(bench.camera, rows=rows, columns=columns, sensor_rows=0, sensor_columns=0)
    return replace(bench, camera=camera, layout=layout)


class FreeMirrors:
    """Mirrors that cost nothing: frames are prepared, so it does not matter what they show."""

    def __init__(self, devices: EmulatedDevices) -> None:
        self.shape, self.capacity = devices.modulator.shape, devices.modulator.capacity
        self._table, self._inputs = devices.camera._table, devices.bench.layout.inputs

    def load(self, masks: np.ndarray) -> None:
        """Take masks."""

    def show(self, index: int) -> None:
        """Show one."""
        self._table.sequence = np.zeros((1, self._inputs), np.bool_)

    def run(self, count: int, *, period: float) -> None:
        """Show some."""
        self._table.sequence, self._table.period = np.zeros((count, self._inputs), np.bool_), period

    def wait(self) -> None:
        """Return at once."""

    def close(self) -> None:
        """Release nothing."""


def bench_of(devices: EmulatedDevices, *, step_by_step: bool) -> DeviceBench:
    """Return the bench that devices make."""
    bench = devices.bench
    return DeviceBench(
        FreeMirrors(devices), devices.camera, layout=bench.layout, dmd=bench.description.dmd, figures=bench.camera,
        light_switch=devices.light_switch, step_by_step=step_by_step, clock=devices.clock,
    )  # fmt: skip


def prepare(devices: EmulatedDevices, frames: np.ndarray) -> None:
    """Put prepared frames in the place of the simulation, one after the other."""
    served = 0

    def expose(states: np.ndarray) -> Exposure:
        nonlocal served
        index = (served + np.arange(len(states))) % len(frames)
        served += len(states)
        return Exposure(frames[index], 1e-3 * np.arange(len(states)), index, np.ones(len(states), np.bool_), 4e-4)

    devices.camera._table.expose = expose  # type: ignore[method-assign]


def compare(way: str, frames: np.ndarray, states: np.ndarray, options: argparse.Namespace) -> None:
    """Time both, in pairs, and say what came out."""
    devices = EmulatedDevices(small_bench(options.rows, options.columns), seed=0, pixel_format=options.pixel_format)
    driver = Driver(frames, pixel_format=options.pixel_format)
    with bench_of(devices, step_by_step=way == "step by step") as bench:
        prepare(devices, frames)
        alone = driver.step_by_step if way == "step by step" else driver.series
        pairs = [(seconds(alone), seconds(lambda: bench.expose(states))) for _ in range(options.pairs + 1)][1:]
    driver.close()
    ratios = [first / second for first, second in pairs]
    milliseconds = [1e3 * statistics.median(column) / len(frames) for column in zip(*pairs, strict=True)]
    print(
        f"{way:14s} driver alone {milliseconds[0]:6.2f} ms a frame, bench {milliseconds[1]:6.2f} ms, rate of the bench "
        f"over that of the driver {statistics.median(ratios):.3f} (min {min(ratios):.3f}, max {max(ratios):.3f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=100, help="frames of a round (default: %(default)s)")
    parser.add_argument(
        "--pairs",
        type=int,
        default=9,
        help="rounds, each of driver and bench; a rate is the median over them (default: %(default)s)",
    )
    parser.add_argument("--rows", type=int, default=40, help="rows of a frame (default: %(default)s)")
    parser.add_argument("--columns", type=int, default=64, help="columns of a frame (default: %(default)s)")
    parser.add_argument(
        "--pixel-format",
        default="Mono12",
        help="format of the camera's pixels, as its driver names it (default: %(default)s)",
    )
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    bits = FORMAT_BITS[options.pixel_format]
    shape = (options.frames, options.rows, options.columns)
    frames = rng.integers(0, 2**bits, shape, dtype=np.uint8 if bits == 8 else np.uint16)
    description = small_bench(options.rows, options.columns)
    states = rng.random((options.frames, description.layout.inputs)) < 0.5
    print(f"{options.frames} frames of {options.rows} x {options.columns} pixels in {options.pixel_format}")
    for way in ("step by step", "series"):
        compare(way, frames, states, options)
    renderer = FrameRenderer(description.layout, description.dmd)
    simulated = optics.SimulatedBench(description, seed=0)
    rendering = statistics.median(seconds(lambda: renderer.render(states)) for _ in range(5)) / len(states)
    simulating = statistics.median(seconds(lambda: simulated.expose(states[:1])) for _ in range(50))
    mirrors = f"{description.dmd.rows} x {description.dmd.columns} mirrors"
    print(f"apart: rendering a mask of {mirrors} {1e3 * rendering:.2f} ms")
    files = EmulatorFiles(bits=bits)
    writing = statistics.median(seconds(lambda: files.show(frames[0])) for _ in range(50))
    files.remove()
    print(f"apart: writing a frame's files for the emulation {1e3 * writing:.2f} ms")
    print(f"apart: simulating a frame by itself {1e3 * simulating:.2f} ms")


if __name__ == "__main__":
    main()
