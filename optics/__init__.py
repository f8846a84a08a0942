"""Physics of the bench, from the states of mirrors to camera counts.

What stands on a bench is here: laser, DMD, layouts, a description of every medium, camera, and the bench itself. Its
parts have packages of their own:

`optics.media`
    What scatters: the media behind the descriptions, their matrices and the laws they follow.
`optics.propagation`
    Light in free space and through lenses: `angular_spectrum`, Fresnel, Fraunhofer, `four_f`, each with its adjoint.
`optics.speckle`
    Speckle generated (`speckle_field`) and measured in frames (`contrast`, `measure_grain`, `check_law`).
`optics.mirrors`, `optics.encodings`
    Orders, blaze, flatness and faults of the mirrors; complex fields as binary patterns.
`optics.instabilities`
    What moves on a bench that lives in time: mode hops, pointing, powers, temperature, triggers, lost frames.
`optics.sensing`
    What pixels, converters and shutters do to light.
`optics.files`
    Benches and parts in TOML files.
"""

import os

# OpenBLAS threads wait for work in a busy loop of about 2^26 cycles. That would take one processor from the
# random draws after every matrix product; 2^14 cycles cost the products nothing that could be measured.
# It counts where numpy was not imported before.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "14")

from optics.archive_check import verify_archive
from optics.bench import Bench, BenchDescription, Exposure
from optics.bench_memory import BenchMemory
from optics.camera import Camera
from optics.campaign_file import CampaignFile
from optics.cause import Cause
from optics.causes import CAUSES, ideal_bench, present_causes, without_causes
from optics.dmd import Dmd
from optics.etendue import modes_of_band, modes_of_etendue
from optics.files.bench_file import bench_from_table, bench_to_table, load_bench, save_bench, shipped_benches
from optics.files.camera_file import camera_modes, load_camera, shipped_cameras
from optics.files.dmd_file import dmd_from_part, load_dmd, shipped_dmds
from optics.files.resources import data_folder
from optics.instabilities.heating import Heating
from optics.instabilities.losses import Losses
from optics.instabilities.mode_hops import ModeHops
from optics.instabilities.pointing import Pointing
from optics.instabilities.power import AnchorBeam, PowerDrift
from optics.instabilities.temperature import Temperature
from optics.instabilities.trigger import TriggerJitter
from optics.laser import Laser
from optics.light_budget import LightBudget, light_budget
from optics.macropixels import Layout, MacropixelLayout, input_positions, square_block
from optics.matrix_file import MatrixFile
from optics.matrix_writer import MatrixWriter
from optics.media import (
    ChannelsDescription,
    DiffusiveSlabDescription,
    DriftDescription,
    FiniteGrainDescription,
    GaussianDescription,
    GaussianMedium,
    MeasuredDescription,
    Medium,
    MediumDescription,
    MediumSite,
    MultisliceDescription,
    PartiallyCoherentDescription,
    PolarisedDescription,
    StreamedDescription,
)
from optics.mirrors.blaze import (
    blaze_incidence,
    blaze_number,
    blaze_wavelength,
    collect_order,
    diffraction_contrast,
    in_plane_incidence,
)
from optics.mirrors.faults import MirrorFaults, draw_faults
from optics.mirrors.flatness import macropixel_amplitudes, reflection_phase, surface_height, zernike
from optics.mirrors.frames import FrameRenderer, Orientation, pack_frames, unpack_frames
from optics.mirrors.light import InputLight, input_light, mirror_share
from optics.mirrors.motion import (
    BoardVibration,
    Sinusoid,
    relaxing_flatness,
    rigid_height,
    wandering_flatness,
)
from optics.mirrors.orders import Orders, diffraction_orders, order_direction, order_efficiency
from optics.mirrors.paths import ListedLayout, PathLayout
from optics.radiometry import photons_per_pixel
from optics.reference import Reference
from optics.sensing.pixel import nyquist_pitch, pixel_mtf
from optics.sensor import Sensor
from optics.shutter import Shutter
from optics.simulated_bench import SimulatedBench
from optics.throughput import Throughput, throughput

__all__ = [
    "CAUSES",
    "AnchorBeam",
    "Bench",
    "BenchDescription",
    "BenchMemory",
    "BoardVibration",
    "Camera",
    "CampaignFile",
    "Cause",
    "ChannelsDescription",
    "DiffusiveSlabDescription",
    "Dmd",
    "DriftDescription",
    "Exposure",
    "FiniteGrainDescription",
    "FrameRenderer",
    "GaussianDescription",
    "GaussianMedium",
    "Heating",
    "InputLight",
    "Laser",
    "Layout",
    "LightBudget",
    "ListedLayout",
    "Losses",
    "MacropixelLayout",
    "MatrixFile",
    "MatrixWriter",
    "MeasuredDescription",
    "Medium",
    "MediumDescription",
    "MediumSite",
    "MirrorFaults",
    "ModeHops",
    "MultisliceDescription",
    "Orders",
    "Orientation",
    "PartiallyCoherentDescription",
    "PathLayout",
    "Pointing",
    "PolarisedDescription",
    "PowerDrift",
    "Reference",
    "Sensor",
    "Shutter",
    "SimulatedBench",
    "Sinusoid",
    "StreamedDescription",
    "Temperature",
    "Throughput",
    "TriggerJitter",
    "bench_from_table",
    "bench_to_table",
    "blaze_incidence",
    "blaze_number",
    "blaze_wavelength",
    "camera_modes",
    "collect_order",
    "data_folder",
    "diffraction_contrast",
    "diffraction_orders",
    "dmd_from_part",
    "draw_faults",
    "ideal_bench",
    "in_plane_incidence",
    "input_light",
    "input_positions",
    "light_budget",
    "load_bench",
    "load_camera",
    "load_dmd",
    "macropixel_amplitudes",
    "mirror_share",
    "modes_of_band",
    "modes_of_etendue",
    "nyquist_pitch",
    "order_direction",
    "order_efficiency",
    "pack_frames",
    "photons_per_pixel",
    "pixel_mtf",
    "present_causes",
    "reflection_phase",
    "relaxing_flatness",
    "rigid_height",
    "save_bench",
    "shipped_benches",
    "shipped_cameras",
    "shipped_dmds",
    "square_block",
    "surface_height",
    "throughput",
    "unpack_frames",
    "verify_archive",
    "wandering_flatness",
    "without_causes",
    "zernike",
]
