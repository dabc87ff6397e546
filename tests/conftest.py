"""Puts the firmware, and the CPython shims it needs, on the path of every test."""

import contextlib
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("firmware", "host_tools/binnode_tools/cpython_shims", "tests/unit", "tests/unit/stand_ins")
for folder in (ROOT / name for name in FOLDERS):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def pytest_configure():
    """Started in the background a shell has Ctrl-C ignored, and so would be by all that the tests start."""
    with contextlib.suppress(ValueError):  # not in this thread
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--port", help="serial port of a board with the application on it: runs tests/hardware on it")


def pytest_collection_modifyitems(config, items):
    """Without --port the tests of tests/hardware are left out; with it they are the only ones."""
    port = config.getoption("--port")
    keep = [item for item in items if (item.get_closest_marker("hardware") is not None) == bool(port)]
    if len(keep) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in keep])
        items[:] = keep
