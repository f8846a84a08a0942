"""How flat the chip is: its height in Zernike terms, and the phase that it adds to the light.

Heights are positive towards the light. Terms are those of Noll, orthonormal over the circle around the array: a
coefficient is the rms of its term over the circle. Angles run from the x axis (along the rows) to the y axis (down the
columns). Waves go as exp(-i omega t), so a surface that is higher, and a path that is shorter, has a negative phase.

References
----------
.. [1] R. J. Noll, Zernike polynomials and atmospheric turbulence, J. Opt. Soc. Am. 66, 207 (1976), Table I and Eqs.
   (1) to (3). doi:10.1364/JOSA.66.000207
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import eval_jacobi

from optics.dmd import MOST_ZERNIKE_TERMS, Dmd
from optics.validation import check_count, check_number


def noll_indices(term: int) -> tuple[int, int]:
    """Return the radial order and the azimuthal frequency of a Zernike term.

    Parameters
    ----------
    term : int
        Noll's index j, from 1.

    Returns
    -------
    tuple of two int
        Radial order n and azimuthal frequency m: positive for cosines (even j), negative for sines (odd j).

    Raises
    ------
    ValueError
        If the index is not at least 1.
    """
    check_count("term", term, at_most=MOST_ZERNIKE_TERMS)
    order = (math.isqrt(8 * term - 7) - 1) // 2
    place = term - order * (order + 1) // 2 - 1  # from 0, by rising frequency
    frequency = 2 * ((place + 1) // 2) if order % 2 == 0 else 2 * (place // 2) + 1
    return order, frequency if term % 2 == 0 else -frequency


def zernike(term: int, *, y: ArrayLike, x: ArrayLike) -> NDArray[np.float64]:
    """Return a Zernike term at points of the unit disc.

    .. math:: Z_j = \\sqrt{n + 1} \\, R_n^{|m|}(\\rho) \\cdot
              \\{1,\\ \\sqrt2 \\cos(m \\varphi),\\ \\sqrt2 \\sin(|m| \\varphi)\\}
              \\quad \\mathrm{for}\\ m = 0,\\ m > 0,\\ m < 0

    .. math:: R_n^m(\\rho) = (-1)^k \\rho^m P_k^{(m, 0)}(1 - 2 \\rho^2), \\qquad k = (n - m) / 2

    Parameters
    ----------
    term : int
        Noll's index j, from 1.
    y, x : array_like
        Coordinates over the radius of the disc.

    Returns
    -------
    ndarray
        Values; their mean square over the disc is one, their mean product with another term zero.

    Raises
    ------
    ValueError
        If the index is not at least 1.
    """
    order, frequency = noll_indices(term)
    y, x = np.broadcast_arrays(np.asarray(y, np.float64), np.asarray(x, np.float64))
    radius, power = np.hypot(x, y), abs(frequency)
    steps = (order - power) // 2
    radial = (-1) ** steps * radius**power * eval_jacobi(steps, power, 0, 1 - 2 * radius**2)
    if frequency == 0:
        return np.asarray(math.sqrt(order + 1) * radial)
    angle = np.arctan2(y, x)
    wave = np.cos(power * angle) if frequency > 0 else np.sin(power * angle)
    return np.asarray(math.sqrt(2 * (order + 1)) * radial * wave)


def surface_height(
    dmd: Dmd, *, coefficients: Sequence[float] | NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the height of the chip under each mirror.

    .. math:: h(r) = \\sum_j c_j Z_j(r / r_0)

    with r_0 the radius of the circle through the outermost mirrors.

    Parameters
    ----------
    dmd : Dmd
        The mirror array.
    coefficients : sequence of float or None, optional
        Rms height of each term from Noll's first on, in metres; None takes those of ``dmd.flatness``.

    Returns
    -------
    ndarray, shape (dmd.rows, dmd.columns)
        Height, in metres, positive towards the light.

    Raises
    ------
    ValueError
        If the coefficients are no row of finite numbers.
    """
    given = np.asarray(dmd.flatness if coefficients is None else coefficients, np.float64)
    if given.ndim != 1 or not np.all(np.isfinite(given)):
        raise ValueError(f"coefficients must be one row of finite heights in metres, got shape {given.shape}")
    height = np.zeros((dmd.rows, dmd.columns))
    if not given.any():
        return height
    positions = dmd.mirror_positions()
    scaled = positions / np.max(np.hypot(positions[..., 0], positions[..., 1]))
    for index in np.flatnonzero(given):
        height += given[index] * zernike(int(index) + 1, y=scaled[..., 0], x=scaled[..., 1])
    return height


def reflection_phase(
    height: ArrayLike, *, wavelength: float, incidence_cosine: float, exit_cosine: float | None = None
) -> NDArray[np.float64]:
    """Return the phase that the height of a mirror adds to the light that it sends.

    .. math:: \\varphi = -\\frac{2 \\pi}{\\lambda} h (\\cos \\alpha + \\cos \\beta)

    which is :math:`-4 \\pi h \\cos \\alpha / \\lambda` where the light leaves at the angle at which it comes.

    Parameters
    ----------
    height : array_like
        Height of the mirrors, in metres, positive towards the light.
    wavelength : float
        Wavelength of the light, in metres.
    incidence_cosine : float
        Cosine of the angle between the incident light and the normal of the chip.
    exit_cosine : float or None, optional
        The same of the light that leaves; None for the same angle.

    Returns
    -------
    ndarray
        Phase, in radians.

    Raises
    ------
    ValueError
        If a cosine is not between zero and one, or the wavelength not positive.
    """
    leaving = incidence_cosine if exit_cosine is None else exit_cosine
    check_number("wavelength", wavelength, unit="m", above=0)
    check_number("incidence_cosine", incidence_cosine, above=0, at_most=1)
    check_number("exit_cosine", leaving, above=0, at_most=1)
    return np.asarray(-2 * np.pi / wavelength * (incidence_cosine + leaving) * np.asarray(height, np.float64))


def macropixel_amplitudes(phase: NDArray[np.float64], *, owners: NDArray[np.int64]) -> NDArray[np.complex128]:
    """Return the amplitude of each macropixel over that on a flat chip.

    .. math:: a_k = \\frac{1}{n_k} \\sum_{j \\in k} e^{i \\varphi_j}, \\qquad
              |a_k|^2 \\approx e^{-\\sigma_k^2}

    with sigma_k the rms of the phase about its mean within macropixel k, where it is small.

    Parameters
    ----------
    phase : ndarray, shape (row, column)
        Phase of each mirror, in radians.
    owners : ndarray of int, shape (row, column)
        Macropixel of each mirror, -1 for none, for instance from `MacropixelLayout.mirror_inputs`.

    Returns
    -------
    ndarray of complex, shape (macropixel,)
        Amplitudes; their squared moduli are the Strehl ratios of the macropixels.

    Raises
    ------
    ValueError
        If the shapes differ, or a macropixel has no mirror.

    Notes
    -----
    For mirrors of one macropixel that the medium does not tell apart. The phase of an amplitude is a property of the
    bench that a transmission matrix takes up; its modulus is light lost.
    """
    if np.shape(phase) != np.shape(owners):
        raise ValueError(f"phase and owners must have one shape, got {np.shape(phase)} and {np.shape(owners)}")
    used = owners >= 0
    labels, phasors = owners[used], np.exp(1j * phase[used])
    mirrors = np.bincount(labels)
    if mirrors.size == 0 or not mirrors.all():
        raise ValueError(f"{np.sum(mirrors == 0)} macropixels of {mirrors.size} have no mirror")
    sums = np.bincount(labels, weights=phasors.real) + 1j * np.bincount(labels, weights=phasors.imag)
    return np.asarray(sums / mirrors)
