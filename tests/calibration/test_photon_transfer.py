"""Simulate, characterise, recover: photon transfer against the simulated sensor, a real one, and bad input."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.cameras.light_series import FrameStacks, LightSeries
from calibration.cameras.nonuniformity import nonuniformity
from calibration.cameras.photon_transfer import photon_transfer
from calibration.cameras.report import characterise_camera
from calibration.cameras.uncertainty import exact, excess_scatter, fit_line
from optics.sensor import Sensor
from tests.calibration.simulated_frames import camera, frame_stacks, light_series

CAMERAS = {
    "8 bit": {"bits": 8, "dark_noise": 0.55, "black_level": 5.3, "full_well": 4000.0},
    "10 bit": {"bits": 10, "dark_noise": 0.7, "black_level": 12.6, "alignment": "left"},
    "12 bit": {"bits": 12, "dark_noise": 2.0, "black_level": 64.0, "full_well": 30_000.0},
    "14 bit": {"bits": 14, "dark_noise": 3.0, "black_level": 200.4, "quantum_efficiency": 0.9},
    "16 bit": {"bits": 16, "dark_noise": 4.0, "black_level": 100.2, "full_well": 80_000.0},
}


@pytest.mark.parametrize("name", CAMERAS)
def test_a_simulated_camera_is_recovered(name: str) -> None:
    # 82 000 pixels, 35 levels in the fit: K has a standard error of 0.12 %, all else less; the limits are the aim.
    device = camera(**CAMERAS[name], prnu=0.01, dsnu=4.0, dark_current=30.0)
    sensor = Sensor(device, seed=4)
    result = photon_transfer(light_series(sensor))
    assert result.gain.value == pytest.approx(device.gain, rel=0.005)
    assert result.quantum_efficiency is not None
    response = 1 + sensor.pattern.response_deviation.astype(np.float64)
    assert result.quantum_efficiency.value == pytest.approx(device.quantum_efficiency * response.mean(), rel=0.005)
    assert result.dark_noise.value == pytest.approx(device.read_noise, rel=0.01)
    black_level = device.black_level + device.gain * sensor.pattern.offset.astype(np.float64).mean()
    assert result.dark.black_level.value == pytest.approx(black_level, abs=0.01)
    assert result.saturation_photons is not None
    # Counts stop to follow at full well less the spread of its shot noise, three deviations of it.
    full = device.full_well / device.quantum_efficiency
    assert full * (1 - 3 / np.sqrt(device.full_well) - 0.04) < result.saturation_photons.value < 1.03 * full
    assert result.flags == ()
    pattern = nonuniformity(frame_stacks(sensor, frames=30), gain=result.gain)
    assert pattern.dsnu["total"].value == pytest.approx(sensor.pattern.offset.astype(np.float64).std(), rel=0.02)
    assert pattern.prnu["total"].value == pytest.approx(response.std() / response.mean(), rel=0.02)


def test_uncertainties_match_the_scatter_of_repetitions() -> None:
    sensor = Sensor(camera(rows=40, columns=60, prnu=0.02, dsnu=3.0, dark_current=200.0), seed=2)
    repeats = 40
    results = [photon_transfer(light_series(sensor, levels=20, first=1000 * k)) for k in range(repeats)]
    for name in ("gain", "quantum_efficiency", "responsivity", "dark_noise", "dark_current_mean",
                 "dark_current_variance", "threshold_photons", "threshold_charge"):  # fmt: skip
        figures = [getattr(result, name) for result in results]
        scatter = np.std([figure.value for figure in figures], ddof=1)
        quoted = np.mean([figure.uncertainty for figure in figures])
        # A standard deviation of 40 draws has a relative standard error of 1 / sqrt(78).
        assert scatter / quoted == pytest.approx(1, abs=4 / np.sqrt(2 * repeats - 2)), name
    black = [result.dark.black_level for result in results]
    ratio = np.std([figure.value for figure in black], ddof=1) / np.mean([figure.uncertainty for figure in black])
    assert ratio == pytest.approx(1, abs=4 / np.sqrt(2 * repeats - 2))


def test_uncertainties_of_the_fixed_pattern_match_the_scatter() -> None:
    device = camera(rows=40, columns=60, prnu=0.01, dsnu=1.5, row_noise=0.5)
    sensor = Sensor(device, seed=2)
    gain, repeats = exact(device.gain), 120
    results = [nonuniformity(frame_stacks(sensor, frames=16, first=1000 * k), gain=gain) for k in range(repeats)]
    for part in ("total", "pixel"):
        dsnu = [result.dsnu[part] for result in results]
        ratio = np.std([f.value for f in dsnu], ddof=1) / np.mean([f.uncertainty for f in dsnu])
        assert ratio == pytest.approx(1, abs=4 / np.sqrt(2 * repeats - 2)), part


def test_line_offsets_are_within_their_uncertainties_over_sensors() -> None:
    # Line parts are quoted against the offsets that were drawn, so every repetition is another sensor.
    deviations: dict[str, list[float]] = {"row": [], "column": []}
    for seed in range(40):
        device = camera(rows=40, columns=60, dsnu=3.0, row_offset=2.0, column_offset=1.5, row_noise=1.0)
        found = nonuniformity(frame_stacks(Sensor(device, seed=seed), frames=8), gain=exact(device.gain)).dsnu
        for part, other in (("row", "column_offset"), ("column", "row_offset")):
            drawn = Sensor(replace(device, dsnu=0.0, **{other: 0.0}), seed=seed).pattern.offset.astype(np.float64).std()
            lines = {"row": 40, "column": 60}[part]
            drawn *= np.sqrt(lines / (lines - 1))
            deviations[part].append((found[part].value - drawn) / found[part].uncertainty)
    for part, values in deviations.items():
        assert np.std(values) == pytest.approx(1, abs=4 / np.sqrt(80)), part
        assert abs(np.mean(values)) < 4 / np.sqrt(40), part


def test_the_real_sensor_has_the_figures_of_its_full_frames(real_data: Path) -> None:
    folder = real_data / "measured" / "emva1288_ccd12"
    with np.load(folder / "pairs_crop256.npz", allow_pickle=False) as file:
        result = photon_transfer(
            LightSeries(
                bright=file["bright"], dark=file["dark"], bits=12, photons=file["photons_per_pixel"],
                exposure_times=file["exposure_ns"] * 1e-9,
            )
        )  # fmt: skip
        level = int(np.flatnonzero(file["photons_per_pixel"] == 30_957)[0])
    assert result.gain.value == pytest.approx(0.2767, rel=0.02)
    assert result.quantum_efficiency is not None
    assert result.quantum_efficiency.value == pytest.approx(0.458, rel=0.02)
    assert result.dark_noise.value == pytest.approx(11.0, rel=0.02)
    assert result.dark.variance.value == pytest.approx(9.4, rel=0.02)
    assert result.dark.black_level.value == pytest.approx(14.7, abs=0.05)
    assert abs(result.curve.saturation - level) <= 1
    assert result.linearity is not None
    assert max(-result.linearity.smallest, result.linearity.largest) <= 0.0074


def test_the_real_crop_has_the_fixed_pattern_of_an_independent_calculation(real_data: Path) -> None:
    with np.load(real_data / "measured" / "emva1288_ccd12" / "stacks_crop256.npz", allow_pickle=False) as file:
        bright, dark = file["bright"], file["dark"]
    found = nonuniformity(FrameStacks(bright=bright, dark=dark, bits=12), gain=exact(0.2767))
    # Independent of any averaging formula: frames of one half share the pattern with the other half, not the noise.
    for image, frames in ((found.bright, bright.astype(float)), (found.dark, dark.astype(float))):
        odd, even = frames[1::2].mean(axis=0), frames[::2].mean(axis=0)
        product = np.mean((odd - odd.mean()) * (even - even.mean()))
        left = np.mean((odd - odd.mean()) ** 2) - product  # temporal variance over 25
        noise = np.sqrt((2 * abs(product) * left + left**2) / odd.size)
        assert image.total.value == pytest.approx(product, abs=4 * noise)
        assert image.uncorrected == pytest.approx(frames.mean(axis=0).var(), rel=1e-4)
    # The 0.46 DN known of the full frames is the uncorrected figure: it is temporal noise over 50 frames.
    assert np.sqrt(found.dark.uncorrected) == pytest.approx(0.46, abs=0.03)
    assert found.dark.temporal / 50 == pytest.approx(found.dark.uncorrected, rel=0.02)


def simple_frames(*, levels: int = 10, top: float = 200.0) -> dict[str, np.ndarray]:
    """Frames of an 8-bit camera that pass every check, made without the simulated sensor."""
    draw = np.random.default_rng(7)
    light = np.linspace(5, top, levels)[:, None, None, None]
    bright = draw.normal(light + 10, np.sqrt(1 + 0.1 * light), (levels, 2, 20, 24))
    dark = draw.normal(10, 1, (levels, 2, 20, 24))
    return {
        "bright": np.clip(np.rint(bright), 0, 255).astype(np.uint8),
        "dark": np.clip(np.rint(dark), 0, 255).astype(np.uint8),
        "photons": np.linspace(5, top, levels) * 20,
        "exposure_times": np.linspace(1e-3, 1e-2, levels),
    }


def broken(name: str, change: object) -> dict[str, object]:
    return {**simple_frames(), "bits": 8, name: change(simple_frames().get(name)) if callable(change) else change}


@pytest.mark.parametrize(
    ("name", "change", "error", "message"),
    [
        ("bright", lambda f: f.astype(float), TypeError, "bright frames must be whole counts .* float64"),
        ("dark", lambda f: f.astype(np.int16) - 200, ValueError, "dark holds the count -"),
        ("bright", lambda f: f.astype(np.uint16) * 2 + 1, ValueError, "bright holds the count .* 8 bits allow at most"),
        ("bits", 12, None, ""),
        ("bright", lambda f: f[:, :1], ValueError, r"bright has shape \(10, 1, 20, 24\)"),
        ("bright", lambda f: f[:4], ValueError, r"bright has 4 exposure levels|dark has shape"),
        ("dark", lambda f: f[:7], ValueError, r"dark has shape \(7, 2, 20, 24\); it must be \(1 or 10, 2, 20, 24\)"),
        ("dark", lambda f: f[..., :-1], ValueError, "dark has shape"),
        ("bright", lambda f: f[..., :4], ValueError, "20 x 4 pixels"),
        ("bright", lambda f: f[:0], ValueError, "not one pixel"),
        ("photons", lambda p: p[::-1], ValueError, "photons must grow .* level 1 has"),
        ("photons", lambda p: p[:-1], ValueError, r"photons has shape \(9,\); it must be \(10,\)"),
        ("photons", lambda p: np.where(p > 500, np.nan, p), ValueError, "photons must be finite"),
        ("exposure_times", lambda t: t * 1e9, ValueError, "they are in seconds"),
        ("bits", 17, ValueError, "bits = 17 is not allowed"),
        ("alignment", "middle", ValueError, "alignment = 'middle' is not known"),
        ("alignment", "left", None, ""),  # eight bits fill a word of eight: both alignments are the same
    ],
)  # fmt: skip
def test_bad_series_are_refused_by_name(name: str, change: object, error: type | None, message: str) -> None:
    if error is None:
        LightSeries(**broken(name, change))
        return
    with pytest.raises(error, match=message):
        LightSeries(**broken(name, change))


def test_left_justified_counts_are_shifted_and_checked() -> None:
    frames = simple_frames()
    plain = photon_transfer(LightSeries(**frames, bits=8))
    words = {name: frames[name].astype(np.uint16) << 6 for name in ("bright", "dark")}
    shifted = photon_transfer(LightSeries(**{**frames, **words}, bits=10, alignment="left"))
    assert shifted.gain == plain.gain
    with pytest.raises(ValueError, match="multiples of 64: these are counts of 10 bits, left-justified in words of 16"):
        LightSeries(**{**frames, **words}, bits=16)
    odd = {**words, "bright": words["bright"] + np.uint16(1)}
    with pytest.raises(ValueError, match="no multiples of 64"):
        LightSeries(**{**frames, **odd}, bits=10, alignment="left")


def test_dark_and_saturated_series_are_refused() -> None:
    frames = simple_frames()
    with pytest.raises(ValueError, match="as dark as the dark ones"):
        photon_transfer(LightSeries(**{**frames, "bright": frames["dark"][:, ::-1]}, bits=8))
    with pytest.raises(ValueError, match="only .* of 10 levels .*saturated"):
        photon_transfer(LightSeries(**{**frames, "bright": np.full_like(frames["bright"], 255)}, bits=8))
    with pytest.raises(ValueError, match="dark frames are saturated"):
        photon_transfer(LightSeries(**{**frames, "dark": np.full_like(frames["dark"], 255)}, bits=8))


def test_what_weakens_the_figures_is_flagged() -> None:
    frames = simple_frames()
    result = photon_transfer(LightSeries(**frames, bits=8))
    assert any("10 exposure levels" in flag for flag in result.flags)
    assert any("saturation was not reached" in flag for flag in result.flags)
    assert result.saturation_charge.bound == result.largest_snr.bound == "lower"
    quiet = {**frames, "dark": np.full_like(frames["dark"], 10)}
    limited = photon_transfer(LightSeries(**quiet, bits=8))
    assert limited.quantisation_limited
    assert limited.dark_noise.bound == "upper"
    assert limited.dark_noise.value == pytest.approx(np.sqrt(0.24 - 1 / 12) / limited.gain.value)
    clipped = {**frames, "dark": np.zeros_like(frames["dark"])}
    assert any("zero" in flag for flag in photon_transfer(LightSeries(**clipped, bits=8)).flags)


def test_without_photons_only_electrons_are_given() -> None:
    frames = simple_frames()
    result = photon_transfer(LightSeries(bright=frames["bright"], dark=frames["dark"][:1], bits=8))
    assert result.responsivity is result.quantum_efficiency is result.saturation_photons is result.linearity is None
    assert result.threshold_photons is result.dark_current_mean is None
    assert result.gain.value == pytest.approx(0.1, abs=4 * result.gain.uncertainty)


def test_stacks_are_checked() -> None:
    frames = simple_frames()["bright"][:, 0]
    with pytest.raises(ValueError, match="dark stack has shape"):
        FrameStacks(bright=frames, dark=frames[0], bits=8)
    with pytest.raises(ValueError, match="same pixels"):
        FrameStacks(bright=frames, dark=frames[:, 1:], bits=8)
    with pytest.raises(ValueError, match="not brighter than the dark one"):
        nonuniformity(FrameStacks(bright=frames, dark=frames, bits=8), gain=exact(1.0))
    with pytest.raises(ValueError, match="bright stack are saturated"):
        nonuniformity(FrameStacks(bright=np.full_like(frames, 255), dark=frames, bits=8), gain=exact(1.0))


def test_parts_of_a_pattern_without_lines_are_zero_on_average(rng: np.random.Generator) -> None:
    # Two equal frames have no temporal noise: what is left is the algebra of the split. 200 patterns of 8 x 40 pixels
    # of 100 DN: a row part has a standard deviation of 100^2 / 40 sqrt(2 / 7), a column part 100^2 / 8 sqrt(2 / 39).
    parts = []
    for image in np.rint(rng.normal(2000, 100, (200, 8, 40))).astype(np.uint16):
        dark = np.stack([image, image])
        found = nonuniformity(FrameStacks(bright=dark + np.uint16(1000), dark=dark, bits=12), gain=exact(1.0)).dark
        parts.append((found.row.value, found.column.value, found.pixel.value))
    row, column, pixel = np.mean(parts, axis=0)
    assert row == pytest.approx(0, abs=4 * 1e4 / 40 * np.sqrt(2 / 7 / 200))
    assert column == pytest.approx(0, abs=4 * 1e4 / 8 * np.sqrt(2 / 39 / 200))
    assert pixel == pytest.approx(1e4, rel=4 * np.sqrt(2 / (7 * 39 * 200)))


@pytest.mark.parametrize("lines", [0.0, 6.0])
def test_one_dark_pair_for_all_levels_and_row_noise_are_in_the_uncertainties(lines: float) -> None:
    # Dark noise rules here, so that the one dark pair moves all levels together, and whole rows fluctuate.
    device = camera(rows=40, columns=60, dark_noise=8.0, full_well=1500.0, row_noise=lines)
    sensor, repeats, figures = Sensor(device, seed=6), 60, []
    for number in range(repeats):
        frames = light_series(sensor, levels=12, first=1000 * number)
        series = LightSeries(bright=frames.bright_frames, dark=frames.dark_frames[:1], bits=12)
        figures.append(photon_transfer(series).gain)
    scatter = np.std([figure.value for figure in figures], ddof=1)
    quoted = np.mean([figure.uncertainty for figure in figures])
    assert scatter / quoted == pytest.approx(1, abs=4 / np.sqrt(2 * repeats - 2))


def test_scatter_beyond_the_announced_noise_widens_a_line(rng: np.random.Generator) -> None:
    x = np.linspace(0, 1, 200)
    y, errors = 2 + 3 * x + rng.normal(0, 0.3, x.size), np.full(x.size, 0.1)
    honest, blind = fit_line(x, y, uncertainties=3 * errors), fit_line(x, y, uncertainties=errors)
    assert excess_scatter(blind.residuals / errors, parameters=2) == pytest.approx(3, rel=4 / np.sqrt(400))
    assert excess_scatter(honest.residuals / (3 * errors), parameters=2) == 1
    assert blind.slope.uncertainty == pytest.approx(honest.slope.uncertainty, rel=4 / np.sqrt(400))
    assert blind.slope.value == pytest.approx(3, abs=4 * blind.slope.uncertainty)
    assert blind.slope.uncertainty == pytest.approx(0.3 / np.sqrt(np.sum((x - 0.5) ** 2)), rel=4 / np.sqrt(400))


def test_repeated_frames_are_refused() -> None:
    frames = light_series(Sensor(camera(rows=24, columns=30), seed=1), levels=12)
    bright = np.repeat(frames.bright_frames[:, :1], 2, axis=1)
    same = LightSeries(bright=bright, dark=frames.dark_frames, bits=12, photons=frames.photons)
    with pytest.raises(ValueError, match=r"the two frames of \d+ of \d+ bright pairs are the same in every pixel"):
        photon_transfer(same)


def test_an_efficiency_above_one_is_flagged() -> None:
    frames = light_series(Sensor(camera(rows=64, columns=80), seed=1), levels=20)
    few = LightSeries(
        bright=frames.bright_frames, dark=frames.dark_frames, bits=12, photons=np.asarray(frames.photons) / 2
    )
    assert any("above one: the photons are too few" in flag for flag in photon_transfer(few).flags)


def test_stacks_of_other_bits_are_refused() -> None:
    sensor = Sensor(camera(rows=24, columns=30), seed=1)
    stacks = frame_stacks(sensor, frames=4)
    coarse = FrameStacks(
        bright=(stacks.bright_frames >> 4).astype(np.uint8), dark=(stacks.dark_frames >> 4).astype(np.uint8), bits=8
    )
    with pytest.raises(ValueError, match="the stacks have 8 bits and the pairs 12"):
        characterise_camera(light_series(sensor, levels=12), stacks=coarse)


def test_frames_of_mixed_alignment_are_refused() -> None:
    frames = light_series(Sensor(camera(rows=24, columns=30), seed=1), levels=12)
    with pytest.raises(ValueError, match="dark holds only multiples of 16 and the other frames do not"):
        LightSeries(bright=frames.bright_frames, dark=frames.dark_frames * np.uint16(16), bits=16)
