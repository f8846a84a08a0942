"""What frames of speckle tell: on simulated frames whose truth is known, and on real ones of ground glass."""

from pathlib import Path

import numpy as np
import pytest

from optics.speckle import (
    Estimate,
    check_law,
    contrast,
    count_vortices,
    field_overlap,
    find_vortices,
    fit_counts,
    fit_envelope,
    integrated_modes,
    intensity_correlation,
    measure_grain,
    modes_of_contrast,
    saturated_share,
    speckle_field,
    speckle_modes,
)

SHAPE = (300, 400)


def speckle(rng: np.random.Generator, *, grain: float | tuple[float, float] = (4, 5)) -> np.ndarray:
    """A frame of unit mean, cropped so that its edges are not neighbours."""
    return np.abs(speckle_field((360, 480), grain=grain, rng=rng)[: SHAPE[0], : SHAPE[1]].astype(complex)) ** 2


def counts_of(
    light: np.ndarray, rng: np.random.Generator, *, black_level: float, read_noise: float, saturation: int = 255
) -> np.ndarray:
    """Counts of an 8-bit camera, noise in counts."""
    signal = light + black_level + read_noise * rng.standard_normal(light.shape)
    return np.clip(np.floor(signal + 0.5), 0, saturation).astype(np.uint8)


def within(estimate: Estimate, truth: float, *, sigmas: float = 4.0) -> bool:
    return abs(estimate.value - truth) < sigmas * estimate.uncertainty


@pytest.mark.parametrize(("black_level", "read_noise"), [(9.6, 1.7), (5.0, 0.4), (30.3, 4.0)])
def test_black_level_is_found_from_the_histogram(
    rng: np.random.Generator, black_level: float, read_noise: float
) -> None:
    frame = counts_of(45 * speckle(rng), rng, black_level=black_level, read_noise=read_noise)
    for modes in (1.0, None):
        law = fit_counts(frame, saturation=255, modes=modes)
        assert within(law.black_level, black_level)
        assert within(law.mean, 45)
        assert within(law.read_noise, read_noise)
        assert law.black_level.uncertainty < 1
        assert law.test.passed
    assert within(law.modes, 1)
    assert within(law.contrast, 1)


def test_quoted_errors_of_the_black_level_are_its_scatter(rng: np.random.Generator) -> None:
    laws = [
        fit_counts(counts_of(45 * speckle(rng)[:150, :200], rng, black_level=7.3, read_noise=1.5), saturation=255)
        for _ in range(25)
    ]
    pulls = np.array(
        [
            [(e.value - truth) / e.uncertainty for e, truth in ((law.black_level, 7.3), (law.mean, 45), (law.modes, 1))]
            for law in laws
        ]
    )
    # 25 pulls of unit scatter: their mean to 0.2, their scatter to 0.14; a sandwich of 64 blocks adds some.
    assert np.all(np.abs(pulls.mean(axis=0)) < 4 * pulls.std(axis=0) / 5)
    assert np.all((pulls.std(axis=0) > 0.5) & (pulls.std(axis=0) < 1.8))


def test_contrast_of_pixels_shows_the_modes_that_theory_gives(rng: np.random.Generator) -> None:
    fine = np.abs(speckle_field((1200, 1440), grain=4, pupil="square", rng=rng)) ** 2
    pixels = fine.reshape(300, 4, 360, 4).mean(axis=(1, 3))
    line = sum((4 - abs(j)) / 16 * np.sinc(j / 4) ** 2 for j in range(-3, 4))  # four points stand for a side
    assert integrated_modes(pixel=4.0, grain=4.0, pupil="square") == pytest.approx(line**-2, rel=0.05)
    assert within(modes_of_contrast(contrast(pixels)), line**-2)


def test_saturated_unpolarised_speckle_shows_two_modes(rng: np.random.Generator) -> None:
    light = (speckle(rng) + speckle(rng)) / 2  # exactly the gamma law of M = 2
    frame = counts_of(90 * light, rng, black_level=16.0, read_noise=1.0)
    law = fit_counts(frame, saturation=255)
    assert np.mean(frame == 255) > 0.01
    assert within(law.modes, 2)
    assert within(law.contrast, 2**-0.5)
    assert within(law.black_level, 16)
    assert within(law.mean, 90)


def test_bias_of_the_black_level_where_pixels_integrate(rng: np.random.Generator) -> None:
    # A pixel of a quarter of the grain: the docstring's 1.8 % of the mean, seen on five seeds as 1.5 to 2.1 %.
    fine = np.abs(speckle_field((1200, 1440), grain=8, rng=rng)) ** 2
    frame = counts_of(90 * fine.reshape(600, 2, 720, 2).mean(axis=(1, 3)), rng, black_level=6.0, read_noise=1.0)
    law = fit_counts(frame, saturation=255)
    assert 0.01 < (law.black_level.value - 6) / 90 < 0.025
    assert within(law.modes, 1.03, sigmas=8)  # between 1 and the 1.05 of theory


def test_contrast_without_noise_black_level_and_envelope(rng: np.random.Generator) -> None:
    y, x = np.linspace(-1, 1, SHAPE[0])[:, np.newaxis], np.linspace(-1, 1, SHAPE[1])
    beam = np.exp(-(y**2) - 0.5 * (x - 0.3) ** 2)
    beam /= beam.mean()
    electrons = rng.poisson(400 * beam * speckle(rng)) + 100 * rng.standard_normal(SHAPE)
    frame = np.floor(0.5 * electrons + 300.5)  # gain 0.5, black level 300, read noise 50 counts
    assert contrast(frame).value < 0.75
    found = fit_envelope(frame, black_level=300.0, degree=2)
    error = 4 * np.sqrt(6 * 25 / frame.size)  # six coefficients of some 4700 grains
    np.testing.assert_allclose(np.log(found / beam), 0, atol=3 * error)
    settings = {"black_level": 300.0, "envelope": found}
    assert not within(contrast(frame, **settings), 1, sigmas=1.0)
    assert within(contrast(frame, noise_variance=2500 + 1 / 12, gain=0.5, **settings), 1)
    assert within(contrast(frame, noise_variance=2500 + 1 / 12, gain=0.5, black_level=300.0, envelope=beam), 1)


def test_grain_ignores_white_noise_and_tells_it(rng: np.random.Generator) -> None:
    light = 100 * speckle(rng, grain=(8, 6))
    clean, noisy = measure_grain(light), measure_grain(np.maximum(light + 200 + 30 * rng.standard_normal(SHAPE), 0))
    assert noisy.height.value == pytest.approx(clean.height.value, rel=0.02)  # 9 % of the variance is noise
    assert noisy.width.value == pytest.approx(clean.width.value, rel=0.02)
    assert noisy.noise_variance == pytest.approx(900, rel=0.15)
    assert clean.noise_variance < 60  # what the polynomial of fourth degree leaves of 10 000


def test_law_of_intensities(rng: np.random.Generator) -> None:
    assert check_law(speckle(rng)).passed
    two = (np.abs(speckle_modes((2, *SHAPE), coherency=np.eye(2) / 2, grain=4, rng=rng)) ** 2).sum(axis=-3)
    assert not check_law(two).passed
    assert check_law(two, modes=2.0).passed


def test_correlation_of_patterns(rng: np.random.Generator) -> None:
    fields = speckle_modes((360, 480), coherency=[[1, 0.6j], [-0.6j, 1]], grain=4, rng=rng)[:, :300, :400]
    overlap = field_overlap(fields[1], fields[0])
    assert within(overlap.modulus, 0.6)
    assert overlap.value == pytest.approx(0.6j, abs=0.06)
    a, b = np.abs(fields.astype(complex)) ** 2
    assert within(intensity_correlation(a, b), 0.36)
    assert intensity_correlation(a, a).value == pytest.approx(1, rel=1e-9)
    noise = 0.5 * rng.standard_normal((2, *a.shape)) + 5
    noisy = intensity_correlation(
        np.maximum(a + noise[0], 0), np.maximum(b + noise[1], 0), noise_variances=(0.25, 0.25)
    )
    assert within(noisy, 0.36)


def test_vortices_of_a_known_field() -> None:
    y, x = np.mgrid[-10:11, -12:13] + 0.3
    positive = find_vortices((x + 1j * y) * np.exp(0.1j * x))
    assert np.argwhere(positive).tolist() == [[9, 11]]  # between samples -0.7 and 0.3
    assert positive.sum() == 1
    assert find_vortices((x - 1j * y) * np.exp(0.1j * x)).sum() == -1
    assert count_vortices(np.conj((x + 1j * y) * np.exp(0.1j * x))).negative == 1


@pytest.mark.parametrize("measure", [measure_grain, contrast, check_law, fit_envelope])
def test_frames_that_are_none_are_refused(rng: np.random.Generator, measure) -> None:
    frame = speckle(rng)
    broken = frame.copy()
    broken[3, 4] = np.nan
    with pytest.raises(ValueError, match="1 values that are not finite of 120000"):
        measure(broken)
    with pytest.raises(ValueError, match="negative values, the lowest -1"):
        measure(np.where(frame == frame.max(), -1.0, frame))
    with pytest.raises(ValueError, match="constant, 7 everywhere"):
        measure(np.full(SHAPE, 7))
    with pytest.raises(ValueError, match="shape"):
        measure(np.arange(5))
    with pytest.raises(TypeError, match="complex fields"):
        measure(frame + 1j)
    with pytest.raises(TypeError, match="numbers"):
        measure(frame > 1)
    with pytest.raises(ValueError, match="too few grains"):
        measure(frame[:10, :10])


def test_measurements_that_cannot_be_made_are_refused(rng: np.random.Generator) -> None:
    frame = speckle(rng)
    with pytest.raises(ValueError, match="grain is finer than the sampling"):
        measure_grain(rng.exponential(1.0, SHAPE))
    with pytest.raises(ValueError, match="is not below the mean"):
        contrast(frame, black_level=2.0)
    with pytest.raises(ValueError, match="explains all of the variance"):
        contrast(frame, noise_variance=3.0)
    with pytest.raises(ValueError, match="envelope of shape"):
        contrast(frame, envelope=np.ones((3, 4)))
    with pytest.raises(ValueError, match="above saturation = 200"):
        saturated_share(255 * (frame > 1), saturation=200)
    with pytest.raises(TypeError, match="whole counts"):
        fit_counts(frame, saturation=255)
    with pytest.raises(ValueError, match="coefficients"):
        fit_envelope(frame[:60, :80], degree=8)
    with pytest.raises(TypeError, match="matter of phase"):
        find_vortices(frame)
    with pytest.raises(ValueError, match="sampled too coarsely"):
        find_vortices(speckle_field(SHAPE, grain=1, rng=rng))
    with pytest.raises(ValueError, match="one shape"):
        intensity_correlation(frame, frame[1:])
    with pytest.raises(TypeError, match="complex field"):
        field_overlap(frame, frame)


@pytest.mark.parametrize(("index", "step", "spread"), [(0, 9.55, 1.7), (1, 9.6, 1.6), (2, 6.7, 0.9)])
def test_ground_glass(real_data: Path, index: int, step: float, spread: float) -> None:
    frame = np.load(real_data / "measured" / "ground_glass" / "grit_frames.npz")["frames"][index]
    grain = measure_grain(frame)
    assert 3.7 < grain.height.value / 2 < 5
    assert 3.7 < grain.width.value / 2 < 5
    assert 0.002 < saturated_share(frame, saturation=255).value < 0.024
    assert 0.86 < contrast(frame, black_level=5.0).value < 0.96  # the lowest count for a black level
    law = fit_counts(frame, saturation=255)
    assert law.test.distance < 0.004
    assert within(law.modes, 1, sigmas=3)
    assert law.black_level.value == pytest.approx(step, abs=0.3)
    assert law.read_noise.value == pytest.approx(spread, abs=0.2)
    assert frame.min() > law.black_level.value - 5 * law.read_noise.value  # the lowest count is a tail of the noise


def test_unscattered_light_of_the_finest_grit_is_seen_as_an_uneven_mean(real_data: Path) -> None:
    frame = np.load(real_data / "measured" / "ground_glass" / "grit_frames.npz")["frames"][3]
    whole, aside = (fit_counts(part, saturation=255) for part in (frame, frame[:, :300]))
    assert whole.modes.value < 0.95  # broader than exponential
    assert aside.test.distance < 0.6 * whole.test.distance
    assert within(aside.modes, 1, sigmas=3)
