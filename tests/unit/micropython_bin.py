"""A MicroPython .bin in the real format, built from its documentation: no chip would run it, but it reads true.

esptool's documentation, "Firmware Image Format"; ESP-IDF programming guide, "Partition Tables" and "App Image Format".
"""

import hashlib
import random
import struct

IDS = {"esp32": 0, "esp32c3": 5, "esp32s3": 9}
STARTS = {"esp32": 0x1000, "esp32c3": 0, "esp32s3": 0}
# Where constants are mapped to, and where code may lie in RAM.
_PLACES = {"esp32": (0x3F400020, 0x40080000), "esp32c3": (0x3C000020, 0x4037C000), "esp32s3": (0x3C000020, 0x40374000)}
NVS, PHY, APP = ("nvs", 1, 2, 0x9000, 0x6000), ("phy_init", 1, 1, 0xF000, 0x1000), ("factory", 0, 0, 0x10000, 0x1F0000)
TABLE = [NVS, PHY, APP]  # partitions-4MiB.csv: files come behind it
OTA_TABLE = [
    ("nvs", 1, 2, 0x9000, 0x4000),
    ("otadata", 1, 0, 0xD000, 0x2000),
    ("phy_init", 1, 1, 0xF000, 0x1000),
    ("ota_0", 0, 0x10, 0x10000, 0x180000),
    ("ota_1", 0, 0x11, 0x190000, 0x180000),
]


def micropython_bin(
    chip="esp32", flash_mib=4, table=TABLE, version="1.29.0", banner=True, filler=300_000, app_at=0x10000
):
    """The file as micropython.org offers it. `filler`: bytes of the application that do not compress."""
    text = f"3.4.0; MicroPython v{version} on 2026-08-24".encode() if banner else b"Tasmota"
    random_bytes = random.Random(7).randbytes(filler)
    description = app_description("micropython" if banner else "tasmota", version)
    app = firmware_image(chip, flash_mib, text, random_bytes, description=description)
    bootloader = firmware_image(chip, flash_mib, b"bootloader, first part", random_bytes[:9000])
    content = bytearray(b"\xff" * (app_at + len(app)))
    content[STARTS[chip] : STARTS[chip] + len(bootloader)] = bootloader
    rows = partition_table(table)
    content[0x8000 : 0x8000 + len(rows)] = rows
    content[app_at:] = app
    return bytes(content[STARTS[chip] :])


def partition_table(rows):
    table = b"".join(
        b"\xaa\x50" + struct.pack("<BBII", kind, subtype, offset, size) + name.encode().ljust(16, b"\0") + bytes(4)
        for name, kind, subtype, offset, size in rows
    )
    table += b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(table).digest()
    return table.ljust(0xC00, b"\xff")


def firmware_image(chip, flash_mib, *code, description=b""):
    """A header of 8 bytes, one of 16, segments, the checksum at the end of a row of 16, and a SHA-256 over all."""
    constants, ram = _PLACES[chip]
    segments = [(constants, description)] if description else []
    segments += [(ram + 0x400 * number, data) for number, data in enumerate(code)]
    size_and_speed = {2: 0x10, 4: 0x20, 8: 0x30, 16: 0x40}[flash_mib]
    image = struct.pack("<BBBBI", 0xE9, len(segments), 2, size_and_speed, ram)
    image += struct.pack("<B3sHBHH4sB", 0xEE, bytes(3), IDS[chip], 0, 0, 0xFFFF, bytes(4), 1)
    checksum = 0xEF
    for address, data in segments:
        data += bytes(-len(data) % 4)
        image += struct.pack("<II", address, len(data)) + data
        for byte in data:
            checksum ^= byte
    image += bytes(15 - len(image) % 16) + bytes([checksum])
    return image + hashlib.sha256(image).digest()


def app_description(project, version):
    """esp_app_desc_t, which lies at the front of the first segment."""
    texts = (f"v{version}", 32), (project, 32), ("12:00:00", 16), ("Aug 24 2026", 16), ("v5.5.1", 32)
    described = b"".join(text.encode().ljust(width, b"\0") for text, width in texts)
    return (struct.pack("<II8x", 0xABCD5432, 0) + described + bytes(32)).ljust(256, b"\0")
