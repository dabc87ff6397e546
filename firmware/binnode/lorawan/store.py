"""What of LoRaWAN goes to NVS, so that after a loss of power no counter or nonce is used again; restart.py reads it.

Three records, each whole or absent, and each with a CRC-32; which is written when: LORAWAN.md. OSError when NVS fails:
then nothing may be sent.
"""

import binascii
import struct

from micropython import const

COUNTERS = "lora_counters"
COUNTERS_LAYOUT = ">III"  # the session's bond, from here on counters are free, last downlink
SESSION = "lora_session"
NONE = 0xFFFFFFFF
_AHEAD = const(64)  # counters that are reserved at a time


def write(board, key, layout, *values):
    record = struct.pack(layout, *values)
    board.keep(key, record + struct.pack(">I", binascii.crc32(record)))


def due(session):
    """True when keep() has something to write."""
    return session.stale or session.fcnt_up > session.fcnt_ceiling


def keep(board, session):
    """Write what NVS lacks: before a frame leaves, and after a downlink. What fails stays due."""
    if session.stale & 4:
        from binnode.lorawan import restart

        restart.accepted(board, session)
    if session.stale & 5 or session.fcnt_up > session.fcnt_ceiling:
        ceiling = session.fcnt_up + _AHEAD
        down = NONE if session.fcnt_down is None else session.fcnt_down
        write(board, COUNTERS, COUNTERS_LAYOUT, session.nonces_crc, ceiling, down)
        session.fcnt_ceiling = ceiling
    if session.stale & 2:
        board.keep(SESSION, session.pack())
    session.stale = 0
