"""A LoRaWAN gateway on the air: eight channels in, one transmission at a time out, with Semtech's rxpk and txpk.

Dictionaries have the keys of PROTOCOL.TXT (Lora-net/packet_forwarder). `tmst` is the gateway's counter of microseconds,
32 bits, which started somewhere; a received frame carries its value at the end of the reception.
"""

import base64
import binascii
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from binnode_tools.lora_network.regions import Region
from binnode_tools.virtual_board.radios.air import Air
from binnode_tools.virtual_board.radios.burst import Burst
from binnode_tools.virtual_board.radios.city import NOISE_FIGURE_DB

# libloragw's jitqueue: what it takes to get ready, and how far ahead it plans.
TX_START_US = 1_500
TX_MARGIN_US = 1_000  # between two transmissions
TX_READY_US = TX_START_US + TX_MARGIN_US + 30_000  # a transmission must be known so long before
TX_AHEAD_US = 512_000_000  # it plans no further ahead
QUEUE_LENGTH = 32
DEMODULATORS = 8
_COUNTER = 1 << 32


@dataclass
class GatewayStats:
    """Counters of a `stat` message, and airtime for whoever wants to choose the least busy gateway."""

    received: int = 0
    bad_crc: int = 0
    forwarded: int = 0
    asked: int = 0
    sent: int = 0
    airtime_us: int = 0


@dataclass(eq=False)
class Gateway:
    """`sub_band` chooses the channels of a fixed plan, `channels` [(Hz, kHz)] any. It is off in `outages`, a list of
    (from, until) in world microseconds. `on_uplink(gateway, rxpk, now_us)` is called at the end of each reception."""

    air: Air
    name: str
    region: Region
    eui: str = ""
    sub_band: int = 2
    channels: list[tuple[int, int]] = field(default_factory=list)
    outages: list[tuple[int, int]] = field(default_factory=list)
    max_dbm: int = 30
    on_uplink: Callable[["Gateway", dict, int], None] | None = None
    forward_bad_crc: bool = False

    def __post_init__(self) -> None:
        self.eui = self.eui or f"0200{zlib.crc32(self.name.encode()):08x}fffe"
        self.channels = self.channels or self.region.gateway_hz(self.sub_band)
        self.stats = GatewayStats()
        self.queue: list[tuple[int, int]] = []  # (start, end) of what waits or is on the air, world us
        self._tmst_at_0 = zlib.crc32(self.eui.encode())
        self._hearing: list[Burst] = []
        self.air.noise_figure_db.setdefault(self.name, NOISE_FIGURE_DB["gateway"])
        self.air.listeners.append(self)

    def tmst(self, now_us: int) -> int:
        """The counter at that moment of the world."""
        return (self._tmst_at_0 + now_us) % _COUNTER

    def world_us(self, tmst: int, now_us: int) -> int:
        """The moment of the world at which the counter shows `tmst`, the one nearest to now."""
        ahead = (tmst - self.tmst(now_us)) % _COUNTER
        return now_us + (ahead if ahead < _COUNTER // 2 else ahead - _COUNTER)

    def is_on(self, from_us: int, until_us: int) -> bool:
        return not any(start < until_us and from_us < end for start, end in self.outages)

    # Receiving.

    def burst_began(self, place: str, burst: Burst) -> None:
        """A demodulator is taken, if one is free and it is for us."""
        self._hearing = [other for other in self._hearing if other.end_us > burst.start_us]
        if place != self.name and self._channel(burst) is not None and len(self._hearing) < DEMODULATORS:
            self._hearing.append(burst)

    def burst_ended(self, place: str, burst: Burst) -> None:
        """Forward it, if it was received."""
        if burst not in self._hearing:
            return
        self._hearing.remove(burst)
        start, end = burst.start_us, burst.end_us
        if not self.is_on(start, end) or any(begun < end and start < over for begun, over in self.queue):
            return
        got = self.air.hear(self.name, burst)
        channel = self._channel(burst)
        if got is None or channel is None or not got.header_ok:
            return
        self.stats.received += 1
        stat = (1 if got.crc_ok else -1) if burst.crc else 0
        if stat != 1:
            self.stats.bad_crc += stat == -1
            if not self.forward_bad_crc:
                return
        self.stats.forwarded += 1
        rxpk = {
            "tmst": self.tmst(end),
            "chan": channel,
            "rfch": 0 if channel < 4 else 1,
            "freq": self.channels[channel][0] / 1e6,
            "stat": stat,
            "modu": "LORA",
            "datr": f"SF{burst.sf}BW{burst.bw_khz}",
            "codr": f"4/{4 + burst.coding}",
            "rssi": round(got.rssi_dbm),
            "lsnr": round(min(got.snr_db, 15), 1),  # the chip's estimate saturates
            "size": len(got.payload),
            "data": base64.b64encode(got.payload).decode(),
        }
        if self.on_uplink:
            self.on_uplink(self, rxpk, end)

    def _channel(self, burst: Burst) -> int | None:
        """The channel that hears it: an uplink's polarity, LoRaWAN's sync word, an explicit header, SF7..SF12."""
        if burst.iq_inverted or burst.implicit or burst.sync_word != 0x34 or burst.sf < 7:
            return None
        for number, (hz, bw_khz) in enumerate(self.channels):
            if bw_khz == burst.bw_khz and abs(hz - burst.hz) <= 250 * bw_khz:
                return number
        return None

    # Transmitting.

    def send(self, txpk: dict, now_us: int) -> str:
        """Plan a transmission. Answers as in TX_ACK: NONE, or why not. ValueError: what came is no LoRa txpk."""
        self.stats.asked += 1
        burst = burst_of(txpk, now_us)
        if not self.is_on(now_us, now_us + 1):
            return "TOO_LATE"  # a real one would not answer at all
        if not self.region.low_hz <= burst.hz <= self.region.high_hz:
            return "TX_FREQ"
        if not -6 <= burst.power_dbm <= self.max_dbm:
            return "TX_POWER"
        airtime_us = burst.airtime_us
        self.queue = [span for span in self.queue if span[1] > now_us - 20_000_000]
        if txpk.get("imme"):
            start_us = self._next_gap(now_us + TX_READY_US, airtime_us)
        else:
            start_us = self.world_us(int(txpk["tmst"]), now_us)
            if start_us < now_us + TX_READY_US:
                return "TOO_LATE"
            if start_us > now_us + TX_AHEAD_US:
                return "TOO_EARLY"
            if not self._is_free(start_us, airtime_us):
                return "COLLISION_PACKET"
        if sum(end > now_us for _, end in self.queue) >= QUEUE_LENGTH:
            return "COLLISION_PACKET"  # so the forwarder reports a full queue
        burst.start_us, burst.end_us = start_us, start_us + airtime_us
        self.queue.append((start_us, burst.end_us))
        self.air.at(start_us, lambda: self._transmit(burst))
        return "NONE"

    def _is_free(self, start_us: int, airtime_us: int) -> bool:
        gap_us = TX_START_US + TX_MARGIN_US
        return not any(begun < start_us + airtime_us + gap_us and start_us < end + gap_us for begun, end in self.queue)

    def _next_gap(self, start_us: int, airtime_us: int) -> int:
        for _, end in sorted(self.queue):
            if not self._is_free(start_us, airtime_us):
                start_us = max(start_us, end + TX_START_US + TX_MARGIN_US)
        return start_us

    def _transmit(self, burst: Burst) -> None:
        if self.is_on(burst.start_us, burst.end_us):
            self.stats.sent += 1
            self.stats.airtime_us += burst.airtime_us
            self.air.transmit(self.name, burst)


def burst_of(txpk: dict, start_us: int) -> Burst:
    """What a txpk says. ValueError: no LoRa txpk."""
    try:
        text = txpk["data"]
        payload = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)  # padding is optional
        sf, _, bw_khz = txpk["datr"].removeprefix("SF").partition("BW")
        if txpk["modu"] != "LORA" or len(payload) != txpk["size"]:
            raise ValueError("not LORA, or not of this size")
        if int(sf) not in range(7, 13) or int(bw_khz) not in (125, 250, 500):
            raise ValueError(f"datr {txpk['datr']}")
        if not txpk.get("imme") and not 0 <= txpk["tmst"] < _COUNTER:
            raise ValueError("tmst")
        coding, preamble = int(txpk.get("codr", "4/5").removeprefix("4/")) - 4, int(txpk.get("prea", 8))
        if coding not in range(1, 5) or preamble not in range(6, 65536):
            raise ValueError(f"codr {txpk.get('codr')}, prea {preamble}")
        return Burst(
            round(txpk["freq"] * 1e6),
            int(sf),
            int(bw_khz),
            payload,
            float(txpk.get("powe", 14)),
            start_us,
            coding,
            preamble,
            not txpk.get("ncrc", False),
            bool(txpk.get("ipol", False)),
        )
    except (KeyError, TypeError, AttributeError, OverflowError, binascii.Error) as error:
        raise ValueError(f"no LoRa txpk: {error!r}") from error
