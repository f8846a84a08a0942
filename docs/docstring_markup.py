"""Docstrings as they are written, ``|Tx|^2`` and ``S R*`` in the text, made safe for reStructuredText.

A bar would open a substitution there, a star an emphasis, and ``x_`` a link. Here they are escaped, outside literals,
roles, formulas and code. Words in stars (``*both*``) keep their emphasis.
"""

import re
from itertools import groupby

_DIRECTIVE = re.compile(r"^(\s*)(\.\. (math|code-block|code|plot|note|warning)::.*|.*[^:\s]::)$")
_KEPT = re.compile(
    r"(``.+?``|(?::[\w:]+:)?`[^`]+`|(?<![\w*])\*\*[^\s*][^*]*\*\*(?![\w*])|(?<![\w*])\*[A-Za-z][A-Za-z\s]*\*(?![\w*]))",
    re.DOTALL,
)
_SPECIAL = re.compile(r"(?P<bullet>^\s*\* )|[|*]|(?<=\w)_(?!\w)", re.MULTILINE)
_INITIAL = re.compile(r"^(\s*(?:\.\. \[\w+\] )?[A-Z])\. ", re.MULTILINE)  # of an author; it would begin a list A, B, C
_HEADING = re.compile(r"^(-{3,}|={3,})$")


def escape_formulas(lines: list[str]) -> list[str]:
    """Return the lines of a docstring with the bars and stars of formulas in its text escaped."""
    escaped: list[str] = []
    for is_block, numbers in groupby(range(len(lines)), key=_block_lines(lines).__contains__):
        part = [lines[number] for number in numbers]
        escaped += part if is_block else _escape_text("\n".join(part)).split("\n")
    return escaped


def headings_to_rubrics(lines: list[str]) -> list[str]:
    """Return the lines with underlined headings as rubrics: those of a module would become sections of its page."""
    plain: list[str] = []
    for line in lines:
        if _HEADING.match(line) and plain and plain[-1].strip():
            plain[-1:] = ["", f".. rubric:: {plain[-1].strip()}", ""]
        else:
            plain.append(line)
    return plain


def _escape_text(text: str) -> str:
    """Return text with bars and stars escaped outside literals, roles and emphasis; those come at odd places."""
    parts = _KEPT.split(_INITIAL.sub(r"\1\\. ", text))
    return "".join(part if place % 2 else _SPECIAL.sub(_escape, part) for place, part in enumerate(parts))


def _escape(found: re.Match[str]) -> str:
    """Return a special character with a backslash before it; what begins an item of a list stays."""
    return found[0] if found["bullet"] else f"\\{found[0]}"


def _block_lines(lines: list[str]) -> set[int]:
    """Return the numbers of the lines that are formulas or code: what stands below a directive, deeper than it."""
    found: set[int] = set()
    depth: int | None = None
    for number, line in enumerate(lines):
        if depth is not None and line.strip() and len(line) - len(line.lstrip()) <= depth:
            depth = None
        if depth is None and (start := _DIRECTIVE.match(line)):
            depth = len(start.group(1))
            if line.lstrip().startswith("..") or not line.strip("|* "):
                found.add(number)
        elif depth is not None or line.lstrip().startswith(">>>"):
            found.add(number)
    return found
