"""What may be wired to a chip's pins."""

from typing import Protocol


class Part(Protocol):
    """Something at one or several pins: the ultrasonic module, a divider, a radio. `now` is in world microseconds.

    It is told of every pin that may have changed, and says what it does to the lines that it drives itself.
    """

    def output(self, pin: int, level: int | None, now: int) -> None:
        """The chip's level at `pin` from `now` on; None: the pin floats."""
        ...

    def level(self, pin: int, now: int) -> int | None:
        """The level that it gives the line at a `pin` which the chip does not drive; None: it is not wired there."""
        ...

    def next_edge(self, pin: int, now: int) -> int | None:
        """When that line changes next by itself, after `now`; None: it does not, as far as the part knows."""
        ...
