"""More points where frames saturate: they are rare, and cost most."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.budgets.draws import Draws

Values = NDArray[np.float64]
Fields = NDArray[np.complex128]

PARTS = (0.3, 0.23, 0.23, 0.12, 0.12)
"""Parts of the points that are left alone, and whose p + r, q + r, p, and q are drawn wider."""

WIDENING = 2.0
"""What is added to the mean light of what is drawn wider, over its own and a mode."""


def widen(draws: Draws, *, anchor: float, positive: Values, negative: Values, modes: int) -> Draws:
    """Return points of which a part has the light of one frame drawn wider, and the weights that undo it.

    .. math:: w = \\left[ \\alpha_0 + \\sum_k \\alpha_k s^{-J} e^{(1 - 1/s) |u_k|^2} \\right]^{-1}, \\qquad
              u_1 = \\frac{\\sigma_r z_r + \\sigma_p z_p}{\\sqrt{\\sigma_r^2 + \\sigma_p^2}}, \\quad u_3 = z_p

    Parameters
    ----------
    draws : Draws
        Points of equal weight.
    anchor : float
        Mean light sigma_r^2 of the anchor, in any unit.
    positive, negative : ndarray, shape (point,)
        Mean light of the halves, in the same unit.
    modes : int
        Speckles J a pixel.

    Returns
    -------
    Draws
        Other fields at the first time, other weights: at most 1 / alpha_0, of mean one.

    Notes
    -----
    A defensive mixture: expectations are what they were. The light of a frame is drawn along the direction in which its
    fields add up.
    """
    scale = 1 + WIDENING / modes
    kind = np.minimum(np.searchsorted(np.cumsum(PARTS), draws.extras["tail"], side="right"), len(PARTS) - 1)
    fields = draws.fields.copy()
    first = fields[:3, :modes]  # a view: anchor, positive, negative
    directions = _directions(anchor, positive, negative)
    for number, direction in enumerate(directions, start=1):
        along = np.einsum("fp,fmp->mp", direction, first)
        grown = np.where(kind == number, np.sqrt(scale) - 1, 0.0)
        first += direction[:, np.newaxis] * (grown * along)
    density = np.full(draws.points, PARTS[0])
    for part, direction in zip(PARTS[1:], directions, strict=True):
        light = np.sum(np.abs(np.einsum("fp,fmp->mp", direction, first)) ** 2, axis=0)
        density += part * scale**-modes * np.exp((1 - 1 / scale) * light)
    weights = 1 / density
    return replace(draws, fields=fields, weights=weights / weights.mean())


def _directions(anchor: float, positive: Values, negative: Values) -> list[Values]:
    """Return unit vectors over (anchor, positive, negative) along which the fields of the four frames add up."""
    directions = []
    for row, half in ((1, positive), (2, negative)):
        total = np.sqrt(anchor + half)
        direction = np.zeros((3, len(half)))
        direction[0], direction[row] = np.sqrt(anchor) / total, np.sqrt(half) / total
        directions.append(direction)
    for row in (1, 2):
        direction = np.zeros((3, len(positive)))
        direction[row] = 1
        directions.append(direction)
    return directions
