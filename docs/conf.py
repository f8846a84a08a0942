"""Settings of the manual: Sphinx with MyST pages, the notebooks as they were executed, and numpydoc docstrings."""

import shutil
import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from api_pages import write_api_pages  # noqa: E402
from law_index import write_law_index  # noqa: E402

project = "opubench"
author = "The opubench authors"
project_copyright = author
release = version = version_of("opubench")

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
default_role = "py:obj"

html_theme = "furo"
html_title = "opubench"

# The notebooks are executed by .ci/run; here they are shown with the outputs that are stored in them.
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings state types and shapes
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# What the pages are made of beside the files that are written by hand; all of it is ignored by git.
shutil.rmtree(HERE / "notebooks", ignore_errors=True)
shutil.copytree(HERE.parent / "notebooks", HERE / "notebooks", ignore=shutil.ignore_patterns(".*"))
write_api_pages(HERE / "api")
write_law_index(HERE / "laws.md")
