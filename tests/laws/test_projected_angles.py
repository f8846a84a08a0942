"""Laws L63 and L65: angles after a random projection, and what its noise hides."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from calibration.fidelities.privacy import privacy_delta, projected_sensitivity, renyi_divergence
from calibration.fidelities.projected_angles import projected_cosine, projected_cosine_spread
from calibration.fidelity import cosine, intensity_correlation

REALISATIONS = 4000


def pair(rng: np.random.Generator, rho: float, outputs: int, *, real: bool) -> tuple[np.ndarray, np.ndarray]:
    """Projections of two vectors of cosine rho by Gaussian matrices: jointly Gaussian outputs."""

    def draw() -> np.ndarray:
        parts = rng.standard_normal((2, REALISATIONS, outputs))
        return parts[0] if real else (parts[0] + 1j * parts[1]) / np.sqrt(2)

    first = draw()
    return first, rho * first + np.sqrt(1 - rho**2) * draw()


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize(("rho", "outputs"), [(0.9, 200), (0.5, 200), (0.5, 30)])
def test_l63_angles_survive_a_projection(rng: np.random.Generator, rho: float, outputs: int, real: bool) -> None:
    found = cosine(*pair(rng, rho, outputs, real=real))
    spread = projected_cosine_spread(rho, outputs=outputs, real=real)
    # Spread: 4 / sqrt(2 R) and O(1 / m). Mean: 4 standard errors and O(1 / m^2).
    assert found.std() == pytest.approx(spread, rel=4 / np.sqrt(2 * REALISATIONS) + 2 / outputs)
    error = 4 * spread / np.sqrt(REALISATIONS) + 1 / outputs**2
    assert found.mean() == pytest.approx(projected_cosine(rho, outputs=outputs, real=real), abs=error)


def test_l63_a_matrix_of_its_own_keeps_angles_like_gaussian_outputs(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 40))
    x[1] = 0.6 * x[0] / np.linalg.norm(x[0]) + 0.8 * x[1] / np.linalg.norm(x[1])
    rho = float(cosine(x[0], x[1]))
    projected = x @ rng.standard_normal((500, 40, 150))
    found = cosine(projected[:, 0], projected[:, 1])
    spread = projected_cosine_spread(rho, outputs=150)
    assert found.mean() == pytest.approx(rho, abs=4 * spread / np.sqrt(500) + 1 / 300)
    assert found.std() == pytest.approx(spread, rel=4 / np.sqrt(1000) + 2 / 150)


@pytest.mark.parametrize("rho", [0.9, 0.5])
def test_l63_intensities_return_the_square(rng: np.random.Generator, rho: float) -> None:
    first, second = pair(rng, rho, 200, real=False)
    found = intensity_correlation(np.abs(first) ** 2, np.abs(second) ** 2)
    # 4 standard errors, and a bias of O(3 / m) of the correlation of exponential intensities.
    assert found.mean() == pytest.approx(rho**2, abs=4 * found.std() / np.sqrt(REALISATIONS) + 3 / 200)


@pytest.mark.parametrize(("order", "mu"), [(2.0, 1.0), (8.0, 0.5)])
def test_l65_renyi_divergence_by_quadrature(order: float, mu: float) -> None:
    integral = quad(lambda x: np.exp(order * norm.logpdf(x, mu) + (1 - order) * norm.logpdf(x)), -20, 20)[0]
    found = renyi_divergence(order, sensitivity=3 * mu, noise=3.0)
    assert found == pytest.approx(np.log(integral) / (order - 1), rel=1e-6)


def test_l65_the_exact_curve_from_draws(rng: np.random.Generator) -> None:
    # delta = E_P[max(0, 1 - e^eps Q / P)], with log P / Q = mu x - mu^2 / 2 for x ~ N(mu, 1).
    mu, epsilon = 1.2, 1.0
    loss = mu * (mu + rng.standard_normal(1_000_000)) - mu**2 / 2
    draws = np.maximum(0, -np.expm1(epsilon - loss))
    predicted = float(privacy_delta(epsilon, sensitivity=mu, noise=1.0))
    assert predicted == pytest.approx(0.20148, abs=5e-6)
    assert draws.mean() == pytest.approx(predicted, abs=4 * draws.std() / 1e3)


def test_l65_the_textbook_rule_is_pessimistic_and_then_wrong() -> None:
    # sigma = Delta sqrt(2 ln(1.25 / delta)) / epsilon at delta = 1e-5: 4.11e-8 at epsilon 1, violated above 8.42.
    noise = np.sqrt(2 * np.log(1.25e5))
    assert float(privacy_delta(1.0, sensitivity=1.0, noise=noise)) == pytest.approx(4.11e-8, rel=2e-3)
    for epsilon, kept in ((8.40, True), (8.44, False)):
        assert (float(privacy_delta(epsilon, sensitivity=1.0, noise=noise / epsilon)) < 1e-5) is kept


def test_l65_a_projection_moves_by_the_root_of_its_outputs(rng: np.random.Generator) -> None:
    change = rng.standard_normal(30)
    moved = np.sum((rng.normal(scale=0.7, size=(300, 500, 30)) @ change) ** 2, axis=1)
    expected = projected_sensitivity(float(np.linalg.norm(change)), outputs=500, entry_rms=0.7) ** 2
    assert moved.mean() == pytest.approx(expected, abs=4 * moved.std() / np.sqrt(300))


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"correlation = 1.2 is not allowed"):
        projected_cosine(1.2, outputs=5)
    with pytest.raises(ValueError, match="outputs = 0"):
        projected_cosine_spread(0.5, outputs=0)
    with pytest.raises(ValueError, match="order = 1 is not allowed: it must be above 1"):
        renyi_divergence(1.0, sensitivity=1.0, noise=1.0)
    with pytest.raises(ValueError, match="epsilon holds -1"):
        privacy_delta([0.5, -1.0], sensitivity=1.0, noise=1.0)
