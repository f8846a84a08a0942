"""Laws L22 to L24 behind phase screens and a slab: entries and spectra from parameters, and where the laws end."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import j0

from optics.media import (
    DiffusiveSlabDescription,
    MediumSite,
    MultisliceDescription,
    coherent_part,
    correlated_moments,
    forward_memory,
    input_coherence,
    output_coherence,
    speckle_coherence,
)

WAVELENGTH = 500e-9
THICK = MultisliceDescription(
    collected_fraction=0.8, grid_rows=42, grid_columns=48, spacing=1e-6, input_pitch=1e-6, screens=6, strength=1.2,
    correlation_length=4e-6, gap=80e-6, entrance_distance=80e-6, exit_distance=80e-6, entrance_aperture=0.2,
    exit_aperture=0.12,
)  # fmt: skip
"""A stack that mixes the light of every input over its grid; neighbours overlap through the relay's aperture."""


def lattice(rows: int, columns: int, *, pitch: float = 1e-6) -> np.ndarray:
    axes = [(np.arange(size) - (size - 1) / 2) * pitch for size in (rows, columns)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


def site(inputs: np.ndarray, rows: int, columns: int) -> MediumSite:
    return MediumSite(
        input_positions=inputs, output_shape=(rows, columns), output_pitch=1e-6, wavelength=WAVELENGTH
    )  # fmt: skip


def matrices(description: MultisliceDescription, place: MediumSite, *, media: int, first: int = 0) -> np.ndarray:
    return np.array(
        [description.build(place, seed=first + seed).matrix(0.0).astype(np.complex128) for seed in range(media)]
    )


def spectral(found: np.ndarray, *, mean: float) -> np.ndarray:
    """First three moments of the eigenvalues of each T^H T, over powers of the predicted mean: shape (medium, 3)."""
    values = np.linalg.eigvalsh(found.conj().transpose(0, 2, 1) @ found) / mean
    return np.stack([np.mean(values**power, axis=1) for power in (1, 2, 3)], axis=-1)


def within(samples: np.ndarray, expected: complex | np.ndarray, *, besides: float = 0.0) -> bool:
    """Whether means over media (first axis) lie within four standard errors, and what the law leaves out besides."""
    error = np.sqrt((np.abs(samples - samples.mean(axis=0)) ** 2).sum(axis=0) / (len(samples) - 1) / len(samples))
    return bool(np.all(np.abs(samples.mean(axis=0) - expected) < 4 * error + besides))


def test_l22_entries_behind_screens_are_circular_gaussian() -> None:
    place = site(lattice(4, 5), 16, 20)
    outputs, inputs = output_coherence(THICK, place), input_coherence(THICK, place)
    light = np.real(np.diag(outputs))[:, np.newaxis] / 20
    found = matrices(THICK, place, media=48) / np.sqrt(light)  # the mean light is predicted, not measured
    power = np.mean(np.abs(found) ** 2, axis=(1, 2))
    assert within(power, 1)
    # A mean field of e^(-S sigma^2 / 2) = 0.013 is left, and at most the square of it in <t^2>.
    assert within(np.mean(found, axis=(1, 2)), 0, besides=math.sqrt(coherent_part(THICK)))
    assert within(np.mean(found**2, axis=(1, 2)), 0, besides=coherent_part(THICK))
    # A ratio of means over n independent entries is low by 1 / n of itself.
    own = [np.sum(np.abs(one) ** 2) / np.trace(one).real ** 2 for one in (inputs, outputs)]
    assert within(np.mean(np.abs(found) ** 4, axis=(1, 2)) / power**2, 2, besides=2 * own[0] * own[1])


@pytest.mark.parametrize("aperture", [0.2, 0.15])
def test_l24_spectrum_behind_screens_follows_from_their_parameters(aperture: float) -> None:
    described, place = replace(THICK, entrance_aperture=aperture), site(lattice(4, 5), 16, 20)
    inputs, outputs = input_coherence(described, place), output_coherence(described, place)
    assert np.trace(inputs) == pytest.approx(np.trace(outputs), rel=1e-5)  # float32 masks
    second, third = correlated_moments(inputs, outputs)
    found = spectral(matrices(described, place, media=60), mean=np.trace(inputs).real / 20)
    # N / n is what energy conservation takes; three times it from the third moment.
    taken = 20 / (42 * 48)
    assert within(found[:, 0], 1)
    assert within(found[:, 1], second, besides=taken)
    assert within(found[:, 2], third, besides=3 * taken * third)
    assert second > 1.5 * (1 + 20 / 320)
    assert not within(found[:, 1], 1 + 20 / 320, besides=0.2)


def test_l24_gram_matrices_are_those_of_the_two_stops() -> None:
    # A medium that mixes everything leaves what the stops make: columns overlap as the disc of the relay says.
    place = site(lattice(4, 5), 42, 48)
    inputs = input_coherence(replace(THICK, exit_aperture=math.inf, gap=0.0, exit_distance=0.0), place)
    apart = np.round((place.input_positions[:, np.newaxis] - place.input_positions) * 1e6).astype(int)
    y, x = np.meshgrid(np.arange(42), np.arange(48), indexing="ij")
    frequency = [np.where(k < n / 2, k, k - n) / n for k, n in ((y, 42), (x, 48))]
    inside = frequency[0] ** 2 + frequency[1] ** 2 <= 0.4**2
    waves = np.exp(2j * np.pi * (apart[..., :1] * frequency[0][inside] + apart[..., 1:] * frequency[1][inside]))
    # Every sample is seen and screens are unitary: the Gram matrix of the inputs behind the relay, at any strength.
    assert inputs == pytest.approx(0.8 * waves.sum(axis=-1) / (42 * 48), abs=1e-6)


def test_l24_columns_of_neighbours_are_one_speckle_shifted_no_product_of_gram_matrices() -> None:
    # Thin stack, inputs a sample apart: K(o i; p j) is large at p - o = r_j - r_i, where C_i and C_o say nothing.
    thin = replace(
        THICK, screens=3, strength=1.0, gap=15e-6, entrance_distance=0.0, exit_distance=0.0,
        entrance_aperture=math.inf, exit_aperture=math.inf,
    )  # fmt: skip
    place = site(lattice(1, 2), 20, 24)
    pair = np.zeros((2, 2))
    pair[0, 1] = 1
    law = output_coherence(thin, place, inputs=pair)
    here = np.flatnonzero(np.indices((20, 24))[1].ravel() < 23)
    found = matrices(thin, place, media=200)
    shifted = (found[:, here, 0] * found[:, here + 1, 1].conj()).sum(axis=1)
    straight = (found[:, :, 0] * found[:, :, 1].conj()).sum(axis=1)
    assert within(shifted, law[here, here + 1].sum())
    assert within(straight, np.trace(law))
    light = np.real(np.trace(output_coherence(thin, place)) / 2)
    assert law[here, here + 1].sum().real > 0.5 * light  # most of the light remembers
    product = output_coherence(thin, place) * input_coherence(thin, place)[0, 1] / (2 * light)
    assert abs(product[here, here + 1].sum()) < 0.1 * light  # what T = C_o^(1/2) G C_i^(1/2) would say
    assert not within(shifted, product[here, here + 1].sum(), besides=0.1 * light)


OPEN = replace(
    THICK, grid_rows=36, grid_columns=36, entrance_distance=60e-6, exit_distance=0.0, gap=60e-6,
    entrance_aperture=math.inf, exit_aperture=math.inf,
)  # fmt: skip
"""No light is lost: screens and free space turn it on the way."""


def test_l23_a_medium_that_is_seen_as_a_whole_is_unitary_not_gaussian() -> None:
    whole = site(lattice(12, 10, pitch=3e-6), 36, 36)
    inputs = input_coherence(OPEN, whole)
    assert inputs == pytest.approx(0.8 * np.eye(120), abs=1e-5)
    assert spectral(matrices(OPEN, whole, media=2), mean=0.8) == pytest.approx(1, rel=1e-5)
    gaussian, _ = correlated_moments(inputs, output_coherence(OPEN, whole))
    assert gaussian == pytest.approx(1 + 120 / 36**2, rel=0.02)


def test_l23_energy_conservation_keeps_the_spectrum_narrower_than_gaussian() -> None:
    # Half is seen: <lambda^2> of a part of a random unitary matrix of n rows, 1 + N / M - N / n (Weingarten, n >> 1).
    half, taken = site(lattice(12, 10, pitch=3e-6), 18, 36), 120 / 36**2
    gaussian, _ = correlated_moments(input_coherence(OPEN, half), output_coherence(OPEN, half))
    assert gaussian == pytest.approx(1 + 120 / 648, rel=2e-3)
    found = spectral(matrices(OPEN, half, media=20), mean=0.4)
    assert within(found[:, 0], 1)
    # Six screens scatter to a third of the band: not all n modes mix alike. It costs a tenth of what is taken.
    assert within(found[:, 1], gaussian - taken, besides=0.1 * taken)
    assert not within(found[:, 1], gaussian, besides=0.8 * taken)


def test_grain_is_that_of_screens_and_stop() -> None:
    described = replace(THICK, strength=0.7, entrance_aperture=math.inf, entrance_distance=0.0)
    grain = speckle_coherence(described, wavelength=WAVELENGTH)
    # By sums over plane waves, and without the stop by the closed form.
    shifts = np.array([[0, 0], [1, 0], [0, 2], [3, 4]])
    closed = np.exp(-6 * 0.7**2 * (1 - np.exp(-(shifts**2).sum(axis=1) / 16)))
    free = speckle_coherence(replace(described, exit_aperture=math.inf), wavelength=WAVELENGTH)
    assert free[tuple(shifts.T)] == pytest.approx(closed, abs=1e-6)
    y, x = np.meshgrid(np.arange(42), np.arange(48), indexing="ij")
    fy, fx = (np.where(k < n / 2, k, k - n) / n for k, n in ((y, 42), (x, 48)))
    total = np.zeros(len(shifts), np.complex128)
    wrapped = np.stack([np.where(k < n / 2, k, k - n) for k, n in ((y, 42), (x, 48))], axis=-1)
    one = np.exp(-6 * 0.7**2 * (1 - np.exp(-(wrapped**2).sum(axis=-1) / 16)))
    for ky, kx in zip(fy[fy**2 + fx**2 <= 0.24**2], fx[fy**2 + fx**2 <= 0.24**2], strict=True):
        power = np.sum(one * np.exp(-2j * np.pi * (ky * y + kx * x))) / (42 * 48)
        total += power * np.exp(2j * np.pi * (ky * shifts[:, 0] + kx * shifts[:, 1]))
    assert grain[tuple(shifts.T)] == pytest.approx(total, abs=1e-6)
    with pytest.raises(ValueError, match="detection = 'fourier' has no one grain"):
        speckle_coherence(
            replace(described, detection="fourier", exit_distance=0.0, exit_aperture=math.inf), wavelength=WAVELENGTH
        )


def test_coherence_of_two_plane_waves_is_the_forward_memory_law() -> None:
    # Two independent derivations: products of fields plane by plane, and the characteristic function of displacements.
    square = replace(
        THICK, grid_rows=40, grid_columns=40, illumination="fourier", entrance_distance=0.0,
        entrance_aperture=math.inf, exit_distance=0.0, exit_aperture=math.inf, screens=3, gap=40e-6, strength=0.8,
    )  # fmt: skip
    tilts = 2 * np.pi * np.array([0, 1, 2, 4]) / 40e-6
    place = site(np.array([[0, 0], [0, 1], [0, 2], [0, 4]]) * 1e-6, 40, 40)
    wave = 2 * np.pi / WAVELENGTH
    law = forward_memory(
        tilts, planes=square.planes, pivot=80e-6, wavelength=WAVELENGTH, strength=0.8, correlation_length=4e-6
    )
    x = (np.arange(40) - 20) * 1e-6
    for index, (tilt, expected) in enumerate(zip(tilts, law, strict=True)):
        pair = np.zeros((4, 4))
        pair[index, 0] = 1
        product = np.diag(output_coherence(square, place, inputs=pair)).reshape(40, 40)
        sign = np.exp(1j * tilt * x * 1.0)
        turned = [np.mean(product * one) * 1600 / 0.8 for one in (sign, sign.conj())]
        turned = [one * np.exp(-1j * (np.sqrt(wave**2 - tilt**2) - wave) * 80e-6) for one in turned]
        # Non-paraxial shear, as in the test of the simulation: 2e-3.
        assert min(abs(one - expected) for one in turned) < 4e-3


def test_predictions_that_cannot_be_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"512 x 512 samples needs 1024\.0 GiB, more than 1 GiB: take a grid of at most"
    ):
        input_coherence(replace(THICK, grid_rows=512, grid_columns=512), site(lattice(4, 5), 16, 20))
    with pytest.raises(ValueError, match=r"inputs must have shape \(20, 20\), got \(3, 3\)"):
        output_coherence(THICK, site(lattice(4, 5), 16, 20), inputs=np.eye(3))


def test_l24_spectrum_behind_a_slab_follows_from_its_thickness() -> None:
    # Independent entries of unequal variance: C_i and C_o are diagonal, sums of A_o P(|r_o - r_i|) over the other side.
    thickness, pitch = 1e-3, 2e-4
    inputs = lattice(5, 7, pitch=3e-4)
    place = MediumSite(input_positions=inputs, output_shape=(11, 9), output_pitch=pitch, wavelength=WAVELENGTH)
    described = DiffusiveSlabDescription(collected_fraction=0.3, thickness=thickness)
    outputs = lattice(11, 9, pitch=pitch)
    distance = np.hypot(*(outputs[:, np.newaxis] - inputs).transpose(2, 0, 1)) / thickness
    places, back = np.unique(np.round(distance, 9), return_inverse=True)

    def density(rho: float) -> float:
        """P L^2 as the Hankel transform of x / sinh x."""
        return quad(lambda q: q * q / np.sinh(q) * j0(q * rho), 1e-12, 60, limit=400)[0] / (2 * np.pi)

    light = 0.3 * pitch**2 / thickness**2 * np.array([density(rho) for rho in places])[back].reshape(distance.shape)
    found = np.array([described.build(place, seed=seed).matrix(0.0).astype(np.complex128) for seed in range(80)])
    scaled = found / np.sqrt(light)
    assert within(np.mean(np.abs(scaled) ** 2, axis=(1, 2)), 1)
    assert within(np.mean(scaled**2, axis=(1, 2)), 0)
    assert within(np.mean(np.abs(scaled) ** 4, axis=(1, 2)), 2)
    second, _ = correlated_moments(np.diag(light.sum(axis=0)), np.diag(light.sum(axis=1)))
    moments = spectral(found, mean=light.sum() / 35)
    assert within(moments[:, 0], 1)
    assert within(moments[:, 1], second)
    assert not within(moments[:, 1], 1 + 35 / 99)
