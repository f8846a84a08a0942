"""Fields from squared distances: anchors as known points of the complex plane."""

from calibration.lateration.embedding import Embedding, align, distance_matrix, embed
from calibration.lateration.multilateration import multilaterate

__all__ = ["Embedding", "align", "distance_matrix", "embed", "multilaterate"]
