"""An SX1276 at the level of its registers, built from the data sheet (sx1276_tables.py) and not from a driver.

Of FSK it has the page of registers and the calibration.
"""

from random import Random

from binnode_tools.board_parts import Radio as Wiring
from binnode_tools.virtual_board.power import Ledger
from binnode_tools.virtual_board.radios import sx1276_tables as t
from binnode_tools.virtual_board.radios.burst import Burst, Reception, symbol_us
from binnode_tools.virtual_board.radios.radio import Find, Radio
from binnode_tools.virtual_board.radios.receiver import Window
from binnode_tools.virtual_board.radios.sx1276_modem import Registers


class Sx1276(Radio):
    """A transaction is an address (bit 7: write) and bytes for it and those after it; the FIFO stays at its address."""

    MAX_SPI_HZ = t.MAX_SPI_HZ
    WAKES_BY_NSS = False

    def __init__(self, wiring: Wiring, ledger: Ledger, find: Find, seed: str):
        super().__init__(wiring, ledger, find, seed)
        self.random = Random(f"{seed} radio noise")
        self.registers = Registers()
        self.fifo = bytearray(256)
        self.ready_at = self.oscillator_at = 0
        self.image_hz = 434e6  # calibrated by itself at reset, at the frequency of the reset
        self.address: int | None = None
        self.writes = False
        self.mode = "standby"
        self.irq = 0
        self.heard_crc = False
        self.power_on(0)

    # modes -----------------------------------------------------------------------------------------------------------

    def power_on(self, now: int) -> None:
        self.now = now
        self._leave()
        self.registers, self.irq, self.image_hz = Registers(), 0, 434e6
        self.fifo[:] = bytes(256)
        self.ready_at = self.oscillator_at = now + t.START_US
        self._enter("standby")

    def lose_configuration(self) -> None:
        """For tests: a dip of its supply."""
        self.power_on(self.now)

    def _leave(self) -> None:
        self.receiver.close()
        self.stop_sending()
        self.cancel("switch", "sent", "cad")

    def _enter(self, mode: str) -> None:
        """In `mode` now, as RegOpMode reads then."""
        self.mode = mode
        shared, wiring = self.registers.shared, self.wiring
        shared[t.OP_MODE] = shared[t.OP_MODE] & ~7 | t.MODES.index(mode)
        rx_ua = wiring.rx_boosted_ua if shared[t.LNA] & 3 == 3 else wiring.rx_ua
        fs_ua = wiring.fs_ua
        current = {"sleep": wiring.sleep_ua, "standby": wiring.standby_ua, "fstx": fs_ua, "fsrx": fs_ua}
        self.draws(current.get(mode, rx_ua))

    def _switch(self, value: int) -> None:
        """RegOpMode is written. LongRangeMode changes in sleep, or together with it, only."""
        shared = self.registers.shared
        if (value ^ shared[t.OP_MODE]) & 0x80:
            if self.mode == "sleep" or not value & 7:
                shared[t.OP_MODE] ^= 0x80
            else:
                self.find("radio_state", command="LongRangeMode", mode=self.mode)
        shared[t.OP_MODE] = shared[t.OP_MODE] & 0x87 | value & 0x78
        mode, before = t.MODES[value & 7], self.mode
        if mode == before and mode not in ("rx_single", "cad"):
            return
        self._leave()
        if before == "sleep" and mode != "sleep":
            self.oscillator_at = self.now + t.OSCILLATOR_US
        if mode == "sleep":
            self.fifo[:] = bytes(256)
        if mode in ("sleep", "standby", "fstx", "fsrx"):
            self._enter(mode)
            return
        registers = self.registers
        if not registers.long_range or registers.bw_khz is None or not 6 <= registers.sf <= 12:
            self.find("radio_command", what=f"{mode} in FSK mode, or with settings that the model does not know")
            self._enter("standby")
            return
        self._enter("fstx" if mode == "tx" else "fsrx")
        self.mode = mode
        shared[t.OP_MODE] = shared[t.OP_MODE] & ~7 | t.MODES.index(mode)
        at_us = max(self.now, self.oscillator_at) + (0 if before in ("fstx", "fsrx") else t.PLL_US)
        at_us += t.TX_US if mode == "tx" else t.RX_US[registers.bw_khz]
        self.at("switch", at_us, {"tx": self._transmit, "cad": self._detect}.get(mode, self._receive))

    # the air ---------------------------------------------------------------------------------------------------------

    def _transmit(self) -> None:
        registers, lora = self.registers, self.registers.lora
        base = lora[t.FIFO_TX_BASE]
        payload = bytes(self.fifo[(base + i) & 255] for i in range(lora[t.LENGTH]))
        dbm, ua = registers.power(self.wiring.max_dbm, self.find, self.tx_ua)
        self._enter("tx")
        self.draws(ua)
        tuning = registers.tuning(self.real_hz(registers.hz))
        burst = Burst(
            tuning.hz,
            tuning.sf,
            tuning.bw_khz,
            payload,
            dbm + self.antenna_dbi,
            self.now,
            registers.coding,
            registers.preamble,
            registers.crc,
            registers.tx_inverted,
            tuning.sync_word,
            tuning.implicit,
            registers.low_rate,
        )
        self.send(burst)
        self.at("sent", burst.end_us, self._sent)

    def _sent(self) -> None:
        self.burst = None
        self._enter("standby")
        self._raise(t.TX_DONE)

    def _receive(self) -> None:
        registers, single = self.registers, self.mode == "rx_single"
        loss_db = registers.loss_db(self.image_hz, self.find)
        self._enter(self.mode)
        registers.lora[t.FIFO_RX_BYTE] = registers.lora.get(t.FIFO_RX_BASE, 0)
        symbols = registers.symbols if single else 0
        if single and symbols < t.FEWEST_SYMBOLS:
            self.find("radio_command", what=f"RegSymbTimeout {symbols}: {t.FEWEST_SYMBOLS} at least")
            symbols = t.FEWEST_SYMBOLS
        tuning = registers.tuning(self.real_hz(registers.hz))
        longest = registers.lora[t.LONGEST]
        self.receiver.open(Window(tuning, symbols, continuous=not single, longest=longest, loss_db=loss_db))

    def header_heard(self, good: bool) -> None:
        if good:
            self._raise(t.VALID_HEADER)

    def frame_heard(self, reception: Reception, snr_db: float) -> None:
        registers, lora, payload = self.registers, self.registers.lora, reception.payload
        if registers.implicit:
            payload = payload[: lora[t.LENGTH]].ljust(lora[t.LENGTH], b"\0")
        start = lora.get(t.FIFO_RX_BYTE, 0)
        for i, byte in enumerate(payload):
            self.fifo[(start + i) & 255] = byte
        lora[t.FIFO_RX_CURRENT], lora[t.FIFO_RX_BYTE] = start, (start + len(payload)) & 255
        lora[t.RX_BYTES] = len(payload)
        lora[t.HOP_CHANNEL] = 0x40 if reception.burst.crc else 0
        lora[t.PACKET_SNR] = max(-128, min(127, round(4 * snr_db))) & 255
        # The register is made so that the data sheet's two formulas (SNR below 0, or not) give the signal's strength.
        rssi = reception.rssi_dbm + t.RSSI_OFFSET_DB[registers.high_band] - min(0.0, snr_db)
        lora[t.PACKET_RSSI] = max(0, min(255, round(rssi)))
        if self.mode == "rx_single":
            self.receiver.close()
            self._enter("standby")
        self._raise(t.RX_DONE | (0 if reception.crc_ok else t.CRC_ERROR))

    def timed_out(self) -> None:
        self.receiver.close()
        self._enter("standby")
        self._raise(t.RX_TIMEOUT)

    def _detect(self) -> None:
        registers = self.registers
        self._enter("cad")
        assert registers.bw_khz is not None
        length_us = symbol_us(registers.sf, registers.bw_khz) + 32_000 // registers.bw_khz
        self.at("cad", self.now + length_us, self._detected)

    def _detected(self) -> None:
        tuning = self.registers.tuning(self.real_hz(self.registers.hz))
        heard = self.air is not None and self.air.detects(self.place, tuning, self.now)
        self._enter("standby")
        self._raise(t.CAD_DONE | (t.CAD_DETECTED if heard else 0))

    def _raise(self, flags: int) -> None:
        self.irq |= flags & ~self.registers.lora.get(t.IRQ_MASK, 0)

    # pins and SPI ----------------------------------------------------------------------------------------------------

    def level(self, pin: int, now: int) -> int | None:
        self.now = max(self.now, now)
        if self.faults & {"absent", "dio"} or pin not in (self.wiring.dio0, self.wiring.dio1):
            return None
        mapping = self.registers.shared.get(t.DIO_MAPPING, 0)
        if pin == self.wiring.dio0:
            return int(bool(self.irq & t.DIO0.get(mapping >> 6, 0)))
        return int(bool(self.irq & t.DIO1.get(mapping >> 4 & 3, 0)))

    def selected(self) -> None:
        self.address = None

    def clock(self, byte: int) -> int:
        if self.now < self.ready_at or self.reset_fell is not None or self.faults & {"busy", "dead busy"}:
            if not self.faults & {"busy", "dead busy"}:
                self.find("radio_busy", command="a register access")
            return 0
        if self.address is None:
            self.address, self.writes = byte & 0x7F, bool(byte & 0x80)
            return 0
        answer = self._read(self.address)
        if self.writes:
            self._write(self.address, byte)
        elif self.address == t.FIFO:
            self._next_in_fifo()
        if self.address != t.FIFO:
            self.address = (self.address + 1) & 0x7F
        return answer

    def _next_in_fifo(self) -> None:
        lora = self.registers.lora
        lora[t.FIFO_PTR] = (lora.get(t.FIFO_PTR, 0) + 1) & 255

    def _read(self, address: int) -> int:
        registers = self.registers
        page = registers.page(address)
        if address == t.FIFO:
            return self.fifo[registers.lora.get(t.FIFO_PTR, 0)] if self.mode != "sleep" else 0
        if page is registers.lora and address == t.IRQ:
            return self.irq
        if page is registers.lora and address == t.RSSI:
            offset = t.RSSI_OFFSET_DB[registers.high_band]
            return max(0, min(255, round(self.receiver.rssi_dbm() + offset))) if self.receiver.window else 0
        if page is registers.lora and address == t.MODEM_STAT and self.receiver.window:
            return 0x04 | (0x03 if self.receiver.reception else 0)
        if address == t.WIDEBAND_RSSI and registers.long_range:
            return self.random.randrange(256)
        if page is registers.fsk and address == t.IMAGE_CAL:
            return page[address] & ~0x60 | (0x20 if "image" in self.due else 0)
        return page.get(address, 0)

    def _write(self, address: int, value: int) -> None:
        registers = self.registers
        page = registers.page(address)
        if address == t.FIFO:
            if self.mode == "sleep":
                self.find("radio_state", command="a write to the FIFO", mode="sleep")
            else:
                self.fifo[registers.lora.get(t.FIFO_PTR, 0)] = value
                self._next_in_fifo()
        elif address == t.OP_MODE:
            self._switch(value)
        elif page is registers.lora and address == t.IRQ:
            self.irq &= ~value
        elif page is registers.fsk and address == t.IMAGE_CAL and value & 0x40:
            self._calibrate()
        elif page is registers.lora and address in t.AT_REST and self.mode not in ("sleep", "standby"):
            self.find("radio_state", command=f"a write to register 0x{address:02X}", mode=self.mode)
        elif not (page is not registers.fsk and address in t.READ_ONLY):
            page[address] = value

    def _calibrate(self) -> None:
        """Image and signal strength, at the frequency that is set: in FSK standby only."""
        if self.registers.long_range or self.mode != "standby":
            self.find("radio_state", command="ImageCalStart", mode=self.mode)
        elif "calibration" in self.faults:
            self.at("image", self.now + 1_000_000_000, lambda: None)
        else:
            hz = self.registers.hz
            self.at("image", self.now + t.IMAGE_US, lambda: self._calibrated(hz))

    def _calibrated(self, hz: float) -> None:
        self.image_hz = hz
