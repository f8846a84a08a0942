"""One look: nothing outside the room of plots chooses colours, colour maps or settings of matplotlib by itself."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from matplotlib import colormaps
from matplotlib.colors import CSS4_COLORS, TABLEAU_COLORS

ROOT = Path(__file__).parents[3]
ROOM = ROOT / "optics/plots"
MODULES = [
    path
    for room in ("optics", "calibration", "dfa", "benchmarks")
    for path in sorted((ROOT / room).rglob("*.py"))
    if ROOM not in path.parents
]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

NEUTRAL = {"black", "white", "none"}
COLOUR_KEYWORDS = {"c", "color", "colors", "ecolor", "edgecolor", "facecolor", "mec", "mfc", "labelcolor"}
LETTERS = "bgrcmy"
SETTINGS = {"rcParams", "rc_context", "rcdefaults", "prop_cycle", "set_prop_cycle"}
MAPS = {name for name in colormaps if len(name) > 2}
FORMATS = re.compile(rf"C\d+[-.:osx^vDP*+]*|[-.:osx^vDP*+]+C\d+|[{LETTERS}][-.:osx^vDP*+]+|[-.:osx^vDP*+]+[{LETTERS}]")


def offences(tree: ast.AST) -> Iterator[str]:
    """Yield what a module or cell chooses by itself, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in SETTINGS:
            yield f"{node.lineno}: {node.attr}"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("matplotlib"):
            chosen = {alias.name for alias in node.names} & (SETTINGS | {"colormaps", "cm", "get_cmap", "hsv_to_rgb"})
            yield from (f"{node.lineno}: {name}" for name in chosen)
        elif isinstance(node, ast.Attribute) and node.attr in {"colormaps", "get_cmap"}:
            yield f"{node.lineno}: {node.attr}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r"#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?", node.value) or node.value in TABLEAU_COLORS:
                yield f"{node.lineno}: colour {node.value!r}"
        elif isinstance(node, ast.Call):
            yield from call_offences(node)


def call_offences(call: ast.Call) -> Iterator[str]:
    """Yield colours and colour maps that a call names."""
    for keyword in call.keywords:
        for value in ast.walk(keyword.value):
            if not (isinstance(value, ast.Constant) and isinstance(value.value, str)):
                continue
            text = value.value
            if keyword.arg in {"cmap", "colormap"} and text in MAPS:
                yield f"{call.lineno}: colour map {text!r}"
            named = text in CSS4_COLORS or text in LETTERS or re.fullmatch(r"C\d+", text)
            if keyword.arg in COLOUR_KEYWORDS and named and text not in NEUTRAL:
                yield f"{call.lineno}: colour {text!r}"
    if isinstance(call.func, ast.Attribute) and call.func.attr in {
        "plot",
        "semilogx",
        "semilogy",
        "loglog",
        "errorbar",
    }:
        texts = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "fmt")]
        for one in texts:
            if isinstance(one, ast.Constant) and isinstance(one.value, str) and FORMATS.fullmatch(one.value):
                yield f"{call.lineno}: colour in {one.value!r}"


def cells(path: Path) -> Iterator[str]:
    """Yield the code cells of a notebook, without what only IPython reads."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            yield "".join(line for line in cell["source"] if not line.lstrip().startswith(("%", "!")))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_take_the_look_from_the_room(path: Path) -> None:
    assert not list(offences(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_take_the_look_from_the_room(path: Path) -> None:
    found = {f"cell {number}": list(offences(ast.parse(code))) for number, code in enumerate(cells(path))}
    assert not {name: what for name, what in found.items() if what}


@pytest.mark.parametrize(
    "code",
    [
        "plt.rcParams.update({'font.size': 9})",
        "from matplotlib import rc_context",
        "from matplotlib import colormaps",
        "from matplotlib.colors import hsv_to_rgb",
        "axis.imshow(phase, cmap='hsv')",
        "axis.imshow(phase, cmap='twilight')",
        "axis.imshow(x, cmap='gray' if dark else 'viridis')",
        "axis.plot(x, y, color='C0')",
        "axis.plot(x, y, 'C1--')",
        "axis.plot(x, y, 'r-')",
        "axis.plot(x, y, color='#0072B2')",
        "COLOURS = {'a': '#0072B2'}",
        "axis.bar(x, y, color='tab:blue')",
        "axis.bar(x, y, color=['red', 'green'])",
        "axis.errorbar(x, y, fmt='ko', ecolor='grey')",
    ],
)
def test_a_look_of_ones_own_is_seen(code: str) -> None:
    assert list(offences(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "draw_curve(axis, x, y, colour=BLUE, line_style='--')",
        "axis.plot(x, y, 'o-')",
        "axis.plot(x, y, 'k--')",
        "axis.plot(x, y, color='black')",
        "axis.set(xlabel='counts / DN', title='red and green')",
        "use_look(dpi=80)",
    ],
)
def test_the_look_of_the_room_is_free(code: str) -> None:
    assert not list(offences(ast.parse(code)))
