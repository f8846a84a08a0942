"""The description of a mirror array: geometry, time, and what it refuses."""

import math
from dataclasses import replace

import numpy as np
import pytest

from optics import Dmd, bench_from_table, bench_to_table, load_bench

DMD = Dmd(rows=14, columns=11, pitch=8e-6)
DIAMOND = replace(DMD, staggered=True)


@pytest.mark.parametrize("dmd", [DMD, DIAMOND], ids=["square", "diamond"])
def test_lattice_vectors_lead_from_mirror_to_mirror(dmd: Dmd) -> None:
    positions = dmd.mirror_positions()
    places = positions.reshape(-1, 2)
    for vector in dmd.lattice_vectors:
        ends = positions[5, 5] + vector
        assert np.min(np.linalg.norm(places - ends, axis=1)) < 1e-9 * dmd.pitch
    # Primitive: their cell holds one mirror, so its area is that of the array over the number of mirrors.
    area = abs(np.linalg.det(dmd.lattice_vectors))
    step = positions[2, 2] - positions[0, 0]  # two rows and two columns: four mirrors
    assert area == pytest.approx(abs(step[0] * step[1]) / 4, rel=1e-12)
    assert area == pytest.approx(dmd.pitch**2, rel=1e-12)


def test_the_diamond_is_the_square_turned_by_an_eighth() -> None:
    turn = np.array([[1, -1], [1, 1]]) / math.sqrt(2)
    assert DIAMOND.lattice_vectors @ turn == pytest.approx(DMD.lattice_vectors, abs=1e-18)
    assert DIAMOND.tilt_direction @ turn == pytest.approx(DMD.tilt_direction)


def test_mirrors_lean_to_a_corner_or_to_an_edge() -> None:
    assert DMD.tilt_direction == pytest.approx([math.sqrt(0.5), math.sqrt(0.5)])
    assert DIAMOND.tilt_direction == pytest.approx([0, 1])
    assert replace(DMD, tilt_axis="edge").tilt_direction == pytest.approx([0, 1])
    assert replace(DIAMOND, tilt_axis="edge").tilt_direction == pytest.approx([-math.sqrt(0.5), math.sqrt(0.5)])


def test_mirror_side_follows_from_the_fill_factor() -> None:
    assert replace(DMD, fill_factor=0.81).mirror_side == pytest.approx(0.9 * 8e-6)


def test_the_mirrors_stand_still_for_the_period_less_the_reset() -> None:
    fast = replace(DMD, frame_rate=2e4, reset_time=13e-6)
    assert fast.settled_time(50e-6) == pytest.approx(37e-6)
    with pytest.raises(ValueError, match="period = 4e-05 s is not allowed: it must be at least 5e-05 s"):
        fast.settled_time(40e-6)
    with pytest.raises(ValueError, match="leaves no time beside reset_time = 6e-05 s"):
        replace(fast, reset_time=60e-6).settled_time(50e-6)


def test_new_fields_are_neutral() -> None:
    assert (DMD.fill_factor, DMD.reflectivity, DMD.window_transmission, DMD.efficiency) == (1, 1, 1, 1)
    assert (DMD.stuck_on, DMD.stuck_off, DMD.dead, DMD.reset_time, DMD.flatness) == (0, 0, 0, 0, ())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("tilt_angle", 12.0, "tilt_angle = 12 rad is not allowed: it must be above 0 rad and at most 0.523599 rad"),
        ("tilt_axis", "cornre", "tilt_axis = 'cornre' is not known; did you mean 'corner'"),
        ("fill_factor", 92.0, "fill_factor = 92 is not allowed"),
        ("reflectivity", 0.0, "reflectivity = 0 is not allowed"),
        ("window_transmission", 1.02, "window_transmission = 1.02 is not allowed"),
        ("reset_time", 13.0, "reset_time = 13 s is not allowed"),
        ("flatness", (0.0, float("nan")), "flatness of Zernike term 2 = nan m is not allowed"),
        ("flatness", (100.0,), "flatness of Zernike term 1 = 100 m is not allowed"),
        ("flatness", (0.0,) * 232, "flatness has 232 terms, at most 231"),
        ("stuck_on", -0.1, "stuck_on = -0.1 is not allowed"),
        ("dead", 1.5, "dead = 1.5 is not allowed"),
    ],
)
def test_impossible_figures_are_named(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(DMD, **{field: value})


def test_more_faults_than_mirrors_are_refused() -> None:
    with pytest.raises(ValueError, match=r"stuck_on \+ stuck_off \+ dead = 1.2 is not allowed: it must be at most 1"):
        replace(DMD, stuck_on=0.4, stuck_off=0.4, dead=0.4)


def test_flatness_must_be_a_tuple() -> None:
    with pytest.raises(TypeError, match="flatness must be a tuple of heights in metres, got list"):
        replace(DMD, flatness=[1e-7])  # type: ignore[arg-type]


def test_a_bench_file_gives_flatness_as_a_list() -> None:
    table = bench_to_table(load_bench("opu"))
    table["dmd"]["flatness"] = [0, 0, 0, 2e-7]
    bench = bench_from_table(table)
    assert bench.dmd.flatness == (0.0, 0.0, 0.0, 2e-7)
    assert bench_from_table(bench_to_table(bench)) == bench
    table["dmd"]["flatness"] = 2e-7
    with pytest.raises(TypeError, match=r"\[dmd\] flatness = 2e-07 must be a list of float"):
        bench_from_table(table)
    table["dmd"]["flatness"] = [0, "2e-7"]
    with pytest.raises(TypeError, match=r"\[dmd\] flatness\[1\] = '2e-7' must be of type float"):
        bench_from_table(table)
