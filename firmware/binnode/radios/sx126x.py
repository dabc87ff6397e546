"""SX1262, for LoRaWAN. Source: data sheet DS.SX1261-2.W.APP, chapters 13 (commands) and 15 (known limitations).

15.3 is about implicit headers, which nothing here uses. All waits are bounded, and RadioError is the only exception
that leaves. Times are the host's ticks, powers are those at the antenna port.
"""

from micropython import const

from binnode.radios import Radio, RadioError

_OVER = const(4)  # of what _flags() gives
_BUSY_MS = const(30)  # the longest: a calibration of all blocks with the oscillator's start before it
_TCXO_MS = const(5)
_TCXO_MV = (1600, 1700, 1800, 2200, 2400, 2700, 3000, 3300)
SYNC = b"\x34\x44"  # of public networks, in 0x0740
# dbm: PA duty cycle and size that reach it with the least current, at a setting of 22; any other: the full amplifier
_PA = {20: (3, 5), 17: (2, 3), 14: (2, 2)}


class SX126x(Radio):
    """dio is DIO1. settings: tcxo_mv (0: a crystal), dio2_rf_switch, max_dbm."""

    rouse_ms = 3
    open_us = 420

    # The chip's commands

    def _busy_over(self):
        time, busy = self.time, self._busy
        begun = time.ticks_ms()
        while busy():
            if time.ticks_diff(time.ticks_ms(), begun) > _BUSY_MS:
                raise RadioError("radio busy")

    def send(self, data):
        """One command; what came back meanwhile, as long as what went out."""
        self._busy_over()
        return self._transfer(bytearray(data))

    def command(self, *octets):
        self.send(octets)

    def get(self, opcode, size):
        """`size` bytes that follow opcode and status."""
        return self.send((opcode, 0) + (0,) * size)[2:]

    def read(self, address, size):
        return self.send((0x1D, address >> 8, address & 255, 0) + (0,) * size)[4:]

    def set_bits(self, address, mask, bits):
        bits |= self.read(address, 1)[0] & ~mask
        self.command(0x0D, address >> 8, address & 255, bits)

    # Start and sleep

    def wake(self, hz):
        """Ready for work near `hz`: on from warm sleep when the chip kept its configuration, else from the start."""
        try:
            self._rouse()
        except RadioError:  # BUSY that stays high: a reset ends it, or nothing does
            self._start(hz)

    def _rouse(self):
        """Out of warm sleep, or of whatever it was at."""
        self._cs(0)  # its falling edge ends the chip's sleep
        self.time.sleep_us(200)
        self._cs(1)
        self.stand()
        if self.read(0x0740, 2) != SYNC:
            raise RadioError("radio lost its settings")
        self.oscillator()

    def oscillator(self):
        if self.settings.get("tcxo_mv"):
            self.start_ms = _TCXO_MS
            steps = _TCXO_MS << 6
            self.command(0x97, _TCXO_MV.index(self.settings["tcxo_mv"]), 0, steps >> 8, steps & 255)

    def _start(self, hz):
        from binnode.radios.sx126x_start import start

        start(self, hz)

    def sleep(self, warm=True):
        """Until wake(): 600 nA with the configuration kept, 160 nA without. CS has to stay high meanwhile."""
        try:
            self.stand()
        except RadioError:
            self.restart()
        self.command(0x84, 4 if warm else 0)
        self.time.sleep_us(500)

    def _doze(self):
        self.command(0x84, 4)

    def stand(self):
        self.command(0x80, 0)

    # Frames

    def transmit(self, frame, hz, sf, bw_khz, dbm, airtime_ms):
        """Send `frame` at `dbm` (limited to what chip and board can); ticks_us() at its end."""
        self._tune(hz, sf, bw_khz, len(frame), 1, 0)
        dbm = max(-9, min(dbm, self.settings["max_dbm"], 22))
        duty, size = _PA.get(dbm, (4, 7))
        self.command(0x95, duty, size, 0, 1)
        self.command(0x0D, 0x08, 0xE7, 0x38)  # 140 mA: 95 has set another limit
        self.command(0x8E, 22 if dbm in _PA else dbm & 255, 2)
        self.send(b"\x0e\0" + frame)
        self.send(self._order(0x83, airtime_ms + 100))
        return self._sent(airtime_ms)

    def _arm(self, hz, sf, bw_khz, symbols):
        self._tune(hz, sf, bw_khz, 255, 0, 1)
        mantissa, exponent = (min(symbols, 248) + 1) >> 1, 0
        while mantissa > 31:
            mantissa, exponent = (mantissa + 3) >> 2, exponent + 1
        self.command(0xA0, mantissa << (2 * exponent + 1))
        self.command(0x0D, 0x07, 0x06, mantissa << 3 | exponent)
        return mantissa << (2 * exponent + 1)

    def _ready(self, longest_ms):
        self.command(0x80, 1)  # on the crystal, so that the receiver starts at once
        self._listen = self._order(0x82, longest_ms)
        self._busy_over()

    def _open(self):
        self._transfer(self._listen)

    def _frame(self):
        size, start = self.get(0x13, 2)
        frame = bytes(self.send(bytes((0x1E, start)) + bytes(size + 1))[3:])
        rssi, snr, _ = self.get(0x14, 3)
        self.rssi_dbm = -(rssi >> 1)
        self.snr_db = ((snr ^ 128) - 128) >> 2
        return frame

    def listen_on(self, hz, bw_khz):
        self._tune(hz, 7, bw_khz, 255, 0, 1)
        self.command(0xA0, 0)  # or the symbols of the last window would end it
        self.command(0x82, 0xFF, 0xFF, 0xFF)

    def power_dbm(self):
        return -(self.get(0x15, 1)[0] >> 1)

    def _tune(self, hz, sf, bw_khz, size, crc, inverted):
        self.stand()
        if self.read(0x0740, 2) != SYNC:
            self._start(hz)
        self.send(b"\x86" + ((hz << 14) // 15625).to_bytes(4, "big"))
        slow = (1 << sf) >= 16 * bw_khz  # a symbol of 16 ms or more
        self.command(0x8B, sf, 4 + (bw_khz > 125) + (bw_khz > 250), 1, slow)
        self.command(0x8C, 0, 8, 0, size, crc, inverted)
        self.set_bits(0x0736, 4, 0 if inverted else 4)  # 15.4: lost with each 8C
        self.set_bits(0x0889, 4, 0 if bw_khz == 500 else 4)  # 15.1

    def _order(self, opcode, longest_ms):
        """To begin, and to end by itself; all flags are cleared."""
        self.command(0x02, 3, 0xFF)
        steps = min(longest_ms << 6, 0xFFFFFE)
        return bytearray((opcode, steps >> 16, steps >> 8 & 255, steps & 255))

    def _flags(self):
        high, low = self.get(0x12, 2)
        return _OVER if high & 2 or low & 0x60 else low & 0x13
