"""Laws L34, L56, L57 and L58: linear projections from intensities, through the project's own retrieval.

The bench is the small one of the tests; what a law predicts is written out here from the law.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import exp1
from scipy.stats import kurtosis

from calibration import AnchorProjector, cosine
from optics import BenchDescription, SimulatedBench
from tests.calibration.conftest import ideal, ternary

__all__ = ["ideal"]  # a fixture of the calibration tests

# The ideal bench has F = 4e5 electrons in the mean of its brightest frame (6e6 at saturation). With a share u = 0.2
# of it for the vector, four frames have a relative noise of (2 F + 2 u F) / (4 u (1 - u) F^2) = 1e-5, 1.4 times
# that for the anchors that are kept (L58): 1 - cos is half of it. Three times that leaves room for the densities.
EXACT = 2.1e-5


def large(description: BenchDescription) -> BenchDescription:
    """The same bench with 60 x 70 pixels and their light."""
    camera = replace(description.camera, rows=60, columns=70)
    share = description.medium.collected_fraction * 4200 / 720
    return replace(description, camera=camera, medium=replace(description.medium, collected_fraction=share))


def test_l56_anchor_identity_holds_in_the_field(description: BenchDescription, rng: np.random.Generator) -> None:
    # |T(x+r)|^2 - |Tx|^2 - |Tr|^2 + |off|^2 = 2 Re(Tx conj(Tr)) with off-state light present (L34); fields are
    # complex64, so intensities carry 2^-22 relative rounding.
    truth = SimulatedBench(description, seed=3).truth
    x = np.zeros(63, np.bool_)
    x[:20] = rng.random(20) < 0.5
    r = np.zeros(63, np.bool_)
    r[30:45] = True
    both, alone, anchor, off = truth.field(np.stack([x | r, x, r, x & r])).astype(np.complex128).reshape(4, -1)
    left = np.abs(both) ** 2 - np.abs(alone) ** 2 - np.abs(anchor) ** 2 + np.abs(off) ** 2
    right = 2 * np.real((alone - off) * np.conj(anchor - off))
    assert np.abs(left - right).max() < 2**-20 * (np.abs(both) ** 2).max()


@pytest.mark.parametrize("non_zeros", [1, 4, 10])
def test_l57_four_frames_give_the_exact_projection(
    ideal: BenchDescription, rng: np.random.Generator, non_zeros: int
) -> None:
    projector = AnchorProjector(SimulatedBench(ideal, seed=3), components=10, outputs=500)
    x = ternary(rng, 40, 10, non_zeros=non_zeros)
    # Six million electrons at saturation: shot noise leaves 1e-3 of the signal, hence 1 - cos = 5e-7; four times
    # that for dim anchors.
    assert cosine(projector.project(x).value, x @ projector.truth().T).min() > 1 - EXACT


def test_l57_two_anchors_need_no_frame_of_the_vector_alone(ideal: BenchDescription, rng: np.random.Generator) -> None:
    # I(x+r1) - I(x+r2) - I(r1) + I(r2) = 2 Re(Tx conj(T(r1 - r2))): the static field e drops out, as Tx multiplies
    # (e + T r1) - (e + T r2); so the bench may leak. The anchors share macropixels and differ in size.
    dim = replace(large(ideal), laser=replace(ideal.laser, power=0.1))
    leaky = replace(dim, dmd=replace(ideal.dmd, contrast_ratio=300.0))
    bench = SimulatedBench(leaky, seed=3)
    first, second, x = (np.zeros(63, np.bool_) for _ in range(3))
    first[30:42], second[38:58] = True, True
    x[:26] = rng.random(26) < 0.5
    patterns = np.stack([x | first, x | second, first, second, x, np.zeros_like(x)])
    fields = bench.truth.field(patterns).astype(np.complex128).reshape(6, -1)
    wanted = 2 * np.real((fields[4] - fields[5]) * np.conj(fields[2] - fields[3]))
    light = np.abs(fields) ** 2
    found = light[0] - light[1] - light[2] + light[3]
    assert np.abs(found - wanted).max() < 2**-19 * light.max()  # fields are complex64
    counts = bench.expose(patterns[:4]).counts.reshape(4, -1).astype(np.float64)
    assert counts.max() < leaky.camera.saturation
    seen = counts[0] - counts[1] - counts[2] + counts[3]
    # Shot noise of the four frames over the signal: half of it is what 1 - cos shows, known to 2 / sqrt(4200) and more,
    # as bright pixels have most of both.
    electrons = (counts - leaky.camera.black_level) / leaky.camera.gain
    noise = electrons.sum() / np.sum((seen / leaky.camera.gain) ** 2)
    assert 1 - cosine(seen, wanted) == pytest.approx(noise / 2, rel=0.2)
    # Neither anchor alone turns the rows as their difference does.
    assert cosine(seen, 2 * np.real((fields[4] - fields[5]) * np.conj(fields[2] - fields[5]))) < 0.9


def test_l34_off_state_light_scales_rows_and_does_not_turn_them(
    ideal: BenchDescription, rng: np.random.Generator
) -> None:
    # With a contrast of only 200:1 the chip's leakage is as bright as three macropixels, yet four frames (and the
    # stored off-state frame of empty halves) cancel it.
    leaky = replace(ideal, dmd=replace(ideal.dmd, contrast_ratio=200.0))
    projector = AnchorProjector(SimulatedBench(leaky, seed=3), components=10, outputs=500)
    for non_zeros in (1, 10):
        x = ternary(rng, 40, 10, non_zeros=non_zeros)
        assert cosine(projector.project(x).value, x @ projector.truth().T).min() > 1 - EXACT


def test_l56_an_anchor_of_its_own_gives_independent_gaussian_entries(ideal: BenchDescription) -> None:
    # B from the counts: projections of single components. Entries N(0, sigma^2 / 2): kurtosis 3, squared
    # entries of a row uncorrelated, no mean. Four standard errors, n entries.
    bench = SimulatedBench(large(ideal), seed=3)
    projector = AnchorProjector(bench, components=20, outputs=3360)
    entries = projector.project(np.eye(20)).value.T.astype(np.float64)
    n = entries.size
    assert abs(entries.mean() / entries.std()) < 4 / np.sqrt(n)
    assert kurtosis(entries, axis=None, fisher=False) == pytest.approx(3, abs=4 * np.sqrt(24 / n))
    power = entries**2 / np.mean(entries**2)
    assert abs(np.mean((power[:, :10] - 1) * (power[:, 10:] - 1)) / 2) < 4 / np.sqrt(n / 2)
    # The rms that the calibration promises: it is measured over 4200 grains of the anchor, 4 / sqrt(4200).
    assert entries.std() / projector.calibration.entry_rms == pytest.approx(1, abs=4 / np.sqrt(4200))


def test_l56_an_overlapping_anchor_gives_entries_a_mean(ideal: BenchDescription) -> None:
    # Re(conj(Tr) t_j) / |Tr| with j among the n components of r: mean sqrt(pi / (4 n)) sigma, where an anchor of
    # its own has none. Over |Tr| the mean is |Tr| / n; the pixels that are kept are the brightest 80 %, whose
    # mean modulus is larger: with u = |Tr|^2 / <|Tr|^2> > -ln 0.8 = c, <sqrt u> = Gamma(3/2, c) / 0.8.
    n, kept = 10, 0.8
    bench = SimulatedBench(large(ideal), seed=3)
    projector = AnchorProjector(bench, components=n, outputs=int(4200 * kept), overlapping=True)
    entries = projector.project(np.eye(n)).value.astype(np.float64)
    cut = np.linspace(-np.log(kept), 60, 200_001)
    modulus = np.trapezoid(np.sqrt(cut) * np.exp(-cut), cut) / kept
    sigma = np.sqrt(2) * projector.calibration.entry_rms
    error = 4 / np.sqrt(2 * entries.shape[1] * n) + 4 / np.sqrt(4200)
    assert entries.mean() / sigma == pytest.approx(modulus / np.sqrt(n), abs=error)
    # What it does to ten classes: the projection of the all-ones vector has a large common part.
    ones = projector.project(np.ones((1, n))).value[0].astype(np.float64)
    assert ones.mean() / sigma == pytest.approx(modulus * np.sqrt(n), abs=n * error)
    own = AnchorProjector(bench, components=n, outputs=int(4200 * kept)).project(np.ones((1, n))).value[0]
    assert abs(own.mean() / sigma) < 4 * np.sqrt(n / 2 / len(own))


def test_the_overlapping_form_is_exact_without_off_state_light(
    ideal: BenchDescription, rng: np.random.Generator
) -> None:
    projector = AnchorProjector(SimulatedBench(ideal, seed=3), components=10, outputs=500, overlapping=True)
    for non_zeros in (1, 4, 10):
        x = ternary(rng, 40, 10, non_zeros=non_zeros)
        assert cosine(projector.project(x).value, x @ projector.truth().T).min() > 1 - EXACT


@pytest.mark.parametrize("anchor", [6, 24, 48])
def test_l57_the_two_frame_shortcut_is_biased(ideal: BenchDescription, rng: np.random.Generator, anchor: int) -> None:
    # I(p+r) - I(q+r) = Re(T(p-q) conj(T(p+q+2r))): cos = 1 / sqrt(1 + n_x / (4 n_r)) for the unweighted difference
    # over all rows. Divided by |Tr| and over rows kept for a bright anchor (80 % of them), 1 / <1 / u> replaces
    # n_r: the mean of 1 / u over u > c = -ln 0.8 is E1(c) / 0.8.
    bench = SimulatedBench(large(ideal), seed=3)
    projector = AnchorProjector(bench, components=12, outputs=3360, anchor=anchor, frames="two")
    x = np.zeros((40, 12), int)
    for row in x:
        order = rng.permutation(12)
        row[order[:4]], row[order[4:8]] = 1, -1
    estimate = projector.project(x)
    truth = x @ projector.truth().T
    spread = exp1(-np.log(0.8)) / 0.8
    predicted = 1 / np.sqrt(1 + 8 * spread / (4 * anchor))
    # Ratio of variances over 3360 rows and 40 vectors that share the anchor's rows.
    assert cosine(estimate.value, truth).mean() == pytest.approx(predicted, abs=0.02)


def test_the_shortcut_has_an_offset_where_the_halves_differ_in_count(ideal: BenchDescription) -> None:
    # bias (|Tp|^2 - |Tq|^2) / (2 |Tr|): its mean is (n_p - n_q) sigma <1 / sqrt u> / (2 sqrt n_r).
    bench = SimulatedBench(large(ideal), seed=3)
    x = np.array([[1] * 9 + [-1] + [0] * 2, [1] * 5 + [-1] * 5 + [0] * 2])
    cut = np.linspace(-np.log(0.8), 60, 200_001)
    inverse = np.trapezoid(np.exp(-cut) / np.sqrt(cut), cut) / 0.8
    means = {}
    for frames in ("two", "four"):
        projector = AnchorProjector(bench, components=12, outputs=3360, anchor=24, frames=frames)
        error = projector.project(x).value - x @ projector.truth().T
        means[frames] = error.mean(axis=1) / (np.sqrt(2) * projector.calibration.entry_rms)
    expected = np.array([8, 0]) * inverse / (2 * np.sqrt(24))
    # |Tp|^2 - |Tq|^2 has a standard deviation of sqrt(n_p^2 + n_q^2) sigma^2.
    tolerance = 4 * np.sqrt(82) * inverse / (2 * np.sqrt(24)) / np.sqrt(3360) + 0.04 * expected[0]
    assert means["two"] == pytest.approx(expected, abs=tolerance)
    assert np.abs(means["four"]).max() < 0.01


@pytest.mark.parametrize("kept", [0.8, 0.4])
def test_l58_noise_grows_with_the_dim_anchors_that_are_kept(
    description: BenchDescription, rng: np.random.Generator, kept: float
) -> None:
    # Rows with an anchor of u times the mean have noise 1 / u: over the brightest rows u > c the mean of 1 / u is
    # e^c E1(c). One component on, n_r = 10: two frames (the other two are stored) of read noise 200 electrons and
    # shot noise e (n_r u + 1) and e, with e electrons a macropixel, over a signal of 2 n_r e^2 u.
    camera = replace(
        description.camera, rows=60, columns=70, read_noise=200.0, bits=16, gain=1.0, full_well=6e4, black_level=2000.0
    )
    medium = replace(description.medium, collected_fraction=description.medium.collected_fraction * 4200 / 720)
    dmd = replace(description.dmd, contrast_ratio=np.inf)
    noisy = replace(description, camera=camera, medium=medium, dmd=dmd)
    projector = AnchorProjector(SimulatedBench(noisy, seed=3), components=10, outputs=int(4200 * kept), anchor=10)
    x = np.eye(10)[rng.integers(0, 10, 60)]
    truth = x @ projector.truth().T
    measured = np.mean((projector.project(x).value - truth) ** 2) / np.mean(truth**2)
    electrons = projector.calibration.input_rate * projector.calibration.levels[0].exposure_time
    inverse = np.exp(-np.log(kept)) * exp1(-np.log(kept))
    predicted = ((2 * (200**2 + 1 / 12) + 2 * electrons) * inverse + 10 * electrons) / (2 * 10 * electrons**2)
    # The mean of 4200 grains is known to 1.5 % and enters squared; the mean of 1 / u over them to 2 %.
    assert measured / predicted == pytest.approx(1, abs=4 * np.hypot(2 / np.sqrt(4200), 0.02))
