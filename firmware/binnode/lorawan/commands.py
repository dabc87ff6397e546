"""The network's MAC commands (TS001-1.0.4, chapter 5): applied, and answered with the next uplink.

Loaded when there are some. Answers gather in session.answers, in the order of the requests.
"""

import struct

from micropython import const

from binnode.lorawan.answers import fitting

_LENGTHS = b"\2\4\1\4\0\5\1\1\4\xff\xff\5"  # bytes behind the CIDs 2 to 13
_KEEP = const(15)  # in LinkADRReq
_ROOM = const(64)  # of session.answers
_EIRP_DBM = b"\x08\x0a\x0c\x0d\x0e\x10\x12\x14\x15\x18\x1a\x1b\x1d\x1e\x21\x24"


def obey(mac, commands, snr_db):
    """All commands up to the first that is unknown or cut off. `snr_db`: of the frame that brought them."""
    session = mac.session
    at, count, answers = 0, len(commands), b""
    while at < count:
        cid = commands[at]
        size = _LENGTHS[cid - 2] if 2 <= cid <= 13 else 255
        if at + 1 + size > count:
            break
        body = commands[at + 1 : at + 1 + size]
        at += 1 + size
        if cid == 3:
            block = [body]
            while at + 4 < count and commands[at] == 3:
                block.append(commands[at + 1 : at + 5])
                at += 5
            answer = (b"\x03" + bytes((_link_adr(mac, block),))) * len(block)
        else:
            answer = _answer(mac, cid, body, snr_db)
        answers += answer
    session.answers = fitting(answers, _ROOM)


def _hz(body, at):
    return (body[at] | body[at + 1] << 8 | body[at + 2] << 16) * 100


def _answer(mac, cid, body, snr_db):
    """Do what one command says; its answer, b"" when there is none."""
    session, plan = mac.session, mac.plan
    first = body[0] if body else 0
    bits = 7
    if cid == 2:  # LinkCheckAns
        if b"\x02" in mac.asks:
            mac.asks = mac.asks.replace(b"\x02", b"")
            mac.link = first, body[1]
        return b""
    if cid == 13:  # DeviceTimeAns
        if b"\x0d" in mac.asks:
            mac.asks = mac.asks.replace(b"\x0d", b"")
            mac.gps = struct.unpack("<IB", body)
        return b""
    if cid == 6:  # DevStatusReq
        return bytes((6, _battery(mac.battery), max(-32, min(31, snr_db)) & 63))
    if cid == 4:  # DutyCycleReq
        session.max_duty = first & 15
    elif cid == 5:  # RXParamSetupReq
        offset, dr, hz = first >> 4 & 7, first & 15, _hz(body, 1)
        bits = plan.hz_ok(hz) | plan.rx2_ok(hz, dr) << 1 | plan.rx1_offset_ok(offset) << 2
        if bits == 7:
            session.rx1_offset, session.rx2_dr, session.rx2_hz = offset, dr, hz
            plan.settle(session)
    elif cid == 8:  # RXTimingSetupReq
        session.rx1_delay_s = first & 15 or 1
    elif cid == 9:  # TXParamSetupReq
        if not plan.has_tx_param:
            return b""
        session.downlink_dwell, session.uplink_dwell = first >> 5 & 1, first >> 4 & 1
        session.max_eirp_dbm = _EIRP_DBM[first & 15]
        plan.settle(session)
    else:  # NewChannelReq, DlChannelReq
        if not plan.has_new_channel:
            return b""
        if cid == 7:
            bits = plan.new_channel(session, first, _hz(body, 1), body[4])
        else:
            bits = plan.dl_channel(session, first, _hz(body, 1))
    if bits == 7 or (bits == 3 and cid != 5):
        session.stale |= 2
    if cid in (4, 8, 9):
        return bytes((cid,))
    return bytes((cid, bits))


def _battery(measured):
    """DevStatusAns: 1 is low, 254 a full cell's 4200 mV, 255 unknown. `measured`: (mV, mV when low) or None."""
    if not measured:
        return 255
    mv, low_mv = measured
    return 1 + max(0, min(253 * (mv - low_mv) // max(4200 - low_mv, 1), 253))


def _link_adr(mac, block):
    """A block of LinkADRReqs is one: all or nothing. The bits of its answers: 1 mask, 2 data rate, 4 power."""
    session, plan = mac.session, mac.plan
    masks = []
    for body in block:
        masks.append((body[3] >> 4 & 7, body[1] | body[2] << 8))
    last = block[-1]
    dr, power = last[0] >> 4, last[0] & 15
    if dr == _KEEP or not session.adr:
        dr = session.dr
    if power == _KEEP or not session.adr:
        power = session.power
    mask = plan.mask(session, masks, dr)
    bits = 0 if mask is None else 1
    if plan.dr_ok(session, session.mask if mask is None else mask, dr):
        bits |= 2
    if plan.power_ok(power):
        bits |= 4
    if bits == 7:
        session.mask, session.dr, session.power, session.nb_trans = mask, dr, power, last[3] & 15 or 1
        session.stale |= 2
    return bits
