"""RTC memory as firmware with layout version 1 left it, built from that version's byte map."""

import binascii
import struct

# A head of 36 bytes, readings, CRC.
HEAD = struct.pack(
    ">2sBBHHHBBHHIIIBB6s",
    b"bN",
    1,
    0x21,
    0,
    457,
    731,
    0,
    0,
    440,
    17,
    1234,
    90000,
    91000,
    2,
    6,
    b"\x02\x11\x22\x33\x44\x55",
)
READINGS = bytes((0, 1, 0x5F, 0x91, 0xC8)) + bytes((0, 1, 0x6D, 0xA1, 0xB8))  # 22500 s 456 permille, 23400 s 440


def image(readings=READINGS, head=HEAD):
    body = head[:4] + struct.pack(">H", len(head) + len(readings) + 4) + head[6:] + readings
    return body + struct.pack(">I", binascii.crc32(body))
