"""Pointing that is faster than the frames: the part of the speckle that changes, exact for any angle."""

import math

import numpy as np
import pytest

from calibration.cameras.uncertainty import Measured
from calibration.identification.pointing_jitter import axis_share, pointing_rms, pointing_vibration

WAVELENGTH = 532e-9


def places(rows: int = 7, columns: int = 10) -> np.ndarray:
    y, x = np.mgrid[:rows, :columns].astype(float)
    return np.stack([(y.ravel() - 3) * 1.4e-3, (x.ravel() - 4.5) * 1.1e-3], axis=-1)


@pytest.mark.parametrize("rms", [3e-7, 5e-6, 4e-5])
def test_l16_speckle_of_drawn_angles_changes_by_the_exact_average(rms: float, rng: np.random.Generator) -> None:
    positions = places()
    weights = rng.uniform(0, 1, len(positions)) * (rng.random(len(positions)) < 0.6)
    draws = 4000
    turns = rng.normal(0, rms, (draws, 2)) @ positions.T * (2 * math.pi / WAVELENGTH)
    phasors = np.exp(1j * turns)
    overlap = np.abs(np.sum(phasors[::2] * phasors[1::2].conj() * weights, axis=1) / weights.sum()) ** 2
    expected = pointing_vibration(rms, positions=positions, weights=weights, wavelength=WAVELENGTH)
    error = overlap.std(ddof=1) / math.sqrt(draws / 2)
    assert 1 - overlap.mean() == pytest.approx(expected, abs=4 * error)


def test_l16_intensities_of_gaussian_speckle_share_the_square_of_the_mean_phasor(rng: np.random.Generator) -> None:
    positions, rms, frames = places(), 2e-6, 60
    weights = np.full(len(positions), 2.0)
    turns = np.exp(1j * rng.normal(0, rms, (frames, 2)) @ positions.T * (2 * math.pi / WAVELENGTH))
    columns = rng.standard_normal((len(positions), 20_000)) + 1j * rng.standard_normal((len(positions), 20_000))
    light = np.abs(turns @ columns) ** 2
    shared = np.corrcoef(light)[~np.eye(frames, dtype=bool)].mean()
    expected = pointing_vibration(rms, positions=positions, weights=weights, wavelength=WAVELENGTH)
    # 60 frames draw 120 angles: a variance is known to sqrt(2 / 120); pixels add a tenth of that.
    assert 1 - shared == pytest.approx(expected, rel=4 * 1.1 * math.sqrt(2 / 120))


def test_small_angles_are_twice_their_phase_variance() -> None:
    positions = places()
    weights = np.arange(1.0, len(positions) + 1)
    spread = np.cov(positions.T, aweights=weights, bias=True)
    expected = 2 * (2 * math.pi / WAVELENGTH * 1e-8) ** 2 * np.trace(spread)
    assert pointing_vibration(1e-8, positions=positions, weights=weights, wavelength=WAVELENGTH) == pytest.approx(
        expected, rel=1e-3
    )


@pytest.mark.parametrize("rms", [1e-8, 1e-6, 2e-5])
def test_the_angle_is_found_back_with_its_uncertainty(rms: float) -> None:
    known = {"positions": places(), "weights": np.ones(70), "wavelength": WAVELENGTH}
    part = pointing_vibration(rms, **known)
    found = pointing_rms(Measured(value=part, uncertainty=1e-3 * part), **known)
    assert found.value == pytest.approx(rms, rel=1e-5)
    moved = pointing_rms(Measured(value=1.001 * part, uncertainty=0.0), **known)
    assert found.uncertainty == pytest.approx(moved.value - rms, rel=1e-2)
    bound = pointing_rms(Measured(value=part, uncertainty=0.0, bound="upper"), **known)
    assert (bound.bound, bound.value) == ("upper", pytest.approx(rms, rel=1e-5))


def test_one_axis_does_it_all_or_both_alike() -> None:
    line = np.stack([np.zeros(9), np.arange(9.0)], axis=-1)
    assert axis_share(line, np.ones(9)) == pytest.approx(1)
    square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    assert axis_share(square, np.ones(4)) == pytest.approx(0.5)


def test_angles_that_cannot_be_are_refused() -> None:
    known = {"positions": places(), "weights": np.ones(70), "wavelength": WAVELENGTH}
    with pytest.raises(ValueError, match="is more than pointing can change"):
        pointing_rms(Measured(value=0.99, uncertainty=0.01), **known)
    with pytest.raises(ValueError, match="1 macropixels are lit, two are the least"):
        pointing_vibration(1e-6, positions=places(), weights=np.eye(70)[0], wavelength=WAVELENGTH)
    with pytest.raises(ValueError, match=r"need \(69, 2\)"):
        pointing_vibration(1e-6, positions=places(), weights=np.ones(69), wavelength=WAVELENGTH)
