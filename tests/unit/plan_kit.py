"""What the tests of the channel plans share, on CPython and on MicroPython."""

from binnode.lorawan.regions import region
from binnode.lorawan.restart import clear
from binnode.lorawan.session import Session

DYNAMIC = ("EU868", "KR920", "IN865", "AS923-1", "AS923-2", "AS923-3", "AS923-4", "AS923-JP")
AS923 = DYNAMIC[3:]
FIXED = ("US915", "AU915")


def new(name, sub_band=0):
    """(plan, session) as before a join."""
    plan, session = region(name), clear(Session())
    plan.reset(session, sub_band)
    return plan, session


class Entropy:
    """Random bytes that are the same every time (a linear congruence)."""

    def __init__(self, seed=1):
        self.state = seed

    def __call__(self, count):
        out = bytearray(count)
        for index in range(count):
            self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
            out[index] = self.state >> 16 & 255
        return bytes(out)


def enabled(mask):
    return [channel for channel in range(72) if mask[channel // 8] >> channel % 8 & 1]
