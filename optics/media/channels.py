"""A diffusive conductor of light: open and closed channels, of which the bench sees a part."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from optics.media.dense import LARGEST_MATRIX, DenseMedium, round_to_grid, strict_grid
from optics.media.description import MediumSite
from optics.media.medium import Medium
from optics.streams import NoiseSource, source_generator
from optics.validation import check_count, check_number

TABLE = 8192


def bimodal_transmissions(count: int, *, mean: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the transmission eigenvalues of a disordered waveguide of many channels.

    .. math:: \\tau = \\frac{1}{\\cosh^2 x}, \\qquad \\rho(x) = \\frac{2 b}{\\pi s}, \\qquad
              \\cosh 2a = \\cos 2b + \\frac{s \\sin 2b}{b}, \\qquad x = a + \\frac{b \\sinh 2a}{\\sin 2b}

    Parameters
    ----------
    count : int
        Number of channels.
    mean : float
        Mean transmission, 1 / (1 + s) at a length of s mean free paths.
    rng : numpy.random.Generator
        Where each value lies in its stratum.

    Returns
    -------
    ndarray, shape (count,)
        Eigenvalues in [0, 1], ascending.

    Notes
    -----
    The density is that of the DMPK equation for many channels at any length, from the characteristics of the
    equation of Burgers that it becomes; for s >> 1 it is flat in x, the bimodal law tau_mean / (2 tau sqrt(1 - tau)).
    One value is drawn from each of ``count`` parts of equal weight: moments are unbiased, and their scatter is below
    that of a real waveguide (whose eigenvalues repel each other: variance of the sum 1 / 15).

    References
    ----------
    .. [1] C. W. J. Beenakker, Rev. Mod. Phys. 69, 731 (1997), sec. III.B and III.C. doi:10.1103/RevModPhys.69.731
    """
    check_count("channels", count)
    check_number("mean_transmission", mean, above=0, at_most=1)
    if mean > 1 - 1e-9:
        return np.ones(count)
    x, weight = _transmission_density(1 / mean - 1)
    levels = (np.arange(count) + rng.random(count)) / count
    return np.sort(1 / np.cosh(np.interp(levels, weight, x)) ** 2)


def _transmission_density(length: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the positions x and the cumulated weight of the density, for a length in mean free paths."""
    # At x = 0 the parameter b solves b tan b = s; at the upper edge it vanishes with a root: tabulate b ~ 1 - u^2.
    largest = brentq(lambda b: b * math.sin(b) - length * math.cos(b), 0, math.pi / 2)
    b = largest * (1 - np.linspace(0, 1, TABLE + 1)[:-1] ** 2)
    a = np.arccosh(np.maximum(np.cos(2 * b) + length * np.sin(2 * b) / b, 1)) / 2
    x = a + b * np.sinh(2 * a) / np.sin(2 * b)
    x[0] = 0
    weight = np.concatenate([[0], np.cumsum((b[1:] + b[:-1]) * np.diff(x))])
    return x, np.asarray(weight / weight[-1])


def partial_rotation(channels: int, *, seen: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """Draw some columns of a Haar-random unitary matrix.

    Parameters
    ----------
    channels : int
        Size of the unitary matrix.
    seen : int
        Columns that are drawn.
    rng : numpy.random.Generator
        Source of the entries.

    Returns
    -------
    ndarray of complex128, shape (channels, seen)
        Orthonormal columns.

    References
    ----------
    .. [1] F. Mezzadri, Notices of the AMS 54, 592 (2007). arXiv:math-ph/0609050
    """
    parts = rng.standard_normal((channels, 2 * seen))
    q, r = np.linalg.qr(parts.view(np.complex128))
    phase = np.diagonal(r) / np.abs(np.diagonal(r))
    return np.asarray(q * phase)


def channel_matrix(
    transmissions: NDArray[np.float64], *, outputs: int, inputs: int, rng: np.random.Generator
) -> NDArray[np.complex128]:
    """Return the part of a transmission matrix that is lit and seen.

    .. math:: T = P_\\mathrm{out} \\, U \\sqrt{\\tau} \\, V^\\dagger P_\\mathrm{in}

    Parameters
    ----------
    transmissions : ndarray, shape (channel,)
        Transmission eigenvalues of the whole medium.
    outputs, inputs : int
        Channels that are seen and lit, at most all.
    rng : numpy.random.Generator
        Source of the random unitary U and V.

    Returns
    -------
    ndarray of complex128, shape (output, input)
        The filtered matrix.

    Raises
    ------
    ValueError
        If there are fewer channels than inputs or outputs.

    Notes
    -----
    U times any fixed orthonormal columns is as random as columns of U: with sqrt(tau) V^H P_in = Q R only the columns
    U Q on the smaller side are drawn, at a cost of channels times that side squared.

    References
    ----------
    .. [1] A. Goetschy and A. D. Stone, Phys. Rev. Lett. 111, 063901 (2013). doi:10.1103/PhysRevLett.111.063901
    """
    channels = len(transmissions)
    for name, size in (("inputs", inputs), ("outputs", outputs)):
        check_count(name, size)
        if size > channels:
            raise ValueError(
                f"channels = {channels} are fewer than the {size} {name} of the bench: take at least {size} channels"
            )
    small, large = sorted((inputs, outputs))
    near = partial_rotation(channels, seen=small, rng=rng)
    triangle = np.linalg.qr(np.sqrt(transmissions)[:, np.newaxis] * near, mode="r")
    matrix = partial_rotation(channels, seen=small, rng=rng)[:large] @ triangle
    return np.asarray(matrix if outputs >= inputs else matrix.T)


@dataclass(frozen=True, kw_only=True)
class ChannelsDescription:
    """Description of a diffusive medium with open and closed channels.

    In a bench file::

        [medium]
        kind = "channels"
        channels = 3000
        mean_transmission = 0.1
        collected_fraction = 1e-3

    Parameters
    ----------
    channels : int
        Modes of the medium on either side; the inputs light as many of them as they are, the pixels see as many.
    mean_transmission : float
        Mean of the transmission eigenvalues of the medium.
    collected_fraction : float
        Mean fraction of an input's photons that reaches the pixels that are read out, all together. The channels
        alone give mean_transmission x pixels / channels; what is missing is lost behind the medium, evenly.

    Raises
    ------
    ValueError
        If a value is out of its range.

    Notes
    -----
    With few of the channels in control (inputs much fewer than 1.5 x mean_transmission x channels) the matrix becomes
    that of a Gaussian medium (law L25).
    """

    channels: int
    mean_transmission: float
    collected_fraction: float

    def __post_init__(self) -> None:
        check_count("channels", self.channels)
        check_number("mean_transmission", self.mean_transmission, above=0, at_most=1)
        check_number("collected_fraction", self.collected_fraction, above=0, at_most=1)

    @property
    def delivers_evenly(self) -> bool:
        """Return whether every input sends the collected fraction to the pixels, on average: it does."""
        return True

    def build(self, site: MediumSite, *, seed: int) -> Medium:
        """Return the medium.

        Parameters
        ----------
        site : MediumSite
            What stands around it.
        seed : int
            Seed of the matrix.

        Returns
        -------
        Medium
            A stored matrix.

        Raises
        ------
        ValueError
            If the channels are too few, give less light than is collected, or do not fit in memory.
        """
        inputs, outputs = len(site.input_positions), math.prod(site.output_shape)
        available = self.mean_transmission * min(1.0, outputs / self.channels)
        if self.collected_fraction > available * (1 + 1e-9):
            raise ValueError(
                f"collected_fraction = {self.collected_fraction:g} is not passive: {outputs} of {self.channels} "
                f"channels of mean transmission {self.mean_transmission:g} give at most {available:.3g}"
            )
        size = 32 * self.channels * min(inputs, outputs) + 24 * inputs * outputs
        if size > LARGEST_MATRIX:
            raise ValueError(
                f"{self.channels} channels with {inputs} inputs and {outputs} outputs need {size / 2**30:.1f} GiB, "
                f"more than {LARGEST_MATRIX / 2**30:.0f} GiB: take fewer channels, or a Gaussian medium, which "
                "this one becomes where few of its channels are in control"
            )
        rng = source_generator(seed, NoiseSource.CHANNELS)
        transmissions = bimodal_transmissions(self.channels, mean=self.mean_transmission, rng=rng)
        matrix = channel_matrix(transmissions, outputs=outputs, inputs=inputs, rng=rng)
        columns = (matrix.T * math.sqrt(self.channels / self.mean_transmission)).astype(np.complex64, order="C")
        round_to_grid(columns.view(np.float32), grid=strict_grid(columns))
        return DenseMedium(
            columns,
            scale=math.sqrt(self.collected_fraction / outputs),
            input_positions=site.input_positions,
            output_shape=site.output_shape,
            output_pitch=site.output_pitch,
        )
