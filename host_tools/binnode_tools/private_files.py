"""Files that hold keys: written whole or not at all, and readable for their owner alone."""

import os
from pathlib import Path


def write_private(path: Path, content: str | bytes) -> None:
    """All of it or the old file; for its owner's eyes only. Raises OSError."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def private_folder(path: Path) -> Path:
    """The folder, made if there is none; one that is made is closed to others."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def open_to_others(path: Path) -> bool:
    """True when someone else on this computer may read it. Windows has no such bits: False."""
    return os.name == "posix" and bool(path.stat().st_mode & 0o044)
