"""Media that cannot be: every refusal names the numbers and the way out."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optics import BenchDescription, bench_from_table, bench_to_table
from optics.media import (
    ChannelsDescription,
    FiniteGrainDescription,
    GaussianDescription,
    MeasuredDescription,
    MediumSite,
    PartiallyCoherentDescription,
    PolarisedDescription,
    StreamedDescription,
    load_matrix,
)

GAUSSIAN = GaussianDescription(collected_fraction=0.02)


def site(*, inputs: int = 37, shape: tuple[int, int] = (12, 11)) -> MediumSite:
    return MediumSite(input_positions=np.zeros((inputs, 2)), output_shape=shape, output_pitch=4e-6, wavelength=532e-9)


@pytest.fixture
def measured(tmp_path: Path, rng: np.random.Generator) -> MeasuredDescription:
    """A matrix of 132 pixels and 36 inputs."""
    np.savez(tmp_path / "matrix.npz", T=rng.standard_normal((132, 72)).view(np.complex128))
    return MeasuredDescription(file=str(tmp_path / "matrix.npz"), key="T", collected_fraction=0.02)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: FiniteGrainDescription(collected_fraction=0.01, grain=3e-6, samples_per_pixel=2).build(
                site(), seed=0
            ),
            r"grain = 3e-06 m is finer than the sampling.*every 2e-06 m.*take samples_per_pixel = 3",
        ),
        (lambda: FiniteGrainDescription(collected_fraction=0.01, grain=3e-6, pupil="dsic"), "mean 'disc'"),
        (
            lambda: FiniteGrainDescription(collected_fraction=0.3, grain=16e-6).build(site(), seed=0),
            r"not passive with 37 inputs and \d+ outputs",
        ),
        (
            lambda: FiniteGrainDescription(collected_fraction=1e-4, grain=8e-6).build(
                site(inputs=4000, shape=(200, 210)), seed=0
            ),
            r"needs 5\.0 GiB, more than 4 GiB",
        ),
        (
            lambda: ChannelsDescription(channels=100, mean_transmission=0.3, collected_fraction=0.01).build(
                site(), seed=0
            ),
            "channels = 100 are fewer than the 132 outputs",
        ),
        (
            lambda: ChannelsDescription(channels=400, mean_transmission=0.3, collected_fraction=0.2).build(
                site(), seed=0
            ),
            "132 of 400 channels of mean transmission 0.3 give at most 0.099",
        ),
        (
            lambda: ChannelsDescription(channels=5_000_000, mean_transmission=0.3, collected_fraction=1e-6).build(
                site(), seed=0
            ),
            r"need 5\.5 GiB, more than 4 GiB: take fewer channels",
        ),
        (
            lambda: StreamedDescription(collected_fraction=0.5).build(site(), seed=0),
            "not passive with 37 inputs and 132 outputs",
        ),
        (
            lambda: StreamedDescription(collected_fraction=1e-3).build(
                site(inputs=32_768, shape=(256, 128)), seed=0
            ).matrix(0.0),
            r"needs 8\.0 GiB, more than 4 GiB: transmit\(\) and adjoint\(\) do without it",
        ),
        (lambda: PolarisedDescription(inside=GAUSSIAN, degree=1.2), "degree = 1.2 is not allowed"),
        (
            lambda: PolarisedDescription(inside=GAUSSIAN, degree=1, analyser=True, analyser_angle=math.pi / 2),
            "blocks all light",
        ),
        (
            lambda: PartiallyCoherentDescription(inside=GAUSSIAN, modes=3, linewidth=1e9),
            "linewidth and path_time belong together",
        ),
        (
            lambda: PartiallyCoherentDescription(inside=GAUSSIAN, modes=3, linewidth=1e9, path_time=1e-9).weights(5e-7),
            r"modes = 3 give a contrast that is \d+\.\d% off the 0\.371 of this light: take 12",
        ),
        (
            lambda: PartiallyCoherentDescription(
                inside=GAUSSIAN, modes=3, linewidth=1e12, path_time=1e-9
            ).weights(5e-7),
            r"linewidth = 1e\+12 Hz is 157 times too wide.*at most 6.37e\+09 Hz",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_numbers(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_measured_matrices_are_checked(tmp_path: Path, measured: MeasuredDescription) -> None:
    with pytest.raises(ValueError, match="inside holds a measured matrix"):
        PolarisedDescription(inside=measured, degree=0)
    with pytest.raises(ValueError, match=r"has shape \(132, 36\), the bench needs \(130, 36\): 130 pixels \(10 x 13\)"):
        measured.build(site(shape=(10, 13)), seed=0)
    with pytest.raises(ValueError, match=r"collected_fraction = 0.9 is not passive with this measured.*at most 0\.\d"):
        MeasuredDescription(file=measured.file, key="T", collected_fraction=0.9).build(site(), seed=0)
    broken = np.ones((3, 4), np.complex128)
    broken[1, 2] = np.nan
    np.savez(
        tmp_path / "bad.npz", nan=broken, cube=np.ones((2, 2, 2)), text=np.array([["a"]]), zero=np.zeros((2, 3))
    )  # fmt: skip
    for key, message in (
        ("nan", "must be finite: 1 of 12 entries are not"),
        ("cube", r"must have shape \(output, input\), got \(2, 2, 2\)"),
        ("text", "must hold numbers"),
        ("zero", "only zeros"),
        ("cub", "no array 'cub'; did you mean 'cube'"),
    ):
        with pytest.raises(ValueError, match=message):
            load_matrix(tmp_path / "bad.npz", key=key)
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    np.savez(tmp_path / "pickled.npz", T=np.array([{}], dtype=object))
    for name in ("broken.npz", "pickled.npz"):
        with pytest.raises(ValueError, match="damaged or not a numpy archive"):
            load_matrix(tmp_path / name, key="T")
    with pytest.raises(ValueError, match=r"must end in \.npz"):
        load_matrix(tmp_path / "matrix.txt", key="T")
    with pytest.raises(FileNotFoundError):
        load_matrix(tmp_path / "absent.npz", key="T")


@pytest.mark.parametrize(
    ("medium", "message"),
    [
        ({"kind": "polarised", "degree": 0.1}, r"\[medium\] lacks inside"),
        ({"kind": "polarised", "degree": 0.1, "inside": {"kind": "gausian"}}, r"\[medium.inside\] kind = 'gausian'"),
        ({"kind": "polarised", "degree": 0.1, "inside": 3}, r"\[medium.inside\] must be a table"),
        ({"kind": "streamed", "fraction": 0.1}, r"\[medium\] has no key 'fraction'"),
        (
            {"kind": "gaussian", "collected_fraction": 1e-6, "inside": {"collected_fraction": 1}},
            r"\[medium\] has no key 'inside'",
        ),
    ],
)
def test_mistakes_in_a_table_are_named(description: BenchDescription, medium: object, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        bench_from_table({**bench_to_table(description), "medium": medium})
