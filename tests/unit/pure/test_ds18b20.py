"""DS18B20 over a bus that speaks its commands; the temperatures are the data sheet's (19-7487, table 1)."""

from binnode.sensing.ds18b20 import DS18B20, crc8, tenths

# Output (hex), degrees C in the data sheet, tenths by hand.
TABLE = (
    (0x07D0, 1250),  # +125
    (0x0550, 850),  # +85
    (0x0191, 251),  # +25.0625
    (0x00A2, 101),  # +10.125
    (0x0008, 5),  # +0.5
    (0x0000, 0),
    (0xFFF8, -5),  # -0.5
    (0xFF5E, -101),  # -10.125
    (0xFE6F, -251),  # -25.0625
    (0xFC90, -550),  # -55
)


class Clock:
    def __init__(self):
        self.now_ms = (1 << 30) - 50  # ticks wrap at 2^30 on the chip

    def ticks_ms(self):
        return self.now_ms & ((1 << 30) - 1)

    def ticks_diff(self, end, start):
        return ((end - start + (1 << 29)) & ((1 << 30) - 1)) - (1 << 29)

    def sleep_ms(self, ms):
        assert ms > 0
        self.now_ms += ms


class Device:
    """One DS18B20: RAM as the data sheet has it at power-on, conversion time by resolution."""

    def __init__(self, clock, raw, fixed_config=None):
        self.clock = clock
        self.raw = raw
        self.fixed_config = fixed_config
        self.present = True
        self.writes = []
        self.received = []
        self.answer = b""
        self.edit = None
        self.power_cycle()

    def power_cycle(self):
        self.ram = bytearray(b"\x50\x05\x4b\x46\x7f\xff\x0c\x10")
        self.ready_ms = None

    def reset(self):
        self.received = []
        return self.present

    def writebyte(self, byte):
        self.received.append(byte)
        command = self.received[1:]
        assert self.received[0] == 0xCC
        if len(command) == 4 and command[0] == 0x4E:
            self.ram[2:5] = bytes(command[1:])
            if self.fixed_config:
                self.ram[4] = self.fixed_config
            self.writes.append(command)
        elif command == [0x44]:
            self.ready_ms = self.clock.now_ms + (93.75 * (1 << (self.ram[4] >> 5 & 3)))
        elif command == [0xBE]:
            if self.ready_ms is not None and self.clock.now_ms >= self.ready_ms:
                self.ram[0], self.ram[1] = self.raw & 0xFF, self.raw >> 8
            self.answer = bytes(self.ram) + bytes([crc8(self.ram)])
            if self.edit:
                self.answer = self.edit(self.answer)

    def readinto(self, buffer):
        buffer[:] = self.answer


def make(raw, fixed_config=None):
    clock = Clock()
    device = Device(clock, raw, fixed_config)
    return DS18B20(device, clock), device, clock


def test_published_temperatures():
    for raw, temperature_c10 in TABLE:
        assert tenths(raw) == temperature_c10, hex(raw)


def test_halves_are_rounded_away_from_zero_on_both_sides():
    # 4/16 = 0.25 C, 12/16 = 0.75 C
    assert [tenths(raw) for raw in (4, 12, 0x10000 - 4, 0x10000 - 12)] == [3, 8, -3, -8]
    assert [tenths(raw) for raw in (1, 2, 0x10000 - 1, 0x10000 - 2)] == [1, 1, -1, -1]


def test_crc_of_the_application_note():
    # AN27: the ROM 02 1C B8 01 00 00 00 has the CRC A2.
    assert crc8(b"\x02\x1c\xb8\x01\x00\x00\x00") == 0xA2
    assert crc8(b"\x02\x1c\xb8\x01\x00\x00\x00\xa2") == 0
    # The usual check value of CRC-8/MAXIM-DOW.
    assert crc8(b"123456789") == 0xA1


def test_a_conversion_takes_94_ms():
    for raw, temperature_c10 in ((0x00A8, 105), (0xFF58, -105), (0x0000, 0), (0xFC90, -550), (0x07D0, 1250)):
        thermometer, device, clock = make(raw)
        assert thermometer.start() is True
        began_ms = clock.now_ms
        assert thermometer.read_c10() == temperature_c10, hex(raw)
        assert clock.now_ms - began_ms == 94
        assert device.writes == [[0x4E, 0, 0, 0x1F]]


def test_only_what_is_left_of_the_conversion_is_waited_for():
    thermometer, _, clock = make(0x00A8)
    thermometer.start()
    clock.now_ms += 60
    assert thermometer.read_c10() == 105
    began_ms = clock.now_ms
    thermometer.start()
    clock.now_ms += 300
    assert thermometer.read_c10() == 105
    assert clock.now_ms == began_ms + 300


def test_it_dozes_when_it_may():
    clock = Clock()
    dozed = []

    def doze_ms(ms):
        dozed.append(ms)
        clock.now_ms += ms

    thermometer = DS18B20(Device(clock, 0x00A8), clock, doze_ms)
    thermometer.start()
    assert thermometer.read_c10() == 105
    assert dozed == [94]


def test_a_clone_with_12_bits_gets_its_750_ms():
    for raw, temperature_c10 in ((0x0191, 251), (0x00A2, 101), (0xFF5E, -101), (0xFE6F, -251)):
        thermometer, _, clock = make(raw, 0x7F)
        thermometer.start()
        began_ms = clock.now_ms
        assert thermometer.read_c10() == temperature_c10
        assert clock.now_ms - began_ms == 752


def test_bits_below_the_resolution_are_ignored():
    thermometer, _, _ = make(0x00A8 | 7)
    thermometer.start()
    assert thermometer.read_c10() == 105
    thermometer, _, _ = make(0x00A4 | 3, 0x3F)  # 10 bit: 10.25 C
    thermometer.start()
    assert thermometer.read_c10() == 103


def test_the_power_on_value_is_not_a_temperature():
    # The conversion never ran ...
    thermometer, device, clock = make(0x00A8)
    thermometer.start()
    device.ready_ms = None
    assert thermometer.read_c10() is None
    # ... or the device lost its supply on the way: bounded all the same.
    thermometer, device, clock = make(0x00A8)
    thermometer.start()
    began_ms = clock.now_ms
    device.power_cycle()
    assert thermometer.read_c10() is None
    assert clock.now_ms - began_ms <= 752
    # The neighbours of 85 C are temperatures.
    for raw, temperature_c10 in ((0x0548, 845), (0x0558, 855)):
        thermometer, _, _ = make(raw)
        thermometer.start()
        assert thermometer.read_c10() == temperature_c10


def test_nothing_is_read_that_was_not_started():
    thermometer, _, _ = make(0x00A8)
    assert thermometer.read_c10() is None
    thermometer.start()
    assert thermometer.read_c10() == 105
    assert thermometer.read_c10() is None


def test_an_absent_device():
    thermometer, device, clock = make(0x00A8)
    device.present = False
    began_ms = clock.now_ms
    assert thermometer.start() is False
    assert thermometer.read_c10() is None
    assert clock.now_ms == began_ms
    device.present = True
    assert thermometer.start() is True
    device.present = False
    assert thermometer.read_c10() is None


def test_broken_answers_are_unknown():
    def flip(position):
        def edit(answer):
            answer = bytearray(answer)
            answer[position >> 3] ^= 1 << (position & 7)
            return bytes(answer)

        return edit

    edits = [flip(position) for position in range(72)]
    edits += [lambda answer: b"\x00" * 9, lambda answer: b"\xff" * 9]
    for edit in edits:
        thermometer, device, _ = make(0x00A8)
        device.edit = edit
        thermometer.start()
        assert thermometer.read_c10() is None
        device.edit = None
        thermometer.start()
        assert thermometer.read_c10() == 105
