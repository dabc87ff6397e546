from binnode.lorawan.plan import Plan


class Region(Plan):
    DEFAULT_HZ = (922_100_000, 922_300_000, 922_500_000)
    RX2 = (921_900_000, 0)
    EIRP_DBM = 14
    BANDS = ((920_800, 923_400, 0),)
    lbt = (-80, 6)  # the stricter of what the sources say

    def eirp_dbm(self, session, hz, dr):
        most = super().eirp_dbm(session, hz, dr)
        return min(most, 10) if hz < 922_000_000 else most
