"""RCWL-9600 and 9620 on I2C: micrometres in three bytes."""

from micropython import const

from binnode.sensing.serial_ranger import SerialRanger

_ADDRESS = const(0x57)


def decode(data):
    """mm, rounded; None unless `data` are three bytes."""
    return ((data[0] << 16 | data[1] << 8 | data[2]) + 500) // 1000 if len(data) == 3 else None


class Ranger(SerialRanger):
    """open_port() makes the I2C bus."""

    def _ask(self, port, ask):
        port.writeto(_ADDRESS, ask)

    def _read(self, port):
        return port.readfrom(_ADDRESS, 3)

    def _close(self, port):
        pass
