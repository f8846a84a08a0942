"""The command ``twin``: a description of a bench from its frames, and what it says about the bench."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:  # the imports below come late, so that --help is quick
    from calibration.identification.observations import Observations
    from calibration.identification.protocol import ProtocolSettings
    from calibration.twins.answer import TwinAnswer
    from calibration.twins.training import Training
    from optics import Bench, BenchDescription

TWIN = """\
Identifies a bench from a short protocol of exposures (dark frames, a ladder of exposure times, random halves and single
macropixels, repeats over time; at most 2000 frames) and writes its twin, a bench file that simulates it. It answers
what the twin is asked for before beam time is spent:

  what limits the bench       the predicted error of its projections, cause by cause, and what each change would buy
  what fidelity to expect     measured on the twin, where the truth is known, and on the bench, from repeats
  whether a network learns    accuracy of the digits network trained through the twin, beside an ideal bench

Give either --devices, a file that names the devices of a real bench, or --bench, a simulated bench that stands in for
one: of it the identification sees what it would see of a real one, frames.

Without hardware try, first, --bench table_top; then --devices simulated_opu, the same bench taken apart into devices;
then --devices emulated_opu, whose frames pass through the real driver of a camera (pip install "opubench[basler]").

With hardware copy data/devices/basler_vialux.toml, change what differs, and give it as --devices. Once there is a twin
the file can take the measured camera from it, in the place of [starting_figures]:
  [figures]
  twin = "results/twin/twin.toml"

The folder then holds
  twin.toml      the twin, each figure with its uncertainty beside it; every command that takes a bench takes it
  report.html    everything, with pictures; report.txt the same in text
  twin.h5        the figures as a table
  training/      what python -m dfa leaves

It takes one to three minutes on two cores, --no-training or --quick less; --pause and slow cameras come on top. What
fails on the way (a training, say) is named, and the rest is kept. Ctrl-C leaves nothing behind."""

EPILOG = """\
examples:
  python -m calibration twin --bench table_top --quick
  python -m calibration twin --bench mine.toml --seed 3 --no-training
  python -m calibration twin --devices emulated_opu
  python -m calibration twin --devices my_devices.toml --pause 10 --output results/my_bench
"""

FAILURES = (OSError, TypeError, ValueError, ArithmeticError, MemoryError)
"""What a part of the answer may fail with: it is named, and the rest is kept."""

TWIN_SEED = 1
"""Beyond the seed of the stand-in: the twin of a bench is another medium of the same statistics."""

Found = TypeVar("Found")


def add_twin(commands: Any) -> None:
    """Add the command to a parser.

    Parameters
    ----------
    commands : argparse subparsers
        What `argparse.ArgumentParser.add_subparsers` returns.
    """
    from optics import shipped_benches

    parser = commands.add_parser(
        "twin",
        help="a bench described from its frames: its twin in simulation, and what limits it",
        description=TWIN,
        epilog=EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.set_defaults(run=_twin)
    add = parser.add_argument
    add("--bench", metavar="NAME|FILE", help="simulated stand-in:\n"
        f"{', '.join(shipped_benches())}, or a TOML file")  # fmt: skip
    add("--devices", metavar="NAME|FILE", help="TOML file that names the devices of a real bench")
    add(
        "--wavelength",
        type=float,
        metavar="METRES",
        help="of the laser, where the file of --devices has no [laser] wavelength",
    )
    add("--seed", type=int, default=0, metavar="N", help="seed of the stand-in, of random patterns and of the twin (0)")
    add("--components", type=int, default=10, metavar="N", help="length of the vectors that are projected (10)")
    add(
        "--outputs", type=int, default=256, metavar="N", help="outputs of the projections (256, what the network takes)"
    )
    add("--pause", type=float, default=0.0, metavar="SECONDS", help="time that passes before each burst of repeats:\n"
        "longer protocols see slower drift (0)")  # fmt: skip
    add("--no-training", action="store_true", help="train no network")
    add("--quick", action="store_true", help="fewer vectors, one seed of the training: larger uncertainties")
    add(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="results folder; it must not exist (default: a new one below results)",
    )


def _twin(options: argparse.Namespace) -> int:
    """Identify and answer; the results folder is complete or not there."""
    from calibration.twins.answer_text import format_answer
    from optics.results_folder import new_folder

    _check_options(options)
    with new_folder(options.output or Path("results") / "twin", renumber=options.output is None) as (partial, folder):
        with _opened(options) as (bench, known):
            answer = _identified(bench, known, options, partial)
        with _training(options, partial) as accuracies:  # runs while the rest is found
            answer = _predicted(answer, options)
            frames = _twin_frames(answer, options)
            answer = _trained(answer, accuracies)
        _write(answer, frames, partial, options)
    print(format_answer(answer))
    print(f"\nTwin, report and pictures: {folder}")
    if options.devices and Path(options.devices).is_file():
        print(f'The camera as measured, for {options.devices}: [figures] twin = "{folder / "twin.toml"}"')
    return 0


def _check_options(options: argparse.Namespace) -> None:
    """Refuse anything but one bench, and projections that are none."""
    from optics.validation import check_count, check_number

    if bool(options.bench) == bool(options.devices):
        raise ValueError("give either --bench, a simulated stand-in, or --devices, a file of devices; see --help")
    if options.bench and options.wavelength is not None:
        raise ValueError("--wavelength goes with --devices: a simulated bench has its own, leave it out")
    if options.wavelength is not None:
        check_number("--wavelength", options.wavelength, unit="m", above=0, at_most=1e-4)
    check_count("--components", options.components)
    check_count("--outputs", options.outputs, at_least=2)
    check_count("--seed", options.seed, at_least=0)
    check_number("--pause", options.pause, unit="s", at_least=0)


@contextmanager
def _opened(options: argparse.Namespace) -> Iterator[tuple[Bench, dict[str, Any]]]:
    """Give the bench, and wavelength, mirrors and name, which no frame tells; devices are released at the end."""
    if options.bench:
        from optics import SimulatedBench, load_bench

        description = load_bench(options.bench)
        known = {
            "wavelength": description.laser.wavelength,
            "dmd": description.dmd,
            "name": f"twin of {description.name}",
        }
        yield SimulatedBench(description, seed=options.seed), known
        return
    from optics.devices.devices_file import open_devices

    wavelength = _wavelength(options)
    with open_devices(options.devices) as bench:
        name = f"twin of the bench of {Path(options.devices).stem}"
        yield bench, {"wavelength": wavelength, "dmd": bench.dmd, "name": name}


def _wavelength(options: argparse.Namespace) -> float:
    """Return the wavelength that the devices' file or the command line states."""
    from optics.devices.devices_file import known_wavelength

    stated, given = known_wavelength(options.devices), options.wavelength
    if stated is None and given is None:
        raise ValueError(
            f"no frame tells the wavelength: state it in {options.devices}, [laser] wavelength = 532e-9 for instance "
            "(in metres), or give --wavelength"
        )
    if stated is not None and given is not None and stated != given:
        raise ValueError(
            f"--wavelength = {given:g} m is not the {stated:g} m of {options.devices}: leave it out, or mend the file"
        )
    found: float = given if stated is None else stated
    return found


def _identified(bench: Bench, known: dict[str, Any], options: argparse.Namespace, folder: Path) -> TwinAnswer:
    """Identify the bench, write its twin, and ask the bench for its fidelity: all that needs devices."""
    from calibration.twin import identify_bench
    from calibration.twins.answer import TwinAnswer, bench_fidelity

    twin = identify_bench(bench, **known, settings=_settings(options), progress=_bar)
    twin.save(folder / "twin.toml")
    failed: list[str] = []
    on_bench = _tried(
        "the bench's fidelity", lambda: bench_fidelity(bench, twin.description, **_trial(options)), failed
    )
    return TwinAnswer(
        twin=twin,
        components=options.components,
        outputs=options.outputs,
        on_bench=on_bench,
        shortcomings=tuple(failed),
    )


def _predicted(answer: TwinAnswer, options: argparse.Namespace) -> TwinAnswer:
    """Return the answer with what the twin in simulation says."""
    from dataclasses import replace

    from calibration.twins.answer import measured_costs, twin_fidelity
    from calibration.twins.limits import find_limits

    failed, description = list(answer.shortcomings), answer.twin.description
    trial = _trial(options, seed=options.seed + TWIN_SEED)
    on_twin = _tried("the twin's fidelity", lambda: twin_fidelity(description, **trial), failed)
    costs = on_twin and _tried("what single causes cost", lambda: measured_costs(description, on_twin, **trial), failed)
    limits = _tried(
        "what limits the bench",
        lambda: find_limits(description, components=options.components, outputs=options.outputs),
        failed,
    )
    return replace(answer, on_twin=on_twin, costs=costs or {}, limits=limits, shortcomings=tuple(failed))


def _trial(options: argparse.Namespace, *, seed: int | None = None) -> dict[str, int]:
    """Return the projections by which fidelities are measured."""
    return {
        "components": options.components,
        "outputs": options.outputs,
        "vectors": 24 if options.quick else 64,
        "seed": options.seed if seed is None else seed,
    }


def _settings(options: argparse.Namespace) -> ProtocolSettings:
    """Return how the frames of the identification are taken."""
    from calibration.identification.protocol import ProtocolSettings

    return ProtocolSettings(pause=options.pause, seed=options.seed)


@contextmanager
def _training(options: argparse.Namespace, folder: Path) -> Iterator[Callable[[], Training] | None]:
    """Train through the twin beside the block; give what waits for the accuracies, None where nothing is trained."""
    from calibration.twins.training import RunningTraining

    if options.no_training:
        yield None
        return
    seeds = (0,) if options.quick else (0, 1, 2)
    with RunningTraining(folder / "twin.toml", folder / "training", seeds=seeds) as training:
        yield training.result


def _trained(answer: TwinAnswer, accuracies: Callable[[], Training] | None) -> TwinAnswer:
    """Return the answer with the accuracies through the twin."""
    from dataclasses import replace

    if accuracies is None:
        return answer
    failed = list(answer.shortcomings)
    training = _tried("the accuracy of the network", accuracies, failed)
    return replace(answer, training=training, shortcomings=tuple(failed))


def _tried(what: str, find: Callable[[], Found], failed: list[str]) -> Found | None:
    """Return what is found, or None and say why not: the rest of the answer is kept."""
    print(f"finding {what} ...", file=sys.stderr)
    try:
        return find()
    except FAILURES as error:
        failed.append(f"{what}: {' '.join(str(error).split()) or type(error).__name__}")
        print(f"! {failed[-1]}", file=sys.stderr)
        return None


def _write(answer: TwinAnswer, twin_frames: Observations | None, folder: Path, options: argparse.Namespace) -> None:
    """Write text, page, pictures and the table of figures."""
    from dataclasses import asdict

    from calibration.twins.answer_page import answer_page
    from calibration.twins.answer_plots import draw_answer
    from calibration.twins.answer_text import format_answer, verdict
    from optics import bench_to_table
    from optics.archive import save_archive

    figures = draw_answer(answer, twin_frames=twin_frames)
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=130)
    (folder / "report.txt").write_text(format_answer(answer) + "\n", encoding="utf-8")
    page = answer_page(answer, list(figures), command=_command(options))
    (folder / "report.html").write_text(page, encoding="utf-8")
    reports = {"on_twin": answer.on_twin, "on_bench": answer.on_bench}
    arrays = {f"{name}/cosine_by_vector": report.by_vector for name, report in reports.items() if report}
    table = {
        "bench": bench_to_table(answer.twin.description),
        "figures": [asdict(figure) for figure in answer.twin.figures],
        "choices": list(answer.twin.choices),
        "flags": list(answer.twin.flags),
        "exposures": answer.twin.exposures,
        "shortcomings": list(answer.shortcomings),
        "verdict": verdict(answer),
    }
    save_archive(folder / "twin.h5", arrays, description=table, units=dict.fromkeys(arrays, "1"))


def _twin_frames(answer: TwinAnswer, options: argparse.Namespace) -> Observations | None:
    """Return the exposures of the identification, taken of the simulated twin; None where there is nothing beside."""
    from calibration.identification.protocol import observe
    from optics import SimulatedBench

    description: BenchDescription = answer.twin.description
    if answer.twin.observations is None:
        return None
    twin = SimulatedBench(description, seed=options.seed + TWIN_SEED)
    return _tried("the same frames of the twin", lambda: observe(twin, settings=_settings(options)), [])


def _command(options: argparse.Namespace) -> str:
    """Return the command that gives the same answer again."""
    words = ["python", "-m", "calibration", "twin"]
    for name in ("bench", "devices", "wavelength", "seed", "components", "outputs", "pause"):
        given = getattr(options, name)
        words += [] if given is None else [f"--{name}", str(given)]
    words += [f"--{name.replace('_', '-')}" for name in ("no_training", "quick") if getattr(options, name)]
    return shlex.join(words)


def _bar(steps: list[str]) -> Iterable[str]:
    """Return steps behind a progress bar."""
    from tqdm import tqdm

    bar: Iterable[str] = tqdm(steps, desc="identification", file=sys.stderr)
    return bar
