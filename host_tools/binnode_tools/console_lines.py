"""What a node says on its console: bytes into lines, lines into what they mean. Pure.

The firmware's words are in node.py and safe.py (a wake's line), verify.py and crash.py.
"""

import re
from dataclasses import asdict, dataclass, field
from typing import Any

from binnode_tools.codec.status import KINDS

_LONGEST = 4096  # bytes of a line; noise may have no end of one
_TRACE = "Traceback (most recent call last):"
_FRAME = re.compile(r'  File "(.*)", line (\d+)')
_RESET = re.compile(r"rst:0x[0-9a-f]+ \((\w+)\)")  # of the chip's ROM; the newer chips leave the blank out
_WAKE = re.compile(
    r"binnode: wake (\d+), ([\d.-]+) %, (\w+), (-|\d+) mm, (\w+): (.*), (\d+) waiting(?:; (.*))?; sleeps (\d+) s$"
)
_BEGUN = re.compile(r"binnode: wake (\d+), ([\d.-]+) %, (\w+), (-|\d+) mm, (\w+): (.+)$")  # what a port may leave of it
_SAFE = re.compile(
    r"binnode: safe mode, wake (\d+), (-|\d+) permille, kind (\d+): (.*), (\d+) waiting; sleeps (\d+) s$"
)
_FAILED = re.compile(r"binnode: wake failed; next one in (\d+) s$")
_LISTENS = re.compile(r"binnode: starts in (\d+) s")
_DAMAGED = re.compile(r"binnode: damaged on the flash: (.*)\. The node stops\.")
SENT, NOTHING = "sent", "nothing to report"


@dataclass(frozen=True)
class Wake:
    """The line at the end of a wake. `result`: "sent", "nothing to report", "waits" or "failed: why"; None is unknown.

    `reason` for a report as in the payload, "none" without one. `problem`: what was mended or is wrong with the
    config. `whole`: False when the port took the rest of the line away; `waiting` and `sleeps_s` are None then.
    """

    number: int
    fill_permille: int | None
    kind: str
    distance_mm: int | None
    reason: str | None
    result: str
    waiting: int | None
    problem: str | None
    sleeps_s: int | None
    safe: bool = False
    whole: bool = True

    @property
    def sent(self) -> bool:
        return self.result == SENT


@dataclass(frozen=True)
class Line:
    """One line and what it is: event "wake" (then `wake`), "wake_failed", "listens", "damaged", "reset", "crash" (the
    last line of a traceback), "stopped" (by Ctrl-C), "note" (another word of the node) or None; `found` has details."""

    text: str
    event: str | None = None
    found: dict[str, Any] = field(default_factory=dict)
    wake: Wake | None = None

    def as_json(self) -> dict[str, Any]:
        return {"line": self.text, "event": self.event, **(asdict(self.wake) if self.wake else self.found)}


def parse(text: str) -> Line:
    """What a line by itself says; of a traceback's lines nothing."""
    if wake := parse_wake(text):
        return Line(text, "wake", wake=wake)
    if match := _FAILED.match(text):
        return Line(text, "wake_failed", {"sleeps_s": int(match[1])})
    if match := _LISTENS.match(text):
        return Line(text, "listens", {"seconds": int(match[1])})
    if match := _DAMAGED.match(text):
        return Line(text, "damaged", {"files": match[1].split(", ")})
    if match := _RESET.match(text):
        return Line(text, "reset", {"cause": match[1]})
    return Line(text, "note" if text.startswith("binnode: ") else None)


def parse_wake(text: str, whole: bool = True) -> Wake | None:
    """A wake's line, None for another. Not `whole`: its end may be missing, as far as the result has begun."""
    if match := _SAFE.match(text):
        number, permille, kind, result, waiting, sleeps_s = match.groups()
        kind = KINDS[int(kind)] if int(kind) < len(KINDS) else "unknown"
        fill = None if permille == "-" else int(permille)
        return Wake(int(number), fill, kind, None, None, result, int(waiting), None, int(sleeps_s), safe=True)
    match = _WAKE.match(text)
    if not match and (whole or not (match := _BEGUN.match(text))):
        return None
    number, percent, kind, mm, reason, result, *rest = match.groups()
    fill = None if "-" in percent else int(percent.replace(".", ""))
    distance = None if mm == "-" else int(mm)
    if rest:
        waiting, problem, sleeps_s = rest
        return Wake(int(number), fill, kind, distance, reason, result, int(waiting), problem, int(sleeps_s))
    result = next((known for known in (SENT, NOTHING) if known.startswith(result) or result.startswith(known)), result)
    return Wake(int(number), fill, kind, distance, reason, result, None, None, None, whole=False)


class Lines:
    """Bytes as they come, into lines; a traceback's last one has the place of the crash."""

    def __init__(self) -> None:
        self._rest = b""
        self._place: tuple[str, int] | None = None
        self._in_trace = False

    @property
    def rest(self) -> str:
        """What has come of a line that has not ended."""
        return _text(self._rest)

    def feed(self, data: bytes) -> list[Line]:
        """The lines that have ended with `data`."""
        *ended, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > _LONGEST:
            ended.append(self._rest[:_LONGEST])
            self._rest = self._rest[_LONGEST:]
        return [self._line(_text(line)) for line in ended]

    def broken_off(self) -> Line | None:
        """The port has gone: what is there of a line that will not end, None when nothing is."""
        text, self._rest = self.rest, b""
        self._in_trace = False
        if not text.strip():
            return None
        wake = parse_wake(text, whole=False)
        return Line(text, "wake", wake=wake) if wake else parse(text)

    def _line(self, text: str) -> Line:
        if text.startswith(_TRACE):
            self._in_trace, self._place = True, None
            return Line(text)
        if not self._in_trace:
            return parse(text)
        if match := _FRAME.match(text):
            self._place = match[1], int(match[2])
        if text.startswith("  ") or not text:
            return Line(text)
        self._in_trace = False
        if text.startswith("KeyboardInterrupt"):
            return Line(text, "stopped")
        file, line = self._place or (None, None)
        return Line(text, "crash", {"file": file, "at": line, "what": text})


def _text(line: bytes) -> str:
    """Readable on a terminal, whatever the line was."""
    text = line.decode(errors="replace").rstrip("\r")
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
