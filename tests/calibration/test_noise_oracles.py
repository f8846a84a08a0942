"""Our camera code against noise models by others: Micro-Manager's demo camera, and the sensor of getframes."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy import stats

from calibration.cameras.light_series import LightSeries
from calibration.cameras.photon_transfer import photon_transfer
from calibration.cameras.quantiser_likelihood import fit_quantiser
from calibration.cameras.uncertainty import Measured
from optics import Camera
from optics.sensor import Sensor

EXTRA = "the noise models of others are not installed: pip install -e '.[oracles]'"

# Electrons per DN, read noise in electrons, bits, photons per ms. Noise of 0.75 DN lets an error in the 1/12 show.
DEMO_SETTINGS = [(1.0, 2.5, 12, 280), (0.5, 5.0, 14, 560), (2.0, 4.0, 16, 5000), (2.0, 1.5, 12, 560)]

CAMERA = Camera(
    rows=384, columns=512, pixel_pitch=5e-6, quantum_efficiency=0.6, full_well=40_000.0, gain=1.5, read_noise=2.5,
    bits=16, black_level=100.3, dark_current=50.0,
)  # fmt: skip
COARSE = replace(CAMERA, full_well=11_000.0, gain=0.02, read_noise=40.0, bits=8, black_level=4.3)
EXPOSURE = 10e-3
"""Exposure time of the frames that are compared with getframes, in seconds: half a dark electron."""


@pytest.fixture
def demo_camera(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Micro-Manager's core with its demo camera, 512 x 640 pixels of noise; unloaded afterwards."""
    adapters = pytest.importorskip("mm_test_adapters", reason=EXTRA)
    core = pytest.importorskip("pymmcore", reason=EXTRA).CMMCore()
    monkeypatch.setenv("PATH", os.environ["PATH"])  # the next line lengthens it; this undoes that afterwards
    core.setDeviceAdapterSearchPaths([adapters.device_adapter_path()])
    core.loadDevice("Camera", "DemoCamera", "DCam")
    core.initializeDevice("Camera")
    core.setCameraDevice("Camera")
    set_properties(core, {"Mode": "Noise", "PixelType": "16bit", "OnCameraCCDXSize": 640, "OnCameraCCDYSize": 512})
    yield core
    core.unloadAllDevices()


@pytest.fixture
def getframes() -> ModuleType:
    """The getframes package."""
    return pytest.importorskip("getframes", reason=EXTRA)


@pytest.mark.parametrize(("conversion", "read_noise", "bits", "flux"), DEMO_SETTINGS)
def test_photon_transfer_recovers_the_settings_of_the_demo_camera(
    demo_camera: Any, conversion: float, read_noise: float, bits: int, flux: int
) -> None:
    # A variance of N = 327 680 pairs of pixels has a standard error of sqrt(2 / N) = 0.25 %. The slope through the
    # origin over the 16 of 24 even levels that are fitted has sqrt(9 / (5 x 16)) of it: 0.08 % for K, a sixth of its
    # limit. Half of 0.25 % and that of K make 0.15 % for the read noise, a thirteenth of it (0.17 % at 0.75 DN).
    # The camera truncates twice, after its read noise and after its shot noise (which is a normal deviate): against
    # the dark, bright frames have 1/2 DN less and 1/12 DN^2 more than the model says. That adds (K / 2 + 1 / 12) times
    # sum(y) / sum(y^2) to K, at most 0.05 % at 12 bits, and twice this where all levels weigh alike: in the likelihood.
    series = demo_series(demo_camera, conversion=conversion, read_noise=read_noise, bits=bits, flux=flux)
    result = photon_transfer(series)
    likelihood = fit_quantiser(series, start=result)
    for gain in (result.gain, likelihood.gain):
        assert gain.value == pytest.approx(1 / conversion, rel=0.005)
    for noise in (result.dark_noise, likelihood.dark_noise):
        assert noise.value == pytest.approx(read_noise, rel=0.02)
    assert result.quantum_efficiency is not None
    assert result.quantum_efficiency.value == pytest.approx(1, rel=0.005)  # its photons are electrons
    # The quoted uncertainties tell the distance: four of them, and for K one more for the bias. The pedestal is 100 DN
    # whatever the property Offset says, and is truncated once in the dark.
    assert deviation(result.gain, 1 / conversion) < 5
    assert deviation(result.dark_noise, read_noise) < 4
    assert deviation(result.dark.black_level, 99.5) < 4
    assert deviation(likelihood.black_level, 99.5) < 4


@pytest.mark.parametrize("device", [CAMERA, COARSE], ids=["16 bit", "8 bit"])
def test_mean_and_variance_agree_with_getframes_over_four_decades(getframes: ModuleType, device: Camera) -> None:
    # Limits are 5 standard errors, from the number of pixels: s / sqrt(N) of a mean, sqrt((m4 - s^4) / N) of a
    # variance. Both noises exceed half a DN, so that rounding adds 1/12 DN^2.
    for index, charge in enumerate(np.geomspace(1, 1e4, 9)):
        ours, theirs = both_frames(getframes, device, charge=charge, index=index)
        electrons = charge + device.dark_current * EXPOSURE
        mean = device.black_level + device.gain * electrons
        variance = device.gain**2 * (device.read_noise**2 + electrons) + 1 / 12
        check_agreement(ours, theirs, mean=mean, variance=variance)


def test_saturation_agrees_with_getframes_around_the_full_well(getframes: ModuleType) -> None:
    # The well clips Poisson charges, whole numbers, before the read noise: their moments are finite sums.
    device = CAMERA
    for index, filling in enumerate((0.99, 1.0, 1.01, 1.2)):
        charge = filling * device.full_well
        ours, theirs = both_frames(getframes, device, charge=charge, index=100 + index)
        electrons = charge + device.dark_current * EXPOSURE
        values = np.arange(0.9 * device.full_well, device.full_well)
        chances = stats.poisson.pmf(values, electrons)
        missing = device.full_well - values
        loss = float(chances @ missing)
        clipped = float(chances @ missing**2) - loss**2
        mean = device.black_level + device.gain * (device.full_well - loss)
        variance = device.gain**2 * (device.read_noise**2 + clipped) + 1 / 12
        check_agreement(ours, theirs, mean=mean, variance=variance)


@pytest.mark.parametrize("charge", [1.0, 30.0, 1000.0, 9800.0, 12_000.0])
def test_every_count_is_as_frequent_as_with_getframes(getframes: ModuleType, charge: float) -> None:
    # Here rounding and both ends of the converter show: 0.3 DN of noise, 1 DN of black level, 255 DN at 9769 e.
    device = replace(COARSE, gain=0.026, read_noise=11.5, black_level=1.0)
    ours, theirs = both_frames(getframes, device, charge=charge, index=200)
    table = np.stack([np.bincount(counts.ravel(), minlength=256) for counts in (ours, theirs)])
    common = table.sum(axis=0) >= 20  # ten expected of each: enough for the chi-square law
    rare = table[:, ~common].sum(axis=1, keepdims=True)
    cells = np.hstack([table[:, common], rare]) if rare.sum() >= 20 else table[:, common]
    # Equal sensors fall below this once in ten thousand seeds. Where the light is beyond both converters, all cells
    # but the largest count are empty, and the probability is one.
    assert stats.chi2_contingency(cells).pvalue > 1e-4


def demo_series(core: Any, *, conversion: float, read_noise: float, bits: int, flux: int) -> LightSeries:
    """Pairs of the demo camera at 24 exposure times, and one in the dark."""
    set_properties(
        core,
        {"BitDepth": bits, "Photon Conversion Factor": conversion, "Photon Flux": flux,
         "ReadNoise (electrons)": read_noise},
    )  # fmt: skip
    times = 0.5 * np.arange(1, 25)  # ms; the camera draws flux x time photons

    def pair(time: float) -> list[np.ndarray]:
        core.setExposure(float(time))
        frames = []
        for _ in range(2):
            core.snapImage()
            frames.append(core.getImage().copy())
        return frames

    return LightSeries(
        bright=np.array([pair(time) for time in times]), dark=np.array([pair(0)]), bits=bits, photons=flux * times,
        exposure_times=times * 1e-3,
    )  # fmt: skip


def set_properties(core: Any, values: Mapping[str, str | float]) -> None:
    """Set properties of the demo camera."""
    for name, value in values.items():
        core.setProperty("Camera", name, value)


def deviation(measured: Measured, true: float) -> float:
    """Distance from the truth in standard uncertainties."""
    return abs(measured.value - true) / measured.uncertainty


def both_frames(getframes: ModuleType, device: Camera, *, charge: float, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Two frames of our sensor and two of the same sensor in getframes, for photo-electrons a pixel."""
    rate = charge / (device.quantum_efficiency * EXPOSURE)
    light = np.full((2, *device.shape), rate, np.float32)
    ours = Sensor(device, seed=7).expose(light, exposure_time=EXPOSURE, first=2 * index)
    # Both clip the charge at full well before the read noise, round to the nearest count and clip last.
    config = getframes.CameraConfig(
        name="oracle", sensor_type="CMOS", resolution=device.shape, pixel_size_um=1e6 * device.pixel_pitch,
        quantum_efficiency=device.quantum_efficiency, full_well_e=device.full_well, bit_depth=device.bits,
        gain_e_per_adu=1 / device.gain, bias_offset_adu=device.black_level, read_noise_e=device.read_noise,
        dark_current_e_per_s=device.dark_current,
    )  # fmt: skip
    oracle = getframes.Camera(config)
    theirs = np.stack([oracle.expose(rate, EXPOSURE, seed=1000 * index + frame).data for frame in range(2)])
    return ours, theirs


def check_agreement(ours: np.ndarray, theirs: np.ndarray, *, mean: float, variance: float) -> None:
    """Hold the mean and the variance of two sets of counts against each other and the law."""
    means, mean_errors, variances, variance_errors = np.transpose([moments(ours), moments(theirs)])
    assert means == pytest.approx(mean, abs=5 * mean_errors.max())
    assert variances == pytest.approx(variance, abs=5 * variance_errors.max())
    assert abs(np.diff(means)) < 5 * np.hypot(*mean_errors)
    assert abs(np.diff(variances)) < 5 * np.hypot(*variance_errors)


def moments(counts: np.ndarray) -> tuple[float, float, float, float]:
    """Mean and variance of counts, each followed by its standard error."""
    mean = counts.mean()
    squares = (counts - mean) ** 2
    return mean, counts.std() / np.sqrt(counts.size), squares.mean(), squares.std() / np.sqrt(counts.size)
