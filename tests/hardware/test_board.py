"""A board on a serial port, real or virtual: does the application find there what the tests on the computer assume?"""

import re

import pytest
from binnode_tools import checkup
from binnode_tools.board_link import BoardLink
from binnode_tools.node_service import NodeError, NodeService

pytestmark = pytest.mark.hardware


@pytest.fixture(scope="module")
def link(pytestconfig):
    with BoardLink(pytestconfig.getoption("--port"), wait_s=60, notice=print) as link:
        yield link
        link.reset()


@pytest.fixture(scope="module")
def service(link):
    return NodeService(link)


def run(link, code: str) -> str:
    """What `code` prints on the board."""
    return link.run(code, timeout_s=20).strip()


def test_application_answers_with_its_version(service):
    info = service.info()
    assert re.match(r"\d+\.\d+", info.version) and info.commit
    assert info.free_heap > 40_000, "less heap than a wake needs"


def test_module_measures_and_repeats_itself(service):
    readings = [service.measure(whole_range=True) for _ in range(5)]
    assert {reading.kind for reading in readings} == {"ok"}, readings
    distances = [reading.distance_mm for reading in readings]
    assert max(distances) - min(distances) <= 15, "is everything still in front of the module?"
    assert all(reading.valid >= 5 for reading in readings)


def test_battery_and_thermometer_are_plausible(service):
    reading = service.measure(whole_range=True)
    assert reading.battery_mv is None or 2000 < reading.battery_mv < 6500
    assert reading.temperature_c10 is None or -300 < reading.temperature_c10 < 700


def test_setting_is_stored_read_back_and_put_back(service):
    before = service.show().config["measure_s"]
    try:
        service.configure({"measure_s": before + 10})
        assert service.show().config["measure_s"] == before + 10
    finally:
        service.configure({"measure_s": before})
    assert service.show().config["measure_s"] == before


def test_setting_that_is_wrong_changes_nothing(service):
    before = service.show().config
    with pytest.raises(NodeError, match="measure_s"):
        service.configure({"measure_s": 1})
    assert service.show().config == before


def test_files_are_those_of_the_manifest(link):
    assert run(link, "import verify; print(verify.damaged())") == "[]"


def test_the_doctor_can_look_at_every_part(service):
    facts = checkup.of(service.doctor())
    assert facts.failed == {} and facts.nvs is True and facts.radio in (True, None)
    free, size = facts.flash
    assert 0 <= free < size


def test_ticks_wrap_where_the_firmware_expects_it(link):
    assert run(link, "import time; print(time.ticks_add(0, -1))") == str((1 << 30) - 1)


def test_time_begins_in_2000(link):
    assert run(link, "import time; print(time.gmtime(0)[0])") == "2000"


def test_time_pulse_of_a_silent_pin_is_minus_two(link):
    """The module is off: the echo line never rises."""
    code = """
import json, machine
echo = machine.Pin(json.load(open("board.json"))["echo"], machine.Pin.IN)
print(machine.time_pulse_us(echo, 1, 20000))
"""
    assert run(link, code) == "-2"


def test_rtc_memory_keeps_what_was_written(link):
    code = """
import machine
rtc = machine.RTC()
before = rtc.memory()
rtc.memory(b"x" * 2048)
there = len(rtc.memory())
rtc.memory(before)
print(there, rtc.memory() == before)
"""
    assert run(link, code) == "2048 True"


def test_nvs_keeps_a_blob_and_says_when_there_is_none(link):
    code = """
import esp32
nvs = esp32.NVS("hwtest")
nvs.set_blob("key", b"abc")
nvs.commit()
room = bytearray(8)
print(nvs.get_blob("key", room), bytes(room[:3]))
nvs.erase_key("key")
nvs.commit()
try:
    nvs.get_blob("key", room)
except OSError:
    print("gone")
"""
    assert run(link, code).split() == ["3", "b'abc'", "gone"]


def test_light_sleep_keeps_ram_and_lasts_about_as_long_as_asked(link):
    code = """
import machine, time
at = time.ticks_ms()
machine.lightsleep(200)
print(time.ticks_diff(time.ticks_ms(), at))
"""
    assert 190 <= int(run(link, code)) <= 230
