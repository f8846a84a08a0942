"""Law L42 on a camera and noise that are not ours: Micro-Manager's demo camera, through our adapter of its driver."""

import os
from collections.abc import Iterator

import numpy as np
import pytest

from calibration.cameras.light_series import LightSeries
from calibration.cameras.photon_transfer import photon_transfer
from calibration.cameras.uncertainty import Measured
from optics.devices.micro_manager import MicroManagerCamera

EXTRA = "Micro-Manager is not installed: pip install -e '.[oracles,micro-manager]'"

LEVELS = 20

# Electrons per DN, read noise in electrons, bits, electrons per ms; 10 ms stay below saturation.
SETTINGS = [(1.0, 2.5, 12, 300), (0.5, 5.0, 14, 600), (2.0, 4.0, 16, 4000)]


@pytest.fixture(params=SETTINGS, ids=["12 bits", "14 bits", "16 bits"])
def driven(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[MicroManagerCamera, float, float]]:
    """The demo camera in its noise mode with its electrons per DN and its read noise."""
    adapters = pytest.importorskip("mm_test_adapters", reason=EXTRA)
    pytest.importorskip("pymmcore", reason=EXTRA)
    monkeypatch.setenv("PATH", os.environ["PATH"])  # the core lengthens it
    conversion, read_noise, bits, flux = request.param
    properties = {
        "Mode": "Noise", "PixelType": "16bit", "BitDepth": bits, "OnCameraCCDXSize": 640, "OnCameraCCDYSize": 480,
        "Photon Conversion Factor": conversion, "ReadNoise (electrons)": read_noise, "Photon Flux": flux,
    }  # fmt: skip
    with MicroManagerCamera(
        adapter="DemoCamera", device="DCam", adapter_folder=adapters.device_adapter_path(), properties=properties
    ) as camera:  # fmt: skip
        camera.set_region(rows=300, columns=520, top=40, left=60)
        yield camera, conversion, read_noise


def test_l42_photon_transfer_through_the_driver_recovers_gain_and_read_noise(
    driven: tuple[MicroManagerCamera, float, float],
) -> None:
    # Each of 156 000 pairs: the standard error of a variance is sqrt(2 / 156 000) = 0.36 %, of K over about 13 even
    # levels about 0.13 %, of the read noise 0.18 %. A gain in the wrong unit of time, bits at the
    # left or a frame taken twice would be wrong by far more. Four standard uncertainties as they are quoted; for K one
    # more, because the demo camera truncates after its shot noise once more, which adds up to 0.05 % (see
    # tests/calibration/test_noise_oracles.py).
    camera, conversion, read_noise = driven
    transfer = photon_transfer(series(camera))
    assert transfer.gain.uncertainty < 0.003 / conversion
    assert deviation(transfer.gain, 1 / conversion) < 5
    assert transfer.dark_noise.uncertainty < 0.006 * read_noise
    assert deviation(transfer.dark_noise, read_noise) < 4


def series(camera: MicroManagerCamera) -> LightSeries:
    """Pairs at growing exposure times, and a dark pair: the demo camera rounds a microsecond to no time at all."""
    times, bright = [], []
    for requested in np.linspace(0.5e-3, 10e-3, LEVELS):
        camera.exposure_time = float(requested)
        times.append(camera.exposure_time)
        bright.append([camera.snap(), camera.snap()])
    camera.exposure_time = camera.exposure_limits[0]
    assert camera.exposure_time == 0
    dark = [camera.snap(), camera.snap()]
    return LightSeries(
        bright=np.array(bright), dark=np.array([dark]), bits=camera.bit_depth, exposure_times=np.array(times)
    )


def deviation(measured: Measured, true: float) -> float:
    """Distance from the truth in standard uncertainties."""
    return abs(measured.value - true) / measured.uncertainty
