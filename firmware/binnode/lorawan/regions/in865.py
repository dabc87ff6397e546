from binnode.lorawan.plan import Plan


class Region(Plan):
    DEFAULT_HZ = (865_062_500, 865_402_500, 865_985_000)
    RX2 = (866_550_000, 2)
    EIRP_DBM = 30
    MAX_POWER = 10
    MAX_OFFSET = 7
    RX1_LOST = (7,)
    BANDS = ((865_000, 867_000, 0),)
