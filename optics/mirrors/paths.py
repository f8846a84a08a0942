"""Macropixels that are stretches of a path over all mirrors, of equal numbers of mirrors or of equal light."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.dmd import Dmd
from optics.macropixels import Owner
from optics.mirrors.hilbert import hilbert_order
from optics.validation import check_choice, check_count, check_number


@dataclass(frozen=True, kw_only=True)
class PathLayout:
    """Macropixels that follow each other along a path over the mirrors.

    Parameters
    ----------
    inputs : int
        Number of macropixels.
    path : {"lines", "hilbert", "interleaved", "scattered"}, optional
        The path: row by row, so that a macropixel is a line or a few; along a Hilbert curve, so that it is compact;
        every n-th mirror of the rows, n being the number of macropixels; or all over in random order.
    path_seed : int, optional
        Seed of the random path.
    margin : int, optional
        Mirrors along each edge of the array that stay free.
    beam_radius : float, optional
        Where finite, macropixels get equal light instead of equal numbers of mirrors, under a Gaussian beam of this
        1/e^2 radius of the intensity on the array's centre, in metres.
    padding_on : bool, optional
        Whether the mirrors that carry no component are held on; they are off otherwise.

    Raises
    ------
    ValueError
        If a number is out of its range, or equal light is asked of a path that it does not suit.

    Notes
    -----
    Equal numbers leave up to ``inputs`` - 1 mirrors without a component. Equal light cuts the path where the cumulative
    power reaches a share; what a macropixel gets differs from the share by less than the light of one mirror.
    """

    inputs: int
    path: str = "lines"
    path_seed: int = 0
    margin: int = 0
    beam_radius: float = math.inf
    padding_on: bool = False

    def __post_init__(self) -> None:
        check_count("inputs", self.inputs, at_most=100_000_000)
        check_choice("path", self.path, ("lines", "hilbert", "interleaved", "scattered"))
        check_count("path_seed", self.path_seed, at_least=0)
        check_count("margin", self.margin, at_least=0, at_most=10_000)
        check_number("beam_radius", self.beam_radius, unit="m", above=0, infinite=True)
        if self.path == "interleaved" and math.isfinite(self.beam_radius):
            raise ValueError(
                "path = 'interleaved' gives all macropixels about the same light already: leave beam_radius out"
            )

    def check_fits(self, dmd: Dmd) -> None:
        """Refuse a mirror array that is too small for the layout.

        Parameters
        ----------
        dmd : Dmd
            The mirror array.

        Raises
        ------
        ValueError
            If there are more macropixels than mirrors inside the margin.
        """
        height, width = dmd.rows - 2 * self.margin, dmd.columns - 2 * self.margin
        if height < 1 or width < 1 or self.inputs > height * width:
            raise ValueError(
                f"{self.inputs} macropixels do not fit on the {max(height, 0)} x {max(width, 0)} mirrors inside a "
                f"margin of {self.margin}: take fewer macropixels or a smaller margin"
            )

    def mirror_inputs(self, dmd: Dmd) -> Owner:
        """Return the macropixel that each mirror belongs to.

        Parameters
        ----------
        dmd : Dmd
            The mirror array.

        Returns
        -------
        ndarray of int32, shape (dmd.rows, dmd.columns)
            Index of the component, -1 for mirrors that carry none.

        Raises
        ------
        ValueError
            If the layout does not fit, or a macropixel would get no mirror.
        """
        self.check_fits(dmd)
        inside = np.s_[self.margin : dmd.rows - self.margin, self.margin : dmd.columns - self.margin]
        owner = np.full((dmd.rows, dmd.columns), -1, np.int32)
        shape = owner[inside].shape
        path = self._path(*shape)
        numbers = np.empty(path.size, np.int32)
        if self.path == "interleaved":
            numbers[:] = np.arange(path.size) % self.inputs
            numbers[path.size // self.inputs * self.inputs :] = -1
        elif math.isfinite(self.beam_radius):
            light = gaussian_light(dmd.mirror_positions()[inside], self.beam_radius).ravel()[path]
            numbers[path] = _equal_shares(light, self.inputs)
        else:
            each = path.size // self.inputs
            numbers[path] = np.where(np.arange(path.size) < each * self.inputs, np.arange(path.size) // each, -1)
        owner[inside] = numbers.reshape(shape)
        return owner

    def _path(self, rows: int, columns: int) -> NDArray[np.int64]:
        """Return the mirrors in the order of the path, as raster indices."""
        if self.path == "hilbert":
            return hilbert_order(rows, columns)
        if self.path == "scattered":
            return np.random.default_rng(self.path_seed).permutation(rows * columns)
        return np.arange(rows * columns)


@dataclass(frozen=True, kw_only=True, eq=False)
class ListedLayout:
    """Macropixels that are listed mirror by mirror.

    Parameters
    ----------
    mirrors : sequence of array_like of int, shape (mirror, 2)
        Rows and columns of the mirrors of each macropixel.
    padding_on : bool, optional
        Whether the mirrors that carry no component are held on; they are off otherwise.

    Raises
    ------
    TypeError
        If a row or a column is not a whole number.
    ValueError
        If a macropixel has no mirror, or a list is not one of pairs.
    """

    mirrors: Sequence[ArrayLike]
    padding_on: bool = False

    def __post_init__(self) -> None:
        if not len(self.mirrors):
            raise ValueError("mirrors lists no macropixel")
        given = [np.array(places) for places in self.mirrors]
        for index, places in enumerate(given):
            if places.size and places.dtype.kind not in "ui":
                raise TypeError(
                    f"macropixel {index} has places of type {places.dtype}: rows and columns are whole numbers"
                )
        lists = tuple(places.astype(np.int64) for places in given)
        for index, places in enumerate(lists):
            if places.ndim != 2 or places.shape[1] != 2 or not len(places):
                raise ValueError(
                    f"macropixel {index} has an array of shape {places.shape}; rows and columns of at least one "
                    "mirror, shape (mirror, 2), are needed"
                )
            places.flags.writeable = False
        object.__setattr__(self, "mirrors", lists)

    @property
    def inputs(self) -> int:
        """Return the number of macropixels."""
        return len(self.mirrors)

    def check_fits(self, dmd: Dmd) -> None:
        """Refuse mirrors that the array does not have, or that two macropixels share.

        Parameters
        ----------
        dmd : Dmd
            The mirror array.

        Raises
        ------
        ValueError
            With the macropixel and the mirror that are wrong.
        """
        self.mirror_inputs(dmd)

    def mirror_inputs(self, dmd: Dmd) -> Owner:
        """Return the macropixel that each mirror belongs to.

        Parameters
        ----------
        dmd : Dmd
            The mirror array.

        Returns
        -------
        ndarray of int32, shape (dmd.rows, dmd.columns)
            Index of the component, -1 for mirrors that carry none.

        Raises
        ------
        ValueError
            If a mirror is out of range or belongs to two macropixels.
        """
        owner = np.full((dmd.rows, dmd.columns), -1, np.int32)
        for index, places in enumerate(self.mirrors):
            rows, columns = np.asarray(places).T
            outside = np.flatnonzero((rows < 0) | (rows >= dmd.rows) | (columns < 0) | (columns >= dmd.columns))
            if outside.size:
                raise ValueError(
                    f"macropixel {index} has the mirror ({rows[outside[0]]}, {columns[outside[0]]}), the DMD has "
                    f"{dmd.rows} x {dmd.columns}"
                )
            taken = np.flatnonzero(owner[rows, columns] >= 0)
            if taken.size or len(np.unique(rows * dmd.columns + columns)) < len(rows):
                first = int(taken[0]) if taken.size else 0
                other = int(owner[rows[first], columns[first]]) if taken.size else index
                raise ValueError(
                    f"macropixels {other} and {index} overlap on the mirror ({rows[first]}, {columns[first]}): "
                    "a mirror carries one component"
                    if taken.size
                    else f"macropixel {index} lists a mirror twice"
                )
            owner[rows, columns] = index
        return owner


def gaussian_light(positions: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """Return the relative intensity of a Gaussian beam on the centre of the array.

    .. math:: I / I_0 = e^{-2 r^2 / w^2}

    Parameters
    ----------
    positions : ndarray, shape (..., 2)
        Positions (y, x) from the beam's centre, in metres.
    radius : float
        1/e^2 radius w of the intensity, in metres.

    Returns
    -------
    ndarray, shape (...)
        Intensity over that on the axis.
    """
    return np.asarray(np.exp(-2 * np.sum(positions**2, axis=-1) / radius**2))


def _equal_shares(light: NDArray[np.float64], inputs: int) -> NDArray[np.int64]:
    """Return the share that each mirror along a path belongs to, all of equal light."""
    total = np.cumsum(light)
    share = np.floor((total - light / 2) / total[-1] * inputs).astype(np.int64)
    empty = np.flatnonzero(np.bincount(share, minlength=inputs)[:inputs] == 0)
    if empty.size:
        raise ValueError(
            f"macropixel {empty[0]} would get no mirror: one mirror has more light than 1/{inputs} of the beam; take "
            "fewer macropixels or a wider beam"
        )
    return np.asarray(share)
