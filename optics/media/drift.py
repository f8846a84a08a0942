"""Media that decorrelate: a given field correlation g_1, exact in distribution, as a function of time and seed."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.media.decorrelation import Key, component_weights
from optics.media.description import MediumDescription, MediumSite
from optics.media.exposure_motion import MovingExposure
from optics.media.input_mixing import InputMixing
from optics.media.medium import Field, Medium, Time
from optics.validation import check_choice, check_count, check_number


@dataclass(frozen=True, kw_only=True)
class DriftDescription:
    """Description of a medium that decorrelates.

    Parameters
    ----------
    inside : MediumDescription
        What it is at any one time; a static medium.
    law : {"exponential", "gaussian"}
        How the field correlation g_1 falls.
    correlation_time : float
        Time after which what moves has a field correlation of 1/e, in seconds.
    plateau : float, optional
        Part of g_1 that stays.
    method : {"components", "mixing"}, optional
        A weighted sum of some 15 independent media (`DriftingMedium`, any medium), or one medium whose inputs mix
        (`optics.media.input_mixing.InputMixing`, for media of independent columns, at the cost of one).
    resolution : float, optional
        Part of the correlation time below which exponential drift by components is smoothed.
    exposure_time : float, optional
        Time over which the medium moves within an exposure, in seconds; 0 for a medium that stands still.
    slices : int, optional
        Moments of the exposure whose light adds up.

    Raises
    ------
    ValueError
        If a value is out of its range.
    """

    inside: MediumDescription
    law: str
    correlation_time: float
    plateau: float = 0.0
    method: str = "components"
    resolution: float = 1 / 256
    exposure_time: float = 0.0
    slices: int = 1

    def __post_init__(self) -> None:
        check_choice("law", self.law, ("exponential", "gaussian"))
        check_choice("method", self.method, ("components", "mixing"))
        check_number("correlation_time", self.correlation_time, unit="s", above=0)
        check_number("plateau", self.plateau, at_least=0, at_most=1)
        check_number("resolution", self.resolution, at_least=1e-9, at_most=0.1)
        check_number("exposure_time", self.exposure_time, unit="s", at_least=0)
        check_count("slices", self.slices, at_most=1000)
        if self.slices > 1 and not self.exposure_time:
            raise ValueError(f"slices = {self.slices} of an exposure_time of 0 s are all the same: state exposure_time")

    @property
    def collected_fraction(self) -> float:
        """Return the mean fraction of an input's photons that reaches the pixels that are read out, all together."""
        return self.inside.collected_fraction

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
            Seed of the medium and of its motion.

        Returns
        -------
        Medium
            A medium that is a function of time.
        """
        medium: Medium
        if self.method == "mixing":
            medium = InputMixing(
                self.inside.build(site, seed=seed), law=self.law, correlation_time=self.correlation_time,
                plateau=self.plateau, seed=seed,
            )  # fmt: skip
        else:
            medium = DriftingMedium(lambda own: self.inside.build(site, seed=own), drift=self, seed=seed)
        if self.slices == 1:
            return medium
        return MovingExposure(medium, exposure_time=self.exposure_time, slices=self.slices)


class DriftingMedium:
    """A weighted sum of independent media of one kind, the weights functions of time.

    .. math:: T(t) = \\sum_k c_k(t) \\, T_k, \\qquad \\sum_k c_k(t) c_k(s) = g_1(t - s)

    Parameters
    ----------
    build : callable
        Returns the static medium of a seed.
    drift : DriftDescription
        The field correlation g_1.
    seed : int
        Seed of all components.
    held : int, optional
        Components that are kept in memory, the last that were used.

    Raises
    ------
    ValueError
        If the media move by themselves.

    Notes
    -----
    Exact in distribution: entries of T at any two times correlate by g_1 (`optics.media.decorrelation` says how
    exactly), whatever the medium; for a Gaussian medium the whole process is the Gaussian one. What is averaged over
    media (variances, memory effect, grain) is that of one medium. A sum of K media is passive on average, but a single
    input pattern may get up to sum |c_k| times its amplitude where the components are unitary; with a collected
    fraction below 1 / (sum |c_k|)^2 it never gains.

    A frame costs as much as its 14 to 20 components, and a frame at a new time draws the few of them that are new. A
    pattern that is repeated, as light that never changes is, crosses each component once.
    """

    static = False

    def __init__(self, build: Callable[[int], Medium], *, drift: DriftDescription, seed: int, held: int = 48) -> None:
        check_count("held", held)
        self._build, self._drift, self._seed, self._held = build, drift, seed, held
        self._kept: OrderedDict[Key, Medium] = OrderedDict()
        self._first = self._component(next(iter(self.weights(0.0))))
        if not self._first.static:
            raise ValueError("drift moves a static medium: this one moves by itself")
        self.modes, self.samples_per_pixel = self._first.modes, self._first.samples_per_pixel

    @property
    def input_positions(self) -> NDArray[np.float64]:
        """Return where the inputs are, shape (input, 2), (y, x) in metres."""
        return self._first.input_positions

    @property
    def output_positions(self) -> NDArray[np.float64]:
        """Return where the field samples are, shape (y, x, 2), (y, x) in metres."""
        return self._first.output_positions

    def weights(self, time: float) -> dict[Key, float]:
        """Return the weights of the components at a time.

        Parameters
        ----------
        time : float
            Time, in seconds.

        Returns
        -------
        dict of tuple of int to float
            Weights by key.
        """
        one = self._drift
        return component_weights(
            time, law=one.law, correlation_time=one.correlation_time, plateau=one.plateau,
            resolution=one.resolution * one.correlation_time,
        )  # fmt: skip

    def transmit(self, field_in: NDArray[np.inexact], *, time: Time) -> Field:
        """Return the field behind the medium.

        Parameters
        ----------
        field_in : ndarray, shape (frame, input)
            Amplitudes of the inputs.
        time : float or ndarray, shape (frame,)
            Time, in seconds.

        Returns
        -------
        ndarray of complex64, shape (frame, mode, y, x)
            Field samples.
        """
        height, width = self.output_positions.shape[:2]
        total = np.zeros((len(field_in), self.modes, height, width), np.complex64)
        repeated = len(field_in) > 1 and bool((field_in == field_in[0]).all())
        for key, frames, weights in self._schedule(time, len(field_in)):
            shown = field_in[:1] if repeated else field_in[frames]
            part = np.asarray(self._component(key).transmit(shown, time=0.0), np.complex64)
            total[frames] += part * weights[:, np.newaxis, np.newaxis, np.newaxis]
        return total

    def adjoint(self, field: NDArray[np.inexact], *, time: Time) -> Field:
        """Return what the conjugate transpose makes of a field.

        Parameters
        ----------
        field : ndarray, shape (frame, mode, y, x)
            Field samples.
        time : float or ndarray, shape (frame,)
            Time, in seconds.

        Returns
        -------
        ndarray of complex64, shape (frame, input)
            Amplitudes at the inputs.
        """
        total = np.zeros((len(field), len(self.input_positions)), np.complex64)
        for key, frames, weights in self._schedule(time, len(field)):
            total[frames] += self._component(key).adjoint(field[frames], time=0.0) * weights[:, np.newaxis]
        return total

    def matrix(self, time: float) -> Field:
        """Return the matrix at a time.

        Parameters
        ----------
        time : float
            Time, in seconds.

        Returns
        -------
        ndarray of complex64, shape (output, input)
            The matrix.
        """
        weights = self.weights(float(time))
        total = sum(np.float32(weight) * self._component(key).matrix(0.0) for key, weight in weights.items())
        return np.asarray(total, np.complex64)

    def _schedule(self, time: Time, frames: int) -> list[tuple[Key, NDArray[np.int64], NDArray[np.float32]]]:
        """Return for each component, in the order of the keys, the frames that it serves and its weights in them."""
        moments = np.broadcast_to(np.asarray(time, np.float64), (frames,))
        found: dict[float, dict[Key, float]] = {moment: self.weights(moment) for moment in set(moments.tolist())}
        keys = sorted({key for weights in found.values() for key in weights})
        schedule = []
        for key in keys:
            own = np.array([found[moment].get(key, 0.0) for moment in moments.tolist()])
            lit = np.flatnonzero(own)
            schedule.append((key, lit, own[lit].astype(np.float32)))
        return schedule

    def _component(self, key: Key) -> Medium:
        """Return the medium of a key, from memory or anew."""
        if key not in self._kept:
            self._kept[key] = self._build(component_seed(self._seed, key))
            if len(self._kept) > self._held:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def component_seed(seed: int, key: ArrayLike) -> int:
    """Return the seed of a component.

    Parameters
    ----------
    seed : int
        Seed of all.
    key : array_like of int
        Key of the component; its numbers may be negative.

    Returns
    -------
    int
        A seed of 63 bits.
    """
    words = [seed, *(2 * int(one) if one >= 0 else -2 * int(one) - 1 for one in np.asarray(key))]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))
