"""DS18B20 thermometer, the only device on its 1-Wire bus and fed by its supply pin (no parasite power).

Source: Maxim data sheet DS18B20, 19-7487 rev 6.
"""

from micropython import const

_SKIP_ROM = const(0xCC)
_CONVERT = const(0x44)
_WRITE_SCRATCHPAD = const(0x4E)
_READ_SCRATCHPAD = const(0xBE)

# 9 bit: half a degree is 0.9 mm at 1 m and the step of the payload, and the conversion of 93.75 ms (it doubles with
# each bit) is over when the distance module has warmed up.
_CONFIG_9_BIT = const(0x1F)
_CONVERT_9_BIT_MS = const(94)
_POWER_ON_RAW = const(0x0550)


class DS18B20:
    """onewire: onewire.OneWire (reset, writebyte, readinto). time: the module. light_sleep_ms: as in PulseRanger."""

    def __init__(self, onewire, time, light_sleep_ms=None):
        self._bus = onewire
        self._time = time
        self._sleep_ms = light_sleep_ms or time.sleep_ms
        self._started_ms = None

    def start(self):
        """Begin a conversion; False when no device answers.

        The resolution goes to the device's RAM each time, not to its EEPROM (section Memory): that wears nothing
        out and is right after a change of the device too. The two alarm bytes before it are unused.
        """
        self._started_ms = None
        if self._command(_WRITE_SCRATCHPAD, 0, 0, _CONFIG_9_BIT) and self._command(_CONVERT):
            self._started_ms = self._time.ticks_ms()
        return self._started_ms is not None

    def read_c10(self):
        """Tenths of a degree C once the conversion is over (at most 752 ms after start()).

        None when none was started, the device is gone, its answer is broken, or it lost its supply on the way.
        """
        started_ms, self._started_ms = self._started_ms, None
        wait_ms = 0 if started_ms is None else _CONVERT_9_BIT_MS
        while wait_ms:
            left_ms = wait_ms - self._time.ticks_diff(self._time.ticks_ms(), started_ms)
            if left_ms > 0:
                self._sleep_ms(left_ms)
            data = self._scratchpad()
            if data is None:
                break
            # A clone that cannot do 9 bit says so here and gets its time: 94, 188, 376, 752 ms.
            bits = (data[4] >> 5) & 3
            if _CONVERT_9_BIT_MS << bits > wait_ms:
                wait_ms = _CONVERT_9_BIT_MS << bits
                continue
            raw = data[1] << 8 | data[0]
            # +85 C is what the device holds before its first conversion; no bin is at exactly that.
            if raw == _POWER_ON_RAW:
                break
            # Bits below the resolution are undefined (figure 4 and table 2).
            return tenths(raw >> (3 - bits) << (3 - bits))
        return None

    def _command(self, *command):
        """Address the one device and write; False when it is not there."""
        if not self._bus.reset():
            return False
        self._bus.writebyte(_SKIP_ROM)
        for byte in command:
            self._bus.writebyte(byte)
        return True

    def _scratchpad(self):
        """Nine bytes, or None when absent, broken, or not those of a DS18B20 (all zero has a valid CRC)."""
        if not self._command(_READ_SCRATCHPAD):
            return None
        data = bytearray(9)
        self._bus.readinto(data)
        return data if data[4] & 0x9F == _CONFIG_9_BIT and crc8(data) == 0 else None


def tenths(raw):
    """Tenths of a degree, to the nearest, halves away from zero, of a 16-bit register in sixteenths of a degree."""
    if raw & 0x8000:
        return -(((0x10000 - raw) * 5 + 4) >> 3)
    return (raw * 5 + 4) >> 3


def crc8(data):
    """Dallas CRC-8, x^8 + x^5 + x^4 + 1, least significant bit first (AN27); 0 over data that ends in its CRC."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8C if crc & 1 else 0)
    return crc
