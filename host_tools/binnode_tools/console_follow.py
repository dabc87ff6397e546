"""Listening to a port without a word to the node: through its sleep, its resets, and a port that comes and goes."""

import contextlib
import os
import time
from typing import Any

from mpremote.transport_serial import SerialTransport

from binnode_tools.serial_ports import TERMINAL_ERROR, NoBoard, NoPort, open_port

_ERRORS = (OSError, TERMINAL_ERROR, TypeError)  # SerialException is an OSError; TypeError: closed under its read
_LOOK_S = 0.02  # a wake of native USB may last a second only
_SETTLES_S = 3.0  # for so long a port that has come back may belong to nobody, or to who looks at it


class Follower:
    """`read()` again and again. `there`: the port is open now; `has_been`: it was, some time.

    It is opened as by all the tools, which resets no board."""

    def __init__(self, port: str) -> None:
        self.port = port
        self.there = False
        self._transport: SerialTransport | None = None
        self._refused_at: float | None = None
        self._comes = False
        self.has_been = False

    def __enter__(self) -> "Follower":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._transport is not None:
            with contextlib.suppress(*_ERRORS):
                self._transport.serial.close()
            self._transport = None
        self.there = False

    def read(self, timeout_s: float) -> bytes:
        """What has come, b"" when that is nothing for so long. NoBoard when the port is there and can't be had."""
        if self._transport is None and not self._opened():
            time.sleep(min(timeout_s, _LOOK_S))
            return b""
        assert self._transport is not None
        line: Any = self._transport.serial  # its type is inferred, and too narrow
        try:
            line.timeout = timeout_s
            data = line.read(1)
            return data + line.read(line.in_waiting) if data else self._nothing()
        except _ERRORS:
            self.close()
            return b""

    def _nothing(self) -> bytes:
        """A port that is unplugged may just say nothing for ever."""
        if os.name == "posix" and "://" not in self.port and not os.path.exists(self.port):
            self.close()
        return b""

    def _opened(self) -> bool:
        try:
            self._transport = open_port(self.port)
        except NoPort:
            self._comes = True  # it comes and goes: what is refused at first may be had soon
            self._refused_at = None
            return False
        except NoBoard:
            now = time.monotonic()
            self._refused_at = self._refused_at or now
            if not self._comes or now - self._refused_at > _SETTLES_S:
                raise
            return False
        self._refused_at = None
        self.there = self.has_been = self._comes = True
        return True
