"""One deadline for a whole conversation: every wait inside it takes what is left, so nothing can extend it."""


class Deadline:
    """`budget_ms` from now on the clock of `time` (ticks_ms, ticks_add, ticks_diff), at most 2^29 - 1 ms."""

    def __init__(self, time, budget_ms):
        self._time = time
        self._end = time.ticks_add(time.ticks_ms(), budget_ms)

    def left_ms(self):
        """Milliseconds left, 0 when over."""
        return max(0, self._time.ticks_diff(self._end, self._time.ticks_ms()))

    def expired(self):
        return self.left_ms() == 0
