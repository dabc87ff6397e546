"""The modes of an SX1262, what it does on the air in them, and what it draws. Its pins and SPI are in sx1262.py."""

from math import log10
from random import Random

from binnode_tools.board_parts import Radio as Wiring
from binnode_tools.virtual_board.power import Ledger
from binnode_tools.virtual_board.radios import sx1262_tables as t
from binnode_tools.virtual_board.radios.burst import Burst, Reception, symbol_us
from binnode_tools.virtual_board.radios.radio import Find, Radio
from binnode_tools.virtual_board.radios.receiver import DEAF_DB, Window
from binnode_tools.virtual_board.radios.sx1262_config import LORA, Config


class States(Radio):
    """Modes: off, sleep, waking, stby_rc, stby_xosc, fs, rx, tx, cad."""

    def __init__(self, wiring: Wiring, ledger: Ledger, find: Find, seed: str):
        super().__init__(wiring, ledger, find, seed)
        self.random = Random(f"{seed} radio noise")
        self.config = Config()
        self.buffer = bytearray(256)
        self.busy_until = self.slept_at = 0
        self.irq: int = 0
        self.outcome = t.DONE  # of the last command, in the status byte
        self.packet = bytes(3)  # as GetPacketStatus answers
        self.received = bytes(2)  # as GetRxBufferStatus answers
        self.rx_timeout = 0  # steps, as SetRx has it
        self.cad_loss_db = 0.0
        self.warm = False
        self.power_on(0)

    # states ----------------------------------------------------------------------------------------------------------

    def power_on(self, now: int) -> None:
        self.now = now
        self.leave()
        self.irq, self.outcome, self.warm = 0, t.DONE, False
        self._start_cold()

    def _start_cold(self) -> None:
        """Calibrates by itself; with a TCXO, which nobody feeds yet, that fails (9.2.1, 13.3.6)."""
        self.config = Config()
        self.buffer[:] = bytes(256)
        if self.wiring.tcxo_mv:
            self.config.errors = t.XOSC_ERROR
        else:
            self.config.calibrated = t.ALL_BLOCKS
        self.busy_until = self.now
        self.busy(t.WAKE_COLD_US)
        self.enter("waking")
        self.at("switch", self.busy_until, lambda: self.enter("stby_rc"))

    def leave(self) -> None:
        """Whatever it is doing ends."""
        self.receiver.close()
        self.stop_sending()
        self.cancel("switch", "sent", "tx timeout", "cad")

    def enter(self, mode: str) -> None:
        self.mode = mode
        wiring, config = self.wiring, self.config
        boosted = config.registers[t.RX_GAIN] == t.BOOSTED
        rx_ua = (wiring.rx_boosted_ua if boosted else wiring.rx_ua) + (
            0 if config.dcdc else t.RX_BOOSTED_LDO_UA if boosted else t.RX_LDO_UA
        )
        current = {
            "off": 0,
            "sleep": wiring.sleep_ua if self.warm else wiring.cold_sleep_ua,
            "stby_xosc": wiring.standby_xosc_ua,
            "fs": wiring.fs_ua + (0 if config.dcdc else t.FS_LDO_UA),
            "rx": rx_ua,
            "cad": rx_ua,
        }.get(mode, wiring.standby_ua)
        self.draws(current)

    def busy(self, us: int) -> None:
        self.busy_until = max(self.busy_until, self.now + us)

    @property
    def is_busy(self) -> bool:
        return (
            self.mode in ("sleep", "off")
            or self.now < self.busy_until
            or self.reset_fell is not None
            or bool(self.faults & {"busy", "dead busy"})
        )

    def go(self, mode: str) -> bool:
        """Switch to `mode` (stby_xosc, fs, rx, tx or cad). False: the oscillator does not start, so to standby."""
        config, before = self.config, self.mode
        self.leave()
        running = before not in ("stby_rc", "waking")
        why = None if running else config.oscillator_fails(self.wiring)
        if why or not config.calibrated & t.PLL_BLOCK:
            config.errors |= t.XOSC_ERROR if why else t.PLL_ERROR
            self.find("radio_oscillator", what=why or "the PLL was never calibrated: Calibrate")
            self.outcome = t.REFUSED
            self.busy(config.tcxo_delay_us + 100)
            self.enter("stby_rc")
            return False
        target = "rx" if mode == "cad" else mode
        switch_us = t.SWITCH_US.get((before, target), t.SWITCH_US.get(("fs", target), t.COMMAND_US))
        self.busy(switch_us + (0 if running else config.tcxo_delay_us))
        self.enter("fs")
        self.mode = before
        enters = {"rx": self._receive, "tx": self._transmit, "cad": self._detect}
        self.at("switch", self.busy_until, enters.get(mode) or (lambda: self.enter(mode)))
        return True

    def calibrate(self, blocks: int, us: int) -> None:
        config = self.config
        why = config.oscillator_fails(self.wiring)
        self.busy(us + config.tcxo_delay_us)
        if why:
            config.errors |= t.XOSC_ERROR
            self.find("radio_oscillator", what=why)
        elif "calibration" in self.faults:
            config.errors |= t.IMAGE_ERROR if blocks == t.IMAGE_BLOCK else t.CALIBRATION_ERRORS
        else:
            config.calibrated |= blocks

    def sleep(self, warm: bool) -> None:
        self.leave()
        self.warm, self.slept_at, self.irq = warm, self.now, 0
        self.enter("sleep")

    def wake(self) -> None:
        self.buffer[:] = bytes(256)
        if not self.warm:
            self._start_cold()
            return
        self.config.after_warm_sleep()
        self.busy(t.WAKE_WARM_US)
        self.enter("waking")
        self.at("switch", self.busy_until, lambda: self.enter("stby_rc"))

    def lose_configuration(self) -> None:
        """For tests: a dip of its supply, while it sleeps or not."""
        self.warm = False
        if self.mode != "sleep":
            self.leave()
            self._start_cold()

    # transmitting and receiving --------------------------------------------------------------------------------------

    def _ready(self) -> bool:
        """LoRa, with all that it needs to be told."""
        config = self.config
        if config.packet_type == LORA and config.frequency and config.modulation_set and config.packet_set:
            return True
        self.find(
            "radio_command", what="SetTx, SetRx or SetCad before packet type, frequency, modulation and packet are set"
        )
        self.outcome = t.REFUSED
        self.enter("stby_rc")
        return False

    def _transmit(self) -> None:
        if not self._ready():
            return
        config = self.config
        payload = bytes(self.buffer[(config.tx_base + i) & 255] for i in range(config.length))
        if config.iq_wrong:
            self._polarity()
            if len(payload) > t.IQ_LONGEST:
                payload = payload[:-1] + bytes([payload[-1] ^ 0x55])
        dbm, ua = config.power(self.wiring, self.find, self.tx_ua)
        self.enter("tx")
        self.draws(ua)
        tuning = config.tuning(self.real_hz(config.hz))
        burst = Burst(
            tuning.hz,
            config.sf,
            config.bw_khz,
            payload,
            dbm + self.antenna_dbi,
            self.now + config.ramp_us,
            config.coding,
            config.preamble,
            config.crc,
            config.iq_inverted,
            tuning.sync_word,
            config.implicit,
            config.low_rate,
        )
        self.send(burst)
        self.at("sent", burst.end_us, self._sent)

    def _sent(self) -> None:
        self.burst = None
        self.cancel("tx timeout")
        self.outcome = t.SENT
        self.enter(self.config.fallback)
        self._raise(t.TX_DONE)

    def _polarity(self) -> None:
        polarity = "inverted" if self.config.iq_inverted else "normal"
        self.find(
            "radio_erratum",
            what=f"15.4: bit 2 of register 0x0736 is wrong for {polarity} IQ polarity: long frames are lost",
        )

    def _receive(self) -> None:
        if not self._ready():
            return
        config = self.config
        loss_db = config.loss_db(self.wiring, self.find)
        if config.iq_wrong:
            self._polarity()
        self.enter("rx")
        timer = self.rx_timeout
        self.receiver.open(
            Window(
                config.tuning(self.real_hz(config.hz)),
                config.symbols,
                None if timer in (0, t.CONTINUOUS) else round(timer * t.STEP_US),
                config.timer_ends_at_preamble,
                timer == t.CONTINUOUS,
                config.length,
                loss_db,
            )
        )

    def preamble_heard(self) -> None:
        self._raise(t.PREAMBLE)

    def header_heard(self, good: bool) -> None:
        self._raise(t.HEADER_VALID if good else t.HEADER_ERROR)

    def frame_heard(self, reception: Reception, snr_db: float) -> None:
        config, payload = self.config, reception.payload
        if config.implicit:
            payload = payload[: config.length].ljust(config.length, b"\0")
            if "timer" in self.due:
                self.at("stray", self.due["timer"][0], self._stray)
        if config.iq_wrong and len(payload) > t.IQ_LONGEST:
            payload = payload[:-1] + bytes([payload[-1] ^ 0x55])
            reception.crc_ok = reception.crc_ok and not reception.burst.crc
        for i, byte in enumerate(payload):
            self.buffer[(config.rx_base + i) & 255] = byte
        self.received = bytes([len(payload), config.rx_base])
        noise_dbm = reception.rssi_dbm - reception.snr_db
        with_noise_dbm = 10 * log10(10 ** (reception.rssi_dbm / 10) + 10 ** (noise_dbm / 10))
        snr = max(-128, min(127, round(4 * snr_db)))
        rssi, signal = (min(255, max(0, round(-2 * dbm))) for dbm in (with_noise_dbm, reception.rssi_dbm))
        self.packet = bytes([rssi, snr & 255, signal])
        self.outcome = t.DATA_READY
        if self.receiver.window and not self.receiver.window.continuous:
            self.receiver.close()
            self.enter(config.fallback)
        self._raise(t.RX_DONE | (0 if reception.crc_ok else t.CRC_ERROR))

    def timed_out(self) -> None:
        self.leave()
        self.outcome = t.TIMED_OUT
        self.enter(self.config.fallback)
        self._raise(t.TIMEOUT)

    def _stray(self) -> None:
        """Erratum 15.3: the timer of an implicit reception goes on after its end, and ends what runs then."""
        self.find(
            "radio_erratum", what="15.3: the timer of an implicit reception was not stopped: registers 0x0902, 0x0944"
        )
        if self.mode in ("rx", "tx"):
            self.timed_out()
        else:
            self._raise(t.TIMEOUT)

    def _detect(self) -> None:
        if not self._ready():
            return
        config = self.config
        self.cad_loss_db = config.loss_db(self.wiring, self.find)
        self.enter("cad")
        length_us = (2 * config.cad_symbols + 1) * symbol_us(config.sf, config.bw_khz) // 2
        self.at("cad", self.now + length_us, self._detected)

    def _detected(self) -> None:
        config = self.config
        tuning = config.tuning(self.real_hz(config.hz))
        deaf = self.cad_loss_db >= DEAF_DB
        heard = self.air is not None and not deaf and self.air.detects(self.place, tuning, self.now)
        self._raise(t.CAD_DONE | (t.CAD_DETECTED if heard else 0))
        if heard and config.cad_then_rx:
            self.rx_timeout = config.cad_timeout
            self._receive()
        else:
            self.enter("stby_rc")

    def _raise(self, bits: int) -> None:
        self.irq |= bits & self.config.irq_mask
