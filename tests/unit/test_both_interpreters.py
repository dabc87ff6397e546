"""Every file of tests/unit/pure runs on CPython and on MicroPython, and the counts are equal."""

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.unit.conftest import micropython

PURE = sorted((Path(__file__).parent / "pure").glob("test_*.py"))


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.stem)
def test_same_tests_pass_on_micropython(path, capsys):
    spec = importlib.util.spec_from_file_location(f"count_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    here = sum(name.startswith("test_") for name in dir(module))
    outcome = micropython("run", path.stem)
    assert not outcome["failed"], outcome["output"]
    there = outcome["passed"][path.stem]
    with capsys.disabled():
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        print(f"\n{path.stem}: {here} tests on CPython {version}, {there} on MicroPython", end="")
    assert here == there > 0
