"""Law L59 and what follows it: errors of fields from squared distances to anchors, with noise and with rounding."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm, poisson

from calibration.lateration import (
    AnchorPositions,
    CountLaw,
    align,
    anchor_frames,
    anchor_modulus,
    calibrate_anchors,
    count_information,
    cramer_rao,
    decode_signals,
    embed,
    embedding_error,
    fit_fields,
    frame_slices,
    multilaterate,
    multilateration_error,
    nested_anchors,
    plan_signals,
    posterior_mean,
    squared_range,
)
from calibration.light import light_from_counts
from optics import BenchDescription, SimulatedBench

CAMERA_LAW = CountLaw(offset=3.0, slope=20.0, dark_variance=0.33**2, gain=0.025, top=255)
"""Eight bits, 10 000 electrons, 13 electrons of read noise; a unit of light is 20 DN."""


def circular(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Circular Gaussian numbers of mean square one."""
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)


def with_origin(points: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros((1, points.shape[1])), points])


def counted(rng: np.random.Generator, light: np.ndarray, law: CountLaw) -> np.ndarray:
    """Counts drawn from Poisson electrons, normal read noise, rounding and clipping, written out here."""
    electrons = rng.poisson(law.slope * light / law.gain)
    signal = law.offset + law.gain * electrons + np.sqrt(law.dark_variance) * rng.standard_normal(light.shape)
    return np.clip(np.floor(signal + 0.5), 0, law.top).astype(np.int64)


def rounded(
    rng: np.random.Generator, *, anchors: int, rows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, CountLaw]:
    """Fields, points and counts of 8 bits without noise, full scale at the brightest pair of points."""
    field, points = circular(rng, 1, rows), with_origin(circular(rng, anchors, rows))
    light = np.abs(field[:, None] - points) ** 2
    slope = 255 / max(light.max(), (np.abs(points[:, None] - points) ** 2).max())
    law = CountLaw(offset=0.0, slope=slope, dark_variance=0.0, gain=0.0, top=256)
    return field, points, np.rint(slope * light).astype(np.int64), law


def decibels(field: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    return 20 * np.log10(np.abs(field) / np.abs(estimate - field))


@pytest.mark.parametrize("anchors", [7, 20])
@pytest.mark.parametrize("known", [True, False])
def test_l59_multilateration_error_falls_with_the_anchors_less_three_or_four(
    rng: np.random.Generator, anchors: int, known: bool
) -> None:
    # sigma^2 / (A (n - 3)) with |y|^2 known, n - 4 else: the mean of an inverse Wishart matrix. Four standard errors.
    rows, sigma, mean_square = 40_000, 0.05, 2.5
    places, field = np.sqrt(mean_square) * circular(rng, anchors, rows), circular(rng, 1, rows)
    distances = np.abs(field[:, None] - places) ** 2 + sigma * rng.standard_normal((1, anchors, rows))
    modulus = np.abs(field) ** 2 if known else None
    found = multilaterate(distances, places, squared_modulus=modulus, variance=sigma**2)
    squares = np.abs(found.value - field)[0] ** 2
    expected = sigma**2 / (mean_square * (anchors - (3 if known else 4)))
    assert squares.mean() == pytest.approx(expected, abs=4 * squares.std() / np.sqrt(rows))
    law = multilateration_error(sigma=sigma, mean_square=mean_square, anchors=anchors, known_modulus=known)
    assert law**2 == pytest.approx(expected, rel=1e-12)


def test_l59_three_or_four_anchors_have_no_mean_error() -> None:
    for anchors, known in ((3, True), (4, False)):
        law = multilateration_error(sigma=0.1, mean_square=1.0, anchors=anchors, known_modulus=known)
        assert law == np.inf
        better = multilateration_error(sigma=0.1, mean_square=1.0, anchors=anchors + 1, known_modulus=known)
        assert better == pytest.approx(0.1)


@pytest.mark.parametrize("points", [12, 40])
def test_l59_scaling_error_falls_with_the_number_of_points(rng: np.random.Generator, points: int) -> None:
    # sigma^2 / (n A) about the mean point, plus 2 / n of it for few points, four standard errors.
    rows, sigma = 500, 0.01
    places = circular(rng, points, rows)
    noise = np.triu(sigma * rng.standard_normal((rows, points, points)), 1).transpose(1, 2, 0)
    distances = np.abs(places[:, None] - places) ** 2 + noise + noise.swapaxes(0, 1)
    found = embed(distances, variance=sigma**2).points
    centred, goal = found - found.mean(axis=0), places - places.mean(axis=0)
    squares = np.mean(np.abs(align(centred, goal) - goal) ** 2, axis=0)
    scale = embedding_error(sigma=sigma, mean_square=1.0, points=points) ** 2
    assert scale == pytest.approx(sigma**2 / points)
    assert squares.mean() / scale == pytest.approx(1, abs=2 / points + 4 * squares.std() / scale / np.sqrt(rows))


def test_scaling_is_exact_without_noise_and_up_to_rotation_and_reflection(rng: np.random.Generator) -> None:
    places = with_origin(circular(rng, 5, 70))
    found = embed(np.abs(places[:, None] - places) ** 2, variance=1.0)
    assert np.abs(align(found.points, places) - places).max() < 1e-12
    # Some planes come out mirrored: their points need the conjugate.
    upright = np.abs(np.sum(found.points.conj() * places, axis=0)) / np.sum(np.abs(places) ** 2, axis=0)
    assert 10 < np.count_nonzero(upright > 1 - 1e-9) < 60


def test_quoted_errors_of_scaling_match_the_scatter(rng: np.random.Generator) -> None:
    # Three thousand rows of six points: the ratio of variances is known to about 2 %; 5 % of the error is 10 % of it.
    places, sigma = with_origin(circular(rng, 5, 1)), 0.002
    distances = np.repeat(np.abs(places[:, None] - places) ** 2, 3000, axis=2)
    deviation = sigma * (0.5 + np.abs(places[:, None] - places))
    noise = np.triu(rng.standard_normal((3000, 6, 6)), 1).transpose(1, 2, 0)
    found = embed(distances + deviation * (noise + noise.swapaxes(0, 1)), variance=deviation**2 + 1e-30)
    squares = np.mean(np.abs(align(found.points, np.repeat(places, 3000, axis=1)) - places) ** 2, axis=1)
    assert np.sqrt(squares[1:]) == pytest.approx(np.sqrt(np.mean(found.standard_error[1:] ** 2, axis=1)), rel=0.05)
    assert squares[0] < 1e-25


def test_quoted_errors_of_multilateration_match_the_scatter(rng: np.random.Generator) -> None:
    # 50 signals x 400 rows: ratio of variances to 2 %. Weighted, each by its own variance; and from the residuals.
    places, field = circular(rng, 9, 400), circular(rng, 50, 400)
    exact = np.abs(field[:, None] - places) ** 2
    variance = 1e-4 * (0.2 + exact)
    noisy = exact + np.sqrt(variance) * rng.standard_normal(exact.shape)
    weighted = multilaterate(noisy, places, variance=variance)
    shared = multilaterate(noisy, places, variance=variance.mean(axis=0))
    for found in (weighted, shared):
        ratio = np.mean(np.abs(found.value - field) ** 2) / np.mean(found.standard_error**2)
        assert np.sqrt(ratio) == pytest.approx(1, abs=0.05)
    assert np.mean(np.abs(weighted.value - field) ** 2) < np.mean(np.abs(shared.value - field) ** 2)
    even = exact + 0.01 * rng.standard_normal(exact.shape)
    for modulus in (None, np.abs(field) ** 2):
        residual = multilaterate(even, places, squared_modulus=modulus)
        ratio = np.mean(np.abs(residual.value - field) ** 2) / np.mean(residual.standard_error**2)
        assert np.sqrt(ratio) == pytest.approx(1, abs=0.05)


def test_squared_range_finds_the_global_minimum(rng: np.random.Generator) -> None:
    # No point of a fine lattice over the plane, and none near by, has a smaller cost; noise is large enough that
    # costs have two minima.
    places, field = circular(rng, 3, 30), circular(rng, 4, 30)
    weights = rng.uniform(0.2, 3, (4, 3, 30))
    distances = np.abs(field[:, None] - places) ** 2 + 0.5 * rng.standard_normal((4, 3, 30))
    found = squared_range(distances, places, weights=weights)

    def cost(points: np.ndarray) -> np.ndarray:
        return np.sum(weights * (np.abs(points[:, None] - places) ** 2 - distances) ** 2, axis=1)

    least = cost(found)
    for x in np.linspace(-4, 4, 81):
        for y in np.linspace(-4, 4, 81):
            assert (cost(np.full(found.shape, x + 1j * y)) > least - 1e-9).all()
    for size in (1e-4, 1e-2):
        for angle in np.exp(1j * np.arange(12)):
            assert (cost(found + size * angle) > least).all()


def test_squared_range_is_exact_without_noise(rng: np.random.Generator) -> None:
    places, field = circular(rng, 3, 200), circular(rng, 5, 200)
    found = squared_range(np.abs(field[:, None] - places) ** 2, places)
    assert np.median(np.abs(found - field)) < 1e-13
    assert np.abs(found - field).max() < 1e-6


@pytest.mark.parametrize("light", [0.05, 1.0, 7.0])
def test_exact_information_is_that_of_poisson_electrons_read_noise_and_rounding(light: float) -> None:
    # The probabilities summed here over electrons, their slope by central differences.
    law = replace(CAMERA_LAW, gain=0.3, dark_variance=0.36)
    counts = np.arange(256)
    edges = np.concatenate([[-np.inf], counts[1:] - 0.5, [np.inf]])

    def probability(mean: float) -> np.ndarray:
        electrons = np.arange(2500)
        cut = (edges[:, None] - law.offset - law.gain * electrons) / 0.6
        return np.diff(norm.cdf(cut), axis=0) @ poisson.pmf(electrons, mean)

    charge = law.slope * light / law.gain
    slope = (probability(charge * (1 + 1e-4)) - probability(charge * (1 - 1e-4))) / (2e-4 * charge)
    here = probability(charge)
    seen = here > 1e-12
    expected = np.sum(slope[seen] ** 2 / here[seen]) / law.gain**2
    assert count_information(law, np.array([light])) == pytest.approx(expected, rel=0.01)


def test_the_bound_is_that_of_a_hand_worked_case() -> None:
    # Field 0, anchors at 1 and 2i: gradients 2 s along x and 4 s along y, information 1 / v each.
    law = CountLaw(offset=0.0, slope=3.0, dark_variance=0.5 - 1 / 12, gain=0.0, top=1000)
    bound = cramer_rao(np.zeros((1, 1)), np.array([[1.0], [2.0j]]), law)
    assert bound == pytest.approx(np.sqrt(0.5 / 36 + 0.5 / 144))


@pytest.mark.parametrize("anchors", [8, 15, 30])
def test_with_noise_fields_reach_the_cramer_rao_bound(rng: np.random.Generator, anchors: int) -> None:
    # Within 0.5 dB, the bound with Poisson electrons; 6000 fields know a mean square to 2 to 3 %, 0.1 dB. Quoted errors
    # match the scatter within 5 %.
    field, points = circular(rng, 20, 300), with_origin(circular(rng, anchors, 300))
    counts = counted(rng, np.abs(field[:, None] - points) ** 2, CAMERA_LAW)
    found = fit_fields(counts, points, CAMERA_LAW)
    error = np.mean(np.abs(found.value - field) ** 2)
    bound = np.mean(cramer_rao(field, points, CAMERA_LAW, exact=True) ** 2)
    assert 10 * np.log10(error / bound) == pytest.approx(0, abs=0.5)
    assert np.sqrt(error / np.mean(found.standard_error**2)) == pytest.approx(1, abs=0.05)
    plain = np.mean(np.abs(squared_range(CAMERA_LAW.light(counts), points) - field) ** 2)
    assert plain > 2 * error


def test_the_fit_is_a_maximum_of_the_likelihood_where_shot_noise_tells_the_light_too(rng: np.random.Generator) -> None:
    # Half a DN an electron and few of them: the variance of a count says nearly as much as its mean. The likelihood is
    # written out here; it falls a fiftieth of an error away from the fit, whichever way.
    law = replace(CAMERA_LAW, slope=4.0, gain=0.8, dark_variance=0.2)
    field, points = circular(rng, 6, 50), with_origin(circular(rng, 7, 50))
    counts = counted(rng, np.abs(field[:, None] - points) ** 2, law)
    found = fit_fields(counts, points, law)

    def likelihood(fields: np.ndarray) -> np.ndarray:
        signal = law.slope * np.abs(fields[:, None] - points) ** 2
        variance = law.dark_variance + law.gain * signal + 1 / 12
        return np.sum(norm.logpdf(counts, law.offset + signal, np.sqrt(variance)), axis=1)

    top = likelihood(found.value)
    for angle in np.exp(2j * np.pi * np.arange(8) / 8):
        assert np.mean(likelihood(found.value + 0.02 * found.standard_error * angle) < top) > 0.97


def test_with_noise_the_posterior_mean_is_as_good_and_says_so(rng: np.random.Generator) -> None:
    field, points = circular(rng, 5, 100), with_origin(circular(rng, 8, 100))
    counts = counted(rng, np.abs(field[:, None] - points) ** 2, CAMERA_LAW)
    likely, mean = fit_fields(counts, points, CAMERA_LAW), posterior_mean(counts, points, CAMERA_LAW)
    errors = [np.mean(np.abs(found.value - field) ** 2) for found in (likely, mean)]
    assert errors[1] < 1.05 * errors[0]
    # 500 fields: a ratio of deviations is known to 1 / sqrt(4 x 500) or so, 2.5 %; three of them.
    assert np.sqrt(errors[1] / np.mean(mean.standard_error**2)) == pytest.approx(1, abs=0.075)


def test_rounding_confines_a_field_between_far_anchors_to_a_square() -> None:
    # Anchors at -R and -iR: counts are those of 2 R x + R^2 and 2 R y + R^2 up to 1 / R. The region is a square of
    # side 1 / (2 R s), its centre the estimate, its deviation side / sqrt(6); a third and nearer anchor says
    # nothing.
    far, slope = 300.0, 50.0
    anchors = np.array([[-far], [-1j * far], [-3.0 * (1 + 1j)]])
    field = np.array([[0.3 + 0.2j]])
    law = CountLaw(offset=0.0, slope=slope, dark_variance=0.0, gain=0.0, top=10**12)
    counts = np.rint(slope * np.abs(field[:, None] - anchors) ** 2).astype(np.int64)
    found = posterior_mean(counts, anchors, law, grid=32)
    side = 1 / (2 * far * slope)
    distances = counts[0, :2, 0] / slope
    x = (distances[0] - far**2 - np.abs(field[0, 0]) ** 2) / (2 * far)
    y = (distances[1] - far**2 - np.abs(field[0, 0]) ** 2) / (2 * far)
    assert abs(found.value[0, 0] - (x + 1j * y)) < 0.05 * side
    assert found.standard_error[0, 0] == pytest.approx(side / np.sqrt(6), rel=0.05)


@pytest.mark.parametrize(("anchors", "gain"), [(2, -0.3), (8, 1.0), (15, 1.0), (30, 1.0)])
def test_rounding_intervals_beat_squared_range_least_squares(
    rng: np.random.Generator, anchors: int, gain: float
) -> None:
    # Measured over 40 seeds of 100 rows: gains of 0.1, 1.8, 3.5 and 6 dB. 300 rows know the paired gain to 0.2 dB.
    field, points, counts, law = rounded(rng, anchors=anchors, rows=300)
    mean, plain = posterior_mean(counts, points, law), squared_range(law.light(counts), points)
    assert mean.valid.all()
    assert np.mean(decibels(field, mean.value) - decibels(field, plain)) > gain
    if anchors > 2:
        ratio = np.mean(np.abs(mean.value - field) ** 2) / np.mean(mean.standard_error**2)
        assert np.sqrt(ratio) == pytest.approx(1, abs=0.1)
        # The field that made the counts is one of those that they allow: so is the mean of nearly all regions.
        light = np.abs(mean.value[:, None] - points) ** 2
        assert np.mean(np.abs(law.signal(light) - counts).max(axis=1) <= 0.5 + 1e-9) > 0.95


def test_two_anchors_quote_the_mirror_image_that_they_cannot_exclude(rng: np.random.Generator) -> None:
    # Origin and anchor along a line, a second anchor just off it: the field and its image explain the counts.
    points = np.array([[0.0], [1.0], [-1.0 + 0.001j]])
    field = np.array([[0.3 + 0.6j]])
    law = CountLaw(offset=0.0, slope=30.0, dark_variance=0.0, gain=0.0, top=256)
    counts = np.rint(30 * np.abs(field[:, None] - points) ** 2).astype(np.int64)
    found = posterior_mean(counts, points, law)
    assert min(abs(found.value[0, 0] - field[0, 0]), abs(found.value[0, 0] - field[0, 0].conj())) < 0.05
    assert found.standard_error[0, 0] > 0.5


def calibrated(
    rng: np.random.Generator, *, anchors: int, static: float, rows: int
) -> tuple[AnchorPositions, np.ndarray]:
    """Anchors found from noisy frames with a static field, and the true static field and slices."""
    slices = circular(rng, anchors + 1, rows)
    slices[0] *= static
    light = np.abs(frame_slices(anchors) @ slices) ** 2
    variance = 1e-4 * (light + 0.1)
    noisy = light + np.sqrt(variance) * rng.standard_normal(light.shape)
    return calibrate_anchors(noisy, variance, anchors=anchors), slices


@pytest.mark.parametrize("static", [0.1, 1.0])
def test_frames_of_nested_anchors_tell_static_field_and_slices_apart(rng: np.random.Generator, static: float) -> None:
    # Frames of e + T b: no static light is subtracted, and none has to be known. 800 rows: errors to 3 %.
    positions, slices = calibrated(rng, anchors=7, static=static, rows=800)
    use = positions.valid
    assert use.mean() > 0.98
    squares = np.sum(np.abs(align(positions.slices, slices) - slices) ** 2, axis=0)[use]
    quoted = np.trace(positions.covariance, axis1=1, axis2=2)[use]
    normal = squares / quoted
    # A row or two may have found another plane that explains its frames.
    assert np.count_nonzero(normal > 25) <= 3
    assert np.sqrt(normal[normal < 25].mean()) == pytest.approx(1, abs=0.05)


def test_the_modulus_of_an_anchor_comes_out_of_frames_that_all_contain_static_light(rng: np.random.Generator) -> None:
    positions, slices = calibrated(rng, anchors=7, static=0.5, rows=800)
    found, truth = anchor_modulus(positions), np.abs(np.cumsum(slices[1:], axis=0))
    use = positions.valid
    scaled = np.abs((found.value.real - truth) / found.standard_error)[:, use]
    assert np.mean(scaled > 6) < 0.005
    assert np.sqrt(np.mean(scaled[scaled < 6] ** 2)) == pytest.approx(1, abs=0.05)
    # The light of the anchor's own frame is |a + e|^2: its modulus is off by a third of |e| and more.
    assert np.median(np.abs(np.abs(slices.sum(axis=0)) - truth[-1])) > 20 * np.median(found.standard_error[-1])


def test_signals_on_a_leaky_bench_come_out_with_their_errors(
    description: BenchDescription, rng: np.random.Generator
) -> None:
    # A chip of contrast 200 : 1 whose static light is a seventh of a slice's, 16-bit counts and much light; signals
    # off the anchors, signals that contain them, and signals inside the smallest. The truth tells rotation and
    # reflection.
    camera = replace(description.camera, bits=16, gain=0.6, full_well=1e5, read_noise=5.0, black_level=100.0)
    leaky = replace(description, camera=camera, exposure_time=0.015, dmd=replace(description.dmd, contrast_ratio=200.0))
    bench = SimulatedBench(leaky, seed=3)
    available = np.arange(63) >= 30
    anchors = nested_anchors(available, anchors=6, rng=rng)
    frames = bench.expose(np.tile(anchor_frames(anchors), (4, 1))).counts.reshape(4, 22, -1)
    light = [light_from_counts(frame, camera, exposure_time=bench.exposure_time) for frame in frames]
    positions = calibrate_anchors(
        np.mean([part.value for part in light], axis=0, dtype=np.float64),
        np.mean([np.where(part.valid, part.variance, np.inf) for part in light], axis=0, dtype=np.float64) / 4,
        anchors=6,
    )  # fmt: skip
    signals = np.zeros((18, 63), np.bool_)
    signals[:12, :30] = rng.random((12, 30)) < 0.3
    signals[6:12] |= anchors[-1]
    signals[12:] = anchors[0] & (np.cumsum(anchors[0]) <= np.arange(1, 7)[:, None] % 3 + 1)
    plan = plan_signals(signals, anchors)
    counts = bench.expose(plan.patterns).counts.reshape(len(plan.patterns), -1)
    found = decode_signals(counts, plan, positions, camera, exposure_time=bench.exposure_time)
    empty = np.zeros((1, 63), np.bool_)
    static = bench.truth.field(empty).reshape(1, -1).astype(np.complex128)
    steps = np.diff(np.concatenate([empty, anchors]).astype(int), axis=0).astype(np.bool_)
    slices = np.concatenate([static, bench.truth.field(steps).reshape(6, -1) - static])
    truth = bench.truth.field(signals).reshape(18, -1) - static
    upright = align(positions.slices, slices, fields=found.value)
    assert found.valid.mean() > 0.97
    for group in (slice(0, 6), slice(6, 12), slice(12, 18)):
        use = found.valid[group]
        scaled = np.abs(upright - truth)[group][use] / found.standard_error[group][use]
        # The median of squared errors of mean one: 0.455 where they lie on a line, log 2 where they are circular.
        assert 0.9 * 0.455 < np.median(scaled**2) < 1.1 * np.log(2)
        assert np.sqrt(np.mean(np.minimum(scaled, 6) ** 2)) == pytest.approx(1, abs=0.1)
    relative = np.abs(upright - truth)[:6][found.valid[:6]] ** 2
    assert np.sqrt(relative.mean() / np.mean(np.abs(truth[:6]) ** 2)) < 0.05
