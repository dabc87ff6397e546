"""The serial console of a virtual board, in real time: `mpremote` works on it as on a board's port.

    tool <-> pseudo terminal <-> Console <-> two pipes <-> stdin and stdout of the VM

The port is that of a UART bridge: it stays when the board sleeps, silent, and what is sent meanwhile is lost. (A native
USB port would go away: `_wake_ended` is the place.)

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
from collections.abc import Callable
from errno import EINTR
from pathlib import Path

from binnode_tools.virtual_board import acts
from binnode_tools.virtual_board.chip import DEEP_SLEEP, HARD_RESET, POWER_ON, WATCHDOG
from binnode_tools.virtual_board.real_time import Pace
from binnode_tools.virtual_board.serial_port import NOBODY_S, Orders, Port
from binnode_tools.virtual_board.vm_process import Request, Vm
from binnode_tools.virtual_board.world import SOFT_RESET, VirtualBoard, World

SILENT_S = 1.0
_LOOK_S = 0.05  # how often to look whether a program that got Ctrl-C has ended by itself
_ROOM = 65536  # bytes on their way to the tool, beyond which the VM has to wait
_UNDIVIDED = (acts.BOOT, acts.FLASH_WRITE, acts.FLASH_ERASE)  # Ctrl-C waits: an exception would leave littlefs torn
_RAW_BANNER, _FRIENDLY_BANNER = b"raw REPL; CTRL-B to exit\r\n", b'Type "help()"'
_BARE_NEWLINE = re.compile(rb"(?<!\r)\n")
# What the ESP32's boot ROM says; the tools have to read past it.
_ROM_REASONS = {
    POWER_ON: "0x1 (POWERON_RESET)",
    HARD_RESET: "0xc (SW_CPU_RESET)",
    WATCHDOG: "0x8 (TG1WDT_SYS_RESET)",
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
        self.world, self.board = world, board
        self.speed, self.asleep = speed, speed if asleep is None else asleep
        board.repl = True
        self.port = Port(link)
        self.pace = Pace(world, board, speed)
        self.clock = self.pace.clock
        self.watched: dict[int, Callable[[], None]] = {}  # descriptors of others, served in this loop
        self._orders = Orders()
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
        self._ctrl_c_at: float | None = None  # when Ctrl-C came: it waits for an act
        self.pace.forget()

    # for others ------------------------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """What a tool opens."""
        return str(self.port.link or self.port.path)

    def order(self, action: Callable[[], object]) -> None:
        """Have `action` done in the loop; from any thread."""
        self._orders.add(action)

    def stop(self) -> None:
        self.order(lambda: setattr(self, "_stopped", True))

    def press_reset(self) -> None:
        """The chip starts anew; RTC memory stays. In the loop only, see order()."""
        self.pace.catch_up()
        self.board.reset()

    def power_cycle(self) -> None:
        """The battery out and in. In the loop only, see order()."""
        self.pace.catch_up()
        self.board.power_on(self.board.chip.now)

    def press_button(self) -> None:
        """It ends deep sleep if the node has armed it. In the loop only, see order()."""
        self.board.press_button(max(self.board.chip.now, self.clock.now()))

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
        self._orders.close()
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
        vm = board.vm
        ready, _, _ = select.select(*self._descriptors(), [], self._patience_s())
        for fd in self.watched.keys() & set(ready):
            self.watched[fd]()
        if self._orders.fd in ready:
            self._orders.carry_out()
        if len(self.port.waiting) < _ROOM:
            self._serve_vm()
        self._from_tool += self.port.read()
        self._take_input()
        if vm and not board.vm:
            self._wake_ended(vm)
        self.port.flush()

    def _descriptors(self) -> tuple[list[int], list[int]]:
        vm, readers, writers = self.board.vm, [self.port.master, self._orders.fd, *self.watched], []
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
        if self.pace.busy:
            waits.append(self.pace.seconds_left())
        if self._ctrl_c_at is not None:
            waits.append(_LOOK_S)
        then = self.board.chip.watchdog_at if self.board.vm else self.board.wake_at
        if then is not None:
            waits.append(self.clock.seconds_until(then))
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

    def _wake_ended(self, vm: Vm) -> None:
        """A native USB port would be closed here, and made anew in _wake(): the bridge of a UART stays."""
        self._show(vm)
        if self.board.next_cause == SOFT_RESET:
            self.port.write(b"MPY: soft reboot\r\n")
        self._begin_vm()
        self.clock.set(self.board.chip.now, self.asleep)

    def _vm_ended(self, vm: Vm) -> None:
        """Ctrl-D at a prompt or sys.exit(): a soft reset. By a signal: as a chip panics, it starts anew."""
        crashed = os.WIFSIGNALED(vm.collect())
        self._raw = vm.console.rfind(_RAW_BANNER) > vm.console.rfind(_FRIENDLY_BANNER)
        self.pace.catch_up()
        if self.board.vm:
            self.board.reset(soft=not crashed)

    # the VM ----------------------------------------------------------------------------------------------------------

    def _serve_vm(self) -> None:
        vm = self.board.vm
        if vm is None:
            return
        vm.pump(0)
        self._show(vm)
        if not self.pace.busy:
            request = vm.take()
            if request is not None:
                self._begin_act(vm, request)
            elif vm.ended:
                self._vm_ended(vm)
            elif self._ctrl_c_at is not None:
                self._insist(vm)
            bite = self.board.chip.watchdog_at
            if bite is not None and self.board.vm is vm and self.clock.now() >= bite:
                self.pace.catch_up()
        if self.pace.due:
            self._end_act(vm)

    def _begin_act(self, vm: Vm, request: Request) -> None:
        act = request[0]
        if act == acts.MAIN_ENDED:  # and the REPL begins
            self.board.chip.interrupts = True
            if self._raw:
                self._hide_until = _RAW_BANNER
            self.pace.reply(vm)
        elif self._ctrl_c_at is not None and act not in _UNDIVIDED:
            self._ctrl_c_at = None
            self.pace.reply(vm, interrupted=True)
        elif self._ctrl_c_at is not None and act != acts.BOOT and time.monotonic() - self._ctrl_c_at > SILENT_S:
            self._ctrl_c_at = None  # it does nothing but write: let littlefs go in good order
            self.pace.reply(vm, (acts.OS_ERROR, EINTR, b""))
        else:
            self.pace.begin(request)
            if act == acts.BOOT and self._raw:
                self.pace.add(b"\nraw")

    def _end_act(self, vm: Vm) -> None:
        self.pace.end(vm)
        if self.pace.act == acts.BOOT:
            self._booted = True

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
        while self._booted and self._from_tool and self._ctrl_c_at is None and self.board.vm is vm:
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
        if not runs or not self.board.chip.interrupts:
            self._to_vm += b"\x03"
        elif self.pace.busy and self.pace.act not in _UNDIVIDED:
            self.pace.end(vm, interrupted=True)
        else:
            self._ctrl_c_at = time.monotonic()

    def _insist(self, vm: Vm) -> None:
        """Ctrl-C waits, and the program makes no act: it ends, or computes, or reads its stdin."""
        with vm.standing_still():
            vm.pump(0)
            if vm.buffer or vm.ended:
                return
            if not vm.runs_code():
                self._to_vm += b"\x03"
            elif min(self.pace.silent_s, time.monotonic() - (self._ctrl_c_at or 0)) < SILENT_S:
                return
            else:
                os.kill(vm.pid, signal.SIGINT)
            self._ctrl_c_at = None
