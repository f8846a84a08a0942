"""Rows fitted to all frames at once, from rows that are near: the last step behind methods that take frames apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.light import Light
from calibration.matrices.intensity_likelihood import NoisyLight, entry_variance, fit_rows
from calibration.matrices.noise_law import NoiseLaw
from optics.validation import check_states

Real = NDArray[np.float64]
Field = NDArray[np.complex128]

BLOCK_ENTRIES = 2**20
"""Readings that are fitted together: about ten arrays of 8 to 16 bytes each."""

DOUBT = 2.0
"""Standard deviations of chi^2 above the expected from which on a row is fitted from its other starts, too."""

LIMIT = 3.0
"""Standard deviations of chi^2 above the expected from which on a row is not taken to explain the light."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PolishedRows:
    """Rows that explain all frames best.

    Parameters
    ----------
    value : ndarray of complex, shape (output, input + 1)
        Entries, then the static field.
    variance : ndarray, shape (output, input + 1)
        Mean squared moduli of their errors, for the phase of the row that fits best.
    residual : ndarray, shape (output,)
        chi^2 per degree of freedom.
    fitted : ndarray of bool, shape (output,)
        Rows that explain the light within its noise.
    """

    value: Field
    variance: Real
    residual: Real
    fitted: NDArray[np.bool_]


def polish_rows(
    starts: Sequence[Field], *, light: Light, patterns: ArrayLike, noise: NoiseLaw, misfit: Real
) -> PolishedRows:
    """Return the rows with the least chi^2 over all frames.

    .. math:: \\min_{t, e} \\sum_k \\frac{(I_k - |e + t b_k|^2)^2}{\\sigma^2(|e + t b_k|^2)}

    Parameters
    ----------
    starts : sequence of ndarray of complex, shape (output, input + 1)
        Rows to start from, the static field last; those after the first are tried where the ones before do not explain
        the light.
    light : Light
        Light of the frames, shape (frame, output).
    patterns : array_like of bool, shape (frame, input)
        States b of the macropixels.
    noise : NoiseLaw
        Variance of the light.
    misfit : ndarray, shape (output,)
        chi^2 per degree of freedom that a freer model leaves; below one counts as one. A row is expected to leave no
        more, so that noise nobody stated condemns no row.

    Returns
    -------
    PolishedRows
        Rows, variances (times chi^2 per degree of freedom where that is above one), and which explain the light.

    Raises
    ------
    TypeError, ValueError
        If the patterns are not boolean, or shapes do not fit.

    Notes
    -----
    `calibration.matrices.intensity_likelihood.fit_rows` finds the nearest minimum; starts must be near. The variances
    are Fisher's, to first order: where the imaginary part of small entries against a dominant one drowns in the noise,
    they are too small.
    """
    states = check_states(patterns, inputs=starts[0].shape[1] - 1)
    if light.value.shape != (len(states), len(starts[0])):
        raise ValueError(
            f"light of shape {light.value.shape} does not belong to {len(states)} patterns and {len(starts[0])} rows: "
            "it must be (frame, output)"
        )
    inputs = np.pad(states, ((0, 0), (0, 1)), constant_values=True).astype(np.float64)
    basis, triangle = np.linalg.qr(inputs)
    rows, variance = np.array(starts[0]), np.zeros(starts[0].shape)
    expected, residual = np.maximum(misfit, 1), np.full(len(rows), np.inf)
    degrees = np.maximum(light.valid.sum(axis=0) - 2 * inputs.shape[1] + 1, 1)
    spread = expected * np.sqrt(2 / degrees)
    size = max(1, BLOCK_ENTRIES // len(inputs))
    for block in (slice(first, first + size) for first in range(0, len(rows), size)):
        noisy, unit = _noisy_light(light, block, noise, fields=inputs @ starts[0][block].T)
        near = [triangle @ (start[block] / unit[:, np.newaxis]).T for start in starts]
        doubt = ((expected + DOUBT * spread) * degrees)[block]
        best, squares = _best_fit(near, noisy, basis=basis, doubt=doubt)
        residual[block] = squares / degrees[block]
        solved = np.linalg.solve(triangle, best).astype(np.complex128, copy=False)
        rows[block] = solved.T * unit[:, np.newaxis]
        variance[block] = entry_variance(solved, noisy, inputs=inputs).T * unit[:, np.newaxis] ** 2
    fitted = (residual < expected + LIMIT * spread) & np.isfinite(variance).all(axis=1)
    return PolishedRows(
        value=rows, variance=variance * np.maximum(residual, 1)[:, np.newaxis], residual=residual, fitted=fitted
    )


def _best_fit(starts: Sequence[Field], light: NoisyLight, *, basis: Real, doubt: Real) -> tuple[Field, Real]:
    """Return the best fits from some starts, as coordinates, and what squares they leave; stop where there is no doubt.

    Starts have the shape (input, output).
    """
    best, left = np.array(starts[0]), np.full(starts[0].shape[1], np.inf)
    for start in starts:
        rows = np.flatnonzero(~(left < doubt))
        found, squares = fit_rows(start[:, rows], light.rows(rows), basis=basis)
        better = squares < left[rows]
        best[:, rows[better]], left[rows[better]] = found[:, better], squares[better]
    return best, left


def _noisy_light(light: Light, block: slice, noise: NoiseLaw, *, fields: Field) -> tuple[NoisyLight, Real]:
    """Return light in units of its mean, and the fields that those stand for, from fields that are near."""
    value, valid = light.value[:, block].astype(np.float64), light.valid[:, block]
    mean = np.sum(value, axis=0, where=valid) / np.maximum(valid.sum(axis=0), 1)
    mean = np.where(mean > 0, mean, 1.0)
    dark = noise.floor + (noise.relative * np.abs(fields) ** 2) ** 2
    noisy = NoisyLight(
        value=np.where(valid, value, 0) / mean, dark_variance=np.where(valid, dark / mean**2, np.inf),
        slope=noise.slope / mean, floor=noise.floor / mean**2,
    )  # fmt: skip
    return noisy, np.sqrt(mean)
