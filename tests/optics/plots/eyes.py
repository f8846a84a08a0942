"""Colours as every kind of eye sees them, for tests of palettes and colour maps."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.color import rgb2lab

# G. M. Machado, M. M. Oliveira and L. A. F. Fernandes, A physiologically-based model for simulation of color vision
# deficiency, IEEE Trans. Vis. Comput. Graph. 15, 1291 (2009), severity 1.0; they act on linear red, green and blue.
EYES = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def seen(colours: ArrayLike, eye: str) -> NDArray[np.float64]:
    """Return colours, shape (n, 3), as an eye sees them, in CIELAB."""
    rgb = np.asarray(colours, np.float64)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    mixed = np.clip(linear @ EYES[eye].T, 0.0, 1.0)
    again = np.where(mixed <= 0.0031308, 12.92 * mixed, 1.055 * mixed ** (1 / 2.4) - 0.055)
    return np.asarray(rgb2lab(again[np.newaxis])[0], np.float64)


def differences(colours: ArrayLike, eye: str) -> NDArray[np.float64]:
    """Return the distance of every colour from every other, in CIELAB, where 2 can just be seen."""
    lab = seen(colours, eye)
    return np.asarray(np.linalg.norm(lab[:, np.newaxis] - lab, axis=-1), np.float64)
