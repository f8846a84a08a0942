"""How faithful the projections of a bench are at the end of a training, against what it should project then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration import AnchorProjector, cosine


@dataclass(frozen=True, kw_only=True, eq=False)
class ProjectionCheck:
    """Projections of random ternary vectors against the map that the bench should realise at their time.

    Parameters
    ----------
    cosines : ndarray, shape (vector,)
        Cosine between the retrieved and the true projection of each vector of which no frame was lost.
    retrieved, true, standard_error : ndarray, shape (output,)
        The projection of the first of these vectors, in units of the rms entry of B.
    pulls : float
        Rms of (retrieved - true) / standard error over all these vectors and outputs: one if error bars are right.
    frame : ndarray, shape (y, x)
        A camera frame of the first vector with the anchor, as counts.
    turned : float, optional
        Cosine between the entries of the true B when training began and at the check: 1 where nothing moves.
    lost : int, optional
        Vectors that were left out because a frame of theirs was lost.
    """

    cosines: NDArray[np.float64]
    retrieved: NDArray[np.float64]
    true: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    pulls: float
    frame: NDArray[np.unsignedinteger]
    turned: float = 1.0
    lost: int = 0

    @property
    def fidelity(self) -> float:
        """Mean cosine over the vectors."""
        return float(self.cosines.mean())


def check_projection(
    projector: AnchorProjector,
    *,
    rng: np.random.Generator,
    vectors: int = 200,
    since: float = 0.0,
    block: int = 20,
) -> ProjectionCheck:
    """Project random ternary vectors that no training used and compare with the truth.

    Parameters
    ----------
    projector : AnchorProjector
        Bench and retrieval; the bench must be a simulated one.
    rng : numpy.random.Generator
        Source of the vectors: one entry in three is not zero, and no vector is.
    vectors : int, optional
        Number of vectors.
    since : float, optional
        Bench time of the start, with whose B that of the check is compared, in seconds.
    block : int, optional
        Vectors that are projected together, and compared with the truth of the moment halfway through their frames.

    Returns
    -------
    ProjectionCheck
        Cosines, pulls and one projection for a plot.

    Raises
    ------
    ValueError
        If every vector lost a frame.
    """
    scheme = projector.calibration.scheme
    x = rng.choice(np.array([-1, 0, 0, 0, 0, 1], np.int8), size=(vectors, len(scheme.components)))
    x[~x.any(axis=1), 0] = 1
    batches = [x[start : start + block] for start in range(0, vectors, block)]
    estimates, times = [], []
    for batch in batches:
        estimates.append(projector.project(batch))
        times.append((projector.began + projector.elapsed) / 2)
    value, error = (
        np.concatenate(some) for some in zip(*((one.value, one.standard_error) for one in estimates), strict=True)
    )
    before, now = projector.truth(time=since), projector.truth(time=projector.elapsed)
    still = np.array_equal(before, now)
    maps = (now if still else projector.truth(time=time) for time in times)
    truth = np.concatenate([batch @ matrix.T for batch, matrix in zip(batches, maps, strict=True)])
    received = np.isfinite(error).all(axis=1)
    if not received.any():
        raise ValueError(f"each of {vectors} vectors lost a frame: there is no projection to check")
    value, error, truth = value[received], error[received], truth[received]
    shown = np.zeros((1, scheme.inputs), np.bool_)
    shown[0, scheme.components] = x[received][0] > 0
    shown |= scheme.anchor_states
    unit = projector.calibration.entry_rms
    return ProjectionCheck(
        cosines=cosine(value, truth),
        retrieved=value[0].astype(np.float64) / unit,
        true=truth[0] / unit,
        standard_error=error[0].astype(np.float64) / unit,
        pulls=float(np.sqrt(np.mean(((value - truth) / error) ** 2))),
        frame=projector.bench.expose(shown).counts[0],
        turned=float(cosine(before.ravel(), now.ravel())),
        lost=int(np.count_nonzero(~received)),
    )
