from binnode.lorawan.plan_fixed import Fixed


class Region(Fixed):
    RATES = b"\x0a\x09\x08\x07\x28\0\0\0\x2c\x2b\x2a\x29\x28\x27"
    ROOMS = b"\x0b\x35\x7d\xf2\xf2\0\0\0\x35\x81\xf2\xf2\xf2\xf2"
    FIRST_HZ = 902_300_000
    WIDE_HZ = 903_000_000
    WIDE_DR = 4
    RX1_BASE = 10
    MAX_OFFSET = 3
    NARROW_AT_LEAST = 2

    def eirp_dbm(self, session, hz, dr):
        """FCC 15.247: less on wide channels, and on few."""
        most = super().eirp_dbm(session, hz, dr)
        if dr == self.WIDE_DR:
            return min(most, 26)
        return min(most, 21) if self.narrow(session.mask) < 50 else most

    def narrow(self, mask):
        """How many 125 kHz channels are enabled."""
        return sum([bin(bits).count("1") for bits in mask[:8]])
