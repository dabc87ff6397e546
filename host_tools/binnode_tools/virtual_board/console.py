"""The serial console of a virtual board, in real time: `mpremote` works on it as on a board's port.

    tool <-> pseudo terminal <-> Console <-> two pipes <-> stdin and stdout of the VM

The port is that of a UART bridge: it stays when the board sleeps, silent, and what is sent meanwhile is lost. (A native
USB port would go away: `_fell_asleep` is the place.) Time: the world's clock follows the computer's, times `speed`.
An act that takes time is answered when that time has passed.

Ctrl-C stops a program as it does on the chip, at the VM's next act, and ends a sleep at once. The VM's own way, SIGINT,
jumps out of any C code, the file system's too: only a program that makes no act for SILENT_S gets it. At the prompt,
where the VM would die of it, Ctrl-C is a character like any other.
"""

import os
import re
import select
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from binnode_tools.virtual_board import acts
from binnode_tools.virtual_board.chip import DEEP_SLEEP, HARD_RESET, POWER_ON
from binnode_tools.virtual_board.serial_port import NOBODY_S, Clock, Port
from binnode_tools.virtual_board.vm_process import Request, Vm
from binnode_tools.virtual_board.world import CTRL_C, VirtualBoard, World

SILENT_S = 1.0
_ROOM = 65536  # bytes on their way to the tool, beyond which the VM has to wait
_UNDIVIDED = (acts.BOOT, acts.FLASH_WRITE, acts.FLASH_ERASE)  # Ctrl-C waits: an exception would leave littlefs torn
_RAW_BANNER, _FRIENDLY_BANNER = b"raw REPL; CTRL-B to exit\r\n", b'Type "help()"'
_BARE_NEWLINE = re.compile(rb"(?<!\r)\n")
# What the ESP32's boot ROM says; the tools have to read past it.
_ROM_REASONS = {
    POWER_ON: "0x1 (POWERON_RESET)",
    HARD_RESET: "0xc (SW_CPU_RESET)",
    DEEP_SLEEP: "0x5 (DEEPSLEEP_RESET)",
}


class Console:
    """Runs one board in real time with a console. Use it as a context manager; `run()` returns after `stop()`."""

    def __init__(
        self,
        world: World,
        board: VirtualBoard,
        speed: float = 1.0,
        asleep: float | None = None,
        link: Path | None = None,
    ):
        """World seconds per second: `speed` awake, `asleep` (default `speed`) in deep sleep."""
        self.world, self.board, self.speed, self.asleep = world, board, speed, speed if asleep is None else asleep
        board.repl = True
        self.port = Port(link)
        self.clock = Clock(speed)
        self.watched: dict[int, Callable[[], None]] = {}  # descriptors of others, served in this loop
        self._orders: deque[Callable[[], None]] = deque()
        self._bell = os.pipe()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._raw = False  # the last VM ended in its raw REPL: the next one begins there, without main.py
        self._begin_vm()

    def _begin_vm(self) -> None:
        self._from_tool = bytearray()  # read from the port, not looked at yet
        self._to_vm = bytearray(b"\x01" if self._raw else b"")
        self._shown = 0  # bytes of the VM's console that went on to the port, or were left out
        self._hide_until = b""
        self._booted = False
        self._ctrl_c_until: float | None = None  # Ctrl-C waits for an act; from then on SIGINT is due
        self._asleep_in: Request | None = None  # sleep_us under way: carried out with the time that it really took
        self._under_way = 0  # the act that is being answered
        self._answer: tuple[int, int, bytes] | None = None
        self._due = 0  # when the act under way ends

    # for others ------------------------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """What a tool opens."""
        return str(self.port.link or self.port.path)

    def order(self, action: Callable[[], None]) -> None:
        """Have `action` done in the loop; from any thread."""
        self._orders.append(action)
        os.write(self._bell[1], b"!")

    def stop(self) -> None:
        self.order(lambda: setattr(self, "_stopped", True))

    def press_reset(self) -> None:
        """The chip starts anew; RTC memory stays. In the loop only, see order()."""
        self._catch_up()
        vm = self.board.vm
        self.board.reset()
        self._wake_ended(vm)

    def power_cycle(self) -> None:
        """The battery out and in. In the loop only, see order()."""
        self._catch_up()
        vm = self.board.vm
        self.board.power_on(self.board.chip.now)
        self._wake_ended(vm)

    def end_sleep(self) -> None:
        """Let deep sleep be over. In the loop only, see order()."""
        if self.board.vm is None and self.board.wake_at is not None:
            self.clock.set(self.board.wake_at, self.speed)

    def start(self) -> "Console":
        """run() in a thread of its own; close() ends it."""

        def run() -> None:
            try:
                self.run()
            except BaseException as error:
                self._error = error

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Raises what ended the thread of start()."""
        if self._thread:
            self.stop()
            self._thread.join()
        self.port.close()
        for fd in self._bell:
            os.close(fd)
        if self._error:
            raise self._error

    def __enter__(self) -> "Console":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    # the loop --------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        while not self._stopped:
            self._turn()

    def _turn(self) -> None:
        board = self.board
        if board.vm is None and board.wake_at is not None and self.clock.now() >= board.wake_at:
            self._wake()
        ready, _, _ = select.select(*self._descriptors(), [], self._patience_s())
        if self._bell[0] in ready:
            os.read(self._bell[0], 64)
        for fd in self.watched.keys() & set(ready):
            self.watched[fd]()
        while self._orders:
            self._orders.popleft()()
        if len(self.port.waiting) < _ROOM:
            self._serve_vm()
        self._from_tool += self.port.read()
        self._take_input()
        self.port.flush()

    def _descriptors(self) -> tuple[list[int], list[int]]:
        vm, readers, writers = self.board.vm, [self.port.master, self._bell[0], *self.watched], []
        if vm and len(self.port.waiting) < _ROOM:
            readers += [vm.request_fd, vm.console_fd]
        if vm and self._to_vm and vm.input_fd is not None:
            writers.append(vm.input_fd)
        if self.port.waiting:
            writers.append(self.port.master)
        return readers, writers

    def _patience_s(self) -> float | None:
        """How long nothing can happen unless a descriptor says so."""
        waits = [NOBODY_S] if self.port.waiting else []
        if self._answer or self._asleep_in:
            waits.append(self.clock.seconds_until(self._due))
        if self._ctrl_c_until is not None:
            waits.append(max(0.0, self._ctrl_c_until - time.monotonic()))
        if self.board.vm is None and self.board.wake_at is not None:
            waits.append(self.clock.seconds_until(self.board.wake_at))
        return min(waits, default=None)

    # wakes -----------------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        board = self.board
        assert board.wake_at is not None
        self.clock.set(board.wake_at, self.speed)
        if board.next_cause in _ROM_REASONS:
            self._raw = False
            self.port.write(b"rst:%s,boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n" % _ROM_REASONS[board.next_cause].encode())
        self._begin_vm()
        board.wake(self.world.zygote)
        assert board.vm is not None and board.vm.input_fd is not None
        os.set_blocking(board.vm.input_fd, False)

    def _wake_ended(self, vm: Vm | None) -> None:
        """After the board's own end of a wake: show the rest of its console, let the clock go on."""
        if vm:
            self._show(vm)
        self._begin_vm()
        self._fell_asleep()

    def _fell_asleep(self) -> None:
        """A native USB port would be closed here, and made anew in _wake(): the bridge of a UART stays."""
        self.clock.set(self.board.chip.now, self.asleep)

    def _vm_ended(self, vm: Vm) -> None:
        """Ctrl-D at a prompt or sys.exit(): a soft reset. By a signal: as a chip panics, it starts anew."""
        self._catch_up()
        crashed = os.WIFSIGNALED(vm.collect())
        self._raw = not crashed and vm.console.rfind(_RAW_BANNER) > vm.console.rfind(_FRIENDLY_BANNER)
        self.board.reset(soft=not crashed)
        self._show(vm)
        if not crashed:
            self.port.write(b"MPY: soft reboot\r\n")
        self.clock.set(self.board.chip.now, self.speed)

    # the VM ----------------------------------------------------------------------------------------------------------

    def _serve_vm(self) -> None:
        vm = self.board.vm
        if vm is None:
            return
        vm.pump(0)
        self._show(vm)
        if self._answer is None and self._asleep_in is None:
            request = vm.take()
            if request is not None:
                self._begin_act(vm, request)
            elif vm.ended:
                self._vm_ended(vm)
            elif self._ctrl_c_until is not None and time.monotonic() >= self._ctrl_c_until:
                self._signal(vm)
        if (self._answer or self._asleep_in) and self.clock.now() >= self._due:
            self._end_act(vm)

    def _catch_up(self) -> None:
        """The VM computed, or waited at its prompt: that time has passed in the world too."""
        self.board.chip.advance(self.clock.now() - self.board.chip.now)

    def _begin_act(self, vm: Vm, request: Request) -> None:
        act, _, a, _, _ = request
        chip = self.board.chip
        self._catch_up()
        self._under_way = act
        if act == acts.MAIN_ENDED:  # and the REPL begins
            if self._raw:
                self._hide_until = _RAW_BANNER
            vm.answer(acts.OK)
        elif self._ctrl_c_until is not None and act not in _UNDIVIDED:
            self._ctrl_c_until = None
            vm.answer(acts.OK, events=CTRL_C)
        elif act == acts.SLEEP_US:
            self._asleep_in, self._due = request, chip.now + a
        else:
            self._carry_out(vm, request)

    def _carry_out(self, vm: Vm, request: Request) -> None:
        self._asleep_in = None
        self._answer = self.board.carry_out(request, self.world.trace)
        self._due = self.board.chip.now
        if self.board.vm is None:
            self._wake_ended(vm)
        elif request[0] == acts.BOOT and self._raw and self._answer:
            status, value, data = self._answer
            self._answer = status, value, data + b"\nraw"

    def _end_act(self, vm: Vm, events: int = 0) -> None:
        """Answer the act under way. A sleep took as long as it did."""
        if self._asleep_in:
            act, read, a, b, data = self._asleep_in
            left_us = max(0, self._due - self.clock.now()) if events else 0
            self._carry_out(vm, (act, read, a - left_us, b, data))
        assert self._answer is not None
        if self._due > self.clock.now() and events:
            self.clock.set(self._due, self.speed)  # the rest of what the act took is over at once
        vm.answer(*self._answer, events=events)
        self._answer = None
        if self._under_way == acts.BOOT:
            self._booted = True
        if self._ctrl_c_until is not None:
            self._ctrl_c_until = time.monotonic() + SILENT_S

    def _show(self, vm: Vm) -> None:
        """Hand on what the VM has printed since the last time; lines end as the chip ends them."""
        if self._hide_until:
            found = vm.console.find(self._hide_until, self._shown)
            if found < 0:
                return
            self._hide_until, self._shown = b"", found
        fresh = bytes(vm.console[self._shown :])
        text = _BARE_NEWLINE.sub(b"\r\n", fresh)
        if fresh[:1] == b"\n" and vm.console[self._shown - 1 : self._shown] == b"\r":
            text = text[1:]
        self._shown = len(vm.console)
        if text:
            self.port.write(text)

    # the tool --------------------------------------------------------------------------------------------------------

    def _take_input(self) -> None:
        """What the tool sent: to the VM's stdin, Ctrl-C to its program. While the board sleeps nobody listens."""
        vm = self.board.vm
        if vm is None or vm.input_fd is None:
            self._from_tool.clear()
            return
        while self._booted and self._from_tool and self._ctrl_c_until is None and self.board.vm is vm:
            before, ctrl_c, _ = self._from_tool.partition(b"\x03")
            del self._from_tool[: len(before) + len(ctrl_c)]
            self._to_vm += before
            if ctrl_c:
                self._interrupt(vm)
        try:
            while self._to_vm:
                del self._to_vm[: os.write(vm.input_fd, self._to_vm)]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._to_vm.clear()

    def _interrupt(self, vm: Vm) -> None:
        with vm.standing_still():
            runs = vm.runs_code()
        if not runs:
            self._to_vm += b"\x03"
        elif (self._answer or self._asleep_in) and self._under_way not in _UNDIVIDED:
            self._end_act(vm, CTRL_C)
        else:
            self._ctrl_c_until = time.monotonic() + SILENT_S

    def _signal(self, vm: Vm) -> None:
        """The program has made no act for a while: it computes, or reads its stdin."""
        with vm.standing_still():
            vm.pump(0)
            if vm.buffer or vm.ended:
                return  # it has, by now
            self._ctrl_c_until = None
            if vm.runs_code():
                os.kill(vm.pid, signal.SIGINT)
            else:
                self._to_vm += b"\x03"
