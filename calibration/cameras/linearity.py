"""How far counts follow the light: the linearity error of EMVA 1288."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.cameras.uncertainty import Measured

RANGE = (0.05, 0.95)
"""Part of the saturation signal over which linearity is judged."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Linearity:
    """Deviation of the signal from its straight line.

    Parameters
    ----------
    intercept, slope : float
        The line, in DN and DN per unit of exposure.
    used : ndarray of bool, shape (level,)
        Levels between 5 % and 95 % of the saturation signal.
    deviation : ndarray, shape (level,)
        Relative deviation; NaN outside ``used``.
    error : Measured
        Mean modulus of the deviations, relative.
    smallest, largest : float
        Extreme deviations, relative.
    """

    intercept: float
    slope: float
    used: NDArray[np.bool_]
    deviation: NDArray[np.float64]
    error: Measured
    smallest: float
    largest: float


def linearity(
    exposure: NDArray[np.float64],
    signal: NDArray[np.float64],
    *,
    uncertainty: NDArray[np.float64],
    saturation: float,
) -> Linearity | None:
    """Return the linearity error.

    .. math:: \\delta_i = \\frac{y_i - (a_0 + a_1 H_i)}{a_0 + a_1 H_i}, \\qquad
              \\mathrm{LE} = \\langle |\\delta_i| \\rangle

    with a line that minimises the squares of ``(y - a0 - a1 H) / y``.

    Parameters
    ----------
    exposure : ndarray, shape (level,)
        Photons per pixel, or exposure times of a constant light.
    signal : ndarray, shape (level,)
        Mean count less dark count, in DN.
    uncertainty : ndarray, shape (level,)
        Temporal uncertainty of the signal, in DN.
    saturation : float
        Signal at saturation, in DN.

    Returns
    -------
    Linearity or None
        None where fewer than three levels lie between 5 % and 95 % of saturation.

    Notes
    -----
    Noise alone gives an error of sqrt(2 / pi) of the relative uncertainty of a level.

    References
    ----------
    .. [1] EMVA Standard 1288, Release 4.0 Linear, sec. 6.7: linearity error.
    """
    used = (signal >= RANGE[0] * saturation) & (signal <= RANGE[1] * saturation)
    if used.sum() < 3:
        return None
    light, counts = exposure[used], signal[used]
    design = np.stack([1 / counts, light / counts], axis=1)
    scale = np.linalg.norm(design, axis=0)
    intercept, slope = np.linalg.lstsq(design / scale, np.ones_like(counts), rcond=None)[0] / scale
    line = intercept + slope * light
    deviation = np.full(signal.shape, np.nan)
    deviation[used] = counts / line - 1
    found = np.abs(deviation[used])
    return Linearity(
        intercept=float(intercept),
        slope=float(slope),
        used=used,
        deviation=deviation,
        error=Measured(
            value=float(found.mean()),
            uncertainty=float(np.sqrt(np.sum((uncertainty[used] / counts) ** 2))) / counts.size,
        ),
        smallest=float(deviation[used].min()),
        largest=float(deviation[used].max()),
    )
