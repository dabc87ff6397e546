"""Board files: the shipped ones load, and each rule refuses a board with a message that says what would work."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from binnode_tools import boards, paths
from binnode_tools.chips import CHIPS, ROLES, pin_problem, usable

TEXT = (paths.BOARDS / "esp32_devkit.toml").read_text()


def changed(old: str, new: str) -> str:
    assert TEXT.count(old) == 1, f"{old!r} is {TEXT.count(old)} times in the file"
    return TEXT.replace(old, new)


@pytest.fixture
def refusal(tmp_path):
    """The message of the BoardError that a board file with this text gives."""

    def refused(text: str) -> str:
        path = tmp_path / "esp32_devkit.toml"
        path.write_text(text)
        with pytest.raises(boards.BoardError) as caught:
            boards.load(path)
        message = str(caught.value)
        assert message.startswith("esp32_devkit.toml: ")
        return message.removeprefix("esp32_devkit.toml: ")

    return refused


@pytest.mark.parametrize("name", boards.names())
def test_shipped_boards_load(name):
    board = boards.load(name)
    assert board.name == name
    assert board == boards.load(paths.BOARDS / f"{name}.toml")
    assert all(len(source) > 15 for source in board.sources.values())
    no_240mhz = CHIPS[board.chip].max_mhz < 240
    radio = {None: 0, "sx1276": 7, "sx1262": 10}[board.radio.chip if board.radio else None]
    assert len(board.sources) == len(vars(board.currents_ua)) - no_240mhz + len(vars(board.durations)) + radio


def test_the_devkit():
    board = boards.load("esp32_devkit")
    assert (board.chip, board.build, board.micropython) == ("esp32", "ESP32_GENERIC", "1.29")
    assert (board.flash.size, board.flash.fs_offset, board.flash.fs_size) == (1 << 22, 1 << 21, 1 << 21)
    assert (board.flash.nvs_offset, board.flash.nvs_size) == (0x9000, 0x6000)
    assert board.currents_ua.deep_sleep == 10
    assert "ESP32 data sheet" in board.sources["currents_ua.deep_sleep"]
    assert "durations.python_us_per_act" in board.estimates
    assert "currents_ua.deep_sleep" not in board.estimates


def test_currents_are_in_a_sane_order():
    for board in map(boards.load, boards.names()):
        now = board.currents_ua
        assert now.deep_sleep < now.light_sleep < now.cpu_160mhz < now.wifi_receive < now.wifi_transmit
        assert CHIPS[board.chip].max_mhz == 160 or now.cpu_160mhz < now.cpu_240mhz < now.wifi_receive
        assert now.wifi_receive < now.wifi_join < now.wifi_transmit
        assert now.module_standby < now.module_ranging and now.thermometer_standby < now.thermometer_converting


def test_what_the_node_gets():
    assert boards.firmware_json(boards.load("esp32_devkit")) == {
        "name": "esp32_devkit",
        "trigger": 26,
        "echo": 27,
        "supply": 25,
        "supply_on": 0,
        "onewire": 33,
        "battery": 35,
        "battery_permille": 500,
        "led": 2,
        "led_on": 1,
        "button": 0,
    }


def test_the_node_gets_no_pins_that_are_not_there(tmp_path):
    path = tmp_path / "bare.toml"
    pins = TEXT[TEXT.index("[pins]") : TEXT.index("[echo]")]
    path.write_text(TEXT.replace(pins, "[pins]\ntrigger = 4\necho = 34\n").replace('"esp32_devkit"', '"bare"'))
    board = boards.load(path)
    assert board.pins.supply is None
    assert boards.firmware_json(board) == {"name": "bare", "trigger": 4, "echo": 34}
    assert len(json.dumps(boards.firmware_json(board))) < 200


def test_unknown_board():
    with pytest.raises(
        boards.BoardError, match=r"board 'esp33': unknown; there are: .*esp32_devkit.*; or give a .toml"
    ):
        boards.load("esp33")
    with pytest.raises(boards.BoardError, match=r"nowhere\.toml: No such file"):
        boards.load("nowhere.toml")


def test_not_toml(refusal):
    assert refusal("[board\n").startswith("not TOML: ")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "esp32_devkit"', 'name = "other"', "board.name = 'other': must be the file's name, 'esp32_devkit'"),
        ("led = 2", "lamp = 2", "[pins]: unknown key 'lamp'; known: battery, battery_enable, "),
        ("[echo]\n", "[echoes]\n", "the file: unknown section 'echoes'; known: battery, board, currents_ua, "),
        ("trigger = 26\n", "", "[pins]: missing key 'trigger'"),
        ("full_mv = 4200\n", "", "[battery]: missing key 'full_mv'"),
        ("echo = 27", 'echo = "27"', "pins.echo = '27': must be a whole number"),
        ("echo = 27", "echo = true", "pins.echo = True: must be a whole number"),
        ("echo = 27", "echo = -1", "pins.echo = -1: must not be negative"),
        ('build = "ESP32_GENERIC"', "build = 1", "board.build = 1: must be a text"),
        (
            'chip = "esp32"',
            'chip = "esp8266"',
            "board.chip = 'esp8266': unknown; known: esp32, esp32s3, esp32c3, esp32c6",
        ),
        (
            "trigger = 26",
            "trigger = 24",
            "pins.trigger = 24: the chip has no such pin (esp32); free for trigger: 4, 13, ",
        ),
        ("trigger = 26", "trigger = 34", "pins.trigger = 34: input only (esp32); free for trigger: 4, 13, 14, 16, "),
        ("onewire = 33", "onewire = 39", "pins.onewire = 39: input only (esp32); free for onewire: 4, 13, "),
        ("echo = 27", "echo = 6", "pins.echo = 6: a pin of the flash chip (esp32); free for echo: 4, 13, "),
        ("echo = 27", "echo = 11", "pins.echo = 11: a pin of the flash chip (esp32); free for echo: 4, 13, "),
        ("echo = 27", "echo = 3", "pins.echo = 3: the console's (UART0) (esp32); free for echo: 4, 13, "),
        (
            "battery = 35",
            "battery = 14",
            "pins.battery = 14: on ADC2, which does not measure while Wi-Fi is on (esp32); free for battery: 32, 34",
        ),
        ("battery = 35", "battery = 18", "pins.battery = 18: not on ADC1 (esp32); free for battery: 32, 34, 35, 36, "),
        (
            "led = 2 ",
            "led = 12 ",
            "pins.led = 12: a strapping pin (high at reset sets the flash to 1.8 V, and the chip does not start)",
        ),
        ("echo = 27", "echo = 15", "pins.echo = 15: a strapping pin (low at reset silences the boot messages) (esp32)"),
        (
            "button = 0",
            "button = 18",
            "pins.button = 18: no pin that wakes the chip (esp32); free for button: 0, 4, 13",
        ),
        (
            "button = 0",
            "button = 36",
            "pins.button = 36: input only, without a pull-up (esp32); free for button: 0, 4, ",
        ),
        (
            "onewire = 33",
            "onewire = 27",
            "pins.onewire = 27: taken by pins.echo (esp32); free for onewire: 4, 13, 14, ",
        ),
        ("supply_active_level = 0", "supply_active_level = 2", "pins.supply_active_level = 2: must be 0 or 1"),
        ("led_active_level = 1", "led_active_level = 3300", "pins.led_active_level = 3300: must be 0 or 1"),
        (
            "level_mv = 3300\n",
            "level_mv = 5000\n",
            "echo: 5000 mV at the pin destroy it; a divider of 660 permille or less",
        ),
        ("divider_permille = 1000\n", "divider_permille = 0\n", "echo.divider_permille = 0: must be 1..1000 (1000: no"),
        (
            "divider_permille = 500",
            "divider_permille = 1000",
            "battery.divider_permille = 1000: a full battery is 4200 mV at the pin, and the ADC ends at 2450 mV; 583",
        ),
        ("low_mv = 3300", "low_mv = 4200", "battery.low_mv = 4200: must be between 1 and full_mv (4200)"),
        (
            "fs_size = 0x200000",
            "fs_size = 0x201000",
            "flash.fs_size = 0x201000: ends at 0x401000, past flash.size = 0x400000",
        ),
        (
            "fs_size = 0x200000",
            "fs_size = 1000000",
            "flash.fs_offset, flash.fs_size: must be whole sectors of 4096 bytes",
        ),
        ("nvs_offset = 0x9000", "nvs_offset = 0x1ff000", "flash.fs_offset: the file system and NVS overlap"),
        (
            "deep_sleep = { value = 10, ",
            "deep_sleep = 10 #",
            "currents_ua.deep_sleep = 10: must be { value = ..., source = ",
        ),
        ("deep_sleep = { value = 10, ", "deep_sleep = { ", "[currents_ua.deep_sleep]: missing key 'value'"),
        (
            "deep_sleep = { value = 10, ",
            "deep_sleep = { value = 9.5, ",
            "currents_ua.deep_sleep.value = 9.5: must be a whole",
        ),
        ("deep_sleep = {", "nap = {", "[currents_ua]: unknown key 'nap'; known: always_on, boot, cpu_160mhz, "),
        ('console = "uart"\n', 'console = "jtag"\n', "board.console = 'jtag': must be uart or usb"),
        (
            'console = "uart"\n',
            'console = "usb"\n',
            "board.console = 'usb': the esp32 has no USB of its own; uart works",
        ),
        ('console = "uart"\n', 'console = "uart"\ncpu_mhz = 80\n', "board.cpu_mhz = 80: must be 160 or 240 (esp32)"),
        (
            "cpu_240mhz = { value = 53000,",
            "cpu_240mhz = { value = 0,",
            "currents_ua.cpu_240mhz: missing; the esp32 runs",
        ),
        (
            "[echo]\n",
            "[onboard]\noled = [25]\n[echo]\n",
            "pins.supply = 25: taken by the oled (onboard) (esp32); free for",
        ),
        ("[echo]\n", "[onboard]\noled = 21\n[echo]\n", "onboard.oled = 21: must be a list of GPIO numbers"),
        ("[echo]\n", "[onboard]\noled = [24]\n[echo]\n", "onboard.oled: the chip has no GPIO24"),
        (
            "led = 2 ",
            "battery_enable = 34\nled = 2 ",
            "pins.battery_enable = 34: input only (esp32); free for battery_enable: 4, 13, ",
        ),
        (
            "led = 2 ",
            "battery_enable = 32\nled = 2 ",
            "pins.battery_enable: needs pins.battery and battery.settle_ms, the wait for the divider",
        ),
        (
            "led = 2 ",
            "battery_enable_active_level = 3\nled = 2 ",
            "pins.battery_enable_active_level = 3: must be 0 or 1",
        ),
    ],
)
def test_each_rule_refuses(refusal, old, new, message):
    text = changed(old, new)
    assert refusal(text).startswith(message), refusal(text)


def test_a_number_needs_a_source(refusal):
    start = TEXT.index("boot_ms = {")
    text = TEXT[:start] + 'boot_ms = { value = 1, source = " " }' + TEXT[TEXT.index("\n", start) :]
    assert refusal(text) == 'durations.boot_ms: the source is empty; say where the number is from, or "estimate: why"'
    text = TEXT[:start] + "boot_ms = { value = 1 }" + TEXT[TEXT.index("\n", start) :]
    assert refusal(text) == "[durations.boot_ms]: missing key 'source'"


def test_a_section_must_be_one(refusal):
    start, end = TEXT.index("[echo]"), TEXT.index("[battery]")
    assert refusal("echo = 5\n" + TEXT[:start] + TEXT[end:]) == "echo: must be a section, [echo]"
    assert refusal(TEXT[:start] + TEXT[end:]) == "the file: missing section 'echo'"


def test_pins_of_the_other_chips():
    assert pin_problem(CHIPS["esp32s3"], "echo", 22) == "the chip has no such pin"
    assert pin_problem(CHIPS["esp32s3"], "led", 45).startswith("a strapping pin (high at reset sets the flash to 1.8 V")
    assert pin_problem(CHIPS["esp32s3"], "battery", 12).startswith("on ADC2")
    assert pin_problem(CHIPS["esp32s3"], "echo", 19) == "the console's (USB)"
    assert pin_problem(CHIPS["esp32c3"], "echo", 12) == "a pin of the flash chip"
    assert pin_problem(CHIPS["esp32c3"], "led", 8) is None
    assert usable(CHIPS["esp32c3"], "battery") == [0, 1, 3, 4]
    assert usable(CHIPS["esp32c6"], "battery", taken=[1]) == [0, 2, 3, 6]
    assert usable(CHIPS["esp32c3"], "button") == [0, 1, 3, 4, 5, 9]
    for chip in CHIPS.values():
        assert all(usable(chip, role) for role in ROLES)
        assert chip.boot in usable(chip, "button")
        assert (
            chip.flash | chip.uart0 | chip.usb | chip.adc1 | chip.adc2 | chip.wake | set(chip.strapping)
        ) <= chip.exists


def test_an_installed_package_finds_its_copy(tmp_path):
    """A wheel has no repository around it: the boards are in binnode_tools/_data/boards."""
    source = Path(boards.__file__).parent
    package = tmp_path / "lib" / "binnode_tools"
    (package / "_data" / "boards").mkdir(parents=True)
    for name in ("__init__.py", "boards.py", "board_parts.py", "board_rules.py", "chips.py", "paths.py", "problems.py"):
        (package / name).write_text((source / name).read_text())
    (package / "_data" / "boards" / "esp32_devkit.toml").write_text(TEXT)
    code = "from binnode_tools import boards, paths; print(paths.BOARDS, boards.load('esp32_devkit').name)"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "lib")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.stdout.split() == [str(package / "_data" / "boards"), "esp32_devkit"], done.stderr
