"""SX1276 (and SX1277..1279) above 779 MHz, for LoRaWAN. Source: data sheet DS_SX1276-7-8-9 rev. 7 and its errata note.

All waits are bounded, and RadioError is the only exception that leaves. Times are the host's ticks, powers are those at
the antenna port.
"""

from micropython import const

from binnode.radios import Radio, RadioError

# Registers
_FIFO = const(0x00)
_OP_MODE = const(0x01)
_FREQUENCY = const(0x06)
_PA_CONFIG = const(0x09)
_OCP = const(0x0B)
_LNA = const(0x0C)
_FIFO_AT = const(0x0D)
_SENT_AT = const(0x0E)
_FRAME_AT = const(0x10)
_FLAGS = const(0x12)
_SIZE = const(0x13)
_FRAME_SNR = const(0x19)
_FRAME_RSSI = const(0x1A)
_POWER = const(0x1B)
_MODEM_CONFIG = const(0x1D)
_LENGTH = const(0x22)
_MODEM_CONFIG_3 = const(0x26)
_INVERT_IQ = const(0x33)
_SYNC_WORD = const(0x39)
_INVERT_IQ_2 = const(0x3B)  # in LoRa mode; in FSK mode the image calibration
_DIO_MAPPING = const(0x40)
_VERSION = const(0x42)
_PA_DAC = const(0x4D)

# Modes
_SLEEP = const(0x80)
_STANDBY = const(0x81)
_TRANSMIT = const(0x83)
_LISTEN_ON = const(0x85)
_LISTEN_ONCE = const(0x86)

_OVER = const(4)  # of what _flags() gives
_PUBLIC = const(0x34)
_CALIBRATION_MS = const(30)


class SX127x(Radio):
    """dio is DIO0; `busy` is for the other family. The amplifier is at PA_BOOST. settings: max_dbm."""

    rouse_ms = 1
    open_us = 350

    def _write(self, register, *octets):
        self._transfer(bytearray((register | 0x80,) + octets))

    def _read(self, register):
        return self._transfer(bytearray((register, 0)))[1]

    def wake(self, hz):
        """Ready for work near `hz`: on from sleep when the chip kept its configuration, else from the start."""
        try:
            self._rouse()
        except RadioError:
            self._start(hz)

    def _rouse(self):
        if not self._read(_OP_MODE) & 0x80 or self._read(_SYNC_WORD) != _PUBLIC:
            raise RadioError("radio lost its settings")
        self.stand()

    def _start(self, hz):
        self.restart()
        if self._read(_VERSION) != 0x12:
            raise RadioError("no radio")
        time = self.time
        self._write(_OP_MODE, 1)  # FSK, standby: the only mode that calibrates
        self._set_frequency(hz)
        self._write(_INVERT_IQ_2, self._read(_INVERT_IQ_2) & 0xBF | 0x40)
        begun = time.ticks_ms()
        while self._read(_INVERT_IQ_2) & 0x20:
            if time.ticks_diff(time.ticks_ms(), begun) > _CALIBRATION_MS:
                raise RadioError("radio calibration")
        self._write(_OP_MODE, 0)
        self._write(_OP_MODE, _SLEEP)  # LoRa from here on: it is chosen in sleep only
        self._write(_LNA, 0x23)
        self._write(_SENT_AT, 0)
        self._write(_SYNC_WORD, _PUBLIC)  # the last: it says that all is set
        self._rouse()

    def sleep(self, warm=True):
        """Until wake(): 0.2 uA, the configuration is kept; not `warm`: wake() sets it up anew."""
        if not warm:
            self._write(_SYNC_WORD, 0)
        self._write(_OP_MODE, self._read(_OP_MODE) & 0x80)  # of LoRa or of FSK, as it is

    def _doze(self):
        self._write(_OP_MODE, _SLEEP)

    def stand(self):
        self._write(_OP_MODE, _STANDBY)

    def transmit(self, frame, hz, sf, bw_khz, dbm, airtime_ms):
        """Send `frame` at `dbm` (limited to what chip and board can); ticks_us() at its end."""
        self._tune(hz, sf, bw_khz, 4, 0)
        dbm = max(2, min(dbm, self.settings["max_dbm"], 20))
        strong = dbm > 17
        self._write(_PA_DAC, 0x87 if strong else 0x84)
        self._write(_OCP, 0x31 if strong else 0x2B)  # 140 mA, 100 mA
        self._write(_PA_CONFIG, 0x80 | dbm - (5 if strong else 2))
        self._write(_FIFO_AT, 0)
        self._transfer(bytearray(b"\x80") + frame)
        self._write(_LENGTH, len(frame))
        self._write(_DIO_MAPPING, 0x40)
        self._write(_OP_MODE, _TRANSMIT)
        return self._sent(airtime_ms)

    def _arm(self, hz, sf, bw_khz, symbols):
        symbols = max(4, min(symbols, 1023))
        self._tune(hz, sf, bw_khz, symbols >> 8, 1)
        self._write(_MODEM_CONFIG + 2, symbols & 255)
        return symbols

    def _ready(self, longest_ms):
        self._listen = bytearray((_OP_MODE | 0x80, _LISTEN_ONCE))

    def _open(self):
        self._transfer(self._listen)

    def _frame(self):
        self._write(_FIFO_AT, self._read(_FRAME_AT))
        frame = bytes(self._transfer(bytearray(1 + self._read(_SIZE)))[1:])
        self.snr_db = ((self._read(_FRAME_SNR) ^ 128) - 128) >> 2
        self.rssi_dbm = self._read(_FRAME_RSSI) - 157 + min(self.snr_db, 0)
        return frame

    def listen_on(self, hz, bw_khz):
        self._tune(hz, 7, bw_khz, 0, 1)
        self._write(_OP_MODE, _LISTEN_ON)

    def power_dbm(self):
        return self._read(_POWER) - 157

    def _set_frequency(self, hz):
        word = (hz << 8) // 15625
        self._write(_FREQUENCY, word >> 16, word >> 8 & 255, word & 255)

    def _tune(self, hz, sf, bw_khz, config_2, inverted):
        self.wake(hz)
        self._set_frequency(hz)
        wide = bw_khz == 500
        self._write(_MODEM_CONFIG, (7 + (bw_khz > 125) + wide) << 4 | 2, sf << 4 | config_2)
        self._write(_MODEM_CONFIG_3, 12 if (1 << sf) >= 16 * bw_khz else 4)  # a symbol of 16 ms or more; gain by itself
        # RX normal is bit 6 = 0, TX normal is bit 0 = 1 (the data sheet has it the other way round)
        self._write(_INVERT_IQ, 0x67 if inverted else 0x27)
        self._write(_INVERT_IQ_2, 0x19 if inverted else 0x1D)
        # Errata 2.1 and 2.3
        self._write(0x36, 2 if wide else 3)
        if wide:
            self._write(0x3A, 0x64)
        else:
            self._write(0x2F, 0x40, 0)
        self._write(0x31, 0xC3 if wide else 0x43)
        self._write(_FLAGS, 0xFF)

    def _flags(self):
        """Of its own: 7 time-out, 6 received, 5 CRC error, 4 header, 3 sent."""
        flags = self._read(_FLAGS)
        return _OVER if flags & 0xA0 else flags >> 3 & 1 | flags >> 5 & 2 | flags & 16
