"""A radio chip on a bench: its pins, its SPI and a clock, without a board around it."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from binnode_tools import boards
from binnode_tools.virtual_board.power import Ledger
from binnode_tools.virtual_board.radios import fitted
from binnode_tools.virtual_board.radios.burst import SNR_LIMIT_DB, Burst, Reception, Tuning

SPI_US = 30  # a short transaction, and the software around it


class FakeAir:
    """One place, no loss: what is sent is kept, what is put into `bursts` can be received at `rssi_dbm`."""

    noise_figure_db: ClassVar[dict[str, float]] = {}

    def __init__(self) -> None:
        self.sent: list[Burst] = []
        self.cuts: list[tuple[Burst, int]] = []
        self.bursts: list[Burst] = []
        self.heard_from: list[tuple[int, int, float]] = []
        self.rssi, self.snr_db = -80.0, 10.0
        self.crc_ok = self.header_ok = True
        self.asked: list[tuple[Tuning, int, int]] = []

    def transmit(self, place: str, burst: Burst) -> None:
        self.sent.append(burst)

    def cut(self, burst: Burst, at_us: int) -> None:
        self.cuts.append((burst, at_us))

    def find(self, place: str, tuning: Tuning, from_us: int, until_us: int) -> Reception | None:
        self.asked.append((tuning, from_us, until_us))
        for burst in self.bursts:
            lock = max(burst.start_us, from_us) + 5 * burst.symbol_us
            same = (burst.sf, burst.bw_khz, burst.iq_inverted, burst.sync_word, burst.implicit, burst.low_rate)
            mine = (tuning.sf, tuning.bw_khz, tuning.iq_inverted, tuning.sync_word, tuning.implicit, tuning.low_rate)
            near = abs(burst.hz - tuning.hz) < 250 * burst.bw_khz
            loud = self.snr_db >= SNR_LIMIT_DB[burst.sf]
            if same == mine and near and loud and lock <= min(until_us, burst.preamble_end_us):
                end, payload = burst.end_us, burst.payload
                return Reception(burst, self.rssi, self.snr_db, lock, end, self.header_ok, self.crc_ok, payload)
        return None

    def detects(self, place: str, tuning: Tuning, at_us: int) -> bool:
        return any(burst.start_us <= at_us < burst.end_us for burst in self.bursts)

    def rssi_dbm(self, place: str, hz: int, bw_khz: int, at_us: int) -> float:
        return self.rssi if self.detects(place, Tuning(hz, 7, bw_khz), at_us) else -110.0

    def listened(self, place: str, hz: int, from_us: int, until_us: int, max_dbm: float) -> None:
        self.heard_from.append((from_us, until_us, max_dbm))


class Bench:
    """`radio` of a board file, its time in us, what it was found at."""

    def __init__(self, board: str, **changes: object) -> None:
        wiring = boards.load(board).radio
        assert wiring is not None
        self.wiring = replace(wiring, **changes)
        self.ledger, self.air, self.now = Ledger(), FakeAir(), 0
        self.found: list[tuple[str, dict]] = []
        self.resets = 0
        self.radio = fitted.radio(self.wiring, self.ledger, self._found, "bench")
        self.radio.ppm = 0.0
        self.radio.air = self.air
        self.pin(self.wiring.cs, 1)
        self.pin(self.wiring.reset, 1)
        dio = self.wiring.dio1 if self.wiring.chip == "sx1262" else self.wiring.dio0
        assert dio is not None
        self.dio_pin = dio

    def _found(self, name: str, **fields: object) -> None:
        self.found.append((name, fields))

    @property
    def findings(self) -> list[str]:
        return [name for name, _ in self.found]

    def pin(self, number: int, level: int | None) -> None:
        self.radio.output(number, level, self.now)

    def pass_us(self, us: int) -> None:
        end = self.now + us
        while (at := self.radio.next_change(end)) is not None:
            at = max(at, self.now)
            self.ledger.advance(at - self.now)
            self.now = at
            self.radio.run(at)
        self.ledger.advance(end - self.now)
        self.now = end
        self.radio.run(end)

    def spi(self, *sent: int, more: int = 0, nothing: int = 0) -> bytes:
        """One transaction: bytes out, then `more` of `nothing`; what came in."""
        self.pin(self.wiring.cs, 0)
        answer = self.radio.transfer(bytes([*sent, *[nothing] * more]), self.now)
        self.pin(self.wiring.cs, 1)
        self.pass_us(SPI_US)
        return answer

    def level(self, pin: int | None = None) -> int | None:
        """Of the DIO that the node watches."""
        return self.radio.level(self.dio_pin if pin is None else pin, self.now)

    def until(self, done: Callable[[], object], longest_us: int = 10_000_000) -> int:
        """Wait for it; how long it took."""
        start = self.now
        while not done():
            assert self.now - start < longest_us, "it never came"
            soon = [self.radio.next_change(self.now + longest_us), getattr(self.radio, "busy_until", None)]
            self.pass_us(min((at - self.now for at in soon if at and at > self.now), default=1000))
        return self.now - start

    def wait_busy(self) -> int:
        return self.until(lambda: not self.level(self.wiring.busy))

    def wait_dio(self, longest_us: int = 10_000_000) -> int:
        return self.until(self.level, longest_us)
