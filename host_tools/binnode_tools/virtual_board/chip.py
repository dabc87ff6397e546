"""One virtual board: the chip as its acts show it, with what is wired to it. Everything costs time and charge."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from binnode_tools.boards import Board
from binnode_tools.chips import CHIPS
from binnode_tools.virtual_board import acts, network
from binnode_tools.virtual_board.button import Button
from binnode_tools.virtual_board.divider import Divider
from binnode_tools.virtual_board.misuse import MISUSES
from binnode_tools.virtual_board.network import Network, Station
from binnode_tools.virtual_board.power import Battery, Ledger
from binnode_tools.virtual_board.scene import Scene
from binnode_tools.virtual_board.sensors import Ds18b20, PulseModule
from binnode_tools.virtual_board.storage import Flash, Nvs

POWER_ON, HARD_RESET, WATCHDOG, DEEP_SLEEP = 1, 2, 3, 4
RTC_SIZE = 2048
_NEVER = 1 << 62
TIMER_WAKE = 4


class ChipError(Exception):
    """What the chip answers with an exception inside the VM: status, number or text; an OSError may have a name too."""

    def __init__(self, status: int, what: int | str, name: str = ""):
        super().__init__(what)
        self.status, self.what, self.name = status, what, name


class EndOfWake(Exception):
    """Deep sleep or a reset: the interpreter ends here, whatever it was about to do."""

    def __init__(self, how: str, sleep_us: int | None = None):
        """`sleep_us` None: no timer wakes it."""
        super().__init__(how)
        self.how, self.sleep_us = how, sleep_us


Answer = int | bytes | None
Handler = Callable[["Chip", int, int, bytes], Answer]
HANDLERS: dict[int, Handler] = {}


def handles(act: int) -> Callable[[Handler], Handler]:
    """Marks the function that carries out `act` (chip, a, b, data) and returns its value or its data."""

    def register(function: Handler) -> Handler:
        HANDLERS[act] = function
        return function

    return register


def misuse(text: str) -> ChipError:
    return ChipError(acts.VALUE_ERROR, text)


def refused(name: str, /, **fields: object) -> ChipError:
    """What the chip raises for the row `name` of the table of misuses."""
    kind, what, *more = MISUSES[name].raises or ("", name)
    if kind == "OSError":
        return ChipError(acts.OS_ERROR, what, str(more[0]))
    return misuse(str(what).format(**fields))


@dataclass
class Pin:
    mode: str = "free"  # free, input, output, open drain
    pull: int | None = None
    level: int = 0
    held: bool = False
    queued: dict[str, str | int] = field(default_factory=dict)  # mode and level that wait for the hold's release


@dataclass
class Wiring:
    """What is soldered to a board's pins, beside the board file's own."""

    module: str = "hcsr04p"
    ds18b20: bool = True
    battery_enable_active_level: int = 0  # where the board file leaves it open, as between revisions of a Heltec V3


@dataclass
class WakeRecord:
    """What one wake was, from its reset to its sleep."""

    index: int
    cause: int
    started_us: int
    awake_us: int = 0
    charge: int = 0  # of the wake alone, in microampere-microseconds
    charge_before: int = 0  # the ledger at its start
    acts: int = 0
    flash_bytes: int = 0
    pings: int = 0
    truth_permille: float | None = None  # mean true level over the pings
    measured_us: int | None = None
    temperature_c: float | None = None
    slept_us: int = 0  # the sleep that the node asked for
    how: str = ""  # deep sleep, reset, main ended, hung
    console: str = ""
    findings: list[str] = field(default_factory=list)  # what the chip accepts and what bites later (misuse.py)

    @property
    def charge_mc(self) -> float:
        return self.charge / Ledger.PER_MC


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
        self.module = PulseModule(
            wiring.module,
            scene,
            board.pins.trigger,
            board.pins.echo,
            self.ledger,
            (currents.module_standby, currents.module_ranging),
        )
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
        self.ledger.set("radio", board.radio.standby_ua if board.radio else 0)  # nothing puts it to sleep yet
        self.reset_cause = POWER_ON
        self.wake_reason = 0
        self.hz = board.cpu_mhz * 1_000_000
        self.pins: dict[int, Pin] = {}
        self.adc_ready: dict[int, int] = {}  # pin: what its attenuation measures up to, in mV
        self.divider = Divider(board, wiring.battery_enable_active_level)
        # Close to the wrap, so that arithmetic which forgets it fails in every run.
        self.ticks_start_us = acts.TICKS_PERIOD - 800_000
        self.ticks_start_ms = acts.TICKS_PERIOD - 700
        self.booted_at = 0
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
        self.ledger.advance(end - self.now)
        self.now = end
        if bites:
            raise EndOfWake("watchdog")

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
        self.woken_by, self.interrupts = TIMER_WAKE, True
        self.watchdog_at = None
        self.wake_pins = {}
        self.adc_ready = {}
        self.nvs.lose_power()  # what was not committed
        if cause == POWER_ON:
            self.rtc = self.rtc if self.keep_rtc else b""
            self.backup[:] = self.rtc.ljust(RTC_SIZE, b"\0")
            self.keep_rtc = False
            for number, pin in self.pins.items():
                pin.mode, pin.held, pin.queued = "free", False, {}
                self.drive(number)
            self.deep_sleep_hold = False
            self.node_clock_us, self.node_clock_at = 0, self.now
        self.station.reset()
        self.hz = self.board.cpu_mhz * 1_000_000
        self.booted_at = self.now
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
        if number == self.divider.pin:
            self.divider.drive(level, self.now)
        self.module.output(number, level, self.now)

    def level(self, number: int, now: int) -> int:
        pin = self.pin(number)
        if pin.mode == "output":
            return pin.level
        if self.button.pulls(number):
            return 0
        for wired in (self.module.level(number, now), self.divider.held_level(number)):
            if wired is not None:
                return wired
        return pin.level if pin.mode == "open drain" and not pin.level else 1 if pin.pull == 2 else 0

    def node_time_us(self, now: int) -> int:
        return self.node_clock_us + round((now - self.node_clock_at) * (1 + self.crystal_ppm / 1e6))
