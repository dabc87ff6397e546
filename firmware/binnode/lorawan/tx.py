"""A transmission, its time on the air and what it costs: what a join and an uplink have in common."""


class Tx:
    """A transmission: frame, hz, dr, sf, bw_khz, eirp_dbm, airtime_ms, lbt, windows, and pause_ms to wait before it.

    lbt: None or (dbm, sense_ms): only on a channel that was quieter for so long. windows: two of (delay_ms, hz, sf,
    bw_khz, longest frame in bytes), the delay counted from the end of the transmission.
    """

    def __init__(self, plan, session, picked, dr, frame, delay_s):
        channel, hz = picked
        self.frame, self.hz, self.dr, self.lbt, self.pause_ms = frame, hz, dr, plan.lbt, 0
        self.sf, self.bw_khz = plan.rate(dr)
        self.airtime_ms = airtime_ms(plan, dr, frame)
        self.eirp_dbm = plan.eirp_dbm(session, hz, dr)
        windows = []
        for rx_hz, rx_dr in (plan.rx1(session, channel, dr), (session.rx2_hz, session.rx2_dr)):
            windows.append((delay_s * 1000, rx_hz) + plan.rate(rx_dr) + (plan.longest(rx_dr),))
            delay_s += 1
        self.windows = windows

    def spent(self, session, plan, now_s):
        """It goes on the air now: what that costs in credits and silence. Before it leaves, lest it be forgotten."""
        plan.spend(session, self.hz, self.airtime_ms, now_s)
        if session.max_duty:
            session.quiet_until_s = now_s + (self.airtime_ms << session.max_duty) // 1000 + 2


def airtime_ms(plan, dr, frame):
    sf, bw_khz = plan.rate(dr)
    return airtime_us(sf, bw_khz, len(frame)) // 1000 + 1


def airtime_us(sf, bw_khz, size, crc=True):
    """Microseconds that `size` bytes of PHYPayload take (Semtech AN1200.13).

    Preamble of 8 symbols, explicit header, coding rate 4/5; crc: uplinks have one, downlinks don't.
    """
    symbol_us = (1000 << sf) // bw_khz
    per_group = 4 * (sf - 2 if symbol_us >= 16000 else sf)  # low data rate optimisation
    bits = 8 * size - 4 * sf + (44 if crc else 28)
    symbols = 8 + (-(-bits // per_group) * 5 if bits > 0 else 0)
    return symbol_us * (49 + 4 * symbols) // 4
