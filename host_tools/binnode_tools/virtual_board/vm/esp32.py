"""Stand-in for the chip's `esp32` module."""

import acts
from _link import act


WAKEUP_ALL_LOW = False
WAKEUP_ANY_HIGH = True
# Not every chip has them; acts_chip.py knows the order.
_OPTIONAL = ("raw_temperature", "mcu_temperature", "gpio_deep_sleep_hold", "wake_on_ext0", "wake_on_ext1")


def fit(features):
    """Leave what this chip has."""
    for bit, name in enumerate(_OPTIONAL):
        if not features >> bit & 1:
            del globals()[name]


class NVS:
    def __init__(self, namespace):
        self.namespace = namespace
        act(acts.NVS_OPEN, data=b"%s\0" % namespace)

    def _act(self, code, key, value=0, data=b"", wants_data=False):
        return act(code, value, 0, b"%s\0%s\0" % (self.namespace, key) + data, wants_data)

    def get_i32(self, key):
        return self._act(acts.NVS_GET_I32, key)

    def set_i32(self, key, value):
        self._act(acts.NVS_SET_I32, key, value)

    def get_blob(self, key, buffer):
        data = self._act(acts.NVS_GET_BLOB, key, len(buffer), wants_data=True)
        buffer[: len(data)] = data
        return len(data)

    def set_blob(self, key, value):
        self._act(acts.NVS_SET_BLOB, key, 0, value)

    def erase_key(self, key):
        self._act(acts.NVS_ERASE, key)

    def commit(self):
        act(acts.NVS_COMMIT, data=b"%s\0" % self.namespace)


def raw_temperature():
    """The ESP32's thermometer, in degrees Fahrenheit."""
    return act(acts.CHIP_TEMPERATURE, 1)


def mcu_temperature():
    """The thermometer of the newer chips, in degrees Celsius."""
    return act(acts.CHIP_TEMPERATURE, 0)


def _wake_on(source, pins, level):
    act(acts.WAKE_ON, source, level, bytes([getattr(pin, "number", pin) for pin in pins or ()]))


def wake_on_ext0(pin=None, level=False):
    _wake_on(2, pin and (pin,), level)


def wake_on_ext1(pins=None, level=False):
    _wake_on(3, pins, level)


def wake_on_gpio(pins=None, level=False):
    _wake_on(7, pins, level)


def gpio_deep_sleep_hold(enable):
    act(acts.DEEP_SLEEP_HOLD, 1 if enable else 0)
