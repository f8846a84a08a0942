"""What a newcomer imports is there, and where the docstring says."""

import importlib
import re

import pytest

import optics
from optics.files.bench_file import MEDIA


def test_every_medium_of_a_bench_file_is_exported() -> None:
    for description in MEDIA.values():
        assert getattr(optics, description.__name__) is description
        assert description.__name__ in optics.__all__


@pytest.mark.parametrize(
    "package",
    [
        "optics",
        "optics.media",
        "optics.propagation",
        "optics.speckle",
        "calibration",
        "calibration.budgets",
        "calibration.campaigns",
        "calibration.holography",
        "calibration.lateration",
        "calibration.matrices",
        "dfa",
        "dfa.studies",
    ],
)
def test_exports_exist_once_and_in_order(package: str) -> None:
    module = importlib.import_module(package)
    assert len(set(module.__all__)) == len(module.__all__)
    constants = [name for name in module.__all__ if name.isupper()]
    assert list(module.__all__) == sorted(constants) + sorted(set(module.__all__) - set(constants))
    for name in module.__all__:
        assert hasattr(module, name), name


def test_the_docstring_names_packages_and_functions_that_exist() -> None:
    text = optics.__doc__ or ""
    packages = re.findall(r"`(optics\.\w+)`", text)
    assert {"optics.media", "optics.propagation", "optics.speckle", "optics.files"} <= set(packages)
    exported = {name for package in packages for name in getattr(importlib.import_module(package), "__all__", [])}
    for name in re.findall(r"`(\w+)`", text):
        assert name in exported, name
