"""Every identified figure of a bench in one table: what it is, its unit, where it stands in a bench file."""

import math

import numpy as np

from calibration.cameras.uncertainty import Measured
from calibration.identification.camera_figures import CameraFigures
from calibration.identification.light_figures import LightFigures
from calibration.identification.time_figures import TimeFigures
from calibration.twins.twin_figures import TwinFigure

CAMERA_ROWS = (
    ("gain", "gain", "K", "DN/e", "how many counts an electron makes, from pairs of frames"),
    ("black_level", "black level", "b", "DN", "mean count of a dark pixel at no exposure"),
    ("dark_noise", "dark noise", "σ_d", "e", "temporal noise of a dark pixel: the next three together"),
    ("read_noise", "read noise", "σ_r", "e", "what a pixel has alone"),
    ("row_noise", "row noise", "", "e", "what the pixels of a row share in a frame"),
    ("column_noise", "column noise", "", "e", "what the pixels of a column share in a frame"),
    ("dark_current", "dark current", "μ_I", "e/s", "charge without light, background light included"),
    ("saturation", "saturation", "", "DN", "count at which pixels stop to follow the light"),
    ("full_well", "full well", "", "e", "charge at which pixels stop, where the converter does not stop before"),
    ("dsnu", "DSNU", "", "e", "rms of the fixed offsets of the pixels"),
    ("row_offset", "row offsets", "", "e", "rms of the fixed offsets of the rows"),
    ("column_offset", "column offsets", "", "e", "rms of the fixed offsets of the columns"),
    ("hot_pixels", "hot pixels", "", "", "fraction of the pixels that stand out of the noise; weaker ones hide"),
    ("hot_pixel_current", "current of hot pixels", "", "e/s", "their mean dark current"),
    ("dead_pixels", "dead pixels", "", "", "fraction of the pixels that do not answer to light"),
)
"""Fields of `CameraFigures`: name, words, symbol, unit, sentence; all but two stand in a bench file by their name."""

NOT_IN_FILE = ("dark_noise", "saturation")


def figure_table(camera: CameraFigures, light: LightFigures, time: TimeFigures) -> tuple[TwinFigure, ...]:
    """Return every identified figure with its uncertainty.

    Parameters
    ----------
    camera : CameraFigures
        What frames tell of the camera.
    light : LightFigures
        What they tell of the light.
    time : TimeFigures
        What they tell of what moves.

    Returns
    -------
    tuple of TwinFigure
        Rows, group by group.
    """
    return (*_camera_rows(camera), *_light_rows(light), *_time_rows(time))


def _camera_rows(camera: CameraFigures) -> list[TwinFigure]:
    """Return the rows of the camera."""
    return [
        TwinFigure(
            group="Camera", name=words, symbol=symbol, measured=getattr(camera, name), unit=unit, sentence=sentence,
            field="" if name in NOT_IN_FILE else f"camera.{name}",
        )
        for name, words, symbol, unit, sentence in CAMERA_ROWS
    ]  # fmt: skip


def _light_rows(light: LightFigures) -> list[TwinFigure]:
    """Return the rows of the light."""
    weights = light.weights
    live = weights.live
    spread = float(np.std(weights.amplitude[live])) if live.any() else 0.0
    doubt = float(np.mean(weights.amplitude_uncertainty[live])) if live.any() else 0.0
    unequal = Measured(value=spread, uncertainty=doubt / math.sqrt(2 * max(int(live.sum()), 1)))
    dead = Measured(value=float(np.count_nonzero(weights.dead)), uncertainty=0.0)
    rows = (
        ("light of a macropixel", "", light.macropixel_rate, "e/s", "mean over the live ones, on a pixel", ""),
        ("light of a random pattern", "", light.half_rate, "e/s", "mean of those that were shown, on a pixel", ""),
        ("patterns over singles", "", light.half_over_singles, "", "1 on a bench that is linear", ""),
        ("spread of the amplitudes", "", unequal, "", "rms over the live macropixels, speckle on the camera included",
         "macropixel_amplitudes"),
        ("dead macropixels", "", dead, "", f"of {weights.dead.size}", ""),
        ("static light", "", light.static.light, "e/s", "with all macropixels off, on a pixel", ""),
        ("contrast ratio of the mirrors", "", light.static.contrast_ratio, "", "on over off", "dmd.contrast_ratio"),
        ("contrast of the speckle", "C", light.contrast, "", "of the light that pixels see", ""),
        ("grain of the speckle", "", light.grain.grain, "pixels", "lambda z / D", "medium.grain"),
        ("modes of the light", "", light.modes, "", "one over the squared contrast on a point", ""),
    )  # fmt: skip
    return [
        TwinFigure(group="Light", name=name, symbol=symbol, measured=measured, unit=unit, sentence=words, field=field)
        for name, symbol, measured, unit, words, field in rows
    ]


def _time_rows(time: TimeFigures) -> list[TwinFigure]:
    """Return the rows of what moves."""
    rows = (
        ("laser noise", time.laser_noise, "", "relative rms of the power from frame to frame", "laser.intensity_noise"),
        ("power change", time.power_change, "", "relative rms of the power over the protocol, beyond that", ""),
        ("correlation time", time.correlation_time, "s", f"of the medium; {time.drift_law} law, probability "
         f"{time.law_probability:.2g}", "medium.correlation_time"),
        ("vibration", time.vibration, "", "part of the speckle that neighbouring frames do not share", ""),
        ("pointing", time.pointing_rms, "rad", "rms angle that would do that", "laser.pointing.rms"),
    )  # fmt: skip
    return [
        TwinFigure(group="Time", name=name, symbol="", measured=measured, unit=unit, sentence=sentence, field=field)
        for name, measured, unit, sentence, field in rows
    ]
