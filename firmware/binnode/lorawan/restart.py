"""What LoRaWAN begins with after a loss of power: the records in NVS that session.py wrote, and the nonces of joins."""

import binascii
import struct

from micropython import const

from binnode.lorawan.session import ABP_COUNTERS, COUNTERS, COUNTERS_LAYOUT, IMAGE, MAGIC, NAMES, NONE, summed, unpack

_LONGEST = const(648)  # bytes of a session, at most
_NONCES = "lora_nonces"
_NONCES_LAYOUT = ">IIHI"  # bond of the keys, next DevNonce; DevNonce and JoinNonce of the last accept


def clear(session):
    """`session` with nothing in it: not joined, of no region."""
    for name in NAMES.split():
        setattr(session, name, 0)
    session.region = ""
    session.channels, session.credits = [], []
    session.answers = b""
    session.nwk_s_key = session.app_s_key = bytes(16)
    session.mask, session.used = bytearray(9), bytearray(9)
    session.adr = session.nb_trans = session.rx1_delay_s = 1
    session.fcnt_down = None
    return session


def bond(keys, dev_nonce, join_nonce):
    """What ties a session to the keys (bytes each) and nonces that it was made of: 32 bits."""
    crc = binascii.crc32(struct.pack(">HI", dev_nonce, join_nonce))
    for key in keys:
        crc = binascii.crc32(key, crc)
    return crc


def undoubted(image):
    """The session's `image` from RTC memory as it was before config.settings() had doubts about it."""
    return MAGIC[:1] + image[1:] if image[:1] == b"?" else image


def recall(memory, region, keys):
    """The Session in `memory` if it is of this region and these keys, joined or not; else None."""
    session = unpack(memory)
    if session and session.region == region and session.nonces_crc == bond(keys, session.dev_nonce, session.join_nonce):
        return session
    return None


def read(board, key, layout):
    """The values of a record, None when there is none."""
    record = board.kept(key, 32)
    size = struct.calcsize(layout)
    return struct.unpack_from(layout, record) if len(record) == size + 4 and summed(record[:size]) == record else None


def _keep_nonces(board, *values):
    board.keep(_NONCES, summed(struct.pack(_NONCES_LAYOUT, *values)))


def nonces(board, keys):
    """(next DevNonce, DevNonce of the last accept, its JoinNonce or None). DevNonces go on when keys change."""
    owner, following, joined, join_nonce = read(board, _NONCES, _NONCES_LAYOUT) or (0, 0, 0, NONE)
    if join_nonce == NONE or owner != bond(keys, 0, 0):
        return following, 0, None
    return following, joined, join_nonce


def reserve(board, keys, dev_nonce):
    """`dev_nonce` is used up: before the Join-Request leaves."""
    _, joined, join_nonce = nonces(board, keys)
    join_nonce = NONE if join_nonce is None else join_nonce
    _keep_nonces(board, bond(keys, 0, 0), dev_nonce + 1, joined, join_nonce)


def accepted(board, session):
    """The accept that made `session` is the last one."""
    found = read(board, _NONCES, _NONCES_LAYOUT)
    if found:
        _keep_nonces(board, found[0], found[1], session.dev_nonce, session.join_nonce)


def counters(board, session):
    """Go on behind all counters that were reserved. False: NVS has none of this session."""
    found = read(board, ABP_COUNTERS if session.abp else COUNTERS, COUNTERS_LAYOUT)
    if not found or found[0] != session.nonces_crc:
        return False
    session.fcnt_up = session.fcnt_ceiling = found[1]
    session.fcnt_down = None if found[2] == NONE else found[2]
    return True


def restore(board, region, keys, now_s):
    """The Session after a loss of power, or None. Its credits begin at nothing: when it last sent is unknown."""
    session = recall(board.kept(IMAGE, _LONGEST), region, keys)
    _, joined, join_nonce = nonces(board, keys)
    if not session or session.nonces_crc != bond(keys, joined, join_nonce or 0) or not counters(board, session):
        return None
    session.credits = [0] * len(session.credits)
    session.credits_at_s = session.last_downlink_s = now_s
    session.quiet_until_s = session.join_attempt = session.stale = 0
    return session


def shifted(image, delta_s):
    """The session's `image` with a clock that is set `delta_s` ahead: all times keep their age. b"": no session."""
    session = unpack(undoubted(image))
    if not session:
        return b""
    for name in NAMES.split()[-5:]:
        setattr(session, name, max(0, getattr(session, name) + delta_s))
    return image[:1] + session.pack()[1:]
