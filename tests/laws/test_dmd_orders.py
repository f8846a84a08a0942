"""Laws L32, L33, L34 (what diffraction leaves) and L39: orders and blaze of a mirror array, its modes."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import eigvalsh
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from optics import (
    Dmd,
    blaze_incidence,
    blaze_number,
    blaze_wavelength,
    diffraction_contrast,
    diffraction_orders,
    in_plane_incidence,
    load_dmd,
    modes_of_band,
    modes_of_etendue,
    order_direction,
    order_efficiency,
)
from optics.mirrors.blaze import in_plane_order
from optics.mirrors.orders import Orders
from tests.optics.rigid_mirror import NORMAL, amplitude, mirror_points, scattering_vector

GREEN, RED = 532e-9, 633e-9
LARGE = Dmd(rows=6, columns=7, pitch=13.68e-6)
SMALL = Dmd(rows=6, columns=7, pitch=7.6e-6, fill_factor=0.92)
GEOMETRIES = [
    replace(SMALL, staggered=staggered, tilt_axis=axis, tilt_angle=math.radians(tilt))
    for staggered, (axis, tilt) in itertools.product((False, True), (("corner", 12), ("edge", 17)))
]
NAMES = [f"{'diamond' if dmd.staggered else 'square'}-{dmd.tilt_axis}" for dmd in GEOMETRIES]


def rigid_efficiencies(dmd: Dmd, orders: Orders, incidence: np.ndarray, *, wavelength: float) -> np.ndarray:
    """Efficiencies of the propagating orders by the oracle."""
    points = mirror_points(dmd, tilt=dmd.tilt_angle)
    vectors = [scattering_vector(incidence, direction) for direction in orders.directions[orders.propagating]]
    amplitudes = np.array([amplitude(points, vector, wavelength=wavelength) for vector in vectors])
    return np.asarray(dmd.reflectivity * dmd.fill_factor**2 * np.abs(amplitudes) ** 2)


@pytest.mark.parametrize(("order", "wavelength"), [(5, 786.891e-9), (6, 655.742e-9), (7, 562.065e-9)])
def test_l32_blaze_wavelengths_of_a_large_mirror(order: int, wavelength: float) -> None:
    # Figures of the physics notes, to their last digit.
    found = blaze_wavelength(LARGE, incidence_angle=math.radians(24), order=order)
    assert found == pytest.approx(wavelength, abs=0.5e-12)


def test_l32_blaze_number_of_a_large_mirror_in_green() -> None:
    assert blaze_number(LARGE, incidence_angle=math.radians(24), wavelength=GREEN) == pytest.approx(7.396, abs=5e-4)


def test_l32_arc_tangents_of_projected_angles_would_be_noticed() -> None:
    # The shortcut of one-dimensional models: angles projected on the edge of a mirror. It is 2 % off in wavelength
    # (803.5 nm in the notes) and, taken for the order that leaves along the normal, 4.412 % off in the blaze number.
    alpha, theta = (math.atan(math.tan(math.radians(angle)) / math.sqrt(2)) for angle in (24, 12))
    shortcut = LARGE.pitch * (math.sin(alpha) + math.sin(2 * theta - alpha))
    assert shortcut / 5 == pytest.approx(803.5e-9, abs=0.05e-9)
    assert blaze_wavelength(LARGE, incidence_angle=math.radians(24), order=5) < 0.98 * shortcut / 5
    number = LARGE.pitch * math.sin(alpha) / GREEN
    exact = blaze_number(LARGE, incidence_angle=math.radians(24), wavelength=GREEN)
    assert number / exact - 1 == pytest.approx(0.04412, abs=5e-6)


@pytest.mark.parametrize("dmd", GEOMETRIES, ids=NAMES)
def test_l32_a_rigid_mirror_is_brightest_at_the_blaze_wavelength(dmd: Dmd) -> None:
    # At the blaze every point of a mirror is in phase, so the oracle peaks there: within half a step of its grid.
    incidence = in_plane_incidence(dmd, incidence_angle=math.radians(29))
    blazed = blaze_wavelength(dmd, incidence_angle=math.radians(29), order=4)
    step, order = 0.05e-9, in_plane_order(dmd, order=4)
    points, power = mirror_points(dmd, tilt=dmd.tilt_angle), []
    grid = round(blazed / step) * step + step * np.arange(-60, 61)
    for wavelength in grid:
        direction = order_direction(dmd, order=order, incidence=incidence, wavelength=wavelength)
        power.append(abs(amplitude(points, scattering_vector(incidence, direction), wavelength=wavelength)) ** 2)
    assert grid[np.argmax(power)] == pytest.approx(blazed, abs=0.51 * step)
    assert max(power) == pytest.approx(1, abs=1e-4)  # step / (2 blazed) of 4 orders: (pi 4e-4)^2 / 3 < 1e-6


@pytest.mark.parametrize("dmd", GEOMETRIES, ids=NAMES)
@pytest.mark.parametrize("aside", [(0.0, 0.0), (0.03, -0.05)])
def test_l32_efficiencies_are_those_of_a_rigid_mirror(dmd: Dmd, aside: tuple[float, float]) -> None:
    incidence = in_plane_incidence(dmd, incidence_angle=2 * dmd.tilt_angle) + aside
    orders = diffraction_orders(dmd, incidence=incidence, wavelength=GREEN)
    exact = rigid_efficiencies(dmd, orders, incidence, wavelength=GREEN)
    # Seen from the order, the tilted outline scales the distance x from the centre by a relative change of at most
    # 1 - cos(tilt) + sin(tilt) tan(exit); |x d sinc^2(x) / dx| is at most 0.84. Two axes at most share it.
    sine = np.minimum(np.linalg.norm(orders.directions[orders.propagating], axis=1), 0.99)
    change = 1 - math.cos(dmd.tilt_angle) + math.sin(dmd.tilt_angle) * np.tan(np.arcsin(sine))
    assert np.all(np.abs(orders.efficiency[orders.propagating] - exact) <= 0.84 * dmd.fill_factor**2 * change + 1e-4)
    assert orders.strongest == tuple(int(index[orders.propagating][np.argmax(exact)]) for index in (orders.m, orders.n))


@pytest.mark.parametrize("dmd", GEOMETRIES, ids=NAMES)
def test_l32_orders_are_where_all_mirrors_add_up(dmd: Dmd) -> None:
    # A sum over the mirrors where they stand, on the positions that layouts use: N at an order, and away from one no
    # more than the sum over one line of mirrors, 1 / |sin(half a step of phase)|, along either direction.
    incidence = np.array([0.11, -0.37])
    orders = diffraction_orders(dmd, incidence=incidence, wavelength=RED)
    positions = dmd.mirror_positions().reshape(-1, 2)
    sums = np.exp(2j * np.pi / RED * (orders.directions[orders.propagating] - incidence) @ positions.T).sum(axis=1)
    assert np.abs(sums) == pytest.approx(dmd.mirrors, rel=1e-9)
    between = np.exp(2j * np.pi / RED * (orders.directions[:50] + 0.4 * RED / dmd.pitch - incidence) @ positions.T)
    assert np.all(np.abs(between.sum(axis=1)) < 0.6 * dmd.mirrors)


@pytest.mark.parametrize("dmd", GEOMETRIES, ids=NAMES)
def test_l32_there_is_one_order_a_cell_of_the_reciprocal_lattice(dmd: Dmd) -> None:
    # Propagating orders fill the unit disc, one to an area (wavelength / pitch)^2; Gauss' circle problem leaves less
    # than the cells that the edge crosses, 2 pi sqrt(2) pitch / wavelength.
    orders = diffraction_orders(dmd, incidence=[0.2, 0.1], wavelength=GREEN)
    ratio = dmd.pitch / GREEN
    assert orders.propagating.sum() == pytest.approx(math.pi * ratio**2, abs=2 * math.pi * math.sqrt(2) * ratio)


def test_l32_an_antiblazed_chip_shares_among_four_orders() -> None:
    # Halfway between orders 7 and 8 each of four carries sinc(1/2)^4 = 0.1643; the rigid mirror says 0.172.
    wavelength = blaze_wavelength(LARGE, incidence_angle=math.radians(24), order=15) * 2
    incidence = in_plane_incidence(LARGE, incidence_angle=math.radians(24))
    four = [
        order_efficiency(LARGE, order=order, incidence=incidence, wavelength=wavelength)
        for order in itertools.product((7, 8), repeat=2)
    ]
    assert four == pytest.approx([(2 / math.pi) ** 4] * 4, rel=1e-9)
    orders = diffraction_orders(LARGE, incidence=incidence, wavelength=wavelength)
    exact = np.sort(rigid_efficiencies(LARGE, orders, incidence, wavelength=wavelength))[-4:].mean()
    assert exact == pytest.approx(0.172, abs=0.001)


@pytest.mark.parametrize("state", ["on", "off", "flat"])
@pytest.mark.parametrize("dmd", GEOMETRIES, ids=NAMES)
def test_l32_all_orders_sum_to_fill_factor_times_reflectivity(dmd: Dmd, state: str) -> None:
    metal = replace(dmd, reflectivity=0.88)
    orders = diffraction_orders(metal, incidence=[-0.21, -0.3], wavelength=RED, state=state, reach=400)
    missing = 0.92 * 0.88 - orders.efficiency.sum()
    assert orders.total == pytest.approx(0.92 * 0.88, rel=1e-12)
    assert 0 < missing <= orders.tail_bound < 1e-3
    # On average sin^2 is a half of the bound's one; it hardly depends on where the centre is.
    assert missing == pytest.approx(orders.tail_bound / 2, rel=0.3)


@pytest.mark.parametrize("wavelength", [GREEN, RED])
@pytest.mark.parametrize("part", ["dlp4500", "dlp7000", "dlp9500", "dlp9000"])
def test_l32_propagating_orders_carry_nearly_all(part: str, wavelength: float) -> None:
    full = replace(load_dmd(part), fill_factor=1.0, reflectivity=1.0)
    orders = diffraction_orders(full, incidence=in_plane_incidence(full, incidence_angle=math.radians(24)),
                                wavelength=wavelength)  # fmt: skip
    # The notes say 0.967 to 0.997 of all devices and colours that they tried.
    assert 0.9665 <= orders.propagating_power <= 0.9985
    assert orders.remainder == pytest.approx(1 - orders.propagating_power)
    assert 0 <= orders.remainder <= 2 * orders.tail_bound  # the disc of orders lacks the corners of the listed square


def test_l32_blazed_order_carries_the_square_of_the_fill_factor() -> None:
    dmd = replace(SMALL, fill_factor=0.96**2)
    wavelength = blaze_wavelength(dmd, incidence_angle=math.radians(24), order=4)
    incidence = in_plane_incidence(dmd, incidence_angle=math.radians(24))
    found = order_efficiency(dmd, order=(4, 4), incidence=incidence, wavelength=wavelength)
    assert found == pytest.approx(0.849347, abs=5e-7)


@pytest.mark.parametrize("dmd", [*GEOMETRIES, LARGE], ids=[*NAMES, "large"])
@pytest.mark.parametrize("wavelength", [GREEN, RED])
@pytest.mark.parametrize("order", [3, 4, 5])
def test_l32_blaze_angles_agree_with_the_exact_condition(dmd: Dmd, wavelength: float, order: int) -> None:
    # The exact condition by rotations in the plane of the tilt (x along it): reflect the travelling wave off the
    # turned mirror and compare with the grating equation; solved by bisection to 1e-14.
    spacing = dmd.pitch / (math.sqrt(2) if dmd.tilt_axis == "corner" else 1)
    turn = Rotation.from_rotvec([0, dmd.tilt_angle, 0])

    def mismatch(angle: float) -> float:
        travel = np.array([-math.sin(angle), 0, -math.cos(angle)])
        local = turn.inv().apply(travel)
        reflected = turn.apply(local * [1, 1, -1])
        return float(reflected[0] - travel[0] - order * wavelength / spacing)

    half_angle = math.pi / 2 - dmd.tilt_angle  # to grazing
    if mismatch(dmd.tilt_angle) < 0 or mismatch(math.pi / 2) > 0:
        with pytest.raises(ValueError, match="no angle blazes order|beyond grazing"):
            blaze_incidence(dmd, wavelength=wavelength, order=order)
        return
    expected = [brentq(mismatch, dmd.tilt_angle, dmd.tilt_angle + side * half_angle, xtol=1e-14) for side in (-1, 1)]
    assert blaze_incidence(dmd, wavelength=wavelength, order=order) == pytest.approx(expected, abs=1e-9)


def test_l33_a_random_pattern_splits_into_dc_and_halo(rng: np.random.Generator) -> None:
    # In the direction of an order all mirrors of a staggered array add up: D^2 of the power of all mirrors on, plus
    # its share D (1 - D) / N of the halo. In other directions the halo alone, D (1 - D) / N in units of the same.
    dmd = replace(SMALL, rows=60, columns=50, staggered=True)
    incidence = in_plane_incidence(dmd, incidence_angle=math.radians(24))
    blazed = order_direction(dmd, order=(4, 4), incidence=incidence, wavelength=GREEN)
    positions = dmd.mirror_positions().reshape(-1, 2)
    for duty in (0.5, 0.25):
        frames = rng.random((400, dmd.mirrors)) < duty
        beside = blazed + rng.uniform(0.2, 0.8, (40, 2)) * GREEN / dmd.pitch / math.sqrt(2)
        phasors = np.exp(-2j * np.pi / GREEN * (np.vstack([blazed, beside]) - incidence) @ positions.T)
        power = np.abs(frames @ phasors.T) ** 2 / dmd.mirrors**2
        noise = 4 * 2 * duty * math.sqrt(duty * (1 - duty) / dmd.mirrors / 400)  # 4 SEM of the square of a mean
        assert power[:, 0].mean() == pytest.approx(duty**2 + duty * (1 - duty) / dmd.mirrors, abs=noise)
        # A uniform frame leaves at most (2 / sin)^2 / N^2 there. 16 000 exponential values, neighbours correlated.
        halo = duty * (1 - duty) / dmd.mirrors
        assert power[:, 1:].mean() == pytest.approx(halo, rel=4 / math.sqrt(400 * 10) + 0.02)


@pytest.mark.parametrize(
    ("dmd", "order", "degrees", "spread", "excess"),
    [
        (replace(LARGE, fill_factor=0.92), (7, 7), 12.0, 0.5, 1.3),
        (replace(SMALL, tilt_axis="edge"), (0, 8), 17.0, 1.5, 1.33),
    ],
    ids=["corner", "edge"],
)
def test_l34_diffraction_leaves_the_stated_contrast(
    dmd: Dmd, order: tuple[int, int], degrees: float, spread: float, excess: float
) -> None:
    # Rigid mirrors, tilts that sweep the order over a side lobe of the off mirrors. The bound holds; the least contrast
    # exceeds it by the outline that the envelope leaves out: off mirrors lie farther away, by 1.074 at 12 degrees
    # (to the fourth power, two axes) and by 1.154 at 17 degrees (squared, one axis): q . e over its part in the chip.
    ratios = []
    for tilt in np.radians(np.linspace(degrees - spread, degrees + spread, 61)):
        tilted = replace(dmd, tilt_angle=float(tilt))
        incidence = in_plane_incidence(tilted, incidence_angle=math.radians(2 * degrees))
        direction = order_direction(tilted, order=order, incidence=incidence, wavelength=GREEN)
        vector = scattering_vector(incidence, direction)
        on, off = (
            abs(amplitude(mirror_points(tilted, tilt=sign * tilt, points=128), vector, wavelength=GREEN)) ** 2
            for sign in (1, -1)
        )
        ratios.append(on / off / diffraction_contrast(tilted, order=order, incidence=incidence, wavelength=GREEN))
    assert min(ratios) == pytest.approx(excess, abs=0.1)


def test_l39_samples_in_a_band_have_twice_width_times_number_modes() -> None:
    samples, half = 200, 0.1
    modes = modes_of_band(samples=samples, half_bandwidth=half)
    assert modes == 40
    lags = np.subtract.outer(np.arange(samples), np.arange(samples))
    eigenvalues = eigvalsh(2 * half * np.sinc(2 * half * lags))
    assert eigenvalues.sum() == pytest.approx(modes, abs=1e-9)
    assert np.sum(eigenvalues > 0.5) == pytest.approx(modes, abs=1)  # Slepian: 2 W n +- 1


def test_l39_modes_of_a_mirror_area_through_a_disc_pupil() -> None:
    # 1 mm^2, NA 0.1, 532 nm: 1.11e5 in the physics notes.
    assert modes_of_etendue(area=1e-6, numerical_aperture=0.1, wavelength=GREEN) == pytest.approx(1.11e5, rel=0.001)
    # A 40 x 30 um^2 patch, sampled at 1 um, through NA 0.15: the operator that sums plane waves over the pupil.
    height, width, aperture = 30, 40, 0.15
    expected = modes_of_etendue(area=height * width * 1e-12, numerical_aperture=aperture, wavelength=GREEN)
    y, x = (axis.ravel() * 1e-6 for axis in np.meshgrid(np.arange(height), np.arange(width), indexing="ij"))
    cosines = (np.arange(-60, 60) + 0.5) / 60 * aperture
    disc = np.stack(np.meshgrid(cosines, cosines), axis=-1).reshape(-1, 2)
    disc = disc[np.hypot(*disc.T) < aperture]
    waves = np.exp(2j * np.pi / GREEN * (np.outer(y, disc[:, 0]) + np.outer(x, disc[:, 1])))
    cell = (aperture / 60 / GREEN) ** 2 * 1e-12  # of the pupil, in cycles^2 per metre^2, times the area of a sample
    eigenvalues = eigvalsh(waves @ waves.conj().T * cell)
    # The trace counts 11 300 cells of the pupil; Gauss' circle problem leaves some 15 of them.
    assert eigenvalues.sum() == pytest.approx(expected, rel=0.003)
    # The edge: eigenvalues between 1 % and 99 % lie along the perimeter, and fall on either side of the number.
    assert np.sum(eigenvalues > 0.5) == pytest.approx(
        expected, abs=0.25 * np.sum((eigenvalues > 0.01) & (eigenvalues < 0.99))
    )
    assert np.all(eigenvalues < 1.01)


def test_the_oracle_reflects_where_a_mirror_reflects() -> None:
    # Of the oracle itself: a flat mirror is in phase in the mirror direction.
    points = mirror_points(LARGE, tilt=0.0)
    assert points @ NORMAL == pytest.approx(0, abs=1e-20)
    vector = scattering_vector(np.array([0.2, 0.1]), np.array([0.2, 0.1]))
    assert abs(amplitude(points, vector, wavelength=GREEN)) == pytest.approx(1, rel=1e-12)
