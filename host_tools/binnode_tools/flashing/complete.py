"""One complete image of a board's flash: MicroPython, NVS with the secrets, the file system with the application."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from binnode_tools import image
from binnode_tools.boards import Board
from binnode_tools.flashing import nvs
from binnode_tools.flashing.keeping import Kept
from binnode_tools.flashing.micropython_build import Build, advice, megabytes
from binnode_tools.image import ImageError

SECTOR = 4096
_GAP = 16  # blank sectors that are worth a new run: each costs esptool an erase, a begin and an end


@dataclass(frozen=True)
class Region:
    """What lies where: `used` of `size` bytes hold something."""

    name: str
    offset: int
    size: int
    used: int


@dataclass(frozen=True)
class Complete:
    """`content` is the whole flash from 0; blank is 0xFF."""

    content: bytes
    micropython: str
    files: tuple[str, ...]
    secrets: tuple[str, ...]
    regions: tuple[Region, ...]

    def runs(self) -> list[tuple[int, bytes]]:
        """(offset, data) of what is not blank, in whole sectors: all there is to write on a chip that was erased."""
        blank = b"\xff" * SECTOR
        found: list[tuple[int, int]] = []
        for at in range(0, len(self.content), SECTOR):
            if self.content[at : at + SECTOR] == blank:
                continue
            if found and at - found[-1][1] < _GAP * SECTOR:
                found[-1] = found[-1][0], at + SECTOR
            else:
                found.append((at, at + SECTOR))
        return [(start, self.content[start:end]) for start, end in found]


def build(
    board: Board,
    micropython: Build,
    flash_size: int,
    config: Mapping[str, str | int] | None = None,
    secrets: Mapping[str, str] | None = None,
    more_files: Mapping[str, bytes] | None = None,
    kept: Kept | None = None,
) -> Complete:
    """The image for a flash chip of `flash_size` bytes, which must be its true size: MicroPython asks the chip for it.

    `config`: as the node keeps it in config.json, None: it has none yet. `secrets`: name -> text. Both are taken as
    they are (node_rules.py checks them). `more_files`: beside the application, such as ca.der. `kept`: what the board
    had, in place of all of these. ImageError when they do not fit.
    """
    if micropython.chip != board.chip:
        raise ImageError(f"the MicroPython build is for the {micropython.chip}, and {board.name} has an {board.chip}")
    needed = max(micropython.flash_size, *(row.end for row in micropython.partitions))
    if needed > flash_size:
        raise ImageError(
            f"the flash has {megabytes(flash_size)}, and this MicroPython build is for {megabytes(needed)} or more: "
            f"take a variant for less (FLASH_4M or the like). {advice(board)}"
        )
    place = micropython.file_system(flash_size)
    if micropython.end > place.offset:
        raise ImageError("the MicroPython build reaches into its own file system")
    files = {**image.application_files(board), **(more_files or {}), **(kept.files if kept else {})}
    if config is not None:
        files["config.json"] = json.dumps(dict(config)).encode()
    system = image.littlefs_image(files, place.size)
    store = micropython.nvs
    names = tuple(sorted(secrets or {})) if kept is None else kept.names
    content = bytearray(b"\xff" * flash_size)
    content[micropython.start : micropython.end] = micropython.content
    content[store.offset : store.end] = _store(secrets or {}, kept, store.size)
    content[place.offset : place.end] = system
    regions = [Region("MicroPython", micropython.start, len(micropython.content), len(micropython.content))]
    regions.append(Region("NVS", store.offset, store.size, _used(bytes(content[store.offset : store.end]))))
    regions.append(Region("file system", place.offset, place.size, sum(map(len, files.values()))))
    return Complete(bytes(content), micropython.version, tuple(sorted(files)), names, tuple(regions))


def _store(secrets: Mapping[str, str], kept: Kept | None, size: int) -> bytes:
    """The NVS partition."""
    if kept is not None and len(kept.store) == size:
        return kept.store
    values: nvs.Values = {(nvs.NAMESPACE, name): text.encode() for name, text in secrets.items()}
    if kept is not None:  # the new build has another room for it: without what ESP-IDF itself keeps there
        values = {place: value for place, value in nvs.decode(kept.store).items() if place[0] == nvs.NAMESPACE}
    return nvs.encode(values, size) if values else b"\xff" * size


def _used(store: bytes) -> int:
    return sum(len(value) for value in nvs.decode(store).values() if isinstance(value, bytes))
