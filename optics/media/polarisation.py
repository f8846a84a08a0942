"""Two polarisations behind a medium that mixes them, with an analyser before the camera or none."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.media.description import MediumDescription, MediumSite
from optics.media.measured import MeasuredDescription
from optics.media.medium import Medium
from optics.media.mixture import MixedMedium, mode_seed
from optics.validation import check_number


def check_random(inside: MediumDescription) -> None:
    """Refuse to take independent copies of a medium of which there is only one.

    Parameters
    ----------
    inside : MediumDescription
        The medium that is to be copied with other seeds.

    Raises
    ------
    ValueError
        If it is, or holds, a measured matrix.
    """
    while not isinstance(inside, MeasuredDescription):
        within = getattr(inside, "inside", None)
        if within is None:
            return
        inside = within
    raise ValueError(
        "inside holds a measured matrix, of which there is one: polarisation and coherence need independent copies of "
        "a random medium; measure the matrix with the polarisation and the light that the bench has"
    )


@dataclass(frozen=True, kw_only=True)
class PolarisedDescription:
    """Description of light that leaves a medium in two polarisations.

    In a bench file::

        [medium]
        kind = "polarised"
        degree = 0.2            # 0: wholly depolarised, 1: one polarisation
        analyser = true         # leave it out for none
        analyser_angle = 0.0    # rad, from the stronger component

        [medium.inside]
        kind = "gaussian"       # any medium but a measured one
        collected_fraction = 5.5e-5

    Parameters
    ----------
    inside : MediumDescription
        What scatters each component.
    degree : float
        Degree of polarisation P of the light behind the medium.
    analyser : bool, optional
        Whether a polariser stands before the camera.
    analyser_angle : float, optional
        Its angle from the stronger component, in radians.

    Raises
    ------
    ValueError
        If the degree is not within 0 and 1, or the medium inside was measured.

    Notes
    -----
    The components have independent speckle and mean intensities (1 + P) / 2 and (1 - P) / 2. Without an analyser they
    add in intensity, contrast sqrt((1 + P^2) / 2) (law L11); behind one they add in amplitude, contrast 1, and
    (1 + P cos 2 angle) / 2 of the light is left.

    References
    ----------
    .. [1] J. W. Goodman, Speckle Phenomena in Optics, Roberts 2007, sec. 3.3.
    """

    inside: MediumDescription
    degree: float
    analyser: bool = False
    analyser_angle: float = 0.0

    def __post_init__(self) -> None:
        check_number("degree", self.degree, at_least=0, at_most=1)
        check_number("analyser_angle", self.analyser_angle, unit="rad")
        check_random(self.inside)
        if self.analyser and self.degree == 1 and abs(math.cos(self.analyser_angle)) < 1e-9:
            raise ValueError(f"analyser_angle = {self.analyser_angle:g} rad blocks all light of degree 1: turn it")

    @property
    def collected_fraction(self) -> float:
        """Return the mean fraction of an input's photons that reaches the pixels, behind the analyser."""
        return self.inside.collected_fraction * float(np.sum(np.abs(self._mixing) ** 2))

    @property
    def _mixing(self) -> NDArray[np.float64]:
        """Amplitudes of the components (column) in the modes (row)."""
        amplitudes = np.sqrt([(1 + self.degree) / 2, (1 - self.degree) / 2])
        if not self.analyser:
            return np.diag(amplitudes)
        return np.atleast_2d(amplitudes * [math.cos(self.analyser_angle), math.sin(self.analyser_angle)])

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
            Seed of both components.

        Returns
        -------
        Medium
            One mode of the medium inside a polarisation, or a single one behind an analyser.
        """
        lit = np.abs(self._mixing).max(axis=0) > 0
        mixing = self._mixing[:, lit]
        media = [self.inside.build(site, seed=mode_seed(seed, int(index))) for index in np.flatnonzero(lit)]
        return MixedMedium(media, mixing=mixing[np.abs(mixing).max(axis=1) > 0])
