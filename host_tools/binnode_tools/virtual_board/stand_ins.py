"""The stand-ins for the chip's modules as .mpy, in a folder that the VM's path begins with."""

import hashlib
import re
from pathlib import Path

from binnode_tools import paths
from binnode_tools.image import compile_mpy
from binnode_tools.virtual_board import acts

_SOURCES = Path(__file__).parent / "vm"


def with_numbers(source: str) -> str:
    """The source with the numbers of acts.py in the place of its names: 60 names less in the VM's table.

    A chip has none of these names either; with them, the table grew at a point where the node's own would not.
    """
    source = re.sub(r"\bacts\.([A-Z_0-9]+)", lambda found: repr(getattr(acts, found[1])), source)
    return re.sub(r"^import acts\n", "", source, flags=re.MULTILINE)


def build() -> Path:
    """Compile vm/*.py (kept by content); the folder that holds them."""
    compiled = {
        path.stem: compile_mpy(with_numbers(path.read_text()).encode(), f"stand-in/{path.name}")
        for path in sorted(_SOURCES.glob("*.py"))
    }
    key = hashlib.sha256(b"".join(name.encode() + code for name, code in compiled.items())).hexdigest()[:16]
    folder = paths.BUILD / "stand_ins" / key
    if not (folder / ".complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name, code in compiled.items():
            (folder / f"{name}.mpy").write_bytes(code)
        (folder / ".complete").touch()
    return folder
