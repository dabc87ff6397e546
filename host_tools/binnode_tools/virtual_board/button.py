"""A board's button, to ground: what it does to a chip that sleeps."""

WakePins = dict[int, tuple[bytes, int]]  # source -> pins, level


class Button:
    """`pin` None: the board has none. Times are world microseconds."""

    def __init__(self, pin: int | None) -> None:
        self.pin = pin
        self.held = False
        self.presses: list[int] = []  # to come

    def pulls(self, number: int) -> bool:
        """Does it hold this pin low now?"""
        return self.held and number == self.pin

    def wakes(self, armed: WakePins, now: int) -> tuple[int, int] | None:
        """(when, wake source) of a sleep that lasts from `now` on; None: no press to come, or it is not armed."""
        self.presses = sorted(at for at in self.presses if at >= now)
        first = now if self.held else self.presses[0] if self.presses else None
        for source, (pins, level) in armed.items():
            if first is not None and self.pin is not None and self.pin in pins and not level:
                return first, source
        return None
