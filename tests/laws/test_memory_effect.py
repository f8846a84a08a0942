"""Memory effects: a stack of screens follows its own forward law, a diffusive slab [x / sinh x]^2 (L17) and L18."""

import math

import numpy as np
import pytest

from optics.media import MediumSite
from optics.media.diffusive_slab import DiffusiveSlabDescription
from optics.media.multislice_description import MultisliceDescription
from optics.media.phase_screens import draw_phase_screen, forward_memory
from optics.media.slab_statistics import diffusive_field_correlation

WAVELENGTH = 500e-9
K = 2 * math.pi / WAVELENGTH
SEEDS = 24


def grid_positions(rows: int, columns: int) -> np.ndarray:
    axes = [np.arange(size, dtype=np.float64) - size // 2 for size in (rows, columns)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


@pytest.mark.parametrize(("screens", "strength", "beyond"), [(3, 1.0, 0.0), (2, 2.0, 0.0), (3, 0.7, 90e-6)])
def test_l17_screens_follow_their_forward_scattering_law(screens: int, strength: float, beyond: float) -> None:
    description = MultisliceDescription(
        collected_fraction=1.0, grid_rows=96, grid_columns=128, spacing=1e-6, input_pitch=1e-6, screens=screens,
        strength=strength, correlation_length=5e-6, gap=120e-6, exit_distance=beyond,
    )  # fmt: skip
    grid = grid_positions(96, 128)
    site = MediumSite(
        input_positions=grid.reshape(-1, 2) * 1e-6, output_shape=(96, 128), output_pitch=1e-6, wavelength=WAVELENGTH
    )
    orders = np.array([0, 2, 4, 6, 9, 12])
    tilts = 2 * math.pi * orders / 128e-6
    ramps = np.exp(1j * tilts[:, np.newaxis, np.newaxis] * grid[..., 1] * 1e-6)
    samples = np.empty((SEEDS, len(orders)), np.complex128)
    for seed in range(SEEDS):
        fields = description.build(site, seed=seed).transmit(ramps.reshape(len(orders), -1), time=0.0)[:, 0]
        samples[seed] = np.mean(fields * ramps.conj() * fields[0].conj(), axis=(1, 2), dtype=np.complex128)
    depth = 120e-6 * (screens - 1) + beyond
    # The phase that a tilt gives by itself: exp(i (k_z - k) z). A correction by the tilt alone, not a fit.
    samples *= np.exp(-1j * (np.sqrt(K**2 - tilts**2) - K) * depth)
    law = forward_memory(
        tilts, planes=description.planes, pivot=depth, wavelength=WAVELENGTH, strength=strength, correlation_length=5e-6
    )
    error = samples.real.std(axis=0, ddof=1) / math.sqrt(SEEDS)
    # Beyond the statistical error: non-paraxial shear of z q^2 q'^2 / k^3, 3e-3 rad.
    assert np.all(np.abs(samples.real.mean(axis=0) - law) < 4 * error + 2e-3)
    assert law[-1] < 0.5  # the law was tried where it matters
    x = tilts[2] * depth
    assert law[2] > 0.3 > 1e-6 > x / math.sinh(x)  # a slab of that depth would have forgotten long before


def test_phase_of_a_screen_has_its_strength_and_correlation() -> None:
    rng = np.random.default_rng(5)
    found = []
    for _ in range(40):
        screen = draw_phase_screen(
            (96, 80), spacing=(1e-6, 2e-6), strength=0.3, correlation_length=8e-6, rng=rng
        ).astype(np.complex128)
        phase = np.angle(screen)
        lags = ((0, 0), (4, 0), (0, 2), (8, 4))
        found.append([np.mean(phase * np.roll(phase, lag, axis=(0, 1))) for lag in lags])
    expected = 0.09 * np.exp(-np.array([0, 16, 16, 128]) / 64)
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(40)
    assert np.all(np.abs(mean - expected) < 4 * error)


def slab_fields(seed: int, *, detunings: tuple[float, ...], tilts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fields behind a slab of thickness 1 mm for tilted light, and positions of the outputs along the tilt."""
    pitch, step = 0.4e-3, 0.1e-3
    axis = (np.arange(27) - 13) * pitch
    inputs = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    site = MediumSite(input_positions=inputs, output_shape=(21, 19), output_pitch=step, wavelength=WAVELENGTH)
    lines = len(detunings)
    description = DiffusiveSlabDescription(
        collected_fraction=0.1, thickness=1e-3, diffusion=1e3, detunings=detunings, line_weights=(1 / lines,) * lines
    )
    medium = description.build(site, seed=seed)
    waves = np.exp(1j * tilts[:, np.newaxis] * inputs[:, 1]).astype(np.complex64)
    return medium.transmit(waves, time=0.0).astype(np.complex128), medium.output_positions[..., 1]


def test_l17_slab_follows_x_over_sinh_x() -> None:
    x = np.array([0.0, 0.5, 1.0, 1.4915, 3.0])
    tilts = x / 1e-3
    samples = []
    for seed in range(SEEDS):
        fields, place = slab_fields(seed, detunings=(0.0,), tilts=tilts)
        straight = fields[:, 0] * np.exp(-1j * tilts[:, np.newaxis, np.newaxis] * place)
        samples.append(np.mean(straight * straight[0].conj(), axis=(1, 2)))
    # Power that is known, not measured: eta_c A_o / (input area) for a window much wider than the slab.
    power = 0.1 * 0.1e-3**2 / 0.4e-3**2
    field = np.array(samples).real / power
    law = np.where(x > 0, x / np.sinh(np.maximum(x, 1e-9)), 1.0)
    error = field.std(axis=0, ddof=1) / math.sqrt(SEEDS)
    # Light from beyond the window of +-5.4 mm: (4.3 pi) e^-4.3 pi and less; 1e-4 stands for it and for the grid.
    assert np.all(np.abs(field.mean(axis=0) - law) < 4 * error + 1e-4)
    assert law[3] ** 2 == pytest.approx(0.5, abs=1e-4)


def test_l17_intensities_behind_a_slab_correlate_by_the_square() -> None:
    # Pearson over 399 outputs of each medium; a sample of so many is low by some 1 / 399.
    x = np.array([0.0, 0.5, 1.0, 1.4915, 3.0])
    found = []
    for seed in range(SEEDS):
        light = np.abs(slab_fields(seed, detunings=(0.0,), tilts=x / 1e-3)[0][:, 0]) ** 2
        found.append(np.corrcoef(light.reshape(len(x), -1))[0])
    law = np.where(x > 0, x / np.sinh(np.maximum(x, 1e-9)), 1.0) ** 2
    error = np.std(found, axis=0, ddof=1) / math.sqrt(SEEDS)
    assert np.all(np.abs(np.mean(found, axis=0) - law) < 4 * error + 1 / 399)


def test_l17_half_width_of_the_memory_effect() -> None:
    # [x / sinh x]^2 = 1/2 at x = 1.4915: a half width of 0.2374 lambda / L; at x = 1 it is 0.7241.
    width = 2 * math.pi * 0.2374 / WAVELENGTH * WAVELENGTH / 1e-3  # k dtheta, dtheta = 0.2374 lambda / L
    found = np.abs(diffusive_field_correlation([1491.5, 1000.0, width], thickness=1e-3)) ** 2
    assert found == pytest.approx([0.5, 0.7241, 0.5], abs=1e-4)


def conditioned_walks(layers: int, *, walks: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Steps and transverse displacement of walks from the first layer to the last, none of them back at the first."""
    depth, steps, place = np.ones(walks), np.zeros(walks), np.zeros(walks)
    while (inside := np.flatnonzero(depth < layers)).size:
        at = depth[inside]
        depth[inside] = at + np.where(rng.random(inside.size) < (at + 1) / (2 * at), 1, -1)
        steps[inside] += 1
        place[inside] += rng.standard_normal(inside.size)
    return steps, place


def test_l17_and_l18_are_what_walks_through_a_slab_do(rng: np.random.Generator) -> None:
    # An oracle without fields, D = 1/2. On a lattice of n layers x / sinh x is n sinh k / sinh nk, cosh k = e^(q^2/2).
    n, walks = 24, 40_000
    steps, place = conditioned_walks(n, walks=walks, rng=rng)
    error = steps.std() / math.sqrt(walks)
    assert steps.mean() == pytest.approx((n**2 - 1) / 3, abs=4 * error)  # L^2 / 6 D
    for x in (1.0, 3.0):
        k = np.arccosh(np.exp((x / n) ** 2 / 2))
        lattice = n * np.sinh(k) / np.sinh(n * k)
        wave = np.cos(place * x / n)
        assert wave.mean() == pytest.approx(lattice, abs=4 * wave.std() / math.sqrt(walks))
        law = diffusive_field_correlation(x / n, thickness=n).real
        assert law == pytest.approx(lattice, abs=x**2 / n**2)  # the lattice is wrong by O(1 / n^2)
    for y in (1.0, 1.5, 2.5):
        detuning = 2 * 0.5 * (y / n) ** 2
        turned = np.exp(1j * detuning * steps)
        spectral = diffusive_field_correlation(0.0, thickness=n, detuning=detuning, diffusion=0.5)
        assert abs(turned.mean() - spectral) < 4 * turned.std() / math.sqrt(walks) + y**2 / n**2
        assert abs(spectral) ** 2 == pytest.approx(4 * y**2 / (np.cosh(2 * y) - np.cos(2 * y)), rel=1e-12)


def test_l18_half_width_in_frequency() -> None:
    # |C|^2 = 1/2 at d omega L^2 / D = 9.181, 1.53 over the mean time of flight L^2 / 6 D.
    found = abs(diffusive_field_correlation(0.0, thickness=1e-3, detuning=9.181 * 20 / 1e-6, diffusion=20.0)) ** 2
    assert found == pytest.approx(0.5, abs=1e-4)


def test_l18_slab_forgets_frequency_by_its_spectral_law() -> None:
    # L18: 4 y^2 / (cosh 2y - cos 2y), y = L sqrt(d omega / 2 D); modes are the lines, weights taken out.
    y = np.array([0.0, 1.0, 1.5, 2.5])
    detunings = tuple((2 * 1e3 * (y / 1e-3) ** 2).tolist())
    samples = []
    for seed in range(SEEDS):
        fields, _ = slab_fields(seed, detunings=detunings, tilts=np.zeros(1))
        samples.append(np.mean(fields[0] * fields[0, :1].conj(), axis=(1, 2)) * len(y))
    field = np.array(samples) / (0.1 * 0.1e-3**2 / 0.4e-3**2)
    mean = field.mean(axis=0)
    spectral = np.ones(4)
    spectral[1:] = 4 * y[1:] ** 2 / (np.cosh(2 * y[1:]) - np.cos(2 * y[1:]))
    scatter = np.sqrt((np.abs(field - mean) ** 2).sum(axis=0) / (SEEDS - 1) / SEEDS)
    # |mean|^2: twice the modulus times the scatter of it; plus its square, the bias.
    assert np.all(np.abs(np.abs(mean) ** 2 - spectral) < 4 * (2 * np.abs(mean) * scatter + scatter**2) + 1e-4)


def test_slab_adjoint_batches_and_errors(rng: np.random.Generator) -> None:
    inputs = np.concatenate([rng.uniform(-1e-3, 1e-3, (30, 2)), np.full((1, 2), np.nan)])
    site = MediumSite(input_positions=inputs, output_shape=(9, 12), output_pitch=1e-4, wavelength=WAVELENGTH)
    two = {"detunings": (0.0, 3e9), "line_weights": (0.3, 0.7)}
    medium = DiffusiveSlabDescription(collected_fraction=0.05, thickness=1e-3, diffusion=1e3, **two).build(site, seed=1)
    a = rng.standard_normal((2, 31)) + 1j * rng.standard_normal((2, 31))
    e = (rng.standard_normal((2, 2, 9, 12)) + 1j * rng.standard_normal((2, 2, 9, 12))).astype(np.complex64)
    forward, backward = medium.transmit(a, time=0.0), medium.adjoint(e, time=0.0)
    # Float32 sums of 216 terms.
    scale = float(np.linalg.norm(forward) * np.linalg.norm(e))
    assert abs(np.vdot(e, forward) - np.vdot(backward, a)) < 1e-5 * scale
    assert forward[0].reshape(-1) == pytest.approx(medium.matrix(0.0) @ a[0], abs=1e-5 * float(np.abs(forward).max()))
    states = (rng.random((7, 31)) < 0.5).astype(np.float32)
    parts = [medium.transmit(part, time=0.0) for part in (states[:1], states[1:4], states[4:])]
    assert np.array_equal(np.concatenate(parts), medium.transmit(states, time=0.0))
    with pytest.raises(ValueError, match="shape"):
        medium.transmit(np.ones((1, 3)), time=0.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thickness": 0.0}, "thickness = 0 m is not allowed"),
        ({"thickness": 1.5e-4}, "pixels are 0.0001 m apart on a slab of 0.00015 m"),
        ({"detunings": (0.0, 1.0)}, "2 detunings need as many line_weights"),
        ({"collected_fraction": 1.0}, r"is not passive with 900 inputs and 2304 outputs: .* take at most 0\."),
        ({"exit_magnification": -1.0}, "exit_magnification"),
    ],
)
def test_slabs_that_cannot_be_are_refused(change: dict[str, float], message: str) -> None:
    axis = np.arange(30) * 2e-5
    inputs = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    site = MediumSite(input_positions=inputs, output_shape=(48, 48), output_pitch=1e-4, wavelength=WAVELENGTH)
    with pytest.raises(ValueError, match=message):
        DiffusiveSlabDescription(**{"collected_fraction": 0.1, "thickness": 1e-3, **change}).build(site, seed=1)


def test_a_slab_too_large_is_refused_with_its_size() -> None:
    site = MediumSite(
        input_positions=np.zeros((10_000, 2)), output_shape=(500, 600), output_pitch=1e-5, wavelength=WAVELENGTH
    )
    with pytest.raises(ValueError, match=r"10000 inputs, 300000 outputs and 1 lines needs 22.4 GiB"):
        DiffusiveSlabDescription(collected_fraction=0.1, thickness=1e-3).build(site, seed=1)


def test_grain_follows_from_screens_and_stop() -> None:
    # Coherence of an evenly lit stack: screens multiply it by exp(-S sigma^2 (1 - rho)), the stop cuts its spectrum.
    rows, columns = 96, 128
    description = MultisliceDescription(
        collected_fraction=1.0, grid_rows=rows, grid_columns=columns, spacing=1e-6, input_pitch=1e-6, screens=3,
        strength=1.5, correlation_length=6e-6, gap=80e-6, exit_distance=80e-6, exit_aperture=0.06,
    )  # fmt: skip
    grid = grid_positions(rows, columns)
    site = MediumSite(
        input_positions=grid.reshape(-1, 2) * 1e-6, output_shape=(rows, columns), output_pitch=1e-6,
        wavelength=WAVELENGTH,
    )  # fmt: skip
    lags = ((0, 0), (2, 0), (0, 3), (4, 5), (0, 8))
    samples = []
    for seed in range(2 * SEEDS):
        field = description.build(site, seed=seed).transmit(np.ones((1, rows * columns)), time=0.0)[0, 0]
        wide = field.astype(np.complex128)
        samples.append([np.mean(np.roll(wide, lag, axis=(0, 1)) * wide.conj()) for lag in lags])
    apart = np.exp(-(grid**2).sum(axis=-1) / 36)
    coherence = np.exp(-3 * 1.5**2 * (1 - apart))
    turns = [np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n) - n // 2) / n) for n in (rows, columns)]
    frequency = [np.where((k := np.arange(n)) < n / 2, k, k - n) / (n * 1e-6) for n in (rows, columns)]
    inside = frequency[0][:, np.newaxis] ** 2 + frequency[1] ** 2 <= (0.06 / WAVELENGTH) ** 2
    stopped = turns[0].conj().T @ ((turns[0] @ coherence @ turns[1].T) * inside) @ turns[1].conj() / (rows * columns)
    expected = np.array([stopped[rows // 2 + y, columns // 2 + x] for y, x in lags])
    found = np.array(samples)
    error = found.real.std(axis=0, ddof=1) / math.sqrt(2 * SEEDS)
    assert np.all(np.abs(found.real.mean(axis=0) - expected.real) < 4 * error)
    assert 0.2 < expected[0].real < 0.8  # the stop does cut
