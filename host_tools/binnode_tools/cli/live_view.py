"""Readings that follow each other on the screen until a key ends them; the terminal is as before, however it ends."""

import contextlib
import os
import re
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from binnode_tools.node_service import Reading

Keys = Callable[[float], str]  # what was typed, after waiting for it that many seconds at most

_BAR = 40
_LATELY = 20  # readings
_SURFACE_MM = 40  # farther apart than that it is another surface
_POLL_S = 0.05
_ESCAPE = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|O.|.)?")  # arrows and the like
_KINDS = {
    "no_echo": "no echo: askew, soft waste, another module?",
    "noisy": "noisy: the pings disagree",
    "too_near": "too near: in the blind zone",
    "too_far": "too far: beyond the module's range",
    "lid_open": "below the bottom of the present calibration",
    "fault": "fault: the module does not answer",
}


def possible(out: Console) -> bool:
    """Whether there is a person at a terminal that can redraw lines."""
    return sys.stdin.isatty() and out.is_terminal and not out.is_dumb_terminal


def tenths(value: int | None, unit: str) -> str:
    """725 -> "72.5 %"; "-" for an unknown one."""
    return "-" if value is None else f"{value / 10:.1f} {unit}"


def distance(value: int | None) -> str:
    return "-" if value is None else f"{value} mm"


def pings(reading: Reading) -> str:
    """ "5 of 5 within 3 mm": how well the pings agree."""
    within = "" if reading.spread_mm is None else f" within {reading.spread_mm} mm"
    return f"{reading.valid} of {reading.pings}{within}"


def volts(battery_mv: int | None) -> str:
    return "-" if battery_mv is None else f"{battery_mv / 1000:.2f} V"


@contextlib.contextmanager
def keyboard() -> Iterator[Keys]:
    """The keys of the terminal as they are pressed, without an echo. Ctrl-C stays Ctrl-C."""
    with _told_to_end(), _windows() if os.name == "nt" else _posix() as keys:
        yield keys


@contextlib.contextmanager
def _posix() -> Iterator[Keys]:
    import select
    import termios
    import tty

    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)

    def typed(wait_s: float) -> str:
        text = b""
        while select.select([fd], [], [], 0 if text else wait_s)[0]:
            more = os.read(fd, 64)
            if not more:  # the terminal is gone
                raise KeyboardInterrupt
            text += more
        return _ESCAPE.sub("", text.decode(errors="replace"))

    try:
        tty.setcbreak(fd)
        yield typed
    finally:
        termios.tcsetattr(fd, termios.TCSAFLUSH, before)


@contextlib.contextmanager
def _windows() -> Iterator[Keys]:
    import msvcrt

    def typed(wait_s: float) -> str:
        end, text = time.monotonic() + wait_s, ""
        while not text and time.monotonic() < end:
            while msvcrt.kbhit():  # pyright: ignore[reportAttributeAccessIssue]
                key = msvcrt.getwch()  # pyright: ignore[reportAttributeAccessIssue]
                if key == "\x03":
                    raise KeyboardInterrupt
                if key in "\x00\xe0":  # an arrow or the like: its second half
                    msvcrt.getwch()  # pyright: ignore[reportAttributeAccessIssue]
                else:
                    text += key
            if not text:
                time.sleep(min(_POLL_S, wait_s))
        return text

    yield typed


@contextlib.contextmanager
def _told_to_end() -> Iterator[None]:
    """A closed window or a kill is as Ctrl-C: the way out restores the terminal."""
    names = ("SIGTERM", "SIGHUP") if threading.current_thread() is threading.main_thread() else ()
    before = {one: signal.getsignal(one) for name in names if (one := getattr(signal, name, None))}
    try:
        for one in before:
            signal.signal(one, signal.default_int_handler)
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def forget_typed() -> None:
    """What was typed before a question is no answer to it."""
    if os.name != "nt" and sys.stdin.isatty():
        import termios

        termios.tcflush(sys.stdin, termios.TCIFLUSH)


class LiveView:
    """`head`: what to do, above the values. `ends`: letters that end it as Enter does. `typing`: a number can be typed.

    One reading at a time, in this thread: a key waits for the reading under way.
    """

    def __init__(
        self,
        out: Console,
        look: Callable[[], Reading],
        head: str,
        ends: str = "",
        typing: bool = False,
        stays: bool = False,
    ) -> None:
        self._out, self._look, self._head, self._ends, self._typing, self._stays = out, look, head, ends, typing, stays
        self._entry = ""
        self._reading: Reading | None = None
        self._lately: deque[int] = deque(maxlen=_LATELY)
        self._count = 0

    def run(self, keys: Callable[[], contextlib.AbstractContextManager[Keys]] = keyboard) -> str:
        """What ended it: a letter of `ends`, or what was typed before Enter, "" for nothing."""
        with keys() as typed, Live(console=self._out, auto_refresh=False, transient=not self._stays) as live:
            while True:
                live.update(self.screen(), refresh=True)
                for key in typed(3600 if self._entry else 0):  # who types is not kept waiting
                    if key in "\r\n":
                        return self._entry
                    if key in self._ends:
                        return key
                    self._edit(key)
                if not self._entry:
                    self._take(self._look())

    def _edit(self, key: str) -> None:
        if key in "\x7f\b":
            self._entry = self._entry[:-1]
        elif self._typing and key in "0123456789" and len(self._entry) < 5:
            self._entry += key

    def _take(self, reading: Reading) -> None:
        self._reading = reading
        self._count += 1
        if reading.kind in ("ok", "lid_open") and reading.distance_mm is not None:
            if self._lately and abs(reading.distance_mm - self._lately[-1]) > _SURFACE_MM:
                self._lately.clear()
            self._lately.append(reading.distance_mm)

    def screen(self) -> RenderableType:
        reading = self._reading
        lines = [Text(self._head, style="bold"), Text()]
        if reading is None:
            lines.append(Text("  measuring ..."))
        else:
            air, battery = tenths(reading.temperature_c10, "C"), volts(reading.battery_mv)
            seen = (
                f"{min(self._lately)} to {max(self._lately)} mm in the last {len(self._lately)}"
                if self._lately
                else "-"
            )
            lines += [
                Text(f"  distance  {distance(reading.distance_mm):<10} pings   {pings(reading)}"),
                Text(f"  lately    {seen}"),
                Text(f"  air       {air:<10} battery {battery:<9} readings {self._count}"),
                _level(reading),
            ]
        if self._typing:
            lines.append(Text(f"  typed     {self._entry + ' mm, Enter takes it' if self._entry else '-'}"))
        return Group(*lines)


def _level(reading: Reading) -> Text:
    """A bar of the level by the calibration that the node has."""
    if reading.fill_permille is None:
        return Text(f"  level     {_KINDS.get(reading.kind, reading.kind)}", style="yellow")
    filled = max(0, min(_BAR, round(reading.fill_permille * _BAR / 1000)))
    return Text(f"  level     [{'#' * filled}{'.' * (_BAR - filled)}] {tenths(reading.fill_permille, '%')}")
