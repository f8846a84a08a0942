"""The manual: its examples run, what it names exists, everything public is in it, and its laws have their tests."""

import html.parser
import importlib
import importlib.util
import inspect
import os
import re
import sys
import tomllib
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
BUILT = DOCS / "_build/html"
PAGES = sorted([*DOCS.glob("*.md"), *DOCS.glob("extend/*.md")])
WRITTEN = [page for page in PAGES if page.name != "laws.md"]  # that one is made from laws.toml
NEEDS = {"devices.md": "pypylon"}
ROOMS = ("optics", "calibration", "dfa")

needs_build = pytest.mark.skipif(
    not (BUILT / "objects.inv").exists(),
    reason="the manual is not built: pip install -e '.[docs]' && .ci/manual",
)


def load(name: str) -> ModuleType:
    """Return a module of docs/, which is no package."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        for needed in re.findall(r"^from (\w+) import", text_of(DOCS / f"{name}.py"), re.MULTILINE):
            if (DOCS / f"{needed}.py").exists():
                load(needed)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def text_of(page: Path) -> str:
    """Return the text of a page."""
    return page.read_text(encoding="utf-8")


def page_name(page: Path) -> str:
    """Return the name of a page for a person."""
    return page.relative_to(DOCS).as_posix()


# The examples.


def examples(text: str) -> list[str]:
    """Return the blocks of Python of a page that are meant to run."""
    return re.findall(r"^```python *\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", [page for page in WRITTEN if examples(text_of(page))], ids=page_name)
def test_examples_run_as_written(page: Path) -> None:
    if page.name in NEEDS:
        pytest.importorskip(NEEDS[page.name], reason=f"the example of {page.name} needs {NEEDS[page.name]}")
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in examples(text_of(page)):
        exec(compile(block, page_name(page), "exec"), names)


def test_examples_are_where_someone_writes_something_of_their_own() -> None:
    assert {page.name for page in WRITTEN if examples(text_of(page))} >= {
        "medium.md", "retrieval.md", "feedback.md", "bench.md", "devices.md",
    }  # fmt: skip


@pytest.mark.parametrize("page", WRITTEN, ids=page_name)
def test_blocks_are_of_a_kind_that_is_known(page: Path) -> None:
    kinds = re.findall(r"^```([^\n`]+)$", text_of(page), re.MULTILINE)
    assert {kind for kind in kinds if not kind.startswith("{")} <= {"python", "python no-run", "toml"}


# What the pages name.


@pytest.mark.parametrize("page", WRITTEN, ids=page_name)
def test_paths_exist(page: Path) -> None:
    text = text_of(page)
    for path in re.findall(r"`((?:notebooks|data|benchmarks|docs|tests|optics|calibration|dfa)/[\w./*]*)`", text):
        assert list(ROOT.glob(path.rstrip("/"))), f"{path} is not there"
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        source = DOCS if (page.parent / link).resolve().parent != ROOT else page.parent
        made = (page.parent / link).resolve().relative_to(source.resolve())
        exists = (source / made).exists() or (ROOT / made).exists() or made.parts[0] in {"api", "laws.md"}
        assert urlsplit(link).scheme or exists, f"{link} leads nowhere"


@pytest.mark.parametrize("page", WRITTEN, ids=page_name)
def test_names_of_the_packages_exist(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    for name in re.findall(rf"`((?:{'|'.join(ROOMS)})(?:\.[A-Za-z_]\w*)+)", prose):
        assert found(name), f"{name} is not there"


def found(name: str) -> bool:
    """Return whether a dotted name leads to a module, or to something in one."""
    parts = name.split(".")
    item: Any = importlib.import_module(parts[0])
    for number, part in enumerate(parts[1:], start=2):
        if inspect.ismodule(item) and not hasattr(item, part):
            if importlib.util.find_spec(".".join(parts[:number])) is None:
                return False
            importlib.import_module(".".join(parts[:number]))
        if not hasattr(item, part):
            return False
        item = getattr(item, part)
    return True


# Formulas.


def test_formulas_become_mathml() -> None:
    pytest.importorskip("sphinx", reason="formulas are written by Sphinx: pip install -e '.[docs]'")
    formulas = load("formulas")
    shown = formulas.mathml(r"\mathrm{Re}\big[(Ax)\,\overline{(Ar)}\big] \le \dots", block=True)
    assert shown.startswith("<math")
    assert 'display="block"' in shown
    assert "Re" in shown
    assert "\\" not in shown
    with pytest.raises(ValueError, match="Unknown LaTeX command"):
        formulas.mathml(r"\nosuchcommand", block=False)


@needs_build
def test_formulas_need_no_script_and_no_internet() -> None:
    pages = [text_of(page) for page in BUILT.rglob("*.html") if "_static" not in page.parts]
    assert sum(page.count("<math") for page in pages) > 500
    assert not [page for page in pages if re.search(r"mathjax[^\"]*\.js|tex-mml", page, re.IGNORECASE)]
    scripts = {source for page in pages for source in re.findall(r"<script[^>]* src=\"([^\"]+)\"", page)}
    assert not {source for source in scripts if urlsplit(source).netloc}


# Everything public.


def test_reference_pages_hold_every_module(tmp_path: Path) -> None:
    load("api_pages").write_api_pages(tmp_path / "api")
    named = set()
    for page in (tmp_path / "api").glob("*.md"):
        named |= set(re.findall(r"^\.\. automodule:: (\S+)$", text_of(page), re.MULTILINE))
    paths = [path.relative_to(ROOT).with_suffix("") for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    modules = {".".join(path.parts).removesuffix(".__init__") for path in paths if path.name != "__main__"}
    assert named == modules
    index = text_of(tmp_path / "api/index.md")
    assert all(re.search(rf"^{page.stem}$", index, re.M) for page in (tmp_path / "api").glob("*.*.md"))


@cache
def inventory() -> frozenset[str]:
    """Return the names of Python that the built manual knows."""
    data = (BUILT / "objects.inv").read_bytes()
    listed = zlib.decompress(data.split(b"\n", 4)[4]).decode().splitlines()
    return frozenset(line.split()[0] for line in listed if line.split()[1].startswith("py:"))


def public_names() -> Iterator[str]:
    """Yield the names of all public functions, classes, methods and properties, and of all modules."""
    api_pages = load("api_pages")
    for module in (module for room in ROOMS for module in api_pages.modules_of(room)):
        yield module.__name__
        for name in api_pages.public_objects(module):
            yield name
            item = getattr(module, name.rpartition(".")[2])
            for member, what in vars(item).items() if inspect.isclass(item) else ():
                if not member.startswith("_") and (inspect.isfunction(what) or isinstance(what, property)):
                    yield f"{name}.{member}"


@needs_build
def test_everything_public_is_in_the_manual() -> None:
    missing = sorted(set(public_names()) - inventory())
    assert not missing, f"the built manual, perhaps an old one, lacks {missing}"


class Links(html.parser.HTMLParser):
    """The links of a page and the places in it that links can lead to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = {""}
        self.feed(text_of(page))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down a tag."""
        for key, value in attrs:
            if key == "id" or (key == "name" and tag == "a"):
                self.places.add(value or "")
            elif (key == "href" and tag == "a") or (key == "src" and tag == "img"):
                self.links.add(value or "")


@needs_build
def test_every_link_inside_the_manual_leads_somewhere() -> None:
    pages = {page.resolve(): Links(page) for page in BUILT.rglob("*.html") if "_static" not in page.parts}
    broken = []
    for page, here in pages.items():
        for link in here.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            there = pages.get(target)
            if not target.exists() or (there and unquote(parts.fragment) not in there.places):
                broken.append(f"{page.relative_to(BUILT.resolve())}: {link}")
    assert not broken


# Links that lead out. Whether they answer is asked by .ci/manual --links, where there is internet.

LINKED = ("docs/**/*.md", "notebooks/*.ipynb", "benchmarks/*.md", "data/**/*.toml", "*.md", "*.cff", "*.toml")
WITHOUT_TLS = {"fashion-mnist.s3-website.eu-central-1.amazonaws.com"}  # its files are checked by their hashes


def outer_links() -> Iterator[tuple[str, str]]:
    """Yield the links to other places in pages, notebooks, docstrings and descriptions, with the file they are in."""
    found = (path for pattern in (*LINKED, *(f"{room}/**/*.py" for room in ROOMS)) for path in ROOT.glob(pattern))
    for path in sorted(path for path in found if BUILT.parent not in path.parents):
        for link in re.findall(r"(?:https?|ftp):[^\s`'\"<>{}\\\]|]*", text_of(path)):
            yield path.relative_to(ROOT).as_posix(), link.rstrip(".,;:")


def is_well_formed(link: str) -> bool:
    """Return whether a link names a place in the way that links do."""
    link = link.rstrip(")") if link.count(")") > link.count("(") else link
    parts = urlsplit(link)
    host = re.fullmatch(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", parts.netloc)
    path = re.fullmatch(r"[\w/.~%+()@,;=:!*&$#-]*", parts.path + parts.fragment, re.ASCII)
    paper = parts.netloc != "arxiv.org" or re.fullmatch(r"/(?:abs|pdf)/\d{4}\.\d{4,5}(?:v\d+)?", parts.path)
    doi = parts.netloc != "doi.org" or re.fullmatch(r"/10\.\d{4,9}/\S+", parts.path)
    scheme = "http" if parts.netloc in WITHOUT_TLS else "https"
    return bool(parts.scheme == scheme and host and path and "//" not in parts.path and paper and doi)


def test_links_that_lead_out_are_well_formed() -> None:
    links = list(outer_links())
    assert len({link for _, link in links}) > 10
    broken = sorted({f"{path}: {link}" for path, link in links if not is_well_formed(link)})
    assert not broken


@pytest.mark.parametrize(
    "link",
    [
        "http://arxiv.org/abs/2012.06373", "https:/arxiv.org/abs/2012.06373", "https://arxiv.org/2012.06373",
        "https://doi.org/2012.06373", "https://example", "https://example.org//a", "https://exa_mple.org/a", "https:",
    ],
)  # fmt: skip
def test_malformed_links_are_seen(link: str) -> None:
    assert not is_well_formed(link)


def test_links_are_asked_where_there_is_internet() -> None:
    assert "sphinx-build -b linkcheck docs" in text_of(ROOT / ".ci/manual")


# The laws.


def test_every_law_stands_in_the_index_with_its_tests_or_as_not_covered(tmp_path: Path) -> None:
    law_index = load("law_index")
    law_index.write_law_index(tmp_path / "laws.md")
    entries = text_of(tmp_path / "laws.md").split("\n### ")[1:]
    laws = law_index.load_laws()
    assert [entry.split(":")[0] for entry in entries] == [f"L{law['number']}" for law in laws]
    for law, entry in zip(laws, entries, strict=True):
        assert law["name"] in entry
        tests = law_index.law_tests().get(law["number"], [])
        assert bool(tests) != ("not covered" in entry), f"L{law['number']}"
        for path, name in (test.split("::") for test in tests):
            assert path in entry
            assert re.sub(r"^test_(l\d+_)+", "", name).replace("_", " ") in entry


def test_laws_without_a_test_are_named_at_the_top_and_counted_in_their_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    law_index = load("law_index")
    law_index.write_law_index(tmp_path / "laws.md")
    tests = law_index.law_tests()
    bare = [law["number"] for law in law_index.load_laws() if law["number"] not in tests]
    said = re.search(r"^Not covered: (.*)\.$", text_of(tmp_path / "laws.md"), re.MULTILINE)
    assert said is not None
    assert said.group(1) == (", ".join(f"[L{number}](#l{number})" for number in bare) or "none")
    numbers = [law["number"] for law in law_index.load_laws() if law["number"] not in (2, 17)]
    made_up = {number: [f"tests/laws/test_some.py::test_l{number}_holds"] for number in numbers}
    monkeypatch.setattr(law_index, "law_tests", lambda: made_up)
    law_index.write_law_index(tmp_path / "laws.md")
    text = text_of(tmp_path / "laws.md")
    assert "Not covered: [L2](#l2), [L17](#l17)." in text
    assert re.search(r"^\| Scalar diffraction \| L1 to L9 \| 8 of 9 \|", text, re.MULTILINE)
    entry = text.split("### L17: ")[1].split("\n### ")[0]
    assert "**No test: not covered.**" in entry


def test_laws_are_numbered_from_one_without_a_gap() -> None:
    numbers = [law["number"] for law in load("law_index").load_laws()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_test_of_a_law_belongs_to_one_that_is_written_down() -> None:
    law_index = load("law_index")
    known = {law["number"] for law in law_index.load_laws()}
    strange = {number: tests for number, tests in law_index.law_tests().items() if number not in known}
    assert not strange


def test_every_law_that_a_module_names_is_written_down() -> None:
    law_index = load("law_index")
    assert set(law_index.law_modules()) <= {law["number"] for law in law_index.load_laws()}


def test_the_page_of_the_physics_links_to_every_law() -> None:
    linked = set(re.findall(r"\[L(\d+)\]\(#l\1\)", text_of(DOCS / "physics.md")))
    assert linked == {str(law["number"]) for law in load("law_index").load_laws()}


def test_laws_are_those_of_the_project() -> None:
    beside = [Path(os.environ.get("OPUBENCH_DATA", "nowhere")).parent, ROOT.parent / "shared"]
    source = next((folder / "PHYSICS.md" for folder in beside if (folder / "PHYSICS.md").exists()), None)
    if source is None:
        pytest.skip(
            "the notes of physics that laws.toml was transcribed from are not here: the index is tested without them"
        )
    rows = re.findall(r"^\| \*\*L(\d+)\*\* (.*?) \|", text_of(source), re.MULTILINE)
    assert len(rows) == text_of(source).count("| **L"), "a law is not written as the others"
    ours = [(str(law["number"]), law["name"]) for law in load("law_index").load_laws()]
    assert ours == rows


# The figures.


def test_figures_of_ours_are_those_that_were_measured() -> None:
    table = text_of(DOCS / "validation.md").split("```{list-table}")[1].split("```")[0]
    measured = text_of(ROOT / "benchmarks/README.md")
    rows = [row.split("\n  - ") for row in table.split("\n* - ")[2:]]
    assert rows
    command = ""
    for what, _, ours, how in rows:
        numbers = re.findall(r"\d+(?:\.\d+)?", ours)
        assert numbers, f"no figure of ours for {what}"
        missing = [number for number in numbers if not re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", measured)]
        assert not missing, f"{what}: {missing} were not measured"
        command = command if how.strip() == "the same" else how.strip().strip("`").split("`")[0]
        assert command in measured, f"{command} is not a command of benchmarks/README.md"


def test_settings_ask_for_what_the_manual_is_built_with() -> None:
    extras = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]["optional-dependencies"]
    asked = {re.split(r"[<>=]", name)[0] for name in extras["docs"]}
    assert asked >= {"sphinx", "furo", "myst-nb", "numpydoc"}
    assert "docs" in extras["dev"][0]
    assert "sphinx-build -W -b html docs docs/_build/html" in text_of(ROOT / ".ci/manual")
