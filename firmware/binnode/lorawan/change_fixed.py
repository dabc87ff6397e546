"""Fixed plans (US915, AU915): joins and masks. The first argument is the plan."""

from binnode.lorawan.change import *  # noqa: F403
from binnode.lorawan.change import defaults, settle

MAX_POWER = 14
NARROW_AT_LEAST = 0  # fewer 125 kHz channels must not be hopped over: narrow(mask) counts them
JOIN_DR = 0  # of a Join-Request on 125 kHz
LOWEST_RX2 = 8
RX2 = (923_300_000, 8)
has_new_channel = False


def _all(session):
    """The mask of all channels, or of the configured sub-band."""
    number = session.sub_band
    bits = 0xFF << 8 * (number - 1) | 1 << (63 + number) if number else (1 << 72) - 1
    return bytearray(bits.to_bytes(9, "little"))


def reset(plan, session, sub_band):
    """The session as before a join. sub_band: 1 to 8, the only one to use; 0: all."""
    session.channels = []
    defaults(plan, session, sub_band)
    rescue(plan, session)


def join_pick(plan, session, attempt, now_s, entropy):
    """(channel, hz, dr) of the Join-Request number `attempt`: 125 and 500 kHz in turn, sub-bands in turn from 2 on."""
    sub_band = session.sub_band - 1 if session.sub_band else (attempt // 2 + 1) % 8
    channel, dr = 64 + sub_band, plan.WIDE_DR
    if not attempt & 1:
        channel, dr = 8 * sub_band + entropy(1)[0] % 8, plan.JOIN_DR
    return channel, plan.hz(session, channel, dr), dr


def deaf(plan, session, dr):
    return False


def mask(plan, session, blocks, dr):
    """The mask after a block of LinkADRReqs, [(ChMaskCntl, ChMask), ...], or None: refused."""
    new = bytearray(session.mask)
    for control, bits in blocks:
        if control < 4:
            new[2 * control] = bits & 255
            new[2 * control + 1] = bits >> 8
            continue
        if control == 5:
            for bank in range(8):
                new[bank] = 255 * (bits >> bank & 1)
        elif control > 5:
            new[:8] = bytes((255 * (control == 6),)) * 8
        new[8] = bits & 255
    few = plan.NARROW_AT_LEAST and dr < plan.WIDE_DR and plan.narrow(new) < plan.NARROW_AT_LEAST
    return new if any(new) and not few else None


def hz_ok(plan, hz):
    """True for a frequency of a downlink."""
    return 923_300_000 <= hz <= 927_500_000 and not (hz - 923_300_000) % 600_000


def cf_list(plan, session, data):
    """A Join-Accept's CFList: of type 1 are masks."""
    if data[15] == 1:
        blocks = [(block, data[2 * block] | data[2 * block + 1] << 8) for block in range(5)]
        session.mask = mask(plan, session, blocks, session.dr) or session.mask
        settle(plan, session)


def rescue(plan, session):
    """ADR's last step: all channels are on, or all of the configured sub-band."""
    session.mask = _all(session)
