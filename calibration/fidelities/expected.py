"""The fidelity that uneven light, leaking and stuck mirrors leave to projections by anchors, in closed form."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad
from scipy.special import exp1, ive

from optics.mirrors.light import InputLight
from optics.validation import check_number


def uneven_light_fidelity(components: ArrayLike, anchor: ArrayLike, *, kept: float = 1.0) -> float:
    """Return the cosine between projections with uneven and with even inputs.

    .. math:: \\cos = \\mathrm{Re} \\left[ \\frac{\\rho_a^*}{|\\rho_a|} F \\, \\rho_x \\right], \\qquad
              \\rho = \\frac{\\sum_n g_n}{\\sqrt{N \\sum_n |g_n|^2}}

    .. math:: F = \\int_{x_0}^\\infty \\frac{\\sqrt{\\pi k}}{2} e^{-k/2}
              \\left[ I_0(k/2) + I_1(k/2) \\right] e^{x_0 - x} dx, \\qquad k = \\frac{|\\rho_a|^2 x}{1 - |\\rho_a|^2}

    Parameters
    ----------
    components, anchor : array_like, shape (component,), (anchor,)
        Amplitudes g_n that switching the components, and the macropixels of the anchor, adds; real or complex.
    kept : float, optional
        Part of the pixels that is delivered, those brightest under the anchor.

    Returns
    -------
    float
        Expected cosine of Re(e^{-i phi} T D x) with the projection Re(e^{-i phi_0} T x) that even light gives, for
        vectors whose components are alike.

    Raises
    ------
    ValueError
        If ``kept`` is not above 0 and at most 1.

    Notes
    -----
    For many outputs and an i.i.d. Gaussian T (law L35). Uneven components turn the rows by rho_x, an uneven anchor
    turns its phase phi = arg(T D r) away from phi_0 = arg(T r): two circular Gaussian fields of correlation rho_a, of
    which F is the mean cosine of the phase between them over the pixels brighter than x_0 = -ln(kept) times the mean;
    over all pixels it is (pi / 4) rho 2F1(1/2, 1/2; 2; rho^2). Mirrors that are stuck off with probability f in
    macropixels of k mirrors give rho = 1 / sqrt(1 + f / (k (1 - f))).

    References
    ----------
    .. [1] J. W. Goodman, Speckle Phenomena in Optics, Roberts 2007, sec. 2.8: joint statistics of two speckle phases.
    """
    check_number("kept", kept, above=0, at_most=1)
    turned, across = _evenness(anchor), _evenness(components)
    size = abs(turned)
    if not size:
        return 0.0
    return float((turned.conjugate() / size * _phase_cosine(size, -math.log(kept)) * across).real)


def _phase_cosine(correlation: float, start: float) -> float:
    """Return the mean cosine of the phase between two Gaussian fields, where the first is bright enough."""
    rest = 1 - correlation**2
    if rest < 1e-9:
        return 1.0

    def weighted(x: float) -> float:
        half = correlation**2 * x / rest / 2
        return math.sqrt(math.pi * half / 2) * float(ive(0, half) + ive(1, half)) * math.exp(start - x)

    return float(quad(weighted, start, start + 1, limit=200)[0] + quad(weighted, start + 1, math.inf, limit=200)[0])


def _evenness(amplitudes: ArrayLike) -> complex:
    """Return the correlation of the fields behind uneven and behind even inputs."""
    g = np.asarray(amplitudes, np.complex128)
    return complex(np.sum(g) / math.sqrt(g.size * float(np.sum(np.abs(g) ** 2))))


def anchor_gain_fidelity(light: InputLight, anchor: NDArray[np.bool_], *, kept: float) -> float:
    """Return the cosine that static light costs, because the anchor's frame divides each row by too much.

    .. math:: \\cos = \\frac{\\langle q \\rangle}{\\sqrt{\\langle q^2 \\rangle}}, \\qquad q = |u| / |v|

    .. math:: \\langle q^2 \\rangle = |c|^2 + \\frac{S}{V} e^{x_0} E_1(x_0), \\qquad
              \\langle q \\rangle = \\int_{x_0}^\\infty \\frac{1}{\\sqrt{x V}} \\frac{\\sqrt{\\pi S}}{2}
              L_{1/2} \\left( -\\frac{|c|^2 x V}{S} \\right) e^{x_0 - x} dx

    Parameters
    ----------
    light : InputLight
        Switched and static amplitudes g and s.
    anchor : ndarray of bool, shape (input,)
        Macropixels of the anchor.
    kept : float
        Part of the pixels that is delivered, those brightest under the anchor; at most 0.999.

    Returns
    -------
    float
        Expected cosine; 1 without static light.

    Raises
    ------
    ValueError
        If ``kept`` is not between 0 and 0.999: over all pixels the gains have no mean square.

    Notes
    -----
    u is the field of the anchor alone, v that with the static light of off-state and stuck mirrors: circular
    Gaussians with V = <|v|^2>, c = <u v*> / V and S = <|u|^2> - |c|^2 V. Four frames cancel the static light in the
    difference, and what is divided by is |v|: each row gets a gain q of its own. q^2 has no mean over all pixels, the
    darkest give too much: x_0 = -ln(kept) leaves them out. L is a Laguerre function, E_1 the exponential integral.
    """
    check_number("kept", kept, above=0, at_most=0.999)
    on = np.append(np.asarray(anchor, np.bool_), False)
    lit = light.switched[on] + light.static[on]
    power = float(np.sum(np.abs(lit) ** 2) + np.sum(np.abs(light.static[~on]) ** 2))
    share = np.sum(light.switched[on] * lit.conj()) / power
    rest = float(np.sum(np.abs(light.switched[on]) ** 2)) - abs(share) ** 2 * power
    if rest <= 1e-12 * power:
        return 1.0
    start = -math.log(kept)
    square = abs(share) ** 2 + rest / power * math.exp(start) * float(exp1(start))

    def weighted(x: float) -> float:
        mean = math.sqrt(math.pi * rest) / 2 * _laguerre_half(abs(share) ** 2 * x * power / rest)
        return mean / math.sqrt(x * power) * math.exp(start - x)

    first = quad(weighted, start, start + 1, limit=200)[0] + quad(weighted, start + 1, math.inf, limit=200)[0]
    return float(first / math.sqrt(square))


def _laguerre_half(y: float) -> float:
    """Return L_{1/2}(-y) = e^{-y/2} [(1 + y) I_0(y/2) + y I_1(y/2)], by scaled Bessel functions."""
    return float((1 + y) * ive(0, y / 2) + y * ive(1, y / 2))
