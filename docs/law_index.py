"""The index of laws: each with the tests that hold the code to it, found by their names, and the modules it is in.

python docs/law_index.py README.md    write the table of the groups of laws into a page, between its two marks
"""

import re
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from api_pages import write_if_new

HERE = Path(__file__).parent
ROOT = HERE.parent
ROOMS = ("optics", "calibration", "dfa")
MARKED = re.compile(r"(?<=-->\n)(?:\|.*\n)*(?=<!-- end of laws -->)")


def load_laws() -> list[dict[str, Any]]:
    """Return the laws of laws.toml."""
    return list(tomllib.loads((HERE / "laws.toml").read_text(encoding="utf-8"))["law"])


def law_tests() -> dict[int, list[str]]:
    """Return the tests of each law: those whose names begin with its number, as ``file::test``."""
    found: dict[int, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name, numbers in re.findall(r"^def (test_((?:l\d+_)+)\w*)", path.read_text(encoding="utf-8"), re.MULTILINE):
            for number in re.findall(r"l(\d+)_", numbers):
                found.setdefault(int(number), []).append(f"{path.relative_to(ROOT).as_posix()}::{name}")
    return found


def law_modules() -> dict[int, list[str]]:
    """Return the modules that name each law in their docstrings or comments."""
    found: dict[int, list[str]] = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            for number in sorted({int(one) for one in re.findall(r"\bL(\d{1,2})\b", path.read_text(encoding="utf-8"))}):
                found.setdefault(number, []).append(module)
    return found


def law_groups() -> list[str]:
    """Return the lines of a table: each group of laws with their number, how many are tested, by what and where."""
    laws, tests = load_laws(), law_tests()
    lines = ["| laws of | | with tests | tests | most of them in |", "|---|---|---|---|---|"]
    for part in dict.fromkeys(law["part"] for law in laws):
        numbers = [law["number"] for law in laws if law["part"] == part]
        found = {test for number in numbers for test in tests.get(number, [])}
        files = Counter(test.partition("::")[0] for test in sorted(found))
        covered = sum(number in tests for number in numbers)
        where = ", ".join(f"`{path}`" for path, _ in files.most_common(1))
        which = f"L{numbers[0]} to L{numbers[-1]}"
        lines.append(f"| {part} | {which} | {covered} of {len(numbers)} | {len(found)} | {where} |")
    return lines


def with_law_groups(text: str) -> str:
    """Return a page with the present table of the groups between its marks."""
    table = "".join(f"{line}\n" for line in law_groups())
    changed, times = MARKED.subn(lambda _: table, text)
    if times != 1:
        raise ValueError(f"the page has {times} places for the laws, wanted is one: <!-- laws --> <!-- end of laws -->")
    return changed


def write_law_index(path: Path) -> None:
    """Write the page of the laws."""
    laws, tests, modules = load_laws(), law_tests(), law_modules()
    covered = [law["number"] for law in laws if law["number"] in tests]
    bare = [f"[L{law['number']}](#l{law['number']})" for law in laws if law["number"] not in tests]
    lines = [
        "# The laws, and the tests that hold the code to them",
        "",
        f"{len(covered)} of {len(laws)} laws are covered by {len({t for n in covered for t in tests[n]})} tests. "
        "A test of a law shares no code with the model that it judges, and its tolerance follows from its sample size. "
        "What the tests say, by the words of their names, stands below each law; `pytest -k l17_` runs those of L17. "
        "This page is made from `docs/laws.toml` and the names of the tests each time the manual is built.",
        "",
        f"Not covered: {', '.join(bare) or 'none'}.",
        "",
        *law_groups(),
        "",
    ]
    for part in dict.fromkeys(law["part"] for law in laws):
        lines += [f"## {part}", ""]
        for law in (law for law in laws if law["part"] == part):
            lines += _entry(law, tests.get(law["number"], []), modules.get(law["number"], []))
    write_if_new(path, lines)


def _entry(law: dict[str, Any], tests: list[str], modules: list[str]) -> list[str]:
    """Return the lines of one law."""
    lines = [f"(l{law['number']})=", f"### L{law['number']}: {law['name']}", ""]
    lines += [_plain(law["formula"]), "", f"Source: {law['source']}.", ""]
    if modules:
        lines += ["In " + ", ".join(f"{{py:mod}}`{module}`" for module in modules) + ".", ""]
    if tests:
        for path in dict.fromkeys(test.partition("::")[0] for test in tests):
            words = [_words(test) for test in tests if test.startswith(f"{path}::")]
            lines += [f"- `{path}`: {'; '.join(words)}"]
    else:
        lines += ["**No test: not covered.**"]
    return [*lines, ""]


def _words(test: str) -> str:
    """Return what a test says, in words."""
    return re.sub(r"^test_(l\d+_)+", "", test.partition("::")[2]).replace("_", " ")


def _plain(formula: str) -> str:
    """Return a formula that Markdown leaves alone."""
    return re.sub(r"([\\*_|<>\[\]{}$`])", r"\\\1", formula)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        page = Path(name)
        page.write_text(with_law_groups(page.read_text(encoding="utf-8")), encoding="utf-8")
