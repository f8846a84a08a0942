"""Schemes: which macropixels and frames, and what is refused."""

import numpy as np
import pytest

from calibration import AnchorScheme, anchor_size, check_ternary
from calibration.scheme import Role

OWN = AnchorScheme(inputs=9, components=np.array([0, 1, 2]), anchor=np.array([5, 7]))
OVERLAPPING = AnchorScheme(inputs=9, components=np.array([0, 1, 2]), anchor=np.array([0, 1, 2]))
HALVES = np.array([[True, False, True], [False, False, False]])


def test_an_anchor_of_its_own_is_added() -> None:
    shown = OWN.patterns(HALVES, Role(sign=1, anchored=True))
    assert np.array_equal(np.flatnonzero(shown[0]), [0, 2, 5, 7])
    assert np.array_equal(np.flatnonzero(shown[1]), [5, 7])
    assert np.array_equal(OWN.brightest([0, 1, 3]), [2, 3, 5])


def test_an_overlapping_anchor_shows_its_complement() -> None:
    shown = OVERLAPPING.patterns(HALVES, Role(sign=-1, anchored=True))
    assert np.array_equal(np.flatnonzero(shown[0]), [1])
    assert np.array_equal(np.flatnonzero(shown[1]), [0, 1, 2])
    assert np.array_equal(OVERLAPPING.brightest([0, 1, 3]), [3, 2, 3])


@pytest.mark.parametrize(
    ("components", "anchor", "message"),
    [
        ([0, 1, 1], [5], "components name a macropixel twice"),
        ([0, 1], [9], "anchor run from macropixel 9 to 9, the layout has 9"),
        ([0, 1, 2], [2, 3], "shares 1 of 3 macropixels"),
        ([], [2, 3], "components must be a list of at least one macropixel"),
    ],
)
def test_impossible_schemes_are_refused(components: list[int], anchor: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AnchorScheme(inputs=9, components=np.array(components, int), anchor=np.array(anchor))


def test_the_shortcut_needs_an_anchor_of_its_own() -> None:
    with pytest.raises(ValueError, match="two-frame shortcut needs an anchor on macropixels of its own"):
        AnchorScheme(inputs=9, components=np.arange(3), anchor=np.arange(3), frames="two")


def test_anchor_size_grows_as_the_square_root() -> None:
    assert [anchor_size(n) for n in (1, 10, 100, 1000)] == [2, 6, 19, 60]


@pytest.mark.parametrize("value", [0.5, 2, np.nan, -3])
def test_vectors_that_are_not_ternary_are_named(value: float) -> None:
    x = np.zeros((4, 3))
    x[2, 1] = value
    with pytest.raises(ValueError, match=r"x\[2, 1\] = .* is not a state of the mirrors"):
        check_ternary(x, components=3)


def test_vectors_of_the_wrong_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"x must have shape \(vector, 3\), got \(4, 5\)"):
        check_ternary(np.zeros((4, 5)), components=3)
