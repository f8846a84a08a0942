"""Small studies for tests: seconds, not minutes."""

from typing import Any

from dfa.studies import Sweep, grid
from dfa.study import Study

SMALL = {
    "hidden": [20, 16],
    "methods.*.epochs": 1,
    "bench.camera.rows": 6,
    "bench.camera.columns": 9,
    "bench.medium.collected_fraction": 1.2e-6,
    "bench.layout.grid_rows": 9,
    "bench.layout.grid_columns": 10,
}
"""A network of 36 hidden units on a bench of 54 pixels, one epoch."""


def optical_study(**changes: Any) -> Study:
    """Return three points x two seeds with light; the last point cannot be calibrated, its light is too strong."""
    sweeps = (grid("noise", {"bench.camera.read_noise": [2.0, 200.0, 3000.0]}),)
    options = {"name": "small", "preset": "digits", "sweeps": sweeps, "seeds": (3, 1), "base": SMALL}
    return Study(**{**options, "references": ("bp",), **changes})


def trivial_study(points: int, **changes: Any) -> Study:
    """Return points that train by backpropagation, each within some ten milliseconds."""
    sweep: Sweep = grid("rate", {"methods.bp.learning_rate": [0.01 * (1 + index) for index in range(points)]})
    options = {"name": "trivial", "preset": "digits", "sweeps": (sweep,), "seeds": (0,), "base": SMALL}
    return Study(**{**options, "methods": ("bp",), **changes})
