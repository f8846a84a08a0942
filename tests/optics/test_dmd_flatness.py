"""Flatness of the chip: Zernike terms, heights on mirror positions, phases, and what they cost a macropixel."""

import math
from dataclasses import replace

import numpy as np
import pytest

from optics import Dmd, MacropixelLayout, macropixel_amplitudes, reflection_phase, surface_height, zernike
from optics.mirrors.flatness import noll_indices

DMD = Dmd(rows=140, columns=111, pitch=8e-6)
NOLL = [(0, 0), (1, 1), (1, -1), (2, 0), (2, -2), (2, 2), (3, -1), (3, 1), (3, -3), (3, 3),
        (4, 0), (4, 2), (4, -2), (4, 4), (4, -4), (5, 1), (5, -1), (5, 3), (5, -3), (5, 5), (5, -5)]  # fmt: skip


def disc() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (y, x) and weights of a quadrature that is exact on the disc to degree 40: Gauss in r^2, even in angle."""
    nodes, weights = np.polynomial.legendre.leggauss(21)
    radius, angle = np.sqrt((nodes + 1) / 2), 2 * np.pi * np.arange(64) / 64
    y, x = np.outer(radius, np.sin(angle)), np.outer(radius, np.cos(angle))
    return y, x, np.repeat(weights[:, np.newaxis] / 2, 64, axis=1) / 64


def test_terms_are_in_the_order_of_noll() -> None:
    # Noll's Table I: even terms are cosines, odd ones sines.
    assert [noll_indices(term) for term in range(1, 22)] == NOLL
    with pytest.raises(ValueError, match="term = 0 is not allowed: it must be at least 1"):
        noll_indices(0)


def test_low_terms_are_the_polynomials_of_the_table() -> None:
    y, x, _ = disc()
    square = x**2 + y**2
    table = {1: 1 + 0 * x, 2: 2 * x, 3: 2 * y, 4: math.sqrt(3) * (2 * square - 1), 5: math.sqrt(6) * 2 * x * y,
             6: math.sqrt(6) * (x**2 - y**2), 7: math.sqrt(8) * (3 * square - 2) * y,
             8: math.sqrt(8) * (3 * square - 2) * x, 11: math.sqrt(5) * (6 * square**2 - 6 * square + 1)}  # fmt: skip
    for term, expected in table.items():
        assert zernike(term, y=y, x=x) == pytest.approx(expected, abs=1e-13)


def test_terms_are_orthonormal_over_the_disc() -> None:
    y, x, weights = disc()
    terms = np.array([zernike(term, y=y, x=x).ravel() for term in range(1, 67)])  # to degree 10, products to 20
    assert terms * weights.ravel() @ terms.T == pytest.approx(np.eye(66), abs=1e-12)


@pytest.mark.parametrize("staggered", [False, True])
def test_height_follows_the_positions_of_the_mirrors(staggered: bool) -> None:
    dmd = replace(DMD, staggered=staggered, flatness=(1e-7, 0.0, 3e-7, 2e-7))
    positions = dmd.mirror_positions()
    radius = np.max(np.linalg.norm(positions, axis=-1))
    y = positions[..., 0] / radius
    expected = 1e-7 + 3e-7 * 2 * y + 2e-7 * math.sqrt(3) * (2 * np.sum(positions**2, axis=-1) / radius**2 - 1)
    assert surface_height(dmd) == pytest.approx(expected, abs=1e-18)
    assert surface_height(dmd, coefficients=(0.0, 5e-8)) == pytest.approx(1e-7 * positions[..., 1] / radius, abs=1e-18)


def test_a_flat_chip_has_no_height() -> None:
    assert not surface_height(DMD).any()
    assert surface_height(DMD).shape == (140, 111)


def test_a_step_of_half_a_wavelength_is_a_whole_period_back() -> None:
    # Along the normal the path shortens by twice the height; obliquely by h (cos a + cos b).
    assert reflection_phase(266e-9, wavelength=532e-9, incidence_cosine=1.0) == pytest.approx(-2 * np.pi)
    assert reflection_phase(1e-7, wavelength=532e-9, incidence_cosine=0.8) == pytest.approx(
        -4 * np.pi * 1e-7 * 0.8 / 532e-9
    )


def test_the_phase_is_that_of_the_change_of_direction() -> None:
    # A point that moves by h along the normal sends exp(i k (i - o) . r) with r = (0, 0, h).
    incident, leaving = np.array([0.3, -0.4, -math.sqrt(0.75)]), np.array([-0.1, 0.2, math.sqrt(0.95)])
    expected = 2 * np.pi / 600e-9 * (incident - leaving) @ [0, 0, 5e-8]
    found = reflection_phase(5e-8, wavelength=600e-9, incidence_cosine=math.sqrt(0.75), exit_cosine=math.sqrt(0.95))
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("term", [4, 6, 8, 11])
def test_strehl_ratio_of_a_small_aberration_is_an_exponential(term: int) -> None:
    # |<exp(i phi)>|^2 = exp(-sigma^2) to second order; the next terms are (skewness of phi)^2 / 36 sigma^6 and the
    # excess kurtosis / 12 sigma^4, below 1.7e-4 at sigma = 0.2 with an excess of 1.2 at most among these terms.
    y, x, weights = disc()
    height = 0.2 * 532e-9 / (4 * np.pi * 0.9) * zernike(term, y=y, x=x)
    phase = reflection_phase(height, wavelength=532e-9, incidence_cosine=0.9)
    strehl = abs(np.sum(weights * np.exp(1j * phase))) ** 2
    assert strehl == pytest.approx(math.exp(-0.04), abs=2e-4)


def test_a_macropixel_keeps_its_strehl_ratio_and_its_phase() -> None:
    layout = MacropixelLayout(block_rows=20, block_columns=15, grid_rows=7, grid_columns=7)
    bowl = replace(DMD, flatness=(0.0, 0.0, 0.0, 3e-8))
    phase = reflection_phase(surface_height(bowl), wavelength=532e-9, incidence_cosine=1.0)
    owners = layout.mirror_inputs(bowl)
    found = macropixel_amplitudes(phase, owners=owners)
    for component in (0, 10, 24, 48):
        own = phase[owners == component]
        assert np.angle(found[component]) == pytest.approx(own.mean(), abs=own.std() ** 3 + 1e-12)
        assert abs(found[component]) ** 2 == pytest.approx(math.exp(-(own.std() ** 2)), abs=own.std() ** 4)
    # The slope of a bowl grows outwards: the corner loses light, the centre does not.
    assert abs(found[0]) < abs(found[10]) < abs(found[24])
    assert np.all(np.abs(found) <= 1)


def test_a_tilt_across_one_macropixel_gives_a_sinc() -> None:
    # A phase that runs evenly through D radians over n mirrors sums to sin(D/2 n/(n-1) ...) = Dirichlet's kernel.
    step, mirrors = 0.3, 15
    phase = np.broadcast_to(step * np.arange(mirrors), (4, mirrors))
    found = macropixel_amplitudes(phase, owners=np.zeros((4, mirrors), int))
    assert abs(found[0]) == pytest.approx(math.sin(mirrors * step / 2) / (mirrors * math.sin(step / 2)))


def test_what_fits_no_macropixel_is_named() -> None:
    with pytest.raises(ValueError, match=r"must have one shape, got \(2, 3\) and \(3, 2\)"):
        macropixel_amplitudes(np.zeros((2, 3)), owners=np.zeros((3, 2), int))
    with pytest.raises(ValueError, match="1 macropixels of 2 have no mirror"):
        macropixel_amplitudes(np.zeros((2, 3)), owners=np.ones((2, 3), int))
    with pytest.raises(ValueError, match="coefficients must be one row"):
        surface_height(DMD, coefficients=np.zeros((2, 2)))
    with pytest.raises(ValueError, match="incidence_cosine = 1.1 is not allowed"):
        reflection_phase(0.0, wavelength=532e-9, incidence_cosine=1.1)
