"""Puts the firmware, and the CPython shims it needs, on the path of every test."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
for folder in (ROOT / "firmware", ROOT / "host_tools" / "binnode_tools" / "cpython_shims", ROOT / "tests" / "unit"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
