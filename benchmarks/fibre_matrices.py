"""Measured fibre matrices through the simulated camera: what each method recovers, against the photons it detects.

The medium is one of three measured matrices of a graded-index fibre (110 x 110 modes, three deformations): a macropixel
for each input mode, a camera pixel for each output mode, a 12-bit camera (`data/cameras/imx250.toml`), a reference arm
as strong as the mean signal. A filter in front of laser and arm sets the level; the exposure time stays. Written
between modes, such a matrix is sparse: an output sees few inputs. For comparison the first matrix is also taken
between random superpositions of its modes: the same singular values, and no row is sparse.

Off-axis holography has no meaning here: it takes the field of an output from neighbouring pixels, and those of a sorter
of modes are no samples of one field. Phases of the arm are stepped instead.

    python -m benchmarks.fibre_matrices [--data FOLDER, or OPUBENCH_DATA] [--seeds 0 1] [--plot PICTURE]
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from tqdm import tqdm

from calibration.campaigns.measure import FRAMES, MATRIX, measure_matrix
from calibration.campaigns.plan import CampaignPlan
from calibration.campaigns.settings import CampaignSettings, make_method, make_plan
from calibration.matrices.row_ambiguity import align_rows, matrix_correlation
from optics import MacropixelLayout, SimulatedBench, load_bench
from optics.campaign_file import CampaignFile
from optics.matrix_file import MatrixFile
from optics.media import MeasuredDescription
from optics.plots import GREY, canvas, colour_of, draw_curve, draw_law, draw_level
from optics.reference import Reference

KEY = "TM_corr_modes"
GRID = (10, 11)
"""Macropixels, and pixels, of the 110 modes on either side."""

DEFORMATIONS = ("5.0", "5.05", "5.1")
MIXED = "5.0, modes mixed"
LEVELS = (0.5, 2.0, 8.0, 32.0, 128.0, 512.0)
"""Electrons per pixel and frame of the signal, half of the macropixels on, on average."""

COMPARED = 128.0
"""Level at which the deformations are compared."""

COLLECTED = 0.2
"""Fraction of an input's photons that comes out: the largest singular values allow no more than half."""

METHODS: dict[str, dict[str, Any]] = {
    "phase stepping, Hadamard": {"basis": "hadamard"},
    "phase stepping, H+ and H-": {"basis": "hadamard_pairs"},
    "phase stepping, canonical": {"basis": "canonical"},
    "interferometry": {"method": "interferometry"},
    "phase retrieval": {"method": "phase_retrieval"},
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Recovery:
    """What a campaign came to; all but the names is NaN where the method refused.

    Correlation and errors are those of rows that the method calls good; ``all_rows`` is the mean correlation of a row
    over all of them, their moduli left open because pixels without a reference have none; ``entries`` is the median
    number of entries that share the light of a row.
    """

    name: str
    medium: str
    level: float
    frames: float = math.nan
    electrons: float = math.nan
    correlation: float = math.nan
    all_rows: float = math.nan
    error: float = math.nan
    quoted: float = math.nan
    good: float = math.nan
    held_out: float = math.nan
    entries: float = math.nan
    refusal: str = ""


def media(data: Path, folder: Path) -> dict[str, Path]:
    """Return the files of the matrices by name; that of the mixed modes is written into the folder."""
    files = {name: data / "measured" / "fibre_matrices" / f"TM_modes_{name}.npz" for name in DEFORMATIONS}
    with np.load(files[DEFORMATIONS[0]], allow_pickle=False) as archive:
        matrix = archive[KEY]
    rng = np.random.default_rng(110)
    left, right = (np.linalg.qr(rng.standard_normal((2, size, size)).T @ [1, 1j])[0] for size in matrix.shape)
    np.savez(folder / "mixed.npz", **{KEY: left @ matrix @ right})
    return {**files, MIXED: folder / "mixed.npz"}


def make_bench(file: Path, *, level: float, seed: int) -> SimulatedBench:
    """Return the bench around a measured matrix at a level of light."""
    base = load_bench("holography")
    bare = dataclasses.replace(
        base, layout=MacropixelLayout(block_rows=76, block_columns=93, grid_rows=GRID[0], grid_columns=GRID[1]),
        camera=dataclasses.replace(base.camera, rows=GRID[0], columns=GRID[1]), reference=None,
        medium=MeasuredDescription(file=str(file), key=KEY, collected_fraction=COLLECTED),
    )  # fmt: skip
    half_on = np.random.default_rng(0).random((400, math.prod(GRID))) < 0.5
    present = float(SimulatedBench(bare, seed=seed).truth.intensity(half_on).mean())
    rate = level / bare.camera.quantum_efficiency / bare.exposure_time
    laser = dataclasses.replace(bare.laser, power=bare.laser.power * rate / present)
    return SimulatedBench(dataclasses.replace(bare, laser=laser, reference=Reference(rate=rate)), seed=seed)


def recover(name: str, medium: str, file: Path, *, level: float, seed: int) -> Recovery:
    """Measure a matrix by a method, and compare it with the true one."""
    bench = make_bench(file, level=level, seed=seed)
    settings = CampaignSettings(**METHODS[name], seed=seed)
    method = make_method(settings, inputs=bench.layout.inputs)
    plan = make_plan(settings, method)
    about: dict[str, Any] = {"name": name, "medium": medium, "level": level, "frames": plan.frames}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        try:
            # Nothing drifts here, and looks of a hundred dim pixels do not tell whether it does.
            results = measure_matrix(bench, plan, method, folder=folder, description={}, least_correlation=0)
        except ValueError as refusal:
            return Recovery(**about, refusal=str(refusal))
        with MatrixFile(folder / MATRIX) as stored:
            matrix, error = stored.read(), np.asarray(stored.standard_error(), float).reshape(len(results.valid), -1)
        about["electrons"] = detected_electrons(folder / FRAMES, plan, bench)
    truth, good = np.asarray(bench.truth.matrix(), complex), results.valid
    turned = align_rows(matrix, truth, ambiguity=results.ambiguity).matrix
    squares, power = np.abs(turned - truth) ** 2, np.abs(truth) ** 2
    quoted = error**2 + power * results.gain_error[:, np.newaxis] ** 2
    return Recovery(
        **about, held_out=results.prediction.mean, good=float(good.mean()),
        correlation=matrix_correlation(matrix[good], truth[good], ambiguity=results.ambiguity),
        all_rows=matrix_correlation(matrix, truth, ambiguity=results.ambiguity.replace("phase", "complex factor")),
        error=float(np.sqrt(squares[good].mean() / power[good].mean())),
        quoted=float(np.sqrt(quoted[good].mean() / power[good].mean())),
        entries=float(np.median(effective_entries(power))),
    )  # fmt: skip


def effective_entries(power: np.ndarray) -> np.ndarray:
    """Return how many entries share the light of each row: (sum |t|^2)^2 / sum |t|^4."""
    return np.asarray(power.sum(axis=1) ** 2 / (power**2).sum(axis=1))


def detected_electrons(path: Path, plan: CampaignPlan, bench: SimulatedBench) -> float:
    """Return the electrons of all frames that the matrix follows from: without those held out, the dark taken off."""
    with CampaignFile.open(path) as file:
        numbers = bench.camera.digital_numbers(file.read()).astype(float) / bench.camera.gain
    numbers -= numbers[plan.dark].mean(axis=0)
    return float(numbers.sum() - numbers[plan.judged].sum())


def run(files: dict[str, Path], *, seeds: Sequence[int], levels: Sequence[float]) -> list[Recovery]:
    """Return all campaigns: the first matrix at all levels, the others at one."""
    cases = [(name, DEFORMATIONS[0], level) for level in sorted({*levels, COMPARED}) for name in METHODS]
    cases += [(name, medium, COMPARED) for medium in files if medium != DEFORMATIONS[0] for name in METHODS]
    every = [(case, seed) for case in cases for seed in seeds]
    return [
        recover(name, medium, files[medium], level=level, seed=seed)
        for (name, medium, level), seed in tqdm(every, desc="campaigns")
    ]


def averaged(found: list[Recovery]) -> list[Recovery]:
    """Return means over the seeds; where a seed was refused, nothing."""
    groups: dict[tuple[str, str, float], list[Recovery]] = {}
    for one in found:
        groups.setdefault((one.medium, one.name, one.level), []).append(one)
    numbers = ("frames", "electrons", "correlation", "all_rows", "error", "quoted", "good", "held_out", "entries")
    means = []
    for group in groups.values():
        mean: dict[str, Any] = {name: float(np.mean([getattr(one, name) for one in group])) for name in numbers}
        refusal = next((one.refusal for one in group if one.refusal), "")
        means.append(dataclasses.replace(group[0], refusal=refusal, **mean))
    return means


def table(found: list[Recovery]) -> str:
    """Return the campaigns as a table of Markdown, and why some were refused."""
    lines = [
        "| matrix | method | e- a pixel and frame | frames | electrons | correlation | all rows | relative error "
        "| error / quoted | good rows | held out |",
        "|" + "---|" * 11,
    ]
    for one in found:
        head = f"| {one.medium} | {one.name} | {one.level:g} | {one.frames:.0f} |"
        if one.refusal:
            lines.append(f"{head} refused |||||||")
            continue
        # Where frames hold less than their noise, what the matrix explains of them has no meaning.
        held_out = f"{one.held_out:.4f}" if abs(one.held_out) <= 1 else "-"
        lines.append(
            f"{head} {one.electrons:.2g} | {one.correlation:.4f} | {one.all_rows:.4f} | {one.error:.3f} "
            f"| {one.error / one.quoted:.2f} | {one.good:.2f} | {held_out} |"
        )
    refused = [f"{one.name}, {one.level:g}: {one.refusal[:90]} ..." for one in found if one.refusal]
    return "\n".join([*lines, "", *refused])


def plot(found: list[Recovery], path: Path) -> None:
    """Draw what is missing to a correlation of one against electrons, errors over quoted ones, and errors by row."""
    with canvas(19.0, 6.2) as figure:
        missing, quoted, matrices = figure.subplots(1, 3)
        for index, name in enumerate(METHODS):
            series = [one for one in found if one.name == name and one.medium == DEFORMATIONS[0]]
            draw_recovery(missing, quoted, series, index)
        draw_guides(missing, found)
        missing.legend()
        missing.set(
            xscale="log", yscale="log", xlabel="charge detected in the campaign / electrons",
            ylabel="1 − correlation of matrix and truth, all rows",
            title="Lines: what came out. Dashes: by the quoted errors of good rows",
        )  # fmt: skip
        draw_level(quoted, 1)
        quoted.set(
            xscale="log", xlabel="charge of a pixel and frame / electrons", ylim=(0, None),
            ylabel="rms error / quoted; share of good rows",
            title="Lines: errors over quoted ones. Dots: share of rows called good",
        )  # fmt: skip
        draw_matrices(matrices, found)
        figure.suptitle(
            "Measured fibre matrices (110 x 110 modes; left and middle: deformation 5.0 mm) through a 12-bit camera"
        )
        figure.savefig(path, dpi=85)


def draw_recovery(missing: Axes, quoted: Axes, series: list[Recovery], index: int) -> None:
    """Draw what a method recovers: the correlation that is missing, and errors over quoted ones."""
    electrons, levels, colour = [one.electrons for one in series], [one.level for one in series], colour_of(index)
    lines = {"index": index, "kind": "both", "line_style": "-"}
    draw_curve(missing, electrons, [1 - one.all_rows for one in series], label=series[0].name, **lines)
    # Noise of relative variance s leaves a correlation of 1 / sqrt(1 + s).
    draw_law(missing, electrons, [1 - 1 / math.hypot(1, one.quoted) for one in series], colour=colour, label=None)
    draw_curve(quoted, levels, [one.error / one.quoted for one in series], **lines)
    draw_curve(quoted, levels, [one.good for one in series], colour=colour, line_style=":")


def draw_matrices(axis: Axes, found: list[Recovery]) -> None:
    """Draw errors of the matrices at one level against how many entries share the light of their rows."""
    compared = sorted((one for one in found if one.level == COMPARED), key=lambda one: one.entries)
    for index, name in enumerate(METHODS):
        series = [one for one in compared if one.name == name]
        entries = [one.entries for one in series]
        draw_curve(axis, entries, [one.error for one in series], index=index, kind="both", line_style="-")
        draw_law(axis, entries, [one.quoted for one in series], colour=colour_of(index), label=None)
    for medium, text in (
        (DEFORMATIONS[0], "5.0 and 5.05 mm"), (DEFORMATIONS[2], "5.1 mm"), (MIXED, "5.0 mm,\nmodes mixed"),
    ):  # fmt: skip
        entries = [one.entries for one in compared if one.medium == medium]
        axis.annotate(text, (entries[0], 0.78), ha="center", va="center", color=GREY)
    axis.set(
        xscale="log", yscale="log",
        xlabel="entries that share the light of a row (median)", ylabel="relative error of good rows",
        xlim=(1.1, 130), ylim=(0.04, 1),
        title=f"Matrices at {COMPARED:g} electrons a pixel and frame. Dashes: quoted",
    )  # fmt: skip
    axis.set_xticks([2, 5, 10, 20, 50], ["2", "5", "10", "20", "50"])
    axis.set_xticks([], minor=True)


def draw_guides(axis: Axes, found: list[Recovery]) -> None:
    """Draw what shot noise and read noise alone would do to the correlation of phase stepping."""
    name = next(iter(METHODS))
    series = [one for one in found if one.name == name and one.medium == DEFORMATIONS[0] and not one.refusal]
    dim = min(series, key=lambda one: abs(one.level - 8))
    for one, power, span, style, text in (
        (series[-1], 1, (1e-2, 10), 2, "shot noise alone: 1 / photons"),
        (dim, 2, (0.2, 4), 3, "read noise alone: 1 / photons²"),
    ):
        missing = 1 - 1 / math.hypot(1, one.quoted)
        reach = np.array(span)
        draw_law(axis, one.electrons * reach, 0.5 * missing * reach**-power, colour=GREY, index=style, label=text)
    axis.set_ylim(1e-4, 1.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("OPUBENCH_DATA"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--levels", type=float, nargs="+", default=LEVELS)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    if options.data is None:
        parser.error("where are the data? Give --data FOLDER or set OPUBENCH_DATA to the folder that has measured/")
    with tempfile.TemporaryDirectory() as folder:
        found = averaged(run(media(Path(options.data), Path(folder)), seeds=options.seeds, levels=options.levels))
    print(table(found))
    if options.plot:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
