"""An official MicroPython build, as downloaded: bootloader, partition table and application in one .bin.

The format of the images in it: esptool's documentation, "Firmware Image Format".
"""

import hashlib
import re
import struct
from dataclasses import dataclass
from functools import reduce
from operator import xor
from pathlib import Path

from binnode_tools.board_link import OLDEST_MICROPYTHON
from binnode_tools.boards import Board
from binnode_tools.flashing import partitions
from binnode_tools.flashing.partitions import APP, Partition
from binnode_tools.image import ImageError

# The number of a chip in the header of its images -> its name in board files, where its bootloader lies in flash.
CHIPS = {0: ("esp32", 0x1000), 2: ("esp32s2", 0x1000), 5: ("esp32c3", 0), 9: ("esp32s3", 0), 12: ("esp32c2", 0)}
CHIPS |= {13: ("esp32c6", 0), 16: ("esp32h2", 0), 18: ("esp32p4", 0x2000), 23: ("esp32c5", 0x2000)}
_MAGIC, _CHECKSUM_SEED = 0xE9, 0xEF
_HEADER, _SEGMENT = 24, 8
_BANNER = re.compile(rb"MicroPython v(\d+)\.(\d+)(?:\.(\d+))?([-+.\w]*) on \d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Build:
    """`content` begins at `start` in flash. `flash_size`: what its header says, the least it runs on. All in bytes."""

    content: bytes
    chip: str
    start: int
    version: str
    flash_size: int
    partitions: tuple[Partition, ...]

    @property
    def end(self) -> int:
        return self.start + len(self.content)

    @property
    def nvs(self) -> Partition:
        return partitions.nvs_of(self.partitions)

    def file_system(self, flash_size: int) -> Partition:
        return partitions.file_system_of(self.partitions, flash_size)


def megabytes(size: int) -> str:
    return f"{size / 0x100000:g} MiB"


def load(path: Path, board: Board) -> Build:
    """The build in a file, if it can serve that board. ImageError names the file, and what to take instead."""
    try:
        build = parse(path.read_bytes())
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from None
    except ImageError as error:
        raise ImageError(f"{path.name}: {error}. {advice(board)}") from None
    if build.chip != board.chip:
        raise ImageError(f"{path.name}: is for the {build.chip}, and {board.name} has an {board.chip}. {advice(board)}")
    return build


def advice(board: Board) -> str:
    return f"Take the .bin of {board.build} from https://micropython.org/download/{board.build}/"


def parse(content: bytes) -> Build:
    """What the file holds, checked as far as it can be: headers, checksums, digests, table. ImageError says why not."""
    if len(content) < _HEADER or content[0] != _MAGIC:
        raise ImageError("is no MicroPython build for an ESP32")
    number = int.from_bytes(content[12:14], "little")
    if number not in CHIPS:
        raise ImageError("is for none of the ESP32 chips")
    chip, start = CHIPS[number]
    rows = partitions.parse(content[partitions.OFFSET - start :][: partitions.SIZE])
    image_length(content)
    app = next((row for row in rows if row.type == APP), None)
    if app is None:
        raise ImageError("its partition table lacks an application")
    partitions.nvs_of(rows)
    program = content[app.offset - start :]
    if len(program) < _HEADER or program[0] != _MAGIC or program[12:14] != content[12:14]:
        raise ImageError(f"there is no application for the {chip} at {app.offset:#x}, where its table says")
    length = image_length(program)
    if length > app.size:
        raise ImageError(f"its application of {length} bytes does not fit its partition of {app.size}")
    banner = _BANNER.search(program)
    if not banner:
        raise ImageError("is an image for an ESP32, but no MicroPython")
    version = b".".join(part for part in banner.groups()[:3] if part).decode() + banner[4].decode()
    if (int(banner[1]), int(banner[2])) < OLDEST_MICROPYTHON:
        oldest = ".".join(map(str, OLDEST_MICROPYTHON))
        raise ImageError(f"is MicroPython {version}, too old for .mpy files of format 6.3: take {oldest} or newer")
    return Build(content, chip, start, version, 0x100000 << (content[3] >> 4), tuple(rows))


def image_length(content: bytes) -> int:
    """Bytes of the image that begins here. ImageError when it is cut off, or its checksum or digest is wrong."""
    at, checksum = _HEADER, _CHECKSUM_SEED
    for _ in range(content[1]):
        if at + _SEGMENT > len(content):
            raise ImageError("is cut off")
        size = struct.unpack_from("<I", content, at + 4)[0]
        data = content[at + _SEGMENT : at + _SEGMENT + size]
        if len(data) < size:
            raise ImageError("is cut off")
        checksum ^= reduce(xor, data, 0)
        at += _SEGMENT + size
    at += 16 - at % 16  # the checksum is the last byte of a row of 16
    if at > len(content) or content[at - 1] != checksum:
        raise ImageError("is damaged (checksum)")
    if content[23]:  # a SHA-256 follows
        if content[at : at + 32] != hashlib.sha256(content[:at]).digest():
            raise ImageError("is damaged (SHA-256)")
        at += 32
    return at
