import json

from binnode.reporting import reasons
from binnode.reporting.state_json import state_json
from binnode.sensing import kinds

CONFIG = {"shape": "upright", "empty_mm": 1000, "full_mm": 200, "full_permille": 800}


class Status:
    reason = reasons.CHANGE
    flags = 0
    fill_permille = 625
    valid = 5
    kind = kinds.OK
    distance_mm = 500
    battery_mv = 3612
    temperature_c10 = 213


def status(**changes):
    made = Status()
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def decoded(config=CONFIG, name="bin-7", **changes):
    return json.loads(state_json(status(**changes), config, name, 41, "1.0.0"))


def test_whole_state_of_a_good_reading():
    assert decoded() == {
        "id": "bin-7",
        "firmware": "1.0.0",
        "reports": 41,
        "reason": "change",
        "actual_filling_percentage": 62.5,
        "actual_filling_level_cm": 50,
        "container_height_cm": 80,
        "high_threshold_percentage": 80.0,
        "container_full": False,
        "container_empty": False,
        "container_emptied": False,
        "sensor_fault": False,
        "low_battery": False,
        "cover_open": False,
        "quality_indicator": 4,
        "valid_pings": 5,
        "kind": "ok",
        "distance_mm": 500,
        "battery_mv": 3612,
        "temperature_c": 21.3,
    }


def test_decimals_are_written_from_integers():
    for permille, text in ((0, "0.0"), (5, "0.5"), (49, "4.9"), (625, "62.5"), (1000, "100.0")):
        written = state_json(status(fill_permille=permille), CONFIG, "", 0, "")
        assert f'"actual_filling_percentage":{text},' in written
    for tenths, text in ((0, "0.0"), (-5, "-0.5"), (-10, "-1.0"), (-123, "-12.3"), (213, "21.3")):
        assert state_json(status(temperature_c10=tenths), CONFIG, "", 0, "").endswith(f'"temperature_c":{text}' + "}")


def test_unknown_is_null():
    state = decoded(
        kind=kinds.NO_ECHO, valid=0, fill_permille=None, distance_mm=None, battery_mv=None, temperature_c10=None
    )
    for name in (
        "actual_filling_percentage",
        "actual_filling_level_cm",
        "container_empty",
        "distance_mm",
        "battery_mv",
        "temperature_c",
    ):
        assert state[name] is None, name
    assert state["kind"] == "no_echo" and state["valid_pings"] == 0
    assert state["container_height_cm"] == 80


def test_distance_of_a_reading_without_a_level_stays_a_diagnostic():
    state = decoded(kind=kinds.LID_OPEN, fill_permille=None, distance_mm=1400)
    assert state["distance_mm"] == 1400 and state["actual_filling_level_cm"] is None


def test_each_flag_has_its_word():
    words = {
        "container_full": 0x01,
        "container_emptied": 0x04,
        "sensor_fault": 0x08,
        "low_battery": 0x10,
        "cover_open": 0x40,
    }
    for word, flag in words.items():
        state = decoded(flags=flag)
        assert [name for name in words if state[name]] == [word]
    assert not any(decoded(flags=0x02 | 0x20 | 0x80)[name] for name in words)


def test_container_is_empty_up_to_five_percent():
    assert [decoded(fill_permille=permille)["container_empty"] for permille in (0, 50, 51)] == [True, True, False]


def test_heights_are_whole_centimetres_of_content():
    config = {"empty_mm": 1234, "full_mm": 150, "full_permille": 805}
    state = decoded(config=config, distance_mm=999)
    assert state["actual_filling_level_cm"] == 24  # 235 mm
    assert state["container_height_cm"] == 108
    assert state["high_threshold_percentage"] == 80.5


def test_quality_is_that_of_the_payload_specification():
    assert [decoded(valid=valid)["quality_indicator"] for valid in (0, 1, 2, 3, 15)] == [0, 3, 3, 4, 4]
    expected = {"noisy": 2, "no_echo": 1, "too_near": 2, "too_far": 1, "lid_open": 2, "fault": 1}
    for kind in range(1, 7):
        state = decoded(kind=kind, fill_permille=None)
        assert state["quality_indicator"] == expected[state["kind"]]


def test_reasons_have_the_names_of_their_constants():
    for name in ("FIRST", "CHANGE", "ALARM", "RELEASED", "EMPTIED", "HEARTBEAT", "KIND", "BACKLOG"):
        assert decoded(reason=getattr(reasons, name))["reason"] == name.lower()


def test_name_is_escaped():
    for name in ('say "full"', "back\\slash", "line\nbreak\ttab", "\x00\x1f", "Kübel 7 %s %d", ""):
        assert decoded(name=name)["id"] == name
