"""The multislice medium: passive, linear beside its adjoint, blind to batches, and clear about what it cannot hold."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.fft import fft2, fftshift, ifft2

from optics.media import MediumSite
from optics.media import multislice as module
from optics.media.entrance_grid import EntranceGrid, wrapped_slices
from optics.media.multislice import MultisliceMedium
from optics.media.multislice_description import MultisliceDescription
from optics.media.slice_passes import Chain, run_chain
from optics.media.stops import circular_stop
from optics.propagation import transfer_function

PITCH = 8e-6


def lattice(rows: int, columns: int, *, pitch: float = PITCH, lost: bool = False) -> np.ndarray:
    """Positions of a centred block of inputs, and one without a place."""
    axes = [(np.arange(size) - (size - 1) / 2) * pitch for size in (rows, columns)]
    positions = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.concatenate([positions, np.full((1, 2), np.nan)]) if lost else positions


def site(rows: int = 40, columns: int = 56, *, inputs: np.ndarray | None = None) -> MediumSite:
    places = lattice(12, 10, lost=True) if inputs is None else inputs
    return MediumSite(input_positions=places, output_shape=(rows, columns), output_pitch=3e-6, wavelength=500e-9)


SLICES = MultisliceDescription(
    collected_fraction=0.4, grid_rows=72, grid_columns=90, spacing=1e-6, input_pitch=PITCH, screens=3, strength=1.0,
    correlation_length=6e-6, gap=20e-6, rows_per_input=1, columns_per_input=1,
)  # fmt: skip
STOPPED = replace(SLICES, entrance_distance=11e-6, entrance_aperture=0.2, exit_distance=7e-6, exit_aperture=0.15)
SQUARE = replace(SLICES, grid_rows=90, illumination="fourier", detection="fourier")
VARIANTS = [SLICES, STOPPED, SQUARE, replace(SQUARE, detection="image", exit_aperture=0.2), replace(SLICES, gap=0.0)]


def random_field(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


@pytest.mark.parametrize("description", VARIANTS)
def test_adjoint_identity(description: MultisliceDescription, rng: np.random.Generator) -> None:
    medium = description.build(site(), seed=3)
    a, e = random_field(rng, 2, 121), random_field(rng, 2, 1, 40, 56)
    forward = np.vdot(e, medium.transmit(a, time=0.0).astype(np.complex128))
    backward = np.vdot(medium.adjoint(e, time=0.0).astype(np.complex128), a)
    # Sums of 4480 terms, each with float32 rounding of about ten transforms: 1e-6 of the product of the norms.
    assert abs(forward - backward) < 1e-6 * np.linalg.norm(e) * np.linalg.norm(a)


@pytest.mark.parametrize("description", [SLICES, SQUARE])
def test_no_power_is_lost_where_the_camera_sees_the_whole_grid(
    description: MultisliceDescription, rng: np.random.Generator
) -> None:
    a = random_field(rng, 3, 121)
    field = description.build(site(*description.shape), seed=3).transmit(a, time=0.0).astype(np.complex128)
    assert (np.abs(field) ** 2).sum(axis=(1, 2, 3)) == pytest.approx(0.4 * (np.abs(a) ** 2).sum(axis=1), rel=3e-6)


@pytest.mark.parametrize("description", VARIANTS)
def test_no_input_sends_more_than_the_collected_fraction(description: MultisliceDescription) -> None:
    matrix = description.build(site(), seed=3).matrix(0.0).astype(np.complex128)
    assert np.linalg.norm(matrix, 2) ** 2 <= 0.4 * (1 + 1e-5)


def test_power_counts_per_pixel_where_pixels_are_sampled_finer(rng: np.random.Generator) -> None:
    a = random_field(rng, 1, 121)
    medium = replace(SLICES, samples_per_pixel=3).build(site(24, 30), seed=3)
    per_pixel = (np.abs(medium.transmit(a, time=0.0)) ** 2).reshape(24, 3, 30, 3).mean(axis=(1, 3))
    assert per_pixel.sum() == pytest.approx(0.4 * (np.abs(a) ** 2).sum(), rel=3e-6)
    assert medium.output_positions.shape == (72, 90, 2)
    assert medium.output_positions[1, 0, 0] - medium.output_positions[0, 0, 0] == pytest.approx(1e-6)


def test_field_is_the_product_of_its_factors_written_out(rng: np.random.Generator) -> None:
    # Independent of the passes: numpy arrays in double precision, the origin in the middle, transforms as matrices.
    medium = STOPPED.build(site(), seed=5)
    assert isinstance(medium, MultisliceMedium)
    a = random_field(rng, 1, 121)
    a[0, -1] = 0
    plane = np.zeros((72, 90), np.complex128)
    plane[36 - 6 : 36 + 6, 45 - 5 : 45 + 5] = a[0, :-1].reshape(12, 10)
    fourier = [np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n) - n // 2) / n) / np.sqrt(n) for n in (72, 90)]
    frequency = [np.where((k := np.arange(n)) < n / 2, k, k - n) / (n * 1e-6) for n in (72, 90)]
    squared = frequency[0][:, np.newaxis] ** 2 + frequency[1] ** 2

    def travel(field: np.ndarray, distance: float, aperture: float) -> np.ndarray:
        waves = fourier[0] @ field @ fourier[1].T
        waves = waves * np.exp(2j * np.pi * distance * np.sqrt(500e-9**-2 - squared))
        waves[squared > (aperture / 500e-9) ** 2] = 0
        return fourier[0].conj().T @ waves @ fourier[1].conj()

    screens = [fftshift(mask) for mask in medium.chain.masks[2::2][:3] if mask is not None]
    plane = travel(plane, 11e-6, 0.2) * screens[0]
    for screen in screens[1:]:
        plane = travel(plane, 20e-6, np.inf) * screen
    plane = travel(plane, 7e-6, 0.15)
    expected = math.sqrt(0.4) * plane[36 - 20 : 36 + 20, 45 - 28 : 45 + 28]
    found = medium.transmit(a, time=0.0)[0, 0]
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


def test_lens_takes_the_mirrors_to_their_fourier_transform(rng: np.random.Generator) -> None:
    # Without scattering a 2f lens, then another: the mirrors again, turned half round.
    a = random_field(rng, 1, 121)
    a[0, -1] = 0
    wide = replace(SQUARE, strength=0.0, gap=0.0, collected_fraction=1.0).build(site(90, 90), seed=3)
    image = np.roll(wide.transmit(a, time=0.0)[0, 0][::-1, ::-1], (1, 1), axis=(0, 1))
    assert image[39:51, 40:50] == pytest.approx(a[0, :-1].reshape(12, 10), abs=1e-5)


def test_same_bits_in_any_batch_on_any_number_of_threads(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    medium = STOPPED.build(site(), seed=3)
    states = (rng.random((5, 121)) < 0.5).astype(np.float32)
    whole = medium.transmit(states, time=0.0)
    parts = [medium.transmit(states[:2], time=0.0), medium.transmit(states[2:], time=0.0)]
    assert np.array_equal(np.concatenate(parts), whole)
    monkeypatch.setattr(module, "LARGE_GRID", 1)  # processors share a frame
    assert np.array_equal(medium.transmit(states, time=0.0), whole)
    monkeypatch.setattr(module, "_processors", lambda: 1)
    assert np.array_equal(medium.transmit(states, time=0.0), whole)
    assert not np.array_equal(STOPPED.build(site(), seed=4).transmit(states, time=0.0), whole)


def test_matrix_is_made_of_transmitted_columns(rng: np.random.Generator) -> None:
    medium = SLICES.build(site(), seed=3)
    a = random_field(rng, 1, 121)
    assert medium.transmit(a, time=0.0).reshape(-1) == pytest.approx(medium.matrix(0.0) @ a[0], abs=1e-5)


def test_a_matrix_too_large_is_refused_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_MATRIX", 2**20)
    with pytest.raises(ValueError, match=r"121 inputs and 2240 outputs needs 0.0 GiB.*transmit"):
        SLICES.build(site(), seed=3).matrix(0.0)


def test_scattered_inputs_are_painted_as_a_block_is(rng: np.random.Generator) -> None:
    inputs = lattice(6, 5, pitch=2 * PITCH)
    order = rng.permutation(30)
    grids = [EntranceGrid(p, pitch=PITCH, footprint=(2, 2), shape=(72, 90)) for p in (inputs, inputs[order])]
    a = random_field(rng, 30)
    planes = [np.zeros((72, 90), np.complex64) for _ in grids]
    grids[0].paint(a, planes[0])
    grids[1].paint(a[order], planes[1])
    assert np.array_equal(*planes)
    assert np.linalg.norm(planes[0]) == pytest.approx(np.linalg.norm(a), rel=1e-6)
    assert grids[1].collect(planes[1]) == pytest.approx(a[order], abs=1e-6)


def test_mirrors_without_a_component_light_what_no_input_covers() -> None:
    grid = EntranceGrid(lattice(12, 10, lost=True), pitch=PITCH, footprint=(1, 1), shape=(72, 90))
    plane = np.zeros((72, 90), np.complex64)
    a = np.zeros(121)
    a[-1] = 3
    assert grid.paint(a, plane) == [slice(0, 72)]
    assert np.count_nonzero(plane) == 72 * 90 - 120
    assert np.linalg.norm(plane) == pytest.approx(3, rel=1e-5)


def test_wrapped_slices_cover_each_offset_once() -> None:
    for first, count in ((-3, 7), (0, 4), (-8, 4), (-4, 8)):
        found = np.empty(count, int)
        for part, own in wrapped_slices(first, count, 8):
            found[part] = np.arange(8)[own]
        assert np.array_equal(found, np.arange(first, first + count) % 8)


def test_plane_waves_get_the_phase_of_their_axial_wavevector() -> None:
    factors = transfer_function((6, 8), spacing=(1e-6, 2e-6), wavelength=5e-7, distance=3e-6, dtype=np.complex128)
    axial = math.sqrt(5e-7**-2 - (2 / 6e-6) ** 2 - (3 / 16e-6) ** 2)
    assert factors[2, -3] == pytest.approx(np.exp(2j * math.pi * 3e-6 * axial), abs=1e-9)


def test_waves_that_leave_the_window_and_evanescent_ones_are_dropped() -> None:
    far = transfer_function((64, 64), spacing=(1e-6, 1e-6), wavelength=5e-7, distance=1e-3)
    limit = 1 / (5e-7 * math.hypot(1, 2e-3 / 64e-6))
    kept = np.flatnonzero(far[0])
    assert len(kept) == 2 * math.floor(limit * 64e-6) + 1
    near = transfer_function((64, 64), spacing=(1e-7, 1e-7), wavelength=5e-7, distance=1e-6, band_limited=False)
    assert np.abs(near[32, 32]) < 1e-10
    stop = circular_stop((64, 64), spacing=(1e-6, 1e-6), wavelength=5e-7, numerical_aperture=0.1)
    # Waves inside a circle of radius 12.8: its area, within its rim.
    assert stop.sum() == pytest.approx(math.pi * 12.8**2, abs=2 * math.pi * 12.8 / 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"strength": 9.0},
            r"3 screens of 9 rad rms scatter to 1.1e\+07 rad/m.*grid holds 3.14e\+06.*at most 2.85e-07 m",
        ),
        ({"correlation_length": 1.5e-6}, "1.5e-06 m does not fit the grid: it must be at least 2e-06 m"),
        ({"correlation_length": 30e-6}, r"at most 1.8e-05 m \(window / 4\)"),
        ({"illumination": "fourier", "entrance_distance": 1e-3}, "'fourier' has no entrance_distance"),
        ({"detection": "fourier", "exit_aperture": 0.1}, r"no exit_aperture \(0.1\)"),
        ({"detection": "farfield"}, "detection = 'farfield' is not known"),
        ({"collected_fraction": 1.5}, "collected_fraction = 1.5 is not allowed"),
        ({"screens": 0}, "screens"),
    ],
)
def test_descriptions_that_cannot_be_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SLICES, **change)


def test_sites_that_do_not_fit_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="needs a grid of at least 80 x 40 samples, the grid has 72 x 90"):
        SLICES.build(site(80, 40), seed=3)
    with pytest.raises(ValueError, match="72 x 90 samples into samples that are not square"):
        replace(SLICES, detection="fourier").build(site(), seed=3)
    with pytest.raises(ValueError, match=r"reach over 80 grid rows of 8e-06 m.*the grid has 72"):
        SLICES.build(site(inputs=lattice(79, 3)), seed=3)
    with pytest.raises(ValueError, match="inputs overlap on 85 samples"):
        SLICES.build(site(inputs=lattice(12, 10, pitch=PITCH / 2)), seed=3)
    with pytest.raises(ValueError, match="2 inputs have no place"):
        SLICES.build(site(inputs=np.full((2, 2), np.nan)), seed=3)
    with pytest.raises(ValueError, match=r"field_in must have shape \(frame, 121\)"):
        SLICES.build(site(), seed=3).transmit(np.ones((1, 7)), time=0.0)


@pytest.mark.parametrize("shape", [(72, 90), (70, 151)])
def test_half_of_an_even_mask_does_for_the_whole(shape: tuple[int, int], rng: np.random.Generator) -> None:
    # As an independent pair of transforms by scipy, and in passes along rows and along columns.
    field = random_field(rng, *shape)
    mask = transfer_function(shape, spacing=(1e-6, 1.3e-6), wavelength=5e-7, distance=4e-5)
    half = mask[:, : shape[1] // 2 + 1].copy()
    whole = [slice(0, shape[0])], [slice(0, shape[1])]
    filtered = ifft2(mask * fft2(field))
    along_columns, along_rows = field.copy(), fft2(field, norm="ortho").astype(np.complex64)
    run_chain(along_columns, Chain((None, half, None), (False, True)), lit=whole[0], seen=whole)
    run_chain(along_rows, Chain((half, None), (True,)), lit=whole[0], seen=whole)
    for found in (along_columns, along_rows):
        assert np.abs(found - filtered).max() < 3e-6 * np.abs(filtered).max()
