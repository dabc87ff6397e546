"""The latest report as JSON for the retained MQTT state, in the words of LwM2M object 3435 (filling level, uCIFI).

null is unknown. Decimals are written from integers: there is no float on the way. Lengths are whole centimetres, as in
3435.
"""

import json

from micropython import const

from binnode.reporting import reasons
from binnode.sensing.kinds import NAMES, OK
from binnode.sensing.shape import height_mm

# Flags of the payload.
_FULL = const(0x01)
_EMPTIED = const(0x04)
_FAULT = const(0x08)
_LOW_BATTERY = const(0x10)
_LID_OPEN = const(0x40)
# LwM2M 6042 by kind: 1 rejected with certainty, 2 rejected with probability; OK depends on its pings
_QUALITY = b"\x04\x02\x01\x02\x01\x02\x01"
_ENOUGH_PINGS = const(3)
_EMPTY_PERMILLE = const(50)

_TEMPLATE = (
    '{"id":%s,"firmware":%s,"reports":%d,"reason":"%s","actual_filling_percentage":%s,"actual_filling_level_cm":%s,'
    '"container_height_cm":%d,"high_threshold_percentage":%s,"container_full":%s,"container_empty":%s,'
    '"container_emptied":%s,"sensor_fault":%s,"low_battery":%s,"cover_open":%s,"quality_indicator":%d,'
    '"valid_pings":%d,"kind":"%s","distance_mm":%s,"battery_mv":%s,"temperature_c":%s}'
)


def state_json(status, config, name, reports, firmware):
    """JSON text. `name` and `firmware` are str, `reports` is the count of delivered reports."""
    fill = status.fill_permille
    level_cm = empty = None
    if fill is not None:
        level_cm = (height_mm(config, status.distance_mm) + 5) // 10
        empty = fill <= _EMPTY_PERMILLE
    flag = status.flags
    return _TEMPLATE % (
        json.dumps(name),
        json.dumps(firmware),
        reports,
        reasons.NAMES[status.reason],
        _tenths(fill),
        _text(level_cm),
        (config["empty_mm"] - config["full_mm"] + 5) // 10,
        _tenths(config["full_permille"]),
        _text(flag & _FULL != 0),
        _text(empty),
        _text(flag & _EMPTIED != 0),
        _text(flag & _FAULT != 0),
        _text(flag & _LOW_BATTERY != 0),
        _text(flag & _LID_OPEN != 0),
        _quality(status.kind, status.valid),
        status.valid,
        NAMES[status.kind],
        _text(status.distance_mm),
        _text(status.battery_mv),
        _tenths(status.temperature_c10),
    )


def _quality(kind, valid):
    """LwM2M 6042: 0 unchecked .. 4 accepted (PAYLOAD.md)."""
    if kind == OK and valid < _ENOUGH_PINGS:
        return 3 if valid else 0
    return _QUALITY[kind]


def _text(value):
    """null, true, false or an integer."""
    return "null" if value is None else str(value).lower()


def _tenths(value):
    """625 -> 62.5"""
    if value is None:
        return "null"
    return "%s%d.%d" % ("-" if value < 0 else "", abs(value) // 10, abs(value) % 10)
