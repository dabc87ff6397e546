"""The module `time` of MicroPython as far as deadlines need it, in virtual time."""


class Clock:
    """ticks of 2^30 ms that start 2 s before they wrap."""

    PERIOD = 1 << 30

    def __init__(self):
        self.passed_ms = 0
        self.sleeps = []

    def ticks_ms(self):
        return (self.PERIOD - 2000 + self.passed_ms) % self.PERIOD

    def ticks_add(self, ticks, delta):
        return (ticks + delta) % self.PERIOD

    def ticks_diff(self, end, start):
        half = self.PERIOD // 2
        assert 0 <= end < self.PERIOD and 0 <= start < self.PERIOD, "ticks come from ticks_ms or ticks_add"
        return (end - start + half) % self.PERIOD - half

    def sleep_ms(self, ms):
        assert ms > 0
        self.sleeps.append(ms)
        self.passed_ms += ms
