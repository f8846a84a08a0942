"""Campaigns: the frames of a plan from a bench to a file, from where it was left, one batch stored while the next is
exposed."""

import itertools
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from calibration.bench_frames import MOST_TRIES
from calibration.campaigns.plan import Batch, CampaignPlan
from optics.bench import Bench, Exposure
from optics.camera import Counts

Progress = Callable[[list[slice]], Iterable[slice]]
Digest = Callable[[Batch, Counts], None]


class FrameSink(Protocol):
    """Where frames are stored: `optics.campaign_file.CampaignFile`."""

    @property
    def done(self) -> int:
        """Return the number of frames that are stored, all of them at the beginning."""

    @property
    def frame_ids(self) -> NDArray[np.int64]:
        """Return the index of each exposure that is stored."""

    @property
    def timestamps(self) -> NDArray[np.float64]:
        """Return the start of each exposure that is stored, in seconds."""

    def read(self, *, frames: slice = slice(None), outputs: slice = slice(None)) -> Counts:
        """Return words of frames that are stored, shape (frame, output)."""

    def append(
        self,
        first: int,
        counts: Counts,
        *,
        timestamps: NDArray[np.float64],
        frame_ids: NDArray[np.int64],
        valid: NDArray[np.bool_],
        exposure_time: float,
    ) -> None:
        """Store a batch that follows those before it."""


def no_digest(batch: Batch, words: Counts) -> None:
    """Leave a batch as it is.

    Parameters
    ----------
    batch : Batch
        What it shows.
    words : ndarray of uint8 or uint16
        Its words.
    """


def run_campaign(
    bench: Bench, plan: CampaignPlan, sink: FrameSink, *, progress: Progress = iter, digest: Digest = no_digest
) -> None:
    """Expose what is missing of a campaign and store it.

    Parameters
    ----------
    bench : Bench
        A simulated or a real bench at the exposure time of the campaign. A simulated one stands after the last frame
        that is stored (`optics.SimulatedBench.continue_after`).
    plan : CampaignPlan
        The frames.
    sink : FrameSink
        Where they go; those that it has are not exposed again.
    progress : callable, optional
        Wraps the list of frames, batch by batch, that are missing, as ``tqdm`` does.
    digest : callable, optional
        Is given each batch with its words, those of earlier sittings first; solves it while the next is exposed.

    Raises
    ------
    ValueError
        If the file does not end with a batch, frames are lost again and again, or come out of order.

    Notes
    -----
    One batch is exposed while the one before it is stored and solved.
    """
    done = sink.done
    if digest is not no_digest and done:
        for batch in itertools.takewhile(lambda batch: batch.frames.stop <= done, plan.batches()):
            digest(batch, sink.read(frames=batch.frames))
    missing = [span for span in plan.spans() if span.stop > done]
    if missing and missing[0].start != done:
        raise ValueError(
            f"{done} frames are stored, which is within the batch of frames {missing[0].start} to "
            f"{missing[0].stop - 1}: the campaign was begun with other batches"
        )
    batches = itertools.dropwhile(lambda batch: batch.frames.stop <= done, plan.batches())
    with ThreadPoolExecutor(1) as pool:
        before: Future[None] | None = None
        for _, batch in zip(progress(missing), batches, strict=False):
            exposure = take_batch(bench, batch)
            if before is not None:
                before.result()
            before = pool.submit(_store, sink, batch, exposure, digest)
        if before is not None:
            before.result()


def take_batch(bench: Bench, batch: Batch) -> Exposure:
    """Return good frames of a batch; frames that were lost are taken again.

    Parameters
    ----------
    bench : Bench
        A simulated or a real bench.
    batch : Batch
        What to show.

    Returns
    -------
    Exposure
        A frame of each pattern, all valid.

    Raises
    ------
    ValueError
        If frames are lost again and again, or come out of order.
    """
    exposure = bench.expose(batch.patterns, reference=batch.phases, light=batch.light)
    if len(exposure.counts) != len(batch.patterns) or not (np.diff(exposure.frame_ids) > 0).all():
        raise ValueError(
            f"{len(batch.patterns)} frames were asked for, {len(exposure.counts)} came, with indices from "
            f"{exposure.frame_ids.min(initial=0)} to {exposure.frame_ids.max(initial=0)}: they are out of order"
        )
    lost = np.flatnonzero(~exposure.valid)
    for _ in range(MOST_TRIES):
        if not lost.size:
            return exposure
        phases = None if batch.phases is None else batch.phases[lost]
        again = bench.expose(batch.patterns[lost], reference=phases, light=batch.light)
        exposure = _with_frames(exposure, lost[again.valid], again)
        lost = lost[~again.valid]
    raise ValueError(
        f"{lost.size} of {len(batch.patterns)} frames were lost {MOST_TRIES + 1} times running: check the camera's "
        "link and its trigger"
    )


def _with_frames(exposure: Exposure, where: NDArray[np.int64], again: Exposure) -> Exposure:
    """Return an exposure with the good frames of another one in some places."""
    arrays = {name: getattr(exposure, name).copy() for name in ("counts", "timestamps", "frame_ids", "valid")}
    for name, array in arrays.items():
        array[where] = getattr(again, name)[again.valid]
    return replace(exposure, **arrays)


def _store(sink: FrameSink, batch: Batch, exposure: Exposure, digest: Digest) -> None:
    """Store a batch and solve it."""
    sink.append(
        batch.frames.start,
        exposure.counts,
        timestamps=exposure.timestamps,
        frame_ids=exposure.frame_ids,
        valid=exposure.valid,
        exposure_time=exposure.exposure_time,
    )
    digest(batch, exposure.counts)
