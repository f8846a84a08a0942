"""Laws L40, L41, L44 and L49: photons on a pixel, shot noise, warm dark current, the pixel as a filter."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import fft, stats

from optics import Camera, Sensor, nyquist_pitch, photons_per_pixel, pixel_mtf
from optics.kernels import photon_rate
from optics.sensing.pixel import aperture_weights


def test_l40_photons_in_the_units_of_the_standard() -> None:
    # 1 um^2, 1 ms, 1 um, 1 uW/cm^2: the standard quotes 50.34, four digits.
    found = photons_per_pixel(0.01, pixel_area=1e-12, exposure_time=1e-3, wavelength=1e-6)
    assert float(found) == pytest.approx(50.34, abs=0.005)
    # Against a photon's energy by hand: 532 nm are 3.733917e-19 J.
    found = photons_per_pixel([0.0, 2.0], pixel_area=30e-12, exposure_time=5e-3, wavelength=532e-9)
    assert found == pytest.approx([0, 2.0 * 30e-12 * 5e-3 / 3.7339e-19], rel=1e-4)
    with pytest.raises(ValueError, match="irradiance must be finite and not negative, got -1.0"):
        photons_per_pixel([1.0, -1.0], pixel_area=30e-12, exposure_time=5e-3, wavelength=532e-9)


def electrons(camera: Camera, mean: float, *, frames: int, seed: int = 1, **options: str) -> np.ndarray:
    """Counts of a camera that counts electrons: gain 1, no read noise, no offset."""
    device = replace(
        camera, rows=200, columns=250, bits=16, gain=1.0, read_noise=0.0, black_level=0.0, full_well=1e6,
        quantum_efficiency=0.5,
    )  # fmt: skip
    light = np.full((frames, *device.shape), 2 * mean, np.float32)
    return Sensor(device, seed=seed, **options).expose(light, exposure_time=1.0, first=0).astype(np.int64)


@pytest.mark.parametrize("mean", [0.01, 0.3, 4.0, 9.9, 10.1, 500.0, 40_000.0])
def test_l41_variance_of_electrons_is_their_mean(camera: Camera, mean: float) -> None:
    counts = electrons(camera, mean, frames=8)
    # Poisson: Var(s^2) = (2 mu^2 + mu) / n for large n; the mean has mu / n.
    assert counts.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / counts.size))
    assert counts.var() == pytest.approx(mean, abs=4 * np.sqrt((2 * mean**2 + mean) / counts.size))


@pytest.mark.parametrize("mean", [0.01, 0.3, 4.0, 9.9, 10.1, 100.0, 5000.0, 60_000.0])
def test_l41_electrons_follow_the_poisson_law(camera: Camera, mean: float) -> None:
    counts = electrons(camera, mean, frames=20).ravel()
    # Pooled into up to 40 cells of about equal probability; chi-square at the 1e-4 level.
    edges = np.unique(stats.poisson.ppf(np.linspace(0, 1, 41)[1:-1], mean))
    cells = np.concatenate([[-np.inf], edges, [np.inf]])
    expected = np.diff(stats.poisson.cdf(cells, mean)) * counts.size
    seen = np.histogram(counts, bins=np.concatenate([[-1], edges + 0.5, [1e9]]))[0]
    keep = expected > 5
    statistic = float(np.sum((seen[keep] - expected[keep]) ** 2 / expected[keep]))
    assert seen[~keep].sum() <= expected[~keep].sum() + 5 * np.sqrt(expected[~keep].sum() + 1)
    assert statistic < stats.chi2.ppf(1 - 1e-4, max(int(keep.sum()) - 1, 1))


@pytest.mark.parametrize("mean", [30.0, 1000.0])
def test_gaussian_shortcut_has_the_error_that_it_states(camera: Camera, mean: float) -> None:
    counts = electrons(camera, mean, frames=20, shot_noise="gaussian").ravel()
    assert counts.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / counts.size))
    assert counts.var() == pytest.approx(mean + 1 / 12, rel=4 * np.sqrt(2 / counts.size))
    assert stats.skew(counts) == pytest.approx(0, abs=4 * np.sqrt(6 / counts.size))
    # The law of the continuous draw, from theory: 0.27 / sqrt(mu) holds, and is not generous by more than a tenth.
    whole = np.arange(int(mean + 8 * np.sqrt(mean)))
    off = np.abs(stats.poisson.cdf(whole, mean)[:, None] - stats.norm.cdf(whole[:, None] + [0, 1], mean, np.sqrt(mean)))
    assert 0.9 * 0.27 / np.sqrt(mean) < off.max() < 0.27 / np.sqrt(mean)


def test_l44_dark_current_doubles_with_temperature(camera: Camera) -> None:
    device = replace(camera, bits=16, gain=1.0, full_well=60_000, black_level=100.0, dark_current=200.0, rows=200)
    device = replace(device, doubling_temperature=8.0, hot_pixels=0.02, hot_pixel_current=2000.0)
    found = []
    for warming in (0.0, 30.0):
        warm = replace(device, temperature=device.reference_temperature + warming)
        counts = Sensor(warm, seed=3).expose(np.zeros((40, *warm.shape), np.float32), exposure_time=1.0, first=0)
        found.append(counts.mean(axis=0) - 100)
    hot = found[1] > 10_000
    # 2^(30/8) = 13.4543; 6000 pixels of 40 frames: the colder mean has sqrt(369 / 240 000) = 0.039 electrons.
    assert found[1][~hot].mean() / found[0][~hot].mean() == pytest.approx(13.4543, rel=4 * 0.039 / 200 + 1e-4)
    assert found[1][hot].mean() / found[0][hot].mean() == pytest.approx(13.4543, rel=4 * 0.16 / 100)
    assert 0.01 < hot.mean() < 0.03


@pytest.mark.parametrize("fill_factor", [1.0, 0.42])
@pytest.mark.parametrize("frequency", [0.1, 0.37, 0.8])
def test_l49_a_pixel_filters_a_fringe_by_its_sinc(fill_factor: float, frequency: float) -> None:
    # A fringe of intensity 1 + cos, 48 samples a pixel; its phase runs over the pixels so that amplitude and phase
    # can be fitted. Midpoint samples of width h differ from the integral by (pi f h)^2 / 6 < 5e-4.
    samples, pixels, phase = 48, 64, 0.3
    position = (np.arange(pixels * samples) + 0.5) / samples
    field = np.sqrt(1 + np.cos(2 * np.pi * frequency * position + phase))
    tall = np.broadcast_to(field.astype(np.complex64), (1, 1, samples, pixels * samples)).copy()
    weights = aperture_weights(fill_factor, samples=samples)
    light = photon_rate(tall, weights=weights)[0, 0].astype(np.float64)
    centre = np.arange(pixels) + 0.5
    waves = 2 * np.pi * frequency * centre + phase
    design = np.stack([np.ones(pixels), np.cos(waves), np.sin(waves)], axis=1)
    constant, even, odd = np.linalg.lstsq(design, light, rcond=None)[0]
    width = np.pi * frequency * np.sqrt(fill_factor)
    assert constant == pytest.approx(1, abs=1e-4)
    assert even == pytest.approx(np.sin(width) / width, abs=1e-3)
    assert odd == pytest.approx(0, abs=1e-3)
    pitch = 5e-6
    mtf = pixel_mtf(frequency / pitch, pitch=pitch, fill_factor=fill_factor)
    assert float(mtf) == pytest.approx(np.sin(width) / width, rel=1e-12)


def test_l49_speckle_intensity_has_no_frequency_beyond_the_nyquist_pitch(rng: np.random.Generator) -> None:
    # A field of half-band B = D / (2 lambda z) on a periodic grid; its intensity, as the bench computes it, ends at 2B.
    wavelength, distance, aperture = 532e-9, 0.2, 4e-3
    pitch = nyquist_pitch(wavelength=wavelength, distance=distance, aperture=aperture)
    assert pitch == pytest.approx(532e-9 * 0.2 / 8e-3)
    step = pitch / 2.5
    fy, fx = (fft.fftfreq(size, step) for size in (90, 128))
    pupil = np.hypot(fy[:, None], fx) <= aperture / (2 * wavelength * distance)
    spectrum = pupil * (rng.normal(size=pupil.shape) + 1j * rng.normal(size=pupil.shape))
    field = fft.ifft2(spectrum).astype(np.complex64)
    light = photon_rate(field[None, None].copy())[0].astype(np.float64)
    power = np.abs(fft.fft2(light)) ** 2
    beyond = np.hypot(fy[:, None], fx) > 1 / (2 * pitch) * 1.000001
    # float32 rounding of the intensity, relative 6e-8 a sample, is white.
    assert power[beyond].sum() / power[~beyond].sum() < 1e-12
    within = np.hypot(fy[:, None], fx) > 0.7 / (2 * pitch)
    assert power[within & ~beyond].sum() / power.sum() > 1e-4
