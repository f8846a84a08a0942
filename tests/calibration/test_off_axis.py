"""Off-axis holography: carriers, windows, references, aberrations, bad input, and a real hologram."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.fft

from calibration.holography.aberration import fit_aberration
from calibration.holography.carrier import Carrier, find_carrier
from calibration.holography.noise_floor import noise_outside_orders
from calibration.holography.off_axis import fringe_visibility, off_axis_fields, phase_error, unwrapped_phase
from calibration.holography.reference_envelope import (
    ReferenceEnvelope,
    fitted_envelope,
    measured_envelope,
    signal_share_of,
)
from calibration.holography.separation import check_separation, separation
from calibration.holography.sideband import Sideband
from calibration.light import Light, light_from_counts
from optics import Camera
from optics.sensor import Sensor

SHAPE = (90, 116)
CARRIER = (0.2714, -0.2237)


def grid(shape: tuple[int, int] = SHAPE) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(shape[0])[:, None], np.arange(shape[1])[None]


def speckle(rng: np.random.Generator, radius: float, *, frames: int = 1) -> np.ndarray:
    noise = rng.standard_normal((frames, *SHAPE)) + 1j * rng.standard_normal((frames, *SHAPE))
    disc = np.hypot(scipy.fft.fftfreq(SHAPE[0])[:, None], scipy.fft.fftfreq(SHAPE[1])) <= radius
    return np.asarray(scipy.fft.ifft2(noise * disc) * math.sqrt(np.prod(SHAPE) ** 2 / 2 / disc.sum()))


def beat(
    fields: np.ndarray, carrier: tuple[float, float], amplitude: np.ndarray | float, delta: float = 0.0
) -> np.ndarray:
    """|S + R exp(-i delta)|^2, R tilted by -carrier."""
    rows, columns = grid((fields.shape[-2], fields.shape[-1]))
    tilt = np.exp(-2j * np.pi * (carrier[0] * rows + carrier[1] * columns) - 1j * delta)
    return np.asarray(np.abs(fields + amplitude * tilt) ** 2)


def light(frames: np.ndarray, variance: float = 1.0) -> Light:
    return Light(frames, np.full(frames.shape, variance), np.ones(frames.shape, bool))


def flat(amplitude: float, bias: float) -> ReferenceEnvelope:
    return ReferenceEnvelope(amplitude=np.full(SHAPE, amplitude), bias=np.full(SHAPE, bias), variance=np.zeros(SHAPE))


@pytest.mark.parametrize("carrier", [CARRIER, (0.2714, 0.1013), (0.0, 0.3121), (0.3333, 0.0)])
def test_carrier_of_a_beam_is_found_to_a_hundredth_of_a_bin(
    rng: np.random.Generator, carrier: tuple[float, float]
) -> None:
    frames = rng.poisson(beat(np.full((1, *SHAPE), 5.0), carrier, 20.0)).astype(float)
    found = find_carrier(frames)
    assert found.kind == "beam"
    # Cramer-Rao for a tone of S R in shot noise: sqrt(6 (S^2 + R^2) / pixels) / (2 pi S R) = 0.0008 bins; the Hann
    # window makes it 1.6 times as much, and a parabola errs by less.
    np.testing.assert_allclose(found.cycles_per_frame, np.multiply(carrier, SHAPE), atol=0.006)
    assert found.brightest_bin == tuple(round(part * size) for part, size in zip(carrier, SHAPE, strict=True))


@pytest.mark.parametrize("carrier", [(25 / 90, -28 / 116), (1 / 90, 40 / 116)])
def test_carrier_of_speckle_is_found_from_its_band(rng: np.random.Generator, carrier: tuple[float, float]) -> None:
    frames = beat(speckle(rng, 0.1, frames=3), carrier, 3.0)
    frames = frames + 0.3 * rng.standard_normal(frames.shape)
    # The disc of the known radius is placed to half a bin or so. The centroid of some 330 bins of exponential power in
    # a radius of 9 to 12 bins, three frames, scatters by 0.4 bins.
    for radius, tolerance in ((0.1, 0.6), (None, 1.6)):
        found = find_carrier(frames, radius=radius)
        assert found.kind == "band"
        np.testing.assert_allclose(found.cycles_per_frame, np.multiply(carrier, SHAPE), atol=tolerance)


def test_a_carrier_below_the_half_plane_is_given_as_its_opposite(rng: np.random.Generator) -> None:
    """A band that reaches across f_y = 0 is found by its upper part; its centre is below."""
    for radius, runs in ((0.1, 2), (None, 12)):
        for _ in range(runs):
            frames = beat(speckle(rng, 0.1, frames=3), (-2 / 90, 40 / 116), 3.0)
            found = find_carrier(frames + 0.3 * rng.standard_normal(frames.shape), radius=radius)
            np.testing.assert_allclose(found.cycles_per_frame, (2, -40), atol=2.0)


def test_a_sideband_as_weak_as_the_noise_is_refused(rng: np.random.Generator) -> None:
    frames = beat(speckle(rng, 0.1), (25 / 90, -28 / 116), 3.0)
    with pytest.raises(ValueError, match=r"no sideband stands out.*prominence of [01]\.\d\d, and 3 is asked for"):
        find_carrier(frames + 60 * rng.standard_normal(frames.shape), radius=0.1)


def test_reference_phases_tell_the_carrier_from_its_opposite(rng: np.random.Generator) -> None:
    field = speckle(rng, 0.1)[0]
    phases = np.array([0.0, 1.0, 2.5])
    for carrier in (CARRIER, (-CARRIER[0], -CARRIER[1])):
        frames = np.stack([beat(field, carrier, 4.0, delta) for delta in phases])
        found = find_carrier(frames, radius=0.1, reference_phases=phases)
        assert found.sign_known
        np.testing.assert_allclose(found.cycles_per_frame, np.multiply(carrier, SHAPE), atol=0.6)
        assert find_carrier(frames, radius=0.1).frequency[0] > 0
        window = Sideband(shape=SHAPE, carrier=carrier, radius=0.1)
        decoded = off_axis_fields(light(frames), window, reference=flat(4.0, 17.0), reference_phases=phases).value
        # Borders apart, where the frame of a broken carrier is not periodic.
        inner = (slice(None), slice(20, -20), slice(20, -20))
        error = np.abs(decoded - field)[inner]
        assert np.sqrt(np.mean(error**2)) < 0.05
    with pytest.raises(ValueError, match="do not tell the carrier from its opposite"):
        find_carrier(np.repeat(frames[:1], 2, axis=0), radius=0.1, reference_phases=[0.0, math.pi])
    with pytest.raises(ValueError, match="reference_phases must be 3 finite numbers"):
        find_carrier(frames, radius=0.1, reference_phases=[0.0, 1.0])


def test_no_carrier_is_found_in_noise_nor_in_plain_light(rng: np.random.Generator) -> None:
    plain = np.abs(np.concatenate([speckle(rng, radius, frames=12) for radius in (0.1, 0.04)])) ** 2
    noisy = plain + 0.1 * rng.standard_normal(plain.shape)
    for frames in (*plain, *noisy, *rng.poisson(100.0, (12, *SHAPE)), np.ones(SHAPE)):
        with pytest.raises(ValueError, match="no sideband stands out"):
            find_carrier(frames[np.newaxis])


def test_carrier_whose_orders_overlap_is_refused_with_a_way_out(rng: np.random.Generator) -> None:
    frames = beat(5 + speckle(rng, 0.1), (0.15, 0.12), 40.0)
    with pytest.raises(ValueError, match=r"orders overlap.*1\.9\d\d radii.*radius of at most \(0\.06.*allow_overlap"):
        find_carrier(frames, radius=0.1)
    assert find_carrier(frames, radius=0.1, allow_overlap=True).frequency == pytest.approx((0.15, 0.12), abs=1e-3)
    with pytest.raises(ValueError, match=r"passes half a cycle per pixel by 0\.05"):
        check_separation((0.45, 0.2), radius=0.1)
    assert separation((0.4, 0.3), radius=(0.1, 0.13)).exact
    assert not separation((0.4, 0.05), radius=(0.14, 0.04)).exact
    assert not separation((0.36, 0.0), radius=0.12, edge=0.1).exact
    assert separation((0.39, 0.0), radius=0.1, edge=0.1).exact
    assert not separation((0.39, 0.0), radius=0.1, edge=0.12).exact
    factor = separation((0.31, 0.0), radius=0.1, edge=0.5).largest_factor
    assert separation((0.31, 0.0), radius=0.1 * factor, edge=0.5).exact
    assert not separation((0.31, 0.0), radius=0.1001 * factor, edge=0.5).exact
    with pytest.raises(ValueError, match=r"a carrier nearer \(0\.37\d+, 0\.09\d+\)"):
        check_separation((0.2, 0.05), radius=0.1)
    with pytest.raises(ValueError, match="tilt the reference"):
        separation((0.0, 0.0), radius=0.1)


@pytest.mark.parametrize("carrier", [(25 / 90, -28 / 116), CARRIER])
@pytest.mark.parametrize("resample", [False, True])
def test_filter_and_its_adjoint_satisfy_the_dot_product(
    rng: np.random.Generator, carrier: tuple[float, float], resample: bool
) -> None:
    window = Sideband(shape=SHAPE, carrier=carrier, radius=(0.07, 0.09), edge=0.3, resample=resample)
    frames = rng.standard_normal((2, *SHAPE))
    fields = rng.standard_normal((2, *window.output_shape)) + 1j * rng.standard_normal((2, *window.output_shape))
    left = np.sum(window.apply(frames).conj() * fields).real
    assert left == pytest.approx(np.sum(frames * window.adjoint(fields)), rel=1e-11)


def test_filter_is_the_sum_over_frequencies_of_its_definition(rng: np.random.Generator) -> None:
    frames = rng.standard_normal((1, 12, 15))
    for carrier in ((-3 / 12, -4 / 15), (0.21, -0.13)):
        window = Sideband(shape=(12, 15), carrier=carrier, radius=(0.09, 0.14))
        rows, columns = grid((12, 15))
        expected = np.zeros((12, 15), complex)
        for ky in range(-5, 6):
            for kx in range(-7, 8):
                if math.hypot(ky / 12 / 0.09, kx / 15 / 0.14) <= 1:
                    wave = np.exp(2j * np.pi * (ky / 12 * rows + kx / 15 * columns))
                    shifted = np.exp(-2j * np.pi * (carrier[0] * rows + carrier[1] * columns)) * wave.conj()
                    expected += wave * np.sum(shifted * frames[0]) / frames[0].size
        np.testing.assert_allclose(window.apply(frames)[0], expected, atol=1e-14)


def test_resampled_fields_are_the_fields_between_pixels(rng: np.random.Generator) -> None:
    """Shapes whose resampled grid falls on pixels: every third row and every fourth column."""
    shape, carrier = (63, 84), (20 / 63, 25 / 84)
    frames, variance = rng.standard_normal((2, *shape)), rng.random((2, *shape))
    whole = Sideband(shape=shape, carrier=carrier, radius=(10.2 / 63, 10.2 / 84))
    fewer = replace(whole, resample=True)
    assert fewer.output_shape == (21, 21)
    np.testing.assert_allclose(fewer.apply(frames), whole.apply(frames)[:, ::3, ::4], atol=1e-14)
    np.testing.assert_allclose(fewer.variance(variance), whole.variance(variance)[:, ::3, ::4], rtol=1e-10)
    valid = np.ones((2, *shape), bool)
    valid[1, 30, 43] = False
    np.testing.assert_array_equal(fewer.usable(valid), whole.usable(valid)[:, ::3, ::4])
    assert fewer.independent_outputs == pytest.approx(math.pi * 10.2**2, rel=0.05)


def test_fields_do_not_depend_on_the_batch(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = rng.random((5, *SHAPE))
    window = Sideband(shape=SHAPE, carrier=CARRIER, radius=0.08)
    whole, variance = window.apply(frames), window.variance(frames)
    monkeypatch.setattr("calibration.holography.sideband.BATCH_BYTES", 2 * 16 * math.prod(SHAPE))
    np.testing.assert_array_equal(window.apply(frames), whole)
    np.testing.assert_array_equal(window.variance(frames), variance)


def test_saturated_pixels_flag_what_they_reach(rng: np.random.Generator) -> None:
    camera = Camera(
        rows=SHAPE[0], columns=SHAPE[1], pixel_pitch=5e-6, quantum_efficiency=0.6, full_well=10_000.0, gain=0.025,
        read_noise=13.0, bits=8, black_level=3.0,
    )  # fmt: skip
    counts = rng.poisson(beat(np.full((2, *SHAPE), 2.0), CARRIER, 8.0)).astype(np.uint8)
    counts[1, 40, 1] = 255
    window = Sideband(shape=SHAPE, carrier=CARRIER, radius=0.1)
    seen = light_from_counts(counts, camera, exposure_time=1.0)
    found = off_axis_fields(seen, window, reference=fitted_envelope(seen))
    assert found.valid[0].all()
    bad = np.argwhere(~found.valid[1])
    across = (bad[:, 1] - 1 + 58) % 116 - 58
    distance = np.hypot(bad[:, 0] - 40, across)
    # First zero of the kernel: 0.61 / 0.1 = 6.1 pixels, around the border too.
    assert distance.max() <= 6.1
    assert len(bad) == sum(math.hypot(y, x) <= 6.1 for y in range(-7, 8) for x in range(-7, 8))


def test_quoted_errors_are_the_scatter_behind_a_camera(rng: np.random.Generator) -> None:
    camera = Camera(
        rows=SHAPE[0], columns=SHAPE[1], pixel_pitch=5e-6, quantum_efficiency=0.6, full_well=10_000.0, gain=0.025,
        read_noise=30.0, bits=8, black_level=6.0,
    )  # fmt: skip
    carrier, time, frames = (25 / 90, -26 / 116), 2e-3, 60
    field = 400 * speckle(rng, 0.09)[0]
    rate = np.repeat(beat(field, carrier, 1000.0)[None], frames, axis=0).astype(np.float32)
    seen = light_from_counts(
        Sensor(camera, seed=int(rng.integers(1 << 30))).expose(rate, exposure_time=time, first=0), camera,
        exposure_time=time,
    )  # fmt: skip
    window = Sideband(shape=SHAPE, carrier=carrier, radius=0.09)
    found = off_axis_fields(seen, window, reference=flat(1000.0, 1000.0**2 + 400.0**2))
    used = found.valid.all(axis=0)
    assert used.all()
    errors = np.mean(np.abs(found.value - field) ** 2, axis=0)[used].mean()
    quoted = np.mean(found.standard_error**2, axis=0)[used].mean()
    # 60 frames of some 265 independent outputs: 4 standard errors are 3 %.
    assert errors == pytest.approx(quoted, rel=0.04)


def test_uneven_reference_is_corrected_by_its_own_frames_and_by_a_fit(rng: np.random.Generator) -> None:
    rows, columns = grid()
    envelope = 50 * np.exp(-(((rows - 40) / 120) ** 2) - ((columns - 70) / 140) ** 2)
    dust = 1 + 0.1 * np.cos(2 * np.pi * (0.25 * rows - 0.25 * columns))  # a stray fringe next to the sideband
    carrier = (25 / 90, -26 / 116)
    field = speckle(rng, 0.08)[0]
    stray = envelope**2 * (dust - 1)
    frames = beat(field, carrier, envelope)[None] + stray
    window = Sideband(shape=SHAPE, carrier=carrier, radius=0.08)
    alone = light(np.stack([envelope**2 * dust] * 3), variance=21.0)
    measured = measured_envelope(alone, degree=6)
    found = off_axis_fields(light(frames), window, reference=measured)
    inner = (slice(15, -15), slice(15, -15))
    assert np.sqrt(np.mean(np.abs(found.value[0] - field)[inner] ** 2)) < 0.02
    np.testing.assert_allclose(found.standard_error[0] ** 2, window.variance(8.0 / measured.amplitude[None] ** 2)[0])
    # A fit cannot know the stray fringe: there the bias stays, and nothing else is worse.
    fitted = fitted_envelope(light(frames), degree=6)
    assert np.sqrt(np.mean(np.abs(off_axis_fields(light(frames), window, reference=fitted).value[0] - field) ** 2)) > 1
    clean = off_axis_fields(light(frames - stray), window, reference=fitted).value[0]
    assert np.sqrt(np.mean(np.abs(clean - field)[inner] ** 2)) < 0.02


def test_two_plain_beams_give_visibility_share_and_field(rng: np.random.Generator) -> None:
    carrier, field = (25 / 90, -26 / 116), np.full((2, *SHAPE), 1.2 * np.exp(0.7j))
    seen = light(beat(field, carrier, 9.0), variance=0.04)
    window = Sideband(shape=SHAPE, carrier=carrier, radius=0.08)
    visibility = fringe_visibility(seen, window)
    np.testing.assert_allclose(visibility, 2 * 1.2 * 9 / (1.2**2 + 81), rtol=1e-9)
    share = signal_share_of(float(visibility[0]))
    assert share == pytest.approx(1.2**2 / 81, rel=1e-9)
    found = off_axis_fields(seen, window, reference=fitted_envelope(seen, signal_share=share))
    np.testing.assert_allclose(found.value, field, rtol=1e-3)
    np.testing.assert_allclose(phase_error(found), 0.2 * math.sqrt(window.area / 2) / (9 * 1.2), rtol=2e-3)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_aberration_is_recovered_under_noise_and_a_small_object(rng: np.random.Generator, degree: int) -> None:
    rows, columns = grid()
    v, u = 2 * rows / SHAPE[0] - 1, 2 * columns / SHAPE[1] - 1
    truth = 0.4 + 31.0 * v - 47.0 * u
    if degree > 1:
        truth = truth + 9 * v**2 - 50 * v * u + 14 * u**2
    if degree > 2:
        truth = truth + 0.8 * v**3 - 0.5 * u**2 * v
    object_phase = 2.0 * (np.hypot(rows - 30, columns - 80) < 11)
    noise = 0.1 * (rng.standard_normal(SHAPE) + 1j * rng.standard_normal(SHAPE))
    field = np.exp(1j * (truth + object_phase)) + noise
    found = fit_aberration(field, degree=degree)
    outside = object_phase == 0
    # Phase noise of 0.1 rad over ten thousand samples, and an object that Huber's weights keep to a part of its 2 rad.
    rest = np.angle(np.exp(1j * (truth - found.phase(SHAPE))))[outside]
    assert abs(rest).max() < 0.1
    assert found.residual == pytest.approx(0.1, rel=0.1)
    np.testing.assert_allclose(np.abs(np.angle(found.remove(field)))[outside].mean(), 0.08, atol=0.02)
    masked = fit_aberration(field, degree=degree, valid=outside)
    assert np.abs(np.angle(np.exp(1j * (truth - masked.phase(SHAPE))))).max() < 0.03


def test_phase_is_unwrapped_where_there_is_signal(rng: np.random.Generator) -> None:
    rows, columns = grid()
    truth = 25 * np.exp(-(((rows - 45) / 25) ** 2) - ((columns - 50) / 30) ** 2)
    carrier = (30 / 90, -35 / 116)
    dark = columns > 100
    field = np.where(dark, 0.0, 5.0) * np.exp(1j * truth)
    seen = light(rng.poisson(beat(field, carrier, 40.0))[None].astype(float), variance=1625.0)
    window = Sideband(shape=SHAPE, carrier=carrier, radius=0.13)
    found = off_axis_fields(seen, window, reference=flat(40.0, 1620.0))
    phase = unwrapped_phase(found, least_signal=8.0)
    assert phase.mask[0][:, 106:112].mean() > 0.9
    rest = (phase[0] - truth)[5:-5, 5:90]
    rest = rest - 2 * np.pi * np.round(np.ma.median(rest) / (2 * np.pi))
    assert abs(np.ma.median(rest)) < 0.05
    assert np.ma.abs(rest).max() < 1.5
    with pytest.raises(ValueError, match="frame 0 has no valid sample with a signal of 1e"):
        unwrapped_phase(found, least_signal=1e6)


def test_noise_is_read_off_the_spectrum_outside_the_orders(rng: np.random.Generator) -> None:
    for carrier in (CARRIER, (CARRIER[0], -CARRIER[1])):
        clean = beat(20 + speckle(rng, 0.08, frames=10), carrier, 60.0)
        found = noise_outside_orders(clean + 2.5 * rng.standard_normal(clean.shape), carrier, radius=0.09)
        assert found.variance == pytest.approx(2.5**2, abs=4 * found.standard_error)
        assert found.standard_error < 0.015 * found.variance
    scatter = [noise_outside_orders(rng.standard_normal((1, *SHAPE)), CARRIER, radius=0.09) for _ in range(60)]
    values = np.array([each.variance for each in scatter])
    assert abs(values.mean() - 1) < 4 * scatter[0].standard_error / math.sqrt(60)
    # The widening for neighbours that a Hann window correlates is an upper bound.
    assert 0.5 < values.std(ddof=1) / scatter[0].standard_error < 1.2
    with pytest.raises(ValueError, match="bins of the spectrum are outside the orders"):
        noise_outside_orders(clean, CARRIER, beyond=0.69)


def test_bad_holograms_are_refused() -> None:
    window = Sideband(shape=SHAPE, carrier=CARRIER, radius=0.08)
    frames = np.ones((2, *SHAPE))
    reference = flat(1.0, 1.0)
    spoilt = frames.copy()
    spoilt[1, 2, 3] = np.nan
    for work in (find_carrier, window.apply, lambda f: off_axis_fields(light(f), window, reference=reference)):
        with pytest.raises(
            ValueError, match=r"1 numbers that are not finite, the first at \(frame, y, x\) = \(1, 2, 3\)"
        ):
            work(spoilt)
    with pytest.raises(ValueError, match=r"must have shape \(frame, 90, 116\), got \(90, 116\)"):
        window.apply(frames[0])
    with pytest.raises(ValueError, match=r"must have shape \(frame, 90, 116\), got \(2, 116, 90\)"):
        window.apply(frames.transpose(0, 2, 1))
    with pytest.raises(TypeError, match="frames must be real"):
        window.apply(frames + 0j)
    with pytest.raises(ValueError, match=r"amplitude of the reference has shape \(116, 90\)"):
        off_axis_fields(light(frames), window, reference=replace(reference, amplitude=np.ones((116, 90))))
    with pytest.raises(ValueError, match="orders overlap"):
        off_axis_fields(light(frames), replace(window, radius=0.13), reference=reference)
    with pytest.raises(ValueError, match="wider than the sampled band"):
        Sideband(shape=SHAPE, carrier=CARRIER, radius=0.4, edge=0.5)
    with pytest.raises(ValueError, match="reference falls to"):
        fitted_envelope(light(frames * (np.arange(116) > 58)))
    with pytest.raises(ValueError, match="2 saturated pixels"):
        measured_envelope(Light(frames, frames, (np.arange(math.prod(frames.shape)) > 1).reshape(frames.shape)))
    with pytest.raises(ValueError, match="visibility needs light"):
        fringe_visibility(light(0 * frames), window)
    with pytest.raises(ValueError, match="take a lower degree"):
        fit_aberration(np.ones(SHAPE, complex), degree=6, valid=np.arange(116) + np.zeros(SHAPE) < 1)


def test_carrier_turns_about() -> None:
    found = Carrier(
        frequency=(0.2, -0.1), shape=SHAPE, brightest_bin=(18, -12), prominence=9.0, kind="beam", sign_known=False
    )
    assert found.opposite.cycles_per_frame == pytest.approx((-18, 11.6))
    assert found.opposite.brightest_bin == (-18, 12)


def test_the_real_hologram_gives_carrier_visibility_and_quiet_phase(real_data: Path) -> None:
    with np.load(real_data / "measured" / "offaxis_hl60" / "hologram_cell.npz", allow_pickle=False) as file:
        cell, background = file["data"][None].astype(float), file["bg_data"][None].astype(float)
    # The stated carrier is the brightest bin of the hologram with the cell; the carrier itself is that of the
    # background, half a bin from it in y and one and a half in x.
    assert find_carrier(cell).brightest_bin == (40, 27)
    found = find_carrier(background)
    assert found.kind == "beam"
    assert found.brightest_bin == (40, 26)
    np.testing.assert_allclose(found.cycles_per_frame, (40.28, 25.62), atol=0.1)
    # Objects pull the centre of the cell's band about, by less than a bin.
    np.testing.assert_allclose(find_carrier(cell).cycles_per_frame, found.cycles_per_frame, atol=1.0)
    floor = noise_outside_orders(background, found.frequency, beyond=0.5)
    seen = light(background, variance=floor.variance)
    window = Sideband(shape=(200, 210), carrier=found.frequency, radius=0.07)
    visibility = float(fringe_visibility(seen, window)[0])
    assert visibility == pytest.approx(0.32, abs=0.01)
    field = off_axis_fields(seen, window, reference=fitted_envelope(seen, signal_share=signal_share_of(visibility)))
    deviation = [
        float(np.std(np.angle(fit_aberration(field.value[0], degree=degree).remove(field.value[0]))))
        for degree in (1, 2)
    ]
    assert deviation[0] <= 0.135
    assert deviation[1] < 0.8 * deviation[0]
    # The white noise of the camera is a small part of it.
    assert 0.005 < float(phase_error(field).mean()) < 0.03
