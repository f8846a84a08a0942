"""Optimisers: momentum and Adam, in place on the parameters.

A step reads and writes arrays of the size of the network and computes next to nothing, so it costs what
memory costs. Momentum is three passes, two of them BLAS calls that use all cores and need no temporary;
Adam goes through the arrays in blocks that stay in cache, on two threads.
Neither changes the precision of the parameters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import final

import numpy as np
from scipy.linalg import get_blas_funcs

from dfa.layers import Floats

# Elements that Adam works on at once: five float32 blocks of them stay in a second-level cache, and a call
# is long enough for two threads not to wait for the interpreter's lock (measured: half of it and less lose).
_BLOCK = 65536
_THREADS = 2


class Optimizer(ABC):
    """What turns gradients into a step of the parameters."""

    @abstractmethod
    def step(self, gradients: Sequence[Floats], *, learning_rate: float) -> None:
        """Move the parameters in place.

        Parameters
        ----------
        gradients : sequence of ndarray
            Gradient of the mean loss, one array for each parameter, in their order.
        learning_rate : float
            Length of the step.
        """


def _flat(arrays: Sequence[Floats], what: str) -> list[Floats]:
    """Flatten arrays without copying them, so that what is written reaches the originals."""
    for array in arrays:
        if not array.flags.c_contiguous:
            raise ValueError(f"{what} of shape {array.shape} is not contiguous; give np.ascontiguousarray of it")
    return [array.reshape(-1) for array in arrays]


def _check_match(gradients: Sequence[Floats], parameters: Sequence[Floats]) -> None:
    """Refuse gradients that do not match the parameters one to one."""
    given = [(g.shape, g.dtype) for g in gradients]
    wanted = [(p.shape, p.dtype) for p in parameters]
    if given != wanted:
        raise ValueError(f"gradients are {given}; the parameters of this optimiser are {wanted}")


@final
class Momentum(Optimizer):
    r"""Stochastic gradient descent with momentum.

    .. math:: v \leftarrow \mu v + g, \qquad p \leftarrow p - \eta v

    Parameters
    ----------
    parameters : sequence of ndarray
        Arrays that are moved in place; contiguous.
    momentum : float
        Factor :math:`\mu`, 0 <= momentum < 1; 0 is plain gradient descent.

    Raises
    ------
    ValueError
        If the momentum lies outside [0, 1) or an array is not contiguous.
    """

    def __init__(self, parameters: Sequence[Floats], *, momentum: float) -> None:
        if not 0 <= momentum < 1:
            raise ValueError(f"Momentum: momentum is {momentum}; give 0 <= momentum < 1")
        self._parameters = list(parameters)
        self._flat = _flat(parameters, "a parameter")
        self._velocities = [np.zeros_like(flat) for flat in self._flat]
        self._momentum = momentum

    def step(self, gradients: Sequence[Floats], *, learning_rate: float) -> None:
        """Move the parameters in place.

        Parameters
        ----------
        gradients : sequence of ndarray
            Gradient of the mean loss, one array for each parameter, in their order.
        learning_rate : float
            Length of the step.

        Raises
        ------
        ValueError
            If the gradients do not match the parameters.
        """
        _check_match(gradients, self._parameters)
        flat = _flat(gradients, "a gradient")
        for parameter, gradient, velocity in zip(self._flat, flat, self._velocities, strict=True):
            axpy = get_blas_funcs("axpy", (parameter,))  # y <- a x + y, in place, in the precision of y
            velocity *= velocity.dtype.type(self._momentum)
            axpy(gradient, velocity)
            axpy(velocity, parameter, a=-learning_rate)


@final
class Adam(Optimizer):
    r"""Adam.

    .. math:: m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad v \leftarrow \beta_2 v + (1 - \beta_2) g^2,
              \quad p \leftarrow p - \eta \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    Parameters
    ----------
    parameters : sequence of ndarray
        Arrays that are moved in place; contiguous.
    betas : tuple of float
        :math:`\beta_1` and :math:`\beta_2`, each in [0, 1).
    epsilon : float
        Floor of the denominator, positive.

    Raises
    ------
    ValueError
        If a factor lies outside its range or an array is not contiguous.

    References
    ----------
    .. [1] Kingma and Ba, Adam: a method for stochastic optimization, Algorithm 1 (2015). arXiv:1412.6980
    """

    def __init__(self, parameters: Sequence[Floats], *, betas: tuple[float, float], epsilon: float = 1e-8) -> None:
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"Adam: betas are {betas}; give two numbers, each 0 <= beta < 1")
        if not epsilon > 0:
            raise ValueError(f"Adam: epsilon is {epsilon}; give a positive number, 1e-8 is usual")
        self._parameters = list(parameters)
        self._flat = _flat(parameters, "a parameter")
        self._means = [np.zeros_like(flat) for flat in self._flat]
        self._squares = [np.zeros_like(flat) for flat in self._flat]
        self._betas = betas
        self._epsilon = epsilon
        self._steps = 0
        self._pool = ThreadPoolExecutor(_THREADS)

    def step(self, gradients: Sequence[Floats], *, learning_rate: float) -> None:
        """Move the parameters in place.

        Parameters
        ----------
        gradients : sequence of ndarray
            Gradient of the mean loss, one array for each parameter, in their order.
        learning_rate : float
            Length of the step.

        Raises
        ------
        ValueError
            If the gradients do not match the parameters.
        """
        _check_match(gradients, self._parameters)
        self._steps += 1
        arrays = zip(self._flat, _flat(gradients, "a gradient"), self._means, self._squares, strict=True)
        blocks = [
            [array[start : start + _BLOCK] for array in four]
            for four in arrays
            for start in range(0, four[0].size, _BLOCK)
        ]
        # Every element is on its own: who works on which block does not change a bit of the result.
        shares = [blocks[share::_THREADS] for share in range(_THREADS)]
        list(self._pool.map(lambda share: self._update(share, learning_rate), shares))

    def _update(self, blocks: Sequence[Sequence[Floats]], learning_rate: float) -> None:
        """Update some blocks; the sums are kept without their factors 1 - beta, which saves two passes.

        With M = m / (1 - beta_1) and V = v / (1 - beta_2), p moves by -rate M / (sqrt(V) + floor).
        """
        first, second = self._betas
        correction = np.sqrt((1 - second**self._steps) / (1 - second))
        rate = learning_rate * (1 - first) / (1 - first**self._steps) * correction
        floor = self._epsilon * correction
        for parameter, gradient, mean, square in blocks:
            of = parameter.dtype.type
            mean *= of(first)
            mean += gradient
            square *= of(second)
            scratch = gradient * gradient
            square += scratch
            np.sqrt(square, out=scratch)
            scratch += of(floor)
            np.divide(mean, scratch, out=scratch)
            scratch *= of(rate)
            parameter -= scratch
