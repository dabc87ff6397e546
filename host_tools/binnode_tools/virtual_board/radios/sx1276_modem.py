"""What an SX1276's LoRa registers say, and what comes of it at the antenna: tuning, power, current, sensitivity."""

from collections.abc import Callable

from binnode_tools.virtual_board.radios import sx1276_tables as t
from binnode_tools.virtual_board.radios.burst import Tuning
from binnode_tools.virtual_board.radios.radio import Find


class Registers:
    """Shared ones, and a page for each modem."""

    def __init__(self) -> None:
        self.shared, self.lora, self.fsk = dict(t.SHARED), dict(t.LORA_PAGE), dict(t.FSK_PAGE)

    @property
    def long_range(self) -> bool:
        return bool(self.shared[t.OP_MODE] & 0x80)

    def page(self, address: int) -> dict[int, int]:
        if address not in t.PAGED:
            return self.shared
        return self.lora if self.long_range and not self.shared[t.OP_MODE] & 0x40 else self.fsk

    @property
    def hz(self) -> float:
        word = self.shared[t.FRF] << 16 | self.shared[t.FRF + 1] << 8 | self.shared.get(t.FRF + 2, 0)
        return word * t.FREQUENCY_STEP_HZ

    @property
    def high_band(self) -> bool:
        return self.hz >= t.HIGH_BAND_HZ

    @property
    def sf(self) -> int:
        return self.lora[t.CONFIG2] >> 4

    @property
    def bw_khz(self) -> int | None:
        """None: a bandwidth that the model does not know."""
        return t.BANDWIDTH_KHZ.get(self.lora[t.CONFIG1] >> 4)

    @property
    def coding(self) -> int:
        return self.lora[t.CONFIG1] >> 1 & 7

    @property
    def implicit(self) -> bool:
        return bool(self.lora[t.CONFIG1] & 1)

    @property
    def crc(self) -> bool:
        return bool(self.lora[t.CONFIG2] & 4)

    @property
    def low_rate(self) -> bool:
        return bool(self.lora[t.CONFIG3] & 8)

    @property
    def preamble(self) -> int:
        return self.lora.get(t.PREAMBLE, 0) << 8 | self.lora[t.PREAMBLE + 1]

    @property
    def symbols(self) -> int:
        return (self.lora[t.CONFIG2] & 3) << 8 | self.lora[t.SYMBOLS]

    @property
    def rx_inverted(self) -> bool:
        return bool(self.lora[t.INVERT_IQ] & 0x40)

    @property
    def tx_inverted(self) -> bool:
        """The bit works the other way round than the data sheet says: 1 is the normal polarity."""
        return not self.lora[t.INVERT_IQ] & 1

    def tuning(self, real_hz: int) -> Tuning:
        assert self.bw_khz is not None
        return Tuning(
            real_hz, self.sf, self.bw_khz, self.rx_inverted, self.lora[t.SYNC_WORD], self.implicit, self.low_rate
        )

    def polarity_loss_db(self, inverted: bool, find: Find) -> float:
        if self.lora[t.INVERT_IQ2] == (0x19 if inverted else 0x1D):
            return 0.0
        find(
            "radio_erratum", what=f"RegInvertIQ2 (0x3B) does not fit {'inverted' if inverted else 'normal'} IQ polarity"
        )
        return t.POLARITY_DB

    def loss_db(self, image_hz: float, find: Find) -> float:
        """How much less it hears than the data sheet says, by what was left undone."""
        loss_db = 0.0 if self.shared[t.LNA] & 3 == 3 else t.BOOST_DB
        if abs(self.hz - image_hz) > t.IMAGE_WITHIN_HZ:
            find(
                "radio_calibration",
                what=f"the image at {image_hz / 1e6:.0f} MHz, and listens at {self.hz / 1e6:.1f} MHz",
            )
            loss_db += t.IMAGE_DB
        wide = self.bw_khz == 500
        if wide and (self.lora[t.HIGH_BW1], self.lora[t.HIGH_BW2]) != (0x02, 0x64 if self.high_band else 0x7F):
            find("radio_erratum", what="2.1: registers 0x36 and 0x3A are not set for 500 kHz")
            loss_db += t.BANDWIDTH_DB
        elif not wide and self.lora[t.HIGH_BW1] != 0x03:
            find("radio_erratum", what=f"2.1: register 0x36 is not set back for {self.bw_khz} kHz")
            loss_db += t.BANDWIDTH_DB
        automatic = bool(self.lora[t.DETECT] & 0x80)
        offset = self.lora[t.IF_FREQUENCY], self.lora[0x30]
        if automatic != wide or (not wide and offset != (0x40, 0x00)):
            find(
                "radio_erratum",
                what=f"2.3: registers 0x31, 0x2F, 0x30 do not fit {self.bw_khz} kHz: spurious receptions",
            )
            loss_db += t.SPURIOUS_DB
        return loss_db + self.polarity_loss_db(self.rx_inverted, find)

    def power(self, max_dbm: int, find: Find, tx_ua: Callable[[float], int]) -> tuple[float, int]:
        """(dBm at the antenna, uA) of a transmission: PA_BOOST, which is what boards wire."""
        output, dac = self.shared[t.PA_CONFIG] & 15, self.shared[t.PA_DAC] & 7
        if not self.shared[t.PA_CONFIG] & 0x80:
            most = 10.8 + 0.6 * (self.shared[t.PA_CONFIG] >> 4 & 7)
            find("radio_power", what="RegPaConfig chose the RFO pin, which is not wired")
            return most - (15 - output) - t.RFO_DB, tx_ua(13)
        dbm = output + (5 if dac == 7 else 2)
        if dac not in (4, 7):
            find("radio_power", what=f"RegPaDac 0x{self.shared[t.PA_DAC]:02X}: 0x84, or 0x87 for 20 dBm")
        ua, limit_ua = tx_ua(dbm), 1000 * self.limit_ma()
        if ua > limit_ua:
            find(
                "radio_power",
                what=f"{ua / 1000:.0f} mA for {dbm} dBm, and over-current protection at {limit_ua / 1000:.0f} mA",
            )
            while dbm > 2 and tx_ua(dbm) > limit_ua:
                dbm -= 1
            ua = limit_ua
        if dbm > max_dbm:
            find("radio_power", what=f"{dbm} dBm on a board made for {max_dbm}")
        return dbm - self.polarity_loss_db(self.tx_inverted, find), ua

    def limit_ma(self) -> int:
        """Of RegOcp."""
        trim = self.shared[t.OCP] & 31
        low, low_step, high, high_step, most = t.OCP_STEPS_MA
        if not self.shared[t.OCP] & 0x20:
            return 1000
        return low + low_step * trim if trim <= 15 else high + high_step * trim if trim <= 27 else most
