"""The budget's table, picture and advice, and what it refuses."""

import math
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from calibration.budgets import advice, draw_waterfall, predict_budget, purchases, stepped_phase_error
from calibration.budgets.advice import NOUNS
from calibration.budgets.budget import DARK_ANCHOR, MODELLED
from calibration.budgets.counting import CountLaw
from calibration.budgets.input_moments import triangular
from calibration.budgets.vector_law import VectorLaw
from optics import BenchDescription, Camera
from optics.media import DriftDescription
from optics.media.channels import ChannelsDescription


def test_terms_and_interaction_add_up(description: BenchDescription) -> None:
    budget = predict_budget(description, components=30, outputs=500, non_zeros=10)
    assert sum(term.saved for term in budget.terms) + budget.interaction == pytest.approx(budget.error)
    names = [term.name for term in budget.terms]
    assert {"shot", "read", "quantisation", "saturation", "contrast", "dark_anchor"} == set(names)
    assert [term.saved for term in budget.terms] == sorted((term.saved for term in budget.terms), reverse=True)
    assert all(0 <= term.alone < budget.error for term in budget.terms)
    table = str(budget)
    assert table.count("\n") == len(names) + 2
    assert f"cosine {math.sqrt(1 - budget.error):.5f}" in table


def test_nothing_is_left_without_any_cause(description: BenchDescription) -> None:
    budget = predict_budget(description, components=30, outputs=500, non_zeros=10)
    assert budget.without(["shot", "read", "quantisation", "saturation", "contrast"]) < 1e-20


def test_a_prediction_repeats_to_the_bit(description: BenchDescription) -> None:
    first, second = (predict_budget(description, components=30, outputs=500, density=0.3).error for _ in range(2))
    assert first == second


def test_the_full_scale_is_the_best_where_none_is_given(description: BenchDescription) -> None:
    free = predict_budget(description, components=30, outputs=500, non_zeros=10)
    forced = predict_budget(description, components=30, outputs=500, non_zeros=10, full_scale=free.task.full_scale)
    assert free.task.full_scale is not None
    assert 5 < free.task.full_scale < 15
    assert free.error == forced.error


def test_advice_names_the_limit_and_what_changes_buy(description: BenchDescription) -> None:
    noisy = replace(description, camera=replace(description.camera, read_noise=200.0))
    budget = predict_budget(noisy, components=30, outputs=500, non_zeros=10)
    text = advice(budget)
    limit = "Your limit is read noise (amplifiers of pixels, rows and columns add noise): without it the error is"
    assert text.startswith(limit)
    bought = {one.knob: one for one in purchases(budget)}
    assert bought["Halving the read noise"].gain > 0.5
    assert abs(bought["One bit more"].gain) < 0.05
    assert "Halving the read noise buys" in text
    gains = [one.gain for one in purchases(budget)]
    assert gains == sorted(gains, reverse=True)
    assert "Doubling the anchor" in bought
    full = predict_budget(noisy, components=50, outputs=500, non_zeros=10, anchor=12)
    assert "Doubling the anchor" not in {one.knob for one in purchases(full)}  # 50 + 24 of 63 macropixels


def test_every_cause_of_a_budget_reads_as_a_noun() -> None:
    assert set(NOUNS) <= {*MODELLED, DARK_ANCHOR}
    said = {name: NOUNS.get(name, name) for name in (*MODELLED, DARK_ANCHOR)}
    assert len(set(said.values())) == len(said)
    assert {name for name, noun in said.items() if name == noun} == {
        "saturation", "dark_current", "faulty_pixels", "drift", "contrast", "stuck_mirrors",
    }  # fmt: skip


def test_a_waterfall_ends_at_the_error(description: BenchDescription) -> None:
    budget = predict_budget(description, components=30, outputs=500, non_zeros=10)
    axes = Figure().add_subplot()
    draw_waterfall(budget, axes)
    last, before = axes.patches[-1], axes.patches[-2]
    assert last.get_height() == pytest.approx(budget.error)
    assert before.get_y() + before.get_height() == pytest.approx(budget.error)
    assert axes.get_xticklabels()[-1].get_text() == "error"


def test_causes_outside_of_the_budget_are_named(description: BenchDescription) -> None:
    laggy = replace(description, camera=replace(description.camera, lag=0.01, crosstalk=0.01))
    flags = predict_budget(laggy, components=30, outputs=500, non_zeros=10).flags
    assert any("not in the budget: crosstalk, lag" in flag for flag in flags)


def test_what_no_budget_can_be_made_of_is_refused(description: BenchDescription) -> None:
    ask = {"components": 30, "outputs": 500}
    with pytest.raises(ValueError, match="state non_zeros or density, one of them"):
        predict_budget(description, **ask)
    with pytest.raises(ValueError, match="non_zeros"):
        predict_budget(description, **ask, non_zeros=31)
    with pytest.raises(ValueError, match="density"):
        predict_budget(description, **ask, density=1.5)
    with pytest.raises(ValueError, match="outputs"):
        predict_budget(description, components=30, outputs=700, non_zeros=9)
    with pytest.raises(ValueError, match="take fewer components"):
        predict_budget(description, **ask, non_zeros=9, anchor=40)
    with pytest.raises(ValueError, match="full_scale"):
        predict_budget(description, **ask, non_zeros=9, full_scale=0.0)
    moving = DriftDescription(
        inside=description.medium, law="gaussian", correlation_time=1.0, slices=3, exposure_time=1e-3
    )
    with pytest.raises(ValueError, match="moves within exposures"):
        predict_budget(replace(description, medium=moving), **ask, non_zeros=9)
    other = ChannelsDescription.__new__(ChannelsDescription)
    with pytest.raises(ValueError, match="Gaussian, streamed and finite-grain media"):
        predict_budget(replace(description, medium=other), **ask, non_zeros=9)
    with pytest.raises(ValueError, match="steps"):
        stepped_phase_error(0.1, steps=2)


@pytest.mark.parametrize(
    ("read_noise", "gain", "full_well"), [(13.0, 0.025, 1e4), (1.0, 0.25, 1e3), (0.5, 0.5, 400.0), (0.5, 0.05, 4e3)]
)
@pytest.mark.parametrize("part", [0.0, 0.02, 0.5, 0.98, 1.2])
def test_the_law_of_counts_is_that_of_the_converter(
    rng: np.random.Generator, read_noise: float, gain: float, full_well: float, part: float
) -> None:
    camera = Camera(
        rows=4, columns=5, pixel_pitch=5e-6, quantum_efficiency=0.6, bits=8, black_level=2.2, read_noise=read_noise,
        gain=gain, full_well=full_well,
    )  # fmt: skip
    draws = 300_000
    charge = np.minimum(rng.poisson(part * full_well, draws), full_well) + 0.7
    level = gain * (charge + read_noise * rng.standard_normal(draws)) + 2.2
    counts = np.clip(np.floor(level + 0.5), 0, 255)
    mean, variance = CountLaw(camera=camera).moments(part * full_well, 0.7)
    # Four standard errors, and what the normal law of many electrons neglects: the skewness 1 / sqrt(mu) at the clip.
    scale = math.sqrt(counts.var() + 1e-3)
    assert mean == pytest.approx(counts.mean(), abs=4 * scale / math.sqrt(draws) + 0.01 * scale)
    assert variance == pytest.approx(counts.var(), abs=0.05 * scale**2)


def test_numbers_of_positive_and_negative_components() -> None:
    places = (np.arange(4000) + 0.5) / 4000
    rng = np.random.default_rng(5)
    positive, negative = VectorLaw(components=20, density=0.3).halves(places, rng.permutation(places))
    some = 1 - 0.7**20
    # A few points a step of the distribution, in 4000.
    assert np.mean(positive + negative) == pytest.approx(20 * 0.3 / some, rel=3e-3)
    assert np.mean(positive) == pytest.approx(np.mean(negative), rel=0.05)
    assert (positive + negative).min() == 1


def test_a_root_of_singular_moments() -> None:
    vectors = np.array([[1.0, 2j, 1 + 1j], [0.5, 1j, 0.5 + 0.5j]])  # the second is half the first: rank one
    moments = np.einsum("ni,nj->ij", vectors, vectors.conj())
    root = triangular(moments)
    assert root @ root.conj().T == pytest.approx(moments)
    assert not root[:, 1:].any()
