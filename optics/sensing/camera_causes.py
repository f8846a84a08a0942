"""What makes a camera imperfect, cause by cause, and the same camera without one."""

import math
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from optics.bench import BenchDescription
from optics.camera import Camera
from optics.cause import Cause, any_of

FINEST_BITS = 16
"""Bits of a converter whose steps count as none."""

WIDER = 8.0
"""Factor by which full well and converter grow where nothing may saturate: speckle at twice its mean then clips in
exp(-16) of the pixels."""


def _camera(**changes: Any) -> Callable[[BenchDescription], BenchDescription]:
    """Return what replaces fields of the camera."""
    return lambda bench: replace(bench, camera=replace(bench.camera, **changes))


def _finest(bench: BenchDescription) -> BenchDescription:
    """Return the bench with a converter of many bits over the same range of charge, without steps of its own."""
    camera = bench.camera
    finer = 2.0 ** (FINEST_BITS - camera.bits)
    return replace(bench, camera=_scaled(camera, finer, bits=FINEST_BITS, bow=finer))


def _scaled(camera: Camera, factor: float, *, bits: int, bow: float) -> Camera:
    """Return a camera of other bits whose counts are finer by a factor, and whose bow in DN is so many times as high.

    Counts keep their alignment: 16 bits fill a word.
    """
    steepest = (2**bits - 1) / 4
    bowed = min(max(bow * camera.integral_nonlinearity, -steepest), steepest)
    return replace(
        camera, bits=bits, gain=camera.gain * factor, black_level=camera.black_level * factor,
        integral_nonlinearity=bowed,
    )  # fmt: skip


def _endless(bench: BenchDescription) -> BenchDescription:
    """Return the bench with a deeper well and a converter of more bits, of the same response to the light."""
    camera = bench.camera
    bits = min(camera.bits + round(math.log2(WIDER)), FINEST_BITS)
    coarser = 2.0**bits / (2.0**camera.bits * WIDER)  # one, unless the converter has no bits left to grow
    # The loss at a charge e is alpha e / e_fw: a deeper well has as much more at its brim, half of it at most. A bow
    # has the curvature 8 A / L^2.
    deeper = min(WIDER, 0.5 / camera.nonlinearity) if camera.nonlinearity else WIDER
    wider = _scaled(camera, coarser, bits=bits, bow=coarser * WIDER**2)
    full_well = min(camera.full_well * deeper, 1e8)
    nonlinearity = camera.nonlinearity * full_well / camera.full_well
    return replace(bench, camera=replace(wider, full_well=full_well, nonlinearity=nonlinearity))


CAMERA_CAUSES = (
    Cause(
        name="shot",
        group="noise",
        sentence="Photons come one by one.",
        present=lambda bench: True,
        without=lambda bench: bench,
        settings=MappingProxyType({"shot_noise": "none"}),
    ),
    Cause.described(
        "background",
        "noise",
        sentence="Stray light adds charge and its shot noise.",
        present=any_of("camera", "background"),
        without=_camera(background=0.0, flicker_depth=0.0),
    ),
    Cause.described(
        "dark_current",
        "noise",
        sentence="Charge gathers without light, and has shot noise.",
        present=any_of("camera", "dark_current"),
        without=_camera(dark_current=0.0),
    ),
    Cause.described(
        "read",
        "noise",
        sentence="Amplifiers of pixels, rows and columns add noise.",
        present=any_of("camera", "read_noise", "row_noise", "column_noise"),
        without=_camera(read_noise=0.0, row_noise=0.0, column_noise=0.0),
    ),
    Cause.described(
        "quantisation",
        "quantisation",
        sentence="Counts are whole numbers.",
        present=lambda bench: bench.camera.bits < FINEST_BITS,
        without=_finest,
    ),
    Cause.described(
        "saturation",
        "saturation",
        sentence="Wells fill and the converter ends.",
        present=lambda bench: True,
        without=_endless,
    ),
    Cause.described(
        "prnu",
        "static bias",
        sentence="Pixels respond unequally to light.",
        present=any_of("camera", "prnu"),
        without=_camera(prnu=0.0),
    ),
    Cause.described(
        "offsets",
        "static bias",
        sentence="Pixels, rows and columns have offsets of their own (DSNU).",
        present=any_of("camera", "dsnu", "row_offset", "column_offset"),
        without=_camera(dsnu=0.0, row_offset=0.0, column_offset=0.0),
    ),
    Cause.described(
        "crosstalk",
        "static bias",
        sentence="Pixels see light of their neighbours.",
        present=any_of("camera", "crosstalk"),
        without=_camera(crosstalk=0.0),
    ),
    Cause.described(
        "lag",
        "static bias",
        sentence="Part of a frame shows in the next.",
        present=any_of("camera", "lag"),
        without=_camera(lag=0.0),
    ),
    Cause.described(
        "nonlinearity",
        "static bias",
        sentence="Counts do not follow the light in a straight line.",
        present=any_of("camera", "nonlinearity", "integral_nonlinearity", "differential_nonlinearity"),
        without=_camera(nonlinearity=0.0, integral_nonlinearity=0.0, differential_nonlinearity=0.0),
    ),
    Cause.described(
        "faulty_pixels",
        "faults",
        sentence="Pixels are hot or dead.",
        present=any_of("camera", "hot_pixels", "dead_pixels"),
        without=_camera(hot_pixels=0.0, dead_pixels=0.0),
    ),
)
"""Causes that are in the camera, and the shot noise of its light."""
