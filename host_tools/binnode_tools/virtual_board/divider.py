"""The divider between battery and ADC, where a pin connects it: nothing to measure until then, and a while after."""

import math

from binnode_tools.boards import Board

_TIME_CONSTANTS = 5  # to settle: 0.7 % are missing then


class Divider:
    """`active_level` is what the board at hand wants, which its file may leave open; a resistor holds the other one."""

    def __init__(self, board: Board, active_level: int):
        named = board.pins.battery_enable_active_level
        self.pin, self.active_level = board.pins.battery_enable, active_level if named is None else named
        self.settle_ms = board.battery.settle_ms
        self.on_at: int | None = None

    def output(self, pin: int, level: int | None, now: int) -> None:
        """The level of `pin` from `now` on; None: the pin floats."""
        if pin != self.pin:
            return
        if level != self.active_level:
            self.on_at = None
        elif self.on_at is None:
            self.on_at = now

    def level(self, pin: int, now: int) -> int | None:
        """What its resistor makes of the floating `pin`; None: no pin of its."""
        return 1 - self.active_level if pin == self.pin else None

    def next_edge(self, pin: int, now: int) -> int | None:
        return None

    def part(self, now: int) -> float:
        """How much of the divided voltage is at the ADC, 0..1."""
        if self.pin is None:
            return 1.0
        if self.on_at is None:
            return 0.0
        return 1 - math.exp(-_TIME_CONSTANTS * (now - self.on_at) / 1000 / self.settle_ms)
