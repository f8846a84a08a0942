"""What random projections keep of the angle between two vectors (law L63)."""

import math

from optics.validation import check_count, check_number


def projected_cosine(correlation: float, *, outputs: int, real: bool = True) -> float:
    """Return the mean cosine between two vectors after a random projection.

    .. math:: \\langle \\hat\\rho \\rangle = \\rho - \\frac{\\rho (1 - \\rho^2)}{2 m}

    Parameters
    ----------
    correlation : float
        Cosine rho of the vectors before, -1 to 1; for fields a modulus.
    outputs : int
        Outputs m of the projection.
    real : bool, optional
        Whether outputs are real, as those of an anchor, and not complex fields.

    Returns
    -------
    float
        Mean cosine, up to O(1 / m^2).

    Raises
    ------
    ValueError
        If the correlation is no cosine or there is no output.

    Notes
    -----
    The bias of complex outputs is that of twice as many real ones for the real part of their product; their modulus is
    raised by (1 - rho^2) / (4 m rho) at the same time, for rho well above its null level.

    References
    ----------
    .. [1] R. A. Fisher, Biometrika 10, 507 (1915). doi:10.2307/2331838
    """
    rho = _checked(correlation, outputs)
    if real:
        return rho - rho * (1 - rho**2) / (2 * outputs)
    raised = (1 - rho**2) / (4 * outputs * rho) if rho else 0.0
    return rho - rho * (1 - rho**2) / (4 * outputs) + raised


def projected_cosine_spread(correlation: float, *, outputs: int, real: bool = True) -> float:
    """Return the standard deviation of the cosine between two vectors after a random projection.

    .. math:: \\sigma = \\frac{1 - \\rho^2}{\\sqrt{m}} \\; \\text{(real)}, \\qquad
              \\frac{1 - \\rho^2}{\\sqrt{2 m}} \\; \\text{(complex)}

    Parameters
    ----------
    correlation : float
        Cosine rho of the vectors before, -1 to 1.
    outputs : int
        Outputs m of the projection.
    real : bool, optional
        Whether outputs are real, as those of an anchor, and not complex fields.

    Returns
    -------
    float
        Standard deviation over random matrices, for many outputs (law L63).

    Raises
    ------
    ValueError
        If the correlation is no cosine or there is no output.
    """
    rho = _checked(correlation, outputs)
    return (1 - rho**2) / math.sqrt(outputs if real else 2 * outputs)


def _checked(correlation: float, outputs: int) -> float:
    """Return a cosine, or say what is wrong."""
    check_number("correlation", correlation, at_least=-1, at_most=1)
    check_count("outputs", outputs)
    return float(correlation)
