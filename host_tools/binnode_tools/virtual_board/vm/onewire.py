"""Stand-in for the frozen `onewire` module: bytes on the bus are acts, the wire is the world's."""

import acts
from _link import act


class OneWireError(Exception):
    pass


class OneWire:
    def __init__(self, pin):
        self.pin = pin
        pin.init(pin.OPEN_DRAIN, pin.PULL_UP)

    def reset(self, required=False):
        present = act(acts.OW_RESET, self.pin.number) == 1
        if required and not present:
            raise OneWireError
        return present

    def readbyte(self):
        return act(acts.OW_READ, self.pin.number)

    def readinto(self, buffer):
        for i in range(len(buffer)):
            buffer[i] = self.readbyte()

    def writebyte(self, value):
        act(acts.OW_WRITE, self.pin.number, value)

    def write(self, buffer):
        for value in buffer:
            self.writebyte(value)

    def crc8(self, data):
        crc = 0
        for value in data:
            for _ in range(8):
                crc, value = (crc >> 1) ^ (0x8C if (crc ^ value) & 1 else 0), value >> 1
        return crc
