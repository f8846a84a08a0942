"""Formulas as MathML, which browsers show by themselves: the manual reads the same offline and without scripts."""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
SAME = {r"\\([bB]ig)(?![lrg])": r"\\\1l", r"\\dots\b": r"\\ldots", r"\\textstyle\b": ""}
"""What docutils does not know, by what means the same to it."""


def mathml(tex: str, *, block: bool) -> str:
    """Return a formula as MathML."""
    for pattern, known in SAME.items():
        tex = re.sub(pattern, known, tex)
    return str(tex2mathml(tex, as_block=block))


def visit_inline(translator: Any, node: nodes.math) -> None:
    """Write a formula of a line of text."""
    translator.body.append(_shown(node, block=False))
    raise nodes.SkipNode


def visit_block(translator: Any, node: nodes.math_block) -> None:
    """Write a formula that stands alone."""
    translator.body.append(f'<div class="math display">{_shown(node, block=True)}</div>\n')
    raise nodes.SkipNode


def _shown(node: nodes.Element, *, block: bool) -> str:
    """Return the MathML of a node; a formula that cannot be read is a warning, and stands there as it was written."""
    tex = node.astext()
    try:
        return mathml(tex, block=block)
    except (SyntaxError, ValueError, AttributeError, KeyError, IndexError) as error:
        LOGGER.warning("the formula %r cannot be shown: %s", tex, error, location=node)
        return f"<code>{tex.replace('&', '&amp;').replace('<', '&lt;')}</code>"
