"""LoRaWAN regions as the network and the audit see them: RP002-1.0.3 and 1.0.4, ETSI EN 300 220, FCC 15.247.

Written apart from the firmware's tables, so that either shows the other's mistakes. Frequencies in Hz, powers in dBm
EIRP, sizes in bytes.
"""

from dataclasses import dataclass, field, replace

ERP_TO_EIRP_DB = 2.15
_KHZ, _MHZ = 1_000, 1_000_000


@dataclass(frozen=True)
class Band:
    """A sub-band with its own duty cycle (a share of time) and power limit."""

    name: str
    low_hz: int
    high_hz: int
    duty: float
    eirp_dbm: float


@dataclass(frozen=True)
class Fixed:
    """Channels of a fixed plan: 64 of 125 kHz every 200 kHz and eight of 500 kHz every 1.6 MHz; eight downlinks."""

    first_hz: int
    first_wide_hz: int
    wide_dr: int
    first_down_hz: int = 923_300_000

    def uplink_hz(self, channel: int) -> int:
        """Channels 0..63 are 125 kHz wide, 64..71 are 500 kHz."""
        if channel < 64:
            return self.first_hz + 200 * _KHZ * channel
        return self.first_wide_hz + 1600 * _KHZ * (channel - 64)

    def down_hz(self, channel: int) -> int:
        return self.first_down_hz + 600 * _KHZ * (channel % 8)


@dataclass(frozen=True)
class Region:
    """One region. `rates`: data rate -> (spreading factor, kHz); `room`: data rate -> N, the longest FRMPayload without
    FOpts; `adr_top`: the highest data rate that ADR may choose."""

    name: str
    low_hz: int
    high_hz: int
    rates: dict[int, tuple[int, int]]
    room: dict[int, int]
    max_eirp_dbm: float
    default_hz: tuple[int, ...]
    rx2_hz: int
    rx2_dr: int
    lowest_power: int
    cf_hz: tuple[int, ...] = ()  # further channels, given in the Join-Accept
    room_dwell: dict[int, int] = field(default_factory=dict)
    adr_top: int = 5
    offsets: int = 6  # RX1DROffset 0..offsets - 1
    fixed: Fixed | None = None
    bands: tuple[Band, ...] = ()
    dwell_ms: int = 0  # of an uplink, where the law or the network asks for it
    dwell_at_start: bool = False  # UplinkDwellTime of a device that has heard nothing yet
    lbt: tuple[int, int] | None = None  # dBm at most, for us at least
    grid_hz: int = 0  # carriers lie on low_hz + n * grid_hz
    gateway_dbm: float = 14.0
    rx2_gateway_dbm: float = 14.0

    @property
    def uplink_rates(self) -> dict[int, tuple[int, int]]:
        """Data rates that a device may send at."""
        return {dr: rate for dr, rate in self.rates.items() if dr < 8}

    def datr(self, dr: int) -> str:
        """As in the Semtech protocol: SF7BW125."""
        sf, bw_khz = self.rates[dr]
        return f"SF{sf}BW{bw_khz}"

    def uplink_dr(self, datr: str) -> int | None:
        """The data rate of an uplink; None: not one of this region."""
        return next((dr for dr in self.uplink_rates if self.datr(dr) == datr), None)

    def uplink_channel(self, hz: int) -> int | None:
        """A fixed plan's channel of that carrier (to 25 ppm); None: none."""
        if self.fixed is None:
            return None
        near = (c for c in range(72) if abs(self.fixed.uplink_hz(c) - hz) <= hz * 25 // _MHZ)
        return next(near, None)

    def rx1(self, hz: int, dr: int, offset: int = 0, down_dwell: bool = False) -> tuple[int, int]:
        """Frequency and data rate of the first window after an uplink."""
        if self.fixed:
            channel = self.uplink_channel(hz)
            if channel is None:
                raise ValueError(f"{hz} Hz is no uplink channel of {self.name}")
            base = 10 if self.name == "US915" else 8
            return self.fixed.down_hz(channel), max(8, min(13, base + dr - offset))
        if self.name.startswith("AS923") or self.name == "IN865":
            raised = offset if offset <= 5 else 5 - offset
            top = 7 if self.name != "IN865" else (5 if dr <= 5 else dr)
            floor = 2 if down_dwell else 0
            return hz, min(top, max(floor, dr - raised))
        return hz, max(0, dr - offset)

    def gateway_hz(self, sub_band: int = 2) -> list[tuple[int, int]]:
        """(carrier, kHz) of the uplinks that a gateway of eight channels and a wide one listens to."""
        if self.fixed:
            first = 8 * (sub_band - 1)
            narrow = [(self.fixed.uplink_hz(channel), 125) for channel in range(first, first + 8)]
            return [*narrow, (self.fixed.uplink_hz(63 + sub_band), 500)]
        wide = [(self.default_hz[-1], 250)] if 6 in self.rates else []
        return [(hz, 125) for hz in (*self.default_hz, *self.cf_hz)] + wide

    def down_dbm(self, hz: int) -> int:
        """What a gateway sends with there."""
        band = self.band(hz)
        return int(min(band.eirp_dbm, max(self.gateway_dbm, self.rx2_gateway_dbm)) if band else self.gateway_dbm)

    def band(self, hz: int, bw_khz: int = 0) -> Band | None:
        """The sub-band that holds the whole channel."""
        half = 500 * bw_khz
        return next((band for band in self.bands if band.low_hz <= hz - half and hz + half <= band.high_hz), None)


def _mhz(*values: float) -> tuple[int, ...]:
    return tuple(round(value * _MHZ) for value in values)


_NARROW = {dr: (12 - dr, 125) for dr in range(6)}  # DR0 SF12 .. DR5 SF7
_WIDE_DOWN = {8 + n: (12 - n, 500) for n in range(6)}  # DR8 SF12 .. DR13 SF7
_WIDE_DOWN_ROOM = {8: 53, 9: 129, 10: 242, 11: 242, 12: 242, 13: 242}
_ROOM = {0: 51, 1: 51, 2: 51, 3: 115, 4: 242, 5: 242}
_ETSI = (
    Band("K", 863_000_000, 865_000_000, 0.001, 14 + ERP_TO_EIRP_DB),
    Band("L", 865_000_000, 868_000_000, 0.01, 14 + ERP_TO_EIRP_DB),
    Band("M", 868_000_000, 868_600_000, 0.01, 14 + ERP_TO_EIRP_DB),
    Band("N", 868_700_000, 869_200_000, 0.001, 14 + ERP_TO_EIRP_DB),
    Band("P", 869_400_000, 869_650_000, 0.1, 27 + ERP_TO_EIRP_DB),
    Band("R", 869_700_000, 870_000_000, 0.01, 14 + ERP_TO_EIRP_DB),
)


def _as923(name: str, offset_mhz: float, low_mhz: float, high_mhz: float) -> Region:
    return Region(
        name,
        *_mhz(low_mhz, high_mhz),
        rates=_NARROW | {6: (7, 250)},
        room=_ROOM | {2: 115, 6: 242},
        room_dwell={2: 11, 3: 53, 4: 125, 5: 242, 6: 242},
        max_eirp_dbm=16,
        default_hz=_mhz(923.2 + offset_mhz, 923.4 + offset_mhz),
        cf_hz=_mhz(*(923.6 + offset_mhz + 0.2 * n for n in range(5))),
        rx2_hz=round((923.2 + offset_mhz) * _MHZ),
        rx2_dr=2,
        lowest_power=7,
        offsets=8,
        dwell_ms=400,
        dwell_at_start=True,
        grid_hz=100 * _KHZ,
        gateway_dbm=16,
        rx2_gateway_dbm=16,
    )


_ALL = (
    Region(
        "EU868",
        *_mhz(863, 870),
        rates=_NARROW | {6: (7, 250)},
        room=_ROOM | {6: 242},
        max_eirp_dbm=16,
        default_hz=_mhz(868.1, 868.3, 868.5),
        cf_hz=_mhz(867.1, 867.3, 867.5, 867.7, 867.9),
        rx2_hz=869_525_000,
        rx2_dr=0,
        lowest_power=7,
        bands=_ETSI,
        gateway_dbm=16,
        rx2_gateway_dbm=29,
    ),
    Region(
        "US915",
        *_mhz(902, 928),
        rates={0: (10, 125), 1: (9, 125), 2: (8, 125), 3: (7, 125), 4: (8, 500)} | _WIDE_DOWN,
        room={0: 11, 1: 53, 2: 125, 3: 242, 4: 242} | _WIDE_DOWN_ROOM,
        max_eirp_dbm=30,
        default_hz=(),
        rx2_hz=923_300_000,
        rx2_dr=8,
        lowest_power=14,
        adr_top=3,
        offsets=4,
        fixed=Fixed(902_300_000, 903_000_000, 4),
        dwell_ms=400,
        dwell_at_start=True,
        gateway_dbm=26,
        rx2_gateway_dbm=26,
    ),
    Region(
        "AU915",
        *_mhz(915, 928),
        rates=_NARROW | {6: (8, 500)} | _WIDE_DOWN,
        room=_ROOM | {6: 242} | _WIDE_DOWN_ROOM,
        room_dwell={2: 11, 3: 53, 4: 125, 5: 242, 6: 242},
        max_eirp_dbm=30,
        default_hz=(),
        rx2_hz=923_300_000,
        rx2_dr=8,
        lowest_power=14,
        fixed=Fixed(915_200_000, 915_900_000, 6),
        dwell_ms=400,
        dwell_at_start=True,
        gateway_dbm=26,
        rx2_gateway_dbm=26,
    ),
    _as923("AS923-1", 0.0, 915, 928),
    _as923("AS923-2", -1.8, 920, 923),
    _as923("AS923-3", -6.6, 915, 921),
    _as923("AS923-4", -5.9, 917, 920),
    Region(
        "KR920",
        *_mhz(920.9, 923.3),
        rates=_NARROW,
        room=_ROOM,
        max_eirp_dbm=14,
        default_hz=_mhz(922.1, 922.3, 922.5),
        cf_hz=_mhz(922.7, 922.9, 923.1, 923.3),
        rx2_hz=921_900_000,
        rx2_dr=0,
        lowest_power=7,
        bands=(
            Band("below 922 MHz", 920_700_000, 922_000_000, 1, 10),
            Band("922 MHz and above", 922_000_000, 923_500_000, 1, 14),
        ),
        lbt=(-80, 6_000),
        grid_hz=200 * _KHZ,
        gateway_dbm=14,
        rx2_gateway_dbm=10,
    ),
    Region(
        "IN865",
        *_mhz(865, 867),
        rates=_NARROW,
        room=_ROOM,
        max_eirp_dbm=30,
        default_hz=_mhz(865.0625, 865.4025, 865.985),
        cf_hz=_mhz(866.185, 866.385, 866.785),
        rx2_hz=866_550_000,
        rx2_dr=2,
        lowest_power=10,
        offsets=8,
        gateway_dbm=27,
        rx2_gateway_dbm=27,
    ),
)
REGIONS = {region.name: region for region in _ALL}
# Japan (ARIB STD-T108): AS923-1 between 920.5 and 928 MHz with 13 dBm, after 5 ms of listening.
REGIONS["AS923-JP"] = replace(
    REGIONS["AS923-1"],
    name="AS923-JP",
    low_hz=920_500_000,
    max_eirp_dbm=13,
    lbt=(-80, 5_000),
    gateway_dbm=13,
    rx2_gateway_dbm=13,
)


def region(name: str) -> Region:
    """EU868, US915, AU915, AS923-1 .. AS923-4, AS923-JP, KR920, IN865."""
    if name not in REGIONS:
        raise ValueError(f"region {name!r}: one of {', '.join(REGIONS)}")
    return REGIONS[name]
