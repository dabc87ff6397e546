"""Stand-in for the chip's `machine`: every call is an act of the world."""

import acts
from _link import act

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5
EXT0_WAKE = 2
EXT1_WAKE = 3
TIMER_WAKE = 4


class Pin:
    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_DOWN = 1
    PULL_UP = 2

    def __init__(self, number, mode=-1, pull=-1, value=None, hold=None):
        self.number = number
        self.init(mode, pull, value=value, hold=hold)

    def init(self, mode=-1, pull=-1, value=None, hold=None):
        level = 255 if value is None else 1 if value else 0
        act(acts.PIN_MODE, self.number, (mode & 255) | (0 if pull is None else pull & 255) << 8 | level << 16)
        if hold is not None:
            act(acts.PIN_HOLD, self.number, 1 if hold else 0)

    def value(self, level=None):
        if level is None:
            return act(acts.PIN_READ, self.number)
        act(acts.PIN_WRITE, self.number, 1 if level else 0)
        return None

    __call__ = value

    def on(self):
        act(acts.PIN_WRITE, self.number, 1)

    def off(self):
        act(acts.PIN_WRITE, self.number, 0)


class ADC:
    ATTN_0DB = 0
    ATTN_2_5DB = 1
    ATTN_6DB = 2
    ATTN_11DB = 3

    def __init__(self, pin, atten=0):
        self.pin = pin if isinstance(pin, int) else pin.number
        act(acts.ADC_INIT, self.pin, atten)

    def atten(self, atten):
        act(acts.ADC_INIT, self.pin, atten)

    def read_uv(self):
        return act(acts.ADC_READ, self.pin)


class RTC:
    def memory(self, data=None):
        if data is None:
            return act(acts.RTC_READ, wants_data=True)
        act(acts.RTC_WRITE, data=data)
        return None

    def datetime(self, date):
        import time

        seconds = time.mktime((date[0], date[1], date[2], date[4], date[5], date[6], 0, 0))
        act(acts.SET_TIME, seconds)


class _Backup:
    itemsize = 1

    def __len__(self):
        return 2048

    def __getitem__(self, place):
        return act(acts.MEM_BACKUP, place, -1)

    def __setitem__(self, place, byte):
        act(acts.MEM_BACKUP, place, byte)


def mem_backup():
    return _Backup()


class UART:
    """8N1 and no timeout, as the node uses it: read() gives what is there."""

    INV_RX = 4
    INV_TX = 32

    def __init__(self, number, baudrate=115200, tx=255, rx=255, invert=0, rxbuf=256):
        self.number = number
        data = bytes([invert]) + baudrate.to_bytes(4, "big") + rxbuf.to_bytes(4, "big")
        act(acts.UART_OPEN, number, getattr(tx, "number", tx) | getattr(rx, "number", rx) << 8, data)

    def deinit(self):
        act(acts.UART_CLOSE, self.number)

    def any(self):
        return act(acts.UART_ANY, self.number)

    def read(self, size=-1):
        return act(acts.UART_READ, self.number, size, wants_data=True) or None

    def write(self, data):
        return act(acts.UART_WRITE, self.number, 0, data)

    def flush(self):
        act(acts.UART_FLUSH, self.number)


class I2C:
    def __init__(self, number=-1, scl=255, sda=255, freq=400000):
        self.number = number
        act(acts.I2C_OPEN, number, freq, bytes([getattr(scl, "number", scl), getattr(sda, "number", sda)]))

    def writeto(self, address, data):
        return act(acts.I2C_WRITE, self.number, address, data)

    def readfrom(self, address, size):
        return act(acts.I2C_READ, self.number, address | size << 8, wants_data=True)


class SoftSPI:
    MSB = 0
    LSB = 1
    number = -1

    def __init__(self, baudrate=500000, **pins):
        self.init(baudrate, **pins)

    def init(self, baudrate=500000, polarity=0, phase=0, bits=8, firstbit=0, sck=255, mosi=255, miso=255):
        pins = [getattr(pin, "number", pin) for pin in (sck, mosi, miso)]
        act(acts.SPI_OPEN, self.number, baudrate, bytes(pins + [polarity << 1 | phase]))

    def deinit(self):
        act(acts.SPI_OPEN, self.number, 0)

    def write(self, data):
        act(acts.SPI_TRANSFER, self.number, 0, data)

    def read(self, size, write=0):
        return act(acts.SPI_TRANSFER, self.number, 1, bytes([write]) * size, True)

    def readinto(self, buffer, write=0):
        buffer[:] = self.read(len(buffer), write)

    def write_readinto(self, data, buffer):
        buffer[:] = act(acts.SPI_TRANSFER, self.number, 1, data, True)


class SPI(SoftSPI):
    def __init__(self, number, baudrate=500000, **pins):
        self.number = number
        self.init(baudrate, **pins)


class WDT:
    def __init__(self, id=0, timeout=5000):
        if timeout <= 0:
            raise ValueError("WDT timeout too short")
        act(acts.WATCHDOG, timeout)

    def feed(self):
        act(acts.WATCHDOG, 0)


def time_pulse_us(pin, level, timeout_us=1000000):
    return act(acts.TIME_PULSE, pin.number, (1 << 30 if level else 0) | timeout_us)


def unique_id():
    return act(acts.UNIQUE_ID, wants_data=True)


def reset_cause():
    return act(acts.RESET_CAUSE)


def wake_reason():
    return act(acts.WAKE_REASON)


def freq(hz=None):
    if hz is None:
        return act(acts.FREQ)
    act(acts.FREQ, hz)
    return None


def lightsleep(ms=0):
    act(acts.LIGHT_SLEEP, ms)


def deepsleep(ms=-1):
    act(acts.DEEP_SLEEP, ms)


def reset():
    act(acts.RESET)


class Signal:
    def __init__(self, pin, invert=False):
        self.pin, self.invert = pin, invert

    def value(self, active=None):
        if active is None:
            return self.pin.value() ^ self.invert
        self.pin.value(bool(active) ^ self.invert)
        return None

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)
