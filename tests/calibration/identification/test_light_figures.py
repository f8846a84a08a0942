"""Figures of light: what is refused, what is hidden in noise, groups, dead macropixels without neighbours."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.identification.dark_levels import dark_level
from calibration.identification.light_figures import laser_scatter, light_figures
from calibration.identification.light_frames import filled_light
from calibration.identification.macropixel_weights import MacropixelWeights, anchor_ratio, macropixel_weights
from calibration.identification.observations import Observations
from optics.media import GaussianDescription
from tests.calibration.identification.light_bench import CAMERA, bench_of, known, observe_light, rate_of

GAUSSIAN = GaussianDescription(collected_fraction=1e-3)


@pytest.fixture(scope="module")
def observations() -> Observations:
    """Frames of a bench with one dead macropixel."""
    weights = np.ones(48)
    weights[11] = 0
    return observe_light(bench_of(GAUSSIAN, seed=21, weights=weights), seed=21, halves=32)


def weights_of(observations: Observations, **changes: object) -> MacropixelWeights:
    """Weights from the frames of an identification, some of them replaced."""
    camera = known(CAMERA)
    dark = dark_level(observations.dark, camera)
    singles, off = (filled_light(one, camera, dark=dark) for one in (observations.singles, observations.off))
    settings = {"states": observations.singles.states, "grain_variance": 1 / 1140, "laser_noise": 0.01, **changes}
    return macropixel_weights(singles, off, **settings)  # type: ignore[arg-type]


def test_the_dead_macropixel_is_found_with_and_without_places(observations: Observations) -> None:
    places = np.stack(np.divmod(np.arange(48), 8), axis=-1).astype(float)
    for positions in (None, places):
        weights = weights_of(observations, positions=positions)
        assert np.flatnonzero(weights.dead).tolist() == [11]
        assert not weights.undecided.any()
        assert weights.bound[11]
        assert weights.miss < 1e-4
        assert weights.false_alarm < 1e-4


def test_members_of_a_group_share_its_light(observations: Observations) -> None:
    camera = known(CAMERA)
    bench = bench_of(GAUSSIAN, seed=22)
    pairs = np.repeat(np.eye(24, dtype=bool), 2, axis=1)
    bench.exposure_time = observations.singles.exposure_time
    seen = bench.expose(pairs)
    singles = replace(observations.singles, counts=seen.counts, states=pairs, timestamps=seen.timestamps)
    dark = dark_level(observations.dark, camera)
    light, off = (filled_light(one, camera, dark=dark) for one in (singles, observations.off))
    weights = macropixel_weights(light, off, states=pairs, grain_variance=1 / 1140, laser_noise=0.01)
    assert np.array_equal(weights.light[::2], weights.light[1::2])
    # 24 groups on 1140 pixels each, laser noise of 1 %, a leak of 5 % of the amplitude (2 x 0.05 of own static light).
    assert weights.light.mean() == pytest.approx(rate_of(bench).mean(), rel=0.02)


def test_frames_that_do_not_tell_every_macropixel_are_refused(observations: Observations) -> None:
    states = observations.singles.states.copy()
    with pytest.raises(ValueError, match="states are of 47 frames, singles has 48"):
        weights_of(observations, states=states[:-1])
    states[3, 3] = False
    with pytest.raises(ValueError, match="1 of 48 macropixels in no frame"):
        weights_of(observations, states=states)
    other = replace(observations.off, exposure_time=2 * observations.off.exposure_time)
    with pytest.raises(ValueError, match="take them at one exposure time"):
        weights_of(replace(observations, off=other))


def test_maps_of_another_camera_are_refused(observations: Observations) -> None:
    camera = replace(known(CAMERA), hot_map=np.zeros((38, 30), bool), dead_map=np.zeros((38, 30), bool))
    with pytest.raises(ValueError, match="frames have shape"):
        light_figures(observations, camera)


@pytest.mark.parametrize(("anchor", "signal"), [([], [1]), ([1, 2], [2, 3]), ([1], [])])
def test_anchor_and_signal_must_not_meet(observations: Observations, anchor: list[int], signal: list[int]) -> None:
    with pytest.raises(ValueError, match="share none"):
        anchor_ratio(weights_of(observations), anchor=np.array(anchor, int), signal=np.array(signal, int))


def test_laser_noise_is_that_of_the_bursts(observations: Observations) -> None:
    camera = known(CAMERA)
    dark = dark_level(observations.dark, camera)
    bursts = [filled_light(one, camera, dark=dark) for one in observations.repeats]
    # 30 differences of neighbours: 0.15 of the rms or so each way, four times.
    assert laser_scatter(bursts) == pytest.approx(0.01, rel=0.6)
