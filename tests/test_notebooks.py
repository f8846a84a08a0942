"""The notebooks: documents that were executed, say what they claim and where it is from, and assert it."""

import ast
import base64
import copy
import importlib.machinery
import importlib.util
import io
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import matplotlib.image
import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

ROOT = Path(__file__).parent.parent
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PICTURE_BYTES = 250_000
NOTEBOOK_BYTES = 1_000_000
CELL_LINES = 25
LINE_WIDTH = 120
EARLY_CELLS = 3  # of code; the constants stand in one of them
ANYWHERE = r"(?<![\w.:/<`])/(?:home|root|tmp|work|usr|opt|mnt|media|srv|var|Users|private)/|\b[A-Z]:\\\w"

each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def load_command() -> ModuleType:
    """Return the command that executes and tidies notebooks as a module."""
    loader = importlib.machinery.SourceFileLoader("notebooks_command", str(ROOT / ".ci/notebooks"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


command = load_command()


@cache
def read(path: Path) -> NotebookNode:
    """Return a notebook as it is stored."""
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def code_cells(path: Path) -> list[NotebookNode]:
    """Return the cells of code of a notebook."""
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def outputs(path: Path) -> Iterator[NotebookNode]:
    """Yield all outputs of a notebook."""
    for cell in code_cells(path):
        yield from cell.outputs


def pictures(path: Path) -> list[bytes]:
    """Return the PNG files that a notebook stores."""
    return [picture for cell in code_cells(path) for picture in command.pictures(cell)]


def said(path: Path) -> str:
    """Return all that the cells of a notebook print or show as text."""
    return "\n".join(command.texts(cell) for cell in code_cells(path))


# The form.


def test_notebooks_are_numbered_in_the_order_in_which_they_are_read() -> None:
    assert [path.name[:3] for path in PATHS] == [f"{number:02}_" for number in range(1, len(PATHS) + 1)]


@each_notebook
def test_format_is_valid_and_cells_have_names_of_their_own(path: Path) -> None:
    nbformat.validate(read(path))
    names = [cell.id for cell in read(path).cells]
    assert len(set(names)) == len(names)


@each_notebook
def test_stored_form_is_the_one_of_which_differences_are_small(path: Path) -> None:
    tidied = nbformat.writes(command.tidy(read(path))) + "\n"
    assert path.read_text(encoding="utf-8") == tidied, f"run .ci/notebooks --tidy notebooks/{path.name}"


@each_notebook
def test_executed_in_order_without_errors(path: Path) -> None:
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1)), f"run .ci/notebooks notebooks/{path.name}"
    kinds = {output.output_type for output in outputs(path)}
    assert "error" not in kinds
    assert not [output.text for output in outputs(path) if output.get("name") == "stderr"]


@each_notebook
def test_outputs_hold_nothing_of_the_moment(path: Path) -> None:
    text, address = said(path), r"(?:object|function|method|at) (?:at )?0x[0-9a-f]+"
    assert "<Figure" not in text, "give the figure back as a picture: plt.show() or a semicolon at the end of the cell"
    assert not re.findall(r"\r|it/s|s/it|\d+%\|", text), "a progress bar is stored"
    assert not re.findall(address, text), "the address of an object is stored"
    assert not re.findall(r"took [\d.]+ ?(?:ms|s|min|seconds|minutes)\b", text), "a time of one machine"
    sources = "\n".join(cell.source for cell in read(path).cells)
    assert not re.findall(ANYWHERE, sources + text), "a path of one machine"
    clocks = r"perf_counter|monotonic\(|time\.time\(|timeit|datetime\.now|gethostname|platform\.node|getuser"
    assert not re.findall(clocks, sources), "notebooks tell no times and no machines; benchmarks do"


@each_notebook
def test_size_is_bounded(path: Path) -> None:
    assert path.stat().st_size < NOTEBOOK_BYTES
    sizes = [len(picture) for picture in pictures(path)]
    assert max(sizes) < PICTURE_BYTES, f"pictures of {sizes} bytes: a smaller figure or a smaller dpi"


@each_notebook
def test_has_pictures_that_show_something(path: Path) -> None:
    shown = [matplotlib.image.imread(io.BytesIO(picture), format="png") for picture in pictures(path)]
    assert len(shown) >= 2
    for number, picture in enumerate(shown):
        assert 150 <= picture.shape[1] <= 1400, f"picture {number} is {picture.shape[1]} pixels wide"
        assert picture[..., :3].std() > 0.01, f"picture {number} is blank"


# The words.


@each_notebook
def test_begins_with_a_title_a_claim_and_its_sources(path: Path) -> None:
    first = read(path).cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# \S", first.source), "the title"
    for heading in (r"\*\*Claims?\.\*\*", r"\*\*Sources?\.\*\*"):
        assert re.search(rf"^{heading} \S", first.source, re.MULTILINE), heading


@each_notebook
def test_ends_with_where_to_go_next(path: Path) -> None:
    last = read(path).cells[-1]
    assert last.cell_type == "markdown"
    named = re.findall(r"[\w./]*\w\.(?:ipynb|md)", last.source)
    assert named, "the last cell names the notebook or page to read next"
    for name in named:
        assert any((ROOT / folder / name).exists() for folder in ("", "notebooks", "docs")), f"{name} is not there"


@each_notebook
def test_pictures_and_links_of_texts_lead_somewhere(path: Path) -> None:
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", cell.source) + re.findall(
                r"(?:src|href)=\"([^\"]+)\"", cell.source
            )
            for link in links:
                inside = link.removeprefix("attachment:") in cell.get("attachments", {})
                assert re.match(r"https?://", link) or inside or (path.parent / link).exists(), f"{link} leads nowhere"


# The code.


@each_notebook
def test_cells_are_short(path: Path) -> None:
    for cell in code_cells(path):
        lines = cell.source.splitlines()
        assert len(lines) <= CELL_LINES, f"cell {cell.id} has {len(lines)} lines"
        wide = [line for line in lines if len(line) > LINE_WIDTH]
        assert not wide, f"cell {cell.id}: {wide[0]!r} has {len(wide[0])} characters"


@each_notebook
def test_code_is_plain_python(path: Path) -> None:
    for cell in code_cells(path):
        tree = ast.parse(cell.source)  # no magic
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            module = getattr(node, "module", None) or ""
            assert "pylab" not in f"{module} {' '.join(names)}", f"cell {cell.id} imports pylab"
            assert "*" not in names, f"cell {cell.id} imports *"


@each_notebook
def test_constants_stand_in_an_early_cell_with_what_they_are(path: Path) -> None:
    constant = re.compile(r"^[A-Z][A-Z0-9_]* = .+?# +\S", re.MULTILINE)
    early = [constant.findall(cell.source) for cell in code_cells(path)[:EARLY_CELLS]]
    assert max(len(found) for found in early) >= 2, "NAME = value  # unit, or what it is"


def names_in(node: ast.AST, context: type[ast.expr_context]) -> set[str]:
    """Return the names that are read or bound in a piece of code."""
    return {item.id for item in ast.walk(node) if isinstance(item, ast.Name) and isinstance(item.ctx, context)}


def is_trivial(claim: ast.expr) -> bool:
    """Return whether a claim holds whatever was computed: a constant, a tuple, the same on both sides, or `or True`."""
    if isinstance(claim, ast.Compare):
        sides = [ast.dump(side) for side in (claim.left, *claim.comparators)]
        return len(set(sides)) == 1 or not names_in(claim, ast.Load)
    if isinstance(claim, ast.BoolOp):
        return (any if isinstance(claim.op, ast.Or) else all)(is_trivial(value) for value in claim.values)
    return isinstance(claim, ast.Tuple | ast.List | ast.Dict | ast.JoinedStr) or not names_in(claim, ast.Load)


@each_notebook
def test_last_cell_of_code_asserts_what_was_computed_before(path: Path) -> None:
    *before, last = code_cells(path)
    found = set().union(*(names_in(ast.parse(cell.source), ast.Store) for cell in before))
    tree = ast.parse(last.source)
    claims = [node.test for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    assert claims, "the last cell asserts the claim"
    for claim in claims:
        assert not is_trivial(claim), f"holds always: assert {ast.unparse(claim)}"
    guarded = {id(item) for node in ast.walk(tree) if isinstance(node, ast.If | ast.Try) for item in ast.walk(node)}
    always = [node for node in ast.walk(tree) if isinstance(node, ast.Assert) and id(node) not in guarded]
    compared = [node for node in always for part in ast.walk(node) if isinstance(part, ast.Compare)]
    assert any(names_in(node, ast.Load) & found for node in compared), "no number from the cells above is compared"


# The command.


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("cosine 0.9968", "cosine 0.9967", True),
        ("cosine 0.9968", "cosine 0.8968", False),
        ("cosine 0.9968", "angle 0.9968", False),
        ("off by -0.1 s.d.", "off by  0.1 s.d.", True),
        ("off by -0.1 s.d.", "off by 0.4 s.d.", False),
        ("1,048,576 bits", "1,048,576 bits", True),
        ("1,048,576 bits", "1,248,576 bits", False),
        ("1.8e-04 of them", "1.9e-04 of them", True),
        ("1.8e-04 of them", "1.8e-03 of them", False),
        ("two numbers: 1 2", "two numbers: 1", False),
    ],
)
def test_texts_of_two_machines_agree_in_words_and_nearly_in_numbers(first: str, second: str, same: bool) -> None:
    assert command.same_text(first, second) is same


def executed_cell() -> NotebookNode:
    """Return a cell with all that an execution leaves."""
    picture = io.BytesIO()
    matplotlib.image.imsave(picture, [[0.0, 1.0]], format="png", metadata={"Software": "version 9.9"})
    drawn = {"image/png": base64.b64encode(picture.getvalue()).decode(), "text/plain": "<Figure size 1x2 with 1 Axes>"}
    streams = [nbformat.v4.new_output("stream", text=f"{line}\n") for line in ("first", "second")]
    shown = nbformat.v4.new_output("display_data", data=drawn, metadata={"image/png": {"width": 2}})
    return nbformat.v4.new_code_cell(
        "x", outputs=[*streams, shown], metadata={"execution": {"iopub.status.idle": "now"}}
    )


def test_tidy_takes_away_what_changes_while_results_do_not() -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[executed_cell()], metadata={"language_info": {"name": "python", "version": "3.11.7"}}
    )
    tidied = command.tidy(notebook)
    (cell,) = tidied.cells
    assert "3.11.7" not in str(tidied.metadata)
    assert cell.metadata == {}
    assert [output.get("text") for output in cell.outputs] == ["first\nsecond\n", None]
    assert list(cell.outputs[1].data) == ["image/png"]
    assert cell.outputs[1].metadata == {}
    (picture,) = command.pictures(cell)
    assert b"version 9.9" not in picture
    assert matplotlib.image.imread(io.BytesIO(picture), format="png").shape == (1, 2, 4)
    assert notebook.cells[0].metadata, "the argument was changed"
    assert command.tidy(tidied) == tidied


def test_command_executes_in_place_from_an_import_of_this_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PYTHONPATH", "IPYTHONDIR", "PYTHONHASHSEED", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    command.prepare_environment(str(tmp_path))
    path = tmp_path / "small.ipynb"
    sources = ("import optics", "print(optics.__file__)")
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in sources]), path)
    assert command.run(path, check=False)
    executed = nbformat.read(path, as_version=4)
    assert [cell.execution_count for cell in executed.cells] == [1, 2]
    assert command.texts(executed.cells[1]).strip() == str(ROOT / "optics/__init__.py")
    assert executed == command.tidy(executed)


def test_check_tells_what_a_notebook_says_that_is_not_stored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stored = command.tidy(nbformat.v4.new_notebook(cells=[executed_cell()]))
    path = tmp_path / "small.ipynb"
    nbformat.write(stored, path)

    def check_against(fresh: NotebookNode) -> bool:
        monkeypatch.setattr(command, "execute", lambda notebook, folder: fresh)
        return bool(command.run(path, check=True))

    assert check_against(stored)
    for change in ({"text": "another\nline\n"}, {"name": "stderr"}, {"text": "first\nsecond\nthird\n"}):
        fresh = copy.deepcopy(stored)
        fresh.cells[0].outputs[0].update(change)
        assert not check_against(fresh)
    without_picture = copy.deepcopy(stored)
    del without_picture.cells[0].outputs[1]
    assert not check_against(without_picture)
    assert nbformat.read(path, as_version=4) == stored, "checking writes nothing"


def test_a_cell_that_fails_fails_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(notebook: NotebookNode, *, folder: Path) -> NotebookNode:
        raise CellExecutionError("a cell failed", "ZeroDivisionError", "division by zero")

    path = tmp_path / "small.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[executed_cell()]), path)
    monkeypatch.setattr(command, "execute", fail)
    before = path.read_text(encoding="utf-8")
    assert not command.run(path, check=False)
    assert path.read_text(encoding="utf-8") == before
