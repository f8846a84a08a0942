"""The error of projections by anchors predicted from the description of a bench, term by term."""

from calibration.budgets.budget import Budget, Term, predict_budget

__all__ = ["Budget", "Term", "predict_budget"]
