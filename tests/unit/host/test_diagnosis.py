"""Each finding from the facts that make it, and none from those of a sound node."""

import re
from dataclasses import replace

import pytest
from binnode_tools import checkup, diagnosis, firmware_rules, paths
from binnode_tools.checkup import Crash, Session
from binnode_tools.diagnosis import LEVELS, Patient
from binnode_tools.node_service import Reading, Settings

ANSWER = {
    "version": "0.1.0", "commit": "abc", "board": "heltec_v3", "device_id": "240ac4000110", "micropython": "1.29.0",
    "free_heap": 80000, "problem": None, "cause": 2, "now_s": 100000, "damaged": [], "flash": [4096, 4096, 512, 300],
    "state": {
        "wakes": 40, "reports": 9, "waiting": 2, "failures": 0, "retry_at_s": 0, "reported_at_s": 99000, "crashes": 0,
        "crash_step": 0, "safe": False, "first": False, "step": 0, "recoveries": [], "last_fill_permille": 400,
        "last_distance_mm": 680, "last_kind": 0, "another": 1,
    },
    "crash": None, "nvs": True, "radio": True,
    "session": {"joined": 1, "dev_addr": 0x260B1234, "dr": 5, "fcnt_up": 12, "fcnt_down": None},
}  # fmt: skip
DEFAULTS = firmware_rules.defaults()
CONFIG = dict(DEFAULTS, wifi_ssid="Depot", mqtt_host="192.168.1.10", empty_mm=1200)
SECRETS = {"wifi_key": True, "lora_app_key": True, "lora_nwk_s_key": False, "lora_app_s_key": False}
READING = Reading("ok", 680, 5, 5, 4, [680] * 5, 400, 150, 4000)


def patient(answer=None, config=None, reading=None, secrets=None, **others):
    parts = {"chip": "esp32s3", "board_chip": "esp32s3", "version": "0.1.0", "commit": "abc", "defaults": DEFAULTS}
    return Patient(
        checkup.of(ANSWER | (answer or {})),
        Settings(CONFIG | (config or {}), others.pop("problem", None), SECRETS | (secrets or {})),
        replace(READING, **(reading or {})),
        **parts | others,
    )


def state(**changes):
    return {"answer": {"state": ANSWER["state"] | changes}}


def codes(**parts):
    return [finding.code for finding in diagnosis.findings(patient(**parts))]


def test_a_sound_node_has_none():
    assert codes() == []


LORA = {"transport": "lorawan"}
CRASH = [2, "binnode/shape.py", 41, "ValueError: no such bin"]
CASES = [
    ("damaged", {"answer": {"damaged": ["main.py"]}}),
    ("wrong_board", {"chip": "esp32"}),
    ("unknown_board", {"board_chip": None}),
    ("config", {"problem": "full_mm = 5: must be 21..5900 mm"}),
    ("not_set", {"config": {"wifi_ssid": ""}}),
    ("not_set", {"config": {"mqtt_host": ""}}),
    ("not_set", {"config": LORA, "secrets": {"lora_app_key": False}}),
    ("not_set", {"config": LORA | {"lora_join": "abp", "lora_dev_addr": "01020304"}}),
    ("not_set", {"config": {"fallback": "lorawan"}, "secrets": {"lora_app_key": False}}),
    ("no_radio", {"config": LORA, "answer": {"radio": None}}),
    ("radio", {"answer": {"radio": "RadioError('no radio',)"}}),
    ("nvs", {"answer": {"nvs": False}}),
    ("nvs", {"answer": {"nvs": "OSError(-4357, 'ESP_ERR_NVS_NOT_ENOUGH_SPACE')"}}),
    ("module_silent", {"reading": {"kind": "fault", "distance_mm": None}}),
    ("thermometer_silent", {"config": {"thermometer": "ds18b20"}}),
    ("crashing", state(crashes=2)),
    ("crashed_once", {"answer": {"crash": CRASH}}),
    ("failing", state(failures=1)),
    ("memory_lost", {"answer": {"no_state": "crc"}}),
    ("no_memory", {"answer": {"no_state": "empty"}}),
    ("recovered", state(recoveries=["checkpoint_restored"])),
    ("recovered", state(recoveries=["of_a_later_firmware"])),
    ("brown_out", state(recoveries=["brown_out"])),
    ("battery_low", {"reading": {"battery_mv": 3299}}),
    ("module_noisy", {"reading": {"kind": "noisy", "valid": 2}}),
    ("module_sees", {"reading": {"kind": "too_near"}}),
    ("module_sees", {"reading": {"kind": "lid_open"}}),
    ("module_sees", {"reading": {"kind": "no_echo", "distance_mm": None}}),
    ("module_sees", {"reading": {"kind": "too_far"}}),
    ("module_unsure", {"reading": {"valid": 3, "pings": 7}}),
    ("not_looked_at", {"answer": {"session": "MemoryError('memory allocation failed, allocating 944 bytes',)"}}),
    ("other_version", {"version": "0.2.0", "commit": "def"}),
    ("other_commit", {"commit": "def"}),
    ("flash_full", {"answer": {"flash": [4096, 4096, 512, 39]}}),
    ("flash_full", {"answer": {"flash": [4096, 4096, 128, 4294967282]}}),
    ("not_joined", {"config": LORA, "answer": {"session": None}}),
    ("not_calibrated", {"config": {"empty_mm": DEFAULTS["empty_mm"]}}),
    ("reports_nowhere", {"config": {"transport": "none"}}),
    ("thermometer_warm", {"reading": {"temperature_c10": 360}}),
]


@pytest.mark.parametrize(("code", "parts"), CASES)
def test_each_by_itself(code, parts):
    (finding,) = diagnosis.findings(patient(**parts))
    assert finding.code == code and finding.level == LEVELS[code]
    for text in filter(None, (finding.text, finding.remedy)):
        assert text[-1] in ".?" and text[0].isupper() | text[0].isdigit() | text.startswith(
            ("binnode", "transport", "full_mm")
        ), text
    assert finding.remedy or code in ("no_memory", "reports_nowhere", "crashed_once")


def test_all_of_the_table_are_found():
    assert {code for code, _ in CASES} | {"safe_mode"} == set(LEVELS)


def test_the_limits_are_where_they_are_said_to_be():
    assert codes(reading={"battery_mv": 3300}) == codes(reading={"battery_mv": None}) == []
    assert codes(reading={"valid": 4, "pings": 7}) == []
    assert codes(answer={"flash": [4096, 4096, 512, 40]}) == []
    assert codes(reading={"temperature_c10": 350}) == []
    assert codes(config={"thermometer": "ds18b20"}, thermometer_c10=360, reading={"temperature_c10": 360}) == []


def test_the_worst_comes_first():
    found = codes(reading={"kind": "fault"}, config={"transport": "none"}, commit="def", **state(failures=2))
    assert found == ["module_silent", "failing", "other_commit", "reports_nowhere"]


def test_safe_mode_and_the_crash_that_led_to_it():
    answer = {"state": ANSWER["state"] | {"safe": True, "crashes": 3}, "crash": CRASH}
    found = diagnosis.findings(patient(answer=answer))
    assert [finding.code for finding in found] == ["safe_mode", "crashing"]
    assert found[1].text.startswith("3 wakes in a row crashed in binnode/shape.py, line 41 while measuring: ValueError")


def test_when_the_next_try_comes():
    def text(retry_at_s):
        return diagnosis.findings(patient(**state(failures=3, retry_at_s=retry_at_s)))[0].text

    assert "3 tries to report failed; readings that wait: 2; the next in 15 min" in text(100900)
    assert "next" not in text(99000) and "next" not in text(100000 + 7201)


def test_a_mark_of_damaged_files_is_no_lost_memory():
    assert codes(answer={"damaged": ["main.py"], "no_state": "magic"}) == ["damaged"]


def test_the_node_s_answer_typed():
    facts = patient(answer={"crash": CRASH, "radio": "RadioError('radio busy',)"}).checkup
    assert facts.crash == Crash(2, "binnode/shape.py", 41, "ValueError: no such bin")
    assert facts.session == Session(1, 0x260B1234, 5, 12, None)
    assert facts.flash == (300 * 4096, 512 * 4096) and facts.state.waiting == 2
    assert facts.failed == {"radio": "radio busy"} and facts.radio is None and facts.no_state is None


def test_the_page_has_a_row_for_each_and_its_level():
    page = (paths.REPOSITORY / "host_tools" / "docs" / "doctor.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (error|warning|note) \|", page, re.MULTILINE))
    assert rows == LEVELS
