"""Parts of a matrix turned onto each other and joined: orientation, its evidence, means, and what contradicts them."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.matrices.stitching import Part, row_turn, stitch


def gaussian(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Circular Gaussian numbers of mean square one."""
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)


def test_rows_are_turned_onto_a_reference(rng: np.random.Generator) -> None:
    T = gaussian(rng, 12, 9)
    flipped = rng.random(12) < 0.5
    turned = np.where(flipped[:, np.newaxis], T.conj(), T) * np.exp(1j * rng.uniform(0, 6, (12, 1)))
    turn = row_turn(turned, T)
    assert np.allclose(turn.apply(turned), T)
    assert np.array_equal(turn.conjugate, flipped)
    assert turn.mismatch == pytest.approx(0, abs=1e-12)
    opposite = row_turn(turned, T, opposite=True)
    assert np.array_equal(opposite.conjugate, ~flipped)
    assert opposite.evidence == pytest.approx(-turn.evidence)
    with pytest.raises(ValueError, match="cannot be turned onto a reference"):
        row_turn(T, T[:, :3])


def test_evidence_is_the_difference_of_the_logarithms_of_likelihoods(rng: np.random.Generator) -> None:
    rows, reference = gaussian(rng, 5, 7), gaussian(rng, 5, 7)
    weights = rng.uniform(1, 3, rows.shape)
    turn = row_turn(rows, reference, weights=weights)
    angles = np.exp(2j * np.pi * np.arange(20_000) / 20_000)
    for m in range(5):
        upright, mirrored = (
            np.min(np.sum(weights[m] * np.abs(one * angles[:, np.newaxis] - reference[m]) ** 2, axis=1))
            for one in (rows[m], rows[m].conj())
        )
        assert turn.conjugate[m] == (mirrored < upright)
        assert turn.evidence[m] == pytest.approx(abs(upright - mirrored), rel=1e-5, abs=1e-5)
        assert turn.mismatch[m] == pytest.approx(min(upright, mirrored) / 6.5, rel=1e-5)


def test_parts_that_differ_by_more_than_they_say_are_told(rng: np.random.Generator) -> None:
    T = 3 * gaussian(rng, 300, 30)
    found = []
    for stated in (1.0, 0.25):
        parts = [
            Part(columns=where, value=T[:, where] + 0.1 * gaussian(rng, 300, 20), variance=np.full((300, 20), 0.01))
            for where in (np.arange(0, 20), np.arange(10, 30))
        ]
        parts[1] = replace(parts[1], variance=np.full((300, 20), 0.01 * stated))
        found.append(stitch(*parts, inputs=30)[1])
    # Ten shared columns: chance lifts a twentieth of the rows, to 1.8 or so; else the ratio of stated to true noise.
    assert np.mean(found[0].variance_scale > 1) < 0.1
    assert np.mean(found[0].variance_scale) == pytest.approx(1, abs=0.1)
    assert np.mean(found[1].mismatch) == pytest.approx(2 / 1.25, rel=4 / np.sqrt(3000) + 0.02)
    assert found[1].evidence.min() > 10


def test_stitched_parts_average_what_they_share(rng: np.random.Generator) -> None:
    T = gaussian(rng, 400, 11)
    columns = [np.arange(0, 8), np.arange(4, 11)]
    parts = []
    for where, sigma in zip(columns, (0.02, 0.04), strict=True):
        rows = (T[:, where] + sigma * gaussian(rng, 400, len(where))).conj() * np.exp(1j * rng.uniform(0, 6, (400, 1)))
        parts.append(Part(columns=where, value=rows, variance=np.full(rows.shape, sigma**2)))
    whole, turn = stitch(*parts, inputs=11)
    assert not turn.conjugate.any()
    pulls = np.abs(row_turn(whole.value, T).apply(whole.value) - T) ** 2 / whole.variance
    # 400 rows x columns, 4 standard errors of an exponential's mean; one of 22 degrees of freedom goes into the phase.
    for where in (range(4), range(4, 8), range(8, 11)):
        assert np.mean(pulls[:, where]) == pytest.approx(1, abs=4 / np.sqrt(400 * len(where)) + 0.06)
    assert np.mean(whole.variance[:, 4:8]) == pytest.approx(1 / (0.02**-2 + 0.04**-2), rel=0.05)


def test_parts_that_do_not_join_are_refused(rng: np.random.Generator) -> None:
    first, second = (
        Part(columns=np.arange(*where), value=gaussian(rng, 3, 5), variance=np.ones((3, 5)))
        for where in ((0, 5), (4, 9))
    )
    with pytest.raises(ValueError, match="share 1 and leave out 0 of 9"):
        stitch(first, second, inputs=9)
    with pytest.raises(ValueError, match="leave out 1 of 10"):
        stitch(first, second, inputs=10)
