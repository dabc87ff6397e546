"""Dynamic plans (EU868, AS923, KR920, IN865): joins, channels and masks. The first argument is the plan."""

from binnode.lorawan.change import *  # noqa: F403
from binnode.lorawan.change import defaults, settle
from binnode.lorawan.tx import airtime_us

JOIN_RATES = b"\3\2\1\0"  # of Join-Requests, in turn
MAX_OFFSET = 5
RX1_LOST = (6, 7)  # data rates of RX1 that are not ours
LOWEST_RX2 = 0
has_new_channel = True


def reset(plan, session, sub_band):
    """The session as before a join; credits stay, unless they are not of this region."""
    session.channels = [[hz, 0, 5, 0] for hz in plan.DEFAULT_HZ]
    session.mask = bytearray(9)
    session.mask[0] = (1 << len(plan.DEFAULT_HZ)) - 1
    defaults(plan, session, sub_band)


def join_pick(plan, session, attempt, now_s, entropy):
    """(channel, hz, dr) of the Join-Request number `attempt`, or the seconds to wait. The session was reset."""
    dr = plan.JOIN_RATES[attempt % len(plan.JOIN_RATES)]
    sf, bw_khz = plan.rate(dr)
    picked = plan.pick(session, dr, airtime_us(sf, bw_khz, 23) // 1000 + 1, now_s, entropy)
    return picked + (dr,) if picked.__class__ is tuple else picked


def deaf(plan, session, dr):
    """True when the network would answer in RX1 at a data rate that is not ours."""
    offset = session.rx1_offset
    return offset > 5 and dr + offset - 5 in plan.RX1_LOST


def mask(plan, session, blocks, dr):
    """The mask after a block of LinkADRReqs, [(ChMaskCntl, ChMask), ...], or None: refused."""
    there = 0
    for channel, (hz, _, _, _) in enumerate(session.channels):
        there |= (hz > 0) << channel
    bits = 0
    for control, bits in blocks:
        if control == 6:
            bits = there
        elif control or bits & ~there:
            return None
    return bytearray(bits.to_bytes(9, "little")) if bits else None


def hz_ok(plan, hz):
    """True for a frequency that a channel may have."""
    return plan.band(hz) is not None


def new_channel(plan, session, index, hz, dr_range):
    """Do a NewChannelReq; its answer's bits: 1 frequency, 2 data rates. Default channels never change."""
    if not len(plan.DEFAULT_HZ) <= index < 16:
        return 0
    low, high = dr_range & 15, dr_range >> 4
    bits = (not hz or plan.hz_ok(hz)) | (not hz or low <= high < len(plan.RATES)) << 1
    if bits == 3:
        while len(session.channels) <= index:
            session.channels.append([0, 0, 0, 0])
        session.channels[index] = [hz, low, high, 0]
        bit = 1 << (index & 7)
        session.mask[index >> 3] |= bit
        if not hz:
            session.mask[index >> 3] ^= bit
        settle(plan, session)
    return bits


def dl_channel(plan, session, index, hz):
    """Do a DlChannelReq; its answer's bits: 1 frequency, 2 there is such a channel."""
    there = index < len(session.channels) and session.channels[index][0] > 0
    bits = plan.hz_ok(hz) | there << 1
    if bits == 3:
        session.channels[index][3] = hz
    return bits


def cf_list(plan, session, data):
    """A Join-Accept's CFList: of type 0 are frequencies of the channels behind the default ones."""
    if data[15]:
        return
    first = len(plan.DEFAULT_HZ)
    del session.channels[first:]
    session.mask = bytearray(9)
    rescue(plan, session)
    for index in range(5):
        hz = int.from_bytes(data[3 * index : 3 * index + 3], "little") * 100
        if hz:
            plan.new_channel(session, first + index, hz, 0x50)


def rescue(plan, session):
    """ADR's last step: the default channels are on, the others stay as they are."""
    session.mask[0] |= (1 << len(plan.DEFAULT_HZ)) - 1
