"""The MAC of a class A end-device (TS001-1.0.4): what to send, where and when to listen, what came of it.

No I/O and no clock: now_s comes in, a Tx goes out. The way of an uplink: uplink() -> Tx; the session is remembered; the
Tx goes on the air; tx.spent(); heard() for each window's frame until it is not None; when both were silent, again().
"""

from micropython import const

from binnode.lorawan import frames
from binnode.lorawan.tx import Tx, airtime_ms

_ACK_LIMIT = const(64)  # ADR_ACK_LIMIT, in frames
_STEP = const(32)  # ADR_ACK_DELAY
_GAP_MS = const(300)  # FCC 15.247, 8 channels: 0.4 s in 3.2 s for each, and of three frames two may be on one
_TRIES = const(8)  # of a message that asks for an ACK


class Mac:
    """entropy(n): n random bytes. battery: for DevStatusAns: (mV, mV when low), None: unknown.

    asks: requests for the uplinks until they are answered: b"\x02" LinkCheckReq, b"\x0d" DeviceTimeReq. The answers:
    link = (margin in dB, gateways), gps = (GPS seconds when that uplink ended, and 1/256 s); None before.
    last_port: 224 where test messages are wanted. frame, confirmed, dr, tries: what is under way, for retry.py.
    """

    battery: "tuple[int, int] | None" = None
    link = gps = None
    asks = b""
    last_port = 223
    _windows = ()

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
        if self.session.answers or self.asks:
            from binnode.lorawan.answers import before_data

            return before_data(self.session.answers, self.asks, self.plan.room(self.session, self.session.dr))
        return b""

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
                from binnode.lorawan.answers import fitting

                fopts, fport, payload = b"", 0, fitting(session.answers, self.plan.room(session, session.dr))
        elif not 0 < fport <= self.last_port:
            raise ValueError("no such port")
        elif len(payload) > self.room():
            raise ValueError("too long")
        self._message = fopts, fport, payload
        self.confirmed, self.dr, self.tries, self.frame = confirmed, session.dr, 0, None
        self._most = session.nb_trans
        if confirmed and not session.lost(now_s):
            self._most = max(session.nb_trans, _TRIES)
        tx = self.new(now_s)
        if session.rescued and (confirmed or b"\x02" in self.asks) and tx.__class__ is Tx:
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
        if session.answers:
            from binnode.lorawan.answers import repeated

            session.answers = repeated(session.answers)
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
        if self._unanswered:  # RETRANSMIT_TIMEOUT
            tx.pause_ms = 1000 + int.from_bytes(self._entropy(2), "big") % 2001
        elif self._windows and not plan.BANDS:
            tx.pause_ms = _GAP_MS
        self._windows = tx.windows
        self._unanswered = self.confirmed
        return tx

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
        if not fport or fport > self.last_port:
            fport, payload = None, b""
        return fport, payload, bool(control & 0x20 and self.confirmed), bool(control & 0x10)
