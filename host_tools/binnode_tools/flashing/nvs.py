"""The NVS partition as a file: written by Espressif's own generator, and read back here.

The format: ESP-IDF programming guide, "Non-Volatile Storage Library", pages of version 2. 4096 bytes: a header, two
state bits per entry, 126 entries of 32 bytes. A blob is chunks of data and an index over them.
"""

import io
import struct
import zlib
from collections.abc import Iterator

from binnode_tools.image import ImageError

NAMESPACE = "binnode"  # firmware/binnode/board.py
_PAGE, _ENTRY, _ENTRIES = 4096, 32, 126
_ACTIVE, _FULL = 0xFFFFFFFE, 0xFFFFFFFC
_INTEGERS = {0x01: "B", 0x11: "b", 0x02: "H", 0x12: "h", 0x04: "I", 0x14: "i", 0x08: "Q", 0x18: "q"}
_TEXT, _BLOB_DATA, _BLOB_INDEX = 0x21, 0x42, 0x48
_WRITTEN = 0b10  # of an entry's two state bits

Values = dict[tuple[str, str], int | bytes]  # (namespace, key) -> value


def encode(values: Values, size: int) -> bytes:
    """A partition of `size` bytes. An int becomes an i32, as MicroPython's NVS.set_i32 writes it, bytes a blob.

    ImageError when they do not fit. No error names a value.
    """
    from esp_idf_nvs_partition_gen import nvs_partition_gen as generator

    out = io.BytesIO()
    try:  # one page stays free, for NVS to move things to
        nvs = generator.nvs_open(out, size - _PAGE, version=generator.Page.VERSION2)
        for (namespace, key), value in sorted(values.items()):
            if not 1 <= len(key.encode()) <= 15:
                raise ImageError(f"{key}: a key in NVS has 1 to 15 letters")
            nvs.write_namespace(namespace)
            if isinstance(value, int):
                nvs.write_entry(key, str(value), "i32", nvs.namespace_idx)
            else:
                nvs.write_entry(key, value.hex(), "hex2bin", nvs.namespace_idx)
        generator.nvs_close(nvs)
    except generator.InsufficientSizeError:
        raise ImageError(f"the secrets do not fit the NVS partition of {size} bytes") from None
    written = out.getvalue()
    if len(written) != size or decode(written) != values:
        raise ImageError("the NVS partition does not read back as it was written")
    return written


def decode(partition: bytes) -> Values:
    """What the pages hold; what was erased, or is damaged, is not there. ImageError when it is no NVS partition."""
    names: dict[int, str] = {}
    values: dict[tuple[int, str], int | bytes] = {}
    chunks: dict[tuple[int, str, int], bytes] = {}
    indexes: dict[tuple[int, str], tuple[int, int, int]] = {}
    for entry, data in _entries(partition):
        space, kind, _, chunk = entry[:4]
        key = entry[8:24].rstrip(b"\0").decode("ascii", "replace")
        if kind in _INTEGERS:
            number = struct.unpack_from("<" + _INTEGERS[kind], entry, 24)[0]
            if space == 0:
                names[number] = key
            else:
                values[space, key] = number
        elif kind == _TEXT:
            values[space, key] = data.rstrip(b"\0")
        elif kind == _BLOB_DATA:
            chunks[space, key, chunk] = data
        elif kind == _BLOB_INDEX:
            indexes[space, key] = struct.unpack_from("<IBB", entry, 24)
    for (space, key), (size, count, first) in indexes.items():
        parts = [chunks.get((space, key, first + number)) for number in range(count)]
        blob = b"".join(part for part in parts if part is not None)
        if None not in parts and len(blob) == size:
            values[space, key] = blob
    return {(names[space], key): value for (space, key), value in values.items() if space in names}


def _entries(partition: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(entry, the data behind it) of all that is written and whole, oldest page first."""
    if not partition or len(partition) % _PAGE:
        raise ImageError(f"{len(partition)} bytes are no NVS partition: it has pages of {_PAGE}")
    pages = []
    for at in range(0, len(partition), _PAGE):
        page = partition[at : at + _PAGE]
        state, sequence = struct.unpack_from("<II", page)
        if state in (_ACTIVE, _FULL) and _crc(page[4:28]) == struct.unpack_from("<I", page, 28)[0]:
            pages.append((sequence, page))
        elif page != b"\xff" * _PAGE:
            raise ImageError(f"an NVS page at {at:#x} is damaged")
    for _, page in sorted(pages):
        states = int.from_bytes(page[32:64], "little")
        number = 0
        while number < _ENTRIES:
            entry = page[64 + number * _ENTRY :][:_ENTRY]
            here, number = number, number + 1
            if states >> 2 * here & 3 != _WRITTEN or _crc(entry[:4] + entry[8:]) != int.from_bytes(
                entry[4:8], "little"
            ):
                continue
            data = b""
            if entry[1] in (_TEXT, _BLOB_DATA):
                size, crc = struct.unpack_from("<H2xI", entry, 24)
                data = page[64 + number * _ENTRY :][:size]
                number = here + entry[2]
                if _crc(data) != crc:
                    continue
            yield entry, data


def _crc(data: bytes) -> int:
    return zlib.crc32(data, 0xFFFFFFFF) & 0xFFFFFFFF
