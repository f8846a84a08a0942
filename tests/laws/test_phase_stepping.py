"""Laws L50, L52 and L54: noise of phase stepping, unknown references, errors of the steps.

Frames are drawn here with NumPy from |S + R exp(-i delta)|^2, and truths stand in closed form.
"""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from calibration.holography.phase_optimum import optimum_reference, predicted_variance
from calibration.holography.phase_reference import (
    divide_by_reference,
    divide_by_reference_light,
    dropped_reference_noise,
    normalise_rows,
)
from calibration.holography.phase_stepping import group_steps, interference_term
from calibration.holography.phase_steps import step_error_share, step_response
from calibration.holography.step_errors import estimate_steps
from calibration.light import FieldEstimate, Light, light_from_counts
from calibration.matrices.focusing import phase_focus
from optics.camera import Camera
from optics.sensor import Sensor

PIXELS = 120_000


def speckle(rng: np.random.Generator, *shape: int, mean: float = 1.0) -> np.ndarray:
    """Circular Gaussian fields of a mean intensity."""
    return np.asarray((rng.normal(size=shape) + 1j * rng.normal(size=shape)) * np.sqrt(mean / 2))


def turn(count: int) -> np.ndarray:
    """Equal steps over a turn."""
    return 2 * np.pi * np.arange(count) / count


def frames_of(signal: np.ndarray, reference: np.ndarray | complex, steps: np.ndarray) -> np.ndarray:
    """Frames (pattern, step, pixel) of signals (pattern, pixel)."""
    return np.asarray(np.abs(signal[:, None] + reference * np.exp(-1j * np.asarray(steps))[..., None]) ** 2)


def light_of(frames: np.ndarray, variance: np.ndarray | float = 0.0) -> Light:
    """Light without saturation."""
    return Light(
        frames.astype(np.float32),
        np.broadcast_to(variance, frames.shape).astype(np.float32),
        np.ones(frames.shape, bool),
    )


def mean_square(estimate: FieldEstimate, truth: np.ndarray) -> float:
    """Mean squared modulus of the error."""
    return float(np.mean(np.abs(estimate.value - truth) ** 2))


@pytest.mark.parametrize(("count", "modulus"), [(3, 0.7), (4, 0.7), (8, 3.0)])
def test_l50_read_noise(rng: np.random.Generator, count: int, modulus: float) -> None:
    signal, sigma = speckle(rng, 1, PIXELS), 0.2
    reference = modulus * np.exp(0.7j)
    frames = frames_of(signal, reference, turn(count)) + rng.normal(0, sigma, (1, count, PIXELS))
    term = interference_term(light_of(frames, sigma**2), steps=turn(count))
    field = divide_by_reference(term, np.full(PIXELS, reference))
    law = sigma**2 / (count * modulus**2)
    assert mean_square(field, signal) == pytest.approx(law, rel=4 / np.sqrt(PIXELS))  # |error|^2 is exponential
    assert field.standard_error.mean() ** 2 == pytest.approx(law, rel=1e-5)


@pytest.mark.parametrize(("count", "ratio"), [(4, 1.0), (4, 9.0), (3, 4.0)])
def test_l50_shot_noise_in_electrons(rng: np.random.Generator, count: int, ratio: float) -> None:
    electrons = 200.0
    signal = speckle(rng, 1, PIXELS, mean=electrons)
    reference = np.sqrt(ratio * electrons)
    frames = rng.poisson(frames_of(signal, reference, turn(count))).astype(float)
    field = divide_by_reference(
        interference_term(light_of(frames, frames), steps=turn(count)), np.full(PIXELS, reference + 0j)
    )
    law = (1 + 1 / ratio) / count
    assert mean_square(field, signal) == pytest.approx(law, rel=4 * 2 / np.sqrt(PIXELS))
    assert predicted_variance(signal=electrons, reference=ratio * electrons, frames=count) == pytest.approx(law)
    assert np.mean(field.standard_error**2) == pytest.approx(law, rel=4 * 2 / np.sqrt(PIXELS))


@pytest.mark.parametrize("dark_variance", [0.0, 300.0])
def test_l50_equal_arms_are_best_at_a_fixed_mean_exposure(dark_variance: float) -> None:
    exposure, count = 800.0, 5

    def loss(share: float) -> float:
        error = (dark_variance + exposure) / (count * share * exposure)
        return -(1 - share) * exposure / error

    best = minimize_scalar(loss, bounds=(0.01, 0.99), method="bounded", options={"xatol": 1e-9})
    choice = optimum_reference(exposure, frames=count, dark_variance=dark_variance)
    assert choice.reference / exposure == pytest.approx(best.x, abs=1e-6)
    assert choice.signal_to_noise == pytest.approx(-best.fun, rel=1e-9)
    if dark_variance == 0:
        assert choice.signal_to_noise == pytest.approx(count * exposure / 4, rel=1e-12)


def test_l50_measured_signal_to_noise_is_best_with_equal_arms(rng: np.random.Generator) -> None:
    measured = []
    for ratio in (0.4, 1.0, 2.5):
        signal = speckle(rng, 1, PIXELS, mean=400 / (1 + ratio))
        reference = np.sqrt(400 * ratio / (1 + ratio))
        frames = rng.poisson(frames_of(signal, reference, turn(4))).astype(float)
        field = interference_term(light_of(frames, frames), steps=turn(4)).value / reference
        measured.append(np.mean(np.abs(signal) ** 2) / np.mean(np.abs(field - signal) ** 2))
        assert measured[-1] == pytest.approx(4 * 400 * ratio / (1 + ratio) ** 2, rel=4 * 2.5 / np.sqrt(PIXELS))
    assert measured[1] > 1.15 * max(measured[0], measured[2])


@pytest.mark.parametrize("weakest", [0.01, 0.1])
def test_l50_what_a_speckle_reference_costs(rng: np.random.Generator, weakest: float) -> None:
    signal, reference, sigma, count = speckle(rng, 1, PIXELS), speckle(rng, PIXELS), 0.2, 4
    frames = frames_of(signal, reference, turn(count)) + rng.normal(0, sigma, (1, count, PIXELS))
    term = interference_term(light_of(frames, sigma**2), steps=turn(count))
    weak = np.abs(reference) ** 2 < np.log(2)
    product = np.abs(term.value - signal * reference.conj())[0] ** 2
    for part in (product[weak], product[~weak]):  # the noise of Z is that of any reference
        assert part.mean() == pytest.approx(sigma**2 / count, rel=4 / np.sqrt(len(part)))
    field = divide_by_reference(term, reference, weakest=weakest)
    errors = np.abs(field.value - signal)[field.valid] ** 2
    threshold = weakest * np.mean(np.abs(reference) ** 2)
    integral = quad(lambda t: np.exp(-t) / t, weakest, np.inf)[0] * np.exp(weakest)
    assert errors.mean() == pytest.approx(sigma**2 / count * integral, abs=4 * errors.std() / np.sqrt(errors.size))
    assert dropped_reference_noise(weakest) == pytest.approx(integral, rel=1e-6)
    assert np.array_equal(field.valid[0], np.abs(reference) ** 2 >= threshold)
    assert field.valid.mean() == pytest.approx(np.exp(-weakest), abs=4 * np.sqrt(weakest / PIXELS))
    assert np.mean(field.standard_error[field.valid] ** 2) == pytest.approx(errors.mean(), rel=0.05)


@pytest.mark.parametrize(
    ("bits", "gain", "read_noise"), [(8, 0.025, 24.0), (10, 0.1, 6.0), (12, 0.4, 2.5)], ids=["8", "10", "12"]
)
@pytest.mark.parametrize("steps", [turn(3), turn(4), np.array([0.0, 1.1, 2.0, 3.7, 5.5])], ids=["3", "4", "uneven 5"])
def test_l50_quoted_errors_are_the_scatter_behind_a_camera(
    rng: np.random.Generator, bits: int, gain: float, read_noise: float, steps: np.ndarray
) -> None:
    camera = Camera(
        rows=310, columns=330, pixel_pitch=5e-6, quantum_efficiency=0.6, full_well=1.2e4, gain=gain,
        read_noise=read_noise, bits=bits, black_level=8.0 * 2 ** (bits - 8),
    )  # fmt: skip
    exposure_time, rate = 1e-3, 1e6  # 600 electrons of signal and of reference
    signal = speckle(rng, *camera.shape, mean=rate)
    reference = speckle(rng, *camera.shape, mean=rate)
    frames = np.abs(signal + reference * np.exp(-1j * steps)[:, None, None]) ** 2
    counts = Sensor(camera, seed=int(rng.integers(1 << 30))).expose(
        frames.astype(np.float32), exposure_time=exposure_time, first=0
    )
    light = light_from_counts(counts, camera, exposure_time=exposure_time)
    term = interference_term(group_steps(light, steps=len(steps)), steps=steps)
    assert term.valid.mean() > 0.99
    error = (term.value[0] - signal * reference.conj())[term.valid[0]]
    quoted = term.standard_error[term.valid]
    assert np.mean(np.abs(error) ** 2) == pytest.approx(np.mean(quoted**2), rel=0.03)
    # Pixel by pixel: shot noise makes the variance of one pixel depend on its frames.
    order = np.argsort(np.abs(signal[term.valid[0]]) ** 2 + np.abs(reference[term.valid[0]]) ** 2)
    for part in np.array_split(order, 4):
        assert np.mean(np.abs(error[part]) ** 2) == pytest.approx(np.mean(quoted[part] ** 2), rel=0.05)


def test_l50_error_of_the_reference_itself(rng: np.random.Generator) -> None:
    signal, sigma, level = speckle(rng, 1, PIXELS, mean=4.0), 0.1, 2.0
    reference = np.full(PIXELS, level * np.exp(0.4j))
    frames = frames_of(signal, reference, turn(4)) + rng.normal(0, sigma, (1, 4, PIXELS))
    term = interference_term(light_of(frames, sigma**2), steps=turn(4))
    noisy = FieldEstimate(reference + speckle(rng, PIXELS, mean=0.05**2), np.full(PIXELS, 0.05), np.ones(PIXELS, bool))
    field = divide_by_reference(term, noisy)
    assert mean_square(field, signal) == pytest.approx(np.mean(field.standard_error**2), rel=0.03)
    alone = level**2 + rng.normal(0, 0.3, (3, PIXELS))
    up_to_phase = divide_by_reference_light(term, light_of(alone, 0.09))
    assert mean_square(up_to_phase, signal * np.exp(-0.4j)) == pytest.approx(
        np.mean(up_to_phase.standard_error**2), rel=0.03
    )


def test_l52_unknown_reference_spreads_the_singular_values_and_even_rows_bring_them_back(
    rng: np.random.Generator,
) -> None:
    inputs, outputs, draws = 90, 360, 50
    gamma = inputs / outputs
    raw: list[float] = []
    even: list[float] = []
    for _ in range(draws):
        matrix, reference = speckle(rng, outputs, inputs), speckle(rng, outputs)
        frames = frames_of(matrix.T, reference, turn(4))
        term = interference_term(light_of(frames), steps=turn(4))
        for estimate, moments in ((term, raw), (normalise_rows(term), even)):
            values = np.linalg.svd(estimate.value.T, compute_uv=False) ** 2
            moments.append(np.mean(values**2) / np.mean(values) ** 2)
        vector = rng.random(inputs) < 0.5
        seen = np.abs(vector @ term.value) ** 2 / np.abs(reference) ** 2
        truth = np.abs(matrix @ vector) ** 2
        assert np.abs(seen - truth).max() < 1e-3 * truth.max()  # float32, and the reference is dark in places
    for moments, law in ((raw, 1 + 2 * gamma), (even, 1 + gamma)):
        allowed = 4 * np.std(moments) / np.sqrt(draws) + 3 / outputs
        assert np.mean(moments) == pytest.approx(law, abs=allowed)
        assert allowed < 0.15 * gamma


def test_l52_focuses_do_not_need_the_phases_of_the_rows(rng: np.random.Generator) -> None:
    inputs, outputs = 70, 1500
    matrix, reference = speckle(rng, outputs, inputs), speckle(rng, outputs)
    observed = interference_term(light_of(frames_of(matrix.T, reference, turn(4))), steps=turn(4)).value.T
    rows = observed.astype(np.complex128)
    # As a whole it is unlike T: rows have the phases and the moduli of an unknown speckle.
    together = abs(np.vdot(matrix, rows)) / np.linalg.norm(matrix) / np.linalg.norm(rows)
    assert together < 4 / np.sqrt(outputs)
    power = np.sum(np.abs(matrix) ** 2, axis=1)
    conjugate = rows.conj() / np.linalg.norm(rows, axis=1, keepdims=True)
    light = np.abs(np.sum(matrix * conjugate, axis=1)) ** 2
    assert light / power == pytest.approx(np.ones(outputs), abs=1e-6)  # of float32 frames, at second order
    phases = np.abs(np.sum(matrix * phase_focus(observed), axis=1)) ** 2
    best = np.sum(np.abs(matrix), axis=1) ** 2
    assert phases / best == pytest.approx(np.ones(outputs), abs=1e-6)
    # Over the mean light of other inputs of the same power: N, and 1 + (pi / 4)(N - 1).
    assert np.mean(light) == pytest.approx(inputs, rel=4 / np.sqrt(inputs * outputs))
    law = 1 + np.pi / 4 * (inputs - 1)
    assert np.mean(phases) / inputs == pytest.approx(law, rel=4 * np.std(phases) / np.mean(phases) / np.sqrt(outputs))
    # A row of the other sign convention does not focus: what is shown is that of its conjugate.
    turned = np.abs(np.sum(matrix * conjugate.conj(), axis=1)) ** 2
    assert np.mean(turned) < 3


@pytest.mark.parametrize("sigma", [0.1, 0.3])
def test_l54_random_step_errors_damp_the_field(rng: np.random.Generator, sigma: float) -> None:
    count, series = 4, 40_000
    signal, level = np.exp(2j * np.pi * rng.random((series, 1))), 3.0
    steps = turn(count) + rng.normal(0, sigma, (series, count))
    field = interference_term(light_of(frames_of(signal, level, steps)), steps=turn(count)).value / level
    product = (field * signal.conj())[:, 0]
    gain = np.exp(-(sigma**2) / 2)
    residual = 2 * (1 - np.exp(-(sigma**2))) / count
    assert product.mean().real == pytest.approx(gain, abs=4 * np.sqrt(residual / series))
    assert product.mean().imag == pytest.approx(0, abs=4 * np.sqrt(residual / series))
    assert np.mean(np.abs(product - gain) ** 2) == pytest.approx(residual, rel=4 * 2 / np.sqrt(series))
    response = step_response(turn(count), actual=steps)
    twin = response.twin * (signal.conj() ** 2)[:, 0]
    assert np.allclose(response.direct + twin, product, atol=1e-5)


@pytest.mark.parametrize(("count", "drift"), [(4, 0.1), (4, 0.3), (3, 0.2), (7, 0.15)])
def test_l54_linear_drift_leaves_a_twin(rng: np.random.Generator, count: int, drift: float) -> None:
    actual = turn(count) + drift * np.arange(count)
    direct = np.sin(count * drift / 2) / (count * np.sin(drift / 2))
    twin = np.sin(count * drift / 2) / (count * np.sin(2 * np.pi / count + drift / 2))
    response = step_response(turn(count), actual=actual)
    assert abs(response.direct) == pytest.approx(direct, rel=1e-12)
    assert abs(response.twin) == pytest.approx(twin, rel=1e-12)
    signal, reference = speckle(rng, 1, 500), speckle(rng, 500)
    found = interference_term(light_of(frames_of(signal, reference, actual)), steps=turn(count)).value
    truth = signal * reference.conj()
    both = np.stack([truth[0], truth[0].conj()], axis=1)
    gains = np.linalg.lstsq(both, found[0], rcond=None)[0]
    assert np.abs(gains) == pytest.approx([direct, twin], abs=1e-6)


@pytest.mark.parametrize("count", [3, 4, 5, 8])
def test_l54_twin_disappears_with_the_steps_that_the_frames_tell(rng: np.random.Generator, count: int) -> None:
    camera = Camera(
        rows=120, columns=130, pixel_pitch=5e-6, quantum_efficiency=0.6, full_well=1.2e4, gain=0.08,
        read_noise=8.0, bits=10, black_level=30.0,
    )  # fmt: skip
    patterns, rate = 3, 1e6
    errors = 0.2 * np.arange(count) + rng.normal(0, 0.05, count)  # drift and jitter
    errors -= errors.mean()
    signal = speckle(rng, patterns, *camera.shape, mean=rate)
    frames = np.abs(signal[:, None] + 1e3 * np.exp(-1j * (turn(count) + errors))[:, None, None]) ** 2
    counts = Sensor(camera, seed=3).expose(
        frames.reshape(-1, *camera.shape).astype(np.float32), exposure_time=1e-3, first=0
    )
    light = group_steps(light_from_counts(counts, camera, exposure_time=1e-3), steps=count)
    estimate = estimate_steps(light, steps=turn(count))
    assert estimate.converged
    assert np.all(np.abs(estimate.steps - turn(count) - errors) < 4.5 * estimate.standard_error)
    twins = []
    for steps in (turn(count), estimate.steps):
        found = interference_term(light, steps=steps)
        whole = found.valid.ravel()
        truth = (signal * 1e3).ravel()[whole]
        gains = np.linalg.lstsq(np.stack([truth, truth.conj()], axis=1), found.value.ravel()[whole], rcond=None)[0]
        twins.append(abs(gains[1]))
    # The twin follows from the errors of the steps at first order: |twin| <= sum |error| / N.
    left = 4.5 * estimate.standard_error.mean() + 4 * np.sqrt(1 / 600 / signal.size)
    assert twins[0] == pytest.approx(abs(step_response(turn(count), actual=turn(count) + errors).twin), abs=0.01)
    assert twins[0] > 0.02
    assert twins[1] < left < 0.06


@pytest.mark.parametrize("steps", [turn(4), turn(5), np.array([0.1, 1.3, 2.9, 4.4])])
def test_l54_errors_of_steps_are_a_share_of_the_field(rng: np.random.Generator, steps: np.ndarray) -> None:
    errors = rng.uniform(0.005, 0.02, len(steps))
    field = speckle(rng, 300)
    model = np.stack([np.ones(len(steps)), np.cos(steps), -np.sin(steps)], axis=1)
    shares = []
    for _ in range(600):
        actual = steps + errors * rng.standard_normal(len(steps))
        frames = 3.0 + 2 * np.real(field[:, None] * np.exp(1j * actual))
        solved = np.linalg.lstsq(model, frames.T, rcond=None)[0]
        found = (solved[1] + 1j * solved[2]) / 2
        turned = found * np.exp(-1j * np.angle(np.vdot(field, found)))
        shares.append(np.mean(np.abs(turned - field) ** 2) / np.mean(np.abs(field) ** 2))
    # Sums of a few squared normals scatter by at most sqrt(2) of their mean; second order in the errors is below 1 %.
    expected = step_error_share(steps, standard_error=errors) ** 2
    assert np.mean(shares) == pytest.approx(expected, rel=4 * np.sqrt(2 / 600) + 0.01)
