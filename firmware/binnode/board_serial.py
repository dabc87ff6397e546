"""Distance modules on a UART or on I2C, for board.py: a wake with another kind does not load this."""

from machine import I2C, UART, Pin
from micropython import const

_I2C_HZ = const(100000)


def ranger(board, profile, supply):
    """The driver of sensing.serial_modules.SerialProfile, switched off.

    The lines are those of a pulse module, trigger to the module (RX, SCL) and echo from it (TX, SDA), unless the board
    names others.
    """
    pins = board.pins
    what = __import__("binnode.sensing." + profile.format, None, None, ("decode",))
    Ranger = getattr(what, "Ranger", None)
    if not Ranger:
        from binnode.sensing.serial_ranger import SerialRanger as Ranger
    names = ("module_tx", "module_rx") if profile.baud else ("scl", "sda")
    first, second = pins.get(names[0], pins["trigger"]), pins.get(names[1], pins["echo"])

    def open_port():
        if not profile.baud:
            return I2C(0, scl=Pin(first), sda=Pin(second), freq=_I2C_HZ)
        invert = (UART.INV_TX if profile.invert & 1 else 0) | (UART.INV_RX if profile.invert & 2 else 0)
        return UART(1, profile.baud, tx=Pin(first), rx=Pin(second), invert=invert)

    def release():
        Pin(first, Pin.OUT, value=0)
        if not profile.baud:
            Pin(second, Pin.OUT, value=0)

    return Ranger(profile, what.decode, open_port, release, supply, board.time, board.rest_ms)
