"""What an SX1262 has been told, and what comes of it at the antenna: power, current, sensitivity, frequency."""

from collections.abc import Callable
from dataclasses import dataclass, field

from binnode_tools.board_parts import Radio as Wiring
from binnode_tools.virtual_board.radios import sx1262_tables as t
from binnode_tools.virtual_board.radios.burst import Tuning
from binnode_tools.virtual_board.radios.receiver import DEAF_DB

LORA = 1
Find = Callable[..., None]


@dataclass
class Config:
    """Everything that a cold start forgets."""

    registers: dict[int, int] = field(default_factory=lambda: dict(t.REGISTERS))
    packet_type: int = 0
    frequency: int = 0
    sf: int = 7
    bw_khz: int = 125
    coding: int = 1
    low_rate: bool = False
    preamble: int = 8
    implicit: bool = False
    length: int = 255
    crc: bool = True
    iq_inverted: bool = False
    modulation_set: bool = False
    packet_set: bool = False
    tx_base: int = 0
    rx_base: int = 0
    irq_mask: int = 0
    dio1_mask: int = 0
    pa: tuple[int, int, int] | None = None  # paDutyCycle, hpMax, deviceSel
    power_dbm: int = 0
    ramp_us: int = 10
    tcxo_mv: int = 0
    tcxo_delay_us: int = 0
    dio2_switch: bool = False
    dcdc: bool = False
    timer_ends_at_preamble: bool = False
    fallback: str = "stby_rc"
    calibrated: int = 0  # blocks
    image_mhz: tuple[int, int] = (902, 928)
    cad_symbols: int = 1
    cad_then_rx: bool = False
    cad_timeout: int = 0
    errors: int = 0

    @property
    def hz(self) -> float:
        return self.frequency * t.FREQUENCY_STEP_HZ

    @property
    def symbols(self) -> int:
        """The symbol time-out, which is not linear: mantissa and exponent (6.1.3, 13.4.9)."""
        value = self.registers.get(t.SYMBOL_TIMEOUT, 0)
        return (value >> 3) << (2 * (value & 7) + 1)

    @property
    def iq_wrong(self) -> bool:
        """Erratum 15.4: bit 2 has to be 0 with inverted polarity and 1 without."""
        return bool(self.registers.get(t.IQ, 0) & 4) == self.iq_inverted

    def tuning(self, real_hz: int) -> Tuning:
        high, low = self.registers[t.SYNC_WORD], self.registers[t.SYNC_WORD + 1]
        sync_word = (high & 0xF0) | low >> 4
        return Tuning(real_hz, self.sf, self.bw_khz, self.iq_inverted, sync_word, self.implicit, self.low_rate)

    def after_warm_sleep(self) -> None:
        """Some registers are lost, unless the retention list names them."""
        registers = self.registers
        count = min(registers.get(t.RETENTION, 0), t.RETENTION_SLOTS)
        places = range(t.RETENTION + 1, t.RETENTION + 1 + 2 * count, 2)
        kept = {registers.get(at, 0) << 8 | registers.get(at + 1, 0) for at in places}
        for address in t.NOT_RETAINED:
            if address not in kept:
                registers[address] = t.REGISTERS[address]

    def oscillator_fails(self, wiring: Wiring) -> str | None:
        """Why the 32 MHz oscillator of the board does not start; None: it does."""
        if not wiring.tcxo_mv:
            return "DIO3 feeds a TCXO, and the board has a crystal" if self.tcxo_mv else None
        if not self.tcxo_mv:
            return "the board's TCXO has no supply: SetDIO3AsTCXOCtrl"
        if self.tcxo_mv < wiring.tcxo_mv:
            return f"the TCXO gets {self.tcxo_mv} mV and needs {wiring.tcxo_mv}"
        if self.tcxo_delay_us < wiring.tcxo_start_us:
            return f"the TCXO gets {self.tcxo_delay_us} us to start and needs {wiring.tcxo_start_us}"
        return None

    def loss_db(self, wiring: Wiring, find: Find) -> float:
        """How much less it hears than the data sheet says, by what was left undone."""
        loss_db = 0.0 if self.registers.get(t.RX_GAIN) == t.BOOSTED else t.GAIN_DB
        low, high = self.image_mhz
        if not low <= self.hz / 1e6 <= high or not self.calibrated & t.IMAGE_BLOCK:
            find("radio_calibration", what=f"the image of {low} to {high} MHz, and listens at {self.hz / 1e6:.1f} MHz")
            loss_db += t.IMAGE_DB
        if self.calibrated & t.ADC_BLOCKS != t.ADC_BLOCKS:
            find("radio_calibration", what="everything but the ADC")
            loss_db += t.UNCALIBRATED_DB
        if wiring.dio2_rf_switch and not self.dio2_switch:
            find("radio_rf_switch")
            loss_db += DEAF_DB
        if bool(self.registers.get(t.MODULATION, 0) & 4) == (self.bw_khz == 500) and self.bw_khz == 500:
            loss_db += t.BANDWIDTH_DB
        return loss_db

    def power(self, wiring: Wiring, find: Find, tx_ua: Callable[[float], int]) -> tuple[float, int]:
        """(dBm at the antenna, uA) of a transmission."""
        duty, most, device = self.pa or (0, 0, 0)
        best = t.PA_DBM.get((duty, most))
        loss_db = 0.0
        if device == 1:
            find("radio_power", what="SetPaConfig chose the SX1261's amplifier, which is not wired")
            loss_db += t.SWITCH_DB
        elif best is None:
            find("radio_power", what=f"SetPaConfig({duty}, {most}) is none of the vendor's settings")
        if best is None:
            best = max(0, 22 - 2 * max(0, 7 - most) - max(0, 4 - duty))
        dbm = self.power_dbm - (22 - best)
        ua = min(t.PA_UA.get((duty, most), 118_000), tx_ua(dbm))
        limit_ua = self.registers.get(t.OCP, 0) * t.OCP_UA
        if ua > limit_ua:
            find(
                "radio_power",
                what=f"{ua / 1000:.0f} mA for {dbm} dBm, and over-current protection at {limit_ua / 1000:.0f} mA",
            )
            while dbm > -9 and tx_ua(dbm) > limit_ua:
                dbm -= 1
            ua = limit_ua
        if dbm > wiring.max_dbm:
            find("radio_power", what=f"{dbm} dBm on a board made for {wiring.max_dbm}")
        if wiring.dio2_rf_switch and not self.dio2_switch:
            find("radio_rf_switch")
            loss_db += t.SWITCH_DB
        if self.registers.get(t.CLAMP, 0) & 0x1E != 0x1E:
            find(
                "radio_erratum", what="15.2: bits 4:1 of register 0x08D8 are not set: the amplifier's clamp takes power"
            )
            loss_db += t.CLAMP_DB
        if bool(self.registers.get(t.MODULATION, 0) & 4) == (self.bw_khz == 500):
            find("radio_erratum", what=f"15.1: bit 2 of register 0x0889 is wrong for {self.bw_khz} kHz")
            loss_db += t.BANDWIDTH_DB
        return dbm - loss_db, ua
