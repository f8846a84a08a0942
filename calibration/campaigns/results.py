"""What a campaign knows beside the matrix itself, and its file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.campaigns.drift_track import DriftTrack
from calibration.campaigns.prediction import Prediction
from optics.archive import load_archive, save_archive
from optics.archives.content_hash import description_text, first_difference

TRACK = (
    "time",
    "phase",
    "phase_error",
    "power",
    "correlation",
    "consecutive",
    "consecutive_error",
    "steps",
    "steps_error",
)
UNITS = {
    "static": "sqrt(photons / (pixel s))",
    "drift/time": "s",
    "drift/phase": "rad",
    "drift/phase_error": "rad",
    "drift/steps": "rad",
    "drift/steps_error": "rad",
    "drift/reference_light": "photons / (pixel s)",
    "exposure_time": "s",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class CampaignResults:
    """What a campaign knows beside the matrix.

    Parameters
    ----------
    static : ndarray of complex64, shape (output,)
        Field with everything off, in the phase of the row.
    gain_error : ndarray of float32, shape (output,)
        Relative standard error of what the entries of a row share: its factor, and what wrong steps make of it.
    valid : ndarray of bool, shape (output,)
        Rows that frames determine.
    ambiguity : str
        What is not known of a row, one of `row_ambiguity.AMBIGUITIES`.
    track : DriftTrack
        Drift that the reference pattern showed; its phase, or its power, was taken off.
    prediction : Prediction
        How well light behind patterns that were held out is predicted.
    exposure_time : float
        Exposure time, in seconds.
    saturated : float
        Share of saturated readings, in held-out frames and in the first look at the reference pattern.
    """

    static: NDArray[np.complex64]
    gain_error: NDArray[np.float32]
    valid: NDArray[np.bool_]
    ambiguity: str
    track: DriftTrack
    prediction: Prediction
    exposure_time: float
    saturated: float


def save_results(path: Path, results: CampaignResults, *, description: Mapping[str, Any]) -> None:
    """Write results to an archive.

    Parameters
    ----------
    path : Path
        The file; it must not exist.
    results : CampaignResults
        The results.
    description : mapping
        Bench, seeds and settings.
    """
    arrays = {
        "static": results.static,
        "gain_error": results.gain_error,
        "valid": results.valid,
        "exposure_time": np.array(results.exposure_time),
        "saturated": np.array(results.saturated),
        "drift/flicker": np.array(results.track.flicker),
        "drift/reference_light": np.array(results.track.reference_light),
        "prediction/correlation": results.prediction.correlation,
        "prediction/without_noise": results.prediction.without_noise,
        "prediction/gain": results.prediction.gain,
        **{f"drift/{name}": getattr(results.track, name) for name in TRACK},
    }
    save_archive(path, arrays, description={"campaign": dict(description), "ambiguity": results.ambiguity}, units=UNITS)


def load_results(path: Path, *, description: Mapping[str, Any] | None = None) -> CampaignResults:
    """Read results back.

    Parameters
    ----------
    path : Path
        The file.
    description : mapping or None, optional
        Bench, seeds and settings that they must have been made with.

    Returns
    -------
    CampaignResults
        The results.

    Raises
    ------
    ValueError
        If the file is damaged, foreign, or of another campaign.
    """
    arrays, table = load_archive(path)
    if description is not None:
        difference = first_difference(table["campaign"], json.loads(description_text(description)))
        if difference:
            raise ValueError(f"{path} was made by another campaign: {difference}; give another folder")
    return CampaignResults(
        static=arrays["static"],
        gain_error=arrays["gain_error"],
        valid=arrays["valid"],
        ambiguity=str(table["ambiguity"]),
        track=DriftTrack(
            flicker=float(arrays["drift/flicker"]),
            reference_light=float(arrays["drift/reference_light"]),
            **{name: arrays[f"drift/{name}"] for name in TRACK},
        ),
        prediction=Prediction(
            correlation=arrays["prediction/correlation"],
            without_noise=arrays["prediction/without_noise"],
            gain=arrays["prediction/gain"],
        ),
        exposure_time=float(arrays["exposure_time"]),
        saturated=float(arrays["saturated"]),
    )
