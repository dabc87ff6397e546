"""The MAC of a class A end-device (TS001-1.0.4): what to send, where and when to listen, what came of it.

No I/O and no clock: now_s comes in, a Tx goes out. The way of an uplink: uplink() -> Tx; the session is remembered; the
Tx goes on the air; spent(); heard() for each window's frame until it is not None; when both were silent, again().
"""

from micropython import const

from binnode.lorawan import frames
from binnode.lorawan.airtime import airtime_us

_ACK_LIMIT = const(64)  # ADR_ACK_LIMIT, in frames
_STEP = const(32)  # ADR_ACK_DELAY
_TRIES = const(8)  # of a message that asks for an ACK
_IN_VAIN = const(8)  # messages that should have been answered, after the back-off's last step
_SILENT_S = const(194400)  # 54 h: an outage of two days is no reason to join
_TEST_PORT = const(224)
_FOPTS = const(15)
_ANSWERS = b"\1\0\1\2\1\0\0\1"  # bytes behind the CID in the answers 3 to 10
_REPEATED = (5, 8, 9, 10)  # in every uplink until a downlink comes


class Tx:
    """A transmission: frame, hz, dr, sf, bw_khz, eirp_dbm, airtime_ms, lbt, windows, and pause_ms to wait before it.

    lbt: None or (dbm, sense_ms): only on a channel that was quieter for so long. windows: two of (delay_ms, hz, sf,
    bw_khz, longest frame in bytes), the delay counted from the end of the transmission.
    """

    def __init__(self, plan, session, picked, dr, frame, delay_s):
        channel, hz = picked
        self.frame, self.hz, self.dr, self.lbt, self.pause_ms = frame, hz, dr, plan.lbt, 0
        self.sf, self.bw_khz = plan.rate(dr)
        self.airtime_ms = airtime_ms(plan, dr, frame)
        self.eirp_dbm = plan.eirp_dbm(session, hz, dr)
        windows = []
        for rx_hz, rx_dr in (plan.rx1(session, channel, dr), (session.rx2_hz, session.rx2_dr)):
            windows.append((delay_s * 1000, rx_hz) + plan.rate(rx_dr) + (plan.longest(rx_dr),))
            delay_s += 1
        self.windows = windows


def airtime_ms(plan, dr, frame):
    sf, bw_khz = plan.rate(dr)
    return airtime_us(sf, bw_khz, len(frame)) // 1000 + 1


class Mac:
    """entropy(n): n random bytes. battery: for DevStatusAns: (mV, mV when low), None: unknown.

    ask_time, ask_link: True puts DeviceTimeReq or LinkCheckReq into the uplinks until it is answered. The answers:
    gps_s and gps_256 (GPS time when that uplink ended, and 1/256 s), margin_db and gateways; None before.
    test_port: allow FPort 224. frame, confirmed, dr, tries: what is under way, for retry.py.
    """

    battery = None
    ask_time = ask_link = test_port = False
    gps_s = gps_256 = margin_db = gateways = None

    def __init__(self, session, plan, entropy):
        self.session, self.plan, self._entropy = session, plan, entropy
        self.frame = None
        self._unanswered = False
        self._settle()

    def _settle(self):
        """Take the step of ADR's back-off that a silent network made due."""
        if self.session.adr_due:
            from binnode.lorawan import adr

            adr.back_off(self.session, self.plan)

    def _fopts(self):
        """MAC answers, then requests; None when the answers are too many for it."""
        fopts = self.session.answers
        if len(fopts) > _FOPTS:
            return None
        if self.ask_link:
            fopts += b"\x02"
        if self.ask_time:
            fopts += b"\x0d"
        return fitting(fopts, min(_FOPTS, self.plan.room(self.session, self.session.dr)))

    def room(self):
        """Bytes of payload that the next uplink may carry. Too few? uplink(None, b"", True, now_s) first."""
        fopts = self._fopts()
        return 0 if fopts is None else self.plan.room(self.session, self.session.dr) - len(fopts)

    def uplink(self, fport, payload, confirmed, now_s):
        """The Tx of a message, or the seconds to wait: then nothing has changed. fport None: MAC answers, or nothing.

        ValueError: no session, no such port, too long. The counter has advanced: remember the session before it leaves.
        """
        session = self.session
        if not session.joined:
            raise ValueError("not joined")
        fopts = self._fopts()
        if fport is None:
            payload = b""
            if fopts is None:
                fopts, fport, payload = b"", 0, fitting(session.answers, self.plan.room(session, session.dr))
        elif not 0 < fport < _TEST_PORT + self.test_port:
            raise ValueError("no such port")
        elif len(payload) > self.room():
            raise ValueError("too long")
        self._message = fopts, fport, payload
        self.confirmed, self.dr, self.tries, self.frame = confirmed, session.dr, 0, None
        self._most = session.nb_trans
        if confirmed and not self.lost(now_s):
            self._most = max(session.nb_trans, _TRIES)
        tx = self.new(now_s)
        if session.rescued and (confirmed or self.ask_link) and tx.__class__ is Tx:
            session.silent = min(session.silent + 1, 255)  # until it is answered
        return tx

    def new(self, now_s):
        """The message in a frame with a counter of its own."""
        session = self.session
        old = self.frame
        count = session.adr_ack_cnt
        control = session.adr << 7 | session.ack_due << 5 | bool(self.confirmed) << 8
        if session.adr and count >= _ACK_LIMIT:
            control |= 0x40
        self.frame = frames.uplink(session, session.fcnt_up, control, *self._message)
        tx = self.send(now_s)
        if tx.__class__ is int:
            self.frame = old
            return tx
        self.tries += 1
        session.fcnt_up += 1
        session.adr_ack_cnt = count = min(count + 1, 0xFFFF)
        if count >= _ACK_LIMIT + _STEP and not count % _STEP:
            session.adr_due = 1
        session.ack_due = 0
        session.answers = fitting(session.answers, 255, _REPEATED)
        return tx

    def send(self, now_s):
        """The frame under way on another channel: when listen-before-talk found this one taken. A Tx, or seconds."""
        session, plan, dr = self.session, self.plan, self.dr
        if now_s < session.quiet_until_s:
            return session.quiet_until_s - now_s
        picked = plan.pick(session, dr, airtime_ms(plan, dr, self.frame), now_s, self._entropy)
        if picked.__class__ is int:
            return picked
        tx = Tx(plan, session, picked, dr, self.frame, session.rx1_delay_s)
        self._windows = tx.windows
        if self._unanswered:  # RETRANSMIT_TIMEOUT
            tx.pause_ms = 1000 + int.from_bytes(self._entropy(2), "big") % 2001
        self._unanswered = self.confirmed
        return tx

    def spent(self, tx, now_s):
        """The Tx was on the air until now: what it costs in credits and silence."""
        session = self.session
        self.plan.spend(session, tx.hz, tx.airtime_ms, now_s)
        if session.max_duty:
            session.quiet_until_s = now_s + (tx.airtime_ms * ((1 << session.max_duty) - 1)) // 1000 + 1

    def again(self, now_s):
        """After silent windows: the next Tx of the message, the seconds to wait for it, or None: it is over.

        A counter may have advanced: remember the session before the Tx leaves.
        """
        if not self.frame:
            return None
        if self.tries < self._most:
            from binnode.lorawan.retry import retry

            return retry(self, now_s)
        self.frame = None
        self._settle()
        return None

    def lost(self, now_s):
        """True when the network has forgotten us: time to join anew."""
        session = self.session
        return session.silent >= _IN_VAIN and now_s - session.last_downlink_s >= _SILENT_S and not session.abp

    def heard(self, frame, snr_db, now_s, window=1):
        """What arrived in a window (0 or 1): None when it is not for us, so listen on. Nothing has changed then.

        Else (fport or None, payload, our ACK, more is waiting) as (int, bytes, bool, bool), and the message is over.
        """
        session = self.session
        if not self.frame or len(frame) > self._windows[window][4]:
            return None
        found = frames.downlink(session, frame)
        if not found:
            return None
        session.fcnt_down, control, commands, fport, payload = found
        session.adr_ack_cnt = session.adr_due = session.rescued = session.silent = 0
        session.last_downlink_s = now_s
        session.ack_due = control >> 8
        session.answers = b""
        session.stale |= 1
        self.frame = None
        self._unanswered = False
        if fport == 0:
            commands = payload
        if commands:
            from binnode.lorawan.commands import obey

            obey(self, commands, snr_db)
        if not fport or fport >= _TEST_PORT + self.test_port:
            fport, payload = None, b""
        return fport, payload, bool(control & 0x20 and self.confirmed), bool(control & 0x10)


def fitting(commands, room, only=None):
    """The whole answers and requests of `commands` in the first `room` bytes; of those only the CIDs of `only`."""
    found = b""
    at = 0
    while at < len(commands):
        cid = commands[at]
        end = at + 1 + (_ANSWERS[cid - 3] if 2 < cid < 11 else 0)
        if end > room:
            break
        if not only or cid in only:
            found += commands[at:end]
        at = end
    return found
