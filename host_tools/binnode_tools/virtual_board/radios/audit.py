"""The law on the air: every transmission is held against its region's rules, and each breach is a finding.

Duty cycle per sub-band over every sliding hour, dwell time, EIRP, channels and data rates, listen before talk, air time
of joins (TR007), and the form of a LoRaWAN frame. Times are world microseconds.
"""

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field

from binnode_tools.lora_network.regions import Band, Region
from binnode_tools.virtual_board.radios.air import Air
from binnode_tools.virtual_board.radios.burst import Burst, needs_low_rate

_S = 1_000_000
HOUR_US = 3600 * _S
PPM = 25  # a carrier may be so far from its channel
POWER_DB = 0.5  # rounding of a radio's power steps
LBT_FRESH_US = 30_000  # from the end of listening to the transmission
# TR007 and TS001-1.0.4, 7: from power-up or reset on, by the true clock: the first hour, the next ten, then any day.
JOIN_FIRST_US = JOIN_NEXT_US = 36 * _S
JOIN_DAY_US = 8_700_000
# FCC 15.247: 21 dBm EIRP of LoRaWAN's 125 kHz channels with fewer than 50 of them, 26 at 500 kHz.
FEW_CHANNELS_DBM, WIDE_DBM = 21, 26
_HOPS_SEEN, _HOPS_FEW = 16, 9


@dataclass(frozen=True)
class Finding:
    place: str
    at_us: int
    text: str

    def __str__(self) -> str:
        return f"{self.place} at {self.at_us / _S:.3f} s: {self.text}"


@dataclass
class _Window:
    """Air time within a sliding window that ends now."""

    length_us: int
    spans: deque[tuple[int, int]] = field(default_factory=deque)

    def add(self, start_us: int, end_us: int) -> int:
        """The worst window that has this transmission in it ends with it."""
        self.spans.append((start_us, end_us))
        since_us = end_us - self.length_us
        while self.spans[0][1] <= since_us:
            self.spans.popleft()
        return sum(end - max(start, since_us) for start, end in self.spans)


@dataclass
class Account:
    """What one transmitter did."""

    frames: int = 0
    joins: int = 0
    airtime_us: int = 0
    rates: Counter[str] = field(default_factory=Counter)
    worst_duty: float = 0.0  # of a sub-band's allowance in an hour, 0..1 while legal
    worst_band: str = ""


class Audit:
    """Listens on the air. Places in `gateways` are held against a gateway's rules, all others against a device's.

    dwell: uplinks may last 400 ms only; None: as the region starts, a place can be set apart in `dwell_of`. duty: the
    duty cycle of a region that has no sub-bands. hop_channels: how many 125 kHz channels the network has enabled on
    US915, for its data frames; what a device really hops over is watched too.
    """

    def __init__(
        self, air: Air, region: Region, dwell: bool | None = None, duty: float | None = None, hop_channels: int = 64
    ):
        self.region, self.hop_channels = region, hop_channels
        self.dwell = region.dwell_at_start if dwell is None else dwell
        self.dwell_of: dict[str, bool] = {}
        self.gateways: set[str] = set()
        self.findings: list[Finding] = []
        self.accounts: dict[str, Account] = defaultdict(Account)
        self._whole = Band(region.name, 0, 1 << 40, duty, 99) if duty else None
        self._hours: dict[tuple[str, str], _Window] = defaultdict(lambda: _Window(HOUR_US))
        self._channels: dict[tuple[str, int], _Window] = defaultdict(lambda: _Window(8 * 400_000))
        self._listened: dict[str, tuple[int, int, int, float]] = {}
        self._hops: dict[str, deque[int]] = defaultdict(lambda: deque(maxlen=_HOPS_SEEN))
        self._joining: dict[str, int] = {}
        self._join_spent: dict[tuple[str, str], int] = defaultdict(int)
        self._join_days: dict[str, _Window] = defaultdict(lambda: _Window(24 * HOUR_US))
        air.listeners.append(self)
        air.on_listened.append(self.listened)

    def find(self, place: str, at_us: int, text: str) -> None:
        self.findings.append(Finding(place, at_us, text))

    def powered_on(self, place: str) -> None:
        """It has lost its memory of joining: the hours of TR007 begin anew."""
        self._joining.pop(place, None)

    def listened(self, place: str, hz: int, from_us: int, until_us: int, max_dbm: float) -> None:
        self._listened[place] = hz, from_us, until_us, max_dbm

    # A transmission begins.

    def burst_began(self, place: str, burst: Burst) -> None:
        account = self.accounts[place]
        account.frames += 1
        account.rates[f"SF{burst.sf}BW{burst.bw_khz}"] += 1
        for text in self._wrong(place, burst):
            self.find(place, burst.start_us, text)

    def _wrong(self, place: str, burst: Burst) -> list[str]:
        found = self._form(place, burst) + self._power(place, burst)
        if place in self.gateways:
            return found
        return found + self._channel(burst) + self._rate(place, burst) + self._lbt(place, burst)

    def _form(self, place: str, burst: Burst) -> list[str]:
        down = place in self.gateways
        right = {
            "sync word 0x34": burst.sync_word == 0x34,
            "a preamble of 8": burst.preamble == 8,
            "coding rate 4/5": burst.coding == 1,
            "an explicit header": not burst.implicit,
            "inverted IQ" if down else "normal IQ": burst.iq_inverted == down,
            "no CRC" if down else "a CRC": burst.crc != down,
            "low-data-rate optimisation as its symbols need": burst.low_rate == needs_low_rate(burst.sf, burst.bw_khz),
        }
        return [f"not in LoRaWAN's form: {what} is due" for what, is_so in right.items() if not is_so]

    def _power(self, place: str, burst: Burst) -> list[str]:
        region, down = self.region, place in self.gateways
        band = region.band(burst.hz)
        limit = max(region.gateway_dbm, region.rx2_gateway_dbm) if down else region.max_eirp_dbm
        if band:
            limit = min(limit, band.eirp_dbm)
        if region.name == "US915" and not down:
            if burst.bw_khz == 500:
                limit = min(limit, WIDE_DBM)
            elif (self.hop_channels < 50 and not _is_join(burst)) or self._hops_over_few(place, burst):
                limit = min(limit, FEW_CHANNELS_DBM)
        if burst.power_dbm <= limit + POWER_DB:
            return []
        return [f"{burst.power_dbm:.1f} dBm EIRP on {burst.hz / 1e6:.3f} MHz, {limit:.2f} dBm are allowed"]

    def _hops_over_few(self, place: str, burst: Burst) -> bool:
        """It sends as loud as only many channels allow, and keeps to a few."""
        if burst.power_dbm <= FEW_CHANNELS_DBM + POWER_DB:
            return False
        hops = self._hops[place]
        hops.append(self.region.uplink_channel(burst.hz) or 0)
        return len(hops) == _HOPS_SEEN and len(set(hops)) <= _HOPS_FEW

    def _channel(self, burst: Burst) -> list[str]:
        region, mhz = self.region, f"{burst.hz / 1e6:.4f} MHz"
        if region.fixed:
            channel = region.uplink_channel(burst.hz)
            if channel is None or (channel >= 64) != (burst.bw_khz == 500):
                return [f"{mhz} with {burst.bw_khz} kHz is no uplink channel of {region.name}"]
            return []
        slack = burst.hz * PPM // 1_000_000
        if not region.low_hz - slack <= burst.hz <= region.high_hz + slack:
            return [f"{mhz} is outside {region.name}"]
        if region.bands and region.band(burst.hz, burst.bw_khz) is None:
            return [f"{mhz} with {burst.bw_khz} kHz lies in no sub-band of {region.name}"]
        if region.grid_hz:
            beside = (burst.hz - region.low_hz) % region.grid_hz
            if min(beside, region.grid_hz - beside) > slack:
                return [f"{mhz} is not on the channel grid of {region.name}"]
        return []

    def _rate(self, place: str, burst: Burst) -> list[str]:
        region, datr = self.region, f"SF{burst.sf}BW{burst.bw_khz}"
        dr = region.uplink_dr(datr)
        if dr is None:
            return [f"{datr} is no uplink data rate of {region.name}"]
        found = []
        dwell = self.dwell_of.get(place, self.dwell) and region.dwell_ms and (region.name != "US915" or dr < 4)
        if dwell and burst.airtime_us > region.dwell_ms * 1000:
            found.append(f"{burst.airtime_us / 1000:.1f} ms on air, {region.dwell_ms} ms are allowed")
        room = (region.room_dwell if dwell and region.room_dwell else region.room).get(dr, 0)
        is_data = bool(burst.payload) and burst.payload[0] >> 5 in (2, 4)
        if is_data and len(burst.payload) > room + 13:
            found.append(f"{len(burst.payload)} bytes at DR{dr}, {room + 13} are allowed")
        return found

    def _lbt(self, place: str, burst: Burst) -> list[str]:
        if self.region.lbt is None:
            return []
        dbm, least_us = self.region.lbt
        mhz = f"{burst.hz / 1e6:.3f} MHz"
        hz, from_us, until_us, max_dbm = self._listened.pop(place, (0, 0, 0, 0.0))
        if abs(hz - burst.hz) > burst.hz * PPM // 1_000_000 or not 0 <= burst.start_us - until_us <= LBT_FRESH_US:
            return [f"sent on {mhz} without having listened there right before"]
        if until_us - from_us < least_us:
            return [f"listened on {mhz} for {(until_us - from_us) / 1000:.1f} ms, {least_us / 1000:.0f} ms are due"]
        if max_dbm > dbm:
            return [f"sent on {mhz} although it heard {max_dbm:.0f} dBm there; {dbm} dBm is the limit"]
        return []

    # A transmission has ended.

    def burst_ended(self, place: str, burst: Burst) -> None:
        account = self.accounts[place]
        airtime_us = burst.end_us - burst.start_us
        account.airtime_us += airtime_us
        self._duty(place, burst)
        if self.region.name == "US915" and burst.bw_khz == 125 and self.dwell and place not in self.gateways:
            used_us = self._channels[place, self.region.uplink_channel(burst.hz) or 0].add(burst.start_us, burst.end_us)
            if used_us > self.region.dwell_ms * 1000 >= airtime_us:
                self.find(place, burst.end_us, f"{used_us / 1000:.1f} ms within 3.2 s on {burst.hz / 1e6:.1f} MHz")
        if place not in self.gateways and _is_join(burst):
            account.joins += 1
            self._join(place, burst)

    def _duty(self, place: str, burst: Burst) -> None:
        band = self._whole or self.region.band(burst.hz)
        if band is None or band.duty >= 1:
            return
        used_us = self._hours[place, band.name].add(burst.start_us, burst.end_us)
        share = used_us / (HOUR_US * band.duty)
        account = self.accounts[place]
        if share > account.worst_duty:
            account.worst_duty, account.worst_band = share, band.name
        if share > 1:
            allowed_s = HOUR_US * band.duty / _S
            text = f"{used_us / _S:.2f} s on air within an hour in band {band.name}, {allowed_s:.1f} s are allowed"
            self.find(place, burst.end_us, text)

    def _join(self, place: str, burst: Burst) -> None:
        began_us = self._joining.setdefault(place, burst.start_us)
        airtime_us, since_us = burst.end_us - burst.start_us, burst.start_us - began_us
        if since_us == 0:
            for name in ("hour", "next"):
                self._join_spent[place, name] = 0
            self._join_days.pop(place, None)
        if since_us >= 11 * HOUR_US:
            spent_us, limit_us = self._join_days[place].add(burst.start_us, burst.end_us), JOIN_DAY_US
            name = "24 hours"
        else:
            name, limit_us = ("hour", JOIN_FIRST_US) if since_us < HOUR_US else ("next", JOIN_NEXT_US)
            self._join_spent[place, name] += airtime_us
            spent_us = self._join_spent[place, name]
            name = "the first hour" if name == "hour" else "hours 2 to 11"
        if spent_us >= limit_us:
            self.find(
                place, burst.end_us, f"{spent_us / _S:.2f} s of Join-Requests in {name}, TR007: {limit_us / _S} s"
            )


def _is_join(burst: Burst) -> bool:
    return bool(burst.payload) and burst.payload[0] >> 5 == 0
