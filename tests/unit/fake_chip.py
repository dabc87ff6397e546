"""What stands in for the chip's modules on a fake board, as MicroPython source."""

import signal

RESET, SLEEP = signal.SIGUSR1, signal.SIGUSR2  # what ends the process then

# The unix port runs no main.py by itself.
START = """
import os
print("rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)")
try:
    with open("main.py") as file:
        source = file.read()
except OSError:
    source = ""
exec(source)
"""

_MACHINE = f'''
from umachine import *
import json, os
from time import sleep_us
DEEPSLEEP_RESET = 4
_world = os.getenv("FAKE_WORLD")
def _end(signal):
    os.system("kill -%d $PPID" % signal)
def reset():
    _end({int(RESET)})
def deepsleep(ms):
    print("(asleep for %d ms)" % ms)
    _end({int(SLEEP)})
def lightsleep(ms):
    with open(_world + "/light_sleeps", "a") as file:
        file.write("x")
def reset_cause():
    return 1
def unique_id():
    return b"\\x24\\x0a\\xc4\\x00\\x01\\x10"
class Pin:
    IN, OUT = 0, 1
    def __init__(self, number, mode=0, value=0):
        self.level = value
    def value(self, level=None):
        if level is None:
            return 0
        self.level = level
class Signal:
    def __init__(self, pin, invert=False):
        pass
    def value(self, level):
        pass
class ADC:
    ATTN_11DB = 3
    def __init__(self, pin, atten=0):
        pass
    def read_uv(self):
        return 1950000
class WDT:
    def __init__(self, id=0, timeout=5000):
        pass
class RTC:
    kept = b""
    def memory(self, image=None):
        if image is None:
            return RTC.kept
        RTC.kept = image
def time_pulse_us(pin, level, timeout_us):
    """The echo from the distance in the file; "silent" for a module that is not there."""
    with open(_world + "/surface_mm") as file:
        text = file.read()
    if text == "silent":
        return -2
    echo_us = int(text) * 20000 // 3432
    return echo_us if echo_us < timeout_us else -1
'''

_ESP32 = """
import json, os
_file = os.getenv("FAKE_WORLD") + "/nvs.json"
def mcu_temperature():
    return 20
class NVS:
    def __init__(self, namespace):
        try:
            with open(_file) as file:
                self.kept = json.load(file)
        except OSError:
            self.kept = {}
    def get_blob(self, key, buffer):
        if key not in self.kept:
            raise OSError(-0x1102)
        data = self.kept[key].encode()
        buffer[: len(data)] = data
        return len(data)
    def set_blob(self, key, data):
        self.kept[key] = str(data, "utf8")
    def erase_key(self, key):
        if key not in self.kept:
            raise OSError(-0x1102)
        del self.kept[key]
    def commit(self):
        with open(_file, "w") as file:
            json.dump(self.kept, file)
"""

_TIME = """
from utime import *
import utime
def sleep_ms(ms):
    utime.sleep_ms(ms if ms >= 1000 else ms // 20)
"""

MODULES = {"machine": _MACHINE, "esp32": _ESP32, "time": _TIME}
