"""What noise leaves of projections by an anchor, in closed form (law L58).

A row's difference D = I(x + r) - I(x) - I(r) is 2 Re(T x conj(T r)) and noise. All functions are pure and broadcast
over arrays. "Gaussian rows" are those divided by the anchor's modulus, Re(T x exp(-i phi)), without noise; rows that
are not divided carry a factor |T r| each (law L56). T is i.i.d. Gaussian and rows are many: cosines are those of
means. Lights are means over the rows, in any one unit of counts, electrons or photons.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import exp1, expn, hyperu

from calibration.fidelity import expected_correlation
from optics.validation import check_numbers

Numbers = NDArray[np.float64]

BEST_VECTOR_SHARE = math.sqrt(2) - 1
"""Share of the vector in the light of the brightest frame at which shot noise harms least: n_r = sqrt(2) n_x."""


def difference_noise_ratio(noise_variance: ArrayLike, *, vector_light: ArrayLike, anchor_light: ArrayLike) -> Numbers:
    """Return the noise of differences over their signal.

    .. math:: s_0 = \\frac{\\sigma_D^2}{2 I_x I_r}

    Parameters
    ----------
    noise_variance : array_like
        Variance sigma_D^2 of a difference: the sum over its frames, in the square of the lights' unit.
    vector_light : array_like
        Mean light I_x of the frames of the vector alone.
    anchor_light : array_like
        Mean light I_r of the frames of the anchor alone.

    Returns
    -------
    ndarray of float64
        Noise variance over signal variance, of rows that are not divided.

    Raises
    ------
    ValueError
        If a variance is negative or a light not positive.

    Notes
    -----
    With sigma = 1 the lights are n_x and n_r. Against rows T x conj(T r) that are themselves not divided the cosine
    is ``expected_correlation`` of it. A ternary vector p - q in four frames has I_x of p and q together, and
    sigma_D^2 of four frames.
    """
    variance = check_numbers("noise_variance", noise_variance, at_least=0)
    vector = check_numbers("vector_light", vector_light, above=0)
    return np.asarray(variance / (2 * vector * check_numbers("anchor_light", anchor_light, above=0)))


def undivided_fidelity(noise_ratio: ArrayLike) -> Numbers:
    """Return the cosine of rows that are not divided with the Gaussian rows.

    .. math:: \\cos = \\sqrt{\\frac{\\pi / 4}{1 + s_0}}

    Parameters
    ----------
    noise_ratio : array_like
        Noise variance over signal variance s_0 of the differences.

    Returns
    -------
    ndarray of float64
        Expected cosine.

    Raises
    ------
    ValueError
        If a ratio is negative.
    """
    return np.asarray(
        math.sqrt(math.pi / 4) * expected_correlation(check_numbers("noise_ratio", noise_ratio, at_least=0))
    )


def divided_fidelity(noise_ratio: ArrayLike, *, kept: ArrayLike) -> Numbers:
    """Return the cosine of rows divided by the anchor's modulus with the Gaussian rows.

    .. math:: \\cos = \\frac{1}{\\sqrt{1 + s_0 e^{x_0} E_1(x_0)}}, \\qquad x_0 = -\\ln(\\mathrm{kept})

    Parameters
    ----------
    noise_ratio : array_like
        Noise variance over signal variance s_0 of the differences, with a noise that is alike in all rows.
    kept : array_like
        Part of the rows that is delivered, those brightest under the anchor; between 0 and 1.

    Returns
    -------
    ndarray of float64
        Expected cosine over the rows that are kept.

    Raises
    ------
    ValueError
        If a ratio is negative or ``kept`` is not between 0 and 1: over all rows the noise has no mean square.

    Notes
    -----
    The anchor's own frame is taken as free of noise.
    """
    ratio = check_numbers("noise_ratio", noise_ratio, at_least=0)
    return expected_correlation(ratio * _mean_inverse(kept))


def wiener_weights(anchor_light: ArrayLike, noise_variance: ArrayLike, *, vector_light: ArrayLike) -> Numbers:
    """Return what each row's difference is multiplied by for the least error of Gaussian rows.

    .. math:: w = \\frac{I_x |a|}{2 I_x |a|^2 + \\sigma_D^2}

    Parameters
    ----------
    anchor_light : array_like, shape (..., row)
        Light |a|^2 of the anchor alone in each row.
    noise_variance : array_like, shape (..., row)
        Variance sigma_D^2 of the difference, in the square of the light's unit.
    vector_light : array_like
        Mean light I_x of the frames of the vector alone.

    Returns
    -------
    ndarray of float64, shape (..., row)
        Weights, in one over the root of the light's unit: w D is Re(T x exp(-i phi)), drawn towards zero where the
        anchor is dark. Without noise they are 1 / (2 |a|). Rows without any light of the anchor get 0.

    Raises
    ------
    ValueError
        If a light or a variance is negative, or ``vector_light`` is not positive.

    Notes
    -----
    The best linear weights, of the cosine as well as of the mean square error. Their gain depends on the vector's
    light: divide it out where vectors of different light are compared.
    """
    light = check_numbers("anchor_light", anchor_light, at_least=0)
    variance = check_numbers("noise_variance", noise_variance, at_least=0)
    vector = check_numbers("vector_light", vector_light, above=0)
    light, variance, vector = np.broadcast_arrays(light, variance, vector)
    below = 2 * vector * light + variance
    return np.asarray(np.divide(vector * np.sqrt(light), below, out=np.zeros(light.shape), where=light > 0))


def wiener_fidelity(noise_ratio: ArrayLike) -> Numbers:
    """Return the cosine that rows under the best weights have with the Gaussian rows.

    .. math:: \\cos^2 = 1 - s_0 e^{s_0} E_1(s_0) = e^{s_0} E_2(s_0)

    Parameters
    ----------
    noise_ratio : array_like
        Noise variance over signal variance s_0 of the differences, with a noise that is alike in all rows.

    Returns
    -------
    ndarray of float64
        Expected cosine over all rows; no weights of rows give a larger one.

    Raises
    ------
    ValueError
        If a ratio is negative.

    References
    ----------
    .. [1] NIST Digital Library of Mathematical Functions, Eqs. 8.19.12 and 13.6.6: E_2 and its scaled form U(1, 0, s).
    """
    ratio = check_numbers("noise_ratio", noise_ratio, at_least=0)
    weak = np.minimum(ratio, 100)  # e^s overflows beyond 700; U is inaccurate near 0 and not beyond 100
    return np.asarray(
        np.sqrt(np.where(ratio > 100, hyperu(1, 0, np.maximum(ratio, 100)), np.exp(weak) * expn(2, weak)))
    )


def shot_noise_ratio(electrons: ArrayLike, *, vector_share: ArrayLike, kept: ArrayLike | None = None) -> Numbers:
    """Return the shot noise of projections over their signal.

    .. math:: s = \\frac{1 + u}{2 F u (1 - u)} \\quad \\text{(not divided)}, \\qquad
              s = \\frac{1 - u + 2 u e^{x_0} E_1(x_0)}{2 F u (1 - u)} \\quad \\text{(divided)}

    Parameters
    ----------
    electrons : array_like
        Mean electrons F of the brightest frame, that of vector and anchor together.
    vector_share : array_like
        Share u of the vector in its light, n_x / (n_x + n_r).
    kept : array_like, optional
        For rows divided by the anchor's modulus, the part that is delivered, x_0 = -ln(kept); without it rows are
        not divided.

    Returns
    -------
    ndarray of float64
        Noise variance over signal variance, for ``expected_correlation``.

    Raises
    ------
    ValueError
        If there are no electrons, or a share is not between 0 and 1.

    Notes
    -----
    Two frames, x + r and x; the anchor's own is averaged and free of noise. Four frames of a ternary vector have the
    same ratio where both halves are alike, with u that of one half. Undivided it is least at `BEST_VECTOR_SHARE`,
    where it is 1 / (2 (3 - 2 sqrt(2)) F) = 1 / (0.343 F).
    """
    charge = check_numbers("electrons", electrons, above=0)
    share = check_numbers("vector_share", vector_share, above=0, below=1)
    inverse = np.asarray(1.0) if kept is None else _mean_inverse(kept)
    return np.asarray((1 - share + 2 * share * inverse) / (2 * charge * share * (1 - share)))


def _mean_inverse(kept: ArrayLike) -> Numbers:
    """Return the mean of <|a|^2> / |a|^2 over the rows that are kept, e^x E_1(x) with x = -ln(kept)."""
    part = check_numbers("kept", kept, above=0, below=1)
    return np.asarray(exp1(-np.log(part)) / part)
