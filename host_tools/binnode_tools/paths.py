"""Where the firmware, the boards and the build folder are: in the repository, or in an installed package."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_REPOSITORY = _PACKAGE.parents[1]
IN_REPOSITORY = (_REPOSITORY / "firmware" / "main.py").exists()
_DATA = _REPOSITORY if IN_REPOSITORY else _PACKAGE / "_data"

FIRMWARE = _DATA / "firmware"
BOARDS = _DATA / "boards"
SHIMS = _PACKAGE / "cpython_shims"
BUILD = (_REPOSITORY if IN_REPOSITORY else Path.cwd()) / "build"
REPOSITORY = _REPOSITORY
