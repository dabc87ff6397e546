"""What joins and the network's commands need of every channel plan; the first argument is the plan, or the region's.

Constants here and in change_dynamic and change_fixed are defaults that a region may override.
"""

from binnode.lorawan.plan import flow

DWELL = 0  # UplinkDwellTime of a new session
MAX_POWER = 7  # highest TXPower
has_tx_param = False


def defaults(plan, session, sub_band):
    """The part of reset() that does not depend on the kind of plan; channels and mask are set already."""
    session.used = bytes(9)
    session.rx2_hz, session.rx2_dr = plan.RX2
    session.rx1_offset = session.power = session.max_eirp_dbm = session.downlink_dwell = 0
    session.uplink_dwell = plan.DWELL
    session.sub_band = sub_band
    session.dr = 2 * plan.DWELL
    if len(session.credits) != len(plan.BANDS):
        # As after an hour of silence: who may have been on the air empties them. Time counts from their first use.
        session.credits = [flow(permille)[1] for _, _, permille in plan.BANDS]
        session.credits_at_s = 1 << 31


def dr_ok(plan, session, mask, dr):
    """True when a channel enabled in `mask` carries dr, and neither dwell time nor a deaf RX1 forbids it."""
    if not plan.rate(dr) or not plan.room(session, dr) or plan.deaf(session, dr):
        return False
    return any(mask[channel >> 3] >> (channel & 7) & 1 and plan.hz(session, channel, dr) for channel in range(72))


def settle(plan, session):
    """Make session.dr one that can be sent: itself, the nearest lower, the nearest higher. Channels too, if needed."""
    for _ in range(2):
        for dr in list(range(session.dr, -1, -1)) + list(range(session.dr + 1, 8)):
            if plan.dr_ok(session, session.mask, dr):
                session.dr = dr
                return
        plan.rescue(session)


def back_off_dr(plan, session, dr):
    """The next lower data rate that can be sent, or None."""
    for lower in range(dr - 1, -1, -1):
        if plan.dr_ok(session, session.mask, lower):
            return lower
    return None


def power_ok(plan, index):
    """True for a TXPower that the region defines."""
    return index <= plan.MAX_POWER


def rx1_offset_ok(plan, offset):
    return offset <= plan.MAX_OFFSET


def rx2_ok(plan, hz, dr):
    """True for RX2 there and at that data rate."""
    return plan.hz_ok(hz) and dr >= plan.LOWEST_RX2 and plan.rate(dr) is not None
