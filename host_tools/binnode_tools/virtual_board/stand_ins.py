"""The stand-ins for the chip's modules as .mpy, in a folder that the VM's path begins with."""

import hashlib
from pathlib import Path

from binnode_tools import paths
from binnode_tools.image import compile_mpy

_SOURCES = Path(__file__).parent


def build() -> Path:
    """Compile vm/*.py and acts.py (kept by content); the folder that holds them."""
    compiled = {
        path.stem: compile_mpy(path.read_bytes(), f"stand-in/{path.name}")
        for path in (*sorted((_SOURCES / "vm").glob("*.py")), _SOURCES / "acts.py")
    }
    key = hashlib.sha256(b"".join(name.encode() + code for name, code in compiled.items())).hexdigest()[:16]
    folder = paths.BUILD / "stand_ins" / key
    if not (folder / ".complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name, code in compiled.items():
            (folder / f"{name}.mpy").write_bytes(code)
        (folder / ".complete").touch()
    return folder
