"""Laws L34 and L35 on the bench: what beam profile, off-state light and padding do to projections."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import erf, hyp2f1

from calibration import AnchorProjector, cosine
from calibration.fidelities.expected import anchor_gain_fidelity, uneven_light_fidelity
from optics import BenchDescription, Dmd, Laser, MacropixelLayout, SimulatedBench, input_light, mirror_share


def wide(description: BenchDescription, **changes: object) -> BenchDescription:
    """A bench with 1200 pixels and next to no camera noise, whose mirrors are macropixels of 4 x 3."""
    camera = replace(
        description.camera, rows=60, columns=50, bits=16, gain=0.01, read_noise=0.5, full_well=6e6, black_level=10.0
    )
    return replace(
        description, camera=camera, laser=replace(description.laser, power=0.5), **changes
    )  # fmt: skip


def test_l35_effective_inputs_under_a_gaussian_beam() -> None:
    # Macropixels of one mirror: amplitude weights exp(-r^2 / w^2), N_eff = (sum a^2)^2 / sum a^4 = pi w^2 / p^2.
    dmd = Dmd(rows=91, columns=100, pitch=10e-6)
    single = MacropixelLayout(block_rows=1, block_columns=1, grid_rows=91, grid_columns=100)
    light = input_light(Laser(wavelength=500e-9, power=1e-3, beam_radius=150e-6), dmd, single)
    power = np.abs(light.switched[:-1]) ** 2
    # A beam of 15 mirrors on 91: what misses the array is exp(-2 (45.5 / 15)^2) = 1e-8 of it; rounding to 2^-18.
    assert power.sum() ** 2 / np.sum(power**2) == pytest.approx(np.pi * 15**2, rel=1e-4)
    assert light.photons_on.sum() == pytest.approx(1e-3 / 3.972891715e-19, rel=1e-4)


def test_a_beam_that_is_wider_than_the_array_loses_light() -> None:
    laser = Laser(wavelength=500e-9, power=1e-3, beam_radius=1e-3, beam_y=2e-4)
    share = mirror_share(laser, Dmd(rows=50, columns=80, pitch=10e-6))
    # The integral of the Gaussian over the rectangle: a product of error functions.
    edge = np.sqrt(2) / 1e-3
    across = erf(edge * 400e-6)
    along = (erf(edge * (250e-6 + 2e-4)) + erf(edge * (250e-6 - 2e-4))) / 2
    assert share.sum() == pytest.approx(across * along, rel=1e-4)
    assert share[0].sum() > share[-1].sum() * 0.5
    assert share[-1].sum() > share[0].sum()  # y grows with the row, and so does the light


@pytest.mark.parametrize("radius", [150e-6, 250e-6, 500e-6])
def test_l35_uneven_illumination_costs_the_stated_cosine(
    description: BenchDescription, rng: np.random.Generator, radius: float
) -> None:
    even = wide(description, dmd=replace(description.dmd, contrast_ratio=np.inf))
    lit = replace(even, laser=replace(even.laser, beam_radius=radius, power=0.2))
    projector = AnchorProjector(SimulatedBench(lit, seed=2), components=40, outputs=2000)
    x = rng.choice([-1, 0, 1], size=(60, 40))
    found = projector.project(x).value
    # The same medium under even light, phases of the anchor as the bench has them.
    light = projector.bench.truth.light
    matrix = SimulatedBench(even, seed=2).truth._medium.matrix(0.0)[projector.calibration.outputs]
    scheme = projector.calibration.scheme
    anchor = matrix[:, :-1] @ scheme.anchor_states
    ideal = x @ (anchor.conj()[:, None] * matrix[:, :40] / np.abs(anchor)[:, None]).real.T
    measured = float(np.nanmean(cosine(found, ideal)))
    law = uneven_light_fidelity(light.switched[:40], light.switched[:-1][scheme.anchor_states], kept=2000 / 3000)
    assert law < 0.9999
    # Means over 60 vectors of about 27 random components: the weights that happen to be on scatter.
    scatter = np.nanstd(cosine(found, ideal)) / np.sqrt(60)
    assert measured == pytest.approx(law, abs=4 * scatter + 0.002)


@pytest.mark.parametrize("contrast", [100.0, 500.0, 5000.0])
def test_l34_off_state_light_costs_the_stated_cosine(
    description: BenchDescription, rng: np.random.Generator, contrast: float
) -> None:
    leaky = wide(description, dmd=replace(description.dmd, contrast_ratio=contrast))
    projector = AnchorProjector(SimulatedBench(leaky, seed=3), components=30, outputs=2000)
    x = rng.choice([-1, 0, 1], size=(60, 30))
    found = projector.project(x).value
    scheme, light = projector.calibration.scheme, projector.bench.truth.light
    matrix = projector.bench.truth._medium.matrix(0.0)[projector.calibration.outputs, :-1]
    anchor = matrix @ scheme.anchor_states
    ideal = x @ (anchor.conj()[:, None] * matrix[:, :30] / np.abs(anchor)[:, None]).real.T
    measured = float(np.nanmean(cosine(found, ideal)))
    law = anchor_gain_fidelity(light, scheme.anchor_states, kept=2000 / 3000)
    # The gains of 2000 rows are one draw: their cosine scatters by about (1 - cos) sqrt(8 / 2000); noise costs 1e-4.
    assert measured == pytest.approx(law, abs=4 * (1 - law) * np.sqrt(8 / 2000) + 5e-4)
    assert law < 1 - 0.02 * 100 / contrast


def test_padding_that_is_held_on_is_static_light(description: BenchDescription) -> None:
    dark = wide(description, dmd=replace(description.dmd, contrast_ratio=np.inf))
    held = replace(dark, layout=replace(dark.layout, padding_on=True))
    off, on = (SimulatedBench(bench, seed=4).truth for bench in (dark, held))
    nothing = np.zeros((1, 63), np.bool_)
    assert not np.any(off.intensity(nothing))
    unused = 40 * 50 - 63 * 20
    expected = held.laser.photon_rate * 0.5 * unused / 2000 * held.medium.collected_fraction
    # 3000 pixels of speckle: their mean has a relative standard error of 1 / sqrt(3000).
    assert on.intensity(nothing).sum() == pytest.approx(expected, rel=4 / np.sqrt(3000))


def test_uneven_amplitudes_give_the_same_bits_in_any_batch(
    description: BenchDescription, rng: np.random.Generator
) -> None:
    lit = replace(description, laser=replace(description.laser, beam_radius=200e-6))
    states = rng.random((9, 63)) < 0.5
    truth = SimulatedBench(lit, seed=5).truth
    whole = truth.field(states)
    parts = np.concatenate([truth.field(states[k : k + 2]) for k in range(0, 9, 2)])
    assert np.array_equal(parts, whole)
    by_hand = (
        truth._medium.matrix(0.0).astype(complex)
        @ (np.pad(states, ((0, 0), (0, 1))) * truth.light.switched + truth.light.static).T
    )
    assert pytest.approx(by_hand, rel=1e-5, abs=1e-6 * np.abs(by_hand).max()) == whole.reshape(9, -1).T


@pytest.mark.parametrize(("stuck_on", "stuck_off", "dead"), [(0.0, 0.01, 0.0), (0.01, 0.0, 0.0), (0.004, 0.003, 0.003)])
def test_stuck_mirrors_cost_the_stated_cosine(
    description: BenchDescription, rng: np.random.Generator, stuck_on: float, stuck_off: float, dead: float
) -> None:
    # Macropixels of 20 mirrors: stuck ones make the components uneven; those stuck on are static light besides.
    perfect = wide(description, dmd=replace(description.dmd, contrast_ratio=1000.0))
    faulty = replace(perfect, dmd=replace(perfect.dmd, stuck_on=stuck_on, stuck_off=stuck_off, dead=dead))
    bench = SimulatedBench(faulty, seed=7)
    projector = AnchorProjector(bench, components=40, outputs=2000)
    x = rng.choice([-1, 0, 1], size=(80, 40))
    found = projector.project(x).value
    scheme, light = projector.calibration.scheme, bench.truth.light
    matrix = bench.truth._medium.matrix(0.0)[projector.calibration.outputs, :-1]
    anchor = matrix @ scheme.anchor_states
    ideal = x @ (anchor.conj()[:, None] * matrix[:, :40] / np.abs(anchor)[:, None]).real.T
    each = cosine(found, ideal)
    lit = light.switched[:-1]
    uneven = uneven_light_fidelity(lit[:40], lit[scheme.anchor_states], kept=2000 / 3000)
    law = uneven * anchor_gain_fidelity(light, scheme.anchor_states, kept=2000 / 3000)
    lost = stuck_on + stuck_off + dead
    # The closed form over all draws of the mirrors, 40 macropixels being one of them: 1 - cos scatters by sqrt(2 / 40).
    assert uneven == pytest.approx(
        1 / np.sqrt(1 + lost / (20 * (1 - lost))), abs=4 * lost / 40 * np.sqrt(2 / 40) + 1e-4
    )
    assert float(np.nanmean(each)) == pytest.approx(law, abs=4 * (1 - law) * np.sqrt(8 / 2000) + 1e-3)
    assert law < 0.9995


def test_flatness_turns_and_weakens_macropixels(description: BenchDescription) -> None:
    # Defocus of 30 nm rms: exp(-sigma^2) of the light in each macropixel, sigma the rms of its own phase.
    bent = replace(description.dmd, flatness=(0.0, 0.0, 0.0, 30e-9))
    flat = input_light(description.laser, description.dmd, description.layout).switched[:-1]
    found = input_light(description.laser, bent, description.layout).switched[:-1]
    positions = description.dmd.mirror_positions()
    radius = np.hypot(positions[..., 0], positions[..., 1])
    height = 30e-9 * np.sqrt(3) * (2 * (radius / radius.max()) ** 2 - 1)
    phase = -2 * np.pi / 500e-9 * height * (1 + np.cos(2 * bent.tilt_angle))
    owner = description.layout.mirror_inputs(description.dmd)
    by_hand = np.array([np.exp(1j * phase[owner == k]).mean() for k in range(63)])
    assert found / flat == pytest.approx(by_hand, abs=1e-5)
    assert np.ptp(np.angle(found)) > 0.5


@pytest.mark.parametrize("flatness", [(90e-9,), (0.0, 25e-9), (0.0, 0.0, 0.0, 60e-9), (0.0, 0.0, 20e-9, 10e-9)])
def test_flatness_costs_the_stated_cosine(
    description: BenchDescription, rng: np.random.Generator, flatness: tuple[float, ...]
) -> None:
    flat = wide(description, dmd=replace(description.dmd, contrast_ratio=np.inf))
    bent = replace(flat, dmd=replace(flat.dmd, flatness=flatness))
    states = np.arange(63) >= 45
    found = SimulatedBench(bent, seed=3).truth.linear_map(states)[:, :40]
    even = SimulatedBench(flat, seed=3).truth.linear_map(states)[:, :40]
    light = input_light(bent.laser, bent.dmd, bent.layout).switched[:-1]
    law = uneven_light_fidelity(light[:40], light[states])
    # Columns are alike: the cosine over 3000 rows of all 40 columns has a standard error of about 1 / sqrt(3000).
    measured = np.sum(found * even) / np.sqrt(np.sum(found**2) * np.sum(even**2))
    assert measured == pytest.approx(law, abs=4 / np.sqrt(3000))
    if len(flatness) == 1:
        assert law == pytest.approx(1, abs=1e-6)  # piston moves the anchor with the components
    else:
        assert law < 0.97


@pytest.mark.parametrize("correlation", [0.2, 0.7, 0.97])
def test_phase_between_correlated_fields_has_its_mean_cosine(correlation: float) -> None:
    # Over all pixels the mean cosine has a closed form; two macropixels out of phase give any correlation.
    turn = np.arccos(correlation)
    anchor = np.array([1.0, np.exp(2j * turn)])
    law = np.pi / 4 * correlation * hyp2f1(0.5, 0.5, 2, correlation**2)
    assert uneven_light_fidelity(np.full(5, np.exp(1j * turn)), anchor) == pytest.approx(law, rel=1e-6)
