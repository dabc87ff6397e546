"""What a console in real time needs of the computer: a pseudo terminal, and word from other threads."""

import os
import termios
import time
import tty
from collections import deque
from collections.abc import Callable
from pathlib import Path

NOBODY_S = 1.0  # a tool that takes nothing for so long is not there: a UART does not wait for it


class Port:
    """The pseudo terminal: the tools open `path`, or `link`, a name for it that stays the same."""

    def __init__(self, link: Path | None = None):
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)  # and held open: at the last close it would be an echoing terminal again
        os.set_blocking(self.master, False)
        self.path, self.link = os.ttyname(self.slave), link
        self.waiting = bytearray()
        self._taken_at = 0.0
        if link:
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(self.path)

    def read(self) -> bytes:
        try:
            return os.read(self.master, 4096)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        if not self.waiting:
            self._taken_at = time.monotonic()
        self.waiting += data
        self.flush()

    def flush(self) -> None:
        """Hand on what the tool takes; what it leaves for NOBODY_S is lost."""
        try:
            while self.waiting:
                del self.waiting[: os.write(self.master, self.waiting[:4096])]
                self._taken_at = time.monotonic()
        except BlockingIOError:
            if time.monotonic() - self._taken_at > NOBODY_S:
                termios.tcflush(self.slave, termios.TCIFLUSH)
                self.waiting.clear()

    def close(self) -> None:
        if self.link and self.link.is_symlink() and os.readlink(self.link) == self.path:
            self.link.unlink()
        os.close(self.master)
        os.close(self.slave)


class Orders:
    """What other threads want done in a loop. `fd` becomes readable when there is something."""

    def __init__(self) -> None:
        self.fd, self._bell = os.pipe()
        self._waiting: deque[Callable[[], object]] = deque()

    def add(self, action: Callable[[], object]) -> None:
        self._waiting.append(action)
        os.write(self._bell, b"!")

    def carry_out(self) -> None:
        """In the loop, when `fd` is readable: one of them."""
        os.read(self.fd, 1)
        self._waiting.popleft()()

    def close(self) -> None:
        os.close(self.fd)
        os.close(self._bell)
