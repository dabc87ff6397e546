"""Channel plans as far as every uplink needs them (RP002-1.0.4): those of EU868, AS923, KR920, IN865, and the common.

A plan holds no state: it reads and writes the session's (binnode.lorawan.session). dr is the index of a data rate,
hz a carrier, dbm EIRP. A region is a subclass with its own numbers (regions/).
"""


class Plan:
    """RATES: a byte for each dr: SF, and 16 * log2(bandwidth / 125 kHz); 0: none of ours.

    ROOMS, DWELL_ROOMS: the longest FRMPayload for each dr, without and with UplinkDwellTime. BANDS: (lowest kHz,
    highest kHz, permille of the time); 0: no limit. EIRP_DBM: the region's limit. lbt: None, or (dBm, ms) of listen
    before talk. DEFAULT_HZ, RX2 (hz, dr), and what else change_dynamic or change_fixed has defaults for.
    session.channels: [hz, lowest dr, highest dr, RX1's hz or 0: the same]; hz 0: no such channel.
    """

    BANDS: tuple
    DWELL_ROOMS: bytes
    EIRP_DBM: int
    DEFAULT_HZ: tuple
    RX2: tuple
    RATES = b"\x0c\x0b\x0a\x09\x08\x07"
    ROOMS = b"\x33\x33\x33\x73\xf2\xf2"
    CHANGES = "dynamic"
    lbt = None

    def __init__(self, name):
        pass

    def __getattr__(self, name):
        """What only joins and the network's commands need is loaded when it is asked for, and not held on to."""
        value = getattr(__import__("binnode.lorawan.change_" + self.CHANGES, None, None, ("x",)), name)
        return (lambda *args: value(self, *args)) if callable(value) else value

    def rate(self, dr):
        """(SF, kHz), or None: FSK, LR-FHSS, not defined."""
        code = self.RATES[dr] if dr < len(self.RATES) else 0
        return (code & 15, 125 << (code >> 4)) if code else None

    def room(self, session, dr):
        """Bytes of FRMPayload that an uplink without FOpts may have; 0 where UplinkDwellTime forbids dr."""
        return (self.DWELL_ROOMS if session.uplink_dwell else self.ROOMS)[dr]

    def longest(self, dr):
        """Bytes of PHYPayload of the longest downlink."""
        return self.ROOMS[dr] + 13

    def eirp_dbm(self, session, hz, dr):
        """What to send with, at most."""
        return min(session.max_eirp_dbm or 99, self.EIRP_DBM) - 2 * session.power

    def hz(self, session, channel, dr):
        """The carrier of a channel that is there and carries dr, else 0."""
        if channel < len(session.channels):
            hz, low, high, _ = session.channels[channel]
            if low <= dr <= high:
                return hz
        return 0

    def rx1(self, session, channel, dr):
        """(hz, dr) of the first window. AS923's DR6 and DR7 are not ours: dr_ok keeps away from them."""
        offset = session.rx1_offset
        dr -= offset if offset < 6 else 5 - offset
        channel = session.channels[channel]
        return channel[3] or channel[0], min(5, max(2 * session.downlink_dwell, dr))

    def pick(self, session, dr, airtime_ms, now_s, entropy):
        """(channel, hz), by chance, or the seconds to wait. Each free channel once in a round: session.used.

        A round's last one counts in the next, so none is taken twice in a row: FCC 15.247 has 0.4 s for each in 3.2 s.
        """
        enabled, used = int.from_bytes(session.mask, "little"), int.from_bytes(session.used, "little")
        free, least, wait_s, picked = 0, 512, 3600, None
        for channel, chance in enumerate(entropy(72)):
            hz = enabled >> channel & 1 and self.hz(session, channel, dr)
            if hz:
                short_s = self.wait_s(session, hz, airtime_ms, now_s)
                if short_s:
                    wait_s = min(wait_s, short_s)
                else:
                    free |= 1 << channel
                    chance |= (used >> channel & 1) << 8  # those of this round come last
                    if chance < least:
                        least, picked = chance, (channel, hz)
        if not picked:
            return wait_s
        last = 1 << picked[0]
        if not free & ~used & ~last:
            used &= ~free  # a new round
        session.used = (used | last).to_bytes(9, "little")
        return picked

    def band(self, hz):
        """Index of the band that holds a channel of 125 kHz, or None."""
        for index, (low_khz, high_khz, _) in enumerate(self.BANDS):
            if low_khz * 1000 + 62500 <= hz <= high_khz * 1000 - 62500:
                return index
        return None

    def wait_s(self, session, hz, airtime_ms, now_s):
        """Seconds until the duty cycle allows a frame there.

        flow() says how fast a band's credits grow, in whole milliseconds every 20 s, and up to what.
        """
        bands, credits, band = self.BANDS, session.credits, self.band(hz)
        if band is None or not bands[band][2]:
            return 0
        passed_s = now_s - session.credits_at_s
        if passed_s < 0:  # the clock was set back: no time has passed
            passed_s = 0
        quanta, passed_s = divmod(passed_s, 20)
        session.credits_at_s = now_s - passed_s
        for index, (_, _, permille) in enumerate(bands if quanta else ()):
            more_ms, most_ms = flow(permille)
            credits[index] = min(credits[index] + more_ms * quanta, most_ms)
        missing = airtime_ms - credits[band]
        return -(-missing // flow(bands[band][2])[0]) * 20 - passed_s if missing > 0 else 0

    def spend(self, session, hz, airtime_ms, now_s):
        """A frame was sent: its air time is taken from the band's credits."""
        band = self.band(hz)
        if band is not None:
            self.wait_s(session, hz, 0, now_s)
            session.credits[band] = max(0, session.credits[band] - airtime_ms)


def flow(permille):
    """Credits of a band: (ms that 20 s bring, ms at most).

    Half of what an hour allows, and 0.45 of the rate: no hour, wherever it begins, has more than 0.5 + 0.45 * 1.05 of
    it, even when this clock runs 5 % fast. Where 3.6 s are allowed the most is the longest frame, 0.78, at 0.2.
    """
    return (9 * permille, 1800 * permille) if permille != 1 else (4, 2800)
