"""The encoder against the vectors that were written by hand from PAYLOAD.md (tests/vectors/status_v1.json)."""

import json

from binnode.reporting import payload, reasons
from binnode.sensing import kinds
from binnode.storage.state import State
from check import raises


class Status:
    def __init__(self, reason, flags, fill_permille, valid, kind, distance_mm, battery_mv, temperature_c10):
        self.reason = reason
        self.flags = flags
        self.fill_permille = fill_permille
        self.valid = valid
        self.kind = kind
        self.distance_mm = distance_mm
        self.battery_mv = battery_mv
        self.temperature_c10 = temperature_c10


def pack(status, earlier, room):
    """encode() with plain values: the eight of a Status, for the replay of cases on the VM."""
    return payload.encode(Status(*status), earlier, room)


def vectors():
    with open(__file__.rsplit("/", 2)[0] + "/../vectors/status_v1.json") as file:
        return [vector for vector in json.load(file)["accepted"] if "status" in vector]


def test_every_vector():
    checked = 0
    for vector in vectors():
        earlier = [tuple(reading) for reading in vector["earlier"]]
        encoded = payload.encode(Status(**vector["status"]), earlier, vector["room"])
        assert encoded == bytes.fromhex(vector["hex"]), vector["description"]
        assert isinstance(encoded, bytes)
        checked += 1
    assert checked >= 12


def test_example_of_the_specification():
    encoded = pack((reasons.CHANGE, 0, 457, 5, 0, 731, 3612, 213), [(15 * 60, 440)], 11)
    assert encoded == b"\x12\x00\x72\x54\x16\xd8\x90\x7b\x00\x3d\xb8"


def test_each_flag_has_its_bit():
    words = ((0x01, "alarm"), (0x02, "released"), (0x04, "emptied"), (0x10, "low_battery"), (0x20, "first"))
    for bit, word in words:
        state = State()
        state.first = False
        setattr(state, word, True)
        assert payload.flags(state, kinds.OK) == bit, word
        assert pack((1, bit, None, 0, 0, None, None, None), [], 8)[1] == bit
    state.first = False
    assert payload.flags(state, kinds.FAULT) == 0x08 and payload.flags(state, kinds.LID_OPEN) == 0x40
    assert [payload.flags(state, kind) for kind in (kinds.NOISY, kinds.NO_ECHO, kinds.TOO_NEAR, kinds.TOO_FAR)] == [
        0
    ] * 4
    state.backlog.thinned = True
    assert payload.flags(state, kinds.OK) == 0x80


def test_each_reason_has_its_number():
    names = ("FIRST", "CHANGE", "ALARM", "RELEASED", "EMPTIED", "HEARTBEAT", "KIND", "BACKLOG")
    assert [getattr(reasons, name) for name in names] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_level_code():
    assert [payload.level_code(fill, 0) for fill in (-1, 0, 1, 999, 1000, 1001)] == [0, 0, 1, 999, 1000, 1000]
    assert payload.level_code(None, 0) == 1023
    assert [payload.level_code(None, kind) for kind in range(1, 7)] == [1009, 1010, 1011, 1012, 1013, 1014]


def test_a_kind_other_than_ok_has_no_level():
    assert payload.level_code(500, 3) == 1011
    assert pack((1, 0, 500, 0, 3, None, None, None), [], 8)[2:4] == b"\xff\xc0"


def test_unknown_is_not_zero():
    zero = pack((1, 0, 0, 0, 0, 0, 0, -400), [], 8)
    unknown = pack((1, 0, None, 0, 0, None, None, None), [], 8)
    assert zero == b"\x11\x00\x00\x00\x00\x00\x00\x00"
    assert unknown == b"\x11\x00\xff\xc0\xff\xf8\xff\xff"


def test_distance_at_its_limits():
    for distance_mm, field in ((0, 0), (8189, 8189), (8190, 8190), (8191, 8190), (None, 8191)):
        encoded = pack((1, 0, None, 0, 0, distance_mm, None, None), [], 8)
        assert encoded[4] << 5 | encoded[5] >> 3 == field


def test_battery_to_the_nearest_25_mv():
    for battery_mv, field in (
        (3299, 132),
        (3300, 132),
        (3312, 132),
        (3313, 133),
        (6362, 254),
        (6363, 254),
        (None, 255),
    ):
        assert pack((1, 0, None, 0, 0, None, battery_mv, None), [], 8)[6] == field


def test_temperature_to_the_nearest_half_degree():
    for c10, field in ((-401, 0), (-398, 0), (-397, 1), (-3, 79), (-2, 80), (2, 80), (3, 81), (870, 254), (900, 254)):
        assert pack((1, 0, None, 0, 0, None, None, c10), [], 8)[7] == field


def test_age_to_the_nearest_unit():
    ages = (
        (-100000, 0),  # a clock that was set back must not wrap around
        (29, 0),
        (30, 1),
        (491489, 8191),
        (491490, 0x2000 | 512),
        (491999, 0x2000 | 512),
        (492000, 0x2000 | 513),
        (7863360, 0x3FFF),
        (2000000000 // 2, 0x3FFF),
    )
    for age_s, field in ages:
        encoded = pack((1, 0, None, 0, 0, None, None, None), [(age_s, 0)], 11)
        assert encoded[8] << 6 | encoded[9] >> 2 == field, age_s


def test_fits():
    rooms = (0, 7, 8, 10, 11, 13, 14, 51, 242)
    assert [payload.fits(room) for room in rooms] == [0, 0, 0, 0, 1, 1, 2, 14, 78]


def test_takes_the_front_and_draws_no_more():
    drawn = []

    def readings():
        for level in range(5):
            drawn.append(level)
            yield 60, level

    encoded = pack((1, 0, None, 0, 0, None, None, None), readings(), 16)
    assert encoded[8:] == b"\x00\x04\x00\x00\x04\x01"
    assert drawn == [0, 1]
    assert payload.fits(len(encoded)) == 2


def test_room_for_less_than_a_status():
    for room in (7, 0, -1):
        error = raises(ValueError, pack, (1, 0, None, 0, 0, None, None, None), [], room)
        assert str(error) == f"a status needs 8 bytes, not {room}"
