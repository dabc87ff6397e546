"""Activation: over the air (TS001-1.0.4, 6.2) with the back-off of TR007, or by personalisation. Loaded for that only.

OTAA's keys are (AppKey, JoinEUI, DevEUI), ABP's (DevAddr in 4 bytes, NwkSKey, AppSKey); EUIs and DevAddr as printed.
"""

from micropython import const

from binnode.lorawan import join_frames
from binnode.lorawan.restart import bond, clear
from binnode.lorawan.session import Session
from binnode.lorawan.tx import Tx

_DELAY_S = const(5)  # JOIN_ACCEPT_DELAY1
_HOUR_S = const(3600)


def fresh(plan, region, sub_band, keys, now_s, used_before):
    """A Session that has not joined. used_before: this node may have been on the air within the hour."""
    session = clear(Session())
    session.region, session.sub_band = region, sub_band
    plan.reset(session, sub_band)
    session.credits_at_s = now_s
    if used_before:
        session.credits = [0] * len(session.credits)
    session.nonces_crc = bond(keys, 0, 0)
    return session


def request(session, plan, keys, dev_nonce, now_s, entropy):
    """The Tx of a Join-Request, or the seconds to wait. `dev_nonce` is used up: keep that before the Tx leaves.

    A session that is joined stays as it is. ValueError: there is no DevNonce left.
    """
    if dev_nonce > 0xFFFF:
        raise ValueError("no DevNonce is left: new keys")
    attempt = session.join_attempt
    if attempt and now_s < session.join_next_s:
        return session.join_next_s - now_s
    plain = clear(Session())  # what the network has changed holds for its session only
    plan.reset(plain, session.sub_band)
    plain.credits, plain.credits_at_s, plain.used = session.credits, session.credits_at_s, session.used
    picked = plan.join_pick(plain, attempt, now_s, entropy)
    session.credits, session.credits_at_s, session.used = plain.credits, plain.credits_at_s, plain.used
    if picked.__class__ is int:
        return picked
    channel, hz, dr = picked
    frame = join_frames.join_request(keys[0], keys[1], keys[2], dev_nonce)
    tx = Tx(plan, plain, (channel, hz), dr, frame, _DELAY_S)
    if not attempt:
        session.join_since_s = now_s
    session.join_attempt = attempt % 254 + 1
    session.join_dr = dr
    session.join_next_s = now_s + _gap_s(now_s - session.join_since_s, tx.airtime_ms, entropy(1)[0])
    return tx


def _gap_s(elapsed_s, airtime_ms, random):
    """TR007: air time under 36 s in the first hour, under 36 s in the next ten, then under 8.7 s a day.

    A quarter more than the share asks for, so that it holds for any stretch of that length, and up to half as much
    again by chance, so that no two nodes keep step.
    """
    share = 100 if elapsed_s < _HOUR_S else 1000 if elapsed_s < 11 * _HOUR_S else 9931
    gap_ms = airtime_ms * share * 5 // 4
    return (gap_ms + gap_ms * random // 512) // 1000 + 1


def accept(session, plan, keys, dev_nonce, frame, last_join_nonce, now_s):
    """True when `frame` is the Join-Accept: the session is a new one then, to be remembered and kept. Else unchanged.

    last_join_nonce: of the last accept, None before; only a later one is taken.
    """
    found = join_frames.join_accept(keys[0], frame)
    if not found:
        return False
    join_nonce, net_id, dev_addr, settings, delay_s, cf_list = found
    if last_join_nonce is not None and join_nonce <= last_join_nonce:
        return False
    region, sub_band, adr, dr = session.region, session.sub_band, session.adr, session.join_dr
    credits, credits_at_s = session.credits, session.credits_at_s
    clear(session)
    plan.reset(session, sub_band)
    session.region, session.sub_band, session.adr = region, sub_band, adr
    session.credits, session.credits_at_s = credits, credits_at_s
    if plan.rx1_offset_ok(settings >> 4 & 7):
        session.rx1_offset = settings >> 4 & 7
    if plan.rx2_ok(session.rx2_hz, settings & 15):
        session.rx2_dr = settings & 15
    session.rx1_delay_s = delay_s & 15 or 1
    if cf_list:
        plan.cf_list(session, cf_list)
    session.dr = dr
    plan.settle(session)
    session.nwk_s_key, session.app_s_key = join_frames.session_keys(keys[0], join_nonce, net_id, dev_nonce)
    session.dev_addr, session.dev_nonce, session.join_nonce = dev_addr, dev_nonce, join_nonce
    session.nonces_crc = bond(keys, dev_nonce, join_nonce)
    session.joined, session.stale, session.last_downlink_s = 1, 7, now_s
    return True


def activate(session, plan, keys, now_s):
    """Make a fresh session one by personalisation, at the lowest data rate. Its counters go on: restart.counters()."""
    session.dev_addr = int.from_bytes(keys[0], "big")
    session.nwk_s_key, session.app_s_key = keys[1:]
    session.joined = session.abp = 1
    session.stale, session.last_downlink_s = 3, now_s
    dr = session.dr
    while dr is not None:
        session.dr = dr
        dr = plan.back_off_dr(session, dr)
