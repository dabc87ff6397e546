"""The partition table of ESP-IDF (programming guide, "Partition Tables"): rows of 32 bytes, an MD5 row, then blank."""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from binnode_tools.image import ImageError

OFFSET = 0x8000  # where the table lies in flash
SIZE = 0xC00  # what it may take there
APP, DATA = 0, 1  # types
NVS = 2  # a subtype of DATA
_ROW, _MAGIC, _MD5_MAGIC = struct.Struct("<2sBBII16sI"), b"\xaa\x50", b"\xeb\xeb"


@dataclass(frozen=True)
class Partition:
    """One row; offset and size in bytes of flash."""

    label: str
    type: int
    subtype: int
    offset: int
    size: int

    @property
    def end(self) -> int:
        return self.offset + self.size


def parse(table: bytes) -> list[Partition]:
    """The rows in their order. ImageError when it is no table, or is damaged."""
    found: list[Partition] = []
    for at in range(0, min(len(table), SIZE), _ROW.size):
        row = table[at : at + _ROW.size]
        if row[:2] == _MD5_MAGIC:
            if row[16:] != hashlib.md5(table[:at]).digest():
                raise ImageError("its partition table is damaged (MD5)")
            break
        if row == b"\xff" * _ROW.size or len(row) < _ROW.size:
            break
        magic, kind, subtype, offset, size, label, _ = _ROW.unpack(row)
        if magic != _MAGIC:
            raise ImageError("its partition table is damaged" if found else "it has no partition table")
        found.append(Partition(label.rstrip(b"\0").decode("ascii", "replace"), kind, subtype, offset, size))
    if not found:
        raise ImageError("it has no partition table")
    for one, other in zip(ordered := sorted(found, key=lambda row: row.offset), ordered[1:], strict=False):
        if one.end > other.offset:
            raise ImageError(f"its partitions {one.label} and {other.label} overlap")
    return found


def nvs_of(rows: Sequence[Partition]) -> Partition:
    """The row of NVS. ImageError when there is none."""
    for row in rows:
        if (row.type, row.subtype) == (DATA, NVS):
            return row
    raise ImageError("its partition table lacks NVS")


def file_system_of(rows: Sequence[Partition], flash_size: int) -> Partition:
    """Where MicroPython looks for its files: its row "vfs" or, without one, from the last row to the end of flash
    (ports/esp32/main.c, boardctrl_startup: it asks the flash chip for the size). ImageError when there is none."""
    for row in rows:
        if row.type == DATA and row.label == "vfs":
            return row
        if row.type == DATA and row.label == "ffat":
            raise ImageError("its partition table is that of TinyUF2 (ffat): take the .bin of micropython.org")
    last = max(row.end for row in rows)
    if last >= flash_size:
        raise ImageError(f"its partitions end at {last:#x} and leave no room for files in {flash_size:#x} bytes")
    return Partition("vfs", DATA, 0x81, last, flash_size - last)
