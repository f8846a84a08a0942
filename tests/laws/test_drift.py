"""Drift: g_1(t) as it was asked for, for any two times (L16, L19), without steps; motion blurs speckle by the law."""

import math
from dataclasses import replace

import numpy as np
import pytest

from optics.media import GaussianDescription, MediumSite
from optics.media.decorrelation import component_weights, field_correlation
from optics.media.drift import DriftDescription, DriftingMedium
from optics.media.multislice_description import MultisliceDescription
from optics.media.phase_drift import PhaseDrift, VibrationLine

GAUSSIAN = GaussianDescription(collected_fraction=0.1)
DRIFT = DriftDescription(inside=GAUSSIAN, law="exponential", correlation_time=2.0)
LAGS = np.array([0.0, 0.02, 0.3, 1.0, 2.0, 5.0])


def site(inputs: int, rows: int = 30, columns: int = 40) -> MediumSite:
    positions = np.stack([np.arange(inputs) * 1e-5, np.zeros(inputs)], axis=-1)
    return MediumSite(input_positions=positions, output_shape=(rows, columns), output_pitch=5e-6, wavelength=500e-9)


def field_products(description: DriftDescription, *, inputs: int, seeds: int, starts: np.ndarray) -> np.ndarray:
    """Products E(t + lag) E*(t) over their mean power, averaged over pixels: shape (seed and start, lag)."""
    found = []
    for seed in range(seeds):
        medium = description.build(site(inputs), seed=seed)
        a = (np.random.default_rng(seed).random((1, inputs)) < 0.5).astype(np.float32)
        power = 0.1 / 1200 * float(a.sum())
        for start in starts:
            fields = medium.transmit(np.tile(a, (len(LAGS), 1)), time=start + LAGS).astype(np.complex128)
            found.append(np.mean(fields * fields[0].conj(), axis=(1, 2, 3)) / power)
    return np.array(found)


@pytest.mark.parametrize("law", ["exponential", "gaussian"])
@pytest.mark.parametrize("plateau", [0.0, 0.4])
def test_l19_components_recover_the_correlation(law: str, plateau: float) -> None:
    drift = replace(DRIFT, law=law, plateau=plateau)
    products = field_products(drift, inputs=9, seeds=4, starts=np.array([-31.7, 0.0, 55.3]))
    expected = field_correlation(LAGS, law=law, correlation_time=2.0, plateau=plateau)
    # 12 starts of 1200 independent pixels; a product of two such fields has a variance of at most one a part. Starts of
    # one seed share what stays, so only the seeds count for a plateau.
    error = math.sqrt(1 / (1200 * (12 if not plateau else 4)))
    assert np.all(np.abs(products.mean(axis=0).real - expected) < 4 * error)
    assert np.all(np.abs(products.mean(axis=0).imag) < 4 * error)


@pytest.mark.parametrize("law", ["exponential", "gaussian"])
@pytest.mark.parametrize("plateau", [0.0, 0.4])
def test_l19_mixing_recovers_the_correlation(law: str, plateau: float) -> None:
    drift = replace(DRIFT, law=law, plateau=plateau, method="mixing")
    products = field_products(drift, inputs=200, seeds=24, starts=np.array([13.0]))
    expected = field_correlation(LAGS, law=law, correlation_time=2.0, plateau=plateau)
    error = products.std(axis=0, ddof=1) / math.sqrt(24)
    # 200 quantiles of a law stand for it: the sum of a Cauchy law is wrong by about lag / (N tau_c) at short lags.
    assert np.all(np.abs(products.mean(axis=0) - expected) < 4 * error + 5 / 200)


@pytest.mark.parametrize("law", ["exponential", "gaussian"])
def test_l19_weights_give_the_correlation_of_any_two_times(law: str, rng: np.random.Generator) -> None:
    kind = {"law": law, "correlation_time": 2.0, "resolution": 2 / 256}
    for start, lag in zip(rng.uniform(-1e3, 1e3, 300), rng.exponential(3.0, 300) + 0.02, strict=True):
        one, other = (component_weights(time, **kind) for time in (start, start + lag))
        assert sum(weight**2 for weight in one.values()) == pytest.approx(1, abs=1e-12)
        product = sum(weight * other.get(key, 0.0) for key, weight in one.items())
        # Gaussian: lattice of tau_c / 2.5 and cut tails; exponential: e^-20. Both as the docstring derives them.
        assert product == pytest.approx(field_correlation(lag, law=law, correlation_time=2.0), abs=1e-6)
        near = component_weights(start + 1e-4, **kind)
        close = sum(weight * near.get(key, 0.0) for key, weight in one.items())
        assert 1 - 1e-4 / 2 - 1e-9 <= close <= 1 + 1e-9 or law == "gaussian"


@pytest.mark.parametrize("method", ["components", "mixing"])
def test_a_field_is_a_function_of_time_and_seed_alone(method: str, rng: np.random.Generator) -> None:
    drift = replace(DRIFT, method=method)
    states = (rng.random((5, 20)) < 0.5).astype(np.float32)
    times = np.array([3.0, -7.1, 0.0, 812.5, 3.0])
    whole = drift.build(site(20), seed=8).transmit(states, time=times)
    order = [4, 1, 3, 0, 2]
    again = drift.build(site(20), seed=8)
    parts = {k: again.transmit(states[k : k + 1], time=float(times[k])) for k in order}
    joined = np.concatenate([parts[k] for k in range(5)])
    assert np.array_equal(joined, whole)
    assert not np.allclose(drift.build(site(20), seed=9).transmit(states, time=times), whole)


@pytest.mark.parametrize("method", ["components", "mixing"])
@pytest.mark.parametrize("slices", [1, 3])
def test_adjoint_and_matrix_at_a_time(method: str, slices: int, rng: np.random.Generator) -> None:
    drift = replace(DRIFT, method=method, slices=slices, exposure_time=0.7)
    medium = drift.build(site(20, 6, 7), seed=8)
    assert (medium.static, medium.modes) == (False, slices)
    a = rng.standard_normal((2, 20)) + 1j * rng.standard_normal((2, 20))
    e = (rng.standard_normal((2, slices, 6, 7)) + 1j * rng.standard_normal((2, slices, 6, 7))).astype(np.complex64)
    times = np.array([4.0, 5.5])
    forward, backward = medium.transmit(a, time=times), medium.adjoint(e, time=times)
    scale = float(np.linalg.norm(forward) * np.linalg.norm(e))
    assert abs(np.vdot(e, forward) - np.vdot(backward, a)) < 1e-5 * scale  # float32 sums of 84 terms
    found = medium.matrix(5.5) @ a[1]
    assert np.abs(found - forward[1].reshape(-1)).max() < 1e-5 * np.abs(found).max()
    assert medium.output_positions.shape == (6, 7, 2)
    assert medium.input_positions.shape == (20, 2)


def test_mixing_keeps_the_power_of_every_input(rng: np.random.Generator) -> None:
    medium = replace(DRIFT, method="mixing").build(site(20, 6, 7), seed=8)
    still = GAUSSIAN.build(site(20, 6, 7), seed=8).matrix(0.0)
    values = [np.linalg.svd(one, compute_uv=False) for one in (still, medium.matrix(123.4))]
    assert values[0] == pytest.approx(values[1], rel=1e-5)


@pytest.mark.parametrize(
    ("law", "duration"),
    [("exponential", 1.0), ("exponential", 4.0), ("exponential", 20.0), ("gaussian", 2.0), ("gaussian", 8.0)],
)
def test_l19_motion_within_an_exposure_lowers_the_contrast(law: str, duration: float) -> None:
    # L19 as the sum over n moments: K^2 = (1 / n^2) sum_ij |g_1(t_i - t_j)|^2.
    n = 8
    drift = replace(DRIFT, law=law, slices=n, exposure_time=duration)
    moments = (np.arange(n) + 0.5) / n * duration
    g = field_correlation(np.subtract.outer(moments, moments), law=law, correlation_time=2.0)
    blocks = []
    for seed in range(20):
        field = drift.build(site(5), seed=seed).transmit(np.ones((1, 5), np.float32), time=10.0 * seed)
        light = (np.abs(field.astype(np.complex128)) ** 2).sum(axis=1)
        blocks.append([light.mean(), (light**2).mean()])
    first, second = np.mean(blocks, axis=0)
    assert first == pytest.approx(0.1 * 5 / 1200, rel=4 / math.sqrt(20 * 1200))
    per_block = np.array([b / first**2 - 2 * a / first for a, b in blocks])  # linearised ratio
    error = per_block.std(ddof=1) / math.sqrt(20)
    assert second / first**2 - 1 == pytest.approx(np.mean(g**2), abs=4 * error)


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0, 4.0, 10.0])
def test_l19_many_slices_are_the_closed_forms(ratio: float) -> None:
    # 400 slices of T = ratio tau_c: the sum over moments is the integral up to (T / n tau_c)^2.
    moments = (np.arange(400) + 0.5) / 400 * 2.0 * ratio
    lags = np.subtract.outer(moments, moments)
    exponential = (math.exp(-2 * ratio) - 1 + 2 * ratio) / (2 * ratio**2)
    a = math.sqrt(2) * ratio
    gaussian = math.sqrt(math.pi) * math.erf(a) / a - (1 - math.exp(-(a**2))) / a**2
    for law, closed in (("exponential", exponential), ("gaussian", gaussian)):
        found = np.mean(field_correlation(lags, law=law, correlation_time=2.0) ** 2)
        assert found == pytest.approx(closed, rel=2 * (ratio / 400) ** 2 + 1e-12, abs=(ratio / 400) ** 2)


def test_drift_moves_a_multislice_medium_and_keeps_its_power() -> None:
    slices = MultisliceDescription(
        collected_fraction=0.2, grid_rows=48, grid_columns=64, spacing=1e-6, input_pitch=1e-5, screens=3, strength=1.5,
        correlation_length=5e-6, gap=60e-6,
    )  # fmt: skip
    drift = DriftDescription(inside=slices, law="gaussian", correlation_time=1.0)
    power = []
    for seed in range(24):
        medium = drift.build(site(9, 48, 64), seed=seed)
        power.append(np.sum(np.abs(medium.transmit(np.ones((1, 9)), time=0.3).astype(np.complex128)) ** 2))
    error = np.std(power, ddof=1) / math.sqrt(24)
    assert np.mean(power) == pytest.approx(0.2 * 9, abs=4 * error)


@pytest.mark.parametrize("law", ["exponential", "gaussian"])
def test_l19_phase_of_a_reference_drifts_by_its_law(law: str) -> None:
    drift = PhaseDrift(rms=0.8, correlation_time=3.0, law=law)
    times = np.array([5.0, 5.5, 8.0, 20.0])
    phases = np.array([drift.phase(times, seed=seed) for seed in range(1500)])
    expected = 0.64 * field_correlation(times - 5.0, law=law, correlation_time=3.0)
    products = phases * phases[:, :1]
    error = products.std(axis=0, ddof=1) / math.sqrt(1500)
    assert np.all(np.abs(products.mean(axis=0) - expected) < 4 * error)
    assert drift.phase(8.0, seed=7) == drift.phase(times, seed=7)[2]


def test_vibration_lines_stand_at_their_frequency() -> None:
    lines = (VibrationLine(amplitude=0.3, frequency=50.0), VibrationLine(amplitude=0.1, frequency=120.0))
    drift = PhaseDrift(rms=0.0, correlation_time=1.0, lines=lines)
    times = np.arange(1000) / 1000
    phase = drift.phase(times, seed=3)
    for line in (*lines, VibrationLine(amplitude=0.0, frequency=80.0)):
        wave = np.exp(-2j * np.pi * line.frequency * times)
        assert 2 * abs(np.mean(phase * wave)) == pytest.approx(line.amplitude, abs=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"law": "lorentzian"}, "law = 'lorentzian' is not known"),
        ({"correlation_time": 0.0}, "correlation_time = 0 s is not allowed"),
        ({"plateau": 1.2}, "plateau = 1.2 is not allowed"),
        ({"method": "mix"}, "method = 'mix' is not known; did you mean 'mixing'"),
        ({"slices": 4}, "slices = 4 of an exposure_time of 0 s"),
        ({"resolution": 0.5}, "resolution"),
    ],
)
def test_drifts_that_cannot_be_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(DRIFT, **change)


def test_what_moves_by_itself_or_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="this one moves by itself"):
        DriftingMedium(lambda seed: DRIFT.build(site(20), seed=seed), drift=DRIFT, seed=1)
    with pytest.raises(ValueError, match="at least 16 inputs.*the medium has 5"):
        replace(DRIFT, method="mixing").build(site(5), seed=1)
    with pytest.raises(ValueError, match="frequency"):
        VibrationLine(amplitude=0.1, frequency=0.0)
    assert DRIFT.collected_fraction == 0.1
    assert component_weights(3.0, law="gaussian", correlation_time=1.0, plateau=1.0, resolution=0.1) == {(0,): 1.0}
