"""How like its target a field is, and what it costs in photons."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.encodings.targets import check_target


def field_fidelity(field: ArrayLike, target: ArrayLike) -> NDArray[np.float64]:
    """Return the fidelity of fields behind the pinhole, blind to a common factor.

    .. math:: F = \\frac{|\\langle t, E \\rangle|^2}{\\langle t, t \\rangle \\langle E, E \\rangle}

    Parameters
    ----------
    field : array_like, shape (..., y, x)
        Field that the pinhole passes, see `optics.order_filter.OrderFilter.field`.
    target : array_like, shape (..., y, x)
        Target at the same points.

    Returns
    -------
    ndarray, shape (...)
        Fidelity, 0 to 1; NaN where a field is dark.

    Notes
    -----
    Light that the pinhole stops does not count, so fidelities of different pinholes are not comparable. With all
    fields inside the pinhole's band, the sum over mirrors is the sum over the pupil (Parseval).
    """
    shown, wanted = check_target(field, limit=None), check_target(target, limit=None)
    power = _power(shown) * _power(wanted)
    with np.errstate(invalid="ignore"):  # 0 / 0 where a field is dark
        return np.asarray(_overlap(shown, wanted) / power)


def photon_efficiency(field: ArrayLike, target: ArrayLike) -> NDArray[np.float64]:
    """Return the photons in the part of a field that matches its target over those on the mirrors.

    .. math:: \\eta = \\frac{|\\langle t, E \\rangle|^2}{\\langle t, t \\rangle \\, N}

    Parameters
    ----------
    field : array_like, shape (..., y, x)
        Field that the pinhole passes, in units of the amplitude of one mirror that is on.
    target : array_like, shape (..., y, x)
        Target at the same N mirrors.

    Returns
    -------
    ndarray, shape (...)
        Efficiency, 0 to 1, for one photon on each mirror, before fill factor, reflectivity and the envelope of the
        single mirror.

    Notes
    -----
    Equal to fidelity times the power behind the pinhole. Where the phases of target and carrier spread evenly over
    the mirrors, no binary frame exceeds <|t|>^2 / (pi^2 <|t|^2>): 1 / pi^2 = 0.101 for a flat modulus, 1 / (4 pi) =
    0.080 for speckle. The frame with a mirror on wherever Re(t exp(2 pi i nu r)) > 0 reaches it.
    """
    shown, wanted = check_target(field, limit=None), check_target(target, limit=None)
    mirrors = shown.shape[-2] * shown.shape[-1]
    with np.errstate(invalid="ignore"):
        return np.asarray(_overlap(shown, wanted) / (_power(wanted) * mirrors))


def _power(field: NDArray[np.complexfloating]) -> NDArray[np.float64]:
    """Return the sum of the intensity over both axes."""
    return np.asarray(np.sum(field.real**2 + field.imag**2, axis=(-2, -1), dtype=np.float64))


def _overlap(field: NDArray[np.complexfloating], target: NDArray[np.complexfloating]) -> NDArray[np.float64]:
    """Return the squared modulus of the overlap."""
    return np.abs(np.sum(np.conj(target) * field, axis=(-2, -1), dtype=np.complex128)) ** 2
