"""Models of the distance modules that answer in bytes: from data sheets and reports, not from drivers."""

import math
from dataclasses import dataclass
from statistics import median

from binnode_tools.board_parts import Board
from binnode_tools.virtual_board.power import Ledger
from binnode_tools.virtual_board.scene import Scene
from binnode_tools.virtual_board.sensors import DistanceModule, PulseModule
from binnode_tools.virtual_board.serial_line import Line, Receiver

_JUNK_US = 1000  # from power-on until its processor drives the line
_BOOT_TEXT = b"HRXL-MaxSonar-WR\rPN:MB7360\rCopyright 2011-2013\rMaxBotix Inc.\rRoHS 1.8b090  0713\rTempI\r"


@dataclass(frozen=True)
class SerialType:
    """`mode`: "level" (measures by itself; the line to it high: filtered and slower), "auto" (by itself), "ask" (on the
    byte `ask`), "pin" (while the line to it is high). `frame`: ff, hl (FF and a sum without it), maxbotix, us100.
    `near`: what it says inside the blind zone, None: anything. `nothing`: what it says without an echo.
    `speed_m_s`: what it reckons with; 0: it compensates. `data_us`: from the ping to the answer (mode "pin").
    """

    frame: str
    mode: str
    blind_mm: int
    range_mm: int
    near: int | None
    nothing: int
    cycle_us: int
    speed_m_s: float = 0.0
    baud: int = 9600
    inverted: bool = False
    ask: int = 0
    warm_up_us: int = 150_000
    data_us: int = 0


def _maxbotix(cycle_ms: int, data_ms: int, inverted: bool, blind_mm: int = 300, range_mm: int = 5000) -> SerialType:
    nothing = 5000 if range_mm == 5000 else 9999
    times = {"warm_up_us": 160_000, "data_us": data_ms * 1000}
    return SerialType(
        "maxbotix", "pin", blind_mm, range_mm, blind_mm, nothing, cycle_ms * 1000, inverted=inverted, **times
    )


TYPES = {
    "a02yyuw": SerialType("ff", "level", 31, 4500, 30, 0, 100_000),
    "a01nyub": SerialType("ff", "level", 281, 7500, 280, 0xFFFD, 150_000),
    "dyp_115200": SerialType("ff", "level", 200, 3000, None, 0xFFFD, 100_000, baud=115200),
    "jsn_sr04t_uart": SerialType("ff", "ask", 210, 6000, None, 0, 60_000, speed_m_s=340, ask=0x55),
    "aj_sr04m_uart": SerialType("hl", "ask", 200, 6000, None, 0, 60_000, speed_m_s=340, ask=0x01),
    "mb7360": _maxbotix(133, 123, True),
    "mb7369": _maxbotix(148, 140, True),
    "mb7380": _maxbotix(133, 123, False),
    "mb7389": _maxbotix(148, 140, False),
    "mb7363": _maxbotix(166, 158, True, 500, 10_000),
    "mb7383": _maxbotix(166, 158, False, 500, 10_000),
    "us100": SerialType("us100", "ask", 20, 4500, None, 5600, 60_000, ask=0x55),
}
AUTO_US = {"jsn_sr04t_uart": 100_000, "aj_sr04m_uart": 120_000}


def speed_m_s(celsius: float) -> float:
    return 331.3 * math.sqrt(1 + celsius / 273.15)


class Reckoning(DistanceModule):
    """A module that turns the echo into mm itself."""

    reckons_m_s: float
    near: int | None
    nothing: int

    def __init__(self, kind: str, scene: Scene, ledger: Ledger, currents: tuple[int, int]):
        super().__init__(kind, scene, ledger, currents)
        self.thermometer_k = self.random.uniform(-1, 1) * 2 * scene.unkind.ds18b20_k

    def distance(self, at: int) -> tuple[int, int]:
        """What it says of a ping at that time, in mm, and how long the sound travelled, in us."""
        heard = self.sound(at)
        if heard is None:
            return self.nothing, 40_000
        celsius = self.scene.temperature_c(at / 1e6)
        true = speed_m_s(celsius)
        said = round(heard * (self.reckons_m_s or speed_m_s(celsius + self.thermometer_k)) / true)
        if heard < self.blind_mm and self.near is not None:
            said = self.near
        return (said if said <= self.range_mm else self.nothing), round(2000 * heard / true)


class UartModule(Reckoning):
    """One on a UART. Fault "garbage": it sends nothing but noise."""

    def __init__(self, kind: str, scene: Scene, pins: tuple[int, int], ledger: Ledger, currents: tuple[int, int]):
        super().__init__(kind, scene, ledger, currents)
        self.to_it, self.from_it = pins
        self.type = TYPES[kind]
        self.tx, self.rx = Line(0), Line(1)
        self.hearing = Receiver(self.rx, self.type.baud, False, 0)
        self.lately: list[int] = []  # what the filter has
        self.sent_until = 0.0
        self.ran_until = 0

    @property
    def type(self) -> SerialType:
        return self._type

    @type.setter
    def type(self, value: SerialType) -> None:
        self._type = value
        self.blind_mm, self.range_mm, self.cycle_us = value.blind_mm, value.range_mm, value.cycle_us
        self.near, self.nothing, self.reckons_m_s = value.near, value.nothing, value.speed_m_s

    def supply(self, on: bool, now: int) -> None:
        fresh = on and self.powered_at is None
        if not on:
            self.run(now)
        super().supply(on, now)
        if fresh:
            self.busy_until = now + self.type.warm_up_us
            self.lately = []
            self.tx.set(now, 0)
            self.tx.set(now + _JUNK_US, 0 if self.type.inverted else 1)
            self.sent_until = now + 2 * _JUNK_US
            self.hearing.skip(self.busy_until)
            if self.type.frame == "maxbotix" and self.fault is None:
                self._send(_BOOT_TEXT, now + 60_000)
        elif not on:
            self.tx.set(now, 0)

    def output(self, pin: int, level: int | None, now: int) -> None:
        if pin == self.to_it:
            self.rx.set(now, 1 if level is None else level)

    def level(self, pin: int, now: int) -> int | None:
        if pin != self.from_it:
            return None
        self.run(now)
        return self.tx.level(now)

    def run(self, now: int) -> None:
        """Do what it has done by now."""
        if self.powered_at is None:
            return
        if self.type.mode == "ask":
            for at, byte in self.hearing.take(now):
                self._asked_for(round(at), byte)
            return
        if now - self.busy_until > 5_000_000:  # nobody looked for long
            self.ledger.add(self.ranging_ua - self.standby_ua, now - self.busy_until)
            self.busy_until = now - self.cycle_us
        while (at := self._next_ping(now)) is not None:
            self._ping(at)
        self.hearing.skip(now)
        self.rx.forget(min(now, self.busy_until) - 1000)

    def _next_ping(self, now: int) -> int | None:
        """When it measures next by itself; None: not before `now`."""
        at: float = self.busy_until
        if self.type.mode == "pin" and not self.rx.level(at):
            rises = (at for at, level in self.rx.edges if level and at >= self.busy_until)
            at = next((at for at in rises if self.rx.level(at + 20)), now + 1)  # 20 us at least
        return round(at) if at <= now else None

    def _ping(self, at: int) -> None:
        slow = self.type.mode != "auto" and bool(self.rx.level(at + self.cycle_us - 1000))  # filtered
        said, _ = self.distance(at)
        self.lately = [*self.lately, said][-5:]
        if slow:
            said = round(median(self.lately))
        self.busy_until = at + (2 * self.cycle_us if slow and self.type.mode == "level" else self.cycle_us)
        self._send(self._frame(said), at + (self.type.data_us or self.cycle_us // 2))

    def _asked_for(self, at: int, byte: int) -> None:
        if at < self.busy_until or self.powered_at is None:
            return
        if byte == 0x50 and self.type.frame == "us100":
            self._send(bytes([round(self.scene.temperature_c(at / 1e6) + self.thermometer_k) + 45]), at + 2000)
        elif byte == self.type.ask:
            said, travelled_us = self.distance(at)
            self.busy_until = at + self.cycle_us
            self._send(self._frame(said), at + travelled_us + 1000)

    def _frame(self, said: int) -> bytes:
        if self.type.frame == "maxbotix":
            stray = b"\xff" if self.scene.unkind.false_echoes and self.random.random() < 0.1 else b""
            return stray + b"R%04d\r" % said
        high, low = said >> 8 & 255, said & 255
        if self.type.frame == "us100":
            return bytes([high, low])
        return bytes([255, high, low, high + low + (255 if self.type.frame == "ff" else 0) & 255])

    def _send(self, data: bytes, at: float) -> None:
        if self.fault == "dead":
            return
        if self.fault == "garbage":
            data = self.random.randbytes(40)
        self.sent_until = self.tx.send(data, max(at, self.sent_until), self.type.baud, self.type.inverted)


class Rcwl9600(Reckoning):
    """I2C at 0x57: 1 starts a ping, 120 ms later three bytes are its micrometres. It knows 100 kHz only."""

    ADDRESS, MOST_HZ, READY_US = 0x57, 100_000, 110_000
    blind_mm, range_mm, cycle_us = 20, 4000, 110_000
    reckons_m_s, near, nothing = 340.0, None, 4500

    def __init__(self, kind: str, scene: Scene, pins: tuple[int, int], ledger: Ledger, currents: tuple[int, int]):
        super().__init__(kind, scene, ledger, currents)
        self.pins = pins
        self.said = bytes(3)
        self.next = bytes(3)

    def answers(self, address: int, now: int) -> bool:
        """Does it pull the line down for its address?"""
        awake = self.powered_at is not None and now - self.powered_at > 50_000
        return awake and address == self.ADDRESS and self.fault != "dead"

    def write(self, data: bytes, now: int) -> None:
        if data == b"\x01" and now >= self.busy_until:
            self.said = self.next
            said, _ = self.distance(now)
            self.next = (said * 1000 + self.random.randrange(-400, 400)).to_bytes(3, "big")
            self.busy_until = now + self.READY_US

    def read(self, size: int, now: int) -> bytes:
        data = self.next if now >= self.busy_until else self.said
        if self.fault == "garbage":
            data = self.random.randbytes(3)
        return (data + b"\xff" * size)[:size]


KINDS = (*PulseModule.TYPES, *TYPES, "rcwl9600")


def fitted(kind: str, board: Board, scene: Scene, ledger: Ledger) -> DistanceModule:
    """The module of this kind at the board's plug."""
    currents = (board.currents_ua.module_standby, board.currents_ua.module_ranging)
    if kind in TYPES:
        return UartModule(kind, scene, board.pins.uart, ledger, currents)
    if kind == "rcwl9600":
        return Rcwl9600(kind, scene, board.pins.i2c, ledger, currents)
    return PulseModule(kind, scene, board.pins.trigger, board.pins.echo, ledger, currents)
