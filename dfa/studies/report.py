"""The report of a study: figures, a table of its points and what it was made with, in one HTML file."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

import numpy as np

from dfa.experiment import METHODS
from dfa.report import STYLE, png_bytes
from dfa.studies.figures import draw_study
from dfa.studies.intervals import confidence_interval
from dfa.studies.outcome import StudyResults, save_study, write_file
from dfa.studies.plan import BASE
from dfa.studies.store import Record, stored_packages

HEADER = ("point", "sweep", "values", "method", "seeds", "test accuracy / %", "alignment", "fidelity", "failed")
MOST_ROWS = 1000
"""Points beyond which the table of the report is cut; the CSV file has all."""


def write_report(folder: Path, results: StudyResults, *, command: str) -> None:
    """Write table, archive, figures and report into the results folder; older ones are replaced.

    Parameters
    ----------
    folder : Path
        The results folder.
    results : StudyResults
        The results.
    command : str
        Command that continues the study.
    """
    packages = stored_packages(folder)
    save_study(folder, results, packages=packages)
    images = {name: png_bytes(figure) for name, figure in draw_study(results).items()}
    for name, image in images.items():
        write_file(folder / f"{name}.png", image)
    write_file(folder / "report.html", study_page(results, images, command=command, packages=packages).encode())


def study_page(results: StudyResults, images: dict[str, bytes], *, command: str, packages: list[dict[str, str]]) -> str:
    """Return the report as one HTML page with its images inside.

    Parameters
    ----------
    results : StudyResults
        The results.
    images : dict of str to bytes
        PNG images by name.
    command : str
        Command that continues the study.
    packages : list of dict
        Versions of the packages that ran it.

    Returns
    -------
    str
        The page.
    """
    plan = results.plan
    figures = "".join(
        f'<figure><img alt="{escape(name)}" src="data:image/png;base64,{base64.b64encode(image).decode()}"></figure>'
        for name, image in images.items()
    )
    versions = "; then ".join(", ".join(f"{name} {number}" for name, number in one.items()) for one in packages)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>opubench: {escape(plan.name)}</title>
<style>{STYLE}</style></head><body>
<h1>Study: {escape(plan.name)}</h1>
{_warnings(results)}<p>{escape(_summary(results))}</p>
{figures}
<h2>The points</h2>{_table([HEADER, *_rows(results)])}
<h2>Shared by all points</h2>{_table([("field", "value"), *_base(results)])}
<p>{escape(results.study.note)}</p>
<h2>Again</h2><p><code>{escape(command)}</code></p>
<p>{escape(versions)}. Every run is in <code>results.csv</code>, with its curves in <code>results.h5</code>.</p>
</body></html>
"""


def summary_lines(results: StudyResults) -> list[str]:
    """Return the points in short, as text with aligned columns.

    Parameters
    ----------
    results : StudyResults
        The results.

    Returns
    -------
    list of str
        A head and a line for each point and method.
    """
    rows = [HEADER, *_rows(results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _summary(results: StudyResults) -> str:
    """Return what was done, in a sentence or two."""
    plan = results.plan
    layers = " and ".join(str(width) for width in plan.base.experiment.hidden)
    methods = ", ".join(METHODS[name] for name in plan.methods)
    text = (
        f"{len(plan.points)} points, each trained on {plan.base.experiment.dataset} from {len(plan.seeds)} seeds by: "
        f"{methods}. Hidden layers of the base: {layers} units. Bench of the base: {plan.base.bench.name}. Means over "
        "seeds are given with Student's 95 % interval. Alignment: mean over the hidden layers of the cosine with the "
        "true gradient after the last epoch, over the samples that sent a signal. Fidelity: mean cosine of retrieved "
        "with true projections of random ternary vectors that no training used."
    )
    return text


def _warnings(results: StudyResults) -> str:
    """Return paragraphs on what is missing or failed."""
    texts = []
    if not results.complete:
        texts.append(f"Not finished: {len(results.records)} of {len(results.plan.tasks)} runs are here.")
    errors = dict.fromkeys(f"{record['key']}: {record['error']}" for record in results.failed)
    if errors:
        texts.append(f"{len(results.failed)} runs failed. First: {next(iter(errors))}")
    return "".join(f'<p class="warn">{escape(text)}</p>' for text in texts)


def _rows(results: StudyResults) -> list[tuple[str, ...]]:
    """Return a row of text for each point and method."""
    plan = results.plan
    shared = {sweep.name: sweep.shared for sweep in results.study.sweeps}
    heads = [(BASE, "", "", method) for method in plan.references]
    for point in plan.points:
        own = [(path, value) for path, value in point.values.items() if path not in shared[point.sweep]]
        text = ", ".join(f"{path} = {_short(value)}" for path, value in own)
        heads += [(point.name, point.sweep, text, method) for method in plan.methods]
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in results.records:
        groups.setdefault((record["point"], record["method"]), []).append(record)
    return [_row(head, groups.get((head[0], head[3]), [])) for head in heads[:MOST_ROWS]]


def _row(head: tuple[str, str, str, str], records: list[Record]) -> tuple[str, ...]:
    """Return the row of one point and method."""
    fine = [record for record in records if record["status"] == "ok"]
    accuracy = _interval_text([100 * record["accuracy"] for record in fine], digits=2)
    alignment = _interval_text(
        [float(np.mean(record["alignment"])) for record in fine if record["alignment"]], digits=3
    )
    cosines = [record["fidelity"] for record in fine if record["fidelity"] is not None]
    fidelity = f"{np.mean(cosines):.4f}" if cosines else "–"
    failed = len(records) - len(fine)
    return (*head[:3], METHODS[head[3]], str(len(fine)), accuracy, alignment, fidelity, str(failed or "–"))


def _interval_text(values: list[float], *, digits: int) -> str:
    """Return a mean with its interval."""
    found = confidence_interval(values)
    if np.isnan(found.mean):
        return "–"
    spread = "" if np.isnan(found.half_width) else f" ± {found.half_width:.{digits}f}"
    return f"{found.mean:.{digits}f}{spread}"


def _short(value: object) -> str:
    """Return a value of a field as a short text."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _base(results: StudyResults) -> list[tuple[str, str]]:
    """Return what the study changes for all points, then what single sweeps change for all of theirs."""
    preset = results.study.preset
    name = preset if isinstance(preset, str | Path) else preset.name
    common = [("preset", str(name)), *((path, str(value)) for path, value in results.study.base.items())]
    sweeps = [sweep for sweep in results.study.sweeps if len(sweep.points) > 1]
    own = [(f"{sweep.name}: {path}", str(value)) for sweep in sweeps for path, value in sweep.shared.items()]
    return common + own


def _table(rows: list[tuple[str, ...]]) -> str:
    """Return rows as an HTML table, the first one as its head."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:])
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
