# pyright: reportAttributeAccessIssue=false
# What Radio lacks is in the classes of the chips; naming it here would cost bytes.

from micropython import const

# What _flags() gives
_SENT = const(1)
_RECEIVED = const(2)
_OVER = const(4)  # a reception without a frame: time-out, header or CRC error
_HEADER = const(16)  # one arrived

_DOZE_MS = const(300)  # from here on the way to sleep and back costs less charge than standing by
_WAKING_MS = const(2)  # light sleep begins on a whole millisecond, and ends up to 0.9 ms late
_READY_MS = const(2)  # of commands before the window
_HEADER_SYMBOLS = const(17)  # of a frame whose preamble was found at the window's end: 3 left of it, 4.25 and 8


class RadioError(Exception):
    """The radio chip does not do what it should; the text says what it lacks. It may work again after a cold start."""


class Radio:
    """What both families have in common. snr_db, rssi_dbm: of the last frame that receive() gave.

    spi, cs, reset, busy, dio: machine.SPI and machine.Pin, or models of them; where dio is None, or a line that is
    broken, the flags are read. settings: board.json's "radio". sleep_ms(ms): rests, and may be light sleep.

    A chip: start_ms of its oscillator, rouse_ms from sleep to standby, open_us from the last look at the clock to the
    receiver; _arm(hz, sf, bw_khz, symbols) -> symbols that it really counts, _doze(), _rouse(), _ready(longest_ms) to
    open at once, _open(), stand() by, _flags(), _frame(); for radios/level.py listen_on(hz, bw_khz), power_dbm().
    """

    start_ms = 0

    def __init__(self, spi, cs, reset, busy, dio, settings, time, sleep_ms):
        self._spi, self._cs, self._reset, self._busy, self._dio = spi, cs, reset, busy, dio
        self.settings, self.time, self._sleep_ms = settings, time, sleep_ms
        self.snr_db = self.rssi_dbm = None

    def _transfer(self, data):
        """One transaction; what came back meanwhile, in place of what went out."""
        self._cs(0)
        self._spi.write_readinto(data, data)
        self._cs(1)
        return data

    def restart(self):
        self._reset(0)
        self.time.sleep_ms(1)
        self._reset(1)
        self.time.sleep_ms(6)

    def _sent(self, airtime_ms):
        """ticks_us() of the end of the transmission that has just begun; it rests until shortly before."""
        time, dio = self.time, self._dio or self._flags
        busy_ms = self.start_ms + airtime_ms
        slack_ms = 1 + airtime_ms // 500
        last_us = time.ticks_add(time.ticks_us(), (busy_ms + slack_ms) * 1000)
        if busy_ms > 20:
            self._sleep_ms(busy_ms - slack_ms - _WAKING_MS)
        while True:
            now_us = time.ticks_us()
            late_us = time.ticks_diff(now_us, last_us)
            if (dio() or late_us > 0) and self._flags() & _SENT:
                return now_us
            if late_us > 100000:
                self.restart()  # it stops, and the next wake() sets it up anew
                raise RadioError("radio sent nothing")

    def receive(self, at_us, hz, sf, bw_khz, symbols, longest_ms):
        """The frame whose preamble is found in the window of `symbols` that opens at `at_us` of ticks_us(), or None.

        longest_ms: of a frame, after its header. The chip sleeps until the window, and so does the host.
        """
        time = self.time
        symbol_us = (1000 << sf) // bw_khz
        window_ms = self._arm(hz, sf, bw_khz, symbols) * symbol_us // 1000 + 2
        header_ms = _HEADER_SYMBOLS * symbol_us // 1000 + 2
        left_ms = time.ticks_diff(at_us, time.ticks_us()) // 1000 - self.start_ms - _WAKING_MS - _READY_MS
        if left_ms > _DOZE_MS:
            self._doze()
            self._sleep_ms(left_ms - self.rouse_ms)
            self._rouse()
        elif left_ms > 0:
            self._sleep_ms(left_ms)
        self._ready(window_ms + header_ms)
        at_us = time.ticks_add(at_us, -self.open_us)
        while time.ticks_diff(at_us, time.ticks_us()) > 0:
            pass
        self._open()
        self._sleep_ms(window_ms)
        flags = self._flags()
        if not flags:  # it took something for a preamble; if it was one, its header comes
            self._sleep_ms(header_ms)
            flags = self._flags()
        waited_ms = header_ms
        while flags == _HEADER and waited_ms < header_ms + longest_ms:
            more_ms = 10 + (waited_ms >> 3)
            self._sleep_ms(more_ms)
            waited_ms += more_ms
            flags = self._flags()
        if flags & _RECEIVED:
            return self._frame()
        if not flags & _OVER:
            self.stand()
        return None
