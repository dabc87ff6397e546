"""MAC answers and requests in uplinks. Loaded while there are some."""

from micropython import const

_FOPTS = const(15)
_LENGTHS = b"\1\0\1\2\1\0\0\1"  # bytes behind the CID in the answers 3 to 10
_REPEATED = (5, 8, 9, 10)  # in every uplink until a downlink comes


def before_data(answers, asks, room):
    """What of both goes into FOpts where the payload has `room` bytes; None when the answers are too many for it."""
    if len(answers) > _FOPTS:
        return None
    return fitting(answers + asks, min(_FOPTS, room))


def repeated(answers):
    """Those that the next uplink repeats."""
    return fitting(answers, 255, _REPEATED)


def fitting(commands, room, only=None):
    """The whole answers and requests of `commands` in the first `room` bytes; of those only the CIDs of `only`."""
    found = b""
    at = 0
    while at < len(commands):
        cid = commands[at]
        end = at + 1 + (_LENGTHS[cid - 3] if 2 < cid < 11 else 0)
        if end > room:
            break
        if not only or cid in only:
            found += commands[at:end]
        at = end
    return found
