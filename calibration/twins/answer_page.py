"""The answer as one HTML page that opens without a network, its pictures beside it."""

from collections.abc import Sequence
from html import escape

from calibration.twins.answer import TwinAnswer
from calibration.twins.answer_plots import CAPTIONS
from calibration.twins.answer_text import (
    fidelity_lines,
    figure_rows,
    limit_lines,
    training_lines,
    twin_title,
    verdict,
)

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .7rem; }
th { border-bottom: 2px solid #333; } td { border-bottom: 1px solid #ddd; font-variant-numeric: tabular-nums; }
figure { margin: 1.2rem 0; } img { max-width: 100%; } figcaption { color: #444; font-size: .92rem; }
pre { background: #f6f6f6; padding: .7rem 1rem; overflow-x: auto; white-space: pre-wrap; }
.verdict { border-left: 4px solid #0072B2; padding: .4rem 1rem; font-size: 1.05rem; } .warn { background: #fff3cd;
padding: .6rem 1rem; }
"""


def answer_page(answer: TwinAnswer, pictures: Sequence[str], *, command: str) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    answer : TwinAnswer
        What was found.
    pictures : sequence of str
        Names of the pictures beside the page, without ending.
    command : str
        The command that made it.

    Returns
    -------
    str
        The page.
    """
    title = escape(twin_title(answer.twin.description))
    sections = [
        ("What the frames tell", _figures(answer)),
        ("What limits the bench", _lines(limit_lines(answer))),
        ("What fidelity to expect", _lines(fidelity_lines(answer))),
        ("Whether a network learns", _lines(training_lines(answer))),
        ("What could not be found out", _warnings(answer.shortcomings)),
        ("Pictures", _pictures(pictures)),
    ]
    body = "".join(f"<h2>{head}</h2>{text}" for head, text in sections if text)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style></head><body>
<h1>{title}</h1>
<p class="verdict">{escape(verdict(answer))}</p>
{body}
<h2>Again</h2><p><code>{escape(command)}</code></p>
<p>The twin is <code>twin.toml</code> beside this page: every command that takes a bench takes it.</p>
</body></html>
"""


def _figures(answer: TwinAnswer) -> str:
    """Return the figures as a table, then choices and reservations."""
    rows = ["<tr><th>figure</th><th></th><th>value</th><th>what it is</th></tr>"]
    for group, figures in figure_rows(answer.twin):
        rows.append(f'<tr><th colspan="4">{escape(group)}</th></tr>')
        rows += ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>" for cells in figures]
    chosen = "".join(f"<li>{escape(choice)}</li>" for choice in answer.twin.choices)
    return (
        f"<p>{answer.twin.exposures} frames; ± is one standard uncertainty, &lt; and &gt; are bounds.</p>"
        f"<table>{''.join(rows)}</table>"
        + (f"<p>Chosen, because no frame can tell:</p><ul>{chosen}</ul>" if chosen else "")
        + _warnings(answer.twin.flags)
    )


def _lines(lines: Sequence[str]) -> str:
    """Return lines as they stand."""
    return f"<pre>{escape(chr(10).join(lines))}</pre>" if lines else ""


def _warnings(lines: Sequence[str]) -> str:
    """Return reservations."""
    return "".join(f'<p class="warn">{escape(line)}</p>' for line in lines)


def _pictures(names: Sequence[str]) -> str:
    """Return the pictures with what they show."""
    return "".join(
        f'<figure><img src="{name}.png" alt=""><figcaption>{escape(CAPTIONS[name])}</figcaption></figure>'
        for name in names
    )
