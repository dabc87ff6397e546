"""AES-128 as LoRaWAN 1.0.x uses it: CMAC (RFC 4493) and payload encryption (TS001, 4.3.3)."""

import struct

from cryptolib import aes
from micropython import const

_ECB = const(1)
_CBC = const(2)


def cmac(key, data):
    """AES-CMAC of `data` with the 16 bytes of `key`: 16 bytes. The last block of a CBC run whose end is masked."""
    size = len(data)
    subkey = _doubled(int.from_bytes(aes(key, _ECB).encrypt(bytes(16)), "big"))
    if not size or size % 16:
        subkey = _doubled(subkey)
        data += b"\x80" + bytes(-(size + 1) % 16)
    last = int.from_bytes(data[-16:], "big") ^ subkey
    return aes(key, _CBC, bytes(16)).encrypt(data[:-16] + last.to_bytes(16, "big"))[-16:]


def _doubled(block):
    """Times x in the field of RFC 4493, 2.3."""
    block <<= 1
    return block ^ (1 << 128 | 0x87) if block >> 128 else block


def mic(key, data):
    """The message integrity code: 4 bytes."""
    return cmac(key, data)[:4]


def crypt(key, direction, dev_addr, fcnt, data):
    """`data` encrypted, or decrypted: the same. direction: 0 up, 1 down; fcnt: all 32 bits."""
    size = len(data)
    blocks = b""
    for number in range(1, (size + 31) // 16):
        blocks += struct.pack("<BIBIIBB", 1, 0, direction, dev_addr, fcnt, 0, number)
    stream = int.from_bytes(aes(key, _ECB).encrypt(blocks)[:size], "big")
    return (int.from_bytes(data, "big") ^ stream).to_bytes(size, "big")
