"""The serial console of a virtual board, in real time: `mpremote` works on it as on a board's port.

    tool <-> pseudo terminal <-> Console <-> two pipes <-> stdin and stdout of the VM

The port is what the board file says. That of a UART bridge stays when the board sleeps, silent, and what is sent
meanwhile is lost. The chip's own USB goes away with deep sleep and every reset, is back when MicroPython is up, and is
deaf and dumb in light sleep.
"""

import os
import select
import threading
from collections.abc import Callable
from pathlib import Path

from binnode_tools.virtual_board import acts
from binnode_tools.virtual_board.board import VirtualBoard
from binnode_tools.virtual_board.console_streams import Printed, Typed
from binnode_tools.virtual_board.real_time import Pace
from binnode_tools.virtual_board.serial_port import NOBODY_S, Orders, Port
from binnode_tools.virtual_board.vm_process import Request, Vm
from binnode_tools.virtual_board.wake import DEEP_SLEEP, HARD_RESET, POWER_ON, SOFT_RESET, WATCHDOG
from binnode_tools.virtual_board.world import World

_LOOK_S = 0.05  # how often to look whether a program that got Ctrl-C has ended by itself
_ROOM = 65536  # bytes on their way to the tool, beyond which the VM has to wait
_RAW_BANNER, _FRIENDLY_BANNER = b"raw REPL; CTRL-B to exit\r\n", b'Type "help()"'
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
        """World seconds per second: `speed` awake, `asleep` (default `speed`) in deep sleep. `link` names the port, and
        has to when it is the chip's own USB, whose terminal is another one each time."""
        self.native = board.chip.board.console == "usb"
        if self.native and link is None:
            raise ValueError("the port of native USB comes and goes: it needs a link")
        self.world, self.board = world, board
        self.speed, self.asleep = speed, speed if asleep is None else asleep
        board.repl = True
        self.port = Port(link)
        if not self.native:
            self.port.plug()
        self.pace = Pace(world, board, speed)
        self.clock = self.pace.clock
        self.watched: dict[int, Callable[[], None]] = {}  # descriptors of others, served in this loop
        self.on_port: Callable[[bool], None] = lambda there: None  # told when native USB comes and goes
        self._orders = Orders()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._raw = False  # the last VM ended in its raw REPL: the next one begins there, without main.py
        self._begin_vm()

    def _begin_vm(self) -> None:
        self.printed, self.typed = Printed(), Typed(self.board, self.pace, b"\x01" if self._raw else b"")
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
        self.port.unplug()
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
        if not self._deaf:
            self.typed.take(self.port.read())
        if vm and not board.vm:
            self._wake_ended(vm)
        if not self._deaf:
            self.port.flush()

    @property
    def _deaf(self) -> bool:
        """In light sleep the clock of the chip's own USB stands still: the computer's driver waits."""
        return self.native and self.pace.busy and self.pace.act == acts.LIGHT_SLEEP

    def _descriptors(self) -> tuple[list[int], list[int]]:
        vm, readers, writers = self.board.vm, [self._orders.fd, *self.watched], []
        if vm and len(self.port.waiting) < _ROOM:
            readers += [vm.request_fd, vm.console_fd]
        if vm and self.typed.waiting and vm.input_fd is not None:
            writers.append(vm.input_fd)
        if self.port.master is not None and not self._deaf:
            readers.append(self.port.master)
            if self.port.waiting:
                writers.append(self.port.master)
        return readers, writers

    def _patience_s(self) -> float | None:
        """How long nothing can happen unless a descriptor says so."""
        waits = [NOBODY_S] if self.port.waiting else []
        if self.pace.busy:
            waits.append(self.pace.seconds_left())
        if self.typed.ctrl_c_at is not None:
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
        """The bridge of a UART stays; the chip's own USB loses its power, or starts anew."""
        self.port.write(self.printed.fresh(vm))
        if self.board.next_cause == SOFT_RESET:
            self.port.write(b"MPY: soft reboot\r\n")
        elif self.native:
            self._unplug()
        self._begin_vm()
        self.clock.set(self.board.chip.now, self.asleep)

    def _plug(self) -> None:
        if self.port.master is None:
            self.port.plug()
            self.on_port(True)

    def _unplug(self) -> None:
        if self.port.master is not None:
            self.port.unplug()
            self.on_port(False)

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
        self.port.write(self.printed.fresh(vm))
        if not self.pace.busy:
            request = vm.take()
            if request is not None:
                self._begin_act(vm, request)
            elif vm.ended:
                self._vm_ended(vm)
            else:
                self.typed.insist(vm)
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
                self.printed.hide_until = _RAW_BANNER
            self.pace.reply(vm)
        elif not self.typed.stops(vm, act):
            self.pace.begin(request)
            if act == acts.BOOT and self._raw:
                self.pace.add(b"\nraw")

    def _end_act(self, vm: Vm) -> None:
        self.pace.end(vm)
        if self.pace.act == acts.BOOT:
            self.typed.booted = True
            self._plug()
