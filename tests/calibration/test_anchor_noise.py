"""Closed forms of the noise of projections by an anchor: what they refuse, and that they broadcast."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import ive

from calibration.budgets import anchor_clipping, anchor_noise


@pytest.mark.parametrize(
    ("function", "wrong", "message"),
    [
        (anchor_noise.undivided_fidelity, ([0.1, -0.2],), "noise_ratio holds -0.2: it must be finite, at least 0"),
        (anchor_noise.wiener_fidelity, (np.nan,), "noise_ratio holds nan"),
        (lambda s: anchor_noise.divided_fidelity(s, kept=1.0), (0.1,), "kept holds 1: .* above 0 and below 1"),
        (lambda s: anchor_noise.divided_fidelity(s, kept=0.5), (np.inf,), "noise_ratio holds inf"),
        (lambda u: anchor_noise.shot_noise_ratio(100.0, vector_share=u), ([0.2, 0.0],), "vector_share holds 0"),
        (lambda f: anchor_noise.shot_noise_ratio(f, vector_share=0.3), (0.0,), "electrons holds 0: .* above 0"),
        (lambda v: anchor_noise.wiener_weights(v, 1.0, vector_light=2.0), (-1.0,), "anchor_light holds -1"),
        (lambda v: anchor_noise.wiener_weights(1.0, v, vector_light=2.0), (-1.0,), "noise_variance holds -1"),
        (lambda v: anchor_noise.wiener_weights(1.0, 1.0, vector_light=v), (0.0,), "vector_light holds 0"),
        (
            lambda v: anchor_noise.difference_noise_ratio(1.0, vector_light=1.0, anchor_light=v),
            (0.0,),
            "anchor_light holds 0",
        ),
        (lambda b: anchor_clipping.rounding_variance(4.0, bits=b), ([8, 0],), "bits holds 0: .* at least 1"),
        (lambda s: anchor_clipping.rounding_variance(s, bits=8), (-4.0,), "full_scale holds -4"),
        (lambda s: anchor_clipping.clipped_fidelity(s, vector_share=0.4), (0.0,), "full_scale holds 0"),
        (lambda u: anchor_clipping.clipped_fidelity(4.0, vector_share=u), (1.0,), "vector_share holds 1"),
        (lambda h: anchor_clipping.clipped_fidelity(4.0, vector_share=0.3, halves=h), (3,), "halves = 3"),
        (lambda f: anchor_clipping.rounding_variance(4.0, bits=8, frames=f), (0,), "frames = 0"),
        (anchor_clipping.best_rounded_full_scale, (0.5,), "bits holds 0.5"),
    ],
)
def test_impossible_numbers_are_refused(function: Callable[..., Any], wrong: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(*wrong)


def test_grids_come_out_as_grids() -> None:
    share, bits = np.array([0.2, 0.4, 0.5]), np.array([[6], [8]])
    scale = anchor_clipping.best_rounded_full_scale(bits)
    noise = anchor_clipping.rounding_variance(scale, bits=bits) + anchor_noise.shot_noise_ratio(
        1e5, vector_share=share
    ) * 2 * share * (1 - share)
    found = anchor_clipping.clipped_fidelity(scale, vector_share=share, noise_variance=noise)
    assert found.shape == (2, 3)
    one = anchor_clipping.clipped_fidelity(float(scale[1, 0]), vector_share=0.4, noise_variance=float(noise[1, 1]))
    assert found[1, 1] == pytest.approx(one, rel=1e-12)
    assert np.all(found[1] > found[0])
    assert anchor_noise.wiener_weights(np.ones((4, 5)), np.ones(5), vector_light=3.0).shape == (4, 5)


def test_rounding_and_shot_noise_without_clipping_are_white() -> None:
    # Where nothing clips, the variance of the difference counts as that of any noise: 2 u (1 - u) is the signal's.
    variance, share = 0.03, 0.35
    ratio = anchor_noise.difference_noise_ratio(variance, vector_light=share, anchor_light=1 - share)
    for halves in (1, 2):  # each half brings signal and noise of its own
        total = halves * variance
        found = anchor_clipping.clipped_fidelity(60.0, vector_share=share, noise_variance=total, halves=halves)
        assert found == pytest.approx(1 / np.sqrt(1 + ratio), rel=1e-12)
    two, four = (anchor_clipping.rounding_variance(5.0, bits=8, frames=frames) for frames in (2, 4))
    assert four == pytest.approx(2 * two)


@pytest.mark.parametrize(("scale", "share"), [(2.0, 0.8), (1.2, 0.93), (3.0, 0.3), (1.0, 0.05)])
def test_clipping_of_two_frames_is_that_of_their_joint_density(scale: float, share: float) -> None:
    # Intensities x, y of mean 1 and covariance u: exp(-(x + y) / (1 - u)) I_0(2 sqrt(u x y) / (1 - u)) / (1 - u).
    nodes, weights = np.polynomial.legendre.leggauss(600)
    x, y = (limit + 30 * (nodes + 1) for limit in (scale, scale / share))
    root = 2 * np.sqrt(share * np.outer(x, y)) / (1 - share)
    density = ive(0, root) * np.exp(root - np.add.outer(x, y) / (1 - share)) / (1 - share)
    over = [30 * weights * 30 * (nodes + 1)] * 2
    together = share * over[0] @ density @ over[1]
    lost, power = (1 + scale) * np.exp(-scale), 2 * share * (1 - share)
    error = 2 * np.exp(-scale) + 2 * share**2 * np.exp(-scale / share) - 2 * together
    law = (1 - lost) / np.sqrt(1 - 2 * lost + error / power)
    assert anchor_clipping.clipped_fidelity(scale, vector_share=share) == pytest.approx(law, rel=1e-9)
