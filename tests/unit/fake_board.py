"""A board at the end of a serial line: the real MicroPython in a terminal of its own, small fakes for its hardware.

The tools open `board.port`. Behind it a bridge passes bytes on to the REPL, as a UART bridge does: it stays when the
chip sleeps or starts anew, and the test can cut it at any byte. The flash is a folder; the surface below the module
and NVS are files in another. Waits under a second run 20 times too fast.
"""

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import threading
import time
import tty
from pathlib import Path

from tests.unit import fake_chip

# Without a controlling terminal Ctrl-C never becomes SIGINT.
_LAUNCH = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"


class FakeBoard:
    """`with FakeBoard(folder, files) as board:` powers it on. `files`: what the flash holds, path -> bytes."""

    def __init__(self, folder: Path, files: dict[str, bytes] | None = None) -> None:
        self.flash, self.world, self._fakes = folder / "flash", folder / "world", folder / "fakes"
        # A name of its own: a tool that waits for a line to come back must not find another board at it.
        self._name = folder / "line"
        for place in (self.flash, self.world, self._fakes):
            place.mkdir(parents=True)
        for name, content in (files or {}).items():
            path = self.flash / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        for name, text in fake_chip.MODULES.items():
            (self._fakes / f"{name}.py").write_text(text)
        self.surface(800)
        self.starts = 0  # power-on and resets
        self.soft_resets = 0  # the REPL left by Ctrl-D
        self.slept = False  # nobody came while it listened
        self.said = b""  # all that came out of it
        self.heard = b""  # all that the tools sent
        self._cut_in: int | None = None
        self._cut_at: bytes | None = None
        self._cut_later = 0
        self._lock = threading.RLock()
        self._vm: subprocess.Popen | None = None
        self._stopping = False
        self._plug_in()

    def __enter__(self) -> "FakeBoard":
        self.press_reset()
        self._thread = threading.Thread(target=self._bridge, daemon=True)
        self._thread.start()
        self.wait_for_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._thread.join(5)
        self._end_vm()
        self.unplug()

    def wait_for_start(self) -> None:
        """Until the chip, if it runs at all, has begun to speak: a knock before that costs half a second."""
        deadline = time.monotonic() + 5
        while self._vm and len(self.said) == self._said_before and time.monotonic() < deadline:
            time.sleep(0.005)

    def surface(self, mm: int | str) -> None:
        """What the module sees from now on: a distance, or "silent"."""
        fresh = self.world / "surface_mm.new"  # nobody may read half of it
        fresh.write_text(str(mm))
        fresh.replace(self.world / "surface_mm")

    def light_sleeps(self) -> int:
        """How often the console would have gone dead for a moment."""
        path = self.world / "light_sleeps"
        return len(path.read_text()) if path.exists() else 0

    def secrets(self) -> dict[str, str]:
        path = self.world / "nvs.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def config(self) -> dict | None:
        path = self.flash / "config.json"
        return json.loads(path.read_text()) if path.exists() else None

    @property
    def asleep(self) -> bool:
        return self._vm is None

    def press_reset(self) -> None:
        with self._lock:
            self._end_vm()
            self._start_vm()
            self.slept = False

    def cut_power(self) -> None:
        """Nothing runs until reset is pressed; what is on the flash stays."""
        with self._lock:
            self._end_vm()

    def unplug(self) -> None:
        with self._lock:
            self._name.unlink(missing_ok=True)
            for descriptor in (self._outer, self._outer_line):
                if descriptor >= 0:
                    os.close(descriptor)
            self._outer = self._outer_line = -1

    def unplug_after(self, count: int) -> None:
        """Cut the line when `count` more bytes have come from the tools."""
        self._cut_in = count

    def unplug_at(self, text: bytes, later: int = 0) -> None:
        """Cut the line when the tools have sent this, and so many bytes more."""
        self._cut_at, self._cut_later = text, later

    def replug(self) -> None:
        """The line is back."""
        with self._lock:
            self.unplug()
            self._plug_in()

    def _plug_in(self) -> None:
        self._cut_in = self._cut_at = None
        self._outer, self._outer_line = pty.openpty()
        tty.setraw(self._outer_line)
        os.set_blocking(self._outer, False)
        self._name.symlink_to(os.ttyname(self._outer_line))
        self.port = str(self._name)

    def _start_vm(self) -> None:
        self._inner, line = pty.openpty()
        settings = termios.tcgetattr(line)
        settings[0] &= ~termios.ICRNL
        settings[1] &= ~termios.OPOST
        settings[3] = (settings[3] | termios.ISIG) & ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        termios.tcsetattr(line, termios.TCSANOW, settings)
        named = os.environ.get("MICROPYTHON")
        command = [named] if named else [sys.executable, "-m", "micropython_unix"]
        self._vm = subprocess.Popen(
            [sys.executable, "-S", "-c", _LAUNCH, *command, "-X", "heapsize=1M", "-i", "-c", fake_chip.START],
            stdin=line,
            stdout=line,
            stderr=line,
            cwd=self.flash,
            start_new_session=True,
            env={
                **os.environ,
                "MICROPYPATH": f"{self._fakes}:.frozen",
                "FAKE_WORLD": str(self.world),
                "HOME": str(self.world),
            },
        )
        os.close(line)
        self.starts += 1
        self._said_before = len(self.said)

    def _end_vm(self) -> None:
        if self._vm is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._vm.pid, signal.SIGKILL)
            self._vm.wait()
            self._vm = None
            os.close(self._inner)

    def _bridge(self) -> None:
        while not self._stopping:
            with self._lock:
                ends = [end for end in (self._outer, self._inner if self._vm else -1) if end >= 0]
                ready = select.select(ends, [], [], 0)[0] if ends else []
                if self._vm and self._inner in ready:
                    self._from_chip()
                if self._outer in ready:
                    self._from_tools()
            if not ready:
                time.sleep(0.001)

    def _from_chip(self) -> None:
        try:
            data = os.read(self._inner, 4096)
        except OSError:
            data = b""
        if not data:
            ended = self._vm.wait()
            os.close(self._inner)
            self._vm = None
            self.soft_resets += ended >= 0
            self.slept = ended == -fake_chip.SLEEP
            if not self.slept:
                self._start_vm()
            return
        self.said += data
        if self._outer >= 0:
            with contextlib.suppress(BlockingIOError):  # nobody reads it
                os.write(self._outer, data)

    def _runs_raw_code(self) -> bool:
        """Code was taken over (an end of data that the board confirmed) and has not come to its end."""
        _, taken, tail = self.said[self._said_before :].rpartition(b">R\x01")
        return bool(taken) and b"\x04" in tail and b"\x04>" not in tail

    def _from_tools(self) -> None:
        try:
            data = os.read(self._outer, 4096)
        except OSError:
            return
        if self._cut_in is not None:
            data = data[: self._cut_in]
            self._cut_in -= len(data)
        if self._cut_at and self._cut_at in self.heard + data:
            end = (self.heard + data).index(self._cut_at) + len(self._cut_at) + self._cut_later
            data = data[: end - len(self.heard)]
            if len(self.heard) + len(data) == end:
                self._cut_in = 0
        self.heard += data
        if self._vm:
            os.write(self._inner, data)
            # While code from the raw REPL runs, the unix port keeps the terminal from making a signal of Ctrl-C.
            if b"\x03" in data and self._runs_raw_code():
                os.kill(self._vm.pid, signal.SIGINT)
        if self._cut_in == 0:
            self.unplug()


def lock(port: str):
    """Hold a port as another program does; closing what is returned lets it go."""
    file = open(port, "rb+", buffering=0)  # noqa: SIM115
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file
