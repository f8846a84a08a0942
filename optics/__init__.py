"""Physics of the bench, from the states of mirrors to camera counts."""

import os

# OpenBLAS threads wait for work in a busy loop of about 2^26 cycles. That would take one processor from the
# random draws after every matrix product; 2^14 cycles cost the products nothing that could be measured.
# It counts where numpy was not imported before.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "14")

from optics.bench import Bench, BenchDescription, Exposure, GaussianDescription
from optics.bench_file import bench_from_table, bench_to_table, load_bench, shipped_benches
from optics.camera import Camera
from optics.camera_file import camera_modes, load_camera, shipped_cameras
from optics.dmd import Dmd
from optics.laser import Laser
from optics.macropixels import Layout, MacropixelLayout, input_positions
from optics.media import GaussianMedium, Medium
from optics.mirror_frames import FrameRenderer, Orientation, pack_frames, unpack_frames
from optics.mirror_light import InputLight, input_light, mirror_share
from optics.mirror_paths import ListedLayout, PathLayout
from optics.pixel import nyquist_pitch, pixel_mtf
from optics.radiometry import photons_per_pixel
from optics.resources import data_folder
from optics.sensor import Sensor
from optics.shutter import Shutter
from optics.simulated_bench import SimulatedBench
from optics.throughput import Throughput, throughput

__all__ = [
    "Bench",
    "BenchDescription",
    "Camera",
    "Dmd",
    "Exposure",
    "FrameRenderer",
    "GaussianDescription",
    "GaussianMedium",
    "InputLight",
    "Laser",
    "Layout",
    "ListedLayout",
    "MacropixelLayout",
    "Medium",
    "Orientation",
    "PathLayout",
    "Sensor",
    "Shutter",
    "SimulatedBench",
    "Throughput",
    "bench_from_table",
    "bench_to_table",
    "camera_modes",
    "data_folder",
    "input_light",
    "input_positions",
    "load_bench",
    "load_camera",
    "mirror_share",
    "nyquist_pitch",
    "pack_frames",
    "photons_per_pixel",
    "pixel_mtf",
    "shipped_benches",
    "shipped_cameras",
    "throughput",
    "unpack_frames",
]
