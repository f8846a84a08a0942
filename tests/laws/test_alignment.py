"""Laws L61, L62 and L64: the cosine between a feedback vector and what it should be."""

import numpy as np
import pytest
from scipy.stats import norm

from dfa import FixedThreshold, TernarisedFeedback, cosine_per_sample, gaussian_feedback

REALISATIONS = 4000


@pytest.mark.parametrize("width", [100, 1000])
def test_l61_alignment_of_independent_directions_has_variance_one_over_width(rng, width):
    """L61."""
    a, b = rng.normal(size=(2, REALISATIONS, width))
    cosines = cosine_per_sample(a, b)
    assert cosines.mean() == pytest.approx(0, abs=4 / np.sqrt(width * REALISATIONS))
    assert cosines.var() == pytest.approx(1 / width, abs=4 * np.sqrt(2 / REALISATIONS) / width)


@pytest.mark.parametrize(("noise", "width"), [(0.1, 500), (1.0, 500), (0.1, 100)])
def test_l62_projection_noise_lowers_alignment(rng, noise, width):
    """L62: mean 1/sqrt(1 + s), standard deviation s (1 + s)^(-3/2) sqrt((s + 1/2)/m)."""
    ideal = rng.normal(size=(REALISATIONS, width))
    level = np.sqrt(noise * np.mean(ideal**2, axis=1, keepdims=True))  # relative to each vector's own length
    cosines = cosine_per_sample(ideal, ideal + level * rng.normal(size=ideal.shape))
    spread = noise * (1 + noise) ** -1.5 * np.sqrt((noise + 0.5) / width)
    mean_tolerance = 4 * spread / np.sqrt(REALISATIONS) + noise / width  # 4 standard errors and O(1/m)
    assert cosines.mean() == pytest.approx(1 / np.sqrt(1 + noise), abs=mean_tolerance)
    assert cosines.std() == pytest.approx(spread, rel=4 / np.sqrt(2 * REALISATIONS) + 4 / width)


def test_l64_losses_of_ternarising_and_of_noise_multiply(rng):
    """L64: cos = cos_ternary / sqrt(1 + s), here with the feedback of the library and s = 0.2."""
    classes, width, sigma, noise, batches = 300, 800, 0.2, 0.2, 12
    rule = FixedThreshold(0.612 * sigma)
    cosines = []
    for _ in range(batches):
        exact = gaussian_feedback(hidden=width, classes=classes, scale=1.0, rng=rng)
        error = sigma * rng.normal(size=(25, classes))
        ideal = exact.project(error).astype(float)
        ternary = TernarisedFeedback(inner=exact, rule=rule).project(error).astype(float)
        level = np.sqrt(noise * np.mean(ternary**2, axis=1, keepdims=True))
        cosines.append(cosine_per_sample(ideal, ternary + level * rng.normal(size=ideal.shape)))
    means = np.mean(cosines, axis=1)  # vectors of one batch share a matrix: batches are independent
    predicted = 2 * norm.pdf(0.612) / np.sqrt(2 * norm.sf(0.612)) / np.sqrt(1 + noise)
    assert predicted == pytest.approx(0.8215, abs=5e-5)
    tolerance = 4 * np.std(means, ddof=1) / np.sqrt(batches) + 1 / classes  # 4 standard errors and O(1/N)
    assert np.mean(means) == pytest.approx(predicted, abs=tolerance)
