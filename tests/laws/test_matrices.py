"""Laws L22 to L30: what transmission matrices do, ideal, correlated, with channels and with noise."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import j1
from scipy.stats import gamma as gamma_law
from scipy.stats import kstest

from optics import GaussianMedium
from optics.media import (
    ChannelsDescription,
    FiniteGrainDescription,
    MediumSite,
    StreamedGaussianMedium,
    bimodal_transmissions,
    channel_matrix,
    effective_outputs,
    pupil_power,
)
from optics.media.finite_grain import periodic_shape

Build = Callable[..., GaussianMedium | StreamedGaussianMedium]


def matrix(*, outputs: tuple[int, int], inputs: int, seed: int, kind: Build = GaussianMedium) -> np.ndarray:
    """A Gaussian matrix scaled to entries of unit variance, in double precision."""
    medium = kind(
        input_positions=np.zeros((inputs, 2)), output_shape=outputs, output_pitch=5e-6, collected_fraction=0.01,
        seed=seed,
    )  # fmt: skip
    return medium.matrix(0.0).astype(np.complex128) * np.sqrt(outputs[0] * outputs[1] / 0.01)


def site(*, inputs: int, shape: tuple[int, int], pitch: float = 5e-6) -> MediumSite:
    return MediumSite(input_positions=np.zeros((inputs, 2)), output_shape=shape, output_pitch=pitch, wavelength=5e-7)


def within(samples: np.ndarray, expected: float, *, finite_size: float = 0.0) -> bool:
    """Whether the mean of independent samples lies within four standard errors of what is expected."""
    error = np.std(samples, ddof=1) / np.sqrt(len(samples))
    return bool(abs(np.mean(samples) - expected) < 4 * error + finite_size)


def test_l22_streamed_entries_are_circular_gaussian() -> None:
    t = matrix(outputs=(70, 60), inputs=100, seed=1, kind=StreamedGaussianMedium).ravel()
    n = t.size
    assert abs(t.mean()) < 3.1 / np.sqrt(n)
    assert abs((t**2).mean()) < 3.1 * np.sqrt(2 / n)
    power = np.abs(t) ** 2
    assert power.mean() == pytest.approx(1, abs=4 / np.sqrt(n))
    assert (power**2).mean() / power.mean() ** 2 == pytest.approx(2, abs=4 * np.sqrt(4 / n))
    assert kstest(t.real * np.sqrt(2), "norm").statistic < 2.28 / np.sqrt(n)


def test_l23_streamed_spectrum_has_the_moments_of_marchenko_and_pastur() -> None:
    rows, inputs = 25 * 32, 200
    ratio = inputs / rows
    moments = []
    for seed in range(40):
        t = matrix(outputs=(25, 32), inputs=inputs, seed=300 + seed, kind=StreamedGaussianMedium)
        values = np.linalg.eigvalsh(t.conj().T @ t / rows)
        moments.append([np.mean(values**2), np.mean(values**3)])
    second, third = np.transpose(moments)
    assert within(second, 1 + ratio)
    assert within(third, 1 + 3 * ratio + ratio**2 + 1 / rows**2)


def test_l23_largest_and_smallest_eigenvalues_are_those_of_random_matrices() -> None:
    # Tracy and Widom: mean (mu - 1.7711 s) / M, standard deviation 0.9018 s / M, corrections of N^(-2/3).
    rows, inputs, count = 30 * 20, 150, 40
    tops = []
    for seed in range(count):
        t = matrix(outputs=(30, 20), inputs=inputs, seed=500 + seed)
        tops.append(np.linalg.eigvalsh(t.conj().T @ t)[-1] / rows)
    mu = (np.sqrt(rows) + np.sqrt(inputs)) ** 2
    spread = (np.sqrt(rows) + np.sqrt(inputs)) * (rows**-0.5 + inputs**-0.5) ** (1 / 3)
    assert np.mean(tops) == pytest.approx(
        (mu - 1.7711 * spread) / rows, abs=4 * 0.9018 * spread / rows / np.sqrt(count) + 0.5 * inputs ** (-2 / 3) / 4
    )
    # Edelman: N s_min^2 of a square complex matrix is exponential of mean one, at any size.
    small = [
        20 * np.linalg.svd(matrix(outputs=(4, 5), inputs=20, seed=seed), compute_uv=False)[-1] ** 2
        for seed in range(600)
    ]
    assert kstest(small, "expon").statistic < 2.28 / np.sqrt(600)


def grained(*, inputs: int, seed: int, pupil: str = "disc") -> np.ndarray:
    """Correlated matrix, 2 samples a pixel of 5 um, grain 12 um: 24 x 36 samples; unit variance."""
    described = FiniteGrainDescription(collected_fraction=1e-4, grain=12e-6, pupil=pupil, samples_per_pixel=2)
    medium = described.build(site(inputs=inputs, shape=(12, 18)), seed=seed)
    return medium.matrix(0.0).astype(np.complex128) * np.sqrt(12 * 18 / 1e-4)


def bessel_effective_outputs() -> float:
    """M_eff of `grained` from the closed form of the correlation, pair by pair."""
    y, x = np.meshgrid(np.arange(24) * 2.5e-6, np.arange(36) * 2.5e-6, indexing="ij")
    distance = np.hypot(y.ravel()[:, None] - y.ravel(), x.ravel()[:, None] - x.ravel())
    v = np.pi * np.maximum(distance, 1e-12) / 12e-6
    return float((24 * 36) ** 2 / np.sum((2 * j1(v) / v) ** 2))


def test_l24_effective_outputs_are_those_of_the_correlation_between_pixels() -> None:
    # 1 %: the pupil is made of cells of a 32nd of its width.
    grid = periodic_shape((24, 36), spacing=2.5e-6, grain=12e-6)
    power = pupil_power(grid, spacing=2.5e-6, grain=12e-6, pupil="disc")
    assert effective_outputs(power, shape=(24, 36)) == pytest.approx(bessel_effective_outputs(), rel=0.01)


def test_l24_correlated_rows_widen_the_spectrum() -> None:
    # <lambda^2> = 1 + N / M_eff, far from the 1 + N / M of independent samples.
    inputs, effective = 60, bessel_effective_outputs()
    samples = []
    for seed in range(60):
        t = grained(inputs=inputs, seed=seed)
        samples.append(np.mean(np.linalg.eigvalsh(t.conj().T @ t / len(t)) ** 2))
    assert within(np.array(samples), 1 + inputs / effective, finite_size=0.01 * inputs / effective)
    assert not within(np.array(samples), 1 + inputs / (24 * 36), finite_size=0.1)


@pytest.mark.parametrize(("inputs", "repeats"), [(50, 150)])
def test_l26_correlated_norm_scatters_with_the_effective_outputs(inputs: int, repeats: int) -> None:
    columns = grained(inputs=inputs * repeats, seed=1)
    norms = np.mean(np.abs(columns) ** 2, axis=0).reshape(repeats, inputs).mean(axis=1)
    entries = bessel_effective_outputs() * inputs
    assert norms.mean() == pytest.approx(1, abs=4 / np.sqrt(entries * repeats))
    assert norms.std() * np.sqrt(entries) == pytest.approx(1, abs=4 / np.sqrt(2 * repeats) + 0.005)


@pytest.mark.parametrize("length", [0.3, 1.02, 8.163, 60.0])
def test_l25_transmissions_have_the_mean_and_the_fano_factor_of_the_waveguide(
    rng: np.random.Generator, length: float
) -> None:
    # Strata of 1 / n: the mean scatters by the rms slope of the quantiles, sqrt(8 s / 15), over sqrt(12) n^1.5.
    mean = 1 / (1 + length)
    tau = bimodal_transmissions(20_000, mean=mean, rng=rng)
    scatter = 4 * np.sqrt(8 * length / 15 / 12 / 20_000**3) / mean
    assert tau.mean() == pytest.approx(mean, rel=scatter)
    assert np.mean(tau * (1 - tau)) / mean == pytest.approx((1 - mean**3) / 3, rel=3 * scatter + 1e-6)
    if length > 8:
        # The flat density in x: third moment 8/15, and the share of channels that are more open than closed.
        assert np.mean(tau**3) / mean == pytest.approx(8 / 15, rel=4 * mean**3 + 1e-4)
        assert np.mean(tau > 0.5) == pytest.approx(mean * np.arccosh(np.sqrt(2)), rel=mean**2 / 10 + 1e-3)


def layered(length: float, *, slices: int, channels: int, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Transmission eigenvalues of layers that scatter isotropically, cascaded: Haar measure and unitarity alone."""

    def haar() -> np.ndarray:
        parts = rng.standard_normal((samples, channels, 2 * channels)).view(np.complex128)
        q, r = np.linalg.qr(parts)
        diagonal = np.diagonal(r, axis1=1, axis2=2)
        return q * (diagonal / np.abs(diagonal))[:, np.newaxis]

    open_part = 1 / (1 + length / slices)
    through, back = np.sqrt(open_part), np.sqrt(1 - open_part)
    t: np.ndarray = haar()
    r_right = np.zeros_like(t)
    for _ in range(slices):
        left, right, enter, leave = haar(), haar(), haar(), haar()
        inside = np.eye(channels) + r_right @ (left @ (back * enter))
        t = right @ (through * enter) @ np.linalg.solve(inside, t)
        middle = np.linalg.solve(inside, r_right @ (left @ (through * leave)))
        r_right = right @ (back * leave) + right @ (through * enter) @ middle
    return np.asarray(np.linalg.svd(t, compute_uv=False) ** 2)


def test_l25_transmissions_are_those_of_cascaded_layers(rng: np.random.Generator) -> None:
    # Twenty-four samples of 40 channels; the layers' strength 0.02 leaves O(0.02 / 3) in the higher moments.
    simulated = layered(1.02, slices=51, channels=40, samples=24, rng=rng)
    law = bimodal_transmissions(20_000, mean=1 / 2.02, rng=rng)
    for power in (1, 2, 3):
        assert within(np.mean(simulated**power, axis=1), float(np.mean(law**power)), finite_size=0.02 / 3)


def filtered_moments(tau: np.ndarray, *, lit: float, seen: float) -> tuple[float, float, float]:
    """Moments of lambda for a part of the inputs and outputs, by free probability."""
    m1, m2, m3 = (float(np.mean(tau**power)) for power in (1, 2, 3))
    first = m1 * seen
    second = m2 * seen**2 + m1**2 * (seen - seen**2)
    third = (m3 - 3 * m1 * m2 + 2 * m1**3) * seen**3 + 3 * (m2 - m1**2) * m1 * seen**2 + m1**3 * seen
    # Cumulants of a corner: kappa_n -> b^(n-1) kappa_n.
    k2, k3 = lit * (second - first**2), lit**2 * (third - 3 * first * second + 2 * first**3)
    return first, k2 + first**2, k3 + 3 * k2 * first + first**3


@pytest.mark.parametrize(("lit", "seen"), [(0.05, 0.05), (0.25, 0.25), (0.5, 1.0), (0.75, 0.4), (1.0, 1.0)])
def test_l25_filtered_matrices_have_the_moments_of_incomplete_control(
    rng: np.random.Generator, lit: float, seen: float
) -> None:
    channels, mean = 160, 0.1
    moments = []
    for _ in range(40):
        tau = bimodal_transmissions(channels, mean=mean, rng=rng)
        t = channel_matrix(tau, outputs=round(seen * channels), inputs=round(lit * channels), rng=rng)
        values = np.linalg.eigvalsh(t.conj().T @ t)
        moments.append([np.mean(values), np.mean(values**2), np.mean(values**3)])
    law = bimodal_transmissions(200_000, mean=mean, rng=rng)
    expected = filtered_moments(law, lit=lit, seen=seen)
    # The form of L25 for the second moment, from the closed Fano factor.
    ratio = 1 + lit / seen + lit * ((1 - (1 - mean**3) / 3) / mean - 2)
    assert expected[1] / expected[0] ** 2 == pytest.approx(ratio, rel=1e-4)
    for samples, value in zip(np.transpose(moments), expected, strict=True):
        # Free probability is exact up to 1 / n^2 of the smaller side.
        assert within(samples, value, finite_size=2 * value / (min(lit, seen) * channels) ** 2)


def test_l25_the_medium_departs_from_marchenko_and_pastur_with_the_channels_it_controls() -> None:
    # 120 inputs and 150 pixels of 160 channels, and of 6000: only the second is Gaussian.
    for channels, gaussian in ((160, False), (6000, True)):
        described = ChannelsDescription(channels=channels, mean_transmission=0.3, collected_fraction=1e-3)
        ratios = []
        for seed in range(20):
            t = described.build(site(inputs=120, shape=(15, 10)), seed=seed).matrix(0.0).astype(np.complex128)
            values = np.linalg.eigvalsh(t.conj().T @ t)
            ratios.append(np.mean(values**2) / np.mean(values) ** 2)
        lit, seen = 120 / channels, 150 / channels
        law = 1 + lit / seen + lit * ((1 - (1 - 0.3**3) / 3) / 0.3 - 2)
        assert within(np.array(ratios), law, finite_size=2 * law / 120**2)
        assert (abs(law - 1.8) < 0.01) == gaussian


def test_l27_noise_widens_the_spectrum_and_turns_the_matrix(rng: np.random.Generator) -> None:
    rows, inputs, noise = 24 * 20, 160, 0.5
    seconds, cosines = [], []
    for seed in range(30):
        t = matrix(outputs=(24, 20), inputs=inputs, seed=700 + seed)
        parts = rng.standard_normal((2, *t.shape)) * np.sqrt(noise / 2)
        noisy = t + parts[0] + 1j * parts[1]
        seconds.append(np.mean(np.linalg.eigvalsh(noisy.conj().T @ noisy / rows) ** 2))
        cosines.append(abs(np.vdot(t, noisy)) / np.linalg.norm(t) / np.linalg.norm(noisy))
    assert within(np.array(seconds), (1 + noise) ** 2 * (1 + inputs / rows))
    assert within(np.array(cosines), 1 / np.sqrt(1 + noise), finite_size=1 / (rows * inputs))


@pytest.mark.parametrize("strength", [0.6, 1.0, 2.0])
def test_l27_a_rank_one_part_shows_above_its_threshold(rng: np.random.Generator, strength: float) -> None:
    rows, inputs = 20 * 25, 250
    aspect = inputs / rows
    tops = []
    for seed in range(20):
        left, right = (rng.standard_normal((size, 2)).view(np.complex128)[:, 0] for size in (rows, inputs))
        spike = strength * np.outer(left / np.linalg.norm(left), right / np.linalg.norm(right))
        t = matrix(outputs=(20, 25), inputs=inputs, seed=800 + seed) / np.sqrt(rows)
        tops.append(np.sqrt(np.linalg.eigvalsh((t + spike).conj().T @ (t + spike))[-1]))
    above = strength > aspect**0.25
    expected = (
        np.sqrt((1 + strength**2) * (aspect + strength**2)) / strength if above else 1 + np.sqrt(aspect)
    )  # fmt: skip
    # Below the threshold the edge fluctuates by 1.77 N^(-2/3), as the law of Tracy and Widom says.
    assert within(np.array(tops), expected, finite_size=inputs ** (-2 / 3))


def test_l28_lengths_are_kept_as_johnson_and_lindenstrauss_say(rng: np.random.Generator) -> None:
    rows, repeats = 100, 2000
    t = matrix(outputs=(500, 400), inputs=12, seed=2)
    x = (rng.random(12) < 0.6).astype(float)
    image = (t @ x).reshape(repeats, rows) / np.linalg.norm(x)
    for lengths, variance in (
        (np.mean(np.abs(image) ** 2, axis=1), 1 / rows),
        (2 * np.mean(image.real**2, axis=1), 2 / rows),
    ):
        assert lengths.mean() == pytest.approx(1, abs=4 * np.sqrt(variance / repeats))
        assert lengths.std() / np.sqrt(variance) == pytest.approx(1, abs=4 / np.sqrt(2 * repeats) + 0.01)
        law = gamma_law(1 / variance, scale=variance)
        assert kstest(lengths, law.cdf).statistic < 2.28 / np.sqrt(repeats)


def test_l29_intensities_of_two_patterns_give_the_optical_kernel(rng: np.random.Generator) -> None:
    t = matrix(outputs=(500, 400), inputs=16, seed=4)
    x, y = (rng.random((2, 16)) < 0.6).astype(float)
    first, second = t @ x, t @ y
    lengths, overlap = (x @ x) * (y @ y), (x @ y) ** 2
    assert within(np.abs(first) ** 2 * np.abs(second) ** 2, lengths + overlap)
    # Real rows, as anchors retrieve them; unit variance.
    assert within(4 * first.real**2 * second.real**2, lengths + 2 * overlap)
    kernel = np.abs(first.reshape(400, 500)) ** 4
    # <(|Tx|^4)^2> = 24 |x|^8, so a relative standard error of sqrt(5 / M); 400 kernels of heavy tails.
    spread = kernel.mean(axis=1).std() / (2 * (x @ x) ** 2) * np.sqrt(500)
    assert spread == pytest.approx(np.sqrt(5), rel=4 * 1.6 / np.sqrt(2 * 400))


@pytest.mark.parametrize("noise", [0.0, 0.25, 1.0])
def test_l30_focusing_enhancement_of_every_kind_of_modulation(rng: np.random.Generator, noise: float) -> None:
    # 6000 targets of 256 segments; reference: the mean speckle with all segments on.
    n = 256
    t = matrix(outputs=(80, 75), inputs=n, seed=5)
    parts = rng.standard_normal((2, *t.shape)) * np.sqrt(noise / 2)
    known = t + parts[0] + 1j * parts[1]
    direction = known.conj() / np.abs(known)
    on = known.real > 0
    gain = (n - 1) / (1 + noise)
    assert within(np.abs(np.sum(t * direction, axis=1)) ** 2 / n, 1 + np.pi / 4 * gain)
    assert within(np.abs(np.sum(t * np.sign(known.real), axis=1)) ** 2 / n, 1 + gain / np.pi)
    amplitude = np.abs(np.sum(t * on, axis=1)) ** 2
    assert within(amplitude / n, 0.5 + gain / (4 * np.pi))
    assert within(amplitude / (n / 2), 1 + gain / (2 * np.pi))
    if not noise:
        assert within(np.sum(np.abs(t) ** 2, axis=1), n)
        light = np.exp(-(np.linspace(-1, 1, n) ** 2))
        focus = np.abs(np.sum(light * np.abs(t), axis=1)) ** 2 / np.sum(light**2)
        assert within(focus, 1 + np.pi / 4 * (light.sum() ** 2 / np.sum(light**2) - 1))
        elsewhere = np.abs(np.sum(np.roll(t, 1, axis=0) * direction, axis=1)) ** 2 / n
        assert within(elsewhere, 1)
