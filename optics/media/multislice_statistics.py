"""What the matrix of a multislice medium is on average: grain, Gram matrices and moments from its parameters.

The mean of a product of two fields travels as the fields do, in its two places; a phase screen multiplies it by the
coherence that it leaves between two points (`optics.media.phase_screens.screen_coherence`). No screen is drawn here.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft2, ifft2

from optics.media.description import MediumSite
from optics.media.entrance_grid import wrapped_slices
from optics.media.multislice_description import MultisliceDescription
from optics.media.phase_screens import screen_coherence

LARGEST_COHERENCE = 2**30
"""Bytes above which the coherence of all pairs of samples is not computed."""

Coherence = NDArray[np.complex128]
Step = Callable[[Coherence], Coherence]


def speckle_coherence(description: MultisliceDescription, *, wavelength: float) -> NDArray[np.complex128]:
    """Return the coherence at the camera of a stack of screens that is lit by a plane wave.

    .. math:: J(\\delta) = \\mathcal{F}^{-1} \\left[ |P|^2 \\,
              \\mathcal{F} \\, e^{-S \\sigma^2 [1 - \\rho(\\delta)]} \\right]

    Parameters
    ----------
    description : MultisliceDescription
        The medium; the camera must see an image of the plane behind it.
    wavelength : float
        Wavelength, in metres.

    Returns
    -------
    ndarray of complex128, shape (y, x)
        <E(r) E*(r + delta)> over the light before the stop P, by shift in samples; none at index (0, 0). The grain of
        the speckle is |J|^2 / J(0)^2, J(0) the part of the light that passes the exit aperture.

    Raises
    ------
    ValueError
        If a lens stands before the camera: the light there is not alike everywhere.

    Notes
    -----
    Free space leaves the coherence of light that is alike everywhere as it is. Mean over media.
    """
    if description.detection != "image":
        raise ValueError(
            "detection = 'fourier' has no one grain that shifts with the pixels: take detection = 'image', or "
            "output_coherence"
        )
    both = _screen(description) ** description.screens
    stop = np.abs(description.free_space(0.0, description.exit_aperture, wavelength=wavelength)) ** 2
    return np.asarray(ifft2(fft2(both) * stop))


def output_coherence(
    description: MultisliceDescription, site: MediumSite, *, inputs: NDArray[np.inexact] | None = None
) -> Coherence:
    """Return the mean of the products of fields at the camera.

    .. math:: C_o = \\langle T \\, C \\, T^\\dagger \\rangle

    Parameters
    ----------
    description : MultisliceDescription
        The medium.
    site : MediumSite
        What stands around it.
    inputs : ndarray, shape (input, input), optional
        Coherence C of the light of the inputs; None for inputs of unit power that are not coherent with each other.
        One 1 at (i, j) gives the products <t_oi t_pj*> of two columns: the memory effect between neighbours.

    Returns
    -------
    ndarray of complex128, shape (output, output)
        Products; the diagonal holds the mean light on each sample.

    Raises
    ------
    ValueError
        If the coherence does not fit the inputs, or the grid is too large for it.
    """
    paint = _painting(description, site)
    source = np.eye(paint.shape[1]) if inputs is None else np.asarray(inputs)
    if source.shape != (paint.shape[1], paint.shape[1]):
        raise ValueError(f"inputs must have shape ({paint.shape[1]}, {paint.shape[1]}), got {source.shape}")
    coherence: Coherence = (paint @ source @ paint.T).astype(np.complex128)
    for step in _steps(description, site.wavelength, adjoint=False):
        coherence = step(coherence)
    seen = _seen(description, site)
    return np.asarray(coherence[np.ix_(seen, seen)] * _gain(description))


def input_coherence(description: MultisliceDescription, site: MediumSite) -> Coherence:
    """Return the mean Gram matrix of the columns.

    .. math:: C_i = \\langle T^\\dagger T \\rangle

    Parameters
    ----------
    description : MultisliceDescription
        The medium.
    site : MediumSite
        What stands around it.

    Returns
    -------
    ndarray of complex128, shape (input, input)
        Products of columns; the diagonal holds the mean part of the light of each input that reaches the samples.

    Raises
    ------
    ValueError
        If the grid is too large for it.
    """
    paint = _painting(description, site)
    coherence = np.zeros((len(paint), len(paint)), np.complex128)
    seen = _seen(description, site)
    coherence[seen, seen] = _gain(description)
    for step in _steps(description, site.wavelength, adjoint=True):
        coherence = step(coherence)
    return np.asarray(paint.T @ coherence @ paint)


def correlated_moments(inputs: NDArray[np.inexact], outputs: NDArray[np.inexact]) -> tuple[float, float]:
    """Return the moments of the eigenvalues of a Gaussian matrix with correlated rows and columns.

    .. math:: \\frac{\\langle \\lambda^2 \\rangle}{\\langle \\lambda \\rangle^2} = N (b_2 + a_2), \\qquad
              \\frac{\\langle \\lambda^3 \\rangle}{\\langle \\lambda \\rangle^3} =
              N^2 (b_3 + 3 a_2 b_2 + a_3 + a_3 b_3), \\qquad
              a_k = \\frac{\\mathrm{tr}\\, C_o^k}{(\\mathrm{tr}\\, C_o)^k}, \\quad
              b_k = \\frac{\\mathrm{tr}\\, C_i^k}{(\\mathrm{tr}\\, C_i)^k}

    Parameters
    ----------
    inputs : ndarray, shape (input, input)
        Gram matrix C_i of the columns, in any unit.
    outputs : ndarray, shape (output, output)
        Gram matrix C_o of the rows, in any unit.

    Returns
    -------
    second, third : float
        Moments of the N eigenvalues of T^H T, over powers of their mean.

    Notes
    -----
    Law L24 and its third moment (law L23 where nothing is correlated). The second moment holds for every circular
    Gaussian matrix, the third for those whose covariance is a product, T = C_o^(1/2) G C_i^(1/2). It is not where
    inputs are closer than the memory effect: the speckle of a neighbour is the same one, shifted, and columns
    correlate at shifted outputs although their Gram matrix is diagonal. Energy conservation takes N / n of the
    second moment away, n the modes that share the light: where all of them are seen, all eigenvalues are alike.
    Few modes between two screens widen it, as they raise the contrast (law L31).

    References
    ----------
    .. [1] A. M. Tulino and S. Verdu, Random Matrix Theory and Wireless Communications, 2004, sec. 2.3.
    """
    a2, a3 = _traces(np.asarray(outputs))
    b2, b3 = _traces(np.asarray(inputs))
    count = len(inputs)
    return count * (b2 + a2), count**2 * (b3 + 3 * a2 * b2 + a3 + a3 * b3)


def coherent_part(description: MultisliceDescription) -> float:
    """Return the part of the light that no screen scatters.

    .. math:: |\\langle E \\rangle|^2 / \\langle |E|^2 \\rangle = e^{-S \\sigma^2}

    Parameters
    ----------
    description : MultisliceDescription
        The medium.

    Returns
    -------
    float
        Part of the power, over an evenly lit plane; entries are circular, <t> = <t^2> = 0, up to it.
    """
    return math.exp(-description.screens * description.strength**2)


def _traces(gram: NDArray[np.inexact]) -> tuple[float, float]:
    """Return tr C^2 and tr C^3 over powers of tr C."""
    values = np.linalg.eigvalsh(gram)
    mean = values.sum()
    return float((values**2).sum() / mean**2), float((values**3).sum() / mean**3)


def _screen(description: MultisliceDescription) -> NDArray[np.float64]:
    """Return the coherence that a screen leaves, by shift."""
    return screen_coherence(
        description.shape, spacing=(description.spacing, description.spacing), strength=description.strength,
        correlation_length=description.correlation_length,
    )  # fmt: skip


def _painting(description: MultisliceDescription, site: MediumSite) -> NDArray[np.float64]:
    """Return the samples that each input lights, shape (sample, input)."""
    samples = math.prod(description.shape)
    size = 16 * samples**2
    if size > LARGEST_COHERENCE:
        raise ValueError(
            f"the coherence of all pairs of {description.shape[0]} x {description.shape[1]} samples needs "
            f"{size / 2**30:.1f} GiB, more than {LARGEST_COHERENCE / 2**30:.0f} GiB: take a grid of at most "
            f"{math.isqrt(LARGEST_COHERENCE // 16)} samples, or transmit() and measure"
        )
    grid, count = description.entrance(site), len(site.input_positions)
    paint = np.zeros((samples, count))
    for index, one in enumerate(np.eye(count, dtype=np.float32)):
        plane = np.zeros(description.shape, np.complex64)
        grid.paint(one, plane)
        paint[:, index] = plane.real.ravel()
    return paint


def _seen(description: MultisliceDescription, site: MediumSite) -> NDArray[np.intp]:
    """Return the samples of the grid that the camera sees, in its order."""
    axes = []
    for pixels, size in zip(site.output_shape, description.shape, strict=True):
        count = pixels * description.samples_per_pixel
        places = np.concatenate(
            [np.arange(own.start, own.stop) for _, own in wrapped_slices(-(count // 2), count, size)]
        )
        axes.append(places)
    return np.ravel_multi_index(np.ix_(*axes), description.shape).ravel()


def _gain(description: MultisliceDescription) -> float:
    """Return the power of the factor between the grid and the camera."""
    return description.collected_fraction * description.samples_per_pixel**2


def _steps(description: MultisliceDescription, wavelength: float, *, adjoint: bool) -> list[Step]:
    """Return what happens to the coherence, plane by plane, from the mirrors or back from the camera."""
    shape = description.shape
    rows, columns = (np.subtract.outer(np.arange(size), np.arange(size)) % size for size in shape)
    table = _screen(description)[rows[:, np.newaxis, :, np.newaxis], columns[np.newaxis, :, np.newaxis, :]]
    screen = table.reshape(math.prod(shape), math.prod(shape))
    free = _filter(description, description.gap, math.inf, wavelength, adjoint=adjoint)
    ends = []
    for kind, distance, aperture in (
        (description.illumination, description.entrance_distance, description.entrance_aperture),
        (description.detection, description.exit_distance, description.exit_aperture),
    ):
        if kind == "fourier":
            ends.append(lambda coherence: _both(coherence, shape, inverse=adjoint))
        else:
            ends.append(_filter(description, distance, aperture, wavelength, adjoint=adjoint))

    def pass_screen(coherence: Coherence) -> Coherence:
        return np.asarray(coherence * screen)

    inside: list[Step] = [pass_screen]
    for _ in range(description.screens - 1):
        inside += [free, pass_screen]
    steps = [ends[0], *inside, ends[1]]
    return steps[::-1] if adjoint else steps


def _filter(
    description: MultisliceDescription, distance: float, aperture: float, wavelength: float, *, adjoint: bool
) -> Step:
    """Return what free space behind a stop does to the coherence."""
    mask = description.free_space(distance, aperture, wavelength=wavelength).astype(np.complex128).ravel()
    factor = mask.conj() if adjoint else mask

    def travel(coherence: Coherence) -> Coherence:
        waves = _both(coherence, description.shape, inverse=False)
        waves *= factor[:, np.newaxis]
        waves *= factor.conj()
        return _both(waves, description.shape, inverse=True)

    return travel


def _both(coherence: Coherence, shape: tuple[int, int], *, inverse: bool) -> Coherence:
    """Return the orthonormal transform of the first place of a coherence and the conjugate one of the second."""
    first, second = (ifft2, fft2) if inverse else (fft2, ifft2)
    four = coherence.reshape(*shape, *shape)
    four = second(first(four, axes=(0, 1), norm="ortho", workers=2), axes=(2, 3), norm="ortho", workers=2)
    return np.asarray(four.reshape(coherence.shape))
