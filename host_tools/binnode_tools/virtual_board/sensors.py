"""Models of what is wired to the pins, the ultrasonic module and the DS18B20: from data sheets, not from drivers."""

import math
from bisect import bisect_right
from random import Random
from typing import ClassVar

from binnode_tools.virtual_board.power import Ledger
from binnode_tools.virtual_board.scene import Scene


class DistanceModule:
    """What every ultrasonic module does: hear the bin, draw current, and tell the judge what was true then.

    `fault`: "dead" never answers; what else there is says the class. `rim_mm`: it hangs askew and hears the bin's rim.
    `rib_mm`, `rib_share`: something sticks out of the wall there, which that share of the pings hears above the waste.
    """

    blind_mm: float
    range_mm: float
    cycle_us: int

    def __init__(self, kind: str, scene: Scene, ledger: Ledger, currents: tuple[int, int]):
        self.kind, self.scene, self.ledger = kind, scene, ledger
        self.standby_ua, self.ranging_ua = currents
        self.random = Random(f"{scene.seed} echo")
        self.powered_at: int | None = None
        self.busy_until = 0
        self.fault: str | None = None
        self.rim_mm: float | None = None
        self.rib_mm: float | None = None
        self.rib_share = 0.2
        self.truths: list[tuple[int, float]] = []  # (us, true permille) of every ping, for the judge
        self.pings = 0
        self.asked_at: int | None = None  # first time in this wake that the node turned to the module

    def supply(self, on: bool, now: int) -> None:
        if on and self.powered_at is None:
            self.powered_at = now
            self.asked(now)
            self.ledger.set("module", self.standby_ua)
        elif not on:
            self.powered_at = None
            self.ledger.set("module", 0)

    def asked(self, now: int) -> None:
        if self.asked_at is None:
            self.asked_at = now

    def begin_wake(self) -> None:
        self.truths.clear()
        self.asked_at = None

    def sound(self, now: int) -> float | None:
        """Send out a ping: the distance in mm that it hears, or None."""
        self.pings += 1
        self.ledger.add(self.ranging_ua - self.standby_ua, self.cycle_us)
        t_s = now / 1e6
        self.truths.append((now, self.scene.level_permille(t_s)))
        return self.heard_mm(t_s)

    def heard_mm(self, t_s: float) -> float | None:
        """The distance that this ping hears, or None."""
        unkind, random = self.scene.unkind, self.random
        chance = random.random()
        if chance < unkind.lost_echoes:
            return None
        if self.rim_mm is not None:
            return self.rim_mm + random.gauss(0, unkind.noise_sigma_mm)
        if self.rib_mm is not None and self.rib_mm < self.scene.distance_mm(t_s) and random.random() < self.rib_share:
            return self.rib_mm + random.gauss(0, unkind.noise_sigma_mm)
        if self.scene.lid_open(t_s):  # lid and module point at the sky, a tree, the crew
            return random.uniform(1.4, 2.6) * self.scene.geometry.empty_mm if random.random() < 0.4 else None
        true_mm = self.scene.distance_mm(t_s)
        if chance < unkind.lost_echoes + unkind.false_echoes:  # a rib, a bag's edge, now and then a second bounce
            return random.uniform(self.blind_mm, true_mm) if random.random() < 0.8 else 2 * true_mm
        heard = true_mm + self.scene.surface_offset_mm(t_s) + random.gauss(0, unkind.noise_sigma_mm)
        if heard < self.blind_mm:  # the membrane still rings: it answers at once
            return random.uniform(0.3, 1.0) * self.blind_mm
        return heard if heard <= self.range_mm else None

    def output(self, pin: int, level: int | None, now: int) -> None:
        """Part: no line to it."""

    def level(self, pin: int, now: int) -> int | None:
        return None

    def next_edge(self, pin: int, now: int) -> int | None:
        return None


class PulseModule(DistanceModule):
    """HC-SR04 family: a trigger pulse starts a burst, the echo line is high for as long as the sound travels.

    Numbers per type: data sheets of HC-SR04, HC-SR04P, JSN-SR04T and AJ-SR04M in their pulse modes.
    Fault "stuck": the echo line stays high.
    """

    #        trigger us, delay us, blind mm, range mm, long pulse us (0: no pulse without an echo), cycle us, warm-up us
    TYPES: ClassVar = {
        "hcsr04": (10, 460, 20, 4000, 38000, 50000, 40000),
        "hcsr04p": (10, 460, 20, 4000, 38000, 50000, 40000),
        "jsn_sr04t": (10, 300, 210, 6000, 60000, 60000, 60000),
        "aj_sr04m": (10, 300, 200, 6000, 60000, 60000, 60000),
    }

    def __init__(self, kind: str, scene: Scene, trigger: int, echo: int, ledger: Ledger, currents: tuple[int, int]):
        super().__init__(kind, scene, ledger, currents)
        (self.trigger_us, self.delay_us, self.blind_mm, self.range_mm, self.long_us, self.cycle_us, self.warm_up_us) = (
            self.TYPES[kind]
        )
        self.trigger, self.echo = trigger, echo
        self.trigger_rose: int | None = None
        self.edges: list[tuple[int, int]] = []  # (us, level) of the echo line

    def supply(self, on: bool, now: int) -> None:
        super().supply(on, now)
        if not on:
            self.edges.clear()

    def output(self, pin: int, level: int | None, now: int) -> None:
        if pin != self.trigger:
            return
        if level:
            self.trigger_rose = now if self.trigger_rose is None else self.trigger_rose
            return
        rose, self.trigger_rose = self.trigger_rose, None
        if rose is not None:
            self.asked(now)
        if rose is None or now - rose < self.trigger_us or self.powered_at is None or now < self.busy_until:
            return
        if now - self.powered_at < self.warm_up_us or self.fault == "dead":
            return
        self.busy_until = now + self.cycle_us
        self.ping(now)

    def ping(self, now: int) -> None:
        distance = self.sound(now)
        start = now + self.delay_us
        if distance is None:
            self.edges = [(start, 1), (start + self.long_us, 0)] if self.long_us else []
        else:
            celsius = self.scene.temperature_c(now / 1e6)
            speed_mm_us = 0.3313 * math.sqrt(1 + celsius / 273.15)
            self.edges = [(start, 1), (start + max(1, round(2 * distance / speed_mm_us)), 0)]

    def level(self, pin: int, now: int) -> int | None:
        if pin != self.echo:
            return None
        if self.fault == "stuck" and self.powered_at is not None:
            return 1
        index = bisect_right(self.edges, (now, 1)) - 1
        return self.edges[index][1] if index >= 0 else 0

    def next_edge(self, pin: int, now: int) -> int | None:
        if pin != self.echo or self.fault == "stuck":
            return None
        return next((at for at, _ in self.edges if at > now), None)


class Ds18b20:
    """The 1-Wire thermometer at the level of bytes: skip ROM, convert, scratchpad with CRC; 85 C until converted."""

    CONVERT_US: ClassVar = {9: 93750, 10: 187500, 11: 375000, 12: 750000}

    def __init__(self, scene: Scene, pin: int, ledger: Ledger, converting_ua: int):
        self.scene, self.pin, self.ledger, self.converting_ua = scene, pin, ledger, converting_ua
        self.offset = Random(f"{scene.seed} ds18b20").uniform(-1, 1) * scene.unkind.ds18b20_k
        self.scratch = bytearray(b"\x50\x05\x4b\x46\x7f\xff\x0c\x10")
        self.state = "idle"
        self.out = bytearray()
        self.written = bytearray()
        self.done_at: int | None = None
        self.fault: str | None = None  # "dead": no presence pulse; "noise": the CRC is wrong

    def _settle(self, now: int) -> None:
        if self.done_at is not None and now >= self.done_at:
            celsius = self.scene.temperature_c(self.done_at / 1e6) + self.offset
            bits = 9 + (self.scratch[4] >> 5 & 3)
            raw = (round(celsius * 16) >> (12 - bits) << (12 - bits)) & 0xFFFF
            self.scratch[0:2] = raw.to_bytes(2, "little")
            self.done_at = None

    def reset(self, now: int) -> int:
        self._settle(now)
        if self.fault == "dead":
            return 0
        self.state, self.out = "rom", bytearray()
        return 1

    def write(self, value: int, now: int) -> None:
        self._settle(now)
        if self.state == "rom":
            self.state = "command" if value == 0xCC else "idle"
        elif self.state == "command":
            self.state = "idle"
            if value == 0x44:
                self.done_at = now + self.CONVERT_US[9 + (self.scratch[4] >> 5 & 3)]
                self.ledger.add(self.converting_ua, self.done_at - now)
            elif value == 0xBE:
                crc = 0
                for byte in self.scratch:
                    for _ in range(8):
                        crc, byte = (crc >> 1) ^ (0x8C if (crc ^ byte) & 1 else 0), byte >> 1
                self.out = bytearray(self.scratch) + bytes([crc ^ (0x55 if self.fault == "noise" else 0)])
            elif value == 0x4E:
                self.state, self.written = "write", bytearray()
        elif self.state == "write":
            self.written.append(value)
            if len(self.written) == 3:
                self.scratch[2:5] = self.written[0:2] + bytes([self.written[2] & 0x60 | 0x1F])
                self.state = "idle"

    def read(self, now: int) -> int:
        self._settle(now)
        if self.out:
            return self.out.pop(0)
        return 0 if self.done_at is not None and self.fault != "dead" else 255
