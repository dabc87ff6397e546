"""The LoRa radio's part of board.py: a wake that does not report does not load it."""

import esp32
from machine import SPI, Pin

_BAUD = 8000000  # an SX1276 takes 10 MHz, an SX1262 16 MHz


def radio(board):
    """The driver, with its pins made and the radio as it was. ValueError when the board has none."""
    pins = board.pins.get("radio")
    if not pins:
        raise ValueError("this board has no LoRa radio: binnode config set transport")
    busy = dio = None
    if pins["chip"] == "sx1262":
        from binnode.radios.sx126x import SX126x as Radio

        busy = Pin(pins["busy"], Pin.IN)
    else:
        from binnode.radios.sx127x import SX127x as Radio
    if "dio" in pins:
        dio = Pin(pins["dio"], Pin.IN)
    cs = Pin(pins["cs"], Pin.OUT, value=1, hold=False)  # pyright: ignore[reportCallIssue]
    reset = Pin(pins["reset"], Pin.OUT, value=1)
    spi = SPI(1, _BAUD, sck=Pin(pins["sck"]), mosi=Pin(pins["mosi"]), miso=Pin(pins["miso"]))
    return Radio(spi, cs, reset, busy, dio, pins, board.time, board.rest_ms)


def hold_radio(board):
    """A chip select that floats in deep sleep would wake an SX1262, and let an SX1276 take noise for commands."""
    Pin(board.pins["radio"]["cs"], Pin.OUT, value=1, hold=True)  # pyright: ignore[reportCallIssue]
    if hasattr(esp32, "gpio_deep_sleep_hold"):  # the hold alone keeps RTC pins only
        esp32.gpio_deep_sleep_hold(True)  # pyright: ignore[reportAttributeAccessIssue]
