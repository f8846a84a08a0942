"""What a bench file says about a multislice medium: lenses, stops, distances, phase screens."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optics.media.description import MediumSite
from optics.media.entrance_grid import EntranceGrid
from optics.media.medium import Medium
from optics.media.multislice import MultisliceMedium
from optics.media.phase_screens import check_screens, draw_phase_screen
from optics.media.slice_passes import Chain, Plane
from optics.media.stops import circular_stop
from optics.propagation import transfer_function
from optics.validation import check_choice, check_count, check_number


@dataclass(frozen=True, kw_only=True)
class MultisliceDescription:
    """Description of a multislice medium (`optics.media.multislice.MultisliceMedium`).

    Light goes: mirrors, relay or lens, [entrance distance], screen 1, gap, ..., screen S, [exit distance], objective or
    lens, camera.

    Parameters
    ----------
    collected_fraction : float
        Part eta_c of the light that is not lost on the way: no input sends more than this to the camera, and one whose
        light stays inside the apertures and the region that is read out sends as much.
    grid_rows, grid_columns : int
        Samples of every plane along y and x.
    spacing : float
        Distance between samples at the screens, in metres.
    input_pitch : float
        Distance between samples in the plane of the mirrors, in metres.
    screens : int
        Number of phase screens.
    strength : float
        Rms phase of a screen, in radians.
    correlation_length : float
        Length at which the correlation of the phase falls to 1/e, in metres.
    gap : float
        Distance between neighbouring screens, in metres.
    rows_per_input, columns_per_input : int, optional
        Samples that an input covers.
    illumination : {"image", "fourier"}, optional
        Whether the mirrors are imaged in front of the medium, or stand in the front focal plane of a lens.
    detection : {"image", "fourier"}, optional
        Whether the plane behind the medium is imaged on the camera, or seen in the back focal plane of a lens.
    entrance_distance, exit_distance : float, optional
        From the image of the mirrors to the first screen, and from the last screen to the plane that is imaged, in
        metres.
    entrance_aperture, exit_aperture : float, optional
        Numerical apertures of the relay and of the objective, at the medium.
    samples_per_pixel : int, optional
        Field samples along each axis of a camera pixel.

    Raises
    ------
    ValueError
        If a value is out of its range, the grid cannot hold the screens, or a distance or an aperture stands where
        a lens makes it a phase that is never seen.
    """

    collected_fraction: float
    grid_rows: int
    grid_columns: int
    spacing: float
    input_pitch: float
    screens: int
    strength: float
    correlation_length: float
    gap: float
    rows_per_input: int = 1
    columns_per_input: int = 1
    illumination: str = "image"
    detection: str = "image"
    entrance_distance: float = 0.0
    exit_distance: float = 0.0
    entrance_aperture: float = math.inf
    exit_aperture: float = math.inf
    samples_per_pixel: int = 1

    def __post_init__(self) -> None:
        check_number("collected_fraction", self.collected_fraction, above=0, at_most=1)
        for name in ("grid_rows", "grid_columns"):
            check_count(name, getattr(self, name), at_least=8, at_most=32_768)
        for name in ("screens", "rows_per_input", "columns_per_input", "samples_per_pixel"):
            check_count(name, getattr(self, name), at_most=1000)
        for name in ("spacing", "input_pitch", "correlation_length"):
            check_number(name, getattr(self, name), unit="m", above=0)
        for name in ("gap", "entrance_distance", "exit_distance"):
            check_number(name, getattr(self, name), unit="m", at_least=0)
        for name in ("entrance_aperture", "exit_aperture"):
            check_number(name, getattr(self, name), above=0, infinite=True)
        check_number("strength", self.strength, unit="rad", at_least=0, at_most=1e4)
        for side, kind in (("entrance", "illumination"), ("exit", "detection")):
            check_choice(kind, getattr(self, kind), ("image", "fourier"))
            distance, aperture = getattr(self, f"{side}_distance"), getattr(self, f"{side}_aperture")
            if getattr(self, kind) == "fourier" and (distance or math.isfinite(aperture)):
                raise ValueError(
                    f"{kind} = 'fourier' has no {side}_distance ({distance:g} m) and no {side}_aperture "
                    f"({aperture:g}): the window of the grid is its stop, a distance only turns phases"
                )
        check_screens(
            shape=self.shape, spacing=(self.spacing, self.spacing), screens=self.screens, strength=self.strength,
            correlation_length=self.correlation_length,
        )  # fmt: skip

    @property
    def shape(self) -> tuple[int, int]:
        """Return the samples of every plane along (y, x)."""
        return (self.grid_rows, self.grid_columns)

    @property
    def planes(self) -> NDArray[np.float64]:
        """Return the positions of the screens along the axis, from the first, in metres."""
        return self.gap * np.arange(self.screens, dtype=np.float64)

    @property
    def delivers_evenly(self) -> bool:
        """Return whether every input sends the collected fraction to the pixels: no, some leaves the region."""
        return False

    def build(self, site: MediumSite, *, seed: int) -> Medium:
        """Return the medium.

        Parameters
        ----------
        site : MediumSite
            What stands around it.
        seed : int
            Seed of the screens.

        Returns
        -------
        Medium
            Phase screens on a grid.
        """
        return MultisliceMedium(self, site, seed=seed)

    def make_chain(self, *, wavelength: float, rng: np.random.Generator) -> Chain:
        """Return masks and transforms from the mirrors to the camera.

        Parameters
        ----------
        wavelength : float
            Wavelength, in metres.
        rng : numpy.random.Generator
            Source of the screens.

        Returns
        -------
        Chain
            Plane by plane, as few transforms as there can be.
        """
        grid = (self.spacing, self.spacing)
        free = self._half_mask(self.gap, math.inf, wavelength)
        masks: list[Plane | None] = [None]
        inverse: list[bool] = []
        entrance = self._half_mask(self.entrance_distance, self.entrance_aperture, wavelength)
        if self.illumination == "fourier":
            masks, inverse = [None, None], [False]
        elif entrance is not None:
            masks, inverse = [None, entrance, None], [False, True]
        for index in range(self.screens):
            if index and free is not None:
                masks, inverse = [*masks, free, None], [*inverse, False, True]
            screen = draw_phase_screen(
                self.shape, spacing=grid, strength=self.strength, correlation_length=self.correlation_length, rng=rng
            )
            before = masks[-1]
            masks[-1] = screen if before is None else before * screen
        exit_mask = self._half_mask(self.exit_distance, self.exit_aperture, wavelength)
        if self.detection == "fourier":
            masks, inverse = [*masks, None], [*inverse, False]
        elif exit_mask is not None:
            masks, inverse = [*masks, exit_mask, None], [*inverse, False, True]
        return Chain(tuple(masks), tuple(inverse))

    def free_space(self, distance: float, aperture: float, *, wavelength: float) -> Plane:
        """Return what a distance behind a stop does to the plane waves of the grid.

        Parameters
        ----------
        distance : float
            Distance, in metres.
        aperture : float
            Numerical aperture of the stop; infinite for none.
        wavelength : float
            Wavelength, in metres.

        Returns
        -------
        ndarray of complex64, shape (y, x)
            Factors, in the order of the DFT.
        """
        grid = (self.spacing, self.spacing)
        mask: Plane = transfer_function(
            self.shape, spacing=grid, wavelength=wavelength, distance=distance, dtype=np.complex64
        )
        if math.isfinite(aperture):
            mask *= circular_stop(self.shape, spacing=grid, wavelength=wavelength, numerical_aperture=aperture)
        return mask

    def entrance(self, site: MediumSite) -> EntranceGrid:
        """Return where the inputs fall on the grid.

        Parameters
        ----------
        site : MediumSite
            What stands around the medium.

        Returns
        -------
        EntranceGrid
            Inputs as blocks of samples.

        Raises
        ------
        ValueError
            If the inputs do not fit the grid.
        """
        footprint = (self.rows_per_input, self.columns_per_input)
        return EntranceGrid(site.input_positions, pitch=self.input_pitch, shape=self.shape, footprint=footprint)

    def _half_mask(self, distance: float, aperture: float, wavelength: float) -> Plane | None:
        """Return half of the factors of free space, which are even in x; None where nothing happens."""
        if not distance and math.isinf(aperture):
            return None
        return self.free_space(distance, aperture, wavelength=wavelength)[:, : self.shape[1] // 2 + 1].copy()
