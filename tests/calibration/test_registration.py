"""Registration: simulated images of numbered points give the map back within its errors, and what is wrong is told."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.special
import skimage.transform

from calibration.light import Light, light_from_counts
from calibration.registration import Registration, register, register_spots
from calibration.spots import find_spots, point_codes, read_spots
from optics import Camera, Dmd
from optics.sensor import Sensor

EXPOSURE = 1e-3


@pytest.fixture
def sensor_camera() -> Camera:
    """An 8-bit camera of 180 x 230 pixels."""
    return Camera(
        rows=180, columns=230, pixel_pitch=5e-6, quantum_efficiency=0.6, full_well=10_000.0, gain=0.025,
        read_noise=13.0, bits=8, black_level=3.0,
    )  # fmt: skip


@pytest.fixture
def dmd() -> Dmd:
    """A staggered array of 300 x 170 mirrors, about 1.6 mm x 1.8 mm."""
    return Dmd(rows=300, columns=170, pitch=7.6e-6, staggered=True)


def point_places(dmd: Dmd) -> np.ndarray:
    """Return the places of 48 mirrors far from each other."""
    return dmd.mirror_positions()[20:290:38, 12:170:28].reshape(-1, 2)


def bench_map(angle: float, *, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return a map that turns, shears, scales to some 0.1 pixel a micrometre, and mirrors."""
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    skew = np.array([[1.0, 0.03], [0.0, -1.04 if mirrored else 1.04]])
    return 8.1e4 * turn @ skew, np.array([88.3, 116.7])


def rendered(centres: np.ndarray, lit: np.ndarray, *, width: float, shape: tuple[int, int]) -> np.ndarray:
    """Return Gaussian spots of unit light integrated over pixels, by the error function."""

    def profile(size: int, places: np.ndarray) -> np.ndarray:
        edges = np.arange(size + 1) - 0.5
        return np.diff(scipy.special.erf((edges - places[:, np.newaxis]) / (width * math.sqrt(2))) / 2, axis=1)

    down, right = profile(shape[0], centres[:, 0]), profile(shape[1], centres[:, 1])
    return np.einsum("fk,ky,kx->fyx", lit.astype(float), down, right)


def exposed(rate: np.ndarray, camera: Camera, *, seed: int) -> Light:
    """Return the light of frames through the noise of a camera."""
    counts = Sensor(camera, seed=seed).expose(rate.astype(np.float32), exposure_time=EXPOSURE, first=0)
    return light_from_counts(counts, camera, exposure_time=EXPOSURE)


def registered(camera: Camera, dmd: Dmd, *, seed: int, mirrored: bool = True) -> tuple[Registration, np.ndarray, float]:
    """Return a registration by frames, the errors of its spots in pixels, and their quoted rms."""
    places = point_places(dmd)
    matrix, origin = bench_map(0.1 + 0.02 * seed, mirrored=mirrored)
    centres = places @ matrix.T + origin
    codes = point_codes(len(places))
    light = exposed(4e7 * rendered(centres, codes, width=1.4, shape=camera.shape), camera, seed=seed)
    spots = read_spots(light, points=len(places), width=1.5)
    read = spots.points >= 0
    errors = spots.positions[read] - centres[spots.points[read]]
    quoted = float(np.sqrt(np.mean(spots.standard_error[read] ** 2)))
    return register_spots(spots, places, rng=np.random.default_rng(seed)), errors, quoted


@pytest.mark.parametrize("mirrored", [False, True])
def test_map_comes_back_from_frames_within_its_errors(sensor_camera: Camera, dmd: Dmd, mirrored: bool) -> None:
    found, errors, quoted = registered(sensor_camera, dmd, seed=3, mirrored=mirrored)
    matrix, origin = bench_map(0.16, mirrored=mirrored)
    assert found.inliers.sum() == len(point_places(dmd))
    assert found.mirrored == mirrored
    # Spots of 12 counts on a noise of half a count: a fiftieth of a pixel.
    assert quoted < 0.03
    # Six parameters and 2 x 48 coordinates: four standard errors each.
    assert np.all(np.abs(found.matrix - matrix) < 4 * found.standard_error[:, :2])
    assert np.all(np.abs(found.origin - origin) < 4 * found.standard_error[:, 2])
    assert found.residual == pytest.approx(quoted, rel=4 / math.sqrt(2 * errors.size))
    assert found.scales[0] / found.scales[1] == pytest.approx(np.linalg.cond(matrix), rel=0.01)
    corner = dmd.mirror_positions()[0, 0]
    away = found.to_camera(corner) - (matrix @ corner + origin)
    assert np.all(np.abs(away) < 4 * found.error_on_camera(corner))
    assert np.all(found.error_on_camera(corner) > found.error_on_camera(np.zeros(2)))


def test_quoted_errors_match_the_scatter(sensor_camera: Camera, dmd: Dmd) -> None:
    runs = [registered(sensor_camera, dmd, seed=seed) for seed in range(12)]
    spot_errors = np.concatenate([errors.ravel() for _, errors, _ in runs])
    quoted = np.sqrt(np.mean([quoted**2 for _, _, quoted in runs]))
    assert np.sqrt(np.mean(spot_errors**2)) == pytest.approx(quoted, rel=4 / math.sqrt(2 * spot_errors.size) + 0.01)
    pulls = []
    for seed, (found, _, _) in enumerate(runs):
        matrix, origin = bench_map(0.1 + 0.02 * seed, mirrored=True)
        truth = np.concatenate([matrix, origin[:, np.newaxis]], axis=1)
        pulls.append(
            (np.concatenate([found.matrix, found.origin[:, np.newaxis]], axis=1) - truth) / found.standard_error
        )
    # The covariance takes the larger of two estimates of the noise, and is some 3 % too large for that.
    assert np.sqrt(np.mean(np.square(pulls))) == pytest.approx(1, rel=4 / math.sqrt(2 * np.size(pulls)) + 0.03)


def test_blocks_of_mirrors_warped_to_the_camera(sensor_camera: Camera) -> None:
    """A square array imaged by scikit-image's warp: blocks of 3 x 3 mirrors, blurred by the lens."""
    dmd = Dmd(rows=160, columns=200, pitch=10e-6)
    grid = np.stack(np.meshgrid(np.arange(20, 150, 24), np.arange(17, 190, 24), indexing="ij"), axis=-1).reshape(-1, 2)
    places = dmd.mirror_positions()[grid[:, 0], grid[:, 1]]
    codes = point_codes(len(places))
    # From (x, y) of the mirrors to (x, y) of the camera: flipped along x, turned, 1.02 pixels a mirror.
    image = skimage.transform.AffineTransform(matrix=np.array([[-1.0, 0.08, 213.4], [0.09, 1.02, -2.2], [0, 0, 1]]))
    frames = []
    for code in codes:
        lit = np.zeros((dmd.rows, dmd.columns))
        for row, column in grid[code]:
            lit[row - 1 : row + 2, column - 1 : column + 2] = 1
        blurred = skimage.filters.gaussian(lit, 1.0, preserve_range=True)
        frames.append(skimage.transform.warp(blurred, image.inverse, output_shape=sensor_camera.shape, order=3))
    light = exposed(6e6 * np.clip(frames, 0, None), sensor_camera, seed=2)
    found = register_spots(read_spots(light, points=len(places), width=1.6), places, rng=np.random.default_rng(1))
    assert found.mirrored
    assert found.inliers.sum() == len(places)
    expected = image(grid[:, ::-1])[:, ::-1]
    # Interpolation by the warp shifts spots by some thousandths of a pixel beside the noise.
    assert np.abs(found.to_camera(places) - expected).max() < 4 * found.error_on_camera(places).max() + 0.01
    np.testing.assert_array_equal(found.nearest_mirrors(expected + 0.3, dmd), grid)


def test_every_mirror_is_found_under_its_pixel(dmd: Dmd, rng: np.random.Generator) -> None:
    matrix, origin = bench_map(0.2, mirrored=True)
    places = point_places(dmd)
    for array in (dmd, replace(dmd, staggered=False)):
        found = register(places, places @ matrix.T + origin, rng=rng)
        positions = array.mirror_positions()
        inside = rng.uniform(-0.3, 0.3, positions.shape) * array.pitch
        pixels = found.to_camera(positions + inside).reshape(-1, 2)
        indices = np.stack(np.meshgrid(np.arange(300), np.arange(170), indexing="ij"), axis=-1).reshape(-1, 2)
        np.testing.assert_array_equal(found.nearest_mirrors(pixels, array), indices)
        outside = found.to_camera(positions[:1, :1] - 2 * array.pitch).reshape(-1, 2)
        np.testing.assert_array_equal(found.nearest_mirrors(outside, array), [[-1, -1]])
        np.testing.assert_allclose(found.to_mirrors(found.to_camera(positions)), positions, atol=1e-12)


def test_nearest_mirror_is_the_nearest_of_all(dmd: Dmd, rng: np.random.Generator) -> None:
    places = point_places(dmd)
    matrix, origin = bench_map(0.2, mirrored=False)
    found = register(places, places @ matrix.T + origin, rng=rng)
    for array in (dmd, replace(dmd, staggered=False)):
        positions = array.mirror_positions().reshape(-1, 2)
        asked = rng.uniform(-0.4, 0.4, (200, 2)) * np.ptp(positions, axis=0)
        squares = ((asked[:, np.newaxis] - positions) ** 2).sum(axis=-1)
        nearest = np.stack(np.divmod(squares.argmin(axis=1), array.columns), axis=-1)
        np.testing.assert_array_equal(found.nearest_mirrors(found.to_camera(asked), array), nearest)


def test_residual_of_few_points_is_the_noise(rng: np.random.Generator) -> None:
    places = 1e-3 * np.array([[0.0, 0], [1, 0.1], [0.2, 1], [1.1, 0.9], [0.5, 0.4]])
    pixels = places @ bench_map(0.2, mirrored=False)[0].T
    squares, pulls = [], []
    for _ in range(300):
        found = register(places, pixels + 0.1 * rng.standard_normal(places.shape), rng=rng, tolerance=5)
        squares.append(found.residual**2)
        pulls.append(found.origin**2 / 0.01)
    # Ten coordinates, six parameters: four degrees of freedom, chi square scatters by sqrt(2/4) of its mean.
    assert np.mean(squares) == pytest.approx(0.01, rel=4 * math.sqrt(0.5 / 300))
    quoted = register(places, pixels, rng=rng, standard_error=np.full(places.shape, 0.1)).standard_error[:, 2]
    assert np.sqrt(np.mean(pulls)) == pytest.approx(quoted.mean() / 0.1, rel=4 / math.sqrt(2 * 600))


def test_wrong_matches_are_found_and_left_out(dmd: Dmd, rng: np.random.Generator) -> None:
    places = point_places(dmd)
    matrix, origin = bench_map(0.2, mirrored=False)
    pixels = places @ matrix.T + origin + 0.02 * rng.standard_normal(places.shape)
    wrong = np.arange(len(places)) < 15
    pixels[wrong] = np.roll(pixels[wrong], 1, axis=0)
    found = register(places, pixels, rng=rng, standard_error=np.full(places.shape, 0.02))
    np.testing.assert_array_equal(found.inliers, ~wrong)
    assert np.all(np.abs(found.matrix - matrix) < 4 * found.standard_error[:, :2])
    with pytest.raises(ValueError, match="of 48 points agree on an affine map within 1 pixels"):
        register(places, rng.permutation(pixels), rng=rng)


def test_distortion_beyond_the_noise_widens_the_errors(dmd: Dmd, rng: np.random.Generator) -> None:
    places = point_places(dmd)
    matrix, origin = bench_map(0.2, mirrored=False)
    radius = np.sum((places / 1e-3) ** 2, axis=1, keepdims=True)
    pixels = places * (1 + 0.004 * radius) @ matrix.T + origin
    quoted = np.full(places.shape, 0.001)
    distorted = register(places, pixels, rng=rng, standard_error=quoted)
    straight = register(places, places @ matrix.T + origin, rng=rng, standard_error=quoted)
    assert straight.residual < 1e-9
    assert distorted.residual > 0.02
    assert np.all(distorted.standard_error > 10 * straight.standard_error)


def test_points_that_cannot_determine_a_map_are_refused(dmd: Dmd, rng: np.random.Generator) -> None:
    places = point_places(dmd)
    matrix, origin = bench_map(0.2, mirrored=True)
    pixels = places @ matrix.T + origin
    with pytest.raises(ValueError, match="3 points are too few, an affine map needs at least 4"):
        register(places[:3], pixels[:3], rng=rng)
    with pytest.raises(ValueError, match="the 48 places lie on a line"):
        register(places * [1, 0], pixels, rng=rng)
    with pytest.raises(ValueError, match="the 48 pixels lie on a line"):
        register(places, pixels * [0, 1], rng=rng)
    with pytest.raises(ValueError, match="the image is mirrored .* and should not be: look for a flip"):
        register(places, pixels, rng=rng, mirrored=False)
    with pytest.raises(ValueError, match=r"must all have shape \(point, 2\)"):
        register(places, pixels[:-1], rng=rng)
    with pytest.raises(ValueError, match="leave out points that were not seen"):
        register(places, np.where(np.arange(96).reshape(48, 2) == 5, np.nan, pixels), rng=rng)
    assert register(places, pixels, rng=rng, mirrored=True).mirrored


def test_stray_light_saturation_and_doubles_are_not_numbered(sensor_camera: Camera) -> None:
    centres = np.array([[30.2, 40.7], [60.1, 150.4], [120.6, 80.3], [140.9, 190.2], [90.5, 120.5]])
    codes = point_codes(5)
    rate = 4e7 * rendered(centres, codes, width=1.5, shape=sensor_camera.shape)
    stray = rendered(np.array([[30.0, 200.0]]), np.ones((len(codes), 1)), width=1.5, shape=sensor_camera.shape)
    double = rendered(np.array([[150.0, 30.0]]), codes[:, 1:2], width=1.5, shape=sensor_camera.shape)
    bright = rendered(centres[2:3], codes[:, 2:3], width=1.5, shape=sensor_camera.shape)
    light = exposed(rate + 5e7 * stray + 4e7 * double + 4e8 * bright, sensor_camera, seed=1)
    spots = read_spots(light, points=5, width=1.5, least_share=0.05)
    assert len(spots.points) == 7
    np.testing.assert_array_equal(np.sort(spots.points), [-1, -1, -1, -1, 0, 3, 4])
    for number in (0, 3, 4):
        assert np.abs(spots.positions[spots.points == number] - centres[number]).max() < 0.1


def test_frames_that_do_not_fit_the_codes_are_refused() -> None:
    assert point_codes(1).shape == (3, 1)
    assert point_codes(5).shape == (7, 5)
    assert len(np.unique(point_codes(37), axis=1).T) == 37
    dark = Light(np.zeros((6, 40, 50), np.float32), np.ones((6, 40, 50), np.float32), np.ones((6, 40, 50), bool))
    with pytest.raises(ValueError, match=r"light must have 7 frames of shape \(y, x\) for 5 points"):
        read_spots(dark, points=5, width=1.5)
    with pytest.raises(ValueError, match="width = 9 pixels is not allowed"):
        find_spots(dark.value[0], dark.variance[0], width=9)
    assert len(find_spots(dark.value[0], dark.variance[0], width=1.5).points) == 0


def test_noise_alone_makes_no_spots(rng: np.random.Generator) -> None:
    noise = rng.standard_normal((400, 500)).astype(np.float32)
    assert len(find_spots(noise, np.ones_like(noise), width=1.2, least_share=0).points) == 0
