"""What a bench file says about its medium, and how a medium follows from it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from optics.media.gaussian import GaussianMedium
from optics.media.medium import Medium
from optics.validation import check_number


@dataclass(frozen=True, kw_only=True, eq=False)
class MediumSite:
    """What stands around a medium.

    Parameters
    ----------
    input_positions : ndarray, shape (input, 2)
        Where the inputs are, (y, x) in metres; NaN where an input has no place.
    output_shape : tuple of int
        Camera pixels along (y, x).
    output_pitch : float
        Distance between neighbouring pixels, in metres.
    wavelength : float
        Wavelength of the laser, in metres.
    """

    input_positions: NDArray[np.float64]
    output_shape: tuple[int, int]
    output_pitch: float
    wavelength: float


class MediumDescription(Protocol):
    """A table ``[medium]`` of a bench file, checked."""

    @property
    def collected_fraction(self) -> float:
        """Return the mean fraction of an input's photons that reaches the pixels that are read out, all together.

        A bound where `delivers_evenly` is false: then the place of an input, or its own column, decides.
        """

    @property
    def delivers_evenly(self) -> bool:
        """Return whether every input sends `collected_fraction` to the pixels, on average over media."""

    def build(self, site: MediumSite, *, seed: int) -> Medium:
        """Return the medium that is described, at its place on the bench."""


@dataclass(frozen=True, kw_only=True)
class GaussianDescription:
    """Description of the ideal Gaussian medium (`optics.media.GaussianMedium`).

    Parameters
    ----------
    collected_fraction : float
        Mean fraction of an input's photons that reaches the pixels that are read out, all together.

    Raises
    ------
    ValueError
        If the fraction is not above 0 and at most 1.
    """

    collected_fraction: float

    def __post_init__(self) -> None:
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
            A dense Gaussian matrix.
        """
        return GaussianMedium(
            input_positions=site.input_positions,
            output_shape=site.output_shape,
            output_pitch=site.output_pitch,
            collected_fraction=self.collected_fraction,
            seed=seed,
        )
