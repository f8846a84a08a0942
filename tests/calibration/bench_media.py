"""Media that stand in for the Gaussian one: even light, and light of several modes."""

import numpy as np

from optics.media import Time
from optics.media.medium import Field


class PlainMedium:
    """A medium given by its tensor (mode, y, x, input): nothing moves, one sample a pixel."""

    static = True
    samples_per_pixel = 1

    def __init__(self, tensor: np.ndarray) -> None:
        self.tensor = np.asarray(tensor, np.complex64)
        self.modes = len(tensor)
        self.input_positions = np.zeros((tensor.shape[-1], 2))
        self.output_positions = np.zeros((*tensor.shape[1:3], 2))

    def transmit(self, field_in: np.ndarray, *, time: Time) -> Field:
        return np.einsum("myxn,fn->fmyx", self.tensor, np.asarray(field_in, np.complex64), optimize=True)

    def adjoint(self, field: np.ndarray, *, time: Time) -> Field:
        raise AssertionError("the bench has no use for it")

    def matrix(self, time: float) -> Field:
        return self.tensor.reshape(-1, self.tensor.shape[-1])


def gaussian_modes(rng: np.random.Generator, *, modes: int, shape: tuple[int, int], inputs: int) -> PlainMedium:
    """Several incoherent modes of speckle, that together collect 4e-6 of the light in 720 pixels."""
    size = (modes, *shape, inputs)
    scale = np.sqrt(4e-6 / 720 / modes / 2)
    return PlainMedium(scale * (rng.standard_normal(size) + 1j * rng.standard_normal(size)))


def even_light(*, shape: tuple[int, int], inputs: int) -> PlainMedium:
    """Every input sends the same light to every pixel, in phase; the last, for mirrors without a component, none."""
    tensor = np.full((1, *shape, inputs), np.sqrt(4e-6 / 720 / inputs))
    tensor[..., -1] = 0
    return PlainMedium(tensor)
