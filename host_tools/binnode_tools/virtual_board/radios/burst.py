"""One LoRa transmission on the air, how a receiver is tuned, and what it makes of it. Time is the world's, us."""

from dataclasses import dataclass, field

# Semtech AN1200.22 and the data sheets: what a demodulator needs, by spreading factor.
SNR_LIMIT_DB = {5: -2.5, 6: -5.0, 7: -7.5, 8: -10.0, 9: -12.5, 10: -15.0, 11: -17.5, 12: -20.0}
SYNC_QUARTERS = 17  # sync word and start of frame last 4.25 symbols
HEADER_SYMBOLS = 8


def symbol_us(sf: int, bw_khz: int) -> int:
    """Exact for 125, 250 and 500 kHz."""
    return (1000 << sf) // bw_khz


def needs_low_rate(sf: int, bw_khz: int) -> bool:
    """Low-data-rate optimisation is due when a symbol lasts 16 ms or more."""
    return symbol_us(sf, bw_khz) >= 16_000


def airtime_us(
    sf: int,
    bw_khz: int,
    size: int,
    crc: bool = True,
    preamble: int = 8,
    coding: int = 1,
    implicit: bool = False,
    low_rate: bool | None = None,
) -> int:
    """Time on air of `size` bytes, SF7..SF12 (data sheets of SX1261/2, 6.1.4, and SX1276, 4.1.1.7). coding 1: 4/5."""
    if low_rate is None:
        low_rate = needs_low_rate(sf, bw_khz)
    bits = max(8 * size - 4 * sf + 28 + 16 * crc - 20 * implicit, 0)
    per_block = 4 * (sf - 2 * low_rate)
    symbols = HEADER_SYMBOLS + -(-bits // per_block) * (coding + 4)
    return (4 * (preamble + symbols) + SYNC_QUARTERS) * symbol_us(sf, bw_khz) // 4


@dataclass(eq=False)
class Burst:
    """A transmission. `hz` is where it really is (the crystal's error included); `power_dbm` is EIRP."""

    hz: int
    sf: int
    bw_khz: int
    payload: bytes
    power_dbm: float
    start_us: int
    coding: int = 1
    preamble: int = 8
    crc: bool = True
    iq_inverted: bool = False
    sync_word: int = 0x34
    implicit: bool = False
    low_rate: bool | None = None  # None: as it should be
    airtime_us: int = field(init=False)
    symbol_us: int = field(init=False)
    end_us: int = field(init=False)

    def __post_init__(self) -> None:
        if self.low_rate is None:
            self.low_rate = needs_low_rate(self.sf, self.bw_khz)
        self.symbol_us = symbol_us(self.sf, self.bw_khz)
        self.airtime_us = airtime_us(
            self.sf,
            self.bw_khz,
            len(self.payload),
            self.crc,
            self.preamble,
            self.coding,
            self.implicit,
            self.low_rate,
        )
        self.end_us = self.start_us + self.airtime_us

    @property
    def preamble_end_us(self) -> int:
        return self.start_us + self.preamble * self.symbol_us

    @property
    def sync_end_us(self) -> int:
        """The sync word has been received."""
        return self.preamble_end_us + SYNC_QUARTERS * self.symbol_us // 4

    @property
    def header_end_us(self) -> int:
        """The explicit header has been received."""
        return self.sync_end_us + HEADER_SYMBOLS * self.symbol_us


@dataclass(frozen=True)
class Tuning:
    """What a receiver is set to."""

    hz: int
    sf: int
    bw_khz: int
    iq_inverted: bool = True
    sync_word: int = 0x34
    implicit: bool = False
    low_rate: bool | None = None  # None: as it should be


@dataclass(eq=False)
class Reception:
    """What a receiver that locked on `burst` gets.

    A frame without a CRC that was damaged arrives with `crc_ok` and a `payload` that is not what was sent, as on the
    chip. Without `header_ok` nothing but a header error comes.
    """

    burst: Burst
    rssi_dbm: float
    snr_db: float
    lock_us: int  # the preamble was recognised
    end_us: int
    header_ok: bool
    crc_ok: bool
    payload: bytes
