"""A MicroPython VM for each wake: where it comes from, and the two pipes over which it acts."""

import contextlib
import importlib.util
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from binnode_tools.virtual_board import acts

HOST_GUARD_S = 20  # a VM that computes this long without an act hangs, as far as we can tell
_REQUEST = struct.Struct(acts.REQUEST)
_ANSWER = struct.Struct(acts.ANSWER)

Request = tuple[int, int, int, int, bytes]  # act, flash bytes read since the last one, a, b, data


class VmError(Exception):
    """The VM did what no chip could go on from: it hung, or died by a signal."""


def micropython_command() -> list[str] | None:
    """None: the wheel's VM is here and can be forked. Else the command of a MicroPython to execute.

    Raises VmError when there is neither.
    """
    named = os.environ.get("MICROPYTHON")
    if named:
        path = shutil.which(named)
        if not path:
            raise VmError(f"MICROPYTHON={named}: there is no such program.")
        return [path]
    if importlib.util.find_spec("micropython_run"):
        return None
    path = shutil.which("micropython")
    if path:
        return [path]
    raise VmError(
        "There is no MicroPython here to run the node on. Its wheel exists for Linux x86-64 and macOS arm64 only;\n"
        "elsewhere build the unix port (v1.28 or newer, 'standard' variant) and put `micropython` on the PATH,\n"
        "or name it: make run MICROPYTHON=/path/to/micropython"
    )


class Zygote:
    """Client of zygote.py: start a VM, and collect its end. One per world; close it when done."""

    def __init__(self, prefix: list[str] | None = None):
        """`prefix`: a command (valgrind ...) under which a fresh Python runs the VM instead of a fork."""
        self.command = micropython_command()
        if prefix is not None and self.command is None:
            run = "import sys, micropython_run; micropython_run.run_main(['micropython'] + sys.argv[1:])"
            self.command = [*prefix, sys.executable, "-c", run]
        elif prefix is not None:
            self.command = [*prefix, *(self.command or [])]
        self._asking, self._number, self._replies = threading.Lock(), 0, b""
        self.control, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        script = Path(__file__).with_name("zygote.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(far.fileno()), *(["exec"] if self.command else [])],
            pass_fds=[far.fileno()],
            start_new_session=True,
        )
        far.close()

    def ask(self, request: dict, fds: tuple[int, ...] = ()) -> int:
        """The reply to this request: one that Ctrl-C left unread is known by its number, and never taken for a pid."""
        with self._asking:
            self._number += 1
            message = json.dumps({**request, "number": self._number}).encode() + b"\n"
            if fds:
                socket.send_fds(self.control, [message], list(fds))
            else:
                self.control.sendall(message)
            while True:
                while b"\n" not in self._replies:
                    part = self.control.recv(64)
                    if not part:
                        raise VmError("the process that starts the VMs has died")
                    self._replies += part
                line, _, self._replies = self._replies.partition(b"\n")
                number, reply = map(int, line.split())
                if number == self._number:
                    return reply

    def start(self, stand_ins: Path, heap: str, repl: bool = False) -> "Vm":
        """A VM that runs boot0 of the `stand_ins` folder in a heap like "96K", and then, with `repl`, its REPL."""
        answer_out, answer_in = os.pipe()
        request_out, request_in = os.pipe()
        console_out, console_in = os.pipe()
        input_out, input_in = os.pipe() if repl else (None, None)
        arguments = ["-X", f"heapsize={heap}", *(["-i"] if repl else []), "-c", "import boot0"]
        request = {
            "argv": [*(self.command or ["micropython"]), *arguments],
            "env": {"MICROPYPATH": f"{stand_ins}:.frozen", "PYTHONHASHSEED": "0"},
        }
        theirs = [fd for fd in (answer_out, request_in, console_in, input_out) if fd is not None]
        pid = self.ask(request, tuple(theirs))
        if pid < 2:  # kill() would be for others
            raise VmError(f"no process was started: {pid}")
        for fd in theirs:
            os.close(fd)
        return Vm(self, pid, answer_in, request_out, console_out, input_in)

    def close(self) -> None:
        self.control.close()
        self.process.wait(10)

    def __enter__(self) -> "Zygote":
        return self

    def __exit__(self, *_) -> None:
        self.close()


class Vm:
    """One running VM: requests come in, answers go out, its console is collected."""

    def __init__(
        self, zygote: Zygote, pid: int, answer_fd: int, request_fd: int, console_fd: int, input_fd: int | None = None
    ):
        self.zygote, self.pid = zygote, pid
        self.answer_fd, self.request_fd, self.console_fd, self.input_fd = answer_fd, request_fd, console_fd, input_fd
        self.buffer = bytearray()
        self.console = bytearray()
        self.poll = select.poll()
        self.poll.register(request_fd, select.POLLIN)
        self.poll.register(console_fd, select.POLLIN)
        self.ended = False
        self.status: int | None = None

    def request(self, guard_s: float = HOST_GUARD_S) -> Request | None:
        """The next act; None when the VM has ended."""
        while True:
            request = self.take()
            if request is not None or self.ended:
                return request
            if not self.pump(guard_s):
                self.kill()
                raise VmError(
                    f"the node computed for {guard_s} s of this computer's time without a single act: it hangs"
                )

    def take(self) -> Request | None:
        """The next act of those that have been read, None when there is no whole one."""
        if len(self.buffer) < acts.REQUEST_SIZE:
            return None
        act, read, a, b, size = _REQUEST.unpack_from(self.buffer)
        end = acts.REQUEST_SIZE + size
        if len(self.buffer) < end:
            return None
        data = bytes(self.buffer[acts.REQUEST_SIZE : end])
        del self.buffer[:end]
        return act, read, a, b, data

    def pump(self, timeout_s: float) -> bool:
        """Read what the VM has written; False when there is nothing within `timeout_s`. Sets `ended` at its end."""
        ready = self.poll.poll(int(timeout_s * 1000))
        for fd, _ in ready:
            data = self._read(fd)
            if fd == self.console_fd:
                if data:
                    self.console += data
                else:
                    self.poll.unregister(fd)
            elif data:
                self.buffer += data
            else:
                self.ended = True
        return bool(ready)

    @staticmethod
    def _read(fd: int) -> bytes:
        try:
            return os.read(fd, 65536)
        except OSError:
            return b""

    def answer(self, status: int, value: int = 0, data: bytes = b"", events: int = 0) -> None:
        message = _ANSWER.pack(status, events, value, len(data)) + data
        while message:
            message = message[os.write(self.answer_fd, message) :]

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """The VM is stopped meanwhile, so that what is found out about it stays true."""
        stat = Path(f"/proc/{self.pid}/stat")
        os.kill(self.pid, signal.SIGSTOP)
        try:
            while stat.exists() and stat.read_text().rpartition(") ")[2][0] not in "TZ":
                time.sleep(0.0005)
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def runs_code(self) -> bool:
        """Does it run a program, or wait at a prompt? It catches SIGINT while it runs one. Let it stand still."""
        try:
            caught = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
            return caught is not None and bool(int(caught[1], 16) >> signal.SIGINT - 1 & 1)
        except OSError:  # no /proc on macOS: what does the last line say?
            line = bytes(self.console).rpartition(b"\n")[2]
            pasting = line.startswith(b">R\x01") and b"\x04" not in line
            return not (line == b">" or line.startswith((b">>> ", b"... ")) or pasting)

    def kill(self) -> None:
        """At once and without a word, as power goes or deep sleep begins."""
        if self.status is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.collect()

    def collect(self) -> int:
        """Wait for the end; the wait status. The rest of the console is read."""
        if self.status is None:
            self.status = self.zygote.ask({"wait": self.pid})
            while data := self._read(self.console_fd):
                self.console += data
            for fd in (self.console_fd, self.answer_fd, self.request_fd, self.input_fd):
                if fd is not None:
                    os.close(fd)
        return self.status
