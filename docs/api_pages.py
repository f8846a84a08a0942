"""The reference part of the manual: a page for each room, with every module in it and all that is public there."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

PACKAGES = ("optics", "calibration", "dfa")


def public_objects(module: ModuleType) -> Iterator[str]:
    """Yield the qualified names of the functions and classes that a module defines for others."""
    for name, item in vars(module).items():
        own = getattr(item, "__module__", None) == module.__name__
        if own and not name.startswith("_") and (inspect.isfunction(item) or inspect.isclass(item)):
            yield f"{module.__name__}.{name}"


def modules_of(package: str) -> list[ModuleType]:
    """Return a package and all modules in it, in the order of their names."""
    root = importlib.import_module(package)
    names = [package, *(info.name for info in pkgutil.walk_packages(root.__path__, f"{package}."))]
    return [importlib.import_module(name) for name in names if not name.endswith("__main__")]


def write_api_pages(folder: Path) -> None:
    """Write a page for each package and each package in it."""
    folder.mkdir(exist_ok=True)
    pages = []
    for package in PACKAGES:
        modules = modules_of(package)
        rooms = [module for module in modules if hasattr(module, "__path__")]
        for room in rooms:
            own = [module for module in modules if module.__name__.rpartition(".")[0] == room.__name__]
            inside = [module for module in own if module not in rooms]
            _write_page(folder / f"{room.__name__}.md", room, inside)
            pages.append(room.__name__)
    index = ["# Reference", "", "Every room with every module in it, and all that is public there.", ""]
    index += ["```{toctree}", ":maxdepth: 1", "", *pages, "```", ""]
    write_if_new(folder / "index.md", index)
    for path in folder.iterdir():
        if path.stem not in {*pages, "index"}:
            path.unlink()


def write_if_new(path: Path, lines: list[str]) -> None:
    """Write a page, unless it is there already: what has not changed is not built again."""
    text = "\n".join(lines)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _write_page(path: Path, room: ModuleType, modules: list[ModuleType]) -> None:
    """Write the page of a room: its own words, then its modules one after the other."""
    lines = [f"# {room.__name__}", ""]
    for module in (room, *modules):
        if module is not room:
            lines += [f"## {module.__name__.rpartition('.')[2]}", ""]
        option = "no-members" if module is room else "members"
        lines += ["```{eval-rst}", f".. automodule:: {module.__name__}", f"   :{option}:", "```", ""]
    write_if_new(path, lines)
