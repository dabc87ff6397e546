"""A serial line as levels over time, and what a UART makes of it: the wrong speed or polarity reads as on the chip."""

from bisect import bisect_right
from dataclasses import dataclass


class Line:
    """Levels of a wire from a time on; `at` in world us."""

    def __init__(self, level: int = 1):
        self.edges: list[tuple[float, int]] = [(-1.0, level)]

    def set(self, at: float, level: int) -> None:
        """From then on it has this level; what was to come later does not."""
        while len(self.edges) > 1 and self.edges[-1][0] >= at:
            self.edges.pop()
        if self.edges[-1][1] != level:
            self.edges.append((at, level))

    def level(self, at: float) -> int:
        return self.edges[max(0, bisect_right(self.edges, (at, 2)) - 1)][1]

    def forget(self, before: float) -> None:
        """Drop the edges that nobody will ask for."""
        index = bisect_right(self.edges, (before, 2)) - 1
        if index > 0:
            del self.edges[:index]

    def send(self, data: bytes, at: float, baud: int, inverted: bool) -> float:
        """Eight bits, no parity, one stop bit; the time at which the last one is over."""
        bit_us = 1e6 / baud
        for byte in data:
            for bit in (0, *(byte >> i & 1 for i in range(8)), 1):
                self.set(at, bit ^ inverted)
                at += bit_us
        return at


class Receiver:
    """The receiving half of a UART on a Line: looks for a start bit, samples in the middle of each bit.

    A byte whose stop bit is wrong is kept, as the ESP32's driver does.
    """

    def __init__(self, line: Line, baud: int, inverted: bool, since: float, room: int = 256):
        self.line, self.bit_us, self.inverted, self.at, self.room = line, 1e6 / baud, inverted, since, room
        self.received: list[tuple[float, int]] = []  # (when it was complete, byte)

    def listen(self, now: float) -> None:
        """Take in what is complete by now; what finds no room is lost."""
        edges, mark = self.line.edges, 1 ^ self.inverted
        index = max(1, bisect_right(edges, (self.at, -1)))
        while index < len(edges):
            start, level = edges[index]
            end = start + 9.5 * self.bit_us
            if level == mark or start < self.at:
                index += 1
                continue
            if end > now:
                return
            if self.line.level(start + self.bit_us / 2) == mark:  # too short for a start bit
                index += 1
                continue
            bits = [self.line.level(start + (i + 1.5) * self.bit_us) ^ self.inverted for i in range(8)]
            if len(self.received) < self.room:
                self.received.append((end, sum(bit << i for i, bit in enumerate(bits))))
            self.at = end
            index = bisect_right(edges, (end, -1))

    def skip(self, until: float) -> None:
        """Deaf up to then: a byte under way is lost, and the rest of it may pass for another."""
        self.at = max(self.at, until)

    def take(self, now: float, most: int = -1) -> list[tuple[float, int]]:
        self.listen(now)
        count = len(self.received) if most < 0 else most
        taken, self.received = self.received[:count], self.received[count:]
        self.line.forget(self.at - 20 * self.bit_us)
        return taken


@dataclass
class Uart:
    """One of the chip's, open; `inverted`: its sending line."""

    baud: int
    tx: int
    rx: int
    inverted: bool
    receiver: Receiver
    sends_until: float = 0.0


@dataclass(frozen=True)
class I2c:
    hz: int
    scl: int
    sda: int
