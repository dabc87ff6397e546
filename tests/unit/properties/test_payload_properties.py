"""Encoder, JS codec and Python decoder agree on whatever a node can hold, and on whatever a network can hand in."""

import json
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import ceil
from pathlib import Path

import quickjs
from binnode.reporting import payload
from binnode_tools.codec import DecodeError, decode, decode_diagnostics
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.pure.test_payload import pack

CODEC = Path(__file__).parents[3] / "host_tools" / "binnode_tools" / "codec"
KINDS = ("ok", "noisy", "no_echo", "too_near", "too_far", "lid_open", "fault")
REASONS = ("", "first", "change", "alarm", "released", "emptied", "heartbeat", "kind", "backlog")
FLAGS = (
    "container_full",
    "released",
    "emptied",
    "sensor_fault",
    "low_battery",
    "first_report",
    "lid_open",
    "backlog_thinned",
)

js = quickjs.Context()
js.eval((CODEC / "binnode.js").read_text())
js.eval("function run(text) { return JSON.stringify(decodeUplink(JSON.parse(text))); }")


def optional(low: int, high: int) -> st.SearchStrategy:
    return st.none() | st.integers(low, high)


# In the order of the arguments of test_payload.pack; beyond the limits of the fields on purpose
statuses = st.tuples(
    st.integers(1, 8),
    st.integers(0, 255),
    optional(-20, 1100),
    st.integers(0, 40),
    st.integers(0, 6),
    optional(-10, 20000),
    optional(-100, 8000),
    optional(-700, 1300),
)
levels = st.integers(0, 1000) | st.integers(1009, 1014) | st.just(1023)
ages = st.integers(0, 100_000) | st.integers(491_000, 493_000) | st.integers(0, 2**30 - 1000)
histories = st.lists(st.tuples(ages, levels), max_size=80)
rooms = st.integers(8, 60) | st.just(242)


def uplink(data: bytes, fport: int = 1) -> dict:
    return json.loads(js.get("run")(json.dumps({"bytes": list(data), "fPort": fport})))


def nearest(value: int, unit: int) -> int:
    return int((Decimal(value) / unit).quantize(Decimal(1), ROUND_HALF_UP))


def within(value: int, low: int, high: int) -> int:
    return sorted((low, value, high))[1]


def expected(status: tuple, earlier: list, room: int) -> dict:
    """PAYLOAD.md's tables once more, from the node's values to the decoded data, without bits."""
    reason, flags, fill, valid, kind, distance, battery, temperature = status
    fill = None if kind or fill is None else within(fill, 0, 1000) / 10
    pings = within(valid, 0, 15)
    indicator = (4 if pings > 2 else 3 if pings else 0) if kind == 0 else (None, 2, 1, 2, 1, 2, 1)[kind]
    history = []
    for age_s, level in earlier[: (room - 8) // 3]:
        age = nearest(age_s, 60) * 60 if nearest(age_s, 60) < 8192 else min(nearest(age_s, 960), 8191) * 960
        with_level = level <= 1000
        name = "ok" if with_level else "unknown" if level == 1023 else KINDS[level - 1008]
        half = 30 if nearest(age_s, 60) < 8192 else 480
        uncertainty = None if age == 8191 * 960 else half + 1 + ceil(Fraction(age + half, 20))
        filling = level / 10 if with_level else None
        history.append(
            {"age_s": age, "age_uncertainty_s": uncertainty, "actual_filling_percentage": filling, "kind": name}
        )
    return {
        "version": 1,
        "reason": REASONS[reason],
        "actual_filling_percentage": fill,
        "distance_mm": None if distance is None else within(distance, 0, 8190),
        **{name: bool(flags >> bit & 1) for bit, name in enumerate(FLAGS)},
        "quality": {"valid_pings": pings, "kind": KINDS[kind]},
        "quality_indicator": indicator,
        "battery_mv": None if battery is None else within(nearest(battery, 25), 0, 254) * 25,
        "temperature_c": None if temperature is None else within(nearest(temperature + 400, 5), 0, 254) / 2 - 40,
        "history": history,
    }


def verdict(data: bytes, fport: int = 1) -> dict:
    """What the Python decoder says, in the form of decodeUplink."""
    try:
        status = decode_diagnostics(data, fport) if fport == 2 else decode(data, fport)
    except DecodeError as error:
        return {"data": {}, "warnings": [], "errors": [str(error)]}
    return {"data": status.as_dict(), "warnings": list(status.warnings), "errors": []}


def test_both_decoders_give_back_what_was_encoded(replay_on_vm):
    cases = []

    @settings(max_examples=300, deadline=None)
    @given(statuses, histories, rooms)
    def check(status, earlier, room):
        encoded = pack(status, earlier, room)
        cases.append(((status, earlier, room), encoded))
        assert len(encoded) == 8 + 3 * min(len(earlier), payload.fits(room)) <= room
        wanted = {"data": expected(status, earlier, room), "warnings": [], "errors": []}
        assert uplink(encoded) == wanted
        assert verdict(encoded) == wanted

    check()
    assert replay_on_vm("test_payload", "pack", cases) >= 300


heads = st.binary(min_size=7, max_size=7).map(lambda rest: b"\x12" + rest)
readings = st.lists(st.binary(min_size=3, max_size=3), max_size=5).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(heads, readings)
def test_any_bits_of_version_1_and_the_right_length_are_accepted_by_both(head, earlier):
    answer = uplink(head + earlier)
    assert answer["errors"] == []
    assert answer == verdict(head + earlier)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 3))
def test_both_decoders_agree_on_any_bytes(data, fport):
    answer = uplink(data, fport)
    assert answer == verdict(data, fport)
    whole = len(data) == 10 if fport == 2 else fport == 1 and len(data) >= 8 and len(data) % 3 == 2
    valid = whole and data[0] >> 4 == 1
    assert (answer["errors"] == []) == valid


@settings(max_examples=200, deadline=None)
@given(statuses, histories, rooms, st.data())
def test_a_damaged_payload_gets_the_same_answer_from_both(status, earlier, room, data):
    damaged = bytearray(pack(status, earlier, room))
    for place in data.draw(st.lists(st.integers(0, len(damaged) * 8 - 1), max_size=4)):
        damaged[place // 8] ^= 1 << place % 8
    cut = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    assert uplink(cut) == verdict(cut)
