from binnode.lorawan.plan_fixed import Fixed


class Region(Fixed):
    RATES = b"\x0c\x0b\x0a\x09\x08\x07\x28\0\x2c\x2b\x2a\x29\x28\x27"
    ROOMS = b"\x33\x33\x33\x73\xf2\xf2\xf2\0\x35\x81\xf2\xf2\xf2\xf2"
    DWELL_ROOMS = b"\0\0\x0b\x35\x7d\xf2\xf2\0\x35\x81\xf2\xf2\xf2\xf2"
    FIRST_HZ = 915_200_000
    WIDE_HZ = 915_900_000
    WIDE_DR = 6
    RX1_BASE = 8
    MAX_OFFSET = 5
    JOIN_DR = 2
    DWELL = 1
    has_tx_param = True
