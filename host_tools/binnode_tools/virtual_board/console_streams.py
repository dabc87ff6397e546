"""What goes through a console: the VM's words on their way to the port, and what was typed on its way to the VM.

Ctrl-C stops a program as it does on the chip, at the VM's next act, and ends a sleep at once. The VM's own way, SIGINT,
jumps out of any C code, the file system's too: only a program that makes no act for SILENT_S gets it. At the prompt,
where the VM would die of it, Ctrl-C is a character like any other.
"""

import os
import re
import signal
import time
from errno import EINTR

from binnode_tools.virtual_board import acts
from binnode_tools.virtual_board.board import VirtualBoard
from binnode_tools.virtual_board.real_time import Pace
from binnode_tools.virtual_board.vm_process import Vm

SILENT_S = 1.0
_UNDIVIDED = (acts.BOOT, acts.FLASH_WRITE, acts.FLASH_ERASE)  # Ctrl-C waits: an exception would leave littlefs torn
_BARE_NEWLINE = re.compile(rb"(?<!\r)\n")


class Printed:
    """What one VM prints. `hide_until`: nothing before this text is for the port."""

    def __init__(self) -> None:
        self.hide_until = b""
        self._shown = 0  # bytes that went on, or were left out

    def fresh(self, vm: Vm) -> bytes:
        """What it has printed since the last time; lines end as the chip ends them."""
        if self.hide_until:
            found = vm.console.find(self.hide_until, self._shown)
            if found < 0:
                return b""
            self.hide_until, self._shown = b"", found
        fresh = bytes(vm.console[self._shown :])
        text = _BARE_NEWLINE.sub(b"\r\n", fresh)
        if fresh[:1] == b"\n" and vm.console[self._shown - 1 : self._shown] == b"\r":
            text = text[1:]
        self._shown = len(vm.console)
        return text


class Typed:
    """What a tool sends to one VM: bytes to its stdin, Ctrl-C to its program."""

    def __init__(self, board: VirtualBoard, pace: Pace, first: bytes):
        """`first`: what the VM finds on its stdin at its start."""
        self.board, self.pace = board, pace
        self.booted = False  # before, nothing is taken
        self.waiting = bytearray(first)  # for the VM's stdin
        self.ctrl_c_at: float | None = None  # when Ctrl-C came: it waits for an act
        self._read = bytearray()  # from the port, not looked at yet

    def take(self, data: bytes) -> None:
        """What the port had. While the board sleeps nobody listens."""
        vm = self.board.vm
        self._read += data
        if vm is None or vm.input_fd is None:
            self._read.clear()
            return
        while self.booted and self._read and self.ctrl_c_at is None and self.board.vm is vm:
            before, ctrl_c, _ = self._read.partition(b"\x03")
            del self._read[: len(before) + len(ctrl_c)]
            self.waiting += before
            if ctrl_c:
                self._interrupt(vm)
        try:
            while self.waiting:
                del self.waiting[: os.write(vm.input_fd, self.waiting)]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self.waiting.clear()

    def _interrupt(self, vm: Vm) -> None:
        with vm.standing_still():
            runs = vm.runs_code()
        if not runs or not self.board.chip.interrupts:
            self.waiting += b"\x03"
        elif self.pace.busy and self.pace.act not in _UNDIVIDED:
            self.pace.end(vm, interrupted=True)
        else:
            self.ctrl_c_at = time.monotonic()

    def stops(self, vm: Vm, act: int) -> bool:
        """Is this act what Ctrl-C waits for? It is answered then."""
        if self.ctrl_c_at is None or act == acts.BOOT:
            return False
        if act not in _UNDIVIDED:
            self.pace.reply(vm, interrupted=True)
        elif time.monotonic() - self.ctrl_c_at > SILENT_S:  # it does nothing but write: let littlefs go in good order
            self.pace.reply(vm, (acts.OS_ERROR, EINTR, b""))
        else:
            return False
        self.ctrl_c_at = None
        return True

    def insist(self, vm: Vm) -> None:
        """If Ctrl-C waits, and the program makes no act: it ends, or computes, or reads its stdin."""
        if self.ctrl_c_at is None:
            return
        with vm.standing_still():
            vm.pump(0)
            if vm.buffer or vm.ended:
                return
            if not vm.runs_code():
                self.waiting += b"\x03"
            elif min(self.pace.silent_s, time.monotonic() - self.ctrl_c_at) < SILENT_S:
                return
            else:
                os.kill(vm.pid, signal.SIGINT)
            self.ctrl_c_at = None
