"""All that frames tell about a camera, in one record and one table."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from numpy.typing import NDArray

from calibration.cameras.light_series import FrameStacks, LightSeries
from calibration.cameras.nonuniformity import PARTS, Nonuniformity, nonuniformity
from calibration.cameras.photon_transfer import PhotonTransfer, photon_transfer
from calibration.cameras.quantiser_likelihood import QuantiserFit, fit_quantiser
from calibration.cameras.uncertainty import Measured, exact, propagate

Row = tuple[str, str, Measured | None, str]


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraReport:
    """The characterisation of a camera.

    Parameters
    ----------
    transfer : PhotonTransfer
        Figures from pairs of frames.
    pattern : Nonuniformity or None
        Figures from stacks of frames, where there were any.
    exact : QuantiserFit or None
        Gain, dark noise and black level by the likelihood of the exact converter, where it was asked for.
    bits : int
        Significant bits of a count.
    shape : tuple of int
        Pixels along (y, x).
    flags : tuple of str
        What a reader has to know before trusting the figures.
    """

    transfer: PhotonTransfer
    pattern: Nonuniformity | None
    exact: QuantiserFit | None
    bits: int
    shape: tuple[int, int]
    flags: tuple[str, ...]


def characterise_camera(
    series: LightSeries,
    *,
    stacks: FrameStacks | None = None,
    saturation: Measured | None = None,
    likelihood: bool = True,
    flags: tuple[str, ...] = (),
) -> CameraReport:
    """Return every figure that frames allow.

    Parameters
    ----------
    series : LightSeries
        Pairs of bright and dark frames at growing exposure.
    stacks : FrameStacks or None, optional
        Stacks for DSNU and PRNU.
    saturation : Measured or None, optional
        Signal at saturation, in DN, where it is known from other frames; None takes it from the series.
    likelihood : bool, optional
        Whether to fit the exact converter beside the estimators of the standard; it takes the light to be even, and
        is left out where it is not.
    flags : tuple of str, optional
        Reservations from before, for instance about the files.

    Returns
    -------
    CameraReport
        The figures.

    Raises
    ------
    ValueError
        If the frames are dark or saturated throughout, or PRNU is asked for of uneven light.
    """
    if not series.even_light and stacks and stacks.bright is not None:
        raise ValueError("PRNU needs even light, and that of the series is not: leave the bright stack out")
    if stacks and stacks.bits != series.bits:
        raise ValueError(
            f"the stacks have {stacks.bits} bits and the pairs {series.bits}: both must come from the same setting of "
            "the camera"
        )
    transfer = photon_transfer(series, saturation=saturation)
    pattern = nonuniformity(stacks, gain=transfer.gain) if stacks else None
    fit = fit_quantiser(series, start=transfer) if likelihood and series.even_light else None
    found = flags + transfer.flags + (pattern.flags if pattern else ()) + (fit.flags if fit else ())
    height, width = series.bright_frames.shape[2:]
    return CameraReport(
        transfer=transfer, pattern=pattern, exact=fit, bits=series.bits, shape=(height, width), flags=found
    )


def format_datasheet(report: CameraReport) -> str:
    """Return the table of figures, each with its standard uncertainty.

    Parameters
    ----------
    report : CameraReport
        The characterisation.

    Returns
    -------
    str
        Lines of text; a bound is marked by its sign, and what weakens the figures stands below.
    """
    height, width = report.shape
    lines = [f"Camera, {report.bits} bits, {width} x {height} pixels, by EMVA 1288 Release 4.0 Linear", ""]
    for title, rows in _groups(report):
        lines.append(title)
        for label, symbol, figure, unit in rows:
            lines.append(f"  {label:<40}{symbol:<12}{format_measured(figure):>26} {unit}".rstrip())
        lines.append("")
    lines += [f"! {flag}" for flag in report.flags] or ["No reservations."]
    return "\n".join(lines)


def format_measured(figure: Measured | None, *, unit: str = "") -> str:
    """Return a figure and its uncertainty with the digits that the uncertainty allows.

    Parameters
    ----------
    figure : Measured or None
        The figure.
    unit : str, optional
        Its unit.

    Returns
    -------
    str
        For instance ``0.2767 ± 0.0014 DN/e``; a bound has its sign in front, a lower bound of zero is "none seen", and
        None is "not measured".
    """
    if figure is None:
        return "not measured"
    if figure.bound == "lower" and figure.value <= 0:
        return "none seen"
    sign = {"": "", "upper": "< ", "lower": "> "}[figure.bound]
    if not figure.uncertainty > 0 or not math.isfinite(figure.uncertainty):
        return f"{sign}{figure.value:.4g} {unit}".rstrip()
    digits = max(0, 1 - math.floor(math.log10(figure.uncertainty)))
    return f"{sign}{figure.value:.{digits}f} ± {figure.uncertainty:.{digits}f} {unit}".rstrip()


def report_table(report: CameraReport) -> dict[str, Any]:
    """Return the figures as plain tables, for a file.

    Parameters
    ----------
    report : CameraReport
        The characterisation.

    Returns
    -------
    dict
        Parts of the datasheet, each a list of rows with value, uncertainty, bound and unit; and the flags.
    """
    return {
        "standard": "EMVA 1288 Release 4.0 Linear",
        "bits": report.bits,
        "shape": list(report.shape),
        "flags": list(report.flags),
        "figures": {
            title: [
                {"name": label.strip(), "symbol": symbol, "unit": unit, **({} if figure is None else asdict(figure))}
                for label, symbol, figure, unit in rows
            ]
            for title, rows in _groups(report)
        },
    }


def report_arrays(report: CameraReport) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the points behind the figures, for a file.

    Parameters
    ----------
    report : CameraReport
        The characterisation.

    Returns
    -------
    arrays : dict of str to ndarray
        The photon-transfer curve and the averaged stacks.
    units : dict of str to str
        Their units.
    """
    curve = report.transfer.curve
    arrays: dict[str, NDArray[Any]] = {
        "signal": curve.signal, "signal_uncertainty": curve.signal_uncertainty, "variance": curve.variance,
        "variance_uncertainty": curve.variance_uncertainty, "used": curve.used,
    }  # fmt: skip
    units = dict.fromkeys(("signal", "signal_uncertainty", "bright_image", "dark_image"), "DN")
    units |= dict.fromkeys(("variance", "variance_uncertainty"), "DN^2")
    if curve.exposure is not None:
        arrays["exposure"] = curve.exposure
        units["exposure"] = "photons" if curve.in_photons else "s"
    if report.pattern:
        arrays["dark_image"] = report.pattern.dark_image
        if report.pattern.bright_image is not None:
            arrays["bright_image"] = report.pattern.bright_image
    return arrays, units


def _groups(report: CameraReport) -> Iterator[tuple[str, list[Row]]]:
    """Give the parts of the table."""
    yield "Light to counts", _sensitivity(report.transfer)
    if report.transfer.laser_noise:
        yield "Light source", [("Laser intensity noise", "sigma_L", _percent(report.transfer.laser_noise), "%")]
    yield "Without light", _darkness(report.transfer)
    yield "Range", _range(report.transfer)
    if report.pattern:
        yield "Fixed pattern", _pattern(report.pattern)
    if report.exact:
        yield "Likelihood of the exact converter", _exact(report.exact)


def _sensitivity(transfer: PhotonTransfer) -> list[Row]:
    """Return the rows of gain, responsivity, efficiency and linearity."""
    line = transfer.linearity
    return [
        ("System gain", "K", transfer.gain, "DN/e"),
        ("Electrons per count", "1/K", propagate(lambda K: 1 / K, transfer.gain), "e/DN"),
        ("Responsivity", "R", transfer.responsivity, "DN/photon"),
        ("Quantum efficiency", "eta", _percent(transfer.quantum_efficiency), "%"),
        ("Linearity error, 5 to 95 %", "LE", _percent(line.error) if line else None, "%"),
        ("  smallest deviation", "", _percent(exact(line.smallest)) if line else None, "%"),
        ("  largest deviation", "", _percent(exact(line.largest)) if line else None, "%"),
    ]


def _darkness(transfer: PhotonTransfer) -> list[Row]:
    """Return the rows of dark noise, black level and dark current."""
    dark = transfer.dark
    return [
        ("Temporal dark noise", "sigma_d", transfer.dark_noise, "e"),
        ("Dark variance, with rounding", "s2_y.dark", dark.variance, "DN^2"),
        ("Black level", "mu_y.dark", dark.black_level, "DN"),
        ("Dark current, from the mean", "mu_I", transfer.dark_current_mean, "e/s"),
        ("Dark current, from the variance", "mu_I.var", transfer.dark_current_variance, "e/s"),
    ]


def _range(transfer: PhotonTransfer) -> list[Row]:
    """Return the rows of saturation, threshold and ratios."""
    return [
        ("Saturation capacity", "mu_e.sat", transfer.saturation_charge, "e"),
        ("  in photons", "mu_p.sat", transfer.saturation_photons, "photons"),
        ("Absolute sensitivity threshold", "mu_e.min", transfer.threshold_charge, "e"),
        ("  in photons", "mu_p.min", transfer.threshold_photons, "photons"),
        ("Dynamic range", "DR", _decibels(transfer.dynamic_range), "dB"),
        ("Largest signal-to-noise ratio", "SNR_max", _decibels(transfer.largest_snr), "dB"),
    ]


def _pattern(pattern: Nonuniformity) -> list[Row]:
    """Return the rows of DSNU and PRNU."""
    rows: list[Row] = []
    for part in PARTS:
        rows.append((f"Dark non-uniformity, {part}", "DSNU", pattern.dsnu[part], "e"))
    for part in PARTS:
        figure = pattern.prnu[part] if pattern.prnu else None
        rows.append((f"Photo-response non-uniformity, {part}", "PRNU", _percent(figure), "%"))
    return rows


def _exact(fit: QuantiserFit) -> list[Row]:
    """Return the rows of the likelihood fit."""
    return [
        ("System gain", "K", fit.gain, "DN/e"),
        ("Temporal dark noise", "sigma_d", fit.dark_noise, "e"),
        ("  in counts", "", fit.dark_noise_counts, "DN"),
        ("Black level", "mu_y.dark", fit.black_level, "DN"),
        ("Dark current", "mu_I", fit.dark_current, "e/s"),
        ("Dark non-uniformity, from pairs", "DSNU", fit.dsnu, "e"),
    ]


def _percent(figure: Measured | None) -> Measured | None:
    """Return a ratio in per cent."""
    if figure is None:
        return None
    return Measured(value=100 * figure.value, uncertainty=100 * figure.uncertainty, bound=figure.bound)


def _decibels(figure: Measured) -> Measured:
    """Return a ratio of amplitudes in decibels."""
    scaled = propagate(lambda ratio: 20 * math.log10(ratio), figure)
    return Measured(value=scaled.value, uncertainty=scaled.uncertainty, bound=figure.bound)
