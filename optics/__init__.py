"""Physics of the bench, from the states of mirrors to camera counts."""

import os

# OpenBLAS threads wait for work in a busy loop of about 2^26 cycles. That would take one processor from the
# random draws after every matrix product; 2^14 cycles cost the products nothing that could be measured.
# It counts where numpy was not imported before.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "14")

from optics.bench import Bench, BenchDescription, Exposure, GaussianDescription
from optics.bench_file import bench_from_table, bench_to_table, load_bench, shipped_benches
from optics.camera import Camera
from optics.dmd import Dmd
from optics.laser import Laser
from optics.macropixels import MacropixelLayout
from optics.media import GaussianMedium, Medium
from optics.resources import data_folder
from optics.simulated_bench import SimulatedBench

__all__ = [
    "Bench",
    "BenchDescription",
    "Camera",
    "Dmd",
    "Exposure",
    "GaussianDescription",
    "GaussianMedium",
    "Laser",
    "MacropixelLayout",
    "Medium",
    "SimulatedBench",
    "bench_from_table",
    "bench_to_table",
    "data_folder",
    "load_bench",
    "shipped_benches",
]
