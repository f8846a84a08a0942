"""The path of a reference's phase: many times at once, the same as one by one."""

import math
import time

import numpy as np
import pytest

from optics.media.decorrelation import component_weights
from optics.media.drift import component_seed
from optics.media.phase_drift import PhaseDrift, VibrationLine
from optics.streams import NoiseSource, source_generator

LAWS = ["exponential", "gaussian"]


def path(drift: PhaseDrift, times: np.ndarray, *, seed: int) -> np.ndarray:
    """The path from its weights, one time after the other."""
    values = []
    for one in times.tolist():
        weights = component_weights(
            one, law=drift.law, correlation_time=drift.correlation_time, resolution=drift.correlation_time / 4096
        )
        draws = (
            weight * source_generator(component_seed(seed, key), NoiseSource.REFERENCE_PHASE).standard_normal()
            for key, weight in weights.items()
        )
        values.append(sum(draws))
    return drift.rms * np.array(values)


@pytest.mark.parametrize("law", LAWS)
def test_a_path_is_the_sum_of_its_weighted_components(law: str) -> None:
    drift = PhaseDrift(rms=1.3, correlation_time=7.0, law=law)
    times = np.concatenate([[0.0, 28.0, -28.0, 7 / 4096, 2.8], np.random.default_rng(0).uniform(-90, 200, 60)])
    np.testing.assert_allclose(drift.phase(times, seed=3), path(drift, times, seed=3), rtol=0, atol=1e-13)


@pytest.mark.parametrize("law", LAWS)
def test_a_phase_has_the_same_bits_whatever_other_times_are_asked_for(law: str) -> None:
    lines = (VibrationLine(amplitude=0.3, frequency=50.0), VibrationLine(amplitude=0.1, frequency=400.0))
    drift = PhaseDrift(rms=1.3, correlation_time=7.0, law=law, lines=lines)
    times = np.concatenate([[0.0, 28.0, -28.0, 2.8, 1e5], np.random.default_rng(1).uniform(-50, 90, 101)])
    together = drift.phase(times, seed=3)
    np.testing.assert_array_equal([drift.phase(one, seed=3) for one in times], together)
    np.testing.assert_array_equal(drift.phase(times[::-1][:37], seed=3), together[::-1][:37])
    np.testing.assert_array_equal(drift.phase(times.reshape(2, 53), seed=3), together.reshape(2, 53))
    assert not np.isclose(drift.phase(times, seed=4), together).all()
    assert drift.phase(np.zeros((0, 3)), seed=3).shape == (0, 3)


def test_many_times_cost_less_than_one_component_each() -> None:
    drift = PhaseDrift(rms=0.5, correlation_time=10.0)
    before = time.process_time()
    phases = drift.phase(np.arange(100_000) * 1e-3, seed=8)
    # 0.02 s where this was written; a loop over the times took 22 s.
    assert time.process_time() - before < 2
    assert phases.std() > 0.1


def test_lines_keep_their_phase_after_a_day() -> None:
    drift = PhaseDrift(rms=0.0, correlation_time=1.0, lines=(VibrationLine(amplitude=0.3, frequency=50.0),))
    times = np.arange(17) / 1024
    # Times and periods are exact in binary; the sine of 3e7 rad would be wrong by 1e-9.
    np.testing.assert_allclose(drift.phase(times + 86400, seed=1), drift.phase(times, seed=1), rtol=0, atol=1e-13)
    assert drift.phase(0.0, seed=1) == pytest.approx(0.3 * math.sin(drift.starts(1)[0]))


@pytest.mark.parametrize("law", LAWS)
def test_times_must_be_finite(law: str) -> None:
    with pytest.raises(ValueError, match="times must be finite, in seconds; 2 of them are not"):
        PhaseDrift(rms=1.0, correlation_time=1.0, law=law).phase([0.0, math.nan, math.inf], seed=0)
