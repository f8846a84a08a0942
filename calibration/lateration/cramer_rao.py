"""How well fields can be known: the Cramer-Rao bound, and the laws of linear multilateration and scaling."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.lateration.count_law import CountLaw, count_information
from optics.validation import check_count, check_number

Real = NDArray[np.float64]
Field = NDArray[np.complex128]


def cramer_rao(fields: ArrayLike, anchors: ArrayLike, law: CountLaw, *, exact: bool = False) -> Real:
    """Return the smallest rms error of fields from counts at known anchors.

    .. math:: F = \\sum_k i_k g_k g_k^T, \\quad g_k = 2 s (y - a_k), \\qquad
              \\sqrt{\\mathrm{tr} F^{-1}} = \\sqrt{\\frac{4 S}{S^2 - |P|^2}}, \\quad
              S = \\sum_k i_k |g_k|^2, \\; P = \\sum_k i_k g_k^2

    Parameters
    ----------
    fields : array_like of complex, shape (signal, output)
        Fields y.
    anchors : array_like of complex, shape (anchor, output)
        Anchors a; the origin is one of them where the light of the signal alone is counted.
    law : CountLaw
        The law of the counts: slope s and information i of a count on its signal.
    exact : bool, optional
        Whether information is that of Poisson electrons with read noise and rounding, in place of normal noise with a
        variance that grows with the signal and rounding as 1/12 DN^2.

    Returns
    -------
    ndarray, shape (signal, output)
        Square root of the smallest mean squared modulus of the error, in the unit of the fields; infinite where
        anchors and field lie on a line.

    Notes
    -----
    It holds for unbiased estimates with noise. Rounding alone is no noise: fields are confined to a region, estimates
    reach its centre, and the error falls faster than the root of the number of anchors; the bound is then that of the
    noise of the same variance.
    """
    spread, skew = information(fields, anchors, law, exact=exact)
    determinant = spread**2 - np.abs(skew) ** 2
    usable = determinant > 1e-14 * spread**2
    return np.where(usable, np.sqrt(4 * spread / np.where(usable, determinant, 1.0)), np.inf)


def information(
    fields: ArrayLike, anchors: ArrayLike, law: CountLaw, *, exact: bool = False
) -> tuple[Real, NDArray[np.complex128]]:
    """Return the Fisher information of counts on fields, as the sums S and P of `cramer_rao`.

    Parameters
    ----------
    fields : array_like of complex, shape (signal, output)
        Fields y.
    anchors : array_like of complex, shape (anchor, output)
        Anchors a.
    law : CountLaw
        The law of the counts.
    exact : bool, optional
        As in `cramer_rao`.

    Returns
    -------
    spread : ndarray, shape (signal, output)
        Sum S of i |g|^2: its trace.
    skew : ndarray of complex128, shape (signal, output)
        Sum P of i g^2; the eigenvalues are (S + |P|) / 2 and (S - |P|) / 2, along half the argument of P.
    """
    y, places = np.asarray(fields, np.complex128), np.asarray(anchors, np.complex128)
    spread, skew = np.zeros(y.shape), np.zeros(y.shape, np.complex128)
    if exact:
        weights = count_information(law, np.abs(y - places[:, None]) ** 2)
    else:
        weights = law.information(np.abs(y - places[:, None]) ** 2)
    for anchor, weight in zip(places, weights, strict=True):
        gradient = 2 * law.slope * (y - anchor)
        spread += weight * np.abs(gradient) ** 2
        skew += weight * gradient**2
    return spread, skew


def multilateration_error(*, sigma: float, mean_square: float, anchors: int, known_modulus: bool) -> float:
    """Return the rms error of linear multilateration, over random anchors.

    .. math:: \\langle |\\delta y|^2 \\rangle = \\frac{\\sigma^2}{A (n - 3)} \\ (|y|^2 \\text{ known}), \\qquad
              \\frac{\\sigma^2}{A (n - 4)} \\ (\\text{else})

    Parameters
    ----------
    sigma : float
        Rms error of a squared distance.
    mean_square : float
        Mean square A of the anchors, which are circular Gaussian.
    anchors : int
        Number n of anchors.
    known_modulus : bool
        Whether \\|y\\|^2 is known.

    Returns
    -------
    float
        Rms error; infinite up to three anchors, or four.

    References
    ----------
    .. [1] The mean of the inverse of a real Wishart matrix: M. L. Eaton, Multivariate Statistics, ch. 8. Law L59.
    """
    check_number("sigma", sigma, at_least=0)
    check_number("mean_square", mean_square, above=0)
    check_count("anchors", anchors)
    freedom = anchors - (3 if known_modulus else 4)
    return float("inf") if freedom <= 0 else float(np.sqrt(sigma**2 / (mean_square * freedom)))


def embedding_error(*, sigma: float, mean_square: float, points: int) -> float:
    """Return the rms error of a point that classical scaling finds, many points being there.

    .. math:: \\langle |\\delta a|^2 \\rangle \\to \\frac{\\sigma^2}{n A}

    Parameters
    ----------
    sigma : float
        Rms error of a squared distance.
    mean_square : float
        Mean square A of the points about their mean.
    points : int
        Number n of points.

    Returns
    -------
    float
        Rms error about the mean point, once rotation and reflection are fitted.
    """
    check_number("sigma", sigma, at_least=0)
    check_number("mean_square", mean_square, above=0)
    check_count("points", points, at_least=3)
    return float(np.sqrt(sigma**2 / (points * mean_square)))
