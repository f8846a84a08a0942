"""Law L60: what ternarising an error vector costs, as the cosine between the two."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from dfa import BestTernary, FixedThreshold, cosine_per_sample, softmax_cross_entropy

BLOCKS, BLOCK = 40, 25000  # a million entries; the standard error comes from the scatter of 40 blocks
SIGMA = 0.5  # spread of the entries, so that every threshold of the law stays below 1


def block_cosines(error, rule):
    return cosine_per_sample(error, rule(error).astype(float))


def four_standard_errors(samples):
    return 4 * np.std(samples, ddof=1) / np.sqrt(len(samples))


@pytest.mark.parametrize("threshold", [0.0, 0.612, 1.0])
def test_l60_gaussian_error_at_a_threshold(rng, threshold):
    cosines = block_cosines(SIGMA * rng.normal(size=(BLOCKS, BLOCK)), FixedThreshold(SIGMA * threshold))
    predicted = 2 * norm.pdf(threshold) / np.sqrt(2 * norm.sf(threshold))
    assert predicted == pytest.approx({0.0: 0.79788, 0.612: 0.89990, 1.0: 0.85911}[threshold], abs=1.1e-5)
    assert cosines.mean() == pytest.approx(predicted, abs=four_standard_errors(cosines))


def test_l60_best_ternary_of_a_gaussian_error_is_the_three_level_quantiser(rng):
    error = SIGMA * rng.normal(size=(BLOCKS, BLOCK))
    best = BestTernary()
    cosines = block_cosines(error, best)
    optimum = brentq(lambda t: t - norm.pdf(t) / (2 * norm.sf(t)), 0.1, 2, xtol=1e-12)
    assert optimum == pytest.approx(0.6120030, abs=2e-6)
    predicted = 2 * optimum * np.sqrt(2 * norm.sf(optimum))
    assert predicted == pytest.approx(np.sqrt(1 - 0.1902), abs=3e-5)  # four digits of the Lloyd-Max table
    # Choosing the best of each block gains on the fixed optimum at second order only: below 1e-4 here.
    assert cosines.mean() == pytest.approx(predicted, abs=four_standard_errors(cosines) + 1e-4)
    fractions = np.count_nonzero(best(error), axis=1) / BLOCK
    assert 2 * norm.sf(optimum) == pytest.approx(0.54054, abs=2e-4)
    # The maximum is flat: the fraction of a block scatters by BLOCK^(-1/3), as the location of an optimum does.
    assert fractions.mean() == pytest.approx(2 * norm.sf(optimum), abs=four_standard_errors(fractions))


def test_l60_laplace_error_at_its_best_threshold(rng):
    scale = 0.25
    cosines = block_cosines(rng.laplace(scale=scale, size=(BLOCKS, BLOCK)), FixedThreshold(scale))
    predicted = np.sqrt(2) * np.exp(-0.5)  # (1 + t) exp(-t/2) / sqrt(2) at t = 1
    assert predicted == pytest.approx(0.85776, abs=1e-5)
    assert cosines.mean() == pytest.approx(predicted, abs=four_standard_errors(cosines))


def test_l60_best_ternary_is_the_best_of_all_ternary_vectors(rng):
    candidates = np.array([v for v in product((-1.0, 0.0, 1.0), repeat=7) if any(v)])
    lengths = np.linalg.norm(candidates, axis=1)
    for error in (rng.normal(size=(30, 7)), rng.standard_cauchy(size=(30, 7)), rng.uniform(-1, 1, size=(30, 7))):
        brute = ((error @ candidates.T) / lengths).max(axis=1) / np.linalg.norm(error, axis=1)
        np.testing.assert_allclose(block_cosines(error, BestTernary()), brute, rtol=0, atol=1e-12)


def test_l60_best_ternary_is_the_best_of_all_supports_of_twelve_entries(rng):
    error = rng.normal(size=(20, 12))
    supports = np.array(list(product((0.0, 1.0), repeat=12)))[1:]
    sums = np.abs(error) @ supports.T / np.sqrt(supports.sum(axis=1))
    brute = sums.max(axis=1) / np.linalg.norm(error, axis=1)
    np.testing.assert_allclose(block_cosines(error, BestTernary()), brute, rtol=0, atol=1e-12)


@pytest.mark.parametrize("classes", [10, 1000])
def test_l60_softmax_error_at_initialisation(classes):
    _, error = softmax_cross_entropy(np.zeros((3, classes)), np.array([0, classes - 1, 4]))
    signs = block_cosines(error, FixedThreshold(0.0))
    np.testing.assert_allclose(signs, 2 * np.sqrt(classes - 1) / classes, rtol=0, atol=1e-12)
    true_class = block_cosines(error, FixedThreshold(0.5))
    np.testing.assert_allclose(true_class, np.sqrt(1 - 1 / classes), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(BestTernary()(error), FixedThreshold(0.5)(error))


def test_l60_softmax_error_of_a_trained_net(rng):
    samples = 20000
    logits = 1.5 * rng.normal(size=(samples, 10))
    gumbel = rng.gumbel(size=logits.shape)
    labels = (logits + gumbel).argmax(axis=1)  # drawn from the softmax
    _, error = softmax_cross_entropy(logits, labels)
    rms = np.sqrt(np.mean(error**2))
    mean = {}
    for name, rule in (
        ("fixed", FixedThreshold(0.1)),
        ("rms", FixedThreshold(0.612 * rms)),
        ("best", BestTernary()),
    ):
        cosines = np.nan_to_num(block_cosines(error, rule))  # a silent sample points nowhere: 0
        mean[name] = cosines.mean(), np.sqrt(2) * four_standard_errors(cosines)  # both sides are measured
    assert mean["best"][0] == pytest.approx(0.9219, abs=mean["best"][1])
    assert mean["fixed"][0] == pytest.approx(0.8337, abs=mean["fixed"][1])
    # One threshold for all samples loses several points, wherever it lies.
    assert mean["rms"][0] < mean["best"][0] - 0.04
    assert mean["fixed"][0] < mean["rms"][0]
