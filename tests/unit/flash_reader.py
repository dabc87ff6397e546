"""Reads a whole flash as the chip would, and shares no code with what writes one."""

import hashlib
import re
import struct
import subprocess
import sys

from littlefs import LittleFS

BOOTLOADERS = {"esp32": 0x1000, "esp32c3": 0, "esp32s3": 0}


def table_of(flash):
    """name -> (type, subtype, offset, size), from 0x8000, with its MD5."""
    rows, at = {}, 0x8000
    while flash[at : at + 2] == b"\xaa\x50":
        kind, subtype = flash[at + 2], flash[at + 3]
        offset, size = struct.unpack_from("<II", flash, at + 4)
        rows[flash[at + 12 : at + 28].split(b"\0")[0].decode()] = (kind, subtype, offset, size)
        at += 32
    assert flash[at : at + 16] == b"\xeb\xeb" + b"\xff" * 14
    assert flash[at + 16 : at + 32] == hashlib.md5(flash[0x8000:at]).digest()
    return rows


def file_system(flash, offset):
    """The littlefs from there to the end; littlefs-python takes its size from the image."""
    system = LittleFS(block_size=4096, block_count=0, mount=False)
    system.context.buffer = bytearray(flash[offset:])
    system.mount()
    assert system.block_count == (len(flash) - offset) // 4096, "MicroPython mounts no file system of another size"
    return system


def stray_blocks(flash, offset):
    """How many blocks of that littlefs hold something and belong to no file and no folder."""
    used = sum(flash[at : at + 4096] != b"\xff" * 4096 for at in range(offset, len(flash), 4096))
    return max(0, used - file_system(flash, offset).used_block_count)


def files_of(flash, offset):
    """path -> content of that littlefs."""
    system = file_system(flash, offset)
    found = {}
    for folder, _, names in system.walk("/"):
        for name in names:
            path = f"{folder.rstrip('/')}/{name}"
            with system.open(path, "rb") as file:
                found[path.lstrip("/")] = file.read()
    return found


def image_info(flash, offset, chip, folder):
    """What `esptool image-info` says of the image there; its checksum and digest are valid."""
    path = folder / "part.bin"
    path.write_bytes(flash[offset:])
    command = [sys.executable, "-m", "esptool", "--chip", chip, "image-info", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert re.search(r"Checksum: \S+ \(valid\)", said) and re.search(r"Validation hash: \S+ \(valid\)", said)
    return said
