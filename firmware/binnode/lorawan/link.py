"""The way over LoRaWAN: the session out of RTC memory, NVS or a join; uplinks with their ACK; windows on time."""

import gc

from micropython import const

from binnode import forget
from binnode.deadline import Deadline
from binnode.lorawan.regions import region
from binnode.lorawan.session import unpack
from binnode.lorawan.tx import airtime_us
from binnode.radios import RadioError

_LEAST = const(10)  # bytes of a diagnostics message; a status has 8
_DAY_S = const(86400)
_ALARMS = (1, 3)  # FIRST, ALARM: reporting/reasons.py
# How far a window's start may be off: what is left of a microsecond clock that light sleep (0.1 %) and two crystals
# (20 ppm each) move, and the time in which the end of the transmission is noticed.
_ERROR_US = const(800)
_ERROR_US_PER_S = const(1050)
_LAST_MS = const(500)  # the second window itself
_EXCHANGE_MS = const(4000)  # the longest frame and its second window, but for a join's


class LoraLink:
    """open(), deliver() any number of times, close() in any case. `room`: bytes that the next payload may have."""

    way = "lorawan"
    errors = (RadioError, OSError, ValueError)  # all that open() and deliver() raise
    room = 0
    heard = False  # an answer of the network

    def __init__(self, board, config, state):
        self.board, self.config, self.state = board, config, state
        self.deadline = Deadline(board.time, config["lora_budget_ms"])
        self.name = config["name"]  # for the words of a diagnostics message
        self._answered = True  # or there was nothing to be answered
        self._image = bytearray(2048)  # now: amid a join there may be no such piece of memory

    def open(self):
        """Wake the radio, and join if there is no session, or the network has forgotten it."""
        board, config = self.board, self.config
        self.now_s = board.time.time
        self.plan = region(config["lora_region"])
        # One that is whole is of these keys and this region: config.settings() has doubts about it when those change.
        self.session = session = unpack(self.state.lora) or self._joining().begin(self)
        session.adr = int(config["lora_adr"] == "on")
        session.sub_band = config["lora_sub_band"]  # for joins to come
        self._radio = board.radio()
        self._radio.wake(session.rx2_hz)
        if not session.joined or session.lost(self.now_s()):
            self._answered = False
            self._joining().join(self)
            forget("lorawan.joining")
        from binnode.lorawan.mac import Mac  # now, and not beside what a join needs

        self.mac = Mac(session, self.plan, board.random)
        self._make_room()

    def _joining(self):
        from binnode.lorawan import joining

        return joining

    def deliver(self, payload, status):
        """Send one report on FPort 1, and have it acknowledged."""
        if status.battery_mv is not None:
            self.mac.battery = status.battery_mv, self.config["low_battery_mv"]
        wanted = self.config["lora_acks"] == "every" or status.reason in _ALARMS
        self._send(1, payload, wanted or not 0 <= self.now_s() - self.session.last_downlink_s < _DAY_S)
        self._make_room()

    def deliver_plain(self, payload):
        """Send a report's payload: safe mode's way."""
        self._send(1, payload, True)
        self._make_room()

    def deliver_diagnostics(self, payload, text):
        """Send a diagnostics message on FPort 2; its words are for the other way."""
        self._send(2, payload, True)

    def _make_room(self):
        """MAC answers that leave no room for a report go first."""
        if self.mac.room() < _LEAST:
            self._send(None, b"", True)
        self.room = self.mac.room()

    def _send(self, port, payload, confirmed):
        mac, now_s = self.mac, self.now_s
        tx = mac.uplink(port, payload, confirmed, now_s())
        begun = False
        self._answered = not confirmed
        while tx is not None:
            if isinstance(tx, int):
                if begun and not confirmed:  # a repetition that nobody waits for
                    break
                self.pause(tx * 1000, "duty cycle")
            else:
                begun = True
                found = self.exchange(tx, self._heard, mac.send)
                if found:
                    self._answered = self.heard = True
                    try:
                        self.remember()
                    except OSError:  # NVS: the answer is here; the next frame will not leave before it is kept
                        pass
                    if confirmed and not found[2]:
                        raise OSError("not acknowledged")
                    return
            tx = mac.again(now_s()) if begun else mac.uplink(port, payload, confirmed, now_s())
        self.remember()  # the last try may have cost a data rate
        if confirmed:
            raise OSError("no answer")

    def _heard(self, frame, window):
        return self.mac.heard(frame, self._radio.snr_db, self.now_s(), window)

    def remember(self):
        """Before a frame leaves, and after one came: no counter is used twice, no air time forgotten."""
        try:
            self.session.keep(self.board)
        finally:  # what NVS lacks is in RTC memory at least
            self.state.lora = self.session.pack()
            self.board.remember(self.state.pack(image=self._image))

    def pause(self, ms, why):
        """Sleep lightly that long; OSError at once when that would leave no time to send."""
        if ms > 0:
            if ms + _EXCHANGE_MS > self.deadline.left_ms():
                raise OSError("%s: on in %d s" % (why, ms // 1000))
            self.board.rest_ms(ms)

    def exchange(self, tx, heard, other):
        """Send `tx` and open its windows: what heard(frame, window) says of the first frame that it takes, or None.

        other(now_s): the same frame on another channel, for one that is taken. OSError: no time left, or no channel.
        """
        radio = self._radio
        self.pause(tx.pause_ms, "no answer")
        if tx.airtime_ms + tx.windows[1][0] + _LAST_MS > self.deadline.left_ms():
            raise OSError("no answer")
        tx.spent(self.session, self.plan, self.now_s())
        self.remember()
        gc.collect()  # or it would come between the transmission and its windows
        if tx.lbt:
            from binnode.lorawan.quiet import quiet

            tx = quiet(self, radio, tx, other)
        dbm = tx.eirp_dbm - self.config["lora_antenna_dbi"]
        end_us = radio.transmit(tx.frame, tx.hz, tx.sf, tx.bw_khz, dbm, tx.airtime_ms)
        for number, window in enumerate(tx.windows):
            frame = self._listen(end_us, *window)
            found = frame and heard(frame, number)
            if found:
                return found
        return None

    def _listen(self, end_us, delay_ms, hz, sf, bw_khz, longest):
        """The frame that begins `delay_ms` after end_us, or None."""
        symbol_us = (1000 << sf) // bw_khz
        error_us = _ERROR_US + delay_ms * _ERROR_US_PER_S // 1000
        symbols = max(4 + (2 * error_us + symbol_us - 1) // symbol_us, 6)
        at_us = delay_ms * 1000 + 4 * symbol_us - symbols * symbol_us // 2
        longest_ms = airtime_us(sf, bw_khz, longest, False) // 1000
        return self._radio.receive(self.board.time.ticks_add(end_us, at_us), hz, sf, bw_khz, symbols, longest_ms)

    def close(self):
        """The radio to sleep. Never raises: a radio that is gone was told of by open() or deliver().

        One that had no answer where one was due is started anew the next time: it may be deaf.
        """
        radio = getattr(self, "_radio", None)
        if radio:
            try:
                radio.sleep(self._answered)
            except self.errors:
                pass
            self.board.hold_radio()
