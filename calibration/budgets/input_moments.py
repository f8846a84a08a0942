"""Second moments of what macropixels send: switched, static and ideal amplitudes, averaged over faulty mirrors."""

import functools
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optics.bench import BenchDescription
from optics.dmd import Dmd
from optics.laser import Laser
from optics.macropixels import Layout
from optics.mirrors.light import input_light, mirror_share

Moments = NDArray[np.complex128]


@dataclass(frozen=True, kw_only=True, eq=False)
class InputMoments:
    """Second moments of the amplitudes of groups of macropixels.

    The amplitudes of a macropixel are (g, s, 1): what switching it on adds, what is there when it is off, and the even
    light of the ideal bench. A group's moments are the matrices <v v^H> of its macropixels, added up.

    Parameters
    ----------
    anchor : ndarray of complex, shape (3, 3)
        Moments of the anchor's macropixels, added.
    component : ndarray of complex, shape (3, 3)
        Moments of a component, mean over the components.
    static : float
        <|s|^2>, added over all inputs, the mirrors without a component included.

    Notes
    -----
    With pi the probability that a mirror works and c = epsilon (working or stuck off) + (stuck on), a macropixel of k
    mirrors of amplitudes u_m has g = (1 - epsilon) sum w_m u_m / sqrt(k) and s = sum c_m u_m / sqrt(k), w_m = 0 or 1:

        <g g*> = (1 - epsilon)^2 (pi^2 |G|^2 + var(w) P),   G = sum u_m / sqrt(k),   P = sum |u_m|^2 / k,

    and the same with <c>, var(c), cov(w, c) for <s s*> and <s g*>. The mean amplitude of the n macropixels that are on
    scatters by 1 / n of their variance; that part is a gain, which costs nothing.
    """

    anchor: Moments
    component: Moments
    static: float


def input_moments(
    description: BenchDescription, *, components: NDArray[np.int64], anchor: NDArray[np.int64], non_zeros: float
) -> InputMoments:
    """Return the moments of components, anchor and static light of a bench.

    Parameters
    ----------
    description : BenchDescription
        Its laser, mirrors, layout and amplitudes of macropixels count.
    components, anchor : ndarray of int
        Macropixels of the vector and of the anchor.
    non_zeros : float
        Mean number of components that are not zero.

    Returns
    -------
    InputMoments
        In photons per second that enter the medium.
    """
    every, static = _every_input(
        _Mirrors(description.laser, description.dmd, description.layout, description.macropixel_amplitudes)
    )
    held = np.sum([_as_one(every[one], parts=len(anchor)) for one in anchor], axis=0)
    shown = _mean_component(every[components], non_zeros=max(non_zeros, 1.0))
    return InputMoments(anchor=held, component=shown, static=static)


@dataclass(frozen=True)
class _Mirrors:
    """What decides the light of the inputs; remembered by its value."""

    laser: Laser
    dmd: Dmd
    layout: Layout
    amplitudes: tuple[float, ...]


@functools.lru_cache(maxsize=8)
def _every_input(mirrors: _Mirrors) -> tuple[Moments, float]:
    """Return <v v^H> of every input, shape (input + 1, 3, 3), and the static light of all."""
    laser, dmd, layout = mirrors.laser, mirrors.dmd, mirrors.layout
    clean = replace(dmd, stuck_on=0.0, stuck_off=0.0, dead=0.0, contrast_ratio=math.inf)
    light = input_light(laser, clean, layout, amplitudes=mirrors.amplitudes)
    owner = layout.mirror_inputs(dmd)
    own = np.where(owner < 0, layout.inputs, owner).ravel()
    share = np.bincount(own, weights=mirror_share(laser, dmd).ravel(), minlength=layout.inputs + 1)
    number = np.maximum(np.bincount(own, minlength=layout.inputs + 1), 1)
    power = laser.photon_rate * dmd.efficiency * share / number
    if mirrors.amplitudes:
        power[:-1] *= np.square(mirrors.amplitudes)
    coherent = light.switched.copy()
    coherent[-1] = _padding_amplitude(laser, dmd, layout, power=power[-1] * np.count_nonzero(own == layout.inputs))
    moments = _moments(coherent, power, leak=dmd.off_amplitude, faults=(dmd.stuck_on, dmd.stuck_off, dmd.dead))
    padding = _padding_light(dmd, coherent[-1], power[-1], held_on=layout.padding_on)
    return moments, float(moments[:-1, 1, 1].real.sum()) + padding


def _mean_component(every: Moments, *, non_zeros: float) -> Moments:
    """Return the moments of a component: mean over all, less the gain of those that a vector shows."""
    count = len(every)
    faulty = np.mean([_as_one(one, parts=non_zeros) for one in every], axis=0)
    even = np.mean([_as_one(one, parts=1.0) for one in every], axis=0)
    # Drawn from a finite number: the variance of their mean is (N - n) / (N - 1) / n of theirs.
    drawn = (count - non_zeros) / max(count - 1, 1) / non_zeros
    drawn *= _free_part(every)
    return np.asarray(faulty + drawn * (_as_one(even, parts=1.0) - even))


def _free_part(every: Moments) -> float:
    """Return the part of the scatter of a mean amplitude that is a gain: what the norm of the vector follows is none.

    Over draws of components <|m|^2 / q> has |m - G q / Q|^2 / Q in second order, with the mean m of their amplitudes g,
    that of |g|^2, q, and the means G and Q of these over all components. Dead ones take from both alike.
    """
    size = every[:, 2, 2].real
    amplitude = every[:, 0, 2] / np.sqrt(size)
    scatter = float(np.var(amplitude))
    power = np.abs(amplitude) ** 2
    if scatter <= 1e-12 * float(power.mean()):
        return 1.0
    return float(np.var(amplitude - amplitude.mean() * power / power.mean())) / scatter


def _as_one(moments: Moments, *, parts: float) -> Moments:
    """Return moments less what uneven amplitudes share: of few macropixels a part of it is a gain, of one all."""
    phase = moments[:, 2] / np.maximum(np.abs(moments[:, 2]), 1e-300)
    size = phase * np.sqrt(np.abs(np.diagonal(moments)))
    return np.asarray((1 - 1 / parts) * moments + np.outer(size, size.conj()) / parts)


def _moments(
    coherent: NDArray[np.complex128], power: NDArray[np.float64], *, leak: float, faults: tuple[float, float, float]
) -> Moments:
    """Return <v v^H> of (g, s, 1) for every input, shape (input, 3, 3)."""
    on, off, dead = faults
    works = 1 - on - off - dead
    stays = leak * (works + off) + on
    first = np.array([(1 - leak) * works, stays])
    second = np.array([[(1 - leak) ** 2 * works, (1 - leak) * leak * works], [0.0, leak**2 * (works + off) + on]])
    second[1, 0] = second[0, 1]
    spread = second - np.outer(first, first)
    moments = np.empty((len(coherent), 3, 3), np.complex128)
    moments[:, :2, :2] = (
        np.outer(first, first) * np.abs(coherent[:, np.newaxis, np.newaxis]) ** 2
        + spread * power[:, np.newaxis, np.newaxis]
    )
    unit = np.sqrt(np.mean(np.abs(coherent[:-1]) ** 2))
    moments[:, :2, 2] = first * coherent[:, np.newaxis] * unit
    moments[:, 2, :2] = moments[:, :2, 2].conj()
    moments[:, 2, 2] = unit**2
    return moments


def _padding_amplitude(laser: Laser, dmd: Dmd, layout: Layout, *, power: float) -> complex:
    """Return the added amplitudes of the mirrors without a component, over the root of their number."""
    if not power:
        return 0j
    if not any(dmd.flatness) and math.isinf(laser.beam_radius):
        return complex(math.sqrt(power))
    leaky = replace(dmd, stuck_on=0.0, stuck_off=0.0, dead=0.0, contrast_ratio=4.0)
    static = input_light(laser, leaky, layout).static[-1]
    return complex(static / (1.0 if layout.padding_on else leaky.off_amplitude))


def _padding_light(dmd: Dmd, coherent: complex, power: float, *, held_on: bool) -> float:
    """Return the photons per second of the mirrors without a component."""
    leak, works = dmd.off_amplitude, 1 - dmd.stuck_on - dmd.stuck_off - dmd.dead
    held = 1.0 if held_on else leak
    mean = held * works + leak * dmd.stuck_off + dmd.stuck_on
    square = held**2 * works + leak**2 * dmd.stuck_off + dmd.stuck_on
    return float(mean**2 * abs(coherent) ** 2 + (square - mean**2) * power)


def triangular(moments: Moments) -> Moments:
    """Return a lower triangular root of a positive semidefinite matrix.

    Parameters
    ----------
    moments : ndarray of complex, shape (n, n)
        The matrix.

    Returns
    -------
    ndarray of complex, shape (n, n)
        L with L L^H the matrix; columns of what is determined by the others are zero.
    """
    rest = np.array(moments, np.complex128)
    root = np.zeros_like(rest)
    size = np.abs(np.diagonal(moments)).copy()
    for index in range(len(rest)):
        pivot = rest[index, index].real
        if pivot <= 1e-12 * size[index] or not size[index]:
            continue
        root[:, index] = rest[:, index] / math.sqrt(pivot)
        root[:index, index] = 0
        rest = rest - np.outer(root[:, index], root[:, index].conj())
    return root
