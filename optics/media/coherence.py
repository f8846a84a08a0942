"""Light of a finite spectral and angular width: the speckle is a sum of independent modes."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.media.description import MediumDescription, MediumSite
from optics.media.medium import Medium
from optics.media.mixture import MixedMedium, mode_seed
from optics.media.polarisation import check_random
from optics.validation import check_count, check_number

TIME_NODES = 600
ANGLE_NODES = 16
CONTRAST_TOLERANCE = 0.01
WIDEST = 20.0
"""Widths, Gamma tau and k L theta, up to which the nodes resolve the modes: about forty of them."""


def spectral_weights(*, linewidth: float, path_time: float) -> NDArray[np.float64]:
    """Return the weights of the independent modes of a Lorentzian line behind paths of many lengths.

    .. math:: \\int_0^\\infty \\frac{e^{-t'/\\tau}}{\\tau} e^{-\\Gamma |t - t'|} \\phi_i(t')\\, dt' = w_i \\phi_i(t),
              \\qquad \\sum_i w_i = 1, \\qquad \\sum_i w_i^2 = \\frac{1}{1 + 2 \\Gamma \\tau}

    Parameters
    ----------
    linewidth : float
        Full width at half maximum Gamma / pi of the line, in hertz.
    path_time : float
        Mean tau of the exponentially distributed times of flight, in seconds.

    Returns
    -------
    ndarray, shape (mode,)
        Weights, descending.

    Raises
    ------
    ValueError
        If Gamma tau exceeds 20.

    Notes
    -----
    The weights are eigenvalues on `TIME_NODES` times of equal probability (law L20 holds within 0.2 % of the contrast
    for Gamma tau up to 20).

    References
    ----------
    .. [1] J. W. Goodman, Speckle Phenomena in Optics, Roberts 2007, sec. 5.3 and 4.7 (Karhunen-Loeve).
    """
    width = math.pi * linewidth * path_time
    if not width:
        return np.ones(1)
    _check_width("linewidth", linewidth, unit="Hz", width=width)
    times = -np.log1p(-(np.arange(TIME_NODES) + 0.5) / TIME_NODES)
    steps = np.abs(times[:, np.newaxis] - times)
    return _eigenvalues(np.exp(-width * steps) / TIME_NODES)


def angular_weights(*, source_angle: float, thickness: float, wavelength: float) -> NDArray[np.float64]:
    """Return the weights of the independent modes of an extended incoherent source behind a diffusive slab.

    .. math:: \\gamma(\\Delta\\theta) = \\frac{x}{\\sinh x}, \\qquad x = k L |\\Delta\\theta|

    Parameters
    ----------
    source_angle : float
        Full angular width of the square source along either axis, in radians.
    thickness : float
        Thickness L of the slab, in metres.
    wavelength : float
        Wavelength, in metres.

    Returns
    -------
    ndarray, shape (mode,)
        Weights, descending: eigenvalues of the field correlation gamma (law L17) over the source, which sum to one.

    Raises
    ------
    ValueError
        If k L times the angle exceeds 20.
    """
    width = 2 * math.pi / wavelength * thickness * source_angle
    if not width:
        return np.ones(1)
    _check_width("source_angle", source_angle, unit="rad", width=width)
    node, weight = np.polynomial.legendre.leggauss(ANGLE_NODES)
    y, x = np.meshgrid(node * width / 2, node * width / 2, indexing="ij")
    share = np.sqrt(np.outer(weight, weight).ravel() / 4)
    distance = np.hypot(y.ravel()[:, np.newaxis] - y.ravel(), x.ravel()[:, np.newaxis] - x.ravel())
    correlation = np.ones_like(distance)
    apart = distance > 1e-9
    # x / sinh x = 2 x e^-x / (1 - e^-2x), which does not overflow.
    far = distance[apart]
    correlation[apart] = 2 * far * np.exp(-far) / -np.expm1(-2 * far)
    return _eigenvalues(share[:, np.newaxis] * correlation * share)


def _check_width(name: str, value: float, *, unit: str, width: float) -> None:
    """Refuse light that is too incoherent for the nodes."""
    if width > WIDEST:
        raise ValueError(
            f"{name} = {value:g} {unit} is {width / WIDEST:.3g} times too wide: the speckle would be the sum of more "
            f"than forty modes; take at most {value * WIDEST / width:.3g} {unit}"
        )


def _eigenvalues(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the eigenvalues of a coherence matrix of trace one, descending, without rounding below zero."""
    values = np.maximum(np.linalg.eigvalsh(kernel)[::-1], 0)
    return np.asarray(values / values.sum())


def reduce_modes(weights: NDArray[np.float64], *, modes: int) -> NDArray[np.float64]:
    """Return few modes of the same mean and, as nearly as can be, the same contrast as many.

    .. math:: C^2 = \\sum_i w_i^2, \\qquad \\sum_i w_i = 1

    Parameters
    ----------
    weights : ndarray, shape (mode,)
        Weights, descending, which sum to one.
    modes : int
        Modes to keep: the strongest as they are, the rest of the light evenly in what is left of the number.

    Returns
    -------
    ndarray, shape (mode,)
        At most ``modes`` weights.

    Raises
    ------
    ValueError
        If the contrast would be off by more than 1 %.
    """
    exact = math.sqrt(float(np.sum(weights**2)))
    best = _fewer(weights, modes)
    error = _contrast_error(best, exact)
    if error > CONTRAST_TOLERANCE:
        needed = next(
            count for count in range(modes + 1, len(weights) + 1)
            if _contrast_error(_fewer(weights, count), exact) <= CONTRAST_TOLERANCE
        )  # fmt: skip
        raise ValueError(
            f"modes = {modes} give a contrast that is {error:.1%} off the {exact:.3g} of this light: take {needed}"
        )
    return best


def _fewer(weights: NDArray[np.float64], modes: int) -> NDArray[np.float64]:
    """Return the split into strong and even modes whose contrast is nearest."""
    if modes >= len(weights):
        return weights
    exact = math.sqrt(float(np.sum(weights**2)))
    splits = [
        np.concatenate([weights[:kept], np.full(modes - kept, weights[kept:].sum() / (modes - kept))])
        for kept in range(modes)
    ]
    return min(splits, key=lambda split: _contrast_error(split, exact))


def _contrast_error(weights: NDArray[np.float64], exact: float) -> float:
    """Return the relative error of the contrast."""
    return abs(math.sqrt(float(np.sum(weights**2))) / exact - 1)


@dataclass(frozen=True, kw_only=True)
class PartiallyCoherentDescription:
    """Description of a medium in light of a finite spectral and angular width.

    In a bench file::

        [medium]
        kind = "partially_coherent"
        modes = 8
        linewidth = 1e9         # Hz, full width at half maximum of a Lorentzian line
        path_time = 100e-12     # s, mean of the exponentially distributed times of flight
        source_angle = 1e-4     # rad, full width of a square incoherent source
        thickness = 1e-3        # m, of the diffusive slab whose memory effect decides

        [medium.inside]
        kind = "gaussian"       # any medium but a measured one
        collected_fraction = 5.5e-5

    Parameters
    ----------
    inside : MediumDescription
        What scatters each mode.
    modes : int
        Modes that are simulated; light and memory grow with it.
    linewidth : float, optional
        Full width at half maximum of the line, in hertz.
    path_time : float, optional
        Mean time of flight in the medium, in seconds.
    source_angle : float, optional
        Full angular width of the source along either axis, in radians.
    thickness : float, optional
        Thickness of the slab, in metres.

    Raises
    ------
    ValueError
        If a value is out of its range, only one of a pair is given, or the medium inside was measured.

    Notes
    -----
    Line and source are independent: their weights multiply, and so do the squares of their contrasts (laws L20, L21).
    The modes diagonalise the coherence of the fields (Karhunen-Loeve), so that intensities have the exact law of the
    many lines and source points they stand for, up to `reduce_modes`.
    """

    inside: MediumDescription
    modes: int
    linewidth: float = 0.0
    path_time: float = 0.0
    source_angle: float = 0.0
    thickness: float = 0.0

    def __post_init__(self) -> None:
        check_count("modes", self.modes)
        units = {"linewidth": "Hz", "path_time": "s", "source_angle": "rad", "thickness": "m"}
        for name, unit in units.items():
            check_number(name, getattr(self, name), unit=unit, at_least=0)
        for first, second in (("linewidth", "path_time"), ("source_angle", "thickness")):
            if (getattr(self, first) > 0) != (getattr(self, second) > 0):
                raise ValueError(f"{first} and {second} belong together: give both, or neither")
        check_random(self.inside)

    @property
    def collected_fraction(self) -> float:
        """Return the mean fraction of an input's photons that reaches the pixels, all modes together."""
        return self.inside.collected_fraction

    def weights(self, wavelength: float) -> NDArray[np.float64]:
        """Return how the light is shared among the modes.

        Parameters
        ----------
        wavelength : float
            Wavelength, in metres.

        Returns
        -------
        ndarray, shape (mode,)
            Weights that sum to one.
        """
        spectral = spectral_weights(linewidth=self.linewidth, path_time=self.path_time)
        angular = angular_weights(
            source_angle=self.source_angle, thickness=self.thickness, wavelength=wavelength
        )  # fmt: skip
        product = np.sort(np.outer(spectral, angular).ravel())[::-1]
        return reduce_modes(product, modes=self.modes)

    @property
    def delivers_evenly(self) -> bool:
        """Return whether every input sends the collected fraction to the pixels, on average: as the medium inside."""
        return self.inside.delivers_evenly

    def build(self, site: MediumSite, *, seed: int) -> Medium:
        """Return the medium.

        Parameters
        ----------
        site : MediumSite
            What stands around it.
        seed : int
            Seed of all modes.

        Returns
        -------
        Medium
            The medium inside, once a mode.
        """
        weights = self.weights(site.wavelength)
        media = [self.inside.build(site, seed=mode_seed(seed, index)) for index in range(len(weights))]
        return MixedMedium(media, mixing=np.diag(np.sqrt(weights)))
