"""Settings of the manual: Sphinx with MyST pages, the notebooks as they were executed, and numpydoc docstrings."""

import shutil
import sys
from importlib.metadata import version as version_of
from pathlib import Path
from types import GenericAlias
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT)]

from api_pages import write_api_pages, write_if_new  # noqa: E402
from docstring_markup import escape_formulas, headings_to_rubrics  # noqa: E402
from formulas import visit_block, visit_inline  # noqa: E402
from law_index import write_law_index  # noqa: E402
from references import defining_names  # noqa: E402
from sphinx.util.nodes import make_refnode  # noqa: E402

project = "opubench"
author = "The opubench authors"
project_copyright = author
release = version = version_of("opubench")

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
default_role = "py:obj"
add_module_names = False  # each stands below the heading of its module
toc_object_entries = False  # a page of a hundred functions has its modules in the margin, no more

html_theme = "furo"
html_math_renderer = "mathml"
html_title = "opubench"
html_copy_source = False  # the notebooks are large, and lie in the repository
html_static_path = ["static"]
html_css_files = ["manual.css"]

# The notebooks are executed by .ci/run; here they are shown with the outputs that are stored in them.
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
# Publishers answer robots with a refusal: what a DOI leads to is checked as far as the registry of DOIs goes.
linkcheck_allowed_redirects = {r"https://doi\.org/.*": r"https://.*"}
linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_workers = 2

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings state types and shapes
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
suppress_warnings = ["ref.citation"]  # the references of a docstring need not be cited in it
# Every name in backticks has to lead somewhere, but for what belongs to others.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", rf"{other}(\..*)?") for other in (
    "numpy", "np", "scipy", "h5py", "collections", "argparse", "tomllib", "abc", "enum", "typing", "pathlib",
)]  # fmt: skip


def setup(app: Any) -> None:
    """Show formulas as MathML; make docstrings safe for reStructuredText before numpydoc (priority 500) reads them."""
    app.add_html_math_renderer("mathml", inline_renderers=(visit_inline, None), block_renderers=(visit_block, None))
    app.connect("autodoc-process-docstring", _process_docstring, priority=400)
    app.connect("autodoc-skip-member", _skip_alias)
    app.connect("missing-reference", _find_reference)


def _process_docstring(app: Any, what: str, name: str, item: Any, options: Any, lines: list[str]) -> None:
    """Change the lines of a docstring in place, as Sphinx wants it."""
    lines[:] = escape_formulas(headings_to_rubrics(lines) if what == "module" else lines)


def _skip_alias(app: Any, what: str, name: str, item: Any, skip: bool, options: Any) -> bool | None:
    """Leave out names for types such as ``tuple[int, ...]``, which autodoc takes for classes."""
    return True if isinstance(item, GenericAlias) else None


def _find_reference(app: Any, env: Any, node: Any, content: Any) -> Any:
    """Return the link of a name that is not written as the manual knows it, or None where there is no such thing."""
    if node.get("refdomain") == "py":
        known = env.domains["py"].objects
        where = {"module": node.get("py:module"), "cls": node.get("py:class")}
        for full in defining_names(node["reftarget"], **where):
            if full in known:
                page = known[full]
                return make_refnode(app.builder, node["refdoc"], page.docname, page.node_id, content, full)
    return None


def _copy(folder: str, *patterns: str) -> None:
    """Copy the files of a folder of the project that are pages of the manual, or pictures in them."""
    (HERE / folder).mkdir(exist_ok=True)
    found = {path.name: path for pattern in patterns for path in (ROOT / folder).glob(pattern)}
    for name, path in found.items():
        if path.suffix == ".png":
            shutil.copy2(path, HERE / folder / name)
        else:  # what has not changed is not built again; links to pages of the manual lead there from here, too
            text = path.read_text(encoding="utf-8").replace("](../docs/", "](../")
            write_if_new(HERE / folder / name, text.split("\n"))
    for path in (HERE / folder).iterdir():
        if path.name not in found:
            path.unlink()


# What the pages are made of beside the files that are written by hand; all of it is ignored by git.
_copy("notebooks", "*.ipynb")
_copy("benchmarks", "README.md", "*.png")
write_api_pages(HERE / "api")
write_law_index(HERE / "laws.md")
