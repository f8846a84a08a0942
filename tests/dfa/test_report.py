"""The report says what the bench has."""

import pytest

from dfa.report import _medium
from optics.files.bench_file import MEDIA
from optics.media import (
    ChannelsDescription,
    DiffusiveSlabDescription,
    DriftDescription,
    FiniteGrainDescription,
    GaussianDescription,
    MeasuredDescription,
    MediumDescription,
    MultisliceDescription,
    PartiallyCoherentDescription,
    PolarisedDescription,
    StreamedDescription,
)

GAUSSIAN = GaussianDescription(collected_fraction=0.01)
SLICES = MultisliceDescription(
    collected_fraction=0.4, grid_rows=72, grid_columns=90, spacing=1e-6, input_pitch=1e-6, screens=3, strength=1.25,
    correlation_length=6e-6, gap=20e-6,
)  # fmt: skip
WORDS = [
    (GAUSSIAN, "Gaussian matrix"),
    (StreamedDescription(collected_fraction=0.01), "Gaussian matrix, drawn again for every frame"),
    (FiniteGrainDescription(collected_fraction=0.01, grain=8e-6), "Gaussian matrix with a speckle grain of 8 µm"),
    (
        ChannelsDescription(channels=300, mean_transmission=0.25, collected_fraction=0.01),
        "random matrix of 300 channels, mean transmission 0.25",
    ),
    (MeasuredDescription(file="t.npz", key="T", collected_fraction=0.01), "measured matrix"),
    (SLICES, "3 phase screens of 1.25 rad rms"),
    (DiffusiveSlabDescription(collected_fraction=0.01, thickness=2e-3), "diffusive slab of 2 mm"),
    (PolarisedDescription(inside=GAUSSIAN, degree=0.5), "Gaussian matrix, degree of polarisation 0.5"),
    (
        PolarisedDescription(inside=GAUSSIAN, degree=0.5, analyser=True),
        "Gaussian matrix, degree of polarisation 0.5 behind an analyser",
    ),
    (
        PartiallyCoherentDescription(inside=GAUSSIAN, modes=4, linewidth=1e9, path_time=1e-10),
        "Gaussian matrix, light of 4 incoherent modes",
    ),
    (
        DriftDescription(inside=SLICES, law="exponential", correlation_time=60.0),
        "3 phase screens of 1.25 rad rms, drifting within 60 s",
    ),
]


@pytest.mark.parametrize(("medium", "text"), WORDS)
def test_a_medium_is_called_what_it_is(medium: MediumDescription, text: str) -> None:
    assert _medium(medium) == text


def test_every_kind_of_a_bench_file_has_words_of_its_own() -> None:
    assert {type(medium) for medium, _ in WORDS} == set(MEDIA.values())
