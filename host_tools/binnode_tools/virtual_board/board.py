"""One board: a chip and the VMs of its wakes, from power-on to sleep, button, reset and cut."""

from collections.abc import Callable
from pathlib import Path

from binnode_tools.virtual_board import acts, acts_chip, acts_network, acts_pins, acts_radio, acts_serial, findings
from binnode_tools.virtual_board.chip import Chip
from binnode_tools.virtual_board.handlers import HANDLERS, ChipError, EndOfWake
from binnode_tools.virtual_board.power import Battery
from binnode_tools.virtual_board.storage import Cutter, PowerCut
from binnode_tools.virtual_board.trace import Trace
from binnode_tools.virtual_board.vm_process import Request, Vm, VmError, Zygote
from binnode_tools.virtual_board.wake import DEEP_SLEEP, HARD_RESET, POWER_ON, SOFT_RESET, WATCHDOG, WakeRecord

_LOADED = (acts_chip, acts_network, acts_pins, acts_radio, acts_serial)  # importing them registers their acts
_RESETS = {"reset": HARD_RESET, "soft reset": SOFT_RESET, "watchdog": WATCHDOG}


class VirtualBoard:
    """A chip and the VMs of its wakes. `repl`: after main.py comes the REPL, for a console (console.py) to use."""

    def __init__(self, chip: Chip, stand_ins: Path, heap: str = "96K", number: int = 0):
        self.chip, self.stand_ins, self.heap, self.number = chip, stand_ins, heap, number
        self.vm: Vm | None = None
        self.wakes: list[WakeRecord] = []
        self.wake_at: int | None = 0
        self.next_cause = POWER_ON
        self.starts = 0
        self.repl = False
        self.off_us = 60_000_000
        self.acts_left: int | None = None
        self.on_wake_end: Callable[[WakeRecord], None] | None = None
        self._charge_at_start = 0

    @property
    def next_time(self) -> int | None:
        """When this board acts next, in world us; None when it sleeps without a timer."""
        return self.chip.now if self.vm else self.wake_at

    def step(self, zygote: Zygote, trace: Trace) -> None:
        """Begin a wake, or carry out one act."""
        if self.vm is None:
            self.wake(zygote)
            return
        try:
            request = self.vm.request()
        except VmError:
            if self.chip.watchdog_at is None:
                raise
            self.chip.advance_to_watchdog()
            self._end("watchdog")
            return
        if request is None:
            self._end("VM ended")
            return
        answer = self.carry_out(request, trace)
        if self.vm and answer:
            self.vm.answer(*answer)

    def carry_out(self, request: Request, trace: Trace) -> tuple[int, int, bytes] | None:
        """Do one act: status, value and data of its answer. None when it has ended the wake."""
        chip, wake = self.chip, self.wakes[-1]
        act, read, a, b, data = request
        times = chip.board.durations
        wake.acts += 1
        wake.flash_bytes += read
        handler = HANDLERS.get(act)
        status, value, answer = acts.OK, 0, b""
        try:
            chip.advance(times.python_us_per_act + read * times.flash_read_us_per_kib // 1024)
            self._cut_if_due()
            if handler is None:
                raise ChipError(acts.RUNTIME_ERROR, f"act {act} is unknown to the world")
            result = handler(chip, a, b, data)
            value, answer = (0, result) if isinstance(result, bytes) else (result or 0, b"")
        except ChipError as error:
            status = error.status
            what = error.what
            value, answer = (what, error.name.encode()) if isinstance(what, int) else (0, what.encode())
        except (EndOfWake, PowerCut) as end:
            trace.add(self.number, chip.now, act, a, b, data, 254, 0, b"")
            if isinstance(end, EndOfWake):
                self._end(end.how, end.sleep_us)
            else:
                self._end("power cut")
            return None
        chip.draw()
        # BOOT answers with a path of this computer, which is no part of what happened.
        trace.add(self.number, chip.now, act, a, b, data, status, value, b"" if act == acts.BOOT else answer)
        return status, value, answer

    def wake(self, zygote: Zygote) -> None:
        """Begin the next wake."""
        chip = self.chip
        assert self.wake_at is not None
        chip.advance(self.wake_at - chip.now)
        if self.next_cause == DEEP_SLEEP:
            chip.slept(self.wakes[-1].slept_us)
        wake = WakeRecord(len(self.wakes), self.next_cause, chip.now)
        self.wakes.append(wake)
        self._charge_at_start = wake.charge_before = chip.ledger.total
        chip.module.begin_wake()
        if self.next_cause == SOFT_RESET:
            self._boot_softly()
        else:
            chip.boot(self.next_cause)
        self.vm = zygote.start(self.stand_ins, self.heap, self.repl)
        self.starts += 1

    def _boot_softly(self) -> None:
        """A new interpreter on a chip that goes on: clock, pins and the Wi-Fi connection stay, sockets close."""
        chip = self.chip
        chip.reset_cause = SOFT_RESET
        for handle in list(chip.station.streams):
            chip.station.close(handle)
        chip.advance(chip.board.durations.mount_ms * 1000)

    def _end(self, how: str, sleep_us: int | None = None) -> None:
        chip, wake = self.chip, self.wakes[-1]
        assert self.vm is not None
        self.vm.kill()
        wake.how = how
        wake.console = self.vm.console.decode(errors="replace")
        wake.findings = findings.take(chip, how, wake.console)
        self.vm = None
        wake.awake_us = chip.now - wake.started_us
        truths = chip.module.truths
        wake.pings = len(truths)
        wake.measured_us = truths[0][0] if truths else chip.module.asked_at
        if truths:
            wake.truth_permille = sum(truth for _, truth in truths) / len(truths)
        elif wake.measured_us is not None:
            wake.truth_permille = chip.scene.level_permille(wake.measured_us / 1e6)
        if how != "soft reset":
            chip.sleep_now()
        if how == "power cut" and chip.radio:
            chip.radio.power_off(chip.now)
        chip.flash.cutter = chip.nvs.cutter = None
        if how == "deep sleep":
            wake.slept_us = sleep_us or 0
            self.wake_at = None if sleep_us is None else chip.now + chip.true_sleep_us(sleep_us)
            self.next_cause = DEEP_SLEEP
            # The node's clock stands for now; slept() adds what was asked for.
            chip.node_clock_us, chip.node_clock_at = (
                chip.node_time_us(chip.now),
                chip.now if self.wake_at is None else self.wake_at,
            )
        elif how in _RESETS:
            self.wake_at, self.next_cause = chip.now, _RESETS[how]
        elif how == "power cut":
            self.power_on(chip.now + self.off_us)
        elif how == "brown-out":  # the load is gone, and the voltage is back
            self.power_on(chip.now)
        else:
            self.wake_at = None
        wake.charge = chip.ledger.total - self._charge_at_start
        if self.on_wake_end:
            self.on_wake_end(wake)
        self._button()

    def press_button(self, at_us: int) -> None:
        """At that time. It ends the deep sleep that it falls into, if the node has armed it; else it does nothing."""
        self.chip.button.presses.append(at_us)
        if self.vm is None:
            self._button()

    def hold_button(self, held: bool = True) -> None:
        """From now on it is down, or no longer."""
        self.chip.button.held = held
        if self.vm is None:
            self._button()

    def _button(self) -> None:
        """The deep sleep that has begun ends at the first press in it; the node's clock has counted so far."""
        chip = self.chip
        pressed = chip.button.wakes(chip.wake_pins, chip.now) if self.next_cause == DEEP_SLEEP else None
        if pressed and (self.wake_at is None or pressed[0] < self.wake_at):
            wake = self.wakes[-1]
            wake.slept_us = pressed[0] - wake.started_us - wake.awake_us
            self.wake_at, chip.woken_by = pressed
            chip.node_clock_at = self.wake_at

    def power_on(self, at_us: int) -> None:
        """Connect the battery: whatever ran ends, RTC memory is lost."""
        if self.vm:
            self.off_us = at_us - self.chip.now
            self._end("power cut")
        self.wake_at, self.next_cause = at_us, POWER_ON

    def cut_power(
        self, after_acts: int | None = None, after_bytes: int | None = None, off_us: int = 60_000_000
    ) -> None:
        """Take the supply away: before the act that follows `after_acts` more, or when so many more bytes have reached
        flash and NVS together. It is back `off_us` later."""
        self.off_us, self.acts_left = off_us, after_acts
        if after_bytes is not None:
            self.chip.flash.cutter = self.chip.nvs.cutter = Cutter(after_bytes)

    def _cut_if_due(self) -> None:
        if self.acts_left is not None:
            self.acts_left -= 1
            if self.acts_left < 0:
                self.acts_left = None
                raise EndOfWake("power cut")

    def swap_battery(self, at_us: int, remaining_permille: int = 1000) -> None:
        """Out with the cell, in with another, which is connected at `at_us`."""
        chip = self.chip
        chip.battery = Battery(chip.board.battery.capacity_mah, remaining_permille)
        chip.battery.used_mc -= chip.ledger.charge_mc
        self.power_on(at_us)

    def pass_time(self, us: int) -> None:
        """Time without an act: the watchdog may end the wake in it."""
        try:
            self.chip.advance(us)
        except EndOfWake as end:
            self._end(end.how, end.sleep_us)

    def reset(self, soft: bool = False) -> None:
        """Now: whatever runs ends, RTC memory stays, and the next wake begins. `soft`: only the interpreter is new."""
        chip = self.chip
        if self.vm:
            self._end("soft reset" if soft else "reset")
            return
        # Asleep: the node's clock has counted so far, and no further.
        slept_us = chip.now - self.wakes[-1].started_us - self.wakes[-1].awake_us if self.wakes else 0
        chip.node_clock_us, chip.node_clock_at = chip.node_clock_us + slept_us, chip.now
        self.wake_at, self.next_cause = chip.now, HARD_RESET
