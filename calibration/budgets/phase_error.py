"""What errors of the reference phase cost fields by phase stepping, in closed form."""

import math

from optics.validation import check_count, check_number


def stepped_phase_error(phase_rms: float, *, steps: int) -> float:
    """Return the error of fields by phase stepping with a normal phase error in each frame.

    .. math:: 1 - \\cos^2 = \\frac{v}{e^{-\\sigma^2} + 2 v}, \\qquad v = \\frac{1 - e^{-\\sigma^2}}{N}

    Parameters
    ----------
    phase_rms : float
        Rms sigma of the phase error of a frame, independent from frame to frame, in radians.
    steps : int
        Number N of frames over a period, at least 3.

    Returns
    -------
    float
        1 - cos^2 between found and true field over the pixels of a frame, mean over frames to first order in 1 / N.

    Raises
    ------
    ValueError
        If the rms is negative or there are fewer than three steps.

    Notes
    -----
    All pixels of a frame share its phase error: the direct term only turns and scales the field, which a fidelity is
    blind to. What costs is the twin S* that comes back with the variance v (half of the residual of law L54).

    References
    ----------
    .. [1] Law L54 of the project's physics notes.
    """
    check_number("phase_rms", phase_rms, unit="rad", at_least=0)
    check_count("steps", steps, at_least=3)
    kept = math.exp(-(phase_rms**2))
    twin = (1 - kept) / steps
    return twin / (kept + 2 * twin)
