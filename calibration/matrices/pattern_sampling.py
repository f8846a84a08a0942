"""What patterns must do for intensities to determine a row of the matrix."""

import numpy as np
from numpy.typing import NDArray

SAMPLED = 1e-9
"""Singular values below this part of the largest count as directions that the patterns do not determine."""


def check_sampling(inputs: NDArray[np.float64], *, rng: np.random.Generator) -> None:
    """Refuse patterns whose light leaves more than the phase of a row open, however long one iterates.

    Parameters
    ----------
    inputs : ndarray of float64, shape (frame, input)
        Real inputs; a static field is a column of ones.
    rng : numpy.random.Generator
        Draws the row at which the derivative is taken.

    Raises
    ------
    ValueError
        If there are fewer frames than the 2N - 1 unknowns of a row, if the inputs do not span, or if the derivative of
        the light by a row has a smaller rank.

    Notes
    -----
    The rank is the same at all rows but a set of measure zero (law L55): it says that nearby rows are told apart.
    Far ones take more frames, see ``benchmarks/phase_retrieval.py``.
    """
    frames, count = inputs.shape
    unknowns = 2 * count - 1
    if count < 2:
        raise ValueError(
            f"patterns of shape {(frames, count)} (a static field counts as one input) leave no relative phase to "
            "find: at least 2 inputs are needed"
        )
    if frames < unknowns:
        raise ValueError(
            f"{frames} patterns are too few: a row of {count} entries (a static field counts as one) has {unknowns} "
            f"real unknowns beside its phase; show at least {unknowns}, better {4 * count}"
        )
    spread = np.linalg.svd(inputs, compute_uv=False)
    rank = int(np.sum(spread > SAMPLED * spread[0]))
    if rank < count:
        raise ValueError(
            f"the patterns span {rank} of {count} dimensions (a static field counts as one): show random patterns, "
            "without inputs that are always off, always on or always equal"
        )
    # At a random row the derivative of the light has rank 2N - 1 where intensities determine rows at all.
    row = rng.standard_normal(count) + 1j * rng.standard_normal(count)
    fields = inputs @ row
    jacobian = np.concatenate([fields.real[:, np.newaxis] * inputs, fields.imag[:, np.newaxis] * inputs], axis=1)
    values = np.linalg.svd(jacobian, compute_uv=False)
    if (known := int(np.sum(values > SAMPLED * values[0]))) < unknowns:
        raise ValueError(
            f"the light of these patterns determines {known} of the {unknowns} real unknowns of a row: inputs must be "
            "on together in many combinations; show random patterns"
        )
