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
    """The pseudo terminal: the tools open `path`, or `link`, a name for it that stays the same.

    It is there from plug() to unplug(): a tool that has it open then sees a hang-up (EIO), and both names are gone.
    What is written meanwhile is lost.
    """

    def __init__(self, link: Path | None = None):
        self.link = link
        self.master: int | None = None
        self.slave = -1
        self.path = ""
        self.waiting = bytearray()
        self._taken_at = 0.0
        if link:
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)

    def plug(self) -> None:
        """Have a new terminal, unless there is one."""
        if self.master is not None:
            return
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)  # and held open: at the last close it would be an echoing terminal again
        os.set_blocking(self.master, False)
        self.path = os.ttyname(self.slave)
        if self.link:
            self.link.symlink_to(self.path)

    def unplug(self) -> None:
        if self.master is None:
            return
        if self.link and self.link.is_symlink() and os.readlink(self.link) == self.path:
            self.link.unlink()
        os.close(self.master)
        os.close(self.slave)
        self.master, self.path = None, ""
        self.waiting.clear()

    def read(self) -> bytes:
        if self.master is None:
            return b""
        try:
            return os.read(self.master, 4096)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        if self.master is None:
            return
        if not self.waiting:
            self._taken_at = time.monotonic()
        self.waiting += data
        self.flush()

    def flush(self) -> None:
        """Hand on what the tool takes; what it leaves for NOBODY_S is lost."""
        if self.master is None:
            return
        try:
            while self.waiting:
                del self.waiting[: os.write(self.master, self.waiting[:4096])]
                self._taken_at = time.monotonic()
        except BlockingIOError:
            if time.monotonic() - self._taken_at > NOBODY_S:
                termios.tcflush(self.slave, termios.TCIFLUSH)
                self.waiting.clear()


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
