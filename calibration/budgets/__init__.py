"""The error of projections by anchors predicted from the description of a bench, term by term."""

from calibration.budgets.advice import Purchase, advice, purchases
from calibration.budgets.budget import Budget, Term, predict_budget
from calibration.budgets.phase_error import stepped_phase_error
from calibration.budgets.waterfall import draw_waterfall

__all__ = [
    "Budget",
    "Purchase",
    "Term",
    "advice",
    "draw_waterfall",
    "predict_budget",
    "purchases",
    "stepped_phase_error",
]
