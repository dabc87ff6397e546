"""The one place that knows the chip: makes the parts from /board.json and hands them in. No decision is taken here."""

import json
import time

import machine
from micropython import const

NAMESPACE = const("binnode")
_BATTERY_SAMPLES = const(5)
_LONGEST_SECRET = const(64)
NVS_NOT_FOUND = const(-4354)  # ESP_ERR_NVS_NOT_FOUND


class Board:
    """Parts of this board. `pins` is board.json: GPIO numbers by role, the battery's divider, the board's name."""

    time = time

    def __init__(self, awake=False):
        """rest_ms(ms) waits, with `awake` without light sleep, which would garble a UART and take native USB away."""
        self.rest_ms = time.sleep_ms if awake else machine.lightsleep
        try:
            self.pins = json.loads(self.read_bytes("board.json") or "{}")
        except ValueError:  # then measuring fails, and the node says so
            self.pins = {}
        self.device_id = machine.unique_id()

    def __getattr__(self, name):
        """Loaded when asked for: radio(), hold_radio(); what few wakes need: set_clock(), keep_secret(), forget()."""
        if "radio" in name:
            from binnode import board_radio as part
        else:
            from binnode import board_rare as part
        act = getattr(part, name)
        return lambda *args: act(self, *args)

    def ranger(self, profile):
        """The distance module, switched off."""
        pins, supply = self.pins, None
        if "supply" in pins:
            off = 1 - pins["supply_on"]
            supply = machine.Signal(machine.Pin(pins["supply"], machine.Pin.OUT, value=off), invert=bool(off))
        if not hasattr(profile, "trigger_us"):
            from binnode.board_serial import ranger

            return ranger(self, profile, supply)
        from binnode.sensing.pulse_ranger import PulseRanger

        trigger = machine.Pin(pins["trigger"], machine.Pin.OUT, value=0)
        echo = machine.Pin(pins["echo"], machine.Pin.IN)
        return PulseRanger(trigger, echo, supply, profile, time, machine.time_pulse_us, self.rest_ms)

    def ds18b20(self):
        """The DS18B20, None when the board has no pin for one."""
        if "onewire" not in self.pins:
            return None
        from onewire import OneWire

        from binnode.sensing.ds18b20 import DS18B20

        return DS18B20(OneWire(machine.Pin(self.pins["onewire"])), time, self.rest_ms)

    def chip_temperature_c10(self):
        """What the chip's own thermometer says, in tenths of a degree C; steps of 1 K, off by some."""
        import esp32

        celsius = getattr(esp32, "mcu_temperature", None)  # the newer chips have this one
        if celsius:
            return celsius() * 10
        return (esp32.raw_temperature() - 32) * 50 // 9

    def battery_mv(self):
        """Battery voltage, None when the board can't measure it."""
        pins = self.pins
        if "battery" not in pins:
            return None
        from binnode.sensing.battery import battery_mv

        enable = None
        if "battery_enable" in pins:
            # A resistor holds the divider off. Where board.json names no level that connects it, it is the other one.
            enable = machine.Pin(pins["battery_enable"], machine.Pin.IN)
            on = pins["battery_enable_on"] if "battery_enable_on" in pins else 1 - enable.value()
            enable.init(machine.Pin.OUT, value=on)
            time.sleep_ms(pins["battery_settle_ms"])
        adc = machine.ADC(machine.Pin(pins["battery"]), atten=pins.get("battery_attn", machine.ADC.ATTN_11DB))
        samples = [adc.read_uv() for _ in range(_BATTERY_SAMPLES)]
        if enable:
            enable.init(machine.Pin.IN)
        return battery_mv(samples, 1000000 // pins["battery_permille"])

    def wlan(self):
        import network

        return network.WLAN(network.STA_IF)

    def sockets(self):
        import socket

        return socket

    def ssl(self):
        import ssl

        return ssl

    def read_bytes(self, name):
        """The content of a file, None when there is none or it can't be read."""
        try:
            with open(name, "rb") as file:
                return file.read()
        except OSError:
            return None

    def random(self, count):
        """Bytes that nobody can guess: the chip's noise."""
        import os

        return os.urandom(count)

    def secret(self, key):
        """A secret from NVS as text, "" when it was never set. It is for using, not for showing."""
        try:
            return str(self.kept(key, _LONGEST_SECRET), "utf8")
        except OSError:
            return ""

    def kept(self, key, longest):
        """A record of the node's own from NVS, b"" when there is none. OSError when NVS can't be read."""
        import esp32

        buffer = bytearray(longest)
        try:
            size = esp32.NVS(NAMESPACE).get_blob(key, buffer)
        except OSError as error:
            if error.args[0] == NVS_NOT_FOUND:
                return b""
            raise
        return bytes(memoryview(buffer)[:size])

    def keep(self, key, record):
        """Write a record to NVS: all of it, or the old one stays. OSError when it can't be written."""
        import esp32

        nvs = esp32.NVS(NAMESPACE)
        nvs.set_blob(key, record)
        nvs.commit()

    def reset_cause(self):
        """machine.reset_cause(): 1 power-on or brown-out, 2 reset or panic, 3 watchdog, 4 deep sleep, 5 soft."""
        return machine.reset_cause()

    def watchdog(self, timeout_ms):
        """Reset the chip after `timeout_ms` unless it sleeps by then. It can't be stopped, only set anew."""
        machine.WDT(timeout=timeout_ms)

    def recall(self):
        """What the last wake left in RTC memory."""
        return machine.RTC().memory()

    def remember(self, image):
        machine.RTC().memory(image)

    def deep_sleep(self, ms):
        """Until the time is over or the button is pressed; main.py begins anew then."""
        try:
            self.arm_button()
        except Exception as error:  # the node can do without
            print("binnode: no button: %s" % error)
        machine.deepsleep(ms)

    def arm_button(self):
        """Have the button end the coming sleep: the chip forgets it at each wake. One that is stuck is left out."""
        if "button" not in self.pins:
            return
        import esp32

        pin = machine.Pin(self.pins["button"], machine.Pin.IN, machine.Pin.PULL_UP)
        if pin.value():
            if hasattr(esp32, "wake_on_ext0"):
                esp32.wake_on_ext0(pin, esp32.WAKEUP_ALL_LOW)
            else:
                esp32.wake_on_gpio((pin,), esp32.WAKEUP_ALL_LOW)
