"""A campaign killed at random instants, resumed, and compared with one that was left alone.

Each trial runs the campaign in a process of its own, kills it (SIGKILL) after a random time, goes on, kills again with
even odds, and lets it finish. The content hash of the finished file must be that of the campaign that was left alone.
Instants are drawn evenly over the time that a whole run takes from the first write on, so that they fall into appending
and gathering alike.

    python benchmarks/kill.py [--trials 50] [--seed 1]
    python benchmarks/kill.py --file frames.h5 -- python -m calibration matrix --bench BENCH --output {folder}

Without a command a small campaign of made-up frames is run. In a command ``{folder}`` stands for the empty folder of a
trial, and ``--file`` names an archive that it leaves there; several are given in the order in which they are begun.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from optics.archive_check import verify_archive
from optics.campaign_file import CampaignFile

FRAMES, SHAPE, BATCH = 600, (96, 128), 10
FILE = "frames.h5"


def frame(index: np.int64, *, seed: int) -> np.ndarray:
    """Return the made-up frame of an absolute index: nothing else decides it."""
    rng = np.random.default_rng([seed, int(index)])
    return rng.exponential(21.6, SHAPE).clip(0, 255).astype(np.uint8)


def run_campaign(folder: Path, *, seed: int = 7) -> None:
    """Run the made-up campaign to its end, from wherever it was left."""
    settings = {"bench": "made up", "seed": seed, "batch": BATCH}
    with CampaignFile.resume(folder / FILE, frames=FRAMES, shape=SHAPE, word=np.uint8, description=settings) as file:
        while file.done < FRAMES:
            indices = np.arange(file.done, min(file.done + BATCH, FRAMES))
            counts = np.stack([frame(index, seed=seed) for index in indices])
            file.append(file.done, counts, timestamps=indices * 1e-3, frame_ids=indices, valid=True, exposure_time=5e-4)
        file.finish()


class Program:
    """A campaign that runs in a process of its own, or is ready to.

    Parameters
    ----------
    folder : Path
        Where it writes.
    command : list of str
        What to run, ``{folder}`` for the folder; empty for the made-up campaign, which is forked.
    """

    def __init__(self, folder: Path, command: list[str]) -> None:
        if command:
            parts = [part.replace("{folder}", str(folder)) for part in command]
            self._started = subprocess.Popen(parts, stdout=subprocess.DEVNULL)
            self.process = self._started.pid
        else:
            self.process = os.fork()
            if not self.process:
                status = 1
                try:
                    run_campaign(folder)
                    status = 0
                finally:
                    os._exit(status)

    def ended(self) -> bool:
        """Return whether the program has ended, without waiting."""
        return os.waitid(os.P_PID, self.process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def kill(self) -> None:
        """Kill the program and wait for its end."""
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)

    def wait(self) -> None:
        """Wait for the program's end, and raise where it failed."""
        _, status = os.waitpid(self.process, 0)
        if status:
            raise RuntimeError(f"the campaign failed with status {os.waitstatus_to_exitcode(status)}")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is killed.

    Parameters
    ----------
    command : list of str
        The command, ``{folder}`` for the folder of a trial.
    files : list of str
        Names of the archives that it leaves in the folder, in the order in which it begins them.
    """

    command: list[str]
    files: list[str]

    def writes(self, folder: Path) -> list[int]:
        """Return when each file of the campaign was written last."""
        files = [folder / name for name in self.files]
        forms = ("{}", "{}.partial", ".{}.new")
        paths = [path.with_name(form.format(path.name)) for path in files for form in forms]
        return [modified(path) for path in paths]

    def start(self, folder: Path) -> Program:
        """Start the program and wait until it has written something, or has ended."""
        before = self.writes(folder)
        program = Program(folder, self.command)
        while not program.ended() and self.writes(folder) == before:
            time.sleep(1e-4)
        return program

    def kill(self, folder: Path, *, after: float) -> str:
        """Start the program, kill it a time after its first write, and return where it was."""
        program = self.start(folder)
        time.sleep(after)
        program.kill()
        return next((found for name in self.files if (found := state(folder / name)) != "finished"), "finished")

    def finish(self, folder: Path) -> tuple[str, float]:
        """Run to the end, and return the hash of the content and the time from the first write on."""
        program = self.start(folder)
        begin = time.perf_counter()
        program.wait()
        duration = time.perf_counter() - begin
        reports = [verify_archive(folder / name) for name in self.files]
        if not all(report.intact for report in reports):
            raise RuntimeError("\n".join(report.text() for report in reports))
        return " ".join(report.sha256 for report in reports), duration


def modified(path: Path) -> int:
    """Return when a file was written last; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def state(path: Path) -> str:
    """Return how far a campaign is, in words; an unfinished file must be intact as it stands."""
    if path.exists():
        return "finished"
    partial = path.with_name(f"{path.name}.partial")
    if not partial.exists():
        return "not begun"
    report = verify_archive(partial)
    if not report.intact:
        raise RuntimeError(report.text())
    if report.rows_done == report.rows:
        return "gathering"
    return "appending" if report.rows_done else "begun"


def trial(subject: Subject, *, duration: float, rng: np.random.Generator) -> tuple[str, list[str]]:
    """Kill a campaign, once or more often, let it finish, and return its hash and where it was killed."""
    with tempfile.TemporaryDirectory() as name:
        folder, where = Path(name), list[str]()
        while not where or (where[-1] != "finished" and rng.random() < 0.5):
            where.append(subject.kill(folder, after=rng.uniform(0, duration)))
        return subject.finish(folder)[0], where


def compare(subject: Subject, *, trials: int, seed: int) -> Counter[str]:
    """Run all trials and return where they were killed; raise where the bits are not the same."""
    rng, counted = np.random.default_rng(seed), 0
    with tempfile.TemporaryDirectory() as name:
        whole, duration = subject.finish(Path(name))
    print(f"left alone: {duration:.2f} s, content {whole}")
    places: Counter[str] = Counter()
    while counted < trials:
        found, where = trial(subject, duration=duration, rng=rng)
        places.update(place for place in where if place != "finished")
        counted += where[0] != "finished"  # one that had ended before it could be killed does not count
        if found != whole:
            raise RuntimeError(f"a campaign killed while {', '.join(where)} ended with other content: {found}")
    return places


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--trials", type=int, default=50, help="campaigns that are killed (default: %(default)s)")
    parser.add_argument(
        "--seed", type=int, default=1, help="seed of the instants at which they are killed (default: %(default)s)"
    )
    parser.add_argument("--file", action="append", help="archive that the command leaves in its folder (repeatable)")
    parser.add_argument("command", nargs="*", help="campaign to kill, after --")
    options = parser.parse_args()
    if options.command and not options.file:
        parser.error("a command needs --file, the archive that it leaves in its folder")
    subject = Subject(command=options.command, files=options.file or [FILE])
    places = compare(subject, trials=options.trials, seed=options.seed)
    print(f"{options.trials} campaigns, killed {sum(places.values())} times, all ended with the same content")
    print(", ".join(f"{count} while {place}" for place, count in places.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
