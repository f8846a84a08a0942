"""Campaigns that measure a transmission matrix: frames in order, to files, drift followed, rows with error bars."""

from calibration.campaigns.drift_track import DriftTrack, track_fields, track_light
from calibration.campaigns.exposure import find_campaign_exposure
from calibration.campaigns.frames import CampaignFrames
from calibration.campaigns.intensity_methods import InterferometryMethod, PhaseRetrievalMethod
from calibration.campaigns.measure import measure_matrix
from calibration.campaigns.methods import MatrixMethod, MatrixRows
from calibration.campaigns.off_axis_method import OffAxisMethod
from calibration.campaigns.phase_stepping_method import PhaseSteppingMethod
from calibration.campaigns.plan import CampaignPlan
from calibration.campaigns.prediction import Prediction, judge_prediction, predicted_light
from calibration.campaigns.report import compare_with_truth, format_campaign, write_figure
from calibration.campaigns.results import CampaignResults, load_results
from calibration.campaigns.run import run_campaign, take_batch
from calibration.campaigns.settings import CampaignSettings, make_basis, make_method, make_plan

__all__ = [
    "CampaignFrames",
    "CampaignPlan",
    "CampaignResults",
    "CampaignSettings",
    "DriftTrack",
    "InterferometryMethod",
    "MatrixMethod",
    "MatrixRows",
    "OffAxisMethod",
    "PhaseRetrievalMethod",
    "PhaseSteppingMethod",
    "Prediction",
    "compare_with_truth",
    "find_campaign_exposure",
    "format_campaign",
    "judge_prediction",
    "load_results",
    "make_basis",
    "make_method",
    "make_plan",
    "measure_matrix",
    "predicted_light",
    "run_campaign",
    "take_batch",
    "track_fields",
    "track_light",
    "write_figure",
]
