"""What a board's flash has that a new image should have too: settings, secrets, LoRaWAN's keys and counters."""

import contextlib
import errno
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from littlefs import LittleFS
from littlefs.context import UserContext
from littlefs.errors import LittleFSError

from binnode_tools.flashing import nvs, partitions
from binnode_tools.image import LITTLEFS, ImageError
from binnode_tools.private_files import write_private

FILES = ("config.json", "ca.der")  # what is the node's own, beside the application
_BLOCK = LITTLEFS["block_size"]

Read = Callable[[int, int], bytes]  # offset and size in flash -> what is there


@dataclass(frozen=True)
class Kept:
    """`store`: the NVS partition as it is, with all that is in it; `files`: those of FILES that there are.
    `problem`: why the files could not be read, or None. `mac`: of the board, when it came from a file."""

    store: bytes
    files: dict[str, bytes]
    problem: str | None = None
    mac: str | None = None

    def save(self, path: Path, mac: str) -> None:
        """For load(), in a file that only its owner can read: it holds the secrets. OSError."""
        files = {name: content.hex() for name, content in self.files.items()}
        write_private(path, json.dumps({"binnode": "kept", "mac": mac, "nvs": self.store.hex(), "files": files}))

    @property
    def names(self) -> tuple[str, ...]:
        """What of the node's is in NVS, without what it says."""
        return tuple(sorted(key for space, key in nvs.decode(self.store) if space == nvs.NAMESPACE))


class _OnChip(UserContext):
    """A littlefs that is read over the line, block by block, and never written.

    `failed`: what came out of reading. littlefs calls from C, where it would be forgotten, and read on."""

    def __init__(self, read: Read, offset: int) -> None:
        super().__init__(buffer=bytearray())
        self._read, self._offset = read, offset
        self._blocks: dict[int, bytes] = {}
        self.failed: BaseException | None = None

    def read(self, cfg: object, block: int, off: int, size: int) -> bytearray:
        try:
            if block not in self._blocks and not self.failed:
                self._blocks[block] = self._read(self._offset + block * _BLOCK, _BLOCK)
        except BaseException as error:  # Ctrl-C too
            self.failed = error
        return bytearray(self._blocks.get(block, bytes(_BLOCK))[off : off + size])

    def prog(self, cfg: object, block: int, off: int, data: bytes) -> int:
        return errno.EIO

    def erase(self, cfg: object, block: int) -> int:
        return errno.EIO


def of(read: Read, flash_size: int) -> Kept:
    """What the flash behind `read` holds. ImageError when there is no node on it; and whatever `read` raises."""
    try:
        rows = partitions.parse(read(partitions.OFFSET, partitions.SIZE))
        store = partitions.nvs_of(rows)
        kept = read(store.offset, store.size)
        nvs.decode(kept)
        place = partitions.file_system_of(rows, flash_size)
    except ImageError as error:
        raise ImageError(f"there is nothing to keep on this board ({error}): flash it without --keep") from None
    context = _OnChip(read, place.offset)
    files, problem = {}, None
    try:
        files = _files(context)
    except (LittleFSError, OSError) as error:
        problem = f"the file system on this board can't be read ({error}): its settings are lost"
    if context.failed:
        raise context.failed
    return Kept(kept, files, problem)


def load(path: Path) -> Kept:
    """What save() wrote. ImageError when it is no such file."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["binnode"] != "kept":
            raise ValueError
        files = {name: bytes.fromhex(told["files"][name]) for name in told["files"]}
        kept = Kept(bytes.fromhex(told["nvs"]), files, mac=str(told["mac"]))
        nvs.decode(kept.store)
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, ImageError):
        raise ImageError(f"{path.name}: is no file that --keep wrote") from None
    return kept


def _files(context: UserContext) -> dict[str, bytes]:
    found = {}
    system = LittleFS(context=context, mount=False, **{**LITTLEFS, "block_count": 0})
    system.mount()
    for name in FILES:
        with contextlib.suppress(FileNotFoundError), system.open(name, "rb") as file:
            found[name] = file.read()
    return found
