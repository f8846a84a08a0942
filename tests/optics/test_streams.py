"""Keyed streams: independent of history, different for every key."""

import numpy as np

from optics.streams import ExposureGenerator, NoiseSource, exposure_states


def test_states_do_not_depend_on_the_batch() -> None:
    whole = exposure_states(5, NoiseSource.SHOT, first=100, count=7)
    parts = [exposure_states(5, NoiseSource.SHOT, first=100 + k, count=1) for k in range(7)]
    assert np.array_equal(whole, np.concatenate(parts))


def test_every_part_of_the_key_counts() -> None:
    keys = [(5, NoiseSource.SHOT, 0), (6, NoiseSource.SHOT, 0), (5, NoiseSource.READ, 0), (5, NoiseSource.SHOT, 1)]
    states = [exposure_states(seed, source, first=0, count=50, block=block) for seed, source, block in keys]
    assert len(np.unique(np.concatenate(states), axis=0)) == 4 * 50


def test_streams_of_neighbouring_exposures_are_independent_and_normal() -> None:
    # 400 streams of 1000 normals: correlations between streams have standard deviation 1 / sqrt(1000), so the
    # mean square of the 79 800 of them is 1/1000 within 4 sqrt(2 / 79800); the mean of all is 0 within 4 SE.
    generator = ExposureGenerator()
    states = exposure_states(11, NoiseSource.READ, first=0, count=400)
    draws = np.array([generator.at(state).standard_normal(1000) for state in states])
    correlation = (draws @ draws.T / 1000)[np.triu_indices(400, 1)]
    assert abs(1000 * np.mean(correlation**2) - 1) < 4 * np.sqrt(2 / correlation.size)
    assert abs(draws.mean()) < 4 / np.sqrt(draws.size)
    assert abs(draws.var() - 1) < 4 * np.sqrt(2 / draws.size)
