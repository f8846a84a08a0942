"""Intensity noise of the laser, from what it leaves in pairs of frames under uneven light."""

import math
from dataclasses import replace

import numpy as np

from calibration.cameras.frame_pairs import PairStatistics
from calibration.cameras.uncertainty import Measured, root

ROUNDS = 50
"""Rounds of weighting; each brings the estimate several times closer to its end."""


def laser_noise(statistics: PairStatistics) -> Measured | None:
    """Return the relative rms of the light from one frame to another.

    The changes of the light within pairs have the variance 2 rho^2 plus that of their own errors:

    .. math:: 2 \\rho^2 = \\frac{\\sum_l w_l (\\delta_l^2 - u_l^2)}{\\sum_l w_l}, \\qquad
              w_l = (2 \\rho^2 + u_l^2)^{-2}

    Parameters
    ----------
    statistics : PairStatistics
        Of bright pairs whose change of the light was separated.

    Returns
    -------
    Measured or None
        rho, camera noise taken off; an upper bound where that hides it, None where the change was not separated.

    Notes
    -----
    The weights are those of the largest likelihood for normal noise; with L pairs the relative uncertainty is
    1 / sqrt(2 L) at best. Noise slower than the time between the two frames of a pair is not seen.
    """
    if statistics.light_change is None or statistics.light_change_uncertainty is None:
        return None
    seen = np.isfinite(statistics.light_change_uncertainty) & (statistics.light_change_uncertainty > 0)
    if seen.sum() < 2:
        return None
    squares, own = statistics.light_change[seen] ** 2, statistics.light_change_uncertainty[seen] ** 2
    variance = float(np.mean(squares))
    for _ in range(ROUNDS):
        weights = (max(variance, 0.0) + own) ** -2.0
        variance = float(np.sum(weights * (squares - own)) / np.sum(weights))
    uncertainty = math.sqrt(2 / float(np.sum(weights)))
    return root(Measured(value=variance / 2, uncertainty=uncertainty / 2))


def with_laser_noise(bright: PairStatistics, laser: Measured | None, *, dark: PairStatistics) -> PairStatistics:
    """Return statistics whose means are as uncertain as the light itself.

    Parameters
    ----------
    bright : PairStatistics
        Statistics of bright pairs.
    laser : Measured or None
        Relative rms of the light from frame to frame.
    dark : PairStatistics
        Statistics of dark pairs.

    Returns
    -------
    PairStatistics
        The same where no noise of the laser was found.
    """
    if laser is None or laser.bound:
        return bright
    spread = laser.value / math.sqrt(2) * np.maximum(bright.mean - dark.mean, 0)
    return replace(bright, mean_uncertainty=np.hypot(bright.mean_uncertainty, spread))
