"""The time of day from a server (SNTP, RFC 4330 and RFC 5905, section 14): TLS needs it, for certificates have dates.

An answer counts when it repeats our random number (nobody off the path can know it) and its server is itself in step.
It is not signed: who sits on the path can lie, but not to before this firmware was built, and not by centuries.
"""

from binnode.storage.state import FIELDS, TIMES
from binnode.wifi import LinkFailure
from binnode.wifi.datagram import exchange

_TO_2000_S = 3155673600  # from 1900, where NTP counts from, to 2000, where the chip does
_LONGEST_S = 946080000  # no firmware lives longer than 30 years
_SIZE = 48


def question(number):
    """The packet that asks for the time; `number`: 8 random bytes in the place of our own transmit time."""
    return b"\x23" + bytes(39) + number  # version 4, mode 3: client


def time_in(answer, number, floor_s):
    """Seconds since 2000 in `answer`; None: not to the question with `number`; LinkFailure: not to be believed."""
    if len(answer) < _SIZE or answer[0] & 7 != 4 or answer[24:32] != number:
        return None
    if not answer[1]:
        raise LinkFailure("the time server sends us away (%s)" % bytes(answer[12:16]).decode("ascii", "ignore"))
    seconds = answer[40] << 24 | answer[41] << 16 | answer[42] << 8 | answer[43]
    if answer[0] >> 6 == 3 or answer[1] > 15 or not seconds:
        raise LinkFailure("the time server does not know the time itself")
    seconds = (seconds - _TO_2000_S) & 0xFFFFFFFF  # the count wraps in 2036; from 2000 on it holds until 2136
    if not floor_s <= seconds < floor_s + _LONGEST_S:
        raise LinkFailure("the time server is wrong: it names a time before this firmware, or far after it")
    return seconds


def ask(board, server, floor_s, deadline):
    """Seconds since 2000 from the time server at the address `server`. LinkFailure says why not."""
    number = board.random(8)

    def understand(answer):
        return time_in(answer, number, floor_s)

    try:
        return exchange(
            board.sockets(), board.time, (server, 123), question(number), deadline, understand, "the time server"
        )
    except OSError as error:
        raise LinkFailure("cannot ask the time server %s: %s" % (server, error))


def shift(state, delta_s):
    """The chip's clock is about to be set `delta_s` ahead: all that `state` remembers keeps its age."""
    for name in FIELDS[:TIMES]:
        at_s = getattr(state, name)
        if at_s is not None:
            setattr(state, name, max(0, at_s + delta_s))
    state.backlog.shift(delta_s)
    if state.lora:
        from binnode.lorawan.restart import shifted

        state.lora = shifted(state.lora, delta_s)
