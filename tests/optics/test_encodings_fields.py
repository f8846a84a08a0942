"""Holograms: what they show through a pinhole, in the right place and with the right sign, and what they refuse."""

import numpy as np
import pytest

from optics import Dmd
from optics.encodings import (
    LeeHologram,
    MirrorSearch,
    Superpixel,
    clip_modulus,
    field_fidelity,
    photon_efficiency,
    random_speckle,
)
from optics.order_filter import OrderFilter, carrier_cycles

SHAPE = (96, 128)


def lopsided(shape: tuple[int, int]) -> np.ndarray:
    """A smooth field without symmetry: a vortex off the centre in a beam that is wider along x."""
    y, x = np.indices(shape)
    v, u = (y - 0.4 * shape[0]) / shape[0], (x - 0.3 * shape[1]) / shape[1]
    field = (u + 1j * v) * np.exp(-(40 * v**2 + 15 * u**2) + 3j * u)
    return np.asarray(field / np.abs(field).max())


@pytest.mark.parametrize("diamond", [False, True])
def test_field_and_adjoint_are_adjoint(rng: np.random.Generator, diamond: bool) -> None:
    order = OrderFilter(carrier=(0.11, -0.2), radius=0.1, diamond=diamond)
    a, v = (rng.standard_normal((2, 12, 14)) + 1j * rng.standard_normal((2, 12, 14)) for _ in range(2))
    assert np.vdot(v, order.field(a)) == pytest.approx(np.vdot(order.adjoint(v), a), rel=1e-12)


@pytest.mark.parametrize("diamond", [False, True])
def test_an_order_is_passed_without_its_carrier_and_others_are_stopped(diamond: bool) -> None:
    shape = (24, 40)
    u = 1 / 80 if diamond else 1 / 40
    frequencies = [(3 / 24, -10 * u), (4 / 24, -9 * u), (-3 / 24, 10 * u), (0.0, 0.0)]
    waves = [np.exp(2j * np.pi * carrier_cycles(f, shape=shape, diamond=diamond)) for f in frequencies]
    order = OrderFilter(carrier=frequencies[0], radius=0.05, diamond=diamond)
    kept = 5 * waves[0] + 2j * waves[1]
    slow = np.exp(2j * np.pi * carrier_cycles((1 / 24, u), shape=shape, diamond=diamond))
    assert order.field(kept + 7 * waves[2] + 9 * waves[3]) == pytest.approx(5 + 2j * slow, abs=1e-12)


def test_coordinates_of_a_diamond_are_where_its_mirrors_are() -> None:
    dmd = Dmd(rows=8, columns=10, pitch=7.6e-6, staggered=True)
    positions = dmd.mirror_positions()
    steps = (positions - positions[0, 0]) / (dmd.pitch / np.sqrt(2))
    carrier = (0.13, -0.21)
    assert carrier_cycles(carrier, shape=(8, 10), diamond=True) == pytest.approx(steps @ np.array(carrier), abs=1e-9)
    square = Dmd(rows=8, columns=10, pitch=7.6e-6).mirror_positions()
    steps = (square - square[0, 0]) / 7.6e-6
    assert carrier_cycles(carrier, shape=(8, 10), diamond=False) == pytest.approx(steps @ np.array(carrier), abs=1e-9)


# What is left after the pinhole is the hologram's own error, up to 3 % of the power: a wrong sign, axis or conjugate
# leaves nothing of this target.
@pytest.mark.parametrize("modulus", ["parallel", "orthogonal"])
@pytest.mark.parametrize("carrier", [(-1 / 4, 1 / 16), (0.17, -0.23)])
def test_lee_hologram_shows_its_target(modulus: str, carrier: tuple[float, float]) -> None:
    target = lopsided(SHAPE)
    hologram = LeeHologram(carrier=carrier, modulus=modulus)
    shown = hologram.decode(hologram.frames(target), radius=1 / 24)
    assert field_fidelity(shown, target) > 0.96
    # Scale and phase, absolute; fringes of 16 phases have widths in steps of 1 / 16.
    assert np.vdot(target, shown) / np.vdot(target, target) == pytest.approx(1, abs=1 / 16)


def test_single_precision_costs_next_to_no_mirrors(rng: np.random.Generator) -> None:
    # Rounding of 2^-24 turns against fringes of one turn, some operations: 1e-6 of the mirrors are near an edge.
    target = clip_modulus(0.4 * random_speckle((192, 256), radius=1 / 16, rng=rng))
    for modulus in ("parallel", "orthogonal"):
        hologram = LeeHologram(carrier=(0.17, -0.23), modulus=modulus)
        assert np.sum(hologram.frames(target.astype(np.complex64)) != hologram.frames(target)) <= 5
    superpixel = Superpixel()
    assert np.mean(superpixel.frames(target.astype(np.complex64)) != superpixel.frames(target)) < 1e-3
    # The search works in float32 and its result is judged in float64: what is left is that of the bits, 1e-5.
    order = OrderFilter(carrier=(1 / 8, 1 / 4), radius=1 / 64)
    smooth = random_speckle((192, 256), radius=1 / 64, rng=rng)
    field = order.field(MirrorSearch(order=order).frames(0.4 * smooth, rng=rng))
    assert 1 - field_fidelity(field, smooth) < 3e-5


def test_fringes_on_a_diamond_are_straight_in_space() -> None:
    # A hologram on positions shows the target there; one that takes indices for positions does not.
    target = lopsided((96, 64))  # square in space: 96 rows by 128 steps
    tilted = LeeHologram(carrier=(0.11, -0.19), diamond=True)
    assert field_fidelity(tilted.decode(tilted.frames(target), radius=1 / 24), target) > 0.96
    naive = LeeHologram(carrier=(0.11, -0.19)).frames(target)
    assert field_fidelity(tilted.decode(naive, radius=1 / 24), target) < 0.1
    # A flat target, summed over the positions of the chip: sin(pi q) / pi and the phase.
    dmd = Dmd(rows=96, columns=64, pitch=7.6e-6, staggered=True)
    r = dmd.mirror_positions() / (dmd.pitch / np.sqrt(2))
    carrier = (1 / 8, 1 / 4)
    flat = LeeHologram(carrier=carrier, diamond=True).frames(np.full((96, 64), 0.5 * np.exp(0.7j)))
    found = np.mean(flat * np.exp(-2j * np.pi * ((r - r[0, 0]) @ np.array(carrier))))
    # Duty 1/6 on 8 phases: one of them.
    assert np.abs(found) == pytest.approx(1 / 8, abs=1e-12)
    assert np.angle(found) == pytest.approx(0.7, abs=np.pi / 8)


def test_superpixels_decode_exactly_to_the_nearest_field(rng: np.random.Generator) -> None:
    superpixel = Superpixel()
    shape = (10, 14)
    wanted = 0.8 * np.sqrt(rng.random(shape)) * np.exp(2j * np.pi * rng.random(shape))
    frames = superpixel.frames(np.kron(wanted, np.ones((4, 4))))
    shown = superpixel.decode(frames)
    # Brute force over the 6561 fields, turned as each block's place on the carrier says.
    signs = np.stack(np.meshgrid(*[[-1, 0, 1]] * 8), axis=-1).reshape(-1, 8)
    fields = np.sin(np.pi / 16) * signs @ np.exp(2j * np.pi * np.arange(8) / 16)
    turns = np.exp(2j * np.pi * np.arange(14) / 4)
    nearest = np.abs(wanted[..., np.newaxis] - np.conj(turns)[:, np.newaxis] * fields).min(axis=-1)
    assert np.abs(shown - wanted) == pytest.approx(nearest, abs=1e-12)
    # The order that the pinhole passes is 16 sin(pi / 16) times weaker, and in the same place.
    target = 0.9 * lopsided(SHAPE)
    field = superpixel.order_filter(1 / 24).field(superpixel.frames(target))
    assert field_fidelity(field, target) > 0.97
    ratio = 16 * np.sin(np.pi / 16) * np.vdot(target, field) / np.vdot(target, target)
    assert ratio == pytest.approx(1, abs=0.05)  # the block's own width costs the edge of the band 2 %


@pytest.mark.parametrize("inverse", [16, 32, 64])
def test_mirror_search_beats_the_front_of_fringes_and_superpixels(rng: np.random.Generator, inverse: int) -> None:
    """More light than any of them at less than a fifth of their error."""
    target = random_speckle((192, 256), radius=1 / inverse, rng=rng)
    order = OrderFilter(carrier=(1 / 8, 1 / 4), radius=1 / inverse)
    rivals = []
    for encoding in (LeeHologram(carrier=order.carrier), Superpixel()):
        for scale in (0.25, 0.35, 0.45, 0.5, 0.55):
            field = encoding.order_filter(1 / inverse).field(encoding.frames(clip_modulus(scale * target)))
            rivals.append((float(field_fidelity(field, target)), float(photon_efficiency(field, target))))
    field = order.field(MirrorSearch(order=order).frames(0.6 * target, rng=rng))
    assert photon_efficiency(field, target) > max(efficiency for _, efficiency in rivals)
    assert 1 - field_fidelity(field, target) < 0.2 * min(1 - fidelity for fidelity, _ in rivals)


# Real transforms hold half of the frequencies: pinholes in it, in the other half, and across the line between them.
@pytest.mark.parametrize("carrier", [(1 / 8, 1 / 4), (1 / 8, -1 / 4), (3 / 16, -1 / 32)])
@pytest.mark.parametrize("diamond", [False, True])
def test_mirror_search_lowers_the_error_behind_its_pinhole(
    rng: np.random.Generator, carrier: tuple[float, float], diamond: bool
) -> None:
    order = OrderFilter(carrier=carrier, radius=1 / 20, diamond=diamond)
    target = order.field(order.modulation((64, 96)) * lopsided((64, 96)))  # what the pinhole can pass at all
    search = MirrorSearch(order=order)
    before, after = search.start.frames(clip_modulus(target)), search.frames(target, rng=rng)

    def error(frames: np.ndarray) -> float:
        return float(np.sum(np.abs(search.decode(frames) - target) ** 2) / np.sum(np.abs(target) ** 2))

    assert error(after) < 0.5 * error(before)
    assert error(after) < 5e-3


def test_mirror_search_finds_the_brightest_frame_for_targets_beyond_reach(rng: np.random.Generator) -> None:
    # eta <= <|t|>^2 / (pi^2 <|t|^2>) where phases spread evenly; here to 1 % of it, and not above.
    # A carrier of many phases, and of whole cycles along both axes: frames are periodic, others have a seam.
    order = OrderFilter(carrier=(33 / 192, 59 / 256), radius=1 / 32)
    target = random_speckle((192, 256), radius=1 / 32, rng=rng)
    bound = np.mean(np.abs(target)) ** 2 / np.pi**2
    found = photon_efficiency(order.field(MirrorSearch(order=order).frames(30 * target, rng=rng)), target)
    assert 0.99 * bound < found < 1.002 * bound


def test_frames_are_reproducible_and_batches_are_what_their_fields_are(rng: np.random.Generator) -> None:
    targets = 0.3 * np.stack([random_speckle((32, 48), radius=1 / 16, rng=rng) for _ in range(2)])
    targets = clip_modulus(targets)
    for encoding in (LeeHologram(carrier=(1 / 8, 1 / 4)), Superpixel()):
        frames = encoding.frames(targets)
        assert np.array_equal(frames, np.stack([encoding.frames(target) for target in targets]))
    search = MirrorSearch(order=OrderFilter(carrier=(1 / 8, 1 / 4), radius=1 / 16), rounds=20)
    once, again = (search.frames(targets, rng=np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(once, again)
    assert once.shape == targets.shape


def test_fidelity_and_efficiency_in_closed_form(rng: np.random.Generator) -> None:
    target = random_speckle((20, 30), radius=0.2, rng=rng)
    other = random_speckle((20, 30), radius=0.2, rng=rng)
    other -= target * np.vdot(target, other) / np.vdot(target, target)
    other /= np.sqrt(np.mean(np.abs(other) ** 2))
    field = 0.1j * target + 0.05 * other
    assert field_fidelity(field, -3j * target) == pytest.approx(0.8, rel=1e-12)
    assert photon_efficiency(field, 7 * target) == pytest.approx(0.01, rel=1e-12)
    assert np.isnan(field_fidelity(np.zeros((4, 6)), np.ones((4, 6))))


def test_speckle_is_what_it_says(rng: np.random.Generator) -> None:
    speckle = random_speckle((192, 256), radius=1 / 16, rng=rng)
    assert np.mean(np.abs(speckle) ** 2) == pytest.approx(1, rel=1e-12)
    # Contrast 1: about pi rho^2 n = 603 grains, standard error of <I^2> / <I>^2 near 2 / sqrt(603).
    assert np.mean(np.abs(speckle) ** 4) == pytest.approx(2, abs=4 * 2 / np.sqrt(603))
    passed = OrderFilter(carrier=(0.0, 0.0), radius=1 / 16).field(speckle)
    assert passed == pytest.approx(speckle, abs=1e-12)


@pytest.mark.parametrize(
    ("carrier", "diamond", "message"),
    [
        ((0.6, 0.1), False, "the pitch cannot carry"),
        ((0.3, 0.3), True, r"\|f_y\| \+ \|f_x\|"),
        ((0.5, 0.0), False, "twin image"),
        ((0.25, 0.25), True, "twin image"),
        ((0.0, 0.0), False, "zero order"),
        ((np.nan, 0.1), False, "carrier f_y"),
        ((0.1, 0.1, 0.1), False, "must be a pair"),
    ],
)
def test_carriers_that_mirrors_cannot_carry_are_refused(carrier, diamond: bool, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LeeHologram(carrier=carrier, diamond=diamond)


def test_pinholes_that_pass_more_than_one_order_are_refused() -> None:
    with pytest.raises(ValueError, match="zero order"):
        LeeHologram(carrier=(0.1, 0.0)).order_filter(0.11)
    with pytest.raises(ValueError, match="twin image"):
        MirrorSearch(order=OrderFilter(carrier=(0.45, 0.0), radius=0.06))
    with pytest.raises(ValueError, match="radius = 0"):
        Superpixel().order_filter(0)
    with pytest.raises(ValueError, match="zero order"):
        Superpixel().order_filter(0.3)


@pytest.mark.parametrize("encoding", [LeeHologram(carrier=(1 / 8, 1 / 4)), Superpixel()])
def test_fields_and_frames_that_cannot_be_shown_are_refused(encoding: LeeHologram | Superpixel) -> None:
    with pytest.raises(ValueError, match="modulus of 1.5.*clip_modulus"):
        encoding.frames(np.full((8, 12), 1.5))
    with pytest.raises(ValueError, match="1 values that are not finite"):
        encoding.frames(np.where(np.arange(96).reshape(8, 12) == 5, np.nan, 0.5))
    with pytest.raises(ValueError, match=r"shape \(..., y, x\)"):
        encoding.frames(np.ones(8))
    grey = np.full((8, 12), 255, np.uint8)
    with pytest.raises(TypeError, match="frames must be boolean, got uint8.*frames > 127"):
        encoding.decode(grey, radius=0.1) if isinstance(encoding, LeeHologram) else encoding.decode(grey)


def test_superpixels_refuse_mirrors_that_do_not_divide() -> None:
    with pytest.raises(ValueError, match="10 x 12 mirrors do not divide"):
        Superpixel().frames(np.ones((10, 12)))
    with pytest.raises(ValueError, match="8 x 13 mirrors do not divide"):
        Superpixel().decode(np.ones((8, 13), np.bool_))


def test_a_modulus_is_clipped_on_purpose_only() -> None:
    target = np.array([[2j, 0.5], [0, -3]])
    assert clip_modulus(target) == pytest.approx(np.array([[1j, 0.5], [0, -1]]))
    with pytest.raises(ValueError, match="modulus"):
        LeeHologram(carrier=(1 / 8, 1 / 4), modulus="paralel")
