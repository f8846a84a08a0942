"""Law L58: what noise, the exclusion of dark rows, weights, clipping and rounding leave of projections by an anchor.

Rows are drawn here with NumPy as two circular Gaussian fields, that of the vector and that of the anchor. Cosines come
in blocks of rows, whose scatter gives the standard error.
"""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.special import lambertw

from calibration.budgets.anchor_clipping import best_rounded_full_scale, clipped_fidelity, rounding_variance
from calibration.budgets.anchor_noise import (
    BEST_VECTOR_SHARE,
    difference_noise_ratio,
    divided_fidelity,
    shot_noise_ratio,
    undivided_fidelity,
    wiener_fidelity,
    wiener_weights,
)
from calibration.fidelity import expected_correlation
from calibration.holography.phase_reference import dropped_reference_noise

BLOCKS, ROWS = 40, 20_000
VECTOR, ANCHOR = 30, 50


def speckle(rng: np.random.Generator, mean: float) -> np.ndarray:
    """Circular Gaussian fields of a mean light, in blocks of rows."""
    parts = rng.standard_normal((BLOCKS, ROWS, 2)) * math.sqrt(mean / 2)
    return np.asarray(parts.view(complex)[..., 0])


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosines of the blocks."""
    return np.asarray(
        (first * second).sum(axis=1) / np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    )  # fmt: skip


def check_mean(samples: np.ndarray, expected: float, *, within: float, bias: float = 0.0) -> None:
    """Compare a mean over blocks with its law, within four standard errors that are below ``within`` of it."""
    allowed = 4 * np.std(samples, ddof=1) / math.sqrt(len(samples)) + bias
    assert allowed < within * expected
    assert np.mean(samples) == pytest.approx(expected, abs=allowed)


@pytest.mark.parametrize("ratio", [0.01, 0.5, 3.0])
def test_l58_noise_costs_each_choice_of_rows_what_the_law_says(rng: np.random.Generator, ratio: float) -> None:
    field, anchor = speckle(rng, VECTOR), speckle(rng, ANCHOR)
    variance = ratio * 2 * VECTOR * ANCHOR
    clean = 2 * np.real(field * anchor.conj())
    noisy = clean + rng.normal(0, math.sqrt(variance), clean.shape)
    gaussian = clean / (2 * np.abs(anchor))
    s = float(difference_noise_ratio(variance, vector_light=VECTOR, anchor_light=ANCHOR))
    assert s == pytest.approx(ratio)
    check_mean(cosines(noisy, clean), float(expected_correlation(s)), within=0.02)
    check_mean(cosines(noisy, gaussian), float(undivided_fidelity(s)), within=0.02)
    weights = wiener_weights(np.abs(anchor) ** 2, variance, vector_light=VECTOR)
    best = cosines(noisy * weights, gaussian)
    check_mean(best, float(wiener_fidelity(s)), within=0.02)
    # The same blocks under other weights: the differences are sharper than either cosine.
    for other in (
        1.0,
        np.abs(anchor) / (0.5 * VECTOR * np.abs(anchor) ** 2 + variance / 2),
        np.abs(anchor) / (2 * VECTOR * np.abs(anchor) ** 2 + variance / 2),
        np.minimum(1 / np.abs(anchor), 1 / math.sqrt(0.1 * ANCHOR)),
    ):
        lead = best - cosines(noisy * other, gaussian)
        assert lead.mean() > 4 * lead.std(ddof=1) / math.sqrt(BLOCKS)
    # As an estimate it errs least, too: by the share of the light that its cosine leaves.
    error = np.mean((noisy * weights - gaussian) ** 2, axis=1) / (VECTOR / 2)
    check_mean(error, 1 - float(wiener_fidelity(s)) ** 2, within=0.05)


@pytest.mark.parametrize(("ratio", "weakest"), [(0.01, 0.02), (0.01, 0.2), (0.5, 0.2), (2.0, 1.0)])
def test_l58_rows_divided_by_the_anchor_lose_by_the_dim_ones(
    rng: np.random.Generator, ratio: float, weakest: float
) -> None:
    field, anchor = speckle(rng, VECTOR), speckle(rng, ANCHOR)
    clean = np.real(field * anchor.conj()) / np.abs(anchor)
    noise = rng.normal(0, math.sqrt(ratio * 2 * VECTOR * ANCHOR), clean.shape) / (2 * np.abs(anchor))
    kept = np.abs(anchor) ** 2 > weakest * ANCHOR
    assert kept.mean() == pytest.approx(math.exp(-weakest), abs=4 * math.sqrt(weakest / kept.size))
    growth = quad(lambda x: np.exp(weakest - x) / x, weakest, np.inf)[0]
    amount = np.sum(noise**2 * kept, axis=1) / np.sum(clean**2 * kept, axis=1)
    # A ratio of the sums over the rows: its mean is off by its relative variance over them, some 3 over their number.
    check_mean(amount, ratio * growth, within=0.1, bias=3 * ratio * growth / ROWS)
    law = divided_fidelity(ratio, kept=math.exp(-weakest))
    check_mean(cosines((clean + noise) * kept, clean * kept), float(law), within=0.05, bias=1 / ROWS)
    assert law == pytest.approx(1 / math.sqrt(1 + ratio * growth))
    assert law == pytest.approx(float(expected_correlation(ratio * dropped_reference_noise(weakest))))


def test_l58_noise_of_divided_rows_has_no_limit() -> None:
    # Each ten times fewer rows left out add s0 ln 10 to the noise; weights keep all rows and lose nothing by them.
    noise = divided_fidelity(0.01, kept=1 - 10.0 ** -np.arange(4, 12)) ** -2 - 1
    assert np.diff(noise) == pytest.approx(0.01 * math.log(10), rel=1e-3)
    assert np.all(divided_fidelity(0.5, kept=np.linspace(0.01, 0.99, 50)) < 1)
    assert wiener_fidelity(0.5) > divided_fidelity(0.5, kept=0.99)


def test_l58_weights_are_right_from_no_noise_to_noise_alone() -> None:
    ratio = np.array([0.0, 1e-4, 0.3, 2.0, 40.0, 99.9, 100.1, 3000.0])
    integral = [quad(lambda x, s=s: np.exp(-x) * x / (x + s), 0, np.inf, epsabs=0)[0] if s else 1.0 for s in ratio]
    assert wiener_fidelity(ratio) ** 2 == pytest.approx(integral, rel=1e-8)
    assert wiener_fidelity(1e12) * 1e6 == pytest.approx(1, abs=1e-9)  # noise alone: 1 / sqrt(s0)
    assert np.all(wiener_fidelity(ratio[1:-1]) > undivided_fidelity(ratio[1:-1]))
    weights = wiener_weights(np.array([0.0, 4.0, 9.0]), np.array([[0.0], [24.0]]), vector_light=3.0)
    assert weights == pytest.approx(np.array([[0, 1 / 4, 1 / 6], [0, 6 / 48, 9 / 78]]))


@pytest.mark.parametrize("share", [0.2, BEST_VECTOR_SHARE, 0.7])
def test_l58_shot_noise_by_the_share_of_the_vector(rng: np.random.Generator, share: float) -> None:
    electrons = 200.0
    field, anchor = speckle(rng, share * electrons), speckle(rng, (1 - share) * electrons)
    clean = 2 * np.real(field * anchor.conj())
    counts = rng.poisson(np.abs(field + anchor) ** 2) - rng.poisson(np.abs(field) ** 2)
    noise = counts - np.abs(anchor) ** 2 - clean
    s = float(shot_noise_ratio(electrons, vector_share=share))
    assert s == pytest.approx((1 + share) / (2 * electrons * share * (1 - share)))
    check_mean(np.mean(noise**2, axis=1), s * 2 * share * (1 - share) * electrons**2, within=0.05)
    check_mean(cosines(clean + noise, clean), float(expected_correlation(s)), within=0.01)
    kept = np.abs(anchor) ** 2 > 0.1 * (1 - share) * electrons
    divided = np.mean((noise / np.abs(anchor)) ** 2, axis=1, where=kept) / 4 / (share * electrons / 2)
    check_mean(divided, float(shot_noise_ratio(electrons, vector_share=share, kept=math.exp(-0.1))), within=0.05)


def test_l58_four_frames_of_a_ternary_vector_have_the_shot_noise_of_two(rng: np.random.Generator) -> None:
    electrons, share = 150.0, 0.35
    anchor = speckle(rng, (1 - share) * electrons)
    clean, noisy = np.zeros(anchor.shape), np.zeros(anchor.shape)
    for sign in (1, -1):
        half = speckle(rng, share * electrons)
        clean += sign * 2 * np.real(half * anchor.conj())
        noisy += sign * (rng.poisson(np.abs(half + anchor) ** 2) - rng.poisson(np.abs(half) ** 2))
    s = float(shot_noise_ratio(electrons, vector_share=share))
    noise = np.mean((noisy - clean) ** 2, axis=1) / np.mean(clean**2)
    check_mean(noise, s, within=0.05, bias=4 * s * 2 / math.sqrt(BLOCKS * ROWS))


def test_l58_shot_noise_is_least_with_an_anchor_of_root_two_times_the_vector() -> None:
    best = minimize_scalar(
        lambda u: float(shot_noise_ratio(1.0, vector_share=u)), bounds=(0.01, 0.99), method="bounded",
        options={"xatol": 1e-9},
    )  # fmt: skip
    assert best.x == pytest.approx(math.sqrt(2) - 1, abs=1e-6)
    assert (1 - best.x) / best.x == pytest.approx(math.sqrt(2), abs=1e-5)
    assert 1 / best.fun == pytest.approx(2 * (3 - 2 * math.sqrt(2)), rel=1e-9)
    assert best.x == pytest.approx(BEST_VECTOR_SHARE, abs=1e-6)


@pytest.mark.parametrize("halves", [1, 2])
@pytest.mark.parametrize(("full_scale", "share"), [(1.5, 0.8), (2.0, 0.4), (3.0, 0.15), (3.0, 0.6), (4.0, 0.5)])
def test_l58_clipping_is_an_error_that_goes_with_the_signal(
    rng: np.random.Generator, full_scale: float, share: float, halves: int
) -> None:
    anchor = speckle(rng, 1 - share)
    clean, lost = np.zeros(anchor.shape), np.zeros(anchor.shape)
    for sign in (1, -1)[:halves]:
        half = speckle(rng, share)
        signal = 2 * np.real(half * anchor.conj())
        above = np.maximum(np.abs(half + anchor) ** 2 - full_scale, 0)
        gain = (1 + full_scale) * math.exp(-full_scale)
        check_mean(np.mean(above * signal, axis=1) / (2 * share * (1 - share)), gain, within=0.1)
        check_mean(np.mean(above**2, axis=1), 2 * math.exp(-full_scale), within=0.2)
        clean += sign * signal
        lost += sign * (above - np.maximum(np.abs(half) ** 2 - full_scale, 0))
    law = 1 - float(clipped_fidelity(full_scale, vector_share=share, halves=halves))
    check_mean(1 - cosines(clean - lost, clean), law, within=0.1, bias=law / ROWS**0.5)
    noise = rng.normal(0, math.sqrt(0.05), clean.shape)
    both = 1 - float(clipped_fidelity(full_scale, vector_share=share, noise_variance=0.05, halves=halves))
    check_mean(1 - cosines(clean - lost + noise, clean), both, within=0.1, bias=both / ROWS**0.5)


def test_l58_clipping_of_the_bright_frame_alone_is_the_limit_of_a_weak_vector() -> None:
    # cos = (1 - k) / sqrt(1 - 2 k + e^-S / (u (1 - u))): the vector's own frame does not reach S.
    scale, share = np.array([3.0, 5.0, 9.0]), 0.1
    lost = (1 + scale) * np.exp(-scale)
    alone = (1 - lost) / np.sqrt(1 - 2 * lost + np.exp(-scale) / (share * (1 - share)))
    assert clipped_fidelity(scale, vector_share=share) == pytest.approx(alone, rel=1e-8)
    # Above that, what the two frames clip cancels in part, and more between the two halves of a signed vector.
    scale, share = np.array([2.0, 3.0]), 0.6
    lost = (1 + scale) * np.exp(-scale)
    alone = (1 - lost) / np.sqrt(1 - 2 * lost + np.exp(-scale) / (share * (1 - share)))
    found = [clipped_fidelity(scale, vector_share=share, halves=halves) for halves in (1, 2)]
    assert np.all(alone < found[0])
    assert np.all(found[0] < found[1])


@pytest.mark.parametrize(("bits", "full_scale", "share"), [(4, 3.75, 0.5), (5, 6.0, 0.4), (6, 8.0, 0.4), (8, 5.0, 0.3)])
def test_l58_cosine_behind_a_camera_of_few_bits(
    rng: np.random.Generator, bits: int, full_scale: float, share: float
) -> None:
    field, anchor = speckle(rng, share), speckle(rng, 1 - share)
    clean = 2 * np.real(field * anchor.conj())
    step = full_scale / (2**bits - 1)
    bright, dim = (
        np.clip(np.floor(light / step + 0.5), 0, 2**bits - 1) * step
        for light in (np.abs(field + anchor) ** 2, np.abs(field) ** 2)
    )
    rounding = float(rounding_variance(full_scale, bits=bits))
    assert rounding == pytest.approx(2 * step**2 / 12)
    law = 1 - float(clipped_fidelity(full_scale, vector_share=share, noise_variance=rounding))
    measured = 1 - cosines(bright - dim - np.abs(anchor) ** 2, clean)
    # Rounding errs from LSB^2 / 12 where the density ends, at zero, by a part of (LSB / u)^2: within 3 % of the whole
    # here, as measured on 4 million rows over a grid.
    check_mean(measured, law, within=0.3, bias=0.03 * law)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_l58_best_full_scale_is_that_of_lambert(share: float) -> None:
    for bits in (4, 6, 8, 10, 12):

        def loss(scale: float, bits: int = bits) -> float:
            noise = rounding_variance(scale, bits=bits)
            return 1 - float(clipped_fidelity(scale, vector_share=share, noise_variance=noise))

        best = minimize_scalar(loss, bounds=(1, 30), method="bounded")
        found = float(best_rounded_full_scale(bits))
        assert loss(found) < (1 + 0.002) * best.fun
        assert found == pytest.approx(lambertw(6 * (2**bits - 1) ** 2).real, rel=1e-12)
        assert found == pytest.approx(best.x, rel=0.003 if bits >= 6 else 0.02)
    # Two frames and half the light for the vector: as the notes say, where 2^b - 1 is as good as 2^b.
    noise = rounding_variance(best_rounded_full_scale([8, 10]), bits=[8, 10])
    losses = 1 - clipped_fidelity(best_rounded_full_scale([8, 10]), vector_share=0.5, noise_variance=noise)
    assert losses == pytest.approx([3.35e-4, 3.14e-5], rel=0.01)
