"""Data frames of LoRaWAN 1.0.4 (TS001, chapter 4), made and taken apart. A DevAddr is an integer, keys are 16 bytes."""

import struct

from binnode.lorawan.crypto import crypt, mic


def _mic(session, direction, fcnt, frame):
    start = struct.pack("<BIBIIBB", 0x49, 0, direction, session.dev_addr, fcnt, 0, len(frame))
    return mic(session.nwk_s_key, start + frame)


def uplink(session, fcnt, control, fopts, fport, payload):
    """A data frame with the 32-bit counter `fcnt`.

    control: the bits of FCtrl (0x80 ADR, 0x40 ADRACKReq, 0x20 ACK; FOptsLen is filled in), 0x100 when confirmed.
    fopts: 0 to 15 bytes. fport None: neither FPort nor payload.
    """
    kind = 0x80 if control & 0x100 else 0x40
    frame = struct.pack("<BIBH", kind, session.dev_addr, control & 0xF0 | len(fopts), fcnt & 0xFFFF) + fopts
    if fport is not None:
        key = session.app_s_key if fport else session.nwk_s_key
        frame += bytes((fport,)) + crypt(key, 0, session.dev_addr, fcnt, payload)
    return frame + _mic(session, 0, fcnt, frame)


def downlink(session, frame):
    """(fcnt, control, fopts, fport or None, payload) of a data frame for this session, or None, whatever the bytes.

    fcnt: all 32 bits, later than session.fcnt_down (None before the first). control: the FCtrl byte, and 0x100 when
    confirmed. Commits nothing.
    """
    size = len(frame)
    if not 12 <= size <= 255 or frame[0] & 0xE3 not in (0x60, 0xA0):
        return None
    kind, dev_addr, control, fcnt = struct.unpack_from("<BIBH", frame)
    end = size - 4
    port_at = 8 + (control & 15)
    if dev_addr != session.dev_addr or port_at > end:
        return None
    last = session.fcnt_down
    if last is not None:
        ahead = (fcnt - last) & 0xFFFF
        fcnt = last + ahead
        if not ahead or fcnt >> 32:
            return None
    if _mic(session, 1, fcnt, frame[:end]) != frame[end:]:
        return None
    fopts = frame[8:port_at]
    port, payload = None, b""
    if port_at < end:
        port = frame[port_at]
        if fopts and not port:
            return None
        payload = crypt(session.app_s_key if port else session.nwk_s_key, 1, dev_addr, fcnt, frame[port_at + 1 : end])
    return fcnt, control | (kind & 0x80) << 1, fopts, port, payload
