"""Layouts of macropixels: order, gaps, paths, lists; mirror frames rendered, packed and read back."""

import itertools
import math

import numpy as np
import pytest

from optics import (
    Dmd,
    FrameRenderer,
    Layout,
    ListedLayout,
    MacropixelLayout,
    Orientation,
    PathLayout,
    input_positions,
    pack_frames,
    square_block,
    unpack_frames,
)
from optics.mirrors.hilbert import hilbert_order

DMD = Dmd(rows=70, columns=90, pitch=10e-6)
BLOCKS = {"block_rows": 5, "block_columns": 4, "grid_rows": 8, "grid_columns": 12}
CROSS = ListedLayout(mirrors=[[(0, 0), (69, 89)], [(3, 4)], [(10, 11), (11, 11), (12, 11)]])
LAYOUTS: dict[str, Layout] = {
    "raster": MacropixelLayout(**BLOCKS),
    "hilbert": MacropixelLayout(**BLOCKS, order="hilbert"),
    "random": MacropixelLayout(**BLOCKS, order="random", order_seed=3),
    "gaps": MacropixelLayout(**BLOCKS, gap=2, margin=6),
    "padding on": MacropixelLayout(**BLOCKS, padding_on=True),
    "lines": PathLayout(inputs=100),
    "compact": PathLayout(inputs=100, path="hilbert", margin=3),
    "interleaved": PathLayout(inputs=97, path="interleaved"),
    "scattered": PathLayout(inputs=100, path="scattered", path_seed=2),
    "equal light": PathLayout(inputs=60, path="hilbert", beam_radius=300e-6),
    "listed": CROSS,
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_macropixel_has_mirrors_of_its_own_and_frames_read_back(name: str, rng: np.random.Generator) -> None:
    layout = LAYOUTS[name]
    owner = layout.mirror_inputs(DMD)
    assert owner.shape == (70, 90)
    assert set(np.unique(owner)) | {-1} == set(range(-1, layout.inputs))
    renderer = FrameRenderer(layout, DMD)
    states = rng.random((5, layout.inputs)) < 0.5
    frames = renderer.render(states)
    # Mirror by mirror, without any of the renderer's short cuts.
    for frame, own in zip(frames, states, strict=True):
        expected = [layout.padding_on if k < 0 else own[k] for k in owner.ravel()]
        assert np.array_equal(frame.ravel(), expected)
    packed = renderer.render_packed(states)
    assert np.array_equal(packed, pack_frames(frames))
    assert np.array_equal(unpack_frames(packed, columns=90), frames)
    assert np.array_equal(renderer.read_back(frames), states)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (8, 8), (64, 64), (7, 12)])
def test_hilbert_order_meets_every_cell_once_and_keeps_neighbours(rows: int, columns: int) -> None:
    order = hilbert_order(rows, columns)
    assert np.array_equal(np.sort(order), np.arange(rows * columns))
    y, x = np.divmod(order, columns)
    steps = np.abs(np.diff(y)) + np.abs(np.diff(x))
    if rows == columns and steps.size:
        assert steps.max() == 1
    elif steps.size:
        assert np.mean(steps == 1) > 0.9


def test_gaps_and_margins_carry_nothing() -> None:
    owner = LAYOUTS["gaps"].mirror_inputs(DMD)
    lit = np.flatnonzero((owner >= 0).any(axis=1))
    assert lit[0] >= 6
    assert lit[-1] < 64
    runs = np.split(lit, np.flatnonzero(np.diff(lit) > 1) + 1)
    assert [len(run) for run in runs] == [5] * 8
    assert {int(b[0] - a[-1]) for a, b in itertools.pairwise(runs)} == {3}  # two mirrors in between


def test_the_anchor_region_keeps_its_place_in_every_order() -> None:
    for order in ("raster", "hilbert", "random"):
        layout = MacropixelLayout(**BLOCKS, order=order, anchor_rows=2)
        places = input_positions(layout, DMD)
        assert places[-24:, 0].min() > places[:-24, 0].max()
        assert np.all(np.diff(places[-12:, 1]) > 0)


def test_raster_components_follow_the_rows_and_random_ones_do_not() -> None:
    raster, random = (input_positions(LAYOUTS[name], DMD) for name in ("raster", "random"))
    assert np.diff(raster[:12, 1]) == pytest.approx(40e-6)
    assert np.sort(random[:, 0]) == pytest.approx(np.sort(raster[:, 0]))
    assert np.abs(np.diff(random[:, 1])).mean() > 100e-6


def test_interleaved_macropixels_take_every_nth_mirror() -> None:
    owner = LAYOUTS["interleaved"].mirror_inputs(DMD).ravel()
    assert np.array_equal(np.flatnonzero(owner == 5), np.arange(5, 6300 // 97 * 97, 97))
    assert np.all(owner[6300 // 97 * 97 :] == -1)


@pytest.mark.parametrize("path", ["lines", "hilbert", "scattered"])
def test_equal_light_under_a_gaussian_beam(path: str) -> None:
    layout = PathLayout(inputs=60, path=path, beam_radius=250e-6)
    owner = layout.mirror_inputs(DMD)
    y, x = (np.arange(70) - 34.5) * 10e-6, (np.arange(90) - 44.5) * 10e-6
    light = np.exp(-2 * (y[:, None] ** 2 + x**2) / (250e-6) ** 2)
    got = np.bincount(owner.ravel(), weights=light.ravel())
    # A share is missed by less than one mirror's light at each of its two ends.
    assert np.abs(got - light.sum() / 60).max() <= light.max()
    assert np.bincount(owner.ravel()).max() > 1.5 * np.bincount(owner.ravel()).min()


def test_on_a_staggered_array_a_round_beam_stays_round() -> None:
    # Diamond array: rows are pitch / sqrt(2), columns sqrt(2) pitch apart; equal light follows positions, not indices.
    diamond = Dmd(rows=120, columns=60, pitch=10e-6, staggered=True)
    owner = PathLayout(inputs=40, path="hilbert", beam_radius=200e-6).mirror_inputs(diamond).ravel()
    places = diamond.mirror_positions().reshape(-1, 2)
    light = np.exp(-2 * np.sum(places**2, axis=1) / (200e-6) ** 2)
    got = np.bincount(owner, weights=light)
    assert np.abs(got - light.sum() / 40).max() <= light.max()


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (lambda: MacropixelLayout(**{**BLOCKS, "gap": 9}), r"needs 103 x 147 mirrors, the DMD has 70 x 90"),
        (lambda: MacropixelLayout(**{**BLOCKS, "margin": 20}), r"inside a margin of 20, the DMD has 70 x 90"),
        (lambda: PathLayout(inputs=7000), r"7000 macropixels do not fit on the 70 x 90 mirrors"),
        (lambda: PathLayout(inputs=10, margin=40), r"do not fit on the 0 x 10 mirrors"),
        (lambda: PathLayout(inputs=5000, beam_radius=50e-6), r"would get no mirror: one mirror has more light"),
        (lambda: ListedLayout(mirrors=[[(0, 0)], [(70, 3)]]), r"macropixel 1 has the mirror \(70, 3\), the DMD has"),
        (lambda: ListedLayout(mirrors=[[(0, -1)]]), r"macropixel 0 has the mirror \(0, -1\)"),
        (lambda: ListedLayout(mirrors=[[(1, 2), (3, 4)], [(5, 5), (3, 4)]]), r"0 and 1 overlap on the mirror \(3, 4\)"),
        (lambda: ListedLayout(mirrors=[[(1, 2), (1, 2)]]), r"macropixel 0 lists a mirror twice"),
    ],
)
def test_layouts_that_do_not_fit_are_refused(layout: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layout().mirror_inputs(DMD)  # type: ignore[operator] # a maker of layouts


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MacropixelLayout(**BLOCKS, order="spiral"), "order = 'spiral' is not known"),
        (lambda: PathLayout(inputs=4, path="interleaved", beam_radius=1e-3), "gives all macropixels about the same"),
        (lambda: ListedLayout(mirrors=[]), "mirrors lists no macropixel"),
        (lambda: ListedLayout(mirrors=[[1, 2]]), r"macropixel 0 has an array of shape \(2,\)"),
        (lambda: MacropixelLayout(**BLOCKS, anchor_rows=9), "anchor_rows = 9 is not allowed"),
    ],
)
def test_impossible_layouts_are_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator] # a maker of layouts


def test_frames_that_are_not_binary_are_told_apart() -> None:
    renderer = FrameRenderer(LAYOUTS["raster"], DMD)
    frame = np.zeros((1, 70, 90), np.uint8)
    frame[0, 3] = 255
    with pytest.raises(TypeError, match="got 0/255 images of type uint8: a mirror is on or off; take frames > 127"):
        renderer.read_back(frame)
    with pytest.raises(TypeError, match="got 0/1 numbers of type uint8.*take frames > 0"):
        pack_frames(frame // 255)
    frame[0, 4] = 100
    with pytest.raises(TypeError, match="got grey levels of type uint8"):
        pack_frames(frame)


def test_frames_of_another_layout_are_refused(rng: np.random.Generator) -> None:
    renderer = FrameRenderer(LAYOUTS["raster"], DMD)
    frames = renderer.render(rng.random((1, 96)) < 0.5)
    frames[0, 20, 30] ^= True
    with pytest.raises(ValueError, match=r"frame 0: \d+ of the 20 mirrors of macropixel \d+ are on"):
        renderer.read_back(frames)
    frames[0, 20, 30] ^= True
    frames[0, 0, 0] = True
    with pytest.raises(ValueError, match="mirrors that carry no component are not held as the layout says"):
        renderer.read_back(frames)
    with pytest.raises(ValueError, match=r"frames have \(90, 70\) mirrors, the DMD has \(70, 90\)"):
        renderer.read_back(np.swapaxes(frames, 1, 2))
    with pytest.raises(ValueError, match="rows of 95 mirrors pack into 12 bytes"):
        unpack_frames(np.zeros((1, 70, 10), np.uint8), columns=95)


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("flip_rows", [False, True])
@pytest.mark.parametrize("flip_columns", [False, True])
def test_orientation_undoes_itself(transpose: bool, flip_rows: bool, flip_columns: bool) -> None:
    frames = np.arange(2 * 3 * 5).reshape(2, 3, 5)
    turned = Orientation(transpose=transpose, flip_rows=flip_rows, flip_columns=flip_columns)
    there = turned.to_device(frames)
    assert there.shape == ((2, 5, 3) if transpose else (2, 3, 5))
    assert np.array_equal(turned.from_device(there), frames)


def test_orientation_transposes_first_and_flips_then() -> None:
    frame = np.array([[1, 2, 3], [4, 5, 6]])
    device = Orientation(transpose=True, flip_rows=True).to_device(frame)
    assert device.tolist() == [[3, 6], [2, 5], [1, 4]]
    assert math.prod(device.shape) == 6


@pytest.mark.parametrize("staggered", [False, True])
def test_square_blocks_are_square_in_metres(staggered: bool) -> None:
    dmd = Dmd(rows=400, columns=200, pitch=7.6e-6, staggered=staggered)
    rows, columns = square_block(dmd, side=200e-6)
    layout = MacropixelLayout(block_rows=rows, block_columns=columns, grid_rows=3, grid_columns=4)
    places = input_positions(layout, dmd).reshape(3, 4, 2)
    down, right = np.diff(places[..., 0], axis=0).mean(), np.diff(places[..., 1], axis=1).mean()
    # A block is a whole number of rows and columns: off by half a row or column at most.
    assert down == pytest.approx(200e-6, abs=7.6e-6 / 2)
    assert right == pytest.approx(200e-6, abs=7.6e-6 * np.sqrt(2) / 2)
    assert (rows == columns) is not staggered


def test_places_between_mirrors_are_refused() -> None:
    with pytest.raises(TypeError, match="macropixel 1 has places of type float64: rows and columns are whole numbers"):
        ListedLayout(mirrors=[[(0, 0)], [(0.9, 1.7)]])
