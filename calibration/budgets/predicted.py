"""tmp"""

from dataclasses import dataclass
from calibration.budgets.scene import *
from calibration.budgets.quadrature import projection_error
from calibration.budgets.draws import draw_points


@dataclass
class B:
    error: float


def predict_budget(
    description,
    *,
    components,
    outputs,
    non_zeros=None,
    density=None,
    anchor=None,
    full_scale=None,
    stored_exposures=128,
    batch=1,
    age=0.0,
):
    task = Task(
        vectors=VectorLaw(components=components, non_zeros=non_zeros, density=density),
        outputs=outputs,
        anchor=anchor,
        full_scale=full_scale,
        stored_exposures=stored_exposures,
        batch=batch,
        age=age,
    )
    s = Scene(description=description, task=task)
    d = draw_points(exponent=enough_points(s, kept=14), modes=len(s.light.weights), times=6 if s.light.drift else 1)
    return B(projection_error(s, d))
