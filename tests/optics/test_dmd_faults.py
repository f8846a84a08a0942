"""Faulty mirrors: how many, which, and what they show."""

import math
from dataclasses import replace

import numpy as np
import pytest

from optics import Dmd, MirrorFaults, draw_faults

DMD = Dmd(rows=240, columns=310, pitch=8e-6, stuck_on=0.01, stuck_off=0.02, dead=0.005)


def test_fractions_are_those_of_the_description() -> None:
    faults = draw_faults(DMD, seed=7)
    for name in ("stuck_on", "stuck_off", "dead"):
        expected = getattr(DMD, name)
        # 4 standard errors of a binomial share of 74 400 mirrors.
        assert getattr(faults, name).mean() == pytest.approx(expected, abs=4 * math.sqrt(expected / DMD.mirrors))
    assert faults.any


def test_the_same_seed_gives_the_same_mirrors_and_another_gives_others() -> None:
    assert np.array_equal(draw_faults(DMD, seed=3).dead, draw_faults(DMD, seed=3).dead)
    assert not np.array_equal(draw_faults(DMD, seed=3).dead, draw_faults(DMD, seed=4).dead)


def test_a_larger_fraction_keeps_the_mirrors_of_a_smaller_one() -> None:
    few, many = (draw_faults(replace(DMD, stuck_on=share), seed=3).stuck_on for share in (0.01, 0.1))
    assert np.array_equal(few & many, few)


def test_a_sound_array_has_no_faults() -> None:
    faults = draw_faults(replace(DMD, stuck_on=0.0, stuck_off=0.0, dead=0.0), seed=1)
    assert not faults.any
    assert faults.amplitude().min() == 1


def test_frames_stand_as_the_faults_let_them(rng: np.random.Generator) -> None:
    faults = draw_faults(DMD, seed=7)
    frames = rng.random((3, 240, 310)) < 0.5
    told = frames.copy()
    stand = faults.apply(frames)
    assert np.array_equal(frames, told)
    assert stand[:, faults.stuck_on].all()
    assert not stand[:, faults.stuck_off | faults.dead].any()
    sound = ~(faults.stuck_on | faults.stuck_off | faults.dead)
    assert np.array_equal(stand[:, sound], frames[:, sound])
    assert np.array_equal(faults.amplitude() == 0, faults.dead)


def test_everything_may_be_stuck() -> None:
    faults = draw_faults(replace(DMD, stuck_on=1.0, stuck_off=0.0, dead=0.0), seed=2)
    assert faults.apply(np.zeros((240, 310), bool)).all()


def test_maps_cannot_be_changed_and_must_agree() -> None:
    none = np.zeros((4, 5), bool)
    faults = MirrorFaults(stuck_on=none, stuck_off=none, dead=none)
    with pytest.raises(ValueError, match="read-only"):
        faults.dead[0, 0] = True
    with pytest.raises(ValueError, match="20 mirrors are marked with more than one fault"):
        MirrorFaults(stuck_on=~none, stuck_off=~none, dead=none)
    with pytest.raises(ValueError, match=r"dead must have the shape \(row, column\) of stuck_on, got \(5, 4\)"):
        MirrorFaults(stuck_on=none, stuck_off=none, dead=none.T)
    with pytest.raises(TypeError, match="stuck_off must be a map of booleans, got int64"):
        MirrorFaults(stuck_on=none, stuck_off=none.astype(np.int64), dead=none)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="frames must be boolean, got uint8: a mirror is on or off"):
        faults.apply(np.full((4, 5), 255, np.uint8))
    with pytest.raises(ValueError, match=r"frames must have shape \(..., row, column\) \(4, 5\), got \(5, 4\)"):
        faults.apply(none.T)
