"""Status payload, version 1. Its specification is host_tools/binnode_tools/codec/PAYLOAD.md."""

from micropython import const

# Flags.
_FULL = const(0x01)  # the alarm is on
_RELEASED = const(0x02)  # it went off since the last delivered report
_EMPTIED = const(0x04)  # emptied since the last delivered report
_FAULT = const(0x08)
_LOW_BATTERY = const(0x10)
_FIRST = const(0x20)  # first report after boot
_LID_OPEN = const(0x40)
_THINNED = const(0x80)  # the backlog lost readings, evenly

_KIND_LID_OPEN = const(5)  # sensing/kinds.py
_KIND_FAULT = const(6)
_HEAD_BYTES = const(8)
_EARLIER_BYTES = const(3)
_FULL_PERMILLE = const(1000)
_NO_LEVEL = const(1008)
_UNKNOWN_LEVEL = const(1023)


def level_code(fill_permille, kind):
    """10 bits for a reading: 0..1000 permille (clamped), 1008 + kind when it has no level, 1023 for an unknown one."""
    if kind:
        return _NO_LEVEL + kind
    if fill_permille is None:
        return _UNKNOWN_LEVEL
    return min(max(fill_permille, 0), _FULL_PERMILLE)


def flags(state, kind):
    """The flags byte for a reading of `kind`."""
    return (
        (_FULL if state.alarm else 0)
        | (_RELEASED if state.released else 0)
        | (_EMPTIED if state.emptied else 0)
        | (_FAULT if kind == _KIND_FAULT else 0)
        | (_LOW_BATTERY if state.low_battery else 0)
        | (_FIRST if state.first else 0)
        | (_LID_OPEN if kind == _KIND_LID_OPEN else 0)
        | (_THINNED if state.backlog.thinned else 0)
    )


def fits(room):
    """How many earlier readings a payload of `room` bytes carries."""
    return max(room - _HEAD_BYTES, 0) // _EARLIER_BYTES


def encode(status, earlier, room):
    """The payload, at most `room` bytes: `status` and as many of the front of `earlier` as fit.

    `status` has reason, flags, fill_permille, valid, kind, distance_mm, battery_mv, temperature_c10 (None = unknown);
    `earlier` yields (age_s, level_code), oldest first, and is not drawn from beyond what fits. fits(len(payload))
    says how many went in. ValueError when `room` is below 8 bytes.
    """
    if room < _HEAD_BYTES:
        raise ValueError("a status needs 8 bytes, not %d" % room)
    battery, temperature = status.battery_mv, status.temperature_c10
    level = level_code(status.fill_permille, status.kind)
    level = (level if level <= _FULL_PERMILLE else _UNKNOWN_LEVEL) << 6 | min(status.valid, 15) << 2
    distance = _or_unknown(status.distance_mm, 8190) << 3 | status.kind
    out = bytearray(
        (
            0x10 | status.reason,
            status.flags,
            level >> 8,
            level & 0xFF,
            distance >> 8,
            distance & 0xFF,
            _or_unknown(None if battery is None else (battery + 12) // 25, 254),
            _or_unknown(None if temperature is None else (temperature + 402) // 5, 254),
        )
    )
    for _, (age_s, code) in zip(range(fits(room)), earlier):
        code |= _age_code(age_s) << 10
        out.extend(bytes((code >> 16, code >> 8 & 0xFF, code & 0xFF)))
    return bytes(out)


def _or_unknown(value, top):
    """`value` clamped to 0..top; one above `top` for None."""
    return top + 1 if value is None else min(max(value, 0), top)


def _age_code(age_s):
    """14 bits: whole minutes, or from 8192 minutes on units of 16 minutes with the top bit set."""
    minutes = (max(age_s, 0) + 30) // 60
    return minutes if minutes < 0x2000 else 0x2000 | min((age_s + 480) // 960, 0x1FFF)
