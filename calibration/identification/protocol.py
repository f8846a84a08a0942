"""The exposures from which a bench is identified: dark, ladder, random halves, single macropixels, repeats.

Of the camera only what a data sheet cannot have wrong is used: bits, pixels, and the exposure times that are granted.
How bright the light may be is found from frames: where the counts of an overexposed frame pile up is the top.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from calibration.identification.exposure_search import FILLED, find_top, suitable_exposure
from calibration.identification.observations import Frames, Observations
from calibration.identification.settled_frames import SettledBench
from optics.bench import Bench
from optics.validation import check_count, check_number

Progress = Callable[[list[str]], Iterable[str]]

FEWEST_LEVELS = 6
"""Exposure times that a ladder takes."""

CROWDED = 1.7
"""Power by which the places of bursts grow: the first ones are near each other, so that fast drift is seen as well."""

MOST_PIXELS = 1 << 18
"""Pixels whose frames are held in memory: some 1 GB of counts, and several times as much while they are looked at."""

LONG_STACK = 64
SHORT_STACK = 8
DARK_TIMES = 10
LADDER_TIMES = 24
OVEREXPOSED_FRAMES = 8
OFF_FRAMES = 16
PROBES = 16
LEAST_PART = 8
"""Macropixels of a part that is repeated."""


@dataclass(frozen=True, kw_only=True)
class ProtocolSettings:
    """How many frames an identification takes; about 1650 with 256 macropixels, never 2000.

    Parameters
    ----------
    halves : int, optional
        Random halves.
    singles : int, optional
        Most frames of single macropixels; where there are more macropixels, neighbours share a frame.
    bursts, burst : int, optional
        Bursts of repeated frames, and frames of each part of the macropixels in a burst.
    parts : int, optional
        Parts of the macropixels that are repeated in turn; fewer where there are too few macropixels.
    pause : float, optional
        Time that passes before a burst on average, in seconds, less before the first and more before the last: what
        drifts slowly is seen in a long protocol.
    seed : int, optional
        Seed of the random halves.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    halves: int = 256
    singles: int = 480
    bursts: int = 12
    burst: int = 16
    parts: int = 4
    pause: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_count("halves", self.halves, at_least=16, at_most=100_000)
        check_count("singles", self.singles, at_least=1, at_most=1_000_000)
        check_count("bursts", self.bursts, at_least=2, at_most=10_000)
        check_count("burst", self.burst, at_least=4, at_most=10_000)
        check_count("parts", self.parts, at_least=1, at_most=1000)
        check_number("pause", self.pause, unit="s", at_least=0, at_most=86_400)
        check_count("seed", self.seed, at_least=0)


DEFAULT_SETTINGS = ProtocolSettings()


def observe(bench: Bench, *, settings: ProtocolSettings = DEFAULT_SETTINGS, progress: Progress = list) -> Observations:
    """Take the frames from which a bench is identified.

    Parameters
    ----------
    bench : Bench
        A simulated or a real bench with its light on, at any exposure time; it is left at another one. It must be
        able to take dark frames.
    settings : ProtocolSettings, optional
        How many frames.
    progress : callable, optional
        Wraps the list of the steps that are worked through, for instance ``tqdm.tqdm``.

    Returns
    -------
    Observations
        The frames.

    Raises
    ------
    ValueError
        If there is no light, or it is too strong at the shortest exposure, frames are lost again and again, or there
        are too many pixels.
    """
    return _Protocol(bench, settings).run(progress)


class _Protocol:
    """One run of the protocol: the bench, the patterns, and the exposure times once they are found."""

    def __init__(self, bench: Bench, settings: ProtocolSettings) -> None:
        self.bench, self.settings = bench, settings
        self.settled = SettledBench(bench)
        inputs = bench.layout.inputs
        if inputs < 2:
            raise ValueError(f"the layout has {inputs} macropixels, two are the least that can be told apart")
        camera = bench.camera
        if camera.pixels > MOST_PIXELS:
            raise ValueError(
                f"the camera has {camera.rows} x {camera.columns} pixels, of {MOST_PIXELS} at most the frames are held "
                "in memory: read out a region of it, 512 x 512 for instance"
            )
        self._draw(0.5)
        group = -(-inputs // settings.singles)
        members = np.arange(inputs) // group
        self.singles = members == np.arange(members[-1] + 1)[:, np.newaxis]

    def run(self, progress: Progress) -> Observations:
        """Return all frames."""
        top = find_top(self.settled, self.pattern)
        bright = self._choose_patterns(top)
        probes = self.singles[np.linspace(0, len(self.singles) - 1, PROBES).astype(int)]
        longest = bright * np.count_nonzero(self.pattern) / (3 * np.count_nonzero(probes[0]))
        long = suitable_exposure(self.settled, probes, top=top, start=max(longest, bright))
        fewer = np.count_nonzero(self.pattern) / np.count_nonzero(self.parts[0])
        repeated = suitable_exposure(self.settled, self.parts, top=top, start=bright * fewer)
        collected: dict[str, list[Frames]] = {}
        steps = dict(self._steps(bright, long, repeated))
        for step in progress(list(steps)):
            collected.setdefault(step.split(" ")[0], []).extend(steps[step]())
        return self._observations(collected)

    def _steps(self, bright: float, long: float, repeated: float) -> list[tuple[str, Callable[[], list[Frames]]]]:
        """Return what is done, in its order, by name: bursts of repeats stand between, at distances that grow."""
        ladder = self._ladder_times(bright)
        shortest = ladder[0]
        darks = self.settled.granted(np.linspace(shortest, long, DARK_TIMES))
        work: list[tuple[str, Callable[[], list[Frames]]]] = [
            ("dark", lambda: [self._dark(t, long=t in (darks[0], darks[-1])) for t in darks]),
            ("ladder", lambda: [self.settled.take(np.tile(self.pattern, (2, 1)), at=t) for t in ladder]),
            (
                "overexposed",
                lambda: [self.settled.take(np.tile(self.pattern, (OVEREXPOSED_FRAMES, 1)), at=6 * ladder[-1])],
            ),
            ("off", lambda: [self.settled.take(np.zeros((OFF_FRAMES, self.pattern.size), np.bool_), at=long)]),
        ]
        pieces = max(1, self.settings.bursts - 5)
        for name, states, at in (("singles", self.singles, long), ("halves", self.halves, bright)):
            for number, part in enumerate(np.array_split(states, -(-pieces // 2))):
                if len(part):
                    work.append((f"{name} {number + 1}", lambda part=part, at=at: [self.settled.take(part, at=at)]))  # type: ignore[misc]
        places = (len(work) * np.linspace(0, 1, self.settings.bursts) ** CROWDED).round().astype(int)
        steps: list[tuple[str, Callable[[], list[Frames]]]] = []
        for index in range(len(work) + 1):
            for number in np.flatnonzero(places == index).tolist():
                pause = 2 * self.settings.pause * number / (self.settings.bursts - 1)
                steps.append((f"repeats {number + 1}", lambda pause=pause: self._burst(repeated, pause=pause)))  # type: ignore[misc]
            steps.extend(work[index : index + 1])
        return steps

    def _observations(self, collected: dict[str, list[Frames]]) -> Observations:
        """Return the sets in one record."""
        return Observations(
            bits=self.bench.camera.bits,
            dark=tuple(collected["dark"]),
            ladder=tuple(collected["ladder"]),
            overexposed=collected["overexposed"][0],
            halves=_joined(collected["halves"]),
            off=collected["off"][0],
            singles=_joined(collected["singles"]),
            repeats=tuple(collected["repeats"]),
            exposures=self.settled.exposures,
        )

    def _burst(self, at: float, *, pause: float) -> list[Frames]:
        """Return a burst: repeated frames of each part, one part after the other, after a pause."""
        if pause:
            getattr(self.bench, "wait", time.sleep)(pause)
        return [self.settled.take(np.tile(part, (self.settings.burst, 1)), at=at) for part in self.parts]

    def _dark(self, at: float, *, long: bool) -> Frames:
        """Return dark frames at an exposure time."""
        count = LONG_STACK if long else SHORT_STACK
        return self.settled.take(np.zeros((count, self.pattern.size), np.bool_), at=at, light=False)

    def _choose_patterns(self, top: float) -> float:
        """Draw the patterns; return the exposure time that suits them.

        Half of the macropixels are on, or fewer where half would be too bright for a ladder of exposure times.
        """
        shutter, share = self.bench.camera.shutter, 0.5
        needed = FILLED * LADDER_TIMES * max(shutter.exposure_minimum, shutter.exposure_step)
        while True:
            self._draw(share)
            count = int(np.count_nonzero(self.pattern))
            try:
                at = suitable_exposure(self.settled, self.pattern[np.newaxis], top=top, start=self.bench.exposure_time)
            except ValueError:
                if count == 1:
                    raise
                share /= 8
                continue
            if at >= 0.9 * needed or count == 1:
                return at
            share *= at / needed

    def _draw(self, share: float) -> None:
        """Draw the pattern of the ladder and those of the halves, with a share of the macropixels on, and the parts."""
        rng = np.random.default_rng(self.settings.seed)
        inputs = self.bench.layout.inputs
        ranks = rng.random((self.settings.halves + 1, inputs)).argsort(axis=1).argsort(axis=1)
        on = ranks < max(1, round(share * inputs))
        self.pattern, self.halves = on[0], on[1:]
        count = max(1, min(self.settings.parts, inputs // LEAST_PART))
        size = min(int(np.count_nonzero(self.pattern)), inputs // count)
        self.parts = ranks[0] // size == np.arange(count)[:, np.newaxis]

    def _ladder_times(self, bright: float) -> list[float]:
        """Return the exposure times of the ladder: up to where the bright pixels saturate."""
        shutter = self.bench.camera.shutter
        last = min(bright / FILLED, shutter.exposure_maximum)
        times = self.settled.granted(np.linspace(last / LADDER_TIMES, last, LADDER_TIMES))
        if len(times) < FEWEST_LEVELS:
            raise ValueError(
                f"the camera grants {len(times)} exposure times up to {last:g} s, {FEWEST_LEVELS} are needed: "
                "attenuate the laser"
            )
        return times


def _joined(sets: list[Frames]) -> Frames:
    """Return sets of one exposure time as one."""
    return replace(
        sets[0],
        counts=np.concatenate([one.counts for one in sets]),
        states=np.concatenate([one.states for one in sets]),
        timestamps=np.concatenate([one.timestamps for one in sets]),
    )
