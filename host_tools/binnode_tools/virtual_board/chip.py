"""One virtual board: the chip as its acts show it, with what is wired to it. Everything costs time and charge."""

from dataclasses import dataclass, field
from random import Random

from binnode_tools.boards import Board
from binnode_tools.chips import CHIPS
from binnode_tools.virtual_board import acts, network, serial_modules
from binnode_tools.virtual_board.button import Button
from binnode_tools.virtual_board.divider import Divider
from binnode_tools.virtual_board.handlers import EndOfWake, refused
from binnode_tools.virtual_board.misuse import MISUSES
from binnode_tools.virtual_board.network import Network, Station
from binnode_tools.virtual_board.parts import Part
from binnode_tools.virtual_board.power import Battery, Ledger
from binnode_tools.virtual_board.radios import fitted
from binnode_tools.virtual_board.scene import Scene
from binnode_tools.virtual_board.sensors import Ds18b20
from binnode_tools.virtual_board.serial_line import I2c, Uart
from binnode_tools.virtual_board.spi import Bus
from binnode_tools.virtual_board.storage import Flash, Nvs
from binnode_tools.virtual_board.wake import DEEP_SLEEP, POWER_ON

RTC_SIZE = 2048
_NEVER = 1 << 62
EXT0_WAKE, EXT1_WAKE, TIMER_WAKE = 2, 3, 4


@dataclass
class Pin:
    mode: str = "free"  # free, input, output, open drain
    pull: int | None = None
    level: int = 0
    held: bool = False
    queued: dict[str, str | int] = field(default_factory=dict)  # mode and level that wait for the hold's release
    rtc: bool = False  # ext0 or ext1 of a light sleep has taken the pad from the digital side


@dataclass
class Wiring:
    """What is soldered to a board's pins, beside the board file's own."""

    module: str = "hcsr04p"
    ds18b20: bool = True
    battery_enable_active_level: int = 0  # where the board file leaves it open, as between revisions of a Heltec V3


class Chip:
    """State and acts of one board. Time is the board's own count of the world's microseconds."""

    def __init__(self, board: Board, scene: Scene, net: Network, flash: Flash, seed: str, wiring: Wiring):
        self.board, self.scene, self.network, self.flash = board, scene, net, flash
        self.limits = CHIPS[board.chip]
        self.random = Random(f"{seed} chip")
        unkind = scene.unkind
        self.sleep_error_permille = self.random.uniform(-1, 1) * unkind.sleep_clock_permille
        self.crystal_ppm = self.random.uniform(-1, 1) * unkind.crystal_ppm
        self.thermometer_offset_k = self.random.uniform(-1, 1) * unkind.chip_thermometer_k
        self.unique_id = bytes([0x24, 0x6F, 0x28]) + self.random.randbytes(3)
        self.now = 0
        self.ledger = Ledger()
        self.battery = Battery(board.battery.capacity_mah)
        self.nvs = Nvs()
        self.rtc = b""
        self.node_clock_us = 0  # what time() counts: the node's own idea of the time since power-on
        self.node_clock_at = 0
        currents = board.currents_ua
        self.module = serial_modules.fitted(wiring.module, board, scene, self.ledger)
        self.thermometer = (
            Ds18b20(scene, board.pins.onewire, self.ledger, currents.thermometer_converting)
            if wiring.ds18b20 and board.pins.onewire is not None
            else None
        )
        times = board.durations
        self.station = Station(
            net,
            self.unique_id,
            {"scan": times.wifi_scan_ms * 1000, "join": times.wifi_join_ms * 1000, "dhcp": times.wifi_dhcp_ms * 1000},
        )
        self.ledger.set("always", currents.always_on + (currents.thermometer_standby if self.thermometer else 0))
        self.reset_cause = POWER_ON
        self.wake_reason = self.last_wake = 0  # what ended the last deep sleep; the last sleep of either kind
        self.hz = board.cpu_mhz * 1_000_000
        self.pins: dict[int, Pin] = {}
        self.adc_ready: dict[int, int] = {}  # pin: what its attenuation measures up to, in mV
        self.divider = Divider(board, wiring.battery_enable_active_level)
        self.parts: list[Part] = [self.module, self.divider]  # what hears of every pin, and may drive lines itself
        self.radio = fitted.radio(board.radio, self.ledger, self.find, seed) if board.radio else None
        self.parts += [self.radio] if self.radio else []
        self.buses: dict[int, Bus] = {}
        self.uarts: dict[int, Uart] = {}
        self.i2cs: dict[int, I2c] = {}
        # Close to the wrap, so that arithmetic which forgets it fails in every run.
        self.ticks_start_us = acts.TICKS_PERIOD - 800_000
        self.ticks_start_ms = acts.TICKS_PERIOD - 700
        self.booted_at = 0
        self.hidden_us = 0  # of this wake: time that its light sleeps took and that the chip knows nothing of
        self.deep_sleep_hold = False
        self.findings: list[str] = []  # of this wake
        self.wake_pins: dict[int, tuple[bytes, int]] = {}  # source -> pins, level; forgotten at each wake
        self.backup = bytearray(RTC_SIZE)  # RTC memory as machine.mem_backup() shows it
        self.rtc_users: set[str] = set()
        self.watchdog_at: int | None = None
        self.watchdog_ms = 0
        self.keep_rtc = False  # a brown-out may leave RTC memory as it is
        self.woken_by = TIMER_WAKE  # what ends the deep sleep under way
        self.button = Button(board.pins.button)
        self.interrupts = True  # Ctrl-C stops the program

    # time and charge -------------------------------------------------------------------------------------------------

    def advance(self, us: int) -> None:
        """Let time pass; EndOfWake at the watchdog's deadline."""
        end = self.now + max(0, us)
        bites = self.watchdog_at is not None and end >= self.watchdog_at
        if bites:
            end = max(self.now, self.watchdog_at or 0)
        while self.radio and (at := self.radio.next_change(end)) is not None:
            self._pass(max(at, self.now))
            self.radio.run(self.now)
        self._pass(end)
        if bites:
            raise EndOfWake("watchdog")

    def _pass(self, until: int) -> None:
        self.ledger.advance(until - self.now)
        self.now = until

    def advance_to_watchdog(self) -> None:
        """A loop without acts: nothing happens until the watchdog bites."""
        try:
            self.advance(_NEVER // 2)
        except EndOfWake:
            pass

    def draw(self) -> None:
        """Set the chip's current by what it is doing now."""
        currents = self.board.currents_ua
        if not self.station.active:
            current = currents.cpu_240mhz if self.hz > 160_000_000 else currents.cpu_160mhz
        elif self.station.status(self.now) == network.CONNECTING:
            current = currents.wifi_join
        else:
            current = currents.wifi_receive
        self.ledger.set("chip", current)

    def boot(self, cause: int) -> None:
        """Reset to main.py: bootloader, MicroPython, file system."""
        currents, times = self.board.currents_ua, self.board.durations
        self.reset_cause = cause
        self.wake_reason = self.woken_by if cause == DEEP_SLEEP else 0
        self.last_wake = self.wake_reason
        self.woken_by, self.interrupts = TIMER_WAKE, True
        self.watchdog_at = None
        self.wake_pins = {}
        self.adc_ready = {}
        self.buses, self.uarts, self.i2cs = {}, {}, {}
        self.nvs.lose_power()  # what was not committed
        if cause == POWER_ON:
            self.rtc = self.rtc if self.keep_rtc else b""
            self.backup[:] = self.rtc.ljust(RTC_SIZE, b"\0")
            self.keep_rtc = False
            for number, pin in self.pins.items():
                pin.mode, pin.held, pin.queued = "free", False, {}
                self.drive(number)
            if self.radio:
                self.radio.power_on(self.now)
            self.deep_sleep_hold = False
            self.node_clock_us, self.node_clock_at = 0, self.now
        self.station.reset()
        self.hz = self.board.cpu_mhz * 1_000_000
        self.booted_at, self.hidden_us = self.now, 0
        for pin in self.pins.values():
            pin.rtc = False
        self.ledger.set("chip", currents.boot)
        self.advance(times.boot_ms * 1000 + (0 if cause == DEEP_SLEEP else times.validate_ms * 1000))
        self.draw()
        self.advance(times.mount_ms * 1000)

    def sleep_now(self) -> None:
        """Everything off but the RTC: pins float unless held, module and radio lose their power."""
        self.station.reset()
        self.watchdog_at = None
        self.ledger.set("chip", self.board.currents_ua.deep_sleep)
        for number, pin in self.pins.items():
            if not self.keeps(number, pin) and pin.mode != "free":
                pin.mode = "free"
                self.drive(number)

    def keeps(self, number: int, pin: Pin) -> bool:
        """Does the pad keep its level in deep sleep? The C6 holds each by itself, the others their RTC pins, or all."""
        return pin.held and (number in self.limits.wake or self.deep_sleep_hold or self.board.chip == "esp32c6")

    def find(self, name: str, /, **fields: object) -> None:
        """Note the finding `name` of the table of misuses, once in a wake."""
        text = MISUSES[name].finding.format(**fields)
        if text not in self.findings:
            self.findings.append(text)

    def true_sleep_us(self, asked_us: int) -> int:
        """How long deep sleep really lasts: the RC clock is off and drifts with temperature, in all up to its limit."""
        unkind = self.scene.unkind
        warmer = self.scene.temperature_c(self.now / 1e6) - 20
        limit = unkind.sleep_clock_permille
        error = max(-limit, min(limit, self.sleep_error_permille + unkind.sleep_clock_drift_permille_per_k * warmer))
        return round(asked_us * (1 + error / 1000))

    def since_boot_us(self) -> int:
        """By the chip's own crystal, and by the sleep clock while it slept lightly."""
        return round((self.now - self.booted_at) * (1 + self.crystal_ppm / 1e6)) - self.hidden_us

    def hide(self, us: int) -> None:
        """Time that passed in a light sleep and that the chip does not know of; negative: it believes in too much."""
        self.hidden_us += us
        self.node_clock_us -= us

    def doze(self, until_us: int) -> int:
        """Let time pass until then, or until a wake source's level is there; which source it was."""
        pressed = self.button.wakes(self.wake_pins, self.now)
        if pressed and pressed[0] < until_us:
            until_us = pressed[0]
        try:
            while True:
                source = self.armed_level()
                if source or self.now >= until_us:
                    return source or (pressed[1] if pressed and self.now == pressed[0] else TIMER_WAKE)
                change = self.radio.next_change(until_us) if self.radio else None
                self.advance((until_us if change is None else max(change, self.now)) - self.now)
        finally:
            for source in (EXT0_WAKE, EXT1_WAKE):
                for number in self.wake_pins.get(source, (b"", 0))[0]:
                    self.pin(number).rtc = True

    def armed_level(self) -> int | None:
        """The wake source whose pins are at its level now."""
        for source, (pins, level) in self.wake_pins.items():
            reached = [self.line(number, self.now) == level for number in pins]
            if any(reached) and (all(reached) or source != EXT1_WAKE or level):
                return source
        return None

    def slept(self, asked_us: int) -> None:
        """The node's clock counts what was asked for, however long it took."""
        self.node_clock_us = self.node_time_us(self.now) + asked_us

    # pins ------------------------------------------------------------------------------------------------------------

    def pin(self, number: int) -> Pin:
        """The pin, as an act may name it; ValueError in the VM for one that the chip has not."""
        if number not in self.limits.exists:
            raise refused("unknown_pin")
        if number in self.limits.flash:
            self.find("flash_pin", pin=number)
            raise EndOfWake("watchdog")
        return self.pins.setdefault(number, Pin())

    def drive(self, number: int) -> None:
        """Tell what is wired to `number` that its level may have changed."""
        pin = self.pins[number]
        level = pin.level if pin.mode == "output" else None
        wiring = self.board.pins
        if wiring.supply is None:
            self.module.supply(True, self.now)
        elif number == wiring.supply:
            self.module.supply(level == wiring.supply_active_level, self.now)
        for part in self.parts:
            part.output(number, level, self.now)

    def level(self, number: int, now: int) -> int:
        """What the program reads at the pin."""
        return 0 if self.pin(number).rtc else self.line(number, now)

    def line(self, number: int, now: int) -> int:
        """What is there."""
        pin = self.pin(number)
        if pin.mode == "output":
            return pin.level
        if self.button.pulls(number):
            return 0
        for part in self.parts:
            wired = part.level(number, now)
            if wired is not None:
                return wired
        return pin.level if pin.mode == "open drain" and not pin.level else 1 if pin.pull == 2 else 0

    def next_edge(self, number: int, now: int) -> int | None:
        """When a part changes the line at this pin next; None: nobody does."""
        return min((at for part in self.parts if (at := part.next_edge(number, now)) is not None), default=None)

    def node_time_us(self, now: int) -> int:
        return self.node_clock_us + round((now - self.node_clock_at) * (1 + self.crystal_ppm / 1e6))
