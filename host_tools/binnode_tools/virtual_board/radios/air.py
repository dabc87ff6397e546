"""The air between nodes and gateways: who hears what, how loud, and what is lost. Same seed, same fate of every frame.

Time is in world microseconds. The air has an agenda of its own: gateways and servers put what they do later into it
with at(), and whoever asks the air about a moment makes it catch up to that moment first (run_to).
"""

import heapq
import random
from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import dataclass, field
from math import hypot, log10
from typing import Protocol

from binnode_tools.virtual_board.radios.burst import SNR_LIMIT_DB, Burst, Reception, Tuning, needs_low_rate
from binnode_tools.virtual_board.radios.city import NOISE_FIGURE_DB, City, Interferer, sum_dbm

LOCK_SYMBOLS = 5  # of the preamble that a receiver must get to lock on it
CAPTURE_DB = 6  # over a frame of the same spreading factor (Semtech; Bor et al., "Do LoRa low-power WANs scale?", 2016)
# Spreading factors are not quite orthogonal: what a frame needs over one of another factor, or of the other IQ polarity
# (Croce et al., "Impact of LoRa imperfect orthogonality", 2018, rounded).
OTHER_SF_DB = {5: -5, 6: -6, 7: -8, 8: -11, 9: -15, 10: -19, 11: -22, 12: -25}
_KEPT_US = 60_000_000  # bursts that ended longer ago are forgotten
_LONGEST_US = 10_000_000  # longer than any burst


class Listener(Protocol):
    """A gateway, an audit: is told of every burst."""

    def burst_began(self, place: str, burst: Burst) -> None: ...

    def burst_ended(self, place: str, burst: Burst) -> None: ...


@dataclass(eq=False)
class Sent:
    """A burst, who sent it, and how loud it is where (dBm, worked out once)."""

    place: str
    burst: Burst
    lost: bool
    levels: dict[str, float] = field(default_factory=dict)


class Air:
    """Everything on the air. A place is the name of whoever has an antenna there; its noise figure is that of an SX1262
    unless `noise_figure_db[place]` says otherwise."""

    def __init__(self, seed: str = "1", city: City | None = None):
        self.seed, self.city = seed, city or City()
        self.now_us = 0
        self.loss_up = self.loss_down = 0.0  # share of uplinks and of downlinks that nobody hears, whatever their level
        self.noise_figure_db: dict[str, float] = {}
        self.interferers: list[Interferer] = []
        self.listeners: list[Listener] = []
        self.on_listened: list[Callable[[str, int, int, int, float], None]] = []
        self._positions: dict[str, tuple[float, float]] = {}
        self._losses: dict[tuple[str, str], float] = {}
        self._sent: list[Sent] = []  # by start
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._number = 0

    # Where things are.

    def put(self, place: str, x_m: float, y_m: float) -> None:
        self._positions[place] = (x_m, y_m)

    def set_loss_db(self, place: str, other: str, loss_db: float) -> None:
        """The path loss between two places, instead of the city's. Frames still fade by `city.fade_db`."""
        self._losses[min(place, other), max(place, other)] = loss_db

    def position_m(self, place: str) -> tuple[float, float]:
        if place not in self._positions:
            chance = self._chance("position", place)
            while True:
                x, y = chance.uniform(-1, 1), chance.uniform(-1, 1)
                if hypot(x, y) <= 1:
                    break
            self._positions[place] = x * self.city.radius_m, y * self.city.radius_m
        return self._positions[place]

    def loss_db(self, place: str, other: str) -> float:
        """Path loss between two places, the same both ways and for ever."""
        pair = min(place, other), max(place, other)
        if pair not in self._losses:
            (x, y), (u, v) = self.position_m(pair[0]), self.position_m(pair[1])
            shadow_db = self._chance("shadow", *pair).gauss(0, self.city.shadow_db)
            self._losses[pair] = self.city.loss_db(hypot(x - u, y - v)) + shadow_db
        return self._losses[pair]

    def noise_dbm(self, place: str, bw_khz: int) -> float:
        """Thermal noise and the receiver's own."""
        return -144 + 10 * log10(bw_khz) + self.noise_figure_db.get(place, NOISE_FIGURE_DB["sx1262"])

    # The agenda.

    def at(self, when_us: int, call: Callable[[], None]) -> None:
        """Have it called when the air gets there."""
        self._number += 1
        heapq.heappush(self._agenda, (when_us, self._number, call))

    @property
    def next_us(self) -> int | None:
        """When the air does something by itself next."""
        return self._agenda[0][0] if self._agenda else None

    def run_to(self, now_us: int) -> None:
        """Let everything happen that is due by then. An earlier time than before changes nothing."""
        while self._agenda and self._agenda[0][0] <= now_us:
            when_us, _, call = heapq.heappop(self._agenda)
            self.now_us = max(self.now_us, when_us)
            call()
        self.now_us = max(self.now_us, now_us)
        first = 0
        while first < len(self._sent) and self._sent[first].burst.end_us < self.now_us - _KEPT_US:
            first += 1
        del self._sent[:first]

    # Transmitting.

    def transmit(self, place: str, burst: Burst) -> None:
        """`place` sends, from burst.start_us on. Whoever listens is told at its end."""
        self.run_to(burst.start_us)
        share = self.loss_down if burst.iq_inverted else self.loss_up
        lost = share > 0 and self._chance("loss", place, burst.start_us).random() < share
        insort(self._sent, Sent(place, burst, lost), key=_start)
        for listener in self.listeners:
            listener.burst_began(place, burst)
        self.at(burst.end_us, lambda: self._ended(place, burst))

    def _ended(self, place: str, burst: Burst) -> None:
        for listener in self.listeners:
            listener.burst_ended(place, burst)

    def cut(self, burst: Burst, at_us: int) -> None:
        """Its transmitter stopped in the middle (a reset, a power cut): nobody gets the frame."""
        for sent in self._sent:
            if sent.burst is burst:
                sent.lost = True
                burst.end_us = max(burst.start_us, min(burst.end_us, at_us))

    def listened(self, place: str, hz: int, from_us: int, until_us: int, max_dbm: float) -> None:
        """A radio has measured the channel's level without a break: told to the audit of listen-before-talk."""
        for call in self.on_listened:
            call(place, hz, from_us, until_us, max_dbm)

    # Receiving.

    def find(self, place: str, tuning: Tuning, from_us: int, until_us: int) -> Reception | None:
        """What a receiver so tuned and open from..until locks on first.

        It takes at least five preamble symbols in the span, the right spreading factor, bandwidth, polarity and sync
        word, at most a quarter of the bandwidth beside the frequency, and enough signal over the noise.
        """
        self.run_to(until_us)
        best: tuple[int, Sent] | None = None
        for sent in self._near(from_us, until_us):
            burst = sent.burst
            lock_us = max(burst.start_us, from_us) + LOCK_SYMBOLS * burst.symbol_us
            if (
                sent.place != place
                and lock_us <= min(burst.preamble_end_us, until_us)
                and (best is None or lock_us < best[0])
                and _fits(tuning, burst)
                and self.snr_db(place, sent) >= SNR_LIMIT_DB[burst.sf]
            ):
                best = lock_us, sent
        if best is None:
            return None
        self.run_to(best[1].burst.end_us)
        return self._receive(place, best[1], tuning, best[0])

    def hear(self, place: str, burst: Burst) -> Reception | None:
        """What a receiver got of it that was open all the time and tuned to it. None: below its sensitivity."""
        sent = next((sent for sent in self._sent if sent.burst is burst), None)
        if sent is None or sent.place == place or self.snr_db(place, sent) < SNR_LIMIT_DB[burst.sf]:
            return None
        tuning = Tuning(burst.hz, burst.sf, burst.bw_khz, burst.iq_inverted, burst.sync_word, burst.implicit)
        return self._receive(place, sent, tuning, burst.start_us + LOCK_SYMBOLS * burst.symbol_us)

    def detects(self, place: str, tuning: Tuning, at_us: int) -> bool:
        """Channel activity detection: chirps of this spreading factor and polarity are on the channel now."""
        self.run_to(at_us)
        return any(
            sent.place != place
            and sent.burst.start_us <= at_us < sent.burst.end_us
            and _fits(tuning, sent.burst, sync=False)
            and self.snr_db(place, sent) >= SNR_LIMIT_DB[tuning.sf]
            for sent in self._near(at_us, at_us)
        )

    def rssi_dbm(self, place: str, hz: int, bw_khz: int, at_us: int) -> float:
        """What a receiver measures there: its noise, frames, foreign transmitters."""
        self.run_to(at_us)
        powers = [self.noise_dbm(place, bw_khz)]
        for sent in self._near(at_us, at_us):
            burst = sent.burst
            if sent.place != place and burst.start_us <= at_us < burst.end_us:
                share = _share(hz, bw_khz, burst.hz, burst.bw_khz)
                if share > 0:
                    powers.append(self._level_dbm(place, sent) + 10 * log10(share))
        powers += self._foreign_dbm(hz, bw_khz, at_us, at_us)
        return sum_dbm(powers)

    def snr_db(self, place: str, sent: Sent) -> float:
        """Over noise and foreign transmitters. What was lost by chance, or cut, is below everything."""
        burst = sent.burst
        if sent.lost:
            return -200.0
        foreign = self._foreign_dbm(burst.hz, burst.bw_khz, burst.start_us, burst.end_us)
        return self._level_dbm(place, sent) - sum_dbm([self.noise_dbm(place, burst.bw_khz), *foreign])

    def _level_dbm(self, place: str, sent: Sent) -> float:
        level = sent.levels.get(place)
        if level is None:
            fade_db = self._chance("fade", sent.place, place, sent.burst.start_us).gauss(0, self.city.fade_db)
            level = sent.levels[place] = sent.burst.power_dbm - self.loss_db(place, sent.place) + fade_db
        return level

    def _foreign_dbm(self, hz: int, bw_khz: int, from_us: int, until_us: int) -> list[float]:
        return [
            foreign.dbm + 10 * log10(share)
            for foreign in self.interferers
            if (share := _share(hz, bw_khz, foreign.hz, foreign.bw_khz)) > 0 and foreign.on_air(from_us, until_us)
        ]

    def _near(self, from_us: int, until_us: int) -> list[Sent]:
        """All that may be on the air in this span."""
        first = bisect_left(self._sent, from_us - _LONGEST_US, key=_start)
        last = bisect_left(self._sent, until_us + 1, key=_start)
        return self._sent[first:last]

    def _receive(self, place: str, sent: Sent, tuning: Tuning, lock_us: int) -> Reception:
        burst = sent.burst
        low_rate = needs_low_rate(tuning.sf, tuning.bw_khz) if tuning.low_rate is None else tuning.low_rate
        matched = tuning.implicit == burst.implicit and low_rate == burst.low_rate
        damaged = self._collides(place, sent)
        payload, header_ok = burst.payload, matched
        if damaged and payload:
            chance = self._chance("damage", place, burst.start_us)
            header_ok = matched and chance.random() > 0.3
            broken = bytearray(payload)
            for _ in range(1 + len(broken) // 8):
                broken[chance.randrange(len(broken))] ^= chance.randrange(1, 256)
            payload = bytes(broken)
        crc_ok = header_ok and (not damaged or not burst.crc)
        level_dbm = self._level_dbm(place, sent)
        return Reception(burst, level_dbm, self.snr_db(place, sent), lock_us, burst.end_us, header_ok, crc_ok, payload)

    def _collides(self, place: str, sent: Sent) -> bool:
        """Another frame is too loud while this one's last preamble symbols, header or payload arrive."""
        burst = sent.burst
        critical_us = burst.start_us + max(burst.preamble - LOCK_SYMBOLS, 0) * burst.symbol_us
        level_dbm = self._level_dbm(place, sent)
        for other in self._near(burst.start_us, burst.end_us):
            rival = other.burst
            if other is sent or other.place == place or rival.end_us <= critical_us or rival.start_us >= burst.end_us:
                continue
            share = _share(burst.hz, burst.bw_khz, rival.hz, rival.bw_khz)
            if share <= 0:
                continue
            same = (rival.sf, rival.bw_khz, rival.iq_inverted) == (burst.sf, burst.bw_khz, burst.iq_inverted)
            over_db = CAPTURE_DB if same else OTHER_SF_DB[burst.sf]
            if level_dbm < self._level_dbm(place, other) + 10 * log10(share) + over_db:
                return True
        return False

    def _chance(self, *what: object) -> random.Random:
        return random.Random(f"{self.seed}/{what}")


def _start(sent: Sent) -> int:
    return sent.burst.start_us


def _fits(tuning: Tuning, burst: Burst, sync: bool = True) -> bool:
    return (
        tuning.sf == burst.sf
        and tuning.bw_khz == burst.bw_khz
        and tuning.iq_inverted == burst.iq_inverted
        and (not sync or tuning.sync_word == burst.sync_word)
        and abs(tuning.hz - burst.hz) <= 250 * burst.bw_khz
    )


def _share(hz: int, bw_khz: int, other_hz: int, other_khz: int) -> float:
    """How much of the other's power falls into this channel, 0..1."""
    low = max(hz - 500 * bw_khz, other_hz - 500 * other_khz)
    high = min(hz + 500 * bw_khz, other_hz + 500 * other_khz)
    return max(high - low, 0) / (1000 * other_khz)
