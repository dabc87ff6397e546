from binnode.lorawan.plan import Plan


class Region(Plan):
    """The four groups of countries differ in frequencies only; AS923-JP is AS923-1 as Japan wants it."""

    ROOMS = b"\x33\x33\x73\x73\xf2\xf2"
    DWELL_ROOMS = b"\0\0\x0b\x35\x7d\xf2"
    JOIN_RATES = b"\3\2"
    EIRP_DBM = 16
    MAX_OFFSET = 7
    DWELL = 1
    has_tx_param = True

    def __init__(self, name):
        group = name[6:]
        hz, low_khz, high_khz = {
            "2": (921_400_000, 920_000, 923_000),
            "3": (916_600_000, 915_000, 921_000),
            "4": (917_300_000, 917_000, 920_000),
        }.get(group, (923_200_000, 915_000, 928_000))
        self.DEFAULT_HZ = (hz, hz + 200_000)
        self.RX2 = (hz, 2)
        self.BANDS = ((low_khz, high_khz, 10),)
        if group == "JP":
            self.lbt = (-80, 6)
            self.EIRP_DBM = 13
