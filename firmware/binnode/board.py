"""The one place that knows the chip: makes the parts from /board.json and hands them in. No decision is taken here."""

import json
import machine
import time

_NAMESPACE = "binnode"
_BATTERY_SAMPLES = 5


def read_text(name):
    """The text of a file, None when there is none or it can't be read."""
    try:
        with open(name) as file:
            return file.read()
    except (OSError, ValueError):
        return None


class Board:
    """Parts of this board. `pins` is board.json: GPIO numbers by role, the battery's divider, the board's name."""

    time = time

    def __init__(self):
        self.pins = json.loads(read_text("board.json") or "{}")
        self.device_id = machine.unique_id()

    def ranger(self, profile):
        """The distance module, switched off."""
        from binnode.sensing.pulse_ranger import PulseRanger

        pins, supply = self.pins, None
        if "supply" in pins:
            off = 1 - pins["supply_on"]
            supply = machine.Signal(machine.Pin(pins["supply"], machine.Pin.OUT, value=off), invert=bool(off))
        trigger = machine.Pin(pins["trigger"], machine.Pin.OUT, value=0)
        echo = machine.Pin(pins["echo"], machine.Pin.IN)
        return PulseRanger(trigger, echo, supply, profile, time, machine.time_pulse_us, machine.lightsleep)

    def ds18b20(self):
        """The DS18B20, None when the board has no pin for one."""
        if "onewire" not in self.pins:
            return None
        from onewire import OneWire

        from binnode.sensing.ds18b20 import DS18B20

        return DS18B20(OneWire(machine.Pin(self.pins["onewire"])), time, machine.lightsleep)

    def chip_temperature_c10(self):
        """What the chip's own thermometer says, in tenths of a degree C; steps of 1 K, off by some."""
        import esp32

        celsius = getattr(esp32, "mcu_temperature", None)  # the newer chips have this one
        if celsius:
            return celsius() * 10
        return (esp32.raw_temperature() - 32) * 50 // 9

    def battery_mv(self):
        """Battery voltage, None when the board can't measure it."""
        if "battery" not in self.pins:
            return None
        from binnode.sensing.battery import battery_mv

        adc = machine.ADC(machine.Pin(self.pins["battery"]), atten=machine.ADC.ATTN_11DB)
        samples = [adc.read_uv() for _ in range(_BATTERY_SAMPLES)]
        return battery_mv(samples, 1000000 // self.pins["battery_permille"])

    def wlan(self):
        import network

        return network.WLAN(network.STA_IF)

    def sockets(self):
        import socket

        return socket

    def secret(self, key):
        """A secret from NVS as text, "" when it was never set. It is for using, not for showing."""
        import esp32

        buffer = bytearray(64)
        try:
            size = esp32.NVS(_NAMESPACE).get_blob(key, buffer)
        except OSError:
            return ""
        return str(buffer[:size], "utf8")

    def keep_secret(self, key, text):
        import esp32

        nvs = esp32.NVS(_NAMESPACE)
        nvs.set_blob(key, text.encode())
        nvs.commit()

    def recall(self):
        """What the last wake left in RTC memory."""
        return machine.RTC().memory()

    def remember(self, image):
        machine.RTC().memory(image)

    def light_sleep(self, ms):
        machine.lightsleep(ms)

    def deep_sleep(self, ms):
        machine.deepsleep(ms)
