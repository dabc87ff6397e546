"""Each row of the table of misuses, committed by a small main.py on the real MicroPython; the right way beside it."""

import re
from pathlib import Path

import pytest
from binnode_tools import image
from binnode_tools.virtual_board import misuse
from binnode_tools.virtual_board.misuse import MISUSES
from binnode_tools.virtual_board.wake import DEEP_SLEEP, WATCHDOG

from tests.system.radio_programs import FOUND as RADIO_FOUND
from tests.system.small_program import C3, CONNECTED, ESP32, ONLINE, SLEEP, WIFI, board_with, wakes_of

PAGE = Path(misuse.__file__).with_name("MISUSE.md")

# What the chip raises: code, the board's chip, fields of the message
RAISED = {
    "unknown_pin": [("Pin(24)", ESP32), ("Pin(24, Pin.OUT)", ESP32), ("Pin(40, Pin.IN)", ESP32), ("Pin(22)", C3)],
    "input_only": [("Pin(34, Pin.OUT)", ESP32), ("Pin(39).init(Pin.OPEN_DRAIN)", ESP32)],
    "no_adc": [("ADC(Pin(23))", ESP32), ("ADC(Pin(8))", C3)],
    "adc2_wifi": [(f"adc = ADC(Pin(26))\nadc.read_uv()\n{WIFI}\nadc.read_uv()", ESP32)],
    "uart_unknown": [("UART(3)", ESP32)],
    "spi_unknown": [("machine.SPI(3)", ESP32)],
    "i2c_unknown": [("machine.I2C(2, scl=4, sda=5)", ESP32)],
    "uart_pin": [("UART(1, tx=24, rx=25)", ESP32), ("UART(1, 9600, tx=Pin(4), rx=40)", ESP32)],
    "rtc_too_long": [("RTC().memory(bytes(2048))\nRTC().memory(bytes(2049))", ESP32)],
    "nvs_key_long": [
        ('esp32.NVS("binnode").set_i32("a" * 15, 1)\nesp32.NVS("binnode").set_blob("a" * 16, b"1")', ESP32)
    ],
    "nvs_namespace_long": [('esp32.NVS("a" * 15)\nesp32.NVS("a" * 16)', ESP32)],
    "nvs_wrong_type": [
        ('esp32.NVS("binnode").get_i32("wifi_key")', ESP32),
        ('esp32.NVS("binnode").get_blob("number", bytearray(9))', ESP32),
    ],
    "nvs_small_buffer": [('esp32.NVS("binnode").get_blob("wifi_key", bytearray(3))', ESP32)],
    "ext_pin": [
        ("esp32.wake_on_ext0(Pin(33), 1)\nesp32.wake_on_ext0(Pin(18), 1)", ESP32),
        ("esp32.wake_on_ext1((Pin(33), Pin(18)), 1)", ESP32),
    ],
    "ext_missing": [("esp32.wake_on_ext0(Pin(4), 1)", C3)],
    "gpio_deepsleep": [(f"esp32.wake_on_gpio((Pin(33),), 0)\n{SLEEP}", ESP32)],
    "gpio_pin": [(f"esp32.wake_on_gpio((Pin(10),), 0)\n{SLEEP}", C3)],
    "socket_wifi_off": [(f"{CONNECTED}\nwlan.active(False)\ns.recv(1)", ESP32)],
    "too_many_sockets": [(f"{ONLINE}\nall = [socket.socket() for _ in range(11)]", ESP32)],
}
FIELDS = {"uart_unknown": {"id": 3}, "spi_unknown": {"id": 3}, "i2c_unknown": {"id": 2}}


@pytest.mark.parametrize(("name", "code", "board"), [(name, *each) for name, row in RAISED.items() for each in row])
def test_the_chip_raises(name, code, board):
    (wake, *_) = wakes_of(code, board)
    kind, *arguments = MISUSES[name].raises
    arguments = tuple(
        text.format(**FIELDS.get(name, {})) if isinstance(text, str) else text for text in arguments if text
    )
    assert wake.console.splitlines()[-1:] == [f"{kind} {arguments}"]


# What it accepts: code, fields of the finding
FOUND = {
    "flash_pin": [("Pin(6, Pin.OUT)", {"pin": 6})],
    "pulse_output": [("machine.time_pulse_us(Pin(26, Pin.OUT, value=0), 1, 1000)", {"pin": 26})],
    "hold_lost": [(f"Pin(18, Pin.OUT, value=1, hold=True)\n{SLEEP}", {"pin": 18})],
    "hold_stuck": [
        (f"pin = Pin(26, Pin.OUT, value=1, hold=True)\npin.value(0)\n{SLEEP}", {"pin": 26}),
        (f"pin = Pin(26, Pin.OUT, value=1, hold=True)\npin.init(Pin.IN)\n{SLEEP}", {"pin": 26}),
    ],
    "uart0": [("UART(0)", {}), ("UART(0, 9600, tx=4, rx=5)", {})],
    "uart_light_sleep": [
        ('u = UART(1, 9600, tx=26, rx=27)\nu.write(b"U")\nmachine.lightsleep(10)', {"id": 1}),
        ("u = UART(2, 115200, tx=26, rx=27)\nu.write(bytes(9))\nmachine.lightsleep(10)", {"id": 2}),
    ],
    "i2c_input_only": [("machine.I2C(0, scl=Pin(26), sda=Pin(34))", {"pin": 34})],
    "rtc_shared": [
        ("machine.mem_backup()[0] = 1\nRTC().memory(b'12')", {}),
        ("RTC().memory()\nmachine.mem_backup()[5]", {}),
    ],
    "nvs_uncommitted": [
        (f'esp32.NVS("binnode").set_i32("number", 8)\n{SLEEP}', {"names": "binnode/number"}),
        ('esp32.NVS("other").set_blob("b", b"1")\nmachine.reset()', {"names": "other/b"}),
        (
            f'n = esp32.NVS("binnode")\nn.erase_key("wifi_key")\nesp32.NVS("a").commit()\n{SLEEP}',
            {"names": "binnode/wifi_key"},
        ),
    ],
    "never_wakes": [
        ("machine.deepsleep()", {}),
        ("esp32.wake_on_ext0(Pin(33), 1)\nesp32.wake_on_ext0(None)\nmachine.deepsleep()", {}),
    ],
    "light_sleep_wifi": [(f"{WIFI}\nmachine.lightsleep(10)", {})],
    "busy_wait": [("time.sleep_us(20001)", {"us": 20001}), ("time.sleep_us(3000000)", {"us": 3000000})],
    "no_timeout": [
        (f'{ONLINE}\nsocket.socket().connect(("10.0.0.10", 1883))', {}),
        (f'{CONNECTED}\ns.settimeout(None)\ns.send(b"\\x10\\x0f\\0\\4MQTT\\4\\2\\0\\x3c\\0\\3bin")\ns.recv(4)', {}),
    ],
    "secret_printed": [
        (
            'key = bytearray(64)\nn = esp32.NVS("binnode").get_blob("wifi_key", key)\nprint(bytes(key[:n]))',
            {"name": "wifi_key"},
        )
    ],
}


@pytest.mark.parametrize(("name", "code", "fields"), [(name, *each) for name, row in FOUND.items() for each in row])
def test_the_chip_accepts_and_the_world_finds(name, code, fields):
    (wake, *_) = wakes_of(code, seconds=0.1)
    assert wake.findings == [MISUSES[name].finding.format(**fields)]
    assert "Error" not in wake.console


RIGHT = [
    f"{WIFI}\nADC(Pin(35)).read_uv()",
    "UART(1, tx=4, rx=5)\nUART(2, tx=Pin(17), rx=Pin(16))",
    'u = UART(1, 9600, tx=26, rx=27)\nu.write(b"U")\nu.flush()\nmachine.lightsleep(10)',
    "machine.I2C(0, scl=Pin(26), sda=Pin(27))",
    "u = UART(1, 9600, tx=26, rx=27)\nassert u.any() == 0 and u.read() is None and u.read(3) is None\nu.deinit()",
    f"Pin(18, Pin.OUT, value=1, hold=True)\nesp32.gpio_deep_sleep_hold(True)\n{SLEEP}",
    f"Pin(26, Pin.OUT, value=1, hold=True)\n{SLEEP}",
    f"pin = Pin(26, Pin.OUT, value=1, hold=True)\npin.value(0)\npin.init(hold=False)\npin.init(hold=True)\n{SLEEP}",
    f"pin = Pin(26, Pin.OUT, value=1, hold=True)\npin.init(Pin.OUT, value=0, hold=True)\n{SLEEP}",
    f'n = esp32.NVS("binnode")\nn.set_i32("number", 9)\nn.erase_key("wifi_key")\nn.commit()\n{SLEEP}',
    "esp32.wake_on_ext0(Pin(33), 1)\nesp32.wake_on_ext1((Pin(25), Pin(39)), 0)\nmachine.deepsleep()",
    "esp32.wake_on_gpio((Pin(33),), 0)\nmachine.lightsleep(10)",
    f"{WIFI}\nwlan.active(False)\nmachine.lightsleep(10)",
    "time.sleep_us(20000)\ntime.sleep_ms(5000)\ntime.sleep(2.5)",
    f"{CONNECTED}\ns.close()\nwlan.active(False)\n{SLEEP}",
    f"{ONLINE}\nall = [socket.socket() for _ in range(10)]\nall[3].close()\nsocket.socket()",
    "m = machine.mem_backup()\nm[3] = 5\nassert m[3] == 5 and len(m) == 2048",
    'print("wifi_key")\nprint(esp32.raw_temperature())\nassert not hasattr(esp32, "mcu_temperature")',
]


@pytest.mark.parametrize("code", RIGHT)
def test_the_right_way_is_neither_refused_nor_found(code):
    (wake, *_) = wakes_of(code, seconds=0.1)
    assert not wake.findings and "Error" not in wake.console


def test_gpio_wakes_a_c3_from_deep_sleep():
    (wake, *_) = wakes_of(
        "assert esp32.mcu_temperature() < 60\nesp32.wake_on_gpio((Pin(4),), 0)\nmachine.deepsleep()", C3
    )
    assert wake.how == "deep sleep" and not wake.findings and not wake.console


def test_wake_sources_are_forgotten_at_each_wake():
    code = (
        f"if machine.reset_cause() == {DEEP_SLEEP}:\n    machine.deepsleep()\nesp32.wake_on_ext0(Pin(33), 1)\n{SLEEP}"
    )
    first, second = wakes_of(code)
    assert not first.findings and second.findings == [MISUSES["never_wakes"].finding]


def test_a_flash_pin_ends_in_the_watchdog():
    code = f"if machine.reset_cause() == {WATCHDOG}:\n    machine.deepsleep(99999)\nPin(6, Pin.OUT)\nprint('goes on')"
    first, second = wakes_of(code)
    assert first.how == "watchdog" and not first.console and second.how == "deep sleep"


def test_what_was_not_committed_is_gone():
    code = f"""
nvs = esp32.NVS("binnode")
print(nvs.get_i32("number"))
nvs.set_i32("number", nvs.get_i32("number") + 1)
print(nvs.get_i32("number"))
{SLEEP}
"""
    wakes = wakes_of(code, seconds=3)
    assert len(wakes) > 1 and {wake.console for wake in wakes} == {"7\n8\n"}


def test_a_digital_pin_floats_in_deep_sleep_and_a_held_one_does_not():
    held = "Pin(18, Pin.OUT, value=1, hold=True)\nesp32.gpio_deep_sleep_hold({})\n" + SLEEP
    for hold, level in ((True, 1), (False, 0)):
        with board_with(
            {"main.py": ("import esp32, machine\nfrom machine import Pin\n" + held.format(hold)).encode()}
        ) as virtual:
            virtual.world.run_until(100_000)
            assert virtual.vm is None and virtual.chip.level(18, virtual.chip.now) == level


def test_mem_backup_overwrites_rtc_memory():
    (wake, *_) = wakes_of(
        'RTC().memory(b"state")\nm = machine.mem_backup()\nm[0] = 83\nm[9] = 1\nprint(RTC().memory())'
    )
    assert wake.console == "b'State'\n"


def test_light_sleep_takes_the_connection_and_its_sockets():
    code = f"""{CONNECTED}
machine.lightsleep(100)
print(wlan.active(), wlan.isconnected(), wlan.status())
try:
    s.recv(1)
except OSError as error:
    print(error.errno)
"""
    (wake, *_) = wakes_of(code)
    assert wake.console == "True False 200\n113\n"


def test_a_busy_wait_costs_what_light_sleep_saves():
    busy, dozing = (
        wakes_of(f"{call}\n{SLEEP}", seconds=0.1)[0] for call in ("time.sleep_us(3000000)", "machine.lightsleep(3000)")
    )
    assert busy.charge_mc > 5 * dozing.charge_mc


# images --------------------------------------------------------------------------------------------------------------

SOUND = {"main.py": b"", "foo.mpy": image.compile_mpy(b"x = 1\n", "foo.py")}
NATIVE = b"M\x06\x2c\x1f" + SOUND["foo.mpy"][4:]
REFUSED = {
    "lora_module": [
        ({"lora.py": b""}, {"file": "lora.py", "build": "LILYGO_TTGO_LORA32"}),
        ({"lora/x.mpy": SOUND["foo.mpy"]}, {"file": "lora/x.mpy", "build": "LILYGO_TTGO_LORA32"}),
    ],
    "main_mpy": [({"main.mpy": SOUND["foo.mpy"]}, {"file": "main.mpy", "source": "main.py"})],
    "shadowed": [({"foo.py": b""}, {"file": "foo.mpy", "source": "foo.py"})],
    "mpy_version": [({"bar.mpy": b"M\x05\x00\x1f"}, {"file": "bar.mpy"}), ({"bar.mpy": NATIVE}, {"file": "bar.mpy"})],
}


@pytest.mark.parametrize(("name", "files", "fields"), [(name, *each) for name, row in REFUSED.items() for each in row])
def test_the_image_is_refused(name, files, fields):
    text = MISUSES[name].raises[1].format(**fields)
    with pytest.raises(image.ImageError, match=f"^{re.escape(text)}$"):
        image.check_files({**SOUND, **files}, "LILYGO_TTGO_LORA32")


def test_a_sound_image_passes():
    image.check_files({**SOUND, "lorawan.py": b"", "binnode/lora.mpy": SOUND["foo.mpy"]}, "LILYGO_T3_S3")
    image.check_files({**SOUND, "lora.py": b""}, "ESP32_GENERIC")


def test_what_the_refused_images_would_do():
    """The VM does with them what the table says of the chip."""
    old = bytearray(SOUND["foo.mpy"])
    old[1] = 5
    files = {
        "main.py": b"import foo\nprint(foo.x)\nimport old\n",
        "foo.mpy": SOUND["foo.mpy"],
        "foo.py": b"x = 2\n",
        "old.mpy": bytes(old),
    }
    with board_with(files) as virtual:
        virtual.world.run_until(1)
        assert (
            virtual.wakes[0].console.startswith("2\n")
            and "ValueError: incompatible .mpy file" in virtual.wakes[0].console
        )


@pytest.mark.parametrize("files", [{"main.mpy": image.compile_mpy(b"print(1)\n", "main.py")}, {"boot.py": b""}])
def test_without_main_py_the_board_stays_at_its_prompt(files):
    with board_with(files) as virtual:
        virtual.world.run_until(1)
        (wake,) = virtual.wakes
        assert wake.how == "main ended" and not wake.console and wake.findings == [MISUSES["no_main"].finding]


# the table -----------------------------------------------------------------------------------------------------------


def test_every_row_is_committed_above():
    committed = {*RAISED, *FOUND, *RADIO_FOUND, *REFUSED, "no_main"}
    assert committed == set(MISUSES)
    assert {name for name, row in MISUSES.items() if row.finding} == {*FOUND, *RADIO_FOUND, "no_main"}


def test_the_page_is_made_from_the_table():
    assert PAGE.read_text() == misuse.page()


def test_findings_are_noted_once_a_wake():
    (wake, *_) = wakes_of("for _ in range(3):\n    time.sleep_us(30000)", seconds=0.1)
    assert len(wake.findings) == 1
