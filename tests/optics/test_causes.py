"""Causes: each is there when it is switched on, gone when it is taken away, and nothing else changes."""

from dataclasses import replace

import numpy as np
import pytest

from optics import BenchDescription, Reference, SimulatedBench
from optics.cause import GROUPS, Cause
from optics.causes import CAUSES, ideal_bench, present_causes, settings_without, without_causes
from optics.instabilities.heating import Heating
from optics.instabilities.losses import Losses
from optics.instabilities.mode_hops import ModeHops
from optics.instabilities.pointing import Pointing
from optics.instabilities.power import AnchorBeam, PowerDrift
from optics.instabilities.temperature import Temperature
from optics.instabilities.trigger import TriggerJitter
from optics.media import DriftDescription, FiniteGrainDescription, PhaseDrift

ALWAYS = {"shot", "quantisation", "saturation"}
CAMERA = {
    "read": {"read_noise": 9.0}, "dark_current": {"dark_current": 300.0}, "prnu": {"prnu": 0.02},
    "offsets": {"dsnu": 4.0}, "crosstalk": {"crosstalk": 0.01}, "lag": {"lag": 0.02},
    "nonlinearity": {"nonlinearity": 0.05}, "background": {"background": 1e4},
    "faulty_pixels": {"hot_pixels": 0.01, "hot_pixel_current": 1e4},
}  # fmt: skip
LASER = {"laser_noise": {"intensity_noise": 0.01}, "beam_profile": {"beam_radius": 2e-4}}
DMD = {"contrast": {"contrast_ratio": 300.0}, "flatness": {"flatness": (0.0, 0.0, 0.0, 3e-8)},
       "stuck_mirrors": {"stuck_off": 0.1, "stuck_on": 0.01}}  # fmt: skip

INSTABILITIES = {
    "anchor_power": {"anchor_beam": AnchorBeam(first=10, inputs=8, power_noise=0.01)},
    "temperature": {"temperature": Temperature(decorrelation=1.0, amplitude=0.2, period=60.0)},
    "heating": {
        "heating": Heating(rise=0.1, time_constant=2.0), "temperature": Temperature(decorrelation=1.0),
    },
    "macropixel_amplitudes": {"macropixel_amplitudes": (0.0, *(0.5 + 0.01 * n for n in range(62)))},
    "trigger_jitter": {"trigger": TriggerJitter(rms=1e-5)},
    "dropped_frames": {"losses": Losses(dropped_frames=0.01)},
}  # fmt: skip
UNSTEADY = {
    "power_drift": {"power_drift": PowerDrift(rms=0.01, correlation_time=1.0)},
    "mode_hops": {"mode_hops": ModeHops(rate=0.5)},
    "pointing": {"pointing": Pointing(rms=1e-4, correlation_time=1.0)},
}


@pytest.fixture
def clean(description: BenchDescription) -> BenchDescription:
    """The bench of the tests with nothing but what every description has."""
    return ideal_bench(replace(description, camera=replace(description.camera, read_noise=0.0)))


@pytest.fixture
def eight_bits(description: BenchDescription) -> BenchDescription:
    """The same with its own converter and well."""
    camera = replace(description.camera, read_noise=0.0)
    return replace(description, camera=camera, dmd=replace(description.dmd, contrast_ratio=np.inf))


def with_cause(bench: BenchDescription, name: str) -> BenchDescription:
    for part, table in (("camera", CAMERA), ("laser", LASER), ("dmd", DMD)):
        if name in table:
            return replace(bench, **{part: replace(getattr(bench, part), **table[name])})
    if name == "drift":
        return replace(bench, medium=DriftDescription(inside=bench.medium, law="gaussian", correlation_time=1.0))
    if name == "grain":
        fraction = bench.medium.collected_fraction
        return replace(bench, medium=FiniteGrainDescription(collected_fraction=fraction, grain=9e-6))
    if name in INSTABILITIES:
        return replace(bench, **INSTABILITIES[name])
    if name in UNSTEADY:
        return replace(bench, laser=replace(bench.laser, **UNSTEADY[name]))
    if name == "reference_power":
        return replace(bench, reference=Reference(rate=1e5, power_noise=0.01))
    arm = Reference(rate=1e5, step_error=0.1, drift=PhaseDrift(rms=0.1, correlation_time=1.0))
    return replace(bench, reference=arm)


@pytest.mark.parametrize("name", sorted(set(CAUSES) - ALWAYS))
def test_a_cause_is_present_when_switched_on_and_gone_when_taken_away(eight_bits: BenchDescription, name: str) -> None:
    assert set(present_causes(eight_bits)) == ALWAYS
    troubled = with_cause(eight_bits, name)
    assert set(present_causes(troubled)) == ALWAYS | {name}
    mended = without_causes(troubled, [name])
    assert set(present_causes(mended)) == ALWAYS
    assert without_causes(mended, [name]) == mended
    if name in CAMERA:
        expected = replace(eight_bits.camera, hot_pixel_current=mended.camera.hot_pixel_current)
        assert mended.camera == expected


@pytest.mark.parametrize("name", ["beam_profile", "contrast", "stuck_mirrors", "flatness", "macropixel_amplitudes"])
def test_the_light_stays_when_a_cause_of_uneven_light_goes(eight_bits: BenchDescription, name: str) -> None:
    troubled = with_cause(eight_bits, name)
    mended = without_causes(troubled, [name])
    before, after = (SimulatedBench(one, seed=0).truth.light.switched[:-1] for one in (troubled, mended))
    # Amplitudes are rounded to 2^-18 of the largest.
    assert np.mean(np.abs(after) ** 2) == pytest.approx(np.mean(np.abs(before) ** 2), rel=1e-4)
    assert np.ptp(np.abs(after)) == pytest.approx(0, abs=1e-12 * np.abs(after).max())


def test_without_shot_noise_frames_are_what_the_law_says(clean: BenchDescription) -> None:
    states = np.zeros((3, 63), np.bool_)
    states[:, 5:30] = True
    bench = SimulatedBench(clean, seed=4, **settings_without(["shot", "read"]))
    exposure = bench.expose(states)
    camera = bench.camera
    electrons = bench.truth.intensity(states) * camera.quantum_efficiency * exposure.exposure_time
    # Rounding leaves half a DN, single precision 2^-24 of the largest.
    assert exposure.counts.astype(float) == pytest.approx(camera.black_level + camera.gain * electrons, abs=0.51)
    assert not np.array_equal(SimulatedBench(clean, seed=4).expose(states).counts, exposure.counts)


def test_a_finer_converter_holds_the_same_charge(description: BenchDescription) -> None:
    before, after = description.camera, without_causes(description, ["quantisation"]).camera
    assert after.bits == 16
    assert after.gain / before.gain == 256
    assert after.saturation_charge == pytest.approx(before.saturation_charge, rel=0.01)  # one step of 8 bits
    assert after.black_level / after.gain == before.black_level / before.gain


@pytest.mark.parametrize(("bits", "gain"), [(8, 0.025), (14, 1.5), (16, 6.0)])
def test_a_camera_that_never_saturates_answers_as_before_to_less_light(
    description: BenchDescription, bits: int, gain: float
) -> None:
    camera = replace(description.camera, bits=bits, gain=gain, nonlinearity=0.04, integral_nonlinearity=0.3)
    bench = replace(description, camera=camera)
    after = without_causes(bench, ["saturation"]).camera
    assert after.saturation_charge > 5 * camera.saturation_charge  # 8, less what bends
    assert after.nonlinearity / after.full_well == pytest.approx(camera.nonlinearity / camera.full_well)
    assert after.black_level / after.gain == pytest.approx(camera.black_level / camera.gain)
    # The bow 4 A u (1 - u) has the second derivative -8 A / L^2 in DN: the same in electrons.
    bows = [one.integral_nonlinearity / one.gain / (one.largest_count / one.gain) ** 2 for one in (camera, after)]
    assert bows[1] == pytest.approx(bows[0], rel=0.01)


def test_a_steep_nonlinearity_bounds_the_deeper_well(description: BenchDescription) -> None:
    bench = replace(description, camera=replace(description.camera, nonlinearity=0.25))
    after = without_causes(bench, ["saturation"]).camera
    assert after.nonlinearity == pytest.approx(0.5)
    assert after.full_well == pytest.approx(2 * bench.camera.full_well)


@pytest.mark.parametrize("method", ["components", "mixing"])
@pytest.mark.parametrize("law", ["exponential", "gaussian"])
def test_a_frozen_medium_is_that_of_time_zero(eight_bits: BenchDescription, method: str, law: str) -> None:
    medium = DriftDescription(inside=eight_bits.medium, law=law, correlation_time=0.5, method=method)
    moving = replace(eight_bits, medium=medium)
    frozen = without_causes(moving, ["drift"])
    was, stays = (SimulatedBench(one, seed=6).truth.matrix(time=time) for one, time in ((moving, 0.0), (frozen, 100.0)))
    later = SimulatedBench(moving, seed=6).truth.matrix(time=2.0)
    # In 100 s of 1e15 the field turns by sqrt(2e-13); single precision is 2^-24.
    assert np.linalg.norm(stays - was) < 1e-5 * np.linalg.norm(was)
    assert np.linalg.norm(later - was) > 0.5 * np.linalg.norm(was)


def test_an_ideal_bench_keeps_its_matrix(description: BenchDescription) -> None:
    troubled = with_cause(with_cause(description, "stuck_mirrors"), "beam_profile")
    ideal, plain = (
        SimulatedBench(one, seed=9).truth.matrix() for one in (ideal_bench(troubled), ideal_bench(description))
    )
    gain = np.linalg.norm(ideal) / np.linalg.norm(plain)
    assert ideal == pytest.approx(gain * plain, rel=1e-5)


def test_every_cause_says_what_it_is() -> None:
    for name, cause in CAUSES.items():
        assert cause.name == name
        assert cause.group in GROUPS
        assert cause.sentence.endswith(".")


def test_an_unknown_cause_is_answered_with_the_nearest(description: BenchDescription) -> None:
    with pytest.raises(ValueError, match="did you mean 'saturation'"):
        without_causes(description, ["saturaton"])
    with pytest.raises(ValueError, match="did you mean 'shot'"):
        settings_without(["shots"])


def test_a_cause_of_an_unknown_group_is_refused() -> None:
    with pytest.raises(ValueError, match="group = 'nois' is not known"):
        Cause.described("x", "nois", sentence="X.", present=lambda bench: True, without=lambda bench: bench)
