"""The error of projections by anchors predicted from the description of a bench, term by term."""

from calibration.budgets.predicted import predict_budget

__all__ = ["predict_budget"]
