"""A driver of the firmware on CPython, wired to a chip model on the bench: pins, SPI and time as the chip has them."""

import pytest
from binnode.radios.sx126x import SX126x
from binnode.radios.sx127x import SX127x
from binnode_tools.virtual_board.radios.burst import Burst, symbol_us

from tests.unit.host.radio_bench import Bench

SX1262, SX1276 = "heltec_v3", "lilygo_lora32_v21"
BOTH = pytest.mark.parametrize("board", [SX1262, SX1276])
ACT_US = 120  # the Python between two acts
MASK = (1 << 30) - 1
START_US = MASK - 500_000  # about to wrap
HZ = 868_100_000
FRAME = bytes(range(64, 87))
# All that LoRaWAN's regions use.
RATES = [(sf, 125) for sf in range(7, 13)] + [(7, 250)] + [(sf, 500) for sf in range(7, 13)]


class BenchTime:
    """MicroPython's time, in the bench's."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def ticks_us(self) -> int:
        self.bench.pass_us(ACT_US)
        return (self.bench.now + START_US) & MASK

    def ticks_ms(self) -> int:
        self.bench.pass_us(ACT_US)
        return (self.bench.now // 1000 + MASK - 500) & MASK

    @staticmethod
    def ticks_add(ticks: int, more: int) -> int:
        return (ticks + more) & MASK

    @staticmethod
    def ticks_diff(later: int, earlier: int) -> int:
        return ((later - earlier + (1 << 29)) & MASK) - (1 << 29)

    def sleep_us(self, us: int) -> None:
        self.bench.pass_us(us)

    def sleep_ms(self, ms: int) -> None:
        self.bench.pass_us(ms * 1000)


class BenchPin:
    def __init__(self, bench: Bench, number: int | None) -> None:
        self.bench, self.number = bench, number

    def __call__(self, level: int | None = None) -> int | None:
        self.bench.pass_us(ACT_US)
        assert self.number is not None
        if level is None:
            return self.bench.level(self.number)
        if self.number == self.bench.wiring.reset and not level:
            self.bench.resets += 1
        self.bench.pin(self.number, level)
        return None


class BenchSpi:
    """`before`, for tests: called before each transaction."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.before = bench, lambda data: None

    def write_readinto(self, data: bytearray, into: bytearray) -> None:
        self.bench.pass_us(ACT_US)
        self.before(data)
        into[:] = self.bench.radio.transfer(bytes(data), self.bench.now)
        self.bench.pass_us(len(data))


class Driven:
    """`radio`: the driver; `bench`: what it drives. `dio`: whether it is told of that line."""

    def __init__(self, board: str, dio: bool = True, hz: int = HZ, wake: bool = True, **changes: object) -> None:
        self.bench = bench = Bench(board, **changes)
        bench.pass_us(100_000)
        self.wiring = bench.wiring
        self.chip, self.time, self.spi, self.hz = bench.radio, BenchTime(bench), BenchSpi(bench), hz
        self.slept_ms: list[int] = []
        self.dio = dio
        self.renew()
        if wake:
            self.radio.wake(hz)

    def renew(self) -> None:
        """A driver that knows nothing, as after the host's deep sleep."""
        wiring, bench = self.wiring, self.bench
        settings = {"max_dbm": wiring.max_dbm, "tcxo_mv": wiring.tcxo_mv, "dio2_rf_switch": wiring.dio2_rf_switch}
        pins = [BenchPin(bench, number) for number in (wiring.cs, wiring.reset, wiring.busy, bench.dio_pin)]
        cs, reset, busy, line = pins
        driver = SX126x if wiring.chip == "sx1262" else SX127x
        self.radio = driver(
            self.spi, cs, reset, busy, line if self.dio else None, settings, self.time, lambda ms: self.rest(ms)
        )

    @property
    def now(self) -> int:
        return self.bench.now

    @property
    def calm(self) -> bool:
        """Whether no finding came up, and the chip neither sends nor receives."""
        return not self.bench.found and self.chip.mode in ("stby_rc", "standby", "sleep")

    def rest(self, ms: int) -> None:
        """Light sleep as unkind as it gets: it ends 0.9 ms late."""
        assert ms > 0
        self.slept_ms.append(ms)
        self.bench.pass_us(ms * 1000 + 900)

    def true_us(self, ticks: int) -> int:
        """The bench's time of a ticks_us() that is not long ago, nor far away."""
        now = (self.now + START_US) & MASK
        return self.now + BenchTime.ticks_diff(ticks, now)

    def transmit(self, frame: bytes = FRAME, sf: int = 7, bw_khz: int = 125, dbm: int = 14) -> tuple[Burst, int]:
        """What was on the air, and when the driver says that it ended."""
        airtime_ms = Burst(self.hz, sf, bw_khz, frame, dbm, 0).airtime_us // 1000 + 1
        end_us = self.radio.transmit(frame, self.hz, sf, bw_khz, dbm, airtime_ms)
        return self.bench.air.sent[-1], self.true_us(end_us)

    def receive(
        self,
        sf: int = 7,
        bw_khz: int = 125,
        symbols: int = 8,
        late_us: int | None = None,
        payload: bytes = FRAME,
        delay_us: int = 1_000_000,
        **burst: object,
    ) -> bytes | None:
        """What a window gives that opens in `delay_us` and is centred on its frame's fourth preamble symbol.

        late_us: how much later than the window's middle says the frame begins; None: nothing is sent.
        """
        at_us = self.now + delay_us
        symbol = symbol_us(sf, bw_khz)
        downlink = {"iq_inverted": True, "crc": False, **burst}
        if late_us is not None:
            start_us = at_us + symbols * symbol // 2 - 4 * symbol + late_us
            self.bench.air.bursts.append(Burst(self.hz, sf, bw_khz, payload, 14, start_us, **downlink))
        self.bench.air.asked.clear()
        longest_ms = Burst(self.hz, sf, bw_khz, bytes(250), 14, 0, **downlink).airtime_us // 1000
        return self.radio.receive((at_us + START_US) & MASK, self.hz, sf, bw_khz, symbols, longest_ms)

    @property
    def opened_us(self) -> int:
        """When the last window's receiver was on."""
        return self.bench.air.asked[0][1]
