"""Plans of 72 fixed channels: US915, AU915. 0 to 63 are 125 kHz wide, 64 to 71 500 kHz."""

from binnode.lorawan.plan import Plan


class Fixed(Plan):
    """FIRST_HZ, WIDE_HZ: carriers of the channels 0 and 64. WIDE_DR: the data rate of the wide ones.

    RX1_BASE: data rate of RX1 after an uplink with dr 0.
    """

    BANDS = ()
    EIRP_DBM = 30
    CHANGES = "fixed"

    def hz(self, session, channel, dr):
        """The carrier of a channel that carries dr, else 0."""
        if channel < 64:
            return self.FIRST_HZ + 200_000 * channel if dr < self.WIDE_DR else 0
        return self.WIDE_HZ + 1_600_000 * (channel - 64) if dr == self.WIDE_DR else 0

    def rx1(self, session, channel, dr):
        """(hz, dr) of the first window."""
        return 923_300_000 + 600_000 * (channel & 7), min(13, max(8, self.RX1_BASE + dr - session.rx1_offset))
