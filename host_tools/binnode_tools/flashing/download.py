"""Official MicroPython builds by version: fetched once, kept with their SHA-256, checked against it at each use."""

import hashlib
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

from binnode_tools.boards import Board
from binnode_tools.flashing import micropython_build
from binnode_tools.image import ImageError

SITE = "https://micropython.org/"
_TIMEOUT_S = 20
_LARGEST = 16 << 20  # bytes; a build has under 3 MiB


def folder() -> Path:
    """Where builds are kept: $BINNODE_CACHE, or the user's cache."""
    if named := os.environ.get("BINNODE_CACHE"):
        return Path(named)
    base = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "binnode" / "micropython"


def fetch(board: Board, version: str, site: str = SITE, notice: Callable[[str], None] = lambda text: None) -> Path:
    """The board's build in `version`, "1.29" (its newest patch) or "1.29.0", as a file; from the cache if it is there.

    ImageError when it can't be had or is not what it should be; what was cached before stays.
    """
    kept = folder()
    cached = newest(board.build, version, [path.name for path in kept.glob("*.bin")] if kept.is_dir() else [])
    if cached:
        return _checked(kept / cached)
    page = urljoin(site, f"download/{board.build}/")
    links = re.findall(r'href="([^"]+\.bin)"', _get(page, board).decode(errors="replace"))
    names = {link.rpartition("/")[2]: link for link in links}
    name = newest(board.build, version, list(names))
    if not name:
        raise ImageError(
            f"{page} offers no release {version} of {board.build}: name another (--micropython VERSION), or a file"
        )
    notice(f"fetching {name} from {site}")
    content = _get(urljoin(page, names[name]), board)
    try:
        if micropython_build.parse(content).chip != board.chip:
            raise ImageError("is for another chip")
    except ImageError as error:
        raise ImageError(f"{name}, as {site} sent it: {error}. Nothing was kept") from None
    kept.mkdir(parents=True, exist_ok=True)
    path = kept / name
    _write(path.with_suffix(".sha256"), f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode())
    _write(path, content)
    return path


def newest(build: str, version: str, names: list[str]) -> str | None:
    """The name of the highest release that `version` covers; previews and variants (-SPIRAM, -OTA) do not count."""
    found = []
    for name in names:
        parts = re.fullmatch(re.escape(build) + r"-(\d{8})-v(\d+)\.(\d+)(?:\.(\d+))?\.bin", name)
        if parts:
            numbers = tuple(int(part or 0) for part in parts.groups()[1:])
            asked = tuple(int(part) for part in version.split("."))
            if numbers[: len(asked)] == asked:
                found.append((numbers, parts[1], name))
    return max(found)[2] if found else None


def _checked(path: Path) -> Path:
    """The file, if it is what was fetched."""
    try:
        wanted = path.with_suffix(".sha256").read_text().split()[0]
    except (OSError, IndexError):
        wanted = ""
    if hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
        raise ImageError(f"{path} is not what was fetched (SHA-256): delete it, and it is fetched anew")
    return path


def _get(address: str, board: Board) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:
            content = answer.read(_LARGEST + 1)
            length = answer.headers.get("Content-Length")
    except urllib.error.HTTPError as error:
        why = f"answered {error.code} {error.reason}"
    except (OSError, ValueError, urllib.error.URLError) as error:
        why = f"could not be reached ({getattr(error, 'reason', None) or error})"
    else:
        if len(content) <= _LARGEST and (length is None or int(length) == len(content)):
            return content
        why = "sent no whole file"
    raise ImageError(
        f"{address} {why}. Without the internet, take the .bin from another computer "
        f"(https://micropython.org/download/{board.build}/) and name it: --micropython FILE"
    )


def _write(path: Path, content: bytes) -> None:
    """Whole, or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_bytes(content)
    part.replace(path)
